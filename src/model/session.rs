//! What the coordinator recorded of a stretch of charging, or of selling, from its beginning to its end.

use std::time::Duration;

use jiff::Timestamp;

use crate::base::units::Micro;

/// A session that a decision began starts within this: the next decision is made then.
pub const STARTS_WITHIN: Duration = Duration::from_secs(900);
/// A session without an end is taken to have gone on for no longer than this.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// A row of `charging_sessions` or of `battery_selling_sessions`.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The coordinator's name for it.
    pub id: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; `None` where that was not recorded.
    pub end: Option<Timestamp>,
    /// kWh charged, or sold.
    pub energy: Option<Micro>,
    /// PLN paid, or earned, as the coordinator reckoned.
    pub money: Option<Micro>,
    /// PLN/kWh, as the coordinator reckoned.
    pub average: Option<Micro>,
    /// The coordinator's word for how it stands.
    pub status: Option<String>,
}

impl Session {
    fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end.unwrap_or(self.start + LONGEST)
    }

    /// The session that covers a decision: the newest one that was under way, else the first one that began within a
    /// quarter of an hour.
    pub fn covering(sessions: &[Self], at: Timestamp) -> Option<&Self> {
        let under_way = sessions.iter().filter(|session| session.contains(at)).max_by_key(|session| session.start);
        let soon = |session: &&Self| at <= session.start && session.start < at + STARTS_WITHIN;
        under_way.or_else(|| sessions.iter().filter(soon).min_by_key(|session| session.start))
    }

    /// Its mean power, W; `None` where its end or its energy is not known.
    pub fn power_w(&self) -> Option<f64> {
        let hours = self.end?.duration_since(self.start).as_secs_f64() / 3600.0;
        let energy = self.energy?.to_f64();
        (hours > 0.0 && energy > 0.0).then(|| energy / hours * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, start: i64, end: Option<i64>) -> Session {
        let minute = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        Session {
            id: id.to_owned(),
            start: minute(start),
            end: end.map(minute),
            energy: Some(Micro(3_000_000)),
            money: None,
            average: None,
            status: None,
        }
    }

    #[test]
    fn the_session_that_covers_a_decision() {
        let sessions = [
            session("a", 0, Some(30)),
            session("b", 20, Some(60)),
            session("c", 100, None),
            session("d", 105, Some(110)),
        ];
        for (minute, expected) in [
            (0, Some("a")),
            (20, Some("b")),
            (59, Some("b")),
            (60, None),
            (84, None),
            (85, None),
            (86, Some("c")),
            (100, Some("c")),
            (105, Some("d")),
            (110, Some("c")),
            (100 + 1439, Some("c")),
            (100 + 1440, None),
        ] {
            let at = Timestamp::from_second(minute * 60).unwrap();
            assert_eq!(Session::covering(&sessions, at).map(|found| &*found.id), expected, "{minute}");
        }
    }

    #[test]
    fn power_is_energy_by_time() {
        assert_eq!(session("a", 0, Some(30)).power_w(), Some(6000.0));
        assert_eq!(session("a", 0, None).power_w(), None);
        assert_eq!(session("a", 30, Some(30)).power_w(), None);
        assert_eq!(Session { energy: Some(Micro::ZERO), ..session("a", 0, Some(30)) }.power_w(), None);
    }
}

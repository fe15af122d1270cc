//! The site's time: naive local timestamps on disk, instants inside, RFC 3339 outside.
//!
//! Everything on disk is naive local time in `system.timezone`; `created_at` columns are UTC. On the autumn day the
//! hour 02:00-03:00 occurs twice; [`FoldResolver`] tells the passes apart.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

use crate::base::fault::Fault;
use crate::base::zones;

/// Two clocks of one machine, read a moment apart.
const CLOCK_SLACK: Duration = Duration::from_secs(5);
/// How far `created_at` may lie from a row's instant and still tell the passes of the doubled hour apart: half of it.
const HINT_REACH: SignedDuration = SignedDuration::from_mins(30);

/// A site's time zone, from the bundled database.
#[derive(Debug, Clone)]
pub struct SiteZone {
    zone: TimeZone,
}

impl SiteZone {
    /// The zone of this IANA name, such as `Europe/Warsaw`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn named(name: &str) -> Result<Self, Fault> {
        zones::zone(name).map(|zone| Self { zone }).ok_or_else(|| Fault::invalid(format!("no time zone {name:?}")))
    }

    /// Local wall time at an instant.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    /// The local date at an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        self.local(at).date()
    }

    /// The instant at which a local day begins (Europe's days all begin at an unambiguous midnight; elsewhere the
    /// first instant of the day).
    pub fn day_start(&self, date: Date) -> Timestamp {
        match self.zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight())).compatible() {
            Ok(at) => at,
            // Only dates at the very ends of the calendar have no instant.
            Err(_) => Timestamp::UNIX_EPOCH,
        }
    }

    /// How long a local day is: 23, 24 or 25 hours in Europe.
    pub fn day_length(&self, date: Date) -> Duration {
        let end = date.tomorrow().map_or(self.day_start(date), |next| self.day_start(next));
        Duration::try_from(end.duration_since(self.day_start(date))).unwrap_or_default()
    }

    /// `2026-11-22T14:08:33.287991`: naive local time, as the inherited fields have it.
    pub fn naive(&self, at: Timestamp) -> String {
        format!("{:.6}", self.local(at))
    }

    /// `2026-11-22T14:08:33+01:00`: with offset, as every added field has it.
    pub fn rfc3339(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.zone.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// The instant of a local time that occurs once, the first one of a doubled hour, the shifted one of a missing hour.
    pub fn instant(&self, local: DateTime) -> Timestamp {
        FoldResolver::default().resolve(self, local, None)
    }

    /// Whether this local time occurs twice.
    pub fn is_doubled(&self, local: DateTime) -> bool {
        matches!(self.zone.to_ambiguous_timestamp(local).offset(), AmbiguousOffset::Fold { .. })
    }

    /// The instant of a local time that was written just now: in the doubled hour the later one that is not after `now`.
    pub fn newest_instant(&self, local: DateTime, now: Timestamp) -> Timestamp {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        match (ambiguous.offset(), ambiguous.later()) {
            (AmbiguousOffset::Fold { .. }, Ok(later)) if later <= now + CLOCK_SLACK => later,
            _ => self.instant(local),
        }
    }
}

/// The days of a stretch, both ends included; none where it ends before it begins.
pub fn each_day(first: Date, last: Date) -> impl Iterator<Item = Date> + use<> {
    first.series(Span::new().days(1)).take_while(move |date| *date <= last)
}

/// What is dated this far in the future is still taken for the present, clocks being what they are.
pub const FUTURE_ALLOWED: Duration = Duration::from_secs(120);

/// Years that a site's data may be of. What is dated otherwise is no date, and arithmetic on dates never overflows.
pub const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// Reads a timestamp of the site: naive (`2026-11-22T14:07:22`, with or without fraction, `T` or space).
///
/// A trailing offset or `Z` is accepted as well, since newer Python writes it on request; it is then converted.
pub fn parse_local(text: &str, zone: &SiteZone) -> Option<DateTime> {
    let text = text.trim();
    let time_part = text.get(10..)?;
    let local = if time_part.contains(['Z', 'z', '+', '-']) {
        text.parse::<Timestamp>().ok().map(|at| zone.local(at))
    } else {
        text.parse::<DateTime>().ok()
    };
    local.filter(|local| YEARS.contains(&local.year()))
}

/// Reads a `created_at` column: UTC, `2026-11-22 13:07:22`.
pub fn parse_utc(text: &str) -> Option<Timestamp> {
    let local: DateTime = text.trim().trim_end_matches(['Z', 'z']).parse().ok()?;
    YEARS.contains(&local.year()).then_some(())?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Turns naive local times, given in row order, into instants.
///
/// In the doubled hour `created_at` decides where it lies near one of the two; else the row order: a time that would
/// lie before the row that came before it belongs to the second pass.
#[derive(Debug, Default)]
pub struct FoldResolver {
    last: Option<Timestamp>,
}

impl FoldResolver {
    /// The instant of `local`, the next row's timestamp.
    pub fn resolve(&mut self, zone: &SiteZone, local: DateTime, created_at: Option<Timestamp>) -> Timestamp {
        let ambiguous = zone.zone.to_ambiguous_timestamp(local);
        let fold = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
        let at = if fold {
            let first = ambiguous.earlier().unwrap_or(Timestamp::UNIX_EPOCH);
            let second = ambiguous.later().unwrap_or(first);
            let near = |pass: Timestamp| created_at.is_some_and(|c| c.duration_since(pass).abs() <= HINT_REACH);
            match (near(first), near(second)) {
                (true, _) => first,
                (false, true) => second,
                (false, false) if self.last.is_some_and(|last| last > first) => second,
                (false, false) => first,
            }
        } else {
            ambiguous.compatible().unwrap_or(Timestamp::UNIX_EPOCH)
        };
        self.last = Some(at);
        at
    }
}

/// A stretch of time: from (inclusive) to (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First instant.
    pub from: Timestamp,
    /// The instant after the last one.
    pub to: Timestamp,
}

impl Range {
    /// The last `length` before and including `now`.
    pub fn last(length: Duration, now: Timestamp) -> Self {
        let to = now + Duration::from_nanos(1000);
        Self { from: now - length, to }
    }

    /// One local day.
    pub fn day(date: Date, zone: &SiteZone) -> Self {
        let from = zone.day_start(date);
        Self { from, to: from + zone.day_length(date) }
    }

    /// Whether an instant lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// The year, 2000 to 2100 where it comes from a request.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
}

impl Month {
    /// The month a date lies in.
    pub fn of(date: Date) -> Self {
        Self { year: date.year(), month: date.month() }
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        if self.month == 1 { Self { year: self.year - 1, month: 12 } } else { Self { month: self.month - 1, ..self } }
    }

    /// Its days, first to last.
    pub fn days(self) -> impl Iterator<Item = Date> {
        let first = self.first_day();
        (0..first.days_in_month()).filter_map(move |offset| Date::new(self.year, self.month, 1 + offset).ok())
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        Date::new(self.year, self.month, 1).unwrap_or(Date::ZERO)
    }

    /// Its English name.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        usize::try_from(self.month - 1).ok().and_then(|index| NAMES.get(index)).copied().unwrap_or("?")
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// `59s`, `3m`, `3m 5s`, `2h`, `2h 5m`, `1d`, `1d 4h`: the two largest units, a zero second one left out.
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let (large, small) = match seconds {
        0..60 => return format!("{seconds}s"),
        60..3_600 => ((minutes, "m"), (seconds % 60, "s")),
        3_600..86_400 => ((hours, "h"), (minutes, "m")),
        _ => ((days, "d"), (hours, "h")),
    };
    if small.0 == 0 {
        format!("{}{}", large.0, large.1)
    } else {
        format!("{}{} {}{}", large.0, large.1, small.0, small.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warsaw() -> SiteZone {
        SiteZone::named("Europe/Warsaw").unwrap()
    }

    #[test]
    fn naive_local_times_become_instants() {
        for (text, created_at, expected) in [
            ("2026-11-22T14:07:22", None, "2026-11-22T13:07:22Z"),
            ("2026-07-01 14:07:21.941190", None, "2026-07-01T12:07:21.94119Z"),
            ("2026-07-01T14:07:21+02:00", None, "2026-07-01T12:07:21Z"),
            ("2026-07-01T12:07:21Z", None, "2026-07-01T12:07:21Z"),
            // The doubled hour of 2026-10-25: the first pass is UTC+2, the second UTC+1.
            ("2026-10-25T02:30:00", None, "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:30:00", Some("2026-10-25 00:30:01"), "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:30:00", Some("2026-10-25 01:30:01"), "2026-10-25T01:30:00Z"),
            // A row that was imported long after says nothing about the pass.
            ("2026-10-25T02:30:00", Some("2026-11-01 10:00:00"), "2026-10-25T00:30:00Z"),
            // The hour that does not exist in spring: a clock that had not been moved yet.
            ("2026-03-29T02:30:00", None, "2026-03-29T01:30:00Z"),
        ] {
            let zone = warsaw();
            let local = parse_local(text, &zone).unwrap();
            let at = FoldResolver::default().resolve(&zone, local, created_at.and_then(parse_utc));
            assert_eq!(at, expected.parse().unwrap(), "{text} created {created_at:?}");
        }
        for (now, expected) in
            [("2026-10-25T01:30:10Z", "01:30"), ("2026-10-25T00:30:10Z", "00:30"), ("2026-10-26T00:00:00Z", "01:30")]
        {
            let local = parse_local("2026-10-25T02:30:00", &warsaw()).unwrap();
            let at = warsaw().newest_instant(local, now.parse().unwrap());
            assert_eq!(at.strftime("%H:%M").to_string(), expected, "at {now}");
        }
        for far in ["9999-12-30T22:59:30", "1999-12-31T23:59:59", "-009999-01-02 02:00:00", "0001-01-01T00:00:00"] {
            assert_eq!(parse_local(far, &warsaw()), None, "{far}");
            assert_eq!(parse_utc(far), None, "{far}");
        }
        for garbage in ["", "yesterday", "2026-13-01T00:00:00", "2026-11-22", "14:07:22", "2026-11-22T25:00:00"] {
            assert!(
                parse_local(garbage, &warsaw()).is_none_or(|at| garbage == "2026-11-22" && at.hour() == 0),
                "{garbage}"
            );
        }
    }

    #[test]
    fn row_order_tells_the_passes_apart_without_created_at() {
        let zone = warsaw();
        let mut resolver = FoldResolver::default();
        let instants: Vec<String> = ["01:55", "02:00", "02:55", "02:00", "02:55", "03:00"]
            .iter()
            .map(|time| {
                let local = parse_local(&format!("2026-10-25T{time}:00"), &zone).unwrap();
                resolver.resolve(&zone, local, None).strftime("%H:%M").to_string()
            })
            .collect();
        assert_eq!(instants, ["23:55", "00:00", "00:55", "01:00", "01:55", "02:00"]);
    }

    #[test]
    fn days_are_23_24_or_25_hours() {
        for (date, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)] {
            assert_eq!(warsaw().day_length(date.parse().unwrap()), Duration::from_secs(hours * 3600), "{date}");
        }
    }

    #[test]
    fn formats() {
        let at: Timestamp = "2026-11-22T13:08:33.287991Z".parse().unwrap();
        assert_eq!(warsaw().naive(at), "2026-11-22T14:08:33.287991");
        assert_eq!(warsaw().rfc3339(at), "2026-11-22T14:08:33+01:00");
        let whole: Timestamp = "2026-07-22T13:08:33Z".parse().unwrap();
        assert_eq!(warsaw().naive(whole), "2026-07-22T15:08:33.000000");
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (180, "3m"),
            (185, "3m 5s"),
            (7_200, "2h"),
            (7_500, "2h 5m"),
            (86_400, "1d"),
            (100_800, "1d 4h"),
            (183_600, "2d 3h"),
        ] {
            assert_eq!(human_duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn months() {
        let month = Month { year: 2026, month: 1 };
        assert_eq!(month.previous(), Month { year: 2025, month: 12 });
        assert_eq!(month.name(), "January");
        assert_eq!(month.days().count(), 31);
        assert_eq!(Month { year: 2028, month: 2 }.days().count(), 29);
    }
}

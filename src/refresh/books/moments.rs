//! The site at one instant.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Library;
use super::decisions::part;
use crate::base::fault::Fault;
use crate::inquiry::{Moment, Troubles};
use crate::model::energy::EnergyRow;
use crate::model::search::Entry;
use crate::model::time::Range;
use crate::source::SiteSource;

impl Library {
    /// What is remembered of an instant.
    pub(super) fn at(&mut self, at: Timestamp, due: Instant) -> Result<Moment, Fault> {
        let mut troubles = Troubles::new();
        let date = self.config.zone.date(at);
        let rows = part(self.rows_around(at, due), "row", &mut troubles)?.unwrap_or_default();
        let decisions = part(self.decisions_around(at, due), "decision", &mut troubles)?.unwrap_or_default();
        let day = part(self.day(date, due), "prices", &mut troubles)?.flatten();
        Ok(Moment { day, troubles, ..composed(at, rows, decisions) })
    }

    /// The rows of its local day and of the days beside it, each day for itself: where the database lacks one, the files
    /// may have it.
    fn rows_around(&mut self, at: Timestamp, due: Instant) -> Result<Vec<EnergyRow>, Fault> {
        let zone = self.config.zone.clone();
        let date = zone.date(at);
        let mut rows = Vec::new();
        for date in [date.yesterday().ok(), Some(date), date.tomorrow().ok()].into_iter().flatten() {
            self.hurry(due);
            self.site.keep_to_database(true);
            let found = self.site.energy(Range::day(date, &zone));
            self.site.keep_to_database(false);
            rows.extend(found?);
        }
        Ok(rows)
    }

    /// The decisions of its local day and the next one, and of so many days before as are needed for two of them.
    fn decisions_around(&mut self, at: Timestamp, due: Instant) -> Result<Vec<Entry>, Fault> {
        let date = self.config.zone.date(at);
        let mut found = self.decisions_of(date, due)?;
        if let Ok(tomorrow) = date.tomorrow() {
            found.extend(self.decisions_of(tomorrow, due)?);
        }
        let mut date = date;
        for _ in 0..Moment::DECISIONS_DAYS {
            let Ok(yesterday) = date.yesterday() else { break };
            if found.iter().filter(|entry| entry.decision.at <= at).count() >= 2 {
                break;
            }
            date = yesterday;
            found.splice(..0, self.decisions_of(date, due)?);
        }
        Ok(found)
    }
}

/// Picks what stands around an instant; both lists are in order of time.
fn composed(at: Timestamp, rows: Vec<EnergyRow>, decisions: Vec<Entry>) -> Moment {
    let distance = |row: &EnergyRow| row.at.duration_since(at).abs();
    let nearest = (0..rows.len()).min_by_key(|index| distance(&rows[*index]));
    let beside = |step: isize| rows.get(nearest?.checked_add_signed(step)?).map(|row| row.at);
    let (row_before, row_after) = (beside(-1), beside(1));
    let next = decisions.partition_point(|entry| entry.decision.at <= at);
    // What is older than a week says nothing of now.
    let oldest = at - Duration::from_secs(86_400) * Moment::DECISIONS_DAYS;
    let of = |back: usize| next.checked_sub(back).map(|index| decisions[index].clone());
    let in_force = of(1).filter(|entry| entry.decision.at >= oldest);
    Moment {
        row: nearest.map(|index| rows[index].clone()),
        row_before,
        row_after,
        decision_before: of(2).filter(|_| in_force.is_some()),
        decision: in_force,
        decision_after: decisions.get(next).cloned(),
        ..Moment::default()
    }
}

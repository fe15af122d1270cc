//! The balance of a day that is not over.

use jiff::Timestamp;

use super::{Balance, HOUR_US};
use crate::model::energy::COLLECTION_INTERVAL;
use crate::model::time::SiteZone;

impl Balance {
    /// The same as far as the day has come: what is still to come is neither expected nor a hole. What the newest row
    /// has not told yet is no hole before two collection intervals have passed.
    #[must_use]
    pub fn until(mut self, now: Timestamp, zone: &SiteZone) -> Self {
        let start = zone.day_start(self.date).as_microsecond();
        let (now_us, interval) = (now.as_microsecond(), COLLECTION_INTERVAL.as_micros() as i64);
        self.day.expected = 0;
        for (hour, bucket) in (0..).zip(&mut self.hours) {
            let gone = (now_us - start - HOUR_US * hour).clamp(0, HOUR_US) / interval;
            bucket.expected = bucket.expected.min(gone as u32);
            self.day.expected += bucket.expected;
        }
        for hole in &mut self.holes {
            hole.range.to = hole.range.to.min(now);
        }
        let slack = 2 * interval;
        self.holes.retain(|hole| {
            let (from, to) = (hole.range.from.as_microsecond(), hole.range.to.as_microsecond());
            from < to && (to < now_us || to - from > slack)
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EnergyRow, Flow};
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_still_to_come_is_not_missing() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (day, hours) in [("2026-11-22", 24), ("2026-03-29", 23), ("2026-10-25", 25)] {
            let date = day.parse().unwrap();
            let start = zone.day_start(date);
            let row = |minute: u64| EnergyRow {
                at: start + Duration::from_secs(60 * minute),
                pv_power_w: Some(600.0),
                grid_power_w: Some(0.0),
                ..EnergyRow::default()
            };
            let rows: Vec<EnergyRow> =
                (0..=48).filter(|step| !(20..24).contains(step)).map(|step| row(step * 5)).collect();
            let balance = Balance::of(date, &rows, None, &zone);
            assert_eq!((balance.day.expected, balance.hours.len()), (hours * 12, hours as usize));
            let now = start + Duration::from_secs(4 * 3600 + 400);
            let so_far = balance.clone().until(now, &zone);
            assert_eq!((so_far.day.rows, so_far.day.expected), (45, 49), "{day}");
            let holes: Vec<i64> = so_far
                .holes
                .iter()
                .filter(|hole| hole.flow == Flow::Pv)
                .map(|hole| hole.range.to.duration_since(hole.range.from).as_secs() / 60)
                .collect();
            assert_eq!(holes, [25], "{day}: the one in the rows, not the one to come");
            assert_eq!(so_far.day.flow(Flow::Pv), balance.day.flow(Flow::Pv));
            let later = balance.until(start + Duration::from_secs(5 * 3600), &zone);
            assert_eq!(later.holes.iter().filter(|hole| hole.flow == Flow::Pv).count(), 2, "{day}");
        }
    }
}

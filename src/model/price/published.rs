//! One delivery day of one entity, as PSE published it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::SLOT;
use crate::base::units::Micro;
use crate::model::time::{Range, SiteZone};

/// What PSE publishes and is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// `csdac-pln`: the day-ahead price, what buying is settled by.
    DayAhead,
    /// `rce-pln`: the settlement price, what prosumers are paid by.
    Settlement,
    /// `pdgsz`: the Kompas, hourly advice on the grid's load.
    Kompas,
}

impl Entity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DayAhead, Self::Settlement, Self::Kompas];

    /// Its name in the API's paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::DayAhead => "csdac-pln",
            Self::Settlement => "rce-pln",
            Self::Kompas => "pdgsz",
        }
    }

    /// The entity of such a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// What each of its values holds for.
    pub fn step(self) -> Duration {
        match self {
            Self::DayAhead | Self::Settlement => SLOT,
            Self::Kompas => Duration::from_secs(3600),
        }
    }

    /// What it is, in words, with its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::DayAhead => "day-ahead prices (csdac-pln)",
            Self::Settlement => "settlement prices (rce-pln)",
            Self::Kompas => "the Kompas (pdgsz)",
        }
    }
}

/// Where published values came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceOrigin {
    /// The price API, by this process.
    Network,
    /// The cache file.
    DiskCache,
    /// The price memory in Wattboard's own database.
    Memory,
    /// What the coordinator recorded in `energy_data`: final prices.
    EnergyRows,
    /// What the coordinator's decisions say: final prices.
    Decisions,
}

impl PriceOrigin {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::DiskCache => "disk_cache",
            Self::Memory => "memory",
            Self::EnergyRows => "energy_data",
            Self::Decisions => "decisions",
        }
    }

    /// Whether these are final prices as the coordinator recorded them, not PSE's.
    pub fn is_recorded(self) -> bool {
        matches!(self, Self::EnergyRows | Self::Decisions)
    }
}

/// A value and the instant from which it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// When it begins.
    pub start: Timestamp,
    /// Prices: millionths of a PLN/kWh, may be 0 or negative. The Kompas: its code, 0 to 3.
    pub value: i64,
}

/// The values of one delivery day, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedDay {
    /// What they are.
    pub entity: Entity,
    /// The local delivery day.
    pub date: Date,
    /// In order of time, each on the day's axis; a missing row is a hole, not a zero.
    pub points: Vec<Point>,
    /// PSE's own publication time, local, as it wrote it.
    pub publication: Option<String>,
    /// When the values were fetched.
    pub fetched_at: Timestamp,
    /// Where they came from.
    pub origin: PriceOrigin,
}

impl PublishedDay {
    /// The instants at which a value of the day begins: built from UTC, so 92, 96 or 100 quarter-hours, 23, 24 or 25 hours.
    pub fn axis(entity: Entity, date: Date, zone: &SiteZone) -> impl Iterator<Item = Timestamp> {
        let (start, step) = (zone.day_start(date), entity.step());
        (0..Self::expected_of(entity, date, zone) as u32).map(move |index| start + step * index)
    }

    /// How many values a whole day has.
    pub fn expected_of(entity: Entity, date: Date, zone: &SiteZone) -> usize {
        (zone.day_length(date).as_secs() / entity.step().as_secs()) as usize
    }

    /// How many values this day has when it is whole.
    pub fn expected(&self, zone: &SiteZone) -> usize {
        Self::expected_of(self.entity, self.date, zone)
    }

    /// Whether no value is missing.
    pub fn is_complete(&self, zone: &SiteZone) -> bool {
        self.points.len() == self.expected(zone)
    }

    /// The value that holds at an instant.
    pub fn value_at(&self, at: Timestamp) -> Option<i64> {
        let index = self.points.partition_point(|point| point.start <= at).checked_sub(1)?;
        self.points.get(index).filter(|point| at < point.start + self.entity.step()).map(|point| point.value)
    }

    /// The price that holds at an instant, PLN/kWh.
    pub fn price_at(&self, at: Timestamp) -> Option<Micro> {
        self.value_at(at).map(Micro)
    }

    /// The stretches of the day without a value.
    pub fn holes(&self, zone: &SiteZone) -> Vec<Range> {
        let mut holes: Vec<Range> = Vec::new();
        for start in Self::axis(self.entity, self.date, zone).filter(|start| self.value_at(*start).is_none()) {
            let end = start + self.entity.step();
            match holes.last_mut().filter(|hole| hole.to == start) {
                Some(hole) => hole.to = end,
                None => holes.push(Range { from: start, to: end }),
            }
        }
        holes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_92_96_or_100_quarters_and_holes_are_joined() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (date, slots, hours) in [("2025-03-30", 92, 23), ("2025-10-26", 100, 25), ("2026-11-22", 96, 24)] {
            let date: Date = date.parse().unwrap();
            assert_eq!(PublishedDay::axis(Entity::DayAhead, date, &zone).count(), slots, "{date}");
            assert_eq!(PublishedDay::axis(Entity::Kompas, date, &zone).count(), hours, "{date}");
        }
        let date: Date = "2026-11-22".parse().unwrap();
        let points: Vec<Point> = PublishedDay::axis(Entity::DayAhead, date, &zone)
            .enumerate()
            .filter(|(index, _)| ![0, 5, 6, 95].contains(index))
            .map(|(index, start)| Point { start, value: index as i64 })
            .collect();
        let day = PublishedDay {
            entity: Entity::DayAhead,
            date,
            points,
            publication: None,
            fetched_at: zone.day_start(date),
            origin: PriceOrigin::Network,
        };
        let start = zone.day_start(date);
        let holes: Vec<_> = day
            .holes(&zone)
            .iter()
            .map(|hole| (hole.from.duration_since(start).as_mins() / 15, hole.to.duration_since(start).as_mins() / 15))
            .collect();
        assert_eq!(holes, [(0, 1), (5, 7), (95, 96)]);
        assert!(!day.is_complete(&zone));
        assert_eq!(
            (day.value_at(start), day.value_at(start + SLOT), day.value_at(start + SLOT * 5)),
            (None, Some(1), None)
        );
        assert_eq!(day.value_at(start + SLOT * 5 - Duration::from_nanos(1)), Some(4));
    }
}

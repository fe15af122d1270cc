//! What follows from prices at an instant: the current slot and its rank, what comes next, where prices go.

use jiff::Timestamp;

use super::selling::mean;
use super::{PricedDay, PricedSlot};
use crate::base::units::Micro;

/// How many slots ahead the trend and the list of next slots look: 4 hours.
const AHEAD: usize = 16;

/// Where prices go from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// More than 5 % dearer.
    Rising,
    /// More than 5 % cheaper.
    Falling,
    /// Neither, or nothing is known of the hours to come.
    Stable,
}

impl Trend {
    /// The mean of the prices to come, as far as they are known, against the current one.
    pub fn of(current: i64, next: &[i64]) -> Self {
        let Some(count) = i64::try_from(next.len()).ok().filter(|count| *count > 0) else { return Self::Stable };
        // (mean - now) against 5 % of |now|, in integers: multiplied by 20 × count.
        let difference = 20 * (next.iter().sum::<i64>() - current * count);
        let band = current.abs() * count;
        if difference > band {
            Self::Rising
        } else if difference < -band {
            Self::Falling
        } else {
            Self::Stable
        }
    }

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Stable => "stable",
        }
    }
}

/// The current slot.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// The slot; its price may be unknown.
    pub slot: &'a PricedSlot,
    /// 1 for the cheapest of the day's known slots; equals share a rank. `None` where the price is not known.
    pub rank: Option<usize>,
    /// How many slots of the day are known.
    pub of: usize,
    /// Where prices go over the next 4 hours.
    pub trend: Trend,
}

/// What can be said at an instant.
#[derive(Debug)]
pub struct Outlook<'a> {
    /// The current slot.
    pub current: Current<'a>,
    /// From the current slot on to the end of what is known of today and tomorrow.
    pub ahead: Vec<&'a PricedSlot>,
}

impl<'a> Outlook<'a> {
    /// At `now`, which lies within `today`; `None` when it does not.
    pub fn of(today: &'a PricedDay, tomorrow: Option<&'a PricedDay>, now: Timestamp) -> Option<Self> {
        let slot = today.slot_at(now)?;
        let ahead: Vec<&PricedSlot> = today
            .slots
            .iter()
            .chain(tomorrow.into_iter().flat_map(|day| &day.slots))
            .filter(|other| other.start >= slot.start)
            .collect();
        let known = || today.slots.iter().filter_map(|other| other.buy);
        let rank = slot.buy.map(|price| 1 + known().filter(|other| *other < price).count());
        let next: Vec<i64> = ahead.iter().skip(1).take(AHEAD).filter_map(|other| other.buy).map(|p| p.0).collect();
        let trend = slot.buy.map_or(Trend::Stable, |price| Trend::of(price.0, &next));
        Some(Self { current: Current { slot, rank, of: known().count(), trend }, ahead })
    }

    /// The slots of the next 4 hours, the current one excluded.
    pub fn next(&self) -> &[&'a PricedSlot] {
        let rest = &self.ahead[1..];
        &rest[..rest.len().min(AHEAD)]
    }
}

/// A day in figures, PLN/kWh; each is `None` where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Mean final price.
    pub mean_buy: Option<Micro>,
    /// Lowest final price and the first slot that has it.
    pub min_buy: Option<(Micro, Timestamp)>,
    /// Highest final price and the first slot that has it.
    pub max_buy: Option<(Micro, Timestamp)>,
    /// Mean market price.
    pub mean_market: Option<Micro>,
    /// Lowest market price.
    pub min_market: Option<Micro>,
    /// Highest market price.
    pub max_market: Option<Micro>,
}

impl Statistics {
    /// Of one day.
    pub fn of(day: &PricedDay) -> Self {
        let buys = || day.slots.iter().filter_map(|slot| Some((slot.buy?, slot.start)));
        let markets = || day.slots.iter().filter_map(|slot| slot.market);
        Self {
            mean_buy: day.mean_buy(),
            min_buy: buys().min(),
            // The first of equals: they are in order of time.
            max_buy: buys().reduce(|best, other| if other.0 > best.0 { other } else { best }),
            mean_market: mean(markets()),
            min_market: markets().min(),
            max_market: markets().max(),
        }
    }

    /// Mean final price from the slot that contains `now` to the end of the day.
    pub fn remaining(day: &PricedDay, now: Timestamp) -> Option<Micro> {
        mean(day.slots.iter().filter(|slot| slot.end() > now).filter_map(|slot| slot.buy))
    }
}

#[cfg(test)]
mod tests {
    use super::super::day::tests::{of_values, priced, rising};
    use super::super::{SLOT, div_round};
    use super::*;
    use crate::model::time::SiteZone;

    #[test]
    fn trends() {
        for (current, next, trend) in [
            (100, vec![105, 105], Trend::Stable),
            (100, vec![106, 105], Trend::Rising),
            (100, vec![94, 95], Trend::Falling),
            (-100, vec![-95], Trend::Stable),
            (-100, vec![-94], Trend::Rising),
            (0, vec![1], Trend::Rising),
            (0, vec![0], Trend::Stable),
            (100, vec![], Trend::Stable),
        ] {
            assert_eq!(Trend::of(current, &next), trend, "{current} {next:?}");
        }
    }

    #[test]
    fn rank_next_and_the_rest_of_the_day_across_midnight() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let today = priced(
            &of_values("2026-11-22", |i| (i != 90).then_some(if i < 90 { 500 } else { i as i64 }), &zone),
            &zone,
        );
        let tomorrow = priced(&rising("2026-11-23", &[], &zone), &zone);
        let end = zone.day_start(tomorrow.date);
        let last = end - SLOT;
        let outlook = Outlook::of(&today, Some(&tomorrow), end - std::time::Duration::from_nanos(1)).unwrap();
        assert_eq!((outlook.current.slot.start, outlook.current.rank, outlook.current.of), (last, Some(5), 95));
        assert_eq!(outlook.next().len(), 16);
        assert_eq!(outlook.next()[0].start, end);
        assert_eq!(outlook.ahead.len(), 97);
        assert_eq!(Statistics::remaining(&today, last), Some(Micro(95)));
        let alone = Outlook::of(&today, None, last).unwrap();
        assert_eq!((alone.next().len(), alone.current.trend), (0, Trend::Stable));
        let hole = Outlook::of(&today, None, last - SLOT * 5).unwrap();
        assert_eq!((hole.current.slot.buy, hole.current.rank, hole.current.of), (None, None, 95));
        assert!(Outlook::of(&today, None, end).is_none(), "tomorrow is not today");
    }

    #[test]
    fn figures_of_a_day() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let day = priced(&of_values("2026-11-22", |i| (i < 95).then_some([3, -7, 3, 0][i % 4]), &zone), &zone);
        let start = zone.day_start(day.date);
        let figures = Statistics::of(&day);
        assert_eq!(figures.min_buy, Some((Micro(-7), start + SLOT)));
        assert_eq!(figures.max_buy, Some((Micro(3), start)));
        assert_eq!(figures.mean_market, Some(Micro(div_round(24 * 6 - 24 * 7, 95))));
        let none = priced(&of_values("2026-11-22", |_| None, &zone), &zone);
        assert_eq!(Statistics::of(&none).mean_buy, None);
    }
}

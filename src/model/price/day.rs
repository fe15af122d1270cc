//! A day with the tariff applied: each quarter-hour with every step of its price, and the hours of `/prices`.

use jiff::Timestamp;
use jiff::civil::Date;

use super::selling::mean;
use super::{Entity, PriceOrigin, PublishedDay, SLOT, Selling, div_round};
use crate::base::units::Micro;
use crate::model::tariff::{Charge, Kompas, Tariff};
use crate::model::time::{Range, SiteZone};

/// One quarter-hour of a day's axis.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedSlot {
    /// When it begins.
    pub start: Timestamp,
    /// The market price, PLN/kWh.
    pub market: Option<Micro>,
    /// What the tariff adds; `None` where no rates are configured for the day.
    pub charge: Option<Charge>,
    /// The final price, PLN/kWh.
    pub buy: Option<Micro>,
    /// What a kWh sold pays, PLN/kWh.
    pub sell: Option<Micro>,
    /// The grid operator's advice.
    pub kompas: Option<Kompas>,
}

impl PricedSlot {
    /// When it ends.
    pub fn end(&self) -> Timestamp {
        self.start + SLOT
    }
}

/// Where a day's values came from and what they lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Where they came from.
    pub origin: PriceOrigin,
    /// When they were fetched.
    pub fetched_at: Timestamp,
    /// PSE's own publication time, local, as it wrote it.
    pub publication: Option<String>,
    /// How many values are known.
    pub received: usize,
    /// How many the day has.
    pub expected: usize,
    /// What is missing.
    pub holes: Vec<Range>,
}

impl Provenance {
    pub(super) fn of(day: &PublishedDay, zone: &SiteZone) -> Self {
        Self {
            origin: day.origin,
            fetched_at: day.fetched_at,
            publication: day.publication.clone(),
            received: day.points.len(),
            expected: day.expected(zone),
            holes: day.holes(zone),
        }
    }
}

/// An hour of the day as `/prices` shows it: the mean of its known quarter-hours. Rounded to 4 decimals: these are
/// ten-thousandths of a PLN/kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourEntry {
    /// Local hour; the two autumn hours 02 form one entry.
    pub hour: i8,
    /// Final price, 10⁻⁴ PLN/kWh.
    pub buy_e4: i64,
    /// Market price, 10⁻⁴ PLN/kWh.
    pub market_e4: i64,
}

/// A real hour: the means of its known quarter-hours, PLN/kWh.
#[derive(Debug, Clone, PartialEq)]
pub struct HourMean {
    /// The mean prices, as a slot that begins with the hour; zone and Kompas are those of its first quarter.
    pub mean: PricedSlot,
    /// How many of its quarters are known.
    pub received: usize,
    /// How many it has.
    pub expected: usize,
}

/// What PSE published for one day, as far as it is known.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sheets<'a> {
    /// Day-ahead prices.
    pub market: Option<&'a PublishedDay>,
    /// Settlement prices.
    pub settlement: Option<&'a PublishedDay>,
    /// The Kompas.
    pub kompas: Option<&'a PublishedDay>,
}

impl<'a> Sheets<'a> {
    /// Picks a day's sheets by entity.
    pub fn pick(mut find: impl FnMut(Entity) -> Option<&'a PublishedDay>) -> Self {
        Self { market: find(Entity::DayAhead), settlement: find(Entity::Settlement), kompas: find(Entity::Kompas) }
    }
}

/// A day with the tariff applied.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedDay {
    /// The local delivery day.
    pub date: Date,
    /// Every quarter-hour of the day's axis, known or not.
    pub slots: Vec<PricedSlot>,
    /// The hours of which something is known.
    pub hours: Vec<HourEntry>,
    /// Whence the market prices are.
    pub market: Option<Provenance>,
    /// Whence the settlement prices are.
    pub settlement: Option<Provenance>,
    /// Whence the Kompas is.
    pub kompas: Option<Provenance>,
    /// The rule by which final prices were made, in words.
    pub rule: String,
}

impl PricedDay {
    /// Applies the tariff to what was published.
    pub fn new(date: Date, sheets: Sheets<'_>, tariff: &Tariff, selling: &Selling, zone: &SiteZone) -> Self {
        let slot = |start: Timestamp| {
            let market = sheets.market.and_then(|day| day.price_at(start));
            let kompas = sheets.kompas.and_then(|day| day.value_at(start)).and_then(Kompas::from_code);
            let charge = tariff.charge(zone.local(start), kompas);
            let buy = market.zip(charge.as_ref()).map(|(market, charge)| charge.on(market).buy);
            let sell = sheets.settlement.and_then(|day| selling.price_at(day, start));
            PricedSlot { start, market, charge, buy, sell, kompas }
        };
        let slots: Vec<PricedSlot> = PublishedDay::axis(Entity::DayAhead, date, zone).map(slot).collect();
        let provenance = |sheet: Option<&PublishedDay>| sheet.map(|day| Provenance::of(day, zone));
        Self {
            date,
            hours: hours(&slots, zone),
            market: provenance(sheets.market),
            settlement: provenance(sheets.settlement),
            kompas: provenance(sheets.kompas),
            rule: tariff.describe(date).map_or_else(|| tariff.reach(), |rule| rule.to_string()),
            slots,
        }
    }

    /// The slot that contains an instant, whether its price is known or not.
    pub fn slot_at(&self, now: Timestamp) -> Option<&PricedSlot> {
        let index = self.slots.partition_point(|slot| slot.start <= now).checked_sub(1)?;
        self.slots.get(index).filter(|slot| now < slot.end())
    }

    /// The entry of a local hour.
    pub fn hour(&self, hour: i8) -> Option<HourEntry> {
        self.hours.iter().copied().find(|entry| entry.hour == hour)
    }

    /// The cheapest hour; the first of equals.
    pub fn cheapest(&self) -> Option<HourEntry> {
        self.hours.iter().copied().min_by_key(|entry| entry.buy_e4)
    }

    /// Mean of the hourly entries, 10⁻⁴ PLN/kWh.
    pub fn average_e4(&self) -> Option<i64> {
        let count = i64::try_from(self.hours.len()).ok().filter(|count| *count > 0)?;
        Some(div_round(self.hours.iter().map(|entry| entry.buy_e4).sum(), count))
    }

    /// Mean of the known final prices, PLN/kWh.
    pub fn mean_buy(&self) -> Option<Micro> {
        mean(self.slots.iter().filter_map(|slot| slot.buy))
    }

    /// The real hours of the day, the two autumn hours 02 apart.
    pub fn hour_means(&self) -> Vec<HourMean> {
        let of_hour = |slots: &[PricedSlot]| {
            let first = slots.first()?;
            let market = |slot: &PricedSlot| slot.market;
            let charge = first.charge.clone().map(|charge| Charge {
                distribution: mean(slots.iter().filter_map(|s| Some(s.charge.as_ref()?.distribution)))
                    .unwrap_or(charge.distribution),
                ..charge
            });
            let mean = PricedSlot {
                market: mean(slots.iter().filter_map(market)),
                buy: mean(slots.iter().filter_map(|slot| slot.buy)),
                sell: mean(slots.iter().filter_map(|slot| slot.sell)),
                charge,
                ..first.clone()
            };
            let received = slots.iter().filter(|slot| slot.market.is_some() || slot.buy.is_some()).count();
            Some(HourMean { mean, received, expected: slots.len() })
        };
        let same_hour = |a: &PricedSlot, b: &PricedSlot| {
            a.start.as_second().div_euclid(3600) == b.start.as_second().div_euclid(3600)
        };
        self.slots.chunk_by(same_hour).filter_map(of_hour).collect()
    }
}

/// The entries of `/prices`: by local hour, over the slots of which the final price is known.
fn hours(slots: &[PricedSlot], zone: &SiteZone) -> Vec<HourEntry> {
    let mut sums: Vec<(i8, Micro, Micro, i64)> = Vec::with_capacity(24);
    for slot in slots {
        let (Some(buy), Some(market)) = (slot.buy, slot.market) else { continue };
        let hour = zone.local(slot.start).hour();
        match sums.last_mut().filter(|(last, ..)| *last == hour) {
            Some((_, buys, markets, count)) => {
                *buys += buy;
                *markets += market;
                *count += 1;
            }
            None => sums.push((hour, buy, market, 1)),
        }
    }
    let entry = |(hour, buys, markets, count): (i8, Micro, Micro, i64)| HourEntry {
        hour,
        buy_e4: div_round(buys.0, 100 * count),
        market_e4: div_round(markets.0, 100 * count),
    };
    sums.into_iter().map(entry).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::price::Point;

    /// A day of the market whose values are 100 micro, 200 micro ... but for `missing`.
    pub fn rising(date: &str, missing: &[usize], zone: &SiteZone) -> PublishedDay {
        of_values(date, |index| (!missing.contains(&index)).then_some(index as i64 * 100), zone)
    }

    /// A day of the market with these values.
    pub fn of_values(date: &str, value: impl Fn(usize) -> Option<i64>, zone: &SiteZone) -> PublishedDay {
        let date: Date = date.parse().unwrap();
        let points = PublishedDay::axis(Entity::DayAhead, date, zone)
            .enumerate()
            .filter_map(|(index, start)| Some(Point { start, value: value(index)? }))
            .collect();
        PublishedDay {
            entity: Entity::DayAhead,
            date,
            points,
            publication: None,
            fetched_at: zone.day_start(date),
            origin: PriceOrigin::Network,
        }
    }

    /// The day with nothing added to its market prices.
    pub fn priced(market: &PublishedDay, zone: &SiteZone) -> PricedDay {
        let sheets = Sheets { market: Some(market), ..Sheets::default() };
        PricedDay::new(market.date, sheets, &Tariff::flat(Micro::ZERO, Micro::ZERO), &Selling::default(), zone)
    }

    fn warsaw() -> SiteZone {
        SiteZone::named("Europe/Warsaw").unwrap()
    }

    #[test]
    fn hours_on_dst_days() {
        let zone = warsaw();
        for (date, slots, hours, real) in
            [("2025-03-30", 92, 23, 23), ("2025-10-26", 100, 24, 25), ("2026-11-22", 96, 24, 24)]
        {
            let day = priced(&rising(date, &[], &zone), &zone);
            assert_eq!((day.slots.len(), day.hours.len(), day.hour_means().len()), (slots, hours, real), "{date}");
        }
        // The doubled hour is the mean of its eight quarters in `/prices`, slots 8 to 15, and two hours elsewhere.
        let autumn = priced(&rising("2025-10-26", &[], &zone), &zone);
        assert_eq!(autumn.hour(2).unwrap().buy_e4, 12);
        let means = autumn.hour_means();
        assert_eq!([2, 3].map(|hour: usize| means[hour].mean.buy), [Some(Micro(950)), Some(Micro(1_350))]);
        assert_eq!(zone.rfc3339(means[2].mean.start), "2025-10-26T02:00:00+02:00");
        assert_eq!(zone.rfc3339(means[3].mean.start), "2025-10-26T02:00:00+01:00");
        let spring = priced(&rising("2025-03-30", &[], &zone), &zone);
        assert_eq!(spring.hour(2), None);
    }

    #[test]
    fn the_slot_that_contains_every_minute() {
        let zone = warsaw();
        for date in ["2025-03-30", "2025-10-26", "2026-11-22"] {
            let day = priced(&rising(date, &[5], &zone), &zone);
            let start = zone.day_start(day.date);
            let minutes = zone.day_length(day.date).as_secs() / 60;
            for minute in 0..minutes {
                for second in [0, 59] {
                    let at = start + std::time::Duration::from_secs(minute * 60 + second);
                    let expected = (minute / 15 != 5).then_some(Micro((minute / 15 * 100) as i64));
                    let slot = day.slot_at(at).unwrap();
                    assert_eq!(slot.buy, expected, "{date} minute {minute}");
                    assert!(slot.start <= at && at < slot.end());
                }
            }
            let second = std::time::Duration::from_secs(1);
            assert_eq!(day.slot_at(start - second), None);
            assert_eq!(day.slot_at(start + zone.day_length(day.date)), None);
        }
    }

    #[test]
    fn a_hole_keeps_its_place_and_what_the_tariff_says() {
        let zone = warsaw();
        let market = rising("2026-11-22", &[4, 5], &zone);
        let tariff = Tariff::flat(Micro(10), Micro(5));
        let sheets = Sheets { market: Some(&market), ..Sheets::default() };
        let day = PricedDay::new(market.date, sheets, &tariff, &Selling::default(), &zone);
        let hole = &day.slots[4];
        assert_eq!((hole.market, hole.buy, hole.sell), (None, None, None));
        assert_eq!(hole.charge.as_ref().map(|charge| charge.distribution), Some(Micro(5)));
        assert_eq!(day.slots[6].buy, Some(Micro(615)));
        let hour = &day.hour_means()[1];
        assert_eq!((hour.received, hour.expected, hour.mean.buy), (2, 4, Some(Micro(665))));
        let provenance = day.market.unwrap();
        assert_eq!((provenance.received, provenance.expected, provenance.holes.len()), (94, 96, 1));
    }
}

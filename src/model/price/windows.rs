//! Windows: the cheapest and dearest hours in a row, and the cheap, dear and negative stretches of a day.

use jiff::Timestamp;

use super::{PricedDay, PricedSlot, SLOTS_PER_HOUR, div_round};
use crate::base::units::Micro;

/// So many hours in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many.
    pub hours: usize,
    /// When they begin.
    pub start: Timestamp,
    /// When they end.
    pub end: Timestamp,
    /// Their mean final price, PLN/kWh.
    pub mean_buy: Micro,
}

/// The sum of some slots' prices, and the first of them.
type Sum<'a> = (i64, &'a PricedSlot);

/// The cheapest and the dearest `hours` in a row of known quarter-hours; the earliest of equals. `slots` in order of time.
pub fn of_length(slots: &[&PricedSlot], hours: usize) -> Option<(Window, Window)> {
    let length = hours * SLOTS_PER_HOUR;
    // Runs of known slots without a gap, each searched with a sliding sum.
    let joined = |a: &&PricedSlot, b: &&PricedSlot| a.end() == b.start && a.buy.is_some() == b.buy.is_some();
    let mut best: Option<(Sum<'_>, Sum<'_>)> = None;
    for run in slots.chunk_by(joined).filter(|run| run.len() >= length && run[0].buy.is_some()) {
        let price = |slot: &PricedSlot| slot.buy.unwrap_or_default().0;
        let mut sum: i64 = run[..length].iter().map(|slot| price(slot)).sum();
        for first in 0..=run.len() - length {
            if first > 0 {
                sum += price(run[first + length - 1]) - price(run[first - 1]);
            }
            let this = (sum, run[first]);
            let (cheapest, dearest) = best.get_or_insert((this, this));
            if sum < cheapest.0 {
                *cheapest = this;
            }
            if sum > dearest.0 {
                *dearest = this;
            }
        }
    }
    let window = |(sum, first): Sum<'_>| Window {
        hours,
        start: first.start,
        end: first.start + super::SLOT * length as u32,
        mean_buy: Micro(div_round(sum, length as i64)),
    };
    best.map(|(cheapest, dearest)| (window(cheapest), window(dearest)))
}

/// Neighbouring quarter-hours that have something in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Cheap and dear ones: the mean final price. Negative ones: the lowest market price. PLN/kWh.
    pub price: Micro,
}

/// The stretches of a day in which the final price is in its lowest quarter and below the median, and in its highest
/// quarter and above it. A flat day has neither.
///
/// With the n known prices in order p₀ to pₙ₋₁, the quartiles are those at ⌈n/4⌉-1 and n-⌈n/4⌉, the median the mean of
/// those at ⌊(n-1)/2⌋ and ⌊n/2⌋.
pub fn cheap_and_dear(day: &PricedDay) -> (Vec<Stretch>, Vec<Stretch>) {
    let mut prices: Vec<i64> = day.slots.iter().filter_map(|slot| slot.buy).map(|price| price.0).collect();
    prices.sort_unstable();
    let count = prices.len();
    if count == 0 {
        return (Vec::new(), Vec::new());
    }
    let quarter = count.div_ceil(4);
    let (lower, upper) = (prices[quarter - 1], prices[count - quarter]);
    let double_median = prices[(count - 1) / 2] + prices[count / 2];
    let mean = |slots: &[PricedSlot]| {
        let sum: i64 = slots.iter().filter_map(|slot| slot.buy).map(|price| price.0).sum();
        Micro(div_round(sum, slots.len() as i64))
    };
    let cheap = |price: i64| price <= lower && 2 * price < double_median;
    let dear = |price: i64| price >= upper && 2 * price > double_median;
    let cheap = stretches(day, |slot| slot.buy.is_some_and(|price| cheap(price.0)), mean);
    let dear = stretches(day, |slot| slot.buy.is_some_and(|price| dear(price.0)), mean);
    (cheap, dear)
}

/// The stretches of a day in which the market price is negative.
pub fn negative(day: &PricedDay) -> Vec<Stretch> {
    let lowest = |slots: &[PricedSlot]| slots.iter().filter_map(|slot| slot.market).min().unwrap_or_default();
    stretches(day, |slot| slot.market.is_some_and(|price| price < Micro::ZERO), lowest)
}

fn stretches(
    day: &PricedDay,
    belongs: impl Fn(&PricedSlot) -> bool,
    price: impl Fn(&[PricedSlot]) -> Micro,
) -> Vec<Stretch> {
    let runs = day.slots.chunk_by(|a, b| belongs(a) == belongs(b)).filter(|run| belongs(&run[0]));
    runs.map(|run| Stretch { start: run[0].start, end: run[run.len() - 1].end(), price: price(run) }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::day::tests::{of_values, priced};
    use super::*;
    use crate::model::time::SiteZone;

    /// Random enough, and the same every time (xorshift).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % below
        }
    }

    fn warsaw() -> SiteZone {
        SiteZone::named("Europe/Warsaw").unwrap()
    }

    /// The slow way: every start, every sum anew.
    fn brute(slots: &[&PricedSlot], hours: usize, cheapest: bool) -> Option<(Timestamp, i64)> {
        let mut best: Option<(Timestamp, i64)> = None;
        for first in 0..slots.len() {
            let mut sum = 0;
            let mut whole = true;
            for step in 0..4 * hours {
                match slots.get(first + step) {
                    Some(slot) if slot.start == slots[first].start + super::super::SLOT * step as u32 => match slot.buy
                    {
                        Some(price) => sum += price.0,
                        None => whole = false,
                    },
                    _ => whole = false,
                }
            }
            let better = best.is_none_or(|(_, known)| if cheapest { sum < known } else { sum > known });
            if whole && better {
                best = Some((slots[first].start, sum));
            }
        }
        best
    }

    #[test]
    fn windows_agree_with_brute_force_on_1000_random_days() {
        let zone = warsaw();
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let dates = ["2025-03-29", "2025-03-30", "2025-10-25", "2025-10-26", "2026-11-22", "2026-12-31"];
        let (mut found, mut none) = (0, 0);
        for round in 0..1000 {
            let date = dates[dice.roll(dates.len() as u64) as usize];
            let (spread, holes) = ([5, 100, 1_000_000][dice.roll(3) as usize], dice.roll(40));
            let values: Vec<Option<i64>> = (0..100)
                .map(|_| (dice.roll(100) >= holes).then_some(dice.roll(spread) as i64 - spread as i64 / 3))
                .collect();
            let day = priced(&of_values(date, |index| values[index], &zone), &zone);
            let next = day.date.tomorrow().unwrap().to_string();
            let tomorrow = priced(&of_values(&next, |index| values[99 - index.min(99)], &zone), &zone);
            let mut slots: Vec<&PricedSlot> = day.slots.iter().chain(&tomorrow.slots).collect();
            slots.drain(..dice.roll(100) as usize);
            if dice.roll(4) == 0 {
                slots.truncate(dice.roll(60) as usize);
            }
            for hours in 1..=4 {
                let windows = of_length(&slots, hours);
                for (cheapest, window) in [(true, windows.map(|w| w.0)), (false, windows.map(|w| w.1))] {
                    let expected = brute(&slots, hours, cheapest);
                    let seen = window.map(|window| window.start);
                    assert_eq!(seen, expected.map(|(start, _)| start), "round {round}, {hours} h, {cheapest}");
                    if let (Some(window), Some((start, sum))) = (window, expected) {
                        assert_eq!(window.mean_buy, Micro(div_round(sum, 4 * hours as i64)));
                        assert_eq!(window.end.duration_since(start).as_hours(), hours as i64);
                        found += 1;
                    } else {
                        none += 1;
                    }
                }
            }
        }
        assert!(found > 1000 && none > 100, "{found} windows, {none} without");
    }

    #[test]
    fn quartiles_join_and_a_flat_day_has_none() {
        let zone = warsaw();
        let quarters = |stretches: &[Stretch], start: Timestamp| -> Vec<(i64, i64)> {
            let at = |instant: Timestamp| instant.duration_since(start).as_mins() / 15;
            stretches.iter().map(|stretch| (at(stretch.start), at(stretch.end))).collect()
        };
        for (values, cheap, dear) in [
            // 24 cheapest of 96 in two runs, 24 dearest in one.
            (
                Box::new(|i: usize| {
                    Some(match i {
                        0..12 | 50..62 => 1_i64,
                        70..94 => 9,
                        _ => 5,
                    })
                }) as Box<dyn Fn(usize) -> Option<i64>>,
                vec![(0, 12), (50, 62)],
                vec![(70, 94)],
            ),
            (Box::new(|_| Some(7_i64)), vec![], vec![]),
            // Most of the day at the lowest price: not cheap, since that is the median.
            (Box::new(|i| Some(i64::from(i > 90))), vec![], vec![(91, 96)]),
            // A hole divides.
            (
                Box::new(|i| (i != 3).then_some(if i < 10 { 1 } else { 5 + i as i64 })),
                vec![(0, 3), (4, 25)],
                vec![(72, 96)],
            ),
            (Box::new(|_| None), vec![], vec![]),
        ] {
            let market = of_values("2026-11-22", values, &zone);
            let day = priced(&market, &zone);
            let (found_cheap, found_dear) = cheap_and_dear(&day);
            let start = zone.day_start(day.date);
            assert_eq!((quarters(&found_cheap, start), quarters(&found_dear, start)), (cheap, dear));
        }
        let market = of_values("2026-11-22", |i| Some(if (8..12).contains(&i) { -(i as i64) } else { 0 }), &zone);
        let found = negative(&priced(&market, &zone));
        assert_eq!(quarters(&found, zone.day_start(market.date)), [(8, 12)]);
        assert_eq!(found[0].price, Micro(-11));
    }
}

//! Random sites on disk, read by the real reader, summed by the real code into a real file and read back from there:
//! every figure against a recount of what was written.

mod clean;
mod recount;
mod site;

use std::collections::BTreeMap;

use jiff::Timestamp;
use recount::{Counted, Flowing, Terms};
use site::{Site, decision};

use super::*;
use crate::base::clock::Clock;
use crate::base::units::Micro;
use crate::inquiry::{Books, PastDays, WantedDays};
use crate::model::balance::property::{Random, days};
use crate::model::totals::{self, By, Days};
use crate::refresh::books::Library;

/// First and last days, a change of rates between them. Both DST days, a turn of the month and one of the year.
const STRETCHES: [(&str, &str, &str); 5] = [
    ("2026-10-23", "2026-10-26", "2026-10-25"),
    ("2026-03-27", "2026-03-30", "2026-03-30"),
    ("2025-12-30", "2026-01-02", "2026-01-01"),
    ("2026-07-29", "2026-08-01", "2026-07-30"),
    ("2025-10-25", "2025-10-28", "2025-10-27"),
];

/// A site, and Wattboard at work on it.
struct World {
    bench: Bench,
    site: Site,
    random: Random,
    archive: Archive,
    summing: Summing,
    sheets: BTreeMap<(Entity, Date), PublishedDay>,
    /// Of the config, one after the other.
    terms: Vec<Terms>,
    /// By which of them each day was summed last.
    summed_by: BTreeMap<Date, usize>,
    /// Flows counted anew, and of which rows.
    counted: BTreeMap<Date, (Vec<EnergyRow>, Vec<Flowing>)>,
    days: Days,
}

impl World {
    fn new(round: usize) -> Self {
        let mut random = Random(0xD15E_A5ED ^ (round as u64 + 1) << 40);
        let (first, last, _) = STRETCHES[round % STRETCHES.len()];
        let terms = Terms {
            margin: 0.0892,
            rates: [0.2841 + random.below(100) as f64 / 1e4, 0.0558],
            change: None,
            per_hour: random.one_in(2),
            factor: [1.0, 1.23][random.below(2) as usize],
        };
        let mut bench = Bench::new();
        configure(&mut bench, &terms);
        // Noon of the last day: it is not over.
        bench.clock.set_wall(format!("{last}T11:00:00Z").parse().unwrap());
        let site = Site::new(&bench, [4, 1, 4, 3, 2, 4][round % 6]);
        Self {
            archive: bench.archive(),
            summing: Summing::new(bench.context.clone()),
            bench,
            site,
            random,
            sheets: BTreeMap::new(),
            terms: vec![terms],
            summed_by: BTreeMap::new(),
            counted: BTreeMap::new(),
            days: Days { first: date(first), last: date(last) },
        }
    }

    /// Publishes an entity's prices of a day: all of them, or some.
    fn publish(&mut self, entity: Entity, day: Date, share: u64) {
        let mut sheet = prices(&day.to_string(), entity, 0);
        for point in &mut sheet.points {
            // The same at each time that they are published.
            let mut random = Random(point.start.as_second() as u64 ^ (entity as u64 + 1) << 40);
            point.value = [0, 1].map(|_| random.below(1_500_000) as i64 - 200_000)[1];
        }
        let random = &mut self.random;
        sheet.points.retain(|_| random.below(100) < share);
        let known = self.sheets.get(&(entity, day)).map_or(0, |known| known.points.len());
        self.archive.keep(std::slice::from_ref(&sheet)).unwrap();
        if sheet.points.len() > known {
            self.sheets.insert((entity, day), sheet);
        }
    }

    /// Sums what is to be summed, then all there is against the recount.
    fn settle(&mut self, what: &str) {
        for pause in [0, 3_601] {
            self.bench.clock.advance(Duration::from_secs(pause));
            let days = self.bench.work(&mut self.summing, &mut self.archive);
            self.summed_by.extend(days.iter().map(|day| (date(day), self.terms.len() - 1)));
        }
        assert!(self.bench.work(&mut self.summing, &mut self.archive).is_empty(), "{what}: all is done");
        let due = Instant::now() + Duration::from_secs(20);
        let with_hours = read(&mut self.archive, self.days, true);
        let without = read(&mut self.archive, self.days, false);
        let told = RollupReader::new(&self.bench.context.config.own_database).sums().unwrap();
        let today = zone().date(self.bench.clock.now());
        for ((entity, day), sheet) in &self.sheets {
            let kept = self.archive.day(*entity, *day, due).unwrap().unwrap();
            assert_eq!(kept.points, sheet.points, "{what}, {entity:?} of {day}");
        }
        for day in self.days.iter() {
            let what = format!("{what}, {day}");
            let rows = self.site.rows(site::day(day));
            let own = site::day(day);
            let in_day = |said: &site::Said| (own.from.as_second()..own.to.as_second()).contains(&said.at);
            let mut said = self.site.said.clone();
            said.retain(in_day);
            let rollup = self.archive.rollup(day, due).unwrap();
            assert_eq!(rollup.is_some(), day < today && !(rows.is_empty() && said.is_empty()), "{what}");
            let Some(rollup) = rollup else { continue };
            assert_eq!(with_hours[&day], rollup.balance, "{what}: read in a row");
            assert_eq!(Balance { hours: Vec::new(), ..rollup.balance.clone() }, without[&day], "{what}: without hours");
            assert_eq!(told[&day].1, rollup.sums, "{what}: sums in a row");
            let near = Range {
                from: site::day(day.yesterday().unwrap()).from,
                to: site::day(day.tomorrow().unwrap()).to.min(self.bench.clock.now()),
            };
            let near = self.site.rows(near);
            if self.counted.get(&day).is_none_or(|(rows, _)| *rows != near) {
                let flows = recount::flows(&near, day);
                self.counted.insert(day, (near, flows));
            }
            let rates = recount::rates(&self.site, day, &self.sheets, &self.terms[self.summed_by[&day]]);
            let counted = Counted { flows: &self.counted[&day].1, rates, rows };
            recount::balance(&what, &rollup.balance, &counted);
            recount::sums(&what, &rollup.sums, &said, &counted.rows);
        }
    }

    /// Rows that were there all the time, somewhere, and come now.
    fn late(&mut self, rows: Vec<EnergyRow>) {
        let random = &mut self.random;
        self.site.at_once(|site| rows.into_iter().for_each(|row| site.write(row, random)));
    }

    /// A day's rows are replaced by other ones: the same number of them, and at other times.
    fn rewrite(&mut self, day: Date) {
        let random = &mut self.random;
        self.site.at_once(|site| {
            for mut row in site.clear(day) {
                row.grid_power_w = row.grid_power_w.map(|watts| watts + 77.0);
                row.soc_pct = Some(random.below(101) as f64);
                if random.one_in(9) {
                    row.at += Duration::from_secs(1 + random.below(9));
                }
                site.write(row, random);
            }
        });
    }

    fn balances(&mut self) -> (BTreeMap<Date, Balance>, PastDays) {
        let context = &self.bench.context;
        let site = Composite::open(&context.config, &context.shutdown, false);
        let mut library = Library::new(self.bench.archive(), site, Arc::clone(&context.config));
        let wanted = WantedDays { days: self.days, with_hours: true, now: self.bench.clock.now(), prices: Vec::new() };
        let mut known = BTreeMap::new();
        let past = library.balances(&wanted, &mut |balance| _ = known.insert(balance.date, balance));
        (known, past.unwrap())
    }
}

fn configure(bench: &mut Bench, terms: &Terms) {
    let change = terms.change.map_or(String::new(), |(from, [peak, off_peak])| {
        format!(", changes: [{{valid_from: {from}, prices: {{peak: {peak}, off_peak: {off_peak}}}}}]")
    });
    let ([peak, off_peak], rule) = (terms.rates, if terms.per_hour { "per_hour" } else { "per_quarter" });
    let text = format!(
        "electricity_tariff:
  tariff_type: own
  sc_component_pln_kwh: {}
  distribution_pricing:
    own: {{type: time_based, peak_hours: {{start: 6, end: 22}}, off_peak_windows: [{{start: 13, end: 15}}],
      prices: {{peak: {peak}, off_peak: {off_peak}}}{change}}}
prosumer: {{negative_rule: {rule}, deposit_factor: {}}}
",
        terms.margin, terms.factor
    );
    bench.context.config = Arc::new(Config::parse(&bench.dir.path().join("config/c.yaml"), &text).unwrap());
}

fn round(number: usize) {
    let mut world = World::new(number);
    let Days { first, last } = world.days;
    let all: Vec<Date> = world.days.iter().collect();
    let step = |step: &str| format!("round {number}, {step}");
    let mut made = days((first, last), &zone(), &mut world.random);
    let noon = world.bench.clock.now();
    let has_prices = world.random.one_in(2);
    let is_punctual = number.is_multiple_of(2);
    for row in &mut made {
        let random = &mut world.random;
        if is_punctual {
            // On the five minutes: at hours' ends and at midnight too, and now and then twice.
            row.at -= Duration::from_secs(row.at.as_second() as u64 % 300);
        }
        row.temperature_c = (!random.one_in(5)).then(|| random.below(500) as f64 / 10.0 - 10.0);
        row.price_pln = (has_prices && random.one_in(2)).then(|| random.below(900) as f64 / 1e3 - 0.1);
    }
    let to_come = made.split_off(made.partition_point(|row| row.at <= noon));
    // One day's rows come late: its first hours, of which the day before knows by its neighbour alone, and some more. Not
    // today's: yesterday looks at that day again when it is over.
    let day = all[world.random.below(3) as usize];
    let Range { from, to } = site::day(day);
    let early = from + Duration::from_secs(world.random.below(20_000));
    let is_late =
        |row: &EnergyRow, random: &mut Random| from <= row.at && (row.at < early || row.at < to && random.one_in(20));
    let (late, mut made): (Vec<_>, Vec<_>) = made.into_iter().partition(|row| is_late(row, &mut world.random));
    // What is left of them is written out of order.
    let mut random = Random(world.random.below(u64::MAX) | 1);
    for _ in 0..made.len() / 10 {
        let [one, other] = [0, 1].map(|_| random.below(made.len() as u64) as usize);
        made.swap(one, other);
    }
    let split = random.below(made.len() as u64) as usize;
    let has_upgrade = random.one_in(2);
    world.site.at_once(|site| {
        for (index, row) in made.into_iter().enumerate() {
            if index == split && has_upgrade {
                site.upgrade(4);
            }
            site.write(row, &mut random);
        }
        let mut at = site::midnight(first);
        while at < noon.as_second() {
            if !random.one_in(10) {
                site.say(decision(at, &mut random));
            }
            at += 900 + random.below(30) as i64;
        }
    });
    for day in &all {
        match world.random.below(4) {
            0 => {}
            1 => world.publish(Entity::DayAhead, *day, 90),
            2 => world.publish(Entity::Settlement, *day, 100),
            _ => [Entity::DayAhead, Entity::Settlement].into_iter().for_each(|entity| world.publish(entity, *day, 97)),
        }
    }
    world.settle(&step("as it was found"));
    world.late(late);
    world.settle(&step("late rows"));
    let day = all[world.random.below(3) as usize];
    world.rewrite(day);
    let at = site::midnight(day) + 12 * 3600;
    let said = decision(at, &mut world.random);
    world.site.say(said);
    world.settle(&step("a day rewritten"));
    for day in &all {
        let share = if world.random.one_in(4) { 99 } else { 100 };
        [Entity::DayAhead, Entity::Settlement].into_iter().for_each(|entity| world.publish(entity, *day, share));
    }
    world.settle(&step("prices"));
    // Rates that hold from a day on: what was summed before stays, what is summed again has those of its day.
    let from = date(STRETCHES[number % STRETCHES.len()].2);
    let old = &world.terms[0];
    let terms = Terms { change: Some((from, [0.51, 0.17])), ..*old };
    configure(&mut world.bench, &terms);
    world.terms.push(terms);
    world.summing = Summing::new(world.bench.context.clone());
    world.settle(&step("other rates"));
    assert!(world.summed_by.values().all(|terms| *terms == 0), "what is summed stays");
    let again = all[world.random.below(2) as usize];
    let at = site::day(again).from + Duration::from_secs(3600 + world.random.below(70_000));
    world.late(vec![EnergyRow { at, grid_power_w: Some(-900.0), is_peak: true, ..EnergyRow::default() }]);
    world.settle(&step("summed again with other rates"));
    assert_eq!(world.summed_by[&again], 1);
    // The last day goes on and ends; nobody writes any more.
    let since = to_come.partition_point(|row| row.at <= world.bench.clock.now());
    world.late(to_come[since..].to_vec());
    world.bench.clock.set_wall(noon + Duration::from_secs(86_400));
    world.settle(&step("the last day"));
    assert_eq!(world.summed_by[&last], 1);
    for _ in 0..2 {
        world.rewrite(last);
        world.settle(&step("the last day rewritten"));
    }
    add_up(&step("added up"), &mut world);
}

/// The closed days as they are kept, with their hours or without.
fn read(archive: &mut Archive, days: Days, with_hours: bool) -> BTreeMap<Date, Balance> {
    let (due, mut known) = (Instant::now() + Duration::from_secs(20), BTreeMap::new());
    archive.balances(days, with_hours, due, &mut |balance| _ = known.insert(balance.date, balance)).unwrap();
    known
}

/// Days add up to months, months to years, hours to days: as `/api/v1/energy` has them.
fn add_up(what: &str, world: &mut World) {
    let (known, past) = world.balances();
    assert!(past.trouble.is_none() && past.from_rows.is_empty(), "{what}");
    let now = world.bench.clock.now();
    let parts = |by| totals::tests::parts(world.days, by, now, &known, &zone());
    let whole = totals::tests::whole(world.days, now, &known, &zone());
    let by_day = parts(By::Day);
    for flow in Flow::ALL {
        let counted: Micro = known.values().map(|balance| balance.day.flow(flow).kwh).sum();
        assert_eq!(whole.flow(flow).kwh, counted, "{what}, {flow:?}");
    }
    for by in By::ALL {
        let parts = parts(by);
        let months = if world.days.first.month() == world.days.last.month() { 1 } else { 2 };
        match by {
            By::Hour => assert_eq!(parts.len(), whole.sum.slots as usize / 4),
            By::Day => assert_eq!(parts.len(), 4),
            By::Month => assert_eq!(parts.len(), months),
            By::Year => assert_eq!(parts.len(), if world.days.first.year() == world.days.last.year() { 1 } else { 2 }),
        }
        for part in &parts {
            let within = |day: &&totals::Part| part.days.first <= day.days.first && day.days.last <= part.days.last;
            for flow in Flow::ALL.into_iter().filter(|_| by != By::Hour) {
                let days: Micro = by_day.iter().filter(within).map(|day| day.total.flow(flow).kwh).sum();
                assert_eq!(part.total.flow(flow).kwh, days, "{what}, {flow:?} by {}", by.name());
            }
        }
        let mut sum = crate::model::balance::Bucket::default();
        parts.iter().for_each(|part| sum.merge(&part.total.sum));
        assert_eq!(sum, whole.sum, "{what}, by {}", by.name());
        for flow in Flow::ALL {
            let kwh: Micro = parts.iter().map(|part| part.total.flow(flow).kwh).sum();
            assert_eq!(kwh, whole.flow(flow).kwh, "{what}, {flow:?} by {}", by.name());
        }
        let mut lost = BTreeMap::<_, i64>::new();
        for part in parts {
            part.total.holes.into_iter().for_each(|(key, hole)| *lost.entry(key).or_default() += hole.us);
        }
        let of_whole: BTreeMap<_, i64> = whole.holes.iter().map(|(key, hole)| (*key, hole.us)).collect();
        assert_eq!(lost, of_whole, "{what}, holes by {}", by.name());
    }
}

#[test]
fn rollups_of_random_sites_are_a_naive_recomputation_of_their_rows() {
    (0..5).for_each(round);
}

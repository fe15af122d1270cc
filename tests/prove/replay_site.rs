//! A made-up site that sends its rows as a real one does, by the same code: for proofs with many sites.
//!
//! `replay_site URL SITE SECONDS [EVERY_S [PAST_DAYS]]`: energy rows every EVERY_S seconds (5) of now, one every five
//! minutes of PAST_DAYS days before (0), prices of today, and once a minute how it is doing. Ends after SECONDS with one
//! line of JSON: rows made, lines sent and refused, the longest lag, failed attempts.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use wattboard::base::fault::Fault;
use wattboard::config::{Config, Interval, Push};
use wattboard::export::{ClosedDay, Ledger, What};
use wattboard::model::decision::Decision;
use wattboard::model::energy::EnergyRow;
use wattboard::model::price::{Entity, Point, PriceOrigin, PricedDay, PublishedDay, Sheets};
use wattboard::push::cursor::{Destination, Keeper};
use wattboard::push::sender::Sender;
use wattboard::push::{Now, Pusher, Step};
use wattboard::snapshot::Snapshot;
use wattboard::source::pse::Roots;
use wattboard::telemetry::{self, Intervals, Moment, Program};

const CONFIG: &str =
    "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2464}}}";

struct Site {
    config: Config,
    began: Timestamp,
    every: i64,
    past_days: i64,
    /// Makes each site a little different.
    seed: i64,
}

impl Site {
    /// The first day that has rows.
    fn first(&self) -> Date {
        let today = self.config.zone.date(self.began);
        today.checked_sub(jiff::Span::new().days(self.past_days)).unwrap()
    }

    fn row(&self, second: i64) -> EnergyRow {
        let at = Timestamp::from_second(second).unwrap();
        let wave = |period: i64| ((second + self.seed * 997) % period) as f64 / period as f64;
        EnergyRow {
            at,
            soc_pct: Some((20.0 + 60.0 * wave(86_400)).round()),
            pv_power_w: Some((4_000.0 * wave(43_200)).round()),
            grid_power_w: Some((2_000.0 * wave(7_200) - 1_000.0).round()),
            house_power_w: Some((300.0 + 900.0 * wave(3_600)).round()),
            battery_power_w: Some((1_500.0 * wave(10_800) - 750.0).round()),
            battery_voltage_v: Some(400.0 + self.seed as f64 % 10.0),
            grid_voltage_v: Some(230.5),
            import_total_kwh: Some((second % 100_000_000) as f64 / 1_000.0),
            export_total_kwh: Some((second % 100_000_000) as f64 / 2_000.0),
            ..EnergyRow::default()
        }
    }

    /// Seconds at which rows lie, of all that there are at `now`.
    fn seconds(&self, from: i64, to: i64, now: i64) -> Vec<i64> {
        let began = self.began.as_second();
        let past = (from..to.min(began)).filter(|second| second % 300 == 0 && self.past_days > 0);
        let live = (from.max(began)..to.min(now + 1)).filter(|second| second % self.every == 0);
        past.chain(live).collect()
    }
}

impl Ledger for Site {
    fn span(&mut self, what: What) -> Result<Option<(Date, Date)>, Fault> {
        let last = self.config.zone.date(Timestamp::now()).tomorrow().unwrap();
        Ok(matches!(what, What::Energy | What::Prices).then(|| (self.first(), last)))
    }
    fn energy(&mut self, date: Date) -> Result<Vec<EnergyRow>, Fault> {
        let zone = &self.config.zone;
        let (from, to) = (zone.day_start(date.max(self.first())), zone.day_start(date.tomorrow().unwrap()));
        let seconds = self.seconds(from.as_second(), to.as_second(), Timestamp::now().as_second());
        Ok(seconds.into_iter().map(|second| self.row(second)).collect())
    }
    fn decisions(&mut self, _: Date) -> Result<Vec<Decision>, Fault> {
        Ok(Vec::new())
    }
    fn prices(&mut self, date: Date) -> Result<Option<PricedDay>, Fault> {
        let Config { zone, tariff, selling, .. } = &self.config;
        if date > zone.date(self.began) {
            return Ok(None);
        }
        let axis = PublishedDay::axis(Entity::DayAhead, date, zone).enumerate();
        let points = axis.map(|(index, start)| Point { start, value: 300_000 + 5_000 * index as i64 }).collect();
        let market = PublishedDay {
            entity: Entity::DayAhead,
            date,
            points,
            publication: None,
            fetched_at: self.began,
            origin: PriceOrigin::Memory,
        };
        let sheets = Sheets { market: Some(&market), ..Sheets::default() };
        Ok(Some(PricedDay::new(date, sheets, tariff, selling, zone)))
    }
    fn closed_day(&mut self, _: Date) -> Result<Option<ClosedDay>, Fault> {
        Ok(None)
    }
}

/// What a site without sources says of itself.
fn presence(pusher: &Pusher, site: &Site, now: &Now) -> String {
    let snapshot = Snapshot { push: Some(Arc::new(pusher.told().clone())), ..Snapshot::default() };
    let every = Interval::Every(Duration::from_secs(60));
    let moment = Moment {
        snapshot: &snapshot,
        now: now.wall,
        instant: now.instant,
        zone: &site.config.zone,
        intervals: Intervals { live: every, metrics: every, prices: every, process: every },
        program: Program { version: "replay", is_demo: true, started: now.instant, started_at: now.wall },
        edge: None,
    };
    let mut text = String::new();
    for (family, samples) in telemetry::read_presence(&moment) {
        pusher.lines().family(family, &samples, now.wall.as_second() * 1000, &mut text);
    }
    text
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, name, seconds, rest @ ..] = &arguments[..] else { panic!("URL SITE SECONDS [EVERY_S [PAST_DAYS]]") };
    let number = |index: usize, default: i64| rest.get(index).map_or(default, |text: &String| text.parse().unwrap());
    let config = Config::parse(Path::new("/replay/config/c.yaml"), CONFIG).unwrap();
    let url = format!("{}/api/v2/write", url.trim_end_matches('/'));
    let push = Push { url: url.clone(), org: String::new(), bucket: String::new(), token: Ok(None) };
    let to = Destination { url, org: String::new(), bucket: String::new(), site: name.clone() };
    let seed = name.bytes().fold(0, |seed, byte| (seed * 31 + i64::from(byte)) % 100_003);
    let (every, past_days) = (number(0, 5), number(1, 0));
    let mut site = Site { config, began: Timestamp::now(), every, past_days, seed };
    let (keeper, _) = Keeper::open(None, to);
    let sender = Sender::new(&push, &Roots::default());
    let mut pusher = Pusher::new(sender, keeper, name, site.config.zone.clone(), push.destination());

    let (start, length) = (Instant::now(), Duration::from_secs(seconds.parse().unwrap()));
    let (mut present_due, mut failures, mut longest) = (start + Duration::from_secs(seed as u64 % 60), 0, 0.0_f64);
    let mut step = Step::Idle;
    // A little longer, until everything is there.
    while start.elapsed() < length || (step != Step::Idle && start.elapsed() < length + Duration::from_secs(120)) {
        let now = Now { wall: Timestamp::now(), instant: Instant::now(), summed: true };
        step = pusher.step(&mut site, &now, &|| true);
        failures += u64::from(pusher.is_failing());
        if past_days == 0 {
            longest = longest.max(pusher.told().lag_s(Timestamp::now()).unwrap_or_default());
        }
        if Instant::now() >= present_due && !pusher.is_failing() {
            present_due += Duration::from_secs(60);
            pusher.present(&presence(&pusher, &site, &now), &now);
        }
        match step {
            Step::More => {}
            Step::Idle => std::thread::sleep(Duration::from_secs(every as u64)),
            Step::Pause(pause) => std::thread::sleep(pause.min(Duration::from_secs(10))),
        }
    }
    let first = site.config.zone.day_start(site.first()).as_second();
    let newest = pusher.told().newest.map_or(0, Timestamp::as_second);
    let rows = site.seconds(first, i64::MAX, newest).len();
    let told = pusher.told();
    println!(
        "{{\"site\": {name:?}, \"rows\": {rows}, \"first_s\": {first}, \"newest_s\": {newest}, \"sent\": {}, \
         \"rejected\": {}, \"failures\": {failures}, \"longest_lag_s\": {longest:.1}}}",
        told.rows_sent, told.rows_rejected
    );
}

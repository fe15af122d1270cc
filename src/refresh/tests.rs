//! Refreshers against real sources that fail in real ways, on a simulated clock where time matters.

mod log_files;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::base::clock::SimulatedClock;
use crate::base::document::Document;
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::inquiry::Desk;
use crate::model::price::{Entity, PriceOrigin, PricedDay};
use crate::snapshot::{DecisionFeed, Scene};

/// A price API that answers every entity what it is told to, and remembers what it was asked.
struct Api {
    url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/csdac-pln", listener.local_addr().unwrap());
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(Mutex::new(Vec::new())));
        let (told, log) = (Arc::clone(&answer), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4096];
                let count = stream.read(&mut head).unwrap_or(0);
                let line = String::from_utf8_lossy(&head[..count]).lines().next().unwrap_or_default().to_owned();
                log.lock().unwrap().push(line);
                let _ = stream.write_all(told.lock().unwrap().as_bytes());
            }
        });
        Self { url, answer, asked }
    }

    fn says(&self, status: &str, body: &str) {
        self.says_with(status, "", body);
    }

    fn says_with(&self, status: &str, header: &str, body: &str) {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        *self.answer.lock().unwrap() = text;
    }

    /// How often an entity was asked for.
    fn asked(&self, entity: Entity) -> usize {
        let path = format!("GET /api/{}?", entity.name());
        self.asked.lock().unwrap().iter().filter(|line| line.starts_with(&path)).count()
    }
}

/// All quarter-hours of a day that begins at this UTC instant, with the columns of both prices.
fn day(date: &str, start: &str, count: u32) -> String {
    let start: Timestamp = start.parse().unwrap();
    let rows: Vec<String> = (1..=count)
        .map(|quarter| {
            let end = (start + Duration::from_secs(900) * quarter).strftime("%Y-%m-%d %H:%M:%S").to_string();
            format!(
                r#"{{"dtime_utc": "{end}", "business_date": "{date}", "csdac_pln": {quarter}.5, "rce_pln": {quarter}}}"#
            )
        })
        .collect();
    format!("{{\"value\": [{}]}}", rows.join(","))
}

struct Bench {
    dir: TempDir,
    clock: Arc<SimulatedClock>,
    context: Context,
    trigger: ShutdownTrigger,
}

impl Bench {
    fn new(now: &str, extra: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("config")).unwrap();
        fs::create_dir_all(dir.path().join("data")).unwrap();
        let text = format!(
            "electricity_tariff: {{tariff_type: g11, distribution_pricing: {{g11: {{type: static, price: 0.2}}}}}}\n{extra}\n"
        );
        let config = Config::parse(&dir.path().join("config/c.yaml"), &text).unwrap();
        let clock = Arc::new(SimulatedClock::new(now.parse().unwrap()));
        let (trigger, shutdown) = shutdown::channel();
        let feed = |_: Vec<_>, _: &Scene<'_>| DecisionFeed {
            week: Arc::new(Document::new([])),
            day: Arc::new(Document::new([])),
            marks: Box::new([]),
            newest: None,
            mean_confidence_24h: None,
        };
        let context = Context {
            config: Arc::new(config),
            clock: clock.clone(),
            cell: Arc::default(),
            shutdown,
            scribe: Scribe { decisions: feed, history: |_, _| Arc::new(Document::new([])) },
            price_roots: Roots::default(),
            archive: ArchiveLines::new(Desk::new().1),
            proc_root: dir.path().join("proc"),
            journalctl: None,
            audience: Arc::default(),
            beat: Default::default(),
        };
        Self { dir, clock, context, trigger }
    }

    fn prices(&self) -> prices::Prices {
        prices::Prices::new(self.context.clone())
    }

    /// The published day, and how many of its quarter-hours are known.
    fn shown(&self, date: &str) -> Option<(PricedDay, usize)> {
        let shown = self.context.cell.load().prices.value.clone()?;
        let day = shown.day(date.parse().unwrap())?.clone();
        let known = day.slots.iter().filter(|slot| slot.buy.is_some()).count();
        Some((day, known))
    }

    fn error(&self) -> Option<String> {
        self.context.cell.load().prices.error.clone()
    }
}

fn prices_config(api: &Api) -> String {
    format!("price_analysis: {{api_url: '{}'}}\nweb_server: {{api_timeout_seconds: 5}}", api.url)
}

struct Counter(Arc<AtomicUsize>, Next);

impl Refresher for Counter {
    fn refresh(&mut self) -> Next {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1
    }
}

fn poll_for(interval: Interval, next: Next, enough: usize) -> usize {
    let (trigger, shutdown) = shutdown::channel();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let poller =
        thread::spawn(move || poll(Kind::Live, interval, &shutdown, &Beat::default(), &mut Counter(seen, next)));
    let deadline = Instant::now() + Duration::from_secs(10);
    while count.load(Ordering::SeqCst) < enough && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    if enough == 1 {
        // Nothing more may come: give it the time of many intervals.
        thread::sleep(Duration::from_millis(100));
    }
    trigger.stop();
    poller.join().unwrap();
    count.load(Ordering::SeqCst)
}

#[test]
fn a_refresher_polls_at_its_interval_sooner_on_demand_and_once_when_off() {
    let ms = Duration::from_millis;
    assert!(poll_for(Interval::Every(ms(2)), Next::AtInterval, 5) >= 5);
    assert!(poll_for(Interval::Every(Duration::from_secs(600)), Next::After(ms(2)), 5) >= 5);
    assert!(
        poll_for(Interval::Every(ms(2)), Next::After(Duration::from_secs(600)), 5) >= 5,
        "the interval is the longest wait"
    );
    assert_eq!(poll_for(Interval::Every(Duration::from_secs(600)), Next::AtInterval, 1), 1);
    assert_eq!(poll_for(Interval::Off, Next::After(ms(1)), 1), 1);
}

#[test]
fn intervals_come_from_the_config() {
    let bench = Bench::new(
        "2026-11-22T10:00:00Z",
        "web_server: {background_refresh_interval_seconds: 11, price_refresh_interval_seconds: 999999, metrics_refresh_interval_seconds: 31, coordinator_pid_check_interval_seconds: 33}",
    );
    let every = |seconds| Interval::Every(Duration::from_secs(seconds));
    for (kind, interval) in
        [(Kind::Live, every(11)), (Kind::Prices, Interval::Off), (Kind::Metrics, every(31)), (Kind::Process, every(33))]
    {
        assert_eq!(kind.interval(&bench.context.config), interval, "{kind:?}");
    }
    assert!(Kind::ALL.iter().all(|kind| kind.name().len() <= 15));
}

const TODAY: &str = "2026-11-22";
const TOMORROW: &str = "2026-11-23";
const MIDNIGHT: &str = "2026-11-21T23:00:00Z";

#[test]
fn a_complete_day_is_asked_for_once_and_tomorrow_from_half_past_one() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    let mut prices = bench.prices();
    let asked = || (api.asked(Entity::DayAhead), api.asked(Entity::Settlement), api.asked(Entity::Kompas));
    api.says("200 OK", &day(TODAY, MIDNIGHT, 96));
    assert_eq!((prices.refresh(), prices.refresh()), (Next::AtInterval, Next::AtInterval));
    assert_eq!(asked(), (1, 1, 0), "the Kompas is not wanted");
    let (today, known) = bench.shown(TODAY).unwrap();
    assert_eq!((known, bench.error()), (96, None));
    assert!(today.slots[0].sell.is_some() && today.market.is_some() && today.settlement.is_some());
    assert_eq!(bench.context.archive.kept.len(), 2, "complete days go to the price memory, once");
    // 13:30 local: tomorrow is asked for at each interval, and its absence is no error.
    bench.clock.set_wall("2026-11-22T12:29:59Z".parse().unwrap());
    prices.refresh();
    assert_eq!(asked(), (1, 1, 0));
    bench.clock.set_wall("2026-11-22T12:30:00Z".parse().unwrap());
    api.says("200 OK", "{\"value\": []}");
    assert_eq!((prices.refresh(), prices.refresh()), (Next::AtInterval, Next::AtInterval));
    assert_eq!((asked(), bench.error()), ((3, 3, 0), None));
    api.says("200 OK", &day(TOMORROW, "2026-11-22T23:00:00Z", 96));
    prices.refresh();
    prices.refresh();
    assert_eq!(asked(), (4, 4, 0), "no request when both days are complete");
    assert!(bench.shown(TODAY).is_some() && bench.shown(TOMORROW).is_some());
    // At midnight tomorrow becomes today without a request, and today stays as yesterday.
    bench.clock.set_wall("2026-11-22T23:00:00Z".parse().unwrap());
    prices.refresh();
    assert_eq!(asked(), (4, 4, 0));
    assert!(bench.shown(TODAY).is_some() && bench.shown(TOMORROW).is_some());
    bench.clock.set_wall("2026-11-23T23:00:00Z".parse().unwrap());
    prices.refresh();
    assert!(bench.shown(TODAY).is_none(), "the day before yesterday goes");
}

#[test]
fn every_failure_has_a_name_and_the_last_good_prices_stay() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    let mut prices = bench.prices();
    let huge = format!("{{\"value\": [\"{}\"]}}", "x".repeat(9 * 1024 * 1024));
    let incomplete = day(TODAY, MIDNIGHT, 92);
    const BOTH: &str = "day-ahead prices (csdac-pln), settlement prices (rce-pln): ";
    for (status, body, error) in [
        ("200 OK", "{\"value\": []}", "PSE has not published those of 2026-11-22 yet"),
        (
            "200 OK",
            "<html>maintenance",
            "the price API did not answer JSON (expected value at line 1 column 1); it begins \"<html>maintenance\"",
        ),
        (
            "200 OK",
            "",
            "the price API did not answer JSON (EOF while parsing a value at line 1 column 0); it begins \"\"",
        ),
        ("200 OK", huge.as_str(), "the price API's answer is larger than 8 MiB"),
        (
            "400 Bad Request",
            r#"{"error": {"code": "BadRequest", "message": "Could not find a property named 'doba'"}}"#,
            "the price API answered HTTP 400 Bad Request: Could not find a property named 'doba'",
        ),
        ("503 Service Unavailable", "sorry", "the price API answered HTTP 503 Service Unavailable"),
        ("200 OK", incomplete.as_str(), "PSE's answer for 2026-11-22 is incomplete: 92 of 96"),
    ] {
        api.says(status, body);
        prices.refresh();
        assert_eq!(bench.error().unwrap(), format!("{BOTH}{error}"));
    }
    assert_eq!(bench.shown(TODAY).unwrap().1, 92, "what is known of an incomplete day is shown");
    assert!(bench.context.cell.load().prices.checked.is_some(), "PSE was asked and answered");
    // An answer that lacks more replaces nothing.
    api.says("200 OK", &day(TODAY, MIDNIGHT, 40));
    prices.refresh();
    assert_eq!(bench.shown(TODAY).unwrap().1, 92);
    api.says("200 OK", "{\"value\": [{\"cena\": 1}]}");
    prices.refresh();
    let drift = "PSE no longer sends csdac_pln; it sent cena";
    assert!(bench.error().unwrap().starts_with(&format!("day-ahead prices (csdac-pln): {drift}; settlement")));
    assert_eq!(bench.shown(TODAY).unwrap().1, 92);
    // Recovery with the next answer that is whole.
    api.says("200 OK", &day(TODAY, MIDNIGHT, 96));
    prices.refresh();
    assert_eq!((bench.error(), bench.shown(TODAY).unwrap().1), (None, 96));
}

#[test]
fn failures_are_repeated_soon_then_later_and_a_request_to_wait_is_heeded() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    let mut prices = bench.prices();
    api.says("500 Oh No", "");
    for step in [10, 20, 40, 80, 160, 300, 300] {
        let Next::After(pause) = prices.refresh() else { panic!("a failure is repeated soon") };
        assert!(pause <= Duration::from_secs(step) && pause >= Duration::from_secs(step) * 3 / 4, "{pause:?}");
    }
    api.says_with("429 Too Many Requests", "Retry-After: 120\r\n", "");
    prices.refresh();
    let before = api.asked(Entity::DayAhead);
    let Next::After(pause) = prices.refresh() else { panic!("the API asked to be left alone") };
    assert!(pause > Duration::from_secs(110) && pause <= Duration::from_secs(120));
    assert_eq!(api.asked(Entity::DayAhead), before);
}

#[test]
fn the_kompas_is_asked_for_where_it_is_wanted() {
    let api = Api::new();
    let base = api.url.replace("csdac-pln", "pdgsz");
    let extra = format!("{}\npse_peak_hours: {{enabled: true, api_url: '{base}'}}", prices_config(&api));
    let bench = Bench::new("2026-11-22T10:00:00Z", &extra);
    let hours: Vec<String> = (0..24)
        .map(|hour| {
            let at = MIDNIGHT.parse::<Timestamp>().unwrap() + Duration::from_secs(3600) * hour;
            let at = at.strftime("%Y-%m-%d %H:%M").to_string();
            let advice = hour % 4;
            format!(r#"{{"dtime_utc": "{at}", "business_date": "{TODAY}", "usage_fcst": {advice}, "is_active": true}}"#)
        })
        .collect();
    // Rows of all entities in one answer: each takes its own column.
    let prices = day(TODAY, MIDNIGHT, 96);
    api.says("200 OK", &prices.replace("]}", &format!(",{}]}}", hours.join(","))));
    bench.prices().refresh();
    let (today, known) = bench.shown(TODAY).unwrap();
    assert_eq!((known, api.asked(Entity::Kompas), bench.error()), (96, 1, None));
    assert_eq!([0, 7, 95].map(|slot: usize| today.slots[slot].kompas.unwrap().code()), [0, 1, 3]);
    let asked = api.asked.lock().unwrap().iter().find(|line| line.contains("/pdgsz?")).cloned().unwrap();
    assert!(asked.contains("is_active%20eq%20true"), "{asked}");
}

#[test]
fn a_hole_in_today_does_not_keep_the_others_away() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T13:30:00Z", &prices_config(&api));
    let mut prices = bench.prices();
    api.says("200 OK", &day(TODAY, MIDNIGHT, 95));
    prices.refresh();
    assert_eq!((api.asked(Entity::DayAhead), api.asked(Entity::Settlement)), (2, 2));
    assert!(bench.error().unwrap().ends_with("PSE's answer for 2026-11-22 is incomplete: 95 of 96"));
}

#[test]
fn a_start_without_network_shows_the_cache() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    api.says("200 OK", &day(TODAY, MIDNIGHT, 96));
    bench.prices().refresh();
    api.says("500 Oh No", "");
    bench.clock.advance(Duration::from_secs(3600));
    let mut restarted = bench.prices();
    let market = bench.shown(TODAY).unwrap().0.market.unwrap();
    let fetched: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    assert_eq!((market.origin, market.fetched_at), (PriceOrigin::DiskCache, fetched));
    restarted.refresh();
    assert_eq!((api.asked(Entity::DayAhead), bench.error()), (1, None), "a complete day in the cache needs no request");
    assert!(fs::read(bench.dir.path().join("data/wattboard_price_cache.json")).is_ok());
}

#[test]
fn a_folder_that_cannot_be_written_costs_nothing_but_the_cache() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    fs::remove_dir(bench.dir.path().join("data")).unwrap();
    api.says("200 OK", &day(TODAY, MIDNIGHT, 96));
    bench.prices().refresh();
    assert_eq!((bench.error(), bench.shown(TODAY).unwrap().1), (None, 96));
}

#[test]
fn live_data_comes_from_files_when_there_is_no_database_and_is_kept_when_they_go() {
    let bench = Bench::new("2026-11-22T10:00:00Z", "");
    let out = bench.dir.path().join("out");
    let mut live = live::Live::new(bench.context.clone());
    live.refresh();
    let section = bench.context.cell.load().live.clone();
    assert_eq!(section.value, None);
    assert!(section.error.as_deref().unwrap().contains("no reading"), "{:?}", section.error);
    assert_eq!(section.checked, None);
    fs::create_dir_all(&out).unwrap();
    let file = out.join("coordinator_state_20261122.json");
    fs::write(&file, r#"{"timestamp": "2026-11-22T10:59:00", "current_data": {"battery": {"soc_percent": 50}}}"#)
        .unwrap();
    live.refresh();
    let section = bench.context.cell.load().live.clone();
    assert_eq!((section.value.as_deref().unwrap().reading.battery.soc_pct, section.error.clone()), (Ok(50.0), None));
    fs::remove_file(&file).unwrap();
    live.refresh();
    let section = bench.context.cell.load().live.clone();
    assert_eq!(section.value.as_deref().unwrap().reading.battery.soc_pct, Ok(50.0));
    assert_eq!(section.failures, 1);
}

#[test]
fn months_are_summed_back_to_the_oldest() {
    let bench = Bench::new("2026-11-22T10:00:00Z", "");
    let folder = bench.dir.path().join("out/energy_data");
    fs::create_dir_all(&folder).unwrap();
    let decide = |date: &str, kwh: f64| {
        let text = format!(r#"{{"timestamp": "{date}T10:00:00", "action": "charge", "energy_kwh": {kwh}}}"#);
        fs::write(folder.join(format!("charging_decision_{}_100000.json", date.replace('-', ""))), text).unwrap();
    };
    decide("2026-08-05", 1.5);
    decide("2026-10-05", 2.5);
    let mut months = months::Months::new(bench.context.clone());
    months.refresh();
    let known = bench.context.cell.load().months.clone();
    assert!(known.complete);
    let energy = |month: i8| known.known[&crate::model::time::Month { year: 2026, month }].sums.energy.to_f64();
    assert_eq!((energy(8), energy(9), energy(10)), (1.5, 0.0, 2.5));
    // A late row is noticed at the next look.
    decide("2026-08-06", 4.0);
    fs::File::open(&folder).unwrap().set_modified(std::time::SystemTime::now() - Duration::from_secs(60)).unwrap();
    months.refresh();
    let known = bench.context.cell.load().months.clone();
    assert_eq!(known.known[&crate::model::time::Month { year: 2026, month: 8 }].sums.energy.to_f64(), 5.5);
}

#[test]
fn a_failing_database_does_not_bring_old_files_back() {
    let bench = Bench::new("2026-11-22T10:00:00Z", "data_storage: {database_storage: {enabled: true}}");
    let path = bench.dir.path().join("data/goodwe_energy.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            r#"CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY);
               CREATE TABLE system_state(id INTEGER PRIMARY KEY, timestamp TEXT, metrics TEXT);
               CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, action TEXT, parameters TEXT);
               INSERT INTO system_state(timestamp, metrics) VALUES ('2026-11-22T10:59:40', '{"current_data": {"battery": {"soc_percent": 77}}}');
               INSERT INTO coordinator_decisions(timestamp, action, parameters) VALUES ('2026-11-22T10:45:00', 'charge', '{"energy_kwh": 18}');"#,
        )
        .unwrap();
    let out = bench.dir.path().join("out");
    fs::create_dir_all(out.join("energy_data")).unwrap();
    let old = r#"{"timestamp": "2025-06-01T10:00:00", "current_data": {"battery": {"soc_percent": 11}}}"#;
    fs::write(out.join("coordinator_state_20250601.json"), old).unwrap();
    let old = r#"{"timestamp": "2026-11-20T10:00:00", "action": "charge", "energy_kwh": 1}"#;
    fs::write(out.join("energy_data/charging_decision_20261120_100000.json"), old).unwrap();

    let (mut live, mut metrics) =
        (live::Live::new(bench.context.clone()), metrics::Metrics::new(bench.context.clone()));
    let mut look = || {
        live.refresh();
        metrics.refresh();
        let snapshot = bench.context.cell.load();
        let month = snapshot.months.known[&crate::model::time::Month { year: 2026, month: 11 }].sums.energy.to_f64();
        let soc = snapshot.live.value.as_deref().unwrap().reading.battery.soc_pct.unwrap();
        (soc, month, snapshot.live.error.is_some(), snapshot.metrics.error.is_some())
    };
    assert_eq!(look(), (77.0, 19.0, false, false));
    fs::rename(&path, bench.dir.path().join("data/away.db")).unwrap();
    assert_eq!(look(), (77.0, 19.0, true, true));
    fs::rename(bench.dir.path().join("data/away.db"), &path).unwrap();
    assert_eq!(look(), (77.0, 19.0, false, false));
}

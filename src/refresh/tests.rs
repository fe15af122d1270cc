//! Refreshers against real sources that fail in real ways, on a simulated clock where time matters.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::base::clock::SimulatedClock;
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::snapshot::{DecisionFeed, PriceOrigin, Scene};

/// A price API that answers what it is told to, and counts.
struct Api {
    url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Api {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/csdac-pln", listener.local_addr().unwrap());
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let (told, count) = (Arc::clone(&answer), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4096];
                let _ = stream.read(&mut head);
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(told.lock().unwrap().as_bytes());
            }
        });
        Self { url, answer, asked }
    }

    fn says(&self, status: &str, body: &str) {
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        *self.answer.lock().unwrap() = text;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// All quarter-hours of a day that begins at this UTC instant.
fn day(date: &str, start: &str, count: u32) -> String {
    let start: Timestamp = start.parse().unwrap();
    let rows: Vec<String> = (1..=count)
        .map(|quarter| {
            let end = (start + Duration::from_secs(900) * quarter).strftime("%Y-%m-%d %H:%M:%S").to_string();
            format!(r#"{{"dtime_utc": "{end}", "business_date": "{date}", "csdac_pln": {quarter}.5}}"#)
        })
        .collect();
    format!("{{\"value\": [{}]}}", rows.join(","))
}

struct Bench {
    dir: TempDir,
    clock: Arc<SimulatedClock>,
    context: Context,
    _trigger: ShutdownTrigger,
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
            week: Arc::from([]),
            day: Arc::from([]),
            marks: Box::new([]),
            newest: None,
            mean_confidence_24h: None,
        };
        let context = Context {
            config: Arc::new(config),
            clock: clock.clone(),
            cell: Arc::default(),
            shutdown,
            scribe: Scribe { decisions: feed, history: |_, _| Arc::from([]) },
            proc_root: dir.path().join("proc"),
        };
        Self { dir, clock, context, _trigger: trigger }
    }

    fn prices(&self) -> prices::Prices {
        prices::Prices::new(self.context.clone())
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
    let poller = thread::spawn(move || poll("test", interval, &shutdown, &mut Counter(seen, next)));
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

#[test]
fn a_complete_day_is_asked_for_once_and_tomorrow_from_half_past_one() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    let mut prices = bench.prices();
    api.says("200 OK", &day("2026-11-22", "2026-11-21T23:00:00Z", 96));
    prices.refresh();
    prices.refresh();
    assert_eq!(api.asked(), 1);
    let known = bench.context.cell.load().prices.clone();
    assert_eq!((known.value.as_deref().unwrap().days[0].slots.len(), known.error), (96, None));
    // 13:30 local: tomorrow is asked for at each interval, and its absence is no error.
    bench.clock.set_wall("2026-11-22T12:29:59Z".parse().unwrap());
    prices.refresh();
    assert_eq!(api.asked(), 1);
    bench.clock.set_wall("2026-11-22T12:30:00Z".parse().unwrap());
    api.says("200 OK", "{\"value\": []}");
    prices.refresh();
    prices.refresh();
    assert_eq!((api.asked(), bench.error()), (3, None));
    api.says("200 OK", &day("2026-11-23", "2026-11-22T23:00:00Z", 96));
    prices.refresh();
    prices.refresh();
    assert_eq!((api.asked(), bench.context.cell.load().prices.value.as_deref().unwrap().days.len()), (4, 2));
    // At midnight tomorrow becomes today without a request.
    bench.clock.set_wall("2026-11-22T23:00:00Z".parse().unwrap());
    prices.refresh();
    assert_eq!(api.asked(), 4);
    assert_eq!(bench.context.cell.load().prices.value.as_deref().unwrap().days.len(), 1);
}

#[test]
fn every_failure_has_a_name_and_the_last_good_prices_stay() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    let mut prices = bench.prices();
    let huge = format!("{{\"value\": [\"{}\"]}}", "x".repeat(9 * 1024 * 1024));
    let incomplete = day("2026-11-22", "2026-11-21T23:00:00Z", 92);
    for (status, body, error) in [
        ("200 OK", "{\"value\": []}", "PSE has not published the prices of 2026-11-22"),
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
        ("200 OK", "{\"value\": [{\"cena\": 1}]}", "PSE no longer sends csdac_pln; it sent cena"),
        ("200 OK", huge.as_str(), "the price API's answer is larger than 8 MiB"),
        (
            "400 Bad Request",
            r#"{"error": {"code": "BadRequest", "message": "Could not find a property named 'doba'"}}"#,
            "the price API answered HTTP 400 Bad Request: Could not find a property named 'doba'",
        ),
        ("503 Service Unavailable", "sorry", "the price API answered HTTP 503 Service Unavailable"),
        ("200 OK", incomplete.as_str(), "PSE's prices of 2026-11-22 are incomplete: 92 of 96"),
    ] {
        api.says(status, body);
        prices.refresh();
        assert_eq!(bench.error().as_deref(), Some(error));
    }
    let known = bench.context.cell.load().prices.clone();
    assert_eq!(known.value.as_deref().unwrap().days[0].slots.len(), 92, "what is known of an incomplete day is shown");
    assert!(known.checked.is_some(), "PSE was asked and answered");
    // An answer that lacks more replaces nothing.
    api.says("200 OK", &day("2026-11-22", "2026-11-21T23:00:00Z", 40));
    prices.refresh();
    assert_eq!(bench.context.cell.load().prices.value.as_deref().unwrap().days[0].slots.len(), 92);
    // Recovery with the next answer that is whole.
    api.says("200 OK", &day("2026-11-22", "2026-11-21T23:00:00Z", 96));
    prices.refresh();
    assert_eq!(bench.error(), None);
    assert!(bench.context.cell.load().prices.checked.is_some());
}

#[test]
fn a_hole_in_today_does_not_keep_tomorrow_away() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T13:30:00Z", &prices_config(&api));
    let mut prices = bench.prices();
    api.says("200 OK", &day("2026-11-22", "2026-11-21T23:00:00Z", 95));
    prices.refresh();
    assert_eq!(api.asked(), 2);
    assert_eq!(bench.error().as_deref(), Some("PSE's prices of 2026-11-22 are incomplete: 95 of 96"));
}

#[test]
fn a_start_without_network_shows_the_cache() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    api.says("200 OK", &day("2026-11-22", "2026-11-21T23:00:00Z", 96));
    bench.prices().refresh();
    api.says("500 Oh No", "");
    bench.clock.advance(Duration::from_secs(3600));
    let mut restarted = bench.prices();
    let shown = || bench.context.cell.load().prices.value.clone().unwrap();
    assert_eq!((shown().origin, shown().fetched_at), (PriceOrigin::DiskCache, "2026-11-22T10:00:00Z".parse().unwrap()));
    restarted.refresh();
    assert_eq!((api.asked(), bench.error()), (1, None), "a complete day from the cache needs no request");
    assert!(fs::read(bench.dir.path().join("data/wattboard_price_cache.json")).is_ok());
}

#[test]
fn a_folder_that_cannot_be_written_costs_nothing_but_the_cache() {
    let api = Api::new();
    let bench = Bench::new("2026-11-22T10:00:00Z", &prices_config(&api));
    fs::remove_dir(bench.dir.path().join("data")).unwrap();
    api.says("200 OK", &day("2026-11-22", "2026-11-21T23:00:00Z", 96));
    bench.prices().refresh();
    assert_eq!(bench.error(), None);
    assert!(bench.context.cell.load().prices.value.is_some());
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

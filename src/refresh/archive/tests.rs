//! The thread with a price API of its own and a site on disk.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crossbeam_channel::bounded;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use jiff::civil::Date;

use super::*;
use crate::archive::PriceReader;
use crate::base::clock::SimulatedClock;
use crate::base::document::Document;
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::config::Config;
use crate::inquiry::{Desk, RememberedDay};
use crate::model::price::Entity;
use crate::model::price::{Point, PriceOrigin};
use crate::model::time::{SiteZone, each_day};
use crate::refresh::prices::Prices;
use crate::refresh::{ArchiveLines, Refresher};
use crate::snapshot::{DecisionFeed, Scene, Scribe};
use crate::source::pse::Roots;

const NOW: &str = "2026-11-22T12:00:00Z";
const FAST: Pace = Pace {
    first: Duration::from_millis(1),
    between: Duration::from_millis(1),
    glance: Duration::from_millis(5),
    look: Duration::from_secs(3600),
};

/// A price API that has every day, but for an entity that it fails at first; notes what it is asked.
fn api(failures: usize) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/csdac-pln", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).replace("%20", " ").replace("%27", "'");
            let dates: Vec<Date> = head.split('\'').skip(1).step_by(2).map(|date| date.parse().unwrap()).collect();
            let (first, last) = (dates[0], dates[dates.len() - 1]);
            let entity = if head.contains("rce-pln") { Entity::Settlement } else { Entity::DayAhead };
            let count = {
                let mut notes = notes.lock().unwrap();
                notes.push(format!("{} {first} {last}", entity.name()));
                notes.len()
            };
            let (status, body) = match count <= failures {
                true => ("503 Busy", "{}".to_owned()),
                false => ("200 OK", rows(entity, first, last)),
            };
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    (url, asked)
}

fn rows(entity: Entity, first: Date, last: Date) -> String {
    let column = if entity == Entity::Settlement { "rce_pln" } else { "csdac_pln" };
    let mut rows = Vec::new();
    for date in each_day(first, last) {
        for start in PublishedDay::axis(entity, date, &zone()) {
            let end = (start + entity.step()).strftime("%Y-%m-%d %H:%M:%S");
            rows.push(format!(r#"{{"dtime_utc": "{end}", "business_date": "{date}", "{column}": 100.5}}"#));
        }
    }
    format!("{{\"value\": [{}]}}", rows.join(","))
}

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

struct Bench {
    dir: TempDir,
    context: Context,
    desk: Desk,
    trigger: ShutdownTrigger,
}

impl Bench {
    fn new(extra: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("config")).unwrap();
        fs::create_dir_all(dir.path().join("data")).unwrap();
        let text = format!(
            "electricity_tariff: {{tariff_type: g11, distribution_pricing: {{g11: {{type: static, price: 0.2}}}}}}\n{extra}\n"
        );
        let config = Config::parse(&dir.path().join("config/c.yaml"), &text).unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let (desk, inquiries) = Desk::new();
        let decisions = |_: Vec<_>, _: &Scene<'_>| DecisionFeed {
            week: Arc::new(Document::new([])),
            day: Arc::new(Document::new([])),
            marks: Box::new([]),
            newest: None,
            mean_confidence_24h: None,
        };
        let context = Context {
            config: Arc::new(config),
            clock: Arc::new(SimulatedClock::new(NOW.parse().unwrap())),
            cell: Arc::default(),
            shutdown,
            scribe: Scribe { decisions, history: |_, _| Arc::new(Document::new([])) },
            price_roots: Roots::default(),
            archive: ArchiveLines::new(inquiries),
            proc_root: dir.path().join("proc"),
            journalctl: None,
            audience: Arc::default(),
            beat: Default::default(),
        };
        Self { dir, context, desk, trigger }
    }

    /// Rows of these local times, with these prices.
    fn rows(&self, rows: &[(&str, f64)]) {
        let connection = Connection::open(self.dir.path().join("data/goodwe_energy.db")).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, price_pln REAL);
                 CREATE TABLE IF NOT EXISTS coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, action TEXT);",
            )
            .unwrap();
        for (at, price) in rows {
            connection.execute("INSERT INTO energy_data VALUES (?, 50, ?)", params![at, price]).unwrap();
        }
    }

    fn archivist(&self, pace: Pace) -> Archivist {
        Archivist::new(self.context.clone(), pace)
    }

    /// After a stop.
    fn again(&mut self) {
        (self.trigger, self.context.shutdown) = shutdown::channel();
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("data/wattboard.db")
    }

    fn known(&self, entity: Entity, day: &str) -> bool {
        PriceReader::new(&self.file(), zone()).day(entity, date(day)).unwrap().is_some()
    }

    /// Runs the thread until `enough` holds and a moment longer.
    fn run(&self, pace: Pace, enough: impl Fn() -> bool) {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.archivist(pace).run());
            let deadline = Instant::now() + Duration::from_secs(20);
            while !enough() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(50));
            self.trigger.stop();
            thread.join().unwrap();
        });
    }
}

fn config_of(url: &str) -> String {
    format!("price_analysis: {{api_url: '{url}'}}")
}

fn day(text: &str, value: i64) -> PublishedDay {
    let points =
        PublishedDay::axis(Entity::DayAhead, date(text), &zone()).map(|start| Point { start, value }).collect();
    PublishedDay {
        entity: Entity::DayAhead,
        date: date(text),
        points,
        publication: None,
        fetched_at: NOW.parse().unwrap(),
        origin: PriceOrigin::Network,
    }
}

#[test]
fn what_is_missing_is_asked_for_once_newest_month_first() {
    let (url, asked) = api(1);
    let mut bench = Bench::new(&config_of(&url));
    bench.rows(&[("2026-08-30T10:00:00", 0.0), ("2026-10-02T10:00:00", 0.0), ("2026-10-04T10:00:00", 0.0)]);
    bench.rows(&[("2026-11-22T10:00:00", 0.0)]);
    bench.archivist(FAST).books.archive.keep(&[day("2026-10-02", 1)]).unwrap();
    bench.run(FAST, || bench.known(Entity::Settlement, "2026-08-30"));
    let expected = [
        "csdac-pln 2026-10-04 2026-10-04",
        "csdac-pln 2026-10-04 2026-10-04",
        "rce-pln 2026-10-02 2026-10-04",
        "csdac-pln 2026-08-30 2026-08-30",
        "rce-pln 2026-08-30 2026-08-30",
    ];
    assert_eq!(*asked.lock().unwrap(), expected, "the first one failed and was asked for again; after that, nothing");
    // Begun again, there is nothing to ask for, and nothing is written.
    let bytes = fs::read(bench.file()).unwrap();
    let started = Instant::now();
    bench.again();
    bench.run(FAST, || started.elapsed() > Duration::from_millis(200));
    assert_eq!(fs::read(bench.file()).unwrap(), bytes);
    assert_eq!(asked.lock().unwrap().len(), expected.len());
}

#[test]
fn no_background_requests_where_prices_are_off_or_cannot_be_remembered() {
    for (extra, in_the_way) in [("web_server: {price_refresh_interval_seconds: 100000}", false), ("", true)] {
        let (url, asked) = api(0);
        let bench = Bench::new(&format!("{}\n{extra}", config_of(&url)));
        bench.rows(&[("2026-10-02T10:00:00", 0.0)]);
        if in_the_way {
            fs::create_dir(bench.file()).unwrap();
        }
        let started = Instant::now();
        bench.run(FAST, || started.elapsed() > Duration::from_millis(200));
        assert!(asked.lock().unwrap().is_empty(), "{extra}");
        assert!(in_the_way || !bench.known(Entity::DayAhead, "2026-10-02"));
    }
}

#[test]
fn a_damaged_file_is_told_and_what_it_had_is_fetched_again() {
    let (url, asked) = api(0);
    let bench = Bench::new(&config_of(&url));
    bench.rows(&[("2026-10-02T10:00:00", 0.0)]);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| bench.archivist(FAST).run());
        let wait = |enough: &dyn Fn() -> bool| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !enough() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            enough()
        };
        let has = || PriceReader::new(&bench.file(), zone()).day(Entity::Settlement, date("2026-10-02"));
        assert!(wait(&|| matches!(has(), Ok(Some(_)))));
        assert_eq!(bench.context.cell.load().own_database, Default::default());
        let before = asked.lock().unwrap().len();
        fs::write(bench.file(), "no database at all").unwrap();
        let (sender, answers) = bounded(1);
        assert!(bench.desk.ask(move |books| sender.send(books.prices(date("2026-10-02"))).unwrap()));
        assert!(answers.recv_timeout(Duration::from_secs(10)).unwrap().is_ok());
        assert!(wait(&|| matches!(has(), Ok(Some(_)))), "fetched again");
        assert_eq!(asked.lock().unwrap().len(), 2 * before);
        let told = bench.context.cell.load().own_database.set_aside.clone().unwrap();
        assert!(told.contains("it is not an SQLite database; it is now"), "{told}");
        bench.trigger.stop();
        thread.join().unwrap();
    });
}

#[test]
fn complete_days_are_kept_and_questions_answered_while_a_request_hangs() {
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::new(&config_of(&format!("http://{}/api/csdac-pln", silent.local_addr().unwrap())));
    bench.rows(&[("2026-11-20T10:00:00", 0.75), ("2026-11-20T10:05:00", 0.25), ("2026-11-20T10:15:00", 0.0)]);
    bench.context.archive.keep.send(day("2026-11-21", 300_000)).unwrap();
    let (sender, answers) = bounded(1);
    let ask = |text: &str| {
        let sender = sender.clone();
        let date = date(text);
        assert!(bench.desk.ask(move |books| sender.send(books.prices(date)).unwrap()));
        answers.recv_timeout(Duration::from_secs(10)).unwrap().unwrap()
    };
    let started = Instant::now();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| bench.archivist(FAST).run());
        silent.accept().unwrap();
        while !bench.known(Entity::DayAhead, "2026-11-21") {
            std::thread::sleep(Duration::from_millis(2));
        }
        let RememberedDay { day, before } = ask("2026-11-21");
        let market = day.as_ref().unwrap().market.as_ref().unwrap();
        assert_eq!((market.origin, market.received), (PriceOrigin::Memory, 96));
        assert_eq!(day.unwrap().slots[0].buy.unwrap().to_f64(), 0.5892, "with the tariff of the day");
        // The day before is known only from what the coordinator recorded.
        let before = before.unwrap();
        let market = before.market.as_ref().unwrap();
        assert_eq!((market.origin, market.received, market.expected), (PriceOrigin::EnergyRows, 1, 96));
        assert_eq!(before.slots[40].buy.unwrap().to_f64(), 0.5);
        assert!(before.rule.ends_with("in energy_data.price_pln"), "{}", before.rule);
        assert_eq!(ask("2026-11-19"), RememberedDay::default());
        bench.trigger.stop();
        thread.join().unwrap();
    });
    assert!(started.elapsed() < Duration::from_secs(10), "nobody waited for the price API");
}

#[test]
fn yesterday_is_recalled_for_the_comparison_after_a_start() {
    let (url, _) = api(0);
    let bench = Bench::new(&config_of(&url));
    bench.archivist(FAST).books.archive.keep(&[day("2026-11-21", 300_000)]).unwrap();
    Prices::new(bench.context.clone()).refresh();
    let snapshot = bench.context.cell.load();
    let known = snapshot.prices.value.as_ref().unwrap();
    let origin = |day: &str| known.day(date(day)).unwrap().market.as_ref().unwrap().origin;
    assert_eq!((origin("2026-11-21"), origin("2026-11-22")), (PriceOrigin::Memory, PriceOrigin::Network));
}

#[test]
fn requests_are_a_minute_apart_and_pauses_are_honoured() {
    let bench = Bench::new("");
    let mut archivist = bench.archivist(Pace::default());
    let wait = |archivist: &Archivist| archivist.due.unwrap().saturating_duration_since(Instant::now()).as_secs();
    assert!((58..=60).contains(&wait(&archivist)));
    let request = Request { entity: Entity::DayAhead, first: date("2026-10-01"), last: date("2026-10-01") };
    archivist.take(Ok(Found::Prices(request, vec![day("2026-10-01", 1)])));
    assert!((58..=60).contains(&wait(&archivist)));
    let failure = |pause| Failure { fault: Fault::unreachable("no"), pause };
    archivist.take(Err(failure(None)));
    assert!((88..=120).contains(&wait(&archivist)), "{}", wait(&archivist));
    archivist.take(Err(failure(Some(Duration::from_secs(1_800)))));
    assert!((1_798..=1_800).contains(&wait(&archivist)));
    for _ in 0..20 {
        archivist.take(Err(failure(None)));
    }
    assert!((2_698..=3_600).contains(&wait(&archivist)));
}

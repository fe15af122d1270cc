//! The past of a site on disk.

use std::fs;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::super::*;
use crate::base::clock::SimulatedClock;
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::base::units::Micro;
use crate::model::decision::Kind as Decided;
use crate::model::price::{Entity, Point, PriceOrigin};
use crate::model::receipt::{self, Lack, Receipt, Says, rates};

struct Site {
    dir: TempDir,
    library: Library,
    _trigger: ShutdownTrigger,
}

impl Site {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["config", "data", "out/energy_data"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let text = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}\n\
             data_storage: {database_storage: {enabled: true}}\n";
        let config = Arc::new(Config::parse(&dir.path().join("config/c.yaml"), text).unwrap());
        let (trigger, shutdown) = shutdown::channel();
        let clock = Arc::new(SimulatedClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let archive = Archive::new(config.own_database.clone(), config.zone.clone(), clock, shutdown.clone());
        let library = Library::new(archive, Composite::open(&config, &shutdown, false), config);
        Self { dir, library, _trigger: trigger }
    }

    fn writer(&self) -> Connection {
        let connection = Connection::open(self.dir.path().join("data/goodwe_energy.db")).unwrap();
        let schema =
            include_str!("../../../source/sqlite/schema.sql").replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ");
        let schema = schema
            .replace("CREATE INDEX ", "CREATE INDEX IF NOT EXISTS ")
            .replace("INSERT INTO", "INSERT OR IGNORE INTO");
        connection.execute_batch(&schema).unwrap();
        connection
    }

    /// A decision of this local time.
    fn decide(&self, writer: &Connection, at: &str, action: &str, parameters: &str) -> i64 {
        let sql = "INSERT INTO coordinator_decisions(timestamp, action, reason, parameters, created_at) VALUES (?, ?, 'why', ?, NULL)";
        writer.execute(sql, params![at, action, parameters]).unwrap();
        writer.last_insert_rowid()
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("out/energy_data").join(name), text).unwrap();
    }

    fn search(&self, from: &str, to: &str, limit: usize) -> Search {
        let zone = &self.library.config.zone;
        let day = |text: &str| zone.day_start(text.parse::<Date>().unwrap());
        Search { range: Range { from: day(from), to: day(to) }, kind: None, text: String::new(), limit, before: None }
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn names(page: &Page) -> Vec<String> {
    page.entries.iter().map(|entry| entry.id.to_string()).collect()
}

#[test]
fn ten_years_are_paged_through_without_a_loss_while_rows_arrive() {
    let mut site = Site::new();
    let writer = site.writer();
    writer.execute_batch("BEGIN").unwrap();
    let mut day: Date = "2016-11-23".parse().unwrap();
    let mut all = Vec::new();
    while day < "2026-11-22".parse::<Date>().unwrap() {
        for hour in [1, 13] {
            all.push(site.decide(&writer, &format!("{day}T{hour:02}:00:00"), "wait", "{}").to_string());
        }
        day = day.tomorrow().unwrap();
    }
    writer.execute_batch("COMMIT").unwrap();
    all.reverse();
    let mut search = site.search("2016-01-01", "2026-11-22", 500);
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = site.library.decisions(&search).unwrap();
        assert!(page.entries.len() <= 500);
        seen.extend(names(&page));
        pages += 1;
        // One more of today: it is newer than everything that is still to come.
        site.decide(&writer, "2026-11-21T23:00:00", "wait", "{}");
        search.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
    assert!(pages >= 15, "{pages}");
}

#[test]
fn a_day_that_the_database_lacks_is_the_files() {
    let mut site = Site::new();
    let writer = site.writer();
    let newest = site.decide(&writer, "2026-11-21T10:00:00", "charge", "{}");
    site.file("charging_decision_20261120_100000.json", r#"{"timestamp": "2026-11-20T10:00:00", "action": "wait"}"#);
    site.file("battery_selling_decision_20261120_100000.json", r#"{"timestamp": "2026-11-20T10:00:00"}"#);
    site.file("charging_decision_20261121_110000.json", r#"{"timestamp": "2026-11-21T11:00:00", "action": "wait"}"#);
    let page = site.library.decisions(&site.search("2026-11-01", "2026-11-22", 10)).unwrap();
    assert_eq!(names(&page), [newest.to_string(), "1795165200000000.1".into(), "1795165200000000.0".into()]);
    assert_eq!(page.searched_from, Some(at("2026-10-31T23:00:00Z")));
    for (id, kind) in [("1795165200000000.0", Decided::Wait), ("1795165200000000.1", Decided::Selling)] {
        let case = site.library.decision(Id::parse(id).unwrap()).unwrap().unwrap();
        assert_eq!((case.entry.decision.kind, case.entry.id.to_string()), (kind, id.to_owned()));
    }
    for id in ["1795165200000000.2", "1795165200000001.0", "99"] {
        assert_eq!(site.library.decision(Id::parse(id).unwrap()).unwrap(), None, "{id}");
    }
}

#[test]
fn a_search_without_time_left_says_where_to_go_on() {
    let mut site = Site::new();
    let writer = site.writer();
    for day in 1..=21 {
        site.decide(&writer, &format!("2026-11-{day:02}T10:00:00"), "wait", "{}");
    }
    let mut search = site.search("2026-11-01", "2026-11-22", 10);
    // The first day has as long as its question; after it there is no time.
    let page = site.library.page(&search, Instant::now() + Duration::from_millis(1)).unwrap_or_default();
    assert!(page.entries.len() < 21 && (page.out_of_time || page == Page::default()));
    let mut seen = Vec::new();
    for _ in 0..100 {
        let page = site.library.page(&search, Instant::now() + Duration::from_millis(3)).unwrap_or_default();
        seen.extend(names(&page));
        match page.next {
            Some(next) => search.before = Some(next),
            None if page.searched_from.is_some() => break,
            None => {}
        }
    }
    assert_eq!(seen, (1..=21).rev().map(|id| id.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_failing_database_is_not_replaced_by_old_files() {
    let mut site = Site::new();
    let writer = site.writer();
    site.decide(&writer, "2026-11-21T10:00:00", "charge", "{}");
    site.file("charging_decision_20261121_100000.json", r#"{"timestamp": "2026-11-21T10:00:00", "action": "wait"}"#);
    let search = site.search("2026-11-21", "2026-11-22", 10);
    assert_eq!(site.library.decisions(&search).unwrap().entries[0].id, Id::Row(1));
    writer.execute_batch("ALTER TABLE coordinator_decisions RENAME TO gone").unwrap();
    assert!(site.library.decisions(&search).is_err());
}

#[test]
fn a_charge_with_all_that_its_receipt_needs() {
    let mut site = Site::new();
    let writer = site.writer();
    let zone = site.library.config.zone.clone();
    let days = ["2026-11-20", "2026-11-21"].map(|day| {
        let date: Date = day.parse().unwrap();
        // 0.10 PLN/kWh after midnight, 0.50 before; 0.2892 more is the tariff's.
        let value = if day == "2026-11-20" { 500_000 } else { 100_000 };
        let axis = PublishedDay::axis(Entity::DayAhead, date, &zone);
        PublishedDay {
            entity: Entity::DayAhead,
            date,
            points: axis.map(|start| Point { start, value }).collect(),
            publication: None,
            fetched_at: at("2026-11-19T13:00:00Z"),
            origin: PriceOrigin::Network,
        }
    });
    site.library.archive.keep(&days).unwrap();
    let id = site.decide(&writer, "2026-11-20T20:00:00", "charge", r#"{"energy_kwh": 9, "battery_soc": 30}"#);
    writer
        .execute_batch(
            "INSERT INTO charging_sessions(session_id, start_time, end_time, energy_kwh, cost_pln)
             VALUES ('s', '2026-11-20T20:00:10', '2026-11-20T21:00:10', 3, 2.2);
             INSERT INTO energy_data(timestamp, battery_soc) VALUES ('2026-11-20T19:58:00', 31), ('2026-11-20T20:03:00', 32);
             INSERT INTO price_forecasts VALUES ('2026-11-20T12:00:00', '2026-11-20', 20, 0.7, 'x', 0.5, NULL);",
        )
        .unwrap();
    let case = site.library.decision(Id::Row(id)).unwrap().unwrap();
    assert_eq!(case.session.as_ref().unwrap().id, "s");
    assert_eq!((case.row.as_ref().unwrap().soc_pct, case.price_forecasts.len()), (Some(31.0), 1));
    assert_eq!((case.days.len(), case.troubles.len(), case.solar_forecasts.len()), (2, 0, 0));
    let decision = &case.entry.decision;
    let receipt = Receipt::new(decision, case.session.as_ref(), Err(Lack::Capacity), &rates(&case.days, false));
    assert_eq!(receipt.energy, Ok((Micro(3_000_000), Says::Session)));
    assert_eq!(receipt.money(&receipt.done), Ok(Micro(3 * 789_200)));
    assert_eq!(receipt.money(&receipt.alternative), Ok(Micro(3 * 389_200)));
    assert_eq!(receipt.difference(), Some(Micro(-1_200_000)));
    assert_eq!(receipt::span(decision, case.session.as_ref(), Err(Lack::Capacity)).to, at("2026-11-21T07:00:10Z"));
}

#[test]
fn an_older_site_without_sessions_or_prices() {
    let mut site = Site::new();
    let writer = Connection::open(site.dir.path().join("data/goodwe_energy.db")).unwrap();
    writer
        .execute_batch(
            "CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, action TEXT);
             CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, price_pln REAL);
             INSERT INTO coordinator_decisions VALUES (1, '2026-11-20T20:00:00', 'charge');
             INSERT INTO energy_data VALUES ('2026-11-20T20:00:00', 50, 0.8);",
        )
        .unwrap();
    let case = site.library.decision(Id::Row(1)).unwrap().unwrap();
    assert_eq!((&case.session, case.price_forecasts.len(), case.troubles.len()), (&None, 0, 0));
    assert_eq!(case.days[0].market.as_ref().unwrap().origin, PriceOrigin::EnergyRows);
    assert_eq!(rates(&case.days, false).len(), 1);
}

#[test]
fn one_instant_and_its_neighbours() {
    let mut site = Site::new();
    let writer = site.writer();
    let old = site.decide(&writer, "2026-11-17T10:00:00", "wait", "{}");
    let active = site.decide(&writer, "2026-11-19T10:00:00", "charge", "{}");
    let next = site.decide(&writer, "2026-11-21T00:00:00", "wait", "{}");
    writer
        .execute_batch(
            "INSERT INTO energy_data(timestamp, battery_soc)
             VALUES ('2026-11-19T23:59:00', 1), ('2026-11-20T00:04:00', 2), ('2026-11-20T00:09:00', 3)",
        )
        .unwrap();
    let moment = site.library.moment(at("2026-11-20T00:01:00+01:00")).unwrap();
    assert_eq!(moment.row.as_ref().unwrap().soc_pct, Some(1.0));
    assert_eq!((moment.row_before, moment.row_after), (None, Some(at("2026-11-20T00:04:00+01:00"))));
    let id = |entry: &Option<crate::model::search::Entry>| entry.as_ref().map(|entry| entry.id);
    assert_eq!(id(&moment.decision), Some(Id::Row(active)));
    assert_eq!((id(&moment.decision_before), id(&moment.decision_after)), (Some(Id::Row(old)), Some(Id::Row(next))));
    // The decision's own instant; a week later it says nothing any more.
    let moment = site.library.moment(at("2026-11-21T00:00:00+01:00")).unwrap();
    assert_eq!((id(&moment.decision), id(&moment.decision_after)), (Some(Id::Row(next)), None));
    assert_eq!(site.library.moment(at("2026-11-29T00:00:00+01:00")).unwrap(), Moment::default());
}

#[test]
fn the_doubled_hour_is_told_apart() {
    let mut site = Site::new();
    let writer = site.writer();
    let first = site.decide(&writer, "2026-10-25T02:45:00", "wait", "{}");
    let second = site.decide(&writer, "2026-10-25T02:15:00", "charge", "{}");
    let page = site.library.decisions(&site.search("2026-10-25", "2026-10-26", 10)).unwrap();
    assert_eq!(names(&page), [second.to_string(), first.to_string()]);
    let case = site.library.decision(Id::Row(second)).unwrap().unwrap();
    assert_eq!(case.entry.decision.at, at("2026-10-25T01:15:00Z"));
    let moment = site.library.moment(at("2026-10-25T01:00:00Z")).unwrap();
    assert_eq!(moment.decision.unwrap().id, Id::Row(first));
}

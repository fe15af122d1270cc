//! Answers from snapshots made by hand: what is known, what is not and why, and every error.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use crossbeam_channel::Receiver;
use serde_json::{Value, json};

use super::*;
use crate::base::clock::{Clock, SimulatedClock};
use crate::base::fault::Fault;
use crate::http::later::Pending;
use crate::http::message::body_of;
use crate::http::render::{Manner, Output};
use crate::inquiry::{Desk, Inquiry};
use crate::model::coordinator::Coordinator;
use crate::model::decision::{Decision, RawDecision};
use crate::model::logs::{Held, Level, LogFile, Logs};
use crate::model::price::{Entity, Point, PriceOrigin, PricedDay, PublishedDay, Sheets};
use crate::snapshot::{Attempt, DatabaseState, Feed, Live, Metrics, Origin, Prices, Scene, Section};
use crate::source::json as site_json;

mod logs;
mod months;
pub mod shelf;

use shelf::Shelf;

const NOW: &str = "2026-11-22T13:00:00Z";

pub struct Bench {
    pub api: Api,
    pub cell: Arc<SnapshotCell>,
    pub clock: Arc<SimulatedClock>,
    pub config: Config,
    pub inquiries: Receiver<Inquiry>,
    /// Who answers what is asked about the past.
    pub books: RefCell<Shelf>,
}

fn whole(response: Response<Body>) -> (u16, Vec<String>, Vec<u8>) {
    let status = response.status_code().0;
    let headers = response.headers().iter().map(ToString::to_string).collect();
    (status, headers, body_of(response))
}

impl Bench {
    pub fn new(extra: &str) -> Self {
        let text = format!(
            "electricity_tariff: {{tariff_type: g11, sc_component_pln_kwh: 0.1, distribution_pricing: {{g11: {{type: static, price: 0.2}}}}}}\n{extra}\n"
        );
        let config = Config::parse(Path::new("/site/config/c.yaml"), &text).unwrap();
        let clock = Arc::new(SimulatedClock::new(NOW.parse().unwrap()));
        let cell = Arc::new(SnapshotCell::default());
        let (desk, inquiries) = Desk::new();
        let api = Api::new(Arc::clone(&cell), clock.clone(), desk, &config, false);
        Self { api, cell, clock, config, inquiries, books: RefCell::default() }
    }

    pub fn attempt(&self) -> Attempt {
        Attempt { at: self.clock.now(), instant: self.clock.instant(), took: Duration::ZERO }
    }

    pub fn ask(&self, target: &str) -> (u16, Value) {
        let (status, _, body) = self.ask_with(target, Method::Get, &[]);
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub fn ask_with(&self, target: &str, method: Method, headers: &[(&str, &str)]) -> (u16, Vec<String>, Vec<u8>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Request { method, path: path.into(), query: query.into(), headers, peer: [127, 0, 0, 1].into() };
        let bytes = match self.api.handle(&request) {
            Answer::Ready(response) => return whole(response),
            Answer::Later(hand_over) => {
                let (told, heard) = std::sync::mpsc::channel();
                hand_over(Pending::told_to(told));
                for inquiry in self.inquiries.try_iter() {
                    let mut books = self.books.borrow_mut();
                    books.asked += 1;
                    inquiry(&mut *books);
                }
                return whole(heard.try_recv().expect("an answer"));
            }
            Answer::Prepared(prepared, extra) => {
                let mut output = Output::default();
                output.repeat(
                    prepared.choose(&request),
                    Manner { minor: 1, keep_alive: true, head_only: false },
                    &extra,
                );
                let mut bytes = Vec::new();
                while !output.is_sent() {
                    output.send(&mut bytes).unwrap();
                }
                bytes
            }
            _ => panic!("{target} is not answered from memory"),
        };
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head[9..12].parse().unwrap();
        (status, head.lines().skip(1).map(str::to_owned).collect(), bytes[end + 4..].to_vec())
    }

    pub fn show(&self, data: &str, age_s: u64, origin: Origin) {
        let at = self.clock.now() - Duration::from_secs(age_s);
        let reading = site_json::reading(&site_json::parse_object(data).unwrap(), at);
        let live = Live { reading, stated: String::new(), origin, recorded: "r".into(), file_modified: None };
        let attempt = self.attempt();
        self.cell.publish(|next| {
            next.live.succeed(Arc::new(live), attempt);
            next.database = DatabaseState::Connected;
        });
    }

    /// Decisions, each this many seconds old with this action and these parameters.
    pub fn decide(&self, decisions: &[(u64, &str, &str)]) {
        let now = self.clock.now();
        let decisions = decisions.iter().rev().map(|(age, action, parameters)| {
            let raw = RawDecision {
                id: Some(1),
                timestamp: format!("{age} s ago"),
                action: Some((*action).to_owned()),
                parameters: serde_json::from_str(parameters).unwrap(),
                ..RawDecision::default()
            };
            Decision::new(now - Duration::from_secs(*age), raw)
        });
        let zone = &self.config.zone;
        let scene = Scene { now, zone, origin: Origin::Database, stale_after: now };
        let feed = (SCRIBE.decisions)(decisions.collect(), &scene);
        let history = (SCRIBE.history)(&[], &scene);
        let metrics = Metrics {
            decisions: Some(Arc::new(Feed { origin: Origin::Database, published: now, content: feed })),
            history: Some(Arc::new(Feed { origin: Origin::Database, published: now, content: history })),
        };
        let attempt = self.attempt();
        self.cell.publish(|next| next.metrics.succeed(Arc::new(metrics), attempt));
    }

    /// A day whose quarter-hours have these values, millionths of a PLN/kWh, for both prices.
    pub fn priced_day(&self, date: &str, value: impl Fn(usize) -> Option<i64>) -> PricedDay {
        let (zone, date) = (&self.config.zone, date.parse().unwrap());
        let sheet = |entity| PublishedDay {
            entity,
            date,
            points: PublishedDay::axis(entity, date, zone)
                .enumerate()
                .filter_map(|(index, start)| Some(Point { start, value: value(index)? }))
                .collect(),
            publication: Some("2026-11-21 13:58:15.542".into()),
            fetched_at: self.clock.now(),
            origin: PriceOrigin::Network,
        };
        let (market, settlement) = (sheet(Entity::DayAhead), sheet(Entity::Settlement));
        let sheets = Sheets { market: Some(&market), settlement: Some(&settlement), kompas: None };
        PricedDay::new(date, sheets, &self.config.tariff, &self.config.selling, zone)
    }

    pub fn publish_prices(&self, days: impl IntoIterator<Item = PricedDay>) {
        let days = days.into_iter().map(|day| (day.date, Arc::new(day))).collect();
        let attempt = self.attempt();
        self.cell.publish(|next| next.prices.succeed(Arc::new(Prices { days }), attempt));
    }

    /// Prices of 2026-11-22: each hour's quarters cost as many ten-thousandths as the hour says; without hour 5.
    pub fn price(&self) {
        let hourly = |quarter: usize| (quarter / 4 != 5).then_some(quarter as i64 / 4 * 100);
        self.publish_prices([self.priced_day("2026-11-22", hourly)]);
    }
}

#[test]
fn before_the_first_load_answers_wait_but_status_and_page_do_not() {
    let bench = Bench::new("");
    for (target, status) in [
        ("/", 200),
        ("/status", 200),
        ("/health", 200),
        ("/logs", 200),
        ("/logs/files", 200),
        ("/prices", 404),
        ("/current-state", 503),
        ("/metrics", 503),
        ("/decisions", 503),
        ("/historical-data", 503),
        ("/monthly-summary", 503),
        ("/monthly-comparison", 503),
    ] {
        let (found, headers, body) = bench.ask_with(target, Method::Get, &[]);
        assert_eq!(found, status, "{target}");
        if status == 503 {
            assert!(headers.iter().any(|header| header == "Retry-After: 2"), "{target}: {headers:?}");
            assert!(String::from_utf8(body).unwrap().contains("not known yet"), "{target}");
        }
    }
    assert_eq!(bench.ask("/status").1["background_worker"]["health"], "stale");
}

#[test]
fn unknown_values_are_null_with_a_reason() {
    let bench = Bench::new("");
    let data = r#"{"battery": {"soc_percent": 15.5, "voltage": "Unknown", "charging_status": true}, "grid": {"power_w": -250}}"#;
    bench.show(data, 5, Origin::Database);
    let (status, state) = bench.ask("/current-state");
    assert_eq!(status, 200);
    assert_eq!(state["battery"]["soc_percent"], 15.5);
    assert_eq!(
        (&state["battery"]["charging_status"], &state["battery"]["health_status"]),
        (&json!("charging"), &json!("warning"))
    );
    assert_eq!(
        (&state["grid"]["flow_direction"], &state["grid"]["current_power_w"]),
        (&json!("Import"), &json!(-250.0))
    );
    for (pointer, key, why) in [
        ("/battery/voltage", "battery.voltage", "the inverter reported Unknown"),
        ("/photovoltaic/current_power_w", "photovoltaic.current_power_w", "the coordinator recorded none"),
        ("/photovoltaic/efficiency_percent", "photovoltaic.efficiency_percent", "nobody measures it"),
        ("/weather", "weather", "the coordinator recorded none"),
        ("/decision_factors/price_score", "decision_factors.price_score", "the coordinator recorded none"),
        ("/recommendations", "recommendations", "no decision of the last 7 days is known"),
    ] {
        assert_eq!(state.pointer(pointer), Some(&Value::Null), "{pointer}");
        assert_eq!(state["unknown"][key], why);
    }
    assert_eq!(state["system_health"]["data_quality"], "degraded");
    // Every null of a device has its reason.
    for device in ["battery", "photovoltaic", "house_consumption", "grid"] {
        for (leaf, value) in state[device].as_object().unwrap() {
            let told = !state["unknown"][format!("{device}.{leaf}")].is_null();
            assert_eq!(value.is_null(), told, "{device}.{leaf}");
        }
    }
}

#[test]
fn age_is_told_and_ages() {
    let data = r#"{"battery": {"soc_percent": 50}}"#;
    for (age, source, stale, warning, error) in [
        (0, "database_fresh", false, None, None),
        (119, "database_fresh", false, None, None),
        (130, "database_stale", true, Some("Data is 130s old (from 13:57:50)"), None),
        (600, "database_stale", true, Some("Data is 600s old (from 13:50:00)"), None),
        (731, "database_stale", true, Some("Data is 731s old (from 13:47:49)"), Some("State data too old: 731s")),
    ] {
        let bench = Bench::new("");
        bench.show(data, age, Origin::Database);
        let (_, state) = bench.ask("/current-state");
        assert_eq!((&state["data_source"], &state["stale"]), (&json!(source), &json!(stale)), "{age}");
        assert_eq!(state.get("data_warning").and_then(Value::as_str), warning, "{age}");
        assert_eq!(state["cache_age_seconds"], json!(age as f64));
        let (_, status) = bench.ask("/status");
        assert_eq!(status["background_worker"]["last_errors"]["inverter"].as_str(), error, "{age}");
        let (code, health) = bench.ask("/health?max_age_seconds=120");
        assert_eq!((code == 503, health["status"] == "stale"), (age > 120, age > 120), "{age}: {health}");
    }
    // Nothing is refreshed, and yet the age goes on.
    let bench = Bench::new("");
    bench.show(data, 0, Origin::Files);
    bench.clock.advance(Duration::from_secs(1000));
    assert_eq!(bench.ask("/current-state").1["age_s"], 1000.0);
    let (_, status) = bench.ask("/status");
    assert_eq!(status["background_worker"]["cache_ages"]["inverter_s"], 1000.0);
    // How far the closed days are summed, once that is known.
    assert_eq!(status.get("backfill"), Some(&Value::Null));
    for (eta, expected) in [(None, Value::Null), (Some(Duration::from_millis(12_340)), json!(12.3))] {
        let backfill = crate::snapshot::Backfill { done_days: 7, total_days: 60, eta };
        bench.cell.publish(|next| next.backfill = Some(backfill));
        let (_, status) = bench.ask("/status");
        assert_eq!(status["backfill"], json!({"done_days": 7, "total_days": 60, "eta_s": expected}));
    }
    // And how Wattboard's own database does.
    assert_eq!(status["own_database"], json!({"error": null, "set_aside": null}));
    let health =
        crate::snapshot::OwnDatabase { error: Some("it is full".into()), set_aside: Some("it is gone".into()) };
    bench.cell.publish(|next| next.own_database = health);
    let (_, status) = bench.ask("/status");
    assert_eq!(status["own_database"], json!({"error": "it is full", "set_aside": "it is gone"}));
    assert_eq!(status["data_source"], "background_cache_stale");
    // And the sending of rows.
    assert_eq!((&status["push"]["enabled"], &status["push"]["state"]), (&json!(false), &json!("off")));
    let mut push = crate::model::push::Push::new("http://db/api/v2/write (bucket b)".into());
    push.state = crate::model::push::State::Waiting;
    push.waiting_since = Some(bench.clock.now() - Duration::from_secs(90));
    push.error = Some("it is busy".into());
    bench.cell.publish(|next| next.push = Some(Arc::new(push)));
    let (_, status) = bench.ask("/status");
    let told = json!({"enabled": true, "state": "waiting", "destination": "http://db/api/v2/write (bucket b)",
        "last_success": null, "newest_row": null, "lag_s": 90.0, "rows_sent": 0, "rows_rejected": 0, "failures": 0,
        "error": "it is busy"});
    assert_eq!(status["push"], told);
    assert_eq!(status["unknown"]["push.newest_row"], "nothing was sent since the start");
    // A clock that was set back a year: nobody can tell how old the reading is.
    bench.clock.set_wall("2025-11-22T13:00:00Z".parse().unwrap());
    let (_, state) = bench.ask("/current-state");
    assert_eq!((&state["cache_age_seconds"], &state["stale"]), (&Value::Null, &json!(true)));
    assert!(state["data_warning"].as_str().unwrap().contains("dated in the future"), "{state}");
}

#[test]
fn an_old_state_file_is_stale_whatever_it_says() {
    let bench = Bench::new("");
    bench.show(r#"{"battery": {"soc_percent": 50}}"#, 5, Origin::Files);
    let modified = bench.clock.now() - Duration::from_secs(300);
    bench.cell.publish(|next| {
        let live = Live { file_modified: Some(modified), ..Live::clone(next.live.value.as_deref().unwrap()) };
        next.live.value = Some(Arc::new(live));
    });
    let (_, state) = bench.ask("/current-state");
    assert_eq!((&state["data_source"], &state["source"]), (&json!("background_cache_stale"), &json!("state_file")));
    assert_eq!(state["data_warning"], "The state file was not written for 300 s");
}

#[test]
fn the_health_of_refreshers_is_told() {
    let health = |bench: &Bench| bench.ask("/status").1["background_worker"].clone();
    let off = Bench::new(
        "web_server: {background_refresh_interval_seconds: 999999, price_refresh_interval_seconds: 999999, metrics_refresh_interval_seconds: 999999}",
    );
    assert_eq!(health(&off)["health"], "healthy", "what is switched off is never stale");

    let bench = Bench::new("web_server: {price_refresh_interval_seconds: 3600}");
    bench.show("{}", 0, Origin::Database);
    bench.decide(&[]);
    bench.price();
    assert_eq!(health(&bench)["health"], "healthy");
    bench.clock.advance(Duration::from_secs(601));
    assert_eq!(health(&bench)["health"], "stale");
    bench.show("{}", 0, Origin::Database);
    bench.decide(&[]);
    // Prices are asked for every hour: they may be two hours old.
    assert_eq!(health(&bench)["health"], "healthy");
    bench.cell.publish(|next| {
        next.gone.insert("live".into(), "it panicked: boom".into());
    });
    let worker = health(&bench);
    assert_eq!((&worker["health"], &worker["alive"]), (&json!("failed"), &json!(false)));
    assert_eq!(worker["gone"]["live"], "it panicked: boom");
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.metrics.fail(&Fault::io("no disk"), attempt));
    assert_eq!(health(&bench)["last_errors"]["metrics"], "no disk");
}

#[test]
fn storage_and_process_are_told() {
    let bench = Bench::new("data_storage: {database_storage: {enabled: true}}");
    let (_, status) = bench.ask("/status");
    assert_eq!(status["storage"], json!({"connected": false, "has_data": false, "type": "sqlite", "error": null}));
    assert_eq!((&status["coordinator_running"], &status["coordinator_pid"]), (&json!(false), &Value::Null));
    assert!(status["unknown"]["coordinator_running"].is_string());
    bench.show("{}", 0, Origin::Files);
    let attempt = bench.attempt();
    bench.cell.publish(|next| {
        next.database = DatabaseState::Failing("held".into());
        next.process.succeed(Arc::new(Coordinator { pid: Some(42) }), attempt);
    });
    bench.decide(&[(10, "wait", "{}")]);
    let (_, status) = bench.ask("/status");
    assert_eq!(status["storage"], json!({"connected": false, "has_data": true, "type": "file", "error": "held"}));
    assert_eq!((&status["coordinator_running"], &status["coordinator_pid"]), (&json!(true), &json!(42)));
}

#[test]
fn decisions_of_every_range_newest_first() {
    let bench = Bench::new("");
    bench.decide(&[
        (10, "wait", r#"{"confidence": 0.5}"#),
        (100, "charge", r#"{"current_price": 0, "energy_kwh": "1.5", "should_charge": true, "note": "x"}"#),
        (4_000, "battery_selling", r#"{"energy_sold_kwh": 2, "expected_revenue_pln": 1.5}"#),
        (90_000, "charge", "{}"),
    ]);
    for (range, counts) in [("1m", [1, 0, 1, 0]), ("1h", [2, 1, 1, 0]), ("24h", [3, 1, 1, 1]), ("7d", [4, 2, 1, 1])] {
        let (status, answer) = bench.ask(&format!("/decisions?time_range={range}"));
        assert_eq!(status, 200);
        let found = ["total_count", "charging_count", "wait_count", "battery_selling_count"]
            .map(|key| answer[key].as_i64().unwrap());
        assert_eq!(found, counts, "{range}");
        assert_eq!(answer["decisions"].as_array().unwrap().len() as i64, counts[0]);
        assert_eq!(answer["decisions"][0]["timestamp"], "10 s ago");
        assert_eq!((&answer["time_range"], &answer["data_source"]), (&json!(range), &json!("real")));
    }
    let (_, week) = bench.ask("/decisions?time_range=7d");
    let charge = &week["decisions"][1];
    assert_eq!(
        (&charge["current_price"], &charge["energy_kwh"], &charge["should_charge"]),
        (&Value::Null, &json!(1.5), &json!(true))
    );
    assert_eq!(charge["parameters"]["note"], "x");
    let sale = &week["decisions"][2];
    assert_eq!((&sale["energy_kwh"], &sale["estimated_cost_pln"]), (&json!(2.0), &json!(-1.5)));
    assert_eq!(bench.ask("/decisions").1["time_range"], "24h");
    let (status, refusal) = bench.ask("/decisions?time_range=2h");
    assert_eq!(status, 400);
    assert_eq!(
        refusal,
        json!({"error": "time_range=2h is not allowed; it must be 24h, 7d, 1h or 1m", "code": "bad_request"})
    );
    // Every range is as of the publication, and says so.
    bench.clock.advance(Duration::from_secs(3_000));
    let (_, minute) = bench.ask("/decisions?time_range=1m");
    assert_eq!((&minute["total_count"], &minute["as_of"]), (&json!(1), &json!("2026-11-22T14:00:00+01:00")));
}

#[test]
fn no_decisions_are_no_decisions() {
    let bench = Bench::new("");
    bench.decide(&[]);
    let (status, answer) = bench.ask("/decisions?time_range=7d");
    assert_eq!((status, &answer["decisions"], &answer["data_source"]), (200, &json!([]), &json!("none")));
    let (_, history) = bench.ask("/historical-data");
    assert_eq!(
        (&history["timestamps"], &history["data_points"], &history["soc_range"]),
        (&json!([]), &json!(0), &Value::Null)
    );
}

#[test]
fn hourly_prices_and_the_quarter_hour_that_it_is() {
    let bench = Bench::new("");
    bench.price();
    let (status, prices) = bench.ask("/prices");
    assert_eq!(status, 200);
    // 14:00 local: hour 14 costs 0.0014 on the market, 0.3 is added.
    assert_eq!((&prices["current_price_pln_kwh"], &prices["current_slot_pln_kwh"]), (&json!(0.3014), &json!(0.3014)));
    assert_eq!(prices["slot_start"], "2026-11-22T14:00:00+01:00");
    assert_eq!((&prices["cheapest_hour"], &prices["cheapest_price_pln_kwh"]), (&json!("00:00"), &json!(0.3)));
    assert_eq!(prices["prices"].as_array().unwrap().len(), 23, "the hour that is not known is left out");
    assert_eq!(prices["prices"][6], json!({"hour": 7, "hour_str": "07:00", "price": 0.3007, "market_price": 0.0007}));
    assert_eq!(prices["data_source"], "PSE API (CSDAC-PLN)");
    assert_eq!(prices["unknown"], json!({"prices": "92 of 96 quarter-hours are known"}));
    // In the hole.
    bench.clock.set_wall("2026-11-22T04:30:00Z".parse().unwrap());
    let (_, prices) = bench.ask("/prices");
    assert_eq!((&prices["current_price_pln_kwh"], &prices["current_slot_pln_kwh"]), (&Value::Null, &Value::Null));
    assert!(prices["unknown"]["current_price_pln_kwh"].is_string());
    // The quarter changes to the second.
    for (at, hour) in [("2026-11-22T13:59:59Z", 0.3014), ("2026-11-22T14:00:00Z", 0.3015)] {
        bench.clock.set_wall(at.parse().unwrap());
        assert_eq!(bench.ask("/prices").1["current_slot_pln_kwh"], hour, "{at}");
    }
    // Tomorrow nothing is known of tomorrow.
    bench.clock.set_wall("2026-11-22T23:00:00Z".parse().unwrap());
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.prices.fail(&Fault::timeout("the price API did not answer within 30 s"), attempt));
    let (status, refusal) = bench.ask("/prices");
    assert_eq!(status, 404);
    assert_eq!(refusal["error"], "no prices of today are known: the price API did not answer within 30 s");
}

#[test]
fn options_and_cors() {
    let bench = Bench::new("web_server: {cors_enabled: true}");
    let (status, headers, body) = bench.ask_with("/status", Method::Options, &[]);
    assert_eq!((status, body.len()), (204, 0));
    assert!(headers.contains(&"Allow: GET, HEAD, OPTIONS".to_owned()), "{headers:?}");
    assert!(!headers.iter().any(|line| line.starts_with("Content-Type")), "of nothing: {headers:?}");
    for (origin, allowed) in [("http://192.168.1.9:8123", true), ("https://evil.example", false)] {
        let (_, headers, _) = bench.ask_with("/status", Method::Get, &[("origin", origin)]);
        assert_eq!(headers.contains(&format!("Access-Control-Allow-Origin: {origin}")), allowed, "{origin}");
        assert!(headers.contains(&"Vary: Origin".to_owned()));
    }
    let (_, headers, _) = Bench::new("").ask_with("/status", Method::Get, &[("origin", "http://192.168.1.9:8123")]);
    assert!(headers.iter().all(|header| !header.starts_with("Access-Control")), "{headers:?}");
}

#[test]
fn a_section_that_failed_at_once_says_why() {
    let bench = Bench::new("");
    let attempt = bench.attempt();
    bench.cell.publish(|next| {
        next.metrics = Section::default();
        next.metrics.fail(&Fault::io("the database is damaged"), attempt);
    });
    let (status, refusal) = bench.ask("/decisions");
    assert_eq!(
        (status, refusal["error"].as_str()),
        (503, Some("decisions are not known yet: the database is damaged"))
    );
}

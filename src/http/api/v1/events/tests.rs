//! What is told, and that nothing is told twice, from snapshots made by hand.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::super::tests::Bench;
use super::*;
use crate::base::fault::Fault;
use crate::http::message::Handler;
use crate::model::logs::{Held, LogFile, Logs};
use crate::snapshot::Origin;

const ALL: Topics = Topics::NONE.with(STATE).with(PRICES).with(DECISION).with(HEALTH);
const WITH_MASTER: Topics = ALL.with(FIRST_LOG);
const MASTER: Topics = Topics::NONE.with(FIRST_LOG);

/// A bench whose API is shared with what it tells.
fn bench() -> (Bench, Told) {
    let bench = Bench::new("");
    let (desk, _) = crate::inquiry::Desk::new();
    let api = Api::new(Arc::clone(&bench.cell), bench.clock.clone(), desk, &bench.config, false);
    (bench, Told::new(Arc::new(api)))
}

fn look(told: &mut Told, wanted: Topics) -> Vec<(&'static str, Value)> {
    let mut news = Vec::new();
    told.look(wanted, &mut news);
    let parsed = |news: News| {
        assert!(!news.data.contains(['\n', '\r', '\0']), "{}", news.data);
        (news.name, serde_json::from_str(&news.data).unwrap())
    };
    news.into_iter().map(parsed).collect()
}

fn names(told: &mut Told, wanted: Topics) -> Vec<&'static str> {
    look(told, wanted).into_iter().map(|(name, _)| name).collect()
}

/// The lines that memory holds, and the number of the first one.
fn write_log(bench: &Bench, first: u64, lines: &[&str]) {
    let lines: Vec<_> = lines.iter().map(|line| (None, *line)).collect();
    let file = LogFile {
        name: "master_coordinator.log".into(),
        path: "p".into(),
        size: 1,
        modified: None,
        held: Held::of_lines(first, &lines),
        error: None,
    };
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.logs.succeed(Arc::new(Logs { files: vec![file], journal: None }), attempt));
}

#[test]
fn each_topic_is_told_when_it_changes_and_only_then() {
    let (bench, mut told) = bench();
    assert_eq!(names(&mut told, ALL), ["state", "prices", "decision", "health"], "at first, that nothing is known");
    assert!(names(&mut told, ALL).is_empty());
    bench.show(r#"{"battery": {"soc_percent": 50}}"#, 0, Origin::Database);
    let news = look(&mut told, ALL);
    assert_eq!(news.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["state", "health"]);
    assert_eq!(news[0].1["live"]["battery"]["soc_percent"], 50.0);
    assert_eq!(news[0].1["decision_id"], Value::Null);
    for frozen in ["age_s", "data_warning"] {
        assert_eq!(news[0].1["live"].get(frozen), None);
    }
    assert_eq!(news[1].1["sources"]["live"], json!({"state": "ok", "error": null}));
    // The same reading published anew, as another object.
    bench.show(r#"{"battery": {"soc_percent": 50}}"#, 0, Origin::Database);
    assert!(names(&mut told, ALL).is_empty());
    bench.decide(&[(10, "wait", "{}")]);
    assert_eq!(names(&mut told, ALL), ["state", "decision", "health"]);
    bench.decide(&[(10, "wait", "{}")]);
    assert!(names(&mut told, ALL).is_empty());
    bench.price();
    let news = look(&mut told, ALL);
    assert_eq!(news.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["prices", "health"]);
    assert_eq!(news[0].1["days"][0]["day"], "2026-11-22");
    assert_eq!(news[0].1["current"]["start"], "2026-11-22T14:00:00+01:00");
    bench.price();
    assert!(names(&mut told, ALL).is_empty());
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.prices.fail(&Fault::timeout("PSE is slow"), attempt));
    let news = look(&mut told, ALL);
    assert_eq!(news.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["health"], "the prices are the same");
    assert_eq!(news[0].1["sources"]["prices"], json!({"state": "failed", "error": "PSE is slow"}));
}

#[test]
fn what_changes_by_itself_is_told_at_its_time() {
    let (bench, mut told) = bench();
    bench.price();
    bench.show(r#"{"battery": {"soc_percent": 50}}"#, 0, Origin::Database);
    let due = |told: &mut Told, wanted| told.look(wanted, &mut Vec::new());
    let prices = Topics::NONE.with(PRICES);
    assert_eq!(due(&mut told, prices), Some(Duration::from_secs(900) + A_LITTLE));
    assert_eq!(due(&mut told, ALL), Some(Duration::from_secs(120) + A_LITTLE));
    assert_eq!(due(&mut told, MASTER), None);
    bench.clock.advance(Duration::from_secs(120) + A_LITTLE);
    let news = look(&mut told, ALL);
    assert_eq!(news.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["state", "health"]);
    assert_eq!((&news[0].1["live"]["stale"], &news[1].1["sources"]["live"]["state"]), (&json!(true), &json!("stale")));
    // The caches are next, 600 s after they were read.
    let next = due(&mut told, ALL).unwrap();
    assert!(next <= Duration::from_secs(480) + A_LITTLE && next > Duration::from_secs(479), "{next:?}");
    bench.clock.advance(Duration::from_secs(780));
    let news = look(&mut told, prices);
    assert_eq!(news[0].1["current"]["start"], "2026-11-22T14:15:00+01:00");
    assert!(look(&mut told, prices).is_empty());
    bench.clock.set_wall("2026-11-22T14:14:59Z".parse().unwrap());
    assert_eq!(due(&mut told, prices), Some(Duration::from_secs(1) + A_LITTLE));
}

#[test]
fn a_log_is_told_from_its_last_lines_on() {
    let (bench, mut told) = bench();
    let first = look(&mut told, WITH_MASTER).pop().unwrap();
    assert_eq!(
        first,
        (
            "log",
            json!({"file": "master", "lines": [], "replace": true, "skipped": 0, "reason": "the log files are still being read"})
        )
    );
    assert!(look(&mut told, MASTER).is_empty());
    let many: Vec<String> = (0..70).map(|number| format!("line {number}")).collect();
    let mut lines: Vec<&str> = many.iter().map(String::as_str).collect();
    write_log(&bench, 1, &lines);
    let (_, event) = look(&mut told, MASTER).pop().unwrap();
    assert_eq!((&event["replace"], event["lines"].as_array().unwrap().len()), (&json!(true), 50));
    assert_eq!((&event["lines"][0], &event["lines"][49]), (&json!("line 20"), &json!("line 69")));
    lines.extend(["line 70", "line 71"]);
    write_log(&bench, 11, &lines[10..]);
    let added = json!({"file": "master", "lines": ["line 70", "line 71"], "replace": false, "skipped": 0});
    assert_eq!(look(&mut told, MASTER), [("log", added)]);
    assert!(look(&mut told, MASTER).is_empty());
    // A newcomer is told the last lines, those that are news to everybody left out.
    lines.push("line 72");
    write_log(&bench, 11, &lines[10..]);
    let whole = told.whole(FIRST_LOG).unwrap();
    let whole: Value = serde_json::from_str(&whole.data).unwrap();
    assert_eq!((&whole["lines"][49], &whole["replace"]), (&json!("line 71"), &json!(true)));
    assert_eq!(look(&mut told, MASTER)[0].1["lines"], json!(["line 72"]));
    assert!(told.whole(STATE).is_none());
    // Another file: what was shown is replaced.
    write_log(&bench, 1_000_000, &["new"]);
    let (_, event) = look(&mut told, MASTER).pop().unwrap();
    assert_eq!((&event["replace"], &event["lines"]), (&json!(true), &json!(["new"])));
    write_log(&bench, 1_000_001, &[]);
    assert!(look(&mut told, MASTER).is_empty(), "what was told of it stays true");
}

#[test]
fn hostile_lines_stay_one_event_of_bounded_size() {
    let (bench, mut told) = bench();
    let nasty = "a\nb\r\n\ndata: {}\n\nid: 9\0\u{2028}\u{85}\u{feff}\"\\";
    write_log(&bench, 1, &[nasty]);
    assert_eq!(look(&mut told, MASTER)[0].1["lines"], json!([nasty]));
    let long = "\0".repeat(8 * 1024);
    let wide = "ł".repeat(8 * 1024);
    write_log(&bench, 1, &[&*vec![nasty; 601], &[&long, &wide, &long]].concat());
    let mut news = Vec::new();
    told.look(MASTER, &mut news);
    assert!(news[0].data.len() < 40 * 1024, "{}", news[0].data.len());
    let event: Value = serde_json::from_str(&news[0].data).unwrap();
    let shown = event["lines"].as_array().unwrap();
    assert_eq!((shown.len(), &event["replace"]), (2, &json!(false)), "as many as there is room for");
    assert_eq!(event["skipped"], 601, "the rest is counted");
    assert!(shown[0].as_str().unwrap().ends_with("ł […]"));
}

#[test]
fn queries_choose_topics_and_bad_ones_are_refused() {
    let bench = Bench::new("");
    for (query, topics) in [
        ("", Ok(ALL)),
        ("topics=state,prices", Ok(Topics::NONE.with(STATE).with(PRICES))),
        ("topics=health&log=master", Ok(Topics::NONE.with(HEALTH).with(FIRST_LOG))),
        ("topics=log,state&log=fast_charge,data", Ok(Topics::NONE.with(STATE).with(5).with(6))),
        ("log=master", Ok(WITH_MASTER)),
        ("topics=", Err("topics= is not allowed")),
        ("topics=state,weather", Err("topics=weather is not allowed")),
        ("topics=log", Err("topics=log is not allowed")),
        ("log=journal", Ok(ALL.with(7))),
        ("log=summary", Err("log=summary is not allowed; it must be master, data, fast_charge or journal")),
        ("log=", Err("log= is not allowed")),
    ] {
        let mut ask = bench.api.moment();
        ask.query = crate::http::query::Query::parse(query);
        match (wanted(&ask), topics) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
            (Err(refusal), Err(start)) => {
                assert!(refusal.status == 400 && refusal.text.starts_with(start), "{query}: {}", refusal.text);
            }
            (found, _) => panic!("{query}: {found:?}"),
        }
    }
    assert_eq!(bench.ask("/api/v1/events?topics=weather").0, 400);
    let (status, headers, _) = bench.ask_with("/api/v1/events", Method::Get, &[]);
    assert_eq!(status, 503, "this one has no streams");
    assert!(headers.contains(&"Retry-After: 5".to_owned()), "{headers:?}");
    let head = Request {
        method: Method::Head,
        path: "/api/v1/events".into(),
        query: String::new(),
        headers: Vec::new(),
        peer: [127, 0, 0, 1].into(),
    };
    assert!(matches!(bench.api.handle(&head), Answer::Give(_)));
}

#[test]
fn a_look_at_unchanged_logs_is_no_news_and_a_hang_is() {
    let (bench, mut told) = bench();
    let health = Topics::NONE.with(HEALTH);
    write_log(&bench, 1, &["a"]);
    assert_eq!(names(&mut told, health), ["health"]);
    for _ in 0..400 {
        bench.clock.advance(Duration::from_secs(2));
        bench.cell.load().logs.confirm_quietly(bench.attempt());
        assert!(names(&mut told, health).is_empty());
    }
    let (_, state) = bench.ask("/api/v1/state");
    assert_eq!((&state["sources"]["logs"]["state"], &state["sources"]["logs"]["age_s"]), (&json!("ok"), &json!(0.0)));
    assert_eq!(bench.ask("/status").1["background_worker"]["cache_ages"]["logs_s"], 0.0);
    assert_eq!(told.look(health, &mut Vec::new()), Some(Duration::from_secs(600) + A_LITTLE));
    bench.clock.advance(Duration::from_secs(600) + A_LITTLE);
    let news = look(&mut told, health);
    assert_eq!(news[0].1["sources"]["logs"]["state"], "stale");
}

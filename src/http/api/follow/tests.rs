//! What one who follows a log is told, and when.

use serde_json::{Value, json};

use super::*;
use crate::http::api::tests::Bench;
use crate::http::query::Query;
use crate::model::logs::{Journal, LogFile, Logs};

const ROOM: usize = 32 * 1024;

fn follow(bench: &Bench, query: &str) -> Follow {
    let mut ask = bench.api.moment();
    ask.query = Query::parse(query);
    let asked = Asked::read(&ask).unwrap();
    let place = bench.api.audience.join(Some("master_coordinator.log"), u64::MAX);
    let (cell, waiting) = (Arc::clone(&bench.cell), VecDeque::new());
    Follow { cell, log: asked.log, filter: asked.filter, is_greeted: false, waiting, told: None, reason: None, place }
}

/// The lines that memory holds, numbered from `first`; `None` where there is no such file.
fn publish(bench: &Bench, lines: Option<(u64, &[&str])>) {
    let file = |(first, lines): (u64, &[&str])| LogFile {
        name: "master_coordinator.log".into(),
        path: "p".into(),
        size: 1,
        modified: None,
        held: Held::of_lines(first, &lines.iter().map(|line| (None, *line)).collect::<Vec<_>>()),
        error: None,
    };
    let attempt = bench.attempt();
    let logs = Logs { files: lines.map(file).into_iter().collect(), journal: None };
    bench.cell.publish(|next| next.logs.succeed(Arc::new(logs), attempt));
}

fn events(text: &str) -> Vec<Value> {
    let frames: Vec<&str> = text.split_terminator("\n\n").collect();
    frames.iter().map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

fn next(follow: &mut Follow) -> Vec<Value> {
    events(&follow.next(ROOM))
}

fn line(text: &str) -> Value {
    json!({"type": "log", "line": text})
}

#[test]
fn first_the_last_lines_and_then_each_once() {
    let bench = Bench::new("");
    let lines: Vec<String> = (1..=100).map(|number| format!("line {number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    publish(&bench, Some((1, &lines[..90])));
    let mut all = follow(&bench, "");
    let mut some = follow(&bench, "q=LINE+9");
    let told = next(&mut all);
    assert_eq!(told[0], json!({"type": "start", "message": "following master_coordinator.log"}));
    assert_eq!((told.len(), &told[1], &told[50]), (51, &line("line 41"), &line("line 90")));
    assert_eq!(next(&mut some)[1..], [line("line 9"), line("line 90")]);
    assert!(next(&mut all).is_empty());
    publish(&bench, Some((51, &lines[50..])));
    assert_eq!(next(&mut all), lines[90..].iter().map(|text| line(text)).collect::<Vec<_>>());
    assert_eq!(next(&mut some).len(), 9);
    assert!(next(&mut all).is_empty() && next(&mut some).is_empty());
    assert_eq!((all.place.reached(), some.place.reached()), (100, 100));
    // Memory does not reach back so far: that is said.
    publish(&bench, Some((103, &["line 103"])));
    let told = next(&mut all);
    assert!(told[0]["type"] == "error" && told[0]["message"].as_str().unwrap().starts_with("lines were left out"));
    assert_eq!(told[1..], [line("line 103")]);
}

#[test]
fn a_log_that_is_not_there_or_goes_says_so_once() {
    let bench = Bench::new("");
    let mut follow = follow(&bench, "");
    let told = next(&mut follow);
    assert_eq!((told.len(), &told[1]), (2, &json!({"type": "error", "message": "the log files are still being read"})));
    publish(&bench, None);
    assert_eq!(next(&mut follow), [json!({"type": "error", "message": "there is no such file in the log folder"})]);
    assert!(next(&mut follow).is_empty());
    publish(&bench, Some((1, &[])));
    assert!(next(&mut follow).is_empty());
    let lines = ["one"; 100];
    publish(&bench, Some((1, &lines)));
    assert_eq!(next(&mut follow), lines.map(line), "all are news");
    publish(&bench, None);
    assert_eq!(next(&mut follow).len(), 1);
    publish(&bench, Some((1_000_002, &["of another file"])));
    assert_eq!(next(&mut follow), [line("of another file")]);
}

#[test]
fn hostile_and_long_lines_are_told_as_there_is_room() {
    let bench = Bench::new("");
    let nasty = "a\nb\r\n\ndata: {}\n\nid: 9\0\u{2028}\u{85}\u{feff}\"\\<script>alert(1)</script>\u{1b}[31m";
    let long = "\0".repeat(8 * 1024);
    publish(&bench, Some((1, &["old"])));
    let mut follow = follow(&bench, "");
    next(&mut follow);
    let lines = ["old", nasty, &long, &long, nasty];
    publish(&bench, Some((1, &lines)));
    let mut told = Vec::new();
    loop {
        let text = follow.next(ROOM);
        assert!(text.len() < 56 * 1024, "{}", text.len());
        if text.is_empty() {
            break;
        }
        assert_eq!(text.matches("\n\n").count(), text.matches("data: {\"type\"").count(), "each event is one");
        told.extend(events(&text));
    }
    assert_eq!(told, lines[1..].iter().map(|text| line(text)).collect::<Vec<_>>());
}

#[test]
fn the_journal_tells_fewer_lines_first() {
    let bench = Bench::new("");
    let lines: Vec<_> = (0..40).map(|_| (None, "x")).collect();
    let journal = Some(Journal { held: Held::of_lines(1, &lines), read: None, error: None });
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.logs.succeed(Arc::new(Logs { files: Vec::new(), journal }), attempt));
    assert_eq!(next(&mut follow(&bench, "file=journal")).len(), 1 + FIRST_JOURNAL_LINES);
}

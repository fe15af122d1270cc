//! Log lines as they are answered.

use super::*;
use crate::model::logs::Journal;
use crate::model::logs::tail::Dialect;

#[test]
fn log_lines_by_level() {
    let bench = Bench::new("");
    let lines = [
        (Some(Level::Info), "a - INFO - <script>"),
        (Some(Level::Error), "b - ERROR - failed"),
        (Some(Level::Error), "Traceback"),
        (Some(Level::Warning), "c - WARNING - \u{1b}[31m"),
    ];
    let file = LogFile {
        name: "master_coordinator.log".into(),
        path: "/site/logs/master_coordinator.log".into(),
        size: 7,
        modified: None,
        held: Held::of_lines(1, &lines),
        error: None,
    };
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.logs.succeed(Arc::new(Logs { files: vec![file], journal: None }), attempt));
    for (query, counts, last) in [
        ("", [4, 4, 4], "c - WARNING - \u{1b}[31m"),
        ("?lines=1", [4, 4, 1], "c - WARNING - \u{1b}[31m"),
        ("?level=error", [4, 2, 2], "Traceback"),
        ("?level=WARNING%2B&file=master", [4, 3, 3], "c - WARNING - \u{1b}[31m"),
        ("?level=WARNING+", [4, 3, 3], "c - WARNING - \u{1b}[31m"),
        ("?level=CRITICAL", [4, 0, 0], ""),
    ] {
        let (status, answer) = bench.ask(&format!("/logs{query}"));
        assert_eq!(status, 200, "{query}");
        let found = ["total_lines", "filtered_lines", "returned_lines"].map(|key| answer[key].as_u64().unwrap());
        assert_eq!(found, counts, "{query}");
        let lines = answer["lines"].as_array().unwrap();
        assert_eq!(lines.last().and_then(Value::as_str).unwrap_or(""), last, "{query}");
    }
    for (target, status, error) in [
        ("/logs?lines=0", 400, "lines=0 is not allowed; it must be a whole number from 1 to 1000"),
        ("/logs?lines=many", 400, "lines=many is not allowed; it must be a whole number from 1 to 1000"),
        (
            "/logs?level=LOUD",
            400,
            "level=LOUD is not allowed; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL, or one of these with a plus for it and above",
        ),
        (
            "/logs?file=../etc/passwd",
            400,
            "file=../etc/passwd is not allowed; it must be master, data, enhanced_data_collector, fast_charge, systemd, journal or summary",
        ),
        ("/logs?file=data", 404, "enhanced_data_collector.log is not known: there is no such file in the log folder"),
        ("/logs?file=summary&follow=true", 400, "follow=true is not allowed; it must be left out for file=summary"),
        ("/logs/download/other.log", 404, "there is no log file \"other.log\""),
        ("/logs/download/%2e%2e%2fc.yaml", 404, "there is no log file \"../c.yaml\""),
        ("/nowhere", 404, "there is nothing at /nowhere"),
    ] {
        let (found, answer) = bench.ask(target);
        assert_eq!((found, answer["error"].as_str()), (status, Some(error)), "{target}");
    }
    assert_eq!(bench.ask("/logs?follow=true").0, 503, "this one has no event streams");
}

/// A log file and a journal.
fn publish(bench: &Bench, file_text: Option<&str>, journal: Option<(&str, Option<&str>)>) {
    let now = bench.clock.now();
    let file = |text| LogFile {
        name: "master_coordinator.log".into(),
        path: "/site/logs/master_coordinator.log".into(),
        size: 7,
        modified: Some(now),
        held: Held::of_text(Dialect::Python, text, now),
        error: None,
    };
    let journal = journal.map(|(text, error)| Journal {
        held: Held::of_text(Dialect::Journal, text, now),
        read: Some(now),
        error: error.map(str::to_owned),
    });
    let attempt = bench.attempt();
    let logs = Logs { files: file_text.map(file).into_iter().collect(), journal };
    bench.cell.publish(|next| next.logs.succeed(Arc::new(logs), attempt));
}

const TEXT: &str = "2026-11-22 13:00:00,000 - m - INFO - Łódź calling
2026-11-22 13:30:00,000 - m - ERROR - Failed to read 7 registers
Traceback:
2026-11-22 13:45:00,000 - m - ERROR - Failed to read 12 registers
";

#[test]
fn log_lines_by_words_and_time() {
    let bench = Bench::new("");
    publish(&bench, Some(TEXT), None);
    let lines: Vec<&str> = TEXT.lines().collect();
    for (query, expected) in [
        ("q=CALLING", &lines[..1]),
        ("q=%C5%81%C3%93D%C5%B9", &lines[..1]),
        ("q=", &lines[..]),
        ("q=failed+to&level=ERROR", &[lines[1], lines[3]][..]),
        ("q=nothing", &[]),
        ("since=2026-11-22T13:30", &lines[1..]),
        ("since=2026-11-22T13:30:00%2B01:00&before=2026-11-22T13:45", &lines[1..3]),
        ("before=2026-11-22T12:30:00Z", &lines[..1]),
        ("since=2026-11-22", &lines[..]),
        ("before=2026-11-22", &[]),
    ] {
        let (status, answer) = bench.ask(&format!("/logs?{query}"));
        assert_eq!((status, &answer["lines"], &answer["total_lines"]), (200, &json!(expected), &json!(4)), "{query}");
    }
    assert_eq!(bench.ask("/logs?since=2026-11-20").1["held_from"], "2026-11-22T13:00:00+01:00");
    let long = "x".repeat(201);
    for (query, name) in
        [("since=x", "since=x"), ("before=2026-02-30", "before=2026-02-30"), (&*format!("q={long}"), "q=xx")]
    {
        let (status, answer) = bench.ask(&format!("/logs?{query}"));
        assert!(status == 400 && answer["error"].as_str().unwrap().starts_with(name), "{query}");
    }
}

#[test]
fn the_journal_and_what_happened() {
    let bench = Bench::new("");
    let (status, answer) = bench.ask("/logs?file=journal");
    assert_eq!(
        (status, &answer["lines"], &answer["note"]),
        (200, &json!([]), &json!("the log files are still being read"))
    );
    publish(&bench, Some(TEXT), Some(("", Some("journalctl is not installed"))));
    let (status, answer) = bench.ask("/logs?file=systemd");
    assert_eq!((status, &answer["lines"], &answer["note"]), (200, &json!([]), &json!("journalctl is not installed")));
    assert_eq!(answer["log_file"], "systemd-journal");
    // Without a journal, the log file tells what happened.
    let (_, answer) = bench.ask("/logs?file=summary");
    assert_eq!(
        (&answer["log_file"], &answer["lines"]),
        (&json!("coordinator-summary"), &json!(["Failed to read 12 registers"]))
    );
    assert_eq!(
        answer["happenings"],
        json!([{"topic": "error", "level": "ERROR", "message": "Failed to read 12 registers", "count": 2,
                "first": "2026-11-22T13:30:00+01:00", "last": "2026-11-22T13:45:00+01:00"}])
    );
    assert!(answer["source"].as_str().unwrap().contains("log file"));
    let line = "2026-11-22T13:59:00+01:00 pi python[1]: 2026-11-22 13:59:00,000 - m - INFO - Decision made: wait";
    publish(&bench, Some(TEXT), Some((&format!("{line}\n"), Some("journalctl ended"))));
    let (_, answer) = bench.ask("/logs?file=journal&level=INFO");
    assert_eq!((&answer["lines"], &answer["note"]), (&json!([line]), &json!("journalctl ended")));
    let (_, answer) = bench.ask("/logs?file=summary");
    assert_eq!(answer["lines"], json!(["Decision made: wait"]));
    assert!(answer["source"].as_str().unwrap().contains("journal"));
    assert_eq!(bench.ask("/logs?file=summary&q=charge").1["lines"], json!([]));
}

#[test]
fn what_memory_holds_and_what_each_hour_had() {
    let bench = Bench::new("");
    assert_eq!(bench.ask("/logs/rates").1["note"], "the log files are still being read");
    publish(&bench, Some(TEXT), None);
    let (_, answer) = bench.ask("/logs/files");
    let file = &answer["log_files"][0];
    assert_eq!(
        (&file["lines_in_memory"], &file["from"], &file["to"]),
        (
            &json!({"debug": 0, "info": 1, "warning": 0, "error": 3, "critical": 0, "none": 0}),
            &json!("2026-11-22T13:00:00+01:00"),
            &json!("2026-11-22T13:45:00+01:00")
        )
    );
    let (_, answer) = bench.ask("/logs/rates");
    assert_eq!(
        (&answer["hours"][0], &answer["hours"][23]),
        (&json!("2026-11-21T15:00:00+01:00"), &json!("2026-11-22T14:00:00+01:00"))
    );
    let log = &answer["logs"][0];
    assert_eq!(
        (&log["name"], &log["counted_from"]),
        (&json!("master_coordinator.log"), &json!("2026-11-22T13:00:00+01:00"))
    );
    assert_eq!(log["error"].as_array().unwrap()[21..], [json!(null), json!(2), json!(0)]);
    assert_eq!(log["info"].as_array().unwrap()[21..], [json!(null), json!(1), json!(0)]);
}

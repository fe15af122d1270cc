//! Log lines as they are answered.

use super::*;

#[test]
fn log_lines_by_level() {
    let bench = Bench::new("");
    let line = |level, text: &str| LogLine { level, text: text.into() };
    let lines = Arc::from([
        line(Some(Level::Info), "a - INFO - <script>"),
        line(Some(Level::Error), "b - ERROR - failed"),
        line(Some(Level::Error), "Traceback"),
        line(Some(Level::Warning), "c - WARNING - \u{1b}[31m"),
    ]);
    let file = LogFile {
        name: "master_coordinator.log".into(),
        path: "/site/logs/master_coordinator.log".into(),
        size: 7,
        modified: None,
        lines,
        error: None,
    };
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.logs.succeed(Arc::new(Logs { files: vec![file] }), attempt));
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
    assert_eq!(bench.ask("/logs?follow=true").0, 501);
    assert_eq!(bench.ask("/logs?file=journal").0, 501);
}

//! Decisions from row to answer: whatever the coordinator wrote, the answer is JSON whose figures are numbers or null,
//! and whose shorter ranges are the beginnings of the longest.

#![no_main]

use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wattboard::http::api::SCRIBE;
use wattboard::model::decision::{Decision, Kind, NUMERIC_KEYS, OTHER_KEYS, RawDecision};
use wattboard::model::time::SiteZone;
use wattboard::snapshot::{Origin, Scene};
use wattboard::source::json::parse_object;

thread_local! {
    static ZONE: SiteZone = SiteZone::named("Europe/Warsaw").expect("Warsaw is a zone");
}

/// A row of a line: flags, then the columns behind tabs, parameters last.
fn row(line: &str, at: Timestamp) -> Decision {
    let (flags, rest) = line.split_at_checked(1).unwrap_or((line, ""));
    let flags = flags.bytes().next().unwrap_or(0);
    let mut columns = rest.splitn(6, '\t');
    let mut column = || columns.next().filter(|text| !text.is_empty()).map(str::to_owned);
    let raw = RawDecision {
        id: (flags & 1 == 1).then_some(i64::from(flags)),
        selling_file: flags & 2 == 2,
        action: column(),
        decision_type: column(),
        reason: column(),
        source_module: column(),
        timestamp: column().unwrap_or_default(),
        created_at: None,
        parameters: column().and_then(|text| parse_object(&text).ok()).unwrap_or_default(),
    };
    Decision::new(at, raw)
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let now: Timestamp = "2026-10-25T01:30:00Z".parse().expect("an instant");
    let age = |hours: usize| Duration::from_secs(3_000 * hours as u64);
    let lines: Vec<&str> = text.lines().take(40).collect();
    let rows = lines.iter().enumerate().map(|(index, line)| row(line, now - age(lines.len() - 1 - index)));
    let decisions: Vec<Decision> = rows.collect();
    let feed = ZONE.with(|zone| {
        let scene = Scene { now, zone, origin: Origin::Database, stale_after: now + age(1) };
        (SCRIBE.decisions)(decisions.clone(), &scene)
    });

    let answer: Value = serde_json::from_slice(feed.week.plain()).expect("the answer is JSON");
    let written = answer["decisions"].as_array().expect("a list");
    assert_eq!(written.len(), decisions.len());
    assert_eq!(answer["total_count"], decisions.len());
    for (kind, key) in
        [(Kind::Charging, "charging_count"), (Kind::Wait, "wait_count"), (Kind::Selling, "battery_selling_count")]
    {
        assert_eq!(answer[key], decisions.iter().filter(|decision| decision.kind == kind).count(), "{key}");
    }
    for (decision, written) in decisions.iter().rev().zip(written) {
        assert_eq!(written["timestamp"], decision.timestamp);
        assert_eq!(written["action"], decision.action);
        assert!(!decision.action.is_empty());
        assert_eq!(written["reason"], decision.reason);
        assert!(written["parameters"].is_object(), "{written}");
        for key in NUMERIC_KEYS {
            let number = decision.lifted(key);
            assert!(number.is_none_or(f64::is_finite));
            assert_eq!(written[key].as_f64().is_some(), number.is_some(), "{key}: {written}");
        }
        for key in OTHER_KEYS {
            assert!(written.get(key).is_some(), "{key}");
        }
        assert!(decision.confidence().is_none_or(f64::is_finite));
        assert!(decision.revenue_pln().is_none_or(f64::is_finite));
        assert!(NUMERIC_KEYS.iter().all(|key| decision.amount(key).to_f64().is_finite()));
        let _ = (decision.charging_source(), decision.is_off_peak());
    }
    // Every range begins as the week does.
    let (mut begin, opening) = (0, b"{\"decisions\":[".len());
    for (mark, written) in feed.marks.iter().zip(written) {
        let end = mark.end as usize;
        let from = if begin == 0 { opening } else { begin + 1 };
        let one: Value = serde_json::from_slice(&feed.week.plain()[from..end]).expect("one decision");
        assert_eq!(&one, written);
        begin = end;
    }
    let day: Value = serde_json::from_slice(feed.day.plain()).expect("the answer is JSON");
    let of_day = day["decisions"].as_array().expect("a list");
    assert!(written.starts_with(of_day));
    assert_eq!(day["total_count"], of_day.len());
    assert!(feed.mean_confidence_24h.is_none_or(|mean| !mean.is_nan()));
    assert_eq!(feed.newest.is_some(), !decisions.is_empty());
});

//! Price answers from snapshots made by hand.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::tests::Bench;
use crate::base::fault::Fault;
use crate::http::counters::Counters;
use crate::http::limits::Limits;
use crate::http::message::{Answer, Handler, Method, Request};
use crate::model::disk::{Device, FileSize, Look, Space, Watch};
use crate::model::footprint::Footprint;
use crate::model::price::{Entity, PublishedDay};

#[test]
fn a_day_of_quarter_hours_with_every_step_of_its_price() {
    let bench = Bench::new("prosumer: {negative_rule: per_hour, deposit_factor: 1.23}");
    let values = |quarter: usize| match quarter {
        8..12 => Some(-50_000),
        20 => None,
        _ => Some(quarter as i64 * 1000),
    };
    let flat = |_| Some(40_000);
    bench.publish_prices([bench.priced_day("2026-11-21", flat), bench.priced_day("2026-11-22", values)]);
    let (status, today) = bench.ask("/api/v1/prices");
    assert_eq!(status, 200);
    let header = [&today["day"], &today["timezone"], &today["by"]];
    assert_eq!(header, [&json!("2026-11-22"), &json!("Europe/Warsaw"), &json!("slot")]);
    assert_eq!(today["slots"].as_array().unwrap().len(), 96);
    assert_eq!(
        today["slots"][8],
        json!({
            "start": "2026-11-22T02:00:00+01:00", "end": "2026-11-22T02:15:00+01:00",
            "market_pln_kwh": -0.05, "margin_pln_kwh": 0.1, "distribution_pln_kwh": 0.2, "zone": "all_day",
            "kompas": null, "buy_pln_kwh": 0.25, "sell_pln_kwh": 0.0,
        })
    );
    let hole = &today["slots"][20];
    let parts = [&hole["market_pln_kwh"], &hole["buy_pln_kwh"], &hole["distribution_pln_kwh"]];
    assert_eq!(parts, [&Value::Null, &Value::Null, &json!(0.2)]);
    assert_eq!(today["slots"][21]["sell_pln_kwh"], Value::Null, "an hour that lacks a quarter has no mean");
    assert_eq!(today["slots"][0]["sell_pln_kwh"], json!(0.001845), "the mean of 0, 1, 2, 3 times 1.23");
    // It is 14:00: slot 56.
    assert_eq!(
        today["current"],
        json!({
            "start": "2026-11-22T14:00:00+01:00", "end": "2026-11-22T14:15:00+01:00", "market_pln_kwh": 0.056,
            "buy_pln_kwh": 0.356, "sell_pln_kwh": 0.070725, "zone": "all_day", "rank": 56, "of": 95, "trend": "stable",
        })
    );
    assert_eq!((today["next"].as_array().unwrap().len(), &today["next"][0]["buy_pln_kwh"]), (16, &json!(0.357)));
    let windows = &today["windows"];
    assert_eq!(windows["cheapest"][0]["start"], "2026-11-22T14:00:00+01:00");
    assert_eq!(
        windows["dearest"][3],
        json!({
            "hours": 4, "start": "2026-11-22T20:00:00+01:00", "end": "2026-11-23T00:00:00+01:00",
            "mean_buy_pln_kwh": 0.3875,
        })
    );
    assert_eq!(
        windows["negative"],
        json!([{
            "start": "2026-11-22T02:00:00+01:00", "end": "2026-11-22T03:00:00+01:00", "min_market_pln_kwh": -0.05,
        }])
    );
    assert_eq!(windows["cheap"][0]["start"], "2026-11-22T00:00:00+01:00");
    let figures = &today["statistics"];
    assert_eq!((&figures["min_buy_pln_kwh"], &figures["min_at"]), (&json!(0.25), &json!("2026-11-22T02:00:00+01:00")));
    let parts = [&figures["max_market_pln_kwh"], &figures["remaining_mean_buy_pln_kwh"]];
    assert_eq!(parts, [&json!(0.095), &json!(0.3755)]);
    assert_eq!(figures["yesterday_mean_buy_pln_kwh"], json!(0.34));
    let provenance = &today["provenance"];
    let parts = [&provenance["source"], &provenance["received"], &provenance["expected"]];
    assert_eq!(parts, [&json!("network"), &json!(95), &json!(96)]);
    assert_eq!(provenance["publication_ts"], "2026-11-21T13:58:15+01:00");
    let hole = json!([{"start": "2026-11-22T05:00:00+01:00", "end": "2026-11-22T05:15:00+01:00"}]);
    assert_eq!(provenance["holes"], hole);
    let rule = "mean RCE of the hour, a negative mean counted as 0 (per_hour), times 1.23";
    assert_eq!(today["sell_provenance"]["rule"], rule);
    assert_eq!((&today["kompas_provenance"], &today["reason"]), (&Value::Null, &Value::Null));
    assert_eq!(today["unknown"]["slots.market_pln_kwh"], "PSE sent 95 of 96 quarter-hours");

    let (_, hours) = bench.ask("/api/v1/prices?day=2026-11-22&by=hour");
    assert_eq!(hours["slots"].as_array().unwrap().len(), 24);
    let hour = &hours["slots"][5];
    let parts = [&hour["received"], &hour["expected"], &hour["market_pln_kwh"]];
    assert_eq!(parts, [&json!(3), &json!(4), &json!(0.022)]);
    assert_eq!(hour["end"], "2026-11-22T06:00:00+01:00");
}

#[test]
fn the_current_slot_changes_with_the_clock_at_every_quarter_and_at_midnight() {
    for (first, second) in [("2026-11-22", "2026-11-23"), ("2025-10-25", "2025-10-26"), ("2025-03-30", "2025-03-31")] {
        let bench = Bench::new("");
        let of_day = |shift: i64| move |quarter: usize| Some(quarter as i64 * 1000 + shift);
        bench.publish_prices([bench.priced_day(first, of_day(0)), bench.priced_day(second, of_day(500_000))]);
        let zone = &bench.config.zone;
        let days = [(first, 0), (second, 500_000)].map(|(date, shift)| (date.parse().unwrap(), shift));
        for (date, shift) in days {
            for (quarter, start) in (0_i64..).zip(PublishedDay::axis(Entity::DayAhead, date, zone)) {
                for second in [0, 1, 899] {
                    bench.clock.set_wall(start + Duration::from_secs(second));
                    // Market price and 0.3 of the tariff.
                    let expected = json!((quarter * 1000 + shift + 300_000) as f64 / 1e6);
                    let old = bench.ask("/prices").1;
                    let shown = (&old["current_slot_pln_kwh"], old["slot_start"].as_str());
                    assert_eq!(shown, (&expected, Some(&*zone.rfc3339(start))), "{date} {quarter} {second}");
                    if second != 1 {
                        let new = bench.ask("/api/v1/prices").1;
                        assert_eq!(
                            (&new["day"], &new["current"]["buy_pln_kwh"]),
                            (&json!(date.to_string()), &expected)
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_trend_looks_four_real_hours_ahead() {
    // Spring: after 01 comes 03. Only the hour 06 is dear, the fourth one after 01.
    let bench = Bench::new("");
    bench.publish_prices([
        bench.priced_day("2025-03-30", |quarter| Some(if quarter / 4 == 5 { 900_000 } else { 100_000 }))
    ]);
    for (at, trend) in [
        ("2025-03-30T00:30:00+01:00", "stable"),
        ("2025-03-30T01:30:00+01:00", "rising"),
        ("2025-03-30T06:30:00+02:00", "falling"),
    ] {
        bench.clock.set_wall(at.parse().unwrap());
        assert_eq!(bench.ask("/prices").1["price_trend"], trend, "{at}");
    }
}

#[test]
fn days_that_are_not_known_say_why_and_bad_ones_are_refused() {
    let bench = Bench::new("");
    let reason = |target: &str| {
        let (status, answer) = bench.ask(target);
        assert_eq!((status, &answer["slots"], &answer["provenance"]["received"]), (200, &json!([]), &json!(0)));
        assert_eq!(answer["unknown"]["slots"], answer["reason"]);
        answer["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("/api/v1/prices"), "prices are still being loaded");
    bench.price();
    assert!(reason("/api/v1/prices?day=tomorrow").starts_with("PSE has not published the prices of 2026-11-23 yet"));
    assert!(reason("/api/v1/prices?day=2026-11-24").starts_with("PSE publishes the prices of 2026-11-24 around"));
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.prices.fail(&Fault::timeout("PSE did not answer"), attempt));
    assert_eq!(reason("/api/v1/prices?day=tomorrow"), "PSE did not answer");
    let days = "is not allowed; it must be today, tomorrow or a day as YYYY-MM-DD, from 2000 to 2100";
    for (query, error) in [
        ("day=yesterday", days),
        ("day=2026-02-30", days),
        ("day=1999-12-31", days),
        ("day=2026-11-22T00:00", days),
        ("by=week", "is not allowed; it must be slot or hour"),
    ] {
        let (status, refusal) = bench.ask(&format!("/api/v1/prices?{query}"));
        assert_eq!((status, refusal["error"].as_str().unwrap()), (400, &*format!("{query} {error}")));
    }
}

#[test]
fn a_day_of_the_past_is_not_answered_from_the_snapshot() {
    let bench = Bench::new("");
    let request = Request {
        method: Method::Get,
        path: "/api/v1/prices".into(),
        query: "day=2026-10-25".into(),
        headers: Vec::new(),
        peer: [127, 0, 0, 1].into(),
    };
    assert!(matches!(bench.api.handle(&request), Answer::Later(_)));
    assert!(bench.inquiries.is_empty(), "nothing is asked before the request is handed over");
}

#[test]
fn the_server_tells_about_itself() {
    let bench = Bench::new("");
    let (status, about) = bench.ask("/api/v1/about");
    assert_eq!((status, &about["version"]), (200, &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!((&about["process"], &about["connections"]), (&Value::Null, &Value::Null));
    assert_eq!(about["unknown"]["process"], "it was not looked at yet");
    let footprint = Footprint {
        resident_bytes: 9 << 20,
        cpu_s: 1.5,
        threads: 12,
        descriptors: 30,
        read_bytes: None,
        written_bytes: None,
    };
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.footprint.succeed(Arc::new(footprint), attempt));
    let counters = Arc::new(Counters::default());
    bench.api.count_with(Arc::clone(&counters), Limits::default());
    let request = Request {
        method: Method::Get,
        path: "/prices".into(),
        query: "x".into(),
        headers: Vec::new(),
        peer: [127, 0, 0, 1].into(),
    };
    counters.answered(200);
    counters.latencies.of(bench.api.class(&request)).record(Duration::from_micros(250));
    let (_, about) = bench.ask("/api/v1/about");
    assert_eq!((&about["process"]["rss_bytes"], &about["process"]["threads"]), (&json!(9 << 20), &json!(12)));
    assert!(about["unknown"]["process.read_bytes, process.written_bytes"].is_string());
    assert_eq!((&about["requests"]["total"], &about["requests"]["by_status"]["2xx"]), (&json!(1), &json!(1)));
    let limits = about["limits"].as_array().unwrap();
    assert_eq!(limits.len(), 11);
    let downloads = json!({"name": "downloads", "value": 2, "reached": 0, "then": "503"});
    assert!(limits.contains(&downloads), "{limits:?}");
    let latency = json!([{
        "route": "/prices", "count": 1, "p50_ms": 0.25, "p90_ms": 0.25, "p99_ms": 0.25, "max_ms": 0.25,
    }]);
    assert_eq!(about["latency"], latency);
    for (path, class) in [
        ("/", 1),
        ("/assets/0/en/shell.js", 2),
        ("/logs/rates", 15),
        ("/logs/download/x", 16),
        ("/logs", 13),
        ("/nonsense", 0),
    ] {
        assert_eq!(bench.api.class(&Request { path: path.into(), ..request.clone() }), class, "{path}");
    }
}

#[test]
fn evcc_is_told_today_and_tomorrow_by_the_quarter_hour() {
    let bench = Bench::new("");
    let (status, none) = bench.ask("/api/v1/prices?format=evcc");
    assert_eq!((status, &none["code"]), (503, &json!("not_yet")));
    let values = |quarter: usize| (quarter != 5).then_some(quarter as i64 * 1000 - 400_000);
    // Yesterday is known, and nobody's business.
    bench.publish_prices((21..=23).map(|day| bench.priced_day(&format!("2026-11-{day}"), values)));
    let (status, rates) = bench.ask("/api/v1/prices?format=evcc");
    let list = rates.as_array().unwrap();
    assert_eq!((status, list.len()), (200, 190), "two quarter-hours are not known");
    let first = json!({"start": "2026-11-22T00:00:00+01:00", "end": "2026-11-22T00:15:00+01:00", "value": -0.1});
    assert_eq!(list[0], first);
    assert_eq!((&list[5]["start"], &list[5]["value"]), (&json!("2026-11-22T01:30:00+01:00"), &json!(-0.094)));
    assert_eq!(list[189]["end"], "2026-11-24T00:00:00+01:00");
    let (_, sold) = bench.ask("/api/v1/prices?format=evcc&price=sell");
    let (_, day) = bench.ask("/api/v1/prices");
    let known: Vec<&Value> =
        day["slots"].as_array().unwrap().iter().filter(|slot| !slot["sell_pln_kwh"].is_null()).collect();
    assert_eq!(
        sold.as_array().unwrap().iter().filter(|rate| rate["start"].as_str() < Some("2026-11-23")).count(),
        known.len()
    );
    assert_eq!(sold[0]["value"], known[0]["sell_pln_kwh"]);
    for (query, text) in [
        ("format=csv", "format=csv is not allowed; it must be json or evcc"),
        ("format=", "format= is not allowed; it must be json or evcc"),
        ("format=evcc&price=both", "price=both is not allowed; it must be buy or sell"),
        ("format=evcc&by=day", "by=day is not allowed; it must be slot or hour"),
    ] {
        let (status, refusal) = bench.ask(&format!("/api/v1/prices?{query}"));
        assert_eq!((status, &refusal["error"]), (400, &json!(text)));
    }
}

#[test]
fn evcc_is_told_every_quarter_hour_of_the_days_on_which_the_clock_changes() {
    for (now, date, quarters, last) in [
        ("2026-03-29T10:00:00Z", "2026-03-29", 92, "2026-03-30T00:00:00+02:00"),
        ("2026-10-25T10:00:00Z", "2026-10-25", 100, "2026-10-26T00:00:00+01:00"),
    ] {
        let bench = Bench::new("");
        bench.clock.set_wall(now.parse().unwrap());
        bench.publish_prices([bench.priced_day(date, |quarter| Some(quarter as i64))]);
        let (_, rates) = bench.ask("/api/v1/prices?format=evcc");
        let list = rates.as_array().unwrap();
        assert_eq!((list.len(), &list[quarters - 1]["end"]), (quarters, &json!(last)));
        assert!(list.windows(2).all(|pair| pair[0]["end"] == pair[1]["start"]), "{date} has a hole");
    }
}

#[test]
fn the_disk_has_figures_with_their_times_or_reasons() {
    let bench = Bench::new("");
    let (_, about) = bench.ask("/api/v1/about");
    assert_eq!((&about["disk"], &about["unknown"]["disk"]), (&Value::Null, &json!("it was not looked at yet")));
    let attempt = bench.attempt();
    let look = |hours: u64| Look {
        at: Duration::from_secs(hours * 3600),
        uptime: Ok(Duration::from_secs((hours + 2) * 3600)),
        own_written: Ok(hours * 4096),
        device: Ok(Device { number: (179, 2), name: "mmcblk0p2".into(), sectors_written: 10 + hours * 16 }),
        whole: Err("cannot read /proc/diskstats: permission denied".into()),
        database: Ok(FileSize { file: (1, 2), bytes: 5000 + hours * 100 }),
        space: Ok(Space { device: 1, total_bytes: 900_000, used_bytes: 500_000 - hours, free_bytes: 300_000 }),
    };
    let mut watch = Watch::default();
    watch.note(look(0));
    let disk = watch.note(look(6));
    bench.cell.publish(|next| next.disk.succeed(Arc::new(disk), attempt));
    let (_, about) = bench.ask("/api/v1/about");
    let over_s = 6 * 3600;
    assert_eq!(
        about["disk"],
        json!({
            "as_of": "2026-11-22T14:00:00+01:00",
            "own": {"written_bytes": 24_576, "bytes_a_day": 98_304, "over_s": over_s},
            "device": {
                "name": "mmcblk0p2", "boot_bytes": 54_272, "boot_bytes_a_day": 162_816, "boot_s": 8 * 3600,
                "watched_bytes": 49_152, "watched_s": over_s, "bytes_a_day": 196_608, "over_s": over_s,
            },
            "whole": null,
            "database": {"bytes": 5600, "bytes_a_day": 2400, "over_s": over_s},
            "room": {
                "total_bytes": 900_000, "used_bytes": 499_994, "free_bytes": 300_000, "bytes_a_day": -24,
                "over_s": over_s, "days_until_full": null,
            },
        })
    );
    let unknown = &about["unknown"];
    assert_eq!(unknown["disk.whole"], "cannot read /proc/diskstats: permission denied");
    assert_eq!(unknown["disk.room.days_until_full"], "the used space did not grow in 6h");
    let early = Watch::default().note(look(1));
    bench.cell.publish(|next| next.disk.succeed(Arc::new(early), attempt));
    let (_, about) = bench.ask("/api/v1/about");
    for path in ["own.bytes_a_day", "device.bytes_a_day", "device.boot_bytes_a_day", "database.bytes_a_day"] {
        let why = about["unknown"][format!("disk.{path}")].as_str().unwrap();
        assert!(why.ends_with("; a figure takes 6 h"), "{path}: {why}");
    }
}

#[test]
fn a_calendar_of_cheap_dear_and_negative_windows() {
    let bench = Bench::new("");
    bench.publish_prices([bench.priced_day("2026-11-22", |quarter| Some(quarter as i64 * 1000 - 20_000))]);
    let (status, headers, body) = bench.ask_with("/prices.ics?lang=pl", Method::Get, &[]);
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200);
    assert!(headers.iter().any(|header| header == "Content-Type: text/calendar; charset=utf-8"), "{headers:?}");
    for line in [
        "BEGIN:VCALENDAR",
        "UID:cheap-20261121T230000Z@wattboard",
        "DTSTART:20261121T230000Z",
        "DTEND:20261122T050000Z",
        "SUMMARY:Tani prąd 0\\,29 PLN/kWh",
        "UID:dear-20261122T170000Z@wattboard",
        "UID:negative-20261121T230000Z@wattboard",
        "SUMMARY:Ujemna cena na rynku -0\\,02 PLN/kWh",
        "CATEGORIES:negative",
        "END:VCALENDAR",
    ] {
        assert!(text.split("\r\n").any(|found| found == line), "{line} in {text}");
    }
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 3);
    let english = |target| bench.ask_with(target, Method::Get, &[]).2;
    assert_eq!(english("/prices.ics"), english("/prices.ics?lang=en"));
    assert_eq!(bench.ask("/prices.ics?lang=de").0, 400);
}

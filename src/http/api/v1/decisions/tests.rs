//! Pages, receipts and instants out of books made by hand. The time is 2026-11-22T14:00:00+01:00.

use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::http::api::tests::Bench;
use crate::http::api::tests::shelf::{Shelf, decision, minute};
use crate::http::message::Method;
use crate::model::logs::tail::Dialect;
use crate::model::logs::{Held, LogFile, Logs};
use crate::model::search::entries;

fn full() -> Bench {
    let bench = Bench::new("");
    bench.books.borrow_mut().fill(&bench);
    bench
}

fn ids(page: &Value) -> Vec<String> {
    page["decisions"].as_array().unwrap().iter().map(|decision| decision["id"].to_string()).collect()
}

#[test]
fn pages_follow_one_another() {
    let bench = full();
    let (status, first) = bench.ask("/api/v1/decisions?limit=2");
    assert_eq!((status, ids(&first)), (200, vec!["3".into(), "2".into()]));
    assert_eq!((&first["total"], &first["complete"]), (&Value::Null, &json!(true)));
    assert_eq!(first["unknown"]["total"], "counting would read the whole range");
    // Ten more were made in the meantime.
    let more = (10..20).map(|id| decision(Some(id), 60 + id, "wait", "{}"));
    let all = bench.books.borrow().decisions.iter().map(|entry| entry.decision.clone()).chain(more).collect();
    bench.books.borrow_mut().decisions = entries(all);
    let (_, second) = bench.ask(&format!("/api/v1/decisions?limit=2&before={}", first["next"].as_str().unwrap()));
    assert_eq!(ids(&second), ["1", "\"1795345200000000.0\""]);
    assert_eq!((&second["next"], &second["source"]), (&Value::Null, &json!("database and files")));
    assert_eq!(second["decisions"][0]["decided_at"], "2026-11-22T12:15:00+01:00");
    assert_eq!(
        (&second["decisions"][0]["kind"], &second["decisions"][0]["energy_kwh"]),
        (&json!("charging"), &json!(5.0))
    );

    let (_, all) = bench.ask("/api/v1/decisions?kind=battery_selling&text=low");
    assert_eq!((ids(&all), &all["total"]), (vec!["2".into()], &json!(1)));
}

#[test]
fn ranges() {
    let bench = full();
    for (query, from, to) in [
        ("", "2026-10-23T15:02:00+02:00", "2026-11-22T14:02:00+01:00"),
        ("?to=2026-10-25", "2026-09-26T01:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        ("?from=2026-03-29&to=2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("?from=2016-01-01&to=2100-01-01", "2016-01-01T00:00:00+01:00", "2026-11-22T14:02:00+01:00"),
        ("?from=2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00", "2026-11-22T14:02:00+01:00"),
    ] {
        let (status, page) = bench.ask(&format!("/api/v1/decisions{query}"));
        assert_eq!((status, &page["from"], &page["to"]), (200, &json!(from), &json!(to)), "{query}");
    }
    for reversed in ["from=2027-01-01", "from=2026-11-22&to=2026-11-21"] {
        let (_, page) = bench.ask(&format!("/api/v1/decisions?{reversed}"));
        assert_eq!((ids(&page).len(), &page["total"]), (0, &json!(0)));
        assert_eq!(page["unknown"]["decisions"], "nothing lies in this range: it ends before it begins");
    }
}

#[test]
fn refusals() {
    let bench = full();
    for (target, why) in [
        (
            "/api/v1/decisions?from=yesterday",
            "from=yesterday is not allowed; it must be a day as YYYY-MM-DD or an instant",
        ),
        ("/api/v1/decisions?kind=selling", "kind=selling is not allowed; it must be charging, wait or battery_selling"),
        ("/api/v1/decisions?limit=501", "limit=501 is not allowed; it must be a whole number from 1 to 500"),
        ("/api/v1/decisions?before=5", "before=5 is not allowed; it must be the next of an earlier page"),
        ("/api/v1/decisions/x", "id=x is not allowed; it must be the id of a decision"),
        ("/api/v1/decisions/", "id= is not allowed; it must be the id of a decision"),
        ("/api/v1/at?time=5", "time=5 is not allowed; it must be a day as YYYY-MM-DD or an instant"),
    ] {
        let (status, refusal) = bench.ask(target);
        let text = refusal["error"].as_str().unwrap();
        assert!(status == 400 && text.starts_with(why), "{target}: {status} {text}");
    }
    assert_eq!(bench.ask("/api/v1/decisions/99").0, 404);
    *bench.books.borrow_mut() = Shelf { fault: Some(Fault::timeout("too slow")), ..Shelf::default() };
    for target in ["/api/v1/decisions", "/api/v1/decisions/1", "/api/v1/at"] {
        let (status, headers, body) = bench.ask_with(target, Method::Get, &[]);
        assert!(status == 503 && headers.contains(&"Retry-After: 2".to_owned()), "{target} {status} {headers:?}");
        assert!(String::from_utf8(body).unwrap().contains("the past cannot be looked up: too slow"));
    }
}

#[test]
fn a_page_that_ran_out_of_time_says_so_and_where_to_go_on() {
    let (_, page) = full().ask("/api/v1/decisions?text=out+of+time");
    assert_eq!((&page["complete"], &page["searched_from"]), (&json!(false), &json!("2026-11-22T11:00:00+01:00")));
    let why = "looking took 2 s and got back to 2026-11-22T11:00:00+01:00: `next` goes on there";
    assert_eq!(page["unknown"]["complete"], why);
    assert!(page["next"].is_string() && page["total"].is_null());
}

#[test]
fn the_receipt_of_a_charge() {
    // Buying costs 0.3 of the tariff and a thousandth more each quarter-hour; the session took 4 kWh from 12:15 to 13:15.
    let (status, told) = full().ask("/api/v1/decisions/1");
    assert_eq!(status, 200);
    let receipt = &told["receipt"];
    // Quarters 49 to 52 at 0.349, 0.350, 0.351, 0.352; 1 kWh in each.
    assert_eq!((&receipt["done"]["pln"], &receipt["done"]["mean_pln_kwh"]), (&json!(1.4), &json!(0.3505)));
    // After midnight: 0.300 and so on until 00:15, when the twelve hours are over.
    let slots = receipt["alternative"]["slots"].as_array().unwrap();
    assert_eq!((slots.len(), &slots[3]["start"]), (4, &json!("2026-11-23T00:00:00+01:00")));
    assert_eq!((&slots[3]["price_pln_kwh"], &slots[0]["start"]), (&json!(0.3), &json!("2026-11-22T12:15:00+01:00")));
    // 0.300 + 0.349 + 0.350 + 0.351 = 1.350, against 1.402.
    assert_eq!((&receipt["alternative"]["pln"], &receipt["difference_pln"]), (&json!(1.35), &json!(-0.05)));
    assert_eq!((&receipt["difference_pln_kwh"], &receipt["usable_kwh"]), (&json!(-0.013), &json!(3.4)));
    assert_eq!((&receipt["energy_kwh"], &receipt["energy_source"]), (&json!(4.0), &json!("session")));
    assert_eq!((&receipt["power_w"], &receipt["power_source"]), (&json!(4000.0), &json!("session")));
    assert_eq!((&receipt["known_slots"], &receipt["expected_slots"]), (&json!(48), &json!(48)));
    assert_eq!((&told["session"]["pln"], &told["session"]["energy_kwh"]), (&json!(1.23), &json!(4.0)));
    let then = &told["known_then"];
    assert_eq!((&then["pv_w"], &then["pv_source"]), (&json!(1500.0), &json!("decision")));
    assert_eq!((&then["soc_pct"], &then["soc_source"]), (&json!(50.0), &json!("energy_data")));
    assert_eq!((&then["load_w"], &then["price_pln_kwh"]), (&Value::Null, &json!(0.4)));
    assert_eq!((&then["price_rank"], &then["price_rank_of"]), (&json!(50), &json!(96)));
    assert_eq!(told["unknown"]["known_then.load_w"], "neither the decision nor the row beside it says");
    assert_eq!(told["prices"].as_array().unwrap().len(), 3);
}

#[test]
fn the_receipt_of_a_sale() {
    let (_, told) = full().ask("/api/v1/decisions/2");
    let receipt = &told["receipt"];
    // 2 kWh in an hour from 12:30; an hour's price is the mean of its quarters: 0.0495 and 0.0535.
    assert_eq!((&receipt["price"], &receipt["power_source"]), (&json!("sell"), &json!("decision")));
    assert_eq!((&receipt["done"]["mean_pln_kwh"], &receipt["done"]["pln"]), (&json!(0.0515), &json!(0.1)));
    // The last hour of the day: 0.0935.
    assert_eq!(
        (&receipt["alternative"]["mean_pln_kwh"], &receipt["alternative"]["pln"]),
        (&json!(0.0935), &json!(0.19))
    );
    assert_eq!((&receipt["difference_pln"], &receipt["usable_kwh"]), (&json!(-0.08), &json!(2.0)));
    assert_eq!(told["known_then"]["pv_w"], 900.0);
    assert_eq!(told["unknown"]["session"], "no recorded session covers the decision");
}

#[test]
fn the_receipt_of_waiting_is_about_what_the_battery_lacked() {
    let path = "/api/v1/decisions/1795345200000000.0";
    let ask = |config: &str, charge: Option<f64>| {
        let bench = Bench::new(config);
        bench.books.borrow_mut().fill(&bench);
        for row in &mut bench.books.borrow_mut().readings {
            row.soc_pct = charge;
        }
        bench.ask(path).1
    };
    let told = ask("battery_management: {capacity_kwh: 10}", Some(20.0));
    let receipt = &told["receipt"];
    // 8 kWh take 1.6 h from 12:00 on: 0.348 and so on. What waiting left begins a quarter-hour later.
    assert_eq!((&receipt["energy_kwh"], &receipt["energy_source"]), (&json!(8.0), &json!("battery")));
    assert_eq!((&receipt["alternative"]["pln"], &receipt["done"]["pln"]), (&json!(2.81), &json!(2.81)));
    assert_eq!((&receipt["difference_pln"], &receipt["difference_pln_kwh"]), (&json!(-0.01), &json!(-0.001)));
    assert_eq!(receipt["power_source"], "assumed");
    for (config, charge, why) in [
        ("", Some(20.0), "battery_management.capacity_kwh is not configured"),
        (
            "battery_management: {capacity_kwh: 10}",
            None,
            "neither the decision nor an energy row beside it says how full it was",
        ),
        ("battery_management: {capacity_kwh: 10}", Some(100.0), "and the battery was full"),
    ] {
        let told = ask(config, charge);
        for leaf in ["energy_kwh", "usable_kwh", "done.pln", "alternative.pln", "difference_pln"] {
            let said = told["unknown"][format!("receipt.{leaf}")].as_str().unwrap();
            assert!(
                said.starts_with("the decision does not say how much energy it was") && said.ends_with(why),
                "{said}"
            );
        }
        assert_eq!(told["receipt"]["difference_pln_kwh"], -0.001);
    }
}

#[test]
fn what_a_receipt_cannot_say_has_a_reason() {
    let bench = Bench::new("");
    bench.books.borrow_mut().fill_poorly();
    for (id, reasons) in [
        (
            1,
            [
                ("session", "no session"),
                ("known_then.soc_pct", "no row"),
                ("receipt.done", "the prices of 0 of its 2 quarter-hours are known"),
            ],
        ),
        (
            2,
            [
                ("known_then.price_rank", "no prices"),
                (
                    "receipt.alternative",
                    "the prices of 0 of 48 quarter-hours within 12 h are known, which does not suffice for this energy at this power",
                ),
                ("receipt.difference_pln", "the prices of 0 of its 2 quarter-hours are known"),
            ],
        ),
        (
            3,
            [
                ("session", "a decision to wait has no session"),
                ("receipt.done", "what was recorded of it would take longer than 48 h, which cannot be"),
                ("known_then.pv_forecasts", "no forecasts"),
            ],
        ),
    ] {
        let (status, told) = bench.ask(&format!("/api/v1/decisions/{id}"));
        assert_eq!(status, 200);
        for (path, why) in reasons {
            assert_eq!(told["unknown"][path], why, "{id} {path}");
        }
        // Every null of the receipt has its reason.
        for part in ["receipt", "known_then"] {
            for (leaf, value) in told[part].as_object().unwrap() {
                let is_told = told["unknown"].get(format!("{part}.{leaf}")).is_some();
                assert!(
                    !value.is_null() || is_told || leaf.ends_with("source") || leaf == "reading_at",
                    "{id} {part}.{leaf}"
                );
            }
        }
    }
}

#[test]
fn what_came_from_the_panels_has_no_price() {
    let (_, told) = full().ask("/api/v1/decisions/3");
    assert_eq!((&told["receipt"]["done"], &told["receipt"]["difference_pln"]), (&Value::Null, &Value::Null));
    assert_eq!(told["unknown"]["receipt.done"], "the energy came from the panels: it was not bought");
}

#[test]
fn what_was_published_is_newer_than_what_is_remembered() {
    let bench = full();
    bench.publish_prices([bench.priced_day("2026-11-22", |_| Some(700_000))]);
    let (_, told) = bench.ask("/api/v1/decisions/1");
    assert_eq!(told["receipt"]["done"]["pln"], 4.0);
    let sources: Vec<_> = told["prices"].as_array().unwrap().iter().map(|day| day["day"].clone()).collect();
    assert_eq!(sources, ["2026-11-21", "2026-11-22", "2026-11-23"]);
}

#[test]
fn one_instant() {
    let bench = full();
    let attempt = bench.attempt();
    let texts = [
        "2026-11-22 11:50:00,000 - a - INFO - long before",
        "2026-11-22 11:55:00,000 - a - INFO - <script>\"\u{1b}[31m",
        "Traceback",
        "2026-11-22 12:05:00,999 - a - INFO - just after",
        "2026-11-22 12:05:01,000 - a - INFO - too late",
    ];
    let file = |name: &str, from: usize| LogFile {
        name: name.into(),
        path: name.into(),
        size: 1,
        modified: None,
        held: Held::of_text(Dialect::Python, &format!("{}\n", texts[from..].join("\n")), minute(120)),
        error: None,
    };
    let files = vec![file("whole.log", 0), file("cut.log", 3)];
    bench.cell.publish(|next| next.logs.succeed(std::sync::Arc::new(Logs { files, journal: None }), attempt));
    let (status, told) = bench.ask("/api/v1/at?time=2026-11-22T12:01:00");
    assert_eq!((status, &told["time"]), (200, &json!("2026-11-22T12:01:00+01:00")));
    assert_eq!((&told["reading"]["off_by_s"], &told["reading"]["soc_pct"]), (&json!(-60.0), &json!(50.0)));
    assert_eq!(told["reading_before"], "2026-11-22T11:55:00+01:00");
    assert_eq!(told["unknown"]["reading.grid_w"], "the coordinator recorded none");
    assert_eq!((&told["price"]["buy_pln_kwh"], &told["price"]["margin_pln_kwh"]), (&json!(0.348), &json!(0.1)));
    assert_eq!((&told["decision"]["id"], &told["decision_age_s"]), (&json!("1795345200000000.0"), &json!(60.0)));
    assert_eq!(
        told["decision_after"],
        json!({"id": "1", "decided_at": "2026-11-22T12:15:00+01:00", "kind": "charging"})
    );
    let (_, told) = bench.ask("/api/v1/at?time=2026-11-22T12:00:00");
    assert_eq!((&told["logs"][0]["complete"], &told["logs"][0]["lines"]), (&json!(true), &json!(texts[1..4])));
    assert_eq!((&told["logs"][1]["complete"], &told["logs"][1]["lines"]), (&json!(false), &json!(texts[3..4])));
    assert_eq!(told["unknown"]["logs.cut.log"], "memory holds the lines from 2026-11-22T12:05:00+01:00 on");
    let (status, _, body) = bench.ask_with("/api/v1/at?time=2026-11-22T12:00:00", Method::Get, &[]);
    assert!(status == 200 && String::from_utf8(body).unwrap().contains(r#"<script>\"\u001b[31m"#));
}

#[test]
fn nothing_is_known_of_an_instant() {
    let bench = Bench::new("");
    let (status, told) = bench.ask("/api/v1/at?time=2016-01-01");
    assert_eq!((status, &told["time"]), (200, &json!("2016-01-01T00:00:00+01:00")));
    for path in ["reading", "reading_before", "reading_after", "price", "decision", "decision_before", "decision_after"]
    {
        assert!(told[path].is_null() && told["unknown"][path].is_string(), "{path}");
    }
    assert_eq!((&told["logs"], told["unknown"]["logs"].is_string()), (&json!([]), true));
    let (_, now) = bench.ask("/api/v1/at");
    assert_eq!(now["time"], "2026-11-22T14:00:00+01:00");
}

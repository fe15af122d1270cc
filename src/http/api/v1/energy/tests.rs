//! Energy answers of days made by hand.

use std::time::Duration;

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::http::api::tests::Bench;
use crate::model::balance::Balance;
use crate::model::energy::EnergyRow;
use crate::model::time::Range;
use crate::snapshot::Backfill;

/// A day with the same power in every row: 1.2 kW from the sun, so much from the grid, 840 W into the house, the rest
/// (but 240 W) into the battery. Its quarter-hours cost 0.30 PLN/kWh more than `market`, and bring that.
pub fn even(bench: &Bench, text: &str, import_w: f64, market: Option<i64>) -> Balance {
    let (zone, date) = (&bench.config.zone, text.parse::<Date>().unwrap());
    let range = Range::day(date, zone);
    let steps = (range.to.as_second() - range.from.as_second()) / 300;
    let row = |step: i64| EnergyRow {
        at: range.from + Duration::from_secs(step as u64 * 300),
        soc_pct: Some(if step < steps / 2 { 20.0 } else { 99.5 }),
        pv_power_w: Some(1_200.0),
        grid_power_w: Some(-import_w),
        house_power_w: Some(840.0),
        battery_power_w: Some(-(120.0 + import_w)),
        is_peak: step % 2 == 0,
        ..EnergyRow::default()
    };
    let rows: Vec<EnergyRow> = (0..=steps).map(row).collect();
    let priced = market.map(|market| bench.priced_day(text, |_| Some(market)));
    Balance::of(date, &rows, priced.as_ref(), zone).until(bench_now(bench), zone)
}

fn bench_now(bench: &Bench) -> jiff::Timestamp {
    crate::base::clock::Clock::now(&*bench.clock)
}

pub fn shelve(bench: &Bench, balances: impl IntoIterator<Item = Balance>) {
    let days = balances.into_iter().map(|balance| (balance.date, balance));
    bench.books.borrow_mut().balances.extend(days);
}

#[test]
fn a_day_with_all_that_is_known_of_it() {
    let bench = Bench::new("battery_management: {capacity_kwh: 10}");
    shelve(&bench, [even(&bench, "2026-11-20", 600.0, Some(200_000)), even(&bench, "2025-11-20", 1_200.0, None)]);
    let (status, answer) = bench.ask("/api/v1/energy?from=2026-11-20&to=2026-11-20");
    assert_eq!((status, answer["buckets"].as_array().unwrap().len()), (200, 1));
    let day = &answer["buckets"][0];
    assert_eq!(
        [&day["bucket"], &day["start"], &day["end"]],
        ["2026-11-20", "2026-11-20T00:00:00+01:00", "2026-11-21T00:00:00+01:00"]
    );
    let by_power = |kwh: f64| json!({"kwh": kwh, "found_by": "power"});
    assert_eq!(
        day["energy"],
        json!({
            "pv": by_power(28.8), "import": by_power(14.4), "export": by_power(0.0), "consumption": by_power(20.16),
            "battery_charge": by_power(17.28), "battery_discharge": by_power(0.0),
            "import_t1_kwh": 7.2, "import_t2_kwh": 7.2, "balance_error_kwh": 5.76,
        })
    );
    assert_eq!((&day["self_consumption_pct"], &day["self_sufficiency_pct"]), (&json!(100.0), &json!(28.6)));
    assert_eq!(
        day["money"],
        json!({
            "import_cost_pln": 7.2, "import_unpriced_kwh": 0.0, "export_income_pln": 0.0, "export_unpriced_kwh": 0.0,
            "net_cost_pln": 7.2, "mean_price_pln_kwh": 0.5,
            "without_pv_and_battery": {"parts": 1, "cost_pln": 10.08, "real_cost_pln": 7.2, "saved_pln": 2.88},
            "at_mean_price": {"parts": 1, "cost_pln": 7.2, "real_cost_pln": 7.2, "saved_pln": 0.0},
        })
    );
    assert_eq!(
        day["battery"],
        json!({
            "equivalent_full_cycles": 0.864, "round_trip_pct": 0.0, "soc_change_pct": 79.5,
            "last_full": "2026-11-20", "days_since_full": 0,
        })
    );
    assert_eq!(
        day["completeness"],
        json!({
            "parts": 1, "expected_parts": 1, "rows": 288, "expected_rows": 288, "price_slots": 96,
            "expected_price_slots": 96, "holes": [],
        })
    );
    assert_eq!((&answer["total"]["energy"], &answer["total"]["money"]), (&day["energy"], &day["money"]));
    assert_eq!((&answer["capacity_kwh"], &answer["unknown"]), (&json!(10.0), &json!({})));
    // The day before has no rows; a year ago twice as much was bought, at prices that nobody knows.
    let (before, ago) = (&answer["previous"], &answer["year_ago"]);
    assert_eq!([&before["from"], &before["to"], &ago["from"]], ["2026-11-19", "2026-11-19", "2025-11-20"]);
    assert_eq!((&before["energy"]["pv"]["kwh"], &before["completeness"]["expected_rows"]), (&Value::Null, &json!(288)));
    let nothing = json!({"pv": null, "import": null, "export": null, "consumption": null, "net_cost": null});
    assert_eq!(before["change_pct"], nothing);
    let change = json!({"pv": 0.0, "import": -50.0, "export": null, "consumption": 0.0, "net_cost": null});
    assert_eq!(ago["change_pct"], change);
    assert_eq!((&ago["money"]["import_cost_pln"], &ago["money"]["import_unpriced_kwh"]), (&Value::Null, &json!(28.8)));
}

#[test]
fn what_is_missing_is_counted_and_named() {
    let bench = Bench::new("");
    let today = even(&bench, "2026-11-22", 600.0, Some(200_000));
    shelve(&bench, [even(&bench, "2026-11-05", 600.0, None), today]);
    let backfill = Backfill { done_days: 3, total_days: 9, eta: None };
    bench.cell.publish(|next| next.backfill = Some(backfill));
    let (_, answer) = bench.ask("/api/v1/energy");
    assert_eq!(
        (&answer["from"], &answer["to"], &answer["by"]),
        (&json!("2026-11-01"), &json!("2026-11-22"), &json!("day"))
    );
    let completeness = &answer["total"]["completeness"];
    // Today has come to 14:00.
    let counts = [&completeness["parts"], &completeness["expected_parts"], &completeness["expected_rows"]];
    assert_eq!(counts, [&json!(2), &json!(22), &json!(21 * 288 + 168)]);
    assert_eq!(
        answer["unknown"],
        json!({
            "days": "20 of 22 days have no rows, or are not summed yet (3 of 9 days with rows are): \
                     2026-11-01 to 2026-11-04, 2026-11-06 to 2026-11-21",
            "total.money.import_cost_pln": "not for 14.4 kWh: no prices of the day are known (1 day)",
            "total.money.without_pv_and_battery": "of 1 of 2 days not all prices are known",
            "total.money.at_mean_price": "of 1 of 2 days not all prices are known",
        })
    );
    assert_eq!(
        (&answer["buckets"][0]["energy"]["pv"]["kwh"], &answer["buckets"][4]["energy"]["pv"]["kwh"]),
        (&Value::Null, &json!(28.8))
    );
    bench.cell.publish(|next| next.backfill = Some(Backfill { done_days: 9, ..backfill }));
    bench.books.borrow_mut().days.trouble = Some(Fault::io("no disk"));
    let (_, answer) = bench.ask("/api/v1/energy?from=2026-11-21&to=2026-11-30");
    assert_eq!(answer["unknown"]["days"], "1 of 2 days have no rows: 2026-11-21");
    assert_eq!(answer["unknown"]["today"], "its rows cannot be read: no disk");
    assert_eq!((answer["buckets"].as_array().unwrap().len(), &answer["previous"]["from"]), (10, &json!("2026-11-19")));
    let (_, later) = bench.ask("/api/v1/energy?from=2026-12-01&to=2026-12-03&by=hour");
    assert_eq!((later["buckets"].as_array().unwrap().len(), &later["previous"]), (72, &Value::Null));
    assert_eq!(later["unknown"], json!({"total": "these days are still to come"}));
}

#[test]
fn hours_of_the_days_on_which_clocks_change() {
    let bench = Bench::new("");
    let dates = ["2026-03-29", "2026-10-25"];
    shelve(&bench, dates.map(|date| even(&bench, date, 600.0, Some(0))));
    for (date, count, second, third) in [
        (dates[0], 23, "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"),
        (dates[1], 25, "2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00"),
    ] {
        let (_, answer) = bench.ask(&format!("/api/v1/energy?from={date}&to={date}&by=hour"));
        let hours = answer["buckets"].as_array().unwrap();
        assert_eq!((hours.len(), &hours[1]["bucket"], &hours[2]["start"]), (count, &json!(second), &json!(third)));
        for hour in hours {
            assert_eq!((&hour["energy"]["pv"]["kwh"], &hour["completeness"]["rows"]), (&json!(1.2), &json!(12)));
        }
        assert_eq!(answer["total"]["completeness"]["expected_rows"], count * 12);
    }
}

#[test]
fn wrong_questions_are_told_what_is_right() {
    let bench = Bench::new("");
    let days = "it must be a day as YYYY-MM-DD, from 2000 to 2100";
    for (query, words) in [
        ("by=week", "by=week is not allowed; it must be hour, day, month or year".to_owned()),
        ("from=2026-11-31", format!("from=2026-11-31 is not allowed; {days}")),
        ("to=1999-12-31", format!("to=1999-12-31 is not allowed; {days}")),
        ("to=today", format!("to=today is not allowed; {days}")),
        ("from=2026-11-22&to=2026-11-21", "to=2026-11-21 is not allowed; it must be a day not before from=2026-11-22".into()),
        (
            "from=2026-01-01&to=2026-11-21&by=hour",
            "from=2026-01-01 to to=2026-11-21 has 7800 buckets by=hour; at most 800 are answered: ask for fewer days, or \
             by a longer bucket"
                .into(),
        ),
        (
            "from=2016-11-23&to=2026-11-22",
            "from=2016-11-23 to to=2026-11-22 has 3652 buckets by=day; at most 800 are answered: ask for fewer days, or \
             by a longer bucket"
                .into(),
        ),
    ] {
        let (status, refusal) = bench.ask(&format!("/api/v1/energy?{query}"));
        assert_eq!((status, refusal["error"].as_str().unwrap()), (400, &*words), "{query}");
    }
    assert_eq!(bench.books.borrow().asked, 0);
    for (query, from, to, count) in [
        ("", "2026-11-01", "2026-11-22", 22),
        ("by=hour", "2026-11-22", "2026-11-22", 24),
        ("by=month", "2026-01-01", "2026-11-22", 11),
        ("by=year", "2017-01-01", "2026-11-22", 10),
        ("to=2026-10-25&by=hour", "2026-10-25", "2026-10-25", 25),
        ("from=2027-05-05", "2027-05-05", "2027-05-05", 1),
        ("from=2016-11-23&by=month", "2016-11-23", "2026-11-22", 121),
    ] {
        let (status, answer) = bench.ask(&format!("/api/v1/energy?{query}"));
        let count_found = answer["buckets"].as_array().unwrap().len();
        assert_eq!(
            (status, &answer["from"], &answer["to"], count_found),
            (200, &json!(from), &json!(to), count),
            "{query}"
        );
    }
}

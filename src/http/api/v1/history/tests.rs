//! Series of rows and of days made by hand.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::energy::tests::{even, shelve};
use crate::base::clock::Clock;
use crate::http::api::tests::Bench;
use crate::model::energy::EnergyRow;

fn points(answer: &Value, field: &str) -> Vec<Option<f64>> {
    let points = answer["series"][field]["points"].as_array().unwrap();
    points.iter().map(|point| point[1].as_f64()).collect()
}

/// Rows every five minutes of the last three days, without five of them; every tenth is left out without harm.
fn rows(bench: &Bench) {
    let now = bench.clock.now();
    let kept = (0..864_u64).rev().filter(|age| age % 10 != 3 && !(100..105).contains(age));
    bench.books.borrow_mut().rows.rows = kept
        .map(|age| EnergyRow {
            at: now - Duration::from_secs(age * 300 + 20),
            soc_pct: Some(if age == 555 { 3.5 } else { 50.0 + (age % 40) as f64 }),
            pv_power_w: Some(if age == 77 { 9_999.0 } else { 100.0 }),
            grid_power_w: Some(-500.0),
            ..EnergyRow::default()
        })
        .collect();
}

#[test]
fn the_last_day_as_it_was_recorded_with_its_holes() {
    let bench = Bench::new("");
    rows(&bench);
    bench.price();
    let prices = bench.cell.load().prices.value.as_deref().unwrap().days.clone();
    bench.books.borrow_mut().rows.prices = prices.into_iter().collect();
    let (status, answer) = bench.ask("/api/v1/history");
    assert_eq!((status, &answer["resolution"]), (200, &json!("raw")));
    assert_eq!(
        (&answer["from"], &answer["to"]),
        (&json!("2026-11-21T14:00:00+01:00"), &json!("2026-11-22T14:00:00+01:00"))
    );
    // 288 rows less 29 tenths and five more.
    let rows = 288 - 29 - 4;
    assert_eq!((&answer["rows"], &answer["expected_rows"]), (&json!(rows), &json!(288)));
    let soc = &answer["series"]["soc"];
    let head = [&soc["unit"], &soc["resolution"], &soc["source"], &soc["known"], &soc["expected"]];
    assert_eq!(head, [&json!("%"), &json!("raw"), &json!("rows"), &json!(rows), &json!(288)]);
    // One row that is missing is no hole; five in a row are, and so are the rows of fields that nobody recorded.
    assert_eq!(points(&answer, "soc").iter().filter(|value| value.is_none()).count(), 5);
    assert_eq!(points(&answer, "soc").len(), rows + 5);
    assert_eq!(points(&answer, "pv").into_iter().flatten().reduce(f64::max), Some(9_999.0));
    assert!(points(&answer, "load").iter().all(Option::is_none));
    assert_eq!(answer["unknown"]["series.load"], "no row has a value");
    assert_eq!(answer["series"]["grid"]["points"][0][1], -500.0, "an import is negative");
    let price = &answer["series"]["price"];
    let head = [&price["unit"], &price["resolution"], &price["source"], &price["known"], &price["expected"]];
    // Of yesterday nothing is known, of today all but hour 5.
    assert_eq!(head, [&json!("PLN/kWh"), &json!("quarter_hour"), &json!("prices"), &json!(56 - 4), &json!(96)]);
    assert_eq!(answer["unknown"]["series.price"], "prices of 44 of 96 quarter-hours are not known");
}

#[test]
fn few_points_keep_the_extremes_and_the_holes() {
    let bench = Bench::new("");
    rows(&bench);
    for most in [10, 30, 300] {
        let (_, answer) = bench.ask(&format!("/api/v1/history?from=2026-11-19T14:00&points={most}&fields=pv,soc"));
        assert_eq!(answer["series"].as_object().unwrap().len(), 2);
        for (field, least, greatest) in [("soc", 3.5, 89.0), ("pv", 100.0, 9_999.0)] {
            let points = points(&answer, field);
            assert!(points.len() <= most && points.contains(&None), "{field} {most}: {}", points.len());
            let values = || points.iter().copied().flatten();
            assert_eq!(
                (values().reduce(f64::min), values().reduce(f64::max)),
                (Some(least), Some(greatest)),
                "{field} {most}"
            );
        }
    }
}

#[test]
fn weeks_are_made_of_hours_and_years_of_days() {
    let bench = Bench::new("");
    shelve(
        &bench,
        (1..=20)
            .filter(|day| *day != 10)
            .map(|day| even(&bench, &format!("2026-11-{day:02}"), 600.0, Some(day * 1_000))),
    );
    let (_, answer) = bench.ask("/api/v1/history?from=2026-11-01&to=2026-11-20&points=2000&fields=soc,price");
    assert_eq!(
        (&answer["resolution"], &answer["rows"], &answer["expected_rows"]),
        (&json!("hour"), &json!(19 * 288), &json!(20 * 288))
    );
    let soc = points(&answer, "soc");
    // 24 hours of a day, each with one value; the day that is missing has 24 holes.
    assert_eq!((soc.len(), soc.iter().filter(|value| value.is_none()).count()), (480, 24));
    assert_eq!(answer["series"]["soc"]["points"][0], json!(["2026-11-01T00:30:00+01:00", 20.0]));
    assert_eq!(answer["series"]["soc"]["source"], "rollups");
    assert_eq!(answer["series"]["price"]["points"][479], json!(["2026-11-20T23:30:00+01:00", 0.32]));
    assert_eq!(answer["unknown"]["days"], "1 of 20 days have no rows, or are not summed yet: 2026-11-10");

    let (_, answer) = bench.ask("/api/v1/history?from=2016-11-22&fields=soc,price");
    assert_eq!((&answer["resolution"], &answer["rows"]), (&json!("day"), &json!(19 * 288)));
    let soc = points(&answer, "soc");
    assert!(soc.len() <= 300 && soc.contains(&Some(20.0)) && soc.contains(&Some(99.5)) && soc[0].is_none());
    let price: Vec<f64> = points(&answer, "price").into_iter().flatten().collect();
    assert_eq!((price[0], price[price.len() - 1]), (0.301, 0.32), "the first and the last are the extremes here");
    let price = &answer["series"]["price"];
    assert_eq!((&price["known"], &price["resolution"]), (&json!(19 * 96), &json!("day")));
}

#[test]
fn times_are_instants_local_times_or_days() {
    let bench = Bench::new("");
    for (query, from, to) in [
        ("from=2026-11-22T10:00:00Z", "2026-11-22T11:00:00+01:00", "2026-11-22T14:00:00+01:00"),
        ("from=2026-11-22T10:00:00%2B02:00", "2026-11-22T09:00:00+01:00", "2026-11-22T14:00:00+01:00"),
        ("from=2026-11-22T10:00:00+02:00", "2026-11-22T09:00:00+01:00", "2026-11-22T14:00:00+01:00"),
        ("from=2026-11-22T10:00", "2026-11-22T10:00:00+01:00", "2026-11-22T14:00:00+01:00"),
        ("from=2026-10-25&to=2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        ("to=2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("from=2026-11-30", "2026-11-30T00:00:00+01:00", "2026-12-01T00:00:00+01:00"),
    ] {
        let (status, answer) = bench.ask(&format!("/api/v1/history?{query}"));
        let day = if query == "to=2026-03-29" { "2026-03-28T23:00:00+01:00" } else { from };
        assert_eq!((status, &answer["from"], &answer["to"]), (200, &json!(day), &json!(to)), "{query}");
    }
    let times = "it must be a day as YYYY-MM-DD or an instant as 2026-11-22T14:00:00, local or with an offset, from 2000 to \
                 2100";
    for (query, words) in [
        ("from=yesterday", format!("from=yesterday is not allowed; {times}")),
        ("to=2026-13-01", format!("to=2026-13-01 is not allowed; {times}")),
        ("to=1999-01-01T00:00", format!("to=1999-01-01T00:00 is not allowed; {times}")),
        (
            "from=2026-11-22&to=2026-11-21",
            "to=2026-11-21 is not allowed; it must be after from=2026-11-22T00:00:00+01:00".into(),
        ),
        ("points=9", "points=9 is not allowed; it must be a whole number from 10 to 2000".into()),
        (
            "fields=soc,wind",
            "fields=soc,wind is not allowed; it must be one or more of soc, pv, grid, load, battery, price and temperature, \
             with commas between"
                .into(),
        ),
    ] {
        let (status, refusal) = bench.ask(&format!("/api/v1/history?{query}"));
        assert_eq!((status, refusal["error"].as_str().unwrap()), (400, &*words), "{query}");
    }
    // What is still to come is no hole.
    let tomorrow = bench.ask("/api/v1/history?from=2026-11-22T13:00&to=2026-11-23&fields=soc").1;
    assert_eq!((points(&tomorrow, "soc").len(), &tomorrow["expected_rows"]), (12, &json!(12)));
}

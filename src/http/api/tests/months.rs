//! Months as they are answered.

use super::*;

#[test]
fn a_month_without_rows_is_zeros_that_are_explained() {
    let bench = Bench::new("");
    bench.cell.publish(|next| {
        let months = Arc::make_mut(&mut next.months);
        months.complete = true;
        let present = crate::model::time::Month { year: 2026, month: 11 };
        months.known.insert(present, Arc::new(crate::model::month::MonthSummary::empty(present)));
    });
    let (status, month) = bench.ask("/monthly-summary?year=2025&month=2");
    assert_eq!((status, &month["month_name"], &month["days_with_data"]), (200, &json!("February"), &json!(0)));
    for field in ["total_cost_pln", "savings_percentage", "avg_confidence", "real_grid_import_kwh"] {
        assert_eq!(month[field], 0.0, "{field}");
    }
    assert_eq!(month["unknown"]["real_grid_import_kwh"], "no meter reading was recorded");
    // A month that has only begun: zeros that nobody summed, and each of them says so.
    bench.clock.set_wall("2026-12-01T08:00:00Z".parse().unwrap());
    for path in ["/monthly-summary", "/metrics"] {
        let (status, begun) = bench.ask(path);
        assert_eq!(status, 200);
        for field in ["total_decisions", "total_cost_pln", "savings_percentage", "avg_confidence"] {
            assert_eq!(begun["unknown"][field], "2026-12 was not summed yet: it has only begun", "{path} {field}");
        }
    }
    let (_, comparison) = bench.ask("/monthly-comparison");
    assert_eq!(comparison["unknown"]["current_month"], "2026-12 was not summed yet: it has only begun");
    bench.clock.set_wall(NOW.parse().unwrap());
    assert_eq!(bench.ask("/monthly-summary?year=1999").0, 400);
    assert_eq!(bench.ask("/monthly-summary?month=0").0, 400);
    let (_, comparison) = bench.ask("/monthly-comparison");
    assert_eq!(
        (&comparison["previous_month"]["month"], &comparison["changes"]["cost_change_pct"]),
        (&json!(10), &json!(0.0))
    );
    assert_eq!(comparison["unknown"]["changes"], "there are no decisions in 2026-10");
    let (_, chosen) = bench.ask("/monthly-comparison?year=2025&month=12");
    assert_eq!((&chosen["current_month"]["month"], &chosen["previous_month"]["year"]), (&json!(11), &json!(2025)));
}

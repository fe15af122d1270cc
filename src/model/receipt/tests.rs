//! A constructed week whose best choices are known.

use serde_json::json;

use super::*;
use crate::model::decision::RawDecision;
use crate::model::time::SiteZone;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A week from Monday 2026-11-16 (Warsaw): 0.50 PLN/kWh, 0.20 from 02:00 to 04:00, 1.00 from 18:00 to 20:00; on Sunday
/// it is -0.10 from 12:00 to 13:00.
fn week() -> Rates {
    let zone = SiteZone::named("Europe/Warsaw").unwrap();
    let monday = zone.day_start("2026-11-16".parse().unwrap());
    let price = |quarter: u32| match (quarter / 96, quarter % 96 / 4) {
        (6, 12) => -100_000,
        (_, 2..4) => 200_000,
        (_, 18..20) => 1_000_000,
        _ => 500_000,
    };
    (0..7 * 96).map(|quarter| (monday + SLOT * quarter, Micro(price(quarter)))).collect()
}

fn decision(action: &str, when: &str, parameters: serde_json::Value) -> Decision {
    let raw = RawDecision {
        action: Some(action.to_owned()),
        parameters: parameters.as_object().unwrap().clone(),
        ..RawDecision::default()
    };
    Decision::new(at(when), raw)
}

fn session(start: &str, end: &str, energy: i64) -> Session {
    Session {
        id: "s".to_owned(),
        start: at(start),
        end: Some(at(end)),
        energy: Some(Micro(energy)),
        money: None,
        average: None,
        status: None,
    }
}

/// Without anything known of the battery.
fn receipt_of(decision: &Decision, session: Option<&Session>, rates: &Rates) -> Receipt {
    Receipt::new(decision, session, Err(Lack::Capacity), rates)
}

fn figures(receipt: &Receipt) -> [Option<i64>; 3] {
    let money = |choice| receipt.money(choice).ok().map(|money| money.0);
    [money(&receipt.done), money(&receipt.alternative), receipt.difference().map(|money| money.0)]
}

#[test]
fn the_best_choices_of_a_known_week() {
    let own = |kwh: f64| json!({"energy_kwh": kwh});
    let sale = |kwh: f64, power: f64| json!({"energy_sold_kwh": kwh, "selling_power_w": power});
    for (action, when, parameters, expected) in [
        // 5 kWh take an hour at the assumed 5 kW. Monday 20:00: the night is within reach.
        ("charge", "2026-11-16T20:00:00+01:00", own(5.0), [2_500_000, 1_000_000, -1_500_000]),
        // At the best time already: nothing better was to be had.
        ("charge", "2026-11-17T02:00:00+01:00", own(5.0), [1_000_000, 1_000_000, 0]),
        // Two hours are cheap; the third of 15 kWh is not.
        ("charge", "2026-11-16T20:00:00+01:00", own(15.0), [7_500_000, 4_500_000, -3_000_000]),
        // From the middle of a quarter-hour: 7.5 min at 1.00, 52.5 min at 0.50.
        ("charge", "2026-11-16T19:52:30+01:00", own(5.0), [2_812_500, 1_000_000, -1_812_500]),
        // Who is paid for taking it: 12:00 on Sunday.
        ("charge", "2026-11-22T11:00:00+01:00", own(5.0), [2_500_000, -500_000, -3_000_000]),
        ("charge", "2026-11-22T12:00:00+01:00", own(2.5), [-250_000, -250_000, 0]),
        // Sold at noon, though the evening was within reach; then at the evening.
        ("battery_selling", "2026-11-18T12:00:00+01:00", sale(4.0, 4_000.0), [2_000_000, 4_000_000, -2_000_000]),
        ("battery_selling", "2026-11-18T18:00:00+01:00", sale(4.0, 4_000.0), [4_000_000, 4_000_000, 0]),
        // 06:00 of Sunday, 3 h: the last hour is sold at 0.50 in any case.
        ("battery_selling", "2026-11-22T06:00:00+01:00", sale(3.0, 1_000.0), [1_500_000, 1_500_000, 0]),
        ("battery_selling", "2026-11-22T07:00:00+01:00", sale(3.0, 1_000.0), [1_500_000, 2_000_000, -500_000]),
        // Waited in the evening for the night: a gain. In the cheap hours for dearer ones: a loss.
        ("wait", "2026-11-16T20:00:00+01:00", own(5.0), [1_000_000, 2_500_000, 1_500_000]),
        ("wait", "2026-11-17T03:45:00+01:00", own(1.25), [625_000, 250_000, -375_000]),
        ("wait", "2026-11-17T08:00:00+01:00", own(5.0), [2_500_000, 2_500_000, 0]),
    ] {
        let receipt = receipt_of(&decision(action, when, parameters), None, &week());
        assert_eq!(figures(&receipt), expected.map(Some), "{action} {when}");
        assert_eq!(receipt.completeness.0, receipt.completeness.1, "{when}");
    }
}

#[test]
fn a_session_says_when_how_much_and_how_fast() {
    // 3 kWh in 90 min from 17:30: 0.5 h at 0.50 and 1 h at 1.00. The cheapest 90 min within 12 h are at night.
    let made = session("2026-11-16T17:30:00+01:00", "2026-11-16T19:00:00+01:00", 3_000_000);
    let charge = decision("charge", "2026-11-16T17:25:00+01:00", json!({"energy_kwh": 9}));
    let receipt = receipt_of(&charge, Some(&made), &week());
    assert_eq!(receipt.energy, Ok((Micro(3_000_000), Says::Session)));
    assert_eq!((receipt.power_w, receipt.from), ((2_000.0, Says::Session), made.start));
    assert_eq!(figures(&receipt), [2_500_000, 600_000, -1_900_000].map(Some));
    assert_eq!(receipt.usable(), Some(Micro(2_550_000)));
    let parts = &receipt.alternative.as_ref().unwrap().parts;
    assert_eq!((parts.len(), parts[0].start), (6, at("2026-11-17T02:00:00+01:00")), "of equals the earliest");
    // Without an end the power is assumed; without energy the decision's is taken.
    let open = Session { end: None, ..made.clone() };
    let receipt = receipt_of(&charge, Some(&open), &week());
    assert_eq!((receipt.energy.unwrap().1, receipt.power_w), (Says::Session, (5_000.0, Says::Assumed)));
    let empty = Session { energy: Some(Micro::ZERO), ..made };
    let receipt = receipt_of(&charge, Some(&empty), &week());
    assert_eq!((receipt.energy, receipt.power_w.1), (Ok((Micro(9_000_000), Says::Decision)), Says::Assumed));
    assert_eq!(receipt.from, charge.at);
}

#[test]
fn the_power_of_a_sale() {
    for (parameters, expected) in [
        (
            json!({"selling_power_w": 3000, "estimated_duration_hours": 2, "energy_sold_kwh": 4}),
            (3_000.0, Says::Decision),
        ),
        (json!({"estimated_duration_hours": 2, "energy_sold_kwh": 4}), (2_000.0, Says::Decision)),
        (json!({"estimated_duration_hours": 2}), (5_000.0, Says::Assumed)),
        (json!({"selling_power_w": 0, "energy_sold_kwh": 4}), (5_000.0, Says::Assumed)),
    ] {
        let sale = decision("battery_selling", "2026-11-18T12:00:00+01:00", parameters);
        assert_eq!(receipt_of(&sale, None, &week()).power_w, expected, "{}", sale.parameters);
    }
}

#[test]
fn what_is_missing_is_said_and_nothing_is_guessed() {
    let evening = "2026-11-16T20:00:00+01:00";
    let own = json!({"energy_kwh": 5});
    let charge = decision("charge", evening, own.clone());
    // A hole in what was done; the alternative is known.
    let mut rates = week();
    rates.remove(&at("2026-11-16T20:15:00+01:00"));
    let receipt = receipt_of(&charge, None, &rates);
    assert_eq!(receipt.done, Err(Lack::Prices { known: 3, expected: 4 }));
    assert_eq!(figures(&receipt), [None, Some(1_000_000), None]);
    assert_eq!((receipt.completeness, receipt.difference_a_kwh()), ((47, 48), None));
    // Known until midnight: the best of what is known, and that is told.
    let mut rates = week();
    rates.retain(|start, _| *start < at("2026-11-17T00:00:00+01:00"));
    let receipt = receipt_of(&charge, None, &rates);
    assert_eq!((figures(&receipt), receipt.completeness), ([Some(2_500_000), Some(2_500_000), Some(0)], (16, 48)));
    // Only the quarter-hour of the decision is known.
    rates.retain(|start, _| *start == at(evening));
    let receipt = receipt_of(&charge, None, &rates);
    assert_eq!(receipt.alternative, Err(Lack::Room { known: 1, expected: 48 }));
    // Nothing is.
    let receipt = receipt_of(&charge, None, &Rates::new());
    assert_eq!((figures(&receipt), receipt.completeness), ([None; 3], (0, 48)));
    // What cannot be: neither searched for nor summed.
    for kwh in [241.0, 9e12, f64::MAX] {
        let charge = decision("charge", evening, json!({"energy_kwh": kwh, "estimated_duration_hours": 0}));
        let receipt = receipt_of(&charge, None, &week());
        assert_eq!(receipt.done.is_err(), kwh < 1e300, "{kwh}");
        assert!(length(span(&charge, None, Err(Lack::Capacity))) <= LONGEST);
    }
    // More than 12 h can take.
    let receipt = receipt_of(&decision("charge", evening, json!({"energy_kwh": 61})), None, &week());
    assert_eq!(receipt.alternative, Err(Lack::Room { known: 48, expected: 48 }));
    assert_eq!(figures(&receipt)[1..], [None; 2]);
}

#[test]
fn without_energy_a_single_kwh_is_compared() {
    let evening = "2026-11-16T20:00:00+01:00";
    for (action, lacking, why, expected) in [
        ("charge", Ok(Micro(5_000_000)), Lack::Energy, -300_000),
        ("wait", Err(Lack::Capacity), Lack::Capacity, 300_000),
        ("wait", Err(Lack::Charge), Lack::Charge, 300_000),
        ("wait", Err(Lack::Full), Lack::Full, 300_000),
    ] {
        for parameters in [json!({}), json!({"energy_kwh": 0})] {
            let receipt = Receipt::new(&decision(action, evening, parameters), None, lacking, &week());
            assert_eq!((receipt.energy, receipt.usable(), figures(&receipt)), (Err(why), None, [None; 3]));
            assert_eq!(receipt.money(&receipt.done), Err(why));
            assert_eq!(receipt.difference_a_kwh(), Some(Micro(expected)));
        }
    }
}

#[test]
fn waiting_without_energy_is_about_what_the_battery_lacked() {
    let evening = "2026-11-16T20:00:00+01:00";
    let wait = |parameters| decision("wait", evening, parameters);
    // 12 kWh at 5 kW take 2.4 h: two hours at 0.20 and 0.4 h at 0.50, against 0.50 at once.
    let receipt = Receipt::new(&wait(json!({})), None, Ok(Micro(12_000_000)), &week());
    assert_eq!(receipt.energy, Ok((Micro(12_000_000), Says::Battery)));
    assert_eq!(figures(&receipt), [3_000_000, 6_000_000, 3_000_000].map(Some));
    assert_eq!((receipt.power_w, receipt.usable()), ((5_000.0, Says::Assumed), Some(Micro(10_200_000))));
    // What the decision says comes first.
    let receipt = Receipt::new(&wait(json!({"energy_kwh": 5})), None, Ok(Micro(12_000_000)), &week());
    assert_eq!(receipt.energy, Ok((Micro(5_000_000), Says::Decision)));
    // Another battery may need more than twelve hours.
    let span = span(&wait(json!({})), None, Ok(Micro(100_000_000)));
    assert_eq!(length(span), Duration::from_secs(20 * 3_600));
}

#[test]
fn what_fills_a_battery() {
    for (capacity, charge, expected) in [
        (Some(20_000_000), Some(40.0), Ok(12_000_000)),
        (Some(10_000_000), Some(0.0), Ok(10_000_000)),
        (Some(1), Some(50.0), Ok(1)),
        (Some(20_000_000), Some(76.9), Ok(4_620_000)),
        (Some(20_000_000), Some(100.0), Err(Lack::Full)),
        (Some(20_000_000), Some(100.5), Err(Lack::Charge)),
        (Some(20_000_000), Some(-1.0), Err(Lack::Charge)),
        (Some(20_000_000), Some(f64::NAN), Err(Lack::Charge)),
        (Some(20_000_000), None, Err(Lack::Charge)),
        (None, Some(40.0), Err(Lack::Capacity)),
    ] {
        assert_eq!(lacking(capacity.map(Micro), charge), expected.map(Micro), "{capacity:?} {charge:?}");
    }
    let row = EnergyRow { soc_pct: Some(30.0), ..EnergyRow::default() };
    let at_noon = |parameters| decision("wait", "2026-11-16T12:00:00+01:00", parameters);
    assert_eq!(charge_then(&at_noon(json!({"battery_soc": 80})), Some(&row)), Some(80.0));
    assert_eq!(charge_then(&at_noon(json!({})), Some(&row)), Some(30.0));
    assert_eq!(charge_then(&at_noon(json!({})), None), None);
}

#[test]
fn what_came_from_the_panels_was_not_bought() {
    for (action, source, expected) in [
        ("start_pv_charging", "", Some(Lack::FromPanels)),
        ("start_hybrid_charging", "", Some(Lack::PartlyFromPanels)),
        ("start_grid_charging", "pv", None),
        ("charge", "", None),
        ("charge", "grid", None),
        ("charge", "PV", Some(Lack::FromPanels)),
        ("charge", "hybrid", Some(Lack::PartlyFromPanels)),
        ("charge", "pv+grid", Some(Lack::PartlyFromPanels)),
    ] {
        let charge = decision(action, "2026-11-16T20:00:00+01:00", json!({"energy_kwh": 5, "charging_source": source}));
        let receipt = receipt_of(&charge, None, &week());
        assert_eq!(
            (receipt.done.clone().err(), receipt.alternative.clone().err()),
            (expected, expected),
            "{action} {source}"
        );
    }
}

#[test]
fn on_the_days_of_the_time_change_twelve_hours_are_twelve_hours() {
    let zone = SiteZone::named("Europe/Warsaw").unwrap();
    for (date, quarters) in [("2026-03-29", 92), ("2026-10-25", 100)] {
        let start = zone.day_start(date.parse().unwrap());
        // Cheap only in the last quarter-hour of the day, dear in the first of the next.
        let price = |index: u32| Micro(if index == quarters - 1 { 1 } else { 500_000 + i64::from(index) });
        let rates: Rates = (0..quarters + 60).map(|index| (start + SLOT * index, price(index))).collect();
        let last = start + SLOT * (quarters - 1);
        assert_eq!(zone.date(last).to_string(), date);
        for (ahead, found) in [(47, true), (48, false)] {
            let when = last - SLOT * ahead;
            let charge = decision("charge", &when.to_string(), json!({"energy_kwh": 1.25}));
            let receipt = receipt_of(&charge, None, &rates);
            assert_eq!(receipt.completeness, (48, 48));
            assert_eq!(receipt.alternative.unwrap().parts[0].price == Micro(1), found, "{date} {ahead}");
        }
    }
}

#[test]
fn money_is_exact_and_rounded_once() {
    let part = |seconds, price| Part {
        start: at("2026-11-16T00:00:00Z"),
        length: Duration::from_secs(seconds),
        price: Micro(price),
    };
    for (parts, energy, expected) in [
        // A third each of 1 kWh: 0.1 + 0.2 + 0.4 over 3.
        (vec![part(300, 100_000), part(300, 200_000), part(300, 400_000)], 1_000_000, 233_333),
        (vec![part(1, 1), part(1, 2)], 1_000_000, 2),
        (vec![part(1, -1), part(1, -2)], 1_000_000, -2),
        (vec![part(900, 1)], 499_999, 0),
        (vec![part(900, 1)], 500_000, 1),
        (vec![], 1, 0),
        (vec![part(900, 9_000_000_000)], 1_000_000_000_000, 9_000_000_000_000_000),
    ] {
        assert_eq!(Choice { parts: parts.clone() }.money(Micro(energy)), Micro(expected), "{parts:?}");
    }
}

#[test]
fn what_was_done_is_never_better_than_the_best() {
    let rates = week();
    for minutes in (0..5 * 24 * 60).step_by(37) {
        let when = at("2026-11-16T00:00:00+01:00") + Duration::from_secs(minutes * 60);
        for action in ["charge", "battery_selling"] {
            for kwh in [0.1, 3.3, 17.0] {
                let parameters = json!({"energy_kwh": kwh});
                let receipt = receipt_of(&decision(action, &when.to_string(), parameters), None, &rates);
                assert!(receipt.difference().unwrap() <= Micro::ZERO, "{action} {when} {kwh}");
            }
        }
    }
}

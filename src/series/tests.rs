//! Lines and families of days made by hand, and that their names are those of `telemetry`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::*;
use crate::base::fault::Fault;
use crate::export::{Failure, Ledger, Outlet};
use crate::model::balance::Balance;
use crate::model::day::Sums;
use crate::model::decision::RawDecision;
use crate::model::price::{Entity, PriceOrigin, PublishedDay, Selling, Sheets};
use crate::model::tariff::Tariff;
use crate::telemetry::{self, Kind};

fn warsaw() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn lines(records: Records<'_>) -> Vec<String> {
    let (pen, mut text) = (Lines::new("home"), String::new());
    points(records, &warsaw()).for_each(|point| pen.point(&point, &mut text));
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

fn decision(at: Timestamp, action: &str, parameters: &Value) -> Decision {
    let parameters = parameters.as_object().unwrap().clone();
    Decision::new(at, RawDecision { action: Some(action.into()), parameters, ..RawDecision::default() })
}

fn priced(day: Date) -> PricedDay {
    let zone = warsaw();
    let axis = PublishedDay::axis(Entity::DayAhead, day, &zone).enumerate().filter(|(index, _)| *index != 1);
    let points = axis.map(|(index, start)| crate::model::price::Point { start, value: index as i64 * 1_000 - 5_000 });
    let sheet = PublishedDay {
        entity: Entity::DayAhead,
        date: day,
        points: points.collect(),
        publication: None,
        fetched_at: warsaw().day_start(day),
        origin: PriceOrigin::Memory,
    };
    let sheets = Sheets { market: Some(&sheet), ..Sheets::default() };
    PricedDay::new(day, sheets, &Tariff::flat(Micro(89_200), Micro(246_400)), &Selling::default(), &warsaw())
}

/// A day whose import counter rises by 0.05 kWh a row, an hour of it without rows.
fn closed(day: Date) -> ClosedDay {
    let start = warsaw().day_start(day);
    let mut rows: Vec<EnergyRow> = (0..=288)
        .map(|index| EnergyRow {
            at: start + Duration::from_secs(300) * index,
            import_total_kwh: Some(100.0 + f64::from(index) * 0.05),
            pv_power_w: Some(1_200.0),
            ..EnergyRow::default()
        })
        .collect();
    rows.drain(200..212);
    ClosedDay { balance: Balance::of(day, &rows, None, &warsaw()), sums: Sums::default() }
}

#[test]
fn every_name_is_one_of_telemetry_with_its_labels() {
    let mut used = BTreeSet::new();
    for what in What::ALL {
        for (name, label) in tables::names(what) {
            let family = telemetry::of_samples(name).unwrap_or_else(|| panic!("{name} is not in telemetry"));
            assert_eq!(family.labels, label.map(|(name, _)| name).as_slice(), "{name}");
            assert!(matches!(family.kind, Kind::Gauge | Kind::Counter), "{name}");
            used.insert((name, label));
        }
    }
    let stored: Vec<&str> = telemetry::STORED.1.iter().map(|family| family.name).collect();
    let told: BTreeSet<&str> = used.iter().map(|(name, _)| *name).collect();
    assert!(stored.iter().all(|name| told.contains(name)), "each stored family has samples");
    // What points tell is what the list of names says, and the other way round.
    let day = date(2026, 11, 22);
    let row = EnergyRow {
        at: warsaw().day_start(day),
        soc_pct: Some(1.0),
        pv_power_w: Some(1.0),
        grid_power_w: Some(1.0),
        house_power_w: Some(1.0),
        battery_power_w: Some(1.0),
        temperature_c: Some(1.0),
        battery_voltage_v: Some(1.0),
        battery_current_a: Some(1.0),
        grid_voltage_v: Some(1.0),
        import_total_kwh: Some(1.0),
        export_total_kwh: Some(1.0),
        house_total_kwh: Some(1.0),
        pv_day_kwh: Some(1.0),
        ..EnergyRow::default()
    };
    let said = json!({"confidence": 0.5, "energy_kwh": 2, "estimated_cost_pln": 1, "expected_revenue_pln": 3});
    let decisions = ["charge", "wait", "battery_selling"].map(|action| decision(row.at, action, &said));
    let rows = [row];
    let (priced, closed) = (priced(day), closed(day));
    let all = [Records::Energy(&rows), Records::Decisions(&decisions), Records::Prices(&priced), Records::Day(&closed)];
    let mut seen = BTreeSet::new();
    for records in all {
        let names = tables::names(records.what());
        for point in points(records, &warsaw()) {
            for (name, _) in point.values {
                assert!(names.contains(&(name, point.label)), "{name} {:?}", point.label);
                seen.insert(name);
            }
        }
    }
    // There is no price for what is sold here, and no day with prices.
    for known in ["wattboard_price_sell_pln_per_kwh", "wattboard_day_cost_pln", "wattboard_day_income_pln"] {
        seen.insert(known);
    }
    let without = ["export", "house", "battery_charge", "battery_discharge", "grid_export"];
    let missing = told.iter().filter(|name| !seen.contains(*name) && !without.iter().any(|part| name.contains(part)));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn rows_tell_what_is_known_once_a_millisecond() {
    let at: Timestamp = "2026-11-22T12:00:00.123456Z".parse().unwrap();
    let row = |after_us: u64, pv: f64| EnergyRow {
        at: at + Duration::from_micros(after_us),
        pv_power_w: Some(pv),
        soc_pct: Some(76.9),
        grid_power_w: Some(-0.0),
        battery_voltage_v: Some(f64::NAN),
        battery_current_a: Some(f64::INFINITY),
        import_total_kwh: Some(-1.0),
        export_total_kwh: Some(12_345.678_9),
        ..EnergyRow::default()
    };
    let empty = EnergyRow { at: at + Duration::from_secs(60), ..EnergyRow::default() };
    let before = EnergyRow { at: "1969-12-31T23:00:00Z".parse().unwrap(), ..row(0, 1.0) };
    let rows = [before, row(0, 1.0), row(10, 2.0), row(10, 3.0), row(1_000, 4e21), empty];
    let rest = "grid_power_watts=0,battery_charge_ratio=0.769,grid_export_energy_kwh_total=12345.6789";
    assert_eq!(
        lines(Records::Energy(&rows)),
        [
            format!("wattboard,site=home pv_power_watts=3,{rest} 1795348800123000000"),
            format!("wattboard,site=home pv_power_watts=4000000000000000000000,{rest} 1795348800124000000"),
        ]
    );
}

#[test]
fn numbers_have_no_exponent() {
    for (number, text) in [
        (Number::Float(1e-7), "0.0000001"),
        (Number::Float(-0.0), "0"),
        (Number::Float(0.1 + 0.2), "0.30000000000000004"),
        (Number::Float(-1e15), "-1000000000000000"),
        (Number::Exact(Micro(-1_500_000)), "-1.5"),
        (Number::Exact(Micro(1)), "0.000001"),
        (Number::Exact(Micro(7_000_000)), "7"),
        (Number::Exact(Micro(i64::MIN)), "-9223372036854.775808"),
    ] {
        assert_eq!(number.to_string(), text);
    }
}

#[test]
fn decisions_of_the_same_millisecond_do_not_hide_each_other() {
    let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let said = json!({"confidence": 0.5, "energy_kwh": 2.5, "estimated_cost_pln": 1.25, "expected_revenue_pln": 3});
    let all = [
        decision(at, "charge", &said),
        decision(at, "wait", &said),
        decision(at + Duration::from_millis(1), "battery_selling", &json!({})),
    ];
    let found = lines(Records::Decisions(&all));
    assert_eq!(
        found[..4],
        [
            "wattboard,site=home decision_timestamp_seconds=1795348800,decision_confidence_ratio=0.5 1795348800000000000",
            "wattboard,site=home,kind=charging decision_kind=1,decision_made=1,decision_energy_kwh=2.5,decision_cost_pln=1.25 \
             1795348800000000000",
            "wattboard,site=home,kind=wait decision_kind=0 1795348800000000000",
            "wattboard,site=home,kind=selling decision_kind=0 1795348800000000000",
        ]
    );
    assert_eq!(found[6], "wattboard,site=home,kind=wait decision_kind=1,decision_made=1 1795348800001000000");
    assert_eq!(found[8], "wattboard,site=home decision_timestamp_seconds=1795348800.001 1795348800002000000");
    assert_eq!(found[11], "wattboard,site=home,kind=selling decision_kind=1,decision_made=1 1795348800002000000");
}

#[test]
fn prices_stand_at_their_quarter_hour_and_a_hole_has_no_line() {
    for (day, count) in [(date(2026, 11, 22), 95), (date(2026, 3, 29), 91), (date(2026, 10, 25), 99)] {
        let priced = priced(day);
        let found = lines(Records::Prices(&priced));
        assert_eq!(found.len(), count, "{day}");
        let start = warsaw().day_start(day).as_second();
        assert_eq!(
            found[0],
            format!(
                "wattboard,site=home price_market_pln_per_kwh=-0.005,price_buy_pln_per_kwh=0.3306 {start}000000000"
            )
        );
        assert!(found[1].ends_with(&format!(" {}000000000", start + 1_800)), "{}", found[1]);
    }
    let priced = priced(date(2026, 11, 22));
    let point = points(Records::Prices(&priced), &warsaw()).next().unwrap();
    assert_eq!(point.clone().later(2).at_ms, point.at_ms + 2);
}

#[test]
fn a_day_stands_at_its_noon_with_how_complete_it_is() {
    let closed = closed(date(2026, 11, 22));
    let found = lines(Records::Day(&closed));
    assert_eq!(
        found[0],
        "wattboard,site=home day_pv_energy_kwh=27.5,day_grid_import_energy_kwh=14.4,day_rows=276,day_rows_expected=288 \
         1795345200000000000"
    );
    assert_eq!(found[1], "wattboard,site=home,flow=pv day_unknown_seconds=3900 1795345200000000000");
    assert_eq!(
        found[2],
        "wattboard,site=home,flow=import day_unknown_seconds=0,day_unpriced_energy_kwh=14.4 1795345200000000000"
    );
    assert_eq!(found[4], "wattboard,site=home,flow=house day_unknown_seconds=86400 1795345200000000000");
    assert_eq!(found.len(), 7);
}

#[test]
fn windows_of_24_hours_hold_each_day_once() {
    let zone = warsaw();
    for (first, days) in [(date(2026, 3, 1), 31), (date(2026, 10, 1), 31)] {
        let dates = || first.series(jiff::Span::new().days(1)).take(days);
        let noons: Vec<i64> = dates()
            .map(|date| {
                let closed = ClosedDay { balance: Balance::of(date, &[], None, &zone), sums: Sums::default() };
                points(Records::Day(&closed), &zone).next().unwrap().at_ms
            })
            .collect();
        let (start, end) =
            (zone.day_start(first).as_millisecond(), zone.day_start(dates().last().unwrap().tomorrow().unwrap()));
        assert!(noons.iter().all(|noon| (start..end.as_millisecond()).contains(noon)));
        for back in 0..days as i64 {
            let to = end.as_millisecond() - back * 86_400_000;
            assert_eq!(noons.iter().filter(|noon| (to - 86_400_000..to).contains(noon)).count(), 1, "{first} {back}");
        }
    }
}

#[test]
fn a_sites_name_ends_neither_its_label_nor_its_line() {
    for (name, told) in [
        ("home", ",site=home"),
        ("dom przy lesie, 1=a", ",site=dom\\ przy\\ lesie\\,\\ 1\\=a"),
        ("żółw 🔋", ",site=żółw\\ 🔋"),
        ("a\nb\rc\u{0}", ",site=a\u{fffd}b\u{fffd}c\u{fffd}"),
        ("a\\b", ",site=a\\b"),
        ("a\\ b\\\\c\\", ",site=a/\\ b/\\c/"),
        ("\"quoted\"", ",site=\"quoted\""),
        ("", ""),
    ] {
        assert_eq!(Lines::new(name).site(), told, "{name:?}");
    }
    assert_eq!(open::labels("a\\\"\n", Some(("kind", "wait"))), "{site=\"a\\\\\\\"\u{fffd}\",kind=\"wait\"}");
}

#[test]
fn the_present_has_a_line_a_sample() {
    let family = telemetry::of_samples("wattboard_source_failures").unwrap();
    let value = telemetry::Value::Number(2.0);
    let sample = telemetry::Sample { labels: vec![("source", Cow::Borrowed("a b"))], value };
    let mut text = String::new();
    Lines::new("home").family(family, &[sample], 1_795_348_800_123, &mut text);
    assert_eq!(text, "wattboard,site=home,source=a\\ b source_failures=2 1795348800123000000\n");
}

/// A ledger of two days; the second may be broken.
#[derive(Default)]
struct Two {
    energy: BTreeMap<Date, Vec<EnergyRow>>,
    decisions: BTreeMap<Date, Vec<Decision>>,
    closed: BTreeMap<Date, ClosedDay>,
    is_broken: bool,
}

const FIRST: Date = date(2026, 11, 21);
const SECOND: Date = date(2026, 11, 22);

impl Ledger for Two {
    fn span(&mut self, what: What) -> Result<Option<(Date, Date)>, Fault> {
        Ok((what != What::Prices).then_some((FIRST, SECOND)))
    }
    fn energy(&mut self, date: Date) -> Result<Vec<EnergyRow>, Fault> {
        match self.is_broken && date == SECOND {
            true => Err(Fault::io("no disk")),
            false => Ok(self.energy.get(&date).cloned().unwrap_or_default()),
        }
    }
    fn decisions(&mut self, date: Date) -> Result<Vec<Decision>, Fault> {
        Ok(self.decisions.get(&date).cloned().unwrap_or_default())
    }
    fn prices(&mut self, _: Date) -> Result<Option<PricedDay>, Fault> {
        panic!("nobody asked for prices: there are none")
    }
    fn closed_day(&mut self, date: Date) -> Result<Option<ClosedDay>, Fault> {
        Ok(self.closed.get(&date).cloned())
    }
}

#[derive(Default)]
struct Paper(Vec<u8>);

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
impl Outlet for Paper {}

fn written(two: &mut Two, format: Format, what: Option<What>) -> (String, Result<(), Failure>) {
    let wish = Wish { what, from: None, to: None, format };
    let (spans, mut paper) = (spans(&wish, two).unwrap(), Paper::default());
    let ended = write(format, &spans, "home", two, &warsaw(), &mut paper);
    (String::from_utf8(paper.0).unwrap(), ended)
}

fn two() -> Two {
    let row = |day: Date, minutes: u64| EnergyRow {
        at: warsaw().day_start(day) + Duration::from_secs(minutes * 60),
        pv_power_w: (day == SECOND).then_some(5.0),
        import_total_kwh: Some(100.5),
        ..EnergyRow::default()
    };
    let at = warsaw().day_start(FIRST) + Duration::from_millis(1_500);
    Two {
        energy: [(FIRST, vec![row(FIRST, 0), row(FIRST, 5)]), (SECOND, vec![row(SECOND, 0)])].into(),
        decisions: [(FIRST, vec![decision(at, "wait", &json!({})), decision(at, "wait", &json!({}))])].into(),
        closed: [(FIRST, closed(FIRST))].into(),
        is_broken: false,
    }
}

#[test]
fn openmetrics_has_families_in_one_piece_and_times_that_rise() {
    let (text, ended) = written(&mut two(), Format::OpenMetrics, None);
    assert!(ended.is_ok());
    assert!(
        text.starts_with(
            "# TYPE wattboard_pv_power_watts gauge\n\
         # UNIT wattboard_pv_power_watts watts\n\
         # HELP wattboard_pv_power_watts Power of the solar panels.\n\
         wattboard_pv_power_watts{site=\"home\"} 5 1795302000\n\
         # TYPE wattboard_grid_import_energy_kwh counter\n\
         # UNIT wattboard_grid_import_energy_kwh kwh\n"
        ),
        "{text}"
    );
    assert!(text.contains("\nwattboard_grid_import_energy_kwh_total{site=\"home\"} 100.5 1795215900\n"), "{text}");
    assert!(text.contains("\nwattboard_decision_made{site=\"home\",kind=\"wait\"} 1 1795215601.500\n"), "{text}");
    assert!(text.contains("\nwattboard_decision_made{site=\"home\",kind=\"wait\"} 1 1795215601.501\n"), "{text}");
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    let (mut families, mut series) = (BTreeSet::new(), BTreeMap::<&str, f64>::new());
    let mut last = "";
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            last = head.split(' ').next().unwrap();
            assert!(families.insert(last), "{last} stands there twice");
        } else if !line.starts_with('#') {
            let (name, rest) = line.split_once(' ').unwrap();
            assert!(name.starts_with(last), "{line} stands with {last}");
            let at: f64 = rest.split(' ').nth(1).unwrap().parse().unwrap();
            assert!(series.insert(name, at).is_none_or(|before| before < at), "{line}");
        }
    }
    // The same samples as lines have.
    let (lines, _) = written(&mut two(), Format::Influx, None);
    let fields: usize = lines.lines().map(|line| line.split(' ').nth(1).unwrap().split(',').count()).sum();
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), fields);
    let (alone, _) = written(&mut two(), Format::OpenMetrics, Some(What::Prices));
    assert_eq!(alone, "# EOF\n");
}

#[test]
fn a_day_that_cannot_be_read_has_a_name_and_the_days_before_it_are_whole() {
    for format in [Format::Influx, Format::OpenMetrics] {
        let (text, ended) = written(&mut Two { is_broken: true, ..two() }, format, None);
        assert!(matches!(ended, Err(Failure::Read(day, fault)) if day == SECOND && fault.to_string() == "no disk"));
        assert!(!text.contains("# EOF"));
        assert_eq!(
            text.lines().filter(|line| line.starts_with("wattboard,site=home grid")).count(),
            match format {
                Format::Influx => 2,
                Format::OpenMetrics => 0,
            }
        );
    }
}

#[test]
fn export_md_names_every_series() {
    let told = include_str!("../../docs/export.md");
    let section = told.split("\n## Series for an engine\n").nth(1).unwrap().split("\n## ").next().unwrap();
    for what in What::ALL {
        for (name, _) in tables::names(what) {
            assert!(section.contains(&format!("`{name}`")), "docs/export.md says nothing of {name}");
        }
    }
}

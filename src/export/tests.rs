//! What comes out of days made by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use serde_json::{Map, Value, json};

use super::*;
use crate::base::units::Micro;
use crate::model::decision::RawDecision;
use crate::model::price::{Entity, Point, PriceOrigin, PublishedDay, Selling, Sheets};
use crate::model::tariff::Tariff;

fn warsaw() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

/// A ledger of a few days; one of them may be broken.
#[derive(Default)]
struct Few {
    energy: BTreeMap<Date, Vec<EnergyRow>>,
    decisions: BTreeMap<Date, Vec<Decision>>,
    prices: BTreeMap<Date, PricedDay>,
    closed: BTreeMap<Date, ClosedDay>,
    broken: Option<Date>,
}

impl Few {
    fn look<T: Clone + Default>(&self, days: &BTreeMap<Date, T>, date: Date) -> Result<T, Fault> {
        match self.broken == Some(date) {
            true => Err(Fault::io("no disk")),
            false => Ok(days.get(&date).cloned().unwrap_or_default()),
        }
    }
}

impl Ledger for Few {
    fn span(&mut self, _: What) -> Result<Option<(Date, Date)>, Fault> {
        Ok(Some((date(2026, 3, 1), date(2026, 11, 30))))
    }
    fn energy(&mut self, date: Date) -> Result<Vec<EnergyRow>, Fault> {
        self.look(&self.energy, date)
    }
    fn decisions(&mut self, date: Date) -> Result<Vec<Decision>, Fault> {
        self.look(&self.decisions, date)
    }
    fn prices(&mut self, date: Date) -> Result<Option<PricedDay>, Fault> {
        Ok(self.prices.get(&date).cloned())
    }
    fn closed_day(&mut self, date: Date) -> Result<Option<ClosedDay>, Fault> {
        Ok(self.closed.get(&date).cloned())
    }
}

impl Outlet for Vec<u8> {}

fn exported(few: &mut Few, what: What, format: Format) -> (String, Result<(), Failure>) {
    let wish = Wish { what, from: None, to: None, format };
    let mut out = Vec::new();
    let days = days(few, &wish).unwrap();
    let ended = write(&wish, days, few, &warsaw(), &mut out);
    (String::from_utf8(out).unwrap(), ended)
}

/// The lines of a CSV without quotes: each the cells by their names.
fn cells(text: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut lines = text.strip_suffix("\r\n").unwrap().split("\r\n").map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    lines.map(|line| names.iter().copied().zip(line).collect()).collect()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Rows every five minutes of a whole local day.
fn rows(day: Date) -> Vec<EnergyRow> {
    let (start, length) = (warsaw().day_start(day), warsaw().day_length(day));
    let count = (length.as_secs() / 300) as u32;
    let row = |index| EnergyRow { at: start + Duration::from_secs(300) * index, ..EnergyRow::default() };
    (0..count).map(row).collect()
}

#[test]
fn days_of_the_clock_change_have_every_hour_once() {
    for (day, count, in_hour_2, offsets) in [
        (date(2026, 10, 25), 300, 24, &["+02:00", "+01:00"][..]),
        (date(2026, 3, 29), 276, 0, &[]),
        (date(2026, 11, 22), 288, 12, &["+01:00"]),
    ] {
        let mut few = Few { energy: BTreeMap::from([(day, rows(day))]), ..Few::default() };
        let (text, ended) = exported(&mut few, What::Energy, Format::Csv);
        assert!(ended.is_ok());
        let lines = cells(&text);
        let times: Vec<&str> = lines.iter().map(|line| line["time"]).collect();
        let second: Vec<&&str> = times.iter().filter(|time| time.contains("T02:")).collect();
        assert_eq!((times.len(), second.len()), (count, in_hour_2), "{day}");
        for offset in offsets {
            assert!(second.contains(&&&*format!("{day}T02:30:00{offset}")), "{day} {offset}");
        }
        let mut instants: Vec<Timestamp> = times.iter().map(|time| time.parse().unwrap()).collect();
        let sorted = instants.clone();
        instants.dedup();
        assert!(instants.len() == count && instants == sorted && instants.is_sorted(), "{day}");
    }
    // Quarter-hours likewise.
    for (day, count) in [(date(2026, 10, 25), 100), (date(2026, 3, 29), 92)] {
        let mut few = Few { prices: BTreeMap::from([(day, priced(day))]), ..Few::default() };
        assert_eq!(cells(&exported(&mut few, What::Prices, Format::Csv).0).len(), count);
    }
}

fn priced(day: Date) -> PricedDay {
    let zone = warsaw();
    let axis = PublishedDay::axis(Entity::DayAhead, day, &zone);
    let points = axis.enumerate().filter(|(index, _)| *index != 1);
    let sheet = PublishedDay {
        entity: Entity::DayAhead,
        date: day,
        points: points.map(|(index, start)| Point { start, value: index as i64 * 1_000 - 5_000 }).collect(),
        publication: None,
        fetched_at: warsaw().day_start(day),
        origin: PriceOrigin::Memory,
    };
    let sheets = Sheets { market: Some(&sheet), ..Sheets::default() };
    PricedDay::new(day, sheets, &Tariff::flat(Micro(89_200), Micro(246_400)), &Selling::default(), &warsaw())
}

#[test]
fn what_is_not_known_is_empty_or_null() {
    let day = date(2026, 11, 22);
    let row = EnergyRow {
        at: warsaw().day_start(day),
        soc_pct: Some(76.9),
        grid_power_w: Some(-250.0),
        grid_voltage_v: Some(231.5),
        tariff_zone: Some("=T1".into()),
        ..EnergyRow::default()
    };
    let mut few = Few { energy: BTreeMap::from([(day, vec![row])]), ..Few::default() };
    let (text, _) = exported(&mut few, What::Energy, Format::Csv);
    assert_eq!(
        text,
        "time,local_time,soc_pct,pv_power_w,grid_power_w,house_power_w,battery_power_w,battery_temperature_c,battery_voltage_v,\
         battery_current_a,grid_voltage_v,grid_frequency_hz,grid_import_total_kwh,grid_export_total_kwh,\
         house_total_kwh,pv_day_kwh,price_pln_kwh,tariff_zone\r\n\
         2026-11-22T00:00:00+01:00,2026-11-22T00:00:00,76.9,,-250,,,,,,231.5,,,,,,,\"'=T1\"\r\n"
    );
    let (text, _) = exported(&mut few, What::Energy, Format::JsonLines);
    let line = &json_lines(&text)[0];
    assert_eq!((&line["pv_power_w"], &line["grid_power_w"]), (&Value::Null, &json!(-250)));
    assert_eq!((&line["tariff_zone"], line.as_object().unwrap().len()), (&json!("=T1"), 18));
    // Nothing at all: a header, or nothing.
    assert_eq!(exported(&mut few, What::Days, Format::Csv).0.lines().count(), 1);
    assert_eq!(exported(&mut few, What::Days, Format::JsonLines).0, "");
}

#[test]
fn prices_have_every_step_and_add_up() {
    let day = date(2026, 11, 22);
    let mut few = Few { prices: BTreeMap::from([(day, priced(day))]), ..Few::default() };
    let (text, _) = exported(&mut few, What::Prices, Format::Csv);
    let lines = cells(&text);
    let picked = |line: usize| {
        [
            "start",
            "market_pln_kwh",
            "margin_pln_kwh",
            "distribution_pln_kwh",
            "vat_pln_kwh",
            "buy_pln_kwh",
            "sell_pln_kwh",
        ]
        .map(|name| lines[line][name])
    };
    assert_eq!(picked(0), ["2026-11-22T00:00:00+01:00", "-0.005", "0.0892", "0.2464", "0", "0.3306", ""]);
    assert_eq!(picked(1), ["2026-11-22T00:15:00+01:00", "", "0.0892", "0.2464", "", "", ""], "a hole keeps its place");
    assert_eq!((lines[0]["source"], lines[95]["end"]), ("memory", "2026-11-23T00:00:00+01:00"));
}

#[test]
fn decisions_have_units_and_what_was_said_cannot_run() {
    let day = date(2026, 11, 22);
    let at = warsaw().day_start(day);
    let decision = |action: &str, reason: &str, parameters: Value| {
        let parameters: Map<String, Value> = parameters.as_object().unwrap().clone();
        let raw = RawDecision {
            id: Some(7),
            action: Some(action.into()),
            reason: Some(reason.into()),
            parameters,
            ..RawDecision::default()
        };
        Decision::new(at, raw)
    };
    let said =
        json!({"pv_power": 1.2345, "consumption": 0.4, "current_price": 0, "cheapest_hour": "+3", "confidence": 0.5});
    let sold = json!({"pv_power": 900, "energy_sold_kwh": 2, "expected_revenue_pln": 1.5, "cheapest_hour": 13});
    let all = vec![decision("wait", "=HYPERLINK(\"x\"), or so", said.clone()), decision("battery_selling", "", sold)];
    let mut few = Few { decisions: BTreeMap::from([(day, all)]), ..Few::default() };
    let (text, _) = exported(&mut few, What::Decisions, Format::JsonLines);
    let lines = json_lines(&text);
    let picked = |line: usize| {
        [
            "kind",
            "pv_power_w",
            "house_power_w",
            "current_price_pln_kwh",
            "cheapest_hour",
            "energy_kwh",
            "estimated_cost_pln",
        ]
        .map(|name| lines[line][name].clone())
    };
    let null = Value::Null;
    assert_eq!(
        picked(0),
        [json!("wait"), json!(1234.5), json!(400), null.clone(), json!("+3"), null.clone(), null.clone()]
    );
    assert_eq!(picked(1), [json!("selling"), json!(900), null.clone(), null.clone(), json!(13), json!(2), json!(-1.5)]);
    assert_eq!((&lines[0]["parameters"], &lines[1]["reason"]), (&said, &null));
    let (text, _) = exported(&mut few, What::Decisions, Format::Csv);
    let line = text.split("\r\n").nth(1).unwrap();
    assert!(
        line.starts_with("2026-11-22T00:00:00+01:00,2026-11-22T00:00:00,7,wait,wait,,\"'=HYPERLINK(\"\"x\"\"), or so\",,,0.5,,,\"'+3\","),
        "{line}"
    );
}

#[test]
fn closed_days_tell_how_complete_they_are() {
    let day = date(2026, 11, 22);
    let (start, mut rows) = (warsaw().day_start(day), rows(day));
    for (index, row) in rows.iter_mut().enumerate() {
        row.import_total_kwh = Some(100.0 + index as f64 * 0.05);
        row.pv_power_w = (index < 100).then_some(1_200.0);
        row.soc_pct = Some(50.0 + index as f64 / 10.0);
    }
    rows.drain(200..212);
    rows.push(EnergyRow {
        at: start + Duration::from_secs(86_400),
        import_total_kwh: Some(114.4),
        ..EnergyRow::default()
    });
    let balance = Balance::of(day, &rows, None, &warsaw());
    let sums = Sums { charging: 3, wait: 90, ..Sums::default() };
    let mut few = Few { closed: BTreeMap::from([(day, ClosedDay { balance, sums })]), ..Few::default() };
    let (text, _) = exported(&mut few, What::Days, Format::Csv);
    let line = &cells(&text)[0];
    for (name, value) in [
        ("day", "2026-11-22"),
        ("rows", "276"),
        ("expected_rows", "288"),
        ("import_kwh", "14.4"),
        ("import_from", "counter"),
        ("import_unknown_s", "0"),
        ("import_t1_kwh", "0"),
        ("import_t2_kwh", "14.4"),
        ("pv_from", "power"),
        ("house_kwh", ""),
        ("house_from", ""),
        ("house_unknown_s", "86400"),
        ("cost_pln", ""),
        ("cost_unpriced_kwh", "14.4"),
        ("cost_reason", "no prices of the day are known"),
        ("income_pln", ""),
        ("income_unpriced_kwh", ""),
        ("soc_min_pct", "50"),
        ("soc_max_pct", "78.7"),
        ("pv_power_max_w", "1200"),
        ("grid_power_max_w", ""),
        ("charging_decisions", "3"),
        ("selling_decisions", "0"),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    let names: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let units = ["_kwh", "_pln", "_w", "_pct", "_c", "_s"];
    let bare = names.iter().filter(|name| !units.iter().any(|unit| name.ends_with(unit)));
    assert!(
        bare.clone().all(|name| {
            ["day", "rows"].contains(name)
                || ["_rows", "_from", "_reason", "_decisions"].iter().any(|end| name.ends_with(end))
        }),
        "{:?}",
        bare.collect::<Vec<_>>()
    );
}

#[test]
fn a_day_that_cannot_be_read_ends_it_and_has_a_name() {
    let days = [date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)];
    let mut few = Few { energy: days.map(|day| (day, rows(day))).into(), broken: Some(days[1]), ..Few::default() };
    let (text, ended) = exported(&mut few, What::Energy, Format::JsonLines);
    assert_eq!(text.lines().count(), 288, "the days before it are whole");
    assert!(matches!(ended, Err(Failure::Read(day, fault)) if day == days[1] && fault.to_string() == "no disk"));
}

#[test]
fn a_wish_comes_down_to_days_that_are_there() {
    let wish = |from: Option<Date>, to: Option<Date>| {
        let wish = Wish { what: What::Days, from, to, format: Format::Csv };
        days(&mut Few::default(), &wish).unwrap()
    };
    let (first, last) = (date(2026, 3, 1), date(2026, 11, 30));
    assert_eq!(wish(None, None), Some((first, last)));
    assert_eq!(wish(Some(date(2000, 1, 1)), Some(date(2100, 12, 31))), Some((first, last)));
    assert_eq!(wish(Some(last), None), Some((last, last)));
    assert_eq!(wish(None, Some(date(2026, 2, 28))), None);
    assert_eq!(wish(Some(date(2027, 1, 1)), None), None);
}

#[test]
fn every_column_is_told_of_in_its_place() {
    let told = include_str!("../../docs/export.md");
    for what in What::ALL {
        let (header, _) = exported(&mut Few::default(), what, Format::Csv);
        let (_, section) = told.split_once(&format!("\n## {}\n", what.name())).unwrap();
        let rows = section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        let names: Vec<&str> = rows.flat_map(|row| row.split(" |").next().unwrap().split(", ")).collect();
        let names: Vec<&str> = names.iter().map(|name| name.trim_matches('`')).collect();
        assert_eq!(header.trim_end(), names.join(","), "{}", what.name());
    }
}

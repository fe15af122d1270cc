//! Every type hour by hour, dates, and what errors say.

use super::*;
use crate::config::node;
use crate::model::tariff::{DayKind, Kompas};

/// Checks each hour of a day from its first minute to its last. `hours` are 24 letters, spaces apart; `legend` gives
/// zone and distribution (10⁻⁶ PLN/kWh) of each.
pub(super) fn check_day(tariff: &Tariff, day: &str, hours: &str, legend: &[(char, &str, i64)]) {
    let letters: Vec<char> = hours.chars().filter(|letter| *letter != ' ').collect();
    assert_eq!(letters.len(), 24, "{hours}");
    for (hour, letter) in letters.into_iter().enumerate() {
        let (_, zone, price) = legend.iter().find(|(known, ..)| *known == letter).unwrap();
        for minute in ["00:00", "01:00", "59:00", "59:59"] {
            let local = format!("{day}T{hour:02}:{minute}");
            let charge = tariff.charge(local.parse().unwrap(), None).expect(&local);
            let found = (&*charge.zone, charge.distribution, charge.fallback);
            assert_eq!(found, (*zone, Micro(*price), false), "{} at {local}", tariff.reach());
        }
    }
}

fn try_entry(entry: &str) -> Result<(Tariff, Vec<String>), String> {
    let text = format!("electricity_tariff:\n  tariff_type: a\n  distribution_pricing:\n    a:\n{entry}");
    let node = node::parse(&text).expect(&text);
    let mut warnings = Vec::new();
    match read(&Doc::new("c.yaml", &node), None, &mut warnings) {
        Ok(tariff) => Ok((tariff, warnings)),
        Err(fault) => Err(fault.to_string()),
    }
}

/// The tariff of an entry, its lines given as they stand in YAML.
fn entry(lines: &str) -> Tariff {
    try_entry(&indented(lines)).unwrap().0
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("      {line}\n")).collect()
}

const G12W: &str = "type: time_based
peak_hours: {start: 6, end: 22}
off_peak_windows: [{start: 13, end: 15}]
prices: {peak: 0.3298, off_peak: 0.0512}
";
const G13S: &str = "type: seasonal_time_based
requires_pse_forecast: false
seasons:
  summer:
    start_month: 4
    start_day: 1
    end_month: 9
    end_day: 30
    time_zones:
      day_peak_morning: {start: 7, end: 9}
      day_off_peak: {start: 9, end: 17}
      day_peak_evening: {start: 17, end: 21}
      night: {start: 21, end: 7}
  winter:
    time_zones:
      day_peak_morning: {start: 7, end: 10}
      day_off_peak: {start: 10, end: 15}
      day_peak: {start: 15, end: 21}
      night: {start: 21, end: 7}
prices:
  working_days:
    summer: {day_peak: 0.2842, day_off_peak: 0.1000, night: 0.1094}
    winter: {day_peak: 0.3332, day_off_peak: 0.1999, night: 0.1094}
  free_days: {all_hours: 0.0}
";

#[test]
fn time_based_knows_weekends_and_holidays_where_the_config_says_so() {
    let (zones, free) = ("oooooo ppppppp oo ppppppp oo", "oooooooooooooooooooooooo");
    let legend = [('p', "peak", 329_800), ('o', "off_peak", 51_200)];
    for (extra, working, off) in [
        (
            "",
            &["2026-11-23", "2026-11-21", "2026-11-22", "2026-11-11", "2026-06-04", "2026-03-29", "2026-10-25"][..],
            &[][..],
        ),
        (
            "weekends_off_peak: true",
            &["2026-11-23", "2026-11-11", "2026-06-04", "2025-12-24"],
            &["2026-11-21", "2026-11-22", "2026-03-29", "2026-10-25"],
        ),
        (
            "holidays_off_peak: yes",
            &["2026-11-21", "2026-11-22", "2024-12-24"],
            &["2026-11-11", "2026-06-04", "2025-12-24", "2026-12-24"],
        ),
        (
            "weekends_off_peak: true\nholidays_off_peak: true",
            &["2026-11-23", "2024-12-24", "2026-03-31", "2026-04-01", "2026-09-30", "2026-10-01", "2026-06-05"],
            &["2026-11-21", "2026-11-22", "2026-11-11", "2026-06-04", "2025-12-24", "2026-03-29", "2026-10-25"],
        ),
    ] {
        let tariff = entry(&format!("{G12W}{extra}"));
        working.iter().for_each(|day| check_day(&tariff, day, zones, &legend));
        off.iter().for_each(|day| check_day(&tariff, day, free, &legend));
        assert!(!tariff.needs_kompas());
    }
}

#[test]
fn time_based_windows_and_seasons() {
    let legend = [('p', "peak", 427_600), ('o', "off_peak", 84_500)];
    let prices = "type: time_based\nprices: {peak: 0.4276, off_peak: 0.0845}\n";
    let (winter, summer) = ("oooooo ppppppp oo ppppppp oo", "oooooo ppppppppp oo ppppp oo");
    for (lines, winter, summer) in [
        ("peak_windows: [{start: 6, end: 13}, {start: 15, end: 22}]", winter, winter),
        // In place of peak_hours, which the coordinator reads.
        ("peak_hours: {start: 0, end: 24}\npeak_windows: [{start: 6, end: 13}, {start: 15, end: 22}]", winter, winter),
        (
            "peak_hours: {start: 6, end: 22}\nseasons: {summer: {off_peak_windows: [{start: 15, end: 17}]}, winter: {off_peak_windows: [{start: 13, end: 15}]}}",
            winter,
            summer,
        ),
        (
            "peak_hours: {start: 6, end: 22}\noff_peak_windows: [{start: 13, end: 15}]\nseasons: {summer: {peak_windows: [{start: 6, end: 15}, {start: 17, end: 22}], off_peak_windows: []}, winter: }",
            winter,
            summer,
        ),
        ("peak_windows: []", "oooooooooooooooooooooooo", "oooooooooooooooooooooooo"),
        ("peak_hours: {start: 0, end: 24}", "pppppppppppppppppppppppp", "pppppppppppppppppppppppp"),
    ] {
        let tariff = entry(&format!("{prices}{lines}"));
        ["2026-03-31", "2026-10-01", "2024-02-29"].iter().for_each(|day| check_day(&tariff, day, winter, &legend));
        ["2026-04-01", "2026-09-30", "2026-07-04"].iter().for_each(|day| check_day(&tariff, day, summer, &legend));
    }
}

#[test]
fn seasonal_time_based() {
    let tariff = entry(G13S);
    let free = "ffffffffffffffffffffffff";
    let night = ('n', "night", 109_400);
    let winter = [('p', "day_peak", 333_200), ('o', "day_off_peak", 199_900), night, ('f', "free", 0)];
    let summer = [('p', "day_peak", 284_200), ('o', "day_off_peak", 100_000), night, ('f', "free", 0)];
    for day in ["2026-11-23", "2026-03-31", "2026-10-01", "2024-12-24"] {
        check_day(&tariff, day, "nnnnnnn ppp ooooo pppppp nnn", &winter);
    }
    for day in ["2026-07-06", "2026-04-01", "2026-09-30", "2026-06-05"] {
        check_day(&tariff, day, "nnnnnnn pp oooooooo pppp nnn", &summer);
    }
    for day in
        ["2026-11-21", "2026-11-22", "2026-11-11", "2026-06-04", "2025-12-24", "2026-03-29", "2026-10-25", "2026-07-04"]
    {
        check_day(&tariff, day, free, &winter);
    }
    let why = |day: &str| tariff.describe(day.parse().unwrap()).unwrap().why();
    for (day, expected) in [
        ("2026-11-23", "working day, winter"),
        ("2026-07-04", "Saturday, summer"),
        ("2026-06-04", "Corpus Christi, summer"),
        ("2026-08-15", "Saturday, Assumption Day, summer"),
    ] {
        assert_eq!(why(day), expected);
    }
    let rule = tariff.describe("2026-11-11".parse().unwrap()).unwrap();
    assert_eq!(rule.to_string(), "a of the config: Wednesday, Independence Day, winter; free all day");
    assert_eq!((rule.kind, rule.season.as_deref()), (Some(DayKind::Free), Some("winter")));
}

#[test]
fn zoned() {
    let tariff = entry(
        "type: zoned
seasons:
  warm: {start_month: 5, start_day: 1, end_month: 8, end_day: 31}
  cold: {start_month: 9, start_day: 1, end_month: 4, end_day: 30}
zones:
  warm:
    working: {day: [{start: 6, end: 9}, {start: 12, end: 22}], night: []}
  cold:
    working: {day: [{start: 5, end: 23}]}
    free: {night: [{start: 20, end: 8}], day: }
prices:
  warm: {working: {day: 0.5, night: 0.1}, free: {rest: 0.05}}
  cold: {working: {day: 0.6, night: 0.2}, free: {day: 0.4, night: 0}}
",
    );
    let warm = [('d', "day", 500_000), ('n', "night", 100_000), ('r', "rest", 50_000)];
    let cold = [('d', "day", 600_000), ('n', "night", 200_000)];
    let cold_free = [('d', "day", 400_000), ('n', "night", 0)];
    for day in ["2026-05-04", "2026-08-31"] {
        check_day(&tariff, day, "nnnnnn ddd nnn dddddddddd nn", &warm);
    }
    for day in ["2026-05-01", "2026-06-04", "2026-08-29"] {
        check_day(&tariff, day, "rrrrrrrrrrrrrrrrrrrrrrrr", &warm);
    }
    for day in ["2026-04-30", "2026-09-01", "2024-12-24"] {
        check_day(&tariff, day, "nnnnn dddddddddddddddddd n", &cold);
    }
    for day in ["2025-12-24", "2026-03-29", "2026-10-25", "2026-11-11"] {
        check_day(&tariff, day, "nnnnnnnn dddddddddddd nnnn", &cold_free);
    }
    let all_year = entry("type: zoned\nprices: {all_year: {working: {day: 0.5}, free: {sun: 0.2}}}\n");
    for day in ["2026-01-02", "2026-07-06"] {
        check_day(&all_year, day, "dddddddddddddddddddddddd", &[('d', "day", 500_000)]);
    }
    check_day(&all_year, "2026-07-05", "ssssssssssssssssssssssss", &[('s', "sun", 200_000)]);
}

#[test]
fn kompas_based() {
    let tariff = entry(
        "type: kompas_based\nfallback_price: 0.5\nprices: {recommended_usage: 0.0, normal_usage: 0.1, recommended_saving: 0.2, required_reduction: 2.3756}\n",
    );
    let at = "2024-12-24T10:00".parse().unwrap();
    for (code, zone, price) in
        [(0, "recommended_usage", 0), (1, "normal_usage", 100_000), (2, "recommended_saving", 200_000)]
    {
        let charge = tariff.charge(at, Kompas::from_code(code)).unwrap();
        assert_eq!((&*charge.zone, charge.distribution, charge.fallback), (zone, Micro(price), false));
    }
    let charge = tariff.charge(at, None).unwrap();
    assert_eq!((&*charge.zone, charge.distribution, charge.fallback), ("fallback", Micro(500_000), true));
}

#[test]
fn rates_hold_from_a_date_on() {
    let tariff = entry(&format!(
        "{G12W}valid_from: 2026-01-01
changes:
  - {{valid_from: 2026-07-01, prices: {{peak: 0.4}}, sc_component_pln_kwh: 0.1}}
  - {{valid_from: 2027-01-01, weekends_off_peak: true, off_peak_windows: }}
  - {{valid_from: 2028-01-01, type: static, price: 0.3}}
"
    ));
    let found = |at: &str| {
        let charge = tariff.charge(at.parse().unwrap(), None)?;
        Some((charge.zone.to_string(), charge.distribution.0, charge.margin.0))
    };
    let expected = |zone: &str, price, margin| Some((zone.to_owned(), price, margin));
    assert_eq!(found("2025-12-31T23:59"), None);
    assert_eq!(found("2026-01-01T00:00"), expected("off_peak", 51_200, 89_200));
    assert_eq!(found("2026-06-30T10:00"), expected("peak", 329_800, 89_200));
    assert_eq!(found("2026-07-01T10:00"), expected("peak", 400_000, 100_000));
    assert_eq!(found("2026-07-01T13:00"), expected("off_peak", 51_200, 100_000));
    // What a change does not name stays; what it names as nothing is gone.
    assert_eq!(found("2027-01-04T13:00"), expected("peak", 400_000, 100_000));
    assert_eq!(found("2027-01-03T13:00"), expected("off_peak", 51_200, 100_000));
    assert_eq!(found("2028-01-03T13:00"), expected("all_day", 300_000, 100_000));
    assert_eq!(tariff.reach(), "a of the config holds from 2026-01-01");
}

#[test]
fn warnings() {
    let placeholder = |lines: &str| {
        let text = format!("electricity_tariff: {{tariff_type: g13, distribution_pricing: {{g13: {{{lines}}}}}}}");
        let node = node::parse(&text).unwrap();
        let mut warnings = Vec::new();
        read(&Doc::new("c.yaml", &node), None, &mut warnings).unwrap();
        warnings
    };
    assert_eq!(
        placeholder("type: static, price: 0.0"),
        ["electricity_tariff.distribution_pricing.g13.price is 0.0, the sample's placeholder: prices lack the \
          distribution part until it is set; Tauron's rates are electricity_tariff.preset: tauron-2026/g13"]
    );
    assert_eq!(placeholder("type: static, price: 0.1"), Vec::<String>::new());
    let text = "electricity_tariff: {tariff_type: a, include_extras: true, include_vat: true, distribution_pricing: {a: {type: static, price: 1}}}";
    let node = node::parse(text).unwrap();
    let mut warnings = Vec::new();
    read(&Doc::new("c.yaml", &node), None, &mut warnings).unwrap();
    assert_eq!(
        warnings,
        [
            "electricity_tariff.include_extras has no effect without electricity_tariff.preset",
            "electricity_tariff.include_vat has no effect without electricity_tariff.preset"
        ]
    );
}

#[test]
fn an_entry_s_name_may_have_dots() {
    let text = "electricity_tariff: {tariff_type: g12.new, distribution_pricing: {g12.new: {type: static, price: 1}, g12: {new: 1}}}";
    let node = node::parse(text).unwrap();
    let tariff = read(&Doc::new("c.yaml", &node), None, &mut Vec::new()).unwrap();
    check_day(&tariff, "2024-12-24", "aaaaaaaaaaaaaaaaaaaaaaaa", &[('a', "all_day", 1_000_000)]);
}

/// Bad lines of an entry, and what is said of them after `c.yaml: electricity_tariff.distribution_pricing.a`.
#[test]
fn errors_name_the_key_the_value_and_what_is_allowed() {
    let peak = "prices: {peak: 1, off_peak: 1}";
    let zoned = "type: zoned\nprices: {all_year: {working: {x: 1, y: 1}, free: {x: 1}}}";
    let types = "static, time_based, kompas_based, seasonal_time_based or zoned";
    for (lines, message) in [
        ("price: 1".to_owned(), format!(".type is missing; it must be {types}")),
        ("type: magic".to_owned(), format!(".type: magic is not allowed; it must be {types}")),
        ("type: static".to_owned(), ".price is missing; it must be a price in PLN/kWh".to_owned()),
        ("type: static\nprice: cheap".to_owned(), ".price: \"cheap\" is not allowed; it must be a number".to_owned()),
        (
            "type: static\nprice: 246.4".to_owned(),
            ".price: 246.4 is not allowed; it must be a price in PLN/kWh, at most 100".to_owned(),
        ),
        (
            "type: time_based\npeak_hours: {start: 6, end: 22}\nprices: {peak: 1}".to_owned(),
            ".prices.off_peak is missing; it must be a price in PLN/kWh".to_owned(),
        ),
        (
            format!("type: time_based\n{peak}"),
            ".peak_hours is missing; it must be {start: HOUR, end: HOUR}".to_owned(),
        ),
        (
            format!("type: time_based\npeak_hours: {{start: 6}}\n{peak}"),
            ".peak_hours.end is missing; it must be a whole hour, 0 to 24".to_owned(),
        ),
        (
            format!("type: time_based\npeak_hours: {{start: 6.5, end: 22}}\n{peak}"),
            ".peak_hours.start: 6.5 is not allowed; it must be a whole hour, 0 to 24".to_owned(),
        ),
        (
            format!("type: time_based\npeak_hours: {{start: 22, end: 6}}\n{peak}"),
            ".peak_hours: {start: 22, end: 6} is not allowed; it must be a window that starts before it ends".to_owned(),
        ),
        (
            format!("type: time_based\npeak_hours: {{start: 6, end: 22}}\noff_peak_windows: [{{start: 1, end: 2}}, {{start: 13, end: 13}}]\n{peak}"),
            ".off_peak_windows[1]: {start: 13, end: 13} is not allowed; it must be a window that starts before it ends"
                .to_owned(),
        ),
        (
            format!("type: time_based\npeak_windows: {{start: 6, end: 22}}\n{peak}"),
            ".peak_windows: a section is not allowed; it must be a list".to_owned(),
        ),
        (
            format!("type: time_based\npeak_hours: {{start: 6, end: 22}}\nweekends_off_peak: maybe\n{peak}"),
            ".weekends_off_peak: \"maybe\" is not allowed; it must be true or false".to_owned(),
        ),
        (
            format!("type: time_based\npeak_hours: {{start: 6, end: 22}}\nseasons: {{summer: {{peak_windows: [{{start: 9, end: 8}}]}}, winter: }}\n{peak}"),
            ".seasons.summer.peak_windows[0]: {start: 9, end: 8} is not allowed; it must be a window that starts before it ends".to_owned(),
        ),
        (
            "type: kompas_based\nprices: {recommended_usage: 1, normal_usage: 1, recommended_saving: 1}".to_owned(),
            ".prices.required_reduction is missing; it must be a price in PLN/kWh".to_owned(),
        ),
        (
            "type: kompas_based\nprices: {recommended_usage: 1, normal_usage: 1, recommended_saving: 1, required_reduction: 1}".to_owned(),
            ".fallback_price is missing; it must be a price in PLN/kWh".to_owned(),
        ),
        (
            G13S.replace("free_days: {all_hours: 0.0}", ""),
            ".prices.free_days.all_hours is missing; it must be a price in PLN/kWh".to_owned(),
        ),
        (
            G13S.replace("0.1999, night: 0.1094", "0.1999"),
            ".prices.working_days.winter.night is missing; it must be a price in PLN/kWh".to_owned(),
        ),
        (
            "type: seasonal_time_based\nprices: {free_days: {all_hours: 0}}".to_owned(),
            ".seasons.summer.time_zones is missing; it must be a section of zones, each {start: HOUR, end: HOUR}"
                .to_owned(),
        ),
        (
            G13S.replace("night: {start: 21, end: 7}", "night: {start: 20, end: 7}"),
            ".seasons.summer.time_zones: hour 20 lies in two zones, day_peak and night; it must lie in one".to_owned(),
        ),
        (
            G13S.replace("night: {start: 21, end: 7}", "night: {start: 22, end: 7}"),
            ".seasons.summer.time_zones: hour 21 lies in no zone; each hour of the day must lie in one".to_owned(),
        ),
        (
            G13S.replace("night: {start: 21, end: 7}", "night: {start: 7, end: 7}"),
            ".seasons.summer.time_zones.night: {start: 7, end: 7} is not allowed; it must be a window that is not empty; {start: 0, end: 24} is the whole day".to_owned(),
        ),
        (
            G13S.replace("end_month: 9", "end_month: 13"),
            ".seasons.summer.end_month: 13 is not allowed; it must be a month, 1 to 12".to_owned(),
        ),
        (
            G13S.replace("end_day: 30", "end_day: 31"),
            ".seasons.summer.end_day: 31 is not allowed; it must be a day of month 9, 1 to 30".to_owned(),
        ),
        (
            G13S.replace("  winter:\n", "  winter:\n    start_month: 9\n"),
            ".seasons: summer and winter both have 1 September; each day of the year must lie in one season".to_owned(),
        ),
        (
            G13S.replace("  winter:\n", "  winter:\n    end_month: 2\n"),
            ".seasons: no season has 1 March; each day of the year must lie in one season".to_owned(),
        ),
        (
            "type: zoned\nseasons: {spring: {start_month: 3}}".to_owned(),
            ".seasons.spring.start_day is missing; it must be a day of month 3, 1 to 31".to_owned(),
        ),
        (
            "type: zoned".to_owned(),
            ".prices.summer.working is missing; it must be a section with a price in PLN/kWh for each zone".to_owned(),
        ),
        (
            "type: zoned\nprices: {all_year: {working: {x: 1}}}".to_owned(),
            ".prices.all_year.free is missing; it must be a section with a price in PLN/kWh for each zone".to_owned(),
        ),
        (
            zoned.to_owned(),
            ".zones.all_year.working: x and y both have no windows; only one zone can take the other hours".to_owned(),
        ),
        (
            format!("{zoned}\nzones: {{all_year: {{working: {{x: [{{start: 0, end: 24}}]}}}}}}"),
            ".zones.all_year.working.y: it has no windows, and the other zones leave it no hour".to_owned(),
        ),
        (
            format!("{zoned}\nzones: {{all_year: {{working: {{x: [{{start: 22, end: 7}}], y: [{{start: 6, end: 22}}]}}}}}}"),
            ".zones.all_year.working: hour 6 lies in two zones, x and y; it must lie in one".to_owned(),
        ),
        (
            format!("{zoned}\nzones: {{all_year: {{working: {{x: [{{start: 0, end: 6}}], z: [{{start: 6, end: 22}}]}}}}}}"),
            ".prices.all_year.working.z is missing; it must be a price in PLN/kWh".to_owned(),
        ),
        (
            "type: static\nprice: 1\nvalid_from: 1.1.2026".to_owned(),
            ".valid_from: 1.1.2026 is not allowed; it must be a date such as 2026-01-01".to_owned(),
        ),
        (
            "type: static\nprice: 1\nvalid_from: 2026".to_owned(),
            ".valid_from: 2026 is not allowed; it must be a date such as 2026-01-01".to_owned(),
        ),
        (
            "type: static\nprice: 1\nvalid_from: 2026-02-30".to_owned(),
            ".valid_from: 2026-02-30 is not allowed; it must be a date such as 2026-01-01".to_owned(),
        ),
        (
            "type: static\nprice: 1\nchanges: [{price: 2}]".to_owned(),
            ".changes[0].valid_from is missing; it must be a date such as 2026-01-01".to_owned(),
        ),
        (
            "type: static\nprice: 1\nvalid_from: 2026-01-01\nchanges: [{valid_from: 2026-01-01, price: 2}]".to_owned(),
            ".changes[0].valid_from: 2026-01-01 is not allowed; it must be a date after 2026-01-01, since each change comes after what it changes".to_owned(),
        ),
        (
            "type: static\nprice: 1\nchanges: [{valid_from: 2026-07-01}, {valid_from: 2026-07-01, price: 2}]".to_owned(),
            ".changes[1].valid_from: 2026-07-01 is not allowed; it must be a date after 2026-07-01, since each change comes after what it changes".to_owned(),
        ),
        (
            "type: static\nprice: 1\nchanges: [{valid_from: 2026-07-01, price: x}]".to_owned(),
            " (as of 2026-07-01).price: \"x\" is not allowed; it must be a number".to_owned(),
        ),
    ] {
        let expected = format!("c.yaml: electricity_tariff.distribution_pricing.a{message}");
        assert_eq!(try_entry(&indented(&lines)).unwrap_err(), expected, "{lines}");
    }
}

#[test]
fn names_that_are_not_there() {
    let presets = "tauron-2026/g11, tauron-2026/g12, tauron-2026/g12w, tauron-2026/g13, tauron-2026/g13s, tauron-2026/g14dynamic, pge-2026/g12w, energa-2026/g12w";
    let text = "electricity_tariff: {tariff_type: b, distribution_pricing: {a: {type: static, price: 1}, c: {}}}";
    let fault = |text: &str, named| {
        let node = node::parse(text).unwrap();
        read(&Doc::new("c.yaml", &node), named, &mut Vec::new()).unwrap_err().to_string()
    };
    assert_eq!(
        fault(text, None),
        "c.yaml: electricity_tariff.tariff_type: b is not allowed; it must be the name of one of a, c under electricity_tariff.distribution_pricing"
    );
    assert_eq!(
        fault(text, Some("pge-2026/g11")),
        format!("--tariff pge-2026/g11 is not allowed; it must be one of a, c, {presets}")
    );
    assert_eq!(
        fault("electricity_tariff: {preset: g12w}", None),
        format!("c.yaml: electricity_tariff.preset: g12w is not allowed; it must be one of {presets}")
    );
    assert_eq!(
        preset("enea-2026/g12w").unwrap_err().to_string(),
        format!("--tariff enea-2026/g12w is not allowed; it must be one of {presets}")
    );
}

//! The presets against the operators' tables, written out.

use super::*;
use crate::base::units::Micro;
use crate::config::tariff::tests::check_day;
use crate::config::tariff::{preset, read};
use crate::model::tariff::{Kompas, Tariff};

const G12: &str = "oooooo ppppppp oo ppppppp oo";
const PGE_SUMMER: &str = "oooooo ppppppppp oo ppppp oo";
const OFF_PEAK: &str = "oooooooooooooooooooooooo";
const G13_WINTER: &str = "rrrrrrr mmmmmm rrr aaaaa rrr";
const G13_SUMMER: &str = "rrrrrrr mmmmmm rrrrrr aaa rr";
const REST: &str = "rrrrrrrrrrrrrrrrrrrrrrrr";
const G13S_WINTER: &str = "nnnnnnn ppp ooooo pppppp nnn";
const G13S_SUMMER: &str = "nnnnnnn pp oooooooo pppp nnn";

/// Working days, the edges of the seasons among them.
const WINTER_WORKING: [&str; 6] = ["2026-01-02", "2026-03-31", "2026-10-01", "2026-11-23", "2026-12-23", "2027-03-31"];
const SUMMER_WORKING: [&str; 4] = ["2026-04-01", "2026-06-05", "2026-07-06", "2026-09-30"];
/// Saturdays, Sundays (both DST days among them), holidays, Christmas Eve.
const WINTER_FREE: [&str; 8] =
    ["2026-11-21", "2026-11-22", "2026-03-29", "2026-10-25", "2026-11-11", "2026-12-24", "2026-01-01", "2026-01-06"];
const SUMMER_FREE: [&str; 6] = ["2026-07-04", "2026-07-05", "2026-06-04", "2026-04-06", "2026-05-01", "2026-08-15"];

type Legend<'a> = &'a [(char, &'a str, i64)];

fn check(name: &str, days: &[&str], hours: &str, legend: Legend<'_>) {
    let tariff = preset(name).unwrap();
    days.iter().for_each(|day| check_day(&tariff, day, hours, legend));
}

#[test]
fn all_presets_are_here() {
    assert_eq!(
        names(),
        [
            "tauron-2026/g11",
            "tauron-2026/g12",
            "tauron-2026/g12w",
            "tauron-2026/g13",
            "tauron-2026/g13s",
            "tauron-2026/g14dynamic",
            "pge-2026/g12w",
            "energa-2026/g12w"
        ]
    );
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/tariffs");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len(), "a file is not compiled in");
    for (file, text) in FILES {
        let year = file.rsplit('-').next().unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("# Source: ") && first.contains(&format!("tariff for {year}")), "{file}: {first}");
        assert!(text.contains("Net, PLN/kWh"), "{file}");
    }
}

#[test]
fn g11_has_one_price() {
    let legend: Legend<'_> = &[('a', "all_day", 246_400)];
    for days in [&WINTER_WORKING[..], &SUMMER_WORKING, &WINTER_FREE, &SUMMER_FREE] {
        check("tauron-2026/g11", days, "aaaaaaaaaaaaaaaaaaaaaaaa", legend);
    }
}

#[test]
fn g12_is_the_same_every_day() {
    let legend: Legend<'_> = &[('p', "peak", 284_100), ('o', "off_peak", 55_800)];
    for days in [&WINTER_WORKING[..], &SUMMER_WORKING, &WINTER_FREE, &SUMMER_FREE] {
        check("tauron-2026/g12", days, G12, legend);
    }
}

#[test]
fn g12w_is_off_peak_on_free_days() {
    for (name, summer, peak, off_peak) in [
        ("tauron-2026/g12w", G12, 329_800, 51_200),
        ("pge-2026/g12w", PGE_SUMMER, 427_600, 84_500),
        ("energa-2026/g12w", G12, 401_700, 85_100),
    ] {
        let legend: Legend<'_> = &[('p', "peak", peak), ('o', "off_peak", off_peak)];
        check(name, &WINTER_WORKING, G12, legend);
        check(name, &SUMMER_WORKING, summer, legend);
        check(name, &WINTER_FREE, OFF_PEAK, legend);
        check(name, &SUMMER_FREE, OFF_PEAK, legend);
    }
}

#[test]
fn g13_has_three_zones() {
    let legend: Legend<'_> = &[('m', "morning_peak", 220_300), ('a', "afternoon_peak", 389_800), ('r', "rest", 39_200)];
    check("tauron-2026/g13", &WINTER_WORKING, G13_WINTER, legend);
    check("tauron-2026/g13", &SUMMER_WORKING, G13_SUMMER, legend);
    check("tauron-2026/g13", &WINTER_FREE, REST, legend);
    check("tauron-2026/g13", &SUMMER_FREE, REST, legend);
}

#[test]
fn g13s_has_prices_by_season_and_day() {
    for (days, hours, off_peak, peak) in [
        (&SUMMER_WORKING[..], G13S_SUMMER, 100_000, 284_200),
        (&SUMMER_FREE, G13S_SUMMER, 40_000, 117_600),
        (&WINTER_WORKING, G13S_WINTER, 199_900, 333_200),
        (&WINTER_FREE, G13S_WINTER, 120_000, 196_000),
    ] {
        let legend: Legend<'_> = &[('o', "day_off_peak", off_peak), ('p', "day_peak", peak), ('n', "night", 109_400)];
        check("tauron-2026/g13s", days, hours, legend);
    }
}

#[test]
fn g14dynamic_goes_by_the_kompas() {
    let tariff = preset("tauron-2026/g14dynamic").unwrap();
    assert!(tariff.needs_kompas());
    for (code, zone, price) in [
        (Some(0), "recommended_usage", 22_400),
        (Some(1), "normal_usage", 89_300),
        (Some(2), "recommended_saving", 388_100),
        (Some(3), "required_reduction", 2_375_600),
        (None, "fallback", 89_300),
    ] {
        for at in ["2026-01-01T00:00", "2026-03-29T03:00", "2026-10-25T02:30", "2026-11-23T10:59", "2026-11-23T11:00"] {
            let charge = tariff.charge(at.parse().unwrap(), code.and_then(Kompas::from_code)).unwrap();
            assert_eq!(
                (&*charge.zone, charge.distribution, charge.fallback),
                (zone, Micro(price), code.is_none()),
                "{at}"
            );
        }
    }
}

#[test]
fn presets_have_no_rates_before_their_year() {
    for name in names() {
        let tariff = preset(&name).unwrap();
        let at = |text: &str| tariff.charge(text.parse().unwrap(), None).is_some();
        assert_eq!((at("2025-12-24T10:00"), at("2025-12-31T23:59"), at("2026-01-01T00:00")), (false, false, true));
        assert_eq!(tariff.reach(), format!("{name} holds from 2026-01-01"));
        assert_eq!((tariff.preset.as_deref(), tariff.name.as_str()), (Some(&*name), name.split_once('/').unwrap().1));
    }
}

/// A config that chooses a preset.
fn chosen(lines: &str) -> (Tariff, Vec<String>) {
    let node = node::parse(&format!("electricity_tariff: {{{lines}}}")).unwrap();
    let mut warnings = Vec::new();
    (read(&node::Doc::new("c.yaml", &node), None, &mut warnings).unwrap(), warnings)
}

#[test]
fn margins_extras_and_vat() {
    for (lines, margin, extras, vat_pct_e2) in [
        ("preset: tauron-2026/g12w", 89_200, 0, 0),
        ("preset: pge-2026/g12w", 81_200, 0, 0),
        ("preset: energa-2026/g12w", 108_000, 0, 0),
        // What the coordinator has stays in the file, and the margin of the config comes first.
        ("tariff_type: g11, preset: pge-2026/g12w, sc_component_pln_kwh: 0.07", 70_000, 0, 0),
        ("preset: tauron-2026/g12w, include_extras: true", 89_200, 48_400, 0),
        ("preset: pge-2026/g12w, include_extras: true, include_vat: true", 81_200, 48_400, 2_300),
        ("preset: energa-2026/g12w, include_vat: true, include_extras: false", 108_000, 0, 2_300),
    ] {
        let (tariff, warnings) = chosen(lines);
        let charge = tariff.charge("2026-11-23T10:00".parse().unwrap(), None).unwrap();
        let found = (charge.margin, charge.extras, charge.vat_pct_e2);
        assert_eq!(found, (Micro(margin), Micro(extras), vat_pct_e2), "{lines}");
        assert_eq!(warnings, Vec::<String>::new(), "{lines}");
    }
    for name in names() {
        let (tariff, _) = chosen(&format!("preset: {name}, include_extras: true, include_vat: true"));
        let charge = tariff.charge("2026-11-23T10:00".parse().unwrap(), None).unwrap();
        assert_eq!((charge.extras, charge.vat_pct_e2), (Micro(48_400), 2_300), "{name}");
    }
}

#[test]
fn the_rule_of_a_day_is_a_sentence() {
    for (lines, day, sentence) in [
        (
            "preset: tauron-2026/g12w, sc_component_pln_kwh: 0.0892",
            "2026-11-21",
            "tauron-2026/g12w: Saturday; off_peak all day",
        ),
        (
            "preset: tauron-2026/g12w",
            "2026-12-24",
            "tauron-2026/g12w: Thursday, Christmas Eve; off_peak all day; \
             the seller's margin of 0.0892 PLN/kWh is the preset's",
        ),
        (
            "preset: pge-2026/g12w, sc_component_pln_kwh: 0.1, include_extras: true, include_vat: true",
            "2026-07-06",
            "pge-2026/g12w: Monday, working day, summer; off_peak 00:00-06:00 and 15:00-17:00 and 22:00-24:00, \
             peak 06:00-15:00 and 17:00-22:00; extras of 0.0484 PLN/kWh are included; 23 % VAT is included",
        ),
        (
            "preset: tauron-2026/g11, sc_component_pln_kwh: 0",
            "2026-06-04",
            "tauron-2026/g11: Thursday, Corpus Christi; one price all day",
        ),
        (
            "preset: tauron-2026/g14dynamic, sc_component_pln_kwh: 0",
            "2026-11-23",
            "tauron-2026/g14dynamic: Monday; the Kompas of the hour decides",
        ),
    ] {
        let (tariff, _) = chosen(lines);
        assert_eq!(tariff.describe(day.parse().unwrap()).unwrap().to_string(), sentence);
    }
}

//! What the command prints, to the letter.

use super::*;

const CONFIG: &str = "
system: {timezone: Europe/Warsaw}
electricity_tariff:
  tariff_type: g12w
  sc_component_pln_kwh: 0.1
  include_extras: true
  include_vat: true
  distribution_pricing:
    g12w:
      type: time_based
      peak_hours: {start: 6, end: 22}
      off_peak_windows: [{start: 13, end: 15}]
      prices: {peak: 0.32981, off_peak: 0.0512}
    g13: {type: static, price: 0.0}
";

fn shown(day: &str, tariff: Option<&str>, config: Option<PathBuf>) -> Result<String, String> {
    let day = match day {
        "today" => Day::Today,
        "tomorrow" => Day::Tomorrow,
        date => Day::On(date.parse().unwrap()),
    };
    let options = TariffOptions { config, day, tariff: tariff.map(str::to_owned) };
    let mut out = Vec::new();
    // Half past eleven in the evening in Warsaw.
    super::tariff(&options, "2026-11-20T22:30:00Z".parse().unwrap(), &mut out).map_err(|fault| fault.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

fn preset(day: &str, name: &str) -> String {
    shown(day, Some(name), None).unwrap()
}

#[test]
fn a_holiday() {
    assert_eq!(
        preset("2026-12-24", "tauron-2026/g12w"),
        "\
Tariff tauron-2026/g12w, a preset; its rates hold from 2026-01-01.
2026-12-24 is a Thursday, a public holiday: Christmas Eve (Wigilia Bożego Narodzenia); this tariff counts it as a free day; it has no seasons.
PLN/kWh: distribution, the seller's margin (the preset's); the market price comes on top.
Neither extras (quality, renewables, cogeneration, excise) nor VAT are added.

from   to     zone      distribution  margin  together  why
00:00  24:00  off_peak  0.0512        0.0892  0.1404    Christmas Eve
"
    );
}

#[test]
fn a_working_day_with_seasons() {
    assert_eq!(
        preset("2026-07-06", "tauron-2026/g13s").split_once("\n\n").unwrap().1,
        "\
from   to     zone          distribution  margin  together  why
00:00  07:00  night         0.1094        0.0892  0.1986    working day, summer
07:00  09:00  day_peak      0.2842        0.0892  0.3734    working day, summer
09:00  17:00  day_off_peak  0.1000        0.0892  0.1892    working day, summer
17:00  21:00  day_peak      0.2842        0.0892  0.3734    working day, summer
21:00  24:00  night         0.1094        0.0892  0.1986    working day, summer
"
    );
}

#[test]
fn the_kompas_decides_by_the_hour() {
    assert_eq!(
        preset("2026-11-23", "tauron-2026/g14dynamic"),
        "\
Tariff tauron-2026/g14dynamic, a preset; its rates hold from 2026-01-01.
2026-11-23 is a Monday, a working day; this tariff treats all days alike; it has no seasons.
PLN/kWh: distribution, the seller's margin (the preset's); the market price comes on top.
Neither extras (quality, renewables, cogeneration, excise) nor VAT are added.
The Kompas of the grid operator (PSE) decides by the hour which of these prices it is.

kompas  zone                distribution  margin  together  why
0       recommended_usage   0.0224        0.0892  0.1116    the hours for which the Kompas says so
1       normal_usage        0.0893        0.0892  0.1785    the hours for which the Kompas says so
2       recommended_saving  0.3881        0.0892  0.4773    the hours for which the Kompas says so
3       required_reduction  2.3756        0.0892  2.4648    the hours for which the Kompas says so
-       fallback            0.0893        0.0892  0.1785    hours whose Kompas is not known
"
    );
}

#[test]
fn days_when_the_clock_changes() {
    for (day, line) in [
        ("2026-03-29", Some("The clock goes forward: the hour 02:00 is missing, the day has 23 hours.")),
        (
            "2026-10-25",
            Some("The clock goes back: the hour 02:00 comes twice at the same price, the day has 25 hours."),
        ),
        ("2026-10-26", None),
    ] {
        let text = preset(day, "tauron-2026/g11");
        assert_eq!(text.lines().find(|line| line.starts_with("The clock")), line);
    }
}

#[test]
fn what_a_config_says() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().canonicalize().unwrap().join("c.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let config = || Some(file.clone());
    let text = shown("tomorrow", None, config()).unwrap();
    assert_eq!(
        text.replace(file.to_str().unwrap(), "FILE"),
        "\
Tariff g12w of FILE; its rates carry no date.
2026-11-21 is a Saturday, a day of the weekend; this tariff treats all days alike; it has no seasons.
PLN/kWh: distribution, the seller's margin; the market price comes on top.
Neither extras (quality, renewables, cogeneration, excise) nor VAT are added.
Note: electricity_tariff.include_extras has no effect without electricity_tariff.preset.
Note: electricity_tariff.include_vat has no effect without electricity_tariff.preset.

from   to     zone      distribution  margin  together  why
00:00  06:00  off_peak  0.0512        0.1000  0.1512    every day
06:00  13:00  peak      0.32981       0.1000  0.42981   every day
13:00  15:00  off_peak  0.0512        0.1000  0.1512    every day
15:00  22:00  peak      0.32981       0.1000  0.42981   every day
22:00  24:00  off_peak  0.0512        0.1000  0.1512    every day
"
    );
    assert!(shown("today", None, config()).unwrap().contains("\n2026-11-20 is a Friday, a working day;"));
    let text = shown("2026-11-23", Some("pge-2026/g12w"), config()).unwrap();
    assert_eq!(
        text.replace(file.to_str().unwrap(), "FILE"),
        "\
Tariff pge-2026/g12w, a preset, with what FILE says of it; its rates hold from 2026-01-01.
2026-11-23 is a Monday, a working day; this tariff counts it as a working day; the season is winter.
PLN/kWh: distribution, the seller's margin, extras (quality, renewables, cogeneration, excise), 23 % VAT of these; the market price and its VAT come on top.

from   to     zone      distribution  margin  extras  vat       together  why
00:00  06:00  off_peak  0.0845        0.1000  0.0484  0.053567  0.286467  working day, winter
06:00  13:00  peak      0.4276        0.1000  0.0484  0.13248   0.70848   working day, winter
13:00  15:00  off_peak  0.0845        0.1000  0.0484  0.053567  0.286467  working day, winter
15:00  22:00  peak      0.4276        0.1000  0.0484  0.13248   0.70848   working day, winter
22:00  24:00  off_peak  0.0845        0.1000  0.0484  0.053567  0.286467  working day, winter
"
    );
    let placeholder = shown("2026-11-23", Some("g13"), config()).unwrap();
    assert!(placeholder.contains("\nNote: electricity_tariff.distribution_pricing.g13.price is 0.0"), "{placeholder}");
    let error = shown("2026-11-23", Some("g14"), config()).unwrap_err();
    assert!(
        error.starts_with("--tariff g14 is not allowed; it must be one of g12w, g13, tauron-2026/g11, "),
        "{error}"
    );
}

#[test]
fn what_cannot_be_shown() {
    assert_eq!(
        shown("2025-12-24", Some("tauron-2026/g12w"), None).unwrap_err(),
        "there are no rates for 2025-12-24: tauron-2026/g12w holds from 2026-01-01"
    );
    let error = shown("2026-12-24", Some("tauron-2027/g12w"), None).unwrap_err();
    assert!(
        error.starts_with("--tariff tauron-2027/g12w is not allowed; it must be one of tauron-2026/g11, "),
        "{error}"
    );
    let error = shown("2026-12-24", None, Some("/nowhere/c.yaml".into())).unwrap_err();
    assert!(error.starts_with("cannot read the config /nowhere/c.yaml"), "{error}");
}

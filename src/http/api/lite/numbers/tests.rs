//! What `Intl` writes, copied from Node.js 20 (ICU 73), and times on the days when the clock changes.

use super::*;
use crate::http::api::words;

fn language(code: &str) -> &'static Language {
    words::of(code).unwrap()
}

#[test]
fn numbers_are_written_as_intl_writes_them() {
    // Value, then `style: 'currency'`, two decimals, and `style: 'percent'` of a hundredth, for en-GB and pl-PL.
    for (value, english, polish) in [
        (0.63, ["PLN~0.63", "0.63", "0.6%"], ["0,63~zł", "0,63", "0,6%"]),
        (-0.63, ["-PLN~0.63", "-0.63", "-0.6%"], ["-0,63~zł", "-0,63", "-0,6%"]),
        (-0.001, ["-PLN~0.00", "-0.00", "-0%"], ["-0,00~zł", "-0,00", "-0%"]),
        (0.005, ["PLN~0.01", "0.01", "0%"], ["0,01~zł", "0,01", "0%"]),
        (1.005, ["PLN~1.01", "1.01", "1%"], ["1,01~zł", "1,01", "1%"]),
        (1234.5, ["PLN~1,234.50", "1,234.50", "1,234.5%"], ["1234,50~zł", "1234,50", "1234,5%"]),
        (12345.678, ["PLN~12,345.68", "12,345.68", "12,345.7%"], ["12~345,68~zł", "12~345,68", "12~345,7%"]),
        (
            -1_234_567.891,
            ["-PLN~1,234,567.89", "-1,234,567.89", "-1,234,567.9%"],
            ["-1~234~567,89~zł", "-1~234~567,89", "-1~234~567,9%"],
        ),
        (0.0, ["PLN~0.00", "0.00", "0%"], ["0,00~zł", "0,00", "0%"]),
        (999.995, ["PLN~1,000.00", "1,000.00", "1,000%"], ["1000,00~zł", "1000,00", "1000%"]),
        (9999.995, ["PLN~10,000.00", "10,000.00", "10,000%"], ["10~000,00~zł", "10~000,00", "10~000%"]),
    ] {
        for (code, expected) in [("en", english), ("pl", polish)] {
            let language = language(code);
            let written = [
                As::Money.write(value, language),
                decimal(value, 0, 2, 2, language),
                As::Percent.write(value, language),
            ];
            assert_eq!(written.map(|text| text.replace('\u{a0}', "~")), expected, "{value} {code}");
        }
    }
}

#[test]
fn units() {
    for (how, value, english, polish) in [
        (As::Flow, -3655.0, "3.66~kW", "3,66~kW"),
        (As::Flow, 0.4, "0.00~kW", "0,00~kW"),
        (As::Flow, 1_234_567.0, "1,234.57~kW", "1234,57~kW"),
        (As::Kilowatt, 3.655, "3.66~kW", "3,66~kW"),
        (As::Energy, 8.53, "8.53~kWh", "8,53~kWh"),
        (As::Price, 0.95379, "PLN~0.95/kWh", "0,95~zł/kWh"),
        (As::Price, -0.015, "-PLN~0.02/kWh", "-0,02~zł/kWh"),
        (As::Share, 0.727, "73%", "73%"),
        (As::Share, 0.285, "29%", "29%"),
        (As::Share, 0.0, "0%", "0%"),
        (As::Share, 1.0, "100%", "100%"),
        (As::Share, 0.004, "0%", "0%"),
        (As::Count, 12_345.0, "12,345", "12~345"),
        (As::Count, 1e15, "1,000,000,000,000,000", "1~000~000~000~000~000"),
        (As::Energy, 1e-9, "0.00~kWh", "0,00~kWh"),
    ] {
        for (code, expected) in [("en", english), ("pl", polish)] {
            assert_eq!(how.write(value, language(code)).replace('\u{a0}', "~"), expected, "{how:?} {value}");
        }
    }
}

#[test]
fn ages_are_calm() {
    for (seconds, english, polish) in [
        (0.0, "just now", "przed chwilą"),
        (9.9, "just now", "przed chwilą"),
        (29.0, "20 sec ago", "20 sek. temu"),
        (119.9, "110 sec ago", "110 sek. temu"),
        (120.0, "2 min ago", "2 min temu"),
        (7_199.0, "119 min ago", "119 min temu"),
        (7_200.0, "2 hr ago", "2 godz. temu"),
        (172_799.0, "47 hr ago", "47 godz. temu"),
        (172_800.0, "2 days ago", "2 dni temu"),
        (86_400.0 * 22.5, "22 days ago", "22 dni temu"),
    ] {
        assert_eq!([ago(seconds, language("en")), ago(seconds, language("pl"))], [english, polish], "{seconds}");
    }
}

#[test]
fn times_are_the_sites_and_the_doubled_hour_is_told_apart() {
    let zone = SiteZone::named("Europe/Warsaw").unwrap();
    for (iso, english, polish) in [
        (
            "2026-11-23T06:05:24+01:00",
            ["06:05", "23/11, 06:05", "23/11/2026, 06:05:24"],
            ["06:05", "23.11, 06:05", "23.11.2026, 06:05:24"],
        ),
        (
            "2026-03-09T05:04:00+01:00",
            ["05:04", "09/03, 05:04", "09/03/2026, 05:04:00"],
            ["05:04", "9.03, 05:04", "9.03.2026, 05:04:00"],
        ),
        (
            "2026-03-29T01:45:00+01:00",
            ["01:45", "29/03, 01:45", "29/03/2026, 01:45:00"],
            ["01:45", "29.03, 01:45", "29.03.2026, 01:45:00"],
        ),
        (
            "2026-03-29T03:00:00+02:00",
            ["03:00", "29/03, 03:00", "29/03/2026, 03:00:00"],
            ["03:00", "29.03, 03:00", "29.03.2026, 03:00:00"],
        ),
        (
            "2026-10-25T02:15:00+02:00",
            ["02:15 (UTC+02:00)", "25/10, 02:15 (UTC+02:00)", "25/10/2026, 02:15:00 (UTC+02:00)"],
            ["02:15 (UTC+02:00)", "25.10, 02:15 (UTC+02:00)", "25.10.2026, 02:15:00 (UTC+02:00)"],
        ),
        (
            "2026-10-25T02:15:00+01:00",
            ["02:15 (UTC+01:00)", "25/10, 02:15 (UTC+01:00)", "25/10/2026, 02:15:00 (UTC+01:00)"],
            ["02:15 (UTC+01:00)", "25.10, 02:15 (UTC+01:00)", "25.10.2026, 02:15:00 (UTC+01:00)"],
        ),
        (
            "2026-10-25T03:00:00+01:00",
            ["03:00", "25/10, 03:00", "25/10/2026, 03:00:00"],
            ["03:00", "25.10, 03:00", "25.10.2026, 03:00:00"],
        ),
        (
            "nonsense",
            ["nonsense", ", nonsense", "nonsense, nonsense"],
            ["nonsense", ", nonsense", "nonsense, nonsense"],
        ),
    ] {
        for (code, expected) in [("en", english), ("pl", polish)] {
            let times = Times { zone: &zone, language: language(code) };
            assert_eq!([times.time(iso), times.day_and_time(iso), times.moment(iso)], expected, "{iso} {code}");
        }
    }
}

#[test]
fn days_and_instants_within_sentences() {
    let zone = SiteZone::named("Europe/Warsaw").unwrap();
    let times = Times { zone: &zone, language: language("pl") };
    for (sentence, expected) in [
        ("", ""),
        ("no day", "no day"),
        ("of 2026-11-24 yet: soon", "of 24.11.2026 yet: soon"),
        ("2026-03-09", "9.03.2026"),
        ("(2026-03-09), x", "(9.03.2026), x"),
        ("read at 2026-11-22T14:00:00+01:00; x", "read at 22.11.2026, 14:00; x"),
        ("at 2026-10-25T02:15:00+01:00.", "at 25.10.2026, 02:15 (UTC+01:00)."),
        ("file 2026-11-24.json and x2026-11-24", "file 2026-11-24.json and x2026-11-24"),
        ("2026-13-45 2026-11-24T99:00:00Z", "2026-13-45 2026-11-24T99:00:00Z"),
        ("żółć-2026 (żółć)", "żółć-2026 (żółć)"),
    ] {
        assert_eq!(times.within(sentence), expected);
    }
}

//! The arithmetic and the words; the zones of every type and preset are tested where they are read, in `config/tariff`.

use super::*;

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn midnight(text: &str) -> DateTime {
    date(text).at(0, 0, 0, 0)
}

fn version(valid_from: Option<&str>, price: i64) -> Version {
    Version {
        valid_from: valid_from.map(date),
        margin: Micro(89_200),
        margin_of_preset: false,
        extras: Micro::ZERO,
        vat_pct_e2: 0,
        rates: Rates::Scheduled(Schedule::flat(Micro(price))),
    }
}

#[test]
fn the_ladder_sums_to_the_digit_and_negative_stays_negative() {
    let charge = |extras, vat_pct_e2| Charge {
        margin: Micro(89_200),
        distribution: Micro(329_800),
        extras: Micro(extras),
        vat_pct_e2,
        zone: "peak".into(),
        fallback: false,
    };
    for (extras, vat_pct_e2, market, vat, buy) in [
        (0, 0, 328_980, 0, 747_980),
        (0, 0, -2_086_860, 0, -1_667_860),
        (48_400, 0, 328_980, 0, 796_380),
        // 796 380 x 0.23 = 183 167.4
        (48_400, 2_300, 328_980, 183_167, 979_547),
        // -1 619 460 x 0.23 = -372 475.8
        (48_400, 2_300, -2_086_860, -372_476, -1_991_936),
        // 50 x 0.23 = 11.5 and -50 x 0.23 = -11.5: halves go away from zero.
        (0, 2_300, -418_950, 12, 62),
        (0, 2_300, -419_050, -12, -62),
        (0, 2_300, -419_000, 0, 0),
        // 1 000 x 0.085
        (0, 850, -418_000, 85, 1_085),
    ] {
        let ladder = charge(extras, vat_pct_e2).on(Micro(market));
        assert_eq!((ladder.vat, ladder.buy), (Micro(vat), Micro(buy)), "{market} {extras} {vat_pct_e2}");
        let sum = ladder.market + ladder.margin + ladder.distribution + ladder.extras + ladder.vat;
        assert_eq!(ladder.buy, sum);
    }
}

#[test]
fn a_day_keeps_the_version_that_was_valid_then() {
    let dated = Tariff::new("a".into(), None, vec![version(Some("2026-01-01"), 1), version(Some("2026-07-01"), 2)]);
    let open = Tariff::new("a".into(), None, vec![version(None, 0), version(Some("2026-07-01"), 2)]);
    for (day, in_dated, in_open) in [
        ("2025-12-31", None, Some(0)),
        ("2026-01-01", Some(1), Some(0)),
        ("2026-06-30", Some(1), Some(0)),
        ("2026-07-01", Some(2), Some(2)),
        ("2099-01-01", Some(2), Some(2)),
    ] {
        let price = |tariff: &Tariff| tariff.charge(midnight(day), None).map(|charge| charge.distribution.0);
        assert_eq!((price(&dated), price(&open)), (in_dated, in_open), "{day}");
        assert_eq!(dated.describe(date(day)).is_some(), in_dated.is_some());
    }
    assert_eq!(dated.reach(), "a of the config holds from 2026-01-01");
    assert_eq!(open.reach(), "a of the config holds on every day");
}

#[test]
fn kompas_codes_and_names() {
    for (code, name) in
        [(0, "recommended_usage"), (1, "normal_usage"), (2, "recommended_saving"), (3, "required_reduction")]
    {
        let kompas = Kompas::from_code(code).unwrap();
        assert_eq!((i64::from(kompas.code()), kompas.name()), (code, name));
    }
    assert_eq!((Kompas::from_code(-1), Kompas::from_code(4)), (None, None));
}

#[test]
fn hours_and_windows() {
    let window = |start, end| Window { start, end };
    for (given, runs) in [
        (vec![window(6, 13), window(15, 22)], vec![window(6, 13), window(15, 22)]),
        (vec![window(21, 7)], vec![window(0, 7), window(21, 24)]),
        (vec![window(22, 0)], vec![window(22, 24)]),
        (vec![window(0, 24)], vec![window(0, 24)]),
        (vec![window(6, 9), window(9, 12), window(10, 11)], vec![window(6, 12)]),
        (vec![window(7, 7)], vec![]),
    ] {
        assert_eq!(given.iter().copied().collect::<Hours>().windows(), runs, "{given:?}");
    }
    assert!(!Hours::ALL.contains(24) && !Hours::ALL.contains(-1));
}

#[test]
fn prices_have_four_to_six_decimals() {
    for (price, text) in [
        (419_000, "0.4190"),
        (0, "0.0000"),
        (2_375_600, "2.3756"),
        (-12_345, "-0.012345"),
        (12_340, "0.01234"),
        (1, "0.000001"),
    ] {
        assert_eq!(price_text(Micro(price)), text);
    }
}

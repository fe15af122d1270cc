//! Poland's public holidays.

use jiff::ToSpan;
use jiff::civil::Date;

/// A public holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holiday {
    /// Its English name.
    pub english: &'static str,
    /// Its Polish name.
    pub polish: &'static str,
}

/// Month, day, names. Christmas Eve has a year of its own, see [`public_holiday`].
const FIXED: [(i8, i8, &str, &str); 10] = [
    (1, 1, "New Year's Day", "Nowy Rok"),
    (1, 6, "Epiphany", "Święto Trzech Króli"),
    (5, 1, "Labour Day", "Święto Państwowe"),
    (5, 3, "Constitution Day", "Święto Narodowe Trzeciego Maja"),
    (8, 15, "Assumption Day", "Wniebowzięcie Najświętszej Maryi Panny"),
    (11, 1, "All Saints' Day", "Wszystkich Świętych"),
    (11, 11, "Independence Day", "Narodowe Święto Niepodległości"),
    (12, 24, "Christmas Eve", "Wigilia Bożego Narodzenia"),
    (12, 25, "Christmas Day", "pierwszy dzień Bożego Narodzenia"),
    (12, 26, "Second Day of Christmas", "drugi dzień Bożego Narodzenia"),
];
/// Days after Easter Sunday, names.
const MOVABLE: [(i64, &str, &str); 4] = [
    (0, "Easter Sunday", "pierwszy dzień Wielkiej Nocy"),
    (1, "Easter Monday", "drugi dzień Wielkiej Nocy"),
    (49, "Pentecost", "pierwszy dzień Zielonych Świątek"),
    (60, "Corpus Christi", "dzień Bożego Ciała"),
];

/// The public holiday in Poland that a day is. Names by the act of 18 January 1951 on days free of work; Christmas
/// Eve is one since 2025 (act of 6 December 2024). Where two fall on one day the movable one is named.
pub fn public_holiday(day: Date) -> Option<Holiday> {
    let after_easter = |days: i64| easter_sunday(day.year()).and_then(|easter| easter.checked_add(days.days()).ok());
    let movable = MOVABLE.iter().find(|(days, ..)| after_easter(*days) == Some(day));
    let fixed = || {
        let found = FIXED.iter().find(|(month, date, ..)| (*month, *date) == (day.month(), day.day()))?;
        ((found.0, found.1) != (12, 24) || day.year() >= 2025).then_some((found.2, found.3))
    };
    let (english, polish) = movable.map(|(_, english, polish)| (*english, *polish)).or_else(fixed)?;
    Some(Holiday { english, polish })
}

/// Whether a day is a public holiday in Poland.
pub fn is_public_holiday(day: Date) -> bool {
    public_holiday(day).is_some()
}

/// Easter Sunday by the anonymous Gregorian computus (Meeus, *Astronomical Algorithms*, ch. 8).
fn easter_sunday(year: i16) -> Option<Date> {
    let year_number = i32::from(year);
    let (a, b, c) = (year_number % 19, year_number / 100, year_number % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 19 * l) / 433;
    let month = (h + l - 7 * m + 90) / 25;
    let day = (h + l - 7 * m + 33 * month + 19) % 32;
    Date::new(year, month as i8, day as i8).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn easter_by_the_almanac() {
        for (year, month, day) in
            [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2030, 4, 21), (2038, 4, 25)]
        {
            assert_eq!(easter_sunday(year), Some(date(year, month, day)));
        }
    }

    #[test]
    fn holidays_of_2026_and_their_neighbours() {
        let holidays = [
            "01-01", "01-06", "04-05", "04-06", "05-01", "05-03", "05-24", "06-04", "08-15", "11-01", "11-11", "12-24",
            "12-25", "12-26",
        ];
        let mut found = Vec::new();
        let mut day = date(2026, 1, 1);
        while day.year() == 2026 {
            if is_public_holiday(day) {
                found.push(day.strftime("%m-%d").to_string());
            }
            day = day.tomorrow().unwrap();
        }
        assert_eq!(found, holidays);
        assert!(!is_public_holiday(date(2024, 12, 24)));
    }

    #[test]
    fn holidays_have_names() {
        for (day, english, polish) in [
            (date(2026, 6, 4), "Corpus Christi", "dzień Bożego Ciała"),
            (date(2026, 11, 11), "Independence Day", "Narodowe Święto Niepodległości"),
            (date(2025, 12, 24), "Christmas Eve", "Wigilia Bożego Narodzenia"),
            (date(2026, 4, 5), "Easter Sunday", "pierwszy dzień Wielkiej Nocy"),
        ] {
            assert_eq!(public_holiday(day), Some(Holiday { english, polish }));
        }
        assert_eq!(public_holiday(date(2026, 6, 5)), None);
    }
}

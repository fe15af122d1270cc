//! Poland's public holidays.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};

/// Whether a day is a public holiday in Poland. Christmas Eve is one since 2025 (act of 6 December 2024).
pub fn is_public_holiday(day: Date) -> bool {
    const FIXED: [(i8, i8); 9] = [(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26)];
    let fixed =
        FIXED.contains(&(day.month(), day.day())) || (day.year() >= 2025 && (day.month(), day.day()) == (12, 24));
    let easter = easter_sunday(day.year());
    let after_easter = |span: Span| easter.checked_add(span).is_ok_and(|holiday| holiday == day);
    // Easter Sunday and Monday, Pentecost, Corpus Christi.
    fixed || [0, 1, 49, 60].into_iter().any(|days| after_easter(days.days()))
}

/// Easter Sunday by the anonymous Gregorian computus (Meeus, *Astronomical Algorithms*, ch. 8).
fn easter_sunday(year: i16) -> Date {
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
    date(year, month as i8, day as i8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_by_the_almanac() {
        for (year, month, day) in
            [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2030, 4, 21), (2038, 4, 25)]
        {
            assert_eq!(easter_sunday(year), date(year, month, day));
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
}

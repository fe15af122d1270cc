//! The price API's answers: on the day's axis, in order, and the same after a way through the cache's rows.

#![no_main]

use jiff::Timestamp;
use jiff::civil::Date;
use libfuzzer_sys::fuzz_target;
use wattboard::model::decision::as_number;
use wattboard::model::price::Entity;
use wattboard::model::time::SiteZone;
use wattboard::source::pse::rows::{Row, parse_page, published_day, rows_of};

/// An ordinary day, the days of 23 and of 25 hours, and the first and the last whole day of the years that count.
const DAYS: [&str; 5] = ["2026-05-01", "2025-03-30", "2025-10-26", "2000-01-02", "2100-12-31"];

thread_local! {
    static ZONE: SiteZone = SiteZone::named("Europe/Warsaw").expect("Warsaw is a zone");
}

fn check(entity: Entity, date: Date, text: &str, zone: &SiteZone) {
    let page = match parse_page(entity, text) {
        Ok(page) => page,
        Err(why) => {
            assert!(!why.is_empty() && why.len() < 1_000 + 2 * text.len());
            return;
        }
    };
    assert!(page.next.as_deref().is_none_or(|link| !link.is_empty()));
    assert!(page.rows.len() <= text.len());
    let day = published_day(entity, date, &page.rows, Timestamp::UNIX_EPOCH, zone);
    let (start, end, step) = (zone.day_start(date), zone.day_start(date) + zone.day_length(date), entity.step());
    assert!(day.points.iter().all(|point| start <= point.start && point.start + step <= end));
    let quarters = |at: Timestamp| at.duration_since(start).as_secs() % step.as_secs() as i64;
    assert!(day.points.iter().all(|point| quarters(point.start) == 0));
    assert!(day.points.windows(2).all(|pair| pair[0].start < pair[1].start));
    if entity == Entity::Kompas {
        assert!(day.points.iter().all(|point| (0..=3).contains(&point.value)));
    }
    let of = |row: &Row| match entity {
        Entity::DayAhead => row.csdac_pln.as_ref().and_then(as_number),
        Entity::Settlement => row.rce_pln.as_ref().and_then(as_number),
        Entity::Kompas => row.usage_fcst.as_ref().and_then(as_number),
    };
    for point in &day.points {
        let said = |row: &Row| of(row).is_some_and(|number| (number * 1000.0 - point.value as f64).abs() <= 1.0);
        let code = |row: &Row| of(row).is_some_and(|number| number == point.value as f64);
        assert!(page.rows.iter().any(|row| said(row) || code(row)), "nobody said {}", point.value);
    }
    let _ = day.is_complete(zone);

    let rows = rows_of(&day);
    let again = published_day(entity, date, &rows, day.fetched_at, zone);
    assert_eq!(again.points, day.points);
    assert!(day.points.is_empty() || again.publication == day.publication);
    let text = serde_json::json!({ "value": rows }).to_string();
    let page = parse_page(entity, &text).expect("what was written is read");
    assert_eq!(published_day(entity, date, &page.rows, day.fetched_at, zone), again);
}

fuzz_target!(|data: &[u8]| {
    let Some((&chosen, bytes)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    let date = DAYS[usize::from(chosen) % DAYS.len()].parse().expect("a date");
    ZONE.with(|zone| Entity::ALL.into_iter().for_each(|entity| check(entity, date, &text, zone)));
});

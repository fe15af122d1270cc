//! From the API's rows to a day's values, and back into rows for the cache file.
//!
//! The time axis is built from `dtime_utc` alone: of prices it is the *end* of a quarter-hour, of the Kompas the *start*
//! of an hour. Local labels are unusable on DST days and are not looked at. Prices come in PLN/MWh.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::base::units::Micro;
use crate::model::decision::as_number;
use crate::model::price::{Entity, Point, PriceOrigin, PublishedDay};
use crate::model::time::{SiteZone, parse_utc};

/// A row as PSE sends it, as far as it is used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Prices: end of the quarter-hour; the Kompas: start of the hour. UTC: `2026-04-30 22:15:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtime_utc: Option<String>,
    /// The local delivery day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_date: Option<String>,
    /// PLN/MWh; null is a hole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csdac_pln: Option<Value>,
    /// PLN/MWh; null is a hole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rce_pln: Option<Value>,
    /// 0 to 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_fcst: Option<Value>,
    /// Revisions of the Kompas that are not in force any more say false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// When PSE published it, local time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication_ts: Option<String>,
}

/// PLN/MWh, either way. What is beyond it is no price but a mistake, and a hole.
const BEYOND_ALL_PRICES: f64 = 1e9;

/// The column that holds an entity's values.
pub fn column(entity: Entity) -> &'static str {
    match entity {
        Entity::DayAhead => "csdac_pln",
        Entity::Settlement => "rce_pln",
        Entity::Kompas => "usage_fcst",
    }
}

impl Row {
    fn value(&self, entity: Entity) -> Option<i64> {
        let value = match entity {
            Entity::DayAhead => &self.csdac_pln,
            Entity::Settlement => &self.rce_pln,
            Entity::Kompas => &self.usage_fcst,
        };
        let number = value.as_ref().and_then(as_number)?;
        match entity {
            Entity::Kompas => (number.fract() == 0.0 && (0.0..=3.0).contains(&number)).then_some(number as i64),
            // PLN/MWh to millionths of a PLN/kWh.
            _ => (number.abs() < BEYOND_ALL_PRICES).then(|| Micro::from_f64(number / 1000.0).0),
        }
    }

    fn is_of(&self, date: Date) -> bool {
        self.business_date.as_deref().is_none_or(|day| day.parse().is_ok_and(|day: Date| day == date))
    }
}

/// A delivery day's values from its rows. Rows without `dtime_utc` (older clients' dumps) count in their order.
pub fn published_day(entity: Entity, date: Date, rows: &[Row], fetched_at: Timestamp, zone: &SiteZone) -> PublishedDay {
    let step = entity.step();
    let (start, length) = (zone.day_start(date), zone.day_length(date));
    let of_day = || rows.iter().filter(|row| row.is_of(date) && row.is_active != Some(false));
    let mut values: BTreeMap<Timestamp, i64> = BTreeMap::new();
    for (index, row) in (0_u32..).zip(of_day()) {
        let begin = match (&row.dtime_utc, entity) {
            (Some(text), Entity::Kompas) => parse_utc(text),
            (Some(text), _) => parse_utc(text).map(|end| end - step),
            (None, _) => Some(start + step * index),
        };
        let on_axis = |at: &Timestamp| {
            *at >= start && *at < start + length && at.duration_since(start).as_secs() % step.as_secs() as i64 == 0
        };
        if let (Some(begin), Some(value)) = (begin.filter(on_axis), row.value(entity)) {
            values.insert(begin, value);
        }
    }
    PublishedDay {
        entity,
        date,
        points: values.into_iter().map(|(start, value)| Point { start, value }).collect(),
        publication: of_day().filter_map(|row| row.publication_ts.clone()).max(),
        fetched_at,
        origin: PriceOrigin::Network,
    }
}

/// A day's values as rows of the API, as far as they are known.
pub fn rows_of(day: &PublishedDay) -> Vec<Row> {
    let row = |point: &Point| {
        let at = if day.entity == Entity::Kompas { point.start } else { point.start + day.entity.step() };
        let price = || Some(json!(point.value as f64 / 1000.0));
        let mut row = Row {
            dtime_utc: Some(at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            business_date: Some(day.date.to_string()),
            publication_ts: day.publication.clone(),
            ..Row::default()
        };
        match day.entity {
            Entity::DayAhead => row.csdac_pln = price(),
            Entity::Settlement => row.rce_pln = price(),
            Entity::Kompas => row.usage_fcst = Some(json!(point.value)),
        }
        row
    };
    day.points.iter().map(row).collect()
}

/// One page of an answer.
#[derive(Debug)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Where the next page is.
    pub next: Option<String>,
}

/// Reads a page.
///
/// # Errors
/// In words: not JSON, no list of values, or rows without the entity's column.
pub fn parse_page(entity: Entity, text: &str) -> Result<Page, String> {
    #[derive(Deserialize)]
    struct Raw {
        value: Vec<Row>,
        #[serde(rename = "nextLink")]
        next: Option<String>,
    }
    let begins = || text.trim_start().chars().take(40).collect::<String>();
    match serde_json::from_str::<Raw>(text) {
        Ok(raw) => {
            let lacks = |row: &Row| match entity {
                Entity::DayAhead => row.csdac_pln.is_none(),
                Entity::Settlement => row.rce_pln.is_none(),
                Entity::Kompas => row.usage_fcst.is_none(),
            };
            if !raw.value.is_empty() && raw.value.iter().all(lacks) {
                drift(entity, text)?;
            }
            Ok(Page { rows: raw.value, next: raw.next.filter(|link| !link.is_empty()) })
        }
        Err(error) if error.is_data() => {
            drift(entity, text)?;
            Err(format!("the price API's answer is not a list of values ({error}); it begins {:?}", begins()))
        }
        Err(error) => Err(format!("the price API did not answer JSON ({error}); it begins {:?}", begins())),
    }
}

/// Whether rows lack the entity's column altogether: nulls do not count.
fn drift(entity: Entity, text: &str) -> Result<(), String> {
    let Ok(body) = serde_json::from_str::<Value>(text) else { return Ok(()) };
    let rows = body.get("value").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut objects = rows.iter().filter_map(Value::as_object);
    let has_column = |row: &Map<String, Value>| row.contains_key(column(entity));
    match rows.iter().filter_map(Value::as_object).any(has_column) {
        true => Ok(()),
        false => objects.next().map_or(Ok(()), |first| {
            let sent: Vec<&str> = first.keys().map(String::as_str).collect();
            Err(format!("PSE no longer sends {}; it sent {}", column(entity), sent.join(", ")))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::price::SLOT;

    const SPRING: &str = include_str!("../../../tests/fixtures/pse/csdac-pln-2025-03-30.json");
    const AUTUMN: &str = include_str!("../../../tests/fixtures/pse/csdac-pln-2025-10-26.json");
    const BAD_REQUEST: &str = include_str!("../../../tests/fixtures/pse/error-400-unknown-field.json");
    const EMPTY: &str = include_str!("../../../tests/fixtures/pse/empty-not-yet-published.json");
    const PARTIAL: &str = include_str!("../../../tests/fixtures/pse/rce-pln-2025-10-02-PARTIAL-25-of-96.json");
    const ONE_RCE: &str = include_str!("../../../tests/fixtures/pse/rce-pln-2024-06-15-one-row.json");
    const ONE_KOMPAS: &str = include_str!("../../../tests/fixtures/pse/pdgsz-2025-06-25-one-row.json");

    fn day(entity: Entity, date: &str, text: &str) -> PublishedDay {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let page = parse_page(entity, text).unwrap();
        published_day(entity, date.parse().unwrap(), &page.rows, Timestamp::UNIX_EPOCH, &zone)
    }

    #[test]
    fn recorded_dst_days() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (text, date, count, mean, min, max) in
            [(SPRING, "2025-03-30", 92, 328.9843, -103.17, 675.46), (AUTUMN, "2025-10-26", 100, 225.8253, 4.15, 644.49)]
        {
            let day = day(Entity::DayAhead, date, text);
            assert_eq!(day.points.len(), count, "{date}");
            assert!(day.is_complete(&zone), "{date}");
            let prices: Vec<f64> = day.points.iter().map(|point| point.value as f64 / 1000.0).collect();
            let near = |value: f64, expected: f64| (value - expected).abs() < 0.00005;
            assert!(near(prices.iter().sum::<f64>() / count as f64, mean), "{date}");
            assert!(near(prices.iter().copied().fold(f64::MAX, f64::min), min), "{date}");
            assert!(near(prices.iter().copied().fold(f64::MIN, f64::max), max), "{date}");
            assert_eq!(day.points[0].start, zone.day_start(day.date), "{date}: the first slot begins at midnight");
            let hour_two = day.points.iter().filter(|point| zone.local(point.start).hour() == 2).count();
            assert_eq!(hour_two, if date == "2025-03-30" { 0 } else { 8 }, "{date}");
        }
        // The doubled hour has prices of its own, by the recorded `dtime_utc`.
        let autumn = day(Entity::DayAhead, "2025-10-26", AUTUMN);
        let recorded: Value = serde_json::from_str(AUTUMN).unwrap();
        for (index, row) in recorded["value"].as_array().unwrap().iter().enumerate() {
            let end = parse_utc(row["dtime_utc"].as_str().unwrap()).unwrap();
            assert_eq!(autumn.points[index].start, end - SLOT);
            let expected = (row["csdac_pln"].as_f64().unwrap() * 1000.0).round() as i64;
            assert_eq!(autumn.points[index].value, expected);
        }
    }

    #[test]
    fn recorded_rows_of_the_other_entities() {
        let rce = day(Entity::Settlement, "2025-10-02", PARTIAL);
        assert_eq!(rce.points.len(), 25, "rows without dtime_utc count in their order");
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        assert_eq!(rce.points[24].start, zone.day_start(rce.date) + SLOT * 24);
        let one = |text: &str| format!("{{\"value\": [{}]}}", text.trim());
        let whole = |text: &str| if text.contains("\"value\"") { text.to_owned() } else { one(text) };
        assert_eq!(day(Entity::Settlement, "2024-06-15", &whole(ONE_RCE)).points.len(), 1);
        let kompas = day(Entity::Kompas, "2025-06-25", &whole(ONE_KOMPAS));
        assert_eq!(kompas.points.len(), 1);
        assert_eq!(kompas.points[0].start, zone.day_start(kompas.date), "the Kompas is labelled by its start");
    }

    #[test]
    fn pages_and_what_is_none() {
        assert_eq!(parse_page(Entity::DayAhead, EMPTY).unwrap().rows.len(), 0);
        let page = parse_page(
            Entity::DayAhead,
            r#"{"value": [{"csdac_pln": null, "dtime_utc": "2026-05-01 00:15"}], "nextLink": "https://h/x?$after=1"}"#,
        )
        .unwrap();
        assert_eq!((page.rows.len(), page.next.as_deref()), (1, Some("https://h/x?$after=1")));
        for (text, message) in [
            ("<html>", "the price API did not answer JSON (expected value at line 1 column 1); it begins \"<html>\""),
            (
                "{\"value\": 7}",
                "the price API's answer is not a list of values (invalid type: integer `7`, expected a sequence at \
                 line 1 column 11); it begins \"{\\\"value\\\": 7}\"",
            ),
            ("{\"value\": [{\"price\": 7, \"when\": 8}]}", "PSE no longer sends csdac_pln; it sent price, when"),
        ] {
            assert_eq!(parse_page(Entity::DayAhead, text).unwrap_err(), message);
        }
        let cut = parse_page(Entity::DayAhead, "{\"value\": [").unwrap_err();
        assert!(cut.starts_with("the price API did not answer JSON"), "{cut}");
        let bad = parse_page(Entity::DayAhead, BAD_REQUEST).unwrap_err();
        assert!(bad.contains("not a list of values"), "{bad}");
    }

    #[test]
    fn holes_zeros_negatives_revisions_and_strays() {
        let date = "2026-05-01";
        let found = day(
            Entity::DayAhead,
            date,
            r#"{"value": [{"dtime_utc": "2026-04-30 22:15:00", "csdac_pln": 0.0}, {"dtime_utc": "2026-04-30 22:30", "csdac_pln": null},
                {"dtime_utc": "2026-04-30 22:45:00", "csdac_pln": -2086.86}, {"dtime_utc": "2026-05-02 22:45:00", "csdac_pln": 5},
                {"dtime_utc": "2026-04-30 23:01:00", "csdac_pln": 5},
                {"dtime_utc": "2026-04-30 23:00:00", "csdac_pln": 5, "business_date": "2026-05-02"}]}"#,
        );
        let seen: Vec<_> = found.points.iter().map(|point| (point.start.to_string(), point.value)).collect();
        assert_eq!(seen, [("2026-04-30T22:00:00Z".to_owned(), 0), ("2026-04-30T22:30:00Z".to_owned(), -2_086_860)]);
        let nonsense = day(
            Entity::DayAhead,
            date,
            r#"{"value": [{"dtime_utc": "2026-04-30 22:15", "csdac_pln": 1e300}, {"dtime_utc": "2026-04-30 22:30", "csdac_pln": -1e9}]}"#,
        );
        assert_eq!(nonsense.points, [], "a price that cannot be is a hole, not 0");
        let kompas = day(
            Entity::Kompas,
            date,
            r#"{"value": [{"dtime_utc": "2026-04-30 22:00", "usage_fcst": 3, "is_active": false},
                {"dtime_utc": "2026-04-30 22:00", "usage_fcst": 2, "is_active": true},
                {"dtime_utc": "2026-04-30 23:00", "usage_fcst": 9}]}"#,
        );
        assert_eq!(kompas.points.iter().map(|point| point.value).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn values_survive_the_way_into_rows_and_back() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (text, date) in [(SPRING, "2025-03-30"), (AUTUMN, "2025-10-26")] {
            let day = day(Entity::DayAhead, date, text);
            let again = published_day(day.entity, day.date, &rows_of(&day), day.fetched_at, &zone);
            assert_eq!(again, day);
        }
    }
}

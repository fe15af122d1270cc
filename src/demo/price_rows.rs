//! Rows of the price API: a day's quarters with the labels that the real one gives them.
//!
//! `dtime` and `dtime_utc` are the *end* of a quarter. On the day the clock goes back the second pass bears an
//! `a` (`02a:15`), on the day it goes forward one period reads `02:00 - 03:15`; a day's last period ends at `24:00`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::{Map, Value, json};

use super::noise::{Channel, hash};
use super::prices::{Market, QUARTER, Slot};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// `csdac-pln`: the day-ahead price.
    DayAhead,
    /// `rce-pln`: the settlement price for prosumers.
    Settlement,
    /// `pdgsz`: hourly advice on the grid's load.
    Kompas,
}

impl Entity {
    /// The entity of a path's last part.
    pub fn named(name: &str) -> Option<Self> {
        [Self::DayAhead, Self::Settlement, Self::Kompas].into_iter().find(|entity| entity.name() == name)
    }

    /// Its name in a path.
    pub fn name(self) -> &'static str {
        match self {
            Self::DayAhead => "csdac-pln",
            Self::Settlement => "rce-pln",
            Self::Kompas => "pdgsz",
        }
    }

    /// The columns of its rows.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::DayAhead => &[
                "dtime",
                "period",
                "csdac_pln",
                "dtime_utc",
                "period_utc",
                "business_date",
                "publication_ts",
                "publication_ts_utc",
            ],
            Self::Settlement => &[
                "dtime",
                "period",
                "rce_pln",
                "dtime_utc",
                "period_utc",
                "business_date",
                "publication_ts",
                "publication_ts_utc",
            ],
            Self::Kompas => &[
                "dtime",
                "dtime_utc",
                "is_active",
                "usage_fcst",
                "business_date",
                "publication_ts",
                "publication_ts_utc",
            ],
        }
    }

    fn price_column(self) -> &'static str {
        self.columns()[2]
    }
}

/// Local time at which tomorrow's prices are out.
const PUBLISHED_HOUR: i8 = 14;

/// Whether the prices of `day` are out at `now`.
pub fn is_published(day: Date, now: &Zoned) -> bool {
    let tomorrow = now.date().tomorrow().ok();
    day <= now.date() || (Some(day) == tomorrow && now.hour() >= PUBLISHED_HOUR)
}

/// All rows of a local day, in order.
pub fn day(entity: Entity, market: &Market, zone: &TimeZone, seed: u64, date: Date) -> Vec<Map<String, Value>> {
    match entity {
        Entity::Kompas => advice(market, zone, seed, date),
        Entity::DayAhead | Entity::Settlement => prices(entity, market, zone, seed, date),
    }
}

/// The hours of the Kompas; here labels are the *start*. The grid is short where power is dear.
fn advice(market: &Market, zone: &TimeZone, seed: u64, date: Date) -> Vec<Map<String, Value>> {
    let published = publication(seed, zone, date);
    let row = |hour: &[Slot]| {
        let mean = hour.iter().map(|slot| slot.day_ahead_pln_mwh).sum::<f64>() / hour.len() as f64;
        let usage = match mean {
            ..150.0 => 0,
            150.0..650.0 => 1,
            650.0..950.0 => 2,
            _ => 3,
        };
        let start = hour[0].start;
        let mut row = Map::new();
        row.insert("dtime".into(), json!(start.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()));
        row.insert("dtime_utc".into(), json!(utc(start, "%Y-%m-%d %H:%M")));
        row.insert("is_active".into(), json!(true));
        row.insert("usage_fcst".into(), json!(usage));
        row.insert("business_date".into(), json!(date.to_string()));
        if let Some(published) = &published {
            row.insert("publication_ts".into(), json!(published.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()));
            row.insert("publication_ts_utc".into(), json!(utc(published.timestamp(), "%Y-%m-%d %H:%M:%S%.3f")));
        }
        row
    };
    market.day(date).chunks(4).map(row).collect()
}

fn prices(entity: Entity, market: &Market, zone: &TimeZone, seed: u64, date: Date) -> Vec<Map<String, Value>> {
    let published = publication(seed, zone, date);
    let mut label = "00:00".to_owned();
    let slots = market.day(date);
    let last = slots.len().saturating_sub(1);
    let mut rows = Vec::with_capacity(slots.len());
    for (index, slot) in slots.iter().enumerate() {
        let start = slot.start.to_zoned(zone.clone());
        let end = slot.start + QUARTER;
        let ends = if index == last { "24:00".to_owned() } else { end_label(&start, slot.start) };
        let price = match entity {
            Entity::Settlement => slot.settlement_pln_mwh,
            Entity::DayAhead | Entity::Kompas => slot.day_ahead_pln_mwh,
        };
        let mut row = Map::new();
        row.insert("dtime".into(), json!(local_end(entity, &start, end, zone)));
        row.insert("period".into(), json!(format!("{label} - {ends}")));
        row.insert(entity.price_column().into(), json!(price));
        row.insert("dtime_utc".into(), json!(utc(end, "%Y-%m-%d %H:%M:%S")));
        let utc_end = utc(end, "%H:%M").replace("00:00", "24:00");
        row.insert("period_utc".into(), json!(format!("{} - {utc_end}", utc(slot.start, "%H:%M"))));
        row.insert("business_date".into(), json!(date.to_string()));
        if let Some(published) = &published {
            row.insert("publication_ts".into(), json!(published.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()));
            row.insert("publication_ts_utc".into(), json!(utc(published.timestamp(), "%Y-%m-%d %H:%M:%S%.3f")));
        }
        rows.push(row);
        label = ends;
    }
    rows
}

/// `dtime`: the end on the wall clock; day-ahead without a mark for the second pass, settlement with seconds and mark.
fn local_end(entity: Entity, start: &Zoned, end: Timestamp, zone: &TimeZone) -> String {
    let local = end.to_zoned(zone.clone());
    match entity {
        Entity::Settlement if is_second_pass(start, start.timestamp()) && local.hour() == start.hour() => {
            local.strftime("%Y-%m-%d %Ha:%M:%S").to_string()
        }
        Entity::Settlement => local.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Entity::DayAhead | Entity::Kompas => local.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}

/// A period's end: a quarter after its start as the clock then stands, marked in the second pass.
fn end_label(start: &Zoned, at: Timestamp) -> String {
    let end = start.datetime() + SignedDuration::from_mins(15);
    let mark = if is_second_pass(start, at) { "a" } else { "" };
    end.strftime(&format!("%H{mark}:%M")).to_string()
}

/// Whether the wall clock showed the same an hour before.
fn is_second_pass(start: &Zoned, at: Timestamp) -> bool {
    let before = (at - SignedDuration::from_hours(1)).to_zoned(start.time_zone().clone());
    before.datetime() == start.datetime()
}

/// A little before two in the afternoon of the day before.
fn publication(seed: u64, zone: &TimeZone, date: Date) -> Option<Zoned> {
    let place = i64::from(date.year()) * 400 + i64::from(date.day_of_year());
    let late = (hash(seed, Channel::Jitter, place) % 100_000) as i64;
    let afternoon = date.yesterday().ok()?.at(PUBLISHED_HOUR - 1, 58, 10, 0).to_zoned(zone.clone()).ok()?;
    Some(afternoon + SignedDuration::from_millis(late))
}

fn utc(at: Timestamp, format: &str) -> String {
    at.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::zones;
    use jiff::civil::date;

    fn rows(entity: Entity, date: Date) -> Vec<Map<String, Value>> {
        let zone = zones::zone("Europe/Warsaw").unwrap();
        day(entity, &Market::new(7, zone.clone()), &zone, 7, date)
    }

    fn labels(rows: &[Map<String, Value>], dtime_utc: &str) -> String {
        let row = rows.iter().find(|row| row["dtime_utc"] == dtime_utc).unwrap();
        let text = |column: &str| row[column].as_str().unwrap().to_owned();
        format!("{} | {} | {}", text("dtime"), text("period"), text("period_utc"))
    }

    #[test]
    fn labels_are_those_of_the_real_days_of_the_clock_change() {
        let spring = rows(Entity::DayAhead, date(2025, 3, 30));
        assert_eq!(spring.len(), 92);
        let autumn = rows(Entity::DayAhead, date(2025, 10, 26));
        assert_eq!(autumn.len(), 100);
        // As recorded from the real API.
        for (rows, dtime_utc, expected) in [
            (&spring, "2025-03-29 23:15:00", "2025-03-30 00:15 | 00:00 - 00:15 | 23:00 - 23:15"),
            (&spring, "2025-03-30 01:00:00", "2025-03-30 03:00 | 01:45 - 02:00 | 00:45 - 01:00"),
            (&spring, "2025-03-30 01:15:00", "2025-03-30 03:15 | 02:00 - 03:15 | 01:00 - 01:15"),
            (&spring, "2025-03-30 01:30:00", "2025-03-30 03:30 | 03:15 - 03:30 | 01:15 - 01:30"),
            (&spring, "2025-03-30 22:00:00", "2025-03-31 00:00 | 23:45 - 24:00 | 21:45 - 22:00"),
            (&autumn, "2025-10-26 00:00:00", "2025-10-26 02:00 | 01:45 - 02:00 | 23:45 - 24:00"),
            (&autumn, "2025-10-26 01:00:00", "2025-10-26 02:00 | 02:45 - 03:00 | 00:45 - 01:00"),
            (&autumn, "2025-10-26 01:15:00", "2025-10-26 02:15 | 03:00 - 02a:15 | 01:00 - 01:15"),
            (&autumn, "2025-10-26 02:00:00", "2025-10-26 03:00 | 02a:45 - 03a:00 | 01:45 - 02:00"),
            (&autumn, "2025-10-26 02:15:00", "2025-10-26 03:15 | 03a:00 - 03:15 | 02:00 - 02:15"),
            (&autumn, "2025-10-26 02:30:00", "2025-10-26 03:30 | 03:15 - 03:30 | 02:15 - 02:30"),
        ] {
            assert_eq!(labels(rows, dtime_utc), expected);
        }
    }

    #[test]
    fn settlement_rows_have_seconds_and_a_mark() {
        let autumn = rows(Entity::Settlement, date(2025, 10, 26));
        assert!(labels(&autumn, "2025-10-26 01:15:00").starts_with("2025-10-26 02a:15:00 |"));
        assert!(labels(&autumn, "2025-10-26 00:15:00").starts_with("2025-10-26 02:15:00 |"));
        assert!(autumn[0].contains_key("rce_pln") && !autumn[0].contains_key("csdac_pln"));
        for entity in [Entity::DayAhead, Entity::Settlement] {
            let row = rows(entity, date(2026, 11, 22)).remove(0);
            assert_eq!(row.len(), entity.columns().len());
            assert!(entity.columns().iter().all(|column| row.contains_key(*column)));
        }
    }

    #[test]
    fn advice_is_hourly_and_labelled_by_its_start() {
        for (date, hours) in [(date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (date(2026, 11, 22), 24)] {
            let rows = rows(Entity::Kompas, date);
            assert_eq!(rows.len(), hours, "{date}");
            assert_eq!(rows[0]["dtime"], format!("{date} 00:00"));
            assert!(rows.iter().all(|row| row["usage_fcst"].as_i64().is_some_and(|usage| (0..=3).contains(&usage))));
            assert!(Entity::Kompas.columns().iter().all(|column| rows[0].contains_key(*column)));
        }
    }

    #[test]
    fn tomorrow_is_out_from_two_in_the_afternoon() {
        let zone = zones::zone("Europe/Warsaw").unwrap();
        let today = date(2026, 11, 22);
        for (hour, minute, day, expected) in [
            (13, 59, date(2026, 11, 23), false),
            (14, 0, date(2026, 11, 23), true),
            (23, 0, date(2026, 11, 24), false),
            (0, 0, today, true),
            (0, 0, date(2026, 11, 1), true),
        ] {
            let now = today.at(hour, minute, 0, 0).to_zoned(zone.clone()).unwrap();
            assert_eq!(is_published(day, &now), expected, "{hour}:{minute} {day}");
            if expected {
                assert!(publication(7, &zone, day).unwrap() <= now);
            }
        }
    }
}

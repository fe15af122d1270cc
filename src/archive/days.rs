//! Days in and out of the tables.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};

use super::plan::Known;
use crate::model::price::{Entity, Point, PriceOrigin, PublishedDay};
use crate::model::time::{Range, SiteZone};

/// An entity's number in the tables. Never changed: files have them.
fn number(entity: Entity) -> i64 {
    match entity {
        Entity::DayAhead => 0,
        Entity::Settlement => 1,
        Entity::Kompas => 2,
    }
}

/// What is remembered of a day; `None` also for a day of which only its being empty is remembered.
pub fn read(
    connection: &Connection,
    entity: Entity,
    date: Date,
    zone: &SiteZone,
) -> rusqlite::Result<Option<PublishedDay>> {
    let head = connection
        .prepare_cached("SELECT publication, fetched_at FROM price_days WHERE entity = ?1 AND date = ?2")?
        .query_row(params![number(entity), date.to_string()], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((publication, fetched_at)) = head else { return Ok(None) };
    let (from, to) = bounds(date, zone);
    let mut statement = connection.prepare_cached(
        "SELECT start, value FROM price_slots WHERE entity = ?1 AND start >= ?2 AND start < ?3 ORDER BY start",
    )?;
    let points: Vec<Point> = statement
        .query_map(params![number(entity), from, to], |row| {
            Ok(Point { start: instant(row.get(0)?), value: row.get(1)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok((!points.is_empty()).then(|| PublishedDay {
        entity,
        date,
        points,
        publication,
        fetched_at: instant(fetched_at),
        origin: PriceOrigin::Memory,
    }))
}

/// Writes a day, unless it is there whole. One that has less than what is there only notes that it was asked for again.
/// Answers whether values were written.
pub fn keep(connection: &Connection, day: &PublishedDay, zone: &SiteZone) -> rusqlite::Result<bool> {
    let (entity, date) = (number(day.entity), day.date.to_string());
    let known = connection
        .prepare_cached("SELECT received, expected FROM price_days WHERE entity = ?1 AND date = ?2")?
        .query_row(params![entity, date], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    let received = day.points.len() as i64;
    let fetched_at = day.fetched_at.as_second();
    match known {
        Some((known, expected)) if known >= expected => return Ok(false),
        Some((known, _)) if received <= known => {
            connection
                .prepare_cached("UPDATE price_days SET fetched_at = ?3 WHERE entity = ?1 AND date = ?2")?
                .execute(params![entity, date, fetched_at])?;
            return Ok(false);
        }
        _ => {}
    }
    let (from, to) = bounds(day.date, zone);
    connection
        .prepare_cached("DELETE FROM price_slots WHERE entity = ?1 AND start >= ?2 AND start < ?3")?
        .execute(params![entity, from, to])?;
    let mut insert = connection.prepare_cached("INSERT INTO price_slots VALUES (?1, ?2, ?3)")?;
    for point in &day.points {
        insert.execute(params![entity, point.start.as_second(), point.value])?;
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO price_days VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![entity, date, received, day.expected(zone) as i64, day.publication, fetched_at])?;
    Ok(received > 0)
}

/// Every day that is remembered.
pub fn known(connection: &Connection) -> rusqlite::Result<BTreeMap<(Entity, Date), Known>> {
    let mut statement = connection.prepare("SELECT entity, date, received, expected, fetched_at FROM price_days")?;
    let mut rows = statement.query([])?;
    let mut known = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let entity = Entity::ALL.into_iter().find(|entity| number(*entity) == id);
        let date = row.get_ref(1)?.as_str().ok().and_then(|text| text.parse().ok());
        if let Some(key) = entity.zip(date) {
            let is_complete = row.get::<_, i64>(2)? >= row.get::<_, i64>(3)?;
            known.insert(key, Known { is_complete, fetched_at: instant(row.get(4)?) });
        }
    }
    Ok(known)
}

/// The first and the last day of which anything is remembered.
pub fn span(connection: &Connection) -> rusqlite::Result<Option<(Date, Date)>> {
    let sql = "SELECT min(date), max(date) FROM price_days WHERE received > 0";
    let ends: (Option<String>, Option<String>) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let date = |text: Option<String>| text.and_then(|text| text.parse::<Date>().ok());
    Ok(date(ends.0).zip(date(ends.1)))
}

/// How many values are remembered of each day.
pub fn received(connection: &Connection, entity: Entity) -> rusqlite::Result<Vec<(Date, u32)>> {
    let mut statement = connection.prepare_cached("SELECT date, received FROM price_days WHERE entity = ?1")?;
    let mut rows = statement.query([number(entity)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let date = row.get_ref(0)?.as_str().ok().and_then(|text| text.parse().ok());
        found.extend(date.zip(u32::try_from(row.get::<_, i64>(1)?).ok()));
    }
    Ok(found)
}

fn bounds(date: Date, zone: &SiteZone) -> (i64, i64) {
    let day = Range::day(date, zone);
    (day.from.as_second(), day.to.as_second())
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

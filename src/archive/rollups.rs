//! Closed days, summed: in and out of the tables.
//!
//! A day takes two rows: what is summed of it, and its hours. Both are packed ([`super::packed`]). Measured on a made-up
//! house with all columns: 204 bytes a day and 1,652 for its hours; in a file of three years, with all that SQLite adds,
//! 2.3 KB a day when they were written newest first, twice as much when they came one by one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};

use super::days;
use super::packed::{Packer, Unpacker};
use crate::base::units::Micro;
use crate::model::balance::{
    ARITHMETIC, Amount, Balance, Bucket, Flow, Gauge, Hole, HoleKind, How, Measured, Money, Unpriced,
};
use crate::model::day::{DayPrint, PriceSums, Sums};
use crate::model::price::Entity;
use crate::model::time::{Range, SiteZone};
use crate::model::totals::Days;

/// What tells whether a day has to be summed again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Footing {
    /// The day's own rows.
    pub own: DayPrint,
    /// The energy rows of the day before and of the one after it, where these are over: the balance looks at both.
    pub beside: [(u32, i64); 2],
    /// How many values of each entity were known, in the order of [`Entity::ALL`]. What is known only grows.
    pub prices: [u32; 3],
}

/// What each closed day stands on.
pub type Footings = BTreeMap<Date, Footing>;

/// How many values of each entity are known of each day, in the order of [`Entity::ALL`].
pub type PriceCounts = BTreeMap<Date, [u32; 3]>;

/// A closed day, summed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollup {
    /// What it was made of.
    pub footing: Footing,
    /// Decisions and import as the month summaries have them.
    pub sums: Sums,
    /// Energy and money.
    pub balance: Balance,
}

/// Negative, since days are written newest first: so they fill their pages, and the file has half the size.
fn key(date: Date) -> i64 {
    -(i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day()))
}

fn date_of(key: i64) -> Option<Date> {
    let key = key.checked_neg()?;
    Date::new((key / 10_000) as i16, (key / 100 % 100) as i8, (key % 100) as i8).ok()
}

/// Writes a day, in place of what was there.
pub fn keep(connection: &Connection, rollup: &Rollup, zone: &SiteZone) -> rusqlite::Result<()> {
    let date = key(rollup.balance.date);
    connection.prepare_cached("INSERT OR REPLACE INTO day_rollups VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        date,
        ARITHMETIC,
        pack_footing(&rollup.footing),
        pack_sums(&rollup.sums),
        pack_day(&rollup.balance, zone)
    ])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO hour_rollups VALUES (?1, ?2)")?
        .execute(params![date, pack_hours(&rollup.balance.hours)])?;
    Ok(())
}

/// What every day stands on that is there, as today's arithmetic has it.
pub fn footings(connection: &Connection) -> rusqlite::Result<Footings> {
    if !has_tables(connection)? {
        return Ok(BTreeMap::new());
    }
    let mut statement = connection.prepare("SELECT date, footing FROM day_rollups WHERE arithmetic = ?1")?;
    let mut rows = statement.query([ARITHMETIC])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        // What cannot be read back is summed again.
        found.extend(date_of(row.get(0)?).zip(row.get_ref(1)?.as_blob().ok().and_then(unpack_footing)));
    }
    Ok(found)
}

/// The month summaries' sums of days, and the rows they were made of.
pub fn sums(connection: &Connection) -> rusqlite::Result<BTreeMap<Date, (DayPrint, Sums)>> {
    if !has_tables(connection)? {
        return Ok(BTreeMap::new());
    }
    let mut statement = connection.prepare("SELECT date, footing, sums FROM day_rollups WHERE arithmetic = ?1")?;
    let mut rows = statement.query([ARITHMETIC])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let footing = row.get_ref(1)?.as_blob().ok().and_then(unpack_footing);
        let sums = row.get_ref(2)?.as_blob().ok().and_then(unpack_sums);
        if let (Some(date), Some(footing), Some(sums)) = (date_of(row.get(0)?), footing, sums) {
            found.insert(date, (footing.own, sums));
        }
    }
    Ok(found)
}

/// A day with its hours; `None` where it was not summed by today's arithmetic.
pub fn read(connection: &Connection, date: Date, zone: &SiteZone) -> rusqlite::Result<Option<Rollup>> {
    if !has_tables(connection)? {
        return Ok(None);
    }
    let sql = "SELECT footing, sums, balance, hours FROM day_rollups JOIN hour_rollups USING (date)
               WHERE date = ?1 AND arithmetic = ?2";
    let blobs = connection
        .prepare_cached(sql)?
        .query_row(params![key(date), ARITHMETIC], |row| {
            Ok([row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        })
        .optional()?;
    Ok(blobs.and_then(|[footing, sums, balance, hours]| {
        let mut balance = unpack_day(&balance, date, zone)?;
        balance.hours = unpack_hours(&hours)?;
        Some(Rollup { footing: unpack_footing(&footing)?, sums: unpack_sums(&sums)?, balance })
    }))
}

/// Gives `take` the balances of those of these days that are summed, in order, with their hours or without.
pub fn stretch(
    connection: &Connection,
    days: Days,
    with_hours: bool,
    zone: &SiteZone,
    take: &mut dyn FnMut(Balance),
) -> rusqlite::Result<()> {
    if !has_tables(connection)? {
        return Ok(());
    }
    let sql = match with_hours {
        true => {
            "SELECT date, balance, hours FROM day_rollups JOIN hour_rollups USING (date)
             WHERE date BETWEEN ?1 AND ?2 AND arithmetic = ?3 ORDER BY date DESC"
        }
        false => {
            "SELECT date, balance FROM day_rollups WHERE date BETWEEN ?1 AND ?2 AND arithmetic = ?3 ORDER BY date DESC"
        }
    };
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![key(days.last), key(days.first), ARITHMETIC])?;
    while let Some(row) = rows.next()? {
        let Some(date) = date_of(row.get(0)?) else { continue };
        let balance = row.get_ref(1)?.as_blob().ok().and_then(|bytes| unpack_day(bytes, date, zone));
        let Some(mut balance) = balance else { continue };
        if with_hours {
            let Some(hours) = row.get_ref(2)?.as_blob().ok().and_then(unpack_hours) else { continue };
            balance.hours = hours;
        }
        take(balance);
    }
    Ok(())
}

/// The first and the last day that are there.
pub fn span(connection: &Connection) -> rusqlite::Result<Option<(Date, Date)>> {
    if !has_tables(connection)? {
        return Ok(None);
    }
    // Their keys are negative.
    let sql = "SELECT max(date), min(date) FROM day_rollups WHERE arithmetic = ?1";
    let ends: (Option<i64>, Option<i64>) =
        connection.query_row(sql, [ARITHMETIC], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(ends.0.and_then(date_of).zip(ends.1.and_then(date_of)))
}

/// How many prices are remembered of each day.
pub fn prices(connection: &Connection) -> rusqlite::Result<PriceCounts> {
    let mut found: PriceCounts = BTreeMap::new();
    for (index, entity) in Entity::ALL.into_iter().enumerate() {
        for (date, received) in days::received(connection, entity)? {
            found.entry(date).or_default()[index] = received;
        }
    }
    Ok(found)
}

/// A file of an older version has none; it gets them when it is written.
fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'hour_rollups'")?.exists([])
}

fn pack_footing(footing: &Footing) -> Vec<u8> {
    let mut packer = Packer::default();
    for (count, mark) in [footing.own.decisions, footing.own.energy].into_iter().chain(footing.beside) {
        packer.put(count.into());
        packer.put(mark);
    }
    footing.prices.iter().for_each(|count| packer.put((*count).into()));
    packer.done()
}

fn unpack_footing(bytes: &[u8]) -> Option<Footing> {
    let mut from = Unpacker(bytes);
    let mut print = || Some((from.count()?, from.get()?));
    let own = DayPrint { decisions: print()?, energy: print()? };
    let beside = [print()?, print()?];
    let footing = Footing { own, beside, prices: [from.count()?, from.count()?, from.count()?] };
    from.is_done().then_some(footing)
}

fn counts(sums: &mut Sums) -> [&mut u32; 9] {
    [
        &mut sums.charging,
        &mut sums.wait,
        &mut sums.selling,
        &mut sums.unclassified,
        &mut sums.sales_without_energy,
        &mut sums.sales_without_revenue,
        &mut sums.charges_without_energy,
        &mut sums.charges_without_cost,
        &mut sums.import_readings,
    ]
}

fn amounts(sums: &mut Sums) -> [&mut Micro; 12] {
    [
        &mut sums.energy,
        &mut sums.energy_sold,
        &mut sums.cost,
        &mut sums.charging_savings,
        &mut sums.revenue,
        &mut sums.confidence,
        &mut sums.energy_t1,
        &mut sums.energy_t2,
        &mut sums.energy_unzoned,
        &mut sums.import_real,
        &mut sums.import_t1,
        &mut sums.import_t2,
    ]
}

fn pack_sums(sums: &Sums) -> Vec<u8> {
    let mut sums = sums.clone();
    let mut packer = Packer::default();
    counts(&mut sums).into_iter().for_each(|count| packer.put((*count).into()));
    amounts(&mut sums).into_iter().for_each(|amount| packer.micro(*amount));
    let PriceSums { min, max, sum, count } = sums.price;
    [min, max, sum].into_iter().for_each(|price| packer.micro(price));
    packer.put(count.into());
    for (source, count) in sums.sources.iter() {
        packer.text(source);
        packer.put(count.into());
    }
    packer.done()
}

fn unpack_sums(bytes: &[u8]) -> Option<Sums> {
    let mut from = Unpacker(bytes);
    let mut sums = Sums::default();
    for count in counts(&mut sums) {
        *count = from.count()?;
    }
    for amount in amounts(&mut sums) {
        *amount = from.micro()?;
    }
    let [min, max, sum] = [from.micro()?, from.micro()?, from.micro()?];
    sums.price = PriceSums { min, max, sum, count: from.count()? };
    while !from.is_done() {
        let source = from.text()?;
        sums.sources.add(&source, from.count()?);
    }
    Some(sums)
}

fn how_number(how: How) -> i64 {
    match how {
        How::Unknown => 0,
        How::Counter => 1,
        How::Power => 2,
        How::Mixed => 3,
    }
}

fn how_of(number: i64) -> How {
    [How::Unknown, How::Counter, How::Power, How::Mixed][(number & 3) as usize]
}

fn pack_bucket(packer: &mut Packer, bucket: &Bucket) {
    packer.put(bucket.rows.into());
    packer.put(bucket.expected.into());
    packer.put(bucket.flows.iter().rev().fold(0, |hows, amount| hows << 2 | how_number(amount.how)));
    bucket.flows.iter().for_each(|amount| packer.micro(amount.kwh));
    packer.micro(bucket.import_t1);
    for money in [bucket.cost, bucket.income, bucket.house_cost] {
        packer.micro(money.pln);
        packer.micro(money.unpriced);
    }
    packer.put(bucket.slots.into());
    for gauge in bucket.gauges.iter().chain([&bucket.prices]) {
        packer.put(gauge.count.into());
        if gauge.count > 0 {
            // From the least: small numbers.
            packer.put(gauge.min);
            packer.put(gauge.max - gauge.min);
            packer.put(gauge.sum - gauge.min * i64::from(gauge.count));
        }
    }
    // None without a state of charge, whose gauge tells that.
    if let Some((first, last)) = bucket.soc_ends {
        packer.put(first);
        packer.put(last);
    }
}

fn unpack_bucket(from: &mut Unpacker<'_>) -> Option<Bucket> {
    let (rows, expected, mut hows) = (from.count()?, from.count()?, from.get()?);
    let mut bucket = Bucket { rows, expected, ..Bucket::default() };
    for amount in &mut bucket.flows {
        *amount = Amount { kwh: from.micro()?, how: how_of(hows) };
        hows >>= 2;
    }
    bucket.import_t1 = from.micro()?;
    for money in [&mut bucket.cost, &mut bucket.income, &mut bucket.house_cost] {
        *money = Money { pln: from.micro()?, unpriced: from.micro()? };
    }
    bucket.slots = from.count()?;
    for gauge in bucket.gauges.iter_mut().chain([&mut bucket.prices]) {
        let count = from.count()?;
        if count > 0 {
            let (min, span, above) = (from.get()?, from.get()?, from.get()?);
            let sum = min.checked_mul(count.into())?.checked_add(above)?;
            *gauge = Gauge { count, sum, min, max: min.checked_add(span)? };
        }
    }
    if bucket.gauge(Measured::Soc).count > 0 {
        bucket.soc_ends = Some((from.get()?, from.get()?));
    }
    Some(bucket)
}

fn pack_hours(hours: &[Bucket]) -> Vec<u8> {
    let mut packer = Packer::default();
    hours.iter().for_each(|hour| pack_bucket(&mut packer, hour));
    packer.done()
}

fn unpack_hours(bytes: &[u8]) -> Option<Vec<Bucket>> {
    let mut from = Unpacker(bytes);
    let mut hours = Vec::new();
    while !from.is_done() {
        hours.push(unpack_bucket(&mut from)?);
    }
    Some(hours)
}

fn unpriced_number(why: Option<Unpriced>) -> i64 {
    why.and_then(|why| Unpriced::ALL.iter().position(|known| *known == why)).map_or(0, |index| index as i64 + 1)
}

fn unpriced_of(number: i64) -> Option<Unpriced> {
    Unpriced::ALL.get(usize::try_from(number - 1).ok()?).copied()
}

/// Without the hours. A hole's ends are microseconds from the day's beginning.
fn pack_day(balance: &Balance, zone: &SiteZone) -> Vec<u8> {
    let start = zone.day_start(balance.date).as_microsecond();
    let mut packer = Packer::default();
    pack_bucket(&mut packer, &balance.day);
    packer.put(unpriced_number(balance.cost_unpriced));
    packer.put(unpriced_number(balance.income_unpriced));
    for hole in &balance.holes {
        packer.put(hole.flow as i64);
        packer.put(HoleKind::ALL.iter().position(|kind| *kind == hole.kind).unwrap_or(0) as i64);
        packer.put(hole.range.from.as_microsecond() - start);
        packer.put(hole.range.to.as_microsecond() - hole.range.from.as_microsecond());
    }
    packer.done()
}

fn unpack_day(bytes: &[u8], date: Date, zone: &SiteZone) -> Option<Balance> {
    let start = zone.day_start(date).as_microsecond();
    let mut from = Unpacker(bytes);
    let day = unpack_bucket(&mut from)?;
    let (cost_unpriced, income_unpriced) = (unpriced_of(from.get()?), unpriced_of(from.get()?));
    let mut holes = Vec::new();
    while !from.is_done() {
        let flow = *Flow::ALL.get(from.count()? as usize)?;
        let kind = *HoleKind::ALL.get(from.count()? as usize)?;
        let begins = start.checked_add(from.get()?)?;
        let ends = begins.checked_add(from.get()?)?;
        let instant = |us| Timestamp::from_microsecond(us).ok();
        holes.push(Hole { flow, kind, range: Range { from: instant(begins)?, to: instant(ends)? } });
    }
    Some(Balance { date, hours: Vec::new(), day, holes, cost_unpriced, income_unpriced })
}

#[cfg(test)]
mod tests;

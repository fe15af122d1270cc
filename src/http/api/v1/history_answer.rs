//! The answer of `/api/v1/history`: series of rows, or of what was least and greatest in hours and days.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::super::{Facts, Unknown, json};
use super::energy_answer::tell_missing;
use crate::http::message::{Body, Response};
use crate::inquiry::{PastDays, PastRows};
use crate::model::balance::{Balance, Bucket, Gauge, Measured};
use crate::model::energy::COLLECTION_INTERVAL;
use crate::model::price::{Entity, PublishedDay, SLOT};
use crate::model::series::{Point, measured, of_gauges, thinned};
use crate::model::time::{Range, SiteZone};
use crate::model::totals::Days;
use crate::snapshot::Backfill;

/// What is asked for.
pub struct Asked {
    pub range: Range,
    /// The days that it lies in.
    pub days: Days,
    pub points: usize,
    /// Of hours, not of days.
    pub with_hours: bool,
    pub now: Timestamp,
    pub backfill: Option<Backfill>,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Soc,
    Pv,
    Grid,
    Load,
    Battery,
    Price,
    Temperature,
}

impl Field {
    /// All of them, in the order in which they are answered.
    pub const ALL: [Self; 7] =
        [Self::Soc, Self::Pv, Self::Grid, Self::Load, Self::Battery, Self::Price, Self::Temperature];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Soc => "soc",
            Self::Pv => "pv",
            Self::Grid => "grid",
            Self::Load => "load",
            Self::Battery => "battery",
            Self::Price => "price",
            Self::Temperature => "temperature",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Soc => "%",
            Self::Pv | Self::Grid | Self::Load | Self::Battery => "W",
            Self::Price => "PLN/kWh",
            Self::Temperature => "degC",
        }
    }

    /// `None` for the price, which is not measured.
    fn measured(self) -> Option<Measured> {
        Some(match self {
            Self::Soc => Measured::Soc,
            Self::Pv => Measured::Pv,
            Self::Grid => Measured::Grid,
            Self::Load => Measured::House,
            Self::Battery => Measured::Battery,
            Self::Temperature => Measured::Temperature,
            Self::Price => return None,
        })
    }

    fn gauge(self, bucket: &Told) -> &Gauge {
        self.measured().map_or(&bucket.prices, |what| &bucket.gauges[what as usize])
    }
}

/// What a series is made of, of an hour or a day.
struct Told {
    rows: u32,
    expected: u32,
    prices: Gauge,
    gauges: [Gauge; 6],
}

impl Told {
    fn of(bucket: &Bucket) -> Self {
        Self { rows: bucket.rows, expected: bucket.expected, prices: bucket.prices, gauges: bucket.gauges }
    }
}

/// The hours or days that have a part in a range, in order, to their ends.
pub struct Buckets {
    zone: SiteZone,
    range: Range,
    /// Hours, not days.
    are_hours: bool,
    /// The days that are still to be added.
    left: Option<Days>,
    list: Vec<(Range, Option<Told>)>,
    missing: BTreeSet<Date>,
}

impl Buckets {
    /// None yet.
    pub fn new(asked: &Asked, zone: &SiteZone) -> Self {
        let (range, are_hours, left) = (asked.range, asked.with_hours, Some(asked.days));
        Self { zone: zone.clone(), range, are_hours, left, list: Vec::new(), missing: BTreeSet::new() }
    }

    /// Adds those of a day; days come in order.
    pub fn take(&mut self, balance: &Balance) {
        while self.left.is_some_and(|left| left.first < balance.date) {
            self.add(None);
        }
        self.add(Some(balance));
    }

    /// Nothing is known of what is left.
    pub fn finish(mut self) -> Self {
        while self.left.is_some() {
            self.add(None);
        }
        self
    }

    fn add(&mut self, balance: Option<&Balance>) {
        let Some(Days { first: date, last }) = self.left else { return };
        self.left = date.tomorrow().ok().filter(|next| *next <= last).map(|first| Days { first, last });
        if balance.is_none() {
            self.missing.insert(date);
        }
        let day = Range::day(date, &self.zone);
        if !self.are_hours {
            return self.push(day, balance.map(|balance| Told::of(&balance.day)));
        }
        let mut hours = balance.map_or([].iter(), |balance| balance.hours.iter());
        let mut from = day.from;
        while from < day.to {
            let range = Range { from, to: (from + Duration::from_secs(3600)).min(day.to) };
            self.push(range, hours.next().map(Told::of));
            from = range.to;
        }
    }

    fn push(&mut self, range: Range, told: Option<Told>) {
        if range.to > self.range.from && range.from < self.range.to {
            self.list.push((range, told));
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    from: String,
    to: String,
    timezone: &'a str,
    as_of: String,
    resolution: &'static str,
    rows: u32,
    expected_rows: u32,
    series: BTreeMap<&'static str, Series>,
    unknown: Unknown,
}

#[derive(Serialize)]
struct Series {
    unit: &'static str,
    resolution: &'static str,
    source: &'static str,
    known: u32,
    expected: u32,
    points: Vec<(String, Option<f64>)>,
}

/// Of rows and quarter-hours.
pub fn of_rows(facts: &Facts, asked: &Asked, fields: &[Field], past: &PastRows) -> Response<Body> {
    let begun = Range { to: asked.range.to.min(asked.now).max(asked.range.from), ..asked.range };
    let expected = intervals(begun, COLLECTION_INTERVAL);
    let series = fields.iter().map(|field| {
        let (points, expected) = match field.measured() {
            Some(what) => {
                let value = Gauge::ALL[what as usize];
                (measured(past.rows.iter().filter_map(|row| Some((row.at, value(row)?))), begun), expected)
            }
            None => {
                let points = prices(facts, asked, past);
                let expected = points.len() as u32;
                (points, expected)
            }
        };
        let known = points.iter().filter(|(_, value)| value.is_some()).count() as u32;
        let (resolution, source) = if *field == Field::Price { ("quarter_hour", "prices") } else { ("raw", "rows") };
        let points = shown(facts, points, asked.points);
        (field.name(), Series { unit: field.unit(), resolution, source, known, expected, points })
    });
    let series: BTreeMap<_, _> = series.collect();
    let mut unknown = Unknown::new();
    if let Some(fault) = &past.trouble {
        unknown.insert("series.price".to_owned(), format!("prices cannot be read: {fault}"));
    } else if let Some(price) = series.get("price").filter(|price| price.known < price.expected) {
        let text =
            format!("prices of {} of {} quarter-hours are not known", price.expected - price.known, price.expected);
        unknown.insert("series.price".to_owned(), text);
    }
    tell_fields(&series, past.rows.len() as u32, &mut unknown);
    answer(facts, asked, "raw", (past.rows.len() as u32, expected), series, unknown)
}

/// Of the least and the greatest values of hours or days.
pub fn of_buckets(facts: &Facts, asked: &Asked, fields: &[Field], found: &Buckets, past: &PastDays) -> Response<Body> {
    let buckets = &found.list;
    let begun = buckets.partition_point(|(range, _)| range.from < asked.now);
    let resolution = if asked.with_hours { "hour" } else { "day" };
    let source = if past.from_rows.is_empty() { "rollups" } else { "rollups_and_rows" };
    let expected_of = |(range, bucket): &(Range, Option<Told>)| match bucket {
        Some(bucket) => bucket.expected,
        None => intervals(Range { to: range.to.min(asked.now), ..*range }, COLLECTION_INTERVAL),
    };
    let expected_rows: u32 = buckets[..begun].iter().map(expected_of).sum();
    let rows = buckets.iter().filter_map(|(_, bucket)| bucket.as_ref()).map(|bucket| bucket.rows).sum();
    let series = fields.iter().map(|field| {
        let is_price = *field == Field::Price;
        let own = &buckets[..begun];
        let known = own.iter().filter_map(|(_, bucket)| bucket.as_ref()).map(|bucket| field.gauge(bucket).count).sum();
        let expected = match is_price {
            true => own.iter().map(|(range, _)| intervals(*range, SLOT)).sum(),
            false => expected_rows,
        };
        let unit = if is_price { 1e6 } else { 100.0 };
        let points = of_gauges(
            own.iter().map(|(range, bucket)| (*range, bucket.as_ref().map(|bucket| field.gauge(bucket)))),
            unit,
        );
        let points = shown(facts, points, asked.points);
        (field.name(), Series { unit: field.unit(), resolution, source, known, expected, points })
    });
    let series: BTreeMap<_, _> = series.collect();
    let mut unknown = Unknown::new();
    let today = facts.zone.date(asked.now);
    let gone = found.missing.range(..=today).copied().collect();
    let begun = Days { last: asked.days.last.min(today), ..asked.days };
    tell_missing(begun, &gone, asked.backfill, past, &mut unknown);
    tell_fields(&series, rows, &mut unknown);
    answer(facts, asked, resolution, (rows, expected_rows), series, unknown)
}

fn answer(
    facts: &Facts,
    asked: &Asked,
    resolution: &'static str,
    (rows, expected_rows): (u32, u32),
    series: BTreeMap<&'static str, Series>,
    unknown: Unknown,
) -> Response<Body> {
    let at = |at| facts.zone.rfc3339(at);
    let Range { from, to } = asked.range;
    let timezone = &facts.zone_name;
    let (from, to, as_of) = (at(from), at(to), at(asked.now));
    json(200, &Answer { from, to, timezone, as_of, resolution, rows, expected_rows, series, unknown })
}

/// Says which fields have no value at all, though there are rows.
fn tell_fields(series: &BTreeMap<&'static str, Series>, rows: u32, unknown: &mut Unknown) {
    for (name, series) in series.iter().filter(|(_, series)| series.known == 0 && rows > 0) {
        let why = if series.unit == "PLN/kWh" { "no prices are known" } else { "no row has a value" };
        unknown.entry(format!("series.{name}")).or_insert_with(|| why.to_owned());
    }
}

fn shown(facts: &Facts, points: Vec<Point>, most: usize) -> Vec<(String, Option<f64>)> {
    thinned(points, most).into_iter().map(|(at, value)| (facts.zone.rfc3339(at), value)).collect()
}

fn intervals(range: Range, interval: Duration) -> u32 {
    let us = range.to.as_microsecond() - range.from.as_microsecond();
    u32::try_from(us / interval.as_micros() as i64).unwrap_or(0)
}

/// The buying prices of the quarter-hours of a range, also of those to come that are known.
fn prices(facts: &Facts, asked: &Asked, past: &PastRows) -> Vec<Point> {
    let Range { from, to } = asked.range;
    let mut points = Vec::new();
    for date in asked.days.iter() {
        let day = past.prices.get(&date);
        let buy = |start| day.and_then(|day| day.slot_at(start)).and_then(|slot| slot.buy);
        let starts = PublishedDay::axis(Entity::DayAhead, date, &facts.zone);
        let own = starts.filter(|start| *start + SLOT > from && *start < to);
        // Prices that are not out yet are not missing.
        points.extend(
            own.map(|start| (start, buy(start).map(|price| price.to_f64())))
                .filter(|(start, value)| value.is_some() || *start <= asked.now),
        );
    }
    points
}

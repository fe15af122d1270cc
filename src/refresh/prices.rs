//! Prices of today and, once published, tomorrow. A complete day in hand is never asked for again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, Time, time};

use super::{Context, Next, Refresher};
use crate::base::fault::{Fault, Kind};
use crate::model::price::PricedDay;
use crate::snapshot::{self, PriceOrigin};
use crate::source::price_cache::PriceCache;
use crate::source::pse::{PriceApi, Row, market_day};

/// From this local time on tomorrow's prices are asked for (published at 13:37 at the earliest).
const TOMORROW_FROM: Time = time(13, 30, 0, 0);

pub struct Prices {
    context: Context,
    api: PriceApi,
    cache: PriceCache,
    days: BTreeMap<Date, Vec<Row>>,
    origin: PriceOrigin,
    fetched_at: Option<Timestamp>,
    cache_warned: bool,
}

impl Prices {
    pub fn new(context: Context) -> Self {
        let config = &context.config;
        let api = PriceApi::new(config.price_url.clone(), config.price_deadline);
        let cache = PriceCache::new(&config.data_dir, config.zone.clone());
        let mut prices = Self {
            context,
            api,
            cache,
            days: BTreeMap::new(),
            origin: PriceOrigin::DiskCache,
            fetched_at: None,
            cache_warned: false,
        };
        prices.read_cache();
        prices
    }

    /// Takes what the cache file has, at the start and when the API fails with nothing in hand; shown at once.
    fn read_cache(&mut self) {
        let started = self.context.start();
        match self.cache.load(started.wall) {
            Ok(cached) => {
                self.days.clear();
                for row in cached.rows {
                    if let Some(date) = row.business_date.as_deref().and_then(|date| date.parse().ok()) {
                        self.days.entry(date).or_default().push(row);
                    }
                }
                self.origin = PriceOrigin::DiskCache;
                self.fetched_at = Some(cached.fetched_at);
                log::info!("CACHE: prices of {} from the disk cache", self.dates());
                let attempt = self.context.finish(&started);
                let value = self.value();
                self.context.cell.publish(|next| {
                    next.prices.value = value.map(Arc::new);
                    next.prices.as_of = Some(cached.fetched_at);
                    next.prices.attempted = Some(attempt.instant);
                });
            }
            Err(fault) if fault.kind() == Kind::Missing => log::debug!("CACHE: {fault}"),
            Err(fault) => log::warn!("CACHE: {fault}"),
        }
    }

    fn dates(&self) -> String {
        self.days.keys().map(Date::to_string).collect::<Vec<_>>().join(" and ")
    }

    fn is_complete(&self, date: Date) -> bool {
        let zone = &self.context.config.zone;
        self.days.get(&date).is_some_and(|rows| market_day(rows, date, zone).is_complete(zone))
    }

    /// Asks for what is missing. Trouble with one day does not keep the other from being asked for.
    fn fetch(&mut self, now: Timestamp) -> Result<(), Fault> {
        let zone = &self.context.config.zone;
        let today = zone.date(now);
        let tomorrow = today.tomorrow().unwrap_or(today);
        self.days.retain(|date, _| *date >= today && *date <= tomorrow);
        let mut wanted = vec![today];
        if zone.local(now).time() >= TOMORROW_FROM {
            wanted.push(tomorrow);
        }
        let mut first_fault = None;
        for date in wanted {
            if let Err(fault) = self.fetch_day(date, date == today, now) {
                first_fault.get_or_insert(fault);
            }
        }
        first_fault.map_or(Ok(()), Err)
    }

    fn fetch_day(&mut self, date: Date, is_today: bool, now: Timestamp) -> Result<(), Fault> {
        let zone = self.context.config.zone.clone();
        if self.is_complete(date) {
            return Ok(());
        }
        let rows = self.api.rows(date)?;
        let day = market_day(&rows, date, &zone);
        let (known, expected) = (day.slots.len(), day.expected(&zone));
        if known == 0 && is_today {
            return Err(Fault::missing(format!("PSE has not published the prices of {date}")));
        }
        if known == 0 {
            log::debug!("PRICES: PSE has not published the prices of {date} yet");
            return Ok(());
        }
        let before = self.days.get(&date).map_or(0, |rows| market_day(rows, date, &zone).slots.len());
        // A later answer that lacks more than the one in hand replaces nothing.
        if known >= before {
            if known > before {
                log::info!("PRICES: fetched {known} of {expected} quarter-hours of {date}");
            }
            self.days.insert(date, rows);
            self.origin = PriceOrigin::Network;
            self.fetched_at = Some(now);
            self.store(now);
        }
        if known < expected {
            return Err(Fault::missing(format!("PSE's prices of {date} are incomplete: {known} of {expected}")));
        }
        Ok(())
    }

    fn store(&mut self, now: Timestamp) {
        let rows: Vec<Row> = self.days.values().flatten().cloned().collect();
        match self.cache.store(&rows, now) {
            Ok(()) => self.cache_warned = false,
            Err(fault) => {
                if !std::mem::replace(&mut self.cache_warned, true) {
                    log::warn!("CACHE: {fault}; prices are kept in memory only");
                }
            }
        }
    }

    fn value(&self) -> Option<snapshot::Prices> {
        let config = &self.context.config;
        let priced = |(date, rows): (&Date, &Vec<Row>)| {
            PricedDay::new(&market_day(rows, *date, &config.zone), &config.tariff, &config.zone)
        };
        Some(snapshot::Prices {
            days: self.days.iter().map(priced).collect(),
            origin: self.origin,
            fetched_at: self.fetched_at?,
        })
    }
}

impl Refresher for Prices {
    fn refresh(&mut self) -> Next {
        let started = self.context.start();
        let fetched = self.fetch(started.wall);
        if fetched.is_err() && self.days.is_empty() {
            self.read_cache();
        }
        if let Err(fault) = &fetched {
            log::warn!("PRICES: {fault}");
        }
        let attempt = self.context.finish(&started);
        let value = self.value();
        self.context.cell.publish(|next| {
            if let Some(value) = value
                && next.prices.value.as_deref() != Some(&value)
            {
                next.prices.as_of = Some(value.fetched_at);
                next.prices.value = Some(Arc::new(value));
            }
            match fetched {
                Ok(()) => next.prices.confirm(attempt),
                // PSE answered; what it lacks is told, but the check itself went well.
                Err(fault) if fault.kind() == Kind::Missing => {
                    next.prices.confirm(attempt);
                    next.prices.error = Some(fault.to_string());
                }
                Err(fault) => next.prices.fail(&fault, attempt),
            }
        });
        Next::AtInterval
    }
}

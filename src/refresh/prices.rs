//! Prices of today and, once published, tomorrow. A complete day in hand is never asked for again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::{Date, Time, time};

use super::{Context, Next, Refresher};
use crate::archive::PriceReader;
use crate::base::backoff::Backoff;
use crate::base::fault::{Fault, Kind};
use crate::config::{Config, Interval};
use crate::model::price::{Entity, PricedDay, PublishedDay, Sheets};
use crate::snapshot;
use crate::source::price_cache::PriceCache;
use crate::source::pse::{Failure, PriceApi};

/// From this local time on tomorrow's prices are asked for (published at 13:37 at the earliest).
const TOMORROW_FROM: Time = time(13, 30, 0, 0);
/// After the first failure; the pauses grow up to the price interval, so that a recovery is seen within one.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// How much longer than its deadline a question to the API may keep the thread from answering.
const AFTER_DEADLINE: Duration = Duration::from_secs(10);

pub struct Prices {
    context: Context,
    api: PriceApi,
    cache: PriceCache,
    known: BTreeMap<(Date, Entity), PublishedDay>,
    backoff: Backoff,
    /// Until when the API asked to be left alone.
    not_before: Option<Instant>,
    cache_warned: bool,
}

/// What failed, and with what.
type Failed = Vec<(Entity, Fault)>;

impl Prices {
    pub fn new(context: Context) -> Self {
        let config = &context.config;
        let api = PriceApi::new(config, &context.price_roots, config.price_deadline);
        let cache = PriceCache::new(&config.data_dir, config.zone.clone());
        let interval = match config.price_interval {
            Interval::Every(interval) => interval,
            Interval::Off => FIRST_PAUSE,
        };
        let mut prices = Self {
            context,
            api,
            cache,
            known: BTreeMap::new(),
            backoff: Backoff::new(FIRST_PAUSE, interval),
            not_before: None,
            cache_warned: false,
        };
        prices.read_cache();
        prices
    }

    /// Takes what the cache file has, at the start and when the API fails with nothing in hand; shown at once.
    fn read_cache(&mut self) {
        let started = self.context.start();
        let today = self.context.config.zone.date(started.wall);
        let (first, last) = (today.yesterday().unwrap_or(today), today.tomorrow().unwrap_or(today));
        match self.cache.load(first, last, started.wall) {
            Ok(days) => {
                for day in days {
                    let key = (day.date, day.entity);
                    let complete = day.is_complete(&self.context.config.zone);
                    self.known.insert(key, day);
                    if complete {
                        self.keep(key.1, key.0);
                    }
                }
                let attempt = self.context.finish(&started);
                let dates: BTreeSet<String> = self.known.keys().map(|(date, _)| date.to_string()).collect();
                let dates: Vec<String> = dates.into_iter().collect();
                log::info!("CACHE: prices of {} from the disk cache", dates.join(" and "));
                self.publish(today, |section| section.attempted = Some(attempt.instant));
            }
            Err(fault) if fault.kind() == Kind::Missing => log::debug!("CACHE: {fault}"),
            Err(fault) => log::warn!("CACHE: {fault}"),
        }
    }

    /// Takes yesterday's prices out of the price memory, so that today's can be compared with them after a start.
    fn recall(&mut self, today: Date) {
        let config = &self.context.config;
        let yesterday = today.yesterday().unwrap_or(today);
        let reader = PriceReader::new(&config.own_database, config.zone.clone());
        // One by one: the background may have fetched one and not yet the other.
        for entity in config.entities() {
            if self.known.contains_key(&(yesterday, entity)) {
                continue;
            }
            match reader.day(entity, yesterday) {
                Ok(Some(day)) => _ = self.known.entry((yesterday, entity)).or_insert(day),
                Ok(None) => {}
                Err(fault) => return log::debug!("ARCHIVE: {fault}"),
            }
        }
    }

    /// Asks for what is missing. Trouble with one entity does not keep the others from being asked for.
    fn fetch(&mut self, today: Date, now: Timestamp) -> Result<(), Failed> {
        let zone = &self.context.config.zone;
        let (yesterday, tomorrow) = (today.yesterday().unwrap_or(today), today.tomorrow().unwrap_or(today));
        self.known.retain(|(date, _), _| (yesterday..=tomorrow).contains(date));
        let asks_for_tomorrow = zone.local(now).time() >= TOMORROW_FROM;
        let mut failed = Failed::new();
        let entities: Vec<Entity> = self.context.config.entities().collect();
        for entity in entities {
            let of_today = self.fetch_day(entity, today, true, now).err();
            // Who failed to answer for today is not asked for tomorrow now; what PSE lacks is another matter.
            let answered = of_today.as_ref().is_none_or(|fault| fault.kind() == Kind::Missing);
            let of_tomorrow = match asks_for_tomorrow && answered {
                true => self.fetch_day(entity, tomorrow, false, now).err(),
                false => None,
            };
            failed.extend(of_today.or(of_tomorrow).map(|fault| (entity, fault)));
        }
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    fn fetch_day(&mut self, entity: Entity, date: Date, is_today: bool, now: Timestamp) -> Result<(), Fault> {
        let zone = &self.context.config.zone;
        let before = self.known.get(&(date, entity)).map_or(0, |day| day.points.len());
        if before == PublishedDay::expected_of(entity, date, zone) {
            return Ok(());
        }
        let (beat, deadline) = (&self.context.beat, self.context.config.price_deadline);
        beat.busy(deadline + AFTER_DEADLINE);
        let day = self.api.day(entity, date, now).map_err(|Failure { fault, pause }| {
            self.not_before = pause.map(|pause| Instant::now() + pause).or(self.not_before);
            fault
        })?;
        let (found, expected) = (day.points.len(), day.expected(zone));
        if found == 0 {
            let text = format!("PSE has not published those of {date} yet");
            if is_today && entity != Entity::Kompas {
                return Err(Fault::missing(text));
            }
            log::debug!("PRICES: {}: {text}", entity.label());
            return Ok(());
        }
        // An answer that has less than the one in hand replaces nothing.
        if found > before {
            log::info!("PRICES: {}: fetched {found} of {expected} of {date}", entity.label());
            self.known.insert((date, entity), day);
            self.store(now);
        }
        if found == expected {
            self.keep(entity, date);
        } else {
            return Err(Fault::missing(format!("PSE's answer for {date} is incomplete: {found} of {expected}")));
        }
        Ok(())
    }

    /// Gives a complete day to the price memory.
    fn keep(&self, entity: Entity, date: Date) {
        if let Some(day) = self.known.get(&(date, entity)) {
            // Its other end is held by the same context.
            let _ = self.context.archive.keep.send(day.clone());
        }
    }

    fn store(&mut self, now: Timestamp) {
        let days: Vec<&PublishedDay> = self.known.values().collect();
        match self.cache.store(&days, now) {
            Ok(()) => self.cache_warned = false,
            Err(fault) => {
                if !std::mem::replace(&mut self.cache_warned, true) {
                    log::warn!("CACHE: {fault}; prices are kept in memory only");
                }
            }
        }
    }

    /// Publishes the days in hand, those that did not change as they are, and what `change` says of the attempt.
    fn publish(&self, today: Date, change: impl FnOnce(&mut snapshot::Section<snapshot::Prices>)) {
        let old = self.context.cell.load();
        let old = old.prices.value.as_deref();
        let dates: BTreeSet<Date> = self.known.keys().map(|(date, _)| *date).collect();
        let priced = |date: Date| {
            let day = price_day(date, &self.context.config, |entity| self.known.get(&(date, entity)));
            let same = old.and_then(|old| old.days.get(&date)).filter(|old| ***old == day);
            (date, same.map_or_else(|| Arc::new(day), Arc::clone))
        };
        let value = snapshot::Prices { days: dates.into_iter().map(priced).collect() };
        let fetched_at = self.known.get(&(today, Entity::DayAhead)).map(|day| day.fetched_at);
        self.context.cell.publish(|next| {
            if !value.days.is_empty() && next.prices.value.as_deref() != Some(&value) {
                next.prices.value = Some(Arc::new(value));
            }
            next.prices.as_of = fetched_at.or(next.prices.as_of);
            change(&mut next.prices);
        });
    }
}

/// A day with the site's tariff applied.
pub fn price_day<'a>(date: Date, config: &Config, find: impl FnMut(Entity) -> Option<&'a PublishedDay>) -> PricedDay {
    PricedDay::new(date, Sheets::pick(find), &config.tariff, &config.selling, &config.zone)
}

/// A day that may be over: as PSE published it, where the day-ahead prices are among `sheets`; else as the coordinator
/// recorded it; else what else there is.
///
/// # Errors
/// Those of `recorded`.
pub fn price_past_day(
    date: Date,
    config: &Config,
    sheets: &[PublishedDay],
    recorded: impl FnOnce() -> Result<Option<PricedDay>, Fault>,
) -> Result<Option<PricedDay>, Fault> {
    let find = |entity: Entity| sheets.iter().find(|sheet| sheet.entity == entity);
    if find(Entity::DayAhead).is_none()
        && let Some(day) = recorded()?
    {
        return Ok(Some(day));
    }
    Ok((!sheets.is_empty()).then(|| price_day(date, config, find)))
}

/// All faults in one sentence; what failed alike is named together.
fn sentence(failed: &Failed) -> Fault {
    let mut causes: Vec<(Vec<&str>, String)> = Vec::new();
    for (entity, fault) in failed {
        let cause = fault.to_string();
        match causes.iter_mut().find(|(_, known)| *known == cause) {
            Some((labels, _)) => labels.push(entity.label()),
            None => causes.push((vec![entity.label()], cause)),
        }
    }
    let parts = causes.into_iter().map(|(labels, cause)| format!("{}: {cause}", labels.join(", ")));
    let kind = failed.iter().map(|(_, fault)| fault.kind()).find(|kind| *kind != Kind::Missing);
    Fault::new(kind.unwrap_or(Kind::Missing), parts.collect::<Vec<_>>().join("; "))
}

impl Refresher for Prices {
    fn refresh(&mut self) -> Next {
        let started = self.context.start();
        if let Some(until) = self.not_before {
            let pause = until.saturating_duration_since(Instant::now());
            if !pause.is_zero() {
                return Next::After(pause);
            }
            self.not_before = None;
        }
        let today = self.context.config.zone.date(started.wall);
        self.recall(today);
        let fetched = self.fetch(today, started.wall);
        if fetched.is_err() && self.known.is_empty() {
            self.read_cache();
        }
        let attempt = self.context.finish(&started);
        let Err(failed) = fetched else {
            self.backoff.reset();
            self.publish(today, |section| section.confirm(attempt));
            return Next::AtInterval;
        };
        let fault = sentence(&failed);
        log::warn!("PRICES: {fault}");
        let market_failed =
            failed.iter().any(|(entity, fault)| *entity == Entity::DayAhead && fault.kind() != Kind::Missing);
        self.publish(today, |section| {
            if market_failed {
                return section.fail(&fault, attempt);
            }
            // PSE answered; what it lacks, or what else failed, is told, but the check itself went well.
            section.confirm(attempt);
            section.error = Some(fault.to_string());
        });
        if fault.kind() == Kind::Missing { Next::AtInterval } else { Next::After(self.backoff.fail()) }
    }
}

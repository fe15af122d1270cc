//! Where exports read: the site and Wattboard's own database, both read only and closed after each day, so that nobody
//! is kept from writing.

use std::sync::Arc;

use jiff::civil::Date;

use super::prices::price_past_day;
use crate::archive::{PriceReader, RollupReader};
use crate::base::clock::SharedClock;
use crate::base::fault::{Fault, Kind};
use crate::base::shutdown::Shutdown;
use crate::config::Config;
use crate::export::{ClosedDay, Ledger, What};
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::price::{PricedDay, PublishedDay};
use crate::model::time::Range;
use crate::source::SiteSource;
use crate::source::composite::Composite;

/// The site's days.
pub struct SiteLedger {
    config: Arc<Config>,
    clock: SharedClock,
    site: Composite,
    prices: PriceReader,
    rollups: RollupReader,
}

impl SiteLedger {
    /// Of the site of this config; a stop ends what is read.
    pub fn new(config: &Arc<Config>, clock: SharedClock, shutdown: &Shutdown) -> Self {
        let mut site = Composite::open(config, shutdown, false);
        site.keep_to_database(true);
        Self {
            clock,
            site,
            prices: PriceReader::new(&config.own_database, config.zone.clone()),
            rollups: RollupReader::new(&config.own_database),
            config: Arc::clone(config),
        }
    }

    /// Reads of the site, closes it, and takes no files in the place of a database that fails.
    fn read<T>(&mut self, ask: impl Fn(&mut Composite) -> Result<T, Fault>) -> Result<T, Fault> {
        let read = ask(&mut self.site);
        self.site.rest();
        match self.site.database_fault() {
            Some(fault) if fault.kind() != Kind::Missing => Err(fault.clone()),
            _ => read,
        }
    }

    fn recorded(&mut self, date: Date) -> Result<Option<PricedDay>, Fault> {
        let zone = self.config.zone.clone();
        let energy = self.energy(date)?;
        if let Some(day) = PricedDay::recorded(date, &energy, &[], &zone) {
            return Ok(Some(day));
        }
        Ok(PricedDay::recorded(date, &[], &self.decisions(date)?, &zone))
    }
}

impl Ledger for SiteLedger {
    fn span(&mut self, what: What) -> Result<Option<(Date, Date)>, Fault> {
        if what == What::Days {
            return self.rollups.span();
        }
        // A day more: a clock may have been ahead, and tomorrow's prices are known today.
        let today = self.config.zone.date(self.clock.now());
        let last = today.tomorrow().unwrap_or(today);
        let of_site = self.read(SiteSource::first_day)?.map(|first| (first.min(last), last));
        let of_prices = if what == What::Prices { self.prices.span()? } else { None };
        Ok(match (of_site, of_prices) {
            (Some(site), Some(prices)) => Some((site.0.min(prices.0), site.1.max(prices.1))),
            (site, prices) => site.or(prices),
        })
    }

    fn energy(&mut self, date: Date) -> Result<Vec<EnergyRow>, Fault> {
        let range = Range::day(date, &self.config.zone);
        self.read(|site| site.energy(range))
    }

    fn decisions(&mut self, date: Date) -> Result<Vec<Decision>, Fault> {
        let range = Range::day(date, &self.config.zone);
        self.read(|site| site.decisions(range))
    }

    fn prices(&mut self, date: Date) -> Result<Option<PricedDay>, Fault> {
        let mut sheets: Vec<PublishedDay> = Vec::new();
        for entity in self.config.entities() {
            sheets.extend(self.prices.day(entity, date)?);
        }
        let config = Arc::clone(&self.config);
        price_past_day(date, &config, &sheets, || self.recorded(date))
    }

    fn closed_day(&mut self, date: Date) -> Result<Option<ClosedDay>, Fault> {
        let rollup = self.rollups.day(date, &self.config.zone)?;
        Ok(rollup.map(|rollup| ClosedDay { balance: rollup.balance, sums: rollup.sums }))
    }
}

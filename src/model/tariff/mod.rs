//! The tariff: what the seller and the grid operator add to the market price, by local time.
//!
//! `final = market + seller's margin + distribution`, PLN/kWh as configured. Extras and VAT are added only where the
//! config asks for them. Rates hold from a date on, and a day keeps those that were valid then.

mod kompas;
mod rule;
mod schedule;

use std::sync::Arc;

use jiff::civil::{Date, DateTime};

use super::holiday::public_holiday;
use crate::base::units::Micro;

pub use kompas::Kompas;
pub use rule::{DayRule, ZoneRule, price_text};
pub use schedule::{DayKind, DayPlan, FreeDays, Hours, MonthDay, Schedule, Season, Span, Window, Zone};

/// What is added to the market price of a kWh at some local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The seller's margin, PLN/kWh.
    pub margin: Micro,
    /// Distribution, PLN/kWh.
    pub distribution: Micro,
    /// Quality, renewables, cogeneration and excise, PLN/kWh; zero unless the config asks for them.
    pub extras: Micro,
    /// VAT in hundredths of a percent (2300 = 23 %); 0 unless the config asks for it.
    pub vat_pct_e2: u16,
    /// The zone, such as `peak`; the name of the Kompas, or `fallback`.
    pub zone: Arc<str>,
    /// Whether the Kompas is not known, so that this is the `fallback_price`.
    pub fallback: bool,
}

impl Charge {
    /// The steps from a market price (PLN/kWh) to the final one.
    pub fn on(&self, market: Micro) -> Ladder {
        let net = market + self.margin + self.distribution + self.extras;
        let vat = Micro(hundredths_of_percent(net.0, self.vat_pct_e2));
        Ladder {
            market,
            margin: self.margin,
            distribution: self.distribution,
            extras: self.extras,
            vat,
            buy: net + vat,
        }
    }
}

/// `value × rate / 10 000`, rounded half away from zero.
fn hundredths_of_percent(value: i64, rate: u16) -> i64 {
    let product = i128::from(value) * i128::from(rate);
    ((product + product.signum() * 5_000) / 10_000).clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// All steps of the price of a kWh, PLN/kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// The market price.
    pub market: Micro,
    /// The seller's margin.
    pub margin: Micro,
    /// Distribution.
    pub distribution: Micro,
    /// Quality, renewables, cogeneration and excise.
    pub extras: Micro,
    /// VAT of the four above, rounded half away from zero to a millionth.
    pub vat: Micro,
    /// The final price: the exact sum of the five above.
    pub buy: Micro,
}

/// What distribution costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rates {
    /// By fixed hours.
    Scheduled(Schedule),
    /// By the Kompas of the hour.
    ByKompas {
        /// PLN/kWh for each [`Kompas`], by its code.
        prices: [Micro; 4],
        /// PLN/kWh where the Kompas is not known.
        fallback: Micro,
    },
}

/// The rates of a stretch of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its first day; `None`: as long as anybody remembers.
    pub valid_from: Option<Date>,
    /// The seller's margin, PLN/kWh.
    pub margin: Micro,
    /// Whether the margin is the preset's and not the config's.
    pub margin_of_preset: bool,
    /// Quality, renewables, cogeneration and excise, PLN/kWh; zero where they are not wanted.
    pub extras: Micro,
    /// VAT in hundredths of a percent; 0 where it is not wanted.
    pub vat_pct_e2: u16,
    /// Distribution.
    pub rates: Rates,
}

/// A selected tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// Its name, such as `g12w`.
    pub name: String,
    /// The preset that it is, such as `tauron-2026/g12w`; `None`: an entry of the config.
    pub preset: Option<String>,
    /// In order of their dates; only the first may be without one.
    versions: Vec<Version>,
}

impl Tariff {
    /// A tariff of these versions, which come in order of their dates.
    pub fn new(name: String, preset: Option<String>, versions: Vec<Version>) -> Self {
        Self { name, preset, versions }
    }

    /// One price at any time, PLN/kWh.
    pub fn flat(margin: Micro, price: Micro) -> Self {
        let rates = Rates::Scheduled(Schedule::flat(price));
        let version =
            Version { valid_from: None, margin, margin_of_preset: false, extras: Micro::ZERO, vat_pct_e2: 0, rates };
        Self::new("flat".into(), None, vec![version])
    }

    /// What is added to the market price at a local time, given the Kompas of that hour where it is known.
    /// `None`: no rates are configured for this day.
    pub fn charge(&self, local: DateTime, kompas: Option<Kompas>) -> Option<Charge> {
        let version = self.version(local.date())?;
        let (zone, distribution, fallback) = match (&version.rates, kompas) {
            (Rates::Scheduled(schedule), _) => {
                let zone = schedule.plan(local.date())?.iter().find(|zone| zone.hours.contains(local.hour()))?;
                (Arc::clone(&zone.name), zone.price, false)
            }
            (Rates::ByKompas { prices, .. }, Some(kompas)) => {
                (kompas.name().into(), prices[usize::from(kompas.code())], false)
            }
            (Rates::ByKompas { fallback, .. }, None) => ("fallback".into(), *fallback, true),
        };
        let Version { margin, extras, vat_pct_e2, .. } = *version;
        Some(Charge { margin, distribution, extras, vat_pct_e2, zone, fallback })
    }

    /// Whether the Kompas decides on any day.
    pub fn needs_kompas(&self) -> bool {
        self.versions.iter().any(|version| matches!(version.rates, Rates::ByKompas { .. }))
    }

    /// The rules of a day. `None`: no rates are configured for it.
    pub fn describe(&self, date: Date) -> Option<DayRule> {
        let version = self.version(date)?;
        let (zones, kind, season) = match &version.rates {
            Rates::Scheduled(schedule) => {
                let season = schedule.season(date)?;
                let mut zones: Vec<&Zone> =
                    schedule.plan(date)?.iter().filter(|zone| zone.hours != Hours::NONE).collect();
                zones.sort_by_key(|zone| zone.hours.first());
                let zones = zones
                    .into_iter()
                    .map(|zone| ZoneRule {
                        name: Arc::clone(&zone.name),
                        windows: zone.hours.windows(),
                        price: zone.price,
                    })
                    .collect();
                let name = (schedule.seasons.len() > 1).then(|| Arc::clone(&season.span.name));
                (zones, schedule.free_days.kind(date), name)
            }
            Rates::ByKompas { prices, fallback } => {
                let zone = |name: &str, price| ZoneRule { name: name.into(), windows: Vec::new(), price };
                let mut zones: Vec<ZoneRule> =
                    Kompas::ALL.iter().zip(prices).map(|(kompas, price)| zone(kompas.name(), *price)).collect();
                zones.push(zone("fallback", *fallback));
                (zones, None, None)
            }
        };
        Some(DayRule {
            origin: self.origin(),
            date,
            holiday: public_holiday(date),
            kind,
            season,
            valid_from: version.valid_from,
            zones,
            by_kompas: matches!(version.rates, Rates::ByKompas { .. }),
            margin: version.margin,
            margin_of_preset: version.margin_of_preset,
            extras: version.extras,
            vat_pct_e2: version.vat_pct_e2,
        })
    }

    /// The days that have rates: `tauron-2026/g12w holds from 2026-01-01`.
    pub fn reach(&self) -> String {
        match self.versions.first().and_then(|version| version.valid_from) {
            Some(date) => format!("{} holds from {date}", self.origin()),
            None => format!("{} holds on every day", self.origin()),
        }
    }

    /// `g12w of the config`, or the preset's name.
    fn origin(&self) -> String {
        self.preset.clone().unwrap_or_else(|| format!("{} of the config", self.name))
    }

    fn version(&self, date: Date) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.valid_from.is_none_or(|from| from <= date))
    }
}

#[cfg(test)]
mod tests;

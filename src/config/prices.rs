//! Where prices are asked for, and how selling is paid.

use std::path::{Path, PathBuf};

use super::node::Doc;
use crate::base::fault::Fault;
use crate::base::units::Micro;
use crate::model::price::{Entity, NegativeRule, Selling};

const OFFICIAL: &str = "https://api.raporty.pse.pl/api/";

/// The addresses of the price API's entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceUrls {
    day_ahead: String,
    settlement: String,
    kompas: String,
}

impl PriceUrls {
    /// `price_analysis.api_url`, `prosumer.api_url` (default: beside the former, where that ends with `csdac-pln`) and
    /// `pse_peak_hours.api_url`.
    ///
    /// # Errors
    /// When one is not an http address.
    pub fn read(doc: &Doc<'_>) -> Result<Self, Fault> {
        let official = |entity: Entity| format!("{OFFICIAL}{}", entity.name());
        let read = |key: &str| match doc.text(key)? {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => Ok(Some(url)),
            Some(url) => Err(doc.refuse(key, &url, "an http:// or https:// address")),
            None => Ok(None),
        };
        let day_ahead = read("price_analysis.api_url")?.unwrap_or_else(|| official(Entity::DayAhead));
        let beside = || {
            let base = day_ahead.strip_suffix(Entity::DayAhead.name())?;
            Some(format!("{base}{}", Entity::Settlement.name()))
        };
        let settlement = read("prosumer.api_url")?.or_else(beside).unwrap_or_else(|| official(Entity::Settlement));
        let kompas = read("pse_peak_hours.api_url")?.unwrap_or_else(|| official(Entity::Kompas));
        Ok(Self { day_ahead, settlement, kompas })
    }

    /// Where an entity is asked for.
    pub fn of(&self, entity: Entity) -> &str {
        match entity {
            Entity::DayAhead => &self.day_ahead,
            Entity::Settlement => &self.settlement,
            Entity::Kompas => &self.kompas,
        }
    }
}

/// `price_analysis.ca_file`; a relative path begins at `root`.
///
/// # Errors
/// When it is no text.
pub fn ca_file(doc: &Doc<'_>, root: &Path) -> Result<Option<PathBuf>, Fault> {
    let path = doc.text("price_analysis.ca_file")?.filter(|path| !path.trim().is_empty());
    Ok(path.map(|path| root.join(path)))
}

/// Reads `prosumer`.
pub fn selling(doc: &Doc<'_>) -> Result<Selling, Fault> {
    let mut selling = Selling::default();
    let key = "prosumer.negative_rule";
    if let Some(name) = doc.text(key)? {
        let known = NegativeRule::ALL.into_iter().find(|rule| rule.name() == name);
        selling.rule = known.ok_or_else(|| doc.refuse(key, &name, "per_quarter or per_hour"))?;
    }
    let key = "prosumer.deposit_factor";
    match doc.number(key)? {
        Some(factor) if (1.0..=2.0).contains(&factor) => selling.factor = Micro::from_f64(factor),
        Some(factor) => return Err(doc.refuse(key, &factor.to_string(), "a number from 1 to 2, such as 1.23")),
        None => {}
    }
    Ok(selling)
}

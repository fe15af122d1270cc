//! The rules of a day in words: where a price comes from.

use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, Weekday};

use super::{DayKind, Window};
use crate::base::units::Micro;
use crate::model::holiday::Holiday;

/// A zone of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRule {
    /// Such as `peak`.
    pub name: Arc<str>,
    /// Its hours in order, none wrapping midnight; empty where the Kompas decides.
    pub windows: Vec<Window>,
    /// Distribution, PLN/kWh.
    pub price: Micro,
}

/// What a tariff says of a day. Written out it is one English sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRule {
    /// The tariff and whence it is: `g12w of the config`, `tauron-2026/g12w`.
    pub origin: String,
    /// The day.
    pub date: Date,
    /// The public holiday that it is.
    pub holiday: Option<Holiday>,
    /// What it counts as; `None` where the tariff treats all days alike.
    pub kind: Option<DayKind>,
    /// The season; `None` where the tariff has none.
    pub season: Option<Arc<str>>,
    /// Since when these rates hold; `None`: always.
    pub valid_from: Option<Date>,
    /// The zones, by their first hour; the four of the Kompas and `fallback` where that decides.
    pub zones: Vec<ZoneRule>,
    /// Whether the Kompas of the hour decides.
    pub by_kompas: bool,
    /// The seller's margin, PLN/kWh.
    pub margin: Micro,
    /// Whether the margin is the preset's and not the config's.
    pub margin_of_preset: bool,
    /// Quality, renewables, cogeneration and excise, PLN/kWh; zero where they are not included.
    pub extras: Micro,
    /// VAT, hundredths of a percent; 0 where it is not included.
    pub vat_pct_e2: u16,
}

impl DayRule {
    /// `Monday`.
    pub fn weekday(&self) -> &'static str {
        match self.date.weekday() {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        }
    }

    /// Why the day has these zones: `working day`, `Saturday`, `Christmas Eve`, `every day`; with the season.
    pub fn why(&self) -> String {
        let why = match (self.kind, self.note()) {
            (None, _) => "every day".to_owned(),
            (_, Some(note)) if !self.is_weekend() => note,
            (_, Some(note)) => format!("{}, {note}", self.weekday()),
            (_, None) => self.weekday().to_owned(),
        };
        match &self.season {
            Some(season) => format!("{why}, {season}"),
            None => why,
        }
    }

    /// Whether it is a Saturday or a Sunday.
    pub fn is_weekend(&self) -> bool {
        matches!(self.date.weekday(), Weekday::Saturday | Weekday::Sunday)
    }

    /// What there is to say of the day beside its weekday.
    fn note(&self) -> Option<String> {
        let usual = self.kind != Some(DayKind::Working);
        match self.holiday.map(|holiday| holiday.english) {
            Some(holiday) if usual => Some(holiday.to_owned()),
            Some(holiday) => Some(format!("{holiday}, as a working day")),
            None if usual => None,
            None if self.is_weekend() => Some("as a working day".to_owned()),
            None => Some("working day".to_owned()),
        }
    }

    /// The percentage of VAT, `23` or `8.5`.
    pub fn vat_text(&self) -> String {
        (f64::from(self.vat_pct_e2) / 100.0).to_string()
    }
}

impl fmt::Display for DayRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.weekday())?;
        if let Some(note) = self.note() {
            write!(f, ", {note}")?;
        }
        if let Some(season) = &self.season {
            write!(f, ", {season}")?;
        }
        if self.by_kompas {
            write!(f, "; the Kompas of the hour decides")?;
        } else {
            let zones: Vec<String> = self.zones.iter().map(zone_text).collect();
            write!(f, "; {}", zones.join(", "))?;
        }
        if self.margin_of_preset {
            write!(f, "; the seller's margin of {} PLN/kWh is the preset's", price_text(self.margin))?;
        }
        if self.extras != Micro::ZERO {
            write!(f, "; extras of {} PLN/kWh are included", price_text(self.extras))?;
        }
        if self.vat_pct_e2 != 0 {
            write!(f, "; {} % VAT is included", self.vat_text())?;
        }
        Ok(())
    }
}

fn zone_text(zone: &ZoneRule) -> String {
    let windows: Vec<String> =
        zone.windows.iter().map(|window| format!("{:02}:00-{:02}:00", window.start, window.end)).collect();
    match windows.as_slice() {
        [all] if all == "00:00-24:00" && &*zone.name == "all_day" => "one price all day".to_owned(),
        [all] if all == "00:00-24:00" => format!("{} all day", zone.name),
        _ => format!("{} {}", zone.name, windows.join(" and ")),
    }
}

/// A price with 4 to 6 decimals, as many as it needs.
pub fn price_text(price: Micro) -> String {
    let text = format!("{:.6}", price.to_f64());
    let spare = text.bytes().rev().take(2).take_while(|byte| *byte == b'0').count();
    text[..text.len() - spare].to_owned()
}

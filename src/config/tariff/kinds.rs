//! The `type` of an entry: each one becomes a schedule of seasons, days and hours, or goes by the Kompas.

use super::calendar::seasons;
use super::hours::{Midnight, share_out, window, windows};
use super::price;
use crate::base::fault::Fault;
use crate::base::units::Micro;
use crate::config::node::Doc;
use crate::model::tariff::{DayPlan, FreeDays, Hours, Kompas, Rates, Schedule, Season, Span, Zone};

const TYPES: &str = "static, time_based, kompas_based, seasonal_time_based or zoned";
const WEEKENDS_AND_HOLIDAYS: FreeDays = FreeDays { weekends: true, holidays: true };

/// Reads the rates of an entry.
pub fn rates(entry: &Doc<'_>) -> Result<Rates, Fault> {
    let kind = entry.text("type")?.ok_or_else(|| entry.needed("type", TYPES))?;
    Ok(match kind.as_str() {
        "static" => Rates::Scheduled(Schedule::flat(price(entry, "price")?)),
        "time_based" => Rates::Scheduled(time_based(entry)?),
        "kompas_based" => kompas_based(entry)?,
        "seasonal_time_based" => Rates::Scheduled(seasonal(entry)?),
        "zoned" => Rates::Scheduled(zoned(entry)?),
        _ => return Err(entry.refuse("type", &kind, TYPES)),
    })
}

/// Peak hours without the off-peak windows within them; a season has its own, else the entry's.
fn time_based(entry: &Doc<'_>) -> Result<Schedule, Fault> {
    let (peak, off_peak) = (price(entry, "prices.peak")?, price(entry, "prices.off_peak")?);
    let zone = |name: &str, price: Micro, hours: Hours| Zone { name: name.into(), price, hours };
    let season = |span: Span, own: Option<Doc<'_>>| -> Result<Season, Fault> {
        let places: Vec<&Doc<'_>> = own.iter().chain([entry]).collect();
        let having =
            |keys: &[&str]| places.iter().find(|place| keys.iter().any(|key| place.get(key).is_some())).copied();
        let peak_hours = match having(&["peak_windows", "peak_hours"]) {
            Some(place) if place.get("peak_windows").is_some() => windows(place, "peak_windows", Midnight::Ends)?,
            Some(place) => window(&place.section("peak_hours"), Midnight::Ends)?,
            None => return Err(entry.needed("peak_hours", "{start: HOUR, end: HOUR}")),
        };
        let off_peak_hours = having(&["off_peak_windows"])
            .map_or(Ok(Hours::NONE), |place| windows(place, "off_peak_windows", Midnight::Ends))?;
        let peak_hours = peak_hours.without(off_peak_hours);
        Ok(Season {
            span,
            working: vec![zone("peak", peak, peak_hours), zone("off_peak", off_peak, Hours::ALL.without(peak_hours))],
            free: vec![zone("off_peak", off_peak, Hours::ALL)],
        })
    };
    let seasons = if entry.get("seasons").is_some() {
        let own = |span: &Span| entry.section("seasons").entry(&span.name);
        seasons(entry)?.into_iter().map(|span| season(span.clone(), own(&span))).collect::<Result<_, Fault>>()?
    } else {
        vec![season(Span::all_year(), None)?]
    };
    let free_days = FreeDays {
        weekends: entry.boolean("weekends_off_peak")?.unwrap_or(false),
        holidays: entry.boolean("holidays_off_peak")?.unwrap_or(false),
    };
    Ok(Schedule { seasons, free_days })
}

fn kompas_based(entry: &Doc<'_>) -> Result<Rates, Fault> {
    let mut prices = [Micro::ZERO; 4];
    for (slot, kompas) in prices.iter_mut().zip(Kompas::ALL) {
        *slot = price(entry, &format!("prices.{}", kompas.name()))?;
    }
    Ok(Rates::ByKompas { prices, fallback: price(entry, "fallback_price")? })
}

/// The coordinator's format for G13s: zones on working days, one price on free ones.
fn seasonal(entry: &Doc<'_>) -> Result<Schedule, Fault> {
    let all_hours = price(entry, "prices.free_days.all_hours")?;
    let season = |span: Span| -> Result<Season, Fault> {
        let zones = entry.section(&format!("seasons.{}.time_zones", span.name));
        let mut found: Vec<(&str, Option<Hours>)> = Vec::new();
        for key in zones.keys("") {
            let hours = window(&zones.section(key), Midnight::Wraps)?;
            let name = if ["day_peak_morning", "day_peak_evening"].contains(&key) { "day_peak" } else { key };
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = known.map(|known| known.or(hours)),
                None => found.push((name, Some(hours))),
            }
        }
        if found.is_empty() {
            return Err(zones.needed("", "a section of zones, each {start: HOUR, end: HOUR}"));
        }
        let prices = entry.section(&format!("prices.working_days.{}", span.name));
        Ok(Season {
            span,
            working: share_out(&zones, &found, &prices)?,
            free: vec![Zone { name: "free".into(), price: all_hours, hours: Hours::ALL }],
        })
    };
    let seasons = seasons(entry)?.into_iter().map(season).collect::<Result<_, Fault>>()?;
    Ok(Schedule { seasons, free_days: WEEKENDS_AND_HOLIDAYS })
}

/// Wattboard's own format: any zones, by season and by working and free days.
fn zoned(entry: &Doc<'_>) -> Result<Schedule, Fault> {
    let plan = |season: &str, kind: &str| -> Result<DayPlan, Fault> {
        let zones = entry.section(&format!("zones.{season}.{kind}"));
        let prices = entry.section(&format!("prices.{season}.{kind}"));
        let mut names = zones.keys("");
        let more: Vec<&str> = prices.keys("").into_iter().filter(|name| !names.contains(name)).collect();
        names.extend(more);
        if names.is_empty() {
            return Err(prices.needed("", "a section with a price in PLN/kWh for each zone"));
        }
        let hours = |name: &str| {
            windows(&zones, name, Midnight::Wraps).map(|hours| Some(hours).filter(|hours| *hours != Hours::NONE))
        };
        let found = names.iter().map(|name| Ok((*name, hours(name)?))).collect::<Result<Vec<_>, Fault>>()?;
        share_out(&zones, &found, &prices)
    };
    let mut named = [entry.keys("zones"), entry.keys("prices")].concat();
    named.dedup();
    let spans = if named == ["all_year"] { vec![Span::all_year()] } else { seasons(entry)? };
    let season = |span: Span| -> Result<Season, Fault> {
        Ok(Season { working: plan(&span.name, "working")?, free: plan(&span.name, "free")?, span })
    };
    let seasons = spans.into_iter().map(season).collect::<Result<_, Fault>>()?;
    Ok(Schedule { seasons, free_days: WEEKENDS_AND_HOLIDAYS })
}

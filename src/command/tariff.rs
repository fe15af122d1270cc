//! `wattboard tariff`: a day's rates, hour by hour, and where they come from.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;

use super::serve::config_path;
use crate::base::fault::Fault;
use crate::base::units::Micro;
use crate::config::{self, Config};
use crate::model::tariff::{Charge, DayKind, DayRule, Kompas, Ladder, Tariff, Window, ZoneRule, price_text};
use crate::model::time::SiteZone;

/// The zone of the presets, which are Polish.
const PRESETS_ZONE: &str = "Europe/Warsaw";

/// Which day to show.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// The present one, in the site's zone.
    #[default]
    Today,
    /// The one after it.
    Tomorrow,
    /// This one.
    On(Date),
}

/// What to show.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TariffOptions {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--day`.
    pub day: Day,
    /// `--tariff`: an entry of the config, or a preset.
    pub tariff: Option<String>,
}

/// A tariff and where it was found.
struct Found {
    tariff: Tariff,
    zone: SiteZone,
    origin: String,
    warnings: Vec<String>,
}

/// Writes a day's table to `out`.
///
/// # Errors
/// When the config or the tariff is not one that can be used, the day has no rates, or `out` cannot be written.
pub fn tariff(options: &TariffOptions, now: Timestamp, out: &mut dyn Write) -> Result<(), Fault> {
    let found = find(options)?;
    let today = found.zone.date(now);
    let date = match options.day {
        Day::Today => today,
        Day::Tomorrow => today.tomorrow().map_err(|_| Fault::invalid(format!("there is no day after {today}")))?,
        Day::On(date) => date,
    };
    let rule = found
        .tariff
        .describe(date)
        .ok_or_else(|| Fault::missing(format!("there are no rates for {date}: {}", found.tariff.reach())))?;
    let mut lines = words(&found, &rule);
    lines.push(String::new());
    lines.extend(table(&rule));
    lines.push(String::new());
    let text = lines.join("\n");
    out.write_all(text.as_bytes()).map_err(|error| Fault::io(format!("cannot write the table: {error}")))
}

fn find(options: &TariffOptions) -> Result<Found, Fault> {
    let named = options.config.is_some();
    if let Some(name) = options.tariff.as_deref().filter(|name| !named && name.contains('/')) {
        let zone = SiteZone::named(PRESETS_ZONE)?;
        let (tariff, origin) = (config::preset(name)?, format!("{name}, a preset"));
        return Ok(Found { tariff, zone, origin, warnings: Vec::new() });
    }
    let config =
        Config::load_with(&config_path(options.config.clone()), options.tariff.as_deref()).map_err(|fault| {
            let hint = "; name it with --config FILE, or name a preset: --tariff tauron-2026/g12w";
            Fault::new(fault.kind(), format!("{fault}{}", if named { "" } else { hint }))
        })?;
    let warnings = config.warnings.into_iter().filter(|warning| warning.starts_with("electricity_tariff")).collect();
    let file = config.file.display();
    let origin = match &config.tariff.preset {
        Some(preset) => format!("{preset}, a preset, with what {file} says of it"),
        None => format!("{} of {file}", config.tariff.name),
    };
    Ok(Found { tariff: config.tariff, zone: config.zone, origin, warnings })
}

fn words(found: &Found, rule: &DayRule) -> Vec<String> {
    let mut lines = Vec::new();
    let since = rule.valid_from.map_or("its rates carry no date".into(), |date| format!("its rates hold from {date}"));
    lines.push(format!("Tariff {}; {since}.", found.origin));

    let day = match rule.holiday {
        Some(holiday) => format!("a public holiday: {} ({})", holiday.english, holiday.polish),
        None if rule.is_weekend() => "a day of the weekend".into(),
        None => "a working day".into(),
    };
    let kind = match rule.kind {
        None => "this tariff treats all days alike",
        Some(DayKind::Working) => "this tariff counts it as a working day",
        Some(DayKind::Free) => "this tariff counts it as a free day",
    };
    let season = rule.season.as_ref().map_or("it has no seasons".into(), |season| format!("the season is {season}"));
    lines.push(format!("{} is a {}, {day}; {kind}; {season}.", rule.date, rule.weekday()));
    lines.extend(clock_change(rule.date, &found.zone));

    let margin = if rule.margin_of_preset { "the seller's margin (the preset's)" } else { "the seller's margin" };
    let extras = if rule.extras == Micro::ZERO { "" } else { ", extras (quality, renewables, cogeneration, excise)" };
    let (vat, on_top) = match rule.vat_pct_e2 {
        0 => (String::new(), "the market price comes on top"),
        _ => (format!(", {} % VAT of these", rule.vat_text()), "the market price and its VAT come on top"),
    };
    lines.push(format!("PLN/kWh: distribution, {margin}{extras}{vat}; {on_top}."));
    let left_out = match (rule.extras == Micro::ZERO, rule.vat_pct_e2 == 0) {
        (true, true) => Some("Neither extras (quality, renewables, cogeneration, excise) nor VAT are added."),
        (true, false) => Some("Extras (quality, renewables, cogeneration, excise) are not added."),
        (false, true) => Some("VAT is not added."),
        (false, false) => None,
    };
    lines.extend(left_out.map(str::to_owned));
    if rule.by_kompas {
        lines.push("The Kompas of the grid operator (PSE) decides by the hour which of these prices it is.".to_owned());
    }
    lines.extend(found.warnings.iter().map(|warning| format!("Note: {warning}.")));
    lines
}

/// On a day when the clock changes: which hour is missing or comes twice.
fn clock_change(date: Date, zone: &SiteZone) -> Option<String> {
    let (start, length) = (zone.day_start(date), zone.day_length(date));
    let quarter = std::time::Duration::from_secs(900);
    let quarters = length.as_secs() / quarter.as_secs();
    let mut count = [0_u32; 24];
    for index in 0..quarters {
        let hour = zone.local(start + quarter * index as u32).hour();
        count[usize::from(hour.unsigned_abs()) % 24] += 1;
    }
    let hours = length.as_secs_f64() / 3600.0;
    let hour = count.iter().position(|quarters| *quarters != 4)?;
    Some(if count[hour] < 4 {
        format!("The clock goes forward: the hour {hour:02}:00 is missing, the day has {hours} hours.")
    } else {
        format!("The clock goes back: the hour {hour:02}:00 comes twice at the same price, the day has {hours} hours.")
    })
}

/// A line for each run of hours with one zone, or for each advice of the Kompas.
fn table(rule: &DayRule) -> Vec<String> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    if rule.by_kompas {
        rows.push(row(rule, texts(&["kompas"]), "zone", None, "why"));
        for (index, zone) in rule.zones.iter().enumerate() {
            let (code, why) = match Kompas::from_code(index as i64) {
                Some(kompas) => (kompas.code().to_string(), "the hours for which the Kompas says so"),
                None => ("-".to_owned(), "hours whose Kompas is not known"),
            };
            rows.push(row(rule, vec![code], &zone.name, Some(zone.price), why));
        }
    } else {
        rows.push(row(rule, texts(&["from", "to"]), "zone", None, "why"));
        let mut runs: Vec<(Window, &ZoneRule)> =
            rule.zones.iter().flat_map(|zone| zone.windows.iter().map(move |window| (*window, zone))).collect();
        runs.sort_by_key(|(window, _)| window.start);
        for (window, zone) in runs {
            let when = vec![format!("{:02}:00", window.start), format!("{:02}:00", window.end)];
            rows.push(row(rule, when, &zone.name, Some(zone.price), &rule.why()));
        }
    }
    aligned(&rows)
}

/// The cells of a line; the names of the columns where there is no price.
fn row(rule: &DayRule, mut cells: Vec<String>, zone: &str, distribution: Option<Micro>, why: &str) -> Vec<String> {
    let ladder = distribution.map(|distribution| {
        let charge = Charge {
            margin: rule.margin,
            distribution,
            extras: rule.extras,
            vat_pct_e2: rule.vat_pct_e2,
            zone: zone.into(),
            fallback: false,
        };
        charge.on(Micro::ZERO)
    });
    let price = |name: &str, step: fn(&Ladder) -> Micro| {
        ladder.as_ref().map_or_else(|| name.to_owned(), |ladder| price_text(step(ladder)))
    };
    cells.push(zone.to_owned());
    cells.push(price("distribution", |ladder| ladder.distribution));
    cells.push(price("margin", |ladder| ladder.margin));
    if rule.extras != Micro::ZERO {
        cells.push(price("extras", |ladder| ladder.extras));
    }
    if rule.vat_pct_e2 != 0 {
        cells.push(price("vat", |ladder| ladder.vat));
    }
    cells.push(price("together", |ladder| ladder.buy));
    cells.push(why.to_owned());
    cells
}

/// Columns of equal width, two spaces between them.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    rows.iter()
        .map(|row| {
            let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column).unwrap_or(0)));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests;

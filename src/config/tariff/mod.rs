//! `electricity_tariff`: the selected entry of `distribution_pricing`, or a preset, validated; other entries are not
//! looked at.

mod calendar;
mod hours;
mod kinds;
mod presets;

use jiff::civil::Date;

use super::node::{Doc, Node};
use crate::base::fault::Fault;
use crate::base::units::Micro;
use crate::model::tariff::{Tariff, Version};

const SECTION: &str = "electricity_tariff";
/// The coordinator's own default of `sc_component_pln_kwh`.
const USUAL_MARGIN: Micro = Micro(89_200);
/// Above this a price was surely meant to be something else, such as PLN/MWh.
const MOST_PLN_KWH: f64 = 100.0;

/// What the config says beside the rates.
struct Terms {
    /// `sc_component_pln_kwh`.
    margin: Option<Micro>,
    /// `include_extras`, where the tariff is a preset.
    extras: bool,
    /// `include_vat`, where the tariff is a preset.
    vat: bool,
}

/// Reads the tariff: the one that the config selects, or `named`, an entry or a preset.
pub fn read(doc: &Doc<'_>, named: Option<&str>, warnings: &mut Vec<String>) -> Result<Tariff, Fault> {
    let section = doc.section(SECTION);
    let entries = section.section("distribution_pricing");
    let preset = section.text("preset")?;
    match (named, preset) {
        (Some(name), _) => match (entries.entry(name), presets::find(name)) {
            (Some(entry), _) => read_entry(&section, &entry, name, warnings),
            (None, Some(node)) => read_preset(&section, name, &node),
            (None, None) => {
                let known = [entries.keys("").join(", "), presets::names().join(", ")];
                let known = known.into_iter().filter(|names| !names.is_empty()).collect::<Vec<_>>().join(", ");
                Err(Fault::invalid(format!("--tariff {name} is not allowed; it must be one of {known}")))
            }
        },
        (None, Some(name)) => match presets::find(&name) {
            Some(node) => read_preset(&section, &name, &node),
            None => Err(section.refuse("preset", &name, &format!("one of {}", presets::names().join(", ")))),
        },
        (None, None) => {
            let name = section.text("tariff_type")?.unwrap_or_else(|| "g12w".into());
            match (entries.entry(&name), entries.keys("").as_slice()) {
                (Some(entry), _) => read_entry(&section, &entry, &name, warnings),
                (None, []) => Err(entries.needed("", &format!("a section with the tariff {name} in it"))),
                (None, known) => {
                    let known = format!("the name of one of {} under {}", known.join(", "), entries.path(""));
                    Err(section.refuse("tariff_type", &name, &known))
                }
            }
        }
    }
}

/// A preset as it is, without a config.
///
/// # Errors
/// When there is no such preset; it says which there are.
pub fn preset(name: &str) -> Result<Tariff, Fault> {
    read(&Doc::new("no config", &Node::Null), Some(name), &mut Vec::new())
}

fn read_preset(section: &Doc<'_>, name: &str, node: &Node) -> Result<Tariff, Fault> {
    let terms = Terms {
        margin: optional_price(section, "sc_component_pln_kwh")?,
        extras: section.boolean("include_extras")?.unwrap_or(false),
        vat: section.boolean("include_vat")?.unwrap_or(false),
    };
    let versions = versions(&Doc::new(&format!("preset {name}"), node), &terms)?;
    let short = name.rsplit('/').next().unwrap_or(name);
    Ok(Tariff::new(short.to_owned(), Some(name.to_owned()), versions))
}

fn read_entry(section: &Doc<'_>, entry: &Doc<'_>, name: &str, warnings: &mut Vec<String>) -> Result<Tariff, Fault> {
    for key in ["include_extras", "include_vat"] {
        if section.boolean(key)? == Some(true) {
            let preset = section.path("preset");
            warnings.push(format!("{} has no effect without {preset}", section.path(key)));
        }
    }
    let terms = Terms { margin: optional_price(section, "sc_component_pln_kwh")?, extras: false, vat: false };
    let versions = versions(entry, &terms)?;
    let placeholder = entry.text("type")?.as_deref() == Some("static") && entry.number("price")? == Some(0.0);
    if placeholder && name.eq_ignore_ascii_case("g13") {
        warnings.push(format!(
            "{} is 0.0, the sample's placeholder: prices lack the distribution part until it is set; Tauron's rates \
             are {SECTION}.preset: tauron-2026/g13",
            entry.path("price")
        ));
    }
    Ok(Tariff::new(name.to_owned(), None, versions))
}

/// The entry as it is, then as each of its `changes` leaves it: what a change does not name stays as it was.
fn versions(entry: &Doc<'_>, terms: &Terms) -> Result<Vec<Version>, Fault> {
    let mut last = date(entry, "valid_from")?;
    let mut node = entry.node().clone();
    let mut versions = vec![version(entry, last, terms)?];
    for change in entry.list("changes")? {
        let from = date(&change, "valid_from")?.ok_or_else(|| change.needed("valid_from", A_DATE))?;
        if let Some(last) = last.filter(|last| from <= *last) {
            let later = format!("a date after {last}, since each change comes after what it changes");
            return Err(change.refuse("valid_from", &from.to_string(), &later));
        }
        node = node.overlaid(change.node());
        versions.push(version(&entry.noted(&format!(" (as of {from})"), &node), Some(from), terms)?);
        last = Some(from);
    }
    Ok(versions)
}

fn version(entry: &Doc<'_>, valid_from: Option<Date>, terms: &Terms) -> Result<Version, Fault> {
    let of_config = optional_price(entry, "sc_component_pln_kwh")?.or(terms.margin);
    let of_preset = optional_price(entry, "seller_margin_pln_kwh")?;
    let extras = if terms.extras {
        let fees = entry.section("extras_pln_kwh");
        fees.keys("").into_iter().map(|fee| price(&fees, fee)).sum::<Result<Micro, Fault>>()?
    } else {
        Micro::ZERO
    };
    Ok(Version {
        valid_from,
        margin: of_config.or(of_preset).unwrap_or(USUAL_MARGIN),
        margin_of_preset: of_config.is_none() && of_preset.is_some(),
        extras,
        vat_pct_e2: if terms.vat { vat(entry)? } else { 0 },
        rates: kinds::rates(entry)?,
    })
}

fn vat(entry: &Doc<'_>) -> Result<u16, Fault> {
    let allowed = "a percentage, 0 to 100";
    let percent = entry.number("vat_pct")?.ok_or_else(|| entry.needed("vat_pct", allowed))?;
    if (0.0..=100.0).contains(&percent) {
        Ok((percent * 100.0).round() as u16)
    } else {
        Err(entry.refuse("vat_pct", &percent.to_string(), allowed))
    }
}

const A_DATE: &str = "a date such as 2026-01-01";

fn date(doc: &Doc<'_>, key: &str) -> Result<Option<Date>, Fault> {
    match doc.get(key) {
        None => Ok(None),
        Some(Node::Text(text)) => match text.parse::<Date>() {
            // Longer forms that the parser would take are no dates to whoever reads the file.
            Ok(date) if date.to_string() == *text => Ok(Some(date)),
            _ => Err(doc.refuse(key, text, A_DATE)),
        },
        Some(other) => Err(doc.refuse(key, &other.to_string(), A_DATE)),
    }
}

/// A price in PLN/kWh.
fn price(doc: &Doc<'_>, path: &str) -> Result<Micro, Fault> {
    optional_price(doc, path)?.ok_or_else(|| doc.needed(path, "a price in PLN/kWh"))
}

fn optional_price(doc: &Doc<'_>, path: &str) -> Result<Option<Micro>, Fault> {
    match doc.number(path)? {
        Some(value) if value.abs() > MOST_PLN_KWH => {
            Err(doc.refuse(path, &value.to_string(), &format!("a price in PLN/kWh, at most {MOST_PLN_KWH}")))
        }
        value => Ok(value.map(Micro::from_f64)),
    }
}

#[cfg(test)]
mod tests;

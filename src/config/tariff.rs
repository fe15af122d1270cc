//! `electricity_tariff`: the selected entry of `distribution_pricing`, validated; the other entries are not looked at.

use super::node::{Doc, Node};
use crate::base::fault::Fault;
use crate::base::units::Micro;
use crate::model::tariff::{Distribution, Tariff, Window};

const SECTION: &str = "electricity_tariff";

/// Reads the tariff.
pub fn read(doc: &Doc<'_>, warnings: &mut Vec<String>) -> Result<Tariff, Fault> {
    let name = doc.text(&format!("{SECTION}.tariff_type"))?.unwrap_or_else(|| "g12w".into());
    let margin = doc.number(&format!("{SECTION}.sc_component_pln_kwh"))?.unwrap_or(0.0892);
    let entries = doc.keys(&format!("{SECTION}.distribution_pricing"));
    let entry = format!("{SECTION}.distribution_pricing.{name}");
    if !entries.contains(&name.as_str()) {
        if entries.is_empty() {
            let section = format!("{SECTION}.distribution_pricing");
            return Err(doc.needed(&section, &format!("a section with the tariff {name} in it")));
        }
        let known = format!("one of {}", entries.join(", "));
        return Err(doc.refuse(
            &format!("{SECTION}.tariff_type"),
            &name,
            &format!("the name of {known} under {SECTION}.distribution_pricing"),
        ));
    }
    let kind_key = format!("{entry}.type");
    let kind = doc.text(&kind_key)?.ok_or_else(|| doc.needed(&kind_key, "static or time_based"))?;
    let distribution = match kind.as_str() {
        "static" => read_static(doc, &entry, &name, warnings)?,
        "time_based" => read_time_based(doc, &entry)?,
        "kompas_based" | "seasonal_time_based" | "zoned" => {
            return Err(doc.refuse(
                &kind_key,
                &kind,
                "static or time_based: this version does not price the others yet",
            ));
        }
        _ => return Err(doc.refuse(&kind_key, &kind, "static or time_based")),
    };
    Ok(Tariff { name, margin: Micro::from_f64(margin), distribution })
}

fn price(doc: &Doc<'_>, path: &str) -> Result<Micro, Fault> {
    doc.number(path)?.map(Micro::from_f64).ok_or_else(|| doc.needed(path, "a price in PLN/kWh"))
}

fn read_static(doc: &Doc<'_>, entry: &str, name: &str, warnings: &mut Vec<String>) -> Result<Distribution, Fault> {
    let price = price(doc, &format!("{entry}.price"))?;
    if price == Micro::ZERO && name.eq_ignore_ascii_case("g13") {
        warnings.push(format!(
            "{entry}.price is 0.0, the sample's placeholder: prices lack the distribution part until it is set"
        ));
    }
    Ok(Distribution::Static { price })
}

fn read_time_based(doc: &Doc<'_>, entry: &str) -> Result<Distribution, Fault> {
    let key = |key: &str| format!("{entry}.{key}");
    if doc.get(&key("seasons")).is_some() {
        return Err(doc.refuse(&key("seasons"), "a section", "left out: this version does not price seasons yet"));
    }
    let peak_windows = match doc.get(&key("peak_windows")) {
        Some(_) => windows(doc, &key("peak_windows"))?,
        None if doc.get(&key("peak_hours")).is_some() => vec![window(doc, &key("peak_hours"), &key("peak_hours"))?],
        None => return Err(doc.needed(&key("peak_hours"), "{start: HOUR, end: HOUR}")),
    };
    Ok(Distribution::TimeBased {
        peak: price(doc, &key("prices.peak"))?,
        off_peak: price(doc, &key("prices.off_peak"))?,
        peak_windows,
        off_peak_windows: windows(doc, &key("off_peak_windows"))?,
        weekends_off_peak: doc.boolean(&key("weekends_off_peak"))?.unwrap_or(false),
        holidays_off_peak: doc.boolean(&key("holidays_off_peak"))?.unwrap_or(false),
    })
}

fn windows(doc: &Doc<'_>, path: &str) -> Result<Vec<Window>, Fault> {
    doc.list(path)?.iter().map(|item| window(item, "", path)).collect()
}

/// A `{start, end}` at `path` ("" for the document itself), called `label` in errors.
fn window(doc: &Doc<'_>, path: &str, label: &str) -> Result<Window, Fault> {
    let hour = |key: &str| -> Result<i8, Fault> {
        let at = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let allowed = "a whole hour, 0 to 24";
        match doc.get(&at) {
            Some(Node::Int(hour @ 0..=24)) => Ok(*hour as i8),
            Some(other) => Err(doc.refuse(&format!("{label}.{key}"), &other.to_string(), allowed)),
            None => Err(doc.needed(&format!("{label}.{key}"), allowed)),
        }
    };
    let window = Window { start: hour("start")?, end: hour("end")? };
    if window.start >= window.end {
        let value = format!("{{start: {}, end: {}}}", window.start, window.end);
        return Err(doc.refuse(label, &value, "a window that starts before it ends"));
    }
    Ok(window)
}

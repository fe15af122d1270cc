//! Windows of hours, and the zones that share out a day.

use super::price;
use crate::base::fault::Fault;
use crate::config::node::{Doc, Node};
use crate::model::tariff::{DayPlan, Hours, Window, Zone};

/// Whether a window may go on over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Midnight {
    /// It ends the window.
    Ends,
    /// `{start: 21, end: 7}` is the night.
    Wraps,
}

/// The hours of a list of windows.
pub fn windows(doc: &Doc<'_>, path: &str, midnight: Midnight) -> Result<Hours, Fault> {
    doc.list(path)?.iter().try_fold(Hours::NONE, |hours, item| Ok(hours.or(window(item, midnight)?)))
}

/// The hours of a `{start, end}`.
pub fn window(doc: &Doc<'_>, midnight: Midnight) -> Result<Hours, Fault> {
    let hour = |key: &str| -> Result<i8, Fault> {
        let allowed = "a whole hour, 0 to 24";
        match doc.get(key) {
            Some(Node::Int(hour @ 0..=24)) => Ok(*hour as i8),
            Some(other) => Err(doc.refuse(key, &other.to_string(), allowed)),
            None => Err(doc.needed(key, allowed)),
        }
    };
    let window = Window { start: hour("start")?, end: hour("end")? };
    let allowed = match midnight {
        Midnight::Ends if window.start >= window.end => "a window that starts before it ends",
        Midnight::Wraps if Hours::from(window) == Hours::NONE => {
            "a window that is not empty; {start: 0, end: 24} is the whole day"
        }
        _ => return Ok(window.into()),
    };
    Err(doc.refuse("", &format!("{{start: {}, end: {}}}", window.start, window.end), allowed))
}

/// Shares out a day among zones. One zone may come without hours of its own: it takes those that no other has.
/// Prices are looked up in `prices`; `doc` is where the hours were read, for errors.
pub fn share_out(doc: &Doc<'_>, zones: &[(&str, Option<Hours>)], prices: &Doc<'_>) -> Result<DayPlan, Fault> {
    let mut taken = Hours::NONE;
    for (index, (name, hours)) in zones.iter().enumerate() {
        let hours = hours.unwrap_or_default();
        if let Some(hour) = hours.and(taken).first() {
            let has_hour = |(_, other): &&(&str, Option<Hours>)| other.is_some_and(|other| other.contains(hour));
            let first = zones[..index].iter().find(has_hour).map_or("another", |(other, _)| other);
            let text = format!("hour {hour} lies in two zones, {first} and {name}; it must lie in one");
            return Err(doc.wrong("", &text));
        }
        taken = taken.or(hours);
    }
    let rest = Hours::ALL.without(taken);
    let takers: Vec<&str> = zones.iter().filter(|(_, hours)| hours.is_none()).map(|(name, _)| *name).collect();
    match (takers.as_slice(), rest.first()) {
        ([], Some(hour)) => {
            return Err(doc.wrong("", &format!("hour {hour} lies in no zone; each hour of the day must lie in one")));
        }
        ([taker], None) => {
            return Err(doc.wrong(taker, "it has no windows, and the other zones leave it no hour"));
        }
        ([first, second, ..], _) => {
            let text = format!("{first} and {second} both have no windows; only one zone can take the other hours");
            return Err(doc.wrong("", &text));
        }
        _ => {}
    }
    let zone = |(name, hours): &(&str, Option<Hours>)| {
        Ok(Zone { name: (*name).into(), price: price(prices, name)?, hours: hours.unwrap_or(rest) })
    };
    zones.iter().map(zone).collect()
}

//! `seasons`: which part of the year each of them is.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::base::fault::Fault;
use crate::config::node::{Doc, Node};
use crate::model::tariff::{MonthDay, Span};

const SUMMER: (MonthDay, MonthDay) = (MonthDay { month: 4, day: 1 }, MonthDay { month: 9, day: 30 });

/// The seasons of an entry; without `seasons`, summer and winter. Each day of the year lies in exactly one.
pub fn seasons(entry: &Doc<'_>) -> Result<Vec<Span>, Fault> {
    let mut names = entry.keys("seasons");
    if names.is_empty() {
        names = vec!["summer", "winter"];
    }
    let summer = span(entry, "summer", Some(SUMMER))?;
    let spans = names
        .into_iter()
        .map(|name| match name {
            "summer" => Ok(summer.clone()),
            "winter" => span(entry, name, rest_of_the_year(&summer)),
            _ => span(entry, name, None),
        })
        .collect::<Result<Vec<Span>, Fault>>()?;
    // A leap year has every day that there is.
    for day in date(2024, 1, 1).series(1.day()).take_while(|day| day.year() == 2024) {
        let having: Vec<&str> =
            spans.iter().filter(|span| span.contains(day.into())).map(|span| span.name.as_ref()).collect();
        let trouble = match having.as_slice() {
            [_] => continue,
            [] => format!("no season has {}", day.strftime("%-d %B")),
            [first, second, ..] => format!("{first} and {second} both have {}", day.strftime("%-d %B")),
        };
        return Err(entry.wrong("seasons", &format!("{trouble}; each day of the year must lie in one season")));
    }
    Ok(spans)
}

/// From the day after a season to the day before it.
fn rest_of_the_year(season: &Span) -> Option<(MonthDay, MonthDay)> {
    let day = |MonthDay { month, day }| Date::new(2024, month, day).ok();
    Some((day(season.to)?.tomorrow().ok()?.into(), day(season.from)?.yesterday().ok()?.into()))
}

fn span(entry: &Doc<'_>, name: &str, usual: Option<(MonthDay, MonthDay)>) -> Result<Span, Fault> {
    let seasons = entry.section("seasons");
    let season = seasons.entry(name).unwrap_or_else(|| seasons.section(name));
    let number = |key: &str, usual: Option<i8>, most: i8, what: &str| {
        let allowed = format!("a {what}, 1 to {most}");
        match (season.get(key), usual) {
            (Some(Node::Int(value)), _) if (1..=i64::from(most)).contains(value) => Ok(*value as i8),
            (Some(other), _) => Err(season.refuse(key, &other.to_string(), &allowed)),
            (None, Some(usual)) => Ok(usual),
            (None, None) => Err(season.needed(key, &allowed)),
        }
    };
    let day = |edge: &str, usual: Option<MonthDay>| -> Result<MonthDay, Fault> {
        let month = number(&format!("{edge}_month"), usual.map(|usual| usual.month), 12, "month")?;
        let most = Date::new(2024, month, 1).map_or(31, Date::days_in_month);
        let what = format!("day of month {month}");
        let day = number(&format!("{edge}_day"), usual.map(|usual| usual.day.min(most)), most, &what)?;
        Ok(MonthDay { month, day })
    };
    let from = day("start", usual.map(|usual| usual.0))?;
    let to = day("end", usual.map(|usual| usual.1))?;
    Ok(Span { name: name.into(), from, to })
}

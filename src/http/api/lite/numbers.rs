//! Numbers, ages and times in a reader's language, as `Intl` writes them in the browser (`www/src/kit/format.js`).
//!
//! Why not ICU4X (2.4): with its data for all locales numbers and dates alone make a program 1.2 MB larger and bring some 80
//! packages; fewer locales need a data step of their own in the build, and money and "5 min ago" are still in its
//! experimental part. Needed here are two marks, one rule for groups and a handful of patterns a language, which stand in the
//! catalogue's `meta`, so that a language stays one file. The tests beside compare them with what `Intl` writes.

use jiff::civil::{Date, DateTime};

use super::super::words::{Language, fill};
use crate::model::time::SiteZone;

/// How a value of the API is written: the names and the rules are those of `formats` of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// W, without its sign, as kW: words say which way.
    Flow,
    /// kW, as the history has it.
    Kilowatt,
    /// kWh.
    Energy,
    /// PLN/kWh to the grosz.
    Price,
    /// PLN.
    Money,
    /// %.
    Percent,
    /// A share of 1, as %.
    Share,
    /// A whole number.
    Count,
}

impl As {
    /// Its name in the page's `formats`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Kilowatt => "kilowatt",
            Self::Energy => "energy",
            Self::Price => "price",
            Self::Money => "money",
            Self::Percent => "percent",
            Self::Share => "share",
            Self::Count => "count",
        }
    }

    /// A value so written.
    pub fn write(self, value: f64, language: &Language) -> String {
        let two = |value: f64, shift| decimal(value, shift, 2, 2, language);
        let money = |value: f64| signed(&language.meta.money, &two(value, 0));
        match self {
            Self::Flow => format!("{}\u{a0}kW", two(value.abs(), -3)),
            Self::Kilowatt => format!("{}\u{a0}kW", two(value, 0)),
            Self::Energy => format!("{}\u{a0}kWh", two(value, 0)),
            Self::Price => format!("{}/kWh", money(value)),
            Self::Money => money(value),
            Self::Percent => signed(&language.meta.percent, &decimal(value, 0, 0, 1, language)),
            Self::Share => signed(&language.meta.percent, &decimal(value, 2, 0, 0, language)),
            Self::Count => decimal(value, 0, 0, 0, language),
        }
    }
}

/// A number in its pattern; the minus stands before all of it.
fn signed(pattern: &str, number: &str) -> String {
    match number.strip_prefix('-') {
        Some(number) => format!("-{}", fill(pattern, &[("n", number)])),
        None => fill(pattern, &[("n", number)]),
    }
}

/// `value * 10^shift` with at least `least` and at most `most` decimals. The shortest decimal that names the value is
/// rounded, a tie away from zero, as ECMA-402 has it; so is the sign of what is rounded to zero.
fn decimal(value: f64, shift: i32, least: usize, most: usize, language: &Language) -> String {
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    let shift = if value == 0.0 { 0 } else { shift };
    let mut point = exponent.parse::<i32>().unwrap_or(0) + 1 + shift;
    if point < 1 {
        let zeros = usize::try_from(1 - point).unwrap_or(0);
        digits.splice(0..0, std::iter::repeat_n(0, zeros));
        point = 1;
    }
    let mut whole = usize::try_from(point).unwrap_or(1);
    let kept = whole + most;
    let up = digits.get(kept).is_some_and(|digit| *digit >= 5);
    digits.resize(kept, 0);
    if up {
        match digits.iter().rposition(|digit| *digit < 9) {
            Some(last) => {
                digits[last] += 1;
                digits[last + 1..].fill(0);
            }
            None => {
                digits.fill(0);
                digits.insert(0, 1);
                whole += 1;
            }
        }
    }
    let needless = digits[whole + least..].iter().rev().take_while(|digit| **digit == 0).count();
    digits.truncate(digits.len() - needless);
    let grouped = whole >= language.meta.group_from;
    let mut text = String::from(if value.is_sign_negative() { "-" } else { "" });
    for (index, digit) in digits.iter().enumerate() {
        if index == whole {
            text.push_str(&language.meta.decimal);
        } else if grouped && index > 0 && index < whole && (whole - index) % 3 == 0 {
            text.push_str(&language.meta.group);
        }
        text.push(char::from(b'0' + digit));
    }
    text
}

/// How long ago, as calmly as the page tells it: the greatest unit alone.
pub fn ago(seconds: f64, language: &Language) -> String {
    let (key, size, step) = match seconds {
        ..10.0 => return language.text("age.now").to_owned(),
        ..120.0 => ("lite.ago_second", 10.0, 10.0),
        ..7_200.0 => ("lite.ago_minute", 60.0, 1.0),
        ..172_800.0 => ("lite.ago_hour", 3_600.0, 1.0),
        _ => ("lite.ago_day", 86_400.0, 1.0),
    };
    let count = As::Count.write((seconds / size).floor() * step, language);
    language.filled(key, &[("n", &count)])
}

/// Times by the site's clock, from instants as the API writes them: RFC 3339 with the site's offset.
#[derive(Clone, Copy)]
pub struct Times<'a> {
    /// The site's.
    pub zone: &'a SiteZone,
    /// The reader's.
    pub language: &'a Language,
}

impl Times<'_> {
    /// `05:30`; in the hour that autumn has twice with its offset.
    pub fn time(self, iso: &str) -> String {
        self.clock(iso, &self.language.meta.time)
    }

    /// `23.11, 05:30`.
    pub fn day_and_time(self, iso: &str) -> String {
        let day = self.day_of_year(local(iso));
        fill(&self.language.meta.moment, &[("day", &day), ("time", &self.time(iso))])
    }

    /// `23.11.2026, 05:30:12`.
    pub fn moment(self, iso: &str) -> String {
        let meta = &self.language.meta;
        let day = local(iso).map_or_else(|| iso.to_owned(), |local| local.strftime(&meta.day).to_string());
        fill(&meta.moment, &[("day", &day), ("time", &self.clock(iso, &meta.second))])
    }

    /// A sentence of the server with the days and instants in it as the reader writes them; not those within names of files.
    pub fn within(self, sentence: &str) -> String {
        let mut written = String::with_capacity(sentence.len());
        for word in sentence.split_inclusive([' ', '\n', '\t']) {
            let inside = word.trim_start_matches('(');
            let before = &word[..word.len() - inside.len()];
            let bare = inside.trim_end_matches(|end: char| end.is_whitespace() || ",.;:)".contains(end));
            written.push_str(before);
            match self.day_or_instant(bare) {
                Some(text) => written.push_str(&text),
                None => written.push_str(bare),
            }
            written.push_str(&inside[bare.len()..]);
        }
        written
    }

    fn day_or_instant(self, iso: &str) -> Option<String> {
        let meta = &self.language.meta;
        let date: Date = iso.get(..10)?.parse().ok()?;
        let day = date.strftime(&meta.day).to_string();
        if iso.len() == 10 {
            return Some(day);
        }
        local(iso).filter(|_| iso.as_bytes()[10] == b'T')?;
        let time = self.time(iso);
        Some(fill(&meta.moment, &[("day", &day), ("time", &time)]))
    }

    /// `23.11`.
    pub fn day_of_year(self, local: Option<DateTime>) -> String {
        local.map(|local| local.strftime(&self.language.meta.day_of_year).to_string()).unwrap_or_default()
    }

    /// A local time of which nothing but its digits is known: `23.11, 05:30`.
    pub fn naive(self, local: DateTime) -> String {
        let meta = &self.language.meta;
        let time = local.strftime(&meta.time).to_string();
        fill(&meta.moment, &[("day", &self.day_of_year(Some(local))), ("time", &time)])
    }

    fn clock(self, iso: &str, pattern: &str) -> String {
        let Some(local) = local(iso) else { return iso.to_owned() };
        let time = local.strftime(pattern).to_string();
        match (self.zone.is_doubled(local), iso.get(19..)) {
            (true, Some(offset)) => fill(&self.language.meta.doubled, &[("time", &time), ("offset", offset)]),
            _ => time,
        }
    }
}

/// The site's clock at an instant: its digits.
pub fn local(iso: &str) -> Option<DateTime> {
    iso.get(..19)?.parse().ok()
}

#[cfg(test)]
mod tests;

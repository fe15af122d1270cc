//! InfluxDB's line protocol: `wattboard,site=home pv_power_watts=1200,grid_power_watts=-3.5 1795431444000000000`.
//!
//! The measurement is what stands before the first `_` of a name, the field is the rest: VictoriaMetrics joins them by
//! `_` again. Values are floats, never integers (no `i`), so that a field never changes its type. Times are nanoseconds.

use std::fmt::Write as _;

use super::{Number, Point};
use crate::telemetry::{Family, Sample, Value};

/// Writes lines of one site.
#[derive(Debug, Clone)]
pub struct Lines {
    /// `,site=home`.
    site: String,
}

impl Lines {
    /// Of the site of this name.
    pub fn new(site: &str) -> Self {
        let mut of_site = String::new();
        tag("site", site, &mut of_site);
        Self { site: of_site }
    }

    /// The site's name as it stands in the lines, cleaned and escaped.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Adds a point's line.
    pub fn point(&self, point: &Point, out: &mut String) {
        let mut fields = point.values.iter();
        let Some((first, number)) = fields.next() else { return };
        let (measurement, field) = split(first);
        out.push_str(measurement);
        out.push_str(&self.site);
        if let Some((name, value)) = point.label {
            tag(name, value, out);
        }
        // Text takes whatever is written to it.
        let _ = write!(out, " {field}={number}");
        for (name, number) in fields {
            let _ = write!(out, ",{}={number}", split(name).1);
        }
        let _ = writeln!(out, " {}000000", point.at_ms);
    }

    /// Adds lines of what `telemetry` told of the present: one a sample; histograms are left out.
    pub fn family(&self, family: &Family, samples: &[Sample<'_>], at_ms: i64, out: &mut String) {
        let name = family.sample_name();
        let (measurement, field) = split(&name);
        for sample in samples {
            let Value::Number(number) = sample.value else { continue };
            out.push_str(measurement);
            out.push_str(&self.site);
            sample.labels.iter().for_each(|(name, value)| tag(name, value, out));
            let _ = writeln!(out, " {field}={} {at_ms}000000", Number::Float(number));
        }
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('_').unwrap_or(("wattboard", name))
}

/// Adds a tag; an empty one would be an error, and is left out.
///
/// Commas, spaces and `=` are escaped. Control characters, which would end the line or its reader's patience, become
/// `U+FFFD`, as in `/metrics`. A backslash before one of the former, before another one or at the end would be read by one
/// engine so and by another so: it becomes a slash.
fn tag(name: &str, value: &str, out: &mut String) {
    if value.is_empty() {
        return;
    }
    let _ = write!(out, ",{name}=");
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ',' | ' ' | '=' => {
                out.push('\\');
                out.push(character);
            }
            '\\' if characters.peek().is_none_or(|next| matches!(next, ',' | ' ' | '=' | '\\')) => out.push('/'),
            control if control.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            other => out.push(other),
        }
    }
}

//! Days and instants in the query.

use jiff::Timestamp;
use jiff::civil::Date;

use super::super::{Ask, Refusal};
use crate::model::time::{SiteZone, YEARS, parse_local};

const ALLOWED: &str =
    "a day as YYYY-MM-DD or an instant as 2026-11-22T14:00:00, local or with an offset, from 2000 to 2100";

/// A day or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A local day.
    Day(Date),
    /// An instant.
    At(Timestamp),
}

/// A local day: ten characters, in the years that are served.
pub fn parse_day(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|date| text.len() == 10 && YEARS.contains(&date.year()))
}

/// The parameter of this name, a local day; `None` where there is none.
pub fn day(ask: &Ask<'_>, name: &str) -> Result<Option<Date>, Refusal> {
    let Some(text) = ask.query.get(name) else { return Ok(None) };
    let allowed = "a day as YYYY-MM-DD, from 2000 to 2100";
    parse_day(text).map(Some).ok_or_else(|| Refusal::bad_parameter(name, text, allowed))
}

impl When {
    /// Of this text. A local time that occurs twice is the first one.
    fn parse(text: &str, zone: &SiteZone) -> Option<Self> {
        if text.len() == 10 {
            return parse_day(text).map(Self::Day);
        }
        // A plus that was not encoded came as a space.
        let text = match text.get(11..)?.contains(' ') {
            true => format!("{}{}", &text[..11], text[11..].replace(' ', "+")),
            false => text.to_owned(),
        };
        let local = parse_local(&text, zone)?;
        let has_offset = text[10..].contains(['Z', 'z', '+', '-']);
        if has_offset { text.parse().ok().map(Self::At) } else { Some(Self::At(zone.instant(local))) }
    }

    /// The parameter of this name; `None` where there is none.
    pub fn asked(ask: &Ask<'_>, name: &str) -> Result<Option<Self>, Refusal> {
        let Some(text) = ask.query.get(name) else { return Ok(None) };
        let parsed = Self::parse(text, &ask.facts.zone);
        parsed.map(Some).ok_or_else(|| Refusal::bad_parameter(name, text, ALLOWED))
    }

    /// Its beginning.
    pub fn start(self, zone: &SiteZone) -> Timestamp {
        match self {
            Self::Day(date) => zone.day_start(date),
            Self::At(at) => at,
        }
    }

    /// The end of the day, or the instant itself.
    pub fn end(self, zone: &SiteZone) -> Timestamp {
        match self {
            Self::Day(date) => zone.day_start(date) + zone.day_length(date),
            Self::At(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (text, start, end) in [
            ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            ("2026-11-22T14:00:00", "2026-11-22T13:00:00Z", "2026-11-22T13:00:00Z"),
            ("2026-11-22T14:00", "2026-11-22T13:00:00Z", "2026-11-22T13:00:00Z"),
            ("2026-11-22 14:00:00.5", "2026-11-22T13:00:00.5Z", "2026-11-22T13:00:00.5Z"),
            ("2026-11-22T14:00:00Z", "2026-11-22T14:00:00Z", "2026-11-22T14:00:00Z"),
            ("2026-11-22T14:00:00+05:00", "2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z"),
            ("2026-11-22T14:00:00 05:00", "2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z"),
            // Both passes of the doubled hour can be asked for; without an offset it is the first.
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z"),
            // An hour that there is not is the shifted one.
            ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"),
        ] {
            let when = When::parse(text, &zone).unwrap_or_else(|| panic!("{text}"));
            let expected: [Timestamp; 2] = [start, end].map(|text| text.parse().unwrap());
            assert_eq!([when.start(&zone), when.end(&zone)], expected, "{text}");
        }
        for text in [
            "",
            "now",
            "2026",
            "2026-02-30",
            "1999-12-31",
            "2101-01-01",
            "1999-12-31T00:00:00Z",
            "2026-11-22T",
            "2026-11-22T25:00",
            "łłłłł",
            "2026-11-2łx",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(When::parse(text, &zone), None, "{text}");
        }
    }
}

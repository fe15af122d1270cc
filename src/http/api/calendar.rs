//! `/prices.ics`: cheap, dear and negative windows of today and tomorrow as calendar events (RFC 5545).

use jiff::Timestamp;

use super::{Ask, Refusal, Reply};
use crate::http::message::{Bytes, header, ready};
use crate::model::price::{PricedDay, Stretch, cheap_and_dear, negative};

/// A line has at most this many bytes without its end (RFC 5545, 3.1).
const LINE_BYTES: usize = 75;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    Polish,
}

/// What a window is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Cheap,
    Dear,
    Negative,
}

impl Kind {
    fn category(self) -> &'static str {
        match self {
            Self::Cheap => "cheap",
            Self::Dear => "dear",
            Self::Negative => "negative",
        }
    }

    fn summary(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Cheap, Language::English) => "Cheap electricity",
            (Self::Cheap, Language::Polish) => "Tani prąd",
            (Self::Dear, Language::English) => "Expensive electricity",
            (Self::Dear, Language::Polish) => "Drogi prąd",
            (Self::Negative, Language::English) => "Negative market price",
            (Self::Negative, Language::Polish) => "Ujemna cena na rynku",
        }
    }

    fn description(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Negative, Language::English) => "The lowest market price, before margin and distribution:",
            (Self::Negative, Language::Polish) => "Najniższa cena rynkowa, bez marży i dystrybucji:",
            (_, Language::English) => "The mean price with margin and distribution:",
            (_, Language::Polish) => "Średnia cena z marżą i dystrybucją:",
        }
    }
}

/// `/prices.ics`
pub fn answer(ask: &Ask<'_>) -> Reply {
    let language = match ask.query.get("lang") {
        None | Some("en") => Language::English,
        Some("pl") => Language::Polish,
        Some(other) => return Err(Refusal::bad_parameter("lang", other, "en or pl")),
    };
    let today = ask.facts.zone.date(ask.now);
    let known = ask.snapshot.prices.value.as_deref();
    let mut calendar = Calendar::new(language, ask.facts.demo);
    for day in known.into_iter().flat_map(|known| known.days.range(today..)).map(|(_, day)| day) {
        let stamp = day.market.as_ref().map_or(ask.now, |market| market.fetched_at);
        calendar.add_day(day, stamp);
    }
    let ready = ready(200, "text/calendar; charset=utf-8", Bytes::Owned(calendar.finish()));
    Ok(ready.with_header(header("Cache-Control", "no-cache")))
}

/// A calendar being written.
struct Calendar {
    text: String,
    language: Language,
    demo: bool,
}

impl Calendar {
    fn new(language: Language, demo: bool) -> Self {
        let mut calendar = Self { text: String::new(), language, demo };
        calendar.line("BEGIN:VCALENDAR");
        calendar.line("VERSION:2.0");
        calendar.line(concat!("PRODID:-//Wattboard//Wattboard ", env!("CARGO_PKG_VERSION"), "//EN"));
        calendar.line("CALSCALE:GREGORIAN");
        calendar.line("METHOD:PUBLISH");
        let name = match language {
            Language::English => "Electricity prices",
            Language::Polish => "Ceny prądu",
        };
        calendar.line(&format!("X-WR-CALNAME:{name}"));
        calendar.line("REFRESH-INTERVAL;VALUE=DURATION:PT1H");
        calendar
    }

    fn add_day(&mut self, day: &PricedDay, stamp: Timestamp) {
        let (cheap, dear) = cheap_and_dear(day);
        for (kind, stretches) in [(Kind::Cheap, cheap), (Kind::Dear, dear), (Kind::Negative, negative(day))] {
            stretches.iter().for_each(|stretch| self.add(kind, stretch, stamp));
        }
    }

    fn add(&mut self, kind: Kind, stretch: &Stretch, stamp: Timestamp) {
        let price = format!("{:.2} PLN/kWh", stretch.price.to_f64());
        let price = if self.language == Language::Polish { price.replace('.', ",") } else { price };
        let demo = if self.demo { "DEMO: " } else { "" };
        self.line("BEGIN:VEVENT");
        // The same window has the same name in every answer, also after a restart.
        self.line(&format!("UID:{}-{}@wattboard", kind.category(), basic(stretch.start)));
        self.line(&format!("DTSTAMP:{}", basic(stamp)));
        self.line(&format!("DTSTART:{}", basic(stretch.start)));
        self.line(&format!("DTEND:{}", basic(stretch.end)));
        self.line(&format!("SUMMARY:{demo}{} {}", kind.summary(self.language), escaped(&price)));
        self.line(&format!("DESCRIPTION:{} {}", escaped(kind.description(self.language)), escaped(&price)));
        self.line(&format!("CATEGORIES:{}", kind.category()));
        self.line("TRANSP:TRANSPARENT");
        self.line("END:VEVENT");
    }

    /// A content line, folded where it is too long.
    fn line(&mut self, line: &str) {
        let mut room = LINE_BYTES;
        for c in line.chars() {
            if c.len_utf8() > room {
                self.text.push_str("\r\n ");
                room = LINE_BYTES - 1;
            }
            room -= c.len_utf8();
            self.text.push(c);
        }
        self.text.push_str("\r\n");
    }

    fn finish(mut self) -> Vec<u8> {
        self.line("END:VCALENDAR");
        self.text.into_bytes()
    }
}

/// `20261122T120000Z`
fn basic(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Text of a property (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut calendar = Calendar { text: String::new(), language: Language::Polish, demo: false };
        let text = format!("DESCRIPTION:{}", "ąę, ".repeat(60));
        calendar.line(&text);
        let lines: Vec<&str> = calendar.text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
        assert!(lines.len() > 3 && lines.iter().all(|line| line.len() <= LINE_BYTES), "{lines:?}");
        let unfolded: String = calendar.text.strip_suffix("\r\n").unwrap().replace("\r\n ", "");
        assert_eq!(unfolded, text);
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("0,21; a\\b\nc"), "0\\,21\\; a\\\\b\\nc");
    }
}

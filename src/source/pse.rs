//! The PSE price API: the day-ahead price (`csdac-pln`) of a delivery day.
//!
//! `dtime_utc` is the *end* of a quarter-hour, so a slot begins 15 minutes before it; local labels are unusable on DST
//! days and are not looked at. Prices come in PLN/MWh.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ureq::Agent;

use crate::base::fault::{Fault, Kind};
use crate::base::units::Micro;
use crate::model::decision::as_number;
use crate::model::price::{MarketDay, MarketSlot, SLOT};
use crate::model::time::{SiteZone, parse_utc};

const FIELD: &str = "csdac_pln";
/// A page of two days has 40 KB; what is larger than this is no answer.
const MAX_BODY_BYTES: u64 = 8 * 1024 * 1024;
const MAX_PAGES: usize = 20;
/// A day has 100 rows at most; every revision of them may come back.
const MAX_ROWS: usize = 2_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A row as PSE sends it, as far as it is used; kept in the cache file in the same form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// End of the quarter-hour, UTC: `2026-04-30 22:15:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtime_utc: Option<String>,
    /// The local delivery day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_date: Option<String>,
    /// PLN/MWh; null is a hole.
    #[serde(default)]
    pub csdac_pln: Option<Value>,
    /// When PSE published it, local time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publication_ts: Option<String>,
}

/// A client of the price API.
pub struct PriceApi {
    agent: Agent,
    url: String,
    deadline: Duration,
}

impl PriceApi {
    /// Asks at `url`; all pages of a day must be there within `deadline`.
    pub fn new(url: String, deadline: Duration) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(deadline))
            .timeout_connect(Some(CONNECT_WITHIN.min(deadline)))
            .user_agent(concat!("wattboard/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(3)
            .max_idle_connections(0)
            .build()
            .new_agent();
        Self { agent, url, deadline }
    }

    /// The rows of a delivery day; none while it is not published.
    ///
    /// # Errors
    /// A fault that tells what failed: unreachable, timeout, status, not JSON, too large, schema drift.
    pub fn rows(&self, date: Date) -> Result<Vec<Row>, Fault> {
        let due = Instant::now() + self.deadline;
        let mut rows = Vec::new();
        let mut next =
            Some(format!("{}?$filter=business_date%20eq%20'{date}'&$orderby=dtime_utc%20asc&$first=20000", self.url));
        for _ in 0..MAX_PAGES {
            let Some(url) = next.take() else { break };
            let page = parse_page(&self.get(&url, due)?)?;
            rows.extend(page.rows);
            if rows.len() > MAX_ROWS {
                return Err(Fault::invalid(format!(
                    "the price API's answer for one day has more than {MAX_ROWS} rows"
                )));
            }
            if let Some(link) = page.next {
                if origin_of(&link) != origin_of(&self.url) {
                    return Err(Fault::invalid(format!("the price API's next page is on another host: {link}")));
                }
                next = Some(link.replace(' ', "%20"));
            }
        }
        match next {
            None => Ok(rows),
            Some(_) => Err(Fault::invalid(format!("the price API's answer has more than {MAX_PAGES} pages"))),
        }
    }

    fn get(&self, url: &str, due: Instant) -> Result<String, Fault> {
        let left = due.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let request = self.agent.get(url).config().timeout_global(Some(left)).build();
        let mut response = request.call().map_err(|error| self.fault(&error))?;
        let status = response.status();
        let text = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY_BYTES)
            .lossy_utf8(true)
            .read_to_string()
            .map_err(|error| self.fault(&error))?;
        if status.is_success() {
            return Ok(text);
        }
        let said = serde_json::from_str::<Value>(&text).ok();
        let said = said.as_ref().and_then(|body| body.pointer("/error/message")?.as_str());
        let said = said.map_or(String::new(), |message| format!(": {message}"));
        Err(Fault::new(Kind::Unreachable, format!("the price API answered HTTP {status}{said}")))
    }

    fn fault(&self, error: &ureq::Error) -> Fault {
        match error {
            ureq::Error::Timeout(_) => {
                Fault::timeout(format!("the price API did not answer within {} s", self.deadline.as_secs_f64()))
            }
            ureq::Error::BodyExceedsLimit(limit) => {
                Fault::invalid(format!("the price API's answer is larger than {} MiB", limit / 1024 / 1024))
            }
            other => {
                Fault::unreachable(format!("the price API at {} cannot be reached: {other}", origin_of(&self.url)))
            }
        }
    }
}

/// Scheme and authority of an address.
fn origin_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find(['/', '?', '#']).map_or(url.len(), |at| after_scheme + at);
    &url[..end]
}

struct Page {
    rows: Vec<Row>,
    next: Option<String>,
}

fn parse_page(text: &str) -> Result<Page, Fault> {
    let begins = || text.trim_start().chars().take(40).collect::<String>();
    let body: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        Fault::invalid(format!("the price API did not answer JSON ({error}); it begins {:?}", begins()))
    })?;
    let Some(values) = body.get("value").and_then(Value::as_array) else {
        return Err(Fault::invalid(format!("the price API's answer has no list of values; it begins {:?}", begins())));
    };
    if let Some(first) = values.first().and_then(Value::as_object)
        && !values.iter().any(|row| row.get(FIELD).is_some())
    {
        let sent: Vec<&str> = first.keys().map(String::as_str).collect();
        return Err(Fault::invalid(format!("PSE no longer sends {FIELD}; it sent {}", sent.join(", "))));
    }
    let rows = values.iter().filter_map(|row| Row::deserialize(row).ok()).collect();
    let next = body.get("nextLink").and_then(Value::as_str).filter(|link| !link.is_empty()).map(str::to_owned);
    Ok(Page { rows, next })
}

/// A delivery day's slots from its rows. Rows without `dtime_utc` (older clients' dumps) count in their order.
pub fn market_day(rows: &[Row], date: Date, zone: &SiteZone) -> MarketDay {
    let of_day = |row: &&Row| row.business_date.as_deref().is_none_or(|day| day == date.to_string());
    let (start, length) = (zone.day_start(date), zone.day_length(date));
    let mut slots: BTreeMap<Timestamp, Micro> = BTreeMap::new();
    for (index, row) in (0_u32..).zip(rows.iter().filter(of_day)) {
        let begin = match &row.dtime_utc {
            Some(text) => parse_utc(text).map(|end| end - SLOT),
            None => Some(start + SLOT * index),
        };
        let price = row.csdac_pln.as_ref().and_then(as_number);
        if let (Some(begin), Some(pln_mwh)) = (begin, price)
            && begin >= start
            && begin < start + length
        {
            slots.insert(begin, Micro::from_f64(pln_mwh / 1000.0));
        }
    }
    MarketDay {
        date,
        slots: slots.into_iter().map(|(start, market)| MarketSlot { start, market }).collect(),
        publication: rows.iter().filter_map(|row| row.publication_ts.clone()).max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPRING: &str = include_str!("../../tests/fixtures/pse/csdac-pln-2025-03-30.json");
    const AUTUMN: &str = include_str!("../../tests/fixtures/pse/csdac-pln-2025-10-26.json");
    const BAD_REQUEST: &str = include_str!("../../tests/fixtures/pse/error-400-unknown-field.json");
    const EMPTY: &str = include_str!("../../tests/fixtures/pse/empty-not-yet-published.json");

    #[test]
    fn recorded_dst_days() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (text, date, count, mean, min, max) in
            [(SPRING, "2025-03-30", 92, 328.9843, -103.17, 675.46), (AUTUMN, "2025-10-26", 100, 225.8253, 4.15, 644.49)]
        {
            let day = market_day(&parse_page(text).unwrap().rows, date.parse().unwrap(), &zone);
            assert_eq!(day.slots.len(), count, "{date}");
            assert!(day.is_complete(&zone), "{date}");
            let prices: Vec<f64> = day.slots.iter().map(|slot| slot.market.to_f64() * 1000.0).collect();
            let near = |value: f64, expected: f64| (value - expected).abs() < 0.00005;
            assert!(near(prices.iter().sum::<f64>() / count as f64, mean), "{date}");
            assert!(near(prices.iter().copied().fold(f64::MAX, f64::min), min), "{date}");
            assert!(near(prices.iter().copied().fold(f64::MIN, f64::max), max), "{date}");
            assert_eq!(day.slots[0].start, zone.day_start(day.date), "{date}: the first slot begins at midnight");
        }
    }

    #[test]
    fn pages_and_what_is_none() {
        assert_eq!(parse_page(EMPTY).unwrap().rows.len(), 0);
        let page = parse_page(
            r#"{"value": [{"csdac_pln": null, "dtime_utc": "2026-05-01 00:15"}], "nextLink": "https://h/x?$after=1"}"#,
        )
        .unwrap();
        assert_eq!((page.rows.len(), page.next.as_deref()), (1, Some("https://h/x?$after=1")));
        for (text, message) in [
            ("<html>", "the price API did not answer JSON (expected value at line 1 column 1); it begins \"<html>\""),
            ("{\"value\": 7}", "the price API's answer has no list of values; it begins \"{\\\"value\\\": 7}\""),
            ("{\"value\": [{\"price\": 7, \"when\": 8}]}", "PSE no longer sends csdac_pln; it sent price, when"),
        ] {
            assert_eq!(parse_page(text).err().unwrap().to_string(), message);
        }
        assert!(
            parse_page("{\"value\": [").err().unwrap().to_string().starts_with("the price API did not answer JSON")
        );
        assert!(parse_page(BAD_REQUEST).err().unwrap().to_string().contains("no list of values"));
    }

    #[test]
    fn holes_zeros_and_rows_without_utc() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let rows: Vec<Row> = serde_json::from_str(
            r#"[{"dtime_utc": "2026-04-30 22:15:00", "csdac_pln": 0.0}, {"dtime_utc": "2026-04-30 22:30", "csdac_pln": null},
                {"dtime_utc": "2026-04-30 22:45:00", "csdac_pln": -2086.86}, {"dtime_utc": "2026-05-02 22:45:00", "csdac_pln": 5}]"#,
        )
        .unwrap();
        let day = market_day(&rows, "2026-05-01".parse().unwrap(), &zone);
        let seen: Vec<_> = day.slots.iter().map(|slot| (slot.start.to_string(), slot.market.0)).collect();
        assert_eq!(seen, [("2026-04-30T22:00:00Z".to_owned(), 0), ("2026-04-30T22:30:00Z".to_owned(), -2_086_860)]);
        assert!(!day.is_complete(&zone));
        let bare: Vec<Row> = serde_json::from_str(r#"[{"csdac_pln": 1}, {"csdac_pln": 2}]"#).unwrap();
        let day = market_day(&bare, "2026-05-01".parse().unwrap(), &zone);
        assert_eq!(day.slots[1].start, zone.day_start(day.date) + SLOT);
    }

    #[test]
    fn origins() {
        for (url, origin) in [
            ("https://api.raporty.pse.pl/api/csdac-pln?$x", "https://api.raporty.pse.pl"),
            ("http://127.0.0.1:9?x", "http://127.0.0.1:9"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }
}

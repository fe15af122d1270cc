//! The PSE price API: day-ahead prices (`csdac-pln`), settlement prices (`rce-pln`) and the Kompas (`pdgsz`).
//!
//! Here it is asked; [`rows`] makes values of what it answers.

mod roots;
pub mod rows;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;

use crate::base::fault::{Fault, Kind};
use crate::config::{Config, PriceUrls};
use crate::model::price::{Entity, PublishedDay};
use crate::model::time::{SiteZone, each_day};
pub use roots::{Roots, is_stranger};
use rows::{Row, parse_page, published_day};

/// A day has 20 KB, a month 700; what is larger than this is no answer.
const MAX_BODY_BYTES: u64 = 8 * 1024 * 1024;
const MAX_PAGES: usize = 20;
/// Rows of one day: 100, and every revision of them may come back.
const MAX_ROWS_A_DAY: usize = 2_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The longest that a `Retry-After` is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was wrong.
    pub fault: Fault,
    /// How long not to ask again, where the API said so.
    pub pause: Option<Duration>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, pause: None }
    }
}

/// A client of the price API.
pub struct PriceApi {
    agent: Agent,
    /// Trusts the config's own roots and no others; tried first where there are any.
    own: Option<TlsConfig>,
    urls: PriceUrls,
    deadline: Duration,
    zone: SiteZone,
}

impl PriceApi {
    /// That of a config. All pages of an answer must be there within `deadline`.
    pub fn new(config: &Config, roots: &Roots, deadline: Duration) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(deadline))
            .timeout_connect(Some(CONNECT_WITHIN.min(deadline)))
            .timeout_recv_response(Some(deadline))
            .user_agent(concat!("wattboard/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(3)
            .max_idle_connections(0)
            .build()
            .new_agent();
        let (urls, zone) = (config.price_urls.clone(), config.zone.clone());
        Self { agent, own: roots.tls(), urls, deadline, zone }
    }

    /// A delivery day; without values while it is not published.
    ///
    /// # Errors
    /// What failed: unreachable, timeout, HTTP status with PSE's own message, not
    /// JSON, too large, schema drift.
    pub fn day(&self, entity: Entity, date: Date, now: Timestamp) -> Result<PublishedDay, Failure> {
        let rows = self.ask(entity, &format!("business_date eq '{date}'"), MAX_ROWS_A_DAY)?;
        Ok(published_day(entity, date, &rows, now, &self.zone))
    }

    /// All delivery days from `first` to `last`, both included, in one question; a day that PSE has nothing of is empty.
    ///
    /// # Errors
    /// As [`PriceApi::day`].
    pub fn days(&self, entity: Entity, first: Date, last: Date, now: Timestamp) -> Result<Vec<PublishedDay>, Failure> {
        let days: Vec<Date> = each_day(first, last).collect();
        let filter = format!("business_date ge '{first}' and business_date le '{last}'");
        let mut by_day: BTreeMap<Date, Vec<Row>> = BTreeMap::new();
        for row in self.ask(entity, &filter, MAX_ROWS_A_DAY * days.len().max(1))? {
            if let Some(date) = row.business_date.as_deref().and_then(|date| date.parse().ok()) {
                by_day.entry(date).or_default().push(row);
            }
        }
        let rows_of = |date: &Date| by_day.get(date).map_or(&[][..], Vec::as_slice);
        Ok(days.iter().map(|date| published_day(entity, *date, rows_of(date), now, &self.zone)).collect())
    }

    fn ask(&self, entity: Entity, filter: &str, most_rows: usize) -> Result<Vec<Row>, Failure> {
        let due = Instant::now() + self.deadline;
        // Every revision of the Kompas would come back otherwise.
        let active = if entity == Entity::Kompas { " and is_active eq true" } else { "" };
        let query = format!("?$filter={filter}{active}&$orderby=dtime_utc asc&$first=20000").replace(' ', "%20");
        let url = self.urls.of(entity);
        let mut rows = Vec::new();
        let mut next = Some(format!("{url}{query}"));
        for _ in 0..MAX_PAGES {
            let Some(this) = next.take() else { break };
            let page = parse_page(entity, &self.get(url, &this, due)?).map_err(Fault::invalid)?;
            rows.extend(page.rows);
            if rows.len() > most_rows {
                return Err(Fault::invalid(format!("the price API's answer has more than {most_rows} rows")).into());
            }
            if let Some(link) = page.next {
                if origin_of(&link) != origin_of(url) {
                    let text = format!("the price API's next page is on another host: {link}");
                    return Err(Fault::invalid(text).into());
                }
                next = Some(link.replace(' ', "%20"));
            }
        }
        match next {
            None => Ok(rows),
            Some(_) => Err(Fault::invalid(format!("the price API's answer has more than {MAX_PAGES} pages")).into()),
        }
    }

    fn get(&self, base: &str, url: &str, due: Instant) -> Result<String, Failure> {
        let call = |tls: Option<&TlsConfig>| {
            let left = due.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let request = self.agent.get(url).config().timeout_global(Some(left));
            let request = tls.cloned().into_iter().fold(request, |request, tls| request.tls_config(tls));
            request.build().call()
        };
        let answered = match call(self.own.as_ref()) {
            Err(error) if self.own.is_some() && is_stranger(&error) => call(None),
            answered => answered,
        };
        let mut response = answered.map_err(|error| self.fault(base, &error))?;
        let status = response.status();
        let pause = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY_BYTES)
            .lossy_utf8(true)
            .read_to_string()
            .map_err(|error| self.fault(base, &error))?;
        if status.is_success() {
            return Ok(text);
        }
        let said = serde_json::from_str::<Value>(&text).ok();
        let said = said.as_ref().and_then(|body| body.pointer("/error/message")?.as_str());
        let said = said.map_or(String::new(), |message| format!(": {message}"));
        let fault = Fault::new(Kind::Unreachable, format!("the price API answered HTTP {status}{said}"));
        Err(Failure { fault, pause: pause.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE)) })
    }

    fn fault(&self, base: &str, error: &ureq::Error) -> Fault {
        match error {
            ureq::Error::Timeout(_) => {
                Fault::timeout(format!("the price API did not answer within {} s", self.deadline.as_secs_f64()))
            }
            ureq::Error::BodyExceedsLimit(limit) => {
                Fault::invalid(format!("the price API's answer is larger than {} MiB", limit / 1024 / 1024))
            }
            other => Fault::unreachable(format!("the price API at {} cannot be reached: {other}", origin_of(base))),
        }
    }
}

/// Scheme and authority of an address.
fn origin_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find(['/', '?', '#']).map_or(url.len(), |at| after_scheme + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

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

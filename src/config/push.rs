//! Where a site's rows are sent: `data_storage.database_storage.timeseries_db`, as the coordinator's config has it.

use std::fmt;

use super::node::Doc;
use crate::base::fault::Fault;

const SECTION: &str = "data_storage.database_storage.timeseries_db";
/// Where the v2 write API stands below the address of an engine.
const WRITE: &str = "/api/v2/write";
/// Longest token, and longest name of an organisation or a bucket.
const MAX_BYTES: usize = 1024;

/// What no text shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for whoever it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// An engine that takes InfluxDB's line protocol by the v2 write API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Where lines are posted to, without a query: the config's address with `/api/v2/write` at its end.
    pub url: String,
    /// InfluxDB's organisation; empty where the engine knows none.
    pub org: String,
    /// InfluxDB's bucket; empty where the engine knows none.
    pub bucket: String,
    /// What lets Wattboard write; `None` where nothing is asked for. A fault where its variable is not set: whoever sends
    /// nothing, such as `wattboard export`, needs none.
    pub token: Result<Option<Secret>, Fault>,
}

impl Push {
    /// Reads the section; `None` unless it is enabled, and then nothing else of it is looked at.
    ///
    /// # Errors
    /// When a value is not one that is allowed, or the address is missing.
    pub fn read(doc: &Doc<'_>) -> Result<Option<Self>, Fault> {
        let key = |name: &str| format!("{SECTION}.{name}");
        if !doc.boolean(&key("enabled"))?.unwrap_or(false) {
            return Ok(None);
        }
        if let Some(kind) = doc.text(&key("type"))?.filter(|kind| kind != "influxdb") {
            return Err(doc.refuse(&key("type"), &format!("{kind:?}"), "influxdb"));
        }
        let url = doc.text(&key("url"))?.filter(|url| !url.trim().is_empty());
        let url = url.ok_or_else(|| doc.needed(&key("url"), "an address such as http://influxdb.local:8086"))?;
        Ok(Some(Self {
            // The value is not shown: somebody may have written a password into it.
            url: write_url(&url).map_err(|why| doc.wrong(&key("url"), why))?,
            org: name(doc, &key("org"))?,
            bucket: name(doc, &key("bucket"))?,
            token: token(doc, &key("token"))?,
        }))
    }

    /// What people are told of it: all but the token.
    pub fn destination(&self) -> String {
        let named = [("org", &self.org), ("bucket", &self.bucket)];
        let named: Vec<String> = named
            .into_iter()
            .filter(|(_, name)| !name.is_empty())
            .map(|(what, name)| format!("{what} {name}"))
            .collect();
        if named.is_empty() { self.url.clone() } else { format!("{} ({})", self.url, named.join(", ")) }
    }
}

/// The address that lines are posted to.
fn write_url(url: &str) -> Result<String, &'static str> {
    let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let authority = authority.ok_or("it must be an http:// or https:// address")?;
    let host = authority.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("it must not hold a user or a password; a token has a key of its own");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.len() > MAX_BYTES {
        return Err("it must be an address in ASCII without spaces");
    }
    if authority.contains(['?', '#']) {
        return Err("it must not hold a query; org and bucket have keys of their own");
    }
    let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
    if host.is_empty() || host.starts_with(':') || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("it must name a host, and a port from 0 to 65535 if any");
    }
    let base = url.trim_end_matches('/');
    Ok(format!("{}{WRITE}", base.strip_suffix(WRITE).unwrap_or(base)))
}

fn name(doc: &Doc<'_>, key: &str) -> Result<String, Fault> {
    let Some(name) = doc.text(key)? else { return Ok(String::new()) };
    if name.len() > MAX_BYTES || name.chars().any(char::is_control) {
        return Err(doc.refuse(key, &name.escape_debug().to_string(), "a name in one line"));
    }
    Ok(name)
}

fn token(doc: &Doc<'_>, key: &str) -> Result<Result<Option<Secret>, Fault>, Fault> {
    // Whatever stands there is not shown.
    let words = "it must be a text of visible ASCII characters; quote it if it is a number";
    let text = match doc.secret_text(key) {
        Ok(text) => text,
        Err(Some(why)) => return Ok(Err(doc.wrong(key, &why))),
        Err(None) => return Err(doc.wrong(key, words)),
    };
    match text {
        None => Ok(Ok(None)),
        Some(token) if token.is_empty() => Err(doc.wrong(key, "it is empty; leave it out where no token is asked for")),
        Some(token) if token.len() > MAX_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(doc.wrong(key, words))
        }
        Some(token) => Ok(Ok(Some(token.into()))),
    }
}

#[cfg(test)]
mod tests;

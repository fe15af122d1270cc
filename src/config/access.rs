//! Who is let in: networks, reverse proxies, host names, a token, and pages that may frame this one.

use std::path::{Path, PathBuf};

use super::node::Doc;
use crate::base::fault::Fault;
use crate::base::network::Network;

const NETWORK: &str = "a network such as 192.168.1.0/24 or an address such as 192.168.1.7";
const HOST: &str = "a host name without port such as house.example, or .house.example for all names below it";
const ORIGIN: &str = "an origin such as https://ha.local:8123";
/// The section that the token stands in.
const AUTH: &str = "web_server.auth";

/// What the config says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `web_server.allowed_networks`: who is served, beside loopback.
    pub allowed_networks: Vec<Network>,
    /// `web_server.trusted_proxies`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// `web_server.allowed_hosts`: names of this server beside local ones, in lower case; `.name` is all below it.
    pub allowed_hosts: Vec<String>,
    /// `web_server.auth.token_file`.
    pub token_file: Option<PathBuf>,
    /// `web_server.frame_ancestors`: origins whose pages may show this one in a frame.
    pub frame_ancestors: Vec<String>,
}

impl Access {
    /// The keys of `web_server.auth`.
    pub(super) const AUTH_KEYS: [&str; 1] = ["token_file"];

    /// Reads the keys; `root` is where a relative path begins.
    ///
    /// # Errors
    /// When a value is not one that is allowed.
    pub fn read(doc: &Doc<'_>, root: &Path) -> Result<Self, Fault> {
        let home = || Network::HOME.into_iter().filter_map(Network::parse).collect();
        let allowed = each(doc, "web_server.allowed_networks", NETWORK, Network::parse)?;
        // Not shown, whatever it is: somebody may have written the token itself.
        if doc.expect_section(AUTH, "").is_err() {
            return Err(doc.wrong(AUTH, "it must be a section such as {token_file: config/wattboard.token}"));
        }
        let token_file = doc.text("web_server.auth.token_file")?.filter(|path| !path.trim().is_empty());
        if token_file.is_none() && doc.keys("web_server").contains(&"auth") {
            // Somebody thinks that a token is asked for.
            return Err(doc.needed("web_server.auth.token_file", "the path of a file with the token in its first line"));
        }
        Ok(Self {
            allowed_networks: allowed.unwrap_or_else(home),
            trusted_proxies: each(doc, "web_server.trusted_proxies", NETWORK, Network::parse)?.unwrap_or_default(),
            allowed_hosts: each(doc, "web_server.allowed_hosts", HOST, host)?.unwrap_or_default(),
            token_file: token_file.map(|path| root.join(path)),
            frame_ancestors: each(doc, "web_server.frame_ancestors", ORIGIN, origin)?.unwrap_or_default(),
        })
    }
}

/// A list of texts, each of them understood; none where there is no list.
fn each<T>(doc: &Doc<'_>, key: &str, allowed: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<Vec<T>>, Fault> {
    let texts = doc.texts(key)?;
    let values = texts.iter().map(|text| read(text).ok_or_else(|| doc.refuse(key, &format!("{text:?}"), allowed)));
    Ok(doc.get(key).is_some().then_some(values.collect::<Result<_, _>>()?))
}

/// A name or `.suffix`, in lower case, without the dot at its end.
fn host(text: &str) -> Option<String> {
    let name = text.strip_prefix('.').unwrap_or(text);
    let name = name.strip_suffix('.').unwrap_or(name);
    is_name(name).then(|| text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase())
}

fn is_name(name: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    name.split('.').all(is_label)
}

/// `http(s)://HOST` or `http(s)://HOST:PORT`: nothing in it may end the policy that it becomes part of.
fn origin(text: &str) -> Option<String> {
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    (is_name(host) && port.parse::<u16>().is_ok() && !port.starts_with('+')).then(|| text.to_ascii_lowercase())
}

/// Why an entry of `web_server.cors_origins` will let no page read, in words that go on after it; `None` where it may.
///
/// A browser sends scheme, host and port, in lower case and without a port that goes without saying (RFC 6454, 6.2).
/// Schemes other than those of the web are those of apps.
pub fn why_useless(origin: &str) -> Option<&'static str> {
    if origin.contains('*') {
        return Some(
            "has no effect: a wildcard is not supported, since any web page could read the house; \
             name each origin, such as https://panel.example (private addresses and local names need no entry)",
        );
    }
    if origin == "null" {
        return Some("lets any web page read the house: each can show a frame whose origin is null");
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        return Some("has no effect: it has no scheme; an origin is such as https://panel.example");
    };
    if authority.contains(['/', '?', '#']) {
        return Some("has no effect: an origin is scheme, host and port, without a slash or a path behind them");
    }
    if authority.contains('@') || authority.is_empty() {
        return Some("has no effect: an origin is scheme, host and port, such as https://panel.example");
    }
    if !origin.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()) {
        return Some("has no effect: browsers send origins in lower case, and names beyond ASCII as xn--");
    }
    let usual = [("http", ":80"), ("https", ":443")];
    let ends = |(name, port): (&str, &str)| scheme == name && authority.ends_with(port) && !authority.ends_with("]");
    usual.into_iter().any(ends).then_some("has no effect: browsers leave the usual port away")
}

#[cfg(test)]
mod tests {
    use super::super::node::parse;
    use super::*;

    fn read(yaml: &str) -> Result<Access, String> {
        let node = parse(&format!("web_server: {{{yaml}}}")).unwrap();
        Access::read(&Doc::new("c.yaml", &node), Path::new("/site")).map_err(|fault| fault.to_string())
    }

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| Network::parse(text).unwrap()).collect()
    }

    #[test]
    fn by_default_the_home_is_served_and_nothing_else_is_asked() {
        let expected = Access {
            allowed_networks: networks(&Network::HOME),
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            token_file: None,
            frame_ancestors: Vec::new(),
        };
        assert_eq!(read("port: 80"), Ok(expected.clone()));
        assert_eq!(read("allowed_networks: , frame_ancestors: []"), Ok(expected), "null is absent");
        assert_eq!(read("allowed_networks: []").unwrap().allowed_networks, [], "loopback alone");
    }

    #[test]
    fn what_is_said_is_read() {
        let access = read(
            "allowed_networks: [192.168.1.0/24, 100.64.0.0/10], trusted_proxies: [192.168.1.2, '::1'], \
             allowed_hosts: [House.Example, .Other.Example., a_b], auth: {token_file: config/token}, \
             frame_ancestors: ['https://HA.local:8123', 'http://192.168.1.9']",
        );
        let expected = Access {
            allowed_networks: networks(&["192.168.1.0/24", "100.64.0.0/10"]),
            trusted_proxies: networks(&["192.168.1.2", "::1"]),
            allowed_hosts: ["house.example", ".other.example", "a_b"].map(String::from).to_vec(),
            token_file: Some("/site/config/token".into()),
            frame_ancestors: ["https://ha.local:8123", "http://192.168.1.9"].map(String::from).to_vec(),
        };
        assert_eq!(access, Ok(expected));
        let absolute = read("auth: {token_file: /run/token}").unwrap().token_file;
        assert_eq!(absolute, Some("/run/token".into()));
    }

    #[test]
    fn errors_name_key_value_and_what_is_allowed() {
        for (key, values, allowed) in [
            ("allowed_networks", &["10.0.0.0/33", "home", ""][..], NETWORK),
            ("trusted_proxies", &["192.168.1.2:80", "proxy.lan"], NETWORK),
            ("allowed_hosts", &["*.house.example", "house.example:8080", "a b", "", ".", "a..b", "ż.pl", "..a"], HOST),
            (
                "frame_ancestors",
                &[
                    "ha.local",
                    "*",
                    "https://",
                    "https://a b",
                    "https://a; script-src *",
                    "https://a/",
                    "https://a:",
                    "https://a:+80",
                    "https://a:70000",
                    "https://*.a",
                    "'none'",
                ],
                ORIGIN,
            ),
        ] {
            for value in values {
                let message = format!("c.yaml: web_server.{key}: {value:?} is not allowed; it must be {allowed}");
                assert_eq!(read(&format!("{key}: [{value:?}]")), Err(message));
            }
        }
        assert_eq!(
            read("allowed_networks: 10.0.0.0/8").unwrap_err(),
            "c.yaml: web_server.allowed_networks: \"10.0.0.0/8\" is not allowed; it must be a list of texts"
        );
    }

    #[test]
    fn origins_that_no_browser_sends_are_told() {
        for good in [
            "https://panel.example",
            "http://panel.example:8080",
            "https://panel.example:80",
            "http://[2001:db8::80]",
            "http://[2001:db8::1]:8123",
            "capacitor://localhost",
        ] {
            assert_eq!(why_useless(good), None, "{good}");
        }
        for (bad, word) in [
            ("*", "wildcard is not supported, since any web page could read the house"),
            ("https://*.example", "wildcard"),
            ("null", "any web page"),
            ("panel.example", "no scheme"),
            ("", "no scheme"),
            ("https://panel.example/", "slash"),
            ("https://panel.example/app", "path"),
            ("https://", "scheme, host and port"),
            ("https://me@panel.example", "scheme, host and port"),
            ("https://Panel.example", "lower case"),
            ("https://żółw.pl", "xn--"),
            ("https://a b", "lower case"),
            ("https://panel.example:443", "usual port"),
            ("http://panel.example:80", "usual port"),
        ] {
            let why = why_useless(bad).unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(why.contains(word), "{bad}: {why}");
        }
    }

    #[test]
    fn a_section_without_a_file_is_no_open_door() {
        let missing = "c.yaml: web_server.auth.token_file is missing; \
                       it must be the path of a file with the token in its first line";
        for yaml in ["auth: ", "auth: {}", "auth: {token: hush}", "auth: {token_file: ''}", "auth: {token_file: }"] {
            assert_eq!(read(yaml).unwrap_err(), missing, "{yaml}");
        }
        let section = "c.yaml: web_server.auth: it must be a section such as {token_file: config/wattboard.token}";
        assert_eq!(read("auth: hush").unwrap_err(), section, "what may be the token is not shown");
    }
}

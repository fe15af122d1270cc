//! Which other pages may read answers: never all, since any web page could read the house otherwise.

use std::net::IpAddr;

use super::message::{Body, Request, Response, header};

/// The rule: with CORS enabled, origins on the home's own network and those listed.
#[derive(Debug)]
pub struct Cors {
    enabled: bool,
    origins: Vec<String>,
}

impl Cors {
    /// `web_server.cors_enabled` and `web_server.cors_origins`.
    pub fn new(enabled: bool, origins: Vec<String>) -> Self {
        Self { enabled, origins }
    }

    /// Adds the header that lets the request's origin read the answer, where it may.
    pub fn allow(&self, request: &Request, response: Response<Body>) -> Response<Body> {
        if !self.enabled {
            return response;
        }
        let response = response.with_header(header("Vary", "Origin"));
        match request.header("origin").filter(|origin| self.admits(origin)) {
            Some(origin) => response.with_header(header("Access-Control-Allow-Origin", origin)),
            None => response,
        }
    }

    /// Writes the same headers as lines.
    pub fn write_lines(&self, request: &Request, lines: &mut Vec<u8>) {
        if !self.enabled {
            return;
        }
        lines.extend_from_slice(b"Vary: Origin\r\n");
        if let Some(origin) = request.header("origin").filter(|origin| self.admits(origin)) {
            // An origin that is admitted is ASCII without controls: the head was parsed, and text made of it.
            lines.extend_from_slice(format!("Access-Control-Allow-Origin: {origin}\r\n").as_bytes());
        }
    }

    fn admits(&self, origin: &str) -> bool {
        self.enabled && (self.origins.iter().any(|known| known == origin) || is_local(origin))
    }
}

/// Whether an origin is a private address or a local name.
fn is_local(origin: &str) -> bool {
    let Some(authority) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    let host = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) if port.is_empty() || is_port(port) => host,
            _ => return false,
        },
        None => match authority.split_once(':') {
            Some((host, port)) if is_port(&format!(":{port}")) => host,
            Some(_) => return false,
            None => authority,
        },
    };
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => is_local_name(host),
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// `localhost`, a single label, `.local`, `.lan`, `.home.arpa`.
fn is_local_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let well_formed = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    // A number is an IPv4 address in disguise.
    let numeric =
        host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x"));
    well_formed
        && !numeric
        && (!host.contains('.') || [".local", ".lan", ".home.arpa"].iter().any(|end| host.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read() {
        let cors = Cors::new(true, vec!["https://panel.example".into()]);
        for (origin, allowed) in [
            ("http://192.168.1.5", true),
            ("http://192.168.1.5:8123", true),
            ("https://10.0.0.1", true),
            ("http://[fd00::1]:80", true),
            ("http://localhost:3000", true),
            ("http://homeassistant", true),
            ("http://homeassistant.local:8123", true),
            ("http://pi.lan", true),
            ("http://pi.home.arpa", true),
            ("https://panel.example", true),
            ("https://panel.example.evil", false),
            ("http://8.8.8.8", false),
            ("http://[2001:db8::1]", false),
            ("https://evil.example", false),
            ("http://local", true),
            ("http://evil.local.example", false),
            ("http://192.168.1.5.evil.example", false),
            ("http://134744072", false),
            ("http://0x8080808", false),
            ("http://localhost:evil", false),
            ("http://[::1", false),
            ("null", false),
            ("file://", false),
            ("http://", false),
        ] {
            assert_eq!(cors.admits(origin), allowed, "{origin}");
        }
        assert!(!Cors::new(false, vec!["https://panel.example".into()]).admits("https://panel.example"));
    }
}

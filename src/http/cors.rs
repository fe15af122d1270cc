//! Which other pages may read answers: never all, since any web page could read the house otherwise.

use std::net::IpAddr;

use super::message::{Body, Method, Request, Response, header};

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
            Some(origin) => {
                let response = response.with_header(header("Access-Control-Allow-Origin", origin));
                match request.method {
                    // It may ask with the token.
                    Method::Options => response.with_header(header("Access-Control-Allow-Headers", "Authorization")),
                    Method::Get | Method::Head => response,
                }
            }
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

/// `localhost`, a single label, `.local`, `.lan`, `.home.arpa`: names that no stranger can have.
pub fn is_local_name(host: &str) -> bool {
    let well_formed =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let last = host.rsplit('.').next().unwrap_or(host);
    // A number is an IPv4 address in disguise.
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
    host.split('.').all(well_formed)
        && !numeric
        && (!host.contains('.') || [".local", ".lan", ".home.arpa"].iter().any(|end| is_below(host, end)))
}

/// Whether a name ends with this, and with something before it.
pub fn is_below(host: &str, end: &str) -> bool {
    let length = host.len().saturating_sub(end.len());
    length > 0 && host.as_bytes()[length..].eq_ignore_ascii_case(end.as_bytes())
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
            ("http://Pi.LAN", true),
            ("http://home_assistant:8123", true),
            ("http://.local", false),
            ("http://a..local", false),
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

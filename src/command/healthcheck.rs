//! `wattboard healthcheck`: asks a running server how it does, for cron, supervisors and containers.

use std::net::Ipv6Addr;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use super::serve::config_path;
use crate::base::fault::{Fault, Kind};
use crate::cli::HealthFlags;
use crate::config::Config;

/// How long the whole question may take.
const WITHIN: Duration = Duration::from_secs(5);
/// A healthy answer has 300 bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// Asks, and answers with a line for a person.
///
/// # Errors
/// When the server is not healthy, too slow or not to be had, or when it is not known where it is.
pub fn healthcheck(flags: &HealthFlags) -> Result<String, Fault> {
    let base = match &flags.url {
        Some(url) => base(url)?,
        None => address(flags)?,
    };
    ask(&base, flags.max_age).map_err(|fault| fault.within(&base))
}

/// A URL without the slash at its end.
fn base(url: &str) -> Result<String, Fault> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Fault::invalid(format!("--url {url} is not allowed; it must be such as http://127.0.0.1:8080")));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Where the server of a config is to be found on this machine.
fn address(flags: &HealthFlags) -> Result<String, Fault> {
    let config = Config::load(&config_path(flags.config.clone()))?;
    let host = flags.host.clone().unwrap_or(config.host);
    match flags.port.unwrap_or(config.port) {
        0 => Err(Fault::invalid("the port is any free one (0): name the server with --url or --port")),
        port => Ok(format!("http://{}:{port}", own(&host))),
    }
}

/// Who listens everywhere is asked where it is nearest.
fn own(host: &str) -> String {
    match host {
        "0.0.0.0" | "" => "127.0.0.1".into(),
        "::" | "[::]" => "[::1]".into(),
        _ if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]"),
        _ => host.to_owned(),
    }
}

fn ask(base: &str, max_age: Option<u64>) -> Result<String, Fault> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(WITHIN))
        .user_agent(concat!("wattboard/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        // It is asked itself, whatever the environment says of proxies.
        .proxy(None)
        .build()
        .new_agent();
    let question = max_age.map_or_else(String::new, |seconds| format!("?max_age_seconds={seconds}"));
    let failed = |error: ureq::Error| match error {
        ureq::Error::Timeout(_) => Fault::timeout(format!("no answer within {} s", WITHIN.as_secs())),
        other => Fault::unreachable(other.to_string()),
    };
    let mut answer = agent.get(format!("{base}/health{question}")).call().map_err(failed)?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(failed)?;
    judge(status, &body)
}

/// What an answer says.
fn judge(status: u16, body: &[u8]) -> Result<String, Fault> {
    let health: Value = serde_json::from_slice(body).unwrap_or_default();
    let version = match (health["service"].as_str(), health["version"].as_str()) {
        (Some(_), Some(version)) => version,
        _ => return Err(Fault::invalid(format!("status {status}, and no answer of Wattboard's /health"))),
    };
    if status != 200 || health["status"] != "healthy" {
        let why = health["error"].as_str().unwrap_or("it does not say why");
        return Err(Fault::new(Kind::Unreadable, format!("status {status}: {why}")));
    }
    Ok(match health["live"]["age_s"].as_f64() {
        Some(age) => format!("healthy: wattboard {version}, live data is {age} s old"),
        None => format!("healthy: wattboard {version}, no live data"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_nearby() {
        for (host, expected) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("::1", "[::1]"),
            ("192.168.1.7", "192.168.1.7"),
            ("house.local", "house.local"),
        ] {
            assert_eq!(own(host), expected);
        }
        assert_eq!(base("http://house.local:8080/"), Ok("http://house.local:8080".into()));
        assert!(base("house.local").unwrap_err().to_string().contains("--url house.local is not allowed"));
    }

    #[test]
    fn only_a_healthy_wattboard_is_healthy() {
        let body = |status: &str, rest: &str| {
            format!(r#"{{"status": "{status}", "service": "w", "version": "1.2.3", "live": {{"age_s": 1.5}}{rest}}}"#)
        };
        let said = |status, body: &str| judge(status, body.as_bytes()).map_err(|fault| fault.to_string());
        assert_eq!(said(200, &body("healthy", "")), Ok("healthy: wattboard 1.2.3, live data is 1.5 s old".into()));
        let old = said(503, &body("stale", r#", "error": "live data is 130 s old, more than 120 s""#));
        assert_eq!(old, Err("status 503: live data is 130 s old, more than 120 s".into()));
        assert!(said(200, &body("stale", "")).is_err());
        for other in ["", "<html>", "[]", "{\"status\": \"healthy\"}"] {
            assert!(said(200, other).unwrap_err().contains("no answer of Wattboard's"), "{other}");
        }
    }

    #[test]
    fn who_takes_and_never_answers_or_is_not_there_is_not_healthy() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let flags = HealthFlags { url: Some(url), ..HealthFlags::default() };
        let began = std::time::Instant::now();
        let said = healthcheck(&flags).unwrap_err().to_string();
        assert!(said.ends_with("no answer within 5 s"), "{said}");
        assert!(began.elapsed() < WITHIN * 3);
        drop(listener);
        assert!(healthcheck(&flags).is_err());
    }
}

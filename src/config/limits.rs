//! `web_server.limits`: how much the server takes on.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::node::Doc;
use crate::base::fault::Fault;

/// The section that they stand in.
const SECTION: &str = "web_server.limits";

/// What the config says of it; what each one means stands at the server's own limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of its name; sample.yaml says what it does")]
pub struct Limits {
    pub connections: usize,
    pub per_address: usize,
    pub head_bytes: usize,
    pub headers: usize,
    pub head_time: Duration,
    pub idle_time: Duration,
    pub write_time: Duration,
    pub queue: usize,
    pub in_flight: usize,
    pub downloads: usize,
    pub event_streams: usize,
    pub log_file_bytes: usize,
    pub logs_bytes: usize,
}

impl Limits {
    /// The keys that there are.
    pub(super) const KEYS: [&str; 13] = [
        "connections",
        "per_address",
        "head_bytes",
        "headers",
        "head_seconds",
        "idle_seconds",
        "write_seconds",
        "queue",
        "in_flight",
        "downloads",
        "event_streams",
        "log_file_kib",
        "logs_kib",
    ];

    /// Reads the section.
    ///
    /// # Errors
    /// When a value is no whole number, or out of its range.
    pub fn read(doc: &Doc<'_>) -> Result<Self, Fault> {
        doc.expect_section(SECTION, "a section such as {connections: 256}")?;
        let count = |key: &str, default: usize, range: RangeInclusive<u32>| -> Result<usize, Fault> {
            Ok(whole(doc, key, &range)?.map_or(default, |value| value as usize))
        };
        let seconds = |key: &str, default: u64, range: RangeInclusive<u32>| -> Result<Duration, Fault> {
            Ok(Duration::from_secs(whole(doc, key, &range)?.map_or(default, u64::from)))
        };
        Ok(Self {
            connections: count("connections", 256, 8..=4096)?,
            per_address: count("per_address", 16, 1..=4096)?,
            head_bytes: count("head_bytes", 8192, 1024..=65_536)?,
            headers: count("headers", 64, 16..=128)?,
            head_time: seconds("head_seconds", 10, 1..=300)?,
            idle_time: seconds("idle_seconds", 60, 1..=3600)?,
            write_time: seconds("write_seconds", 30, 1..=600)?,
            queue: count("queue", 256, 1..=4096)?,
            in_flight: count("in_flight", 256, 1..=4096)?,
            downloads: count("downloads", 2, 1..=16)?,
            event_streams: count("event_streams", 32, 1..=1024)?,
            log_file_bytes: count("log_file_kib", 1024, 64..=65_536)? * 1024,
            logs_bytes: count("logs_kib", 3072, 128..=262_144)? * 1024,
        })
    }
}

impl Limits {
    /// What the server will not do as it is said.
    pub fn warnings(&self) -> Option<String> {
        let half = self.connections / 2;
        (self.event_streams > half).then(|| {
            format!(
                "{SECTION}.event_streams: {} is more than half of {SECTION}.connections ({}); {half} is used",
                self.event_streams, self.connections
            )
        })
    }
}

fn whole(doc: &Doc<'_>, key: &str, range: &RangeInclusive<u32>) -> Result<Option<u32>, Fault> {
    let path = format!("{SECTION}.{key}");
    let Some(node) = doc.get(&path) else { return Ok(None) };
    let value = node.whole().and_then(|value| u32::try_from(value).ok()).filter(|value| range.contains(value));
    value.map(Some).ok_or_else(|| {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        doc.refuse(&path, &node.to_string(), &allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::super::node::parse;
    use super::*;

    fn read(yaml: &str) -> Result<Limits, String> {
        Limits::read(&Doc::new("c.yaml", &parse(yaml).unwrap())).map_err(|fault| fault.to_string())
    }

    #[test]
    fn each_limit_has_a_default_and_a_range() {
        let defaults = read("").unwrap();
        type Pick = fn(&Limits) -> u64;
        let cases: [(&str, Pick, u64, u64, u64); 13] = [
            ("connections", |l| l.connections as u64, 8, 256, 4096),
            ("per_address", |l| l.per_address as u64, 1, 16, 4096),
            ("head_bytes", |l| l.head_bytes as u64, 1024, 8192, 65_536),
            ("headers", |l| l.headers as u64, 16, 64, 128),
            ("head_seconds", |l| l.head_time.as_secs(), 1, 10, 300),
            ("idle_seconds", |l| l.idle_time.as_secs(), 1, 60, 3600),
            ("write_seconds", |l| l.write_time.as_secs(), 1, 30, 600),
            ("queue", |l| l.queue as u64, 1, 256, 4096),
            ("in_flight", |l| l.in_flight as u64, 1, 256, 4096),
            ("downloads", |l| l.downloads as u64, 1, 2, 16),
            ("event_streams", |l| l.event_streams as u64, 1, 32, 1024),
            ("log_file_kib", |l| l.log_file_bytes as u64 / 1024, 64, 1024, 65_536),
            ("logs_kib", |l| l.logs_bytes as u64 / 1024, 128, 3072, 262_144),
        ];
        assert_eq!(cases.map(|(key, ..)| key), Limits::KEYS);
        for (key, pick, least, default, most) in cases {
            assert_eq!(pick(&defaults), default, "{key}");
            let with = |value: &str| read(&format!("web_server: {{limits: {{{key}: {value}}}}}"));
            for value in [least, most] {
                assert_eq!(with(&value.to_string()).map(|limits| pick(&limits)), Ok(value), "{key}: {value}");
            }
            for value in [(least - 1).to_string(), (most + 1).to_string(), "-1".into(), "9.5".into(), "true".into()] {
                let message = format!(
                    "c.yaml: web_server.limits.{key}: {value} is not allowed; \
                     it must be a whole number from {least} to {most}"
                );
                assert_eq!(with(&value), Err(message), "{key}: {value}");
            }
        }
        let doubt = |yaml: &str| read(&format!("web_server: {{limits: {{{yaml}}}}}")).unwrap().warnings();
        for (yaml, streams, connections, used) in [
            ("connections: 40, event_streams: 21", 21, 40, 20),
            ("event_streams: 1024", 1024, 256, 128),
            ("connections: 41", 32, 41, 20),
        ] {
            let warning = format!(
                "web_server.limits.event_streams: {streams} is more than half of \
                 web_server.limits.connections ({connections}); {used} is used"
            );
            assert_eq!(doubt(yaml), Some(warning));
        }
        assert_eq!((doubt("connections: 40, event_streams: 20"), doubt("")), (None, None));
        assert_eq!(
            read("web_server: {limits: 5}").unwrap_err(),
            "c.yaml: web_server.limits: 5 is not allowed; it must be a section such as {connections: 256}"
        );
    }
}

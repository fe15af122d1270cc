//! Posts lines to an engine and understands what it says.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::TlsConfig;

use crate::base::fault::{Fault, Kind};
use crate::config::{Push, Secret};
use crate::source::pse::{Roots, is_stranger};

/// How long a request may take.
pub const WITHIN: Duration = Duration::from_secs(30);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The longest that a `Retry-After` is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// What is read of an answer, and shown of it.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;
const MAX_SHOWN: usize = 200;
/// Letters and digits in a row of a token that must not be shown.
const MIN_PART: usize = 6;

/// What became of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// All were taken.
    Taken,
    /// The engine took what it could and says how many it will never take, and why.
    Dropped(u64, String),
    /// They were too many at once.
    TooLarge,
    /// One of them at least is not accepted, and why.
    Refused(String),
    /// Nothing is to be had now; how long to leave it alone, where it said so.
    Later(Fault, Option<Duration>),
    /// Something is set up wrongly: trying again soon does not help.
    Wrong(Fault),
}

/// A way to an engine.
pub struct Sender {
    agent: Agent,
    /// Trusts the config's own roots and no others; tried first where there are any.
    own: Option<TlsConfig>,
    url: String,
    token: Option<Secret>,
}

impl Sender {
    /// To the engine of a config.
    pub fn new(push: &Push, roots: &Roots) -> Self {
        // No connection is kept: one that the engine closed meanwhile would cost a failure.
        let agent = Agent::config_builder()
            .timeout_global(Some(WITHIN))
            .timeout_connect(Some(CONNECT_WITHIN))
            .user_agent(concat!("wattboard/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .input_buffer_size(16 * 1024)
            .output_buffer_size(16 * 1024)
            .build()
            .new_agent();
        let (org, bucket) = (encoded(&push.org), encoded(&push.bucket));
        let url = format!("{}?org={org}&bucket={bucket}&precision=ns", push.url);
        Self { agent, own: roots.tls(), url, token: push.token.clone().ok().flatten() }
    }

    /// Posts lines.
    pub fn send(&self, lines: &str) -> Answer {
        let call = |tls: Option<&TlsConfig>| {
            let mut request = self.agent.post(&self.url).header("Content-Type", "text/plain; charset=utf-8");
            if let Some(token) = &self.token {
                request = request.header("Authorization", format!("Token {}", token.reveal()));
            }
            match tls {
                Some(tls) => request.config().tls_config(tls.clone()).build().send(lines.as_bytes()),
                None => request.send(lines.as_bytes()),
            }
        };
        let answered = match call(self.own.as_ref()) {
            Err(error) if self.own.is_some() && is_stranger(&error) => call(None),
            answered => answered,
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => return Answer::Later(self.unreachable(&error), None),
        };
        let status = response.status().as_u16();
        let pause = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let pause = pause.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
        let said = match response.body_mut().with_config().limit(MAX_ANSWER_BYTES).lossy_utf8(true).read_to_string() {
            Ok(said) => said,
            // The status counts; a connection that ended early said all but the words.
            Err(_) if status != 200 => String::new(),
            Err(error) => return Answer::Later(self.unreachable(&error), None),
        };
        self.understood(status, &said, pause)
    }

    fn understood(&self, status: u16, said: &str, pause: Option<Duration>) -> Answer {
        let words = self.words(said);
        let told = if words.is_empty() { String::new() } else { format!(": {words}") };
        let fault = |kind| Fault::new(kind, format!("the engine answered HTTP {status}{told}"));
        match status {
            200..=299 if said.trim().is_empty() => Answer::Taken,
            // A page to log in at, say.
            200..=299 => Answer::Wrong(Fault::invalid(format!(
                "who answers is no write API, which says nothing where it takes lines: HTTP {status}{told}"
            ))),
            413 => Answer::TooLarge,
            400 | 422 => match dropped(said) {
                Some(count) => Answer::Dropped(count, words),
                None => Answer::Refused(format!("HTTP {status}{told}")),
            },
            408 | 425 | 429 | 500.. => Answer::Later(fault(Kind::Unreachable), pause),
            _ => Answer::Wrong(fault(Kind::Invalid)),
        }
    }

    /// What the engine said, in one line, short, and without what it must not tell.
    fn words(&self, said: &str) -> String {
        let message = serde_json::from_str::<serde_json::Value>(said).ok();
        let message =
            message.as_ref().and_then(|body| ["message", "error"].iter().find_map(|key| body.get(key)?.as_str()));
        self.shown(message.unwrap_or(said))
    }

    fn shown(&self, text: &str) -> String {
        if self.token.as_ref().is_some_and(|token| holds(text, token.reveal())) {
            return "(what it said holds the token)".to_owned();
        }
        let line: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        let line = line.join(" ");
        match line.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => format!("{}...", &line[..end]),
            None => line,
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Fault {
        let url = self.url.split('?').next().unwrap_or_default();
        match error {
            ureq::Error::Timeout(_) => Fault::timeout(format!("the engine at {url} did not answer in time")),
            other => {
                Fault::unreachable(format!("the engine at {url} cannot be reached: {}", self.shown(&other.to_string())))
            }
        }
    }
}

/// Whether a text tells of a secret: the whole, or a part of it as it stands in any escaped form of the whole.
fn holds(text: &str, secret: &str) -> bool {
    let parts = secret.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| part.len() >= MIN_PART);
    std::iter::once(secret).chain(parts).any(|part| text.contains(part))
}

/// How many points InfluxDB says that it dropped while it took the others: `partial write: ... dropped=3`.
fn dropped(said: &str) -> Option<u64> {
    if !said.contains("partial write") {
        return None;
    }
    let after = said.rsplit_once("dropped=")?.1;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// As a value of a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t";

    fn sender() -> Sender {
        let push = Push {
            url: "http://127.0.0.1:9/api/v2/write".into(),
            org: "my home".into(),
            bucket: "a&b=ą".into(),
            token: Ok(Some(SECRET.to_owned().into())),
        };
        Sender::new(&push, &Roots::default())
    }

    #[test]
    fn answers_are_understood() {
        let later =
            |text: &str, pause: Option<u64>| Answer::Later(Fault::unreachable(text), pause.map(Duration::from_secs));
        for (status, said, pause, expected) in [
            (204, "", None, Answer::Taken),
            (200, " \n", None, Answer::Taken),
            (
                200,
                "<html>Please log in",
                None,
                Answer::Wrong(Fault::invalid(
                    "who answers is no write API, which says nothing where it takes lines: HTTP 200: <html>Please log in",
                )),
            ),
            (413, "too large", None, Answer::TooLarge),
            (400, "bad line", None, Answer::Refused("HTTP 400: bad line".into())),
            (422, "{\"code\":\"x\",\"message\":\"no\"}", None, Answer::Refused("HTTP 422: no".into())),
            (
                400,
                "{\"error\":\"partial write: points beyond retention policy dropped=7\"}",
                None,
                Answer::Dropped(7, "partial write: points beyond retention policy dropped=7".into()),
            ),
            (429, "", Some(7), later("the engine answered HTTP 429", Some(7))),
            (503, "busy\n\n\tnow", None, later("the engine answered HTTP 503: busy now", None)),
            (500, "", None, later("the engine answered HTTP 500", None)),
            (
                401,
                "bad token s3cr3t!",
                None,
                Answer::Wrong(Fault::invalid("the engine answered HTTP 401: (what it said holds the token)")),
            ),
            (404, "", None, Answer::Wrong(Fault::invalid("the engine answered HTTP 404"))),
            (301, "", None, Answer::Wrong(Fault::invalid("the engine answered HTTP 301"))),
        ] {
            assert_eq!(sender().understood(status, said, pause.map(Duration::from_secs)), expected, "{status} {said}");
        }
        let long = sender().understood(500, &"ą".repeat(5_000), None);
        assert!(matches!(long, Answer::Later(fault, _) if fault.to_string().chars().count() < 250));
    }

    #[test]
    fn an_engine_that_is_not_there_is_named_and_the_token_is_not() {
        let Answer::Later(fault, None) = sender().send("a b=1 1\n") else { panic!() };
        let text = fault.to_string();
        assert!(text.starts_with("the engine at http://127.0.0.1:9/api/v2/write cannot be reached: "), "{text}");
        assert!(!text.contains(SECRET) && !text.contains("org="), "{text}");
        assert_eq!(sender().url, "http://127.0.0.1:9/api/v2/write?org=my%20home&bucket=a%26b%3D%C4%85&precision=ns");
    }
}

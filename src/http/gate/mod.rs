//! The gate: stands before the handler and lets in who belongs here. In this order: the client's network (through
//! trusted proxies), the name that was asked for, the token. Each rule is a file; what every answer gets is one too.
//!
//! All is prepared at the start: a request from home costs some comparisons, and its answer four cloned headers.

pub mod failures;
pub mod forwarded;
pub mod headers;
pub mod host;
pub mod networks;
pub mod token;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::message::{Answer, Body, Handler, Method, Request, Response, header};
use super::refusal::Refusal;
use crate::base::clock::SharedClock;
use crate::base::fault::Fault;
use crate::base::machine::own_name;
use crate::config::Access;
use failures::Failures;
use forwarded::{Garbage, Proxies};
use headers::Headers;
use host::Hosts;
use networks::Networks;
use token::{Shown, Token};

/// How a browser is made to ask for the token. A line each: Chromium does not understand two ways in one line.
const CHALLENGES: [&str; 2] = ["Basic realm=\"Wattboard\"", "Bearer"];
/// Answers whether the server lives to anybody who is let in otherwise: monitors have no token.
const WITHOUT_TOKEN: &str = "/health";

/// Who is let in.
#[derive(Debug)]
pub struct Rules {
    networks: Networks,
    proxies: Proxies,
    hosts: Hosts,
    token: Option<Token>,
    failures: Failures,
    headers: Headers,
}

impl Rules {
    /// The rules of a config on a machine of this name, with the token that is asked for.
    pub fn new(access: &Access, own_name: String, token: Option<Token>) -> Self {
        Self {
            networks: Networks::new(access.allowed_networks.clone()),
            proxies: Proxies::new(access.trusted_proxies.clone()),
            hosts: Hosts::new(own_name, access.allowed_hosts.clone()),
            token,
            failures: Failures::default(),
            headers: Headers::new(&access.frame_ancestors),
        }
    }

    /// The same for this machine, with the token of the config's file; read now and never again.
    ///
    /// # Errors
    /// When there should be a token and is none.
    pub fn prepare(access: &Access) -> Result<Self, Fault> {
        let token = match &access.token_file {
            Some(file) => {
                let (token, warning) = Token::read(file).map_err(|fault| fault.within("web_server.auth.token_file"))?;
                warning.into_iter().for_each(|warning| log::warn!("CONFIG: web_server.auth.token_file: {warning}"));
                Some(token)
            }
            None => None,
        };
        Ok(Self::new(access, own_name(), token))
    }

    fn judge(&self, request: &Request, clock: &SharedClock) -> Result<(), Refused> {
        let client = self.proxies.client(request).map_err(|Garbage| Refused::Garbage)?;
        if !self.networks.admit(client) {
            return Err(Refused::Stranger(client));
        }
        // Only HTTP/1.0 may come without one; no browser speaks it.
        if let Some(host) = request.header("host").filter(|host| !self.hosts.admit(host)) {
            return Err(Refused::Host(host.to_owned()));
        }
        let Some(token) = &self.token else { return Ok(()) };
        if request.method == Method::Options || request.path == WITHOUT_TOKEN {
            return Ok(());
        }
        match token.look(request.header("authorization")) {
            Shown::Right => Ok(()),
            Shown::Nothing => Err(Refused::NoToken),
            Shown::Wrong => match self.failures.count(client, clock.instant()) {
                Ok(()) => {
                    log::warn!("GATE: a wrong token from {client}");
                    Err(Refused::WrongToken)
                }
                Err(wait) => Err(Refused::TooManyWrong(wait)),
            },
        }
    }
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refused {
    Garbage,
    Stranger(IpAddr),
    Host(String),
    NoToken,
    WrongToken,
    TooManyWrong(Duration),
}

impl Refused {
    fn response(&self) -> Response<Body> {
        let refusal =
            |status, code, text: fmt::Arguments<'_>| Refusal { status, code, text: text.to_string().into() }.response();
        match self {
            Self::Garbage => refusal(
                400,
                "bad_request",
                format_args!(
                    "the X-Forwarded-For header of the trusted proxy names no address; it must be a list of them"
                ),
            ),
            Self::Stranger(client) => refusal(
                403,
                "forbidden",
                format_args!(
                    "{client} is not on a network that is served here; web_server.allowed_networks in the config says which are"
                ),
            ),
            Self::Host(host) => refusal(
                403,
                "host_not_allowed",
                format_args!(
                    "{host:?} is not known as a name of this server; use its address, or add the name to \
                     web_server.allowed_hosts in the config"
                ),
            ),
            Self::NoToken => refusal(
                401,
                "unauthorized",
                format_args!(
                    "this needs the token: send Authorization: Bearer TOKEN, or the token as the password of any name"
                ),
            )
            .with_header(header("WWW-Authenticate", CHALLENGES[0]))
            .with_header(header("WWW-Authenticate", CHALLENGES[1])),
            Self::WrongToken => refusal(
                401,
                "unauthorized",
                format_args!(
                    "this is not the token; it is in the file that web_server.auth.token_file in the config names"
                ),
            )
            .with_header(header("WWW-Authenticate", CHALLENGES[0]))
            .with_header(header("WWW-Authenticate", CHALLENGES[1])),
            Self::TooManyWrong(wait) => {
                // Never early: a part of a second counts as a whole one.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                refusal(
                    429,
                    "too_many_wrong_tokens",
                    format_args!("too many wrong tokens came from this address; try again in {seconds} s"),
                )
                .with_header(header("Retry-After", &seconds.to_string()))
            }
        }
    }
}

/// A handler behind rules.
pub struct Gate {
    inner: Arc<dyn Handler>,
    rules: Rules,
    clock: SharedClock,
    /// Whether it was told that a proxy is not believed.
    told: AtomicBool,
}

impl Gate {
    /// Puts rules before `inner`.
    pub fn new(inner: Arc<dyn Handler>, rules: Rules, clock: SharedClock) -> Self {
        Self { inner, rules, clock, told: AtomicBool::new(false) }
    }

    /// Tells once of a proxy that nobody named: all who come through it count as the proxy itself.
    fn tell_of_proxy(&self, request: &Request) {
        if !self.told.load(Relaxed)
            && request.header(forwarded::NAME).is_some()
            && !self.rules.proxies.trust(request.peer)
            && !self.told.swap(true, Relaxed)
        {
            log::warn!(
                "GATE: {} sends X-Forwarded-For and is not believed: everybody behind it counts as {0}; \
                 if it is your reverse proxy, name it in web_server.trusted_proxies",
                request.peer
            );
        }
    }
}

impl Handler for Gate {
    fn class(&self, request: &Request) -> usize {
        self.inner.class(request)
    }

    fn finish(&self, response: Response<Body>) -> Response<Body> {
        self.rules.headers.add(response)
    }

    fn handle(&self, request: &Request) -> Answer {
        self.tell_of_proxy(request);
        let headers = &self.rules.headers;
        if let Err(refused) = self.rules.judge(request, &self.clock) {
            return Answer::Ready(headers.add(refused.response()));
        }
        match self.inner.handle(request) {
            Answer::Ready(response) => Answer::Ready(headers.add(response)),
            Answer::Prepared(prepared, mut extra) => {
                extra.extend_from_slice(headers.lines());
                Answer::Prepared(prepared, extra)
            }
            Answer::Later(hand_over) => {
                let headers = headers.clone();
                Answer::Later(Box::new(move |pending| {
                    hand_over(pending.finished_by(Box::new(move |response| headers.add(response))));
                }))
            }
            // They write their own heads: with `headers::by_hand`.
            detached @ (Answer::Detach(..) | Answer::Give(_)) => detached,
        }
    }
}

#[cfg(test)]
mod tests;

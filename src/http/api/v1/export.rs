//! `/api/v1/export`: whole tables, written as they are read, on a thread of their own.
//!
//! In chunks, so that who takes it can tell a whole answer from a cut one: the last chunk comes only when all is there. A
//! client of HTTP/1.0 knows no chunks; there a broken connection tells.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use jiff::civil::Date;

use super::super::{Ask, Facts, Refusal};
use super::when;
use crate::base::fault::Kind;
use crate::export::{self, Failure, Format, Ledger, Outlet, What, Wish};
use crate::http::cors::Cors;
use crate::http::events;
use crate::http::gate::headers::by_hand;
use crate::http::message::{Answer, Body, Bytes, Method, Parting, Request, Response, header, ready};
use crate::http::outflow::Outflow;

/// Exports at once.
const MOST: usize = 2;
/// Bytes that are sent together.
const CHUNK: usize = 16 * 1024;

/// Who may export, and where it is read.
pub struct Exports {
    open: Arc<dyn Fn() -> Box<dyn Ledger> + Send + Sync>,
    running: Arc<AtomicUsize>,
}

impl Exports {
    /// See [`super::super::Api::with_exports`].
    pub fn new(open: impl Fn() -> Box<dyn Ledger> + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open), running: Arc::default() }
    }

    fn seat(&self) -> Option<Seat> {
        let taken = self.running.fetch_update(SeqCst, SeqCst, |running| (running < MOST).then_some(running + 1));
        taken.is_ok().then(|| Seat(Arc::clone(&self.running)))
    }
}

/// One of the [`MOST`]; free again when it is dropped.
struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// `/api/v1/export`
pub fn answer(ask: &Ask<'_>, request: &Request, cors: &Cors, exports: Option<&Exports>) -> Result<Answer, Refusal> {
    let wish = wish(ask)?;
    let Some((exports, seat)) = exports.and_then(|exports| Some((exports, exports.seat()?))) else {
        let text = "all exports are taken; wait for one to end and try again".to_owned();
        return Err(Refusal { status: 503, code: "busy", text, retry_after_s: Some(5) });
    };
    let allow = |response| cors.allow(request, by_hand(response));
    let part = |date: Option<Date>| date.map_or_else(String::new, |date| format!("-{date}"));
    let name = format!("{}{}{}.{}", wish.what.name(), part(wish.from), part(wish.to), wish.format.ending());
    let disposition = format!("attachment; filename=\"{name}\"");
    let response = ready(200, wish.format.content_type(), Bytes::Static(b""))
        .with_header(header("Content-Disposition", &disposition))
        .with_header(header("Cache-Control", "no-store"));
    let work = Work {
        wish,
        facts: Arc::clone(ask.facts),
        open: Arc::clone(&exports.open),
        head: events::head(&allow(response)),
        refused: allow(Refusal::response(&Refusal {
            status: 503,
            code: "busy",
            text: "what is to be exported cannot be read now; the server's log says why".to_owned(),
            retry_after_s: Some(30),
        })),
        head_only: request.method == Method::Head,
    };
    Ok(Answer::Detach(
        "export",
        Box::new(move |out, minor| {
            let _seat = seat;
            work.run(out, minor)
        }),
    ))
}

fn wish(ask: &Ask<'_>) -> Result<Wish, Refusal> {
    let what = ask.query.get("what").unwrap_or_default();
    let what = What::named(what).ok_or_else(|| Refusal::bad_parameter("what", what, What::NAMES))?;
    let format = match ask.query.get("format") {
        None => Format::default(),
        Some(text) => Format::named(text).ok_or_else(|| Refusal::bad_parameter("format", text, Format::NAMES))?,
    };
    let (from, to) = (when::day(ask, "from")?, when::day(ask, "to")?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(Refusal::bad_parameter("to", &to.to_string(), &format!("{from} or later, as from is")));
    }
    Ok(Wish { what, from, to, format })
}

/// One export, on its own thread.
struct Work {
    wish: Wish,
    facts: Arc<Facts>,
    open: Arc<dyn Fn() -> Box<dyn Ledger> + Send + Sync>,
    /// Says that the connection closes, and nothing of chunks.
    head: Vec<u8>,
    /// The answer in its stead while nothing was sent.
    refused: Response<Body>,
    head_only: bool,
}

impl Work {
    fn run(self, out: Outflow, minor: u8) -> Parting {
        let what = self.wish.what.name();
        let mut stream = Stream { out, chunked: minor > 0, waiting: Vec::new() };
        let mut ledger = (self.open)();
        let days = match export::days(ledger.as_mut(), &self.wish) {
            Ok(days) => days,
            Err(fault) => {
                log::warn!("EXPORT: {what}: nothing was sent: {fault}");
                return match stream.out.say(self.refused, self.head_only) {
                    Ok(()) => Parting::Told,
                    Err(_) => Parting::Cut,
                };
            }
        };
        let mut head = self.head;
        if stream.chunked {
            head.truncate(head.len() - 2);
            head.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        }
        if stream.out.write_all(&head).is_err() {
            return Parting::Cut;
        }
        if self.head_only {
            return Parting::Told;
        }
        let written = export::write(&self.wish, days, ledger.as_mut(), &self.facts.zone, &mut stream);
        match written.and_then(|()| Ok(stream.end()?)) {
            Ok(()) => return Parting::Told,
            Err(Failure::Read(date, fault)) if fault.kind() == Kind::Stopping => {
                log::debug!("EXPORT: {what}: the stop ended it at {date}");
            }
            Err(Failure::Read(date, fault)) => {
                log::warn!("EXPORT: {what}: cut at {date}, which cannot be read: {fault}");
                // The days before it are whole.
                let _ = stream.flush();
            }
            Err(Failure::Write(error)) => log::debug!("EXPORT: {what}: nobody takes the rest: {error}"),
        }
        if stream.chunked { Parting::Told } else { Parting::Cut }
    }
}

/// The client, as somebody who is written to.
struct Stream {
    out: Outflow,
    chunked: bool,
    waiting: Vec<u8>,
}

impl Stream {
    /// Says that this was all.
    fn end(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.chunked { self.out.write_all(b"0\r\n\r\n") } else { Ok(()) }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        if self.chunked {
            let size = format!("{:x}\r\n", waiting.len());
            waiting.splice(0..0, size.into_bytes());
            waiting.extend_from_slice(b"\r\n");
        }
        let sent = self.out.write_all(&waiting);
        waiting.clear();
        self.waiting = waiting;
        sent
    }
}

impl Outlet for Stream {
    /// A client that broke off is noticed here, also while days without lines send nothing.
    fn go_on(&mut self) -> io::Result<()> {
        self.out.go_on()
    }
}

#[cfg(test)]
mod tests;

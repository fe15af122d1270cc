//! Thread `demo-prices`: a stand-in for the price API on a free loopback port.
//!
//! One connection at a time, one question each, everything bounded: for the server of this same process, not for the
//! world. What is answered is [`super::price_answer`]'s business.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Stop;
use super::price_answer::{Offer, answer};
use super::prices::Market;
use crate::base::clock::SharedClock;
use crate::base::fault::Fault;

/// How often the door is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The longest a connection may take from its beginning to its end.
const DEADLINE: Duration = Duration::from_millis(1500);
/// The longest head of a request.
const HEAD_BYTES: usize = 8 * 1024;

/// The API, listening.
#[derive(Debug)]
pub struct PriceApi {
    listener: TcpListener,
    address: SocketAddr,
    offer: Offer,
}

impl PriceApi {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub fn bind(market: Market, zone: TimeZone, seed: u64) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::io(format!("cannot listen for the demo's price API: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, offer: Offer { market, zone, seed } })
    }

    /// Where day-ahead prices are to be had.
    pub fn url(&self) -> String {
        format!("http://{}/api/csdac-pln", self.address)
    }

    /// Answers until it is stopped.
    ///
    /// # Errors
    /// None; the type is that of every thread.
    pub fn run(self, clock: &SharedClock, stop: &Stop) -> Result<(), Fault> {
        while stop.wait(LOOK) {
            // All that wait are served before the next look.
            while let Ok((stream, _)) = self.listener.accept() {
                if let Err(error) = self.serve(stream, clock.now()) {
                    log::debug!("DEMO: a question to the price API was not answered: {error}");
                }
                if !stop.wait(Duration::ZERO) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn serve(&self, mut stream: TcpStream, now: Timestamp) -> io::Result<()> {
        let until = Instant::now() + DEADLINE;
        stream.set_nonblocking(false)?;
        let head = read_head(&mut stream, until)?;
        let (status, body) = match target(&head) {
            Some(target) => answer(&self.offer, target, &format!("http://{}", self.address), now),
            None => (400, serde_json::json!({"error": {"code": "BadRequest", "message": "not a GET request"}})),
        };
        let body = body.to_string();
        let reason = match status {
            200 => "OK",
            404 => "Not Found",
            _ => "Bad Request",
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        write_whole(&mut stream, head.as_bytes(), until)?;
        write_whole(&mut stream, body.as_bytes(), until)
    }
}

/// Reads until the empty line; what follows it is not wanted.
fn read_head(stream: &mut TcpStream, until: Instant) -> io::Result<String> {
    let mut head = Vec::with_capacity(512);
    let mut piece = [0_u8; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD_BYTES {
            return Err(io::Error::new(ErrorKind::InvalidData, "the head is too long"));
        }
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Path and query of a GET request: all between the method and the version, spaces included.
fn target(head: &str) -> Option<&str> {
    let line = head.lines().next()?.strip_prefix("GET ")?;
    let (target, version) = line.rsplit_once(' ')?;
    (version.starts_with("HTTP/1.") && target.starts_with('/')).then_some(target)
}

fn write_whole(stream: &mut TcpStream, mut bytes: &[u8], until: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(until)?))?;
        match stream.write(bytes)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::SimulatedClock;
    use crate::base::shutdown::{ShutdownTrigger, channel};
    use crate::base::zones;
    use std::sync::Arc;
    use std::thread::JoinHandle;

    /// An API that runs until the triggers are dropped.
    fn running() -> (SocketAddr, ShutdownTrigger, JoinHandle<()>) {
        let zone = zones::zone("Europe/Warsaw").unwrap();
        let api = PriceApi::bind(Market::new(7, zone.clone()), zone, 7).unwrap();
        let address = api.address;
        let (trigger, shutdown) = channel();
        let clock: SharedClock = Arc::new(SimulatedClock::new("2026-11-22T13:00:00Z".parse().unwrap()));
        let stop = Stop { server: shutdown.clone(), demo: shutdown };
        let thread = std::thread::spawn(move || api.run(&clock, &stop).unwrap());
        (address, trigger, thread)
    }

    fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn a_day_of_prices_comes_whole_and_a_rude_client_does_not_hold_it_up() {
        let (address, trigger, thread) = running();
        let silent = TcpStream::connect(address).unwrap();
        assert_eq!(ask(address, &vec![b'x'; HEAD_BYTES * 2]), "");
        assert!(ask(address, b"POST /api/csdac-pln HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
        let answer =
            ask(address, b"GET /api/csdac-pln?$filter=business_date%20eq%20'2026-11-22' HTTP/1.1\r\nHost: x\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["value"].as_array().unwrap().len(), 96);
        drop(silent);
        drop(trigger);
        thread.join().unwrap();
    }
}

//! Exports over real sockets, of ledgers that are long, broken or stuck.

use std::io::Read;
use std::net::TcpStream;
use std::net::{Shutdown as End, TcpListener};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::*;
use crate::base::clock::{Clock, SimulatedClock};
use crate::base::fault::Fault;
use crate::export::ClosedDay;
use crate::http::api::Api;
use crate::http::api::tests::Bench;
use crate::http::message::{Detached, Handler};
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::price::PricedDay;
use crate::model::time::Range;

const PATIENCE: Duration = Duration::from_secs(20);

/// Two rows on each day of 2026, but for a day that cannot be read.
struct Year {
    broken: Option<&'static str>,
    closed: bool,
}

impl Ledger for Year {
    fn span(&mut self, _: What) -> Result<Option<(Date, Date)>, Fault> {
        if self.closed {
            return Err(Fault::io("no disk"));
        }
        Ok(Some(("2026-01-01".parse().unwrap(), "2026-12-31".parse().unwrap())))
    }
    fn energy(&mut self, date: Date) -> Result<Vec<EnergyRow>, Fault> {
        if self.broken == Some(&*date.to_string()) {
            return Err(Fault::io("no disk"));
        }
        let zone = crate::model::time::SiteZone::named("Europe/Warsaw").unwrap();
        let start = Range::day(date, &zone).from;
        let row = |hours| EnergyRow { at: start + Duration::from_secs(3600) * hours, ..EnergyRow::default() };
        Ok(vec![row(0), row(12)])
    }
    fn decisions(&mut self, _: Date) -> Result<Vec<Decision>, Fault> {
        Ok(Vec::new())
    }
    fn prices(&mut self, _: Date) -> Result<Option<PricedDay>, Fault> {
        Ok(None)
    }
    /// Slow, and says nothing.
    fn closed_day(&mut self, _: Date) -> Result<Option<ClosedDay>, Fault> {
        std::thread::sleep(Duration::from_millis(50));
        Ok(None)
    }
}

fn api(broken: Option<&'static str>, closed: bool) -> Api {
    let bench = Bench::new("web_server: {cors_enabled: true}");
    let clock = SimulatedClock::new(bench.clock.now());
    let api = Api::new(Arc::clone(&bench.cell), Arc::new(clock), crate::inquiry::Desk::new().0, &bench.config, false);
    api.with_exports(move || Box::new(Year { broken, closed }))
}

fn ask(api: &Api, method: Method, query: &str) -> Result<Detached, u16> {
    let headers = vec![("origin".to_owned(), "http://192.168.1.9".to_owned())];
    let request =
        Request { method, path: "/api/v1/export".into(), query: query.into(), headers, peer: [127, 0, 0, 1].into() };
    match api.handle(&request) {
        Answer::Detach("export", work) => Ok(work),
        Answer::Ready(response) => Err(response.status_code().0),
        _ => panic!("neither begun nor refused"),
    }
}

/// A socket to write to until `stop` is set, and its client.
fn connected(stop: &Arc<AtomicBool>) -> (Outflow, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let stop = Arc::clone(stop);
    (Outflow::new(listener.accept().unwrap().0, PATIENCE, move || stop.load(SeqCst)).unwrap(), client)
}

/// All that a client is sent: the head, the rest; and how it ended.
fn taken(work: Detached, minor: u8) -> (String, String, Parting) {
    let (server, mut client) = connected(&Arc::default());
    let parting = std::thread::spawn(move || work(server, minor));
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned(), parting.join().unwrap())
}

/// The content of chunks, and whether the last one came.
fn unchunked(mut text: &str) -> (String, bool) {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            assert_eq!(rest, "\r\n");
            return (whole, true);
        }
        whole.push_str(&rest[..size]);
        text = rest[size..].strip_prefix("\r\n").unwrap();
    }
    (whole, false)
}

#[test]
fn chunks_end_with_the_last_one_and_old_clients_get_it_plain() {
    let api = api(None, false);
    let energy = |query: &str| ask(&api, Method::Get, &format!("what=energy&{query}")).unwrap();
    let (head, body, parting) = taken(energy("format=jsonl"), 1);
    for line in [
        "HTTP/1.1 200 OK",
        "Content-Type: application/jsonl",
        "Content-Disposition: attachment; filename=\"energy.jsonl\"",
        "Connection: close",
        "Transfer-Encoding: chunked",
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'none'",
        "Access-Control-Allow-Origin: http://192.168.1.9",
    ] {
        assert_eq!(head.lines().filter(|found| *found == line).count(), 1, "{line}: {head}");
    }
    let (text, ended) = unchunked(&body);
    assert_eq!((text.lines().count(), ended, parting), (730, true, Parting::Told));
    assert!(body.matches("\r\n").count() > 4, "in more chunks than one");
    let (head, plain, parting) = taken(energy("format=jsonl"), 0);
    assert!(!head.contains("Transfer-Encoding") && head.contains("\r\nConnection: close"), "{head}");
    assert_eq!((plain, parting), (text, Parting::Told));
    let (head, body, _) = taken(energy("from=2026-10-25&to=2026-10-25"), 1);
    assert!(head.contains("filename=\"energy-2026-10-25-2026-10-25.csv\"") && head.contains("text/csv"), "{head}");
    let text = unchunked(&body).0;
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(
        lines[0].starts_with("time,local_time,soc_pct,") && lines[1].starts_with("2026-10-25T00:00:00+02:00,"),
        "{text}"
    );
    assert!(lines[2].starts_with("2026-10-25T11:00:00+01:00,") && lines[3].is_empty(), "{text}");
    let (head, body, _) = taken(ask(&api, Method::Head, "what=energy").unwrap(), 1);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body.is_empty());
}

#[test]
fn what_cannot_be_read_is_never_taken_for_the_end() {
    let api = api(Some("2026-03-01"), false);
    let energy = || ask(&api, Method::Get, "what=energy").unwrap();
    let (_, body, parting) = taken(energy(), 1);
    let (text, ended) = unchunked(&body);
    assert_eq!((text.lines().count(), ended, parting), (1 + 2 * 59, false, Parting::Told));
    let (_, plain, parting) = taken(energy(), 0);
    assert_eq!((plain, parting), (text, Parting::Cut));
    let closed = self::api(None, true);
    let (head, body, _) = taken(ask(&closed, Method::Get, "what=energy").unwrap(), 1);
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 30"), "{head}");
    assert!(body.contains("cannot be read now"), "{body}");
}

#[test]
fn two_at_once() {
    let api = api(None, false);
    let begin = || ask(&api, Method::Get, "what=energy");
    let first = begin().unwrap();
    let second = begin().unwrap();
    assert_eq!(begin().err(), Some(503));
    assert_eq!(taken(first, 1).2, Parting::Told);
    let third = begin().unwrap();
    assert_eq!(begin().err(), Some(503));
    drop((second, third));
    assert!(begin().is_ok());
}

#[test]
fn it_ends_at_the_stop_and_when_the_client_breaks_off() {
    let (api, stop) = (api(None, false), Arc::default());
    let begin = |what: &str| {
        let work = ask(&api, Method::Get, &format!("what={what}")).unwrap();
        let (server, client) = connected(&stop);
        (std::thread::spawn(move || work(server, 1)), client)
    };
    // Nothing is ever sent to this one but the first lines.
    let (work, client) = begin("days");
    let started = Instant::now();
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    work.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "a year would take 18 s");
    // Who has no more to say may still listen.
    let (work, mut client) = begin("energy");
    client.shutdown(End::Write).unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("\r\n0\r\n\r\n"));
    work.join().unwrap();
    let (work, mut client) = begin("days");
    let started = Instant::now();
    stop.store(true, SeqCst);
    work.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert!(!text.ends_with("0\r\n\r\n"));
}

#[test]
fn a_client_that_takes_nothing_does_not_outlive_the_stop() {
    let stop = Arc::default();
    let (out, _client) = connected(&stop);
    let mut stream = Stream { out, chunked: true, waiting: Vec::new() };
    let work = std::thread::spawn(move || {
        loop {
            if let Err(error) = stream.write_all(&[b'x'; 1000]) {
                return (error.to_string(), stream.waiting.capacity());
            }
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    stop.store(true, SeqCst);
    let (error, kept) = work.join().unwrap();
    assert_eq!(error, "the server stops");
    assert!(started.elapsed() < Duration::from_secs(1) && kept < 3 * CHUNK, "{:?} {kept}", started.elapsed());
}

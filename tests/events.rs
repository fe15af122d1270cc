//! Event streams through the real edge: who hears what and when, who is dropped, and what is left at the end.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use jiff::Timestamp;
use serde_json::Value;
use wattboard::base::clock::{SharedClock, SystemClock};
use wattboard::base::shutdown::{self, ShutdownTrigger};
use wattboard::base::thread::{self, Exit, Outcome};
use wattboard::config::Config;
use wattboard::http::api::{Api, Told};
use wattboard::http::counters::Counters;
use wattboard::http::events::{self, Lobby, News, Source, Topic, Topics, Wish};
use wattboard::http::message::{Bytes, ready};
use wattboard::http::{self, Answer, Edge, Handler, Limits, Request};
use wattboard::inquiry::Desk;
use wattboard::model::logs::lines::Ring;
use wattboard::model::logs::{Held, LogFile, Logs};
use wattboard::snapshot::{Attempt, Live, Origin, SnapshotCell};
use wattboard::source::json;

/// Nothing in these tests may take longer.
const PATIENCE: Duration = Duration::from_secs(20);
const SEATS: usize = 32;
const TARIFF: &str =
    "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}\n";

/// The edge, the API and the event streams on a snapshot that the test publishes.
struct House {
    cell: Arc<SnapshotCell>,
    lobby: Lobby,
    trigger: ShutdownTrigger,
    exits: Receiver<Exit>,
    edge: Edge,
    addr: SocketAddr,
    counters: Arc<Counters>,
}

impl House {
    fn open(limits: Limits) -> Self {
        let config = Config::parse(Path::new("/site/config/c.yaml"), TARIFF).unwrap();
        let cell = Arc::new(SnapshotCell::default());
        let (trigger, shutdown) = shutdown::channel();
        let (sender, exits) = unbounded();
        let (lobby, stage) = events::open(limits.event_streams, "boot".to_owned()).unwrap();
        let bell = lobby.clone();
        cell.hang_up(move || bell.ring());
        let clock: SharedClock = Arc::new(SystemClock);
        let api = Api::new(Arc::clone(&cell), clock, Desk::new().0, &config, false)
            .with_events(lobby.clone(), Arc::default());
        let api = Arc::new(api);
        let (told, stop) = (Told::new(Arc::clone(&api)), shutdown.clone());
        thread::spawn("events", &sender, move || stage.run(told, &stop)).unwrap();
        let listener = http::bind("127.0.0.1", 0).unwrap();
        let edge = http::open(listener, limits, 2, api, shutdown, &sender, &Default::default()).unwrap();
        let (addr, counters) = (edge.local_addr(), edge.counters());
        Self { cell, lobby, trigger, exits, edge, addr, counters }
    }

    /// A reading with this state of charge.
    fn publish(&self, soc: usize) {
        let at = Timestamp::now();
        let data = json::parse_object(&format!(r#"{{"battery": {{"soc_percent": {soc}}}}}"#)).unwrap();
        let live = Live {
            reading: json::reading(&data, at),
            stated: String::new(),
            origin: Origin::Database,
            recorded: String::new(),
            file_modified: None,
        };
        let attempt = Attempt { at, instant: Instant::now(), took: Duration::ZERO };
        self.cell.publish(|next| next.live.succeed(Arc::new(live), attempt));
    }

    fn log(&self, lines: &[&str]) {
        self.log_from(1, lines);
    }

    /// What memory holds of a log, and the number of its first line.
    fn log_from(&self, first: u64, lines: &[&str]) {
        let mut ring = Ring::new(first, 32 * 1024);
        lines.iter().for_each(|line| ring.push(line, None, None, false));
        let held = Held { lines: ring.lines(), last: ring.next() - 1, ..Held::default() };
        let name = "master_coordinator.log".to_owned();
        let file = LogFile { name, path: String::new(), size: 0, modified: None, held, error: None };
        let attempt = Attempt { at: Timestamp::now(), instant: Instant::now(), took: Duration::ZERO };
        self.cell.publish(|next| next.logs.succeed(Arc::new(Logs { files: vec![file], journal: None }), attempt));
    }

    fn connect(&self, target: &str, last_id: Option<&str>) -> Stream {
        Stream::over(TcpStream::connect(self.addr).unwrap(), target, last_id)
    }

    fn streams(&self) -> u64 {
        self.counters.snapshot().event_streams
    }

    /// The stop: every thread ends in order, and every connection is accounted for.
    fn close(self) {
        self.trigger.stop();
        self.lobby.stop();
        assert!(self.edge.join(Instant::now() + Duration::from_secs(3)), "threads are left");
        let counters = self.counters.snapshot();
        assert_eq!((counters.open(), counters.event_streams, counters.panics), (0, 0, 0), "{counters:?}");
        eventually("the stage has ended", || self.exits.iter().any(|exit| exit.name == "events"));
        for exit in self.exits.try_iter() {
            assert!(matches!(exit.outcome, Outcome::Finished), "{exit:?}");
        }
    }
}

/// An event as a client has it.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: Option<String>,
    name: String,
    data: Value,
}

/// One subscriber.
struct Stream {
    reader: BufReader<TcpStream>,
    status: u16,
    head: String,
}

impl Stream {
    fn over(mut socket: TcpStream, target: &str, last_id: Option<&str>) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let last_id = last_id.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        write!(socket, "{target} HTTP/1.1\r\nHost: a\r\n{last_id}\r\n").unwrap();
        let mut reader = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "the head was cut: {head}");
        }
        Self { reader, status: head[9..12].parse().unwrap(), head }
    }

    /// The next event; none at the end. Comments and the like are passed over.
    fn next(&mut self) -> Option<Event> {
        let (mut id, mut name, mut data) = (None, String::new(), None::<String>);
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap() == 0 {
                assert!(name.is_empty() && data.is_none(), "an event was cut");
                return None;
            }
            let line = line.strip_suffix('\n').unwrap();
            assert!(!line.contains('\r'));
            match (line.split_once(": ").unwrap_or((line, "")), &mut data) {
                (("", _), None) => name.clear(),
                (("", _), Some(data)) => return Some(Event { id, name, data: serde_json::from_str(data).unwrap() }),
                (("id", value), _) => id = Some(value.to_owned()),
                (("event", value), _) => value.clone_into(&mut name),
                (("data", value), data @ None) => *data = Some(value.to_owned()),
                ((":" | "retry", _), _) => {}
                (other, _) => panic!("{other:?} in a stream"),
            }
        }
    }

    /// The next events, which must be so many and bear these names.
    fn expect(&mut self, names: &[&str]) -> Vec<Event> {
        let events: Vec<Event> = names.iter().map(|_| self.next().unwrap()).collect();
        assert_eq!(events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), names);
        events
    }

    fn soc(event: &Event) -> Option<usize> {
        event.data["live"]["battery"]["soc_percent"].as_f64().map(|soc| soc as usize)
    }

    /// Tells of every reading and of the end on a channel.
    fn report(mut self, number: usize, to: Sender<(usize, Option<usize>, Instant)>) {
        std::thread::spawn(move || {
            while let Some(event) = self.next() {
                if let Some(soc) = Self::soc(&event) {
                    to.send((number, Some(soc), Instant::now())).unwrap();
                } else if event.name == "bye" {
                    to.send((number, None, Instant::now())).unwrap();
                }
            }
        });
    }
}

#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A client whose system takes little until it reads.
fn narrow(addr: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&addr.into()).unwrap();
    socket.into()
}

const STREAM: &str = "GET /api/v1/events";
const STATES: &str = "GET /api/v1/events?topics=state";

#[test]
fn all_hear_everything_in_order_though_one_never_reads() {
    let house = House::open(Limits::default());
    let mut rude = narrow(house.addr);
    write!(rude, "{STATES} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (sender, heard) = unbounded();
    for number in 1..SEATS {
        house.connect(STATES, None).report(number, sender.clone());
    }
    eventually("all are there", || house.streams() == SEATS as u64);

    let rounds = 200;
    let mut times = Vec::new();
    for soc in 0..rounds {
        let published = Instant::now();
        house.publish(soc);
        let mut last = published;
        let mut waiting: Vec<usize> = (1..SEATS).collect();
        while !waiting.is_empty() {
            let (number, found, at) = heard.recv_timeout(PATIENCE).unwrap();
            assert_eq!(found, Some(soc), "subscriber {number} hears each once, in order");
            waiting.retain(|other| *other != number);
            last = last.max(at);
        }
        times.push(last - published);
        // Faster ones would be told together, which is another test.
        std::thread::sleep(Duration::from_millis(3));
    }
    times.sort();
    let at = |share: usize| times[(rounds * share / 100).min(rounds - 1)];
    println!("to {} subscribers: median {:?}, p95 {:?}, max {:?}", SEATS - 1, at(50), at(95), at(100));
    assert!(at(95) < Duration::from_millis(50), "median {:?}, p95 {:?}, max {:?}", at(50), at(95), at(100));

    let counters = house.counters.snapshot();
    assert_eq!((counters.closed_slow_subscriber, counters.event_streams), (1, SEATS as u64 - 1));
    // What it had been sent is all it can have: the kernel's share and no more.
    let mut rest = Vec::new();
    rude.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = rude.read_to_end(&mut rest);
    assert!(rest.len() < 200 * 1024, "{}", rest.len());

    house.close();
    for _ in 1..SEATS {
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap().1, None, "the last event is bye");
    }
}

#[test]
fn a_burst_is_told_together_and_ends_with_the_newest() {
    let house = House::open(Limits::default());
    let mut stream = house.connect(STATES, None);
    stream.expect(&["state"]);
    (0..1000).for_each(|soc| house.publish(soc));
    let (mut events, mut last) = (0, 0);
    while last < 999 {
        let soc = Stream::soc(&stream.next().unwrap()).unwrap();
        assert!(events == 0 || soc > last, "{soc} after {last}");
        (events, last) = (events + 1, soc);
    }
    assert!(events < 500, "{events} events of 1000 publications");
    house.close();
}

#[test]
fn who_follows_a_log_is_told_all_of_it_though_nothing_new_happens() {
    let house = House::open(Limits::default());
    house.log(&[]);
    let mut stream = Stream::over(narrow(house.addr), "GET /logs?follow=true", None);
    assert_eq!(stream.next().unwrap().data["type"], "start");
    let long = "x".repeat(1_000);
    house.log(&[&*long; 3_000]);
    let began = Instant::now();
    for number in 0..3_000 {
        assert_eq!(stream.next().unwrap().data["line"], *long, "{number}");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}: a comment came first", began.elapsed());
    house.close();
}

#[test]
fn the_seats_are_counted_and_given_back() {
    let house = House::open(Limits { connections: 8, event_streams: 3, grace: Duration::ZERO, ..Limits::default() });
    let mut streams: Vec<Stream> = (0..3).map(|_| house.connect(STREAM, None)).collect();
    for stream in &mut streams {
        assert_eq!(stream.status, 200, "{}", stream.head);
        stream.expect(&["state", "prices", "decision", "health"]);
    }
    let one_more = house.connect(STREAM, None);
    assert_eq!(one_more.status, 503);
    assert!(one_more.head.contains("\r\nRetry-After: 5\r\n"), "{}", one_more.head);
    let mut head = house.connect("HEAD /api/v1/events", None);
    assert_eq!((head.status, head.next()), (200, None));
    let fields = |head: &str| head.lines().filter(|line| !line.starts_with("Date")).collect::<Vec<_>>().join("\n");
    assert_eq!(fields(&head.head), fields(&streams[0].head));
    assert_eq!(house.connect("GET /api/v1/events?topics=all", None).status, 400);

    // Who asked for the head alone, and who was refused for good, have left.
    eventually("they left", || house.counters.snapshot().open() <= 4);

    // Of eight places three are theirs: however many others come, they stay, and five are served.
    let others: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(house.addr).unwrap()).collect();
    eventually("they came", || house.counters.snapshot().accepted >= 45);
    eventually("as many stay as there is room for", || house.counters.snapshot().open() == 8);
    assert_eq!(house.streams(), 3);
    house.publish(77);
    for stream in &mut streams {
        assert_eq!(Stream::soc(&stream.expect(&["state", "health"])[0]), Some(77));
    }
    drop(others);

    // One leaves, in order; another breaks; a third says too much. Nobody writes to them meanwhile.
    drop(streams.remove(0));
    eventually("it has left", || house.streams() == 2);
    eventually("the others have left, too", || house.counters.snapshot().open() == 2);
    let broken = streams.remove(0).reader.into_inner();
    socket2::SockRef::from(&broken).set_linger(Some(Duration::ZERO)).unwrap();
    drop(broken);
    eventually("it broke", || house.streams() == 1);
    let _ = streams[0].reader.get_mut().write_all(&[b'x'; 64 * 1024]);
    eventually("it was dropped", || house.streams() == 0);
    assert_eq!(house.connect(STREAM, None).status, 200, "its seat is free");
    house.close();
}

#[test]
fn what_was_seen_is_not_told_again() {
    let house = House::open(Limits::default());
    let mut witness = house.connect(STATES, None);
    witness.expect(&["state"]);
    let mut stream = house.connect(STREAM, None);
    let first = stream.expect(&["state", "prices", "decision", "health"]);
    let last_id = first[3].id.clone().unwrap();
    assert_eq!(last_id, "boot-4");
    drop(stream);
    eventually("it has left", || house.streams() == 1);
    for soc in 1..4 {
        house.publish(soc);
        assert_eq!(Stream::soc(&witness.expect(&["state"])[0]), Some(soc));
    }
    // Somebody heard each of them, so each is remembered.
    let mut again = house.connect(STREAM, Some(&last_id));
    let missed = again.expect(&["state", "state", "state", "health"]);
    let known: Vec<Option<usize>> = missed[..3].iter().map(Stream::soc).collect();
    assert_eq!(known, [Some(1), Some(2), Some(3)]);
    let ids: Vec<&str> = missed.iter().map(|event| event.id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["boot-5", "boot-6", "boot-7", "boot-8"]);
    // Nothing was missed: nothing is told, until there is something.
    let mut idle = house.connect(STREAM, Some("boot-8"));
    eventually("it is there", || house.streams() == 3);
    house.publish(4);
    assert_eq!(Stream::soc(&idle.expect(&["state"])[0]), Some(4));
    // Of another run, or nonsense, or forgotten: what holds now.
    for id in ["other-3", "boot-999", "boot-x", "%00"] {
        let mut stranger = house.connect(STREAM, Some(id));
        let told = stranger.expect(&["prices", "decision", "health", "state"]);
        assert_eq!(Stream::soc(&told[3]), Some(4), "the newest is the last: its id stands for all");
    }
    for soc in 4..105 {
        if soc > 4 {
            house.publish(soc);
        }
        assert_eq!(Stream::soc(&witness.next().unwrap()), Some(soc));
    }
    let mut late = house.connect(STREAM, Some("boot-8"));
    assert_eq!(Stream::soc(&late.expect(&["state"])[0]), Some(104), "prices, decision and health were seen");
    drop((witness, again, idle, late));
    eventually("nobody is there", || house.streams() == 0);
    // While nobody listened it changed twice; that is told as one.
    house.publish(5);
    house.publish(6);
    let mut back = house.connect(STREAM, Some("boot-109"));
    assert_eq!(Stream::soc(&back.expect(&["state"])[0]), Some(6));
    house.close();
}

#[test]
fn a_hostile_log_line_is_one_event() {
    let house = House::open(Limits::default());
    house.log(&["first"]);
    let mut stream = house.connect("GET /api/v1/events?topics=log&log=master", None);
    assert_eq!(stream.expect(&["log"])[0].data["lines"], serde_json::json!(["first"]));
    let nasty = "2026 - a - INFO - x\nid: 7\nevent: bye\r\n\r\ndata: {}\n\n\0\u{2028}\u{2029}\u{85}\u{feff}: \u{1f4a5}";
    house.log(&["first", nasty]);
    let event = &stream.expect(&["log"])[0];
    assert_eq!((&event.data["lines"], event.id.as_deref()), (&serde_json::json!([nasty]), Some("boot-2")));
    house.log(&["first", nasty, "after"]);
    assert_eq!(stream.expect(&["log"])[0].data["lines"], serde_json::json!(["after"]));
    // More at once than anybody is sent at once, to one who does not read: it is dropped, the other is not.
    let mut rude = narrow(house.addr);
    write!(rude, "GET /api/v1/events?log=master HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("it is there", || house.streams() == 2);
    let wide = "\u{1}".repeat(4000);
    for number in 0..30 {
        house.log_from(10 * (number + 1), &[&*format!("{number}"), &wide, &wide, &*format!("end {number}")]);
        let event = &stream.expect(&["log"])[0];
        assert_eq!(event.data["lines"].as_array().unwrap().last().unwrap(), &format!("end {number}"));
    }
    eventually("it was dropped", || house.counters.snapshot().closed_slow_subscriber == 1);
    house.close();
}

/// Tells numbers, and panics when it is to tell a 2.
struct Clumsy(Arc<AtomicU64>);

impl Source for Clumsy {
    fn look(&mut self, _: Topics, news: &mut Vec<News>) -> Option<Duration> {
        let number = self.0.load(SeqCst);
        news.push(News { topic: 0, name: "number", data: number.to_string() });
        assert_ne!(number, 2, "on purpose");
        // In a moment, whatever rings or not.
        (number == 3).then_some(Duration::from_millis(20))
    }

    fn whole(&mut self, _: Topic) -> Option<News> {
        None
    }
}

/// Lets everybody in.
struct Open(Lobby);

impl Handler for Open {
    fn handle(&self, _: &Request) -> Answer {
        let (lobby, seat) = (self.0.clone(), self.0.seat().unwrap());
        let head = events::head(&ready(200, "text/event-stream", Bytes::Static(b"")));
        let wish = Wish { topics: Topics::NONE.with(0), last_id: None, head, feed: None };
        Answer::Give(Box::new(move |given| lobby.admit(given, seat, wish)))
    }
}

#[test]
fn a_panic_of_the_source_costs_its_news_and_nothing_else() {
    let (trigger, shutdown) = shutdown::channel();
    let (sender, exits) = unbounded();
    let (lobby, stage) = events::open(2, "b".to_owned()).unwrap();
    let (number, stop) = (Arc::new(AtomicU64::new(1)), shutdown.clone());
    let source = Clumsy(Arc::clone(&number));
    thread::spawn("events", &sender, move || stage.run(source, &stop)).unwrap();
    let listener = http::bind("127.0.0.1", 0).unwrap();
    let edge = http::open(
        listener,
        Limits::default(),
        1,
        Arc::new(Open(lobby.clone())),
        shutdown,
        &sender,
        &Default::default(),
    )
    .unwrap();
    let mut stream = Stream::over(TcpStream::connect(edge.local_addr()).unwrap(), "GET /", None);
    assert_eq!(stream.expect(&["number"])[0].data, 1);
    for (now, panics) in [(2, 1), (3, 1)] {
        number.store(now, SeqCst);
        lobby.ring();
        eventually("it was asked", || edge.counters().snapshot().panics == panics);
    }
    let mut told: Vec<i64> = (0..4).map(|_| stream.next().unwrap().data.as_i64().unwrap()).collect();
    assert_eq!(told.remove(0), 2, "what was told before the panic is told");
    assert_eq!(told, [3, 3, 3], "it is asked again at its own time");
    trigger.stop();
    lobby.stop();
    assert!(lobby.seat().is_none());
    assert!(edge.join(Instant::now() + PATIENCE));
    drop(sender);
    assert!(exits.iter().all(|exit| matches!(exit.outcome, Outcome::Finished)), "the thread itself goes on to the end");
}

/// The real program on a site with nothing.
struct Program {
    child: Child,
    addr: SocketAddr,
    _site: tempfile::TempDir,
}

impl Program {
    fn start() -> Self {
        let site = tempfile::TempDir::new().unwrap();
        fs::create_dir_all(site.path().join("config")).unwrap();
        fs::create_dir_all(site.path().join("logs")).unwrap();
        let file = site.path().join("config/c.yaml");
        let text =
            "web_server: {host: 127.0.0.1, port: 0}\nprice_analysis: {api_url: 'http://127.0.0.1:1/api/csdac-pln'}\n";
        fs::write(&file, format!("{text}{TARIFF}")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_wattboard"))
            .args(["serve", "--config", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on http://").expect(&line).parse().unwrap();
        Self { child, addr, _site: site }
    }

    fn threads(&self) -> Vec<(String, u64)> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let wakes = |status: &str| {
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
            line.split_whitespace().last().unwrap().parse().unwrap()
        };
        tasks
            .map(|task| {
                let path = task.unwrap().path();
                let name = fs::read_to_string(path.join("comm")).unwrap().trim().to_owned();
                (name, wakes(&fs::read_to_string(path.join("status")).unwrap()))
            })
            .collect()
    }

    fn resident_kib(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn wakes(&self) -> u64 {
        self.threads().iter().filter(|(name, _)| name == "events").map(|(_, wakes)| wakes).sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn streams_cost_no_threads_little_memory_and_no_wakes() {
    let mut program = Program::start();
    // Everything has had its first look.
    std::thread::sleep(Duration::from_secs(2));
    let (threads, resident, before) = (program.threads().len(), program.resident_kib(), program.wakes());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(program.wakes(), before, "without subscribers it sleeps, whatever is published");
    let mut streams: Vec<Stream> =
        (0..SEATS).map(|_| Stream::over(TcpStream::connect(program.addr).unwrap(), STREAM, None)).collect();
    for stream in &mut streams {
        stream.expect(&["state", "prices", "decision", "health"]);
    }
    assert_eq!(program.threads().len(), threads);
    let grown = program.resident_kib() - resident;
    assert!(grown < 4096, "{SEATS} streams took {grown} KiB");
    let before = program.wakes();
    std::thread::sleep(Duration::from_secs(3));
    let wakes = program.wakes() - before;
    println!("{SEATS} streams: {grown} KiB, {wakes} wakes in 3 s");
    assert!(wakes <= 5, "{wakes} wakes in 3 s of nothing");
    let killed = Command::new("kill").args(["-TERM", &program.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let started = Instant::now();
    for stream in &mut streams {
        while let Some(event) = stream.next() {
            if event.name == "bye" {
                assert_eq!((event.id, stream.next()), (None, None), "the last one, then the end");
                break;
            }
        }
    }
    assert!(program.child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

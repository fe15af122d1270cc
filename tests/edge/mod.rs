//! What the tests of the edge share: a server with a telling handler, and a client that counts every byte.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "clippy sees no test in functions beside the tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use wattboard::base::shutdown::{self, ShutdownTrigger};
use wattboard::base::thread::Exit;
use wattboard::http::counters::{Counters, Snapshot};
use wattboard::http::given::Given;
use wattboard::http::later::Pending;
use wattboard::http::message::{Bytes, Parting, ready};
use wattboard::http::{self, Answer, Edge, Handler, Limits, Method, Request};

/// Nothing in these tests may take longer.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Larger than any socket buffer.
pub const BIG: usize = 8 * 1024 * 1024;

/// Answers by path; see [`Telling::handle`].
pub struct Telling {
    big: Arc<[u8]>,
    /// `/wait` tells that it has begun, and goes on when it may.
    pub begun: Sender<()>,
    pub may_go_on: Receiver<()>,
    /// Where `/give` gives its sockets.
    pub given: Sender<Given>,
    /// Where `/later` leaves its requests.
    pub pending: Sender<Pending>,
}

impl Handler for Telling {
    fn handle(&self, request: &Request) -> Answer {
        let text = |text: String| Answer::Ready(ready(200, "text/plain", Bytes::Owned(text.into_bytes())));
        match request.path.as_str() {
            "/big" => Answer::Ready(ready(200, "text/plain", Bytes::Shared(Arc::clone(&self.big)))),
            "/middle" => Answer::Ready(ready(200, "text/plain", Bytes::Owned(vec![b'm'; 100_000]))),
            "/panic" => panic!("on purpose"),
            "/wait" => {
                self.begun.send(()).unwrap();
                let _ = self.may_go_on.recv_timeout(PATIENCE);
                text("waited".to_owned())
            }
            "/detach" => {
                let (begun, may_go_on) = (self.begun.clone(), self.may_go_on.clone());
                Answer::Detach(
                    "download",
                    Box::new(move |mut socket, _| {
                        begun.send(()).unwrap();
                        let _ = may_go_on.recv_timeout(PATIENCE);
                        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {BIG}\r\n\r\n");
                        let _ = socket.write_all(head.as_bytes());
                        let _ = socket.write_all(&vec![b'd'; BIG]);
                        Parting::Told
                    }),
                )
            }
            "/detach-cut" => Answer::Detach(
                "download",
                Box::new(|mut socket, minor| {
                    let _ = write!(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nasked in 1.{minor}");
                    Parting::Cut
                }),
            ),
            "/detach-panic" => Answer::Detach("download", Box::new(|_, _| panic!("on purpose"))),
            "/give" => {
                let given = self.given.clone();
                Answer::Give(Box::new(move |socket| given.send(socket).unwrap_or_else(|_| panic!("nobody takes it"))))
            }
            "/later" => {
                let pending = self.pending.clone();
                Answer::Later(Box::new(move |request| pending.send(request).unwrap()))
            }
            "/later-dropped" => Answer::Later(Box::new(drop)),
            "/later-panic" => Answer::Later(Box::new(|_request| panic!("on purpose"))),
            _ if request.method == Method::Options => Answer::Ready(ready(204, "text/plain", Bytes::Static(b""))),
            path => text(format!("{path}?{} for {}", request.query, request.header("host").unwrap_or("nobody"))),
        }
    }
}

/// A running edge.
pub struct Server {
    pub edge: Edge,
    pub addr: SocketAddr,
    pub counters: Arc<Counters>,
    pub trigger: ShutdownTrigger,
    pub exits: Receiver<Exit>,
    pub begun: Receiver<()>,
    pub go_on: Sender<()>,
    pub given: Receiver<Given>,
    pub pending: Receiver<Pending>,
}

impl Server {
    pub fn usual() -> Self {
        Self::with(Limits::default(), 2)
    }

    pub fn with(limits: Limits, workers: usize) -> Self {
        Self::at("127.0.0.1", limits, workers)
    }

    pub fn at(host: &str, limits: Limits, workers: usize) -> Self {
        Self::behind(host, limits, workers, |telling| telling)
    }

    /// With another handler, which may be made of the telling one.
    pub fn behind(
        host: &str,
        limits: Limits,
        workers: usize,
        wrap: impl FnOnce(Arc<dyn Handler>) -> Arc<dyn Handler>,
    ) -> Self {
        let (trigger, shutdown) = shutdown::channel();
        let (begun_sender, begun) = unbounded();
        let (go_on, may_go_on) = unbounded();
        let (given_sender, given) = unbounded();
        let (pending_sender, pending) = unbounded();
        let (exit_sender, exits) = unbounded();
        static BODY: LazyLock<Arc<[u8]>> = LazyLock::new(|| (0..BIG).map(|at| (at % 251) as u8).collect());
        let handler = Telling {
            big: Arc::clone(&BODY),
            begun: begun_sender,
            may_go_on,
            given: given_sender,
            pending: pending_sender,
        };
        let listener = http::bind(host, 0).unwrap();
        let edge =
            http::open(listener, limits, workers, wrap(Arc::new(handler)), shutdown, &exit_sender, &Default::default())
                .unwrap();
        let (addr, counters) = (edge.local_addr(), edge.counters());
        Self { edge, addr, counters, trigger, exits, begun, go_on, given, pending }
    }

    pub fn count(&self) -> Snapshot {
        self.counters.snapshot()
    }

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.addr).unwrap())
    }

    /// A client whose system takes little until it reads.
    pub fn connect_narrow(&self) -> Client {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&self.addr.into()).unwrap();
        Client::new(socket.into())
    }

    /// Whether a new client is served, promptly.
    pub fn assert_serves(&self) {
        let started = Instant::now();
        let answer = self.connect().ask("GET /alive HTTP/1.1\r\nHost: a\r\n\r\n").expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "/alive? for a"));
        assert!(started.elapsed() < Duration::from_secs(5), "served after {:?}", started.elapsed());
    }

    /// Ends the server; every thread must have ended in order.
    pub fn stop(self) {
        assert!(self.exits.is_empty(), "a thread ended early: {:?}", self.exits.try_recv());
        self.finish();
    }

    /// The same, when the stop may have been announced already.
    pub fn finish(self) {
        self.trigger.stop();
        assert!(self.edge.join(Instant::now() + Duration::from_secs(3)), "threads are left");
        let counters = self.counters.snapshot();
        assert_eq!(counters.open(), 0, "connections are left: {counters:?}");
        for exit in self.exits.try_iter() {
            assert!(matches!(exit.outcome, wattboard::base::thread::Outcome::Finished), "{exit:?}");
        }
    }
}

/// One answer, as it was sent.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answered {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// One connection of a client.
pub struct Client {
    pub socket: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn new(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(socket.try_clone().unwrap()), socket }
    }

    pub fn send(&mut self, bytes: &str) {
        self.socket.write_all(bytes.as_bytes()).unwrap();
    }

    /// Sends, and reads one answer; none when the server closed without one.
    pub fn ask(&mut self, bytes: &str) -> Option<Answered> {
        self.send(bytes);
        self.answer(bytes.starts_with("HEAD"))
    }

    /// Reads one answer, whole. Panics when it is cut; none when the connection ended before it began.
    pub fn answer(&mut self, head_only: bool) -> Option<Answered> {
        let mut head = String::new();
        loop {
            let before = head.len();
            match self.reader.read_line(&mut head) {
                Ok(0) if before == 0 => return None,
                Err(error) if before == 0 && error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Ok(count) => assert!(count > 0, "the head was cut: {head:?}"),
                Err(error) => panic!("no answer: {error}; so far {head:?}"),
            }
            if head.ends_with("\r\n\r\n") {
                break;
            }
        }
        let mut answer = Answered { status: head[9..12].parse().unwrap(), head, body: Vec::new() };
        let length = answer.header("Content-Length").map_or(0, |value| value.parse().unwrap());
        if !head_only {
            answer.body = vec![0; length];
            self.reader.read_exact(&mut answer.body).unwrap_or_else(|error| panic!("the body was cut: {error}"));
        }
        Some(answer)
    }

    /// Whether the server has closed, in order, with nothing more to say.
    pub fn is_at_end(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0))
    }
}

/// Waits for a condition that is bound to come true.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::yield_now();
    }
}

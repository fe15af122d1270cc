//! One connection: its socket, what it sent and was not answered yet, what it is sent and has not taken yet.
//!
//! Either the door or one worker owns it; buffers travel with it. It knows nothing of queues, limits on numbers, or handlers.

use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::counters::Closed;
use super::head::{Scan, scan};
use super::limits::Limits;
use super::message::{Body, Response};
use super::refusal::Refusal;
use super::render::{Manner, Output};
use super::watch::Watched;

/// The input buffer's first size: enough for what browsers send.
const FIRST_BYTES: usize = 2 * 1024;
/// How long, and for how many bytes, a refused client is listened to so that it can read why.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;

/// What a connection waits for while the door keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A request; nothing of it has arrived.
    Idle,
    /// The rest of a head.
    Reading,
    /// The client, to take the rest of an answer.
    Writing,
    /// The client, to close after its last answer; so many bytes of what it still sends are thrown away.
    Lingering(usize),
}

/// What a read brought.
#[derive(Debug)]
pub enum Input {
    /// Not a whole head yet.
    Partial,
    /// A head is at the front of the buffer.
    Whole,
    /// What arrived cannot be answered but by this.
    Refused(Refusal),
    /// There is nothing more to do for this connection.
    Ended(Closed),
}

/// One connection.
#[derive(Debug)]
pub struct Conn {
    /// The socket: non-blocking, registered with the poller under the connection's key.
    pub socket: Watched<TcpStream>,
    /// Who is at the other end.
    pub peer: IpAddr,
    /// What the door waits for.
    pub phase: Phase,
    /// When the phase began, or last made progress (a head's bytes are no progress: it has one deadline).
    pub since: Instant,
    /// The answer on its way.
    pub output: Output,
    /// The reason to close once the answer is sent; none keeps the connection open.
    pub last_answer: Option<Closed>,
    /// The class of the request that is being answered, and since when.
    pub timing: Option<(usize, Instant)>,
    buffer: Vec<u8>,
    filled: usize,
    scanned: usize,
    whole: Option<usize>,
}

impl Conn {
    /// A connection that was accepted just now.
    pub fn new(socket: Watched<TcpStream>, peer: IpAddr, now: Instant) -> Self {
        Self {
            socket,
            peer,
            phase: Phase::Idle,
            since: now,
            output: Output::default(),
            last_answer: None,
            timing: None,
            buffer: Vec::new(),
            filled: 0,
            scanned: 0,
            whole: None,
        }
    }

    /// Reads once, without blocking, and looks at what is there.
    pub fn read(&mut self, most_bytes: usize) -> Input {
        if self.filled == self.buffer.len() {
            let size = (self.buffer.len() * 2).clamp(FIRST_BYTES.min(most_bytes), most_bytes);
            self.buffer.resize(size, 0);
        }
        match read_once(&self.socket, &mut self.buffer[self.filled..]) {
            Ok(0) => Input::Ended(Closed::ByClient),
            Ok(count) => {
                self.filled += count;
                self.look(most_bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Input::Partial,
            Err(_) => Input::Ended(Closed::Broken),
        }
    }

    /// Looks at what was read before, for requests that were sent without waiting for an answer.
    pub fn look(&mut self, most_bytes: usize) -> Input {
        if self.filled == 0 {
            return Input::Partial;
        }
        match scan(&self.buffer[..self.filled], self.scanned) {
            Scan::Whole(length) => {
                self.whole = Some(length);
                Input::Whole
            }
            Scan::Hopeless(why) => Input::Refused(Refusal::bad(why)),
            Scan::Partial(_) if self.filled >= most_bytes => Input::Refused(self.too_large(most_bytes)),
            Scan::Partial(next) => {
                self.scanned = next;
                Input::Partial
            }
        }
    }

    fn too_large(&self, most_bytes: usize) -> Refusal {
        if self.buffer[..self.filled].trim_ascii_start().contains(&b'\n') {
            Refusal::new(431, format!("the head is larger than {most_bytes} bytes; send fewer or shorter headers"))
        } else {
            Refusal::new(414, format!("the request line is longer than {most_bytes} bytes; ask for less"))
        }
    }

    /// The whole head at the front of the buffer; empty when there is none.
    pub fn head(&self) -> &[u8] {
        &self.buffer[..self.whole.unwrap_or(0)]
    }

    /// Forgets the head at the front; what came behind it moves up.
    pub fn consume_head(&mut self) {
        if let Some(length) = self.whole.take() {
            self.buffer.copy_within(length..self.filled, 0);
            self.filled -= length;
            self.scanned = 0;
        }
    }

    /// Whether bytes were read that no answer has covered.
    pub fn has_input(&self) -> bool {
        self.filled > 0
    }

    /// Makes a refusal the connection's last answer; what it sent is never looked at again.
    pub fn refuse(&mut self, refusal: Response<Body>, why: Closed) {
        self.whole = None;
        self.output.render(refusal, Manner::LAST_WORD);
        self.last_answer = Some(why);
    }

    /// Offers the answer to the socket, once. `Ok` tells how many bytes it took, none when it takes none now.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self) -> io::Result<usize> {
        match self.output.send(&mut &*self.socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// To be called when the whole answer was taken: `None` when another request may follow, else the reason to close,
    /// at once if [`Conn::may_close_now`], else after the client's own end, for which the connection is made to wait.
    pub fn end_answer(&mut self, now: Instant) -> Option<Closed> {
        if self.last_answer.is_some() && !self.may_close_now() {
            self.begin_linger(now);
        } else {
            self.output.clear();
            self.phase = Phase::Idle;
            self.since = now;
        }
        self.last_answer
    }

    /// Whether closing resets nothing: the last answer was agreed on, and nothing is unread as far as is known.
    pub fn may_close_now(&self) -> bool {
        self.last_answer == Some(Closed::Answered) && !self.has_input()
    }

    /// Says that nothing more comes; the client's own end is awaited, so that what it sent meanwhile does not
    /// reset the connection before it has read the answer.
    pub fn begin_linger(&mut self, now: Instant) {
        // Fails when the peer is gone, which the next read shows.
        let _ = self.socket.shutdown(Shutdown::Write);
        self.output.clear();
        self.phase = Phase::Lingering(LINGER_BYTES);
        self.since = now;
    }

    /// Throws away what the client still sends. Answers whether to go on waiting for its end.
    pub fn linger(&mut self) -> bool {
        let Phase::Lingering(mut left) = self.phase else { return false };
        let mut scrap = [0; 16 * 1024];
        while left > 0 {
            match read_once(&self.socket, &mut scrap) {
                Ok(0) => return false,
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.phase = Phase::Lingering(left);
                    return true;
                }
                Err(_) => return false,
            }
        }
        false
    }

    /// Begins to wait for a request, or for the rest of one.
    pub fn begin_wait(&mut self, now: Instant) {
        let phase = if self.has_input() { Phase::Reading } else { Phase::Idle };
        if phase != self.phase {
            self.phase = phase;
            self.since = now;
        }
    }

    /// Asks the poller for what the phase waits for.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn arm(&self) -> io::Result<()> {
        match self.phase {
            Phase::Writing => self.socket.await_writable(),
            _ => self.socket.await_readable(),
        }
    }

    /// When the door's patience ends.
    pub fn deadline(&self, limits: &Limits) -> Instant {
        self.since
            + match self.phase {
                Phase::Idle => limits.idle_time,
                Phase::Reading => limits.head_time,
                Phase::Writing => limits.write_time,
                Phase::Lingering(_) => LINGER_TIME,
            }
    }
}

fn read_once(mut socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::Arc;

    fn pair() -> (Conn, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, peer) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let poller = Arc::new(polling::Poller::new().unwrap());
        let socket = Watched::new(socket, &poller, 0).unwrap();
        (Conn::new(socket, peer.ip(), Instant::now()), client)
    }

    /// Reads until something comes of it; loopback is fast but not instantaneous.
    fn read(conn: &mut Conn, until_filled: usize) -> Input {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let input = conn.read(1024);
            if conn.filled >= until_filled || !matches!(input, Input::Partial) {
                return input;
            }
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }

    #[test]
    fn pipelined_heads_come_one_by_one() {
        let (mut conn, mut client) = pair();
        assert!(matches!(conn.read(1024), Input::Partial) && !conn.has_input());
        client.write_all(b"GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\nGET").unwrap();
        drop(client);
        assert!(matches!(read(&mut conn, 41), Input::Whole));
        assert_eq!(conn.head(), b"GET /1 HTTP/1.0\r\n\r\n");
        conn.consume_head();
        assert!(matches!(conn.look(1024), Input::Whole));
        assert_eq!(conn.head(), b"GET /2 HTTP/1.0\r\n\r\n");
        conn.consume_head();
        assert!(matches!(conn.look(1024), Input::Partial) && conn.has_input());
        assert!(matches!(read(&mut conn, 1024), Input::Ended(Closed::ByClient)));
    }

    #[test]
    fn a_head_without_end_is_refused_at_its_limit() {
        for (start, status) in [("GET / HTTP/1.1\r\nX: ", 431), ("GET /", 414), ("\r\n\r\nGET /", 414)] {
            let (mut conn, mut client) = pair();
            client.write_all(format!("{start}{}", "y".repeat(5000)).as_bytes()).unwrap();
            let Input::Refused(refusal) = read(&mut conn, usize::MAX) else { panic!("{start} was not refused") };
            assert_eq!((refusal.status, conn.buffer.len()), (status, 1024));
        }
    }

    #[test]
    fn a_head_has_one_deadline_however_it_drips() {
        let (mut conn, mut client) = pair();
        let start = conn.since;
        let limits = Limits::default();
        assert_eq!(conn.deadline(&limits), start + limits.idle_time);
        for (second, bytes) in [(1, b"G"), (5, b"E")] {
            client.write_all(bytes).unwrap();
            let more = conn.filled + 1;
            read(&mut conn, more);
            conn.begin_wait(start + Duration::from_secs(second));
            assert_eq!(conn.deadline(&limits), start + Duration::from_secs(1) + limits.head_time);
        }
    }
}

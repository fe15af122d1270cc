//! One subscriber: its socket, and what it was told and has not taken yet.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use polling::Poller;

use super::memory::Event;
use super::{Feed, Newcomer, Seat, Topics};
use crate::http::counters::Closed;
use crate::http::given::Given;
use crate::http::watch::Watched;

/// Bytes that may wait for a subscriber. Beyond that it is dropped.
pub const QUEUE_BYTES: usize = 64 * 1024;
/// How long a subscriber may take nothing while something waits for it.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long the kernel waits for a client that is gone without a word; longer, so that one that is there but does not
/// read is known for what it is.
const KERNEL_PATIENCE: Duration = Duration::from_secs(45);
/// What the kernel may keep for it besides (it doubles this).
const KERNEL_BYTES: usize = 32 * 1024;
/// Bytes that a subscriber may send; it has nothing to say.
const MOST_RECEIVED: usize = 16 * 1024;
/// With so little waiting for it, a subscriber is told more.
const LITTLE: usize = 8 * 1024;
/// What it is told at once. With what waits and a line of the longest, that is less than may wait.
const FEED_BYTES: usize = 32 * 1024;
/// Frames offered to the socket at once.
const PARTS: usize = 16;

/// One subscriber.
pub struct Subscriber {
    socket: Watched<Given>,
    /// Of what it hears.
    pub topics: Topics,
    queue: VecDeque<Arc<[u8]>>,
    /// Bytes of the first one that were taken.
    taken: usize,
    bytes: usize,
    /// Since when it has taken nothing, while something waits.
    stuck_since: Option<Instant>,
    received: usize,
    feed: Option<Box<dyn Feed>>,
    #[expect(dead_code, reason = "held, not used")]
    seat: Seat,
}

impl Subscriber {
    /// The newcomer under a key of its own; its head waits to be sent.
    ///
    /// # Errors
    /// When the system refuses to watch the socket; the connection is closed then.
    pub fn new(newcomer: Newcomer, poller: &Arc<Poller>, key: usize) -> std::io::Result<Self> {
        let Newcomer { given, seat, wish } = newcomer;
        given.bound(KERNEL_BYTES, KERNEL_PATIENCE)?;
        let socket = Watched::new(given, poller, key)?;
        let (topics, feed) = (wish.topics, wish.feed);
        let queue = VecDeque::from([Arc::from(wish.head)]);
        let bytes = queue.iter().map(|frame: &Arc<[u8]>| frame.len()).sum();
        Ok(Self { socket, topics, queue, taken: 0, bytes, stuck_since: None, received: 0, feed, seat })
    }

    /// Adds to what waits to be sent.
    ///
    /// # Errors
    /// Why to drop it: there is no room.
    pub fn push(&mut self, frame: Arc<[u8]>) -> Result<(), Closed> {
        if self.bytes + frame.len() > QUEUE_BYTES {
            return Err(Closed::SlowSubscriber);
        }
        self.bytes += frame.len();
        self.queue.push_back(frame);
        Ok(())
    }

    /// Adds an event that it wants to hear of.
    ///
    /// # Errors
    /// As [`Subscriber::push`].
    pub fn tell(&mut self, event: &Event) -> Result<(), Closed> {
        if self.topics.has(event.topic) { self.push(Arc::clone(&event.frame)) } else { Ok(()) }
    }

    /// Offers the socket what waits, until it takes no more, and asks for what comes next.
    ///
    /// # Errors
    /// Why to drop it.
    pub fn flush(&mut self, now: Instant) -> Result<(), Closed> {
        let mut is_full = false;
        while !self.queue.is_empty() && !is_full {
            let mut parts = [IoSlice::new(&[]); PARTS];
            let mut skipped = self.taken;
            for (part, frame) in parts.iter_mut().zip(&self.queue) {
                *part = IoSlice::new(&frame[std::mem::take(&mut skipped)..]);
            }
            match self.socket.send(&parts[..self.queue.len().min(PARTS)]) {
                Ok(count) => {
                    self.forget(count);
                    self.stuck_since = Some(now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_full = true,
                Err(_) => return Err(Closed::Broken),
            }
        }
        if self.queue.is_empty() {
            self.stuck_since = None;
        } else {
            self.stuck_since.get_or_insert(now);
        }
        let armed = if self.queue.is_empty() { self.socket.await_readable() } else { self.socket.await_either() };
        armed.map_err(|_| Closed::Broken)
    }

    /// Tells it what its feed has for it, as long as it takes that, and offers the socket what waits.
    ///
    /// # Errors
    /// Why to drop it.
    pub fn go_on(&mut self, now: Instant) -> Result<(), Closed> {
        loop {
            // What is sent now makes room: nobody else says when there is some.
            self.flush(now)?;
            let text = match &mut self.feed {
                Some(feed) if self.bytes < LITTLE => feed.next(FEED_BYTES),
                _ => String::new(),
            };
            if text.is_empty() {
                return Ok(());
            }
            self.push(Arc::from(text.into_bytes()))?;
        }
    }

    /// Takes `count` bytes off the queue.
    fn forget(&mut self, count: usize) {
        self.bytes -= count;
        self.taken += count;
        while let Some(first) = self.queue.front().filter(|first| first.len() <= self.taken) {
            self.taken -= first.len();
            self.queue.pop_front();
        }
    }

    /// Throws away what it sent; notices that it left.
    ///
    /// # Errors
    /// Why to drop it. The end of what a client sends is taken for its leaving: nothing else tells.
    pub fn listen(&mut self) -> Result<(), Closed> {
        let mut scrap = [0; 2048];
        loop {
            match self.socket.receive(&mut scrap) {
                Ok(0) => return Err(Closed::ByClient),
                Ok(count) => self.received += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Closed::Broken),
            }
            if self.received > MOST_RECEIVED {
                return Err(Closed::Refused);
            }
        }
    }

    /// Whether everything was taken.
    pub fn is_done(&self) -> bool {
        self.queue.is_empty()
    }

    /// When patience with it ends, while something waits for it.
    pub fn deadline(&self) -> Option<Instant> {
        self.stuck_since.map(|since| since + PATIENCE)
    }

    /// Ends it.
    pub fn end(self, why: Closed) {
        self.socket.end(why);
    }

    /// Counts a panic of what tells it news.
    pub fn count_panic(&self) {
        self.socket.count_panic();
    }
}

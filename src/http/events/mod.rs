//! Event streams: one thread, `events`, owns the sockets of all subscribers and writes what is new to each.
//!
//! It knows nothing of what is told: that is a [`Source`], which is asked when its bell rang or its time has come, and
//! answers with [`News`]. Each piece is framed once and shared by all. Nobody waits for anybody: a publisher rings and
//! goes on; a subscriber that takes nothing fills its own queue and is dropped.
//!
//! The thread sleeps in a poller. It wakes for a ring (only while there are subscribers), for a newcomer, for a socket
//! that takes bytes again or whose client left, at the time that the source named, and for the comment that keeps the
//! connections alive.

mod frame;
mod memory;
mod stage;
mod subscriber;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use polling::Poller;

use super::counters::Closed;
use super::given::Given;
use crate::base::fault::Fault;

pub use frame::head;
pub use stage::Stage;

/// Something that is told of, by number: below 32.
pub type Topic = u8;

/// Some topics.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Topics(u32);

impl Topics {
    /// None.
    pub const NONE: Self = Self(0);

    /// With one more.
    #[must_use]
    pub const fn with(self, topic: Topic) -> Self {
        Self(self.0 | 1 << topic)
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a topic is among them.
    pub const fn has(self, topic: Topic) -> bool {
        self.0 & 1 << topic != 0
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Topic> {
        (0..32).filter(move |topic| self.has(*topic))
    }
}

/// A piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What it is about.
    pub topic: Topic,
    /// The event's name.
    pub name: &'static str,
    /// The event's data.
    pub data: String,
}

/// Where news come from. Asked on the thread `events` alone.
pub trait Source: Send {
    /// Adds what is new of these topics since it was last asked for each; of one that it was never asked for, what
    /// holds now. Answers after which time to ask again though no bell rang.
    fn look(&mut self, wanted: Topics, news: &mut Vec<News>) -> Option<Duration>;

    /// What a newcomer is told of a topic whose news are additions; `None` where the last news are all there is to know.
    fn whole(&mut self, topic: Topic) -> Option<News>;

    /// Nobody listens any more.
    fn rest(&mut self) {}
}

/// What one subscriber alone is told, at its own pace. Asked on the thread `events` alone.
pub trait Feed: Send {
    /// Whole events that come next: of about so many bytes at most, none where nothing is new.
    fn next(&mut self, room: usize) -> String;
}

/// What wakes the thread.
struct Bell {
    poller: Arc<Poller>,
    /// Whether anybody listens; without subscribers nobody is woken.
    heard: AtomicBool,
    /// Whether it rang since the source was last asked.
    rung: AtomicBool,
}

/// Where subscribers are let in. One for all who serve requests.
#[derive(Clone)]
pub struct Lobby {
    bell: Arc<Bell>,
    seats: Arc<Seats>,
    newcomers: Sender<Newcomer>,
}

struct Seats {
    most: usize,
    taken: AtomicUsize,
    closed: AtomicBool,
}

/// The right to be a subscriber; given back when it is dropped.
pub struct Seat(Arc<Seats>);

/// What a client asked for.
pub struct Wish {
    /// Of what it wants to hear.
    pub topics: Topics,
    /// The last event that it has seen, in its own words.
    pub last_id: Option<String>,
    /// The head of its answer, see [`head`].
    pub head: Vec<u8>,
    /// What it alone is told besides.
    pub feed: Option<Box<dyn Feed>>,
}

struct Newcomer {
    given: Given,
    seat: Seat,
    wish: Wish,
}

/// A lobby with so many seats, and the stage that its guests look at. `boot` tells this run of the program from others.
///
/// # Errors
/// When the system gives no poller.
pub fn open(seats: usize, boot: String) -> Result<(Lobby, Stage), Fault> {
    let poller = Poller::new().map_err(|error| Fault::io(format!("no poller for the event streams: {error}")))?;
    let bell = Bell { poller: Arc::new(poller), heard: AtomicBool::new(false), rung: AtomicBool::new(false) };
    let bell = Arc::new(bell);
    let seats = Arc::new(Seats { most: seats, taken: AtomicUsize::new(0), closed: AtomicBool::new(false) });
    // Who has a seat finds room here.
    let (sender, newcomers): (_, Receiver<Newcomer>) = bounded(seats.most.max(1));
    let stage = Stage::new(Arc::clone(&bell), Arc::clone(&seats), newcomers, boot);
    Ok((Lobby { bell, seats, newcomers: sender }, stage))
}

impl Lobby {
    /// A seat, unless all are taken or the stop was announced.
    pub fn seat(&self) -> Option<Seat> {
        let seats = &self.seats;
        let free = |taken: usize| (taken < seats.most).then_some(taken + 1);
        if seats.closed.load(SeqCst) || seats.taken.fetch_update(SeqCst, SeqCst, free).is_err() {
            return None;
        }
        Some(Seat(Arc::clone(seats)))
    }

    /// Lets a subscriber in. Does not wait.
    pub fn admit(&self, given: Given, seat: Seat, wish: Wish) {
        // Fails when the stage is gone: then the connection ends here.
        if self.newcomers.try_send(Newcomer { given, seat, wish }).is_ok() {
            self.bell.wake();
        }
    }

    /// Says that there may be something new. Quick, and quicker still when nobody listens or it was said before.
    pub fn ring(&self) {
        if self.bell.heard.load(SeqCst) && !self.bell.rung.swap(true, SeqCst) {
            self.bell.wake();
        }
    }

    /// Wakes the thread for a moment.
    pub fn knock(&self) {
        self.bell.wake();
    }

    /// Makes the thread notice the stop, which must have been announced.
    pub fn stop(&self) {
        self.seats.closed.store(true, SeqCst);
        self.bell.wake();
    }
}

impl Bell {
    fn wake(&self) {
        if let Err(error) = self.poller.notify() {
            log::error!("cannot wake the event streams: {error}");
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, SeqCst);
    }
}

/// Answers a request for the head alone.
pub fn answer_head(given: &Given, head: &[u8]) {
    // A socket that was just asked on takes a few hundred bytes.
    let _ = given.send(&[std::io::IoSlice::new(head)]);
    given.end(Closed::Answered);
}

//! What the door, the workers and the threads of single answers share, and how connections come back to the door.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use crossbeam_channel::Sender;
use polling::Poller;

use super::conn::Conn;
use super::counters::{Closed, Counters};
use super::limits::Limits;
use super::message::{Body, Handler, Response};
use super::refusal::Refusal;

/// What the door is told about a connection that it gave away.
#[derive(Debug)]
pub enum Back {
    /// Here it is again, armed for what its phase waits for.
    Conn(Box<Conn>),
    /// The connection of this key went to a thread of its own; it will be closed some time.
    Away(usize),
    /// The connection of this key is closed.
    Closed(usize),
}

/// Held by every thread of the edge; when the last one lets go, the edge has ended.
pub struct Shared {
    /// The bounds.
    pub limits: Limits,
    /// What happened.
    pub counters: Arc<Counters>,
    /// Who answers.
    pub handler: Arc<dyn Handler>,
    /// What wakes the door.
    pub poller: Arc<Poller>,
    /// Whether the stop was announced.
    pub stopping: Arc<AtomicBool>,
    /// Answers on threads of their own.
    pub detached: AtomicUsize,
    /// The way back to the door. It has room for everything that can be on it, so that sending never waits.
    pub backs: Sender<Back>,
    /// Never sent on: its end tells that all threads have ended.
    #[expect(dead_code, reason = "held, not used")]
    pub alive: Sender<()>,
}

impl Shared {
    /// Whether the stop was announced.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    /// The answer that tells a refusal of the edge's own.
    pub fn refusal(&self, refusal: &Refusal) -> Response<Body> {
        self.handler.finish(refusal.response())
    }

    /// Gives a connection back to the door, which need not wake for it: the socket's next event will do that.
    ///
    /// The socket is armed first, because it is gone afterwards; the door expects that an event may overtake its
    /// connection.
    pub fn hand_back(&self, conn: Box<Conn>) {
        if conn.arm().is_err() {
            return self.close(conn, Closed::Broken);
        }
        self.tell(Back::Conn(conn));
    }

    /// Closes a connection, then lets the door know that its place is free.
    pub fn close(&self, conn: Box<Conn>, why: Closed) {
        let key = conn.socket.key();
        self.counters.closed(why);
        drop(conn);
        self.tell(Back::Closed(key));
    }

    /// Sends the door a word; wakes it only at a stop, when it waits for the last ones.
    pub fn tell(&self, word: Back) {
        // Fails when the door has ended: then the connection ends here.
        let _ = self.backs.send(word);
        // Sent first, looked second; the door sets first, drains second: one of the two sees the other.
        if self.is_stopping() {
            self.wake();
        }
    }

    /// Wakes the door.
    pub fn wake(&self) {
        if let Err(error) = self.poller.notify() {
            log::error!("cannot wake the door: {error}");
        }
    }
}

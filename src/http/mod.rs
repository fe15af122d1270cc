//! The server's edge: a door that listens, workers that answer, tiny_http that speaks.
//!
//! The door and the workers know nothing of what is answered: they are given a [`Handler`].
//!
//! A connection is owned by the door while it waits for its client, and by one worker while it is answered; it passes
//! between them by channel, its buffers with it. No client, however slow, holds a worker. Threads: `door`,
//! `http-0` and so on, `door-bell` (waits for the stop and wakes the door), and one for each answer that is detached.

pub mod api;
pub mod conditional;
mod conn;
mod cors;
pub mod counters;
mod detach;
mod door;
pub mod events;
pub mod gate;
pub mod given;
pub mod head;
mod jobs;
pub mod latency;
pub mod later;
pub mod limits;
pub mod listen;
pub mod message;
pub mod negotiate;
pub mod outflow;
pub mod prepared;
pub mod query;
pub mod range;
pub mod refusal;
pub mod render;
mod shared;
mod slots;
mod watch;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use polling::Poller;

use crate::base::fault::Fault;
use crate::base::pulse::Pulse;
use crate::base::shutdown::Shutdown;
use crate::base::thread::{self, Exit};
use counters::Counters;
use door::Door;
use jobs::Jobs;
use shared::Shared;
use watch::Watched;

pub use limits::Limits;
pub use listen::bind;
pub use message::{Answer, Body, Handler, Method, Request};

/// An open edge: its threads are running.
#[derive(Debug)]
pub struct Edge {
    local: SocketAddr,
    counters: Arc<Counters>,
    /// Disconnected when the last thread has ended.
    alive: Receiver<()>,
}

/// Opens the edge: from now on `handler` answers what `listener` is asked, on `workers` threads.
///
/// At the stop, requests under way are finished (for 1.5 s at most), idle connections are closed, threads end. The end
/// of the door, of a worker or of the bell is reported on `exits`; before the stop it means that something is broken. Door
/// and workers answer to `pulse`.
///
/// # Errors
/// When the system refuses threads, a poller, or options of the listener.
pub fn open(
    listener: TcpListener,
    limits: Limits,
    workers: usize,
    handler: Arc<dyn Handler>,
    shutdown: Shutdown,
    exits: &Sender<Exit>,
    pulse: &Pulse,
) -> Result<Edge, Fault> {
    let refused =
        |what: &str, error: std::io::Error| Fault::io(format!("cannot open the HTTP server: {what}: {error}"));
    let limits = limits.sane();
    let local = listener.local_addr().map_err(|error| refused("the listener has no address", error))?;
    listen::prepare(&listener).map_err(|error| refused("the listener takes no options", error))?;
    let poller = Arc::new(Poller::new().map_err(|error| refused("no poller", error))?);
    let listener = Watched::new(listener, &poller, door::LISTENER)
        .map_err(|error| refused("the listener cannot be watched", error))?;
    let counters = Arc::new(Counters::default());
    let stopping = Arc::new(AtomicBool::new(false));
    let (alive_sender, alive) = bounded(0);
    let workers = workers.max(1);
    let jobs = Arc::new(Jobs::new(limits.queue, workers));
    // A connection has at most two words on the way: that it goes away, and that it has ended.
    let (backs, returned) = bounded(2 * limits.connections);
    let shared = Arc::new(Shared {
        limits,
        counters: Arc::clone(&counters),
        handler,
        poller: Arc::clone(&poller),
        stopping: Arc::clone(&stopping),
        detached: AtomicUsize::new(0),
        backs,
        alive: alive_sender,
    });
    for number in 0..workers {
        let (shared, jobs) = (Arc::clone(&shared), Arc::clone(&jobs));
        let name = format!("http-{number}");
        // One knock wakes them all.
        let beat = match number {
            0 => {
                let jobs = Arc::clone(&jobs);
                pulse.member(&name, move || jobs.knock())
            }
            _ => pulse.member(&name, || {}),
        };
        thread::spawn(&name, exits, move || worker::run(&shared, &jobs, &beat))
            .map_err(|error| refused("no thread for a worker", error))?;
    }
    let door = Door::new(shared, listener, jobs, returned);
    let beat = {
        let poller = Arc::clone(&poller);
        // Where it cannot be woken it does not answer.
        pulse.member("door", move || drop(poller.notify()))
    };
    thread::spawn("door", exits, move || door.run(&beat)).map_err(|error| refused("no thread for the door", error))?;
    thread::spawn("door-bell", exits, move || {
        // Nothing is ever sent: it ends at the stop.
        let _ = shutdown.channel().recv();
        stopping.store(true, SeqCst);
        poller.notify().map_err(|error| Fault::io(format!("cannot wake the door for the stop: {error}")))
    })
    .map_err(|error| refused("no thread for the bell", error))?;
    Ok(Edge { local, counters, alive })
}

impl Edge {
    /// Where it listens, with the port that the system chose when it was asked for any.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What happened so far; stays readable after the end.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Waits until the threads have ended, answers on threads of their own included, or until `deadline`. Answers
    /// whether they have. The stop must have been announced.
    #[must_use]
    pub fn join(self, deadline: Instant) -> bool {
        matches!(self.alive.recv_deadline(deadline), Err(RecvTimeoutError::Disconnected))
    }
}

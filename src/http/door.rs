//! The door: one thread that accepts, keeps every connection that waits for its client, and passes whole requests on.
//!
//! It sleeps in the poller until a socket has something, a deadline passes, or somebody wakes it. It makes no answers
//! but refusals, and it never waits for a worker or for a client.

use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use polling::Events;
use socket2::SockRef;

use super::conn::{Conn, Input, Phase};
use super::counters::{Closed, Counters};
use super::jobs::{Jobs, STALLED};
use super::refusal::Refusal;
use super::render::{Manner, Output};
use super::shared::{Back, Shared};
use super::slots::Slots;
use super::watch::Watched;
use crate::base::fault::Fault;
use crate::base::pulse::Beat;

/// The listener's key; connections count from 0, and the poller keeps the largest one for itself.
pub const LISTENER: usize = usize::MAX - 1;
/// Connections accepted in a row, before the others have their turn again.
const ACCEPTS: usize = 64;
/// How long accepting rests after an error that more accepting would only repeat.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The same, when every place is taken by somebody who has just come.
const FULL_PAUSE: Duration = Duration::from_millis(10);
/// How often the door looks for connections that came back without an event, while there are any to come back.
const TICK: Duration = Duration::from_secs(1);
/// The same, when a connection is known to be on its way: its event overtook it.
const EARLY_TICK: Duration = Duration::from_millis(1);
/// How long answers under way are waited for at the stop.
const STOP_TIME: Duration = Duration::from_millis(1500);

/// The door's own state.
pub struct Door {
    shared: Arc<Shared>,
    listener: Option<Watched<TcpListener>>,
    slots: Slots,
    jobs: Arc<Jobs>,
    backs: Receiver<Back>,
    /// No deadline of a connection that is here lies before this.
    next_deadline: Option<Instant>,
    /// When to see whether the workers awake have taken what they were left.
    help_at: Option<Instant>,
    /// When accepting goes on after an error.
    accept_at: Option<Instant>,
    /// When the stop is over, finished or not; set once it was announced.
    stop_at: Option<Instant>,
    now: Instant,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.jobs.close();
    }
}

impl Door {
    /// A door for `listener` that passes requests on to `jobs` and takes connections back from `backs`.
    pub fn new(shared: Arc<Shared>, listener: Watched<TcpListener>, jobs: Arc<Jobs>, backs: Receiver<Back>) -> Self {
        let slots = Slots::new(shared.limits.connections);
        let now = Instant::now();
        let listener = Some(listener);
        Self {
            shared,
            listener,
            slots,
            jobs,
            backs,
            next_deadline: None,
            help_at: None,
            accept_at: None,
            stop_at: None,
            now,
        }
    }

    /// Keeps the door until the stop.
    ///
    /// # Errors
    /// When the poller fails, without which nothing works.
    pub fn run(mut self, beat: &Beat) -> Result<(), Fault> {
        let failed = |error| Fault::io(format!("cannot wait for connections: {error}"));
        if let Some(listener) = &self.listener {
            listener.await_readable().map_err(failed)?;
        }
        let mut events = Events::new();
        loop {
            events.clear();
            let poller = Arc::clone(&self.shared.poller);
            match self.next_wake() {
                Some(deadline) => poller.wait_deadline(&mut events, deadline).map_err(failed)?,
                None => poller.wait(&mut events, None).map_err(failed)?,
            };
            beat.here();
            self.now = Instant::now();
            self.take_back();
            let mut knocks = self.accept_at.is_some_and(|at| at <= self.now);
            for event in events.iter() {
                match event.key {
                    LISTENER => knocks = true,
                    key => self.on_event(key),
                }
            }
            if self.shared.is_stopping() && self.stop_at.is_none() {
                self.begin_stop();
            }
            // Last, so that no event in hand belongs to a key's former owner.
            if knocks {
                self.accept();
            }
            if self.help_at.is_some_and(|at| at <= self.now) {
                self.help_at = self.jobs.help(self.now).then_some(self.now + STALLED);
            }
            if self.next_deadline.is_some_and(|deadline| deadline <= self.now) {
                self.expire();
            }
            if self.stop_at.is_some_and(|at| at <= self.now || self.slots.in_flight() == 0) {
                self.slots.here().for_each(|_| self.shared.counters.closed(Closed::Shutdown));
                return Ok(());
            }
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        let tick = if self.slots.early() > 0 {
            Some(self.now + EARLY_TICK)
        } else {
            (self.slots.out() > 0).then(|| self.now + TICK)
        };
        [self.next_deadline, self.help_at, self.accept_at, self.stop_at, tick].into_iter().flatten().min()
    }

    /// Takes what came back from the workers.
    fn take_back(&mut self) {
        while let Ok(back) = self.backs.try_recv() {
            match back {
                Back::Conn(conn) if self.stop_at.is_some() && conn.phase != Phase::Writing => self.part(conn),
                Back::Conn(conn) => {
                    let key = conn.socket.key();
                    if self.keep(conn) {
                        self.on_event(key);
                    }
                }
                Back::Away(key) => self.slots.send_away(key),
                Back::Closed(key) => self.slots.release(key),
            }
        }
    }

    /// Keeps a connection that is armed. Answers whether its event came already.
    fn keep(&mut self, conn: Box<Conn>) -> bool {
        let deadline = conn.deadline(&self.shared.limits);
        self.next_deadline = Some(self.next_deadline.map_or(deadline, |next| next.min(deadline)));
        self.slots.put(conn)
    }

    /// Arms a connection for what it waits for, and keeps it.
    fn wait_for(&mut self, conn: Box<Conn>) {
        match conn.arm() {
            // Nothing overtakes: the door is the one that takes events.
            Ok(()) => drop(self.keep(conn)),
            Err(_) => self.close(conn, Closed::Broken),
        }
    }

    fn on_event(&mut self, key: usize) {
        let Some(mut conn) = self.slots.take(key) else {
            self.slots.mark_early(key);
            return;
        };
        match conn.phase {
            Phase::Idle | Phase::Reading => {
                let input = conn.read(self.shared.limits.head_bytes);
                self.act(conn, input);
            }
            Phase::Writing => self.send(conn),
            Phase::Lingering(_) => {
                if conn.linger() {
                    self.wait_for(conn);
                } else {
                    self.close_lingering(conn);
                }
            }
        }
    }

    /// Does what was read demands.
    fn act(&mut self, mut conn: Box<Conn>, input: Input) {
        match input {
            Input::Whole => self.dispatch(conn),
            Input::Partial => {
                conn.begin_wait(self.now);
                self.wait_for(conn);
            }
            Input::Refused(refusal) => {
                self.shared.counters.bad_head(refusal.status);
                self.refuse(conn, &refusal, Closed::Refused);
            }
            Input::Ended(why) => self.close(conn, why),
        }
    }

    /// Passes a whole request on to the workers, unless they have too much to do.
    fn dispatch(&mut self, conn: Box<Conn>) {
        let conn = if self.slots.in_flight() > self.shared.limits.in_flight {
            conn
        } else {
            match self.jobs.push(conn, self.now) {
                Ok(true) => return,
                Ok(false) => {
                    self.help_at.get_or_insert(self.now + STALLED);
                    return;
                }
                Err(conn) => conn,
            }
        };
        Counters::add(&self.shared.counters.overloads);
        self.refuse(conn, &Refusal::busy("too many requests are under way; try again in a moment"), Closed::Refused);
    }

    fn refuse(&mut self, mut conn: Box<Conn>, refusal: &Refusal, why: Closed) {
        self.shared.counters.answered(refusal.status);
        conn.refuse(self.shared.refusal(refusal), why);
        conn.phase = Phase::Writing;
        conn.since = self.now;
        self.send(conn);
    }

    /// Goes on with an answer.
    fn send(&mut self, mut conn: Box<Conn>) {
        match conn.send() {
            Ok(taken) => {
                self.shared.counters.sent(taken);
                if taken > 0 {
                    conn.since = self.now;
                }
            }
            Err(_) => return self.close(conn, Closed::Broken),
        }
        if !conn.output.is_sent() {
            return self.wait_for(conn);
        }
        match conn.end_answer(self.now) {
            Some(why) if conn.may_close_now() || self.stop_at.is_some() => self.close(conn, why),
            Some(_) => self.wait_for(conn),
            None if self.stop_at.is_some() => self.part(conn),
            None => {
                let input = conn.look(self.shared.limits.head_bytes);
                self.act(conn, input);
            }
        }
    }

    fn close(&mut self, conn: Box<Conn>, why: Closed) {
        let key = conn.socket.key();
        drop(conn);
        self.shared.counters.closed(why);
        self.slots.release(key);
    }

    fn close_lingering(&mut self, conn: Box<Conn>) {
        let why = conn.last_answer.unwrap_or(Closed::Answered);
        self.close(conn, why);
    }

    /// Ends what has waited too long.
    fn expire(&mut self) {
        let (expired, _) = self.slots.expired(&self.shared.limits, self.now);
        for key in expired {
            let Some(conn) = self.slots.take(key) else { continue };
            match conn.phase {
                Phase::Idle => self.close(conn, Closed::Idle),
                Phase::Reading => {
                    self.shared.counters.bad_head(408);
                    let refusal = Refusal::new(408, "the request took too long to arrive; send its head at once");
                    self.refuse(conn, &refusal, Closed::SlowHead);
                }
                Phase::Writing => {
                    // The kernel need not keep what nobody takes.
                    let _ = SockRef::from(&*conn.socket).set_linger(Some(Duration::ZERO));
                    self.close(conn, Closed::SlowReader);
                }
                Phase::Lingering(_) => self.close_lingering(conn),
            }
        }
        self.next_deadline = self.slots.expired(&self.shared.limits, self.now).1;
    }

    /// Accepts who is there.
    fn accept(&mut self) {
        self.accept_at = None;
        for _ in 0..ACCEPTS {
            self.take_back();
            if self.slots.is_full() && self.victim(None).is_none() {
                // Nobody can go yet; newcomers wait in the kernel's queue.
                self.accept_at = Some(self.now + FULL_PAUSE);
                return;
            }
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((socket, peer)) => self.admit(socket, peer.ip().to_canonical()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {
                    Counters::add(&self.shared.counters.accept_errors);
                }
                Err(error) => return self.rest(&error),
            }
        }
        if let Some(Err(error)) = self.listener.as_ref().map(Watched::await_readable) {
            self.rest(&error);
        }
    }

    /// Accepting again at once would fail again: out of file descriptors, most likely.
    fn rest(&mut self, error: &std::io::Error) {
        Counters::add(&self.shared.counters.accept_errors);
        log::warn!("cannot accept a connection, trying again in {} ms: {error}", ACCEPT_PAUSE.as_millis());
        self.accept_at = Some(self.now + ACCEPT_PAUSE);
    }

    fn admit(&mut self, socket: TcpStream, peer: IpAddr) {
        Counters::add(&self.shared.counters.accepted);
        let limits = &self.shared.limits;
        let admitted = limits.is_exempt(peer) || limits.admits_from(peer, self.slots.count_from(peer));
        if !(admitted || self.evict(Some(peer))) || (self.slots.is_full() && !self.evict(None)) {
            return self.turn_away(&socket);
        }
        let Some(key) = self.slots.reserve(peer) else { return self.turn_away(&socket) };
        let watched = socket.set_nonblocking(true).and_then(|()| Watched::new(socket, &self.shared.poller, key));
        match watched {
            Ok(socket) => {
                // Its own moment, so that of those who came together the first is the longest there.
                let mut conn = Box::new(Conn::new(socket, peer, Instant::now()));
                // Most clients ask as soon as they are connected.
                let input = conn.read(self.shared.limits.head_bytes);
                self.act(conn, input);
            }
            Err(error) => {
                log::warn!("cannot watch a connection: {error}");
                self.shared.counters.closed(Closed::Broken);
                self.slots.release(key);
            }
        }
    }

    /// Which connection would be closed to make room.
    fn victim(&self, peer: Option<IpAddr>) -> Option<usize> {
        self.slots.victim(peer, Instant::now().checked_sub(self.shared.limits.grace)?)
    }

    /// Closes a connection to make room. Answers whether there was one to close.
    fn evict(&mut self, peer: Option<IpAddr>) -> bool {
        let Some(conn) = self.victim(peer).and_then(|key| self.slots.take(key)) else { return false };
        self.close(conn, Closed::Evicted);
        if peer.is_some() {
            Counters::add(&self.shared.counters.evicted_by_address);
        }
        true
    }

    fn turn_away(&self, mut socket: &TcpStream) {
        Counters::add(&self.shared.counters.turned_away);
        let mut output = Output::default();
        let refusal = Refusal::busy("too many connections are open; close some or try again in a moment");
        output.render(self.shared.refusal(&refusal), Manner::LAST_WORD);
        // A courtesy: who does not take it at once goes without.
        if socket.set_nonblocking(true).is_ok() {
            let _ = output.send(&mut socket);
        }
    }

    /// Who is connected already is served once more; then nobody new comes, and who asks nothing goes.
    fn begin_stop(&mut self) {
        self.accept();
        self.listener = None;
        self.accept_at = None;
        self.stop_at = Some(self.now + STOP_TIME);
        let waiting: Vec<usize> =
            self.slots.here().filter(|conn| conn.phase != Phase::Writing).map(|conn| conn.socket.key()).collect();
        for key in waiting {
            if let Some(conn) = self.slots.take(key) {
                self.part(conn);
            }
        }
    }

    /// Serves what a connection has asked by now, or closes it.
    fn part(&mut self, mut conn: Box<Conn>) {
        if matches!(conn.phase, Phase::Lingering(_)) {
            return self.close_lingering(conn);
        }
        let most_bytes = self.shared.limits.head_bytes;
        let found = match conn.look(most_bytes) {
            Input::Partial => conn.read(most_bytes),
            found => found,
        };
        match found {
            Input::Partial => self.close(conn, Closed::Shutdown),
            found => self.act(conn, found),
        }
    }
}

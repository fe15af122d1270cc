//! The thread `events`: asks the source when its bell rang, tells every subscriber, drops those who do not listen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use polling::Events;

use super::frame::{BYE, COMMENT, RETRY};
use super::memory::{Event, Memory};
use super::subscriber::{QUEUE_BYTES, Subscriber};
use super::{Bell, Newcomer, News, Seats, Source, Topics};
use crate::base::fault::Fault;
use crate::base::pulse::Beat;
use crate::base::shutdown::Shutdown;
use crate::http::counters::Closed;

/// Publications that follow one another faster than this are told together.
const TOGETHER: Duration = Duration::from_millis(10);
/// How often a comment is sent.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// How long the last event may take at the stop.
const STOP_TIME: Duration = Duration::from_millis(500);
/// What a newcomer is told at once must leave room for its head.
const GREETING_BYTES: usize = QUEUE_BYTES - 4 * 1024;

/// The thread's own state.
pub struct Stage {
    bell: Arc<Bell>,
    seats: Arc<Seats>,
    newcomers: Receiver<Newcomer>,
    /// By key.
    subscribers: Vec<Option<Subscriber>>,
    memory: Memory,
    /// When the source was last asked.
    looked: Option<Instant>,
    /// When it is asked again though no bell rang.
    look_at: Option<Instant>,
    comment_at: Option<Instant>,
    comment: Arc<[u8]>,
    beat: Beat,
    now: Instant,
}

impl Stage {
    pub(super) fn new(bell: Arc<Bell>, seats: Arc<Seats>, newcomers: Receiver<Newcomer>, boot: String) -> Self {
        Self {
            bell,
            subscribers: (0..seats.most).map(|_| None).collect(),
            seats,
            newcomers,
            memory: Memory::new(boot),
            looked: None,
            look_at: None,
            comment_at: None,
            comment: Arc::from(COMMENT),
            beat: Beat::default(),
            now: Instant::now(),
        }
    }

    /// The same, for whoever knocks to hear.
    #[must_use]
    pub fn answering_to(self, beat: Beat) -> Self {
        Self { beat, ..self }
    }

    /// Serves subscribers until the stop.
    ///
    /// # Errors
    /// When the poller fails, without which nothing works.
    pub fn run(mut self, mut source: impl Source, shutdown: &Shutdown) -> Result<(), Fault> {
        let failed = |error| Fault::io(format!("cannot wait for event streams: {error}"));
        let mut events = Events::new();
        loop {
            events.clear();
            match self.next_wake() {
                Some(deadline) => self.bell.poller.wait_deadline(&mut events, deadline).map_err(failed)?,
                None => self.bell.poller.wait(&mut events, None).map_err(failed)?,
            };
            self.beat.here();
            self.now = Instant::now();
            for event in events.iter() {
                self.serve(event.key);
            }
            if shutdown.is_stopping() {
                self.part();
                return Ok(());
            }
            // Behind the events, so that none of these belongs to a key's former owner.
            while let Ok(newcomer) = self.newcomers.try_recv() {
                self.welcome(newcomer, &mut source);
            }
            if self.look_due().is_some_and(|due| due <= self.now) {
                self.look(&mut source, self.wanted());
            }
            if self.comment_at.is_some_and(|due| due <= self.now) {
                let comment = Arc::clone(&self.comment);
                self.broadcast(|subscriber| subscriber.push(Arc::clone(&comment)));
                self.comment_at = Some(self.now + COMMENT_EVERY);
            }
            self.drop_stuck();
            if self.present().next().is_none() && self.bell.heard.swap(false, SeqCst) {
                (self.look_at, self.comment_at) = (None, None);
                source.rest();
            }
        }
    }

    fn present(&self) -> impl Iterator<Item = &Subscriber> {
        self.subscribers.iter().flatten()
    }

    /// What anybody wants to hear of.
    fn wanted(&self) -> Topics {
        self.present().fold(Topics::NONE, |topics, subscriber| topics.and(subscriber.topics))
    }

    fn next_wake(&self) -> Option<Instant> {
        let stuck = self.present().filter_map(Subscriber::deadline).min();
        [self.look_due(), self.comment_at, stuck].into_iter().flatten().min()
    }

    /// When to ask the source: at its own time; after a ring at once, unless it was asked just now.
    fn look_due(&self) -> Option<Instant> {
        let rung = self.bell.rung.load(SeqCst) && self.bell.heard.load(SeqCst);
        let after_ring = rung.then(|| self.looked.map_or(self.now, |looked| looked + TOGETHER));
        [self.look_at, after_ring].into_iter().flatten().min()
    }

    /// Asks the source, and tells those who are here.
    fn look(&mut self, source: &mut impl Source, wanted: Topics) {
        // Before the source looks: what is published from here on rings again.
        self.bell.rung.store(false, SeqCst);
        self.looked = Some(self.now);
        let mut news = Vec::new();
        let asked = catch_unwind(AssertUnwindSafe(|| source.look(wanted, &mut news)));
        self.look_at = match asked {
            Ok(after) => after.map(|after| self.now + after.max(TOGETHER)),
            Err(_) => {
                // The panic hook has told where. The next publication is another try.
                self.present().take(1).for_each(Subscriber::count_panic);
                None
            }
        };
        if !news.is_empty() {
            let events: Vec<Event> = news.iter().map(|news| self.memory.add(news)).collect();
            self.broadcast(|subscriber| events.iter().try_for_each(|event| subscriber.tell(event)));
        }
        for place in &mut self.subscribers {
            go_on(place, self.now);
        }
    }

    /// Adds to everybody's queue and offers it at once. Who has no room, or is gone, is dropped.
    fn broadcast(&mut self, add: impl Fn(&mut Subscriber) -> Result<(), Closed>) {
        for place in &mut self.subscribers {
            let Some(subscriber) = place else { continue };
            if let Err(why) = add(subscriber).and_then(|()| subscriber.flush(self.now)) {
                dismiss(place, why);
            }
        }
    }

    /// Lets somebody in and tells what it has not seen.
    fn welcome(&mut self, newcomer: Newcomer, source: &mut impl Source) {
        // There is one for every seat.
        let Some(key) = self.subscribers.iter().position(Option::is_none) else { return };
        let last_id = newcomer.wish.last_id.clone();
        let mut subscriber = match Subscriber::new(newcomer, &self.bell.poller, key) {
            Ok(subscriber) => subscriber,
            Err(error) => return log::warn!("cannot watch an event stream: {error}"),
        };
        if !self.bell.heard.swap(true, SeqCst) {
            self.comment_at = Some(self.now + COMMENT_EVERY);
        }
        // From here on every publication rings; what came before is seen now. Who was here hears of it, too.
        self.look(source, self.wanted().and(subscriber.topics));
        let greeting = self.greeting(subscriber.topics, last_id.as_deref(), source);
        let told = subscriber
            .push(Arc::from(RETRY))
            .and_then(|()| greeting.into_iter().try_for_each(|event| subscriber.push(event.frame)))
            .and_then(|()| subscriber.flush(self.now));
        let place = &mut self.subscribers[key];
        *place = Some(subscriber);
        match told {
            Ok(()) => go_on(place, self.now),
            Err(why) => dismiss(place, why),
        }
    }

    /// What was missed since the last event that was seen, or else what holds now; in order of their numbers, so that
    /// the last one stands for all.
    fn greeting(&mut self, topics: Topics, last_id: Option<&str>, source: &mut impl Source) -> Vec<Event> {
        let seen = last_id.and_then(|id| self.memory.seen(id));
        let missed = seen.and_then(|seen| self.memory.since(seen, topics, GREETING_BYTES));
        if let Some(missed) = missed {
            return missed;
        }
        let mut current = self.memory.current(seen, topics);
        for event in &mut current {
            let whole: Option<News> = catch_unwind(AssertUnwindSafe(|| source.whole(event.topic))).unwrap_or_default();
            if let Some(whole) = whole {
                *event = self.memory.aside(&whole);
            }
        }
        current.sort_by_key(|event| event.number);
        current
    }

    /// Something happened at a socket.
    fn serve(&mut self, key: usize) {
        let Some(place) = self.subscribers.get_mut(key) else { return };
        let Some(subscriber) = place else { return };
        match subscriber.listen() {
            Ok(()) => go_on(place, self.now),
            Err(why) => dismiss(place, why),
        }
    }

    fn drop_stuck(&mut self) {
        for place in &mut self.subscribers {
            if place.as_ref().and_then(Subscriber::deadline).is_some_and(|deadline| deadline <= self.now) {
                dismiss(place, Closed::SlowSubscriber);
            }
        }
    }

    /// The stop: a last event for everybody, then the end. Who does not take it in time goes without.
    fn part(&mut self) {
        self.seats.closed.store(true, SeqCst);
        let deadline = self.now + STOP_TIME;
        while let Ok(newcomer) = self.newcomers.try_recv() {
            let Some(key) = self.subscribers.iter().position(Option::is_none) else { break };
            self.subscribers[key] = Subscriber::new(newcomer, &self.bell.poller, key).ok();
        }
        self.broadcast(|subscriber| subscriber.push(Arc::from(BYE)));
        let mut events = Events::new();
        while self.present().any(|subscriber| !subscriber.is_done()) && self.now < deadline {
            events.clear();
            if self.bell.poller.wait_deadline(&mut events, deadline).is_err() {
                break;
            }
            self.now = Instant::now();
            for event in events.iter() {
                self.serve(event.key);
            }
        }
        self.subscribers.iter_mut().for_each(|place| dismiss(place, Closed::Shutdown));
    }
}

/// Tells somebody more. Who cannot take it, or whose feed panics, is dropped.
fn go_on(place: &mut Option<Subscriber>, now: Instant) {
    let Some(subscriber) = place else { return };
    match catch_unwind(AssertUnwindSafe(|| subscriber.go_on(now))) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => dismiss(place, why),
        Err(_) => {
            // The panic hook has told where.
            subscriber.count_panic();
            dismiss(place, Closed::Broken);
        }
    }
}

fn dismiss(place: &mut Option<Subscriber>, why: Closed) {
    if let Some(subscriber) = place.take() {
        subscriber.end(why);
    }
}

//! Whether threads are alive, not only there: each is knocked at now and then and has to answer.
//!
//! A thread that sleeps is woken by the knock, so that one which is held in its sleep does not answer either. One that
//! works says until when it will be done at the latest: so long it need not answer. An answer is an atomic store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, never, select};
use parking_lot::Mutex;

use super::shutdown::Shutdown;

/// Everybody who is knocked at.
#[derive(Clone)]
pub struct Pulse(Arc<Shared>);

struct Shared {
    clock: Arc<Clock>,
    members: Mutex<BTreeMap<String, (Beat, Wake)>>,
}

type Wake = Box<dyn Fn() + Send + Sync>;

struct Clock {
    origin: Instant,
    /// How often was knocked.
    round: AtomicU64,
}

impl Clock {
    fn ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.origin).as_millis() as u64
    }
}

/// One thread's answers.
#[derive(Clone)]
pub struct Beat {
    clock: Arc<Clock>,
    own: Arc<Own>,
    knocks: Receiver<()>,
}

struct Own {
    /// The last knock that was answered.
    answered: AtomicU64,
    /// When what it does will be done at the latest, ms; 0 while nothing is done that takes long.
    busy_until: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        let clock = Arc::new(Clock { origin: Instant::now(), round: AtomicU64::new(0) });
        Self(Arc::new(Shared { clock, members: Mutex::default() }))
    }
}

impl Pulse {
    /// A thread that `wake` wakes, in place of a former one of the same name.
    pub fn member(&self, name: &str, wake: impl Fn() + Send + Sync + 'static) -> Beat {
        self.join(name, never(), Box::new(wake))
    }

    /// A thread that sleeps in [`Beat::wait`], or where it selects [`Beat::knocks`].
    pub fn sleeper(&self, name: &str) -> Beat {
        let (sender, knocks) = bounded(1);
        // A knock that was not heard yet is enough.
        self.join(name, knocks, Box::new(move || _ = sender.try_send(())))
    }

    fn join(&self, name: &str, knocks: Receiver<()>, wake: Wake) -> Beat {
        let clock = Arc::clone(&self.0.clock);
        let answered = AtomicU64::new(clock.round.load(SeqCst));
        let beat = Beat { clock, own: Arc::new(Own { answered, busy_until: AtomicU64::new(0) }), knocks };
        self.0.members.lock().insert(name.to_owned(), (beat.clone(), wake));
        beat
    }

    /// A thread that is gone is not knocked at.
    pub fn leave(&self, name: &str) {
        self.0.members.lock().remove(name);
    }

    /// Knocks at everybody.
    pub fn knock(&self) {
        self.0.clock.round.fetch_add(1, SeqCst);
        self.0.members.lock().values().for_each(|(_, wake)| wake());
    }

    /// Who has not answered the last knock, though nothing excuses it.
    pub fn silent(&self, now: Instant) -> Vec<String> {
        let (round, ms) = (self.0.clock.round.load(SeqCst), self.0.clock.ms(now));
        let is_silent = |own: &Own| own.answered.load(SeqCst) < round && own.busy_until.load(SeqCst) < ms.max(1);
        let members = self.0.members.lock();
        members.iter().filter(|(_, (beat, _))| is_silent(&beat.own)).map(|(name, _)| name.clone()).collect()
    }
}

impl Default for Beat {
    /// Of a thread that nobody knocks at.
    fn default() -> Self {
        Pulse::default().join("", never(), Box::new(|| {}))
    }
}

impl Beat {
    /// Answers, if there was a knock.
    pub fn here(&self) {
        self.own.answered.store(self.clock.round.load(Relaxed), Relaxed);
    }

    /// Answers, and will not answer again for so long: what begins now is done by then.
    pub fn busy(&self, within: Duration) {
        self.own.busy_until.store(self.clock.ms(Instant::now() + within), Relaxed);
        self.here();
    }

    /// Answers; what was being done is done.
    pub fn done(&self) {
        self.own.busy_until.store(0, Relaxed);
        self.here();
    }

    /// Where knocks are heard while the thread sleeps; [`Beat::here`] is the answer.
    pub fn knocks(&self) -> &Receiver<()> {
        &self.knocks
    }

    /// Sleeps for `timeout`, for ever without one, or until the stop, and answers meanwhile. Tells whether to go on.
    #[must_use]
    pub fn wait(&self, shutdown: &Shutdown, timeout: Option<Duration>) -> bool {
        self.done();
        let over = timeout.map_or_else(never, after);
        loop {
            select! {
                recv(shutdown.channel()) -> _ => return false,
                // Disconnected when its pulse is gone, with whoever would knock.
                recv(self.knocks) -> knock => match knock {
                    Ok(()) => self.here(),
                    Err(_) => return timeout.is_some_and(|timeout| shutdown.wait(timeout)),
                },
                recv(over) -> _ => return !shutdown.is_stopping(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::shutdown;

    fn soon(condition: impl Fn() -> bool) -> bool {
        let due = Instant::now() + Duration::from_secs(10);
        while !condition() && Instant::now() < due {
            std::thread::sleep(Duration::from_millis(2));
        }
        condition()
    }

    #[test]
    fn who_sleeps_answers_and_who_is_held_does_not() {
        let (pulse, (trigger, shutdown)) = (Pulse::default(), shutdown::channel());
        let (sleeper, held) = (pulse.sleeper("sleeper"), pulse.sleeper("held"));
        assert!(pulse.silent(Instant::now()).is_empty(), "nobody was knocked at");
        let thread = {
            let shutdown = shutdown.clone();
            std::thread::spawn(move || sleeper.wait(&shutdown, None))
        };
        for _ in 0..3 {
            pulse.knock();
            assert!(soon(|| pulse.silent(Instant::now()) == ["held"]));
        }
        held.here();
        assert!(soon(|| pulse.silent(Instant::now()).is_empty()));
        assert!(held.wait(&shutdown, Some(Duration::from_millis(1))), "knocks do not end the sleep");
        trigger.stop();
        assert!(!thread.join().unwrap());
        assert!(!held.wait(&shutdown, Some(Duration::ZERO)));
    }

    #[test]
    fn who_works_is_excused_until_it_must_be_done() {
        let pulse = Pulse::default();
        let beat = pulse.member("worker", || {});
        beat.busy(Duration::from_secs(60));
        pulse.knock();
        let now = Instant::now();
        assert!(pulse.silent(now + Duration::from_secs(50)).is_empty());
        assert_eq!(pulse.silent(now + Duration::from_secs(61)), ["worker"]);
        beat.done();
        assert!(pulse.silent(now + Duration::from_secs(61)).is_empty());
        pulse.knock();
        assert_eq!(pulse.silent(now), ["worker"]);
        pulse.leave("worker");
        assert!(pulse.silent(now).is_empty());
        // Started again.
        pulse.member("worker", || {});
        assert!(pulse.silent(now).is_empty());
    }

    #[test]
    fn whoever_is_to_be_woken_is_woken() {
        let (pulse, (sender, woken)) = (Pulse::default(), bounded(1));
        pulse.member("door", move || sender.send(()).unwrap());
        pulse.knock();
        assert_eq!(woken.try_recv(), Ok(()));
        assert_eq!(pulse.silent(Instant::now()), ["door"]);
    }
}

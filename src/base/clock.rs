//! The time, as an argument: programs take a [`Clock`], tests hand them a simulated one.
//!
//! Wall-clock instants date data; monotonic instants measure waits and ages. They are never mixed, because a
//! machine without a real-time clock may jump a year while it runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;

/// A source of both kinds of time.
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
    /// The monotonic clock.
    fn instant(&self) -> Instant;
}

/// How a clock is passed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clocks.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct SimulatedClock {
    state: Mutex<(Timestamp, Instant)>,
}

impl SimulatedClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { state: Mutex::new((now, Instant::now())) }
    }

    /// Lets `by` pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock();
        state.0 += by;
        state.1 += by;
    }

    /// Sets the wall clock alone, as an administrator or a time server would.
    pub fn set_wall(&self, now: Timestamp) {
        self.state.lock().0 = now;
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.state.lock().0
    }
    fn instant(&self) -> Instant {
        self.state.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_wall_clock_leaves_the_monotonic_one_alone() {
        let clock = SimulatedClock::new(Timestamp::UNIX_EPOCH);
        let before = clock.instant();
        clock.set_wall("2026-11-22T13:00:00Z".parse().unwrap());
        assert_eq!(clock.instant(), before);
        clock.advance(Duration::from_secs(30));
        assert_eq!(clock.instant() - before, Duration::from_secs(30));
        assert_eq!(clock.now().to_string(), "2026-11-22T13:00:30Z");
    }
}

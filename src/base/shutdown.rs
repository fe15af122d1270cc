//! One channel that everybody waits on: when its only sender goes, everybody wakes at once.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use parking_lot::Mutex;

/// The listening side: cheap to clone, one for each thread.
#[derive(Debug, Clone)]
pub struct Shutdown {
    closed: Receiver<()>,
}

/// The side that announces the stop. Dropping it announces it as well.
#[derive(Debug)]
pub struct ShutdownTrigger {
    open: Mutex<Option<Sender<()>>>,
}

/// A connected pair.
pub fn channel() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = bounded(0);
    (ShutdownTrigger { open: Mutex::new(Some(sender)) }, Shutdown { closed: receiver })
}

impl ShutdownTrigger {
    /// Announces the stop; a second call changes nothing.
    pub fn stop(&self) {
        self.open.lock().take();
    }
}

impl Shutdown {
    /// Sleeps for `timeout`, or until the stop is announced. Answers whether to go on.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        matches!(self.closed.recv_timeout(timeout), Err(RecvTimeoutError::Timeout))
    }

    /// Whether the stop was announced.
    pub fn is_stopping(&self) -> bool {
        matches!(self.closed.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// The channel itself, for `select!`: it becomes ready (disconnected) at the stop and never before.
    pub fn channel(&self) -> &Receiver<()> {
        &self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn everyone_wakes_at_once() {
        let (trigger, shutdown) = channel();
        assert!(!shutdown.is_stopping());
        assert!(shutdown.wait(Duration::ZERO));
        let sleepers: Vec<_> = (0..4)
            .map(|_| {
                let shutdown = shutdown.clone();
                std::thread::spawn(move || shutdown.wait(Duration::from_secs(60)))
            })
            .collect();
        let started = Instant::now();
        trigger.stop();
        trigger.stop();
        assert!(sleepers.into_iter().all(|s| !s.join().unwrap()));
        assert!(started.elapsed() < Duration::from_secs(30));
        assert!(shutdown.is_stopping());
    }
}

//! Who follows what one thread reads: it looks often while anybody does, and does not run away from the slowest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

/// How long somebody who does not get on is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Everybody who follows.
pub struct Audience {
    places: Mutex<Vec<Spot>>,
    bell: Sender<()>,
    /// Rings when the first one comes.
    pub arrivals: Receiver<()>,
}

struct Spot {
    id: u64,
    /// What is followed; `None` for who only wants to hear of news soon.
    what: Option<String>,
    /// How far, as a number that grows.
    reached: u64,
    /// Since when it is behind and does not get on.
    behind_since: Option<Instant>,
}

/// Somebody who follows, until it is dropped.
pub struct Place {
    id: u64,
    audience: Arc<Audience>,
}

impl Default for Audience {
    fn default() -> Self {
        let (bell, arrivals) = bounded(1);
        Self { places: Mutex::default(), bell, arrivals }
    }
}

impl Audience {
    /// Lets somebody in who follows `what` and has all up to `reached`.
    pub fn join(self: &Arc<Self>, what: Option<&str>, reached: u64) -> Place {
        let mut places = self.places.lock();
        let id = places.iter().map(|spot| spot.id).max().unwrap_or(0) + 1;
        places.push(Spot { id, what: what.map(str::to_owned), reached, behind_since: None });
        // It rings already where this fails.
        let _ = self.bell.try_send(());
        Place { id, audience: Arc::clone(self) }
    }

    /// Whether nobody follows.
    pub fn is_empty(&self) -> bool {
        self.places.lock().is_empty()
    }

    /// How far the slowest is of those who follow `what`, are not at `newest` and get on.
    pub fn slowest(&self, what: &str, newest: u64) -> Option<u64> {
        let mut places = self.places.lock();
        let behind = places.iter_mut().filter(|spot| spot.what.as_deref() == Some(what) && spot.reached < newest);
        let gets_on = |spot: &mut Spot| spot.behind_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE;
        behind.filter_map(|spot| gets_on(spot).then_some(spot.reached)).min()
    }
}

impl Place {
    /// Up to which number it has all.
    pub fn reached(&self) -> u64 {
        self.audience.places.lock().iter().find(|spot| spot.id == self.id).map_or(0, |spot| spot.reached)
    }

    /// It has all up to this number.
    pub fn reach(&self, number: u64) {
        if let Some(spot) = self.audience.places.lock().iter_mut().find(|spot| spot.id == self.id) {
            (spot.reached, spot.behind_since) = (number, None);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.audience.places.lock().retain(|spot| spot.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_counts_until_it_leaves() {
        let audience = Arc::new(Audience::default());
        assert!(audience.is_empty() && audience.slowest("a", 20).is_none());
        let (fast, slow, other) = (audience.join(Some("a"), 9), audience.join(Some("a"), 3), audience.join(None, 0));
        assert!(audience.arrivals.try_recv().is_ok() && audience.arrivals.try_recv().is_err(), "it rings once");
        assert_eq!((audience.slowest("a", 20), audience.slowest("b", 20)), (Some(3), None));
        slow.reach(10);
        assert_eq!((audience.slowest("a", 20), fast.reached()), (Some(9), 9));
        drop(fast);
        assert_eq!((audience.slowest("a", 20), audience.slowest("a", 10)), (Some(10), None));
        audience.places.lock()[0].behind_since = Instant::now().checked_sub(PATIENCE);
        assert_eq!(audience.slowest("a", 20), None, "who does not get on is not waited for");
        slow.reach(11);
        assert_eq!(audience.slowest("a", 20), Some(11));
        drop((slow, other));
        assert!(audience.is_empty());
    }
}

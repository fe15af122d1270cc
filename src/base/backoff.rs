//! Pauses between attempts that fail: doubling, up to a limit, with jitter so that many homes do not ask in step.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Counts failures and says how long to wait.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// About `first` after the first failure, twice as long after each further one, never more than `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// After a failure: how long to wait, 75 to 100 % of the step.
    pub fn fail(&mut self) -> Duration {
        let step = self.first.saturating_mul(1 << self.failures.min(20)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        // A new RandomState hashes differently each time: random enough to spread requests.
        let share = RandomState::new().build_hasher().finish() % 1000;
        step.mul_f64(0.75 + 0.25 * share as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_again() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(10), seconds(60));
        for step in [10, 20, 40, 60, 60] {
            let pause = backoff.fail();
            assert!(pause <= seconds(step) && pause >= seconds(step).mul_f64(0.75), "{pause:?} of {step} s");
        }
        backoff.reset();
        assert!(backoff.fail() <= seconds(10));
        let mut many = Backoff::new(seconds(10), seconds(3600));
        for _ in 0..100 {
            many.fail();
        }
        let last = many.fail();
        assert!(last >= seconds(2700) && last <= seconds(3600));
    }
}

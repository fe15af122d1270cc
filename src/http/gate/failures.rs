//! Who showed wrong tokens, and how many more of them are heard. Nobody is made to wait: who asks too often is told when
//! to ask again.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Wrong tokens that an address has at once.
const AT_ONCE: u32 = 10;
/// After so long it has one more.
const REGAINED: Duration = Duration::from_secs(6);
/// Addresses that are remembered; who failed least goes first.
const REMEMBERED: usize = 256;

/// The failures of each address.
#[derive(Debug, Default)]
pub struct Failures {
    /// When all is forgiven; an address that is not here, or whose time is past, has failed nowhere.
    forgiven: Mutex<Vec<(IpAddr, Instant)>>,
}

impl Failures {
    /// Counts a failure of an address.
    ///
    /// # Errors
    /// When it has failed too often: after how long it will be heard again.
    pub fn count(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut known = self.forgiven.lock();
        let place = known.iter().position(|(address, _)| *address == client);
        let before = place.map_or(now, |index| known[index].1.max(now));
        let after = before + REGAINED;
        let debt = after - now;
        if let Some(excess) = debt.checked_sub(REGAINED * AT_ONCE).filter(|excess| !excess.is_zero()) {
            return Err(excess);
        }
        match place {
            Some(index) => known[index].1 = after,
            None if known.len() < REMEMBERED => known.push((client, after)),
            None => {
                if let Some(least) = known.iter_mut().min_by_key(|(_, forgiven)| *forgiven) {
                    *least = (client, after);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEBODY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 7));

    #[test]
    fn ten_at_once_and_one_every_six_seconds() {
        let (failures, start) = (Failures::default(), Instant::now());
        let at = |seconds: f64| failures.count(SOMEBODY, start + Duration::from_secs_f64(seconds));
        let wait = |seconds: f64| Err(Duration::from_secs_f64(seconds));
        for _ in 0..10 {
            assert_eq!(at(0.0), Ok(()));
        }
        for (seconds, expected) in [
            (0.0, wait(6.0)),
            (0.5, wait(5.5)),
            (5.0, wait(1.0)),
            (6.0, Ok(())),
            (6.0, wait(6.0)),
            (18.0, Ok(())),
            (18.0, Ok(())),
            (18.0, wait(6.0)),
        ] {
            assert_eq!(at(seconds), expected, "at {seconds}");
        }
        for _ in 0..10 {
            assert_eq!(at(1000.0), Ok(()), "all is forgiven, and no more than all");
        }
        assert_eq!(at(1000.0), wait(6.0));
    }

    #[test]
    fn each_address_has_its_own_and_few_are_remembered() {
        let (failures, now) = (Failures::default(), Instant::now());
        let other = |number: u32| IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        for _ in 0..10 {
            assert_eq!(failures.count(SOMEBODY, now), Ok(()));
        }
        assert!(failures.count(SOMEBODY, now).is_err());
        for number in 0..10_000 {
            assert_eq!(failures.count(other(number), now), Ok(()));
        }
        assert_eq!(failures.forgiven.lock().len(), REMEMBERED);
        assert!(failures.count(SOMEBODY, now).is_err(), "who failed most is remembered longest");
    }
}

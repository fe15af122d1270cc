//! What the log says of panics: one short line, at most one a minute for each place in the code.
//!
//! Panics are contained where they happen (a request is answered 500, a refresher starts anew); a handler that fails
//! at every request must not fill the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use log::error;
use parking_lot::Mutex;

use super::thread::panic_text;

/// How long a place is silent after it was named.
const SILENCE: Duration = Duration::from_secs(60);

/// Replaces the standard report (several lines on standard error) for the whole process. To be called once, by `main`.
pub fn install() {
    let places = Mutex::new(Places::default());
    std::panic::set_hook(Box::new(move |panic| {
        let (file, line) = panic.location().map_or(("an unknown place", 0), |at| (at.file(), at.line()));
        // Held by another panic just now: that one is told, which is enough.
        let Some(mut places) = places.try_lock() else { return };
        let Some(untold) = places.admit(file, line, Instant::now()) else { return };
        drop(places);
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("a thread without a name");
        let text = panic_text(panic.payload());
        if untold == 0 {
            error!("{name} panicked at {file}:{line}: {text}");
        } else {
            error!("{name} panicked at {file}:{line} (and {untold} times since this was last told): {text}");
        }
    }));
}

/// When each place was last named, and how often it panicked since.
#[derive(Default)]
struct Places {
    told: HashMap<(String, u32), (Instant, u32)>,
}

impl Places {
    /// Whether a panic at this place is to be told now, and how many were not told before it.
    fn admit(&mut self, file: &str, line: u32, now: Instant) -> Option<u32> {
        match self.told.get_mut(&(file.to_owned(), line)) {
            Some((at, untold)) if now.duration_since(*at) < SILENCE => {
                *untold += 1;
                None
            }
            Some((at, untold)) => {
                *at = now;
                Some(std::mem::take(untold))
            }
            None => {
                self.told.insert((file.to_owned(), line), (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_told_once_a_minute() {
        let mut places = Places::default();
        let start = Instant::now();
        for (second, line, told) in [
            (0, 7, Some(0)),
            (1, 7, None),
            (2, 8, Some(0)),
            (59, 7, None),
            (60, 7, Some(2)),
            (61, 7, None),
            (62, 8, Some(0)),
        ] {
            assert_eq!(
                places.admit("a.rs", line, start + Duration::from_secs(second)),
                told,
                "line {line} at {second} s"
            );
        }
    }
}

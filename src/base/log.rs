//! The program's own log: `simplelog` behind a filter that counts repeats instead of repeating them.
//!
//! Two lines that differ in their numbers only (`loaded 97 decisions in 3 ms`) are the same line. Within
//! [`WINDOW`] the first one is written; the next one after the window says how many were held back.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;
use simplelog::{ConfigBuilder, WriteLogger};

/// How long a repeated line is counted instead of written.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Distinct lines remembered; beyond that the oldest ones are forgotten.
const REMEMBERED: usize = 256;

/// Sends the log to standard error from `level` up.
///
/// # Errors
/// When a logger is already set.
pub fn start(level: LevelFilter) -> Result<(), log::SetLoggerError> {
    let config = ConfigBuilder::new()
        .set_time_format_rfc3339()
        .set_thread_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off)
        .add_filter_allow_str("wattboard")
        .build();
    let inner = WriteLogger::new(level, config, std::io::stderr());
    log::set_boxed_logger(Box::new(Counting { inner, repeats: Mutex::default() }))?;
    log::set_max_level(level);
    Ok(())
}

struct Counting {
    inner: Box<WriteLogger<std::io::Stderr>>,
    repeats: Mutex<Repeats>,
}

impl Log for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || !record.target().starts_with("wattboard") {
            return;
        }
        let line = record.args().to_string();
        let held_back = match self.repeats.lock().admit(&line, Instant::now()) {
            Some(held_back) => held_back,
            None => return,
        };
        if held_back == 0 {
            self.inner.log(record);
        } else {
            self.inner.log(
                &Record::builder()
                    .metadata(record.metadata().clone())
                    .args(format_args!("{line} (and {held_back} more like it before)"))
                    .build(),
            );
        }
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

/// Which lines were written lately, and how often they came again since.
#[derive(Default)]
struct Repeats {
    seen: HashMap<u64, (Instant, u32)>,
}

impl Repeats {
    /// Whether `line` is to be written now, and how many like it were held back since the last one.
    fn admit(&mut self, line: &str, now: Instant) -> Option<u32> {
        if self.seen.len() >= REMEMBERED {
            self.seen.retain(|_, (at, _)| now.duration_since(*at) < WINDOW);
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        let entry = self.seen.entry(shape(line));
        match entry {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert((now, 0));
                Some(0)
            }
            std::collections::hash_map::Entry::Occupied(mut known) => {
                let (at, count) = known.get_mut();
                if now.duration_since(*at) < WINDOW {
                    *count += 1;
                    return None;
                }
                *at = now;
                Some(std::mem::take(count))
            }
        }
    }
}

/// A line's hash with its numbers left out.
fn shape(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.bytes().filter(|byte| !byte.is_ascii_digit()).for_each(|byte| byte.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_not_repeated() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        assert_eq!(repeats.admit("loaded 97 decisions in 3 ms", start), Some(0));
        assert_eq!(repeats.admit("loaded 98 decisions in 12 ms", start + Duration::from_secs(30)), None);
        assert_eq!(repeats.admit("another line", start + Duration::from_secs(30)), Some(0));
        assert_eq!(repeats.admit("loaded 99 decisions in 2 ms", start + Duration::from_secs(61)), Some(1));
        assert_eq!(repeats.admit("loaded 99 decisions in 2 ms", start + Duration::from_secs(122)), Some(0));
    }

    #[test]
    fn memory_stays_bounded() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        for i in 0..10_000 {
            let unlike: String = format!("{i}").bytes().map(|digit| (digit - b'0' + b'a') as char).collect();
            repeats.admit(&unlike, start);
        }
        assert!(repeats.seen.len() <= REMEMBERED);
    }
}

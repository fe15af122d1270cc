//! How far it is: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::model::time::human_duration;

/// Between two drawings of the bar.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// Between two lines: so long, or so many files.
const TELL_EVERY: Duration = Duration::from_secs(5);
const TELL_FILES: usize = 1_000;
/// Characters of the bar.
const WIDTH: usize = 30;

/// Tells how many files of how many are done.
pub struct Progress<'a> {
    to: &'a mut dyn Write,
    bar: bool,
    total: usize,
    done: usize,
    started: Instant,
    told: (Instant, usize),
    drawn: bool,
}

impl<'a> Progress<'a> {
    /// On standard error, of whatever sort it is.
    pub fn new(to: &'a mut dyn Write, total: usize) -> Self {
        Self::with(to, total, std::io::stderr().is_terminal())
    }

    fn with(to: &'a mut dyn Write, total: usize, bar: bool) -> Self {
        let now = Instant::now();
        Self { to, bar, total, done: 0, started: now, told: (now, 0), drawn: false }
    }

    /// One more file is done.
    pub fn step(&mut self) {
        self.done += 1;
        let (at, files) = self.told;
        if self.bar {
            if at.elapsed() >= DRAW_EVERY {
                self.draw();
            }
        } else if self.done - files >= TELL_FILES || at.elapsed() >= TELL_EVERY {
            let text = self.words();
            self.tell(&text);
        }
    }

    fn draw(&mut self) {
        let full = WIDTH * self.done / self.total.max(1);
        let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH.saturating_sub(full)));
        let text = format!("\r[{bar}] {}\x1b[K", self.words());
        self.drawn = true;
        self.tell(&text);
    }

    /// Removes the bar, so that a line can stand in its place.
    pub fn clear(&mut self) {
        if self.drawn {
            self.drawn = false;
            let _ = self.to.write_all(b"\r\x1b[K").and_then(|()| self.to.flush());
        }
    }

    fn words(&self) -> String {
        let took = self.started.elapsed().as_secs_f64();
        let rate = if took > 0.0 { self.done as f64 / took } else { 0.0 };
        let left = if rate > 0.0 { (self.total - self.done.min(self.total)) as f64 / rate } else { 0.0 };
        let left = human_duration(Duration::from_secs_f64(left.min(1e9).ceil()));
        format!("{} of {} files, {rate:.0} a second, {left} left", self.done, self.total)
    }

    fn tell(&mut self, text: &str) {
        self.told = (Instant::now(), self.done);
        let end = if self.bar { "" } else { "\n" };
        // Whoever closed standard error does not want to know.
        let _ = write!(self.to, "{text}{end}").and_then(|()| self.to.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_every_thousand_files_or_a_bar() {
        let mut out = Vec::new();
        let mut progress = Progress::with(&mut out, 2_500, false);
        (0..2_500).for_each(|_| progress.step());
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("1000 of 2500 files, ") && lines[0].ends_with(" left"), "{text}");
        let mut out = Vec::new();
        let mut progress = Progress::with(&mut out, 10, true);
        progress.done = 5;
        progress.draw();
        progress.clear();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("\r[###############---------------] 5 of 10 files, "), "{text:?}");
        assert!(text.ends_with("\r\x1b[K"), "{text:?}");
    }
}

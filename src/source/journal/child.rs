//! A child process whose output is read without ever waiting for it, and which is gone, reaped, when it is dropped.
//!
//! It gets a process group of its own, so that what it started ends with it, and nothing of ours but three pipe ends:
//! every descriptor of this program is closed at an `exec`, SIGPIPE is not ignored any more, the signal mask is ours.
//! When this program is killed, nobody reads its pipes any more: `journalctl --follow` watches its output for just that
//! and ends at once (since systemd 240; an older one ends by SIGPIPE at its next line).

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus};

/// What is read at once.
const CHUNK: usize = 16 * 1024;
/// What is read of its complaints at a time; more waits in the pipe.
const COMPLAINTS: usize = 32 * 1024;
/// A longer complaint is cut.
const COMPLAINT_BYTES: usize = 200;
/// How lines of advice begin that are no complaint about what happened.
const HINT: [&str; 3] = ["Hint:", "Users in groups", "Pass -q to"];
/// Between the request to end and the order.
const GRACE: Duration = Duration::from_secs(1);
/// The same at the end of this program, which waits for it.
const LAST_GRACE: Duration = Duration::from_millis(300);
/// How long a killed one is waited for: the kernel may hold it while a disk does not answer.
const BURIAL: Duration = Duration::from_secs(1);

/// A running child, or one that ended and was not reaped yet.
pub struct Process {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    complaints: Complaints,
    asked: Option<Instant>,
    /// Reaped: its number may belong to somebody else.
    gone: bool,
}

impl Process {
    /// Starts `program` (a name is looked for in PATH) with plain C output and an empty standard input.
    ///
    /// # Errors
    /// When it is not there or cannot be started.
    pub fn start(program: &Path, arguments: &[String]) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C")
            .env("SYSTEMD_COLORS", "0")
            .env("SYSTEMD_PAGER", "")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process = Self { child, stdout, stderr, complaints: Complaints::default(), asked: None, gone: false };
        // From here on a failure ends it.
        process.stdout.as_ref().map_or(Ok(()), never_wait)?;
        process.stderr.as_ref().map_or(Ok(()), never_wait)?;
        Ok(process)
    }

    /// What it wrote, `most` bytes at most. Answers whether there may be more.
    pub fn read(&mut self, most: usize, take: &mut dyn FnMut(&[u8])) -> bool {
        let mut chunk = [0; CHUNK];
        let mut left = most;
        while left > 0 {
            let Some(stdout) = &mut self.stdout else { return false };
            match read_some(stdout, &mut chunk[..left.min(CHUNK)]) {
                Some(0) => self.stdout = None,
                Some(count) => {
                    take(&chunk[..count]);
                    left -= count;
                }
                None => return false,
            }
        }
        true
    }

    /// Whether it closed its output.
    pub fn closed(&self) -> bool {
        self.stdout.is_none()
    }

    /// What it complained of so far.
    pub fn complaints(&mut self) -> &Complaints {
        let mut chunk = [0; 4 * 1024];
        let mut left = COMPLAINTS;
        while left > 0 {
            let Some(stderr) = &mut self.stderr else { break };
            match read_some(stderr, &mut chunk) {
                Some(0) => self.stderr = None,
                Some(count) => {
                    self.complaints.take(&chunk[..count]);
                    left = left.saturating_sub(count);
                }
                None => break,
            }
        }
        &self.complaints
    }

    /// Whether it ended. It is not reaped yet, so what it wrote last can still be read, and its number is still its own.
    pub fn ended(&self) -> bool {
        self.gone || !matches!(self.state(), Ok(None))
    }

    /// `None` while it runs; an error where the system reaps by itself, as when SIGCHLD is ignored.
    fn state(&self) -> rustix::io::Result<Option<WaitIdStatus>> {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        rustix::process::waitid(WaitId::Pid(Pid::from_child(&self.child)), how)
    }

    /// Reaps it after its end, with whatever it left behind; how it ended, where that is known.
    pub fn reap(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::KILL);
        self.gone = true;
        self.child.wait().ok()
    }

    /// Asks it to end, orders it to after a second; without waiting. Answers whether it is gone.
    pub fn leave(&mut self, now: Instant) -> bool {
        if !self.gone && self.ended() {
            self.reap();
        }
        if self.gone {
            return true;
        }
        match self.asked {
            None => {
                self.asked = Some(now);
                (self.stdout, self.stderr) = (None, None);
                self.signal(Signal::TERM);
            }
            Some(asked) if now.saturating_duration_since(asked) >= GRACE => self.signal(Signal::KILL),
            Some(_) => {}
        }
        false
    }

    fn signal(&self, signal: Signal) {
        if !self.gone && self.state().is_ok() {
            // One that ended meanwhile needs none.
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), signal);
        }
    }

    fn gone_within(&mut self, patience: Duration) -> bool {
        let begun = Instant::now();
        while !self.ended() {
            if begun.elapsed() >= patience {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        self.signal(Signal::TERM);
        if !self.gone_within(LAST_GRACE) {
            self.signal(Signal::KILL);
            if !self.gone_within(BURIAL) {
                return;
            }
        }
        self.reap();
    }
}

/// The last line of what a child complained of, and what its lines told.
#[derive(Debug, Default)]
pub struct Complaints {
    current: Vec<u8>,
    last: String,
    /// The journal, or a part of it, may not be read by this user.
    pub denied: bool,
    /// There are no journal files.
    pub no_files: bool,
}

impl Complaints {
    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = COMPLAINT_BYTES.saturating_sub(self.current.len());
            self.current.extend_from_slice(&text[..text.len().min(room)]);
            if text.len() < piece.len() {
                self.line();
            }
        }
    }

    fn line(&mut self) {
        let text = readable(&self.current);
        self.denied |=
            text.contains("not seeing messages from other users") || text.contains("insufficient permissions");
        self.no_files |= text.contains("No journal files were found");
        if !text.is_empty() && !HINT.iter().any(|start| text.starts_with(start)) {
            self.last = text;
        }
        self.current.clear();
    }

    /// The last line that says something.
    pub fn last(&self) -> String {
        let text = readable(&self.current);
        if text.is_empty() { self.last.clone() } else { text }
    }
}

fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(char::is_control, " ").trim().to_owned()
}

fn never_wait(pipe: &impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(pipe)?;
    Ok(rustix::fs::fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?)
}

/// How much was read, 0 at the end; `None` where there is nothing now.
fn read_some(pipe: &mut impl Read, chunk: &mut [u8]) -> Option<usize> {
    loop {
        match pipe.read(chunk) {
            Ok(count) => return Some(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(_) => return Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_complaint_is_kept_short_and_plain() {
        let mut complaints = Complaints::default();
        complaints.take(b"first\nse");
        assert_eq!(complaints.last(), "se");
        complaints.take(b"cond \x1b[31m\xff\n\n  \n");
        assert_eq!(complaints.last(), "second  [31m\u{fffd}");
        for _ in 0..1000 {
            complaints.take(&[b'x'; 1000]);
        }
        assert_eq!(complaints.last().len(), COMPLAINT_BYTES);
        complaints.take(b"\nlast\n");
        assert_eq!(complaints.last(), "last");
        assert!(!complaints.denied && !complaints.no_files);
        complaints.take(b"Hint: You are currently not seeing messages from other users and the system.\n");
        complaints.take(b"      Pass -q to turn off this notice.\n");
        assert_eq!(complaints.last(), "last");
        assert!(std::mem::take(&mut complaints.denied));
        complaints.take(b"No journal files were opened due to insufficient permissions.\n");
        assert!(complaints.denied && !complaints.no_files);
    }
}

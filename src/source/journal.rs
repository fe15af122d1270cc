//! The systemd journal of the coordinator's unit, as a stream of lines that child processes tell.
//!
//! First both kinds of unit, system and user, are asked for their newest line; the newer one is it. Then the last 1000 lines
//! are taken, and from there on `journalctl --follow` tells what comes. These are two children since `--follow` alone
//! tells of the present boot only (systemd up to 252). A child that ends is started again after 1, 2, 4 ... 60 s, and
//! asked for everything since the second of the last line (`--since=@...`, all of it, however much). Of what it tells
//! again [`lines::Lines`] leaves out what was told. `--after-cursor` would need the cursor of the last line, which
//! `--output=short-iso` does not show.
//!
//! So nothing is told twice, and nothing is lost but what the journal itself lost (rate limits, vacuuming), more than
//! 1000 lines that are older than the start, and what bears a time before the last line's where the clock was set back
//! and that line is gone from the journal. Of a second with more than [`lines::KNOWN`] lines, some may be told again.

mod child;
mod lines;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use child::Process;
use lines::Lines;

use crate::base::backoff::Backoff;

/// The coordinator's unit.
pub const UNIT: &str = "goodwe-master-coordinator";
/// What one poll takes at most; more is held by the pipe, and so is the child.
const BYTES_A_POLL: usize = 256 * 1024;
/// How many lines there are to begin with.
const FIRST_LINES: u32 = 1000;
/// How long a child that is to end by itself may take, or write nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// A follower that lived as long, without a line, is taken for well.
const WELL: Duration = Duration::from_secs(5);
/// One that lived as long was no failure.
const STEADY: Duration = Duration::from_secs(60);
/// After as long without a line the unit is looked for anew, and the follower replaced.
const SILENCE: Duration = Duration::from_secs(3600);
/// Between closing its output and the end of a child.
const CLOSING: Duration = Duration::from_secs(1);
/// How soon a unit without lines is looked for again.
const NO_UNIT: Duration = Duration::from_secs(60);
/// How soon journalctl is looked for again.
const NO_PROGRAM: Duration = Duration::from_secs(300);

/// The journal, followed. Dropped, it ends its children and waits for them, half a second for each that does not heed.
pub struct Journal {
    program: PathBuf,
    state: State,
    /// Children that were asked to end: nothing else goes on until they did.
    leaving: Vec<Process>,
    lines: Lines,
    backoff: Backoff,
    trouble: Option<String>,
}

enum State {
    /// Until then; with no time, until the next poll.
    Resting(Option<Instant>),
    Looking(Box<Looking>),
    Reading(Reader),
}

/// The unit's newest line is asked for, as a system and as a user unit.
struct Looking {
    began: Instant,
    system: Look,
    user: Look,
}

struct Look {
    process: Process,
    lines: Lines,
    end: Option<Ended>,
}

/// How a child ended and what it complained of.
struct Ended {
    status: Option<ExitStatus>,
    complaint: String,
    denied: bool,
    no_files: bool,
}

/// A child that tells lines: the last ones and ends, or what comes.
struct Reader {
    process: Process,
    user: bool,
    follows: bool,
    began: Instant,
    told: Instant,
    closed: Option<Instant>,
}

impl Journal {
    /// Read by this program: `journalctl`, looked for in PATH, outside tests. Nothing is started yet.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            state: State::Resting(None),
            leaving: Vec::new(),
            lines: Lines::default(),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60)),
            trouble: Some("the journal was not read yet".into()),
        }
    }

    /// Starts the child that is due and gives `take` what there is, at most 256 KiB: whole lines with their ends, of 16 KiB
    /// at most each, oldest first, none of them twice. Never waits. Answers whether there may be more at once.
    pub fn poll(&mut self, now: Instant, take: &mut dyn FnMut(&[u8])) -> bool {
        self.leaving.retain_mut(|process| !process.leave(now));
        if !self.leaving.is_empty() {
            return false;
        }
        let mut more = false;
        self.state = match std::mem::replace(&mut self.state, State::Resting(None)) {
            State::Resting(Some(until)) if now < until => State::Resting(Some(until)),
            State::Resting(_) => self.look(now),
            State::Looking(looking) => self.looked(looking, now),
            State::Reading(reader) => self.read(reader, now, take, &mut more),
        };
        more
    }

    /// Why there are no new lines, where there is a reason; stays the same while the reason does.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether something is under way that ends within moments: a start, or an end. A poll soon is worth it then.
    pub fn settling(&self) -> bool {
        let starting = match &self.state {
            State::Resting(until) => until.is_none(),
            State::Looking(_) => true,
            State::Reading(reader) => !reader.follows || reader.closed.is_some(),
        };
        starting || !self.leaving.is_empty()
    }

    fn look(&mut self, now: Instant) -> State {
        let look = |program: &Path, user| -> io::Result<Look> {
            let process = Process::start(program, &arguments(user, &["-n", "1"]))?;
            Ok(Look { process, lines: Lines::default(), end: None })
        };
        let system = match look(&self.program, false) {
            Ok(system) => system,
            Err(error) => return self.not_started(&error, now),
        };
        match look(&self.program, true) {
            Ok(user) => State::Looking(Box::new(Looking { began: now, system, user })),
            Err(error) => {
                self.dismiss(system.process, now);
                self.not_started(&error, now)
            }
        }
    }

    fn looked(&mut self, mut looking: Box<Looking>, now: Instant) -> State {
        let Looking { began, system, user } = &mut *looking;
        let (all, late) = (system.poll() & user.poll(), now.saturating_duration_since(*began) >= PATIENCE);
        if !all && !late {
            return State::Looking(looking);
        }
        let Looking { system, user, .. } = *looking;
        let newest = system.lines.last().max(user.lines.last());
        let is_user = newest.is_some() && system.lines.last() != newest;
        let why = newest.is_none().then(|| why_none(&system, &user));
        for look in [system, user] {
            self.dismiss(look.process, now);
        }
        match why {
            None => self.start(is_user, now),
            Some(Ok(reason)) => {
                self.trouble = Some(reason);
                State::Resting(Some(now + NO_UNIT))
            }
            Some(Err(failure)) => self.failed(&failure, now),
        }
    }

    /// Starts what tells lines: the last ones first, then, or after a failure, what came since.
    fn start(&mut self, user: bool, now: Instant) -> State {
        let last = self.lines.last();
        let of = match last {
            None => vec!["-n".to_owned(), FIRST_LINES.to_string()],
            Some(second) => vec!["--follow".to_owned(), "--no-tail".to_owned(), format!("--since=@{second}")],
        };
        let of: Vec<&str> = of.iter().map(String::as_str).collect();
        match Process::start(&self.program, &arguments(user, &of)) {
            Ok(process) => {
                self.lines.restart();
                let follows = last.is_some();
                State::Reading(Reader { process, user, follows, began: now, told: now, closed: None })
            }
            Err(error) => self.not_started(&error, now),
        }
    }

    fn read(&mut self, mut reader: Reader, now: Instant, take: &mut dyn FnMut(&[u8]), more: &mut bool) -> State {
        // In this order: what it wrote before its end is there once its end is seen.
        let ended = reader.process.ended();
        reader.process.complaints();
        let mut told = false;
        *more = reader.process.read(BYTES_A_POLL, &mut |bytes| told |= self.lines.take(bytes, take));
        let lived = now.saturating_duration_since(reader.began);
        if told {
            reader.told = now;
        }
        if told || (reader.follows && lived >= WELL && !ended) {
            self.trouble = None;
        }
        if reader.follows && lived >= STEADY {
            self.backoff.reset();
        }
        if *more {
            return State::Reading(reader);
        }
        if ended {
            let end = Ended::of(&mut reader.process);
            // The last lines are told; where there were none, they vanished just now.
            if !reader.follows && end.status.is_some_and(|status| status.success()) && self.lines.last().is_some() {
                return self.start(reader.user, now);
            }
            return self.failed(&end.to_string(), now);
        }
        if reader.process.closed() {
            let closed = *reader.closed.get_or_insert(now);
            if now.saturating_duration_since(closed) < CLOSING {
                return State::Reading(reader);
            }
            self.dismiss(reader.process, now);
            return self.failed("journalctl closed its output", now);
        }
        let silent = now.saturating_duration_since(reader.told);
        if reader.follows && silent >= SILENCE {
            self.dismiss(reader.process, now);
            return State::Resting(None);
        }
        if !reader.follows && silent >= PATIENCE {
            self.dismiss(reader.process, now);
            return if self.lines.last().is_some() {
                self.start(reader.user, now)
            } else {
                self.failed(&no_answer(), now)
            };
        }
        State::Reading(reader)
    }

    fn dismiss(&mut self, mut process: Process, now: Instant) {
        if !process.leave(now) {
            self.leaving.push(process);
        }
    }

    fn not_started(&mut self, error: &io::Error, now: Instant) -> State {
        if error.kind() == ErrorKind::NotFound {
            self.trouble = Some("journalctl is not installed".into());
            return State::Resting(Some(now + NO_PROGRAM));
        }
        self.failed(&format!("journalctl cannot be started: {error}"), now)
    }

    fn failed(&mut self, failure: &str, now: Instant) -> State {
        let pause = self.backoff.fail();
        self.trouble = Some(format!("{failure}; it is started again after {} s", pause.as_secs_f64().ceil()));
        State::Resting(Some(now + pause))
    }
}

impl Look {
    /// Whether it ended. Its output is read and forgotten but for the second of its last line.
    fn poll(&mut self) -> bool {
        if self.end.is_some() {
            return true;
        }
        let ended = self.process.ended();
        self.process.complaints();
        let more = self.process.read(BYTES_A_POLL, &mut |bytes| {
            self.lines.take(bytes, &mut |_| ());
        });
        if ended && !more {
            self.end = Some(Ended::of(&mut self.process));
        }
        self.end.is_some()
    }
}

impl Ended {
    /// Of a child that ended; reaps it.
    fn of(process: &mut Process) -> Self {
        let status = process.reap();
        let complaints = process.complaints();
        Self { status, complaint: complaints.last(), denied: complaints.denied, no_files: complaints.no_files }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status.map(|status| match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (_, Some(signal)) => format!("signal {signal}"),
            _ => status.to_string(),
        });
        let said = Some(&self.complaint).filter(|text| !text.is_empty()).cloned();
        let told: Vec<String> = status.into_iter().chain(said).collect();
        f.write_str("journalctl ended")?;
        if told.is_empty() { Ok(()) } else { write!(f, " ({})", told.join(": ")) }
    }
}

/// Why neither kind of unit has a line: what is so (`Ok`), or what failed.
fn why_none(system: &Look, user: &Look) -> Result<String, String> {
    let (Some(of_system), Some(of_user)) = (&system.end, &user.end) else { return Err(no_answer()) };
    if of_system.denied || of_user.denied {
        return Ok("the journal may not be read by this user, who is in neither group systemd-journal nor adm".into());
    }
    if of_system.no_files {
        return Ok("there is no journal on this machine".into());
    }
    // Some versions end with 1, and say nothing, where there is no line.
    let silent = of_system.status.is_some_and(|status| status.code().is_some()) && of_system.complaint.is_empty();
    if !silent && !of_system.status.is_some_and(|status| status.success()) {
        return Err(of_system.to_string());
    }
    Ok(format!("the journal has no lines of the unit {UNIT}"))
}

fn no_answer() -> String {
    format!("journalctl did not answer within {} s", PATIENCE.as_secs())
}

fn arguments(user: bool, of: &[&str]) -> Vec<String> {
    let kind: &[&str] = if user { &["--user"] } else { &[] };
    let all = kind.iter().chain(&["-u", UNIT]).chain(of).chain(&["--no-pager", "--output=short-iso"]);
    all.map(|argument| (*argument).to_owned()).collect()
}

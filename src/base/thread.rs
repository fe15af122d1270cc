//! The only way a thread is started: named, with its end (return, error or panic) reported.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::Sender;

use super::fault::Fault;

/// How a thread ended.
#[derive(Debug)]
pub enum Outcome {
    /// It returned, as at a shutdown.
    Finished,
    /// It gave up.
    Failed(Fault),
    /// It panicked; the text of the panic.
    Panicked(String),
}

/// A thread's last word.
#[derive(Debug)]
pub struct Exit {
    /// The thread's name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// Stack of every thread: the deepest (SQLite's parser, TLS) use a fraction of it, and only what is touched is resident.
const STACK_BYTES: usize = 1024 * 1024;

/// Starts `body` on a thread called `name` (15 bytes at most: the kernel cuts the rest) that reports its end on `exits`.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn<F>(name: &str, exits: &Sender<Exit>, body: F) -> io::Result<JoinHandle<()>>
where
    F: FnOnce() -> Result<(), Fault> + Send + 'static,
{
    debug_assert!(name.len() <= 15, "thread name {name:?} would be cut");
    let exits = exits.clone();
    let exit_name = name.to_owned();
    Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let outcome = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => Outcome::Finished,
            Ok(Err(fault)) => Outcome::Failed(fault),
            Err(payload) => Outcome::Panicked(panic_text(payload.as_ref())),
        };
        // Nobody listens any more once main has left its loop.
        let _ = exits.send(Exit { name: exit_name, outcome });
    })
}

/// From here on the calling thread takes what time the others leave: work on the past, for which nobody waits. A lower
/// priority alone is not enough: today's Linux lets a thread end its slice of some milliseconds before it gives way to
/// one that wakes up; a thread of the class `SCHED_IDLE` gives way at once.
///
/// While all processors are busy it takes long; what it holds meanwhile (a lock of the coordinator's database outside of
/// WAL mode) is held longer, too. So each piece of such work is small: a day's rows.
pub fn step_back() {
    idle::enter();
}

#[expect(unsafe_code, reason = "the one way into a scheduling class; the calling thread's own, which needs no rights")]
mod idle {
    use std::ffi::{c_int, c_ulong};

    // sched.h of Linux; the same on all machines.
    const SCHED_IDLE: c_int = 5;

    /// `struct sched_param`: its first member is the priority, always 0 in this class; musl's has more, which it does not use.
    #[repr(C, align(8))]
    struct Parameters([u8; 64]);

    // `pthread_t` is as wide as a long in both C libraries. (musl's sched_setscheduler does nothing.)
    unsafe extern "C" {
        safe fn pthread_self() -> c_ulong;
        fn pthread_setschedparam(thread: c_ulong, policy: c_int, parameters: *const Parameters) -> c_int;
    }

    pub fn enter() {
        // SAFETY: the thread is the one that calls, so it is there; the parameters are larger than what is read of them.
        // Refused, it only takes its turn like the others.
        let _ = unsafe { pthread_setschedparam(pthread_self(), SCHED_IDLE, &Parameters([0; 64])) };
    }
}

/// The message of a panic, as far as it is text.
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    #[test]
    fn a_thread_that_steps_back_is_of_the_idle_class_and_the_others_are_not() {
        // proc_pid_stat(5), the 41st field: the policy.
        fn policy() -> String {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit(") ").next().unwrap().split(' ').nth(38).unwrap().to_owned()
        }
        let stepped = std::thread::spawn(|| {
            let before = policy();
            step_back();
            (before, policy())
        });
        assert_eq!(stepped.join().unwrap(), ("0".to_owned(), "5".to_owned()));
        assert_eq!(policy(), "0");
    }

    #[test]
    fn every_end_is_reported() {
        let (sender, exits) = unbounded();
        spawn("fine", &sender, || Ok(())).unwrap().join().unwrap();
        assert!(matches!(exits.recv().unwrap().outcome, Outcome::Finished));
        spawn("fails", &sender, || Err(Fault::io("no disk"))).unwrap().join().unwrap();
        assert!(matches!(exits.recv().unwrap().outcome, Outcome::Failed(f) if f.to_string() == "no disk"));
        spawn("panics", &sender, || panic!("on purpose: {}", 7)).unwrap().join().unwrap();
        let exit = exits.recv().unwrap();
        assert_eq!(exit.name, "panics");
        assert!(matches!(exit.outcome, Outcome::Panicked(text) if text == "on purpose: 7"));
    }
}

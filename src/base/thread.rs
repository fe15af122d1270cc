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

/// How much further back a thread stands that is in no hurry.
const NICE: i32 = 10;

/// From here on the calling thread lets others go first: work that nobody waits for. On Linux a priority is the thread's own.
pub fn step_back() {
    // Refused, it only takes its turn like the others.
    let _ = rustix::process::setpriority_process(None, NICE);
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

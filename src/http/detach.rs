//! Answers that leave the workers: downloads on threads of their own, streams with owners of their own.

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::conn::Conn;
use super::counters::{Closed, Counters};
use super::given::Given;
use super::message::{Parting, Taken};
use super::outflow::Outflow;
use super::refusal::Refusal;
use super::shared::{Back, Shared};
use crate::base::thread;

/// Starts `work` on a thread called `name`. The connection comes back when it cannot be.
pub fn start(
    shared: &Arc<Shared>,
    conn: Box<Conn>,
    name: &'static str,
    work: impl FnOnce(Outflow) -> Parting + Send + 'static,
) -> Result<(), (Box<Conn>, Refusal)> {
    let most = shared.limits.detached;
    if shared.detached.fetch_update(SeqCst, SeqCst, |running| (running < most).then_some(running + 1)).is_err() {
        Counters::add(&shared.counters.overloads);
        Counters::add(&shared.counters.busy_downloads);
        return Err((conn, Refusal::busy("too many downloads are under way; try again in a moment")));
    }
    let stream = match conn.socket.try_clone() {
        Ok(stream) => stream,
        Err(error) => {
            shared.detached.fetch_sub(1, SeqCst);
            log::warn!("cannot give {name} a connection: {error}");
            return Err((conn, Refusal::busy("the server is out of file descriptors; try again in a moment")));
        }
    };
    let key = conn.socket.key();
    shared.tell(Back::Away(key));
    // Its end is nobody's business but the door's: an ended download is no ended server.
    let (unheard, _) = crossbeam_channel::unbounded();
    let owner = Arc::clone(shared);
    let started = thread::spawn(name, &unheard, move || {
        run(&owner, conn, stream, work);
        Ok(())
    });
    if let Err(error) = started {
        log::warn!("cannot start a thread for {name}: {error}");
        shared.detached.fetch_sub(1, SeqCst);
        shared.counters.closed(Closed::Broken);
        shared.tell(Back::Closed(key));
    }
    Ok(())
}

fn run(shared: &Shared, mut conn: Box<Conn>, stream: TcpStream, work: impl FnOnce(Outflow) -> Parting) {
    Counters::add(&shared.counters.detached);
    let stopping = Arc::clone(&shared.stopping);
    let prepared = Outflow::new(stream, shared.limits.write_time, move || stopping.load(SeqCst));
    let mut parting = Parting::Told;
    let prepared = prepared.map(|outflow| match catch_unwind(AssertUnwindSafe(|| work(outflow))) {
        Ok(ended) => parting = ended,
        Err(_) => Counters::add(&shared.counters.panics),
    });
    shared.detached.fetch_sub(1, SeqCst);
    if parting == Parting::Cut {
        // Without a last word: the client's system is told of a reset.
        let _ = SockRef::from(&*conn.socket).set_linger(Some(Duration::ZERO));
        shared.close(conn, Closed::Broken);
        return shared.wake();
    }
    if prepared.and_then(|()| conn.socket.set_nonblocking(true)).is_err() {
        return shared.close(conn, Closed::Broken);
    }
    // What the client sent meanwhile must not reset the connection before it has read the end: the door waits for it.
    conn.last_answer = Some(Closed::Left);
    conn.begin_linger(Instant::now());
    if shared.is_stopping() {
        // The door may have ended: it waits for no such answer.
        conn.linger();
        shared.close(conn, Closed::Shutdown);
    } else {
        shared.hand_back(conn);
    }
    shared.wake();
}

/// Gives a connection to another owner, on the spot. The connection comes back when it cannot be.
pub fn give(shared: &Arc<Shared>, conn: Box<Conn>, take: Taken) -> Result<(), (Box<Conn>, Refusal)> {
    match conn.socket.try_clone() {
        Ok(stream) => {
            let key = conn.socket.key();
            // Told before it can end. Its place stays taken; the original is closed and no longer watched.
            shared.tell(Back::Away(key));
            let given = Given::new(stream, key, shared);
            drop(conn);
            if catch_unwind(AssertUnwindSafe(|| take(given))).is_err() {
                Counters::add(&shared.counters.panics);
            }
            Ok(())
        }
        Err(error) => {
            log::warn!("cannot give a connection away: {error}");
            Err((conn, Refusal::busy("the server is out of file descriptors; try again in a moment")))
        }
    }
}

//! What the workers have to do: requests that the door passed on, and connections that may ask again at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::conn::Conn;
use crate::base::pulse::Beat;

/// Things to do for each worker that is awake, before another one is woken.
const SHARE: usize = 16;
/// A worker that has taken nothing for so long is busy with something large, or was interrupted: help is called.
pub const STALLED: Duration = Duration::from_millis(1);

/// A thing to do.
#[derive(Debug)]
pub enum Job<C = Box<Conn>> {
    /// Answer the request at the front of the connection's buffer.
    Answer(C),
    /// Look whether a connection that was answered has asked again.
    Look(C),
}

/// The queue between the door and the workers, and among the workers.
///
/// Who was answered often asks again at once. So a connection is kept here until the others at hand had their turn, and
/// then read once more: under load that spares the poller and the door. The workers keep connections together, so that a
/// worker that the system lets wait delays the one in its hand and no other. And workers sleep while those awake have
/// not too much to do: a thread that never sleeps takes the processor from the clients and from the coordinator.
///
/// Generic, so that its rules can be tested without sockets.
#[derive(Debug)]
pub struct Jobs<C = Box<Conn>> {
    state: Mutex<State<C>>,
    more: Condvar,
    /// Requests that may wait.
    room: usize,
    workers: usize,
}

#[derive(Debug)]
struct State<C> {
    requests: VecDeque<C>,
    answered: VecDeque<C>,
    /// Workers that are awake, and those that were called and have not come yet.
    awake: usize,
    /// Those that were called and have not come yet.
    called: usize,
    /// When something was taken last.
    taken: Instant,
    /// Requests and looks take turns, so that neither starves the other.
    look_next: bool,
    closed: bool,
}

impl<C> State<C> {
    fn new(awake: usize, now: Instant) -> Self {
        Self {
            requests: VecDeque::new(),
            answered: VecDeque::new(),
            awake,
            called: 0,
            taken: now,
            look_next: false,
            closed: false,
        }
    }

    fn waiting(&self) -> usize {
        self.requests.len() + self.answered.len()
    }

    /// Whether nobody has taken anything for long.
    fn is_stalled(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.taken) >= STALLED
    }

    /// Whether those awake have more to do than they should; one more of them is counted then.
    fn wants_help(&mut self, workers: usize, now: Instant) -> bool {
        let share = if self.is_stalled(now) { 0 } else { SHARE * self.awake };
        let wanted = self.waiting() > share && self.awake < workers;
        self.awake += usize::from(wanted);
        self.called += usize::from(wanted);
        wanted
    }

    /// All of them are called.
    fn call_all(&mut self, workers: usize) {
        self.called += workers - self.awake;
        self.awake = workers;
    }

    /// A worker has woken up: it answers a call, which counted it, or came by itself. A call may meet a worker whose time
    /// is up just then; were both counted, the last one awake would leave connections to one that sleeps.
    fn came(&mut self) {
        if self.called > 0 {
            self.called -= 1;
        } else {
            self.awake += 1;
        }
    }

    /// Whether a worker may sleep: nothing is left, or little for others who are not stalled. One less is awake then.
    fn spares_one(&mut self, now: Instant) -> bool {
        let share = if self.is_stalled(now) { 0 } else { SHARE * (self.awake - 1) / 2 };
        let spared = !self.closed && self.waiting() <= share;
        self.awake -= usize::from(spared);
        spared
    }

    /// The next thing to do: whether it is a request, and whose.
    fn take(&mut self, now: Instant) -> Option<(bool, C)> {
        self.taken = now;
        let look_first = std::mem::take(&mut self.look_next);
        if look_first && let Some(conn) = self.answered.pop_front() {
            return Some((false, conn));
        }
        if let Some(conn) = self.requests.pop_front() {
            self.look_next = true;
            return Some((true, conn));
        }
        self.answered.pop_front().map(|conn| (false, conn))
    }
}

impl<C> Jobs<C> {
    /// An empty queue with room for so many requests, for so many workers, all of them awake.
    pub fn new(room: usize, workers: usize) -> Self {
        Self { state: Mutex::new(State::new(workers, Instant::now())), more: Condvar::new(), room, workers }
    }

    /// Passes a request on. Answers whether a worker was woken for it; if not, the workers awake are expected to take it
    /// soon, and [`Jobs::help`] is to be called after [`STALLED`].
    ///
    /// # Errors
    /// The connection itself, when too many wait.
    pub fn push(&self, conn: C, now: Instant) -> Result<bool, C> {
        let mut state = self.state.lock();
        if state.requests.len() >= self.room {
            return Err(conn);
        }
        state.requests.push_back(conn);
        let wake = state.wants_help(self.workers, now);
        drop(state);
        if wake {
            self.more.notify_one();
        }
        Ok(wake)
    }

    /// Wakes a worker if requests wait and nobody has taken anything for [`STALLED`]. Answers whether some wait.
    pub fn help(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let waiting = !state.requests.is_empty();
        let wake = waiting && state.wants_help(self.workers, now);
        drop(state);
        if wake {
            self.more.notify_one();
        }
        waiting
    }

    /// Keeps a connection that was answered, if any, and takes the next thing to do; waits for one, and answers knocks
    /// meanwhile. None at the end.
    pub fn next(&self, answered: Option<C>, beat: &Beat) -> Option<Job<C>> {
        beat.here();
        let mut state = self.state.lock();
        state.answered.extend(answered);
        let mut now = Instant::now();
        while state.spares_one(now) {
            if state.requests.is_empty() {
                self.more.wait(&mut state);
            } else {
                // Those awake may have been held up since: then this one is needed after all.
                self.more.wait_for(&mut state, STALLED);
            }
            state.came();
            beat.here();
            now = Instant::now();
        }
        let taken = state.take(now);
        let wake = state.wants_help(self.workers, now);
        drop(state);
        if wake {
            self.more.notify_one();
        }
        taken.map(|(is_request, conn)| if is_request { Job::Answer(conn) } else { Job::Look(conn) })
    }

    /// Wakes every worker for a moment.
    pub fn knock(&self) {
        self.state.lock().call_all(self.workers);
        // One by one: of all at once, the others would wait for the first one to go on, which may be held.
        (0..self.workers).for_each(|_| _ = self.more.notify_one());
    }

    /// Says that no request follows: workers end when nothing is left to do.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.call_all(self.workers);
        drop(state);
        self.more.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(awake: usize, requests: usize, answered: usize) -> State<usize> {
        let mut state = State::new(awake, Instant::now());
        state.requests.extend(0..requests);
        state.answered.extend(100..100 + answered);
        state
    }

    #[test]
    fn help_is_called_for_more_than_a_share_or_after_a_stall() {
        let now = Instant::now();
        let stalled = STALLED * 2;
        for (awake, requests, answered, pause, wanted) in [
            (0, 0, 0, Duration::ZERO, false),
            (0, 1, 0, Duration::ZERO, true),
            (1, 1, 0, Duration::ZERO, false),
            (1, 8, 8, Duration::ZERO, false),
            (1, 8, 9, Duration::ZERO, true),
            (2, 16, 17, Duration::ZERO, true),
            (3, 100, 100, Duration::ZERO, false),
            (1, 1, 0, stalled, true),
            (1, 0, 1, stalled, true),
            (1, 0, 0, stalled, false),
        ] {
            let mut state = state(awake, requests, answered);
            state.taken = now;
            assert_eq!(state.wants_help(3, now + pause), wanted, "{awake} {requests} {answered} {pause:?}");
            assert_eq!(state.awake, awake + usize::from(wanted));
        }
    }

    #[test]
    fn a_worker_sleeps_when_the_others_have_little_to_do_but_never_the_last_one_with_something() {
        let now = Instant::now();
        for (awake, requests, answered, pause, spared) in [
            (1, 0, 0, Duration::ZERO, true),
            (1, 1, 0, Duration::ZERO, false),
            (1, 0, 1, Duration::ZERO, false),
            (2, 4, 4, Duration::ZERO, true),
            (2, 4, 5, Duration::ZERO, false),
            (3, 8, 8, Duration::ZERO, true),
            (2, 0, 0, STALLED, true),
            (2, 1, 0, STALLED, false),
        ] {
            let mut state = state(awake, requests, answered);
            state.taken = now;
            assert_eq!(state.spares_one(now + pause), spared, "{awake} {requests} {answered} {pause:?}");
            assert_eq!(state.awake, awake - usize::from(spared));
            state.closed = true;
            state.awake = awake;
            assert!(!state.spares_one(now + pause), "at the end nobody sleeps");
        }
    }

    #[test]
    fn what_waits_is_not_left_to_workers_that_are_held_up() {
        let (jobs, workers) = (Jobs::<usize>::new(16, 4), 4);
        let (begun, seen) = crossbeam_channel::unbounded();
        let (go_on, held) = crossbeam_channel::unbounded();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(Job::Answer(number)) = jobs.next(None, &Beat::default()) {
                        begun.send(number).unwrap();
                        held.recv().unwrap();
                    }
                });
            }
            for round in 0..50 {
                // All sleep, and nothing was taken for long: each of these wakes one, before the first one takes anything.
                std::thread::sleep(STALLED * 3);
                if round % 2 == 1 {
                    jobs.knock();
                    std::thread::sleep(STALLED * 3);
                }
                let woken = (0..workers).filter(|number| jobs.push(*number, Instant::now()) == Ok(true)).count();
                // As the door does it.
                while woken < workers && jobs.help(Instant::now()) {
                    std::thread::sleep(STALLED);
                }
                let taken = (0..workers).take_while(|_| seen.recv_timeout(Duration::from_secs(5)).is_ok()).count();
                (0..workers).for_each(|_| go_on.send(()).unwrap());
                if taken < workers {
                    jobs.close();
                }
                assert_eq!(taken, workers, "round {round}");
            }
            jobs.close();
        });
    }

    #[test]
    fn a_call_that_meets_a_worker_whose_time_is_up_counts_one() {
        let now = Instant::now();
        let mut state = state(0, 1, 0);
        state.taken = now;
        assert!(state.wants_help(2, now));
        assert_eq!((state.awake, state.called), (1, 1));
        // The one whose time is up comes first, and the call finds nobody else.
        state.came();
        assert_eq!((state.awake, state.called), (1, 0));
        state.requests.clear();
        state.answered.extend(0..8);
        assert!(!state.spares_one(now), "the only one awake leaves nothing behind");
        // Another one wakes up without having been called.
        state.came();
        assert_eq!((state.awake, state.called), (2, 0));
        assert!(state.spares_one(now), "one of two may leave little to the other");
        assert!(!state.spares_one(now));
    }

    #[test]
    fn a_knock_counts_nobody_twice() {
        let now = Instant::now();
        let mut state = state(1, 0, 0);
        state.call_all(3);
        state.came();
        state.came();
        assert_eq!((state.awake, state.called), (3, 0));
        assert!((0..3).all(|_| state.spares_one(now)), "all may sleep again");
        assert_eq!(state.awake, 0);
    }

    #[test]
    fn requests_and_looks_take_turns() {
        let mut state = state(1, 3, 2);
        let order: Vec<_> = std::iter::from_fn(|| state.take(Instant::now())).collect();
        assert_eq!(order, [(true, 0), (false, 100), (true, 1), (false, 101), (true, 2)]);
    }
}

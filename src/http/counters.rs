//! What happened at the edge so far, in numbers that only grow; but for one, `event_streams`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::latency::Latencies;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The client closed it, in order.
    ByClient,
    /// The answer was the last one, as agreed.
    Answered,
    /// Nothing was asked for too long.
    Idle,
    /// A head took too long.
    SlowHead,
    /// An answer was not taken.
    SlowReader,
    /// It made room for a new connection.
    Evicted,
    /// Its request could not be read, or was refused for good.
    Refused,
    /// It broke: reset, or an error of the socket.
    Broken,
    /// A thread or an owner of its own took it, and it ended there.
    Left,
    /// A stream's news were not taken.
    SlowSubscriber,
    /// The server stopped.
    Shutdown,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// The counters themselves: shared by the door and the workers, without locks.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)+
            /// How long answers took, by class of request.
            pub latencies: Latencies,
        }

        /// The counters at one moment.
        #[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
        pub struct Snapshot { $($(#[$doc])* pub $name: u64,)+ }

        impl Counters {
            /// All of them, each read once.
            pub fn snapshot(&self) -> Snapshot {
                Snapshot { $($name: self.$name.load(Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Connections accepted.
    accepted,
    /// Accepts that failed; each one pauses the listener for a moment unless the client alone was to blame.
    accept_errors,
    /// Connections turned away: their address had its share, or there was no room.
    turned_away,
    /// Requests answered, refusals included.
    requests,
    /// Answers with a status below 300.
    answers_2xx,
    /// Answers with a status from 300.
    answers_3xx,
    /// Answers with a status from 400.
    answers_4xx,
    /// Answers with a status from 500.
    answers_5xx,
    /// Heads that were refused: malformed, too large, too slow, with a body.
    bad_heads,
    /// Of these, heads that had too many bytes or headers.
    large_heads,
    /// Requests answered 503 because too much was under way.
    overloads,
    /// Of these, downloads beyond their number.
    busy_downloads,
    /// Event streams beyond their number, answered 503.
    busy_streams,
    /// Panics of handlers and of answers on their own threads; each was contained.
    panics,
    /// Answers that got a thread of their own.
    detached,
    /// Answers that the socket did not take at once, finished by the door.
    slow_writes,
    /// Event streams open now.
    event_streams,
    /// Bytes written by the door, the workers and the event streams, heads included.
    bytes_sent,
    /// Connections that clients closed.
    closed_by_client,
    /// Connections closed after their last answer.
    closed_answered,
    /// Connections closed because nothing was asked.
    closed_idle,
    /// Connections closed because a head took too long.
    closed_slow_head,
    /// Connections closed because an answer was not taken.
    closed_slow_reader,
    /// Connections closed to make room.
    closed_evicted,
    /// Of these, for a newcomer from their own address.
    evicted_by_address,
    /// Connections closed after a refusal.
    closed_refused,
    /// Connections that broke.
    closed_broken,
    /// Connections that left for a thread or an owner of their own, and ended there.
    closed_left,
    /// Event streams closed because their news were not taken.
    closed_slow_subscriber,
    /// Connections closed by the shutdown.
    closed_shutdown,
}

impl Counters {
    /// Counts one more of `counter`.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Counts a head that was refused with this status.
    pub fn bad_head(&self, status: u16) {
        Self::add(&self.bad_heads);
        if matches!(status, 414 | 431) {
            Self::add(&self.large_heads);
        }
    }

    /// Counts an answer of this status.
    pub fn answered(&self, status: u16) {
        Self::add(&self.requests);
        Self::add(match status {
            0..=299 => &self.answers_2xx,
            300..=399 => &self.answers_3xx,
            400..=499 => &self.answers_4xx,
            _ => &self.answers_5xx,
        });
    }

    /// Counts bytes that a socket took.
    pub fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Relaxed);
    }

    /// Counts a connection's end.
    pub fn closed(&self, why: Closed) {
        Self::add(match why {
            Closed::ByClient => &self.closed_by_client,
            Closed::Answered => &self.closed_answered,
            Closed::Idle => &self.closed_idle,
            Closed::SlowHead => &self.closed_slow_head,
            Closed::SlowReader => &self.closed_slow_reader,
            Closed::Evicted => &self.closed_evicted,
            Closed::Refused => &self.closed_refused,
            Closed::Broken => &self.closed_broken,
            Closed::Left => &self.closed_left,
            Closed::SlowSubscriber => &self.closed_slow_subscriber,
            Closed::Shutdown => &self.closed_shutdown,
        });
    }
}

impl Snapshot {
    /// Connections that have ended. With those turned away, never more than were accepted.
    pub fn closed(&self) -> u64 {
        self.closed_by_client
            + self.closed_answered
            + self.closed_idle
            + self.closed_slow_head
            + self.closed_slow_reader
            + self.closed_evicted
            + self.closed_refused
            + self.closed_broken
            + self.closed_left
            + self.closed_slow_subscriber
            + self.closed_shutdown
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.accepted.saturating_sub(self.closed() + self.turned_away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree() {
        let counters = Counters::default();
        for _ in 0..12 {
            Counters::add(&counters.accepted);
        }
        for why in [Closed::ByClient, Closed::Answered, Closed::Idle, Closed::SlowHead, Closed::SlowReader] {
            counters.closed(why);
        }
        for why in
            [Closed::Evicted, Closed::Refused, Closed::Broken, Closed::Left, Closed::SlowSubscriber, Closed::Shutdown]
        {
            counters.closed(why);
        }
        for status in [200, 204, 304, 404, 413, 500, 503] {
            counters.answered(status);
        }
        let now = counters.snapshot();
        assert_eq!((now.closed(), now.open(), now.requests), (11, 1, 7));
        assert_eq!((now.answers_2xx, now.answers_3xx, now.answers_4xx, now.answers_5xx), (2, 1, 2, 2));
    }
}

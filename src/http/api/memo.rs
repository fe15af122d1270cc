//! Answers that were composed a moment ago: as long as the snapshot is the same and a tenth of a second has not passed,
//! the same question has the same answer, since ages are told in tenths of seconds.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use parking_lot::RwLock;

use crate::base::document::Document;
use crate::http::message::{Body, Bytes, Response};
use crate::http::prepared::Prepared;
use crate::snapshot::Snapshot;

/// How long an answer that tells ages is good for.
const TICK_MS: i64 = 100;
/// Answers that are kept at once, and how many bytes they may have together.
const MOST: usize = 64;
const MOST_BYTES: usize = 512 * 1024;

/// An instant as far as answers tell it: tenths of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick(i64);

impl Tick {
    /// The tick that an instant lies in.
    pub fn of(now: Timestamp) -> Self {
        Self(now.as_millisecond().div_euclid(TICK_MS))
    }

    /// When it began.
    pub fn start(self) -> Timestamp {
        Timestamp::from_millisecond(self.0 * TICK_MS).unwrap_or_default()
    }
}

/// What an answer is an answer to.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The path as sent.
    pub path: &'a str,
    /// The query as sent.
    pub query: &'a str,
    /// The snapshot that it is answered from.
    pub snapshot: &'a Arc<Snapshot>,
    /// When.
    pub tick: Tick,
}

/// The answers.
#[derive(Default)]
pub struct Memo {
    kept: RwLock<HashMap<u64, Kept>>,
}

struct Kept {
    path: String,
    query: String,
    snapshot: Weak<Snapshot>,
    tick: Tick,
    bytes: usize,
    prepared: Arc<Prepared>,
}

impl Kept {
    fn is_of(&self, snapshot: &Arc<Snapshot>, tick: Tick) -> bool {
        self.tick == tick && std::ptr::eq(self.snapshot.as_ptr(), Arc::as_ptr(snapshot))
    }
}

impl Question<'_> {
    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.path, self.query).hash(&mut hasher);
        hasher.finish()
    }
}

impl Memo {
    /// The answer to a question, if it was composed just now.
    pub fn find(&self, question: Question<'_>) -> Option<Arc<Prepared>> {
        let kept = self.kept.read();
        let found = kept.get(&question.key()).filter(|kept| {
            kept.is_of(question.snapshot, question.tick) && kept.path == question.path && kept.query == question.query
        })?;
        Some(Arc::clone(&found.prepared))
    }

    /// Prepares an answer, and keeps it for whoever asks the same soon; `lasting` as [`Prepared::new`] has it.
    pub fn keep(&self, question: Question<'_>, response: Response<Body>, lasting: bool) -> Arc<Prepared> {
        let (status, headers) = (response.status_code().0, response.headers().to_vec());
        let (document, shared) = match response.into_reader().into_inner() {
            Bytes::Document(document) => (document, true),
            Bytes::Shared(bytes) => (Arc::new(Document::new(bytes)), true),
            Bytes::Owned(bytes) => (Arc::new(Document::new(bytes)), false),
            Bytes::Static(bytes) => (Arc::new(Document::new(bytes)), false),
        };
        // What the snapshot holds anyway costs nothing more.
        let bytes = if shared { 0 } else { document.plain().len() };
        let prepared = Arc::new(Prepared::new(document, status, headers, lasting));
        let kept = Kept {
            path: question.path.to_owned(),
            query: question.query.to_owned(),
            snapshot: Arc::downgrade(question.snapshot),
            tick: question.tick,
            bytes,
            prepared: Arc::clone(&prepared),
        };
        let mut all = self.kept.write();
        if all.len() >= MOST || all.values().map(|kept| kept.bytes).sum::<usize>() + bytes > MOST_BYTES {
            all.retain(|_, kept| kept.is_of(question.snapshot, question.tick));
            if all.len() >= MOST || all.values().map(|kept| kept.bytes).sum::<usize>() + bytes > MOST_BYTES {
                all.clear();
            }
        }
        all.insert(question.key(), kept);
        prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::ready;

    fn at(ms: i64) -> Tick {
        Tick::of(Timestamp::from_millisecond(ms).unwrap())
    }

    #[test]
    fn an_answer_is_good_for_its_question_snapshot_and_moment() {
        let memo = Memo::default();
        let (first, second) = (Arc::new(Snapshot::default()), Arc::new(Snapshot::default()));
        let question = |path, query, snapshot, tick| Question { path, query, snapshot, tick };
        let asked = question("/a", "x=1", &first, at(1_000));
        let kept = memo.keep(asked, ready(200, "text/plain", Bytes::Static(b"one")), true);
        assert!(Arc::ptr_eq(&memo.find(asked).unwrap(), &kept));
        for (path, query, snapshot, tick, found) in [
            ("/a", "x=1", &first, at(1_099), true),
            ("/a", "x=1", &first, at(1_100), false),
            ("/a", "x=1", &second, at(1_000), false),
            ("/a", "x=2", &first, at(1_000), false),
            ("/b", "x=1", &first, at(1_000), false),
        ] {
            assert_eq!(memo.find(question(path, query, snapshot, tick)).is_some(), found, "{path} {query} {tick:?}");
        }
        assert_eq!(at(1_099).start(), Timestamp::from_millisecond(1_000).unwrap());
    }

    #[test]
    fn it_does_not_grow_however_it_is_asked() {
        let memo = Memo::default();
        let snapshot = Arc::new(Snapshot::default());
        for number in 0..1_000 {
            let query = format!("n={number}");
            let asked = Question { path: "/a", query: &query, snapshot: &snapshot, tick: at(number / 7) };
            memo.keep(asked, ready(200, "text/plain", Bytes::Owned(vec![b'x'; 20_000])), true);
            let kept = memo.kept.read();
            assert!(kept.len() <= MOST && kept.values().map(|kept| kept.bytes).sum::<usize>() <= MOST_BYTES);
        }
    }
}

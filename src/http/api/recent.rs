//! Answers about the past that were given a moment ago, and those that are being looked up: who asks the same within ten
//! seconds shares one answer, and who asks the same meanwhile waits for the same one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Ask;
use crate::base::clock::SharedClock;
use crate::base::document::Document;
use crate::http::later::Pending;
use crate::http::message::{Answer, Body, Request, Response, body_of};
use crate::http::prepared::Prepared;
use crate::inquiry::Books;

/// How long an answer is shared.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// Answers that are kept at once, and how many bytes they may have together.
const MOST: usize = 32;
const MOST_BYTES: usize = 2 << 20;

/// The answers, by question.
pub struct Recent {
    clock: SharedClock,
    kept: Mutex<HashMap<String, Kept>>,
}

enum Kept {
    /// It is being looked up for these.
    Awaited(Vec<(Pending, Request)>),
    Given(Instant, Arc<Prepared>),
}

impl Kept {
    fn bytes(&self) -> usize {
        match self {
            Self::Awaited(_) => 0,
            Self::Given(_, prepared) => prepared.document().plain().len(),
        }
    }
}

/// The duty to answer those who wait. Dropped without an answer, they are answered 503.
struct Turn {
    recent: Arc<Recent>,
    question: String,
    is_open: bool,
}

impl Recent {
    /// Nothing yet.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// The answer to a question: the one of a moment ago, else what `look_up` finds on the thread that owns the books.
    /// `question` is the path and all that the answer depends on but the time.
    pub fn answer(
        self: &Arc<Self>,
        question: String,
        ask: &Ask<'_>,
        request: &Request,
        look_up: impl FnOnce(&mut dyn Books) -> Response<Body> + Send + 'static,
    ) -> Answer {
        if let Some(prepared) = self.given(self.kept.lock().get(&question)) {
            return Answer::Prepared(prepared, Vec::new());
        }
        let (recent, desk, request) = (Arc::clone(self), ask.desk.clone(), request.clone());
        Answer::Later(Box::new(move |pending| {
            let Some(turn) = recent.enqueue(question, pending, request) else { return };
            // A question that finds no room is dropped, and so is its turn.
            desk.ask(move |books| turn.complete(look_up(books)));
        }))
    }

    fn given(&self, kept: Option<&Kept>) -> Option<Arc<Prepared>> {
        match kept {
            Some(Kept::Given(at, prepared)) if self.clock.instant().saturating_duration_since(*at) < GOOD_FOR => {
                Some(Arc::clone(prepared))
            }
            _ => None,
        }
    }

    /// Lets a request wait. Answers the turn where nobody asked the same before.
    fn enqueue(self: &Arc<Self>, question: String, pending: Pending, request: Request) -> Option<Turn> {
        let mut all = self.kept.lock();
        if let Some(prepared) = self.given(all.get(&question)) {
            drop(all);
            pending.complete(prepared.response(&request));
            return None;
        }
        if let Some(Kept::Awaited(waiting)) = all.get_mut(&question) {
            waiting.push((pending, request));
            return None;
        }
        all.insert(question.clone(), Kept::Awaited(vec![(pending, request)]));
        Some(Turn { recent: Arc::clone(self), question, is_open: true })
    }

    /// Ends the waiting for an answer, and keeps it if there is one. Answers who waited.
    fn settle(&self, question: &str, given: Option<Arc<Prepared>>) -> Vec<(Pending, Request)> {
        let now = self.clock.instant();
        let mut all = self.kept.lock();
        let waiting = match all.remove(question) {
            Some(Kept::Awaited(waiting)) => waiting,
            _ => Vec::new(),
        };
        let Some(given) = given.filter(|given| given.document().plain().len() <= MOST_BYTES) else { return waiting };
        let kept = Kept::Given(now, given);
        let is_full = |all: &HashMap<String, Kept>| {
            all.len() >= MOST || all.values().map(Kept::bytes).sum::<usize>() + kept.bytes() > MOST_BYTES
        };
        let is_good = |kept: &Kept| match kept {
            Kept::Awaited(_) => true,
            Kept::Given(at, _) => now.saturating_duration_since(*at) < GOOD_FOR,
        };
        if is_full(&all) {
            all.retain(|_, kept| is_good(kept));
        }
        if is_full(&all) {
            all.retain(|_, kept| matches!(kept, Kept::Awaited(_)));
        }
        all.insert(question.to_owned(), kept);
        waiting
    }
}

impl Turn {
    /// Answers all who wait, and whoever asks the same soon.
    fn complete(mut self, response: Response<Body>) {
        let (status, headers) = (response.status_code().0, response.headers().to_vec());
        let document = Arc::new(Document::new(body_of(response)));
        let prepared = Arc::new(Prepared::new(document, status, headers, status == 200));
        self.is_open = false;
        for (pending, request) in self.recent.settle(&self.question, (status == 200).then(|| Arc::clone(&prepared))) {
            pending.complete(prepared.response(&request));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_open {
            drop(self.recent.settle(&self.question, None));
        }
    }
}

#[cfg(test)]
mod tests;

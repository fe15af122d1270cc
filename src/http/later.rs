//! Answers that come later: the worker hands the whole request over and goes on; whoever has the answer gives it, and
//! the door sends it.

use std::sync::Arc;
use std::time::Instant;

use super::conn::{Conn, Phase};
use super::counters::Closed;
use super::message::{Body, Response};
use super::refusal::Refusal;
use super::render::Manner;
use super::shared::Shared;

/// Adds what every answer has to one that comes later.
pub type Finish = Box<dyn FnOnce(Response<Body>) -> Response<Body> + Send>;

/// A request that waits for its answer. One that is dropped is answered 503.
pub struct Pending {
    waiting: Option<(Arc<Shared>, Box<Conn>)>,
    minor: u8,
    keep_alive: bool,
    head_only: bool,
    finish: Option<Finish>,
    /// Who listens in, in place of a client.
    #[cfg(test)]
    heard: Option<std::sync::mpsc::Sender<Response<Body>>>,
}

impl Pending {
    /// One whose answer is heard here; nothing is heard where it is dropped.
    #[cfg(test)]
    pub fn overheard() -> (Self, std::sync::mpsc::Receiver<Response<Body>>) {
        let (sender, answers) = std::sync::mpsc::channel();
        let nobody =
            Self { waiting: None, minor: 1, keep_alive: true, head_only: false, finish: None, heard: Some(sender) };
        (nobody, answers)
    }

    pub(super) fn new(shared: &Arc<Shared>, conn: Box<Conn>, minor: u8, keep_alive: bool, head_only: bool) -> Self {
        Self {
            waiting: Some((Arc::clone(shared), conn)),
            minor,
            keep_alive,
            head_only,
            finish: None,
            #[cfg(test)]
            heard: None,
        }
    }

    /// The same, its answer to be finished by `finish`, and then by what was to finish it already.
    #[must_use]
    pub fn finished_by(mut self, finish: Finish) -> Self {
        self.finish = Some(match self.finish.take() {
            Some(next) => Box::new(move |response| next(finish(response))),
            None => finish,
        });
        self
    }

    /// Gives the answer. Never waits: the door sends it.
    pub fn complete(mut self, response: Response<Body>) {
        self.give(response);
    }

    fn give(&mut self, response: Response<Body>) {
        #[cfg(test)]
        if let Some(heard) = self.heard.take() {
            let finish = self.finish.take();
            let _ = heard.send(match finish {
                Some(finish) => finish(response),
                None => response,
            });
            return;
        }
        let Some((shared, mut conn)) = self.waiting.take() else { return };
        let response = match self.finish.take() {
            Some(finish) => finish(response),
            None => response,
        };
        let keep_alive = self.keep_alive && !shared.is_stopping();
        shared.counters.answered(response.status_code().0);
        conn.output.render(response, Manner { minor: self.minor, keep_alive, head_only: self.head_only });
        conn.last_answer = (!keep_alive).then_some(Closed::Answered);
        let now = Instant::now();
        if let Some((class, began)) = conn.timing.take() {
            shared.counters.latencies.of(class).record(now.saturating_duration_since(began));
        }
        conn.phase = Phase::Writing;
        conn.since = now;
        shared.hand_back(conn);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.waiting.is_some() {
            let refusal = Refusal::busy("too many questions about the past are waiting; try again in a moment");
            self.give(refusal.response());
        }
    }
}

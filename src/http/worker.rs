//! A worker: takes connections whose request is whole, answers, writes once, and looks once whether more was asked.
//!
//! It never waits for a client: what the socket does not take at once is the door's to finish.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::conn::{Conn, Input, Phase};
use super::counters::{Closed, Counters};
use super::detach;
use super::head::{Head, parse};
use super::jobs::{Job, Jobs};
use super::later::Pending;
use super::message::{Answer, Body, Method, Response};
use super::refusal::Refusal;
use super::render::Manner;
use super::shared::Shared;
use crate::base::fault::Fault;
use crate::base::pulse::Beat;

/// How long a connection that was answered is looked at again and again before the door waits for its next request.
/// Somebody who asks in a row is answered without a thread having to wake up; who does not costs so much of one processor.
const PATIENCE: Duration = Duration::from_micros(300);

/// Answers what comes, until the door is gone.
///
/// # Errors
/// None; the type is that of a thread's end.
pub fn run(shared: &Arc<Shared>, jobs: &Jobs, beat: &Beat) -> Result<(), Fault> {
    let mut kept = None;
    while let Some(job) = jobs.next(kept, beat) {
        kept = match job {
            Job::Answer(conn) => serve(shared, conn),
            Job::Look(conn) => look(shared, conn),
        };
    }
    Ok(())
}

/// Answers one request. The connection comes back when another one may follow.
fn serve(shared: &Arc<Shared>, conn: Box<Conn>) -> Option<Box<Conn>> {
    let conn = answer(shared, conn)?;
    send(shared, conn)
}

/// Looks whether a connection that was answered has asked again. It comes back when it had and was answered, or may yet.
fn look(shared: &Arc<Shared>, mut conn: Box<Conn>) -> Option<Box<Conn>> {
    let input = match conn.look(shared.limits.head_bytes) {
        Input::Partial => conn.read(shared.limits.head_bytes),
        found => found,
    };
    match input {
        Input::Whole => return serve(shared, conn),
        Input::Partial if conn.since.elapsed() < PATIENCE => return Some(conn),
        Input::Partial => {
            conn.begin_wait(Instant::now());
            shared.hand_back(conn);
        }
        Input::Refused(refusal) => {
            refuse(shared, &mut conn, &refusal);
            // The last answer: nothing comes back.
            send(shared, conn);
        }
        Input::Ended(why) => shared.close(conn, why),
    }
    None
}

/// Renders the answer to the head at the front of the buffer; none when the connection went elsewhere.
fn answer(shared: &Arc<Shared>, mut conn: Box<Conn>) -> Option<Box<Conn>> {
    let began = Instant::now();
    let head = match parse(conn.head(), conn.peer, shared.limits.headers) {
        Ok(head) => head,
        Err(refusal) => {
            refuse(shared, &mut conn, &refusal);
            return Some(conn);
        }
    };
    conn.consume_head();
    conn.timing = Some((shared.handler.class(&head.request), began));
    let made = catch_unwind(AssertUnwindSafe(|| shared.handler.handle(&head.request)));
    let moved = match made {
        Ok(Answer::Ready(response)) => {
            render(shared, &mut conn, response, &head, head.keep_alive);
            return Some(conn);
        }
        Ok(Answer::Prepared(prepared, extra)) => {
            let rendered = prepared.choose(&head.request);
            let manner = manner(shared, &head, head.keep_alive);
            shared.counters.answered(rendered.status);
            conn.output.repeat(rendered, manner, &extra);
            conn.last_answer = (!manner.keep_alive).then_some(Closed::Answered);
            return Some(conn);
        }
        Ok(Answer::Detach(name, work)) => {
            let minor = head.minor;
            detach::start(shared, conn, name, move |socket| work(socket, minor))
        }
        Ok(Answer::Give(take)) => detach::give(shared, conn, take),
        Ok(Answer::Later(hand_over)) => {
            let head_only = head.request.method == Method::Head;
            let pending = Pending::new(shared, conn, head.minor, head.keep_alive, head_only);
            if catch_unwind(AssertUnwindSafe(|| hand_over(pending))).is_err() {
                Counters::add(&shared.counters.panics);
            }
            return None;
        }
        Err(_) => {
            // The panic hook has told where.
            Counters::add(&shared.counters.panics);
            let refusal = Refusal::new(500, "the server failed at this request; its log says where");
            render(shared, &mut conn, shared.refusal(&refusal), &head, false);
            return Some(conn);
        }
    };
    match moved {
        Ok(()) => {
            shared.counters.answered(200);
            None
        }
        Err((mut conn, refusal)) => {
            render(shared, &mut conn, shared.refusal(&refusal), &head, head.keep_alive);
            Some(conn)
        }
    }
}

fn manner(shared: &Shared, head: &Head, keep_alive: bool) -> Manner {
    let keep_alive = keep_alive && !shared.is_stopping();
    Manner { minor: head.minor, keep_alive, head_only: head.request.method == Method::Head }
}

fn render(shared: &Shared, conn: &mut Conn, response: Response<Body>, head: &Head, keep_alive: bool) {
    let manner = manner(shared, head, keep_alive);
    shared.counters.answered(response.status_code().0);
    conn.output.render(response, manner);
    conn.last_answer = (!manner.keep_alive).then_some(Closed::Answered);
}

fn refuse(shared: &Shared, conn: &mut Conn, refusal: &Refusal) {
    shared.counters.bad_head(refusal.status);
    shared.counters.answered(refusal.status);
    conn.refuse(shared.refusal(refusal), Closed::Refused);
}

/// Writes once. The connection comes back when all was taken and another request may follow.
fn send(shared: &Shared, mut conn: Box<Conn>) -> Option<Box<Conn>> {
    match conn.send() {
        Ok(taken) => shared.counters.sent(taken),
        Err(_) => {
            shared.close(conn, Closed::Broken);
            return None;
        }
    }
    let now = Instant::now();
    if let Some((class, began)) = conn.timing.take() {
        shared.counters.latencies.of(class).record(now.saturating_duration_since(began));
    }
    if !conn.output.is_sent() {
        Counters::add(&shared.counters.slow_writes);
        conn.phase = Phase::Writing;
        conn.since = now;
        shared.hand_back(conn);
        return None;
    }
    match conn.end_answer(now) {
        None => Some(conn),
        Some(why) if conn.may_close_now() => {
            shared.close(conn, why);
            None
        }
        Some(_) => {
            shared.hand_back(conn);
            None
        }
    }
}

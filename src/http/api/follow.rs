//! `/logs?follow=true`: a log as it is written, each stream with lines of its own choice and at its own pace.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::logs::{Asked, Filter, Log};
use super::v1::events::{no_seat, stream_response};
use super::{Api, Refusal};
use crate::base::audience::Place;
use crate::http::events::{Feed, Topics, Wish, answer_head, head};
use crate::http::message::{Answer, Method, Request};
use crate::model::logs::Held;
use crate::model::logs::lines::Lines;
use crate::snapshot::SnapshotCell;

/// Lines that a newcomer is told; of the journal fewer, as its clients expect.
const FIRST_LINES: usize = 50;
const FIRST_JOURNAL_LINES: usize = 20;

/// One event.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Event<'a> {
    Start { message: &'a str },
    Log { line: &'a str },
    Error { message: &'a str },
}

impl Event<'_> {
    fn frame(&self) -> String {
        format!("data: {}\n\n", serde_json::to_string(self).expect("text is JSON"))
    }
}

/// `/logs?follow=true`
pub fn answer(asked: Asked, request: &Request, api: &Api) -> Result<Answer, Refusal> {
    let head = head(&api.cors.allow(request, stream_response()));
    if request.method == Method::Head {
        return Ok(Answer::Give(Box::new(move |given| answer_head(&given, &head))));
    }
    let lobby = api.lobby.clone();
    let Some((lobby, seat)) = lobby.and_then(|lobby| lobby.seat().map(|seat| (lobby, seat))) else {
        return Err(no_seat());
    };
    let what = if let Log::File(name) = asked.log { Some(name) } else { None };
    let feed = Follow {
        cell: Arc::clone(&api.cell),
        log: asked.log,
        filter: asked.filter,
        is_greeted: false,
        waiting: VecDeque::new(),
        told: None,
        reason: None,
        // Until it is told something, it does not hold anybody up.
        place: api.audience.join(what, u64::MAX),
    };
    let wish = Wish { topics: Topics::NONE, last_id: None, head, feed: Some(Box::new(feed)) };
    Ok(Answer::Give(Box::new(move |given| lobby.admit(given, seat, wish))))
}

/// One who follows.
struct Follow {
    cell: Arc<SnapshotCell>,
    log: Log,
    filter: Filter,
    is_greeted: bool,
    /// Events that are still to be told.
    waiting: VecDeque<String>,
    /// Up to which line it was told; `None` before the first one.
    told: Option<u64>,
    /// What it was told of why there is nothing, while there is nothing.
    reason: Option<String>,
    place: Place,
}

impl Feed for Follow {
    fn next(&mut self, room: usize) -> String {
        let snapshot = self.cell.load();
        let mut text = String::new();
        if !self.is_greeted {
            self.is_greeted = true;
            self.wait(&Event::Start { message: &format!("following {}", self.log.title()) });
        }
        let found = self.log.held(&snapshot);
        match found.held {
            None => self.tell_reason(found.reason.unwrap_or_default()),
            Some(held) if self.told.is_none() => self.tell_last(held),
            Some(_) => {}
        }
        while let Some(frame) = self.waiting.pop_front_if(|frame| has_room(&text, frame, room)) {
            text.push_str(&frame);
        }
        if let (Some(held), Some(told), true) = (found.held, self.told, self.waiting.is_empty()) {
            let reached = self.tell_news(&held.lines, told, &mut text, room);
            self.told = Some(reached);
            if self.place.reached() != reached {
                self.place.reach(reached);
            }
        }
        text
    }
}

/// The first one always has room.
fn has_room(text: &str, frame: &str, room: usize) -> bool {
    text.is_empty() || text.len() + frame.len() <= room
}

impl Follow {
    fn wait(&mut self, event: &Event<'_>) {
        self.waiting.push_back(event.frame());
    }

    fn tell_reason(&mut self, reason: String) {
        if self.reason.as_ref() != Some(&reason) {
            self.wait(&Event::Error { message: &reason });
            self.reason = Some(reason);
        }
    }

    /// The last of the lines that are wanted, to begin with.
    fn tell_last(&mut self, held: &Held) {
        let most = if self.log == Log::Journal { FIRST_JOURNAL_LINES } else { FIRST_LINES };
        let mut lines: Vec<_> =
            self.filter.within(held).rev().filter(|line| self.filter.admits(line)).take(most).collect();
        lines.reverse();
        lines.iter().for_each(|line| self.wait(&Event::Log { line: line.text }));
        // Of a log without lines the first one is news.
        self.told = Some(held.last);
        self.place.reach(held.last);
        self.reason = None;
    }

    /// What came since, as long as there is room. Answers how far it was told.
    fn tell_news(&mut self, lines: &Lines, told: u64, text: &mut String, room: usize) -> u64 {
        let first = lines.first().unwrap_or(told);
        // A log that was gone begins anew.
        if first > told + 1 && self.reason.take().is_none() {
            text.push_str(
                &Event::Error { message: "lines were left out: they came faster than they were taken" }.frame(),
            );
        }
        let mut reached = told.max(first.saturating_sub(1));
        for line in lines.after(told) {
            if self.filter.admits(&line) {
                let frame = Event::Log { line: line.text }.frame();
                if !has_room(text, &frame, room) {
                    break;
                }
                text.push_str(&frame);
            }
            reached = line.number;
        }
        reached
    }
}

#[cfg(test)]
mod tests;

//! The last events, and what of them a newcomer has not seen. Pure.
//!
//! Every event has a number, one more than the one before it, whatever its topic. A client that says which one it saw
//! last has seen all of its topics up to there, because it is told them in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::frame;
use super::{News, Topic, Topics};

/// Events that are remembered.
const EVENTS: usize = 64;
/// And their bytes: long ones take the place of several.
const BYTES: usize = 256 * 1024;

/// An event, ready to be sent.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number.
    pub number: u64,
    /// What it is about.
    pub topic: Topic,
    /// As it is sent.
    pub frame: Arc<[u8]>,
}

/// What was told so far, as much of it as is kept.
#[derive(Debug)]
pub struct Memory {
    boot: String,
    number: u64,
    latest: BTreeMap<Topic, Event>,
    last: VecDeque<Event>,
    bytes: usize,
}

impl Memory {
    /// Nothing was told. `boot` tells this run's numbers from those of others.
    pub fn new(boot: String) -> Self {
        Self { boot, number: 0, latest: BTreeMap::new(), last: VecDeque::new(), bytes: 0 }
    }

    /// Makes an event of a piece of news.
    pub fn add(&mut self, news: &News) -> Event {
        self.number += 1;
        let event = Event { number: self.number, topic: news.topic, frame: self.frame(news) };
        self.latest.insert(news.topic, event.clone());
        self.bytes += event.frame.len();
        self.last.push_back(event.clone());
        while self.last.len() > EVENTS || self.bytes > BYTES {
            let Some(forgotten) = self.last.pop_front() else { break };
            self.bytes -= forgotten.frame.len();
        }
        event
    }

    /// A piece of news for one newcomer alone; its number is that of the newest event, which it covers.
    pub fn aside(&self, news: &News) -> Event {
        Event { number: self.number, topic: news.topic, frame: self.frame(news) }
    }

    fn frame(&self, news: &News) -> Arc<[u8]> {
        frame::event(&format!("{}-{}", self.boot, self.number), news.name, &news.data)
    }

    /// The number of the last event that a client has seen, if it was one of this run's.
    pub fn seen(&self, last_id: &str) -> Option<u64> {
        let number = last_id.strip_prefix(&self.boot)?.strip_prefix('-')?;
        number.parse().ok().filter(|number| *number <= self.number)
    }

    /// Everything of these topics after `seen`, in order; `None` when not all of it is remembered, or it is more than
    /// `most_bytes`.
    pub fn since(&self, seen: u64, topics: Topics, most_bytes: usize) -> Option<Vec<Event>> {
        let oldest = self.last.front().map_or(self.number + 1, |event| event.number);
        if seen + 1 < oldest {
            return None;
        }
        let missed = self.last.iter().filter(|event| event.number > seen && topics.has(event.topic));
        let missed: Vec<Event> = missed.cloned().collect();
        (missed.iter().map(|event| event.frame.len()).sum::<usize>() <= most_bytes).then_some(missed)
    }

    /// The newest event of each of these topics, unless it was seen.
    pub fn current(&self, seen: Option<u64>, topics: Topics) -> Vec<Event> {
        let newest = self.latest.values().filter(|event| topics.has(event.topic));
        newest.filter(|event| seen.is_none_or(|seen| event.number > seen)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(topic: Topic, data: &str) -> News {
        News { topic, name: "n", data: data.to_owned() }
    }

    fn numbers(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.number).collect()
    }

    const BOTH: Topics = Topics::NONE.with(0).with(1);

    #[test]
    fn what_was_seen_is_not_told_again() {
        let mut memory = Memory::new("b".into());
        for number in 0..10 {
            memory.add(&news(u8::from(number % 5 == 0), "x"));
        }
        assert_eq!(numbers(&memory.since(4, BOTH, 9999).unwrap()), [5, 6, 7, 8, 9, 10]);
        assert_eq!(numbers(&memory.since(4, Topics::NONE.with(1), 9999).unwrap()), [6]);
        assert!(memory.since(10, BOTH, 9999).is_some_and(|missed| missed.is_empty()));
        assert_eq!(numbers(&memory.since(0, Topics::NONE.with(1), 9999).unwrap()), [1, 6]);
        assert!(memory.since(4, BOTH, 100).is_none(), "more than a queue holds");
        assert_eq!(numbers(&memory.current(None, BOTH)), [10, 6]);
        assert_eq!(numbers(&memory.current(Some(6), BOTH)), [10]);
        assert_eq!(numbers(&memory.current(None, Topics::NONE.with(1))), [6]);
        assert_eq!(memory.aside(&news(1, "x")).number, 10);
        for (id, seen) in [
            ("b-0", Some(0)),
            ("b-10", Some(10)),
            ("b-11", None),
            ("c-3", None),
            ("b-", None),
            ("b--1", None),
            ("b3", None),
            ("", None),
            ("b-99999999999999999999999", None),
        ] {
            assert_eq!(memory.seen(id), seen, "{id:?}");
        }
    }

    #[test]
    fn memory_is_bounded_in_number_and_in_bytes() {
        let mut memory = Memory::new("b".into());
        assert!(memory.since(0, BOTH, 9999).is_some_and(|missed| missed.is_empty()), "nothing was missed");
        (0..100).for_each(|_| _ = memory.add(&news(0, "x")));
        assert_eq!((memory.last.len(), memory.since(36, BOTH, 9999).unwrap().len()), (EVENTS, 64));
        assert!(memory.since(35, BOTH, 9999).is_none(), "event 36 is forgotten");
        let long = "x".repeat(40_000);
        (0..10).for_each(|_| _ = memory.add(&news(1, &long)));
        assert_eq!(numbers(&memory.last.iter().cloned().collect::<Vec<_>>()), [105, 106, 107, 108, 109, 110]);
        assert!(memory.bytes <= BYTES);
        assert_eq!(memory.bytes, memory.last.iter().map(|event| event.frame.len()).sum::<usize>());
        assert_eq!(numbers(&memory.current(None, BOTH)), [100, 110], "the newest of each topic stays");
    }
}

//! Looking through decisions, newest first, a page at a time.
//!
//! A page goes on where the last one ended: at an instant and a row, not at a count of rows, so that decisions that
//! are made in the meantime shift nothing.

use std::fmt;

use jiff::Timestamp;

use super::decision::{Decision, Kind};
use super::time::Range;

/// Where a decision stands among all of a site's: by its instant, and by its number among those of that instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Microseconds since 1970: the site's own resolution.
    at_us: i64,
    /// The row, or the how manyth of the files' decisions of this instant.
    number: i64,
}

impl Place {
    /// Before every decision of an instant and those after it.
    pub fn start_of(at: Timestamp) -> Self {
        Self { at_us: at.as_microsecond(), number: i64::MIN }
    }

    /// The place of this text: `1763816853123456.42`.
    pub fn parse(text: &str) -> Option<Self> {
        let (at_us, number) = text.split_once('.')?;
        let place = Self { at_us: at_us.parse().ok()?, number: number.parse().ok()? };
        Timestamp::from_microsecond(place.at_us).ok().map(|_| place)
    }

    /// Its instant.
    pub fn at(self) -> Timestamp {
        Timestamp::from_microsecond(self.at_us).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at_us, self.number)
    }
}

/// What a decision is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    /// Its row in the coordinator's database.
    Row(i64),
    /// One out of a file: its place. It lasts as long as the files stay.
    File(Place),
}

impl Id {
    /// The identifier of this text: `1234` for a row, `1763816853123456.0` for one out of a file.
    pub fn parse(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(row) => Some(Self::Row(row)),
            Err(_) => Place::parse(text).map(Self::File),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(row) => write!(f, "{row}"),
            Self::File(place) => place.fmt(f),
        }
    }
}

/// A decision with what it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it is called.
    pub id: Id,
    /// Where it stands.
    pub place: Place,
    /// The decision.
    pub decision: Decision,
}

/// Names the decisions of whole local days, which are in order of time.
pub fn entries(decisions: Vec<Decision>) -> Vec<Entry> {
    let (mut last, mut same) = (None, 0);
    let entry = |decision: Decision| {
        let at_us = decision.at.as_microsecond();
        same = if last == Some(at_us) { same + 1 } else { 0 };
        last = Some(at_us);
        let place = Place { at_us, number: decision.id.unwrap_or(same) };
        let id = decision.id.map_or(Id::File(place), Id::Row);
        Entry { id, place, decision }
    };
    let mut entries: Vec<Entry> = decisions.into_iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.place);
    entries
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Made in this stretch of time.
    pub range: Range,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// With this in the reason, in any case; empty finds all.
    pub text: String,
    /// At most so many.
    pub limit: usize,
    /// Only those before this place.
    pub before: Option<Place>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` where there is nothing before this one.
    pub next: Option<Place>,
    /// From which instant on everything was looked through.
    pub searched_from: Option<Timestamp>,
    /// Whether it ended because its time was over, not because it was full.
    pub out_of_time: bool,
}

impl Search {
    /// The instant before which all of the page's decisions were made.
    pub fn end(&self) -> Timestamp {
        // A decision of the cursor's own microsecond may still follow.
        let after = |place: Place| Timestamp::from_microsecond(place.at_us.saturating_add(1)).unwrap_or(Timestamp::MAX);
        self.before.map_or(self.range.to, |place| self.range.to.min(after(place)))
    }

    fn finds(&self, entry: &Entry, needle: &str) -> bool {
        self.range.contains(entry.decision.at)
            && self.before.is_none_or(|before| entry.place < before)
            && self.kind.is_none_or(|kind| entry.decision.kind == kind)
            && (needle.is_empty() || entry.decision.reason.to_lowercase().contains(needle))
    }

    /// Adds what a day has, the day being the one before those that the page has already. Answers whether the page is
    /// full.
    pub fn add_day(&self, page: &mut Page, day: Vec<Entry>) -> bool {
        let needle = self.text.to_lowercase();
        for entry in day.into_iter().rev().filter(|entry| self.finds(entry, &needle)) {
            if page.entries.len() == self.limit {
                // There is at least one more.
                page.next = page.entries.last().map(|last| last.place);
                page.searched_from = page.entries.last().map(|last| last.decision.at);
                return true;
            }
            page.entries.push(entry);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::decision::RawDecision;

    /// A decision of so many seconds after 2026-11-22T12:00:00Z.
    fn decision(id: Option<i64>, second: i64, action: &str, reason: &str) -> Decision {
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let raw = RawDecision {
            id,
            action: Some(action.to_owned()),
            reason: Some(reason.to_owned()),
            ..RawDecision::default()
        };
        Decision::new(noon + jiff::SignedDuration::from_secs(second), raw)
    }

    fn all() -> Search {
        let range = Range { from: Timestamp::UNIX_EPOCH, to: "2030-01-01T00:00:00Z".parse().unwrap() };
        Search { range, kind: None, text: String::new(), limit: 2, before: None }
    }

    fn ids(page: &Page) -> Vec<String> {
        page.entries.iter().map(|entry| entry.id.to_string()).collect()
    }

    #[test]
    fn places_and_identifiers_go_there_and_back() {
        for text in ["0.0", "1763816853123456.42", "-5.9", "1.-9223372036854775808"] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
            assert_eq!(Id::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Id::parse("1234"), Some(Id::Row(1234)));
        for text in ["", ".", "1.", ".1", "x", "1.2.3", "1e3", "99999999999999999999", "9223372036854775807.1", "1,2"] {
            assert_eq!((Place::parse(text), Id::parse(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn decisions_of_one_instant_are_told_apart() {
        let of_files = entries(vec![decision(None, 0, "wait", ""), decision(None, 0, "charge", "")]);
        let names: Vec<_> = of_files.iter().map(|entry| entry.id.to_string()).collect();
        assert_eq!(names, ["1795348800000000.0", "1795348800000000.1"]);
        let rows = entries(vec![decision(Some(9), 0, "wait", ""), decision(Some(7), 0, "charge", "")]);
        assert_eq!(rows.iter().map(|entry| entry.id).collect::<Vec<_>>(), [Id::Row(7), Id::Row(9)]);
    }

    #[test]
    fn pages_go_on_where_the_last_one_ended_whatever_is_added_meanwhile() {
        let rows = |ids: std::ops::RangeInclusive<i64>| {
            // Two share each second.
            entries(ids.map(|id| decision(Some(id), id / 2, "wait", "")).collect())
        };
        let (mut seen, mut search, mut last) = (Vec::new(), all(), 9);
        loop {
            let mut page = Page::default();
            search.add_day(&mut page, rows(1..=last));
            seen.extend(ids(&page));
            last += 3;
            search.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["9", "8", "7", "6", "5", "4", "3", "2", "1"]);
    }

    #[test]
    fn a_page_that_is_just_full_has_no_next_one() {
        let mut page = Page::default();
        let day = || entries(vec![decision(Some(1), 0, "wait", ""), decision(Some(2), 9, "wait", "")]);
        assert!(!all().add_day(&mut page, day()));
        assert_eq!((page.entries.len(), page.next), (2, None));
        assert!(all().add_day(&mut page, day()), "the day before has more");
        assert_eq!(page.next, Some(page.entries[1].place));
    }

    #[test]
    fn filters() {
        let day = || {
            entries(vec![
                decision(Some(1), 0, "charge", "Price is LOW: Łódź"),
                decision(Some(2), 900, "wait", "price is high"),
                decision(Some(3), 1800, "battery_selling", ""),
            ])
        };
        let found = |search: Search| {
            let mut page = Page::default();
            search.add_day(&mut page, day());
            ids(&page)
        };
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let until = |to| Range { from: noon, to };
        for (search, expected) in [
            (Search { kind: Some(Kind::Charging), ..all() }, vec!["1"]),
            (Search { kind: Some(Kind::Wait), ..all() }, vec!["2"]),
            (Search { kind: Some(Kind::Selling), ..all() }, vec!["3"]),
            (Search { text: "PRICE".into(), ..all() }, vec!["2", "1"]),
            (Search { text: "łÓdŹ".into(), ..all() }, vec!["1"]),
            (Search { text: "no".into(), ..all() }, vec![]),
            (Search { range: until(noon + std::time::Duration::from_secs(900)), ..all() }, vec!["1"]),
            (Search { before: Place::parse("1795349700000000.3"), ..all() }, vec!["2", "1"]),
            (Search { before: Some(Place::start_of(noon)), ..all() }, vec![]),
        ] {
            assert_eq!(found(search.clone()), expected, "{search:?}");
        }
    }
}

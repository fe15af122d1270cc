//! Answers on condition (RFC 9110, 13): who has it already, and whether a part belongs to what the client has. Pure.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::message::{Header, Request, header};
use super::negotiate::has_already;

/// How long a file must have been left alone: times of files are as coarse as 2 s on some systems, and within one step it
/// may change without that showing.
const SETTLED: SignedDuration = SignedDuration::from_secs(3);
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";
/// What clients may write (RFC 9110, 5.6.7): the usual form, and the two of old.
const READ_DATES: [&str; 3] = [HTTP_DATE, "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// What tells one state of a file from another.
///
/// Only a file that was left alone for a while has a strong tag and a date. One that is being written has a weak tag, by
/// which no part is ever joined to another: that a log only grew, nobody can promise.
#[derive(Debug)]
pub struct Validator {
    tag: String,
    /// Seconds.
    modified: i64,
    settled: bool,
}

impl Validator {
    /// Of a file that was looked at `now`.
    pub fn new(inode: u64, size: u64, modified: Timestamp, now: Timestamp) -> Self {
        Self {
            tag: format!("\"{inode:x}-{size:x}-{:x}\"", modified.as_nanosecond()),
            modified: modified.as_nanosecond().div_euclid(1_000_000_000).try_into().unwrap_or_default(),
            settled: now.duration_since(modified) >= SETTLED,
        }
    }

    /// `ETag`, and `Last-Modified` where it says which state it was.
    pub fn headers(&self) -> Vec<Header> {
        let tag = if self.settled { self.tag.clone() } else { format!("W/{}", self.tag) };
        let date = Timestamp::from_second(self.modified).ok().filter(|_| self.settled);
        let date = date.map(|date| header("Last-Modified", &date.strftime(HTTP_DATE).to_string()));
        [header("ETag", &tag)].into_iter().chain(date).collect()
    }

    fn is_strongly(&self, tag: &str) -> bool {
        self.settled && tag == self.tag
    }

    /// Whether a part may be joined to what the client has. A date must be the very one.
    fn is_of(&self, if_range: &str) -> bool {
        match parse_date(if_range) {
            Some(date) => self.settled && date == self.modified,
            None => self.is_strongly(if_range),
        }
    }
}

/// What a request's conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be answered; its `Range` counts, or does not.
    Answer(bool),
    /// 304: the client has it.
    Unchanged,
    /// 412: it is not what the client takes it for.
    Failed,
}

/// Weighs the conditions of a GET or HEAD in the order of RFC 9110, 13.2.2.
pub fn judge(request: &Request, validator: &Validator) -> Verdict {
    let date = |name| request.header(name).and_then(parse_date);
    let mut if_match = request.list("if-match").flat_map(|list| list.split(',')).map(str::trim).peekable();
    let holds = if if_match.peek().is_some() {
        if_match.any(|tag| tag == "*" || validator.is_strongly(tag))
    } else {
        date("if-unmodified-since").is_none_or(|date| validator.modified <= date)
    };
    let is_had = if request.header("if-none-match").is_some() {
        has_already(request.list("if-none-match"), &validator.tag)
    } else {
        date("if-modified-since").is_some_and(|date| validator.settled && validator.modified <= date)
    };
    match (holds, is_had) {
        (false, _) => Verdict::Failed,
        (true, true) => Verdict::Unchanged,
        // Of two, none is heard.
        (true, false) => Verdict::Answer(request.list("if-range").all(|one| validator.is_of(one))),
    }
}

/// Seconds since 1970 of a date as HTTP writes it.
fn parse_date(text: &str) -> Option<i64> {
    let parse = |format| jiff::civil::DateTime::strptime(format, text).ok();
    let date = READ_DATES.into_iter().find_map(parse)?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Answer, Failed, Unchanged};
    use super::*;
    use crate::http::message::Method;

    const TAG: &str = "\"7-64-ca8e6b0d3b93100\"";
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    /// Of a file that was written a while before.
    fn validator(seconds_ago: i64) -> Validator {
        // A tenth beyond the second.
        let modified = Timestamp::from_millisecond(784_111_777_100).unwrap();
        let validator = Validator::new(7, 100, modified, modified + SignedDuration::from_secs(seconds_ago));
        Validator { tag: TAG.into(), ..validator }
    }

    fn judged(seconds_ago: i64, headers: &[(&str, &str)]) -> Verdict {
        let request = Request {
            method: Method::Get,
            path: "/".into(),
            query: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            peer: [127, 0, 0, 1].into(),
        };
        judge(&request, &validator(seconds_ago))
    }

    #[test]
    fn conditions() {
        let (before, after) = ("Sun, 06 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
        let weak = format!("W/{TAG}");
        let others = format!("\"x\", {TAG}");
        for (headers, settled, fresh) in [
            (&[][..], Answer(true), Answer(true)),
            (&[("if-none-match", TAG)], Unchanged, Unchanged),
            (&[("if-none-match", &weak)], Unchanged, Unchanged),
            (&[("if-none-match", &others)], Unchanged, Unchanged),
            (&[("if-none-match", "*")], Unchanged, Unchanged),
            (&[("if-none-match", "\"x\"")], Answer(true), Answer(true)),
            (&[("if-modified-since", DATE)], Unchanged, Answer(true)),
            (&[("if-modified-since", after)], Unchanged, Answer(true)),
            (&[("if-modified-since", before)], Answer(true), Answer(true)),
            (&[("if-modified-since", "yesterday")], Answer(true), Answer(true)),
            // Tags go before dates.
            (&[("if-none-match", "\"x\""), ("if-modified-since", DATE)], Answer(true), Answer(true)),
            (&[("if-none-match", TAG), ("if-modified-since", before)], Unchanged, Unchanged),
            (&[("if-match", TAG)], Answer(true), Failed),
            (&[("if-match", &others)], Answer(true), Failed),
            (&[("if-match", "*")], Answer(true), Answer(true)),
            (&[("if-match", &weak)], Failed, Failed),
            (&[("if-match", "\"x\"")], Failed, Failed),
            (&[("if-match", "\"x\""), ("if-none-match", TAG)], Failed, Failed),
            (&[("if-match", TAG), ("if-none-match", TAG)], Unchanged, Failed),
            (&[("if-unmodified-since", DATE)], Answer(true), Answer(true)),
            (&[("if-unmodified-since", before)], Failed, Failed),
            (&[("if-unmodified-since", "nonsense")], Answer(true), Answer(true)),
            (&[("if-match", TAG), ("if-unmodified-since", before)], Answer(true), Failed),
            // Parts are joined by a strong tag or the very date alone.
            (&[("if-range", TAG)], Answer(true), Answer(false)),
            (&[("if-range", &weak)], Answer(false), Answer(false)),
            (&[("if-range", "\"x\"")], Answer(false), Answer(false)),
            (&[("if-range", "*")], Answer(false), Answer(false)),
            (&[("if-range", "")], Answer(false), Answer(false)),
            (&[("if-range", DATE)], Answer(true), Answer(false)),
            (&[("if-range", after)], Answer(false), Answer(false)),
            (&[("if-range", before)], Answer(false), Answer(false)),
            (&[("if-range", TAG), ("if-range", "\"x\"")], Answer(false), Answer(false)),
        ] {
            assert_eq!(judged(60, headers), settled, "settled: {headers:?}");
            assert_eq!(judged(2, headers), fresh, "fresh: {headers:?}");
            // Written in what is the future to this clock.
            assert_eq!(judged(-60, headers), fresh, "of tomorrow: {headers:?}");
        }
    }

    #[test]
    fn what_is_told() {
        let told =
            |seconds_ago| -> Vec<String> { validator(seconds_ago).headers().iter().map(ToString::to_string).collect() };
        assert_eq!(told(3), [format!("ETag: {TAG}"), format!("Last-Modified: {DATE}")]);
        assert_eq!(told(2), [format!("ETag: W/{TAG}")]);
        assert_eq!(told(-1), [format!("ETag: W/{TAG}")]);
    }

    #[test]
    fn every_change_has_a_tag_of_its_own() {
        let at = Timestamp::from_nanosecond(1_795_345_200_000_000_001).unwrap();
        let later = Timestamp::from_nanosecond(1_795_345_200_000_000_002).unwrap();
        let states = [(1, 1, at), (1, 1, later), (1, 2, at), (2, 1, at), (0x11, 1, at), (1, 0x11, at)];
        let tags: std::collections::BTreeSet<String> =
            states.iter().map(|(inode, size, modified)| Validator::new(*inode, *size, *modified, later).tag).collect();
        assert_eq!(tags.len(), states.len(), "{tags:?}");
        assert!(
            tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"') && !tag[1..tag.len() - 1].contains('"'))
        );
    }

    #[test]
    fn dates_in_three_forms() {
        for (text, second) in [
            (DATE, Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Sun, 22 Nov 2026 20:00:08 GMT", Some(1_795_377_608)),
            ("Fri, 01 Jan 2044 00:00:00 GMT", Some(2_335_219_200)),
            ("Sun, 06 Nov 1994 08:49:37 +0200", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("1994-11-06T08:49:37Z", None),
            ("\"tag\"", None),
            ("", None),
        ] {
            assert_eq!(parse_date(text), second, "{text}");
        }
    }
}

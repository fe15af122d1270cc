//! Which part of an answer is wanted: `Range` (RFC 9110, 14). Pure.
//!
//! One range is served. Who asks for several gets the whole, which is allowed (14.2): nobody who reads logs does, and parts
//! that overlap a thousand times would make much of little (17.15).

/// What is to be sent of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All: nothing else was asked for, or nothing that makes sense.
    Whole,
    /// From the first of these bytes to the last, both included, counted from 0.
    Part(u64, u64),
    /// What lies behind the end.
    Beyond,
}

/// What the `Range` headers of a request want of `length` bytes. Of the unit `bytes` only; what is malformed is ignored, as
/// is a header that comes twice.
pub fn wanted<'a>(mut headers: impl Iterator<Item = &'a str>, length: u64) -> Wanted {
    match (headers.next(), headers.next()) {
        (Some(range), None) => one(range, length).unwrap_or(Wanted::Whole),
        _ => Wanted::Whole,
    }
}

fn one(range: &str, length: u64) -> Option<Wanted> {
    let (unit, set) = range.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A list may have empty elements.
    let mut specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty());
    let (spec, None) = (specs.next()?, specs.next()) else { return None };
    let (first, last) = spec.split_once('-')?;
    let end = length.checked_sub(1);
    match (first, last) {
        ("", suffix) => match (number(suffix)?, end) {
            (0, _) => Some(Wanted::Beyond),
            // All of nothing cannot be told as a part.
            (_, None) => None,
            (count, Some(end)) => Some(Wanted::Part(length.saturating_sub(count), end)),
        },
        (first, last) => {
            let first = number(first)?;
            let last = if last.is_empty() { u64::MAX } else { number(last)? };
            match end {
                _ if last < first => None,
                Some(end) if first <= end => Some(Wanted::Part(first, last.min(end))),
                _ => Some(Wanted::Beyond),
            }
        }
    }
}

/// Digits alone; more than any file has bytes are as good as the most.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Wanted::{Beyond, Part, Whole};
    use super::*;

    #[test]
    fn one_range_is_served() {
        for (range, length, expected) in [
            ("bytes=0-499", 1000, Part(0, 499)),
            ("bytes=500-999", 1000, Part(500, 999)),
            ("bytes=0-0", 1000, Part(0, 0)),
            ("bytes=999-", 1000, Part(999, 999)),
            ("bytes=0-", 1000, Part(0, 999)),
            ("bytes=-1", 1000, Part(999, 999)),
            ("bytes=-500", 1000, Part(500, 999)),
            ("BYTES=007-008", 1000, Part(7, 8)),
            // Clamped to what there is.
            ("bytes=900-5000", 1000, Part(900, 999)),
            ("bytes=0-99999999999999999999999999", 1000, Part(0, 999)),
            ("bytes=-5000", 1000, Part(0, 999)),
            ("bytes=-99999999999999999999999999", 1000, Part(0, 999)),
            ("bytes=0-18446744073709551615", u64::MAX, Part(0, u64::MAX - 1)),
            // Lists of one.
            ("bytes=,,0-1", 1000, Part(0, 1)),
            ("bytes= 0-1\t,", 1000, Part(0, 1)),
            // Behind the end.
            ("bytes=1000-", 1000, Beyond),
            ("bytes=1000-2000", 1000, Beyond),
            ("bytes=99999999999999999999999999-", 1000, Beyond),
            ("bytes=99999999999999999999999999-99999999999999999999999999", 1000, Beyond),
            ("bytes=-0", 1000, Beyond),
            // Of nothing.
            ("bytes=0-", 0, Beyond),
            ("bytes=0-0", 0, Beyond),
            ("bytes=-0", 0, Beyond),
            ("bytes=-5", 0, Whole),
            // Several are answered with the whole, wherever they lie.
            ("bytes=0-1,3-4", 1000, Whole),
            ("bytes=0-,0-,0-", 1000, Whole),
            ("bytes=2000-,3000-", 1000, Whole),
            // What makes no sense is ignored.
            ("bytes=500-499", 1000, Whole),
            ("bytes=5000-4000", 1000, Whole),
            ("bytes=", 1000, Whole),
            ("bytes=-", 1000, Whole),
            ("bytes=,", 1000, Whole),
            ("bytes=--1", 1000, Whole),
            ("bytes=1", 1000, Whole),
            ("bytes=1-2-3", 1000, Whole),
            ("bytes=a-b", 1000, Whole),
            ("bytes=1-b", 1000, Whole),
            ("bytes=-b", 1000, Whole),
            ("bytes=+1-2", 1000, Whole),
            ("bytes=1-+2", 1000, Whole),
            ("bytes=0x1-2", 1000, Whole),
            ("bytes=1 - 2", 1000, Whole),
            ("bytes=1.5-2", 1000, Whole),
            ("bytes =0-1", 1000, Whole),
            ("bytes 0-1", 1000, Whole),
            ("lines=0-1", 1000, Whole),
            ("0-1", 1000, Whole),
            ("", 1000, Whole),
        ] {
            assert_eq!(wanted([range].into_iter(), length), expected, "{range:?} of {length}");
        }
        assert_eq!(wanted([].into_iter(), 1000), Whole);
        assert_eq!(wanted(["bytes=0-1", "bytes=0-1"].into_iter(), 1000), Whole);
    }
}

//! Lines of a log in memory: packed into blocks that all snapshots share, the oldest block going first.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::Level;

/// What a block takes besides its text and its lines.
const BLOCK_COST: usize = 128;

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number; lines of a log are numbered one after the other, and no number is used twice.
    pub number: u64,
    /// Its level; one that tells none (the lines of a traceback) has that of the line before it.
    pub level: Option<Level>,
    /// When it was written, by its own words, else as the line before it.
    pub at: Option<Timestamp>,
    /// Whether it tells its level itself.
    pub is_head: bool,
    /// Its text, without the line end.
    pub text: &'a str,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Microseconds since 1970; `i64::MIN` where it is not known.
    at_us: i64,
    /// Where its text ends in its block.
    end: u32,
    level: Option<Level>,
    is_head: bool,
}

#[derive(Debug, Clone, Default)]
struct Block {
    /// The number of its first line.
    first: u64,
    text: String,
    entries: Vec<Entry>,
}

impl Block {
    fn bytes(&self) -> usize {
        BLOCK_COST + self.text.len() + self.entries.len() * size_of::<Entry>()
    }

    fn line(&self, index: usize) -> Line<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.entries[before].end as usize);
        let Entry { at_us, end, level, is_head } = self.entries[index];
        Line {
            number: self.first + index as u64,
            level,
            at: Some(at_us).filter(|us| *us != i64::MIN).and_then(|us| Timestamp::from_microsecond(us).ok()),
            is_head,
            text: &self.text[start..end as usize],
        }
    }
}

/// Some lines, oldest first. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<[Arc<Block>]>);

impl PartialEq for Lines {
    /// The same lines, as they are shared.
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(other.0.iter()).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for Lines {}

impl Lines {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|block| block.entries.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|block| block.entries.is_empty())
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Line<'_>> {
        self.0.iter().flat_map(|block| (0..block.entries.len()).map(|index| block.line(index)))
    }

    /// Those with a greater number.
    pub fn after(&self, number: u64) -> impl DoubleEndedIterator<Item = Line<'_>> {
        let from = self.0.partition_point(|block| block.first + block.entries.len() as u64 <= number + 1);
        self.0[from..].iter().flat_map(move |block| {
            let told = (number + 1).saturating_sub(block.first) as usize;
            (told.min(block.entries.len())..block.entries.len()).map(|index| block.line(index))
        })
    }

    /// The number of the first one.
    pub fn first(&self) -> Option<u64> {
        self.0.iter().find(|block| !block.entries.is_empty()).map(|block| block.first)
    }

    /// The number of the last one.
    pub fn last(&self) -> Option<u64> {
        self.iter().next_back().map(|line| line.number)
    }
}

/// Lines that come at one end and go at the other.
#[derive(Debug)]
pub struct Ring {
    block_bytes: usize,
    sealed: VecDeque<Arc<Block>>,
    open: Block,
    bytes: usize,
    shown: Option<Lines>,
}

impl Ring {
    /// None yet; `first` is the number of the first one that comes, 1 or more. They go by blocks of about so many bytes.
    pub fn new(first: u64, block_bytes: usize) -> Self {
        let open = Block { first, ..Block::default() };
        Self { block_bytes, sealed: VecDeque::new(), open, bytes: BLOCK_COST, shown: None }
    }

    /// Adds a line.
    pub fn push(&mut self, text: &str, at: Option<Timestamp>, level: Option<Level>, is_head: bool) {
        if self.open.bytes() + text.len() > self.block_bytes && !self.open.entries.is_empty() {
            let next = self.open.first + self.open.entries.len() as u64;
            let mut full = std::mem::replace(&mut self.open, Block { first: next, ..Block::default() });
            full.text.shrink_to_fit();
            full.entries.shrink_to_fit();
            self.sealed.push_back(Arc::new(full));
            self.bytes += BLOCK_COST;
        }
        let before = self.open.bytes();
        self.open.text.push_str(text);
        let end = self.open.text.len() as u32;
        self.open.entries.push(Entry { at_us: at.map_or(i64::MIN, Timestamp::as_microsecond), end, level, is_head });
        self.bytes += self.open.bytes() - before;
        self.shown = None;
    }

    /// Lets the oldest block go; `None` where there is but the one that is being filled.
    pub fn shed(&mut self) -> Option<Lines> {
        let block = self.sealed.pop_front()?;
        self.bytes -= block.bytes();
        self.shown = None;
        Some(Lines(Arc::from([block])))
    }

    /// What they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What those take that come after the block of this number.
    pub fn bytes_after(&self, number: u64) -> usize {
        let later = self.sealed.iter().filter(|block| block.first > number);
        later.map(|block| block.bytes()).sum::<usize>() + self.open.bytes()
    }

    /// The number of the next one.
    pub fn next(&self) -> u64 {
        self.open.first + self.open.entries.len() as u64
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sealed.iter().map(|block| block.entries.len()).sum::<usize>() + self.open.entries.len()
    }

    /// How many go when the oldest block does.
    pub fn oldest(&self) -> usize {
        self.sealed.front().map_or(self.open.entries.len(), |block| block.entries.len())
    }

    /// Those that are there, to be shared.
    pub fn lines(&mut self) -> Lines {
        let (sealed, open) = (&self.sealed, &self.open);
        let shown = self.shown.get_or_insert_with(|| {
            let last = (!open.entries.is_empty()).then(|| Arc::new(open.clone()));
            Lines(sealed.iter().cloned().chain(last).collect())
        });
        shown.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(count: u64, block_bytes: usize) -> Ring {
        let mut ring = Ring::new(1, block_bytes);
        for number in 1..=count {
            let at = (number % 3 > 0).then(|| Timestamp::from_second(number as i64).unwrap());
            ring.push(&"ł".repeat(number as usize % 5), at, (number % 2 > 0).then_some(Level::Info), number % 7 == 0);
        }
        ring
    }

    #[test]
    fn lines_are_what_was_pushed_in_blocks_of_any_size() {
        for block_bytes in [1, 200, 400, 100_000] {
            let mut ring = ring(50, block_bytes);
            let lines = ring.lines();
            assert_eq!((lines.len(), ring.count(), lines.first(), lines.last()), (50, 50, Some(1), Some(50)));
            for (line, number) in lines.iter().zip(1..) {
                let at = (number % 3 > 0).then(|| Timestamp::from_second(number as i64).unwrap());
                let level = (number % 2 > 0).then_some(Level::Info);
                let (text, is_head) = ("ł".repeat(number as usize % 5), number % 7 == 0);
                assert_eq!(line, Line { number, level, at, is_head, text: &text });
            }
            for number in 0..=51 {
                let numbers = |lines: &Lines| lines.after(number).map(|line| line.number).collect::<Vec<_>>();
                assert_eq!(numbers(&lines), (number + 1..=50).collect::<Vec<_>>(), "{block_bytes} {number}");
            }
        }
    }

    #[test]
    fn what_is_shed_is_the_oldest_and_memory_is_counted() {
        let mut ring = ring(500, 1_000);
        let (all, kept) = (ring.lines(), ring.lines());
        assert_eq!(all, kept);
        let mut shed = Vec::new();
        while let Some(lines) = ring.shed() {
            shed.extend(lines.iter().map(|line| line.number));
        }
        let left = ring.lines();
        assert_ne!(all, left);
        shed.extend(left.iter().map(|line| line.number));
        assert_eq!(shed, (1..=500).collect::<Vec<_>>());
        assert_eq!(ring.bytes(), ring.open.bytes());
        assert_eq!(all.len(), 500, "who has them keeps them");
        assert_eq!(ring.next(), 501);
        assert_eq!(left.after(3).count(), left.len(), "older ones are gone");
    }

    #[test]
    fn how_far_behind_somebody_is() {
        let ring = ring(500, 1_000);
        let bytes: Vec<usize> = (0..=500).map(|number| ring.bytes_after(number)).collect();
        assert!(bytes.is_sorted_by(|a, b| a >= b));
        assert!(bytes[0] >= ring.bytes() - 2_000 && bytes[500] < 2_000, "{bytes:?} {}", ring.bytes());
    }

    #[test]
    fn nothing_is_nothing() {
        let mut ring = Ring::new(7, 100);
        let lines = ring.lines();
        assert_eq!((lines.len(), lines.is_empty(), lines.first(), lines.last()), (0, true, None, None));
        assert_eq!((lines.iter().count(), lines.after(0).count(), ring.shed()), (0, 0, None));
        assert_eq!((lines, ring.next()), (Lines::default(), 7));
    }
}

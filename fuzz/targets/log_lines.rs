//! A log file's tail: the same lines however the bytes come, within bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use jiff::Timestamp;
use wattboard::model::logs::tail::{Dialect, Tail};
use wattboard::model::logs::{Level, LevelFilter};
use wattboard::model::time::SiteZone;

const LINE_BYTES: usize = 8 * 1024;
const MARK: &str = " […]";

/// Long lines from short inputs: a byte 0xFD and a number stand for that many times 64 letters.
fn unpack(bytes: &[u8]) -> Vec<u8> {
    let (mut long, mut rest) = (Vec::new(), bytes.iter());
    while let Some(&byte) = rest.next() {
        match byte {
            0xfd if long.len() < 1 << 20 => {
                long.resize(long.len() + 64 * usize::from(*rest.next().unwrap_or(&0)), b'x')
            }
            byte => long.push(byte),
        }
    }
    long
}

const MEMORY: usize = 384 * 1024;

fn tail() -> Tail {
    Tail::new(Dialect::Python, SiteZone::named("Europe/Warsaw").unwrap(), 1, true)
}

fn told(tail: &mut Tail) -> Vec<(Option<Level>, String)> {
    tail.held().lines.iter().map(|line| (line.level, line.text.to_string())).collect()
}

/// How much of a line is shown: a character that would be cut in two is left out.
fn shown(line: &[u8]) -> String {
    let mut end = line.len();
    if end > LINE_BYTES {
        end = (LINE_BYTES - 3..=LINE_BYTES).rev().find(|end| line[*end] & 0xC0 != 0x80).unwrap_or(LINE_BYTES - 4);
    }
    String::from_utf8_lossy(&line[..end]).into_owned()
}

fuzz_target!(|data: &[u8]| {
    let Some((&seed, bytes)) = data.split_first() else { return };
    let bytes = unpack(bytes);
    let now = Timestamp::from_second(1_795_352_400).unwrap();
    let mut whole = tail();
    whole.take(&bytes, now);
    whole.shrink(MEMORY);
    let whole = told(&mut whole);

    let (mut pieces, mut rest, mut turn) = (tail(), bytes.as_slice(), u32::from(seed));
    while !rest.is_empty() {
        turn = turn.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        // Mostly small, at times more than a line.
        let size = if turn >> 28 == 0 { 10_000 } else { 1 + (turn >> 16) as usize % 4_099 };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.take(piece, now);
        let _ = pieces.held();
        rest = after;
    }
    pieces.shrink(MEMORY);
    assert_eq!(told(&mut pieces), whole, "the same lines, however they come");

    let ended = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!(whole.len() <= ended);
    assert!(whole.iter().map(|(_, text)| text.len()).sum::<usize>() <= MEMORY);
    for (level, text) in &whole {
        assert!(!text.contains('\n') && text.len() <= 3 * LINE_BYTES + MARK.len());
        let named = Dialect::Python.read(text).unwrap().level;
        assert!(named.is_none() || named == *level);
        assert_eq!(LevelFilter::parse(text).is_some_and(|filter| filter == LevelFilter::All), text.is_empty());
    }
    // What the journal's lines say is read without a fault, whatever they are.
    let mut journal = Tail::new(Dialect::Journal, SiteZone::named("Europe/Warsaw").unwrap(), 1, true);
    journal.take(&bytes, now);
    assert!(journal.held().lines.len() <= ended);
    // The newest lines are kept, and each as it stands.
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for ((_, text), line) in whole.iter().rev().zip(lines[..ended].iter().rev()) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mark = if line.len() > LINE_BYTES { MARK } else { "" };
        assert!(*text == format!("{}{mark}", shown(line)), "a line of {} bytes", line.len());
    }
});

//! A log file's tail: the same lines however the bytes come, within bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wattboard::model::logs::{Level, LevelFilter};
use wattboard::source::log_files::Follower;

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

fn told(follower: &mut Follower) -> Vec<(Option<Level>, String)> {
    follower.lines().iter().map(|line| (line.level, line.text.to_string())).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((&seed, bytes)) = data.split_first() else { return };
    let bytes = unpack(bytes);
    let mut whole = Follower::default();
    whole.take(&bytes);
    let whole = told(&mut whole);

    let (mut pieces, mut rest, mut turn) = (Follower::default(), bytes.as_slice(), u32::from(seed));
    while !rest.is_empty() {
        turn = turn.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        // Mostly small, at times more than a line.
        let size = if turn >> 28 == 0 { 10_000 } else { 1 + (turn >> 16) as usize % 4_099 };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.take(piece);
        let _ = pieces.lines();
        rest = after;
    }
    assert_eq!(told(&mut pieces), whole, "the same lines, however they come");

    let ended = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!(whole.len() <= ended.min(2_000));
    assert!(whole.iter().map(|(_, text)| text.len()).sum::<usize>() <= 384 * 1024);
    for (level, text) in &whole {
        assert!(!text.contains('\n') && text.len() <= 3 * LINE_BYTES + MARK.len());
        let named = Level::of_line(text);
        assert!(named.is_none() || named == *level);
        assert_eq!(LevelFilter::parse(text).is_some_and(|filter| filter == LevelFilter::All), text.is_empty());
    }
    // The newest lines are kept, and each as it stands.
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for ((_, text), line) in whole.iter().rev().zip(lines[..ended].iter().rev()) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let shown = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES)]);
        let mark = if line.len() > LINE_BYTES { MARK } else { "" };
        assert!(*text == format!("{shown}{mark}"), "a line of {} bytes", line.len());
    }
});

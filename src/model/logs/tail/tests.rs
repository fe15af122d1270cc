//! Lines as a log's bytes come, against a plain reading of the whole text.

use super::*;
use crate::model::balance::property::Random;

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T13:10:00Z".parse().unwrap()
}

fn tail(dialect: Dialect) -> Tail {
    Tail::new(dialect, zone(), 1, true)
}

fn texts(tail: &mut Tail) -> Vec<String> {
    tail.held().lines.iter().map(|line| line.text.to_owned()).collect()
}

#[test]
fn what_a_line_says_of_itself() {
    for (dialect, line, level, at, message) in [
        (
            Dialect::Python,
            "2026-11-22 14:02:24,900 - module.name - INFO - a - b - c",
            Some(Level::Info),
            Some("2026-11-22T13:02:24Z"),
            "a - b - c",
        ),
        (Dialect::Python, "2026-11-22 14:02:24,900 - a - NOTICE - x", None, Some("2026-11-22T13:02:24Z"), ""),
        (Dialect::Python, "2026-11-22 14:02:24 started", None, Some("2026-11-22T13:02:24Z"), ""),
        (Dialect::Python, "2026-02-30 14:02:24,900 - a - INFO - x", Some(Level::Info), None, "x"),
        (
            Dialect::Python,
            "2026-11-22 14:02:24,900 - a - WARNING - 5 - 3 - ERROR - not the field",
            Some(Level::Warning),
            Some("2026-11-22T13:02:24Z"),
            "5 - 3 - ERROR - not the field",
        ),
        (Dialect::Python, "Traceback (most recent call last):", None, None, ""),
        (Dialect::Python, "  File \"x.py\" - ERROR - in y - z", None, None, ""),
        (Dialect::Python, "łłłłłłłłłłłłłłłłłłłłł", None, None, ""),
        (
            Dialect::Journal,
            "2026-11-22T14:02:24+0100 pi python[12]: 2026-11-22 14:02:23,900 - m - ERROR - failed: no",
            Some(Level::Error),
            Some("2026-11-22T13:02:24Z"),
            "failed: no",
        ),
        (
            Dialect::Journal,
            "2026-11-22T14:02:24+01:00 pi systemd[1]: Started it.",
            None,
            Some("2026-11-22T13:02:24Z"),
            "Started it.",
        ),
        // A character in the middle of what should be an offset.
        (Dialect::Journal, "2026-11-22T14:02:24+1éx pi python[1]: hostile", None, None, "hostile"),
        (Dialect::Journal, "2026-11-22T14:02:24+01:00 pi", None, Some("2026-11-22T13:02:24Z"), ""),
    ] {
        let read = Reader::new(dialect, zone()).next(line, now()).unwrap();
        let at = at.map(|text| text.parse::<Timestamp>().unwrap());
        let message = if message.is_empty() { line } else { message };
        assert_eq!((read.level, read.at, read.message), (level, at, message), "{line}");
        assert_eq!(read.is_head, level.is_some());
    }
    for line in [
        "-- Journal begins at Sat 2026-11-21. --",
        "2026-11-22T14:02:24+01:00 pi python[12]: INFO:werkzeug: * Running",
        "2026-11-22T14:02:24+01:00 pi python[12]: 127.0.0.1 \"GET /status\" 200",
    ] {
        assert_eq!(Dialect::Journal.read(line), None, "{line}");
        assert!(Dialect::Python.read(line).is_some());
    }
}

#[test]
fn both_passes_of_the_doubled_hour() {
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    // Read long after: by their order.
    let mut reader = Reader::new(Dialect::Python, zone());
    for (time, at) in [
        ("01:59:59", "2026-10-24T23:59:59Z"),
        ("02:30:00", "2026-10-25T00:30:00Z"),
        ("02:59:59", "2026-10-25T00:59:59Z"),
        ("02:10:00", "2026-10-25T01:10:00Z"),
        ("03:00:00", "2026-10-25T02:00:00Z"),
    ] {
        let line = format!("2026-10-25 {time},000 - m - INFO - x");
        assert_eq!(reader.next(&line, now()).unwrap().at, Some(instant(at)), "{time}");
    }
    // Read as they are written.
    for at in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        let read = Reader::new(Dialect::Python, zone())
            .next("2026-10-25 02:30:00,000 - m - INFO - x", instant(at))
            .unwrap()
            .at;
        assert_eq!(read, Some(instant(at)));
    }
}

#[test]
fn continuation_lines_go_with_their_line() {
    let mut tail = tail(Dialect::Python);
    let text = "before\n2026-11-22 14:02:24,900 - m - ERROR - failed\nTraceback:\n  File x\n2026-11-22 14:02:25,900 - m - INFO - on\n";
    tail.take(text.as_bytes(), now());
    let held = tail.held();
    let levels: Vec<_> = held.lines.iter().map(|line| (line.level, line.is_head, line.at.is_some())).collect();
    let error = Some(Level::Error);
    assert_eq!(
        levels,
        [
            (None, false, false),
            (error, true, true),
            (error, false, true),
            (error, false, true),
            (Some(Level::Info), true, true)
        ]
    );
    assert_eq!(held.rates.of("2026-11-22T13:59:00Z".parse().unwrap()), [0, 1, 0, 1, 0]);
    assert_eq!(held.summary.list().len(), 1);
    assert_eq!(held.seen_from, Some("2026-11-22T13:02:24Z".parse().unwrap()));
}

#[test]
fn a_line_that_is_just_too_long_is_marked_however_it_comes() {
    for (end, marked) in [("\n", false), ("\r\n", false), ("y\n", true), ("y\r\n", true), ("\ry\n", true)] {
        let line = format!("{}{end}", "x".repeat(LINE_BYTES));
        for size in [1, 7, LINE_BYTES, LINE_BYTES + 1, LINE_BYTES + 2, line.len()] {
            let mut tail = tail(Dialect::Python);
            line.as_bytes().chunks(size).for_each(|piece| tail.take(piece, now()));
            let lines = texts(&mut tail);
            assert_eq!(lines.len(), 1);
            assert_eq!(lines[0].ends_with(CUT_MARK), marked, "{end:?} in pieces of {size}");
        }
    }
    // A character across the cut is left out as a whole.
    let mut tail = tail(Dialect::Python);
    tail.take(format!("x{}\n", "⚡".repeat(LINE_BYTES)).as_bytes(), now());
    let line = texts(&mut tail).remove(0);
    assert!(line.ends_with(&format!("⚡{CUT_MARK}")) && !line.contains('\u{fffd}'));
}

/// A log with everything that logs have.
fn corpus(random: &mut Random, lines: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..lines {
        let level = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "NOTICE"][random.below(6) as usize];
        let head = format!("2026-11-22 14:{:02}:{:02},000 - m.n - {level} - ", number / 60 % 60, number % 60);
        match random.below(12) {
            0 => text
                .extend(b"Traceback (most recent call last):\n  File \"x.py\", line 3 - ERROR - in f - g\nValueError"),
            1 => text.extend(format!("{head}\x1b[31mred\x1b[0m ⚡🔋").as_bytes()),
            2 => text.extend(format!("{head}a\0b\0").as_bytes()),
            3 => text.extend(format!("{head}windows\r").as_bytes()),
            4 => text.extend([head.as_bytes(), b"broken \xff\xc3"].concat()),
            5 if random.one_in(40) => text.extend(format!("{head}{}", "long ".repeat(200_000)).as_bytes()),
            6 => {}
            _ => text.extend(format!("{head}message {number}").as_bytes()),
        }
        text.push(b'\n');
    }
    text
}

/// Line by line, of the whole text.
fn reference(text: &[u8]) -> Vec<(Option<Level>, String)> {
    let mut level = None;
    let mut found = Vec::new();
    for line in text.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut shown = String::from_utf8_lossy(&line[..line.len().min(8192)]).into_owned();
        if line.len() > 8192 {
            shown.push_str(" […]");
        }
        let fields: Vec<&str> = shown.split(" - ").collect();
        if fields.len() >= 4 && fields[0].starts_with("2026-") {
            let names = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
            level = names.iter().position(|name| *name == fields[2]).map(|index| Level::ALL[index]).or(level);
        }
        found.push((level, shown));
    }
    found
}

#[test]
fn a_corpus_in_pieces_is_what_a_plain_reading_finds() {
    let mut random = Random(6);
    for round in 0..12 {
        let text = corpus(&mut random, 400);
        let mut tail = tail(Dialect::Python);
        let mut rest = &text[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + random.below(1 << (round + 4)) as usize).min(rest.len()));
            tail.take(piece, now());
            rest = after;
        }
        let held = tail.held();
        let found: Vec<_> = held.lines.iter().map(|line| (line.level, line.text.to_owned())).collect();
        assert!(found == reference(&text), "round {round}");
    }
}

#[test]
fn memory_is_bounded_and_warnings_stay_longest() {
    let mut tail = tail(Dialect::Python);
    for number in 0..40_000 {
        let level = if number % 50 == 0 { "WARNING" } else { "INFO" };
        tail.take(format!("2026-11-22 14:02:24,900 - m - {level} - message {number}\n").as_bytes(), now());
        tail.shrink(256 * 1024);
        assert!(tail.bytes() <= 256 * 1024);
    }
    let held = tail.held();
    let numbers: Vec<u64> = held.lines.iter().map(|line| line.number).collect();
    assert!(numbers.is_sorted() && numbers.last() == Some(&40_000));
    assert!((500..640).contains(&held.older.len()), "{}", held.older.len());
    // No warning is missing between the oldest and the newest, and none is there twice.
    let warnings: Vec<&str> =
        held.all().filter(|line| line.level == Some(Level::Warning)).map(|line| line.text).collect();
    let told: Vec<u32> = warnings.iter().map(|text| text.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(told.windows(2).all(|pair| pair[1] == pair[0] + 50), "{told:?}");
    assert_eq!(*told.last().unwrap(), 39_950);
}

#[test]
fn what_was_found_before_comes_before() {
    let mut tail = tail(Dialect::Python);
    tail.take(b"2026-11-22 14:02:24,900 - m - ERROR - late\n", now());
    let at = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut before = Before { since: Some(at), ..Before::default() };
    before.lines.push(("early".into(), Some(at), Level::Error, true));
    before.rates.count(at, Level::Error);
    tail.precede(before);
    let held = tail.held();
    assert_eq!(
        held.all().map(|line| line.text).collect::<Vec<_>>(),
        ["early", "2026-11-22 14:02:24,900 - m - ERROR - late"]
    );
    assert_eq!((held.seen_from, held.rates.of(at)), (Some(at), [0, 0, 0, 1, 0]));
}

#[test]
fn what_was_written_before_is_not_counted() {
    let line = |time: &str, level: &str| format!("2026-11-22 {time},000 - a - {level} - x\n");
    let mut tail = tail(Dialect::Python);
    // It is 14:10; a log is seen a moment after its first lines were written.
    let old = line("13:00:00", "ERROR") + &line("14:09:49", "ERROR") + &line("14:09:51", "INFO");
    tail.take((old + "Traceback - ERROR - x\n").as_bytes(), now());
    assert_eq!(tail.held().counted, [0, 1, 0, 0, 0]);
    let later = now() + Duration::from_secs(60);
    let new =
        line("14:10:30", "ERROR") + "  of no level\n" + &line("14:10:31", "CRITICAL") + &line("14:10:31", "ERROR");
    tail.take(new.as_bytes(), later);
    assert_eq!(tail.held().counted, [0, 1, 0, 2, 1]);
}

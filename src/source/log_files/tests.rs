//! Log files as they are written, rotated, truncated and replaced.

use std::io::Write;
use std::os::unix::net::UnixListener;

use super::*;
use crate::model::logs::Level;
use crate::model::logs::tail::CUT_MARK;

struct Folder {
    dir: tempfile::TempDir,
    logs: LogFolder,
}

fn now() -> Timestamp {
    "2026-11-22T13:00:00Z".parse().unwrap()
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let logs = LogFolder::new(dir.path().to_owned(), SiteZone::named("Europe/Warsaw").unwrap(), 384 * 1024);
        Self { dir, logs }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        fs::OpenOptions::new().create(true).append(true).open(self.at(name)).unwrap().write_all(bytes).unwrap();
    }

    fn truncate(&self, name: &str) {
        fs::OpenOptions::new().write(true).open(self.at(name)).unwrap().set_len(0).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.at(from), self.at(to)).unwrap();
    }

    fn poll(&mut self) -> Vec<LogFile> {
        loop {
            let mut found = self.logs.poll(now(), |_, _| true).unwrap();
            if !found.more {
                self.logs.fill(&mut found.files);
                return found.files;
            }
        }
    }

    fn lines(&mut self, name: &str) -> Vec<String> {
        let files = self.poll();
        let file = files.iter().find(|file| file.name == name).unwrap();
        assert_eq!(file.error, None);
        file.held.lines.iter().map(|line| line.text.to_owned()).collect()
    }
}

#[test]
fn lines_are_followed_through_rotation_and_truncation() {
    let mut folder = Folder::new();
    assert!(folder.poll().is_empty());
    folder.append("a.log", b"one\ntw");
    assert_eq!(folder.lines("a.log"), ["one"]);
    folder.append("a.log", b"o\r\nthree\n");
    assert_eq!(folder.lines("a.log"), ["one", "two", "three"]);
    // What was written to it after the last look, and after it was renamed, is not lost.
    folder.append("a.log", b"3a\n");
    folder.rename("a.log", "a.log.1");
    folder.append("a.log.1", b"3b");
    folder.append("a.log", b"four\n");
    assert_eq!(folder.lines("a.log"), ["one", "two", "three", "3a", "3b", "four"]);
    folder.truncate("a.log");
    folder.poll();
    folder.append("a.log", b"five\n");
    assert_eq!(folder.lines("a.log")[6..], ["five"]);
    // Truncated and written beyond the old length between two looks.
    folder.truncate("a.log");
    folder.append("a.log", b"longer than five\nand more\n");
    assert_eq!(folder.lines("a.log")[7..], ["longer than five", "and more"]);
    // To the very same length.
    folder.truncate("a.log");
    folder.append("a.log", b"as long, other\nand more!\n\n");
    assert_eq!(folder.lines("a.log")[9..], ["as long, other", "and more!", ""]);
    // Deleted, and soon there again.
    fs::remove_file(folder.at("a.log")).unwrap();
    assert!(folder.poll().is_empty());
    folder.append("a.log", b"six\n");
    assert_eq!(folder.lines("a.log")[12..], ["six"]);
    let numbers: Vec<u64> = folder.poll()[0].held.lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>());
}

#[test]
fn every_file_of_many_rotations_between_two_looks_is_read_in_order() {
    let mut folder = Folder::new();
    folder.append("a.log", b"line 0\n");
    folder.append("a.log.1", b"from long ago\n");
    assert_eq!(folder.lines("a.log"), ["line 0"]);
    let mut expected = vec!["line 0".to_owned()];
    for round in 1..=3_u64 {
        for file in 0..4 {
            let text = format!("line {round} {file}");
            folder.append("a.log", format!("{text}\n").as_bytes());
            expected.push(text);
            // As logging.handlers does.
            for number in (1..20).rev().filter(|number| folder.at(&format!("a.log.{number}")).exists()) {
                folder.rename(&format!("a.log.{number}"), &format!("a.log.{}", number + 1));
            }
            folder.rename("a.log", "a.log.1");
        }
        if round == 2 {
            assert!(folder.poll().is_empty(), "it is not there for a moment");
        }
        folder.append("a.log", format!("first of {round}\n").as_bytes());
        expected.push(format!("first of {round}"));
        if round != 1 {
            assert_eq!(folder.lines("a.log"), expected, "{round}");
        }
    }
    // With dates, as logrotate does, packed ones left alone.
    folder.append("a.log", b"old\n");
    folder.rename("a.log", "a.log-20261122");
    folder.append("a.log-20261121.gz", b"packed\n");
    folder.append("a.log", b"new\n");
    expected.extend(["old".to_owned(), "new".to_owned()]);
    assert_eq!(folder.lines("a.log"), expected);
}

#[test]
fn what_was_written_after_a_file_that_is_deleted_is_read() {
    let mut folder = Folder::new();
    for (name, text) in [("a.log.2", "long ago\n"), ("a.log", "one\n")] {
        folder.append(name, text.as_bytes());
        std::thread::sleep(Duration::from_millis(20));
    }
    folder.lines("a.log");
    for text in ["two\n", "three\n"] {
        folder.rename("a.log", &format!("a.log.{}", if text == "two\n" { 5 } else { 4 }));
        folder.append("a.log", text.as_bytes());
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::remove_file(folder.at("a.log.5")).unwrap();
    assert_eq!(folder.lines("a.log"), ["one", "two", "three"]);
}

#[test]
fn nothing_is_lost_while_files_are_renamed() {
    let mut folder = Folder::new();
    folder.append("a.log", b"line 0\n");
    folder.lines("a.log");
    let dir = folder.dir.path().to_owned();
    let writer = std::thread::spawn(move || {
        let at = |number: u32| dir.join(if number == 0 { "a.log".into() } else { format!("a.log.{number}") });
        for round in 1..=60 {
            for number in (0..round).rev() {
                fs::rename(at(number), at(number + 1)).unwrap();
            }
            fs::write(at(0), format!("line {round}\n")).unwrap();
        }
    });
    while !writer.is_finished() {
        folder.poll();
    }
    writer.join().unwrap();
    let expected: Vec<String> = (0..=60).map(|round| format!("line {round}")).collect();
    assert_eq!(folder.lines("a.log"), expected);
}

#[test]
fn a_new_file_that_is_empty_is_not_yet_the_one_that_is_written_to() {
    let mut folder = Folder::new();
    folder.append("a.log", b"one\n");
    folder.poll();
    folder.rename("a.log", "a.log.1");
    folder.append("a.log", b"");
    folder.poll();
    folder.append("a.log.1", b"two\n");
    assert_eq!(folder.lines("a.log"), ["one", "two"]);
    folder.append("a.log", b"three\n");
    assert_eq!(folder.lines("a.log"), ["one", "two", "three"]);
}

#[test]
fn odd_bytes_and_long_lines() {
    let mut folder = Folder::new();
    let long = "x".repeat(3 * 8192);
    folder.append("a.log", format!("{long}\nłódź ⚡\n").as_bytes());
    folder.append("a.log", b"broken \xff byte\n\n");
    let lines = folder.lines("a.log");
    assert_eq!(lines[0], format!("{}{CUT_MARK}", &long[..8192]));
    assert_eq!(lines[1..], ["łódź ⚡", "broken \u{fffd} byte", ""]);
}

#[test]
fn memory_is_bounded_and_a_large_file_begins_at_a_line() {
    let mut folder = Folder::new();
    let line = format!("{}\n", "y".repeat(999));
    folder.append("a.log", line.repeat(3_000).as_bytes());
    let lines = folder.lines("a.log");
    assert!(lines.iter().all(|text| text.len() == 999));
    assert!(lines.len() > 300 && lines.len() <= 390, "{}", lines.len());
    folder.append("b.log", "z\n".repeat(100_000).as_bytes());
    folder.poll();
    assert!(folder.logs.tails().all(|tail| tail.bytes() <= 384 * 1024));
}

#[test]
fn what_lies_before_the_last_lines_is_found_backwards() {
    for (every, size) in [(1_000, 40), (37, 300), (1, 90)] {
        let mut folder = Folder::new();
        let mut text = String::new();
        let mut expected = Vec::new();
        for number in 0..20_000 {
            let (hour, minute) = (number / 2_000 + 3, number / 40 % 50);
            let level = if number % every == 0 { "ERROR" } else { "INFO" };
            let line = format!(
                "2026-11-22 {hour:02}:{minute:02}:00,000 - m - {level} - {number} {}",
                "x".repeat(number % size)
            );
            text.push_str(&format!("{line}\n"));
            if number % every == 0 {
                text.push_str("Traceback:\n  last\n");
                expected.extend([line, "Traceback:".into(), "  last".into()]);
            }
        }
        folder.append("a.log", text.as_bytes());
        folder.poll();
        while folder.logs.look_back(now()) {}
        let file = folder.poll().remove(0);
        let found: Vec<&str> =
            file.held.all().filter(|line| line.level == Some(Level::Error)).map(|line| line.text).collect();
        assert!(found.len() >= expected.len().min(500), "{every}: {}", found.len());
        let wanted = &expected[expected.len() - found.len()..];
        let unlike = found.iter().zip(wanted).rposition(|(one, two)| one != two);
        assert_eq!(unlike, None, "{every} of {}", found.len());
        // Each line is counted once, as far as it was looked at.
        let counted: u32 =
            (2..13).map(|hour| file.held.rates.of(now() - Duration::from_secs(hour * 3600)).iter().sum::<u32>()).sum();
        let seen_from = file.held.seen_from.unwrap();
        assert_eq!(counted, 20_000, "{every}: all of it is within reach");
        assert_eq!(seen_from, "2026-11-22T02:00:00Z".parse().unwrap());
    }
}

#[test]
fn the_coordinators_logs_are_followed_among_many() {
    let mut folder = Folder::new();
    for index in 0..2 * FILES_FOLLOWED {
        folder.append(&format!("battery_{index}.log"), b"x\n");
    }
    folder.append("master_coordinator.log", b"2026-11-22 14:00:00,000 - m - INFO - Decision made: wait\n");
    let files = folder.poll();
    let master = files.iter().find(|file| file.name == "master_coordinator.log").unwrap();
    assert_eq!((master.error.as_deref(), master.held.lines.len(), master.held.summary.list().len()), (None, 1, 1));
    assert_eq!(files.iter().filter(|file| file.error.is_some()).count(), FILES_FOLLOWED + 1);
}

#[test]
fn links_devices_and_pipes_are_no_log_files() {
    let mut folder = Folder::new();
    folder.append("secret", b"secret\n");
    std::os::unix::fs::symlink(folder.at("secret"), folder.at("link.log")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.at("pipe.log")).status().unwrap().success());
    let _listener = UnixListener::bind(folder.at("socket.log")).unwrap();
    fs::create_dir(folder.at("folder.log")).unwrap();
    folder.append("plain.log", b"x\n");
    let files = folder.poll();
    assert_eq!(files.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["plain.log"]);
    // One that takes the place of a followed file later.
    fs::remove_file(folder.at("plain.log")).unwrap();
    std::os::unix::fs::symlink(folder.at("secret"), folder.at("plain.log")).unwrap();
    assert!(folder.poll().is_empty());
}

#[test]
fn who_is_behind_is_waited_for() {
    let mut folder = Folder::new();
    folder.append("a.log", b"one\n");
    let found = folder.logs.poll(now(), |_, _| false).unwrap();
    assert_eq!((found.more, found.files[0].held.lines.len()), (true, 0));
    assert_eq!(folder.lines("a.log"), ["one"]);
}

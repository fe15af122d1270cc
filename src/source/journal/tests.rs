//! Against stand-ins for `journalctl`: shell scripts in a folder of their own. Time is given, output is waited for.

use super::*;
use std::fs;
use std::process::Command;
use std::thread::sleep;

/// What every stand-in begins with: who it is and how it was called, and its journal, a file for each kind of unit.
const HEAD: &str = r#"#!/bin/sh
D=$(dirname "$0")
echo "$$" >> "$D/pids"
echo "$*" >> "$D/calls"
F=$D/system; S=0; N=0
for A in "$@"; do
    case "$A" in --user) F=$D/user;; --since=@*) S=${A#--since=@};; esac
    [ "$L" = -n ] && N=$A
    L=$A
done
since() { awk -v s="$S" '/^ / ? told : told = substr($1, 18, 2) + 0 >= s + 0'; }
"#;
/// What answers like journalctl.
const LIKE_JOURNALCTL: &str = r#"
if [ "$N" != 0 ]; then
    [ -f "$F" ] || { echo "-- No entries --"; exit 0; }
    awk -v n="$N" '!/^ / { all++ } { of[NR] = all; text[NR] = $0 } END { for (i = 1; i <= NR; i++) if (of[i] > all - n) print text[i] }' "$F"
    exit 0
fi
told=0
while :; do
    all=$(wc -l < "$F")
    [ "$all" = "$told" ] || sed -n "$((told + 1)),${all}p" "$F" | since
    told=$all
    if [ -f "$D/die" ]; then rm "$D/die"; echo "Failed to iterate through journal: Bad message" >&2; exit 1; fi
    sleep 0.02
done
"#;

struct Stage {
    dir: tempfile::TempDir,
    journal: Journal,
    start: Instant,
}

impl Stage {
    fn new(script: &str) -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let stage = Self { journal: Journal::new(dir.path().join("journalctl")), dir, start: Instant::now() };
        stage.install(script);
        stage
    }

    /// Written by another process: one of a parallel test that is just being forked would keep the file open for writing.
    fn install(&self, script: &str) {
        let program = self.dir.path().join("journalctl");
        let write = r#"printf %s "$1" > "$2" && chmod +x "$2""#;
        let body = format!("{HEAD}{script}");
        assert!(Command::new("sh").args(["-c", write, "sh", &body]).arg(program).status().unwrap().success());
    }

    fn like_journalctl(kind: &str, lines: &str) -> Self {
        let stage = Self::new(LIKE_JOURNALCTL);
        stage.append(kind, lines);
        stage
    }

    fn append(&self, name: &str, text: &str) {
        use std::io::Write;
        let path = self.dir.path().join(name);
        fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn words(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Polls at a given second since the start until this holds of what was told meanwhile.
    fn until(&mut self, second: u64, mut done: impl FnMut(&str, &Journal) -> bool) -> String {
        let (now, begun) = (self.start + Duration::from_secs(second), Instant::now());
        let mut told = Vec::new();
        loop {
            let polled = Instant::now();
            self.journal.poll(now, &mut |bytes| told.extend_from_slice(bytes));
            assert!(polled.elapsed() < Duration::from_secs(3), "a poll took {:?}", polled.elapsed());
            let text = String::from_utf8_lossy(&told).into_owned();
            if done(&text, &self.journal) {
                return text;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{text:?} {:?}", self.journal.trouble());
            sleep(Duration::from_millis(5));
        }
    }

    fn told(&mut self, second: u64, expected: &str) {
        assert_eq!(self.until(second, |text, _| text.len() >= expected.len()), expected);
    }

    fn trouble(&mut self, second: u64, part: &str) -> String {
        self.until(second, |_, journal| journal.trouble().is_some_and(|trouble| trouble.contains(part)));
        self.journal.trouble().unwrap().to_owned()
    }

    /// Ends all, and looks whether all is gone.
    fn end(self) {
        let Self { dir, journal, .. } = self;
        let begun = Instant::now();
        drop(journal);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        for pid in fs::read_to_string(dir.path().join("pids")).unwrap().lines() {
            assert!(is_gone(pid), "{pid} is there still");
        }
    }
}

/// Whether there is no such process, not even a dead one.
fn is_gone(pid: &str) -> bool {
    !Path::new("/proc").join(pid).exists()
}

fn line(second: u32, text: &str) -> String {
    format!("1970-01-01T00:00:{second:02}+0000 solar python3[812]: {text}\n")
}

fn lines(seconds: std::ops::Range<u32>, text: &str) -> String {
    seconds.map(|second| line(second, text)).collect()
}

#[test]
fn the_last_lines_are_told_and_then_what_comes() {
    let first = lines(1..4, "łódź ⚡") + "                                     continued\n";
    let mut stage = Stage::like_journalctl("system", &first);
    assert!(stage.journal.settling());
    stage.told(0, &first);
    for second in 4..7 {
        let next = line(second, "next");
        stage.append("system", &next);
        stage.told(u64::from(second), &next);
    }
    assert_eq!(stage.journal.trouble(), None);
    assert!(!stage.journal.settling());
    let mut calls = stage.words("calls");
    calls[..2].sort();
    let (unit, end) = ("-u goodwe-master-coordinator", "--no-pager --output=short-iso");
    assert_eq!(
        calls,
        [
            format!("--user {unit} -n 1 {end}"),
            format!("{unit} -n 1 {end}"),
            format!("{unit} -n 1000 {end}"),
            format!("{unit} --follow --no-tail --since=@3 {end}"),
        ]
    );
    stage.end();
}

#[test]
fn the_kind_of_unit_is_that_of_the_newest_line() {
    for (system, user, newest) in [(1, 2, "user"), (2, 1, "system"), (2, 2, "system")] {
        let mut stage = Stage::like_journalctl("system", &line(system, "system"));
        stage.append("user", &line(user, "user"));
        let second = system.max(user);
        stage.told(0, &line(second, newest));
        stage.append(newest, &line(9, "next"));
        stage.told(1, &line(9, "next"));
        stage.end();
    }
}

#[test]
fn a_unit_without_lines_is_looked_for_again() {
    let mut stage = Stage::new(LIKE_JOURNALCTL);
    assert_eq!(stage.trouble(0, "no lines"), "the journal has no lines of the unit goodwe-master-coordinator");
    stage.append("user", &line(1, "one"));
    for second in [0, 30, 59] {
        assert!(!stage.journal.poll(stage.start + Duration::from_secs(second), &mut |_| panic!("told")));
    }
    assert_eq!(stage.words("calls").len(), 2);
    stage.told(61, &line(1, "one"));
    assert_eq!(stage.journal.trouble(), None);
    stage.end();
}

#[test]
fn why_there_are_no_lines() {
    let hint = "Hint: You are currently not seeing messages from other users and the system.
      Users in groups 'adm', 'systemd-journal' can see all messages.
      Pass -q to turn off this notice.";
    let denied = "the journal may not be read by this user, who is in neither group systemd-journal nor adm";
    let refused = "No journal files were opened due to insufficient permissions.";
    let none = "the journal has no lines of the unit goodwe-master-coordinator";
    for (script, reason) in [
        (format!("echo \"{hint}\" >&2; echo '-- No entries --'"), denied),
        (format!("echo \"{hint}\n{refused}\" >&2; exit 1"), denied),
        (
            "echo 'No journal files were found.' >&2; echo '-- No entries --'".into(),
            "there is no journal on this machine",
        ),
        ("echo '-- No entries --'; exit 1".into(), none),
        ("exit 0".into(), none),
        ("[ \"$1\" = --user ] && { echo 'No journal files were found.' >&2; exit 1; }; exit 0".into(), none),
    ] {
        let mut stage = Stage::new(&script);
        assert_eq!(stage.trouble(0, "journal "), "the journal was not read yet");
        stage.until(0, |_, journal| journal.trouble() == Some(reason));
        stage.end();
    }
}

#[test]
fn a_child_that_comes_back_neither_repeats_nor_loses_lines() {
    let trace = "                                     Traceback\n";
    let mut stage = Stage::like_journalctl("system", &(lines(1..4, "x") + &line(4, "twice") + &line(4, "twice")));
    let first = fs::read_to_string(stage.dir.path().join("system")).unwrap();
    stage.told(0, &first);
    let mut second = 1;
    for round in 5..9 {
        stage.append("system", &line(round, "told"));
        stage.told(second, &line(round, "told"));
        stage.append("die", "");
        let ended = stage.trouble(second, "journalctl ended");
        let text =
            "journalctl ended (exit status 1: Failed to iterate through journal: Bad message); it is started again";
        assert!(ended.starts_with(text), "{ended}");
        // The same second and the same words, continued, while nobody reads.
        let missed = line(round, "told") + trace + &line(round, "other") + trace;
        stage.append("system", &missed);
        second += 100;
        stage.told(second, &missed);
        assert_eq!(stage.journal.trouble(), None);
    }
    stage.end();
}

#[test]
fn pauses_between_failures_double_up_to_a_minute() {
    let mut stage = Stage::new("echo 'first' >&2; echo 'Failed to open files: Input/output error' >&2; exit 3");
    let mut second = 0;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        let known = stage.words("calls").len();
        let again = |stage: &Stage| stage.words("calls").len() == known + 2;
        while !again(&stage) {
            stage.until(second, |_, _| true);
            sleep(Duration::from_millis(2));
        }
        stage.until(second, |_, journal| !journal.settling());
        let text =
            "journalctl ended (exit status 3: Failed to open files: Input/output error); it is started again after ";
        let trouble = stage.journal.trouble().unwrap().to_owned();
        let told: u64 = trouble.strip_prefix(text).unwrap().strip_suffix(" s").unwrap().parse().unwrap();
        assert!(told <= pause && told * 4 >= pause * 3, "{trouble} of {pause}");
        stage.until(second + (pause * 3 / 4).saturating_sub(1), |_, _| true);
        assert!(again(&stage) || pause == 1);
        second += pause;
    }
    stage.end();
}

#[test]
fn a_follower_that_lived_for_a_minute_was_no_failure() {
    let mut stage = Stage::like_journalctl("system", &line(1, "x"));
    stage.told(0, &line(1, "x"));
    for (started, ends, pause) in
        [(0, 1, "after 1 s"), (10, 20, "after 2 s"), (30, 89, "after 4 s"), (100, 160, "after 1 s")]
    {
        stage.append("system", &line(2, "on"));
        stage.told(started, &line(2, "on"));
        stage.append("die", "");
        stage.trouble(ends, pause);
    }
    stage.end();
}

#[test]
fn without_journalctl_the_reason_stands_at_once_and_it_is_looked_for_again() {
    let mut stage = Stage::like_journalctl("system", &line(1, "x"));
    let (program, aside) = (stage.dir.path().join("journalctl"), stage.dir.path().join("aside"));
    fs::rename(&program, &aside).unwrap();
    assert!(!stage.journal.poll(stage.start, &mut |_| panic!("told")));
    assert_eq!(stage.journal.trouble(), Some("journalctl is not installed"));
    assert!(!stage.journal.settling());
    fs::rename(&aside, &program).unwrap();
    stage.journal.poll(stage.start + Duration::from_secs(299), &mut |_| panic!("told"));
    assert_eq!(stage.words("calls").len(), 0);
    stage.told(300, &line(1, "x"));
    stage.until(300, |_, journal| !journal.settling());
    // It is gone while it is followed.
    fs::rename(&program, &aside).unwrap();
    stage.append("die", "");
    stage.trouble(301, "journalctl ended");
    assert_eq!(stage.trouble(310, "installed"), "journalctl is not installed");
    stage.end();

    let mut journal = Journal::new("/");
    journal.poll(Instant::now(), &mut |_| panic!("told"));
    let trouble = journal.trouble().unwrap();
    assert!(trouble.starts_with("journalctl cannot be started: Permission denied"), "{trouble}");
}

#[test]
fn lines_that_come_in_pieces_are_told_whole() {
    let script = r#"
[ "$N" != 0 ] && { echo "1970-01-01T00:00:01+0000 s a: x"; exit 0; }
for P in "1970-01-01T00:" "00:02+0000 s a:" " one
1970-01-01T00:00:03+0000 s a: t" "wo
"; do printf %s "$P"; sleep 0.05; done
printf "1970-01-01T00:00:04+0000 s a: cut"; sleep 1000"#;
    let mut stage = Stage::new(script);
    let mut pieces = Vec::new();
    let begun = Instant::now();
    while pieces.len() < 3 && begun.elapsed() < Duration::from_secs(10) {
        stage.journal.poll(stage.start, &mut |bytes| pieces.push(String::from_utf8(bytes.to_vec()).unwrap()));
        sleep(Duration::from_millis(1));
    }
    let expected = [(1, "x"), (2, "one"), (3, "two")];
    assert_eq!(pieces, expected.map(|(second, text)| format!("1970-01-01T00:00:0{second}+0000 s a: {text}\n")));
    sleep(Duration::from_millis(100));
    stage.journal.poll(stage.start, &mut |_| panic!("half a line was told"));
    stage.end();
}

#[test]
fn a_flood_is_held_by_the_pipe() {
    let mut stage = Stage::new(
        r#"[ "$N" != 0 ] && { echo "1970-01-01T00:00:01+0000 s a: x"; exit 0; }
echo $$ > "$D/flooding"; exec yes "1970-01-01T00:00:02+0000 s a: flood""#,
    );
    stage.until(0, |text, _| text.contains("flood"));
    let written = || {
        let pid = stage.words("flooding")[0].clone();
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
        let count = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
        count.parse::<u64>().unwrap()
    };
    // Not read, it waits.
    sleep(Duration::from_millis(100));
    let before = written();
    sleep(Duration::from_millis(200));
    assert_eq!(written(), before);
    for _ in 0..20 {
        let (mut taken, begun) = (0, Instant::now());
        let more = stage.journal.poll(stage.start, &mut |bytes| taken += bytes.len());
        assert!(taken <= BYTES_A_POLL + lines::LINE_BYTES, "{taken}");
        assert!(taken > 0 || !more);
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }
    stage.end();
}

#[test]
fn complaints_without_end_disturb_nobody() {
    let mut stage = Stage::new(
        r#"[ "$N" != 0 ] && { echo "1970-01-01T00:00:01+0000 s a: x"; exit 0; }
yes "something is wrong" >&2 & echo "1970-01-01T00:00:02+0000 s a: y"; wait"#,
    );
    stage.until(0, |text, _| text.ends_with("a: y\n"));
    for _ in 0..50 {
        let begun = Instant::now();
        assert!(!stage.journal.poll(stage.start, &mut |_| panic!("told")));
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }
    stage.end();
}

#[test]
fn one_that_does_not_heed_a_request_is_ended_with_what_it_started() {
    let script = r#"[ "$N" != 0 ] && { echo "1970-01-01T00:00:01+0000 s a: x"; exit 0; }
trap "" TERM; sleep 1000 & echo $! >> "$D/strays"; echo "1970-01-01T00:00:02+0000 s a: y"; while :; do sleep 1; done"#;
    let mut stage = Stage::new(script);
    stage.until(0, |text, _| text.ends_with("a: y\n"));
    let stray = stage.words("strays")[0].clone();
    stage.end();
    // It is nobody's child any more: whoever inherits it, reaps it.
    let lives = || {
        let state = fs::read_to_string(format!("/proc/{stray}/stat")).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    };
    let begun = Instant::now();
    while lives() {
        assert!(begun.elapsed() < Duration::from_secs(5), "{stray} lives");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn one_that_closes_its_output_and_lives_is_replaced() {
    let script = r#"[ "$N" != 0 ] && { echo "1970-01-01T00:00:01+0000 s a: x"; exit 0; }
trap "" TERM; exec >&-; while :; do sleep 1; done"#;
    let mut stage = Stage::new(script);
    stage.until(0, |text, journal| text.ends_with("a: x\n") && journal.settling());
    stage.until(0, |_, journal| matches!(&journal.state, State::Reading(reader) if reader.closed.is_some()));
    let closer = stage.words("pids").pop().unwrap();
    let trouble = stage.trouble(2, "closed its output");
    assert_eq!(trouble, "journalctl closed its output; it is started again after 1 s");
    // It was asked, and is ordered a second later; only then another one is started.
    assert!(!stage.journal.poll(stage.start + Duration::from_secs(2), &mut |_| ()));
    assert!(!is_gone(&closer));
    stage.until(4, |_, journal| matches!(journal.state, State::Looking(_)));
    assert!(is_gone(&closer));
    stage.end();
}

#[test]
fn one_that_never_writes_is_well_and_replaced_after_an_hour() {
    let mut stage = Stage::like_journalctl("system", &line(1, "x"));
    stage.told(0, &line(1, "x"));
    let pids = stage.dir.path().join("pids");
    stage.until(0, |_, _| fs::read_to_string(&pids).unwrap().lines().count() == 4);
    stage.until(3599, |_, _| true);
    assert_eq!(stage.words("pids").len(), 4);
    assert_eq!(stage.journal.trouble(), None);
    // The unit became a user unit meanwhile.
    stage.append("user", &line(9, "new"));
    stage.told(3600, &line(9, "new"));
    assert_eq!(stage.words("pids").len(), 7);
    assert!(is_gone(&stage.words("pids")[3]));
    stage.end();
}

#[test]
fn one_that_does_not_answer_is_given_up() {
    let mut stage = Stage::new("exec sleep 1000");
    let pids = stage.dir.path().join("pids");
    stage.until(0, |_, _| fs::read_to_string(&pids).is_ok_and(|text| text.lines().count() == 2));
    stage.until(29, |_, journal| matches!(journal.state, State::Looking(_)));
    let trouble = stage.trouble(30, "did not answer");
    assert_eq!(trouble, "journalctl did not answer within 30 s; it is started again after 1 s");
    stage.end();
}

#[test]
fn children_get_nothing_of_ours() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let poller = polling::Poller::new().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let script = r#"ls -l /proc/$$/fd > "$D/open"; cat /proc/self/status > "$D/status"; echo "$LC_ALL $SYSTEMD_COLORS" > "$D/env"
ls -l /proc/$$/fd/0 > "$D/stdin"; exit 0"#;
    let mut stage = Stage::new(script);
    stage.trouble(0, "no lines");
    let open = stage.words("open").join("\n");
    for of_ours in ["socket:", "eventpoll", "eventfd", "timerfd"] {
        assert!(!open.contains(of_ours), "{open}");
    }
    assert!(stage.words("stdin")[0].ends_with("/dev/null"));
    let ours = fs::read_to_string("/proc/thread-self/status").unwrap();
    let mask = |status: &str, name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        // Those above 31 are libc's own.
        u64::from_str_radix(mask.trim(), 16).unwrap() & 0x7fff_ffff
    };
    let status = stage.words("status").join("\n");
    assert_eq!(mask(&status, "SigBlk:"), mask(&ours, "SigBlk:"));
    // std ignores SIGPIPE, which is what ends a writer that nobody reads.
    let broken_pipe = 1 << 12;
    assert_eq!(mask(&ours, "SigIgn:") & broken_pipe, broken_pipe);
    assert_eq!(mask(&status, "SigIgn:"), mask(&ours, "SigIgn:") & !broken_pipe);
    assert_eq!(stage.words("env"), ["C 0"]);
    drop((listener, poller, socket));
    stage.end();
}

#[test]
fn the_real_journalctl_gives_lines_or_a_reason() {
    let mut journal = Journal::new("journalctl");
    let (begun, mut told) = (Instant::now(), false);
    while journal.trouble() == Some("the journal was not read yet") && begun.elapsed() < Duration::from_secs(20) {
        journal.poll(Instant::now(), &mut |_| told = true);
        sleep(Duration::from_millis(10));
    }
    assert!(told || journal.trouble().is_some_and(|trouble| !trouble.contains("yet")), "{:?}", journal.trouble());
}

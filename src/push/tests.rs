//! A made-up site and an engine that answers as it is told.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use jiff::civil::Date;
use parking_lot::Mutex;

use super::cursor::Destination;
use super::*;
use crate::config::Push as To;
use crate::export::{ClosedDay, What};
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::price::PricedDay;
use crate::source::pse::Roots;

/// An engine: what it was given in order, and how it answers, by turns; then 204.
#[derive(Default)]
struct Engine {
    requests: usize,
    posted: Vec<String>,
    answers: Vec<&'static str>,
    /// A line with this is refused.
    poison: Option<&'static str>,
    /// More bytes than these are too many.
    most: Option<usize>,
}

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
const BAD: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad";
const LARGE: &str = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";

impl Engine {
    fn start() -> (Arc<Mutex<Self>>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/v2/write", listener.local_addr().unwrap());
        let engine = Arc::new(Mutex::new(Self::default()));
        let known = Arc::clone(&engine);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut length, mut line) = (0, String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let answer = known.lock().answer(String::from_utf8(body).unwrap());
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        (engine, url)
    }

    fn answer(&mut self, body: String) -> &'static str {
        self.requests += 1;
        let told = if self.answers.is_empty() { None } else { Some(self.answers.remove(0)) };
        let answer = told.unwrap_or(match (self.most, self.poison) {
            (Some(most), _) if body.len() > most => LARGE,
            (_, Some(poison)) if body.contains(poison) => BAD,
            _ => NO_CONTENT,
        });
        if answer == NO_CONTENT {
            self.posted.extend(body.lines().map(str::to_owned));
        }
        answer
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.posted)
    }

    /// Without those that were sent again.
    fn take_distinct(&mut self) -> usize {
        self.take().into_iter().collect::<BTreeSet<_>>().len()
    }
}

/// A site with energy rows alone.
#[derive(Default)]
struct Rows {
    days: BTreeMap<Date, Vec<EnergyRow>>,
    reads: usize,
    broken: bool,
    /// A day that cannot be read.
    damaged: Option<Date>,
    /// Whether the prices' database cannot be read.
    no_prices: bool,
}

impl Rows {
    /// So many rows of a day, five minutes apart.
    fn put(&mut self, date: &str, count: i64) {
        let date: Date = date.parse().unwrap();
        let start = zone().day_start(date);
        let row = |index: i64| EnergyRow {
            at: start + Duration::from_secs(300 * index as u64),
            pv_power_w: Some(index as f64),
            ..EnergyRow::default()
        };
        self.days.insert(date, (0..count).map(row).collect());
    }
}

impl Ledger for Rows {
    fn span(&mut self, what: What) -> Result<Option<(Date, Date)>, Fault> {
        if what == What::Prices && self.no_prices {
            return Err(Fault::io("no such disk"));
        }
        let ends = self.days.keys().next().copied().zip(self.days.keys().next_back().copied());
        Ok(ends.filter(|_| what == What::Energy))
    }
    fn energy(&mut self, date: Date) -> Result<Vec<EnergyRow>, Fault> {
        self.reads += 1;
        if self.broken {
            return Err(Fault::io("no disk"));
        }
        if self.damaged == Some(date) {
            return Err(Fault::invalid("the database is damaged"));
        }
        Ok(self.days.get(&date).cloned().unwrap_or_default())
    }
    fn decisions(&mut self, _: Date) -> Result<Vec<Decision>, Fault> {
        Ok(Vec::new())
    }
    fn prices(&mut self, _: Date) -> Result<Option<PricedDay>, Fault> {
        Ok(None)
    }
    fn closed_day(&mut self, _: Date) -> Result<Option<ClosedDay>, Fault> {
        Ok(None)
    }
}

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn pusher(url: &str, file: Option<&std::path::Path>, site: &str) -> Pusher {
    let push = To { url: url.into(), org: String::new(), bucket: String::new(), token: Ok(None) };
    let to = Destination { url: url.into(), org: String::new(), bucket: String::new(), site: site.into() };
    let (keeper, _) = Keeper::open(file.map(Into::into), to);
    Pusher::new(Sender::new(&push, &Roots::default()), keeper, site, zone(), push.destination())
}

fn at(wall: &str, start: Instant, seconds: u64) -> Now {
    Now { wall: wall.parse().unwrap(), instant: start + Duration::from_secs(seconds), summed: true }
}

/// Steps until there is nothing to do or to wait for.
fn run(pusher: &mut Pusher, rows: &mut Rows, now: &Now) -> Step {
    loop {
        match pusher.step(rows, now, &|| true) {
            Step::More => {}
            step => return step,
        }
    }
}

const NOW: &str = "2026-11-22T11:00:00Z";

#[test]
fn all_rows_are_sent_in_order_once_and_then_those_that_come() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    for day in ["2026-08-01", "2026-10-25", "2026-11-20", "2026-11-21"] {
        rows.put(day, 288);
    }
    rows.put("2026-11-22", 10);
    let mut pusher = pusher(&url, None, "my home");
    assert_eq!(pusher.told().state, State::Starting);
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 0)), Step::Idle);
    let sent = engine.lock().take();
    assert_eq!(sent.len(), 4 * 288 + 10);
    let first = zone().day_start("2026-08-01".parse().unwrap()).as_nanosecond();
    assert_eq!(sent[0], format!("wattboard,site=my\\ home pv_power_watts=0 {first}"));
    let time = |line: &String| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap();
    assert!(sent.is_sorted_by_key(time));
    assert_eq!((pusher.told().state, pusher.told().rows_sent), (State::UpToDate, 4 * 288 + 10));
    assert_eq!(pusher.told().lag_s(NOW.parse().unwrap()), Some(0.0));
    rows.reads = 0;
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 60)), Step::Idle);
    assert_eq!((engine.lock().take().len(), rows.reads), (0, 2), "yesterday and today are looked at");
    rows.put("2026-11-22", 12);
    run(&mut pusher, &mut rows, &at(NOW, start, 120));
    let sent = engine.lock().take();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].contains("pv_power_watts=10 ") && sent[1].contains("pv_power_watts=11 "), "{sent:?}");
}

#[test]
fn a_day_that_changed_is_sent_again_whole_within_the_hour_and_older_ones_stay() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    for day in ["2026-09-01", "2026-11-10", "2026-11-22"] {
        rows.put(day, 3);
    }
    let mut pusher = pusher(&url, None, "home");
    run(&mut pusher, &mut rows, &at(NOW, start, 0));
    assert_eq!(engine.lock().take().len(), 9);
    for day in ["2026-09-01", "2026-11-10"] {
        rows.days.get_mut(&day.parse().unwrap()).unwrap()[0].pv_power_w = Some(99.5);
    }
    run(&mut pusher, &mut rows, &at(NOW, start, 1800));
    assert_eq!(engine.lock().take().len(), 0);
    run(&mut pusher, &mut rows, &at(NOW, start, 3600));
    let sent = engine.lock().take();
    assert_eq!(sent.len(), 3);
    assert!(sent[0].contains("pv_power_watts=99.5"));
    run(&mut pusher, &mut rows, &at(NOW, start, 7200));
    assert_eq!(engine.lock().take().len(), 0);
    // Older rows come to light: everything is sent that is not known to have been.
    rows.put("2026-01-05", 3);
    run(&mut pusher, &mut rows, &at(NOW, start, 10_800));
    let sent = engine.lock().take();
    assert_eq!(sent.len(), 6);
    assert!(sent[3].contains("pv_power_watts=99.5"), "an older day that had changed");
    rows.days.get_mut(&"2026-11-10".parse().unwrap()).unwrap()[0].pv_power_w = Some(7.5);
    run(&mut pusher, &mut rows, &at(NOW, start, 14_400));
    assert_eq!(engine.lock().take().len(), 3);
    run(&mut pusher, &mut rows, &at(NOW, start, 18_000));
    assert_eq!(engine.lock().take().len(), 0);
}

#[test]
fn an_engine_that_refuses_all_for_a_while_loses_no_row() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    rows.put("2026-11-22", 100);
    // It is set right while refused lines are looked for: those that were refused before are sent once more.
    let mut mended = pusher(&url, None, "home");
    engine.lock().answers = [&[BAD, NO_CONTENT][..], &[BAD; 40]].concat();
    assert_eq!(run(&mut mended, &mut rows, &at(NOW, start, 0)), Step::Idle);
    assert_eq!(engine.lock().take_distinct(), 100);
    assert_eq!((mended.told().rows_sent, mended.told().rows_rejected), (100, 0));
    // It goes wrong while they are: a line that was taken is not any more.
    let mut spoilt = pusher(&url, None, "home");
    engine.lock().answers = [&[BAD, NO_CONTENT, NO_CONTENT][..], &[BAD; 100]].concat();
    assert_eq!(run(&mut spoilt, &mut rows, &at(NOW, start, 0)), Step::Pause(LONGEST_PAUSE));
    assert_eq!((spoilt.told().state, spoilt.told().rows_rejected), (State::Refused, 0));
    engine.lock().answers.clear();
    engine.lock().take();
    assert_eq!(run(&mut spoilt, &mut rows, &at(NOW, start, 300)), Step::Idle);
    assert_eq!(engine.lock().take_distinct(), 100);
}

#[test]
fn a_damaged_day_keeps_no_other_waiting() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    for day in ["2026-08-01", "2026-11-20", "2026-11-22"] {
        rows.put(day, 4);
    }
    rows.damaged = Some("2026-11-20".parse().unwrap());
    let mut pusher = pusher(&url, None, "home");
    for _ in 0..2 {
        assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 0)), Step::Pause(READ_AGAIN));
        assert_eq!(pusher.told().lag_s(NOW.parse().unwrap()), None, "not known");
    }
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 120)), Step::Idle);
    assert_eq!(engine.lock().take().len(), 8);
    let said = "the day 2026-11-20 cannot be read and is passed over: the database is damaged";
    assert_eq!(pusher.told().error.as_deref(), Some(said));
    rows.put("2026-11-22", 5);
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 180)), Step::Idle);
    assert_eq!(engine.lock().take().len(), 1);
    assert_eq!(pusher.told().error.as_deref(), Some(said), "until all was looked at again");
    rows.damaged = None;
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 3_600)), Step::Idle);
    assert_eq!((engine.lock().take().len(), &pusher.told().error), (4, &None));
}

#[test]
fn prices_that_cannot_be_read_keep_no_rows_waiting() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows { no_prices: true, ..Rows::default() }, Instant::now());
    let mut pusher = pusher(&url, None, "home");
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 0)), Step::Pause(READ_AGAIN), "there is nothing else");
    assert_eq!(pusher.told().error.as_deref(), Some("rows cannot be read: no such disk"));
    rows.put("2026-11-22", 4);
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 60)), Step::Idle);
    assert_eq!(engine.lock().take().len(), 4);
    assert_eq!(
        pusher.told().error.as_deref(),
        Some("a part of the rows cannot be read, the others are sent: no such disk")
    );
    rows.no_prices = false;
    run(&mut pusher, &mut rows, &at(NOW, start, 120));
    assert!(pusher.told().error.is_some(), "not looked at yet");
    rows.put("2026-11-22", 5);
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 360)), Step::Idle);
    assert_eq!((engine.lock().take().len(), &pusher.told().error), (1, &None), "five minutes later, not an hour");
}

#[test]
fn how_the_site_is_is_told_while_rows_are_refused() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    rows.put("2026-11-22", 4);
    let mut pusher = pusher(&url, None, "home");
    let now = at(NOW, start, 0);
    engine.lock().poison = Some("pv_power");
    assert_eq!(run(&mut pusher, &mut rows, &now), Step::Pause(LONGEST_PAUSE));
    assert!(pusher.may_present());
    assert_eq!(pusher.present("wattboard up=1 1\n", &now), Step::Idle);
    assert_eq!((pusher.told().state, pusher.is_failing()), (State::Refused, true), "rows still are");
    engine.lock().poison = Some("up=");
    assert_eq!(run(&mut pusher, &mut rows, &now), Step::Idle);
    assert_eq!(pusher.present("wattboard up=1 2\n", &now), Step::Idle);
    let said = "the engine refused lines that tell how the site is: HTTP 400: bad";
    assert_eq!((pusher.told().state, pusher.told().error.as_deref()), (State::UpToDate, Some(said)));
    engine.lock().poison = None;
    pusher.present("wattboard up=1 3\n", &now);
    assert_eq!(pusher.told().error, None);
    // Where no rows wait, it finds out when the engine is back.
    engine.lock().answers = vec![LARGE, "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n"];
    pusher.present("wattboard up=1 4\n", &now);
    assert_eq!(pusher.present("wattboard up=1 5\n", &now), Step::Pause(LONGEST_PAUSE));
    assert!(pusher.is_failing() && pusher.may_present());
    assert_eq!(pusher.present("wattboard up=1 6\n", &now), Step::Idle);
    assert_eq!((pusher.is_failing(), &pusher.told().error), (false, &None));
}

#[test]
fn a_restart_goes_on_and_another_name_begins_from_the_beginning() {
    let (engine, url) = Engine::start();
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join(cursor::FILE);
    let (mut rows, start) = (Rows::default(), Instant::now());
    rows.put("2026-11-21", 288);
    rows.put("2026-11-22", 5);
    let mut first = pusher(&url, Some(&file), "home");
    run(&mut first, &mut rows, &at(NOW, start, 0));
    first.stop();
    engine.lock().take();
    rows.put("2026-11-22", 6);
    run(&mut pusher(&url, Some(&file), "home"), &mut rows, &at(NOW, start, 0));
    assert_eq!(engine.lock().take().len(), 1);
    let mut renamed = pusher(&url, Some(&file), "cottage");
    run(&mut renamed, &mut rows, &at(NOW, start, 0));
    assert_eq!(engine.lock().take().len(), 294);
    renamed.stop();
    std::fs::write(&file, "{").unwrap();
    run(&mut pusher(&url, Some(&file), "cottage"), &mut rows, &at(NOW, start, 0));
    assert_eq!(engine.lock().take().len(), 294, "a lost cursor: at least once");
}

#[test]
fn an_engine_that_fails_gets_the_same_rows_later() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    rows.put("2026-11-22", 5);
    let mut pusher = pusher(&url, None, "home");
    engine.lock().answers = vec![
        "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n",
        "",
        "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n",
    ];
    let now = at(NOW, start, 0);
    let pause = |step| if let Step::Pause(pause) = step { pause.as_secs_f64() } else { panic!("{step:?}") };
    assert!(pause(run(&mut pusher, &mut rows, &now)) <= 1.0);
    assert_eq!(pusher.told().error.as_deref(), Some("the engine answered HTTP 500: no"));
    assert_eq!((pusher.told().state, pusher.told().lag_s(now.wall)), (State::Waiting, Some(43_200.0)));
    assert_eq!(pause(run(&mut pusher, &mut rows, &now)), 17.0);
    assert!(pause(run(&mut pusher, &mut rows, &now)) <= 4.0);
    assert_eq!((pusher.told().failures, rows.reads), (3, 1), "nothing is read meanwhile");
    assert_eq!(pause(run(&mut pusher, &mut rows, &now)), 300.0);
    assert_eq!(pusher.told().state, State::Refused);
    assert_eq!(run(&mut pusher, &mut rows, &now), Step::Idle);
    assert_eq!(engine.lock().take().len(), 5);
    assert_eq!((pusher.told().state, pusher.told().failures, &pusher.told().error), (State::UpToDate, 0, &None));
}

#[test]
fn a_row_that_is_refused_is_left_out_only_where_others_are_taken() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    rows.put("2026-11-22", 100);
    let mut one = pusher(&url, None, "home");
    engine.lock().poison = Some("pv_power_watts=37 ");
    assert_eq!(run(&mut one, &mut rows, &at(NOW, start, 0)), Step::Idle);
    assert_eq!(engine.lock().take_distinct(), 99);
    assert_eq!((one.told().rows_sent, one.told().rows_rejected), (99, 1));
    // All are refused: nothing is given up.
    engine.lock().poison = Some("wattboard");
    engine.lock().requests = 0;
    let mut all = pusher(&url, None, "home");
    assert_eq!(run(&mut all, &mut rows, &at(NOW, start, 0)), Step::Pause(LONGEST_PAUSE));
    assert_eq!((all.told().state, all.told().rows_rejected), (State::Refused, 0));
    assert_eq!(engine.lock().requests, 1 + PROBES, "no storm of single lines");
    engine.lock().poison = None;
    assert_eq!(run(&mut all, &mut rows, &at(NOW, start, 0)), Step::Idle);
    assert_eq!(engine.lock().take().len(), 100);
    // Too many at once are sent in parts; what is beyond a retention is dropped, and that is told.
    engine.lock().most = Some(1_000);
    let mut parts = pusher(&url, None, "home");
    assert_eq!(run(&mut parts, &mut rows, &at(NOW, start, 0)), Step::Idle);
    assert_eq!(engine.lock().take_distinct(), 100);
    engine.lock().most = None;
    engine.lock().answers = vec![
        "HTTP/1.1 422 No\r\nContent-Length: 63\r\n\r\npartial write: points beyond retention policy dropped=100 (all)",
    ];
    let mut old = pusher(&url, None, "home");
    assert_eq!(run(&mut old, &mut rows, &at(NOW, start, 0)), Step::Idle);
    assert_eq!((old.told().rows_sent, old.told().rows_rejected), (0, 100));
}

#[test]
fn a_clock_that_jumps_neither_loses_rows_nor_sends_all_again() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    rows.put("2026-09-01", 2);
    rows.put("2026-11-22", 2);
    let mut pusher = pusher(&url, None, "home");
    run(&mut pusher, &mut rows, &at(NOW, start, 0));
    assert_eq!(engine.lock().take().len(), 4);
    // Without a battery the clock starts at its beginning.
    run(&mut pusher, &mut rows, &at("1970-01-01T00:10:00Z", start, 3_600));
    assert_eq!(engine.lock().take().len(), 0);
    rows.put("2026-11-22", 3);
    run(&mut pusher, &mut rows, &at(NOW, start, 7_200));
    assert_eq!(engine.lock().take().len(), 1);
    // Ahead, with a row of then.
    rows.put("2027-06-01", 1);
    run(&mut pusher, &mut rows, &at("2027-06-01T11:00:00Z", start, 10_800));
    assert_eq!(engine.lock().take().len(), 1);
    rows.put("2026-11-22", 4);
    rows.put("2026-11-23", 2);
    run(&mut pusher, &mut rows, &at("2026-11-23T11:00:00Z", start, 14_400));
    let again = engine.lock().take().len();
    assert!((3..=6).contains(&again), "{again}: what is new, and a day at most again");
}

#[test]
fn rows_that_cannot_be_read_are_said_and_a_stop_is_heard() {
    let (engine, url) = Engine::start();
    let (mut rows, start) = (Rows::default(), Instant::now());
    rows.put("2026-11-22", 2);
    rows.broken = true;
    let mut pusher = pusher(&url, None, "home");
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 0)), Step::Pause(READ_AGAIN));
    assert_eq!(pusher.told().error.as_deref(), Some("rows cannot be read: no disk"));
    assert!(!pusher.is_failing());
    rows.broken = false;
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        false
    };
    assert_eq!(pusher.step(&mut rows, &at(NOW, start, 0), &stop), Step::More);
    assert_eq!((asked.get(), engine.lock().take().len()), (1, 0));
    assert_eq!(run(&mut pusher, &mut rows, &at(NOW, start, 0)), Step::Idle);
    assert_eq!((engine.lock().take().len(), &pusher.told().error), (2, &None));
}

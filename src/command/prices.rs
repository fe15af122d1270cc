//! `wattboard prices backfill`: asks PSE for the past prices that the price memory lacks, with a line for each answer.
//! Everything answered is kept at once, so it may be ended at any moment and goes on where it was.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::select;
use log::LevelFilter;

use super::state;
use crate::archive::{API_BEGINS, Again, Archive, Request};
use crate::base::backoff::Backoff;
use crate::base::clock::{SharedClock, SystemClock};
use crate::base::fault::{Fault, Kind};
use crate::base::shutdown::{self, Shutdown};
use crate::cli::{BackfillFlags, start_log};
use crate::config::Config;
use crate::model::time::human_duration;
use crate::refresh::backfill::{self, Done, Found, Job, LONGEST_PAUSE, Pass};
use crate::source::pse::Roots;

/// How often a request is tried again.
const RETRIES: u32 = 3;

/// Why not everything is there.
#[derive(Debug)]
pub enum Ended {
    /// Nothing was asked for: bad config.
    NotStarted(Fault),
    /// A request or the price memory failed.
    Failed(Fault),
    /// A signal came.
    Stopped,
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        if fault.kind() == Kind::Stopping { Self::Stopped } else { Self::Failed(fault) }
    }
}

/// Fetches what is missing, until it is all there or a signal comes.
///
/// # Errors
/// See [`Ended`].
pub fn backfill(flags: BackfillFlags) -> Result<(), Ended> {
    start_log(LevelFilter::Warn);
    let config = state::load(flags.config.clone(), flags.state_dir.as_deref()).map_err(Ended::NotStarted)?;
    let (trigger, shutdown) = shutdown::channel();
    ctrlc::set_handler(move || trigger.stop())
        .map_err(|error| Ended::NotStarted(Fault::io(format!("cannot handle signals: {error}"))))?;
    run(config, &flags, Arc::new(SystemClock), shutdown, &mut std::io::stdout())
}

fn run(
    config: Config,
    flags: &BackfillFlags,
    clock: SharedClock,
    shutdown: Shutdown,
    out: &mut dyn Write,
) -> Result<(), Ended> {
    let path = config.own_database.clone();
    let archive = Archive::new(path, config.zone.clone(), clock.clone(), shutdown.clone());
    let roots = Roots::of(&config).map_err(Ended::NotStarted)?;
    let mut work = Work { config: Arc::new(config), roots, clock, shutdown, archive, pause: flags.pause, out };
    let fetched = work.run(flags);
    if matches!(fetched, Err(Ended::Stopped)) {
        work.say("stopped; what was answered is kept, and the next run goes on from there");
    }
    fetched
}

struct Work<'a> {
    config: Arc<Config>,
    roots: Roots,
    clock: SharedClock,
    shutdown: Shutdown,
    archive: Archive,
    pause: Duration,
    out: &'a mut dyn Write,
}

impl Work<'_> {
    fn run(&mut self, flags: &BackfillFlags) -> Result<(), Ended> {
        let from = flags.from.unwrap_or(API_BEGINS);
        let rows = match self.wait_for(Job::Look(from))?.map_err(|failure| failure.fault)? {
            Found::Rows(rows) => rows,
            Found::Prices(..) => return Err(backfill::lost().fault.into()),
        };
        let mut pass = Pass::new(rows, Again::Since(self.clock.now()));
        let mut left = self.left(&pass)?;
        let total = left.len();
        if total == 0 {
            self.say("nothing to do: the prices of every past day that the site has rows of are remembered");
            return Ok(());
        }
        self.archive.prepare()?;
        let pauses = self.pause * (total as u32 - 1);
        self.say(format_args!(
            "{total} requests to PSE, one every {} s: about {} (--pause SECONDS shortens it, at least 1)",
            self.pause.as_secs(),
            human_duration(pauses.max(Duration::from_secs(1)))
        ));
        let (mut done, mut days) = (0, 0);
        while let Some(request) = left.first().copied() {
            if done > 0 {
                self.rest(self.pause)?;
            }
            let kept = self.fetch(request)?;
            pass.asked(&request);
            left = self.left(&pass)?;
            done += 1;
            days += kept;
            // Another process may have done some of the rest.
            let total = done + left.len();
            self.say(format_args!("{}: {} kept ({done} of {total} requests)", label(&request), count(kept)));
        }
        let path = self.config.own_database.display().to_string();
        self.say(format_args!("done: {} kept in {path}", count(days)));
        Ok(())
    }

    fn left(&mut self, pass: &Pass) -> Result<Vec<Request>, Fault> {
        pass.left(&mut self.archive, &self.config, self.clock.now())
    }

    /// Asks for one month and keeps it, trying again when that fails. Answers how many days were new.
    fn fetch(&mut self, request: Request) -> Result<usize, Ended> {
        let mut backoff = Backoff::new(self.pause.saturating_mul(2), LONGEST_PAUSE);
        for retry in 0.. {
            let failure = match self.wait_for(Job::Ask(request))? {
                Ok(Found::Prices(_, days)) => match self.archive.keep(&days) {
                    Ok(kept) => return Ok(kept),
                    Err(fault) if fault.kind() == Kind::Locked => fault.into(),
                    Err(fault) => return Err(fault.into()),
                },
                Ok(Found::Rows(_)) => backfill::lost(),
                Err(failure) => failure,
            };
            let fault = failure.fault.within(request.month());
            if retry == RETRIES || fault.kind() == Kind::Stopping {
                return Err(fault.into());
            }
            let pause = backoff.fail().max(self.pause).max(failure.pause.unwrap_or_default());
            let number = retry + 1;
            self.say(format_args!("{fault}; trying again in {} s ({number} of {RETRIES})", pause.as_secs().max(1)));
            self.rest(pause)?;
        }
        Err(backfill::lost().fault.into())
    }

    fn wait_for(&self, job: Job) -> Result<Done, Ended> {
        let done = backfill::start(job, &self.config, &self.roots, &self.shutdown, self.clock.now());
        select! {
            recv(self.shutdown.channel()) -> _ => Err(Ended::Stopped),
            recv(done) -> done => Ok(done.unwrap_or_else(|_| Err(backfill::lost()))),
        }
    }

    fn rest(&self, pause: Duration) -> Result<(), Ended> {
        if self.shutdown.wait(pause) { Ok(()) } else { Err(Ended::Stopped) }
    }

    fn say(&mut self, text: impl Display) {
        // Whoever closed standard output does not want to know.
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }
}

fn label(request: &Request) -> String {
    format!("{} {}", request.month(), request.entity.name())
}

fn count(days: usize) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::net::TcpListener;
    use std::path::Path;
    use std::time::Instant;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;
    use crate::archive::PriceReader;
    use crate::base::clock::SimulatedClock;
    use crate::model::price::{Entity, PublishedDay};

    /// A site with a row on each of two days, and the config that names this price API.
    fn site(url: &str) -> (TempDir, Config) {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("data")).unwrap();
        let site = Connection::open(dir.path().join("data/goodwe_energy.db")).unwrap();
        site.execute_batch(
            "CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY);
             CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT);
             INSERT INTO energy_data VALUES ('2026-09-30T10:00:00'), ('2026-10-01T10:00:00');",
        )
        .unwrap();
        let text = format!(
            "electricity_tariff: {{tariff_type: g11, distribution_pricing: {{g11: {{type: static, price: 0.2}}}}}}\n\
             price_analysis: {{api_url: '{url}/csdac-pln'}}\n"
        );
        let config = Config::parse(&dir.path().join("config/c.yaml"), &text).unwrap();
        (dir, config)
    }

    /// Answers each question for a single day with all of its values, after so many failures.
    fn api(failures: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4096];
                let length = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let date = &head[head.find("2026-").unwrap_or(0)..][..10];
                let column = if head.contains("rce-pln") { "rce_pln" } else { "csdac_pln" };
                let zone = crate::model::time::SiteZone::named("Europe/Warsaw").unwrap();
                let rows: Vec<String> = PublishedDay::axis(Entity::DayAhead, date.parse().unwrap(), &zone)
                    .map(|start| {
                        let end = (start + Duration::from_secs(900)).strftime("%Y-%m-%d %H:%M:%S");
                        format!(r#"{{"dtime_utc": "{end}", "business_date": "{date}", "{column}": 1}}"#)
                    })
                    .collect();
                let (status, body) = match index < failures {
                    true => ("503 Busy", String::new()),
                    false => ("200 OK", format!("{{\"value\": [{}]}}", rows.join(","))),
                };
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            }
        });
        url
    }

    fn backfill(config: &Config, flags: &BackfillFlags, shutdown: &Shutdown) -> (Result<(), Ended>, String) {
        let clock = Arc::new(SimulatedClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let mut out = Vec::new();
        let ended = run(config.clone(), flags, clock, shutdown.clone(), &mut out);
        (ended, String::from_utf8(out).unwrap())
    }

    fn quick() -> BackfillFlags {
        BackfillFlags { pause: Duration::from_millis(1), ..BackfillFlags::default() }
    }

    fn remembers(path: &Path, config: &Config, date: &str) -> bool {
        let reader = PriceReader::new(path, config.zone.clone());
        reader.day(Entity::Settlement, date.parse().unwrap()).unwrap().is_some()
    }

    #[test]
    fn everything_missing_is_fetched_with_a_line_each_and_then_nothing_is_to_do() {
        let (_dir, config) = site(&api(1));
        let (_trigger, shutdown) = shutdown::channel();
        let only_october = BackfillFlags { from: Some("2026-10-01".parse().unwrap()), ..quick() };
        let (ended, text) = backfill(&config, &only_october, &shutdown);
        assert!(ended.is_ok(), "{ended:?}");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("2 requests to PSE, one every 0 s: about 1s (--pause SECONDS"), "{text}");
        assert!(
            lines[1].starts_with("2026-10: day-ahead prices (csdac-pln): the price API answered HTTP 503"),
            "{text}"
        );
        assert!(lines[1].ends_with("trying again in 1 s (1 of 3)"), "{text}");
        assert_eq!(lines[2], "2026-10 csdac-pln: 1 day kept (1 of 2 requests)");
        assert_eq!(lines[3], "2026-10 rce-pln: 1 day kept (2 of 2 requests)");
        assert!(lines[4].starts_with("done: 2 days kept in "), "{text}");
        assert!(remembers(&config.own_database, &config, "2026-10-01"));
        assert!(!remembers(&config.own_database, &config, "2026-09-30"));
        let (_, text) = backfill(&config, &quick(), &shutdown);
        assert!(text.starts_with("2 requests"), "the next run goes on: {text}");
        let (ended, text) = backfill(&config, &quick(), &shutdown);
        assert!(ended.is_ok() && text.starts_with("nothing to do"), "{text}");
    }

    #[test]
    fn what_fails_four_times_is_a_failure_with_a_name() {
        let (_dir, config) = site(&api(usize::MAX));
        let (_trigger, shutdown) = shutdown::channel();
        let (ended, text) = backfill(&config, &quick(), &shutdown);
        let Err(Ended::Failed(fault)) = ended else { panic!("{ended:?}") };
        assert!(
            fault.to_string().starts_with("2026-10: day-ahead prices (csdac-pln): the price API answered HTTP 503"),
            "{fault}"
        );
        assert_eq!(text.matches("trying again").count(), 3, "{text}");
        // Where nothing can be remembered, nothing is asked for.
        fs::remove_file(&config.own_database).unwrap();
        fs::create_dir(&config.own_database).unwrap();
        let (ended, text) = backfill(&config, &quick(), &shutdown);
        assert!(matches!(ended, Err(Ended::Failed(_))) && text.is_empty(), "{text}");
    }

    #[test]
    fn the_stop_ends_it_at_once() {
        // Takes connections and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let (_dir, config) = site(&format!("http://{}", silent.local_addr().unwrap()));
        let (trigger, shutdown) = shutdown::channel();
        let started = Instant::now();
        let (ended, text) = std::thread::scope(|scope| {
            let work = scope.spawn(|| backfill(&config, &quick(), &shutdown));
            silent.accept().unwrap();
            trigger.stop();
            work.join().unwrap()
        });
        assert!(matches!(ended, Err(Ended::Stopped)));
        assert!(text.ends_with("goes on from there\n"), "{text}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

//! Commands and flags.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jiff::civil::Date;
use lexopt::prelude::*;
use log::LevelFilter;

use crate::base::clock::{Clock, SystemClock};
use crate::base::fault::Fault;
use crate::command::snapshots::Wanted;
use crate::command::tariff::{Day, TariffOptions};
use crate::config::parse_log_level;
use crate::demo::{DAYS, DemoOptions};
use crate::model::time::{Month, YEARS};
use crate::{base, command};

/// Wrong use, or nothing to start with: a bad flag, a bad config, a port in use.
const USAGE: u8 = 2;
/// Something failed later on.
const FAILED: u8 = 1;
/// A signal ended it before it was done.
const STOPPED: u8 = 130;

const HELP: &str = "\
Wattboard: a dashboard for a home with solar panels, a battery and hourly prices

usage: wattboard [COMMAND] [FLAGS]

commands:
  serve    serve the site of a config (also what runs when no command is named)
  demo     make a simulated house in a temporary folder and serve it
  check    look at a site: config, paths, database, files, logs, price memory,
           price API, clock
  tariff   show what a day's electricity costs beside the market price, by the hour
  prices backfill
           ask PSE for past prices that the price memory lacks, newest month
           first; the server does the same, in the background
  migrate  take the JSON files of older versions over into the database, what is
           there already left out; the coordinator must not run meanwhile
  snapshots create-missing [DAYS]
           save the summaries of the last days that have none [default: 30]
  snapshots create DATE
  snapshots monthly YEAR MONTH
           save this day's or month's summary, also in place of a saved one

flags of every command but demo:
  --config FILE      the coordinator's config [default: $WATTBOARD_CONFIG, else
                     config/master_coordinator_config.yaml]
flags of serve and demo:
  --host HOST        listen here [default: web_server.host; demo: 127.0.0.1]
  --port PORT        listen on this port, 0 for any free one
                     [default: web_server.port; demo: 8080]
  --log-level LEVEL  off, error, warning, info, debug or trace
                     [default: logging.level]
flags of tariff:
  --day DAY          YYYY-MM-DD, today or tomorrow [default: today]
  --tariff NAME      an entry of distribution_pricing, or a preset such as
                     tauron-2026/g12w (without --config no config is read)
                     [default: what the config selects]
flags of demo:
  --days N           how many days of history to make [default: 60]
  --seed N           which house [default: 7]
flags of prices backfill:
  --from DATE        only days from this one on, such as 2026-01-01
  --pause SECONDS    between two requests, at least 1 [default: 60]
flags of migrate:
  --dry-run          only say what would be done
  --force            also while the coordinator runs

  --help             this text
  --version          the version
";

/// Where a server listens and what it logs.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ServeFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--host`.
    pub host: Option<String>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--log-level`.
    pub log_level: Option<LevelFilter>,
}

/// Which past prices are asked for, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct BackfillFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--from`.
    pub from: Option<Date>,
    /// `--pause`.
    pub pause: Duration,
}

impl Default for BackfillFlags {
    fn default() -> Self {
        Self { config: None, from: None, pause: Duration::from_secs(60) }
    }
}

/// How the files are taken over.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct MigrateFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--force`.
    pub force: bool,
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Command {
    Serve(ServeFlags),
    Demo(ServeFlags, DemoOptions),
    Check(Option<PathBuf>),
    Tariff(TariffOptions),
    Backfill(BackfillFlags),
    Migrate(MigrateFlags),
    Snapshots(Option<PathBuf>, Wanted),
    Help,
    Version,
}

/// Runs what the arguments (without the program's name) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match parse(arguments) {
        Ok(command) => command,
        Err(error) => return complain(&format!("{error} (try wattboard --help)"), USAGE),
    };
    match command {
        Command::Help => say(HELP),
        Command::Version => say(&format!("wattboard {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Serve(flags) => finish(command::serve::serve(flags)),
        Command::Demo(flags, options) => finish(command::serve::demo(flags, &options)),
        Command::Check(config) => match command::check::check(config, &mut std::io::stdout()) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(FAILED),
            Err(fault) => complain(&fault.to_string(), FAILED),
        },
        Command::Tariff(options) => {
            match command::tariff::tariff(&options, SystemClock.now(), &mut std::io::stdout()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(fault) => complain(&fault.to_string(), USAGE),
            }
        }
        Command::Backfill(flags) => match command::prices::backfill(flags) {
            Ok(()) => ExitCode::SUCCESS,
            Err(command::prices::Ended::NotStarted(fault)) => complain(&fault.to_string(), USAGE),
            Err(command::prices::Ended::Failed(fault)) => complain(&fault.to_string(), FAILED),
            Err(command::prices::Ended::Stopped) => ExitCode::from(STOPPED),
        },
        Command::Migrate(flags) => match command::migrate::migrate(&flags) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(FAILED),
            Err(command::migrate::Ended::NotStarted(fault)) => complain(&fault.to_string(), USAGE),
            Err(command::migrate::Ended::Failed(fault)) => complain(&fault.to_string(), FAILED),
            Err(command::migrate::Ended::Stopped) => ExitCode::from(STOPPED),
        },
        Command::Snapshots(config, wanted) => {
            match command::snapshots::snapshots(config, wanted, SystemClock.now(), &mut std::io::stdout()) {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::from(FAILED),
                Err(fault) => complain(&fault.to_string(), USAGE),
            }
        }
    }
}

fn finish(ended: Result<(), command::serve::Ended>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(command::serve::Ended::NotStarted(fault)) => complain(&fault.to_string(), USAGE),
        Err(command::serve::Ended::Broken(fault)) => complain(&fault.to_string(), FAILED),
    }
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILED),
    }
}

fn complain(text: &str, code: u8) -> ExitCode {
    // Where standard error is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "wattboard: {text}");
    ExitCode::from(code)
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Fault> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let wrong = |error: lexopt::Error| Fault::invalid(error.to_string());
    let mut name: Option<String> = None;
    let (mut flags, mut demo) = (ServeFlags::default(), DemoOptions::default());
    let mut tariff = TariffOptions::default();
    let mut backfill = BackfillFlags::default();
    let mut migrate = MigrateFlags::default();
    let mut deeds: Vec<String> = Vec::new();
    let mut given: Vec<&str> = Vec::new();
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Value(word) if name.is_none() && word == "help" => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Long("config") => {
                given.push("--config");
                flags.config = Some(parser.value().map_err(wrong)?.into());
            }
            Long("host") => {
                given.push("--host");
                flags.host = Some(parser.value().and_then(|value| value.string()).map_err(wrong)?);
            }
            Long("port") => {
                given.push("--port");
                flags.port = Some(number(&mut parser, "--port", 0, u64::from(u16::MAX))? as u16);
            }
            Long("log-level") => {
                given.push("--log-level");
                let level = parser.value().and_then(|value| value.string()).map_err(wrong)?;
                let known = "off, error, warning, info, debug or trace";
                flags.log_level = Some(parse_log_level(&level).ok_or_else(|| {
                    Fault::invalid(format!("--log-level {level} is not allowed; it must be {known}"))
                })?);
            }
            Long("days") => {
                given.push("--days");
                demo.days = number(&mut parser, "--days", u64::from(*DAYS.start()), u64::from(*DAYS.end()))? as u32;
            }
            Long("seed") => {
                given.push("--seed");
                demo.seed = number(&mut parser, "--seed", 0, u64::MAX)?;
            }
            Long("day") => {
                given.push("--day");
                tariff.day = day(&parser.value().and_then(|value| value.string()).map_err(wrong)?)?;
            }
            Long("tariff") => {
                given.push("--tariff");
                tariff.tariff = Some(parser.value().and_then(|value| value.string()).map_err(wrong)?);
            }
            Long("from") => {
                given.push("--from");
                let text = parser.value().and_then(|value| value.string()).map_err(wrong)?;
                let date = text.parse::<Date>().ok().filter(|_| text.len() == 10);
                backfill.from = Some(date.ok_or_else(|| {
                    Fault::invalid(format!("--from {text} is not allowed; it must be a day such as 2026-01-01"))
                })?);
            }
            Long("pause") => {
                given.push("--pause");
                backfill.pause = Duration::from_secs(number(&mut parser, "--pause", 1, 86_400)?);
            }
            Long("dry-run") => {
                given.push("--dry-run");
                migrate.dry_run = true;
            }
            Long("force") => {
                given.push("--force");
                migrate.force = true;
            }
            Value(word) if deeds.len() < words_after(name.as_deref(), &deeds) => {
                deeds.push(word.string().map_err(wrong)?);
            }
            Value(word) if name.is_none() => name = Some(word.string().map_err(wrong)?),
            other => return Err(wrong(other.unexpected())),
        }
    }
    let (allowed, command): (&[&str], _) = match name.as_deref() {
        None | Some("serve") => (&["--config", "--host", "--port", "--log-level"], Command::Serve(flags)),
        Some("demo") => (&["--host", "--port", "--log-level", "--days", "--seed"], Command::Demo(flags, demo)),
        Some("check") => (&["--config"], Command::Check(flags.config)),
        Some("tariff") => {
            tariff.config = flags.config;
            (&["--config", "--day", "--tariff"], Command::Tariff(tariff))
        }
        Some("migrate") => {
            migrate.config = flags.config;
            (&["--config", "--dry-run", "--force"], Command::Migrate(migrate))
        }
        Some("snapshots") => (&["--config"], Command::Snapshots(flags.config, wanted(&deeds)?)),
        Some("prices") => match deeds.first().map(String::as_str) {
            Some("backfill") => {
                backfill.config = flags.config;
                (&["--config", "--from", "--pause"], Command::Backfill(backfill))
            }
            Some(other) => {
                return Err(Fault::invalid(format!("there is no prices {other:?}; there is prices backfill")));
            }
            None => return Err(Fault::invalid("prices needs a word: prices backfill")),
        },
        Some(other) => {
            return Err(Fault::invalid(format!(
                "there is no command {other:?}; there are serve, demo, check, tariff, prices, migrate and snapshots"
            )));
        }
    };
    match given.into_iter().find(|flag| !allowed.contains(flag)) {
        Some(flag) => Err(Fault::invalid(format!("{} takes no {flag}", name.as_deref().unwrap_or("serve")))),
        None => Ok(command),
    }
}

/// How many words a command takes after its name.
fn words_after(name: Option<&str>, deeds: &[String]) -> usize {
    match (name, deeds.first().map(String::as_str)) {
        (Some("prices"), _) | (Some("snapshots"), None) => 1,
        (Some("snapshots"), Some("create" | "create-missing")) => 2,
        (Some("snapshots"), Some("monthly")) => 3,
        _ => 0,
    }
}

fn wanted(deeds: &[String]) -> Result<Wanted, Fault> {
    let whole = |text: &str, what: &str, least: i16, most: i16| -> Result<i16, Fault> {
        text.parse().ok().filter(|value| (least..=most).contains(value)).ok_or_else(|| {
            Fault::invalid(format!("{what} {text} is not allowed; it must be a whole number from {least} to {most}"))
        })
    };
    let deeds: Vec<&str> = deeds.iter().map(String::as_str).collect();
    match deeds.as_slice() {
        ["create-missing"] => Ok(Wanted::Missing(30)),
        ["create-missing", days] => Ok(Wanted::Missing(whole(days, "the number of days", 1, 3_660)?)),
        ["create", text] => match text.parse::<Date>() {
            Ok(date) if date.to_string() == *text && YEARS.contains(&date.year()) => Ok(Wanted::Day(date)),
            _ => Err(Fault::invalid(format!("{text} is not allowed; it must be a day such as 2026-01-01"))),
        },
        ["create"] => Err(Fault::invalid("snapshots create needs a day such as 2026-01-01")),
        ["monthly", year, month] => Ok(Wanted::Month(Month {
            year: whole(year, "the year", *YEARS.start(), *YEARS.end())?,
            month: whole(month, "the month", 1, 12)? as i8,
        })),
        ["monthly", ..] => Err(Fault::invalid("snapshots monthly needs a year and a month, such as 2026 1")),
        [] => Err(Fault::invalid("snapshots needs a word: create-missing, create or monthly")),
        [other, ..] => Err(Fault::invalid(format!(
            "there is no snapshots {other:?}; there are snapshots create-missing, create and monthly"
        ))),
    }
}

fn day(text: &str) -> Result<Day, Fault> {
    match (text, text.parse::<Date>()) {
        ("today", _) => Ok(Day::Today),
        ("tomorrow", _) => Ok(Day::Tomorrow),
        (_, Ok(date)) if date.to_string() == text && YEARS.contains(&date.year()) => Ok(Day::On(date)),
        _ => Err(Fault::invalid(format!(
            "--day {text} is not allowed; it must be today, tomorrow or a date such as 2026-12-24, {} to {}",
            YEARS.start(),
            YEARS.end()
        ))),
    }
}

fn number(parser: &mut lexopt::Parser, flag: &str, least: u64, most: u64) -> Result<u64, Fault> {
    let text = parser.value().map_err(|error| Fault::invalid(error.to_string()))?.to_string_lossy().into_owned();
    match text.parse::<u64>() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(Fault::invalid(format!(
            "{flag} {text} is not allowed; it must be a whole number from {least} to {most}"
        ))),
    }
}

/// Starts the log; a second start (in tests) changes nothing.
pub fn start_log(level: LevelFilter) {
    let _ = base::log::start(level);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn commands_and_flags() {
        assert_eq!(read(""), Ok(Command::Serve(ServeFlags::default())));
        assert_eq!(
            read("--config a.yaml --port 0 --log-level debug"),
            Ok(Command::Serve(ServeFlags {
                config: Some("a.yaml".into()),
                port: Some(0),
                log_level: Some(LevelFilter::Debug),
                host: None
            }))
        );
        assert_eq!(read("check --config=a.yaml"), Ok(Command::Check(Some("a.yaml".into()))));
        let demo = DemoOptions { days: 3, ..DemoOptions::default() };
        assert_eq!(read("demo --days 3"), Ok(Command::Demo(ServeFlags::default(), demo)));
        assert_eq!(read("tariff"), Ok(Command::Tariff(TariffOptions::default())));
        assert_eq!(
            read("tariff --day 2026-12-24 --tariff tauron-2026/g12w --config a.yaml"),
            Ok(Command::Tariff(TariffOptions {
                config: Some("a.yaml".into()),
                day: Day::On(jiff::civil::date(2026, 12, 24)),
                tariff: Some("tauron-2026/g12w".into())
            }))
        );
        let tomorrow = TariffOptions { day: Day::Tomorrow, ..TariffOptions::default() };
        assert_eq!(read("tariff --day tomorrow"), Ok(Command::Tariff(tomorrow)));
        assert_eq!(read("tariff --day today"), read("tariff"));
        assert_eq!(read("prices backfill"), Ok(Command::Backfill(BackfillFlags::default())));
        assert_eq!(
            read("prices backfill --from 2026-01-01 --pause 1 --config a.yaml"),
            Ok(Command::Backfill(BackfillFlags {
                config: Some("a.yaml".into()),
                from: Some("2026-01-01".parse().unwrap()),
                pause: Duration::from_secs(1),
            }))
        );
        assert_eq!(read("migrate"), Ok(Command::Migrate(MigrateFlags::default())));
        assert_eq!(
            read("migrate --dry-run --force --config a.yaml"),
            Ok(Command::Migrate(MigrateFlags { config: Some("a.yaml".into()), dry_run: true, force: true }))
        );
        for (line, wanted) in [
            ("snapshots create-missing", Wanted::Missing(30)),
            ("snapshots create-missing 7", Wanted::Missing(7)),
            ("snapshots create 2026-01-01", Wanted::Day("2026-01-01".parse().unwrap())),
            ("snapshots monthly 2026 1", Wanted::Month(Month { year: 2026, month: 1 })),
        ] {
            assert_eq!(read(line), Ok(Command::Snapshots(None, wanted)), "{line}");
        }
        assert_eq!(read("serve --help"), Ok(Command::Help));
        assert_eq!(read("-V"), Ok(Command::Version));
        assert_eq!(read("help"), Ok(Command::Help));
        for (line, message) in [
            (
                "dance",
                "there is no command \"dance\"; there are serve, demo, check, tariff, prices, migrate and snapshots",
            ),
            ("serve --port 70000", "--port 70000 is not allowed; it must be a whole number from 0 to 65535"),
            ("serve --days 3", "serve takes no --days"),
            ("check --port 1", "check takes no --port"),
            ("check --day today", "check takes no --day"),
            ("tariff --port 1", "tariff takes no --port"),
            (
                "tariff --day 24.12.2026",
                "--day 24.12.2026 is not allowed; it must be today, tomorrow or a date such as 2026-12-24, 2000 to 2100",
            ),
            (
                "tariff --day 2101-01-01",
                "--day 2101-01-01 is not allowed; it must be today, tomorrow or a date such as 2026-12-24, 2000 to 2100",
            ),
            (
                "--log-level loud",
                "--log-level loud is not allowed; it must be off, error, warning, info, debug or trace",
            ),
            ("prices", "prices needs a word: prices backfill"),
            ("prices drop", "there is no prices \"drop\"; there is prices backfill"),
            ("prices backfill now", "unexpected argument \"now\""),
            ("prices backfill --port 1", "prices takes no --port"),
            ("check --pause 2", "check takes no --pause"),
            ("prices backfill --pause 0", "--pause 0 is not allowed; it must be a whole number from 1 to 86400"),
            ("prices backfill --from May", "--from May is not allowed; it must be a day such as 2026-01-01"),
            ("migrate now", "unexpected argument \"now\""),
            ("migrate --port 1", "migrate takes no --port"),
            ("serve --force", "serve takes no --force"),
            ("snapshots", "snapshots needs a word: create-missing, create or monthly"),
            (
                "snapshots drop",
                "there is no snapshots \"drop\"; there are snapshots create-missing, create and monthly",
            ),
            ("snapshots create", "snapshots create needs a day such as 2026-01-01"),
            ("snapshots create May", "May is not allowed; it must be a day such as 2026-01-01"),
            ("snapshots create 2026-01-01 2026-01-02", "unexpected argument \"2026-01-02\""),
            ("snapshots monthly 2026", "snapshots monthly needs a year and a month, such as 2026 1"),
            ("snapshots monthly 2026 13", "the month 13 is not allowed; it must be a whole number from 1 to 12"),
            (
                "snapshots create-missing 0",
                "the number of days 0 is not allowed; it must be a whole number from 1 to 3660",
            ),
            ("--frob", "invalid option '--frob'"),
            ("serve again", "unexpected argument \"again\""),
            ("--port", "missing argument for option '--port'"),
        ] {
            assert_eq!(read(line).unwrap_err(), message, "{line}");
        }
    }
}

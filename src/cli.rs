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
use crate::export::{Format, What, Wish};
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
  export   write energy rows, decisions, prices or closed days to standard output
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
flags of export:
  --what WHAT        energy, decisions, prices or days
  --from DATE        the first day, such as 2026-01-01 [default: the first one]
  --to DATE          the last day, itself included [default: the last one]
  --format FORMAT    csv, csv-pl (semicolons and decimal commas, for
                     spreadsheets in Polish) or jsonl [default: csv]
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

/// What is exported.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--what`, `--from`, `--to` and `--format`.
    pub wish: Wish,
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
    Export(ExportFlags),
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
        Command::Export(flags) => match command::export::export(&flags) {
            Ok(()) => ExitCode::SUCCESS,
            Err(command::export::Ended::NotStarted(fault)) => complain(&fault.to_string(), USAGE),
            Err(command::export::Ended::Failed(fault)) => complain(&fault.to_string(), FAILED),
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
    let (mut what, mut from, mut to, mut format) = (None, None, None, Format::default());
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
                from = Some(date(&mut parser, "--from")?);
            }
            Long("to") => {
                given.push("--to");
                to = Some(date(&mut parser, "--to")?);
            }
            Long("what") => {
                given.push("--what");
                what = Some(one_of(&mut parser, "--what", What::NAMES, What::named)?);
            }
            Long("format") => {
                given.push("--format");
                format = one_of(&mut parser, "--format", Format::NAMES, Format::named)?;
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
        Some("export") => {
            let what = what.ok_or_else(|| Fault::invalid(format!("export needs --what: {}", What::NAMES)))?;
            if let (Some(from), Some(to)) = (from, to)
                && from > to
            {
                return Err(Fault::invalid(format!("--to {to} is not allowed; it must not be before --from {from}")));
            }
            let wish = Wish { what, from, to, format };
            let flags = ExportFlags { config: flags.config, wish };
            (&["--config", "--what", "--from", "--to", "--format"], Command::Export(flags))
        }
        Some("migrate") => {
            migrate.config = flags.config;
            (&["--config", "--dry-run", "--force"], Command::Migrate(migrate))
        }
        Some("snapshots") => (&["--config"], Command::Snapshots(flags.config, wanted(&deeds)?)),
        Some("prices") => match deeds.first().map(String::as_str) {
            Some("backfill") => {
                backfill = BackfillFlags { config: flags.config, from, ..backfill };
                (&["--config", "--from", "--pause"], Command::Backfill(backfill))
            }
            Some(other) => {
                return Err(Fault::invalid(format!("there is no prices {other:?}; there is prices backfill")));
            }
            None => return Err(Fault::invalid("prices needs a word: prices backfill")),
        },
        Some(other) => {
            return Err(Fault::invalid(format!(
                "there is no command {other:?}; there are serve, demo, check, tariff, prices, export, migrate and \
                 snapshots"
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

fn date(parser: &mut lexopt::Parser, flag: &str) -> Result<Date, Fault> {
    let day = |text: &str| text.parse::<Date>().ok().filter(|date| text.len() == 10 && YEARS.contains(&date.year()));
    one_of(parser, flag, "a day such as 2026-01-01", day)
}

fn one_of<T>(
    parser: &mut lexopt::Parser,
    flag: &str,
    allowed: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, Fault> {
    let text = parser.value().and_then(|value| value.string());
    let text = text.map_err(|error| Fault::invalid(error.to_string()))?;
    read(&text).ok_or_else(|| Fault::invalid(format!("{flag} {text} is not allowed; it must be {allowed}")))
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
mod tests;

//! Commands and flags.

mod help;
mod man;
mod parse;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jiff::civil::Date;
use log::LevelFilter;

use crate::base::clock::{Clock, SystemClock};
use crate::command::snapshots::Wanted;
use crate::command::tariff::TariffOptions;
use crate::demo::DemoOptions;
use crate::export;
use crate::series;
use crate::{base, command};
use help::HELP;
use parse::parse;

/// Wrong use, or nothing to start with: a bad flag, a bad config, a port in use.
const USAGE: u8 = 2;
/// Something failed later on.
const FAILED: u8 = 1;
/// A signal ended it before it was done.
const STOPPED: u8 = 130;

/// Where a server listens and what it logs.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ServeFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
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
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// `--from`.
    pub from: Option<Date>,
    /// `--pause`.
    pub pause: Duration,
}

impl Default for BackfillFlags {
    fn default() -> Self {
        Self { config: None, state_dir: None, from: None, pause: Duration::from_secs(60) }
    }
}

/// What is exported.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// `--what`, `--from`, `--to` and `--format`.
    pub wish: ExportWish,
}

/// What is exported, and how.
#[derive(Debug, Clone, PartialEq)]
pub enum ExportWish {
    /// A table.
    Table(export::Wish),
    /// Series for an engine.
    Series(series::Wish),
}

/// Which site is looked at.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SiteFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
}

/// Which server is asked how it does.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct HealthFlags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--host`.
    pub host: Option<String>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--url`.
    pub url: Option<String>,
    /// `--max-age`, seconds.
    pub max_age: Option<u64>,
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
    Check(SiteFlags),
    Tariff(TariffOptions),
    Backfill(BackfillFlags),
    Export(ExportFlags),
    Migrate(MigrateFlags),
    Snapshots(Option<PathBuf>, Wanted),
    Health(HealthFlags),
    Man,
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
        Command::Check(flags) => match command::check::check(&flags, &mut std::io::stdout()) {
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
        Command::Health(flags) => match command::healthcheck::healthcheck(&flags) {
            Ok(line) => say(&format!("{line}\n")),
            Err(fault) => complain(&fault.to_string(), FAILED),
        },
        Command::Man => say(&man::page()),
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

/// Starts the log; a second start (in tests) changes nothing.
pub fn start_log(level: LevelFilter) {
    let _ = base::log::start(level);
}

#[cfg(test)]
mod tests;

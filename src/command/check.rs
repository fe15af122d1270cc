//! `wattboard check`: looks at a site as the server would and says, a line each, what is well and what is not.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::serve::config_path;
use super::state;
use crate::archive::{Holdings, PriceReader};
use crate::base::clock::{Clock, SystemClock};
use crate::base::fault::{Fault, Kind};
use crate::base::shutdown;
use crate::cli::SiteFlags;
use crate::config::Config;
use crate::http::gate::token::Token;
use crate::model::time::{Range, parse_utc};
use crate::push::cursor::{self, Destination, Keeper};
use crate::source::SiteSource;
use crate::source::files::Files;
use crate::source::log_files::LogFolder;
use crate::source::process::ProcessTable;
use crate::source::pse::{PriceApi, Roots};
use crate::source::saved::Saved;
use crate::source::sqlite::Database;

const DAY: Duration = Duration::from_secs(86_400);
/// How long the price API may take here, whatever the config allows the server.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between a row's own time and when it was written: more means a wrong zone.
const ZONE_SLACK: Duration = Duration::from_secs(15 * 60);

/// The lines so far.
struct Report<'a> {
    out: &'a mut dyn Write,
    failed: bool,
    broken_pipe: Option<std::io::Error>,
}

impl Report<'_> {
    fn line(&mut self, verdict: &str, what: &str, text: impl Display) {
        self.failed |= verdict == "fail";
        if let Err(error) = writeln!(self.out, "{verdict:<4}  {what:<10} {text}") {
            self.broken_pipe.get_or_insert(error);
        }
    }
    fn ok(&mut self, what: &str, text: impl Display) {
        self.line("ok", what, text);
    }
    fn warn(&mut self, what: &str, text: impl Display) {
        self.line("warn", what, text);
    }
    fn fail(&mut self, what: &str, text: impl Display) {
        self.line("fail", what, text);
    }
}

/// Checks the site of a config and writes the report to `out`. Answers whether nothing failed.
///
/// # Errors
/// When the report cannot be written.
pub fn check(flags: &SiteFlags, out: &mut dyn Write) -> Result<bool, Fault> {
    let mut report = Report { out, failed: false, broken_pipe: None };
    let path = config_path(flags.config.clone());
    let loaded = Config::load(&path).and_then(|config| {
        let before = state::Files::of(&config);
        Ok((before, config.keep_state(flags.state_dir.as_deref())?))
    });
    match loaded {
        Err(fault) => report.fail("config", fault),
        Ok((before, config)) => {
            for text in [state::what_will_be_taken_over(&before, &config), state::of_the_service(&before, &config)] {
                text.iter().for_each(|text| report.warn("state", text));
            }
            let tariff = config.tariff.preset.as_ref().unwrap_or(&config.tariff.name);
            report.ok("config", format!("{}, tariff {tariff}", config.file.display()));
            config.warnings.iter().for_each(|warning| report.warn("config", warning));
            site(&config, &mut report);
        }
    }
    match report.broken_pipe {
        Some(error) => Err(Fault::io(format!("cannot write the report: {error}"))),
        None => Ok(!report.failed),
    }
}

fn site(config: &Config, report: &mut Report<'_>) {
    let now = SystemClock.now();
    folders(config, report);
    let has_database = database(config, now, report);
    files(config, now, has_database, report);
    logs(config, report);
    process(report);
    token(config, report);
    memory(config, report);
    prices(config, now, report);
    push(config, report);
    clock(config, now, report);
}

fn folders(config: &Config, report: &mut Report<'_>) {
    if config.root.is_dir() {
        report.ok("site", config.root.display());
    } else {
        report.fail("site", format!("{} is not a folder", config.root.display()));
    }
    if !config.data_dir.is_dir() {
        let text = "does not exist: everything works, but a start without network shows no prices";
        report.warn("data", format!("{} {text}", config.data_dir.display()));
    } else if is_writable(&config.data_dir) {
        report.ok("data", format!("{} can be written: prices survive a restart", config.data_dir.display()));
    } else {
        let text = "cannot be written: everything works, but a start without network shows no prices";
        report.warn("data", format!("{} {text}", config.data_dir.display()));
    }
}

/// Whether a file could be made in a folder. Asked of the system, not tried: a check changes nothing.
fn is_writable(folder: &Path) -> bool {
    let mode = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    folder.is_dir() && rustix::fs::access(folder, mode).is_ok()
}

fn database(config: &Config, now: Timestamp, report: &mut Report<'_>) -> bool {
    let Some(path) = &config.database else {
        report.warn("database", "files only: data_storage.database_storage.enabled is false");
        return false;
    };
    if !config.database_expected && !path.exists() {
        report.warn("database", format!("files only: there is no {} yet", path.display()));
        return false;
    }
    let (_trigger, shutdown) = shutdown::channel();
    let mut database = Database::new(path.clone(), config.zone.clone(), shutdown, false);
    match database.health(now) {
        Err(fault) => {
            report.fail("database", fault.within(path.display()));
            return false;
        }
        Ok(health) => {
            let version = health.schema_version.map_or("no schema version".into(), |v| format!("schema version {v}"));
            let text = format!("{}: {version}, {} decisions in the last 24 h", path.display(), health.decisions_24h);
            match health.schema_version {
                Some(1..=4) if health.decisions_24h > 0 => report.ok("database", text),
                Some(1..=4) => report.warn("database", format!("{text}: does the coordinator run?")),
                Some(_) => report.warn("database", format!("{text}: versions 1 to 4 are known here")),
                None => report.warn("database", text),
            }
        }
    }
    match database.row_counts() {
        Err(fault) => report.fail("rows", fault),
        Ok(counts) => {
            for (table, count) in counts {
                match count {
                    Some(0) => report.warn("rows", format!("{table} is empty")),
                    Some(count) => report.ok("rows", format!("{table}: {count}")),
                    None => report.fail("rows", format!("there is no table {table}")),
                }
            }
        }
    }
    match database.latest_state(now) {
        Ok(Some(state)) => age("reading", now, state.reading.at, report),
        Ok(None) => report.warn("reading", "the database holds no reading of the house"),
        Err(fault) => report.fail("reading", fault),
    }
    if let Ok(decisions) = database.decisions(Range::last(7 * DAY, now))
        && let Some(decision) = decisions.last()
        && let Some(written) = decision.created_at.as_deref().and_then(parse_utc)
        && written.duration_since(decision.at).unsigned_abs() > ZONE_SLACK
    {
        let text = format!(
            "the newest decision says {} but was written at {written}: is system.timezone ({}) the coordinator's?",
            decision.timestamp, config.zone_name
        );
        report.warn("time zone", text);
    }
    true
}

fn age(what: &str, now: Timestamp, at: Timestamp, report: &mut Report<'_>) {
    let age = now.duration_since(at);
    let text = format!("the newest reading is {} s old", age.as_secs());
    if age.is_negative() && age.unsigned_abs() > Duration::from_secs(120) {
        report.fail(what, format!("the newest reading is dated in the future ({at}): check the clocks"));
    } else if age.as_secs() < 120 {
        report.ok(what, text);
    } else {
        report.warn(what, format!("{text}: does the coordinator run?"));
    }
}

fn files(config: &Config, now: Timestamp, has_database: bool, report: &mut Report<'_>) {
    let mut files = Files::new(config.out_dir.clone(), config.energy_data_dir.clone(), config.zone.clone());
    match (files.latest_state(now), has_database) {
        (Ok(Some(state)), false) => age("reading", now, state.reading.at, report),
        (Ok(Some(_)), true) => report.ok("files", format!("state files in {}", config.out_dir.display())),
        (Ok(None), true) => report.ok("files", "no state files (today's coordinator writes none)"),
        (Ok(None), false) => report.fail("files", format!("no state files in {} either", config.out_dir.display())),
        (Err(fault), _) => report.warn("files", fault),
    }
    if !has_database {
        match files.first_day() {
            Ok(Some(day)) => report.ok("files", format!("decisions or energy rows since {day}")),
            Ok(None) => report.warn("files", "no decisions and no energy rows"),
            Err(fault) => report.fail("files", fault),
        }
    }
    if let Some(month) = Saved::new(&config.out_dir).first_month() {
        report.ok("files", format!("saved summaries since {month}"));
    }
}

fn logs(config: &Config, report: &mut Report<'_>) {
    let mut folder = LogFolder::new(config.log_dir.clone(), config.zone.clone(), config.limits.log_file_bytes);
    match folder.poll(Timestamp::now(), |_, _| true) {
        Err(fault) => report.fail("logs", fault),
        Ok(logs) if logs.files.is_empty() => {
            report.warn("logs", format!("no *.log files in {}", config.log_dir.display()))
        }
        Ok(logs) => {
            for file in logs.files {
                match file.error {
                    Some(error) => report.warn("logs", format!("{}: {error}", file.name)),
                    None => report.ok("logs", format!("{}: {} bytes", file.path, file.size)),
                }
            }
        }
    }
}

fn process(report: &mut Report<'_>) {
    match ProcessTable::new(PathBuf::from("/proc")).find().map(|coordinator| coordinator.pid) {
        Ok(Some(pid)) => report.ok("process", format!("the coordinator runs as process {pid}")),
        Ok(None) => report.warn("process", "the coordinator does not run"),
        Err(fault) => report.fail("process", fault),
    }
}

fn prices(config: &Config, now: Timestamp, report: &mut Report<'_>) {
    let roots = match Roots::of(config) {
        Ok(roots) => roots,
        Err(fault) => return report.fail("prices", fault),
    };
    if let Some(file) = &config.price_ca_file {
        let count = roots.count();
        let word = if count == 1 { "root certificate" } else { "root certificates" };
        report.ok("prices", format!("{count} {word} beside the built-in ones in {}", file.display()));
    }
    let api = PriceApi::new(config, &roots, config.price_deadline.min(PATIENCE));
    let today = config.zone.date(now);
    for entity in config.entities() {
        match api.day(entity, today, now) {
            Ok(day) => {
                let (found, expected) = (day.points.len(), day.expected(&config.zone));
                let text = format!("{}: {found} of {expected} of {today}", entity.label());
                match found {
                    0 => report.warn("prices", format!("{text}: PSE has not published them yet")),
                    _ if found < expected => report.warn("prices", format!("{text}: PSE's answer is incomplete")),
                    _ => report.ok("prices", text),
                }
            }
            Err(failure) => {
                let fault = failure.fault.within(entity.label());
                if fault.kind() == Kind::Invalid { report.fail("prices", fault) } else { report.warn("prices", fault) }
            }
        }
    }
}

/// What the server would find at its start: without a token that will do it does not start.
fn token(config: &Config, report: &mut Report<'_>) {
    let Some(file) = &config.access.token_file else {
        return report.ok("token", "none is asked for: web_server.auth.token_file is not set");
    };
    match Token::read(file) {
        Err(fault) => report.fail("token", format!("web_server.auth.token_file: {fault}")),
        Ok((_, Some(warning))) => report.warn("token", format!("web_server.auth.token_file: {warning}")),
        Ok((_, None)) => report.ok("token", format!("{} holds one", file.display())),
    }
}

/// The price memory. Looked at, never repaired: the server does that.
fn memory(config: &Config, report: &mut Report<'_>) {
    let path = &config.own_database;
    let folder = path.parent().unwrap_or(Path::new("/"));
    match PriceReader::new(path, config.zone.clone()).check() {
        Err(fault) if fault.kind() == Kind::Unreadable => {
            report.warn("memory", format!("{fault}; the server sets it aside and begins a new one"));
        }
        Err(fault) => report.fail("memory", format!("{fault}; prices are not remembered")),
        Ok(_) if !is_writable(folder) || (path.exists() && !may_write(path)) => {
            let text = "cannot be written: everything works, but prices are not remembered";
            report.warn("memory", format!("{} {text}", path.display()));
        }
        Ok(None) => {
            report.ok("memory", format!("{} is begun when the first day is complete", path.display()));
        }
        Ok(Some(Holdings { days, first: Some(first), last: Some(last) })) => {
            let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
            report.ok("memory", format!("{}: prices of {days} from {first} to {last}", path.display()));
        }
        Ok(Some(_)) => report.ok("memory", format!("{}: no prices yet", path.display())),
    }
}

fn may_write(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::WRITE_OK).is_ok()
}

/// What the server would send, and from where on. Nothing is sent here.
fn push(config: &Config, report: &mut Report<'_>) {
    let Some(push) = &config.push else { return };
    let site = config.site_name();
    let to = push.destination();
    let is_open = push
        .url
        .strip_prefix("http://")
        .is_some_and(|rest| !["127.0.0.1", "localhost", "[::1]"].iter().any(|own| rest.starts_with(own)));
    if let Err(fault) = &push.token {
        report.fail("push", fault);
    }
    if push.token.as_ref().is_ok_and(Option::is_some) && is_open {
        report.warn("push", "the token goes over http, where others may read it: https:// is better");
    }
    let file = config.data_dir.join(cursor::FILE);
    if !is_writable(&config.data_dir) {
        report.warn("push", format!("{} cannot be written: all rows are sent again after a restart", file.display()));
    }
    let to_where =
        Destination { url: push.url.clone(), org: push.org.clone(), bucket: push.bucket.clone(), site: site.clone() };
    let (keeper, why) = Keeper::open(Some(file), to_where);
    match (keeper.cursor().through(), why) {
        (_, Some(why)) => report.warn("push", format!("rows go to {to} as site {site}, from the beginning: {why}")),
        (Some(date), None) => report.ok("push", format!("rows go to {to} as site {site}; sent as far as {date}")),
        (None, None) => report.ok("push", format!("rows go to {to} as site {site}, from the beginning")),
    }
}

fn clock(config: &Config, now: Timestamp, report: &mut Report<'_>) {
    let text = format!("{} in {}", config.zone.rfc3339(now), config.zone_name);
    let year = config.zone.date(now).year();
    if (2025..2100).contains(&year) {
        report.ok("clock", text);
    } else {
        report.fail("clock", format!("{text}: is the clock set?"));
    }
}

//! From words to a [`Command`].

use std::ffi::OsString;
use std::time::Duration;

use jiff::civil::Date;
use lexopt::prelude::*;

use super::{BackfillFlags, Command, ExportFlags, ExportWish, HealthFlags, MigrateFlags, ServeFlags, SiteFlags};
use crate::base::fault::Fault;
use crate::command::snapshots::Wanted;
use crate::command::tariff::{Day, TariffOptions};
use crate::config::parse_log_level;
use crate::demo::{DAYS, DemoOptions};
use crate::export::{Format, What, Wish};
use crate::model::time::{Month, YEARS};
use crate::series;

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Fault> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let wrong = |error: lexopt::Error| Fault::invalid(error.to_string());
    let mut name: Option<String> = None;
    let (mut flags, mut demo) = (ServeFlags::default(), DemoOptions::default());
    let mut tariff = TariffOptions::default();
    let mut health = HealthFlags::default();
    let mut backfill = BackfillFlags::default();
    let mut migrate = MigrateFlags::default();
    let (mut what, mut from, mut to, mut format) = (None, None, None, Form::Table(Format::default()));
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
            Long("state-dir") => {
                given.push("--state-dir");
                flags.state_dir = Some(parser.value().map_err(wrong)?.into());
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
                let known = "off, error, warning, info or debug";
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
                format = one_of(&mut parser, "--format", FORMS, form)?;
            }
            Long("pause") => {
                given.push("--pause");
                backfill.pause = Duration::from_secs(number(&mut parser, "--pause", 1, 86_400)?);
            }
            Long("url") => {
                given.push("--url");
                health.url = Some(parser.value().and_then(|value| value.string()).map_err(wrong)?);
            }
            Long("max-age") => {
                given.push("--max-age");
                health.max_age = Some(number(&mut parser, "--max-age", 0, u64::from(u32::MAX))?);
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
        None | Some("serve") => {
            (&["--config", "--state-dir", "--host", "--port", "--log-level"], Command::Serve(flags))
        }
        Some("demo") => (&["--host", "--port", "--log-level", "--days", "--seed"], Command::Demo(flags, demo)),
        Some("check") => {
            let flags = SiteFlags { config: flags.config, state_dir: flags.state_dir };
            (&["--config", "--state-dir"], Command::Check(flags))
        }
        Some("tariff") => {
            tariff.config = flags.config;
            (&["--config", "--day", "--tariff"], Command::Tariff(tariff))
        }
        Some("export") => {
            if let (Some(from), Some(to)) = (from, to)
                && from > to
            {
                return Err(Fault::invalid(format!("--to {to} is not allowed; it must not be before --from {from}")));
            }
            let wish = match (format, what) {
                (Form::Series(format), what) => ExportWish::Series(series::Wish { what, from, to, format }),
                (Form::Table(format), Some(what)) => ExportWish::Table(Wish { what, from, to, format }),
                (Form::Table(_), None) => {
                    return Err(Fault::invalid(format!("export needs --what: {}", What::NAMES)));
                }
            };
            let flags = ExportFlags { config: flags.config, state_dir: flags.state_dir, wish };
            (&["--config", "--state-dir", "--what", "--from", "--to", "--format"], Command::Export(flags))
        }
        Some("migrate") => {
            migrate.config = flags.config;
            (&["--config", "--dry-run", "--force"], Command::Migrate(migrate))
        }
        Some("healthcheck") => {
            health = HealthFlags { config: flags.config, host: flags.host, port: flags.port, ..health };
            (&["--config", "--host", "--port", "--url", "--max-age"], Command::Health(health))
        }
        Some("man") => (&[], Command::Man),
        Some("snapshots") => (&["--config"], Command::Snapshots(flags.config, wanted(&deeds)?)),
        Some("prices") => match deeds.first().map(String::as_str) {
            Some("backfill") => {
                backfill = BackfillFlags { config: flags.config, state_dir: flags.state_dir, from, ..backfill };
                (&["--config", "--state-dir", "--from", "--pause"], Command::Backfill(backfill))
            }
            Some(other) => {
                return Err(Fault::invalid(format!("there is no prices {other:?}; there is prices backfill")));
            }
            None => return Err(Fault::invalid("prices needs a word: prices backfill")),
        },
        Some(other) => {
            return Err(Fault::invalid(format!(
                "there is no command {other:?}; there are serve, demo, check, healthcheck, tariff, prices, export, \
                 migrate and snapshots"
            )));
        }
    };
    match given.into_iter().find(|flag| !allowed.contains(flag)) {
        Some(flag) => Err(Fault::invalid(format!("{} takes no {flag}", name.as_deref().unwrap_or("serve")))),
        None => Ok(command),
    }
}

/// How an export is written.
#[derive(Clone, Copy)]
enum Form {
    Table(Format),
    Series(series::Format),
}

const FORMS: &str = "csv, csv-pl, jsonl, influx or openmetrics";

fn form(name: &str) -> Option<Form> {
    Format::named(name).map(Form::Table).or_else(|| series::Format::named(name).map(Form::Series))
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

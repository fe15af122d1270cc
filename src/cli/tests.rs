//! What command lines mean, and what is said of those that mean nothing.

use super::*;
use crate::command::tariff::Day;
use crate::export::{Format, What, Wish};
use crate::model::time::Month;

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
            ..ServeFlags::default()
        }))
    );
    assert_eq!(
        read("check --config=a.yaml"),
        Ok(Command::Check(SiteFlags { config: Some("a.yaml".into()), state_dir: None }))
    );
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
            state_dir: None,
            from: Some("2026-01-01".parse().unwrap()),
            pause: Duration::from_secs(1),
        }))
    );
    let wish = ExportWish::Table(Wish { what: What::Energy, from: None, to: None, format: Format::Csv });
    assert_eq!(read("export --what energy"), Ok(Command::Export(ExportFlags { config: None, state_dir: None, wish })));
    let wish = ExportWish::Table(Wish {
        what: What::Days,
        from: Some(jiff::civil::date(2026, 1, 1)),
        to: Some(jiff::civil::date(2026, 1, 1)),
        format: Format::JsonLines,
    });
    assert_eq!(
        read("export --from 2026-01-01 --to 2026-01-01 --what days --format jsonl --config a.yaml"),
        Ok(Command::Export(ExportFlags { config: Some("a.yaml".into()), state_dir: None, wish }))
    );
    for (line, what, format) in [
        ("export --format influx", None, series::Format::Influx),
        ("export --what days --format openmetrics", Some(What::Days), series::Format::OpenMetrics),
    ] {
        let wish = ExportWish::Series(series::Wish { what, from: None, to: None, format });
        assert_eq!(read(line), Ok(Command::Export(ExportFlags { config: None, state_dir: None, wish })));
    }
    assert_eq!(read("healthcheck"), Ok(Command::Health(HealthFlags::default())));
    assert_eq!(
        read("healthcheck --url http://h:1 --max-age 120"),
        Ok(Command::Health(HealthFlags {
            url: Some("http://h:1".into()),
            max_age: Some(120),
            ..HealthFlags::default()
        }))
    );
    assert_eq!(
        read("serve --state-dir /var/lib/wattboard"),
        Ok(Command::Serve(ServeFlags { state_dir: Some("/var/lib/wattboard".into()), ..ServeFlags::default() }))
    );
    assert_eq!(read("man"), Ok(Command::Man));
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
            "there is no command \"dance\"; there are serve, demo, check, healthcheck, tariff, prices, export, migrate and snapshots",
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
        ("--log-level loud", "--log-level loud is not allowed; it must be off, error, warning, info or debug"),
        ("prices", "prices needs a word: prices backfill"),
        ("prices drop", "there is no prices \"drop\"; there is prices backfill"),
        ("prices backfill now", "unexpected argument \"now\""),
        ("prices backfill --port 1", "prices takes no --port"),
        ("check --pause 2", "check takes no --pause"),
        ("prices backfill --pause 0", "--pause 0 is not allowed; it must be a whole number from 1 to 86400"),
        ("prices backfill --from May", "--from May is not allowed; it must be a day such as 2026-01-01"),
        ("export", "export needs --what: energy, decisions, prices or days"),
        ("export --what all", "--what all is not allowed; it must be energy, decisions, prices or days"),
        (
            "export --what days --format xml",
            "--format xml is not allowed; it must be csv, csv-pl, jsonl, influx or openmetrics",
        ),
        ("export --what days --to 2026-02-30", "--to 2026-02-30 is not allowed; it must be a day such as 2026-01-01"),
        (
            "export --what days --from 1999-01-01",
            "--from 1999-01-01 is not allowed; it must be a day such as 2026-01-01",
        ),
        (
            "export --what days --from 2026-01-02 --to 2026-01-01",
            "--to 2026-01-01 is not allowed; it must not be before --from 2026-01-02",
        ),
        ("export --what days --port 1", "export takes no --port"),
        ("check --what days", "check takes no --what"),
        ("migrate now", "unexpected argument \"now\""),
        ("migrate --port 1", "migrate takes no --port"),
        ("serve --force", "serve takes no --force"),
        ("snapshots", "snapshots needs a word: create-missing, create or monthly"),
        ("snapshots drop", "there is no snapshots \"drop\"; there are snapshots create-missing, create and monthly"),
        ("snapshots create", "snapshots create needs a day such as 2026-01-01"),
        ("snapshots create May", "May is not allowed; it must be a day such as 2026-01-01"),
        ("snapshots create 2026-01-01 2026-01-02", "unexpected argument \"2026-01-02\""),
        ("snapshots monthly 2026", "snapshots monthly needs a year and a month, such as 2026 1"),
        ("snapshots monthly 2026 13", "the month 13 is not allowed; it must be a whole number from 1 to 12"),
        ("snapshots create-missing 0", "the number of days 0 is not allowed; it must be a whole number from 1 to 3660"),
        ("--frob", "invalid option '--frob'"),
        ("serve again", "unexpected argument \"again\""),
        ("--port", "missing argument for option '--port'"),
    ] {
        assert_eq!(read(line).unwrap_err(), message, "{line}");
    }
}

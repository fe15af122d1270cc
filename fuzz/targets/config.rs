//! The config's text: refused with the file's name, or a config all of whose values are such as the program can run with.

#![no_main]

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use wattboard::config::{Config, Interval};
use wattboard::model::price::Entity;

/// Nothing is there: what is looked up on disk is not found.
const FILE: &str = "/nonexistent/config/master_coordinator_config.yaml";
const DAYS: [&str; 6] = ["2000-01-01", "2025-10-26", "2026-03-29", "2026-05-01", "2026-12-24", "2100-12-31"];

fn check(config: &Config, text: &str) {
    let intervals = [config.live_interval, config.price_interval, config.metrics_interval, config.process_interval];
    for interval in intervals {
        if let Interval::Every(pause) = interval {
            assert!((10..=3600).contains(&pause.as_secs()), "{pause:?}");
        }
    }
    let within = |span: Duration| !span.is_zero() && span <= Duration::from_secs(86_400);
    assert!(within(config.staleness) && within(config.price_deadline));
    for entity in Entity::ALL {
        let url = config.price_urls.of(entity);
        assert!(url.starts_with("http://") || url.starts_with("https://"));
    }
    assert!(config.entities().count() >= 2);
    let access = &config.access;
    for origin in &access.frame_ancestors {
        assert!(!origin.contains([';', ',', ' ', '\r', '\n', '\'', '"', '*']), "{origin:?} would end the policy");
    }
    let in_order = |name: &String| !name.is_empty() && !name.ends_with('.') && !name.chars().any(|c| c.is_uppercase());
    assert!(access.allowed_hosts.iter().all(in_order), "{:?}", access.allowed_hosts);
    let limits = &config.limits;
    assert!((8..=4096).contains(&limits.connections) && limits.head_bytes >= 1024 && limits.headers >= 1);
    assert!(limits.queue >= 1 && limits.in_flight >= 1);
    assert!(config.database.as_ref() != Some(&config.own_database), "two programs write one file");
    assert!(config.warnings.iter().all(|warning| warning.len() <= 1_000 + 8 * text.len()));
    // Every hour of a day with a rate has one price, and can be told.
    for date in DAYS {
        let date: jiff::civil::Date = date.parse().expect("a date");
        let described = config.tariff.describe(date);
        let at = config.zone.local(config.zone.day_start(date) + Duration::from_secs(3_600 * 5));
        let charge = config.tariff.charge(at, None);
        assert!(charge.is_none() || described.is_some(), "an hour has a rate, its day has none: {date}");
        let _ = config.zone.rfc3339(Timestamp::UNIX_EPOCH);
    }
    let _ = config.tariff.reach();
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse(Path::new(FILE), text) {
        Ok(config) => check(&config, text),
        Err(fault) => {
            let words = fault.to_string();
            assert!(words.starts_with(FILE), "{words}");
            assert!(words.len() <= 2_000 + 8 * text.len(), "{} bytes", words.len());
        }
    }
});

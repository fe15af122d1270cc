//! What configs mean, and what errors say.

use super::*;

const TARIFF: &str = "
electricity_tariff:
  tariff_type: g11
  distribution_pricing:
    g11: {type: static, price: 0.2464}
    broken: {type: nonsense}
";

fn parse(extra: &str) -> Result<Config, Fault> {
    Config::parse(Path::new("/site/config/c.yaml"), &format!("{TARIFF}{extra}"))
}

#[test]
fn defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.root, Path::new("/site"));
    assert_eq!((config.host.as_str(), config.port, config.cors_enabled), ("0.0.0.0", 8080, false));
    assert_eq!(config.live_interval, Interval::Every(Duration::from_secs(30)));
    assert_eq!(config.price_interval, Interval::Every(Duration::from_secs(300)));
    assert_eq!(config.metrics_interval, Interval::Every(Duration::from_secs(60)));
    assert_eq!(config.process_interval, Interval::Every(Duration::from_secs(60)));
    assert_eq!((config.staleness, config.price_deadline), (Duration::from_secs(300), Duration::from_secs(30)));
    let enabled = |yaml| parse(yaml).map(|config| (config.database.is_some(), config.database_expected)).unwrap();
    assert_eq!(enabled(""), (true, false), "used as soon as it exists");
    assert_eq!(enabled("data_storage: {database_storage: {enabled: true}}"), (true, true));
    assert_eq!(enabled("data_storage: {database_storage: {enabled: no}}"), (false, false));
    assert_eq!(config.energy_data_dir, Path::new("/site/out/energy_data"));
    assert_eq!(config.log_dir, Path::new("/site/logs"));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn intervals_are_clamped_or_off() {
    let every = |seconds| Interval::Every(Duration::from_secs(seconds));
    type Pick = fn(&Config) -> Interval;
    let cases: [(&str, Pick, u64, u64); 4] = [
        ("background_refresh_interval_seconds", |c| c.live_interval, 10, 600),
        ("price_refresh_interval_seconds", |c| c.price_interval, 60, 3600),
        ("metrics_refresh_interval_seconds", |c| c.metrics_interval, 30, 600),
        ("coordinator_pid_check_interval_seconds", |c| c.process_interval, 30, 300),
    ];
    for (key, pick, least, most) in cases {
        for (value, expected, warned) in [
            (-5_i64, every(least), true),
            (0, every(least), true),
            (least as i64, every(least), false),
            (most as i64, every(most), false),
            (most as i64 + 1, every(most), true),
            (86_400, every(most), true),
            (86_401, Interval::Off, false),
            (999_999, Interval::Off, false),
        ] {
            let config = parse(&format!("web_server: {{{key}: {value}}}")).unwrap();
            assert_eq!(pick(&config), expected, "{key}: {value}");
            assert_eq!(config.warnings.len(), usize::from(warned), "{key}: {value}: {:?}", config.warnings);
        }
    }
    let warning = &parse("web_server: {price_refresh_interval_seconds: 5}").unwrap().warnings[0];
    assert_eq!(warning, "web_server.price_refresh_interval_seconds: 5 is out of its range 60 to 3600; 60 is used");
}

#[test]
fn the_price_deadline_comes_from_either_section() {
    for (yaml, seconds) in [
        ("", 30),
        ("price_analysis: {api_timeout_seconds: 10}", 10),
        ("web_server: {api_timeout_seconds: 60}\nprice_analysis: {api_timeout_seconds: 10}", 60),
    ] {
        assert_eq!(parse(yaml).unwrap().price_deadline, Duration::from_secs(seconds), "{yaml}");
    }
}

#[test]
fn python_s_yaml_is_understood() {
    let config = parse("web_server:\n  cors_enabled: yes\n  port: 1\n  port: 2\nbase: &b {timezone: Europe/Berlin}\nsystem:\n  <<: *b\n").unwrap();
    assert_eq!((config.cors_enabled, config.port, config.zone_name.as_str()), (true, 2, "Europe/Berlin"));
}

#[test]
fn errors_name_file_key_value_and_what_is_allowed() {
    for (yaml, message) in [
        (
            "web_server: {port: 70000}",
            "/site/config/c.yaml: web_server.port: 70000 is not allowed; it must be a port, 0 to 65535",
        ),
        (
            "web_server: {port: http}",
            "/site/config/c.yaml: web_server.port: \"http\" is not allowed; it must be a port, 0 to 65535",
        ),
        (
            "web_server: {cors_enabled: maybe}",
            "/site/config/c.yaml: web_server.cors_enabled: \"maybe\" is not allowed; it must be true or false",
        ),
        (
            "system: {timezone: Mars/Olympus}",
            "/site/config/c.yaml: system.timezone: Mars/Olympus is not allowed; it must be an IANA time zone such as Europe/Warsaw",
        ),
        (
            "price_analysis: {api_url: 'ftp://x'}",
            "/site/config/c.yaml: price_analysis.api_url: ftp://x is not allowed; it must be an http:// or https:// address",
        ),
        (
            "web_server: {api_timeout_seconds: 0}",
            "/site/config/c.yaml: web_server.api_timeout_seconds: 0 is not allowed; it must be a number of seconds, more than 0 and at most 86400",
        ),
        (
            "logging: {level: LOUD}",
            "/site/config/c.yaml: logging.level: LOUD is not allowed; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL",
        ),
    ] {
        assert_eq!(parse(yaml).unwrap_err().to_string(), message);
    }
    let empty = Config::parse(Path::new("/site/config/c.yaml"), "# nothing\n").unwrap_err().to_string();
    assert_eq!(
        empty,
        "/site/config/c.yaml: electricity_tariff.distribution_pricing is missing; it must be a section with the tariff g12w in it"
    );
    let broken = Config::parse(Path::new("/site/config/c.yaml"), "a: [").unwrap_err().to_string();
    assert!(broken.starts_with("/site/config/c.yaml: not valid YAML: "), "{broken}");
}

#[test]
fn unknown_web_server_keys_are_warned_about() {
    let config = parse("web_server: {prot: 80, enabled: true}\nunrelated: {prot: 1}").unwrap();
    let expected = "web_server.prot is not known here and has no effect; the nearest known key is port";
    assert_eq!(config.warnings, [expected]);
    let inner = parse("web_server: {limits: {conections: 9}, auth: {token_file: t, token: hush}}").unwrap();
    assert_eq!(
        inner.warnings,
        [
            "web_server.auth.token is not known here and has no effect; the nearest known key is token_file",
            "web_server.limits.conections is not known here and has no effect; the nearest known key is connections",
        ]
    );
}

#[test]
fn tariffs() {
    let tariff = |yaml: &str| Config::parse(Path::new("/s/config/c.yaml"), &format!("electricity_tariff:\n{yaml}"));
    let g12w = "  distribution_pricing:\n    g12w:\n      type: time_based\n      peak_hours: {start: 6, end: 22}\n      off_peak_windows: [{start: 13, end: 15}]\n      prices: {peak: 0.3566, off_peak: 0.0749}\n";
    let read = tariff(g12w).unwrap().tariff;
    let charge = read.charge("2026-11-23T10:00".parse().unwrap(), None).unwrap();
    assert_eq!((read.name.as_str(), charge.margin), ("g12w", crate::base::units::Micro(89_200)));
    for (yaml, message) in [
        (
            "  tariff_type: g99\n  distribution_pricing:\n    g11: {type: static, price: 1}\n",
            "electricity_tariff.tariff_type: g99 is not allowed; it must be the name of one of g11 under electricity_tariff.distribution_pricing",
        ),
        (
            "  tariff_type: g11\n",
            "electricity_tariff.distribution_pricing is missing; it must be a section with the tariff g11 in it",
        ),
    ] {
        assert_eq!(tariff(yaml).unwrap_err().to_string(), format!("/s/config/c.yaml: {message}"));
    }
    let g13 = tariff("  tariff_type: g13\n  distribution_pricing:\n    g13: {type: static, price: 0.0}\n").unwrap();
    assert!(g13.warnings[0].contains("placeholder"), "{:?}", g13.warnings);
}

#[test]
fn nearest_words() {
    assert_eq!(edit_distance("port", "prot"), 2);
    assert_eq!(edit_distance("", "abc"), 3);
    assert_eq!(edit_distance("same", "same"), 0);
}

#[test]
fn the_file_of_root_certificates_lies_in_the_site() {
    for (text, expected) in [
        ("", None),
        ("'  '", None),
        ("config/ca.pem", Some("/site/config/ca.pem")),
        ("/etc/ca.pem", Some("/etc/ca.pem")),
    ] {
        let config = parse(&format!("price_analysis: {{ca_file: {text}}}")).unwrap();
        assert_eq!(config.price_ca_file.as_deref(), expected.map(Path::new), "{text}");
    }
    assert!(parse("price_analysis: {ca_file: [a]}").unwrap_err().to_string().contains("price_analysis.ca_file"));
}

#[test]
fn the_sample_config_says_the_defaults() {
    let sample = Config::parse(Path::new("/site/config/c.yaml"), include_str!("../../config/sample.yaml")).unwrap();
    let bare = parse("").unwrap();
    assert_eq!(sample.warnings, Vec::<String>::new());
    assert_eq!((&sample.host, sample.port, sample.cors_enabled), (&bare.host, bare.port, bare.cors_enabled));
    assert_eq!(
        (sample.live_interval, sample.price_interval, sample.metrics_interval, sample.process_interval),
        (bare.live_interval, bare.price_interval, bare.metrics_interval, bare.process_interval)
    );
    assert_eq!((&sample.access, &sample.limits), (&bare.access, &bare.limits));
    assert_eq!((sample.staleness, sample.price_deadline), (bare.staleness, bare.price_deadline));
    assert_eq!((sample.selling, sample.own_database), (bare.selling, bare.own_database));
    assert_eq!(sample.capacity, bare.capacity);
    assert_eq!((sample.price_urls, sample.zone_name), (bare.price_urls, bare.zone_name));
    assert_eq!((sample.price_ca_file, bare.price_ca_file), (None, None));
    assert_eq!((sample.energy_data_dir, sample.log_dir), (bare.energy_data_dir, bare.log_dir));
    assert_eq!(sample.tariff.name, "g12w");
}

#[test]
fn a_capacity_that_is_none_is_warned_about() {
    for (text, expected, warned) in [("", 20.0, false), ("10.5", 10.5, false), ("0", 20.0, true), ("-3", 20.0, true)] {
        let config = parse(&format!("battery_management: {{capacity_kwh: {text}}}")).unwrap();
        assert_eq!(config.stated_capacity, (text == "10.5").then_some(Micro(10_500_000)), "{text}");
        assert_eq!((config.capacity.to_f64(), config.warnings.len()), (expected, usize::from(warned)), "{text}");
        assert!(config.warnings.iter().all(|warning| warning.starts_with("battery_management.capacity_kwh: ")));
    }
}

#[test]
fn the_tariffs_that_the_sample_shows_in_comments_can_be_used() {
    let sample = include_str!("../../config/sample.yaml");
    let (before, rest) = sample.split_once("    # g14dynamic:").unwrap();
    let (shown, after) = rest.split_once("\n\n").unwrap();
    let shown = format!("    g14dynamic:{shown}").replace("\n    # ", "\n    ");
    let sample = format!("{before}{shown}\n\n{after}");
    for name in ["g11", "g12w", "g14dynamic", "g13s", "mine"] {
        let chosen = sample.replace("tariff_type: g12w", &format!("tariff_type: {name}"));
        let config = Config::parse(Path::new("/site/config/c.yaml"), &chosen).unwrap();
        assert_eq!(config.tariff.name, name);
        assert!(config.tariff.charge("2026-11-23T10:00".parse().unwrap(), None).is_some());
    }
}

#[test]
fn a_wildcard_is_told_to_have_no_effect_and_why() {
    let config = parse("web_server: {cors_enabled: true, cors_origins: ['*', 'https://panel.example']}").unwrap();
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    let warning = &config.warnings[0];
    assert!(warning.starts_with("web_server.cors_origins: \"*\" has no effect: a wildcard is not"), "{warning}");
    let off = parse("web_server: {cors_origins: ['https://panel.example']}").unwrap();
    assert_eq!(off.warnings, ["web_server.cors_origins has no effect: web_server.cors_enabled is not true"]);
    let limits = parse("web_server: {limits: {connections: 16}}").unwrap();
    assert!(limits.warnings[0].starts_with("web_server.limits.event_streams: 32"), "{:?}", limits.warnings);
}

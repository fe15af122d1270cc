//! Addresses, names, and a token that never shows.

use std::ffi::OsString;
use std::path::Path;

use super::super::Config;
use super::*;

const SECRET: &str = "s3cr3t-0f-the-h0use";

fn variables(name: &str) -> Option<OsString> {
    match name {
        "INFLUXDB_TOKEN" => Some(SECRET.into()),
        "BAD_TOKEN" => Some(format!("{SECRET}\n").into()),
        "BAD_URL" => Some(format!("http://admin:{SECRET}@db:8086").into()),
        "BAD_ORG" => Some(format!("{SECRET}\t").into()),
        "NO_TOKEN" => Some("".into()),
        _ => None,
    }
}

fn parse(section: &str) -> Result<Config, Fault> {
    let tariff = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
    let text = format!("{tariff}\ndata_storage: {{database_storage: {{timeseries_db: {{{section}}}}}}}\n");
    Config::parse_in(Path::new("/site/config/c.yaml"), &text, None, variables).and_then(Config::with_token)
}

fn read(section: &str) -> Option<Push> {
    parse(section).unwrap_or_else(|fault| panic!("{fault}")).push
}

#[test]
fn nothing_is_sent_unless_it_is_enabled() {
    for section in ["", "enabled: false, url: 5, token: '${MISSING}', type: postgres", "url: 'http://db', token: x"] {
        assert_eq!(read(section), None, "{section}");
    }
    let push =
        read("enabled: yes, type: influxdb, url: 'http://db:8086/', token: '${INFLUXDB_TOKEN}', org: home, bucket: b")
            .unwrap();
    assert_eq!((push.org.as_str(), push.bucket.as_str()), ("home", "b"));
    assert_eq!(push.token.as_ref().unwrap().as_ref().map(Secret::reveal), Some(SECRET));
    assert_eq!(push.destination(), "http://db:8086/api/v2/write (org home, bucket b)");
    assert_eq!(read("enabled: true, url: 'http://db'").unwrap().token, Ok(None));
    // Who sends nothing needs no token.
    let text = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}\n\
        data_storage: {database_storage: {timeseries_db: {enabled: true, url: 'http://db', token: '${MISSING}'}}}\n";
    let config = Config::parse_in(Path::new("/site/config/c.yaml"), text, None, variables).unwrap();
    assert!(config.push.unwrap().token.unwrap_err().to_string().ends_with("MISSING is not set"));
}

#[test]
fn lines_go_to_the_write_api_below_the_address() {
    for (url, expected) in [
        ("http://db", "http://db/api/v2/write"),
        ("https://db:8428//", "https://db:8428/api/v2/write"),
        ("http://[::1]:8086", "http://[::1]:8086/api/v2/write"),
        ("http://[::1]", "http://[::1]/api/v2/write"),
        ("http://db/insert/0/influx", "http://db/insert/0/influx/api/v2/write"),
        ("http://db/insert/0/influx/api/v2/write", "http://db/insert/0/influx/api/v2/write"),
    ] {
        assert_eq!(read(&format!("enabled: true, url: '{url}'")).unwrap().url, expected);
    }
}

#[test]
fn what_is_not_allowed_is_said_by_key_and_the_token_never_shown() {
    let with = |rest: &str| format!("enabled: true, url: 'http://db', {rest}");
    for (section, key, words) in [
        ("enabled: 5".to_owned(), "enabled", "true or false"),
        ("enabled: true".to_owned(), "url", "is missing; it must be an address"),
        ("enabled: true, url: ''".to_owned(), "url", "is missing"),
        ("enabled: true, url: 'ftp://db'".to_owned(), "url", "http:// or https://"),
        (format!("enabled: true, url: 'http://me:{SECRET}@db'"), "url", "a user or a password"),
        ("enabled: true, url: '${BAD_URL}'".to_owned(), "url", "a user or a password"),
        ("enabled: true, url: 'http://db?org=x'".to_owned(), "url", "a query"),
        ("enabled: true, url: 'http://db:x'".to_owned(), "url", "a port"),
        ("enabled: true, url: 'http://'".to_owned(), "url", "name a host"),
        ("enabled: true, url: 'http://d b'".to_owned(), "url", "without spaces"),
        (with("type: postgres"), "type", "\"postgres\" is not allowed; it must be influxdb"),
        (with("token: '${MISSING}'"), "token", "the environment variable MISSING is not set"),
        (with("token: '${NO_TOKEN}'"), "token", "it is empty"),
        (with("token: '${BAD_TOKEN}'"), "token", "visible ASCII"),
        (with(&format!("token: [{SECRET}]")), "token", "visible ASCII"),
        (with(&format!("token: '{SECRET} ą'")), "token", "visible ASCII"),
        (with("token: 12345"), "token", "quote it if it is a number"),
        (with("org: \"a\\nb\""), "org", "a name in one line"),
        (with("org: '${BAD_ORG}'"), "org", "\"${BAD_ORG}\" is not allowed"),
        (with("bucket: 7"), "bucket", "text"),
    ] {
        let refused = parse(&section).map(|_| ()).unwrap_err().to_string();
        let start = format!("/site/config/c.yaml: data_storage.database_storage.timeseries_db.{key}");
        assert!(refused.starts_with(&start) && refused.contains(words), "{section}: {refused}");
        assert!(!refused.contains(SECRET) && !refused.contains("12345"), "{refused}");
    }
}

#[test]
fn a_config_does_not_show_its_token() {
    let config = parse("enabled: true, url: 'http://db', token: '${INFLUXDB_TOKEN}'").unwrap();
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("(secret)") && !shown.contains(SECRET));
    assert!(!config.push.unwrap().destination().contains(SECRET));
}

#[test]
fn every_text_that_is_read_may_name_variables() {
    let tariff =
        "electricity_tariff: {tariff_type: '${KIND}', distribution_pricing: {g11: {type: static, price: 0.2}}}";
    let lists = "web_server: {site: 'at ${HOME_NAME}', allowed_hosts: ['${HOME_NAME}.example', '$${x}']}";
    let variables = |name: &str| match name {
        "KIND" => Some("g11".into()),
        "HOME_NAME" => Some("dom".into()),
        _ => None,
    };
    let read = |text: &str| Config::parse_in(Path::new("/site/config/c.yaml"), text, None, variables);
    let fine = read(&format!("{tariff}\n{}", lists.replace(", '$${x}'", ""))).unwrap();
    assert_eq!((fine.site.as_deref(), fine.tariff.name.as_str()), (Some("at dom"), "g11"));
    assert_eq!(fine.access.allowed_hosts, ["dom.example"]);
    let list = read(&format!("{tariff}\n{lists}")).unwrap_err().to_string();
    assert!(list.contains("web_server.allowed_hosts: a list with variables is not allowed"), "{list}");
    // What nobody reads may name what nobody set.
    assert!(read(&format!("{tariff}\nother: {{token: '${{MISSING}}'}}")).is_ok());
    let missing = read(&format!("{tariff}\nweb_server: {{host: '${{MISSING}}'}}")).unwrap_err().to_string();
    assert_eq!(missing, "/site/config/c.yaml: web_server.host: the environment variable MISSING is not set");
}

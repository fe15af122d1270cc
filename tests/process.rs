//! The real binary from outside: its first line, its exit codes, its signals, its demo.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const BIN: &str = env!("CARGO_BIN_EXE_wattboard");
const CONFIG: &str = "
web_server: {host: 127.0.0.1, port: 0}
price_analysis: {api_url: 'http://127.0.0.1:1/api/csdac-pln'}
electricity_tariff:
  tariff_type: g11
  distribution_pricing: {g11: {type: static, price: 0.2464}}
";

/// A running server; ended when dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(arguments: &[&str], home: &Path) -> Self {
        let mut child = Command::new(BIN)
            .args(arguments)
            .env("TMPDIR", home)
            .env_remove("WATTBOARD_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer[9..12].parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end; answers the exit code, the time it took and the log.
    fn ended(mut self) -> (Option<i32>, Duration, String) {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = started.elapsed();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), took, log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn site(config: &str) -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("config")).unwrap();
    let file = dir.path().join("config/c.yaml");
    fs::write(&file, config).unwrap();
    (dir, file)
}

fn run(arguments: &[&str]) -> Output {
    Command::new(BIN).args(arguments).env_remove("WATTBOARD_CONFIG").output().unwrap()
}

#[test]
fn what_cannot_start_says_why_in_one_line_and_exits_with_2() {
    let (dir, file) = site(CONFIG);
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let config = file.to_str().unwrap();
    let (_bad_dir, bad) = site("web_server: {port: 70000}");
    let missing = dir.path().join("nowhere.yaml");
    for (arguments, expected) in [
        (vec!["serve", "--config", config, "--port", &port], "or give Wattboard another port with --port"),
        (vec!["serve", "--config", missing.to_str().unwrap()], "cannot read the config"),
        (vec!["serve", "--config", bad.to_str().unwrap()], "web_server.port: 70000 is not allowed"),
        (vec!["--config", config, "--port", "x"], "--port x is not allowed"),
        (
            vec!["tariff", "--day", "2026-02-30"],
            "--day 2026-02-30 is not allowed; it must be today, tomorrow or a date",
        ),
        (vec!["tariff", "--tariff", "tauron-2026/g99"], "it must be one of tauron-2026/g11, tauron-2026/g12, "),
        (vec!["tariff", "--tariff", "g99", "--config", config], "--tariff g99 is not allowed; it must be one of g11, "),
        (vec!["tariff", "--config", missing.to_str().unwrap()], "cannot read the config"),
        (
            vec!["tariff", "--tariff", "tauron-2026/g11", "--day", "2025-12-31"],
            "there are no rates for 2025-12-31: tauron-2026/g11 holds from 2026-01-01",
        ),
        (
            vec!["serve", "--config", config, "--state-dir", missing.to_str().unwrap()],
            "nowhere.yaml: the state directory cannot be used",
        ),
        (vec!["frobnicate"], "there is no command \"frobnicate\""),
    ] {
        let output = run(&arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_version() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("--log-level"));
    let version = run(&["--version"]);
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("wattboard {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_tariff_of_a_day_is_a_table() {
    let (_dir, file) = site(CONFIG);
    for (arguments, line) in [
        (
            vec!["tariff", "--day", "2026-11-23", "--tariff", "tauron-2026/g12w"],
            "06:00  13:00  peak      0.3298        0.0892  0.4190    working day",
        ),
        (
            vec!["tariff", "--config", file.to_str().unwrap()],
            "00:00  24:00  all_day  0.2464        0.0892  0.3356    every day",
        ),
    ] {
        let output = run(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{arguments:?}");
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}

#[test]
fn a_site_with_nothing_at_all_answers_honestly_and_stops_on_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let (dir, file) = site(CONFIG);
        let server = Server::start(&["serve", "--config", file.to_str().unwrap()], dir.path());
        until("the months are known", || server.get("/monthly-comparison").0 == 200);
        until("prices were asked for", || !server.get("/status").1.contains("\"price\":null"));
        let page = server.get("/").1;
        let part = page.split('"').find(|text| text.starts_with("/assets/")).unwrap();
        for (path, status) in [
            ("/health", 200),
            ("/health?max_age_seconds=60", 503),
            ("/status", 200),
            ("/current-state", 200),
            ("/metrics", 200),
            ("/decisions", 200),
            ("/decisions?time_range=2h", 400),
            ("/historical-data", 200),
            ("/monthly-summary", 200),
            ("/monthly-summary?month=13", 400),
            ("/prices", 404),
            ("/logs", 404),
            ("/logs?file=journal", 200),
            ("/logs?file=summary", 200),
            ("/logs/files", 200),
            ("/logs/download/..%2f..%2fetc%2fpasswd", 404),
            ("/", 200),
            (part, 200),
            ("/assets/app.js", 404),
            ("/assets/../Cargo.toml", 404),
        ] {
            let (found, body) = server.get(path);
            assert_eq!(found, status, "{path}: {body}");
            assert_eq!(body.starts_with("{\"error\""), status != 200 && !path.starts_with("/health"), "{path}: {body}");
        }
        let (_, state) = server.get("/current-state");
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        assert_eq!(state["battery"]["soc_percent"], serde_json::Value::Null);
        assert_eq!(state["data_source"], "none");
        assert!(state["unknown"]["battery"].as_str().unwrap().contains("no reading"), "{state}");

        server.signal(signal);
        let (code, took, log) = server.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(log.trim_end().lines().last().unwrap().contains("stopped after"), "{log}");
        assert!(log.contains("requests served"), "{log}");
    }
}

#[test]
fn healthcheck_says_a_line_and_exits_with_0_or_1() {
    let (dir, file) = site(CONFIG);
    let config = file.to_str().unwrap();
    let server = Server::start(&["serve", "--config", config], dir.path());
    let (url, port) = (format!("http://{}", server.address), server.address.rsplit(':').next().unwrap().to_owned());
    for (arguments, code, words) in [
        (vec!["--url", &url], 0, "healthy: wattboard"),
        (vec!["--config", config, "--port", &port], 0, "no live data"),
        (vec!["--url", &url, "--max-age", "60"], 1, "status 503: the age of live data is not known"),
        (vec!["--config", config], 1, "the port is any free one (0): name the server with --url or --port"),
        (vec!["--config", "/nowhere.yaml"], 1, "cannot read the config"),
        (vec!["--url", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1: "),
    ] {
        let all: Vec<&str> = std::iter::once("healthcheck").chain(arguments).collect();
        let output = run(&all);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{all:?}: {said}");
        assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{all:?}: {said}");
    }
}

#[test]
fn with_a_state_directory_nothing_is_written_to_the_site() {
    use std::os::unix::net::UnixDatagram;

    let (dir, file) = site(CONFIG);
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("wattboard_price_cache.json"), "{}").unwrap();
    let state = TempDir::new().unwrap();
    let manager = UnixDatagram::bind(state.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let child = Command::new(BIN)
        .args(["serve", "--config", file.to_str().unwrap()])
        .env("STATE_DIRECTORY", state.path())
        .env("NOTIFY_SOCKET", state.path().join("notify"))
        .env_remove("WATTBOARD_STATE_DIR")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let server = Server { child, address: String::new() };
    let mut word = [0; 512];
    let length = manager.recv(&mut word).unwrap();
    assert!(word[..length].starts_with(b"READY=1\n"));
    server.signal("-TERM");
    let length = manager.recv(&mut word).unwrap();
    assert!(word[..length].starts_with(b"STOPPING=1"));
    let (code, _, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("STATE: ") && log.contains(" is copied to "), "{log}");
    assert!(state.path().join("wattboard_price_cache.json").exists());
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
}

#[test]
fn a_page_of_an_allowed_origin_may_read_a_log_file() {
    let (dir, file) = site(&CONFIG.replace("port: 0", "port: 0, cors_enabled: true"));
    fs::create_dir_all(dir.path().join("logs")).unwrap();
    fs::write(dir.path().join("logs/master_coordinator.log"), "a line\n").unwrap();
    let server = Server::start(&["serve", "--config", file.to_str().unwrap()], dir.path());
    until("the log file is known", || server.get("/logs/files").1.contains("master_coordinator.log"));
    for (origin, allowed) in [("http://192.168.1.5:8123", true), ("https://stranger.example", false)] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let path = "/logs/download/master_coordinator.log";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("Vary: Origin\r\n") && answer.ends_with("\r\n\r\na line\n"), "{answer}");
        assert_eq!(answer.contains(&format!("Access-Control-Allow-Origin: {origin}\r\n")), allowed, "{answer}");
    }
}

#[test]
fn a_second_signal_exits_at_once() {
    // A price request that hangs keeps the first stop from being quick.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = CONFIG.replace("127.0.0.1:1/", &format!("{}/", hanging.local_addr().unwrap()));
    let (dir, file) = site(&config);
    let server = Server::start(&["serve", "--config", file.to_str().unwrap()], dir.path());
    let _held = hanging.accept().unwrap();
    // Two of a kind might arrive as one.
    server.signal("-TERM");
    server.signal("-INT");
    let (code, took, log) = server.ended();
    assert_eq!(code, Some(130), "{log}");
    assert!(took < Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn a_price_request_that_hangs_does_not_delay_the_stop() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = CONFIG.replace("127.0.0.1:1/", &format!("{}/", hanging.local_addr().unwrap()));
    let (dir, file) = site(&config);
    let server = Server::start(&["serve", "--config", file.to_str().unwrap()], dir.path());
    let _held = hanging.accept().unwrap();
    assert_eq!(server.get("/health").0, 200);
    server.signal("-TERM");
    let (code, took, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(log.contains("the prices thread was still busy"), "{log}");
}

#[test]
fn the_demo_moves_says_what_it_is_and_leaves_nothing_behind() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&["demo", "--port", "0", "--days", "3", "--log-level", "warning"], home.path());
    until("the house is shown", || server.get("/current-state").0 == 200);
    until("prices are shown", || server.get("/prices").0 == 200);
    let status: serde_json::Value = serde_json::from_str(&server.get("/status").1).unwrap();
    assert_eq!(status["demo"], true);
    let first = server.get("/current-state").1;
    let reading = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["timestamp"].clone();
    until("the reading moves", || reading(&server.get("/current-state").1) != reading(&first));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    server.signal("-TERM");
    let (code, took, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(log.lines().filter(|line| line.contains("ERROR")).count(), 0, "{log}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "the demo's folder is still there");
}

#[test]
fn check_says_a_line_each_and_whether_anything_failed() {
    let (dir, file) = site(CONFIG);
    let output = run(&["check", "--config", file.to_str().unwrap()]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    for line in [
        "ok    config",
        "ok    site",
        "warn  database   files only",
        "fail  files      no state files in",
        "wattboard.db cannot be written: everything works, but prices are not remembered",
        "ok    clock",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    let out = dir.path().join("out");
    fs::create_dir_all(&out).unwrap();
    let state = r#"{"timestamp": "2026-11-22T10:00:00", "current_data": {"battery": {"soc_percent": 50}}}"#;
    fs::write(out.join("coordinator_state_20261122.json"), state).unwrap();
    let output = run(&["check", "--config", file.to_str().unwrap()]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(!report.contains("fail  files"), "{report}");
    assert!(report.contains("ok    token      none is asked for"), "{report}");
    let token = dir.path().join("config/token");
    fs::write(&file, CONFIG.replace("port: 0", "port: 0, auth: {token_file: config/token}")).unwrap();
    let said = || {
        let output = run(&["check", "--config", file.to_str().unwrap()]);
        let report = String::from_utf8(output.stdout).unwrap();
        report.lines().find(|line| line.contains("  token  ")).unwrap_or_else(|| panic!("{report}")).to_owned()
    };
    let missing = said();
    assert!(
        missing.starts_with("fail  token      web_server.auth.token_file: cannot read the token file"),
        "{missing}"
    );
    for (text, mode, start, end) in [
        ("", 0o600, "fail  token", "the token in the first line has 0 characters; it must have 16 to 512"),
        ("correct-horse-battery\n", 0o644, "warn  token", &*format!("(mode 644): chmod 600 {}", token.display())),
        ("correct-horse-battery\n", 0o600, "ok    token", "config/token holds one"),
    ] {
        fs::write(&token, text).unwrap();
        fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let line = said();
        assert!(line.starts_with(start) && line.ends_with(end) && !line.contains("horse"), "{line}");
    }
    let output = run(&["check", "--config", dir.path().join("no.yaml").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("fail  config     cannot read the config"));
}

#[test]
fn root_certificates_that_are_none_are_told_before_anything_is_asked() {
    let (dir, file) = site(&CONFIG.replace("csdac-pln'", "csdac-pln', ca_file: config/ca.pem"));
    let pem = dir.path().join("config/ca.pem");
    let config = file.to_str().unwrap();
    let missing = format!("price_analysis.ca_file: cannot read {}: No such file", pem.display());
    let empty = format!("price_analysis.ca_file: {}: there is no certificate in it", pem.display());
    for (text, said) in [(None, missing), (Some("none"), empty)] {
        if let Some(text) = text {
            fs::write(&pem, text).unwrap();
        }
        let report = String::from_utf8(run(&["check", "--config", config]).stdout).unwrap();
        assert!(report.contains(&format!("fail  prices     {said}")), "{report}");
        for command in [&["serve", "--config", config][..], &["prices", "backfill", "--config", config]] {
            let output = run(command);
            assert_eq!(output.status.code(), Some(2), "{command:?}");
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(errors.contains(&said), "{command:?}: {errors}");
        }
    }
    fs::write(&pem, include_str!("fixtures/tls/ca.pem")).unwrap();
    let report = String::from_utf8(run(&["check", "--config", config]).stdout).unwrap();
    let said = format!("ok    prices     1 root certificate beside the built-in ones in {}", pem.display());
    assert!(report.contains(&said), "{report}");
}

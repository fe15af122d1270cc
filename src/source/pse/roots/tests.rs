//! What files may hold, and who is trusted then: over TLS, with a server whose authority nobody knows.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use tempfile::TempDir;

use super::*;
use crate::base::fault::Kind;
use crate::model::price::Entity;
use crate::source::pse::PriceApi;

const AUTHORITY: &str = include_str!("../../../../tests/fixtures/tls/ca.pem");
const ANOTHER: &str = include_str!("../../../../tests/fixtures/tls/other.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../../tests/fixtures/tls/server.pem");
const KEY: &str = include_str!("../../../../tests/fixtures/tls/server.key");

#[test]
fn files_are_read_and_judged() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("ca.pem");
    let missing = Roots::read(&file).err().unwrap();
    assert_eq!(missing.kind(), Kind::Missing);
    let text = missing.to_string();
    assert!(
        text.starts_with(&format!("price_analysis.ca_file: cannot read {}: No such file", file.display())),
        "{text}"
    );
    let folder = Roots::read(dir.path()).err().unwrap().to_string();
    assert!(folder.ends_with(": it is not a plain file"), "{folder}");

    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (text, expected) in [
        (AUTHORITY.to_owned(), Ok(1)),
        (format!("# a comment\r\n{AUTHORITY}\n{ANOTHER}{KEY}"), Ok(2)),
        (String::new(), Err("there is no certificate in it; PEM is needed (-----BEGIN CERTIFICATE-----)")),
        ("hello\n".into(), Err("there is no certificate in it")),
        (KEY.into(), Err("there is no certificate in it")),
        (format!("{AUTHORITY}{garbage}"), Err("certificate 2 is none: ")),
        (AUTHORITY.replacen("MII", "M-I", 1), Err("this is no PEM: ")),
        (AUTHORITY.replace("-----END", "END"), Err("this is no PEM: ")),
    ] {
        fs::write(&file, &text).unwrap();
        match (Roots::read(&file), expected) {
            (Ok(roots), Ok(count)) => assert_eq!(roots.count(), count, "{text}"),
            (Err(fault), Err(part)) => {
                let whole = format!("price_analysis.ca_file: {}: {part}", file.display());
                assert!(fault.to_string().starts_with(&whole), "{text}: {fault}");
                assert_eq!(fault.kind(), Kind::Invalid);
            }
            (found, _) => panic!("{text}: {:?}", found.map(|roots| roots.count())),
        }
    }
    fs::write(&file, vec![b'\n'; MAX_BYTES as usize + 1]).unwrap();
    assert!(Roots::read(&file).err().unwrap().to_string().ends_with(": it has more than 1024 KiB"));
}

/// Answers a question over TLS, as often as `times`, with no rows; who does not trust it leaves.
fn serve(times: usize) -> (String, thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/api/csdac-pln", listener.local_addr().unwrap().port());
    let chain = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let served = thread::spawn(move || {
        let mut answered = 0;
        for stream in listener.incoming().take(times) {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = Stream::new(&mut connection, &mut stream);
            if tls.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                let body = "{\"value\": []}";
                let length = body.len();
                write!(tls, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
                answered += 1;
            }
        }
        answered
    });
    (url, served)
}

#[test]
fn a_server_is_believed_when_its_authority_is_in_the_file() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("config")).unwrap();
    // Whoever is not known by the file is looked for among the built-in ones: another connection.
    for (pem, connections, trusted) in [(None, 1, false), (Some(ANOTHER), 2, false), (Some(AUTHORITY), 1, true)] {
        let (url, served) = serve(connections);
        let file = pem.map_or("", |pem| {
            fs::write(dir.path().join("config/ca.pem"), pem).unwrap();
            "config/ca.pem"
        });
        let yaml = format!(
            "price_analysis: {{api_url: '{url}', ca_file: '{file}'}}\n\
             electricity_tariff: {{tariff_type: g11, distribution_pricing: {{g11: {{type: static, price: 0.2}}}}}}"
        );
        let config = Config::parse(&dir.path().join("config/c.yaml"), &yaml).unwrap();
        let api = PriceApi::new(&config, &Roots::of(&config).unwrap(), Duration::from_secs(10));
        let now = "2026-07-01T10:00:00Z".parse().unwrap();
        let day = api.day(Entity::DayAhead, "2026-07-01".parse().unwrap(), now);
        match day {
            Ok(day) => assert!(trusted && day.points.is_empty()),
            Err(failure) => {
                let text = failure.fault.to_string();
                assert!(!trusted && text.contains("UnknownIssuer"), "{text}");
                assert!(text.starts_with("the price API at https://localhost:"), "{text}");
            }
        }
        assert_eq!(served.join().unwrap(), usize::from(trusted));
    }
}

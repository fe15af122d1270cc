//! Downloads over real sockets, of real files that grow, shrink and become something else.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::base::clock::Clock;
use crate::http::api::tests::Bench;
use crate::http::message::Handler;
use crate::model::logs::{Held, LogFile, Logs};

const PATIENCE: Duration = Duration::from_secs(20);
const LENGTH: usize = 200_000;

/// A site with one log file, which was written a while ago, and was listed.
pub struct Site {
    pub bench: Bench,
    dir: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Site {
    pub fn new(name: &str) -> Self {
        let (bench, dir) = (Bench::new("web_server: {cors_enabled: true}"), tempfile::TempDir::new().unwrap());
        let bytes: Vec<u8> = (0..LENGTH).map(|at| b'!' + (at * 31 % 89) as u8).collect();
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let site = Self { bench, dir, bytes };
        site.written(&path, 60);
        let file = LogFile {
            name: name.into(),
            path: path.display().to_string(),
            size: LENGTH as u64,
            modified: None,
            held: Held::default(),
            error: None,
        };
        let attempt = site.bench.attempt();
        site.bench.cell.publish(|next| next.logs.succeed(Arc::new(Logs { files: vec![file], journal: None }), attempt));
        site
    }

    /// Dates a file.
    fn written(&self, path: &Path, seconds_ago: u64) {
        let now = SystemTime::from(self.bench.clock.now());
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(now - Duration::from_secs(seconds_ago)).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// All that a client is sent: status, head, body.
    pub fn ask(&self, method: Method, name: &str, headers: &[(&str, &str)]) -> (u16, String, Vec<u8>) {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let path = format!("/logs/download/{name}");
        let request = Request { method, path, query: String::new(), headers, peer: [127, 0, 0, 1].into() };
        let Answer::Detach("download", work) = self.bench.api.handle(&request) else { panic!("{name} is not begun") };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let out = Outflow::new(listener.accept().unwrap().0, PATIENCE, || false).unwrap();
        let sent = std::thread::spawn(move || work(out, 1));
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).unwrap();
        assert_eq!(sent.join().unwrap(), Parting::Told);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        (head[9..12].parse().unwrap(), head, bytes[end..].to_vec())
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut found = head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let value = found.next();
    assert_eq!(found.next(), None, "{name} stands there twice: {head}");
    value
}

#[test]
fn ranges_are_slices_of_the_file() {
    let site = Site::new("a.log");
    let whole = site.ask(Method::Get, "a.log", &[]);
    let (tag, date) =
        (field(&whole.1, "ETag").unwrap().to_owned(), field(&whole.1, "Last-Modified").unwrap().to_owned());
    let last = LENGTH - 1;
    for (headers, expected) in [
        (&[][..], None),
        (&[("range", "bytes=0-0")], Some((0, 0))),
        (&[("range", "bytes=70000-140000")], Some((70_000, 140_000))),
        (&[("range", "bytes=199999-")], Some((last, last))),
        (&[("range", "bytes=0-")], Some((0, last))),
        (&[("range", "bytes=-100")], Some((LENGTH - 100, last))),
        (&[("range", "bytes=-999999999999")], Some((0, last))),
        (&[("range", "bytes=5-1")], None),
        (&[("range", "bytes=0-1,5-6")], None),
        (&[("range", "bytes=0-1"), ("range", "bytes=5-6")], None),
        (&[("range", "bytes=9-"), ("if-range", &tag)], Some((9, last))),
        (&[("range", "bytes=9-"), ("if-range", &date)], Some((9, last))),
        (&[("range", "bytes=9-"), ("if-range", "\"another\"")], None),
        (&[("if-range", &tag)], None),
    ] {
        let (status, head, body) = site.ask(Method::Get, "a.log", headers);
        let (first, last) = expected.unwrap_or((0, LENGTH - 1));
        assert_eq!(status, if expected.is_some() { 206 } else { 200 }, "{headers:?}");
        assert!(body == site.bytes[first..=last], "{headers:?}");
        let range = expected.map(|_| format!("bytes {first}-{last}/{LENGTH}"));
        assert_eq!(field(&head, "Content-Range"), range.as_deref(), "{headers:?}");
        for (name, value) in [
            ("Content-Length", &*body.len().to_string()),
            ("Content-Type", TEXT),
            ("Content-Disposition", "attachment; filename=\"a.log\""),
            ("Accept-Ranges", "bytes"),
            ("ETag", &tag),
            ("Last-Modified", &date),
            ("Cache-Control", "no-cache"),
            ("Connection", "close"),
            ("Vary", "Origin"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'"),
        ] {
            assert_eq!(field(&head, name), Some(value), "{headers:?}: {head}");
        }
        assert!(field(&head, "Date").is_some() && !head.contains("Transfer-Encoding"), "{head}");
        // HEAD knows no ranges.
        let (status, told, body) = site.ask(Method::Head, "a.log", headers);
        assert_eq!((status, &*body), (200, &[][..]), "{headers:?}");
        assert_eq!(field(&told, "Content-Length"), Some("200000"), "{headers:?}");
        assert_eq!(field(&told, "ETag"), Some(&*tag));
    }
}

#[test]
fn what_is_not_sent() {
    let site = Site::new("a.log");
    let whole = site.ask(Method::Get, "a.log", &[]).1;
    let (tag, date) = (field(&whole, "ETag").unwrap(), field(&whole, "Last-Modified").unwrap());
    for (headers, status) in [
        (&[("if-none-match", tag)][..], 304),
        (&[("if-modified-since", date)], 304),
        (&[("if-none-match", tag), ("range", "bytes=0-1")], 304),
        (&[("if-match", "\"another\"")], 412),
        (&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"), ("range", "bytes=0-1")], 412),
        (&[("range", "bytes=200000-")], 416),
        (&[("range", "bytes=-0")], 416),
    ] {
        for method in [Method::Get, Method::Head] {
            let (found, head, body) = site.ask(method, "a.log", headers);
            if method == Method::Head && status == 416 {
                assert_eq!(found, 200);
                continue;
            }
            assert_eq!(found, status, "{headers:?}");
            assert_eq!(body.is_empty(), status == 304 || method == Method::Head, "{headers:?}");
            assert_eq!(field(&head, "Content-Range"), (status == 416).then_some("bytes */200000"));
            assert_eq!((field(&head, "ETag"), field(&head, "Vary")), (Some(tag), Some("Origin")));
            assert_eq!(field(&head, "Content-Length").is_none(), status == 304, "{head}");
        }
    }
}

#[test]
fn a_part_is_joined_only_to_the_file_that_it_is_of() {
    let site = Site::new("a.log");
    let path = site.path("a.log");
    let resumed = |tag: &str| site.ask(Method::Get, "a.log", &[("range", "bytes=100-"), ("if-range", tag)]).0;
    let tag = || field(&site.ask(Method::Head, "a.log", &[]).1, "ETag").unwrap().to_owned();
    let first = tag();
    assert_eq!(resumed(&first), 206);
    // It grew a moment ago: what it is now may not be what it is when it is asked for again.
    fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    site.written(&path, 1);
    let (fresh, head) = (tag(), site.ask(Method::Get, "a.log", &[]).1);
    assert!(fresh.starts_with("W/\"") && field(&head, "Last-Modified").is_none(), "{head}");
    assert_eq!((resumed(&first), resumed(&fresh), resumed(fresh.trim_start_matches("W/"))), (200, 200, 200));
    site.written(&path, 10);
    let settled = tag();
    assert_eq!((resumed(&settled), resumed(&first)), (206, 200));
    // Another file of the same name, length and time.
    fs::rename(&path, site.path("old")).unwrap();
    fs::write(&path, vec![b'x'; LENGTH + 4]).unwrap();
    site.written(&path, 10);
    assert_ne!(tag(), settled);
    assert_eq!(resumed(&settled), 200);
    // A part without a condition is what the client makes of it.
    let (status, _, body) = site.ask(Method::Get, "a.log", &[("range", "bytes=100-102")]);
    assert_eq!((status, &*body), (206, &b"xxx"[..]));
}

#[test]
fn before_the_folder_was_listed_nothing_is_gone() {
    let bench = Bench::new("");
    let why = "the log files are not known yet: they are still being loaded";
    for (name, status) in [("a.log", 503), ("master.log", 503), ("a.txt", 404), ("..%2fa.log", 404)] {
        let (found, answer) = bench.ask(&format!("/logs/download/{name}"));
        assert_eq!((found, answer["error"] == why), (status, status == 503), "{name}");
    }
}

#[test]
fn an_empty_file_has_no_parts() {
    let site = Site::new("a.log");
    fs::write(site.path("a.log"), "").unwrap();
    for (range, status) in [("bytes=0-", 416), ("bytes=-1", 200), ("bytes=-0", 416)] {
        let (found, head, body) = site.ask(Method::Get, "a.log", &[("range", range)]);
        assert_eq!((found, body.is_empty()), (status, status == 200), "{range}");
        assert_eq!(field(&head, "Content-Range"), (status == 416).then_some("bytes */0"), "{range}");
    }
}

#[test]
fn what_became_something_else_is_not_sent() {
    let site = Site::new("a.log");
    let path = site.path("a.log");
    fs::write(site.path("secret"), "secret").unwrap();
    type Make = fn(&Path, &Path);
    let others: [(Make, &str); 5] = [
        (|path, secret| symlink(secret, path).unwrap(), "no plain file"),
        (|path, _| fs::create_dir(path).unwrap(), "no plain file"),
        (|path, _| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), "no plain file"),
        (
            |path, _| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success()),
            "no plain file",
        ),
        (|_, _| {}, "is gone"),
    ];
    for (make, why) in others {
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir(&path);
        make(&path, &site.path("secret"));
        let (status, head, body) = site.ask(Method::Get, "a.log", &[("range", "bytes=0-")]);
        let body = String::from_utf8(body).unwrap();
        assert!(status == 404 && body.contains(why) && body.contains("\"not_found\""), "{status} {body}");
        assert_eq!(field(&head, "Content-Length").unwrap(), body.len().to_string());
    }
}

/// A client that does something to the file when it has taken so many bytes.
struct Meddling<F> {
    taken: Vec<u8>,
    after: usize,
    act: Option<F>,
}

impl<F: FnOnce()> Write for Meddling<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.taken.extend_from_slice(bytes);
        if self.taken.len() >= self.after
            && let Some(act) = self.act.take()
        {
            act();
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_told_is_sent_or_it_ends_early() {
    type Meddle = fn(&Path);
    let cases: [(Meddle, bool); 6] = [
        (|path| fs::File::options().append(true).open(path).unwrap().write_all(&[b'm'; 300_000]).unwrap(), true),
        (|path| fs::rename(path, path.with_extension("1")).unwrap(), true),
        (|path| fs::remove_file(path).unwrap(), true),
        (|path| fs::File::options().write(true).open(path).unwrap().set_len(150_000).unwrap(), false),
        (|path| fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap(), false),
        // Truncated, and what came then reaches beyond what was sent.
        (|path| fs::write(path, vec![b'n'; 190_000]).unwrap(), false),
    ];
    for (index, (meddle, is_whole)) in cases.into_iter().enumerate() {
        let site = Site::new("a.log");
        let path = site.path("a.log");
        let mut client = Meddling { taken: Vec::new(), after: 60_000, act: Some(|| meddle(&path)) };
        let sent = copy(fs::File::open(&path).unwrap(), 10, 199_000, LENGTH as u64, &mut client);
        assert_eq!(sent.is_ok(), is_whole, "{index}: {sent:?}");
        assert!(site.bytes[10..].starts_with(&client.taken), "{index}: nothing but what it was");
        assert_eq!(client.taken.len(), if is_whole { 199_000 } else { CHUNK }, "{index}");
    }
}

#[test]
fn names_out_of_the_ordinary_are_encoded() {
    for (name, expected) in [
        ("a-b_c.log", "attachment; filename=\"a-b_c.log\""),
        ("a b.log", "attachment; filename=\"a_b.log\"; filename*=UTF-8''a%20b.log"),
        ("ł\"\\.log", "attachment; filename=\"___.log\"; filename*=UTF-8''%C5%82%22%5C.log"),
        ("a\r\nb.log", "attachment; filename=\"a__b.log\"; filename*=UTF-8''a%0D%0Ab.log"),
    ] {
        assert_eq!(disposition(name), expected);
    }
    let site = Site::new("piec ł.log");
    let (status, head, body) = site.ask(Method::Get, "piec%20%c5%82.log", &[]);
    assert!(status == 200 && body == site.bytes);
    assert!(field(&head, "Content-Disposition").unwrap().ends_with("filename*=UTF-8''piec%20%C5%82.log"), "{head}");
}

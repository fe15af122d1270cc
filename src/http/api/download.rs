//! `/logs/download/NAME`: a log file, whole or from some byte on, streamed from disk by a thread of its own.
//!
//! The name must be that of a file that the log folder's listing has: a plain `*.log` file. No path is ever made of
//! what a client sends.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Ask, Refusal};
use crate::base::plain_file;
use crate::http::api::logs::known_file;
use crate::http::conditional::{Validator, Verdict, judge};
use crate::http::cors::Cors;
use crate::http::events;
use crate::http::gate::headers::by_hand;
use crate::http::message::{Answer, Body, Bytes, Method, Parting, Request, Response, empty, header, ready};
use crate::http::outflow::Outflow;
use crate::http::query::decode;
use crate::http::range::{Wanted, wanted};

const CHUNK: usize = 64 * 1024;
const TEXT: &str = "text/plain; charset=utf-8";

/// `/logs/download/NAME`
pub fn answer(ask: &Ask<'_>, request: &Request, cors: &Arc<Cors>) -> Result<Answer, Refusal> {
    let name = decode(request.path.strip_prefix("/logs/download/").unwrap_or_default(), false);
    let Some(file) = known_file(ask, &name) else {
        if ask.snapshot.logs.attempted.is_none() && name.ends_with(".log") && !name.contains('/') {
            // Who resumes after a restart is not to take it for gone.
            return Err(Refusal::not_yet("the log files", None));
        }
        return Err(Refusal::not_found(format!("there is no log file {name:?}")));
    };
    let download = Download {
        path: PathBuf::from(&file.path),
        name: file.name.clone(),
        request: request.clone(),
        cors: Arc::clone(cors),
        now: ask.now,
    };
    Ok(Answer::Detach("download", Box::new(move |out, _| download.run(out))))
}

/// One download, on its own thread.
struct Download {
    path: PathBuf,
    name: String,
    request: Request,
    cors: Arc<Cors>,
    /// When it was asked for.
    now: Timestamp,
}

impl Download {
    fn run(self, mut out: Outflow) -> Parting {
        let sent = match self.open() {
            Ok((file, meta)) => self.send(&mut out, file, &meta),
            Err(refusal) => self.say(&mut out, refusal.response()),
        };
        match sent {
            Ok(()) => Parting::Told,
            Err(error) => {
                log::debug!("HTTP: the download of {} ended early: {error}", self.name);
                // Its length was told before it. For who takes nothing, nothing is kept.
                if error.kind() == ErrorKind::TimedOut { Parting::Cut } else { Parting::Told }
            }
        }
    }

    /// What lies there now: since the listing it may have become anything.
    fn open(&self) -> Result<(File, Metadata), Refusal> {
        plain_file::open_regular(&self.path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Refusal::not_found("the log file is gone".to_owned()),
            ErrorKind::PermissionDenied => Refusal::not_found("the log file may not be read".to_owned()),
            _ if plain_file::is_other(&error) => {
                Refusal::not_found("the log file is no plain file any more".to_owned())
            }
            _ => {
                let text = format!("the log file cannot be read now: {error}");
                Refusal { status: 503, code: "busy", text, retry_after_s: Some(2) }
            }
        })
    }

    fn send(&self, out: &mut Outflow, file: File, meta: &Metadata) -> io::Result<()> {
        let length = meta.len();
        let modified = Timestamp::new(meta.mtime(), meta.mtime_nsec().try_into().unwrap_or_default());
        let validator = Validator::new(meta.ino(), length, modified.unwrap_or(Timestamp::MAX), self.now);
        let told = |response: Response<Body>| {
            validator
                .headers()
                .into_iter()
                .fold(response, Response::with_header)
                .with_header(header("Accept-Ranges", "bytes"))
        };
        let wanted = match judge(&self.request, &validator) {
            Verdict::Unchanged => {
                return self.say(out, told(empty(304)).with_header(header("Cache-Control", "no-cache")));
            }
            Verdict::Failed => {
                let text =
                    "the log file is not, or not for certain, as the conditions of the request want it".to_owned();
                let refusal = Refusal { status: 412, code: "precondition_failed", text, retry_after_s: None };
                return self.say(out, told(refusal.response()));
            }
            // Ranges are a matter of GET alone (RFC 9110, 14.2).
            Verdict::Answer(true) if self.request.method == Method::Get => wanted(self.request.list("range"), length),
            Verdict::Answer(_) => Wanted::Whole,
        };
        let (status, first, count) = match wanted {
            Wanted::Whole => (200, 0, length),
            Wanted::Part(first, last) => (206, first, last - first + 1),
            Wanted::Beyond => {
                let text = format!("the log file has {length} bytes, and none of those that are wanted");
                let refusal = Refusal { status: 416, code: "range_not_satisfiable", text, retry_after_s: None };
                let response = told(refusal.response());
                return self.say(out, response.with_header(header("Content-Range", &format!("bytes */{length}"))));
            }
        };
        let mut response = told(ready(status, TEXT, Bytes::Static(b"")))
            .with_header(header("Content-Disposition", &disposition(&self.name)))
            .with_header(header("Cache-Control", "no-cache"));
        if status == 206 {
            let range = format!("bytes {first}-{}/{length}", first + count - 1);
            response = response.with_header(header("Content-Range", &range));
        }
        let mut head = events::head(&self.finished(response));
        head.truncate(head.len() - 2);
        head.extend_from_slice(format!("Content-Length: {count}\r\n\r\n").as_bytes());
        out.write_all(&head)?;
        if self.request.method == Method::Head {
            return Ok(());
        }
        copy(file, first, count, length, out)
    }

    fn say(&self, out: &mut Outflow, response: Response<Body>) -> io::Result<()> {
        out.say(self.finished(response), self.request.method == Method::Head)
    }

    fn finished(&self, response: Response<Body>) -> Response<Body> {
        self.cors.allow(&self.request, by_hand(response))
    }
}

/// Sends `count` bytes from `first` on of a file that had `length`. What it grows by meanwhile is not sent; once it is
/// shorter, nothing more is, since what stands there then is another log.
fn copy(file: File, first: u64, count: u64, length: u64, out: &mut impl Write) -> io::Result<()> {
    let mut rest = file.take(count);
    rest.get_mut().seek(SeekFrom::Start(first))?;
    let mut chunk = vec![0; CHUNK.min(count.try_into().unwrap_or(CHUNK))];
    while rest.limit() > 0 {
        let read = rest.read(&mut chunk)?;
        if read == 0 || rest.get_ref().metadata()?.len() < length {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the file was cut meanwhile"));
        }
        out.write_all(&chunk[..read])?;
    }
    Ok(())
}

/// The name to save it under (RFC 6266): what could break the head is replaced, and for those who read that encoded.
fn disposition(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '_' }).collect();
    if plain == name {
        return format!("attachment; filename=\"{plain}\"");
    }
    let encode = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let encoded: String = name.bytes().map(encode).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
pub(super) mod tests;

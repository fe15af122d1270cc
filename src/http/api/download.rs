//! `/logs/download/NAME`: a whole log file, streamed from disk by a thread of its own.
//!
//! The name must be that of a file that the log folder's listing has: a plain `*.log` file. No path is ever made of
//! what a client sends.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use super::{Ask, Refusal};
use crate::base::plain_file;
use crate::http::api::logs::known_file;
use crate::http::cors::Cors;
use crate::http::gate::headers::WRITTEN_BY_HAND;
use crate::http::message::{Answer, Method, Parting, Request};
use crate::http::query::decode;

const CHUNK: usize = 64 * 1024;

/// `/logs/download/NAME`
pub fn answer(ask: &Ask<'_>, request: &Request, cors: &Cors) -> Result<Answer, Refusal> {
    let head_only = request.method == Method::Head;
    let name = decode(request.path.strip_prefix("/logs/download/").unwrap_or_default(), false);
    let Some(file) = known_file(ask, &name) else {
        return Err(Refusal::not_found(format!("there is no log file {name:?}")));
    };
    let (path, shown) = (PathBuf::from(&file.path), file.name.clone());
    let mut origin = Vec::new();
    cors.write_lines(request, &mut origin);
    let origin = String::from_utf8(origin).unwrap_or_default();
    Ok(Answer::Detach(
        "download",
        Box::new(move |stream, _| {
            if let Err(error) = send(stream, &path, &shown, &origin, head_only) {
                log::debug!("HTTP: the download of {shown} ended early: {error}");
            }
            // Its length was told before it.
            Parting::Told
        }),
    ))
}

fn send(mut stream: TcpStream, path: &std::path::Path, name: &str, origin: &str, head_only: bool) -> io::Result<()> {
    let opened = plain_file::open(path);
    let file = opened.and_then(|file| file.metadata().map(|meta| (file, meta)));
    let (file, length) = match file {
        Ok((file, meta)) if meta.is_file() => (file, meta.len()),
        _ => {
            let body = r#"{"error":"the log file is gone","code":"not_found"}"#;
            let length = body.len();
            let body = if head_only { "" } else { body };
            return write!(
                stream,
                "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                 {WRITTEN_BY_HAND}{origin}Connection: close\r\n\r\n{body}"
            );
        }
    };
    // The name is one of the folder's; what could break the head is replaced.
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '_' }).collect();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Content-Disposition: attachment; filename=\"{plain}\"\r\n{WRITTEN_BY_HAND}{origin}\
         Cache-Control: no-cache\r\nConnection: close\r\n\r\n"
    )?;
    if head_only {
        return Ok(());
    }
    // A file that grows meanwhile is sent as long as it was; one that shrinks ends the connection early.
    let mut rest = file.take(length);
    let mut chunk = vec![0; CHUNK];
    loop {
        match rest.read(&mut chunk)? {
            0 => return Ok(()),
            count => stream.write_all(&chunk[..count])?,
        }
    }
}

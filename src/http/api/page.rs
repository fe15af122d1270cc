//! The page, compiled into the program.

use super::{Refusal, Reply};
use crate::http::message::{Body, Bytes, Response, header, ready};

const INDEX: &[u8] = include_bytes!("../../../www/index.html");
const ASSETS: [(&str, &str, &[u8]); 3] = [
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../../../www/app.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../../../www/icon.svg")),
    ("style.css", "text/css; charset=utf-8", include_bytes!("../../../www/style.css")),
];

/// `/`
pub fn index() -> Reply {
    Ok(fresh(ready(200, "text/html; charset=utf-8", Bytes::Static(INDEX))))
}

/// `/assets/NAME`
pub fn asset(name: &str) -> Reply {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, bytes)) => Ok(fresh(ready(200, kind, Bytes::Static(bytes)))),
        None => Err(Refusal::not_found(format!("there is nothing at /assets/{name}"))),
    }
}

/// The policy of the page (everything from here, nothing inline) is that of every answer: `http/gate/headers.rs` has it.
fn fresh(response: Response<Body>) -> Response<Body> {
    response.with_header(header("Cache-Control", "no-cache"))
}

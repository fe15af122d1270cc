//! The page: a template that is filled with the reader's language and theme and with the first answer, and its parts,
//! compiled into the program. The parts lie below a hash of all of them, so that a browser asks for each of them once.

use super::words::{self, Language};
use super::{Ask, Refusal, v1};
use crate::http::message::{Answer, Body, Bytes, Header, Request, Response, empty, header, ready};
use crate::http::negotiate::{accepts_gzip, has_already};
use crate::http::query::Query;

/// As `www/build.mjs` made them: paths below `/assets/HASH/` and gzipped bytes.
const PARTS: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/page/parts.rs"));
/// What the assets lie below.
pub const HASH: &str = include_str!(concat!(env!("OUT_DIR"), "/page/hash"));
const INDEX: &str = include_str!(concat!(env!("OUT_DIR"), "/page/index.html"));
/// What `data-theme` may say; the page sets the cookie.
const THEMES: [&str; 3] = ["auto", "light", "dark"];

/// What a page is made for.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// His language.
    pub language: &'static Language,
    /// His theme: `auto`, `light`, `dark`.
    pub theme: &'static str,
    /// Whether `?lang=` says which language.
    pub asks_for_it: bool,
    /// Whether the page without scripts is to stay as it is: `?refresh=off`.
    pub keeps_still: bool,
}

impl Reader {
    /// Who sent this.
    pub fn of(request: &Request) -> Self {
        let chosen = words::cookie(request, "theme");
        let theme = THEMES.into_iter().find(|theme| Some(*theme) == chosen).unwrap_or(THEMES[0]);
        Self { language: words::choose(request), theme, asks_for_it: false, keeps_still: false }
    }

    /// Who sent this, to a page that can be told by its address.
    pub fn asking(request: &Request) -> Self {
        let (reader, query) = (Self::of(request), Query::parse(&request.query));
        let asked = query.get("lang").and_then(words::of);
        Self {
            language: asked.unwrap_or(reader.language),
            asks_for_it: asked.is_some(),
            keeps_still: query.get("refresh") == Some("off"),
            ..reader
        }
    }

    /// Which of the pages he gets, for whoever keeps them.
    pub fn key(self) -> String {
        format!("{} {} {} {}", self.language.code, self.theme, self.asks_for_it, self.keeps_still)
    }
}

/// `/`
pub fn index(ask: &Ask<'_>, reader: Reader) -> Response<Body> {
    let first = escaped(&v1::state::text(ask));
    let title = if ask.facts.demo { "DEMO - Wattboard" } else { "Wattboard" };
    let fill = |place: &str| match place {
        "lang" => reader.language.code,
        "theme" => reader.theme,
        "title" => title,
        "description" => &reader.language.meta.description,
        _ => &first,
    };
    let mut page = String::with_capacity(INDEX.len() + first.len() + 256);
    let mut rest = INDEX;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}").expect("the test beside closes every brace");
        page.push_str(before);
        page.push_str(fill(place));
        rest = after;
    }
    page.push_str(rest);
    html(page)
}

/// A page for its reader.
pub fn html(page: String) -> Response<Body> {
    ready(200, "text/html; charset=utf-8", Bytes::Owned(page.into_bytes()))
        .with_header(header("Cache-Control", "no-cache"))
        .with_header(header("Vary", "Accept-Language, Cookie"))
}

/// JSON that can stand in a script element: no `<` ends the element or begins a comment.
fn escaped(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// `/assets/HASH/NAME`, and `/assets/HASH/LANGUAGE/NAME`, which stands for the former where a language has none of its own:
/// modules ask for each other by bare names.
pub fn asset(request: &Request) -> Result<Answer, Refusal> {
    let unknown = || Refusal::not_found(format!("there is nothing at {}", request.path));
    let below = request.path.strip_prefix("/assets/").and_then(|rest| rest.strip_prefix(HASH)?.strip_prefix('/'));
    let wanted = below.ok_or_else(unknown)?;
    let find = |name: &str| PARTS.iter().find(|(known, _)| *known == name);
    let shared = || wanted.split_once('/').filter(|(code, _)| words::is_known(code)).and_then(|(_, name)| find(name));
    let (name, packed) = find(wanted).or_else(shared).ok_or_else(unknown)?;
    let takes_gzip = accepts_gzip(request.list("accept-encoding"));
    let tag = format!("\"{HASH}{}\"", if takes_gzip { "-gz" } else { "" });
    let mut headers = vec![
        header("Cache-Control", "public, max-age=31536000, immutable"),
        header("ETag", &tag),
        header("Vary", "Accept-Encoding"),
    ];
    let response = match (has_already(request.list("if-none-match"), &tag), takes_gzip) {
        (true, _) => empty(304),
        (false, true) => {
            headers.push(header("Content-Encoding", "gzip"));
            ready(200, kind_of(name), Bytes::Static(packed))
        }
        (false, false) => ready(200, kind_of(name), Bytes::Owned(unpacked(packed))),
    };
    Ok(Answer::Ready(headers.into_iter().fold(response, Response::with_header::<Header>)))
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/manifest+json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Hardly anybody reads them so, and memory is dear: unpacked for each who does.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let read = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut plain);
    read.expect("the test beside unpacks every part");
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::{Method, body_of};

    fn asked(path: &str, headers: &[(&str, &str)]) -> Request {
        Request {
            method: Method::Get,
            path: path.into(),
            query: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            peer: [127, 0, 0, 1].into(),
        }
    }

    fn got(path: &str, headers: &[(&str, &str)]) -> Option<Response<Body>> {
        match asset(&asked(path, headers)) {
            Ok(Answer::Ready(response)) => Some(response),
            _ => None,
        }
    }

    #[test]
    fn every_part_is_there_plain_and_packed_and_known_again() {
        assert!(PARTS.len() > 8, "{}", PARTS.len());
        for (name, packed) in PARTS {
            let path = format!("/assets/{HASH}/{name}");
            let plain = body_of(got(&path, &[]).unwrap());
            assert!(!plain.is_empty() && plain == unpacked(packed), "{name}");
            assert_eq!(body_of(got(&path, &[("accept-encoding", "gzip")]).unwrap()), *packed, "{name}");
            let known =
                got(&path, &[("accept-encoding", "gzip"), ("if-none-match", &format!("\"{HASH}-gz\""))]).unwrap();
            assert_eq!((known.status_code().0, body_of(known).len()), (304, 0), "{name}");
        }
    }

    #[test]
    fn the_page_asks_only_for_what_is_there() {
        for code in ["en", "pl"] {
            let index = INDEX.replace("{{lang}}", code);
            let paths: Vec<&str> =
                index.split("\"/assets/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            assert!(paths.len() >= 5, "{paths:?}");
            for path in paths {
                assert!(got(&format!("/assets/{path}"), &[]).is_some(), "{path}");
            }
        }
        for path in ["/assets/", "/assets/shell.js", "/assets/0/en/shell.js"] {
            assert!(got(path, &[]).is_none(), "{path}");
        }
        for name in ["xx/charts.js", "en/en/charts.js", "en/", "../style.css", "shell.js"] {
            assert!(got(&format!("/assets/{HASH}/{name}"), &[]).is_none(), "{name}");
        }
    }

    #[test]
    fn every_place_of_the_template_is_filled() {
        let mut places: Vec<&str> = INDEX.split("{{").skip(1).map(|rest| rest.split_once("}}").unwrap().0).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places, ["description", "first", "lang", "theme", "title"]);
    }

    #[test]
    fn no_text_of_the_site_ends_the_script_element() {
        assert_eq!(escaped(r#"{"a":"</script><!--"}"#), r#"{"a":"\u003c/script>\u003c!--"}"#);
    }
}

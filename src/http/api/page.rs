//! The page, compiled into the program and prepared at the start. Its parts bear names that change with their content,
//! so that a browser asks for each of them once.

use std::sync::Arc;

use super::Refusal;
use crate::base::document::Document;
use crate::http::message::{Answer, Header, header};
use crate::http::prepared::Prepared;

const INDEX: &str = include_str!("../../../www/index.html");
const ASSETS: [(&str, &str, &[u8]); 3] = [
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../../../www/app.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../../../www/icon.svg")),
    ("style.css", "text/css; charset=utf-8", include_bytes!("../../../www/style.css")),
];
const REVALIDATE: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The page and its parts.
pub struct Page {
    index: Arc<Prepared>,
    /// By the end of their paths: each under its own name and under that of its content.
    assets: Vec<(String, Arc<Prepared>)>,
}

impl Page {
    /// Prepares everything.
    pub fn new() -> Self {
        let mut index = INDEX.to_owned();
        let mut assets = Vec::new();
        for (name, kind, bytes) in ASSETS {
            let document = Arc::new(Document::new(bytes));
            let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
            let hashed = format!("{stem}-{:016x}.{ending}", document.tag());
            index = index.replace(&format!("/assets/{name}"), &format!("/assets/{hashed}"));
            let prepared = |keep| Arc::new(Prepared::new(Arc::clone(&document), 200, headers(kind, keep), true));
            assets.push((hashed, prepared(FOR_EVER)));
            assets.push((name.to_owned(), prepared(REVALIDATE)));
        }
        let document = Arc::new(Document::new(index.into_bytes()));
        let index = Arc::new(Prepared::new(document, 200, headers("text/html; charset=utf-8", REVALIDATE), true));
        Self { index, assets }
    }

    #[cfg(test)]
    fn text(&self) -> String {
        String::from_utf8(self.index.document().plain().to_vec()).unwrap_or_default()
    }

    /// `/`
    pub fn index(&self) -> Answer {
        Answer::Prepared(Arc::clone(&self.index), Vec::new())
    }

    /// `/assets/NAME`
    pub fn asset(&self, path: &str) -> Result<Answer, Refusal> {
        let name = path.strip_prefix("/assets/").unwrap_or(path);
        let found = self.assets.iter().find(|(known, _)| known == name);
        let (_, prepared) = found.ok_or_else(|| Refusal::not_found(format!("there is nothing at {path}")))?;
        Ok(Answer::Prepared(Arc::clone(prepared), Vec::new()))
    }
}

/// The policy of the page (everything from here, nothing inline) is that of every answer: `http/gate/headers.rs` has it.
fn headers(kind: &str, keep: &str) -> Vec<Header> {
    vec![header("Content-Type", kind), header("Cache-Control", keep)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_bear_names_of_their_content() {
        let page = Page::new();
        let text = page.text();
        for (name, ..) in ASSETS {
            assert!(INDEX.contains(&format!("/assets/{name}")), "{name} is not part of the page");
            assert!(!text.contains(&format!("/assets/{name}\"")), "{name} is asked for by its plain name");
            assert!(page.asset(&format!("/assets/{name}")).is_ok());
        }
        let hashed: Vec<&str> = text.split("/assets/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(hashed.len(), ASSETS.len());
        assert!(hashed.iter().all(|name| page.asset(&format!("/assets/{name}")).is_ok()), "{hashed:?}");
        assert!(page.asset("/assets/app-0.js").is_err());
    }
}

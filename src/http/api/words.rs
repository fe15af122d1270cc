//! The languages that pages are written in: one file each in `www/lang/`, which the page in the browser shares.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::http::message::Request;

/// Codes and catalogues, in the order of their codes.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/page/languages.rs"));
/// For whoever asks for none that is there.
const DEFAULT: &str = "en";

/// One language.
#[derive(Debug)]
pub struct Language {
    /// As the file is named: `en`, `pl`.
    pub code: &'static str,
    /// About itself.
    pub meta: Meta,
}

/// What a language says of itself.
#[derive(Debug, Deserialize)]
pub struct Meta {
    /// What the page is about, in a line.
    pub description: String,
}

#[derive(Deserialize)]
struct Catalogue {
    meta: Meta,
}

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let read = |&(code, text): &(&'static str, &str)| {
        let catalogue: Catalogue = serde_json::from_str(text).expect("the test beside reads every catalogue");
        Language { code, meta: catalogue.meta }
    };
    FILES.iter().map(read).collect()
});

/// The one that was chosen on the page (its cookie `language`), else the one that the browser likes best.
pub fn choose(request: &Request) -> &'static Language {
    let of = |code: &str| LANGUAGES.iter().find(|language| language.code == code);
    let liked = || {
        let mut liked: Vec<(f32, &str)> =
            request.list("accept-language").flat_map(|list| list.split(',')).filter_map(weighed).collect();
        liked.sort_by(|one, other| other.0.total_cmp(&one.0));
        liked.into_iter().find_map(|(_, tag)| of(&tag.split('-').next().unwrap_or(tag).to_ascii_lowercase()))
    };
    cookie(request, "language").and_then(of).or_else(liked).or_else(|| of(DEFAULT)).expect("the default is there")
}

/// Whether there is a language of this code.
pub fn is_known(code: &str) -> bool {
    FILES.iter().any(|(known, _)| *known == code)
}

/// A language range with its weight (RFC 9110, 12.5.4), unless it is refused.
fn weighed(item: &str) -> Option<(f32, &str)> {
    let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight = parameters.trim().strip_prefix("q=").map_or(1.0, |text| text.trim().parse().unwrap_or(0.0));
    (weight > 0.0).then_some((weight, tag.trim()))
}

/// The value of a cookie.
pub fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut pairs =
        request.list("cookie").flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::Method;

    fn asked(headers: &[(&str, &str)]) -> Request {
        Request {
            method: Method::Get,
            path: "/".into(),
            query: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            peer: [127, 0, 0, 1].into(),
        }
    }

    #[test]
    fn the_choice_then_the_browser_then_english() {
        let (accept, cookie) = ("accept-language", "cookie");
        for (headers, expected) in [
            (&[][..], "en"),
            (&[(accept, "pl")], "pl"),
            (&[(accept, "pl-PL,pl;q=0.9,en-US;q=0.8")], "pl"),
            (&[(accept, "de-DE, de;q=0.9, pl;q=0.3, en;q=0.2")], "pl"),
            (&[(accept, "en;q=0.2, PL;q=0.3")], "pl"),
            (&[(accept, "pl;q=0, fr")], "en"),
            (&[(accept, "*")], "en"),
            (&[(accept, "pl;q=nonsense, ;;,")], "en"),
            (&[(accept, "pl"), (cookie, "theme=dark; language=en")], "en"),
            (&[(accept, "pl"), (cookie, "language=xx")], "pl"),
            (&[(cookie, "language=../en")], "en"),
            (&[(cookie, "a=b"), (cookie, "language=pl")], "pl"),
        ] {
            assert_eq!(choose(&asked(headers)).code, expected, "{headers:?}");
        }
    }

    #[test]
    fn every_catalogue_can_be_read() {
        assert!(LANGUAGES.len() >= 2 && LANGUAGES.iter().all(|language| !language.meta.description.is_empty()));
    }
}

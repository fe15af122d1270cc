//! The languages that pages are written in: one file each in `www/lang/`, which the page in the browser shares.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::http::message::Request;

/// Codes and packed catalogues, in the order of their codes.
const FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/page/languages.rs"));
/// For whoever asks for none that is there.
const DEFAULT: &str = "en";

/// One language: of its catalogue what the server writes with.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Language {
    /// As the file is named: `en`, `pl`.
    #[serde(skip)]
    pub code: &'static str,
    /// About itself.
    pub meta: Meta,
    nav: Texts,
    common: Texts,
    age: Texts,
    now: Texts,
    sources: Texts,
    lite: Texts,
    server: Texts,
}

/// What a language says of itself. Its numbers are written as `Intl` writes them in its locale.
#[derive(Debug, Deserialize)]
pub struct Meta {
    /// In the language itself.
    pub name: String,
    /// What the page is about, in a line.
    pub description: String,
    /// The decimal mark.
    pub decimal: String,
    /// What stands between groups of three digits.
    pub group: String,
    /// How many digits a whole number has at least when it is grouped.
    pub group_from: usize,
    /// PLN, of an amount `{n}`.
    pub money: String,
    /// Percent, of a number `{n}`.
    pub percent: String,
    /// A day, a pattern of strftime.
    pub day: String,
    /// A day without its year, a pattern of strftime.
    pub day_of_year: String,
    /// A time, a pattern of strftime.
    pub time: String,
    /// A time to the second, a pattern of strftime.
    pub second: String,
    /// A `{day}` and a `{time}`.
    pub moment: String,
    /// A `{time}` that the day has twice, told apart by its `{offset}` to UTC.
    pub doubled: String,
}

/// Names and texts in the order of the file, mostly the file's own bytes.
#[derive(Debug, Default)]
struct Texts(Vec<(Cow<'static, str>, Cow<'static, str>)>);

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let read = |&(code, packed): &(&'static str, &[u8])| {
        let mut language: Language =
            serde_json::from_str(unpacked(packed).leak()).expect("the test beside reads every catalogue");
        language.server.0.sort_by_key(|(pattern, _)| Reverse(own_length(pattern)));
        Language { code, ..language }
    };
    FILES.iter().map(read).collect()
});

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).expect("the program's own data can be unpacked");
    text.shrink_to_fit();
    text
}

/// All languages, in the order of their codes.
pub fn all() -> &'static [Language] {
    &LANGUAGES
}

impl Language {
    fn find(&self, key: &str) -> Option<&str> {
        let (section, name) = key.split_once('.')?;
        let texts = match section {
            "nav" => &self.nav,
            "common" => &self.common,
            "age" => &self.age,
            "now" => &self.now,
            "sources" => &self.sources,
            "lite" => &self.lite,
            _ => return None,
        };
        texts.0.iter().find(|(known, _)| known == name).map(|(_, text)| &**text)
    }

    /// The text `section.name`.
    pub fn text<'a>(&'a self, key: &'a str) -> &'a str {
        let found = self.find(key);
        debug_assert!(found.is_some(), "{} has no {key}", self.code);
        found.unwrap_or(key)
    }

    /// The same, its places `{name}` filled.
    pub fn filled(&self, key: &str, given: &[(&str, &str)]) -> String {
        fill(self.text(key), given)
    }

    /// The text for a word of the API, such as a kind or a state: `section.prefix_word`; the word itself where there is none.
    pub fn named<'a>(&'a self, section_prefix: &str, word: &'a str) -> &'a str {
        self.find(&format!("{section_prefix}{word}")).unwrap_or(word)
    }

    /// What the server says in English, in this language: `server` of the catalogue has its sentences, with places for
    /// what differs; what fills them is translated, too. Several sentences stand with semicolons between them. `None` where
    /// one of them is not in the catalogue. The page's `translated` does the same.
    pub fn translated(&self, sentence: &str) -> Option<String> {
        let whole = self.server.0.iter().find_map(|(pattern, target)| {
            let found = matched(pattern, sentence)?;
            let translated = |text: &str| self.translated(text).unwrap_or_else(|| text.to_owned());
            let texts: Vec<(&str, String)> = found.into_iter().map(|(name, text)| (name, translated(text))).collect();
            let given: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
            Some(fill(target, &given))
        });
        let parts = || sentence.split("; ").map(|part| self.translated(part)).collect::<Option<Vec<String>>>();
        whole.or_else(|| sentence.contains("; ").then(parts).flatten().map(|parts| parts.join("; ")))
    }
}

/// How much a pattern says itself, bytes.
fn own_length(pattern: &str) -> usize {
    let (before, places) = pieces(pattern);
    before.len() + places.iter().map(|(_, after)| after.len()).sum::<usize>()
}

/// Pieces of a text with places: what stands before the first one, then each place's name with what follows it.
fn pieces(text: &str) -> (&str, Vec<(&str, &str)>) {
    let (mut before, mut places, mut from) = (text, Vec::<(&str, &str)>::new(), 0);
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        from = open + 1;
        let Some(name) = text[from..].split_once('}').map(|(name, _)| name).filter(|name| is_name(name)) else {
            continue;
        };
        let after = from + name.len() + 1;
        match places.last_mut() {
            Some((_, between)) => *between = &between[..between.len() - (text.len() - open)],
            None => before = &text[..open],
        }
        places.push((name, &text[after..]));
        from = after;
    }
    (before, places)
}

/// A text with its places filled; one that nothing is given for stays.
pub fn fill(text: &str, given: &[(&str, &str)]) -> String {
    let (before, places) = pieces(text);
    places.into_iter().fold(before.to_owned(), |mut filled, (name, after)| {
        match given.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => filled.push_str(text),
            None => filled.extend(["{", name, "}"]),
        }
        filled.push_str(after);
        filled
    })
}

/// What stands at the places of a pattern, if the sentence is one of it: each place has a character at least, and as few as
/// can be.
fn matched<'p, 's>(pattern: &'p str, sentence: &'s str) -> Option<Vec<(&'p str, &'s str)>> {
    // Nearly all are out at once.
    sentence.strip_prefix(pattern.split('{').next().unwrap_or_default())?;
    let (before, places) = pieces(pattern);
    let mut rest = sentence.strip_prefix(before)?;
    if places.is_empty() {
        return rest.is_empty().then(Vec::new);
    }
    let mut found = Vec::with_capacity(places.len());
    for (index, (name, after)) in places.iter().enumerate() {
        let first = rest.chars().next()?.len_utf8();
        let end = match index + 1 == places.len() {
            true => rest.len().checked_sub(after.len()).filter(|end| *end >= first && rest.ends_with(after))?,
            false => first + rest[first..].find(after)?,
        };
        found.push((*name, &rest[..end]));
        rest = &rest[end + after.len()..];
    }
    Some(found)
}

impl<'de: 'static> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de: 'static> Visitor<'de> for Reader {
            type Value = Texts;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("texts by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut texts = Texts::default();
                while let Some((Text(name), value)) = map.next_entry()? {
                    if let OneOrForms::One(Text(text)) = value {
                        texts.0.push((name, text));
                    }
                }
                texts.0.shrink_to_fit();
                Ok(texts)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Part of the file, unless something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A text, or a form of it for each plural, which only the page in the browser chooses among.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrForms<'a> {
    #[serde(borrow)]
    One(Text<'a>),
    Forms(IgnoredAny),
}

/// The language of this code.
pub fn of(code: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.code == code)
}

/// The one that was chosen on the page (its cookie `language`), else the one that the browser likes best.
pub fn choose(request: &Request) -> &'static Language {
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
    fn every_catalogue_says_the_same_with_the_same_places() {
        use serde_json::Value;
        fn texts(value: &Value, path: &str, found: &mut Vec<(String, Vec<String>)>) {
            match value {
                // The forms of a plural are one text, and each language has its own.
                Value::Object(map) if map.contains_key("other") => texts(&map["other"], path, found),
                Value::Object(map) => {
                    map.iter().for_each(|(key, value)| texts(value, &format!("{path}.{key}"), found));
                }
                Value::String(text) => {
                    let mut places: Vec<String> = pieces(text).1.iter().map(|(name, _)| (*name).to_owned()).collect();
                    places.sort_unstable();
                    found.push((path.to_owned(), places));
                }
                _ => found.push((path.to_owned(), Vec::new())),
            }
        }
        let all: Vec<_> = FILES
            .iter()
            .map(|(code, packed)| {
                let mut found = Vec::new();
                texts(&serde_json::from_str(&unpacked(packed)).unwrap(), "", &mut found);
                found.sort();
                (code, found)
            })
            .collect();
        assert!(all.len() >= 2 && all[0].1.len() > 100);
        for (code, found) in &all[1..] {
            let differ =
                |one: &[(String, Vec<String>)], other: &[(String, Vec<String>)]| -> Vec<(String, Vec<String>)> {
                    one.iter().filter(|text| !other.contains(text)).cloned().collect()
                };
            assert_eq!(differ(&all[0].1, found), [], "{code} lacks these of {}", all[0].0);
            assert_eq!(differ(found, &all[0].1), [], "{} lacks these of {code}", all[0].0);
        }
    }

    #[test]
    fn places_are_filled() {
        for (text, expected) in [
            ("", ""),
            ("no place", "no place"),
            ("{a}", "1"),
            ("x {a} y {b}{a} z", "x 1 y 21 z"),
            ("{c} {a", "{c} {a"),
            ("{} { {a}} {x y}", "{} { 1} {x y}"),
            ("ł{a}ż", "ł1ż"),
        ] {
            assert_eq!(fill(text, &[("a", "1"), ("b", "2")]), expected, "{text}");
        }
        // What is filled in is not looked at again.
        assert_eq!(fill("{a}{b}", &[("a", "{b}"), ("b", "2")]), "{b}2");
    }

    #[test]
    fn sentences_are_known_by_their_pattern() {
        for (pattern, sentence, expected) in [
            ("plain", "plain", Some(vec![])),
            ("plain", "plain ", None),
            ("of {day}", "of 2026", Some(vec![("day", "2026")])),
            ("of {day}", "of ", None),
            ("of {day}", "off", None),
            ("{a}: {b}", "x: y: z", Some(vec![("a", "x"), ("b", "y: z")])),
            ("{a} of {b} are", "1 of 2 are", Some(vec![("a", "1"), ("b", "2")])),
            ("{a} of {b} are", "1 of 2 are are", Some(vec![("a", "1"), ("b", "2 are")])),
            ("{a} of {b} are", "1 of 2 is", None),
            ("{a}aa", "aa", None),
            ("{a}aa", "żaa", Some(vec![("a", "ż")])),
            ("{a}{b}", "żółw", Some(vec![("a", "ż"), ("b", "ółw")])),
            ("{a}.", "a.b\n.", Some(vec![("a", "a.b\n")])),
        ] {
            assert_eq!(matched(pattern, sentence), expected, "{pattern} {sentence}");
        }
    }

    #[test]
    fn what_the_server_says_is_translated_with_what_is_in_it() {
        let polish = of("pl").unwrap();
        for (sentence, expected) in [
            ("nobody measures it", Some("nikt tego nie mierzy")),
            ("the newest reading is of 2026-11-22", Some("najnowszy odczyt jest z 2026-11-22")),
            (
                "rows of the last 24 hours are not known yet: they are still being loaded",
                Some("odczyty z ostatnich 24 godzin nie są jeszcze znane: są jeszcze wczytywane"),
            ),
            (
                "rows of the last 24 hours are not known yet: no disk",
                Some("odczyty z ostatnich 24 godzin nie są jeszcze znane: no disk"),
            ),
            ("nobody knows this sentence", None),
            (
                "nobody measures it; the newest reading is of 2026-11-22",
                Some("nikt tego nie mierzy; najnowszy odczyt jest z 2026-11-22"),
            ),
            ("nobody measures it; nobody knows this", None),
        ] {
            assert_eq!(polish.translated(sentence).as_deref(), expected, "{sentence}");
        }
        for (pattern, _) in &polish.server.0 {
            assert!(
                pieces(pattern).0.len() + pieces(pattern).1.iter().map(|(_, after)| after.len()).sum::<usize>() > 3
            );
        }
        assert_eq!(polish.named("now.decision_", "wait"), "Czekanie");
        assert_eq!(polish.named("now.decision_", "dance"), "dance");
    }

    #[test]
    fn every_catalogue_can_be_read() {
        assert!(LANGUAGES.len() >= 2 && LANGUAGES.iter().all(|language| !language.meta.description.is_empty()));
    }
}

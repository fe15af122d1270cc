//! `/lite`: the page without a script, for e-ink, old tablets and whoever switched scripts off. It shows what the API
//! answers at this moment from memory, in the reader's language, and is loaded anew each minute.

mod answer;
mod charts;
mod draft;
mod health;
mod house;
mod numbers;
mod svg;

use serde_json::Value;

use self::answer::Answer;
use self::draft::Draft;
use self::numbers::{As, Times, ago};
use super::page::{self, Reader};
use super::words::{self, Language};
use super::{Ask, Refusal, v1};
use crate::http::message::{Body, Response, header};

/// After how long a browser loads it anew, s. A header, since that leaves the reader a choice (`?refresh=off`).
const REFRESH_S: &str = "60";

/// What all parts are made of.
struct Sheet<'a> {
    ask: &'a Ask<'a>,
    reader: Reader,
    language: &'static Language,
    times: Times<'a>,
    /// `/api/v1/state`
    state: Answer,
}

/// When something was read, as an answer tells it.
#[derive(Default)]
struct Origin<'a> {
    at: Option<&'a str>,
    age_s: Option<f64>,
    /// Since when it counts as old, where it does.
    stale_since: Option<&'a str>,
    /// In words.
    source: &'a str,
}

/// `/lite`
pub fn page(ask: &Ask<'_>, reader: Reader) -> Response<Body> {
    let language = reader.language;
    let times = Times { zone: &ask.facts.zone, language };
    let state =
        Answer::of("/api/v1/state", v1::state::answer(ask)).unwrap_or_else(|_| unreachable!("it is never refused"));
    let sheet = Sheet { ask, reader, language, times, state };
    let mut out = Draft::default();
    sheet.head(&mut out);
    out.put("<main><h1>").text(language.text("nav.now")).put("</h1>");
    sheet.first_run(&mut out);
    house::power(&sheet, &mut out);
    house::price(&sheet, &mut out);
    house::windows(&sheet, &mut out);
    charts::prices(&sheet, &mut out);
    house::decision(&sheet, &mut out);
    house::today(&sheet, &mut out);
    charts::last_day(&sheet, &mut out);
    health::month(&sheet, &mut out);
    health::sources(&sheet, &mut out);
    out.put("</main>");
    sheet.foot(&mut out);
    let response = page::html(out.done());
    if reader.keeps_still { response } else { response.with_header(header("Refresh", REFRESH_S)) }
}

impl Sheet<'_> {
    fn is_demo(&self) -> bool {
        self.state.at("/demo") == &Value::Bool(true)
    }

    fn head(&self, out: &mut Draft) {
        let words = self.language;
        out.put("<!doctype html>\n<html lang=\"").text(words.code).put("\" data-theme=\"").text(self.reader.theme);
        out.put("\"><head><meta charset=\"utf-8\"><title>");
        if self.is_demo() {
            out.text(words.text("common.demo_short")).put(" \u{b7} ");
        }
        out.put("Wattboard</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        out.put("<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"description\" content=\"");
        out.text(&words.meta.description).put("\"><link rel=\"stylesheet\" href=\"/assets/").text(page::HASH);
        out.put("/lite.css\"><link rel=\"icon\" href=\"/assets/").text(page::HASH);
        out.put("/icon-192.png\"></head><body><header><p class=\"brand\">Wattboard");
        if self.is_demo() {
            out.put(" <strong class=\"demo\">").text(words.text("common.demo")).put("</strong>");
        }
        let made = self.times.moment(self.state.text("/timestamp").unwrap_or_default());
        let key = if self.reader.keeps_still { "lite.made_still" } else { "lite.made" };
        out.put("</p><p>").text(&words.filled(key, &[("time", &made)])).put("</p></header>");
    }

    fn foot(&self, out: &mut Draft) {
        let words = self.language;
        out.put("<footer><p><a href=\"/\">").text(words.text("lite.full")).put("</a></p><p>");
        let lang = if self.reader.asks_for_it { words.code } else { "" };
        let (key, still) = if self.reader.keeps_still { ("lite.go_on", false) } else { ("lite.stop", true) };
        link(out, lang, still).put("\">").text(words.text(key)).put("</a></p><p>");
        out.text(words.text("common.language")).put(": ");
        for language in words::all() {
            if language.code == words.code {
                out.put("<strong>").text(&language.meta.name).put("</strong> ");
                continue;
            }
            link(out, language.code, self.reader.keeps_still).put("\" lang=\"").text(language.code);
            out.put("\" hreflang=\"").text(language.code).put("\">").text(&language.meta.name).put("</a> ");
        }
        out.put("</p></footer></body></html>\n");
    }

    fn first_run(&self, out: &mut Draft) {
        if self.state.knows("/live/as_of") || self.state.knows("/live/source") {
            return;
        }
        let words = self.language;
        out.put("<section class=\"first-run\"><h2>").text(words.text("now.first_run")).put("</h2>");
        self.reason(out, self.state.why("/live/age_s").or(self.state.text("/sources/live/error")));
        out.put("<p>").text(words.text("now.first_run_help")).put("</p><pre>wattboard check</pre></section>");
    }

    /// A number of an answer, which says where it comes from; a dash where it is not known.
    fn figure(&self, out: &mut Draft, answer: &Answer, pointer: &str, how: As) {
        out.put("<span class=\"figure\" data-of=\"").text(answer.path).put("#").text(pointer);
        out.put("\" data-as=\"").text(how.name());
        match answer.number(pointer) {
            Some(value) => {
                out.put("\">").text(&how.write(value, self.language));
            }
            None => {
                out.put("\" data-unknown=\"true\">");
                self.dash(out);
            }
        }
        out.put("</span>");
    }

    /// For what is not known.
    fn dash(&self, out: &mut Draft) {
        out.put("<span role=\"img\" aria-label=\"").text(self.language.text("common.unknown"));
        out.put("\">\u{2013}</span>");
    }

    /// Why it is not known.
    fn missing(&self, out: &mut Draft, answer: &Answer, pointer: &str) {
        if !answer.knows(pointer) {
            self.reason(out, answer.why(pointer));
        }
    }

    /// What the server says, as a paragraph.
    fn reason(&self, out: &mut Draft, reason: Option<&str>) {
        let Some(reason) = reason else { return };
        out.put("<p class=\"reason\">");
        self.said(out, reason);
        out.put("</p>");
    }

    /// What the server says, in the reader's language where the catalogue has the sentence, else as it is.
    fn said(&self, out: &mut Draft, sentence: &str) {
        match self.language.translated(sentence) {
            Some(known) => out.text(&self.times.within(&known)),
            None => out.put("<span lang=\"en\">").text(&self.times.within(sentence)).put("</span>"),
        };
    }

    /// How old something is and where it comes from.
    fn age(&self, out: &mut Draft, origin: &Origin<'_>) {
        let words = self.language;
        let age = match (origin.at, origin.age_s) {
            (None, _) => words.text("age.never").to_owned(),
            (Some(at), None) => words.filled("age.at", &[("time", &self.times.moment(at))]),
            (Some(_), Some(age)) => ago(age, words),
        };
        let age = match origin.stale_since {
            Some(since) => words.filled("age.stale", &[("time", &self.times.time(since)), ("age", &age)]),
            None => age,
        };
        out.put("<p class=\"age\">");
        match origin.source {
            "" => out.text(&age),
            source => out.text(&words.filled("age.from", &[("age", &age), ("source", source)])),
        };
        out.put("</p>");
    }

    /// Seconds since an instant that the API wrote.
    fn since(&self, iso: &str) -> Option<f64> {
        let at: jiff::Timestamp = iso.parse().ok()?;
        Some(self.ask.now.duration_since(at).as_secs_f64()).filter(|age| *age >= 0.0)
    }

    /// The beginning of a part.
    fn begin(&self, out: &mut Draft, class: &'static str, is_stale: bool, title: &str) {
        out.put("<section class=\"").put(class).put(if is_stale { " stale" } else { "" }).put("\"><h2>");
        out.text(title).put("</h2>");
    }

    /// The beginning of a part that tells of an answer of its own, which comes back. A refused one is told of and nothing follows.
    fn begin_of(
        &self,
        out: &mut Draft,
        class: &'static str,
        answer: Result<Answer, Refusal>,
        title: &str,
    ) -> Option<Answer> {
        let is_stale = answer.as_ref().is_ok_and(|answer| self.stale_since(answer).is_some());
        self.begin(out, class, is_stale, title);
        if let Err(refusal) = &answer {
            self.reason(out, Some(&refusal.text));
            out.put("</section>");
        }
        answer.ok()
    }

    /// Its end: how old the answer is.
    fn end_of(&self, out: &mut Draft, answer: &Answer) {
        let at = answer.text("/as_of");
        let origin = Origin {
            at,
            age_s: at.and_then(|at| self.since(at)),
            stale_since: self.stale_since(answer),
            source: answer.text("/source").map_or("", |source| self.language.named("common.source_", source)),
        };
        self.age(out, &origin);
        out.put("</section>");
    }

    /// Since when an answer is stale, if it is.
    fn stale_since<'a>(&self, answer: &'a Answer) -> Option<&'a str> {
        answer.text("/stale_after").filter(|after| self.since(after).is_some())
    }
}

/// A link to this page: its beginning.
fn link<'a>(out: &'a mut Draft, lang: &str, still: bool) -> &'a mut Draft {
    out.put("<a href=\"/lite");
    match (lang, still) {
        ("", false) => out,
        ("", true) => out.put("?refresh=off"),
        (lang, false) => out.put("?lang=").text(lang),
        (lang, true) => out.put("?lang=").text(lang).put("&amp;refresh=off"),
    }
}

#[cfg(test)]
mod tests;

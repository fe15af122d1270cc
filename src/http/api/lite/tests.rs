//! The page of sites made by hand: empty, whole, stale and hostile ones, and days when the clock changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::tests::Bench;
use super::super::words;
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::http::api::SCRIBE;
use crate::http::message::Method;
use crate::model::energy::Point;
use crate::model::push::{Push, State};
use crate::snapshot::{Feed, Metrics, Origin, Scene};

const READING: &str = r#"{"battery": {"soc_percent": 15.5, "power_w": -1700}, "grid": {"power_w": -250,
    "today_imported_kwh": 3.5, "today_exported_kwh": 1234.25}, "photovoltaic": {"current_power_w": 3655,
    "daily_production_kwh": 7.25}}"#;
/// Elements that the page is made of.
const ELEMENTS: &[&str] = &[
    "!doctype",
    "a",
    "body",
    "circle",
    "defs",
    "desc",
    "div",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "line",
    "link",
    "main",
    "meta",
    "p",
    "path",
    "pattern",
    "pre",
    "rect",
    "section",
    "span",
    "strong",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
];

fn page(bench: &Bench, query: &str) -> String {
    let (status, _, body) = bench.ask_with(&format!("/lite{query}"), Method::Get, &[]);
    assert_eq!(status, 200);
    let page = String::from_utf8(body).unwrap();
    assert_sound(&page);
    page
}

/// Well-formed, of known elements, without scripts and styles of its own, names are unique.
fn assert_sound(page: &str) {
    let mut open = Vec::new();
    let mut names = BTreeSet::new();
    for piece in page.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("every tag ends");
        assert!(!text.contains('>'), "{text}");
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.trim_end_matches('/');
        assert!(ELEMENTS.contains(&name.trim_start_matches('/')), "<{tag}>");
        let quoted: Vec<&str> = attributes.trim_end_matches('/').split('"').collect();
        assert!(quoted.len() % 2 == 1 || name.starts_with('!'), "<{tag}>");
        for attribute in quoted.iter().step_by(2).map(|text| text.trim().trim_end_matches('=')) {
            assert!(
                !attribute.starts_with("on") && attribute != "style" && !attribute.contains(['\'', '<']),
                "<{tag}>"
            );
        }
        if let Some(id) = attributes.split("id=\"").nth(1) {
            assert!(names.insert(id.split('"').next().unwrap()), "<{tag}>");
        }
        match name.strip_prefix('/') {
            Some(ended) => assert_eq!(open.pop(), Some(ended), "</{ended}>"),
            None if tag.ends_with('/') || ["!doctype", "meta", "link"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let levels = page.split("<h").filter_map(|rest| rest[..1].parse::<u8>().ok());
    levels.fold(0, |before, level| {
        assert!(level <= before + 1, "h{level} after h{before}");
        level
    });
}

/// The text of the page without its markup.
fn text(page: &str) -> String {
    let shown = page.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text).collect::<Vec<_>>();
    shown.join(" ").replace('\u{a0}', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn record(bench: &Bench, points: &[Point]) {
    let now = bench.clock.now();
    let zone = &bench.config.zone;
    let scene = Scene { now, zone, origin: Origin::Database, stale_after: now + Duration::from_secs(600) };
    let history = (SCRIBE.history)(points, &scene);
    let attempt = bench.attempt();
    bench.cell.publish(|next| {
        let decisions = next.metrics.value.as_deref().and_then(|metrics| metrics.decisions.clone());
        let history = Some(Arc::new(Feed { origin: Origin::Database, published: now, content: history }));
        next.metrics.succeed(Arc::new(Metrics { decisions, history }), attempt);
    });
}

/// Points each five minutes until now, the last one numbered 0.
fn points(now: Timestamp, count: u64, value: impl Fn(u64) -> (Option<f64>, Option<f64>)) -> Vec<Point> {
    let point = |back: u64| {
        let (soc_pct, pv_power_w) = value(back);
        Point { at: now - Duration::from_secs(300 * back), soc_pct, pv_power_w }
    };
    (0..count).rev().map(point).collect()
}

fn full() -> Bench {
    let bench = Bench::new("");
    bench.show(READING, 30, Origin::Database);
    bench.publish_prices(
        ["2026-11-22", "2026-11-23"]
            .map(|day| bench.priced_day(day, |quarter| (quarter / 4 != 5).then_some((quarter as i64 - 40) * 12_345))),
    );
    bench.decide(&[(10, "wait", r#"{"confidence": 0.727}"#), (100, "charge", "{}"), (200, "charge", "{}")]);
    let wave = |back: u64| {
        let holds = !(100..110).contains(&back);
        let wave = (back as f64 / 30.0).sin();
        (holds.then_some((50.0 + 40.0 * wave).round()), holds.then_some((3_655.0 * wave).max(0.0).round()))
    };
    record(&bench, &points(bench.clock.now(), 288, wave));
    bench
}

#[test]
fn the_whole_house_in_both_languages() {
    let bench = full();
    let english = text(&page(&bench, "?lang=en"));
    for words in [
        "As of 22/11/2026, 14:00:00; the page refreshes itself each minute.",
        "Solar panels 3.66 kW House – the coordinator recorded none",
        "Battery 15.5% charging with 1.70 kW",
        "Grid 0.25 kW buying 30 sec ago, database",
        "bought 3.50 kWh",
        "sold 1,234.25 kWh",
        "Decisions today 3 (charge 2, wait 1, sell 0)",
        "Wait confidence 73%",
        "Where the line breaks, nothing was measured.",
        "Coordinator: unknown",
    ] {
        assert!(english.contains(words), "{words}: {english}");
    }
    let polish = text(&page(&bench, "?lang=pl"));
    for words in [
        "Stan z 22.11.2026, 14:00:00; strona odświeża się co minutę.",
        "Panele 3,66 kW Dom – koordynator tego nie zapisał",
        "Bateria 15,5% ładuje się mocą 1,70 kW",
        "sprzedano 1234,25 kWh",
        "Czekanie pewność 73%",
        "Ujemne ceny: 22.11, 00:00–04:00; 23.11, 00:00–04:00.",
    ] {
        assert!(polish.contains(words), "{words}: {polish}");
    }
    assert!(!english.contains("DEMO") && !polish.contains("Wait"));
}

#[test]
fn the_extremes_are_the_apis() {
    let empty_day = |_| None;
    let same = |_| Some(100_000);
    let falling = |quarter: usize| Some(300_000 - quarter as i64 * 7_001);
    let holes = |quarter: usize| (!quarter.is_multiple_of(7)).then_some(((quarter * 37) % 96) as i64 * 3_333 - 90_000);
    let days: [&dyn Fn(usize) -> Option<i64>; 4] = [&empty_day, &same, &falling, &holes];
    let mut drawn = 0;
    for now in ["2026-11-22T13:00:00Z", "2026-03-28T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-24T21:59:00Z"] {
        for (first, second) in [(1, 2), (3, 0), (2, 3), (3, 1), (0, 3), (0, 0)] {
            let bench = Bench::new("");
            bench.clock.set_wall(now.parse().unwrap());
            let today = bench.config.zone.date(bench.clock.now());
            let priced = [(today, first), (today.tomorrow().unwrap(), second)]
                .map(|(date, kind)| bench.priced_day(&date.to_string(), days[kind]));
            bench.publish_prices(priced);
            bench.decide(&[]);
            let wave = |back: u64| {
                let wave = (back as f64 / 17.0 + first as f64).sin();
                (
                    (!back.is_multiple_of(11)).then_some(50.0 + 49.0 * wave),
                    (!back.is_multiple_of(5)).then_some((3_655.5 * wave).max(0.0)),
                )
            };
            record(&bench, &points(bench.clock.now(), 288, wave));
            for language in words::all() {
                let page = page(&bench, &format!("?lang={}", language.code));
                let (_, state) = bench.ask("/api/v1/state");
                let (_, history) = bench.ask("/historical-data");
                let buying = ["today", "tomorrow"].into_iter().flat_map(|day| {
                    state["prices"][day]["slots"].as_array().into_iter().flatten().map(|slot| slot[0].as_f64())
                });
                let series =
                    |name: &str| history[name].as_array().unwrap().iter().map(Value::as_f64).collect::<Vec<_>>();
                for (of, values) in [
                    ("/api/v1/state#/prices", buying.collect::<Vec<_>>()),
                    ("/historical-data#/soc_data", series("soc_data")),
                    ("/historical-data#/pv_power_data", series("pv_power_data")),
                ] {
                    let known = || values.iter().copied().flatten();
                    let chart = page.split("<svg role").find(|part| part.contains(&format!("data-series=\"{of}\"")));
                    let (Some(least), Some(most)) = (known().reduce(f64::min), known().reduce(f64::max)) else {
                        assert!(chart.is_none(), "{of}");
                        continue;
                    };
                    let told = format!("data-min=\"{}\" data-max=\"{}\"", json!(least), json!(most));
                    assert!(chart.unwrap().contains(&told), "{told} {of} {now}");
                    // And in words, beside it and for whoever cannot see it.
                    let how = match of {
                        "/api/v1/state#/prices" => super::As::Price,
                        "/historical-data#/soc_data" => super::As::Percent,
                        _ => super::As::Kilowatt,
                    };
                    for value in [least, most] {
                        let written = how.write(value, language);
                        assert!(chart.unwrap().matches(&written).count() >= 2, "{written} {of} {now}");
                    }
                    drawn += 1;
                }
            }
        }
    }
    assert_eq!(drawn, 2 * 4 * (6 * 3 - 1));
}

#[test]
fn days_of_23_and_25_hours() {
    for (now, expected) in [
        // The lowest price of spring's day is that of 03:00, the first quarter after 01:45.
        ("2026-03-29T07:00:00Z", "Lowest: -PLN 0.70/kWh, 29/03, 03:00."),
        ("2026-10-25T07:00:00Z", "Lowest: -PLN 0.70/kWh, 25/10, 02:00 (UTC+02:00)."),
        ("2026-11-22T07:00:00Z", "Lowest: -PLN 0.70/kWh, 22/11, 02:00."),
    ] {
        let bench = Bench::new("");
        bench.clock.set_wall(now.parse().unwrap());
        let date = bench.config.zone.date(bench.clock.now()).to_string();
        bench
            .publish_prices([bench.priced_day(&date, |quarter| Some(if quarter == 8 { -1_000_000 } else { 500_000 }))]);
        let text = text(&page(&bench, "?lang=en"));
        assert!(text.contains(expected), "{text}");
    }
    // The second pass of the hour has its own name.
    let bench = Bench::new("");
    bench.clock.set_wall("2026-10-25T01:20:00Z".parse().unwrap());
    let text = text(&page(&bench, "?lang=pl"));
    assert!(text.contains("Stan z 25.10.2026, 02:20:00 (UTC+01:00);"), "{text}");
}

#[test]
fn before_the_first_load_it_says_so() {
    let bench = Bench::new("");
    let polish = text(&page(&bench, "?lang=pl"));
    for words in [
        "Niczego jeszcze nie odczytano niczego jeszcze nie odczytano",
        "wattboard check",
        "Panele – niczego jeszcze nie odczytano",
        "ceny są jeszcze wczytywane",
        "nieznane decyzje są jeszcze wczytywane",
        "Ostatnie 24 godziny odczyty z ostatnich 24 godzin nie są jeszcze znane: są jeszcze wczytywane",
        "Nie ma cen, które można by narysować.",
        "wczytywanie",
    ] {
        assert!(polish.contains(words), "{words}: {polish}");
    }
    let english = page(&bench, "?lang=en");
    assert!(english.contains("Nothing has been read yet") && !english.contains("<svg"));
    assert!(!text(&page(&full(), "?lang=en")).contains("Nothing has been read yet"));
}

#[test]
fn what_is_old_is_said_to_be_old() {
    let bench = full();
    assert!(!page(&bench, "").contains("stale"));
    bench.clock.advance(Duration::from_secs(3_600));
    let (english, polish) = (page(&bench, "?lang=en"), page(&bench, "?lang=pl"));
    for class in ["power stale", "today stale", "last-day stale"] {
        assert!(english.contains(&format!("class=\"{class}\"")), "{class}");
    }
    assert!(text(&english).contains("old since 14:01, read 60 min ago, database"), "{english}");
    assert!(text(&polish).contains("nieaktualne od 14:01, odczyt 60 min temu, baza danych"), "{polish}");
    assert!(text(&polish).contains("dane mają 3630 s (z 13:59:30)"), "{polish}");
    // A clock that was set back: nobody knows how old it is.
    bench.clock.set_wall("2025-11-22T13:00:00Z".parse().unwrap());
    let text = text(&page(&bench, "?lang=pl"));
    assert!(text.contains("dane mają datę z przyszłości"), "{text}");
}

#[test]
fn no_text_of_the_site_becomes_markup() {
    const HOSTILE: &str =
        "</p></section><script>alert(1)</script><img src=x onerror='alert(1)'>\" onload=\"x\" &lt;b&gt;";
    let bench = full();
    let parameters = json!({ "confidence": HOSTILE });
    bench.decide(&[(10, HOSTILE, &parameters.to_string())]);
    let attempt = bench.attempt();
    let fault = Fault::io(HOSTILE);
    bench.cell.publish(|next| {
        let metrics = next.metrics.value.as_deref().unwrap();
        let feed = metrics.decisions.as_deref().unwrap();
        let mut newest = crate::model::decision::Decision::clone(feed.content.newest.as_deref().unwrap());
        newest.reason = HOSTILE.into();
        let feed = Feed {
            origin: feed.origin,
            published: feed.published,
            content: crate::snapshot::DecisionFeed {
                week: Arc::clone(&feed.content.week),
                day: Arc::clone(&feed.content.day),
                marks: feed.content.marks.clone(),
                newest: Some(Arc::new(newest)),
                mean_confidence_24h: None,
            },
        };
        let metrics = Metrics { decisions: Some(Arc::new(feed)), history: None };
        next.metrics.succeed(Arc::new(metrics), attempt);
        next.live.fail(&fault, attempt);
        next.metrics.fail(&fault, attempt);
        next.prices.fail(&fault, attempt);
        next.prices.value = None;
        next.process.fail(&fault, attempt);
        next.logs.fail(&fault, attempt);
        next.gone.insert("logs".into(), HOSTILE.into());
        Arc::make_mut(&mut next.months).error = Some(HOSTILE.into());
    });
    for code in ["en", "pl"] {
        let page = page(&bench, &format!("?lang={code}"));
        assert!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count() >= 8, "{page}");
        assert!(!page.contains("<script") && !page.contains("<img") && page.contains("&amp;lt;b&amp;gt;"));
    }
    // Nor does anything of the request.
    let query = "?lang=%22%3E%3Cscript%3E&refresh=%22%3E%3Cscript%3E";
    assert!(!page(&bench, query).contains("<script"));
}

#[test]
fn the_address_says_the_language_before_the_cookie_and_whether_it_is_loaded_anew() {
    let bench = full();
    let ask = |query: &str, headers: &[(&str, &str)]| {
        let (_, sent, body) = bench.ask_with(&format!("/lite{query}"), Method::Get, headers);
        (sent.contains(&"Refresh: 60".to_owned()), String::from_utf8(body).unwrap())
    };
    let polish: &[(&str, &str)] = &[("cookie", "language=pl; theme=dark")];
    for (query, headers, language, refreshes) in [
        ("", &[][..], "en", true),
        ("", polish, "pl", true),
        ("?lang=en", polish, "en", true),
        ("?lang=xx", polish, "pl", true),
        ("?lang=pl&refresh=off", &[], "pl", false),
        ("?refresh=on", &[], "en", true),
    ] {
        let (told, page) = ask(query, headers);
        assert!(page.contains(&format!("<html lang=\"{language}\"")), "{query}");
        assert_eq!(told, refreshes, "{query}");
    }
    assert!(ask("", polish).1.contains("data-theme=\"dark\""));
    // Links keep what was chosen, and ask for nothing that was not.
    for (query, links) in [
        ("", ["href=\"/lite?refresh=off\"", "href=\"/lite?lang=pl\""]),
        ("?lang=en", ["href=\"/lite?lang=en&amp;refresh=off\"", "href=\"/lite?lang=pl\""]),
        ("?refresh=off", ["href=\"/lite\"", "href=\"/lite?lang=pl&amp;refresh=off\""]),
        ("?lang=en&refresh=off", ["href=\"/lite?lang=en\"", "href=\"/lite?lang=pl&amp;refresh=off\""]),
    ] {
        let (_, page) = ask(query, &[]);
        for link in links {
            assert!(page.contains(link), "{query}: {link}");
        }
        assert!(page.contains("<a href=\"/\">"));
    }
}

#[test]
fn sending_rows_has_a_line_where_it_is_switched_on_and_its_error_is_told() {
    let bench = full();
    let (english, polish) = ("?lang=en", "?lang=pl");
    let shown = |query: &str| text(&page(&bench, query));
    assert!(!shown(english).contains("Time series engine"));
    let mut push = Push::new("http://db/api/v2/write (bucket b)".into());
    bench.cell.publish(|next| next.push = Some(Arc::new(push.clone())));
    assert!(shown(english).contains("Time series engine: nothing sent yet Source"), "{}", shown(english));
    push.state = State::UpToDate;
    push.last_success = Some(bench.clock.now() - Duration::from_secs(150));
    bench.cell.publish(|next| next.push = Some(Arc::new(push.clone())));
    assert!(shown(polish).contains("Baza szeregów czasowych: wszystko wysłane · 2 min temu"), "{}", shown(polish));
    push.state = State::Refused;
    push.error = Some("the engine answered HTTP 401: <b>who?</b>".into());
    bench.cell.publish(|next| next.push = Some(Arc::new(push.clone())));
    let told = page(&bench, english);
    assert!(told.contains("HTTP 401: &lt;b&gt;who?") && told.contains("\"health troubled\""), "{told}");
    assert!(shown(english).contains("Time series engine: refuses what is sent"), "{}", shown(english));
    let told = "baza szeregów czasowych odpowiedziała HTTP 401: &lt;b&gt;who?&lt;/b&gt;";
    assert!(shown(polish).contains(told), "{}", shown(polish));
}

#[test]
fn every_text_comes_from_the_catalogue_and_every_text_of_it_is_used() {
    let sources = [
        include_str!("mod.rs"),
        include_str!("charts.rs"),
        include_str!("health.rs"),
        include_str!("house.rs"),
        include_str!("numbers.rs"),
    ]
    .concat();
    let catalogue: Value = serde_json::from_str(include_str!("../../../../www/lang/en.json")).unwrap();
    let mut used = BTreeSet::new();
    for literal in sources.split('"').skip(1) {
        let Some((section, name)) = literal.split_once('.') else { continue };
        let is_key = ["nav", "common", "age", "now", "sources", "lite"].contains(&section)
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !is_key {
            continue;
        }
        // A prefix stands for all that begin so.
        let keys = catalogue[section].as_object().unwrap().keys();
        let found: Vec<_> = keys.filter(|key| *key == name || (name.ends_with('_') && key.starts_with(name))).collect();
        assert!(!found.is_empty() || name.is_empty(), "{literal} is not in the catalogue");
        used.extend(found.into_iter().map(|key| format!("{section}.{key}")));
    }
    let unused: Vec<_> =
        catalogue["lite"].as_object().unwrap().keys().filter(|key| !used.contains(&format!("lite.{key}"))).collect();
    assert!(unused.is_empty(), "{unused:?}");
    // What is put as markup has no words but names.
    for literal in sources.split(".put(\"").skip(1) {
        let markup = literal.split("\")").next().unwrap();
        let shown = ["\\n", "\\u{b7}", "\\u{2013}", "Wattboard", "wattboard check"];
        let markup = shown.iter().fold(markup.to_owned(), |text, name| text.replace(name, ""));
        let mut inside = !markup.starts_with('<');
        let has_words = markup.chars().any(|character| {
            inside = if inside { character != '>' } else { character == '<' };
            !inside && character.is_alphabetic()
        });
        let is_part = markup.len() < 5 || markup.contains(['<', '>', '"', '?', '=']);
        assert!(!has_words && is_part, "{markup}");
    }
}

//! This month in short, the coordinator and how every source is doing.

use serde_json::Value;

use super::super::{months, status};
use super::Sheet;
use super::answer::Answer;
use super::draft::Draft;
use super::numbers::{As, ago};

const SOURCES: [&str; 6] = ["live", "metrics", "prices", "process", "logs", "months"];

/// This month, as `/metrics` has it.
pub fn month(sheet: &Sheet<'_>, out: &mut Draft) {
    let words = sheet.language;
    let title = words.text("lite.month");
    let answer = Answer::of("/metrics", months::metrics(sheet.ask));
    let Some(answer) = sheet.begin_of(out, "month", answer, title) else { return };
    out.put("<table><tbody>");
    for (name, pointer, how) in [
        ("lite.month_charged", "/total_energy_charged_kwh", As::Energy),
        ("lite.month_cost", "/total_cost_pln", As::Money),
        ("lite.month_savings", "/total_savings_pln", As::Money),
        ("lite.month_price", "/avg_cost_per_kwh_pln", As::Price),
    ] {
        out.put("<tr><th scope=\"row\">").text(words.text(name)).put("</th><td>");
        // A zero that has a reason is no zero: nobody knows.
        let why = answer.why(pointer);
        if why.is_some() && answer.number(pointer) == Some(0.0) {
            sheet.dash(out);
        } else {
            sheet.figure(out, &answer, pointer, how);
        }
        sheet.reason(out, why);
        out.put("</td></tr>");
    }
    out.put("</tbody></table><p class=\"quiet\">").text(words.text("lite.month_estimated")).put("</p>");
    sheet.end_of(out, &answer);
}

/// The coordinator, the sending of rows where there is one, and the sources.
pub fn sources(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state, ask) = (sheet.language, &sheet.state, sheet.ask);
    let word = |name: &str| state.text(&format!("/sources/{name}/state")).unwrap_or_default();
    let is_troubled = SOURCES.into_iter().any(|name| !["ok", "loading"].contains(&word(name)));
    let running = state.at("/coordinator/running");
    let stopped = !sheet.is_demo() && running == &Value::Bool(false);
    let push = ask.snapshot.push.as_ref().and_then(|_| Answer::of("/status", status::status(ask)).ok());
    let wrong = push.as_ref().and_then(|push| push.text("/push/error"));
    sheet.begin(
        out,
        if is_troubled || stopped || wrong.is_some() { "health troubled" } else { "health" },
        false,
        words.text("now.health"),
    );
    if !is_troubled {
        out.put("<p>").text(words.text("now.health_good")).put("</p>");
    }
    out.put("<p>").text(words.text("now.coordinator")).put(": ");
    match (sheet.is_demo(), running) {
        (true, _) => out.text(words.text("now.coordinator_demo")),
        (false, Value::Bool(true)) => out.text(words.text("now.coordinator_running")),
        (false, Value::Bool(false)) => out.text(words.text("now.coordinator_stopped")),
        _ => out.text(words.text("common.unknown")),
    };
    out.put("</p>");
    if running.is_null() {
        sheet.reason(out, state.why("/coordinator"));
    }
    if let Some(push) = &push {
        out.put("<p>").text(words.text("sources.push")).put(": ");
        out.text(words.named("sources.push_", push.text("/push/state").unwrap_or_default()));
        if let Some(age) = push.text("/push/last_success").and_then(|at| sheet.since(at)) {
            out.put(" \u{b7} ").text(&ago(age, words));
        }
        out.put("</p>");
        sheet.reason(out, wrong);
    }
    out.put("<table class=\"sources\"><thead><tr>");
    for key in ["lite.source", "lite.state", "lite.age", "lite.trouble"] {
        out.put("<th scope=\"col\">").text(words.text(key)).put("</th>");
    }
    out.put("</tr></thead><tbody>");
    for name in SOURCES {
        let pointer = format!("/sources/{name}/age_s");
        out.put("<tr><th scope=\"row\">").text(words.named("sources.", name)).put("</th><td>");
        out.text(words.named("lite.state_", word(name))).put("</td><td>");
        match state.number(&pointer) {
            Some(age) => {
                out.text(&ago(age, words));
            }
            None => sheet.reason(out, state.why(&pointer)),
        }
        out.put("</td><td>");
        if let Some(error) = state.text(&format!("/sources/{name}/error")) {
            sheet.said(out, error);
        }
        out.put("</td></tr>");
    }
    out.put("</tbody></table></section>");
}

//! The house: power, the price now, the cheapest hours to come, the decision in force, today's sums.

use serde_json::Value;

use super::draft::Draft;
use super::numbers::As;
use super::{Origin, Sheet};

/// A device, where its main figure is, and how that is written.
const DEVICES: [(&str, &str, As); 4] = [
    ("now.pv", "/live/photovoltaic/current_power_w", As::Flow),
    ("now.house", "/live/house_consumption/current_power_w", As::Flow),
    ("now.battery", "/live/battery/soc_percent", As::Percent),
    ("now.grid", "/live/grid/current_power_w", As::Flow),
];
const BATTERY_POWER: &str = "/live/battery/power_w";

/// The four devices.
pub fn power(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state) = (sheet.language, &sheet.state);
    let origin = reading(sheet);
    sheet.begin(out, "power", origin.stale_since.is_some(), words.text("now.flow"));
    out.put("<div class=\"devices\">");
    for (name, pointer, how) in DEVICES {
        out.put("<div class=\"device\"><h3>").text(words.text(name)).put("</h3><p class=\"big\">");
        sheet.figure(out, state, pointer, how);
        out.put("</p>");
        sheet.missing(out, state, pointer);
        match name {
            "now.battery" => battery(sheet, out),
            "now.grid" => {
                if let Some(watts) = state.number(pointer) {
                    let key = by_sign(watts, ["now.grid_import", "now.grid_neutral", "now.grid_export"]);
                    out.put("<p>").text(words.text(key)).put("</p>");
                }
            }
            _ => {}
        }
        out.put("</div>");
    }
    out.put("</div>");
    sheet.reason(out, state.text("/live/data_warning"));
    sheet.age(out, &origin);
    out.put("</section>");
}

/// When the house was read, and where from.
fn reading<'a>(sheet: &'a Sheet<'_>) -> Origin<'a> {
    let state = &sheet.state;
    let is_stale = state.at("/live/stale") == &Value::Bool(true);
    Origin {
        at: state.text("/live/as_of"),
        age_s: state.number("/live/age_s"),
        stale_since: state.text("/live/stale_after").filter(|_| is_stale),
        source: state.text("/live/source").map_or("", |source| sheet.language.named("common.source_", source)),
    }
}

fn battery(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state) = (sheet.language, &sheet.state);
    let Some(watts) = state.number(BATTERY_POWER) else {
        // What is wrong with the device as a whole was said already.
        if state.knows("/live/battery/soc_percent") {
            sheet.missing(out, state, BATTERY_POWER);
        }
        return;
    };
    let key = by_sign(watts, ["now.battery_charging", "now.battery_resting", "now.battery_discharging"]);
    out.put("<p>").text(words.text(key)).put(" ");
    if watts != 0.0 {
        sheet.figure(out, state, BATTERY_POWER, As::Flow);
    }
    out.put("</p>");
}

/// Grid positive is export, battery positive is discharging.
fn by_sign(watts: f64, [negative, zero, positive]: [&'static str; 3]) -> &'static str {
    match watts {
        ..0.0 => negative,
        0.0 => zero,
        _ => positive,
    }
}

/// The price now.
pub fn price(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state) = (sheet.language, &sheet.state);
    const BUY: &str = "/prices/current/buy_pln_kwh";
    const SELL: &str = "/prices/current/sell_pln_kwh";
    sheet.begin(out, "price", false, words.text("now.price"));
    out.put("<p class=\"big\">");
    sheet.figure(out, state, BUY, As::Price);
    if state.number(BUY).is_some_and(|price| price < 0.0) {
        out.put(" (").text(words.text("now.price_negative")).put(")");
    }
    out.put("</p>");
    sheet.missing(out, state, BUY);
    let count = |pointer: &str| state.number(pointer).map(|count| As::Count.write(count, words));
    if let Some((rank, of)) = count("/prices/current/rank").zip(count("/prices/current/of")) {
        out.put("<p>").text(&words.filled("now.price_rank", &[("rank", &rank), ("of", &of)]));
        if let Some(trend) = state.text("/prices/current/trend") {
            out.put(", ").text(words.named("now.price_trend_", trend));
        }
        out.put("</p>");
    }
    if state.knows("/prices/current") {
        out.put("<p>").text(words.text("now.price_sell")).put(" ");
        sheet.figure(out, state, SELL, As::Price);
        out.put("</p>");
        sheet.missing(out, state, SELL);
    }
    if let Some(end) = state.text("/prices/current/end") {
        out.put("<p>").text(&words.filled("now.price_until", &[("time", &sheet.times.time(end))])).put("</p>");
    }
    if let Some(at) = state.text("/prices/today/provenance/fetched_at") {
        let source = state.text("/prices/today/provenance/source").unwrap_or_default();
        let source = words.named("common.source_", source);
        sheet.age(out, &Origin { at: Some(at), age_s: sheet.since(at), stale_since: None, source });
    }
    out.put("</section>");
}

/// The cheapest hours in a row that are still to come.
pub fn windows(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state) = (sheet.language, &sheet.state);
    sheet.begin(out, "windows", false, words.text("lite.windows"));
    let found = state.list("/prices/cheapest");
    if found.is_empty() {
        out.put("<p>").text(words.text("lite.none")).put("</p>");
        sheet.missing(out, state, "/prices/today");
        out.put("</section>");
        return;
    }
    out.put("<table><thead><tr>");
    for key in ["lite.window_length", "lite.window_time", "lite.window_price"] {
        out.put("<th scope=\"col\">").text(words.text(key)).put("</th>");
    }
    out.put("</tr></thead><tbody>");
    for (index, window) in found.iter().enumerate() {
        let hours = As::Count.write(window["hours"].as_f64().unwrap_or_default(), words);
        let time = |name: &str| window[name].as_str().unwrap_or_default();
        let (from, to) = (sheet.times.day_and_time(time("start")), sheet.times.time(time("end")));
        out.put("<tr><th scope=\"row\">").text(&words.filled("lite.hours", &[("n", &hours)])).put("</th><td>");
        out.text(&words.filled("lite.from_to", &[("from", &from), ("to", &to)])).put("</td><td>");
        sheet.figure(out, state, &format!("/prices/cheapest/{index}/mean_buy_pln_kwh"), As::Price);
        out.put("</td></tr>");
    }
    out.put("</tbody></table></section>");
}

/// The decision in force.
pub fn decision(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state) = (sheet.language, &sheet.state);
    sheet.begin(out, "decision", false, words.text("now.decision"));
    let Some(kind) = state.text("/decision/kind") else {
        out.put("<p class=\"big\">").text(words.text("common.unknown")).put("</p>");
        sheet.reason(out, state.why("/decision"));
        out.put("</section>");
        return;
    };
    out.put("<p class=\"big\">").text(words.named("now.decision_", kind)).put("</p>");
    if let Some(reason) = state.text("/decision/reason").filter(|reason| !reason.is_empty()) {
        out.put("<p><span class=\"site\" lang=\"\" dir=\"auto\">").text(reason).put("</span></p>");
    }
    out.put("<p>").text(words.text("now.decision_confidence")).put(" ");
    sheet.figure(out, state, "/decision/confidence", As::Share);
    out.put("</p>");
    sheet.missing(out, state, "/decision/confidence");
    if let Some(at) = state.text("/decision/decided_at") {
        let made = words.filled("now.decision_at", &[("time", &sheet.times.time(at))]);
        sheet.age(out, &Origin { at: Some(at), age_s: sheet.since(at), stale_since: None, source: &made });
    }
    out.put("</section>");
}

/// Since midnight.
pub fn today(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state) = (sheet.language, &sheet.state);
    let origin = reading(sheet);
    sheet.begin(out, "today", origin.stale_since.is_some(), words.text("now.today"));
    out.put("<table><tbody>");
    for (name, pointer) in [
        ("now.produced", "/today/produced_kwh"),
        ("now.consumed", "/today/consumed_kwh"),
        ("now.imported", "/today/imported_kwh"),
        ("now.exported", "/today/exported_kwh"),
    ] {
        out.put("<tr><th scope=\"row\">").text(words.text(name)).put("</th><td>");
        sheet.figure(out, state, pointer, As::Energy);
        sheet.missing(out, state, pointer);
        out.put("</td></tr>");
    }
    out.put("<tr><th scope=\"row\">").text(words.text("lite.decisions_today")).put("</th><td>");
    if state.knows("/today/decisions") {
        let count =
            |name: &str| As::Count.write(state.number(&format!("/today/decisions/{name}")).unwrap_or_default(), words);
        let given = ["total", "charging", "wait", "selling"].map(|name| (name, count(name)));
        let given = given.each_ref().map(|(name, count)| (*name, &**count));
        out.text(&words.filled("lite.decisions_counted", &given));
    } else {
        sheet.figure(out, state, "/today/decisions", As::Count);
        sheet.missing(out, state, "/today/decisions");
    }
    out.put("</td></tr></tbody></table>");
    sheet.age(out, &origin);
    out.put("</section>");
}

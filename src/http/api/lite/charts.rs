//! Prices of today and tomorrow, and the last 24 hours, as drawings with their extremes in words.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;

use super::super::history;
use super::Sheet;
use super::answer::Answer;
use super::draft::Draft;
use super::numbers::{As, local};
use super::svg::{Chart, Extremes, Shape, draw};

/// More slots than this are two days, which have room for half as many names.
const ONE_DAY: usize = 100;

/// Buying prices of today and tomorrow.
pub fn prices(sheet: &Sheet<'_>, out: &mut Draft) {
    let (words, state) = (sheet.language, &sheet.state);
    let title = words.text("now.price_strip");
    sheet.begin(out, "prices", false, title);
    let (starts, values) = slots(sheet);
    match Extremes::of(&values) {
        None => {
            out.put("<p>").text(words.text("lite.prices_none")).put("</p>");
        }
        Some(extremes) => {
            let time = |index: usize| sheet.times.day_and_time(&sheet.ask.rfc3339(starts[index]));
            let ticks = ticks(&starts, |at| sheet.ask.facts.zone.local(at), sheet, 1.0);
            let now = starts.iter().position(|start| *start > sheet.ask.now).unwrap_or(starts.len());
            let ends = starts.last().is_some_and(|last| sheet.ask.now < *last + SLOT);
            let now = (now > 0 && ends).then(|| {
                let passed = sheet.ask.now.duration_since(starts[now - 1]).as_secs_f64() / SLOT.as_secs_f64();
                ((now as f64 - 1.0 + passed) / starts.len() as f64, words.text("lite.prices_now"))
            });
            let told = Told {
                values: &values,
                ticks: &ticks,
                now,
                id: "prices",
                of: "/api/v1/state#/prices",
                shape: Shape::Bars,
                title,
                how: As::Price,
                reach: (0.0, 0.01),
                keys: ["lite.lowest", "lite.highest"],
            };
            chart(sheet, out, &told, extremes, time);
            negative(sheet, out, &starts, &values);
        }
    }
    sheet.missing(out, state, "/prices/today");
    // Both may lack for one reason.
    if state.knows("/prices/today") || state.why("/prices/today") != state.why("/prices/tomorrow") {
        sheet.missing(out, state, "/prices/tomorrow");
    }
    out.put("</section>");
}

const SLOT: SignedDuration = SignedDuration::from_mins(15);

/// The quarter-hours of both days that are known, and what each costs.
fn slots(sheet: &Sheet<'_>) -> (Vec<Timestamp>, Vec<Option<f64>>) {
    let days = ["/prices/today", "/prices/tomorrow"].into_iter().filter_map(|day| {
        let start: Timestamp = sheet.state.text(&format!("{day}/start"))?.parse().ok()?;
        Some((start, sheet.state.list(&format!("{day}/slots"))))
    });
    let each = days
        .flat_map(|(start, slots)| (0..).zip(slots).map(move |(index, slot)| (start + SLOT * index, slot[0].as_f64())));
    each.unzip()
}

/// When it is paid for what is taken.
fn negative(sheet: &Sheet<'_>, out: &mut Draft, starts: &[Timestamp], values: &[Option<f64>]) {
    let words = sheet.language;
    let is_negative = |index: usize| values.get(index).copied().flatten().is_some_and(|value| value < 0.0);
    let begins = (0..values.len()).filter(|index| is_negative(*index) && (*index == 0 || !is_negative(index - 1)));
    let times: Vec<String> = begins
        .map(|begin| {
            let last = (begin..values.len()).take_while(|index| is_negative(*index)).last().unwrap_or(begin);
            let from = sheet.times.day_and_time(&sheet.ask.rfc3339(starts[begin]));
            let to = sheet.times.time(&sheet.ask.rfc3339(starts[last] + SLOT));
            words.filled("lite.from_to", &[("from", &from), ("to", &to)])
        })
        .collect();
    if !times.is_empty() {
        let text = words.filled("lite.price_negative", &[("times", &times.join("; "))]);
        out.put("<p><strong>").text(&text).put("</strong></p>");
    }
}

/// State of charge and PV power of the last 24 hours.
pub fn last_day(sheet: &Sheet<'_>, out: &mut Draft) {
    let words = sheet.language;
    let title = words.text("lite.last_day");
    let answer = Answer::of("/historical-data", history::answer(sheet.ask));
    let Some(answer) = sheet.begin_of(out, "last-day", answer, title) else { return };
    let times = clock(&answer);
    let ticks = ticks(&times, |time| time, sheet, 0.0);
    let mut has_holes = false;
    for (id, title, how, reach, keys, [of, range]) in [
        (
            "soc",
            words.text("lite.soc"),
            As::Percent,
            100.0,
            ["lite.soc_lowest", "lite.soc_highest"],
            ["/historical-data#/soc_data", "/soc_range"],
        ),
        (
            "pv",
            words.text("lite.pv"),
            As::Kilowatt,
            0.1,
            ["lite.pv_lowest", "lite.pv_highest"],
            ["/historical-data#/pv_power_data", "/pv_peak"],
        ),
    ] {
        out.put("<h3>").text(title).put("</h3>");
        let pointer = of.trim_start_matches("/historical-data#");
        let values: Vec<Option<f64>> = answer.list(pointer).iter().map(Value::as_f64).collect();
        let Some(extremes) = Extremes::of(&values) else {
            sheet.reason(out, answer.why(range));
            continue;
        };
        has_holes |= values.contains(&None);
        let (values, ticks, reach) = (&values, &ticks, (0.0, reach));
        let told = Told { id, of, shape: Shape::Line, title, how, reach, keys, values, ticks, now: None };
        chart(sheet, out, &told, extremes, |index| sheet.times.naive(times[index]));
    }
    if has_holes {
        out.put("<p class=\"quiet\">").text(words.text("lite.holes")).put("</p>");
    }
    sheet.end_of(out, &answer);
}

/// When each point is. The answer tells hours and minutes, and when it was made: the last point is the newest one before.
/// From one point to the one before it is a day earlier where the clock goes forward by half a day and more.
fn clock(answer: &Answer) -> Vec<DateTime> {
    let Some(made) = answer.text("/as_of").and_then(local) else { return Vec::new() };
    let labels = answer.list("/timestamps").iter().map(|label| label.as_str().and_then(|label| label.parse().ok()));
    let labels: Vec<jiff::civil::Time> = labels.map(Option::unwrap_or_default).collect();
    let mut later = made.time();
    let mut date = made.date();
    let mut found: Vec<DateTime> = labels
        .iter()
        .rev()
        .map(|label| {
            if i32::from(label.hour()) - i32::from(later.hour()) > 12 {
                date = date.saturating_sub(1.day());
            }
            later = *label;
            date.to_datetime(*label)
        })
        .collect();
    found.reverse();
    found
}

/// What is told of a series.
struct Told<'a> {
    id: &'static str,
    of: &'static str,
    shape: Shape,
    title: &'a str,
    how: As,
    reach: (f64, f64),
    /// The texts for the least and for the greatest value.
    keys: [&'static str; 2],
    values: &'a [Option<f64>],
    ticks: &'a [(f64, String)],
    now: Option<(f64, &'a str)>,
}

/// The drawing and its extremes in words.
fn chart(sheet: &Sheet<'_>, out: &mut Draft, told: &Told<'_>, extremes: Extremes, time: impl Fn(usize) -> String) {
    let words = sheet.language;
    let ends = [extremes.least, extremes.most].map(|(index, value)| (told.how.write(value, words), time(index)));
    let sentences = [0, 1].map(|end| words.filled(told.keys[end], &[("value", &ends[end].0), ("time", &ends[end].1)]));
    let caption = match extremes.least.1 == extremes.most.1 {
        true => words.filled("lite.same", &[("value", &ends[0].0)]),
        false => sentences.join(" "),
    };
    let labels = [("lite.least", 0), ("lite.most", 1)].map(|(key, end)| words.filled(key, &[("value", &ends[end].0)]));
    out.put("<figure>");
    let drawing = Chart {
        id: told.id,
        of: told.of,
        shape: told.shape,
        title: told.title,
        values: told.values,
        reach: told.reach,
        ticks: told.ticks,
        now: told.now,
        labels: [&labels[0], &labels[1]],
        words: &caption,
    };
    draw(&drawing, out);
    out.put("<figcaption>").text(&caption).put("</figcaption></figure>");
}

/// Names along the axis where an hour begins that can be divided by six, or by twelve where there are two days: midnight
/// has the name of its day. `slot` is how wide a point is.
fn ticks<T: Copy>(points: &[T], clock: impl Fn(T) -> DateTime, sheet: &Sheet<'_>, slot: f64) -> Vec<(f64, String)> {
    let step = if slot > 0.0 && points.len() > ONE_DAY { 12 } else { 6 };
    let width = (points.len() as f64 - 1.0 + slot).max(1.0);
    let mut before: Option<i8> = None;
    let mut found = Vec::new();
    for (index, at) in points.iter().map(|point| clock(*point)).enumerate() {
        let begins = before.map_or(at.minute() == 0, |before| before != at.hour());
        before = Some(at.hour());
        if begins && at.hour() % step == 0 {
            let name = match at.hour() {
                0 => sheet.times.day_of_year(Some(at)),
                _ => at.strftime(&sheet.language.meta.time).to_string(),
            };
            found.push((index as f64 / width, name));
        }
    }
    found
}

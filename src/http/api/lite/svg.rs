//! Drawings that a browser of 2013 understands: what is drawn is stretched to the width, lines and texts keep their size.

use serde_json::Number;

use super::draft::Draft;

/// What is drawn is this high; above it are labels of the greatest value and of now, below it times and the least one.
const HEIGHT: f64 = 150.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 44.0;
/// Nearer to an end of the axis than this a label grows away from it.
const EDGE: f64 = 0.3;

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Steps from zero, as wide as their slot; those below zero are hatched.
    Bars,
    /// A line from point to point.
    Line,
}

/// Values along an axis of time; a hole is `None`.
pub struct Chart<'a> {
    /// Unique on the page.
    pub id: &'static str,
    /// Where the values stand in the API.
    pub of: &'static str,
    pub shape: Shape,
    pub title: &'a str,
    pub values: &'a [Option<f64>],
    /// The axis reaches these at least.
    pub reach: (f64, f64),
    /// Names for places of the axis, 0 to 1, in order.
    pub ticks: &'a [(f64, String)],
    /// Where now is, and the word for it.
    pub now: Option<(f64, &'a str)>,
    /// What is written at the least and at the greatest value.
    pub labels: [&'a str; 2],
    /// All of it in words.
    pub words: &'a str,
}

/// The least and the greatest value, each where it is first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    pub least: (usize, f64),
    pub most: (usize, f64),
}

impl Extremes {
    /// Of these values; `None` where there are none.
    pub fn of(values: &[Option<f64>]) -> Option<Self> {
        let mut known = values.iter().enumerate().filter_map(|(index, value)| Some((index, (*value)?)));
        let first = known.next()?;
        Some(known.fold(Self { least: first, most: first }, |found, (index, value)| Self {
            least: if value < found.least.1 { (index, value) } else { found.least },
            most: if value > found.most.1 { (index, value) } else { found.most },
        }))
    }
}

/// Where things of a chart are.
struct Scale {
    low: f64,
    high: f64,
    count: usize,
    shape: Shape,
}

impl Scale {
    /// Below the top of what is drawn.
    fn y(&self, value: f64) -> f64 {
        HEIGHT * (1.0 - (value - self.low) / (self.high - self.low))
    }

    /// Of the axis: the middle of a slot, or the point.
    fn share(&self, index: usize) -> f64 {
        match self.shape {
            Shape::Bars => (index as f64 + 0.5) / self.count as f64,
            Shape::Line => index as f64 / self.count.saturating_sub(1).max(1) as f64,
        }
    }

    /// How wide the axis is, in slots or in steps.
    fn width(&self) -> usize {
        if self.shape == Shape::Bars { self.count } else { self.count.saturating_sub(1).max(1) }
    }
}

/// Draws it; nothing where nothing is known.
pub fn draw(chart: &Chart<'_>, out: &mut Draft) {
    let Some(Extremes { least, most }) = Extremes::of(chart.values) else { return };
    let scale = Scale {
        low: least.1.min(chart.reach.0),
        high: most.1.max(chart.reach.1),
        count: chart.values.len(),
        shape: chart.shape,
    };
    let exact = |value| Number::from_f64(value).map(|number| number.to_string()).unwrap_or_default();
    out.put("<svg role=\"img\" width=\"100%\" height=\"").at(TOP + HEIGHT + BOTTOM).put("\" aria-labelledby=\"");
    out.text(chart.id).put("-title\" aria-describedby=\"").text(chart.id).put("-words\" data-series=\"").text(chart.of);
    out.put("\" data-min=\"").text(&exact(least.1)).put("\" data-max=\"").text(&exact(most.1)).put("\">");
    out.put("<title id=\"").text(chart.id).put("-title\">").text(chart.title).put("</title>");
    out.put("<desc id=\"").text(chart.id).put("-words\">").text(chart.words).put("</desc>");
    ticks(chart, out);
    out.put("<svg y=\"").at(TOP).put("\" width=\"100%\" height=\"").at(HEIGHT).put("\" viewBox=\"0 0 ");
    out.at(scale.width() as f64).put(" ").at(HEIGHT).put("\" preserveAspectRatio=\"none\" overflow=\"visible\">");
    match chart.shape {
        Shape::Bars => bars(chart, &scale, out),
        Shape::Line => line(chart.values, &scale, out),
    }
    out.put("</svg>");
    let zero = TOP + scale.y(scale.low.max(0.0));
    rule(out, "axis", (0.0, 1.0), (zero, zero));
    if let Some((share, word)) = chart.now {
        rule(out, "now", (share, share), (TOP - 8.0, TOP + HEIGHT));
        label(out, "label", (share, TOP - 10.0), share, word);
    }
    for ((index, value), y, text) in [
        (least, TOP + HEIGHT + BOTTOM - 6.0, chart.labels[0]),
        (most, TOP - if chart.now.is_some() { 26.0 } else { 10.0 }, chart.labels[1]),
    ] {
        let share = scale.share(index);
        out.put("<circle class=\"extreme\" r=\"5\" cx=\"").at(share * 100.0);
        out.put("%\" cy=\"").at(TOP + scale.y(value)).put("\"/>");
        label(out, "label", (share, y), share, text);
    }
    out.put("</svg>");
}

fn ticks(chart: &Chart<'_>, out: &mut Draft) {
    for (share, name) in chart.ticks {
        rule(out, "tick", (*share, *share), (TOP, TOP + HEIGHT + 4.0));
        let edge = if *share < 0.06 {
            0.0
        } else if *share > 0.94 {
            1.0
        } else {
            0.5
        };
        label(out, "time", (*share, TOP + HEIGHT + 18.0), edge, name);
    }
}

fn rule(out: &mut Draft, class: &'static str, x: (f64, f64), y: (f64, f64)) {
    out.put("<line class=\"").put(class).put("\" x1=\"").at(x.0 * 100.0).put("%\" x2=\"").at(x.1 * 100.0);
    out.put("%\" y1=\"").at(y.0).put("\" y2=\"").at(y.1).put("\"/>");
}

/// Text that stays on the drawing: near an end of the axis it grows towards its middle.
fn label(out: &mut Draft, class: &'static str, at: (f64, f64), side: f64, text: &str) {
    let anchor = if side < EDGE {
        "start"
    } else if side > 1.0 - EDGE {
        "end"
    } else {
        "middle"
    };
    out.put("<text class=\"").put(class).put("\" text-anchor=\"").put(anchor).put("\" x=\"").at(at.0 * 100.0);
    out.put("%\" y=\"").at(at.1).put("\">").text(text).put("</text>");
}

/// One outline for each run of slots on one side of zero, so that narrow bars do not become one blot.
fn bars(chart: &Chart<'_>, scale: &Scale, out: &mut Draft) {
    let zero = scale.y(scale.low.max(0.0));
    let outline = |is_of: fn(f64) -> bool, out: &mut Draft| {
        let mut inside = false;
        for (index, value) in chart.values.iter().map(|value| value.filter(|value| is_of(*value))).enumerate() {
            match (value, inside) {
                (Some(value), false) => {
                    out.put("M").at(index as f64).put(" ").at(zero).put("V").at(scale.y(value)).put("h1")
                }
                (Some(value), true) => out.put("V").at(scale.y(value)).put("h1"),
                (None, true) => out.put("V").at(zero).put("z"),
                (None, false) => continue,
            };
            inside = value.is_some();
        }
        if inside {
            out.put("V").at(zero).put("z");
        }
    };
    out.put("<path class=\"bar\" d=\"");
    outline(|value| value >= 0.0, out);
    out.put("\"/>");
    if chart.values.iter().flatten().any(|value| *value < 0.0) {
        // Only the height keeps its measure: the hatching lies flat.
        out.put("<defs><pattern id=\"").text(chart.id);
        out.put("-hatch\" patternUnits=\"userSpaceOnUse\" width=\"1\" height=\"6\"><rect class=\"hatch\" width=\"1\" height=\"2\"/></pattern></defs>");
        out.put("<path class=\"below\" vector-effect=\"non-scaling-stroke\" fill=\"url(#")
            .text(chart.id)
            .put("-hatch)\" d=\"");
        outline(|value| value < 0.0, out);
        out.put("\"/>");
    }
}

/// A hole is a hole; a point that is alone is a dot.
fn line(values: &[Option<f64>], scale: &Scale, out: &mut Draft) {
    out.put("<path class=\"line\" vector-effect=\"non-scaling-stroke\" d=\"");
    let mut before = None;
    for (index, value) in values.iter().enumerate() {
        if let Some(value) = value {
            out.put(if before.is_some() { "L" } else { "M" }).at(index as f64).put(" ").at(scale.y(*value));
            if before.is_none() && values.get(index + 1).copied().flatten().is_none() {
                out.put("h.01");
            }
        }
        before = *value;
    }
    out.put("\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(shape: Shape, values: &[Option<f64>]) -> String {
        let mut out = Draft::default();
        let chart = Chart {
            id: "x",
            of: "/x#/y",
            shape,
            title: "<t>",
            values,
            reach: (0.0, 1.0),
            ticks: &[(0.0, "00:00".into())],
            now: None,
            labels: ["low", "high"],
            words: "\"w\"",
        };
        draw(&chart, &mut out);
        out.done()
    }

    #[test]
    fn extremes_are_where_they_are_first() {
        for (values, expected) in [
            (&[][..], None),
            (&[None, None], None),
            (&[None, Some(2.0)], Some(((1, 2.0), (1, 2.0)))),
            (&[Some(1.0), Some(-3.0), None, Some(-3.0), Some(1.0)], Some(((1, -3.0), (0, 1.0)))),
        ] {
            let found = Extremes::of(values).map(|found| (found.least, found.most));
            assert_eq!(found, expected, "{values:?}");
        }
    }

    #[test]
    fn holes_stay_holes() {
        let line = drawn(Shape::Line, &[Some(0.0), Some(1.0), None, Some(0.5), None, Some(1.0), Some(1.0)]);
        assert!(line.contains("d=\"M0 150L1 0M3 75h.01M5 0L6 0\""), "{line}");
        let bars = drawn(Shape::Bars, &[Some(1.0), None, Some(0.5), Some(1.0)]);
        assert!(bars.contains("class=\"bar\" d=\"M0 150V0h1V150zM2 150V75h1V0h1V150z\""), "{bars}");
        assert!(!bars.contains("hatch") && drawn(Shape::Bars, &[None]).is_empty());
    }

    #[test]
    fn what_is_below_zero_is_hatched_and_hangs_from_the_axis() {
        let bars = drawn(Shape::Bars, &[Some(1.0), Some(-1.0), Some(-0.5), Some(0.0)]);
        assert!(bars.contains("class=\"bar\" d=\"M0 75V0h1V75zM3 75V75h1V75z\""), "{bars}");
        assert!(bars.contains("fill=\"url(#x-hatch)\" d=\"M1 75V150h1V112.5h1V75z\""), "{bars}");
        assert!(bars.contains("data-min=\"-1.0\" data-max=\"1.0\""), "{bars}");
        assert!(bars.contains("&lt;t&gt;") && bars.contains("&quot;w&quot;"), "{bars}");
    }
}

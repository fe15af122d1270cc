//! `/metrics` for monitoring, where it is asked for it, and `/metrics/prometheus`: all of [`crate::telemetry`] as
//! OpenMetrics 1.0 or as Prometheus' text format 0.0.4. Text of the site stands in labels only, escaped.

use std::fmt::Write;

use super::{Answer, Api, Ask, Bytes, Refusal, Request, months};
use crate::http::counters::Counters;
use crate::http::message::{Body, Response, header, ready};
use crate::http::negotiate::{MetricsForm, metrics_form, metrics_text_form};
use crate::telemetry::{self, Distribution, Edge, Family, Kind, Moment, Program, Sample, Value};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/metrics`: this month in short, unless monitoring asks.
pub fn negotiated(api: &Api, ask: &Ask<'_>, request: &Request) -> Result<Answer, Refusal> {
    answer(api, ask, "/metrics", metrics_form(request.list("accept")))
}

/// `/metrics/prometheus`: text, whoever asks.
pub fn text(api: &Api, ask: &Ask<'_>, request: &Request) -> Result<Answer, Refusal> {
    answer(api, ask, "/metrics/prometheus", metrics_text_form(request.list("accept")))
}

fn answer(api: &Api, ask: &Ask<'_>, path: &str, form: MetricsForm) -> Result<Answer, Refusal> {
    let key = match form {
        MetricsForm::Json => "json",
        MetricsForm::OpenMetrics => "openmetrics",
        MetricsForm::Text => "text",
    };
    api.kept(ask, path, key, true, |ask| {
        let response = match form {
            MetricsForm::Json => months::metrics(ask)?,
            MetricsForm::OpenMetrics => written(api, ask, form, OPENMETRICS),
            MetricsForm::Text => written(api, ask, form, TEXT),
        };
        Ok(response.with_header(header("Vary", "Accept")))
    })
}

fn written(api: &Api, ask: &Ask<'_>, form: MetricsForm, kind: &str) -> Response<Body> {
    let facts = ask.facts;
    let edge = api.counters.get().map(|(counters, _)| edge(counters));
    let moment = Moment {
        snapshot: &ask.snapshot,
        now: ask.now,
        instant: ask.instant,
        zone: &facts.zone,
        intervals: telemetry::Intervals {
            live: facts.live_interval,
            metrics: facts.metrics_interval,
            prices: facts.price_interval,
            process: facts.process_interval,
        },
        program: Program {
            version: env!("CARGO_PKG_VERSION"),
            is_demo: facts.demo,
            started: facts.started,
            started_at: facts.started_at,
        },
        edge: edge.as_ref(),
    };
    let text = Pen { site: &facts.site, form }.write(&telemetry::read(&moment));
    ready(200, kind, Bytes::Owned(text.into_bytes())).with_header(header("Cache-Control", "no-cache"))
}

fn edge(counters: &Counters) -> Edge {
    let found = counters.snapshot();
    let (buckets, count, sum) = counters.latencies.distribution();
    Edge {
        answers: [found.answers_2xx, found.answers_3xx, found.answers_4xx, found.answers_5xx],
        took: Distribution { buckets, count, sum },
        overloads: found.overloads,
        panics: found.panics,
        sent_bytes: found.bytes_sent,
        connections: found.open(),
        event_streams: found.event_streams,
    }
}

/// Writes families in one of the two formats.
struct Pen<'a> {
    site: &'a str,
    form: MetricsForm,
}

impl Pen<'_> {
    fn write(&self, families: &[(&Family, Vec<Sample<'_>>)]) -> String {
        let mut text = String::with_capacity(32 * 1024);
        for (family, samples) in families {
            self.head(family, &mut text);
            samples.iter().for_each(|sample| self.sample(family, sample, &mut text));
        }
        if self.form == MetricsForm::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }

    fn head(&self, family: &Family, text: &mut String) {
        let is_open = self.form == MetricsForm::OpenMetrics;
        let name = if is_open { family.name.into() } else { family.sample_name() };
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
            Kind::Info if is_open => "info",
            Kind::Info => "gauge",
        };
        line(text, format_args!("# TYPE {name} {kind}"));
        if is_open && !family.unit.is_empty() {
            line(text, format_args!("# UNIT {name} {}", family.unit));
        }
        line(text, format_args!("# HELP {name} {}", escaped(family.help)));
    }

    fn sample(&self, family: &Family, sample: &Sample<'_>, text: &mut String) {
        let mut labels = format!("site=\"{}\"", escaped(self.site));
        for (name, value) in &sample.labels {
            let _ = write!(labels, ",{name}=\"{}\"", escaped(value));
        }
        let name = family.sample_name();
        match &sample.value {
            Value::Number(number) => line(text, format_args!("{name}{{{labels}}} {number}")),
            Value::Distribution(found) => {
                for (bound, count) in &found.buckets {
                    line(text, format_args!("{name}_bucket{{{labels},le=\"{bound}\"}} {count}"));
                }
                line(text, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {}", found.count));
                line(text, format_args!("{name}_sum{{{labels}}} {}", found.sum));
                line(text, format_args!("{name}_count{{{labels}}} {}", found.count));
            }
        }
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Text takes whatever is written to it.
    let _ = writeln!(text, "{what}");
}

/// Text between quotes: what would end it or its line is written as both formats want it, other control characters,
/// which not every reader bears, are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            control if control.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;

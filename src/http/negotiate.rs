//! What a client can read, and what it has already: `Accept-Encoding`, `Accept` and `If-None-Match`. Pure.

/// Whether gzip is welcome (RFC 9110, 12.5.3): named, or covered by `*`, with a weight above 0 and not below that of
/// the plain form where that is named.
pub fn accepts_gzip<'a>(accept_encoding: impl Iterator<Item = &'a str>) -> bool {
    let (mut gzip, mut plain, mut any) = (None, None, None);
    for item in accept_encoding.flat_map(|list| list.split(',')) {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0))
        });
        let place = match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => &mut gzip,
            name if name.eq_ignore_ascii_case("identity") => &mut plain,
            "*" => &mut any,
            _ => continue,
        };
        place.get_or_insert(weight.unwrap_or(1.0));
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && plain.is_none_or(|plain| gzip >= plain)
}

/// Whether the client has what bears this tag (with its quotes), compared weakly, or anything at all: a star, which stands
/// alone (RFC 9110, 13.1.2).
pub fn has_already<'a>(if_none_match: impl Iterator<Item = &'a str>, tag: &str) -> bool {
    let mut items = if_none_match.flat_map(|list| list.split(',')).map(str::trim).peekable();
    let first = items.peek().copied();
    let (count, is_named) = items.fold((0_u32, false), |(count, is_named), item| {
        (count + 1, is_named || item.strip_prefix("W/").unwrap_or(item) == tag)
    });
    is_named || (count == 1 && first == Some("*"))
}

/// A form in which metrics are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsForm {
    /// As people and the page's sensors know them.
    Json,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Text,
}

/// What monitoring and others weigh: 0 where it is not welcome or not named.
#[derive(Debug, Default)]
struct Wishes {
    openmetrics: f32,
    /// `text/plain` with a version.
    text: f32,
    /// The most specific of `application/json`, `application/*`, `*/*`, or 1 where nothing is asked for.
    json: f32,
}

impl Wishes {
    fn of<'a>(accept: impl Iterator<Item = &'a str>) -> Self {
        let mut wishes = Self::default();
        let (mut specific, mut is_empty) = (0, true);
        for item in accept.flat_map(|list| list.split(',')).map(str::trim).filter(|item| !item.is_empty()) {
            is_empty = false;
            let mut parts = item.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut has_version) = (1.0, false);
            for (key, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
                match key.trim() {
                    key if key.eq_ignore_ascii_case("q") => {
                        weight = value.trim().parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
                    }
                    key => has_version |= key.eq_ignore_ascii_case("version"),
                }
            }
            match &*kind {
                "application/openmetrics-text" => wishes.openmetrics = wishes.openmetrics.max(weight),
                "text/plain" if has_version => wishes.text = wishes.text.max(weight),
                "application/json" => (specific, wishes.json) = (3, weight),
                "application/*" if specific <= 2 => (specific, wishes.json) = (2, weight),
                "*/*" if specific <= 1 => (specific, wishes.json) = (1, weight),
                _ => {}
            }
        }
        if is_empty { Self { json: 1.0, ..wishes } } else { wishes }
    }

    fn text_form(&self) -> MetricsForm {
        let is_named = self.openmetrics > 0.0 && self.openmetrics >= self.text;
        if is_named { MetricsForm::OpenMetrics } else { MetricsForm::Text }
    }
}

/// How `/metrics` is answered. Monitoring names its formats, with a version; whoever takes anything gets JSON, and so does
/// who takes none of the three.
pub fn metrics_form<'a>(accept: impl Iterator<Item = &'a str>) -> MetricsForm {
    let wishes = Wishes::of(accept);
    if wishes.openmetrics.max(wishes.text) <= 0.0 || wishes.json > wishes.openmetrics.max(wishes.text) {
        MetricsForm::Json
    } else {
        wishes.text_form()
    }
}

/// The same where JSON is not to be had: OpenMetrics where it is named, else the text format.
pub fn metrics_text_form<'a>(accept: impl Iterator<Item = &'a str>) -> MetricsForm {
    Wishes::of(accept).text_form()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS_2_42: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const PROMETHEUS_2_53: &str = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    const NATIVE_HISTOGRAMS: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const TELEGRAF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3";
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

    #[test]
    fn monitoring_names_its_formats_and_all_others_get_json() {
        use MetricsForm::{Json, OpenMetrics, Text};
        for (accept, form, text_form) in [
            (None, Json, Text),
            (Some(""), Json, Text),
            (Some("*/*"), Json, Text),
            (Some(BROWSER), Json, Text),
            (Some("application/json"), Json, Text),
            (Some("application/json, text/plain, */*"), Json, Text),
            (Some("text/plain"), Json, Text),
            (Some("text/plain; charset=utf-8"), Json, Text),
            (Some("text/html"), Json, Text),
            (Some(PROMETHEUS_2_42), OpenMetrics, OpenMetrics),
            (Some(PROMETHEUS_2_53), OpenMetrics, OpenMetrics),
            (Some(PROMETHEUS_3), OpenMetrics, OpenMetrics),
            (Some(NATIVE_HISTOGRAMS), OpenMetrics, OpenMetrics),
            (Some(TELEGRAF), Text, Text),
            (Some("text/plain;version=0.0.4;q=1,*/*;q=0.1"), Text, Text),
            (Some("text/plain;version=0.0.4"), Text, Text),
            (Some("text/plain; Version=\"1.0.0\"; q=0.2, */*;q=0.1"), Text, Text),
            (Some("Application/OpenMetrics-Text ; VERSION=1.0.0"), OpenMetrics, OpenMetrics),
            (Some("application/openmetrics-text"), OpenMetrics, OpenMetrics),
            (Some("application/openmetrics-text;q=0.2, text/plain;version=0.0.4;q=0.9"), Text, Text),
            (Some("application/openmetrics-text;q=0"), Json, Text),
            (Some("application/openmetrics-text;q=0, */*"), Json, Text),
            (Some("application/openmetrics-text;q=0.5, application/json"), Json, OpenMetrics),
            (Some("application/openmetrics-text, application/json;q=0.5"), OpenMetrics, OpenMetrics),
            (Some("application/openmetrics-text, */*"), OpenMetrics, OpenMetrics),
            (Some("*/*, application/json;q=0, text/plain;version=0.0.4;q=0.1"), Text, Text),
            (Some("application/*;q=0.1, */*, text/plain;version=0.0.4;q=0.5"), Text, Text),
            (Some("application/openmetrics-text;q=nonsense"), Json, Text),
            (Some("application/openmetrics-text;q=7"), Json, Text),
            (Some("application/openmetrics-textual"), Json, Text),
            (Some(";;,=,;q=1,application/openmetrics-text/x"), Json, Text),
        ] {
            assert_eq!(metrics_form(accept.into_iter()), form, "{accept:?}");
            assert_eq!(metrics_text_form(accept.into_iter()), text_form, "{accept:?}");
        }
        assert_eq!(metrics_form(["*/*;q=0.1", "text/plain;version=0.0.4"].into_iter()), Text, "one list");
    }

    #[test]
    fn encodings_by_weight() {
        for (header, expected) in [
            (None, false),
            (Some(""), false),
            (Some("gzip"), true),
            (Some("GZip , deflate, br"), true),
            (Some("deflate, br"), false),
            (Some("gzip;q=0"), false),
            (Some("gzip; q=0.0, *"), false),
            (Some("br;q=1.0, gzip;q=0.001"), true),
            (Some("*"), true),
            (Some("*;q=0"), false),
            (Some("identity, *;q=0.5"), false),
            (Some("gzip;q=nonsense"), false),
            (Some("gzipped"), false),
            (Some("x-gzip"), true),
            (Some(";q=1,,"), false),
            (Some("identity;q=1, gzip;q=0.5"), false),
            (Some("identity;q=0.5, gzip"), true),
        ] {
            assert_eq!(accepts_gzip(header.into_iter()), expected, "{header:?}");
        }
    }

    #[test]
    fn tags_are_compared_weakly() {
        for (header, expected) in [
            (None, false),
            (Some("\"abc\""), true),
            (Some("W/\"abc\""), true),
            (Some("\"x\", \"abc\""), true),
            (Some("*"), true),
            (Some("\"x\", *"), false),
            (Some("*, \"abc\""), true),
            (Some("\"abc-gz\""), false),
            (Some("abc"), false),
            (Some(""), false),
        ] {
            assert_eq!(has_already(header.into_iter(), "\"abc\""), expected, "{header:?}");
        }
    }

    #[test]
    fn headers_that_come_twice_are_one_list() {
        assert!(accepts_gzip(["br", "gzip"].into_iter()));
        assert!(!accepts_gzip(["gzip;q=0", "*"].into_iter()));
        assert!(has_already(["\"x\"", "\"abc\""].into_iter(), "\"abc\""));
    }
}

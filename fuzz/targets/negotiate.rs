//! `Accept-Encoding`, `Accept` and `If-None-Match`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wattboard::http::negotiate::{MetricsForm, accepts_gzip, has_already, metrics_form, metrics_text_form};

fn accepts(text: &str) -> bool {
    accepts_gzip(std::iter::once(text))
}

fn has(text: &str) -> bool {
    has_already(std::iter::once(text), TAG)
}

fn form(text: &str) -> MetricsForm {
    metrics_form(std::iter::once(text))
}

const TAG: &str = "\"3f9a-gz\"";

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let text = text.as_ref();

    let welcome = accepts(text);
    assert_eq!(welcome, accepts(&text.to_ascii_uppercase()), "names have no case");
    assert_eq!(welcome, accepts(&format!("{text} , br;q=0")), "other encodings say nothing of this one");
    assert!(accepts(&format!("gzip,{text}")));
    assert!(!accepts(&format!("gzip;q=0,{text}")));
    let lower = text.to_ascii_lowercase();
    assert!(!welcome || lower.contains("gzip") || lower.contains('*'), "nobody named it");
    if !lower.contains("gzip") {
        assert!(accepts(&format!("{text},gzip")) || lower.contains("identity"));
        assert!(!accepts(&format!("{text},gzip;q=0")));
    }

    let asked = form(text);
    assert_eq!(asked, form(&text.to_ascii_uppercase()), "types have no case");
    assert_ne!(metrics_text_form(std::iter::once(text)), MetricsForm::Json);
    if asked != MetricsForm::Json {
        assert_eq!(asked, metrics_text_form(std::iter::once(text)));
        assert!(lower.contains("application/openmetrics-text") || lower.contains("text/plain"), "nobody named it");
    }
    assert_eq!(form(&format!("application/openmetrics-text,{text}")), MetricsForm::OpenMetrics);

    let known = has(text);
    assert!(!known || text.trim() == "*" || text.contains(TAG));
    for listed in [format!("{TAG},{text}"), format!("{text} , W/{TAG}"), format!("\"x\", {TAG} ,{text}")] {
        assert!(has(&listed), "{listed:?}");
    }
    if !text.contains(TAG) {
        assert!(!has(&format!("\"x\",{text}")));
    }
});

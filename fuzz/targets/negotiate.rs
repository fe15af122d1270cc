//! `Accept-Encoding` and `If-None-Match`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wattboard::http::negotiate::{accepts_gzip, has_already};

const TAG: &str = "\"3f9a-gz\"";

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let text = text.as_ref();

    let welcome = accepts_gzip(Some(text));
    assert_eq!(welcome, accepts_gzip(Some(&text.to_ascii_uppercase())), "names have no case");
    assert_eq!(welcome, accepts_gzip(Some(&format!("identity,{text}"))), "other encodings say nothing of this one");
    assert_eq!(welcome, accepts_gzip(Some(&format!("{text} , br;q=0"))), "other encodings say nothing of this one");
    assert!(accepts_gzip(Some(&format!("gzip,{text}"))));
    assert!(!accepts_gzip(Some(&format!("gzip;q=0,{text}"))));
    let lower = text.to_ascii_lowercase();
    assert!(!welcome || lower.contains("gzip") || lower.contains('*'), "nobody named it");
    if !lower.contains("gzip") {
        assert!(accepts_gzip(Some(&format!("{text},gzip"))));
        assert!(!accepts_gzip(Some(&format!("{text},gzip;q=0"))));
    }

    let has = has_already(Some(text), TAG);
    assert!(!has || text.trim() == "*" || text.contains(TAG));
    for listed in [format!("{TAG},{text}"), format!("{text} , W/{TAG}"), format!("\"x\", {TAG} ,{text}")] {
        assert!(has_already(Some(&listed), TAG), "{listed:?}");
    }
    if !text.contains(TAG) {
        assert!(!has_already(Some(&format!("\"x\",{text}")), TAG));
    }
});

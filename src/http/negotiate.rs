//! What a client can read, and what it has already: `Accept-Encoding` and `If-None-Match`. Pure.

/// Whether gzip is welcome (RFC 9110, 12.5.3): named, or covered by `*`, with a weight above 0.
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut any = None;
    for item in accept_encoding.unwrap_or_default().split(',') {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
        });
        let welcome = weight.is_none_or(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => return welcome,
            "*" => any = Some(welcome),
            _ => {}
        }
    }
    any.unwrap_or(false)
}

/// Whether the client has what bears this tag (with its quotes), compared weakly (RFC 9110, 13.1.2).
pub fn has_already(if_none_match: Option<&str>, tag: &str) -> bool {
    let listed = if_none_match.unwrap_or_default();
    listed.trim() == "*" || listed.split(',').any(|item| item.trim().strip_prefix("W/").unwrap_or(item.trim()) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (Some("identity, *;q=0.5"), true),
            (Some("gzip;q=nonsense"), false),
            (Some("gzipped"), false),
            (Some("x-gzip"), true),
            (Some(";q=1,,"), false),
        ] {
            assert_eq!(accepts_gzip(header), expected, "{header:?}");
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
            (Some("\"abc-gz\""), false),
            (Some("abc"), false),
            (Some(""), false),
        ] {
            assert_eq!(has_already(header, "\"abc\""), expected, "{header:?}");
        }
    }
}

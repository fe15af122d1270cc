//! What a client can read, and what it has already: `Accept-Encoding` and `If-None-Match`. Pure.

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

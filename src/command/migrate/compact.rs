//! JSON without the space between its words, every digit and the order of keys as they were.

/// Python's words that are not JSON; they stand for null, as for whoever reads the site.
const NOT_NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// `text`, which was read as JSON before, on one line; Python's non-numbers become null.
pub fn compact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        match next {
            '"' => {
                in_string = !in_string;
                clean.push('"');
            }
            '\\' if in_string => {
                taken += rest[1..].chars().next().map_or(0, char::len_utf8);
                clean.push_str(&rest[..taken]);
            }
            _ if in_string => clean.push(next),
            ' ' | '\t' | '\n' | '\r' => {}
            '-' | 'I' | 'N' => match NOT_NUMBERS.iter().find(|word| rest.starts_with(**word)) {
                Some(word) => {
                    clean.push_str("null");
                    taken = word.len();
                }
                None => clean.push(next),
            },
            _ => clean.push(next),
        }
        rest = &rest[taken..];
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_between_words_goes() {
        for (text, expected) in [
            ("{\n  \"b\": 1.10,\t\"a\" : [ -2e-7, null ]\r\n}\n", r#"{"b":1.10,"a":[-2e-7,null]}"#),
            (r#"{"x": "a \" b\\", "ą ": " NaN"}"#, r#"{"x":"a \" b\\","ą ":" NaN"}"#),
            (r#"{"x": NaN, "y": -Infinity, "z": [Infinity, -1]}"#, r#"{"x":null,"y":null,"z":[null,-1]}"#),
            ("", ""),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(compact(text), expected);
        }
    }
}

//! Query strings and percent-encoding.

/// Decodes percent-encoding; `plus_is_space` as in queries. Broken escapes stay as they are, broken UTF-8 is replaced.
pub fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3))
            .flatten()
            // The parser of numbers alone would take a plus.
            .filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[index], escaped) {
            (_, Some(byte)) => {
                decoded.push(byte);
                index += 2;
            }
            (b'+', _) if plus_is_space => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        index += 1;
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A query's parameters.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Of a query string without its question mark.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key, true), decode(value, true))
                })
                .collect(),
        )
    }

    /// The first parameter of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let query = Query::parse("a=1&b=%C5%82%20x&c&=d&level=WARNING%2B&level=no&e=a+b&f=%zz%4");
        for (name, value) in
            [("a", "1"), ("b", "ł x"), ("c", ""), ("", "d"), ("level", "WARNING+"), ("e", "a b"), ("f", "%zz%4")]
        {
            assert_eq!(query.get(name), Some(value), "{name}");
        }
        assert_eq!(query.get("g"), None);
        assert_eq!(decode("%ff+", false), "\u{fffd}+");
        assert_eq!(decode("%é", true), "%é");
        assert_eq!(decode("%+b%+B", false), "%+b%+B");
        assert_eq!(decode("%+b%-1", true), "% b%-1");
    }
}

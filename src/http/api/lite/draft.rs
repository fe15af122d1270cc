//! The page while it is written. Markup can only be a text of the program; everything else is escaped, wherever it comes from.

/// HTML so far.
#[derive(Default)]
pub struct Draft(String);

impl Draft {
    /// Markup.
    pub fn put(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text that is shown, or the value of an attribute in quotes: it ends no element and no attribute, whatever it says.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // HTML has no place for them.
                other if other.is_control() && !other.is_ascii_whitespace() => self.0.push('\u{fffd}'),
                other => self.0.push(other),
            }
        }
        self
    }

    /// A coordinate: two decimals at most.
    pub fn at(&mut self, value: f64) -> &mut Self {
        let text = format!("{value:.2}");
        self.0.push_str(text.trim_end_matches('0').trim_end_matches('.'));
        self
    }

    /// All of it.
    pub fn done(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        for (hostile, harmless) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("' onload='x", "&#39; onload=&#39;x"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("a\0b\u{1b}[31m\u{85}", "a\u{fffd}b\u{fffd}[31m\u{fffd}"),
            ("one\n\ttwo ł", "one\n\ttwo ł"),
        ] {
            let mut draft = Draft::default();
            draft.put("<p>").text(hostile).put("</p>");
            assert_eq!(draft.done(), format!("<p>{harmless}</p>"));
        }
    }

    #[test]
    fn coordinates_are_short() {
        for (value, text) in [(0.0, "0"), (100.0, "100"), (12.345, "12.35"), (-0.5, "-0.5"), (10.10, "10.1")] {
            let mut draft = Draft::default();
            draft.at(value);
            assert_eq!(draft.done(), text);
        }
    }
}

//! Cells and lines: RFC 4180 (CR LF, quotes where they are needed) and lines of JSON, with a point before the decimals.
//!
//! A spreadsheet takes a cell for a formula that begins with `=`, `+`, `-` or `@`, also behind a tab or a line's end.
//! Texts come from elsewhere (decisions' reasons), so in CSV such a text is led by an apostrophe, which spreadsheets
//! take for "this is text" (OWASP, CSV injection). Numbers are no texts: a minus stays a minus. JSON is left as it is.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use jiff::Timestamp;

use super::Format;
use crate::base::units::Micro;
use crate::model::time::SiteZone;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Not known.
    Nothing,
    /// Somebody's words.
    Text(Cow<'a, str>),
    /// A number as it was recorded.
    Number(f64),
    /// An exact one.
    Exact(Micro),
    /// A count, or an identifier.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// JSON, in one line.
    Json(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// A text, where there is one.
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.into()))
    }

    /// A number, where there is one.
    pub fn number(number: Option<f64>) -> Self {
        number.filter(|number| number.is_finite()).map_or(Self::Nothing, Self::Number)
    }

    /// An exact number, where there is one.
    pub fn exact(number: Option<Micro>) -> Self {
        number.map_or(Self::Nothing, Self::Exact)
    }

    /// Local time with its offset.
    pub fn time(at: Timestamp, zone: &SiteZone) -> Self {
        Self::Text(zone.rfc3339(at).into())
    }

    fn write_csv(&self, line: &mut String) {
        match self {
            Self::Nothing => {}
            Self::Text(text) | Self::Json(text) => write_text(text, line),
            _ => self.write_plain(line),
        }
    }

    fn write_json(&self, line: &mut String) {
        match self {
            Self::Nothing => line.push_str("null"),
            Self::Text(text) => line.push_str(&serde_json::Value::from(text.as_ref()).to_string()),
            Self::Json(text) => line.push_str(text),
            _ => self.write_plain(line),
        }
    }

    /// Numbers, which look alike everywhere. No digit is lost, and none is written with an exponent.
    fn write_plain(&self, line: &mut String) {
        // Writing into a text cannot fail.
        let _ = match self {
            Self::Number(number) => write!(line, "{}", number + 0.0),
            Self::Whole(number) => write!(line, "{number}"),
            Self::Flag(flag) => write!(line, "{flag}"),
            Self::Exact(Micro(micro)) => {
                let (sign, size) = (if *micro < 0 { "-" } else { "" }, micro.unsigned_abs());
                let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
                line.push_str(text.trim_end_matches('0').trim_end_matches('.'));
                Ok(())
            }
            Self::Nothing | Self::Text(_) | Self::Json(_) => Ok(()),
        };
    }
}

/// Whether a spreadsheet might run it. The wide forms are those of Japanese keyboards.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn write_text(text: &str, line: &mut String) {
    let led = if is_formula(text) { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) {
        line.push('"');
        line.push_str(led);
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(led);
        line.push_str(text);
    }
}

/// A column: its name, with the unit, and what stands in it.
pub type Column<T> = (&'static str, for<'a> fn(&'a T, &'a SiteZone) -> Cell<'a>);

/// Writes lines.
pub struct Pen<'a> {
    format: Format,
    zone: &'a SiteZone,
    /// The line under the pen.
    line: String,
}

impl<'a> Pen<'a> {
    /// With local times of this zone.
    pub fn new(format: Format, zone: &'a SiteZone) -> Self {
        Self { format, zone, line: String::new() }
    }

    /// Writes the header, where there is one.
    pub fn begin<T>(&mut self, columns: &[Column<T>], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        if self.format == Format::JsonLines {
            return Ok(());
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        write!(out, "{}\r\n", names.join(","))
    }

    /// Writes a line for each row.
    pub fn rows<T>(&mut self, columns: &[Column<T>], rows: &[T], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        for row in rows {
            self.line.clear();
            match self.format {
                Format::Csv => self.csv(columns, row),
                Format::JsonLines => self.json(columns, row),
            }
            out.write_all(self.line.as_bytes())?;
        }
        Ok(())
    }

    fn csv<T>(&mut self, columns: &[Column<T>], row: &T) {
        for (index, (_, cell)) in columns.iter().enumerate() {
            if index > 0 {
                self.line.push(',');
            }
            cell(row, self.zone).write_csv(&mut self.line);
        }
        self.line.push_str("\r\n");
    }

    fn json<T>(&mut self, columns: &[Column<T>], row: &T) {
        for (index, (name, cell)) in columns.iter().enumerate() {
            self.line.push_str(if index == 0 { "{\"" } else { ",\"" });
            self.line.push_str(name);
            self.line.push_str("\":");
            cell(row, self.zone).write_json(&mut self.line);
        }
        self.line.push_str("}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column<Vec<Cell<'static>>>] = &[("a_w", |row, _| row[0].clone()), ("b", |row, _| row[1].clone())];

    fn written(format: Format, cells: [Cell<'static>; 2]) -> String {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let mut pen = Pen::new(format, &zone);
        let mut out = Vec::new();
        pen.rows(COLUMNS, &[cells.to_vec()], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_quoted_where_they_must_be_and_never_run() {
        for (text, csv) in [
            ("plain", "plain"),
            ("", ""),
            ("zażółć 🔋", "zażółć 🔋"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("a=1", "a=1"),
            (" =1", " =1"),
            ("=1+1", "'=1+1"),
            ("+48 123", "'+48 123"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "'＝1"),
        ] {
            let cells = || [Cell::Text(text.into()), Cell::Nothing];
            assert_eq!(written(Format::Csv, cells()), format!("{csv},\r\n"), "{text:?}");
            let line = written(Format::JsonLines, cells());
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value, serde_json::json!({"a_w": text, "b": null}), "JSON is no spreadsheet");
        }
    }

    #[test]
    fn numbers_are_decimals_with_a_point() {
        for (cell, text) in [
            (Cell::Number(0.1), "0.1"),
            (Cell::Number(-250.0), "-250"),
            (Cell::Number(-0.0), "0"),
            (Cell::Number(1e21), "1000000000000000000000"),
            (Cell::Number(1e-7), "0.0000001"),
            (Cell::Exact(Micro(-1_234_500)), "-1.2345"),
            (Cell::Exact(Micro(-1)), "-0.000001"),
            (Cell::Exact(Micro(0)), "0"),
            (Cell::Exact(Micro(100_000_000)), "100"),
            (Cell::Whole(-7), "-7"),
            (Cell::Flag(true), "true"),
        ] {
            assert_eq!(written(Format::Csv, [cell.clone(), Cell::Nothing]), format!("{text},\r\n"));
            assert_eq!(written(Format::JsonLines, [cell, Cell::Nothing]), format!("{{\"a_w\":{text},\"b\":null}}\n"));
        }
        assert_eq!(Cell::number(Some(f64::NAN)), Cell::Nothing);
        let json = || [Cell::Json("{\"a\":[1,\"=x\"]}".into()), Cell::number(None)];
        assert_eq!(written(Format::Csv, json()), "\"{\"\"a\"\":[1,\"\"=x\"\"]}\",\r\n");
        assert_eq!(written(Format::JsonLines, json()), "{\"a_w\":{\"a\":[1,\"=x\"]},\"b\":null}\n");
    }
}

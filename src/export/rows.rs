//! Cells and lines: RFC 4180 (CR LF, quotes where they are needed) and lines of JSON, with a point before the decimals;
//! in CSV for spreadsheets in Polish a comma.
//!
//! A spreadsheet may also take a text for a number or a date. One that could be is quoted: who imports has a switch that
//! leaves quoted cells as text. Numbers and our own times are never quoted.
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
    /// A date or a time of ours, ISO 8601.
    Moment(String),
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
        Self::Moment(zone.rfc3339(at))
    }

    /// Local time without its offset: spreadsheets take this for a date and a time, in any language.
    pub fn wall_time(at: Timestamp, zone: &SiteZone) -> Self {
        let mut text = zone.rfc3339(at);
        text.truncate("2026-11-22T00:00:00".len());
        Self::Moment(text)
    }

    fn write_csv(&self, line: &mut String, decimal_comma: bool) {
        match self {
            Self::Nothing => {}
            Self::Text(text) | Self::Json(text) => write_text(text, line),
            Self::Number(_) | Self::Exact(_) if decimal_comma => {
                let mut number = String::new();
                self.write_plain(&mut number);
                line.push_str(&number.replace('.', ","));
            }
            _ => self.write_plain(line),
        }
    }

    fn write_json(&self, line: &mut String) {
        match self {
            Self::Nothing => line.push_str("null"),
            Self::Text(text) => line.push_str(&serde_json::Value::from(text.as_ref()).to_string()),
            Self::Moment(text) => {
                line.push('"');
                line.push_str(text);
                line.push('"');
            }
            Self::Json(text) => line.push_str(text),
            _ => self.write_plain(line),
        }
    }

    /// What needs no quotes. No digit is lost, and none is written with an exponent.
    fn write_plain(&self, line: &mut String) {
        // Writing into a text cannot fail.
        let _ = match self {
            Self::Number(number) => write!(line, "{}", number + 0.0),
            Self::Whole(number) => write!(line, "{number}"),
            Self::Flag(flag) => write!(line, "{flag}"),
            Self::Exact(number) => write!(line, "{number}"),
            Self::Moment(text) => write!(line, "{text}"),
            Self::Nothing | Self::Text(_) | Self::Json(_) => Ok(()),
        };
    }
}

/// Whether a spreadsheet might run it. The wide forms are those of Japanese keyboards.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Whether it must be quoted: for a separator of some spreadsheet, or since it may look like a number or a date.
fn is_quoted(text: &str) -> bool {
    text.contains(['"', ',', ';', '\t', '\r', '\n']) || text.starts_with(|first: char| !first.is_alphabetic())
}

fn write_text(text: &str, line: &mut String) {
    let led = if is_formula(text) { "'" } else { "" };
    if is_quoted(text) {
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
        let (mark, separator) = match self.format {
            Format::JsonLines => return Ok(()),
            Format::Csv => ("", ","),
            Format::CsvPolish => ("\u{feff}", ";"),
        };
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        write!(out, "{mark}{}\r\n", names.join(separator))
    }

    /// Writes a line for each row.
    pub fn rows<T>(&mut self, columns: &[Column<T>], rows: &[T], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        for row in rows {
            self.line.clear();
            match self.format {
                Format::Csv => self.csv(columns, row, ',', false),
                Format::CsvPolish => self.csv(columns, row, ';', true),
                Format::JsonLines => self.json(columns, row),
            }
            out.write_all(self.line.as_bytes())?;
        }
        Ok(())
    }

    fn csv<T>(&mut self, columns: &[Column<T>], row: &T, separator: char, decimal_comma: bool) {
        for (index, (_, cell)) in columns.iter().enumerate() {
            if index > 0 {
                self.line.push(separator);
            }
            cell(row, self.zone).write_csv(&mut self.line, decimal_comma);
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
            ("a;b", "\"a;b\""),
            ("a\tb", "\"a\tb\""),
            ("1.25", "\"1.25\""),
            ("13:00", "\"13:00\""),
            (" 7", "\" 7\""),
            ("🔋", "\"🔋\""),
            (" =1", "\" =1\""),
            ("=1+1", "\"'=1+1\""),
            ("+48 123", "\"'+48 123\""),
            ("-5", "\"'-5\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "\"'＝1\""),
        ] {
            let cells = || [Cell::Text(text.into()), Cell::Nothing];
            assert_eq!(written(Format::Csv, cells()), format!("{csv},\r\n"), "{text:?}");
            assert_eq!(written(Format::CsvPolish, cells()), format!("{csv};\r\n"), "{text:?}");
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
            let polish = text.replace('.', ",");
            assert_eq!(written(Format::Csv, [cell.clone(), Cell::Nothing]), format!("{text},\r\n"));
            assert_eq!(written(Format::CsvPolish, [cell.clone(), Cell::Nothing]), format!("{polish};\r\n"));
            assert_eq!(written(Format::JsonLines, [cell, Cell::Nothing]), format!("{{\"a_w\":{text},\"b\":null}}\n"));
        }
        assert_eq!(Cell::number(Some(f64::NAN)), Cell::Nothing);
        let json = || [Cell::Json("{\"a\":[1,\"=x\"]}".into()), Cell::number(None)];
        assert_eq!(written(Format::Csv, json()), "\"{\"\"a\"\":[1,\"\"=x\"\"]}\",\r\n");
        assert_eq!(written(Format::JsonLines, json()), "{\"a_w\":{\"a\":[1,\"=x\"]},\"b\":null}\n");
        let fraction = || [Cell::Json("{\"a\":1.5}".into()), Cell::Moment("2026-11-22T00:00:00.25+01:00".into())];
        let polish = "\"{\"\"a\"\":1.5}\";2026-11-22T00:00:00.25+01:00\r\n";
        assert_eq!(written(Format::CsvPolish, fraction()), polish, "only numbers have a decimal comma");
    }

    #[test]
    fn a_time_without_offset_is_that_of_the_wall() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (at, time, wall) in [
            ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00", "2026-03-29T03:00:00"),
            ("2026-10-25T00:30:00.25Z", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00"),
            ("2026-10-25T01:30:00Z", "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(Cell::time(at, &zone), Cell::Moment(time.to_owned()));
            assert_eq!(Cell::wall_time(at, &zone), Cell::Moment(wall.to_owned()));
        }
    }

    #[test]
    fn a_spreadsheet_in_polish_is_told_that_it_is_utf_8() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (format, header) in
            [(Format::Csv, "a_w,b\r\n"), (Format::CsvPolish, "\u{feff}a_w;b\r\n"), (Format::JsonLines, "")]
        {
            let mut out = Vec::new();
            Pen::new(format, &zone).begin(COLUMNS, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), header);
        }
    }
}

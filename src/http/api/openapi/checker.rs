//! A small JSON Schema checker (2020-12, the keywords that the description uses), stricter than the standard in one
//! thing: a field that is not described is a fault.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Checks values against schemas of one document.
pub struct Checker<'a>(pub &'a Value);

/// Which fields of an object a schema describes.
enum Described {
    All,
    These(BTreeSet<String>),
}

impl Described {
    fn extend(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::These(mine), Self::These(more)) => mine.extend(more),
            (mine, Self::All) => *mine = Self::All,
            (Self::All, _) => {}
        }
    }
}

/// The patterns of the description, and texts that tell them apart: digits for `d`, everything else as it is.
const PATTERNS: [(&str, &str); 4] = [
    (r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}$", "dddd-dd-ddTdd:dd:dd.dddddd"),
    (r"^\d{4}-\d{2}$", "dddd-dd"),
    (r"^\d{2}:\d{2}$", "dd:dd"),
    (r"^\d{2}:00$", "dd:00"),
];

impl Checker<'_> {
    /// Everything that is wrong with a value, with its path.
    pub fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.located(schema, value, "", &mut faults);
        faults
    }

    /// What a `$ref` stands for; anything else is itself.
    pub fn resolved<'s>(&'s self, value: &'s Value) -> &'s Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap_or_default();
                self.resolved(self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => value,
        }
    }

    /// Checks the value at one place, all of whose fields must be described.
    fn located(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let described = self.check(schema, value, at, faults);
        if let (Described::These(described), Some(object)) = (described, value.as_object()) {
            let strange = object.keys().filter(|key| !described.contains(*key));
            faults.extend(strange.map(|key| format!("{at}.{key} is not described")));
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) -> Described {
        let schema = schema.as_object().unwrap_or_else(|| panic!("{schema} is no schema"));
        let says_nothing = schema.keys().all(|key| key == "description");
        let mut described = if says_nothing { Described::All } else { Described::These(BTreeSet::new()) };
        for (keyword, rule) in schema {
            let found = match keyword.as_str() {
                "$ref" => {
                    let whole = Map::from_iter([(keyword.clone(), rule.clone())]).into();
                    self.check(self.resolved(&whole), value, at, faults)
                }
                "allOf" => {
                    let mut all = Described::These(BTreeSet::new());
                    list(rule).iter().for_each(|part| all.extend(self.check(part, value, at, faults)));
                    all
                }
                "anyOf" | "oneOf" => self.choice(keyword, list(rule), value, at, faults),
                "properties" | "additionalProperties" => self.fields(schema, keyword, rule, value, at, faults),
                _ => {
                    self.plain(keyword, rule, value, at, faults);
                    continue;
                }
            };
            described.extend(found);
        }
        described
    }

    fn choice(&self, keyword: &str, parts: &[Value], value: &Value, at: &str, faults: &mut Vec<String>) -> Described {
        let mut described = Described::These(BTreeSet::new());
        let (mut fitting, mut rejected) = (0, Vec::new());
        for part in parts {
            let mut own = Vec::new();
            let found = self.check(part, value, at, &mut own);
            if own.is_empty() {
                fitting += 1;
                described.extend(found);
            }
            // That something is not null needs no telling.
            if part["type"] != "null" {
                rejected.extend(own);
            }
        }
        if fitting == 0 {
            if rejected.is_empty() {
                rejected.push(format!("{at} fits nothing of {keyword}"));
            }
            faults.extend(rejected);
            return Described::All;
        }
        if keyword == "oneOf" && fitting > 1 {
            faults.push(format!("{at} fits {fitting} of oneOf"));
        }
        described
    }

    fn fields(
        &self,
        schema: &Map<String, Value>,
        keyword: &str,
        rule: &Value,
        value: &Value,
        at: &str,
        faults: &mut Vec<String>,
    ) -> Described {
        let Some(object) = value.as_object() else { return Described::These(BTreeSet::new()) };
        let named = schema.get("properties").and_then(Value::as_object);
        if keyword == "properties" {
            let named = named.into_iter().flatten();
            let mut described = BTreeSet::new();
            for (name, part) in named {
                described.insert(name.clone());
                if let Some(value) = object.get(name) {
                    self.located(part, value, &format!("{at}.{name}"), faults);
                }
            }
            return Described::These(described);
        }
        let others = object.iter().filter(|(key, _)| named.is_none_or(|named| !named.contains_key(*key)));
        for (key, value) in others {
            match rule {
                Value::Bool(true) => {}
                Value::Bool(false) => faults.push(format!("{at}.{key} is not allowed")),
                part => self.located(part, value, &format!("{at}.{key}"), faults),
            }
        }
        Described::All
    }

    /// Keywords that describe no fields.
    fn plain(&self, keyword: &str, rule: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let fits = match keyword {
            "description" | "default" => true,
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is_of_type(name, value)),
                name => is_of_type(name, value),
            },
            "enum" => list(rule).contains(value),
            "const" => rule == value,
            "required" => {
                let lacking = list(rule).iter().filter(|name| name.as_str().is_none_or(|n| value.get(n).is_none()));
                let lacking: Vec<String> = lacking.map(ToString::to_string).collect();
                if value.is_object() && !lacking.is_empty() {
                    faults.push(format!("{at} lacks {}", lacking.join(", ")));
                }
                true
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    self.located(rule, value, &format!("{at}[{index}]"), faults);
                }
                true
            }
            "minItems" => value.as_array().is_none_or(|items| items.len() as f64 >= number(rule)),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as f64 <= number(rule)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as f64 >= number(rule)),
            "minimum" => value.as_f64().is_none_or(|value| value >= number(rule)),
            "maximum" => value.as_f64().is_none_or(|value| value <= number(rule)),
            "exclusiveMaximum" => value.as_f64().is_none_or(|value| value < number(rule)),
            "format" => value.as_str().is_none_or(|text| has_format(rule, text)),
            "pattern" => value.as_str().is_none_or(|text| has_pattern(rule, text)),
            other => panic!("{at}: the checker does not know {other}"),
        };
        if !fits {
            let shown: String = value.to_string().chars().take(100).collect();
            faults.push(format!("{at} is {shown}, against {keyword} {rule}"));
        }
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().unwrap_or_else(|| panic!("{rule} is no list"))
}

fn number(rule: &Value) -> f64 {
    rule.as_f64().unwrap_or_else(|| panic!("{rule} is no number"))
}

fn is_of_type(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => panic!("there is no type {name}"),
    }
}

fn has_format(format: &Value, text: &str) -> bool {
    match format.as_str() {
        Some("date-time") => text.as_bytes().get(10) == Some(&b'T') && text.parse::<jiff::Timestamp>().is_ok(),
        Some("date") => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        _ => panic!("the checker does not know the format {format}"),
    }
}

fn has_pattern(pattern: &Value, text: &str) -> bool {
    let known = PATTERNS.iter().find(|(known, _)| pattern == known);
    let (_, shape) = known.unwrap_or_else(|| panic!("the checker does not know the pattern {pattern}"));
    shape.chars().count() == text.chars().count()
        && shape.chars().zip(text.chars()).all(|(shape, c)| if shape == 'd' { c.is_ascii_digit() } else { shape == c })
}

//! Answers of the API as the page reads them: it shows what they say and nothing else.

use std::io::Read;

use serde_json::Value;

use super::super::{Refusal, Reply};

/// What a path answers.
pub struct Answer {
    /// The path.
    pub path: &'static str,
    value: Value,
}

impl Answer {
    /// Of this path, whose answer this is.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn of(path: &'static str, reply: Reply) -> Result<Self, Refusal> {
        let mut bytes = Vec::new();
        reply?.into_reader().read_to_end(&mut bytes).expect("memory can be read");
        Ok(Self { path, value: serde_json::from_slice(&bytes).expect("answers are JSON") })
    }

    /// What stands at a JSON pointer.
    pub fn at(&self, pointer: &str) -> &Value {
        self.value.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub fn number(&self, pointer: &str) -> Option<f64> {
        self.at(pointer).as_f64()
    }

    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).as_str()
    }

    pub fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether something is there.
    pub fn knows(&self, pointer: &str) -> bool {
        !self.at(pointer).is_null()
    }

    /// Why the value at a pointer is not known, or what is wrong with it: the reason given for it, or for what contains it.
    /// The house has reasons of its own.
    pub fn why(&self, pointer: &str) -> Option<&str> {
        let (reasons, inside) = match pointer.strip_prefix("/live/") {
            Some(inside) => ("/live/unknown", inside),
            None => ("/unknown", pointer.trim_start_matches('/')),
        };
        let reasons = self.at(reasons);
        let mut path = inside.replace('/', ".");
        loop {
            if let Some(why) = reasons[&path].as_str() {
                return Some(why);
            }
            path.truncate(path.rfind('.')?);
        }
    }
}

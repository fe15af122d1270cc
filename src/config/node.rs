//! YAML as the coordinator's Python reads it, and a lens that knows the path of every value it hands out.
//!
//! PyYAML and YAML 1.2 differ where it matters: the last one of repeated keys wins, `yes`/`no`/`on`/`off` are
//! booleans, `<<` merges. Here they mean what they mean to the coordinator.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::variables::{self, Variables};
use crate::base::fault::Fault;

/// One YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// `- a`.
    List(Vec<Node>),
    /// `key: value`, each key once.
    Map(Vec<(String, Node)>),
}

/// Parses a document; an empty one is an empty map.
pub fn parse(text: &str) -> Result<Node, serde_yaml::Error> {
    let node: Node = serde_yaml::from_str(text)?;
    Ok(if node == Node::Null { Node::Map(Vec::new()) } else { node })
}

impl Node {
    /// This with the keys of `top` laid over it, sections merged key by key; a key that is null in `top` is gone.
    #[must_use]
    pub fn overlaid(&self, top: &Self) -> Self {
        let (Self::Map(below), Self::Map(above)) = (self, top) else { return top.clone() };
        let mut entries = below.clone();
        for (key, value) in above {
            let place = entries.iter().position(|(name, _)| name == key);
            match (place, value) {
                (Some(index), Self::Null) => drop(entries.remove(index)),
                (Some(index), value) => entries[index].1 = entries[index].1.overlaid(value),
                (None, value) => entries.push((key.clone(), value.clone())),
            }
        }
        Self::Map(entries)
    }

    /// The whole number that it is.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a section"),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or(Node::Float(value as f64), Node::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut merged = Vec::new();
        while let Some((key, value)) = map.next_entry::<Node, Node>()? {
            let key = match key {
                Node::Text(text) => text,
                other => other.to_string(),
            };
            match (key.as_str(), value) {
                ("<<", Node::Map(base)) => merged.extend(base),
                ("<<", Node::List(bases)) => {
                    merged.extend(
                        bases
                            .into_iter()
                            .filter_map(|base| if let Node::Map(m) = base { Some(m) } else { None })
                            .flatten(),
                    );
                }
                (_, value) => match entries.iter_mut().find(|(name, _)| *name == key) {
                    Some(entry) => entry.1 = value,
                    None => entries.push((key, value)),
                },
            }
        }
        for (key, value) in merged {
            if !entries.iter().any(|(name, _)| *name == key) {
                entries.push((key, value));
            }
        }
        Ok(Node::Map(entries))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Node, A::Error> {
        // A tagged value (`!something x`): the value counts, the tag is another program's affair.
        let (_tag, content): (String, _) = access.variant()?;
        content.newtype_variant()
    }
}

/// A document, or a section of one, with the name of the file that it came from. Keys are dotted paths.
#[derive(Debug, Clone)]
pub struct Doc<'a> {
    file: &'a str,
    /// The path of the section within the file; empty for the whole.
    place: String,
    root: &'a Node,
    variables: Variables,
}

impl<'a> Doc<'a> {
    /// A lens on `root`, read from `file`, whose texts name variables of this process's environment.
    pub fn new(file: &'a str, root: &'a Node) -> Self {
        Self { file, place: String::new(), root, variables: variables::of_process }
    }

    /// The same with another environment.
    #[must_use]
    pub fn with_variables(self, variables: Variables) -> Self {
        Self { variables, ..self }
    }

    /// A lens on another node, which errors are to call by this section's name with `note` after it.
    pub fn noted<'b>(&self, note: &str, root: &'b Node) -> Doc<'b>
    where
        'a: 'b,
    {
        Doc { file: self.file, place: format!("{}{note}", self.place), root, variables: self.variables }
    }

    /// The section at a path; an empty one where there is nothing.
    pub fn section(&self, path: &str) -> Self {
        Self { place: self.path(path), root: self.get(path).unwrap_or(&Node::Null), ..*self }
    }

    /// The section of this very key, dots and all.
    pub fn entry(&self, key: &str) -> Option<Self> {
        #[cfg(test)]
        asked::note(self.file, self.path(key));
        let root = self.root.get(key).filter(|node| **node != Node::Null)?;
        Some(Self { place: self.path(key), root, ..*self })
    }

    /// What the lens looks at.
    pub fn node(&self) -> &'a Node {
        self.root
    }

    /// The path of a key from the top of the file.
    pub fn path(&self, key: &str) -> String {
        match (self.place.as_str(), key) {
            ("", key) => key.to_owned(),
            (place, "") => place.to_owned(),
            (place, key) => format!("{place}.{key}"),
        }
    }

    /// The value at a path ("" for the section itself); null counts as absent.
    pub fn get(&self, path: &str) -> Option<&'a Node> {
        #[cfg(test)]
        asked::note(self.file, self.path(path));
        let mut node = self.root;
        for key in path.split('.').filter(|key| !key.is_empty()) {
            node = node.get(key)?;
        }
        Some(node).filter(|node| **node != Node::Null)
    }

    /// Nothing, when there is a section at a path or nothing at all.
    ///
    /// # Errors
    /// When there is something else.
    pub fn expect_section(&self, path: &str, allowed: &str) -> Result<(), Fault> {
        match self.get(path) {
            None | Some(Node::Map(_)) => Ok(()),
            Some(other) => Err(self.refuse_node(path, other, allowed)),
        }
    }

    /// The keys of the section at a path.
    pub fn keys(&self, path: &str) -> Vec<&'a str> {
        match self.get(path) {
            Some(Node::Map(entries)) => entries.iter().map(|(key, _)| key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// The error that a value is not one of those allowed.
    pub fn refuse(&self, path: &str, value: &str, allowed: &str) -> Fault {
        // What came out of the environment may be a secret.
        let value = match self.get(path) {
            Some(Node::Text(text)) if variables::has_reference(text) => format!("{text:?}"),
            Some(Node::List(items)) if items.iter().any(has_reference) => "a list with variables".to_owned(),
            _ => value.to_owned(),
        };
        self.wrong(path, &format!("{value} is not allowed; it must be {allowed}"))
    }

    /// The error that a value is needed.
    pub fn needed(&self, path: &str, what: &str) -> Fault {
        Fault::invalid(format!("{}: {} is missing; it must be {what}", self.file, self.path(path)))
    }

    /// The error that what stands at a path cannot be.
    pub fn wrong(&self, path: &str, why: &str) -> Fault {
        Fault::invalid(format!("{}: {}: {why}", self.file, self.path(path)))
    }

    fn refuse_node(&self, path: &str, node: &Node, allowed: &str) -> Fault {
        self.refuse(path, &node.to_string(), allowed)
    }

    /// Text, with the environment's variables in their places.
    ///
    /// # Errors
    /// When there is a value that is not text, or a variable is missing.
    pub fn text(&self, path: &str) -> Result<Option<String>, Fault> {
        match self.get(path) {
            None => Ok(None),
            Some(Node::Text(text)) => self.expand(path, text).map(Some),
            Some(other) => Err(self.refuse_node(path, other, "text")),
        }
    }

    /// The same of a secret: an error tells what is wrong with its variables, or nothing.
    ///
    /// # Errors
    /// As [`Doc::text`].
    pub fn secret_text(&self, path: &str) -> Result<Option<String>, Option<String>> {
        match self.get(path) {
            None => Ok(None),
            Some(Node::Text(text)) => variables::expand(text, self.variables).map(Some).map_err(Some),
            Some(_) => Err(None),
        }
    }

    fn expand(&self, path: &str, text: &str) -> Result<String, Fault> {
        variables::expand(text, self.variables).map_err(|why| self.wrong(path, &why))
    }

    /// A list of texts; absent is empty.
    ///
    /// # Errors
    /// When there is a value that is not a list of texts.
    pub fn texts(&self, path: &str) -> Result<Vec<String>, Fault> {
        match self.get(path) {
            None => Ok(Vec::new()),
            Some(Node::List(items)) => items
                .iter()
                .map(|item| match item {
                    Node::Text(text) => self.expand(path, text),
                    other => Err(self.refuse_node(path, other, "a list of texts")),
                })
                .collect(),
            Some(other) => Err(self.refuse_node(path, other, "a list of texts")),
        }
    }

    /// A finite number.
    ///
    /// # Errors
    /// When there is a value that is not one.
    pub fn number(&self, path: &str) -> Result<Option<f64>, Fault> {
        match self.get(path) {
            None => Ok(None),
            Some(Node::Int(value)) => Ok(Some(*value as f64)),
            Some(Node::Float(value)) if value.is_finite() => Ok(Some(*value)),
            Some(other) => Err(self.refuse_node(path, other, "a number")),
        }
    }

    /// A boolean; `yes`, `no`, `on`, `off` count, as they do to the coordinator.
    ///
    /// # Errors
    /// When there is a value that is not one.
    pub fn boolean(&self, path: &str) -> Result<Option<bool>, Fault> {
        let node = match self.get(path) {
            None => return Ok(None),
            Some(Node::Bool(value)) => return Ok(Some(*value)),
            Some(node) => node,
        };
        if let Node::Text(text) = node {
            match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" => return Ok(Some(true)),
                "no" | "off" | "false" => return Ok(Some(false)),
                _ => {}
            }
        }
        Err(self.refuse_node(path, node, "true or false"))
    }

    /// A TCP port.
    ///
    /// # Errors
    /// When there is a value that is not one.
    pub fn port(&self, path: &str) -> Result<Option<u16>, Fault> {
        match self.get(path) {
            None => Ok(None),
            Some(node @ Node::Int(value)) => {
                u16::try_from(*value).map(Some).map_err(|_| self.refuse_node(path, node, "a port, 0 to 65535"))
            }
            Some(other) => Err(self.refuse_node(path, other, "a port, 0 to 65535")),
        }
    }

    /// The sections of a list.
    ///
    /// # Errors
    /// When there is a value that is not a list.
    pub fn list(&self, path: &str) -> Result<Vec<Doc<'a>>, Fault> {
        match self.get(path) {
            None => Ok(Vec::new()),
            Some(Node::List(items)) => {
                let place = self.path(path);
                let item = |(index, root)| Doc { place: format!("{place}[{index}]"), root, ..*self };
                Ok(items.iter().enumerate().map(item).collect())
            }
            Some(other) => Err(self.refuse_node(path, other, "a list")),
        }
    }
}

fn has_reference(node: &Node) -> bool {
    matches!(node, Node::Text(text) if variables::has_reference(text))
}

/// Which keys were asked for on this thread: what the documentation of the config is compared with.
#[cfg(test)]
pub mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local!(static ASKED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) });

    /// Notes a key of a config; what presets are made of is not for configs.
    pub fn note(file: &str, path: String) {
        if !file.starts_with("preset ") {
            ASKED.with_borrow_mut(|asked| asked.insert(path));
        }
    }

    /// All of them since the last call.
    pub fn take() -> BTreeSet<String> {
        ASKED.take()
    }
}

//! Rates that come with the program: `config/tariffs/OPERATOR-YEAR.yaml`, compiled in.
//!
//! A file's own keys hold for each of its `tariffs`, unless that has the same key.

use crate::config::node::{self, Node};

const FILES: [(&str, &str); 3] = [
    ("tauron-2026", include_str!("../../../config/tariffs/tauron-2026.yaml")),
    ("pge-2026", include_str!("../../../config/tariffs/pge-2026.yaml")),
    ("energa-2026", include_str!("../../../config/tariffs/energa-2026.yaml")),
];

/// All presets, such as `tauron-2026/g12w`.
pub fn names() -> Vec<String> {
    FILES
        .into_iter()
        .flat_map(|(file, text)| tariffs(text).1.into_iter().map(move |(tariff, _)| format!("{file}/{tariff}")))
        .collect()
}

/// What an entry of the config would say of this preset.
pub fn find(name: &str) -> Option<Node> {
    let (file, tariff) = name.split_once('/')?;
    let (_, text) = FILES.into_iter().find(|(known, _)| *known == file)?;
    let (common, tariffs) = tariffs(text);
    let (_, own) = tariffs.into_iter().find(|(known, _)| known == tariff)?;
    Some(Node::Map(common).overlaid(&own))
}

type Entries = Vec<(String, Node)>;

/// The keys that hold for all tariffs of a file, and the tariffs. (A test reads all files.)
fn tariffs(text: &str) -> (Entries, Entries) {
    let Ok(Node::Map(mut common)) = node::parse(text) else { return (Vec::new(), Vec::new()) };
    let index = common.iter().position(|(key, _)| key == "tariffs");
    match index.map(|index| common.remove(index).1) {
        Some(Node::Map(tariffs)) => (common, tariffs),
        _ => (common, Vec::new()),
    }
}

#[cfg(test)]
mod tests;

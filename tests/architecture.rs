//! The rules of the house: who may import whom, and how long a file may be.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// Layers, lowest first. A module may import itself and what stands in a lower layer, never a neighbour in its own.
const LAYERS: [&[&str]; 12] = [
    &["base"],
    &["model"],
    &["config", "snapshot", "inquiry", "export"],
    &["telemetry"],
    &["series"],
    &["source", "archive"],
    &["push"],
    &["refresh", "http"],
    &["demo"],
    &["app"],
    &["command"],
    &["cli"],
];
/// Upward arrows that are meant: `cli` parses what `command` takes.
const ALLOWED: [(&str, &str); 1] = [("command", "cli")];
/// Arrows that the layers would allow but that are not meant.
const FORBIDDEN: [(&str, &str); 8] = [
    ("http", "push"),
    ("http", "source"),
    ("http", "archive"),
    ("snapshot", "config"),
    ("demo", "source"),
    ("demo", "refresh"),
    ("demo", "http"),
    ("demo", "snapshot"),
];
const LONGEST: usize = 500;

fn sources() -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    assert!(found.len() > 40, "the sources were not found");
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module at the top that a file belongs to.
fn module(path: &Path) -> String {
    let first = path.strip_prefix(root()).unwrap().components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Top modules that a text imports: `crate::NAME`, also in braces.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split("crate::").skip(1) {
        let names = match part.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap(),
            None => part.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap(),
        };
        found.extend(names.split(',').map(|name| name.trim().split("::").next().unwrap().to_owned()));
    }
    found
}

fn may_import(from: &str, to: &str) -> bool {
    if from == to || ALLOWED.contains(&(from, to)) {
        return true;
    }
    match (layer(from), layer(to)) {
        (Some(from_layer), Some(to_layer)) => to_layer < from_layer && !FORBIDDEN.contains(&(from, to)),
        _ => false,
    }
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for path in sources() {
        let from = module(&path);
        // Tests may build on anything; what they test may not.
        let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
        if is_test || ["main", "lib"].contains(&from.as_str()) {
            continue;
        }
        for to in imports(&fs::read_to_string(&path).unwrap()) {
            if !may_import(&from, &to) {
                wrong.push(format!("{} imports {to}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_model_knows_no_outside_world() {
    for path in sources().into_iter().filter(|path| module(path) == "model") {
        let text = fs::read_to_string(&path).unwrap();
        for outside in ["std::fs", "std::net", "std::process", "std::env", "Timestamp::now", "Instant::now", "rusqlite"]
        {
            assert!(!text.contains(outside), "{} uses {outside}", path.display());
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_rule_itself_can_fail() {
    assert!(!may_import("model", "source"));
    assert!(!may_import("http", "refresh"));
    assert!(!may_import("http", "source"));
    assert!(may_import("refresh", "source"));
    assert_eq!(imports("use crate::{base, http::api};\nuse crate::model::x;"), ["base", "http", "model"]);
}

//! Bundles the page (`www/build.mjs`) and lists its parts for `src/http/api/page.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

fn main() {
    for watched in ["build.mjs", "icons", "index.html", "lang", "package-lock.json", "src", "style"] {
        println!("cargo::rerun-if-changed=www/{watched}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("page");
    if !Path::new("www/node_modules/esbuild").exists() {
        stop("the page's packages are missing: run `make page` first (it needs Node.js 18 or newer, and npm)");
    }
    match Command::new("node").arg("www/build.mjs").arg(&out).status() {
        Ok(status) if status.success() => (),
        Ok(status) => stop(&format!("www/build.mjs ended with {status}")),
        Err(error) => stop(&format!("node cannot be started: {error}; the page needs Node.js 18 or newer")),
    }
    let mut parts = String::from("[\n");
    list(&out.join("assets"), "", &mut parts);
    parts.push(']');
    fs::write(out.join("parts.rs"), parts).expect("the build folder can be written");
    fs::write(out.join("languages.rs"), languages(&out.join("words"))).expect("the build folder can be written");
}

/// A line for each language: its code and what the server needs of its catalogue.
fn languages(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("build.mjs has made it");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    let lines = paths.iter().map(|path| {
        let code = path.file_stem().expect("it has a name").to_string_lossy();
        format!("({code:?}, include_str!({path:?})),\n")
    });
    format!("[\n{}]", lines.collect::<String>())
}

/// A line for each file: its path without `.gz`, and its bytes.
fn list(folder: &Path, above: &str, parts: &mut String) {
    let entries = fs::read_dir(folder).expect("build.mjs has made it");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("it can be read").file_name()).collect();
    names.sort();
    for name in names {
        let (path, name) = (folder.join(&name), name.into_string().expect("names are plain"));
        match path.is_dir() {
            true => list(&path, &format!("{above}{name}/"), parts),
            false => {
                let plain = name.trim_end_matches(".gz");
                writeln!(parts, "({:?}, include_bytes!({path:?})),", format!("{above}{plain}")).expect("into memory");
            }
        }
    }
}

fn stop(why: &str) -> ! {
    println!("cargo::error={why}");
    exit(1);
}

//! Bundles the page (`www/build.mjs`), lists its parts for `src/http/api/page.rs`, and packs the description of the API.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

/// The files that `/openapi.json` is made of.
const DESCRIPTION: &str = "src/http/api/openapi";

fn main() {
    for watched in ["build.mjs", "icons", "index.html", "lang", "package-lock.json", "src", "style"] {
        println!("cargo::rerun-if-changed=www/{watched}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DESCRIPTION}");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(folder.join("openapi.json.gz"), description()).expect("the build folder can be written");
    let out = folder.join("page");
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

/// The files of the description as one text, packed: what paths share, and the rest in the order of their names.
fn description() -> Vec<u8> {
    let entries = fs::read_dir(DESCRIPTION).expect("it is part of the source");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let (shared, parts): (Vec<_>, Vec<_>) = paths.iter().partition(|path| path.ends_with("shared.json"));
    let read = |path: &&PathBuf| fs::read_to_string(path).expect("it can be read");
    let parts = parts.iter().map(read).collect::<Vec<_>>().join(",");
    let text = format!("{{\"shared\":{},\"parts\":[{parts}]}}", shared.iter().map(read).collect::<String>());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(text.as_bytes()).expect("into memory");
    packed.finish().expect("into memory")
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

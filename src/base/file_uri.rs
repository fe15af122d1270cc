//! Paths as SQLite's `file:` URIs have them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path as the path of a `file:` URI.
pub fn uri_path(path: &Path) -> String {
    let mut uri = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(byte as char);
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_uri_is_escaped() {
        assert_eq!(uri_path(Path::new("/a b/c%d#e?f.db")), "/a%20b/c%25d%23e%3Ff.db");
    }
}

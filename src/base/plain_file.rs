//! Opening a file for reading, when a plain file is expected and something else may have taken its place.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens for reading without following a link at the end of the path and without waiting for the other end of a FIFO.
///
/// # Errors
/// When it cannot be opened so.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NOFOLLOW | OFlags::NONBLOCK)
}

/// The same where a link is as good as the file.
///
/// # Errors
/// When it cannot be opened so.
pub fn open_linked(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK)
}

fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed_and_fifos_do_not_hang() {
        let dir = tempfile::TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("plain"), "x").unwrap();
        std::os::unix::fs::symlink(at("plain"), at("link")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
        assert!(open(&at("plain")).is_ok());
        assert!(open(&at("link")).is_err());
        assert!(open_linked(&at("link")).is_ok());
        assert!(open(&at("fifo")).is_ok_and(|file| !file.metadata().unwrap().is_file()));
    }
}

//! Opening a file for reading, when a plain file is expected and something else may have taken its place.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

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

/// Opens a plain file as [`open`] does, and tells what it is. What is something else by the look of it is not even opened:
/// that alone may have consequences for whoever waits at a FIFO, or for a device.
///
/// # Errors
/// When it is no plain file (see [`is_other`]), or cannot be opened so.
pub fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(Errno::LOOP.into());
    }
    let file = open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() { Ok((file, meta)) } else { Err(Errno::LOOP.into()) }
}

/// Whether an error of [`open_regular`] says that there is something, but no plain file.
pub fn is_other(error: &io::Error) -> bool {
    // A socket cannot be opened at all.
    [Errno::LOOP, Errno::NXIO].into_iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
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
        std::fs::create_dir(at("folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(open_regular(&at("plain")).unwrap().1.len(), 1);
        for other in ["link", "fifo", "folder", "socket", "/dev/null"] {
            assert!(is_other(&open_regular(&at(other)).unwrap_err()), "{other}");
        }
        assert!(!is_other(&open_regular(&at("none")).unwrap_err()));
    }
}

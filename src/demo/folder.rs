//! A temporary folder of the demo's own that goes away with its owner.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::base::fault::{Fault, io_fault};

/// The folder; dropped, it is removed with everything in it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new folder under `parent` that only its owner may enter. The name holds the process id.
    ///
    /// What already bears the name (a folder left behind, somebody else's link) is neither used nor followed.
    ///
    /// # Errors
    /// When `parent` cannot be written.
    pub fn create(parent: &Path) -> Result<Self, Fault> {
        let pid = std::process::id();
        for attempt in 0..1000 {
            let path = parent.join(format!("wattboard-demo-{pid}-{attempt}"));
            // mkdir fails on any existing name, links included.
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_fault("create the demo's folder", &path, &error)),
            }
        }
        Err(Fault::io(format!("cannot create a folder for the demo: every name in {} is taken", parent.display())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            log::warn!("DEMO: {}", io_fault("remove", &self.path, &error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn it_is_private_follows_no_link_and_goes_away() {
        let parent = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let first = parent.path().join(format!("wattboard-demo-{}-0", std::process::id()));
        symlink(elsewhere.path(), &first).unwrap();

        let folder = Folder::create(parent.path()).unwrap();
        let path = folder.path().to_owned();
        assert_ne!(path, first);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
        std::fs::write(path.join("row"), "1").unwrap();
        drop(folder);
        assert!(!path.exists());
        assert!(first.symlink_metadata().unwrap().is_symlink());
    }

    #[test]
    fn a_parent_that_is_not_there_is_named() {
        let fault = Folder::create(Path::new("/nonexistent")).unwrap_err();
        assert!(fault.to_string().contains("/nonexistent/wattboard-demo-"), "{fault}");
    }
}

//! Where Wattboard's own files lie when the site is not to be written to: its database, its price cache, and how far
//! rows were sent.

use std::path::{Path, PathBuf};

use super::Config;
use crate::base::fault::Fault;

/// What systemd sets for a unit with `StateDirectory=`: absolute paths, separated by colons.
const SYSTEMD: &str = "STATE_DIRECTORY";
/// What a person sets.
const OWN: &str = "WATTBOARD_STATE_DIR";

/// Which folder was named, and by what.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    folder: PathBuf,
    by: &'static str,
}

/// The folder of the flag, else of `$WATTBOARD_STATE_DIR`, else the first one of `$STATE_DIRECTORY`.
fn named(flag: Option<&Path>, environment: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<Named> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    if let Some(folder) = flag {
        return Some(Named { folder: folder.to_owned(), by: "--state-dir" });
    }
    if let Some(folder) = environment(OWN).filter(|value| !value.is_empty()) {
        return Some(Named { folder: folder.into(), by: OWN });
    }
    let several = environment(SYSTEMD)?;
    let first = several.as_bytes().split(|byte| *byte == b':').find(|part| !part.is_empty())?;
    Some(Named { folder: std::ffi::OsString::from_vec(first.to_vec()).into(), by: SYSTEMD })
}

impl Config {
    /// Moves Wattboard's own files from the site to the state directory, where one is named: by `flag`, else by
    /// `$WATTBOARD_STATE_DIR`, else by `$STATE_DIRECTORY`. A database whose path the config states in full stays there;
    /// of a path within the site the file's name is kept.
    ///
    /// # Errors
    /// When that is no folder, or when the coordinator's database has the same path.
    pub fn keep_state(self, flag: Option<&Path>) -> Result<Self, Fault> {
        match named(flag, |name| std::env::var_os(name)) {
            Some(named) => self.keep_state_in(&named),
            None => Ok(self),
        }
    }

    fn keep_state_in(mut self, named: &Named) -> Result<Self, Fault> {
        let refuse = |why: String| Fault::invalid(format!("{}: {}: {why}", named.by, named.folder.display()));
        let folder = named
            .folder
            .canonicalize()
            .map_err(|error| refuse(format!("the state directory cannot be used: {error}; make it first")))?;
        if !folder.is_dir() {
            return Err(refuse("the state directory is not a folder".into()));
        }
        if !self.own_database_is_fixed {
            let name = self.own_database.file_name().map_or_else(|| "wattboard.db".into(), ToOwned::to_owned);
            self.own_database = folder.join(name);
        }
        if self.database.as_ref().is_some_and(|theirs| {
            theirs.canonicalize().is_ok_and(|theirs| self.own_database.canonicalize().unwrap_or_default() == theirs)
                || *theirs == self.own_database
        }) {
            return Err(refuse(
                "the coordinator's database lies there under the same name; choose another folder".into(),
            ));
        }
        self.data_dir = folder;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(root: &Path, storage: &str) -> Config {
        let tariff = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
        let text = format!("{tariff}\ndata_storage: {{{storage}}}\n");
        Config::parse(&root.join("config/c.yaml"), &text).unwrap()
    }

    fn by_flag(folder: &Path) -> Named {
        Named { folder: folder.to_owned(), by: "--state-dir" }
    }

    #[test]
    fn the_flag_goes_before_the_environment_and_ours_before_systemd_s() {
        let both = |name: &str| Some(if name == OWN { "/own" } else { "/var/lib/wattboard:/var/lib/other" }.into());
        let systemd = |name: &str| (name == SYSTEMD).then(|| "/var/lib/wattboard:/var/lib/other".into());
        let empty = |_: &str| Some("".into());
        let folder = |found: Option<Named>| found.map(|named| (named.folder, named.by));
        assert_eq!(folder(named(Some(Path::new("here")), both)), Some(("here".into(), "--state-dir")));
        assert_eq!(folder(named(None, both)), Some(("/own".into(), OWN)));
        assert_eq!(folder(named(None, systemd)), Some(("/var/lib/wattboard".into(), SYSTEMD)));
        assert_eq!(folder(named(None, empty)), None);
        assert_eq!(folder(named(None, |_| None)), None);
    }

    #[test]
    fn both_files_move_but_a_database_with_a_place_of_its_own() {
        let dir = tempfile::TempDir::new().unwrap();
        let state = dir.path().canonicalize().unwrap();
        for (storage, database) in [
            ("", state.join("wattboard.db")),
            ("wattboard_database: data/wattboard.db", state.join("wattboard.db")),
            ("wattboard_database: memory/w.db", state.join("w.db")),
            ("wattboard_database: /srv/w.db", "/srv/w.db".into()),
        ] {
            let site = config(Path::new("/site"), storage);
            assert_eq!(site.data_dir, Path::new("/site/data"));
            let moved = site.keep_state_in(&by_flag(dir.path())).unwrap();
            assert_eq!((moved.own_database, moved.data_dir), (database, state.clone()), "{storage}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let dir = tempfile::TempDir::new().unwrap();
        let refused = |folder: PathBuf, storage: &str| {
            config(dir.path(), storage).keep_state_in(&by_flag(&folder)).map(|_| ()).unwrap_err().to_string()
        };
        let missing = refused(dir.path().join("none"), "");
        assert!(missing.contains("--state-dir: ") && missing.contains("No such file"), "{missing}");
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(refused(dir.path().join("file"), "").contains("is not a folder"));
        let theirs = "wattboard_database: x/same.db, database_storage: {sqlite: {path: state/same.db}}";
        std::fs::create_dir(dir.path().join("state")).unwrap();
        std::fs::write(dir.path().join("state/same.db"), "").unwrap();
        let same = refused(dir.path().join("state"), theirs);
        assert!(same.contains("coordinator's database"), "{same}");
    }
}

//! Replacing a file so that whoever reads it, and whatever happens meanwhile, sees the old one or the new one, whole.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::fault::{Fault, io_fault};

/// Writes `bytes` beside `path`, syncs them, and renames them to `path`.
///
/// # Errors
/// When the folder cannot be written; the old file is untouched then.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = renamed {
        let _ = fs::remove_file(&temporary);
        return Err(io_fault("write", path, &error));
    }
    // The rename itself is made durable by syncing the folder; where that is not possible the file is whole all the same.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Removes what writers of `path` left behind that were killed while they wrote: temporary files of processes that are
/// gone. Answers how many there were.
pub fn sweep(path: &Path) -> usize {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return 0 };
    let writer = |file: &str| file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".tmp")?.parse::<u32>().ok();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let left = entries.filter(|entry| {
        let pid = entry.file_name().to_str().and_then(writer);
        pid.is_some_and(|pid| pid == std::process::id() || !Path::new(&format!("/proc/{pid}")).exists())
    });
    left.filter(|entry| fs::remove_file(entry.path()).is_ok()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_or_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("cache.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let missing = dir.path().join("no/such/folder/cache.json");
        assert!(replace(&missing, b"x").unwrap_err().to_string().starts_with("cannot write "));
    }

    #[test]
    fn what_killed_writers_left_behind_is_removed() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("cache.json");
        // No process has a number beyond 2²²; process 1 is always there.
        for (name, stays) in [
            ("cache.json", true),
            ("cache.json.4999999.tmp", false),
            ("cache.json.1.tmp", true),
            ("cache.json.x.tmp", true),
            ("other.json.4999999.tmp", true),
        ] {
            fs::write(dir.path().join(name), "x").unwrap();
            sweep(&path);
            assert_eq!(dir.path().join(name).exists(), stays, "{name}");
        }
    }
}

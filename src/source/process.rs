//! Whether the coordinator runs: any process one of whose arguments contains `master_coordinator.py`.

use std::path::PathBuf;

use procfs::process::Process;

use crate::base::fault::Fault;
use crate::model::coordinator::Coordinator;

const SCRIPT: &str = "master_coordinator.py";

/// Looks for the coordinator under a `/proc`; the process found last is looked at first.
pub struct ProcessTable {
    root: PathBuf,
    known: Option<i32>,
}

impl ProcessTable {
    /// Of this root, `/proc` outside tests.
    pub fn new(root: PathBuf) -> Self {
        Self { root, known: None }
    }

    /// The coordinator's process.
    ///
    /// # Errors
    /// When `/proc` cannot be listed. Processes that end or may not be looked at meanwhile are passed over.
    pub fn find(&mut self) -> Result<Coordinator, Fault> {
        let known = self.known.filter(|pid| self.is_coordinator(*pid));
        self.known = match known {
            Some(pid) => Some(pid),
            None => self.search()?,
        };
        Ok(Coordinator { pid: self.known })
    }

    fn is_coordinator(&self, pid: i32) -> bool {
        Process::new_with_root(self.root.join(pid.to_string())).is_ok_and(|process| runs_script(&process))
    }

    fn search(&self) -> Result<Option<i32>, Fault> {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let processes = procfs::process::all_processes_with_root(&self.root)
            .map_err(|error| Fault::io(format!("cannot list the processes in {}: {error}", self.root.display())))?;
        let mut found = processes.flatten().filter(|process| process.pid != own && runs_script(process));
        Ok(found.next().map(|process| process.pid))
    }
}

fn runs_script(process: &Process) -> bool {
    process.cmdline().is_ok_and(|arguments| arguments.iter().any(|argument| argument.contains(SCRIPT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn add(root: &std::path::Path, pid: i32, command: &str) {
        let dir = root.join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("cmdline"), command).unwrap();
    }

    #[test]
    fn the_coordinator_is_found_lost_and_found_again() {
        let root = tempfile::TempDir::new().unwrap();
        let mut table = ProcessTable::new(root.path().to_owned());
        add(root.path(), 10, "/bin/sh\0-c\0sleep\0");
        assert_eq!(table.find().unwrap().pid, None);
        add(root.path(), 200, "python3\0-u\0/opt/site/src/master_coordinator.py\0");
        assert_eq!(table.find().unwrap().pid, Some(200));
        // The process id now belongs to somebody else.
        add(root.path(), 200, "vim\0");
        add(root.path(), 300, "python3\0src/master_coordinator.py\0--once\0");
        assert_eq!(table.find().unwrap().pid, Some(300));
        fs::remove_dir_all(root.path().join("300")).unwrap();
        assert_eq!(table.find().unwrap().pid, None);
        fs::remove_dir_all(root.path()).unwrap();
        assert!(table.find().is_err());
    }
}

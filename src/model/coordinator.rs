//! The coordinator as a process.

/// Whether the coordinator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinator {
    /// Its process id, `None` when it does not run.
    pub pid: Option<i32>,
}

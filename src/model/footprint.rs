//! What the program itself takes from the machine.

/// At one moment, since its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footprint {
    /// Resident memory.
    pub resident_bytes: u64,
    /// CPU time, user and system.
    pub cpu_s: f64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Bytes read from disk; `None` where the kernel does not tell.
    pub read_bytes: Option<u64>,
    /// Bytes written to disk; `None` where the kernel does not tell.
    pub written_bytes: Option<u64>,
}

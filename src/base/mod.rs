//! What everything else stands on: time, stopping, threads, faults, units.
//! Nothing in here knows what a site, a price or a request is.

pub mod atomic_file;
pub mod audience;
pub mod backoff;
pub mod clock;
pub mod document;
pub mod fault;
pub mod file_uri;
pub mod fnv;
pub mod log;
pub mod machine;
pub mod manager;
pub mod memory;
pub mod network;
pub mod plain_file;
pub mod pulse;
pub mod shutdown;
pub mod thread;
pub mod units;
pub mod zones;

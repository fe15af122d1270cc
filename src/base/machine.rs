//! The machine that this runs on.

/// What the system calls it.
pub fn own_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.strip_suffix('.').map_or(name.clone(), str::to_owned)
}

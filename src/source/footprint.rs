//! What this program itself takes from the machine, as `/proc/self` tells it.

use procfs::process::Process;

use crate::base::fault::Fault;
use crate::model::footprint::Footprint;

/// Looks at this process.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn measure() -> Result<Footprint, Fault> {
    let failed = |error: procfs::ProcError| Fault::io(format!("cannot look at this program in /proc: {error}"));
    let this = Process::myself().map_err(failed)?;
    let stat = this.stat().map_err(failed)?;
    // Without the right to look, or the kernel's support, there is no I/O to tell.
    let io = this.io().ok();
    Ok(Footprint {
        resident_bytes: stat.rss * procfs::page_size(),
        cpu_s: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
        threads: u64::try_from(stat.num_threads).unwrap_or(0),
        descriptors: this.fd_count().map_err(failed)? as u64,
        read_bytes: io.map(|io| io.read_bytes),
        written_bytes: io.map(|io| io.write_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_program_has_memory_threads_and_descriptors() {
        let found = measure().unwrap();
        assert!(found.resident_bytes > 500_000 && found.resident_bytes < 1 << 34, "{found:?}");
        assert!(found.threads >= 1 && found.descriptors >= 3 && found.cpu_s >= 0.0, "{found:?}");
    }
}

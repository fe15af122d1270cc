//! How the C library's allocator is told to keep less: by default each thread gets an arena of its own, and what large
//! buffers took is kept for the next ones. On a small machine that is some megabytes for nothing.

/// At most two arenas; buffers from 64 KiB on are the system's again as soon as they are freed.
///
/// To be called before threads are started. Does nothing where the C library is another one than glibc.
pub fn keep_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::tune();
}

/// Gives the system back what was freed: what lies between pieces in use stays with the process otherwise. Takes some
/// hundred microseconds, in which nobody else allocates; to be called behind work that took much for a moment.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::trim();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the one way to tell glibc; the arguments are plain numbers that it checks itself")]
mod glibc {
    use std::ffi::c_int;

    // malloc.h
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;
    const M_ARENA_MAX: c_int = -8;

    // SAFETY: mallopt(3) takes two numbers by value, refuses what it does not know, and locks for itself.
    unsafe extern "C" {
        safe fn mallopt(param: c_int, value: c_int) -> c_int;
        // SAFETY: malloc_trim(3) takes a number by value, touches free memory only, and locks for itself.
        safe fn malloc_trim(pad: usize) -> c_int;
    }

    pub fn trim() {
        // Answers whether there was anything to give back.
        let _ = malloc_trim(0);
    }

    pub fn tune() {
        for (param, value) in [(M_ARENA_MAX, 2), (M_MMAP_THRESHOLD, 64 * 1024), (M_TRIM_THRESHOLD, 64 * 1024)] {
            // Answers 0 where it refuses: then all stays as it is.
            let _ = mallopt(param, value);
        }
    }
}

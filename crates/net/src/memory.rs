//! One word with the allocator.

use std::sync::Once;

/// Freed memory at the end of a heap that is kept for the next use.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: libc::c_int = 16 << 20;

/// Allocations from here on are mapped, and unmapped when freed. Above all buffers of a connection.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES: libc::c_int = 4 << 20;

/// Tells glibc to keep freed memory for a while. By default it gives back what lies above 128 KiB at once, and maps
/// each allocation above it anew: then every buffer of a bulk transfer, TLS records among them, is paid for with page
/// faults (measured: one `madvise` for each half megabyte sent, and a tenth to a fifth of the processor time).
/// It costs up to 16 MiB for each of the allocator's arenas after a burst.
pub(crate) fn keep_freed() {
    static ONCE: Once = Once::new();
    ONCE.call_once(set);
}

#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn set() {
    // SAFETY: mallopt only takes integers, and its own locks; it may be called at any time.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
    }
}

#[cfg(not(target_env = "gnu"))]
fn set() {}

//! Giving memory back after a rush.

/// What must have moved since the last time for it to be worth the few milliseconds that it takes.
pub(crate) const WORTH_BYTES: u64 = 64 * 1024 * 1024;

/// Has the allocator return to the kernel what it keeps for later. glibc keeps freed buffers of every thread for ever:
/// eight uploads over HTTP/2 leave 120 MB behind, a budget for which an idle port has no use.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: malloc_trim(3) takes no pointers, is thread-safe, and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

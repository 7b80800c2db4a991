//! What threads cost.

use std::time::Duration;

/// CPU time that the calling thread has used so far: user, system.
#[allow(unsafe_code)]
pub(super) fn thread_cpu() -> [Duration; 2] {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills the structure, whose size it knows; zeroed, it is valid before that too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    let span = |time: libc::timeval| {
        let micros = u32::try_from(time.tv_usec).unwrap_or(0);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), micros.saturating_mul(1000))
    };
    [span(usage.ru_utime), span(usage.ru_stime)]
}

/// Percent of one core in so long: all, user, system.
pub(super) fn percent(used: [Duration; 2], in_all: Duration) -> [f64; 3] {
    let [user, system] = used.map(|part| 100.0 * part.as_secs_f64() / in_all.as_secs_f64().max(1e-6));
    [user + system, user, system]
}

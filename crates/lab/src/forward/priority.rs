//! The thread of a link must wake when a packet is due, whatever else the machine does: its delay is the emulation's error.

/// Asks the kernel to wake the calling thread exactly and soon. Each step may be refused, and then the next best holds.
#[allow(unsafe_code)]
pub(super) fn raise() {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: NICE,
        sched_priority: 0,
        sched_runtime: SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    let without_nice = libc::sched_attr { sched_nice: 0, ..attributes };
    // SAFETY: the calls change how the calling thread is scheduled and nothing else; the structures are whole and live
    // through the calls.
    unsafe {
        // How much later than asked for a sleep may end: 50 µs unless told otherwise.
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64);
        if libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) != 0 {
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const without_nice, 0);
        }
    }
}

/// Before other programs; the kernel allows it to root.
const NICE: i32 = -20;

/// A short turn is given soon (kernel 6.12 and later; earlier ones ignore it). The shortest that the kernel knows.
const SLICE_NS: u64 = 100_000;

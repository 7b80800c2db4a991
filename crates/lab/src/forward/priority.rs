//! The thread of a link must wake when a packet is due, whatever else the machine does: its delay is the emulation's error.

/// Asks the kernel to wake the calling thread exactly and soon. Each way may be refused, and then the next best holds:
/// before all ordinary programs (for root), often and before most of them (for root), or often.
#[allow(unsafe_code)]
pub(super) fn raise() {
    let ordinary = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    let preferred = libc::sched_attr { sched_nice: NICE, ..ordinary };
    let before_all = libc::sched_attr {
        sched_policy: libc::SCHED_RR as u32,
        sched_priority: REAL_TIME_PRIORITY,
        sched_runtime: 0,
        ..ordinary
    };
    // SAFETY: the calls change how the calling thread is scheduled and nothing else; the structures are whole and live
    // through the calls.
    unsafe {
        // How much later than asked for a sleep may end: 50 µs unless told otherwise.
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64);
        for attributes in [before_all, preferred, ordinary] {
            if libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) == 0 {
                return;
            }
        }
    }
}

/// The least of the real-time priorities. It comes before every ordinary program, but the kernel keeps a twentieth of
/// the time for those (`sched_rt_runtime_us`).
const REAL_TIME_PRIORITY: u32 = 1;

/// Before other programs.
const NICE: i32 = -20;

/// A short turn is given soon (kernel 6.12 and later; earlier ones ignore it). The shortest that the kernel knows.
const SLICE_NS: u64 = 100_000;

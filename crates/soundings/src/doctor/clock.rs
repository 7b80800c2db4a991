//! What the kernel says of its clock.

use super::files::Roots;
use super::processors::running;
use soundings_core::doctor::Clock;
use std::time::Duration;

pub(super) fn clock(roots: &Roots) -> Clock {
    let mut clock = if roots.real() { kernel().unwrap_or_default() } else { Clock::default() };
    // The kernel cuts names of processes at 15 octets.
    let keepers = ["chronyd", "ntpd", "openntpd", "ntpsec", "systemd-timesyn", "ptp4l", "phc2sys", "ntp-daemon"];
    clock.keepers = running(roots, &keepers).map(|names| {
        let whole = |name: String| if name == "systemd-timesyn" { "systemd-timesyncd".to_owned() } else { name };
        names.into_iter().map(whole).collect()
    });
    clock
}

#[allow(unsafe_code)]
fn kernel() -> Option<Clock> {
    // SAFETY: the structure is plain numbers, for which zero is a value.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: with `modes` 0 the kernel only writes into `state`, which lives through the call.
    let result = unsafe { libc::adjtimex(&raw mut state) };
    if result < 0 {
        return None;
    }
    let micros = |number: i64| u64::try_from(number).ok().map(Duration::from_micros);
    let synchronised = state.status & libc::STA_UNSYNC == 0 && result != libc::TIME_ERROR;
    // The offset is in microseconds unless the kernel says nanoseconds.
    let factor = if state.status & libc::STA_NANO == 0 { 1_000 } else { 1 };
    Some(Clock {
        synchronised: Some(synchronised),
        offset_ns: synchronised.then(|| state.offset.saturating_mul(factor)),
        error_estimated: micros(state.esterror).filter(|_| synchronised),
        error_most: micros(state.maxerror).filter(|_| synchronised),
        keepers: None,
    })
}

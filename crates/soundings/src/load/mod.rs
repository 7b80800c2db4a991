//! Loads of HTTP requests with synthetic bytes, acting: the server's side ([`respond`]) and the client's ([`run`]), also
//! for those who ask from elsewhere ([`desk`]).

mod client;
pub mod desk;
mod door;
mod lease;
mod measured;
mod request;
mod synthetic;
mod turn;

pub use client::{Job, LeaseChoice, Told, run};
pub use door::respond;
pub use lease::Leases;
pub use measured::Progress;
pub use turn::{Claimed, claim};

use std::time::Duration;

/// Processor time of this process so far, user and system.
pub fn processor_time() -> Duration {
    let told = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(told.tv_sec).unwrap_or(0), u32::try_from(told.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests;

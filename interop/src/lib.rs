//! Foreign programs against Portolan in both roles, and faults done for real.
//!
//! This is the harness: it starts `portolan serve` as a process of its own, runs other programs with a time limit, and
//! cleans up by process id when it is dropped. The tests are in `tests/`, one file per foreign program; each is skipped
//! when its program is missing, unless that is forbidden (see [`needs()`]). Everything listens on 127.0.0.1 alone; what
//! insists on more runs in a network namespace made for it.
//!
//! `cargo build && cargo nextest run -p interop` runs them against the program in `target/debug`; `PORTOLAN_BIN` names
//! another one.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "only tests use it: it may fail loudly"
)]

pub mod apache;
pub mod authority;
pub mod credentials;
pub mod disk;
pub mod http;
pub mod iperf3;
pub mod issuer;
pub mod load;
pub mod needs;
pub mod netns;
pub mod nginx;
pub mod port;
pub mod python;
pub mod relay;
pub mod responder;
pub mod run;
pub mod site;
pub mod tree;
pub mod upload;
pub mod xrootd;

pub use needs::needs;
pub use port::Port;
pub use run::{Finished, Run};

#[cfg(test)]
mod tests;

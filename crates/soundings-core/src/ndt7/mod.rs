//! ndt7: one download and one upload of ten seconds over a WebSocket each, with what the kernel knows of them.
//!
//! Document: "ndt7 protocol specification", version 0.11 (m-lab/ndt-server, `spec/ndt7-protocol.md`); sections are named in
//! [`spec`]. What it lacks since NDT and NPAD is here again: a [`Verdict`] in plain words, made by [`verdict`].

mod query;
mod session;
pub mod spec;
mod tcp;
pub mod verdict;
mod wire;

pub use query::{InvalidQuery, Query};
pub use session::{Ending, Session, Side, Step};
pub use tcp::{BbrInfo, TcpInfo};
pub use verdict::{Evidence, Finding, Kind, Verdict, judge};
pub use wire::{AppInfo, ConnectionInfo, Measurement, Origin, Record, Test, uuid};

#[cfg(test)]
mod tests;

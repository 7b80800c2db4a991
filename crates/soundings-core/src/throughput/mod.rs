//! Throughput between two Portolan hosts: what is asked, what is counted at both ends, and what it comes to.
//!
//! The protocol is our own and told in `docs/reference/throughput-protocol.md`: one control connection with JSON messages,
//! and as many connections for data as there are streams. Each end counts for itself; the receiver's count is the result.

pub mod report;
pub mod series;
pub mod session;
pub mod spec;
pub mod wire;

pub use report::{Flow, Report, StreamReport};
pub use series::{Cpu, DiskFacts, End, Sample, StreamEnd, TcpSample};
pub use wire::{Direction, FarStore, Message, Request};

#[cfg(test)]
mod tests;

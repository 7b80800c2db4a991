//! Measurement, acting: responders, initiators and hot loops that `soundings-core` only thinks about.
//!
//! Never here: the port. The halves meet in the policy, in budgets and in the archive.

pub mod doctor;
pub mod guard;
pub mod iperf3;
pub mod load;
pub mod ndt7;
pub mod path_model;
pub mod responder;
pub mod throughput;
pub mod tlsping;

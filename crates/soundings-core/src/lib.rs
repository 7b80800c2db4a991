//! Measurement, thinking only: the protocols' bytes and states, and what figures mean.
//!
//! Never here: tokio, files, clocks, randomness, the archive. "Now", bytes and seeds come in as values.

pub mod distribution;
pub mod doctor;
pub mod iperf3;
pub mod lease;
pub mod load;
pub mod ndt7;
pub mod path_model;
mod seconds;
pub mod throughput;
pub mod tlsping;
pub mod verdict;

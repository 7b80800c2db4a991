//! `portolan throughput` and its responder: memory or disk at either end, TCP or TLS 1.3, any number of streams.
//!
//! What is said is in [`soundings_core::throughput`]; here are the hands. [`measure`] is the client, [`serve_control`]
//! the responder, called for each control connection that the measurement port has told apart.

mod client;
mod control;
mod counters;
mod disk;
mod engine;
mod responder;
mod streams;
mod worker;

pub use client::{Ends, News, Settings, measure};
pub use responder::serve_control;

#[cfg(test)]
mod tests;

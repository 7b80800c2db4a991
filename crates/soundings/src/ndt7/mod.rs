//! ndt7, acting: the server's two tests, the page with one button, and our client.
//!
//! The document and its states are in `soundings_core::ndt7`; here are the socket, the clock and the turns.

mod client;
mod drive;
mod gathered;
mod page;
mod server;

pub use client::{Asked, Measured, Progress, measure};
pub use page::page;
pub use server::{Recent, respond};

#[cfg(test)]
mod tests;

//! iperf3's protocol as iperf 3.12 speaks it, in both roles. There is no document but the program itself: what is said
//! here was observed of it on the wire and in its output.
//!
//! [`spec`] has the numbers, [`wire`] the octets and the JSON, [`session`] who says what when, [`datagram`] the accounting
//! of UDP, [`model`] what a test measured and [`report`] how iperf3 shows it.

pub mod datagram;
pub mod model;
pub mod report;
pub mod session;
pub mod spec;
pub mod text;
pub mod wire;

#[cfg(test)]
mod tests;

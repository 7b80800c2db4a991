//! Connections that are made to be timed: what TCP and TLS take, and how much of it is distance.
//!
//! A round trip cannot be bought. TCP takes one (RFC 9293, section 3.5) before the first byte can go; TLS 1.3 one more
//! (RFC 8446, section 2), also where a ticket of an earlier connection is shown; TLS 1.2 two, and one with a ticket
//! (RFC 5246, section 7.3, RFC 5077).

mod report;
mod shown;

pub use report::{Agreed, Distance, Failure, Form, Report, Round, Stage, Tally};

#[cfg(test)]
mod tests;

//! Loads of HTTP requests with synthetic bytes: what is asked, what came of it, and how reports of several hosts are added.
//!
//! There is no document for this: `GET /synthetic/SIZE` gives so many bytes, `PUT` and `POST` there swallow what comes, and
//! `/synthetic/lease` gives a turn to callers of one test ([`address`], [`lease`]). Any other HTTP server will do as well.

pub mod address;
pub mod lease;
mod plan;
mod report;
mod shown;
pub mod target;

pub use plan::{BadPlan, CONNECTIONS_MAX, Plan, SPAN_MAX, STREAMS_MAX, Way};
pub use report::{Cpu, Failure, Report, Tally, TcpSummary};
pub use shown::{live_line, rate_of};

#[cfg(test)]
mod tests;

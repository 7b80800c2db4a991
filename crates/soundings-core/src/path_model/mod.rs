//! Can a path carry this rate over this distance? A short section of the path is measured and judged by what the whole path
//! would ask of it: Model-Based Metrics (RFC 8337), which came from NPAD's pathdiag.
//!
//! [`Target`] is the arithmetic: how many packets are under way, and how many must pass between two losses. [`Sequential`]
//! says whether enough packets were seen to tell. [`judge()`] sets each requirement beside what was measured.

mod judge;
mod section;
mod sequential;
mod target;
#[cfg(test)]
mod tests;

pub use judge::{Answer, Requirement, Requirements, judge};
pub use section::{Bursts, Ends, Fill, Section, Steady};
pub use sequential::{Outcome, Sequential};
pub use target::{InvalidTarget, Target};

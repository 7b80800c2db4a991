//! What the heads of requests and answers say beyond HTTP's framing: digests, ranges, conditions, resumable uploads.
//!
//! Parsers here take what the field sends, not only what the documents allow, and never panic. Writers send one form.

pub mod conditional;
pub mod digest;
pub mod range;
pub mod resumable;

#[cfg(test)]
mod tests;

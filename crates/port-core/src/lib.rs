//! Transfer, thinking only: what requests ask, which bytes answer them, and what their digests are.
//!
//! Nothing here reads a clock, a file, a socket or a random number, and nothing waits. Bytes of files pass through in one
//! place only, the [`digest`] pass; everything else reads and writes heads.

pub mod dav;
pub mod digest;
pub mod http;

//! The client engine: moving files between local paths and any server that speaks HTTP or WebDAV, ours or foreign.
//!
//! A [`Session`] holds the connections and credentials; one is enough for a process. [`Session::copy`] is the main thing;
//! the others ([`stat`](Session::stat), [`list`](Session::list), [`sum`](Session::sum), …) are its small sisters.
//!
//! Never here: printing, sockets of its own, a name that appears before its bytes are whole and verified, a token that
//! leaves for another server than it was meant for, memory that grows with the number of files or their size.

mod address;
mod attributes;
mod blocks;
mod command;
mod copy;
mod delegate;
mod document;
mod download;
mod entry;
pub mod fault;
mod folder;
mod local;
mod multistatus;
mod part;
mod progress;
mod relay;
mod remote;
mod session;
mod sum;
mod token;
mod upload;
mod upload_state;
mod walk;
mod wire;

pub use address::{Address, Url};
pub use command::Lines;
pub use copy::{CopySettings, Overwrite};
pub use delegate::Macaroon;
pub use entry::{Entry, Kind};
pub use folder::Listing;
pub use progress::{FileTally, Limit, MAX_FAILURES, Meter, Observer, Outcome, Silent, Summary, Tally, Waiting};
pub use session::{Session, SessionSettings};
pub use sum::{Sum, SumSource};
pub use token::Token;

#[cfg(test)]
mod tests;

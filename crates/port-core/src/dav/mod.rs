//! WebDAV, classes 1 and 2 (RFC 4918), thinking only: headers, the `If` condition, XML in and out, and the table of
//! locks.
//!
//! Never here: files, clocks, random numbers; a DOCTYPE; a tree of XML larger than its named bounds. What the door does
//! with a method is `port`'s; this room says what the method means.

mod answer;
mod condition;
mod headers;
mod locks;
mod property;
mod refusal;
mod request;
pub mod spec;
mod xml;

pub use answer::{Answer, Outcome, Precondition, lock_body, multistatus_close, multistatus_open, precondition_body};
pub use condition::{Condition, IfHeader, ResourceState, Test};
pub use headers::{Depth, Destination, LockTimeout, coded_url, depth, destination, lock_token, overwrite};
pub use locks::{Conflict, Lock, LockAsk, LockRefusal, Locks, Submitted, UnlockRefusal};
pub use property::{Facts, Kind, Live, Quota, StoredProperty};
pub use refusal::{Refusal, XmlBound};
pub use request::{LockInfo, PatchStep, Propfind, lock_info, propertyupdate, propfind};
pub use xml::{Element, Name, Node};

#[cfg(test)]
mod tests;

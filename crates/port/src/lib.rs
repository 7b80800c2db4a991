//! Transfer, acting: the door for HTTP and WebDAV, the staging area, the stores, and the client engine.
//!
//! Never here: sockets (they are `net`'s), decisions on rights (`policy`'s), records without the archive, or a name in a
//! store that appears before its bytes are whole, verified and durable.

pub mod client;
pub mod door;
pub mod staging;
pub mod store;

pub use door::{Door, DoorSettings, NamespaceSettings};

//! Names and numbers: those of the documents with their sections, and our own bounds with their reasons.

use std::time::Duration;

/// The namespace of WebDAV itself (RFC 4918 §14).
pub const DAV: &str = "DAV:";
/// The namespace of ownCloud, which rclone and other programs read checksums from.
pub const OWNCLOUD: &str = "http://owncloud.org/ns";
/// Our own namespace.
pub const PORTOLAN: &str = "urn:portolan:dav";
/// The namespace that the prefix `xml` always has (Namespaces in XML 1.0 §3).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of declarations themselves; nothing may be bound to it (Namespaces in XML 1.0 §3).
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// What the `DAV` header answers to OPTIONS (RFC 4918 §10.1, §18): classes 1 and 2; 3 says that we follow RFC 4918
/// and not RFC 2518.
pub const CLASSES: &str = "1, 2, 3";

/// The prefix of data in URLs.
pub const DATA_PREFIX: &str = "/data";

/// Largest body of PROPFIND and LOCK. They carry names and a few words about an owner: the largest seen in the field
/// (gfal2, Finder, Office) are below 4 KiB.
pub const MAX_ASK_BYTES: usize = 64 * 1024;
/// Largest body of PROPPATCH, which carries values.
pub const MAX_PATCH_BYTES: usize = 1024 * 1024;
/// Deepest nesting of elements. The protocol itself needs five; the rest is for values. Bounds our recursion.
pub const MAX_DEPTH: usize = 32;
/// Most elements and attributes together in one body: at some 250 bytes each, 2.5 MB of memory; with the longest
/// namespace on each, 13 MB.
pub const MAX_ELEMENTS: usize = 10_000;
/// Most attributes (with declarations) of one element: looking for duplicates costs their square.
pub const MAX_ATTRIBUTES: usize = 64;
/// Longest namespace or local name. A namespace can be repeated in the answer for each property that is asked for, so
/// that this bounds by how much an answer can exceed its question.
pub const MAX_NAME_BYTES: usize = 1024;
/// Most properties that one PROPFIND may name: with 100,000 entries in a folder, each name costs an answer 10 MB.
pub const MAX_ASKED_PROPERTIES: usize = 256;
/// Largest value of one dead property, as it is stored.
pub const MAX_PROPERTY_BYTES: usize = 256 * 1024;
/// Most dead properties of one resource.
pub const MAX_PROPERTIES: usize = 1024;
/// Most conditions in one `If` header.
pub const MAX_CONDITIONS: usize = 256;
/// Longest `owner` of a lock, as it is stored: it is repeated in each answer with `lockdiscovery`.
pub const MAX_OWNER_BYTES: usize = 8 * 1024;

/// A lock lasts this long when its client names no time.
pub const DEFAULT_LOCK_SPAN: Duration = Duration::from_secs(3_600);
/// A lock lasts at most this long, `Infinite` included: who is still there refreshes it, who is gone is not in the
/// way until the next day (RFC 4918 §6.6 leaves it to the server).
pub const MAX_LOCK_SPAN: Duration = Duration::from_secs(24 * 3_600);
/// Most locks at one time, at about 500 bytes each.
pub const MAX_LOCKS: usize = 100_000;
/// Most shared locks on one resource.
pub const MAX_LOCKS_PER_RESOURCE: usize = 64;

const _: () = assert!(MAX_OWNER_BYTES <= MAX_ASK_BYTES && MAX_PROPERTY_BYTES <= MAX_PATCH_BYTES);
const _: () = assert!(DEFAULT_LOCK_SPAN.as_secs() <= MAX_LOCK_SPAN.as_secs());

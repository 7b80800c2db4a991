//! The words of Portolan: what the other rooms speak in.
//!
//! Nothing here reads a clock, a file, a socket or a random number, and nothing decides. A word can be parsed,
//! printed, compared and added; that is all.

mod attributes;
mod digest;
mod id;
mod instant;
mod network;
mod path;
mod principal;
mod problem;
mod quantity;
mod tcp_info;
mod verb;

pub use attributes::{Attributes, EMBARGO_UNTIL, IMPORTED, InvalidAttributes, MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTES};
pub use digest::{Algorithm, Digest, DigestSet, InvalidDigest};
pub use id::{ShareId, StagedId, TokenId, UploadId};
pub use instant::{InvalidInstant, Timestamp};
pub use network::{InvalidNetwork, Network};
pub use path::{InvalidPath, LogicalPath, MAX_PATH_BYTES, MAX_SEGMENT_BYTES};
pub use principal::{Bound, Credential, CredentialForm, Grant, Identity, Kind, Principal};
pub use problem::{Blame, Problem, Retry};
pub use quantity::{ByteSize, InvalidQuantity, Rate, Span};
pub use tcp_info::TcpInfo;
pub use verb::{InvalidVerb, Verb, VerbSet};

#[cfg(test)]
mod tests;

//! Identifiers. UUID version 7 (RFC 9562 §5.7), so that they sort by the time of their making.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

identifier!(
    /// One body of bytes in the staging area, before and until it is published.
    StagedId
);
identifier!(
    /// One resumable upload, the last segment of its address.
    UploadId
);
identifier!(
    /// One access token; public, unlike the secret that goes with it.
    TokenId
);
identifier!(
    /// One share of files; public, unlike the secret that goes with it.
    ShareId
);

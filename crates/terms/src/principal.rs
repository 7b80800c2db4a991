//! Who asks.

use crate::{LogicalPath, TokenId, VerbSet};
use std::fmt;

/// Who asks, as far as the door could establish it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Principal {
    /// Nobody in particular: always a principal of its own.
    Anonymous,
    /// The bearer of a token that `portolan token create` made.
    Token {
        /// Which token.
        id: TokenId,
        /// The name that its maker gave it.
        name: String,
        /// What it allows.
        verbs: VerbSet,
        /// Where it allows it: this path and all below.
        path: LogicalPath,
    },
    /// This host itself, acting for nobody: sweeping, recovering.
    Host,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Token { id, name, .. } => write!(f, "token {name} ({id})"),
            Self::Host => f.write_str("this host"),
        }
    }
}

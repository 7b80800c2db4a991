//! Why a WebDAV request is not understood.

use super::spec::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_ELEMENTS, MAX_NAME_BYTES};
use terms::{Blame, Problem, Retry};

/// A request that breaks the protocol or our bounds. Always the caller's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// A header has a value outside its grammar.
    #[error("the header {name} holds {value:?}: {expected}")]
    Header {
        /// Which header.
        name: &'static str,
        /// Its value, shortened.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A header that the method needs is not there.
    #[error("the header {name} is missing: {expected}")]
    MissingHeader {
        /// Which header.
        name: &'static str,
        /// What may stand there.
        expected: &'static str,
    },
    /// The body is larger than its bound.
    #[error("the body has {size_bytes} bytes; at most {limit_bytes} are read")]
    LargeBody {
        /// Its size, or as much as was read.
        size_bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// The body is not well-formed XML with namespaces.
    #[error("the body is not well-formed XML: {0}")]
    Xml(String),
    /// The body has a DOCTYPE or a reference to an entity of its own.
    #[error("the body has a document type or an entity of its own, which are never expanded here")]
    Entity,
    /// The XML exceeds a bound.
    #[error("the XML body is too large in itself: {0}")]
    Bound(XmlBound),
    /// Well-formed, but not what the method takes.
    #[error("the XML body does not say what {method} needs: {expected}")]
    Meaning {
        /// Which method.
        method: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// One property value is too large to keep.
    #[error("the property {name} has a value of more than {limit_bytes} bytes")]
    LargeProperty {
        /// Its local name.
        name: String,
        /// The bound.
        limit_bytes: usize,
    },
}

/// Which bound of the XML reader was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum XmlBound {
    /// Nesting.
    #[error("elements are nested more than {MAX_DEPTH} deep")]
    Depth,
    /// Number of elements and attributes.
    #[error("there are more than {MAX_ELEMENTS} elements and attributes")]
    Elements,
    /// Number of attributes of one element.
    #[error("an element has more than {MAX_ATTRIBUTES} attributes")]
    Attributes,
    /// Length of a name.
    #[error("a name or namespace is longer than {MAX_NAME_BYTES} bytes")]
    Name,
}

impl Refusal {
    /// For a header of whatever value.
    pub(crate) fn header(name: &'static str, value: &str, expected: &'static str) -> Self {
        // Enough to recognise it; what came from outside does not fill the answer or the log.
        Self::Header { name, value: value.chars().take(120).collect(), expected }
    }

    fn status(&self) -> u16 {
        match self {
            Self::LargeBody { .. } | Self::LargeProperty { .. } => 413,
            _ => 400,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Header { .. } | Self::MissingHeader { .. } => "bad-header",
            Self::LargeBody { .. } | Self::LargeProperty { .. } => "too-large",
            Self::Entity => "xml-entity",
            Self::Xml(_) | Self::Bound(_) | Self::Meaning { .. } => "bad-xml",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status(),
            kind: refusal.kind(),
            title: "This WebDAV request cannot be understood",
            detail: refusal.to_string(),
            blame: Blame::Caller,
            retry: Retry::Never,
            next: "Change the request as RFC 4918 describes it; if a program made it, report this to its makers."
                .into(),
        }
    }
}

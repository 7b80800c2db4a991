//! What is known of a file or folder without reading it.

use http::header::{self, HeaderMap};
use port_core::http::conditional::EntityTag;
use terms::Timestamp;

/// File or folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Bytes.
    File,
    /// Names.
    Folder,
}

/// What is known of a file or folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its last name, decoded; empty for a root.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its size; `None` of folders, and where the server does not tell.
    pub size_bytes: Option<u64>,
    /// When it was last modified; servers tell whole seconds.
    pub modified: Option<Timestamp>,
    /// Its entity tag.
    pub tag: Option<EntityTag>,
}

impl Entry {
    /// Is it a folder?
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// From the head of an answer to GET or HEAD.
    pub(crate) fn of_headers(name: String, kind: Kind, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        Self {
            name,
            kind,
            size_bytes: text(header::CONTENT_LENGTH).and_then(|size| size.trim().parse().ok()),
            modified: text(header::LAST_MODIFIED).and_then(Timestamp::from_http_date),
            tag: text(header::ETAG).and_then(EntityTag::parse),
        }
    }

    /// From what the system says.
    pub(crate) fn of_metadata(name: String, metadata: &std::fs::Metadata) -> Self {
        let is_folder = metadata.is_dir();
        Self {
            name,
            kind: if is_folder { Kind::Folder } else { Kind::File },
            size_bytes: (!is_folder).then_some(metadata.len()),
            modified: metadata.modified().ok().map(Timestamp::from),
            tag: None,
        }
    }
}

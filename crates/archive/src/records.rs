//! The shapes of what is kept.

use terms::{Attributes, DigestSet, LogicalPath, ShareId, StagedId, Timestamp, TokenId, UploadId, VerbSet};

/// Which body of bytes in the store a record speaks of. A file whose metadata differ was changed behind our back, and
/// its record says nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Inode number in the store's file system.
    pub inode: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Modification time in nanoseconds since the epoch.
    pub modified: Timestamp,
}

/// One published file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRecord {
    /// Its name.
    pub path: LogicalPath,
    /// Which bytes.
    pub identity: Identity,
    /// Their digests, computed as they arrived (or when first asked for, of a file that was put there by others).
    pub digests: DigestSet,
    /// The media type that its sender gave.
    pub media_type: Option<String>,
    /// When it became visible.
    pub published: Timestamp,
    /// Where its bytes were staged: lets a publication that a crash interrupted be finished.
    pub staged: Option<StagedId>,
    /// The name of the principal that put it there (`token night-shift (0189…)`): its owner, to rules.
    pub publisher: String,
    /// What its sender or the site said of it.
    pub attributes: Attributes,
}

/// Sums over all file records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// How many files.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// One recorded intention to move.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct MoveId(pub i64);

/// A move of which it is not known whether the rename took place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnfinishedMove {
    /// Which.
    pub id: MoveId,
    /// From where.
    pub from: LogicalPath,
    /// To where.
    pub to: LogicalPath,
}

/// One dead property: kept for its owner, not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Property {
    /// XML namespace; may be empty.
    pub namespace: String,
    /// Local name.
    pub name: String,
    /// The whole property element as XML, self-contained (it declares the namespaces that it uses, and `xml:lang`).
    pub xml: String,
}

/// One step of a PROPPATCH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PropertyChange {
    /// Add or replace.
    Set(Property),
    /// Remove; removing what is not there is no error.
    Remove {
        /// XML namespace.
        namespace: String,
        /// Local name.
        name: String,
    },
}

/// One WebDAV write lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockRecord {
    /// `urn:uuid:…`.
    pub token: String,
    /// What is locked.
    pub path: LogicalPath,
    /// All below it too?
    pub deep: bool,
    /// Shared with other holders?
    pub shared: bool,
    /// What the holder said of itself: the inside of the `owner` element as XML.
    pub owner: String,
    /// Who made it, in words; only they may use it.
    pub principal: String,
    /// When it ends by itself.
    pub expires: Timestamp,
}

/// One resumable upload that has not ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UploadRecord {
    /// Its address.
    pub id: UploadId,
    /// The file that it will become.
    pub path: LogicalPath,
    /// Where its bytes are; how many there are is the length of that file.
    pub staged: StagedId,
    /// How many there will be, where the client said so.
    pub length_bytes: Option<u64>,
    /// What the client says the digests will be.
    pub claimed: DigestSet,
    /// Media type that the client gave.
    pub media_type: Option<String>,
    /// Modification time that the client asked to be kept.
    pub modified: Option<Timestamp>,
    /// Who began it, in words; only they may go on.
    pub principal: String,
    /// The conditions of its first request (`If-None-Match: *` → false): may it replace a file that is there?
    pub overwrite: bool,
    /// When it began.
    pub created: Timestamp,
    /// When it is swept away if nobody goes on.
    pub expires: Timestamp,
    /// What its sender says of the file.
    pub attributes: Attributes,
}

/// One access token. Its secret is not here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRecord {
    /// Which.
    pub id: TokenId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the secret (32 random bytes, so that no slow hash is needed).
    pub secret_sha256: [u8; 32],
    /// What it allows.
    pub verbs: VerbSet,
    /// Where: this path and all below.
    pub path: LogicalPath,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself; `None`: never.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The account that it acts for: it then narrows what the rules give to that one. `None`: it grants by itself.
    pub account: Option<String>,
    /// The token that it was narrowed from: it ends with it.
    pub parent: Option<TokenId>,
}

/// One share: an address that lets whoever holds it do something below a path. Its secret is not here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShareRecord {
    /// Which.
    pub id: ShareId,
    /// SHA-256 of the secret (32 random bytes).
    pub secret_sha256: [u8; 32],
    /// What it shares: this path and all below.
    pub path: LogicalPath,
    /// What it allows.
    pub verbs: VerbSet,
    /// Who made it.
    pub creator: String,
    /// A note for people.
    pub note: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// Only from these networks, joined by commas; empty: from anywhere.
    pub networks: String,
    /// Files that may be downloaded in all.
    pub downloads_max: Option<u64>,
    /// Bytes that may be moved in all.
    pub bytes_max: Option<u64>,
    /// Files downloaded so far.
    pub downloads: u64,
    /// Bytes moved so far.
    pub bytes: u64,
}

/// A key that must outlive the process: what macaroons are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Which, within its purpose; it stands in what was signed with it.
    pub id: uuid::Uuid,
    /// `macaroon`
    pub purpose: String,
    /// The key.
    pub secret: zeroize::Zeroizing<Vec<u8>>,
    /// When it was made.
    pub created: Timestamp,
    /// Since when nothing new is signed with it.
    pub retired: Option<Timestamp>,
}

impl std::fmt::Debug for SecretRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretRecord({} {})", self.purpose, self.id)
    }
}

/// What one caller moved on one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageRecord {
    /// The name of the principal.
    pub principal: String,
    /// Days since the epoch, UTC.
    pub day: u32,
    /// Bytes received from and sent to them.
    pub bytes: u64,
}

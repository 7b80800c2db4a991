//! Everything that must survive a restart, on two engines: SQLite (embedded, the default) and PostgreSQL.
//!
//! Never here: sockets of its own beyond the database driver; losing a record silently. Every method that changes
//! something returns only when the change is durable.

mod error;
mod records;

pub use error::ArchiveError;
pub use records::*;

use std::path::PathBuf;
use terms::{LogicalPath, StagedId, Timestamp, TokenId, UploadId};

/// Which engine, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// A file of our own, made when it is not there.
    Sqlite(PathBuf),
    /// A `postgres://` address; the database exists, its tables are ours to make.
    Postgres(String),
}

/// The records. Cheap to clone; all clones share one set of connections.
#[derive(Clone)]
pub struct Archive {}

type Result<T> = std::result::Result<T, ArchiveError>;

#[allow(unused_variables, clippy::unimplemented, missing_docs)]
impl Archive {
    /// Opens it, making or migrating the tables; a database newer than this program is refused.
    pub async fn open(location: &Location) -> Result<Self> {
        unimplemented!()
    }
    /// `sqlite` or `postgresql`.
    pub fn engine(&self) -> &'static str {
        unimplemented!()
    }
    /// Flushes and closes; later calls on any clone fail.
    pub async fn close(&self) {
        unimplemented!()
    }

    // Files
    pub async fn file(&self, path: &LogicalPath) -> Result<Option<FileRecord>> {
        unimplemented!()
    }
    /// The files directly in one folder, by name.
    pub async fn files_in(&self, folder: &LogicalPath) -> Result<Vec<FileRecord>> {
        unimplemented!()
    }
    /// The newest first.
    pub async fn recent_files(&self, limit: u32) -> Result<Vec<FileRecord>> {
        unimplemented!()
    }
    pub async fn totals(&self) -> Result<Totals> {
        unimplemented!()
    }
    /// All of them in one durable transaction; a record of the same path is replaced.
    pub async fn record_files(&self, files: &[FileRecord]) -> Result<()> {
        unimplemented!()
    }
    pub async fn file_of_staged(&self, staged: StagedId) -> Result<Option<FileRecord>> {
        unimplemented!()
    }
    /// Forgets the records and properties of this path and all below it.
    pub async fn remove_tree(&self, path: &LogicalPath) -> Result<()> {
        unimplemented!()
    }

    // Moves: the intention is recorded before the rename, the effect after it.
    pub async fn begin_move(&self, from: &LogicalPath, to: &LogicalPath) -> Result<MoveId> {
        unimplemented!()
    }
    /// Records and properties of `from` and below are now those of `to` and below (what was there is forgotten).
    pub async fn finish_move(&self, id: MoveId) -> Result<()> {
        unimplemented!()
    }
    pub async fn abandon_move(&self, id: MoveId) -> Result<()> {
        unimplemented!()
    }
    /// Left by a crash between begin and finish.
    pub async fn unfinished_moves(&self) -> Result<Vec<UnfinishedMove>> {
        unimplemented!()
    }

    // Dead properties (RFC 4918 §4)
    pub async fn properties(&self, path: &LogicalPath) -> Result<Vec<Property>> {
        unimplemented!()
    }
    /// Of this path and of what is directly in it: for one PROPFIND of depth 1.
    pub async fn properties_in(&self, folder: &LogicalPath) -> Result<Vec<(LogicalPath, Property)>> {
        unimplemented!()
    }
    /// All changes in one transaction, in order.
    pub async fn change_properties(&self, path: &LogicalPath, changes: &[PropertyChange]) -> Result<()> {
        unimplemented!()
    }
    /// Copies the properties of `from` and below to `to` and below.
    pub async fn copy_properties(&self, from: &LogicalPath, to: &LogicalPath) -> Result<()> {
        unimplemented!()
    }

    // Locks (RFC 4918 §6)
    pub async fn locks(&self) -> Result<Vec<LockRecord>> {
        unimplemented!()
    }
    pub async fn record_lock(&self, lock: &LockRecord) -> Result<()> {
        unimplemented!()
    }
    pub async fn remove_lock(&self, token: &str) -> Result<()> {
        unimplemented!()
    }

    // Resumable uploads
    pub async fn record_upload(&self, upload: &UploadRecord) -> Result<()> {
        unimplemented!()
    }
    pub async fn upload(&self, id: UploadId) -> Result<Option<UploadRecord>> {
        unimplemented!()
    }
    pub async fn uploads(&self) -> Result<Vec<UploadRecord>> {
        unimplemented!()
    }
    pub async fn remove_upload(&self, id: UploadId) -> Result<()> {
        unimplemented!()
    }

    // Access tokens
    pub async fn record_token(&self, token: &TokenRecord) -> Result<()> {
        unimplemented!()
    }
    pub async fn token(&self, id: TokenId) -> Result<Option<TokenRecord>> {
        unimplemented!()
    }
    /// Oldest first.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        unimplemented!()
    }
    /// True when it was there and not yet revoked.
    pub async fn revoke_token(&self, id: TokenId, at: Timestamp) -> Result<bool> {
        unimplemented!()
    }
}

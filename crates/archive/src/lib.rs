//! Everything that must survive a restart, on two engines: SQLite (embedded, the default) and PostgreSQL.
//!
//! Never here: sockets of its own beyond the database driver; losing a record silently. Every method that changes
//! something returns only when the change is durable, and changes everything that it names or nothing: each is one
//! transaction. A call that is dropped before it returns has done all or nothing, and which of both is not known.
//!
//! The records are those of [`records`](FileRecord): published files, moves under way, dead properties, locks,
//! resumable uploads, access tokens, shares, keys, usage. The namespace itself is not here: it is the file system's, and a [`FileRecord`]
//! says something about a file only as long as its [`Identity`] is still that of the file.
//!
//! Both engines answer the same to the same calls, which the suite in `tests/` shows by running on both. Where a text
//! orders or bounds something, it compares by its bytes. A record that cannot be understood is
//! [`ArchiveError::Damaged`], told with its name, rather than left out.
//!
//! Inside, a method is a statement or a list of them (`statement.rs`), most of them the same SQL for both engines; what
//! differs is in `sqlite.rs` and `postgresql.rs`. Tables are made and changed by `migrations/`.

mod engine;
mod error;
mod files;
mod locks;
mod migration;
mod moves;
mod postgresql;
mod properties;
mod reading;
mod records;
mod secrets;
mod shares;
mod sqlite;
mod statement;
mod tokens;
mod tree;
mod uploads;
mod usage;

pub use error::ArchiveError;
pub use records::*;

use engine::Engine;
use std::path::PathBuf;

/// Which engine, and where.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of our own, made when it is not there.
    Sqlite(PathBuf),
    /// A `postgres://` address; the database exists, its tables are ours to make. A socket's folder is given as
    /// `postgres://user@localhost/database?host=/run/postgresql`.
    Postgres(String),
}

/// An address may hold a password: only the engine is told of it.
impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(file) => f.debug_tuple("Sqlite").field(file).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// The records. Cheap to clone; all clones share one set of connections.
///
/// Several processes may open the same database at once; on SQLite they wait for each other's commits.
#[derive(Clone)]
pub struct Archive {
    engine: Engine,
}

type Result<T, E = ArchiveError> = std::result::Result<T, E>;

impl Archive {
    /// Opens it, making or migrating the tables; a database newer than this program is refused.
    pub async fn open(location: &Location) -> Result<Self> {
        Ok(Self { engine: Engine::open(location).await? })
    }

    /// `sqlite` or `postgresql`.
    pub fn engine(&self) -> &'static str {
        self.engine.name()
    }

    /// Flushes and closes; later calls on any clone fail.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({})", self.engine())
    }
}

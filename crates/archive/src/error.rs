//! What can go wrong with the archive.

use crate::sqlite;
use crate::statement::Trouble;

/// A failed archive operation: what was tried, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The database was written by a newer Portolan.
    #[error("the database has schema version {found}, and this program knows {known}: a newer Portolan wrote it")]
    Newer {
        /// Version found.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// No room on the disk that holds the database.
    #[error("could not {operation}: the disk that holds the archive is full")]
    Full {
        /// What was tried.
        operation: &'static str,
    },
    /// The database cannot be reached or opened.
    #[error("could not {operation}: the archive cannot be reached")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// The driver's word.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A record that we wrote cannot be read back.
    #[error("could not {operation}: a record is damaged ({what})")]
    Damaged {
        /// What was tried.
        operation: &'static str,
        /// What about it.
        what: String,
    },
    /// Anything else that the driver reports.
    #[error("could not {operation}")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// The driver's word.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ArchiveError {
    /// Can the same operation succeed later?
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Unreachable { .. })
    }

    /// Sorts what a driver said.
    pub(crate) fn of(operation: &'static str, trouble: Trouble) -> Self {
        use sqlx::Error;
        let error = match trouble {
            Trouble::Damaged(what) => return Self::Damaged { operation, what },
            Trouble::Driver(error) => error,
        };
        match &error {
            Error::Database(said) => {
                let kind = match said.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    Some(said) => kind_of_postgresql(said.code()),
                    None => kind_of_sqlite(said.code().as_deref().unwrap_or_default()),
                };
                match kind {
                    Kind::Full => Self::Full { operation },
                    Kind::Unreachable => Self::Unreachable { operation, cause: error.into() },
                    Kind::Damaged => Self::Damaged { operation, what: said.message().to_owned() },
                    Kind::Other => Self::Failed { operation, cause: error.into() },
                }
            }
            Error::Io(cause) if cause.kind() == std::io::ErrorKind::StorageFull => Self::Full { operation },
            Error::Configuration(_)
            | Error::Io(_)
            | Error::Tls(_)
            | Error::Protocol(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed
            | Error::BeginFailed => Self::Unreachable { operation, cause: error.into() },
            Error::ColumnDecode { .. } | Error::Decode(_) | Error::TypeNotFound { .. } => {
                Self::Damaged { operation, what: error.to_string() }
            }
            _ => Self::Failed { operation, cause: error.into() },
        }
    }

    /// What we do not even try.
    pub(crate) fn refused(operation: &'static str, why: &'static str) -> Self {
        Self::Failed { operation, cause: why.into() }
    }
}

enum Kind {
    Full,
    Unreachable,
    Damaged,
    Other,
}

/// SQLite result codes, sqlite.org/rescode.html.
fn kind_of_sqlite(code: &str) -> Kind {
    /// The index of the log could not be made larger: nothing but a full disk does that in practice.
    const IOERR_SHMSIZE: &str = "4874";
    if code == IOERR_SHMSIZE {
        return Kind::Full;
    }
    match sqlite::primary_code(code) {
        // FULL
        Some(13) => Kind::Full,
        // BUSY, LOCKED, IOERR, CANTOPEN
        Some(5 | 6 | 10 | 14) => Kind::Unreachable,
        // CORRUPT, NOTADB
        Some(11 | 26) => Kind::Damaged,
        _ => Kind::Other,
    }
}

/// SQLSTATE, appendix A of PostgreSQL's manual.
fn kind_of_postgresql(code: &str) -> Kind {
    match code {
        // disk_full
        "53100" => Kind::Full,
        // too_many_connections, invalid_catalog_name, cannot_connect_now and the other ends of an operator's doing
        "53300" | "3D000" | "57P01" | "57P02" | "57P03" | "57P05" => Kind::Unreachable,
        // data_corrupted, index_corrupted
        "XX001" | "XX002" => Kind::Damaged,
        // connection exceptions, refused logins, failures outside the server
        _ if ["08", "28", "58"].iter().any(|class| code.starts_with(class)) => Kind::Unreachable,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests;

//! What can go wrong with the archive.

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
}

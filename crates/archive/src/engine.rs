//! The two engines behind one face.

use crate::postgresql::Postgresql;
use crate::reading::Fields;
use crate::sqlite::Sqlite;
use crate::statement::{Statement, Trouble, read, write};
use crate::{ArchiveError, Location, Result};

#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgresql(Postgresql),
}

impl Engine {
    pub(crate) async fn open(location: &Location) -> Result<Self> {
        Ok(match location {
            Location::Sqlite(file) => Self::Sqlite(Sqlite::open(file).await?),
            Location::Postgres(url) => Self::Postgresql(Postgresql::open(url).await?),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgresql(_) => "postgresql",
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgresql(postgresql) => postgresql.close().await,
        }
    }

    /// The rows that a statement finds, each understood by `row`.
    pub(crate) async fn read<T>(
        &self,
        operation: &'static str,
        statement: Statement,
        row: fn(&dyn Fields) -> Result<T, Trouble>,
    ) -> Result<Vec<T>> {
        check(operation, std::slice::from_ref(&statement))?;
        // The driver's futures are kilobytes, and every future that awaits this one would carry them, read or not.
        let found = match self {
            Self::Sqlite(sqlite) => Box::pin(read(&sqlite.readers, &statement, row)).await,
            Self::Postgresql(postgresql) => Box::pin(read(&postgresql.pool, &statement, row)).await,
        };
        found.map_err(|trouble| ArchiveError::of(operation, trouble))
    }

    /// The first row that a statement finds.
    pub(crate) async fn read_one<T>(
        &self,
        operation: &'static str,
        statement: Statement,
        row: fn(&dyn Fields) -> Result<T, Trouble>,
    ) -> Result<Option<T>> {
        Ok(self.read(operation, statement, row).await?.into_iter().next())
    }

    /// Runs all of them in one transaction, durable on return. Answers how many rows the last one changed; where that
    /// one ends in `RETURNING id`, the number of the row that it made.
    ///
    /// A task of its own: when the caller goes away in the middle, the transaction still comes to its end.
    pub(crate) async fn write(&self, operation: &'static str, statements: Vec<Statement>) -> Result<i64> {
        check(operation, &statements)?;
        let engine = self.clone();
        let task = tokio::spawn(async move {
            match engine {
                Self::Sqlite(sqlite) => write(&sqlite.writer, &statements).await,
                Self::Postgresql(postgresql) => postgresql.write(&statements).await,
            }
        });
        let done = task.await.unwrap_or(Err(Trouble::Driver(sqlx::Error::WorkerCrashed)));
        done.map_err(|trouble| ArchiveError::of(operation, trouble))
    }
}

fn check(operation: &'static str, statements: &[Statement]) -> Result<()> {
    if statements.iter().any(Statement::holds_nul) {
        return Err(ArchiveError::refused(operation, "a text with a NUL character cannot be kept"));
    }
    Ok(())
}

//! Numbered changes of the tables. Each database says which it has seen; those that it lacks are run, all in one
//! transaction, before anything else. A migration that was released is never edited: the stored databases of
//! `tests/versions` would no longer open.
//!
//! Sixty lines of our own rather than the driver's: on SQLite that one takes no lock, so that two processes that open
//! a new database at once would both make the tables.

use crate::reading::Fields as _;
use crate::statement::Dialect;
use crate::{ArchiveError, Result};
use sqlx::{Executor, Pool, SqlSafeStr as _};

/// What to run on one engine.
pub(crate) struct Migrations {
    /// Keeps others out until the transaction ends.
    lock: &'static str,
    /// In order; the first is version 1.
    steps: &'static [&'static str],
}

pub(crate) const SQLITE: Migrations = Migrations {
    // BEGIN IMMEDIATE has locked already.
    lock: "SELECT 1",
    steps: &[include_str!("../migrations/sqlite/0001_first.sql"), include_str!("../migrations/sqlite/0002_rights.sql")],
};

pub(crate) const POSTGRESQL: Migrations = Migrations {
    // Any number that other programs on the same database do not use: "portolan" in ASCII.
    lock: "SELECT pg_advisory_xact_lock(8101820099073958254)",
    steps: &[
        include_str!("../migrations/postgresql/0001_first.sql"),
        include_str!("../migrations/postgresql/0002_rights.sql"),
    ],
};

const MAKE_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY, program TEXT NOT NULL)";

const FIND: &str = "SELECT MAX(version) AS version FROM schema_versions";

const NOTE: &str = "INSERT INTO schema_versions (version, program) VALUES ($1, $2)";

/// Brings a database to the newest version; one that is newer still is left as it is.
pub(crate) async fn run<D>(pool: &Pool<D>, migrations: &Migrations) -> Result<()>
where
    D: Dialect,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let known = migrations.steps.len() as i64;
    let found = add_missing(pool, migrations)
        .await
        .map_err(|error| ArchiveError::of("bring the database to this program's version", error.into()))?;
    if found > known { Err(ArchiveError::Newer { found, known }) } else { Ok(()) }
}

/// Answers the version that it found.
async fn add_missing<D>(pool: &Pool<D>, migrations: &Migrations) -> Result<i64, sqlx::Error>
where
    D: Dialect,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let mut transaction = pool.begin_with(D::BEGIN.into_sql_str()).await?;
    sqlx::raw_sql(migrations.lock).execute(&mut *transaction).await?;
    sqlx::raw_sql(MAKE_TABLE).execute(&mut *transaction).await?;
    let row = sqlx::raw_sql(FIND).fetch_one(&mut *transaction).await?;
    let found = row.integer("version")?.unwrap_or(0);
    for (step, version) in migrations.steps.iter().zip(1_i64..).filter(|(_, version)| *version > found) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
        let values = D::bind(&[version.into(), env!("CARGO_PKG_VERSION").into()]).map_err(sqlx::Error::Encode)?;
        sqlx::query_with::<D, _>(NOTE, values).execute(&mut *transaction).await?;
        tracing::info!("the archive's tables are now of version {version}");
    }
    transaction.commit().await?;
    Ok(found)
}

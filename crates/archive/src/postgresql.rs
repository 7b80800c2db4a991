//! PostgreSQL: for ports of several machines, and for sites that run one anyway.
//!
//! A commit returns when it is on the server's disk (`synchronous_commit=on`, whatever the server's own default).
//! Machines may change the same records at once: a transaction that the server gives up because two of them waited for
//! each other is run again.

use crate::statement::{Statement, Trouble, write};
use crate::{ArchiveError, Result, migration};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::str::FromStr as _;
use std::time::Duration;

/// At most so many connections. Each is a process at the server, which by default admits 100.
const CONNECTIONS_MAX: u32 = 8;

/// A connection that nobody used for so long is closed.
const CONNECTION_IDLE: Duration = Duration::from_secs(60);

/// How long to wait for a connection before the server counts as unreachable: longer than a restart of it takes.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);

/// So often a transaction is run that the server gave up. Records are changed in the order of their paths, so that even
/// one deadlock is rare.
const ATTEMPTS_MAX: u32 = 5;

/// Sums over all files. A scan: 70 ms for 100,000 files.
pub(crate) const TOTALS: &str = "SELECT COUNT(*) AS files, COALESCE(SUM(size_bytes), 0)::BIGINT AS bytes FROM files";

#[derive(Clone)]
pub(crate) struct Postgresql {
    pub(crate) pool: PgPool,
}

impl Postgresql {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let operation = "open the PostgreSQL database";
        let failed = |error: sqlx::Error| ArchiveError::of(operation, error.into());
        let options = PgConnectOptions::from_str(url)
            .map_err(failed)?
            .application_name("portolan")
            .options([("synchronous_commit", "on"), ("client_min_messages", "warning")])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .idle_timeout(CONNECTION_IDLE)
            .acquire_timeout(CONNECTION_WAIT)
            .connect_with(options)
            .await
            .map_err(failed)?;
        migration::run(&pool, &migration::POSTGRESQL).await?;
        let (syncs,): (String,) = sqlx::query_as("SHOW fsync").fetch_one(&pool).await.map_err(failed)?;
        if syncs != "on" {
            tracing::warn!("the PostgreSQL server runs with fsync={syncs}: a loss of power there can lose records");
        }
        Ok(Self { pool })
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn write(&self, statements: &[Statement]) -> Result<i64, Trouble> {
        let mut attempt = 1;
        loop {
            match write(&self.pool, statements).await {
                Err(Trouble::Driver(error)) if attempt < ATTEMPTS_MAX && was_given_up(&error) => attempt += 1,
                done => return done,
            }
        }
    }
}

/// 40001 serialization_failure, 40P01 deadlock_detected: nothing was changed, and the same may succeed now.
fn was_given_up(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if matches!(error.code().as_deref(), Some("40001" | "40P01")))
}

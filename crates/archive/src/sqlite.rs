//! SQLite: a file of our own, next to nothing to look after.
//!
//! One connection writes, so that writers wait in our queue rather than for a lock; up to [`READERS_MAX`] read at the
//! same time, each from its own snapshot (WAL). A commit is synced before it returns (`synchronous=FULL`): what was
//! acknowledged survives the loss of power. Other processes may open the same file; they wait for each other's commits.

use crate::statement::Trouble;
use crate::{ArchiveError, Result, migration};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a statement waits for another process to end its commit. Ours take milliseconds; a disk that needs seconds
/// for a sync is met in practice, one that needs longer is out of order.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// How long to wait for a free connection: longer than the longest wait for another process, or the queue behind it
/// would give up first.
const CONNECTION_WAIT: Duration = Duration::from_secs(30);

/// At most so many connections read. Each is a thread and at most [`READER_CACHE_KIB`] of pages; most reads are of one
/// row and soon over, so that a few serve many requests.
const READERS_MAX: u32 = 3;

/// A connection that nobody used for so long is closed, and its memory given back.
const READER_IDLE: Duration = Duration::from_secs(60);

/// Page cache of the writer, at most: enough for the inner pages of the indexes of a few million files.
const WRITER_CACHE_KIB: i64 = 4_096;

/// Page cache of each reader; the kernel caches the file as well.
const READER_CACHE_KIB: i64 = 2_048;

/// The log is copied into the database when it has so many pages of 4 KiB. Four times SQLite's default: fewer syncs per
/// file in a burst, at 16 MiB of disk.
const CHECKPOINT_PAGES: i64 = 4_000;

/// A log that a long reader let grow beyond this is cut afterwards.
const LOG_BYTES_MAX: i64 = 64 << 20;

/// Sums over all files, from the row that triggers keep.
pub(crate) const TOTALS: &str = "SELECT files, bytes FROM totals";

#[derive(Clone)]
pub(crate) struct Sqlite {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

impl Sqlite {
    pub(crate) async fn open(file: &Path) -> Result<Self> {
        let operation = "open the SQLite database";
        make_private(file).map_err(|error| ArchiveError::of(operation, Trouble::Driver(error.into())))?;
        let deadline = Instant::now() + BUSY_WAIT;
        let writer = loop {
            match open_writer(file).await {
                Ok(writer) => break writer,
                // Two processes that turn a new file to WAL at the same moment: this lock cannot be waited for.
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(ArchiveError::of(operation, error.into())),
            }
        };
        migration::run(&writer, &migration::SQLITE).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .idle_timeout(READER_IDLE)
            .max_lifetime(None)
            .acquire_timeout(CONNECTION_WAIT)
            .test_before_acquire(false)
            .connect_lazy_with(
                options(file).pragma("cache_size", negative(READER_CACHE_KIB)).pragma("query_only", "ON"),
            );
        Ok(Self { writer, readers })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        // The last to go: it copies the log into the database and removes it.
        self.writer.close().await;
    }
}

async fn open_writer(file: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = options(file)
        .pragma("cache_size", negative(WRITER_CACHE_KIB))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", LOG_BYTES_MAX.to_string());
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(CONNECTION_WAIT)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    Ok(pool)
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_WAIT)
        .disable_statement_logging()
        .thread_name(|number| format!("archive-{number}"))
}

/// SQLite takes a negative cache size as KiB, a positive one as pages.
fn negative(kib: i64) -> String {
    (-kib).to_string()
}

/// Makes the file, readable for us alone, if it is not there; SQLite gives its log and index the same mode.
///
/// Without opening it: to close a file ends all locks that this process has on it, those of SQLite too
/// (sqlite.org/howtocorrupt.html §2.2).
#[cfg(target_os = "linux")]
fn make_private(file: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    match mknodat(CWD, file, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0) {
        Err(error) if error != rustix::io::Errno::EXIST => Err(error.into()),
        _ => Ok(()),
    }
}

/// Elsewhere the folder's mode has to do.
#[cfg(not(target_os = "linux"))]
fn make_private(_file: &Path) -> std::io::Result<()> {
    Ok(())
}

fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| primary_code(&code) == Some(5)))
}

/// The first eight bits tell the kind (sqlite.org/rescode.html), the others which kind of it.
pub(crate) fn primary_code(code: &str) -> Option<i32> {
    code.parse::<i32>().ok().map(|code| code & 0xff)
}

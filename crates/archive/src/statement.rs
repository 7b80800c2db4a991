//! One SQL statement with its values, and how a list of them is run: written once for both engines.
//!
//! Both drivers take `$1`, `$2` … as places of values, so most of our SQL is the same text on both.

use crate::reading::Fields;
use futures_util::TryStreamExt as _;
use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, Connection as _, Database, Executor, IntoArguments, Pool, SqlSafeStr as _};

/// A value to bind. The kind is known even of a missing one: PostgreSQL asks for it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Flag(bool),
}

/// SQL, and the values of its places in order.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: &'static str, values: impl Into<Vec<Value>>) -> Self {
        Self { sql, values: values.into() }
    }

    fn answers_id(&self) -> bool {
        self.sql.ends_with("RETURNING id")
    }

    /// PostgreSQL can keep no text with a NUL, SQLite could but its functions stop there: neither may.
    pub(crate) fn holds_nul(&self) -> bool {
        self.values.iter().any(|value| matches!(value, Value::Text(Some(text)) if text.contains('\0')))
    }
}

/// What a driver must offer for our statements.
pub(crate) trait Dialect: Database<Row: Fields, Arguments: IntoArguments<Self>> {
    /// Begins a transaction that changes something.
    const BEGIN: &'static str;

    fn bind(values: &[Value]) -> Result<Self::Arguments, BoxDynError>;
}

macro_rules! dialect {
    ($database:ty, $begin:literal) => {
        impl Dialect for $database {
            const BEGIN: &'static str = $begin;

            fn bind(values: &[Value]) -> Result<Self::Arguments, BoxDynError> {
                let mut arguments = <Self as Database>::Arguments::default();
                arguments.reserve(values.len(), 0);
                for value in values {
                    match value {
                        Value::Integer(number) => arguments.add(*number),
                        Value::Text(text) => arguments.add(text.as_deref()),
                        Value::Bytes(bytes) => arguments.add(bytes.as_deref()),
                        Value::Flag(flag) => arguments.add(*flag),
                    }?;
                }
                Ok(arguments)
            }
        }
    };
}

// IMMEDIATE takes the write lock at once, where waiting for another process is possible; a transaction that reads first
// and then finds that another has written can only fail (SQLITE_BUSY_SNAPSHOT).
dialect!(sqlx::Sqlite, "BEGIN IMMEDIATE");
dialect!(sqlx::Postgres, "BEGIN");

/// Reads rows, one at a time.
pub(crate) async fn read<D, T>(
    pool: &Pool<D>,
    statement: &Statement,
    read: impl Fn(&dyn Fields) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble>
where
    D: Dialect,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let mut connection = pool.acquire().await?;
    let query = sqlx::query_with::<D, _>(
        statement.sql.into_sql_str(),
        D::bind(&statement.values).map_err(sqlx::Error::Encode)?,
    );
    let mut rows = query.fetch(&mut *connection);
    let mut found = Vec::new();
    while let Some(row) = rows.try_next().await? {
        found.push(read(&row)?);
    }
    Ok(found)
}

/// Runs all of them in one transaction, durable on return. Answers how many rows the last one changed; where that one
/// ends in `RETURNING id`, the number of the row that it made.
pub(crate) async fn write<D>(pool: &Pool<D>, statements: &[Statement]) -> Result<i64, Trouble>
where
    D: Dialect,
    D::QueryResult: Affected,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let mut connection = pool.acquire().await?;
    // One statement is a transaction by itself; but the end of one that still answers rows would end it without telling
    // whether that went well.
    if let [only] = statements
        && !only.answers_id()
    {
        return run(&mut *connection, only).await;
    }
    let mut transaction = connection.begin_with(D::BEGIN.into_sql_str()).await?;
    let mut done = Ok(0);
    for statement in statements {
        done = run(&mut *transaction, statement).await;
        if done.is_err() {
            break;
        }
    }
    let ended = if done.is_ok() { transaction.commit().await } else { transaction.rollback().await };
    if let Err(error) = ended {
        // SQLite ends a transaction by itself when the disk is full, and the driver would never know: the next caller
        // shall have a new connection.
        let _ = connection.close().await;
        return done.and(Err(error.into()));
    }
    done
}

async fn run<D>(connection: &mut D::Connection, statement: &Statement) -> Result<i64, Trouble>
where
    D: Dialect,
    D::QueryResult: Affected,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let query = sqlx::query_with::<D, _>(
        statement.sql.into_sql_str(),
        D::bind(&statement.values).map_err(sqlx::Error::Encode)?,
    );
    if !statement.answers_id() {
        return Ok(query.execute(connection).await?.affected() as i64);
    }
    let rows = query.fetch_all(connection).await?;
    let id = rows.first().map(|row| row.integer("id")).transpose()?.flatten();
    Ok(id.ok_or(sqlx::Error::RowNotFound)?)
}

/// How many rows a statement changed.
pub(crate) trait Affected {
    fn affected(&self) -> u64;
}

impl Affected for sqlx::sqlite::SqliteQueryResult {
    fn affected(&self) -> u64 {
        self.rows_affected()
    }
}

impl Affected for sqlx::postgres::PgQueryResult {
    fn affected(&self) -> u64 {
        self.rows_affected()
    }
}

/// Why a statement failed, before it is known what it was for.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The driver said so.
    Driver(sqlx::Error),
    /// A row was there and could not be understood.
    Damaged(String),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<uuid::Uuid> for Value {
    fn from(id: uuid::Uuid) -> Self {
        Self::Bytes(Some(id.as_bytes().to_vec()))
    }
}

impl From<Option<uuid::Uuid>> for Value {
    fn from(id: Option<uuid::Uuid>) -> Self {
        Self::Bytes(id.map(|id| id.as_bytes().to_vec()))
    }
}

impl From<terms::Timestamp> for Value {
    fn from(instant: terms::Timestamp) -> Self {
        Self::Integer(Some(instant.nanos()))
    }
}

impl From<Option<terms::Timestamp>> for Value {
    fn from(instant: Option<terms::Timestamp>) -> Self {
        Self::Integer(instant.map(terms::Timestamp::nanos))
    }
}

impl From<&terms::LogicalPath> for Value {
    fn from(path: &terms::LogicalPath) -> Self {
        path.as_str().into()
    }
}

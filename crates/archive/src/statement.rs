//! One SQL statement with its values, and how a list of them is run: written once for both engines.
//!
//! Both drivers take `$1`, `$2` … as places of values, so most of our SQL is the same text on both.

use crate::reading::Fields;
use futures_util::TryStreamExt as _;
use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, Database, Executor, IntoArguments, Pool};

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
    let query = sqlx::query_with::<D, _>(statement.sql, D::bind(&statement.values).map_err(sqlx::Error::Encode)?);
    let mut rows = query.fetch(&mut *connection);
    let mut found = Vec::new();
    while let Some(row) = rows.try_next().await? {
        found.push(read(&row)?);
    }
    Ok(found)
}

/// Runs all of them in one transaction, durable on return; answers how many rows the last one changed.
pub(crate) async fn write<D>(pool: &Pool<D>, statements: &[Statement]) -> Result<u64, Trouble>
where
    D: Dialect,
    D::QueryResult: Affected,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    // One statement is a transaction by itself.
    if let [only] = statements {
        let query = sqlx::query_with::<D, _>(only.sql, D::bind(&only.values).map_err(sqlx::Error::Encode)?);
        return Ok(query.execute(&mut *pool.acquire().await?).await?.affected());
    }
    let mut transaction = pool.begin_with(D::BEGIN).await?;
    let mut affected = 0;
    for statement in statements {
        let arguments = D::bind(&statement.values).map_err(sqlx::Error::Encode)?;
        affected = sqlx::query_with::<D, _>(statement.sql, arguments).execute(&mut *transaction).await?.affected();
    }
    transaction.commit().await?;
    Ok(affected)
}

/// Runs one statement that answers the number of the row that it made (`RETURNING id`).
///
/// In a transaction of its own, because the end of a statement that still answers rows would end it without telling
/// whether that went well.
pub(crate) async fn write_for_id<D>(pool: &Pool<D>, statement: &Statement) -> Result<i64, Trouble>
where
    D: Dialect,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let mut transaction = pool.begin_with(D::BEGIN).await?;
    let arguments = D::bind(&statement.values).map_err(sqlx::Error::Encode)?;
    let rows = sqlx::query_with::<D, _>(statement.sql, arguments).fetch_all(&mut *transaction).await?;
    let id = match rows.first() {
        Some(row) => row.integer("id")?,
        None => None,
    };
    transaction.commit().await?;
    id.ok_or_else(|| sqlx::Error::RowNotFound.into())
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

//! A fresh database on one of the engines, and a way to it beside the archive.

use crate::server::Server;
use archive::{Archive, Location};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) struct Place {
    pub(crate) location: Location,
    pub(crate) engine: &'static str,
    /// The server, where there is one: it lives longer than all places.
    pub(crate) server: Option<Server>,
    /// Removed with the place.
    _folder: Option<TempDir>,
}

impl Place {
    pub(crate) fn sqlite(_name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("archive.sqlite"));
        Self { location, engine: "sqlite", server: None, _folder: Some(folder) }
    }

    pub(crate) fn postgresql(server: &Server, name: &str) -> Self {
        let database = name.replace("::", "_");
        crate::runtime().block_on(server.make_database(&database));
        let location = Location::Postgres(server.url(&database));
        Self { location, engine: "postgresql", server: Some(server.clone()), _folder: None }
    }

    pub(crate) async fn open(&self) -> Archive {
        Archive::open(&self.location).await.unwrap()
    }

    /// SQL of any number of statements, past the archive.
    pub(crate) async fn raw(&self, sql: &str) {
        self.try_raw(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn try_raw(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &self.location {
            Location::Sqlite(file) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
                let mut connection = SqliteConnection::connect_with(&options).await?;
                sql.execute(&mut connection).await?;
                connection.close().await
            }
            Location::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                sql.execute(&mut connection).await?;
                connection.close().await
            }
        }
    }

    /// The file of SQLite.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match &self.location {
            Location::Sqlite(file) => Some(file),
            Location::Postgres(_) => None,
        }
    }
}

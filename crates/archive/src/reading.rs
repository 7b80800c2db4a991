//! From a row to a record. Nothing here trusts what it reads: a value of the wrong kind, a path that is none, a digest
//! that is none make the record damaged, never the program stop.

use crate::statement::Trouble;
use sqlx::Row as _;
use std::fmt::Display;
use std::str::FromStr;
use terms::{LogicalPath, Timestamp};
use uuid::Uuid;

/// The fields of one row by name; `None` is SQL's NULL.
pub(crate) trait Fields {
    fn integer(&self, field: &'static str) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, field: &'static str) -> Result<Option<String>, sqlx::Error>;
    fn bytes(&self, field: &'static str) -> Result<Option<Vec<u8>>, sqlx::Error>;
    fn flag(&self, field: &'static str) -> Result<Option<bool>, sqlx::Error>;
}

macro_rules! fields {
    ($row:ty) => {
        impl Fields for $row {
            fn integer(&self, field: &'static str) -> Result<Option<i64>, sqlx::Error> {
                self.try_get(field)
            }
            fn text(&self, field: &'static str) -> Result<Option<String>, sqlx::Error> {
                self.try_get(field)
            }
            fn bytes(&self, field: &'static str) -> Result<Option<Vec<u8>>, sqlx::Error> {
                self.try_get(field)
            }
            fn flag(&self, field: &'static str) -> Result<Option<bool>, sqlx::Error> {
                self.try_get(field)
            }
        }
    };
}

fields!(sqlx::sqlite::SqliteRow);
fields!(sqlx::postgres::PgRow);

/// Reads one record; what is wrong with it is told with the record's name.
pub(crate) struct Reader<'r> {
    row: &'r dyn Fields,
    /// `file record`, `token` …
    kind: &'static str,
    /// Which one, as far as it could be read.
    which: String,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(row: &'r dyn Fields, kind: &'static str) -> Self {
        Self { row, kind, which: String::new() }
    }

    /// From here on, complaints name it.
    pub(crate) fn named(mut self, which: impl Display) -> Self {
        self.which = format!(" {which}");
        self
    }

    pub(crate) fn integer(&self, field: &'static str) -> Result<i64, Trouble> {
        self.present(field, self.row.integer(field))
    }

    /// A length or a count; negative ones are damage.
    pub(crate) fn size(&self, field: &'static str) -> Result<u64, Trouble> {
        let number = self.integer(field)?;
        u64::try_from(number).map_err(|_| self.damaged(field, format!("{number} is negative")))
    }

    pub(crate) fn optional_size(&self, field: &'static str) -> Result<Option<u64>, Trouble> {
        match self.driver(field, self.row.integer(field))? {
            None => Ok(None),
            Some(_) => self.size(field).map(Some),
        }
    }

    pub(crate) fn timestamp(&self, field: &'static str) -> Result<Timestamp, Trouble> {
        self.integer(field).map(Timestamp::from_nanos)
    }

    pub(crate) fn optional_timestamp(&self, field: &'static str) -> Result<Option<Timestamp>, Trouble> {
        Ok(self.driver(field, self.row.integer(field))?.map(Timestamp::from_nanos))
    }

    pub(crate) fn text(&self, field: &'static str) -> Result<String, Trouble> {
        self.present(field, self.row.text(field))
    }

    pub(crate) fn optional_text(&self, field: &'static str) -> Result<Option<String>, Trouble> {
        self.driver(field, self.row.text(field))
    }

    pub(crate) fn flag(&self, field: &'static str) -> Result<bool, Trouble> {
        self.present(field, self.row.flag(field))
    }

    /// A text that means something.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, field: &'static str) -> Result<T, Trouble> {
        self.text(field)?.parse().map_err(|error| self.damaged(field, error))
    }

    /// A path that was kept whole.
    pub(crate) fn path(&self, field: &'static str) -> Result<LogicalPath, Trouble> {
        self.exact_path(field, &self.text(field)?)
    }

    /// A path that was kept as folder and name.
    pub(crate) fn split_path(&self) -> Result<LogicalPath, Trouble> {
        self.exact_path("folder", &format!("{}/{}", self.text("folder")?, self.text("name")?))
    }

    pub(crate) fn uuid(&self, field: &'static str) -> Result<Uuid, Trouble> {
        self.optional_uuid(field)?.ok_or_else(|| self.damaged(field, "missing"))
    }

    pub(crate) fn optional_uuid(&self, field: &'static str) -> Result<Option<Uuid>, Trouble> {
        let bytes = self.driver(field, self.row.bytes(field))?;
        bytes.map(|bytes| Uuid::from_slice(&bytes).map_err(|error| self.damaged(field, error))).transpose()
    }

    /// Bytes of any number.
    pub(crate) fn bytes(&self, field: &'static str) -> Result<Vec<u8>, Trouble> {
        self.present(field, self.row.bytes(field))
    }

    /// So many bytes.
    pub(crate) fn array<const N: usize>(&self, field: &'static str) -> Result<[u8; N], Trouble> {
        let bytes: Vec<u8> = self.present(field, self.row.bytes(field))?;
        let length = bytes.len();
        bytes.try_into().map_err(|_| self.damaged(field, format!("{length} bytes instead of {N}")))
    }

    /// We write paths in their normal form only: one that reads as another is damage too.
    fn exact_path(&self, field: &'static str, text: &str) -> Result<LogicalPath, Trouble> {
        let path: LogicalPath = text.parse().map_err(|error| self.damaged(field, error))?;
        if path.as_str() == text { Ok(path) } else { Err(self.damaged(field, format!("'{text}' is not normal"))) }
    }

    fn present<T>(&self, field: &'static str, value: Result<Option<T>, sqlx::Error>) -> Result<T, Trouble> {
        self.driver(field, value)?.ok_or_else(|| self.damaged(field, "missing"))
    }

    fn driver<T>(&self, field: &'static str, value: Result<T, sqlx::Error>) -> Result<T, Trouble> {
        value.map_err(|error| self.damaged(field, error))
    }

    fn damaged(&self, field: &'static str, what: impl Display) -> Trouble {
        Trouble::Damaged(format!("{}{}: {field}: {what}", self.kind, self.which))
    }
}

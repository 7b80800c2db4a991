//! Dead properties (RFC 4918 §4): kept for their owners, not understood.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble, Value};
use crate::tree::{below, rebased_folder};
use crate::{Archive, ArchiveError, Property, PropertyChange, Result, tree};
use terms::LogicalPath;

macro_rules! select {
    () => {
        "SELECT folder, name, namespace, local_name, xml FROM properties "
    };
}

impl Archive {
    /// Those of one path, by namespace and name.
    pub async fn properties(&self, path: &LogicalPath) -> Result<Vec<Property>> {
        let statement = Statement::new(
            concat!(select!(), "WHERE folder = $1 AND name = $2 ORDER BY namespace, local_name"),
            tree::itself_values(path),
        );
        let found = self.engine.read("read the properties of a file", statement, property).await?;
        Ok(found.into_iter().map(|(_, property)| property).collect())
    }

    /// Of this path and of what is directly in it, the path itself first: for one PROPFIND of depth 1.
    pub async fn properties_in(&self, folder: &LogicalPath) -> Result<Vec<(LogicalPath, Property)>> {
        let mut values = tree::itself_values(folder);
        values.push(tree::folder_text(folder).into());
        let statement = Statement::new(
            concat!(
                select!(),
                "WHERE (folder = $1 AND name = $2) OR folder = $3 ORDER BY folder, name, namespace, local_name"
            ),
            values,
        );
        self.engine.read("read the properties of a folder", statement, property).await
    }

    /// All changes in one transaction, in order.
    pub async fn change_properties(&self, path: &LogicalPath, changes: &[PropertyChange]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let statements = changes.iter().map(|change| change_statement(path, change)).collect();
        self.engine.write("change properties", statements).await.map(drop)
    }

    /// Copies the properties of `from` and below to `to` and below; what was there is forgotten. A tree may be copied
    /// into itself, but not over one that it is part of: the copy would remove what it copies.
    pub async fn copy_properties(&self, from: &LogicalPath, to: &LogicalPath) -> Result<()> {
        const OPERATION: &str = "copy properties";
        if from == to {
            return Ok(());
        }
        if from.is_within(to) {
            return Err(ArchiveError::refused(OPERATION, "the source is within the destination"));
        }
        let mut statements = tree::PROPERTIES.remove(to).to_vec();
        statements.push(Statement::new(COPY_ITSELF, tree::move_itself_values(from, to)));
        statements.push(Statement::new(COPY_BELOW, tree::move_below_values(from, to)));
        self.engine.write(OPERATION, statements).await.map(drop)
    }
}

macro_rules! insert {
    () => {
        "INSERT INTO properties (folder, name, key, namespace, local_name, xml) "
    };
}

const SET: &str = concat!(
    insert!(),
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (folder, name, key) DO UPDATE SET xml = excluded.xml"
);

const REMOVE: &str = "DELETE FROM properties WHERE folder = $1 AND name = $2 AND key = $3";

const COPY_ITSELF: &str = concat!(
    insert!(),
    "SELECT $3, $4, key, namespace, local_name, xml FROM properties WHERE folder = $1 AND name = $2"
);

const COPY_BELOW: &str = concat!(
    insert!(),
    "SELECT ",
    rebased_folder!(),
    ", name, key, namespace, local_name, xml FROM properties WHERE ",
    below!()
);

fn change_statement(path: &LogicalPath, change: &PropertyChange) -> Statement {
    let mut values = tree::itself_values(path);
    match change {
        PropertyChange::Set(Property { namespace, name, xml }) => {
            values.extend([key(namespace, name), namespace.as_str().into(), name.as_str().into(), xml.as_str().into()]);
            Statement::new(SET, values)
        }
        PropertyChange::Remove { namespace, name } => {
            values.push(key(namespace, name));
            Statement::new(REMOVE, values)
        }
    }
}

/// What tells the properties of one path apart, in 32 bytes: PostgreSQL's keys end at 2,704 bytes, those of users need
/// not.
fn key(namespace: &str, name: &str) -> Value {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    digest.update(namespace.as_bytes());
    digest.update(b"\0");
    digest.update(name.as_bytes());
    digest.finish().as_ref().into()
}

fn property(row: &dyn Fields) -> Result<(LogicalPath, Property), Trouble> {
    let row = Reader::new(row, "property");
    let path = row.split_path()?;
    let row = row.named(format_args!("of {path}"));
    let (namespace, name) = (row.text("namespace")?, row.text("local_name")?);
    Ok((path, Property { namespace, name, xml: row.text("xml")? }))
}

//! Published files.

use crate::engine::Engine;
use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble, Value};
use crate::{Archive, ArchiveError, FileRecord, Identity, Result, Totals, postgresql, sqlite, tree};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use terms::{LogicalPath, StagedId};

macro_rules! select {
    () => {
        "SELECT folder, name, inode, size_bytes, modified_ns, digests, media_type, published_ns, staged, publisher, \
         attributes FROM files "
    };
}

impl Archive {
    /// What is known of one file.
    pub async fn file(&self, path: &LogicalPath) -> Result<Option<FileRecord>> {
        let statement =
            Statement::new(concat!(select!(), "WHERE folder = $1 AND name = $2"), tree::itself_values(path));
        self.engine.read_one("read a file record", statement, file).await
    }

    /// The files directly in one folder, by name.
    pub async fn files_in(&self, folder: &LogicalPath) -> Result<Vec<FileRecord>> {
        let statement = Statement::new(
            concat!(select!(), "WHERE folder = $1 AND name <> '' ORDER BY name"),
            [tree::folder_text(folder).into()],
        );
        self.engine.read("read the file records of a folder", statement, file).await
    }

    /// The newest first; those of the same instant by path.
    pub async fn recent_files(&self, limit: u32) -> Result<Vec<FileRecord>> {
        let statement =
            Statement::new(concat!(select!(), "ORDER BY published_ns DESC LIMIT $1"), [i64::from(limit).into()]);
        let mut found = self.engine.read("read the newest file records", statement, file).await?;
        // Not in SQL: SQLite would then sort all files rather than walk down the index.
        found.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.path.cmp(&b.path)));
        Ok(found)
    }

    /// How many files there are records of, and how many bytes they have. On PostgreSQL this reads the whole table: not
    /// for each request.
    pub async fn totals(&self) -> Result<Totals> {
        let sql = match self.engine {
            Engine::Sqlite(_) => sqlite::TOTALS,
            Engine::Postgresql(_) => postgresql::TOTALS,
        };
        let found = self.engine.read_one("count the file records", Statement::new(sql, []), totals).await?;
        found.ok_or_else(|| ArchiveError::Damaged {
            operation: "count the file records",
            what: "the row of totals is missing".to_owned(),
        })
    }

    /// All of them in one durable transaction; a record of the same path is replaced. Where one path comes twice, the
    /// last one stays.
    pub async fn record_files(&self, files: &[FileRecord]) -> Result<()> {
        const OPERATION: &str = "record files";
        // Each path once, since one statement of PostgreSQL may not change a row twice; and always in the same order,
        // since two machines that lock rows in different orders wait for each other.
        let files: BTreeMap<&LogicalPath, &FileRecord> = files.iter().map(|file| (&file.path, file)).collect();
        let mut values = Vec::with_capacity(files.len() * COLUMNS);
        for file in files.values() {
            let size = i64::try_from(file.identity.size_bytes);
            let size = size.map_err(|_| ArchiveError::refused(OPERATION, "a size above 8 EiB cannot be kept"))?;
            push_values(&mut values, file, size);
        }
        let mut statements = Vec::new();
        for (rows, sql) in UPSERTS.iter() {
            while values.len() >= rows * COLUMNS {
                let rest = values.split_off(rows * COLUMNS);
                statements.push(Statement::new(sql, std::mem::replace(&mut values, rest)));
            }
        }
        if statements.is_empty() {
            return Ok(());
        }
        self.engine.write(OPERATION, statements).await.map(drop)
    }

    /// The file whose bytes were staged under this name.
    pub async fn file_of_staged(&self, staged: StagedId) -> Result<Option<FileRecord>> {
        let statement = Statement::new(concat!(select!(), "WHERE staged = $1"), [staged.0.into()]);
        self.engine.read_one("find the file of staged bytes", statement, file).await
    }

    /// Forgets the records and properties of this path and all below it.
    pub async fn remove_tree(&self, path: &LogicalPath) -> Result<()> {
        let statements = [tree::FILES.remove(path), tree::PROPERTIES.remove(path)].concat();
        self.engine.write("forget the records of a tree", statements).await.map(drop)
    }
}

const COLUMNS: usize = 11;

/// Statements for so many rows, the largest first. Few sizes, so that each is prepared once and kept; 64 rows are 704
/// values, far from the most that either engine takes (32,766 and 65,535).
static UPSERTS: LazyLock<[(usize, &'static str); 3]> =
    LazyLock::new(|| [64, 8, 1].map(|rows| (rows, &*upsert(rows).leak())));

fn upsert(rows: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO files \
         (folder, name, inode, size_bytes, modified_ns, digests, media_type, published_ns, staged, publisher, \
         attributes) \
         VALUES {} \
         ON CONFLICT (folder, name) DO UPDATE SET \
         inode = excluded.inode, size_bytes = excluded.size_bytes, modified_ns = excluded.modified_ns, \
         digests = excluded.digests, media_type = excluded.media_type, published_ns = excluded.published_ns, \
         staged = excluded.staged, publisher = excluded.publisher, attributes = excluded.attributes",
        rows.join(", ")
    )
}

fn push_values(values: &mut Vec<Value>, file: &FileRecord, size: i64) {
    let (folder, name) = tree::split(&file.path);
    values.extend([
        folder.into(),
        name.into(),
        file.identity.inode.cast_signed().into(),
        size.into(),
        file.identity.modified.into(),
        file.digests.to_string().into(),
        file.media_type.as_deref().into(),
        file.published.into(),
        file.staged.map(|staged| staged.0).into(),
        file.publisher.as_str().into(),
        file.attributes.to_string().into(),
    ]);
}

fn file(row: &dyn Fields) -> Result<FileRecord, Trouble> {
    let row = Reader::new(row, "file record");
    let path = row.split_path()?;
    let row = row.named(&path);
    Ok(FileRecord {
        identity: Identity {
            inode: row.integer("inode")?.cast_unsigned(),
            size_bytes: row.size("size_bytes")?,
            modified: row.timestamp("modified_ns")?,
        },
        digests: row.parsed("digests")?,
        media_type: row.optional_text("media_type")?,
        published: row.timestamp("published_ns")?,
        staged: row.optional_uuid("staged")?.map(StagedId),
        publisher: row.text("publisher")?,
        attributes: row.parsed("attributes")?,
        path,
    })
}

fn totals(row: &dyn Fields) -> Result<Totals, Trouble> {
    let row = Reader::new(row, "totals");
    Ok(Totals { files: row.size("files")?, bytes: row.size("bytes")? })
}

//! Resumable uploads that have not ended.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble};
use crate::{Archive, ArchiveError, Result, UploadRecord};
use terms::{StagedId, UploadId};

macro_rules! select {
    () => {
        "SELECT id, path, staged, length_bytes, claimed, media_type, modified_ns, principal, overwrite, created_ns, \
         expires_ns, attributes FROM uploads "
    };
}

impl Archive {
    /// Adds one, or replaces that of the same id.
    pub async fn record_upload(&self, upload: &UploadRecord) -> Result<()> {
        const OPERATION: &str = "record an upload";
        let length = upload.length_bytes.map(i64::try_from).transpose();
        let length = length.map_err(|_| ArchiveError::refused(OPERATION, "a length above 8 EiB cannot be kept"))?;
        let statement = Statement::new(
            "INSERT INTO uploads (id, path, staged, length_bytes, claimed, media_type, modified_ns, principal, \
             overwrite, created_ns, expires_ns, attributes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (id) DO UPDATE SET path = excluded.path, staged = excluded.staged, \
             length_bytes = excluded.length_bytes, claimed = excluded.claimed, media_type = excluded.media_type, \
             modified_ns = excluded.modified_ns, principal = excluded.principal, overwrite = excluded.overwrite, \
             created_ns = excluded.created_ns, expires_ns = excluded.expires_ns, attributes = excluded.attributes",
            [
                upload.id.0.into(),
                (&upload.path).into(),
                upload.staged.0.into(),
                length.into(),
                upload.claimed.to_string().into(),
                upload.media_type.as_deref().into(),
                upload.modified.into(),
                upload.principal.as_str().into(),
                upload.overwrite.into(),
                upload.created.into(),
                upload.expires.into(),
                upload.attributes.to_string().into(),
            ],
        );
        self.engine.write(OPERATION, vec![statement]).await.map(drop)
    }

    /// One of them.
    pub async fn upload(&self, id: UploadId) -> Result<Option<UploadRecord>> {
        let statement = Statement::new(concat!(select!(), "WHERE id = $1"), [id.0.into()]);
        self.engine.read_one("read an upload", statement, upload).await
    }

    /// All of them, the oldest first: also those that have ended by themselves and were not removed.
    pub async fn uploads(&self) -> Result<Vec<UploadRecord>> {
        let statement = Statement::new(concat!(select!(), "ORDER BY created_ns, id"), []);
        self.engine.read("read the uploads", statement, upload).await
    }

    /// Removing what is not there is no error.
    pub async fn remove_upload(&self, id: UploadId) -> Result<()> {
        let statement = Statement::new("DELETE FROM uploads WHERE id = $1", [id.0.into()]);
        self.engine.write("remove an upload", vec![statement]).await.map(drop)
    }
}

fn upload(row: &dyn Fields) -> Result<UploadRecord, Trouble> {
    let row = Reader::new(row, "upload");
    let id = UploadId(row.uuid("id")?);
    let row = row.named(id);
    Ok(UploadRecord {
        id,
        path: row.path("path")?,
        staged: StagedId(row.uuid("staged")?),
        length_bytes: row.optional_size("length_bytes")?,
        claimed: row.parsed("claimed")?,
        media_type: row.optional_text("media_type")?,
        modified: row.optional_timestamp("modified_ns")?,
        principal: row.text("principal")?,
        overwrite: row.flag("overwrite")?,
        created: row.timestamp("created_ns")?,
        expires: row.timestamp("expires_ns")?,
        attributes: row.parsed("attributes")?,
    })
}

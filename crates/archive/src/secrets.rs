//! Keys that must outlive the process. Whoever can read the database can use them, as with the key of a certificate.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble};
use crate::{Archive, Result, SecretRecord};
use terms::Timestamp;
use uuid::Uuid;
use zeroize::Zeroizing;

impl Archive {
    /// Adds one.
    pub async fn record_secret(&self, secret: &SecretRecord) -> Result<()> {
        let statement = Statement::new(
            "INSERT INTO secrets (id, purpose, secret, created_ns, retired_ns) VALUES ($1, $2, $3, $4, $5)",
            [
                secret.id.into(),
                secret.purpose.as_str().into(),
                secret.secret.as_slice().into(),
                secret.created.into(),
                secret.retired.into(),
            ],
        );
        self.engine.write("record a key", vec![statement]).await.map(drop)
    }

    /// Those of one purpose, the oldest first.
    pub async fn secrets(&self, purpose: &str) -> Result<Vec<SecretRecord>> {
        let statement = Statement::new(
            "SELECT id, purpose, secret, created_ns, retired_ns FROM secrets WHERE purpose = $1 ORDER BY created_ns, id",
            [purpose.into()],
        );
        self.engine.read("read the keys", statement, secret).await
    }

    /// From now on nothing new is signed with it.
    pub async fn retire_secret(&self, id: Uuid, at: Timestamp) -> Result<()> {
        let statement = Statement::new(
            "UPDATE secrets SET retired_ns = $2 WHERE id = $1 AND retired_ns IS NULL",
            [id.into(), at.into()],
        );
        self.engine.write("retire a key", vec![statement]).await.map(drop)
    }

    /// What was signed with it is worth nothing any more.
    pub async fn forget_secret(&self, id: Uuid) -> Result<()> {
        let statement = Statement::new("DELETE FROM secrets WHERE id = $1", [id.into()]);
        self.engine.write("forget a key", vec![statement]).await.map(drop)
    }
}

fn secret(row: &dyn Fields) -> Result<SecretRecord, Trouble> {
    let row = Reader::new(row, "key");
    let id = row.uuid("id")?;
    let row = row.named(id);
    Ok(SecretRecord {
        id,
        purpose: row.text("purpose")?,
        secret: Zeroizing::new(row.bytes("secret")?),
        created: row.timestamp("created_ns")?,
        retired: row.optional_timestamp("retired_ns")?,
    })
}

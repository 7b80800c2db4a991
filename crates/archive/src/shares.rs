//! Shares. Of their secrets only SHA-256 values come here.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble};
use crate::{Archive, ArchiveError, Result, ShareRecord};
use terms::{ShareId, Timestamp};

macro_rules! select {
    () => {
        "SELECT id, secret_sha256, path, verbs, creator, note, created_ns, expires_ns, revoked_ns, networks, \
         downloads_max, bytes_max, downloads, bytes FROM shares "
    };
}

impl Archive {
    /// Adds one.
    pub async fn record_share(&self, share: &ShareRecord) -> Result<()> {
        const OPERATION: &str = "record a share";
        let statement = Statement::new(
            "INSERT INTO shares (id, secret_sha256, path, verbs, creator, note, created_ns, expires_ns, revoked_ns, \
             networks, downloads_max, bytes_max, downloads, bytes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            [
                share.id.0.into(),
                share.secret_sha256.as_slice().into(),
                (&share.path).into(),
                share.verbs.to_string().into(),
                share.creator.as_str().into(),
                share.note.as_str().into(),
                share.created.into(),
                share.expires.into(),
                share.revoked.into(),
                share.networks.as_str().into(),
                share.downloads_max.map(|most| count(OPERATION, most)).transpose()?.into(),
                share.bytes_max.map(|most| count(OPERATION, most)).transpose()?.into(),
                count(OPERATION, share.downloads)?.into(),
                count(OPERATION, share.bytes)?.into(),
            ],
        );
        self.engine.write(OPERATION, vec![statement]).await.map(drop)
    }

    /// One of them, revoked and ended ones too.
    pub async fn share(&self, id: ShareId) -> Result<Option<ShareRecord>> {
        let statement = Statement::new(concat!(select!(), "WHERE id = $1"), [id.0.into()]);
        self.engine.read_one("read a share", statement, share).await
    }

    /// All of them, revoked and ended ones too; the oldest first.
    pub async fn shares(&self) -> Result<Vec<ShareRecord>> {
        let statement = Statement::new(concat!(select!(), "ORDER BY created_ns, id"), []);
        self.engine.read("read the shares", statement, share).await
    }

    /// Those that one creator made, revoked and ended ones too; the oldest first.
    pub async fn shares_of(&self, creator: &str) -> Result<Vec<ShareRecord>> {
        let statement =
            Statement::new(concat!(select!(), "WHERE creator = $1 ORDER BY created_ns, id"), [creator.into()]);
        self.engine.read("read the shares of one creator", statement, share).await
    }

    /// How many of one creator's are neither revoked nor over at this time.
    pub async fn count_live_shares_of(&self, creator: &str, at: Timestamp) -> Result<u64> {
        let statement = Statement::new(
            "SELECT count(*) AS live FROM shares \
             WHERE creator = $1 AND revoked_ns IS NULL AND (expires_ns IS NULL OR expires_ns > $2)",
            [creator.into(), at.into()],
        );
        let count = |row: &dyn Fields| Reader::new(row, "count of shares").size("live");
        Ok(self.engine.read_one("count the shares of one creator", statement, count).await?.unwrap_or(0))
    }

    /// Forgets those that were revoked or had ended before this time; answers how many.
    pub async fn forget_shares_over_before(&self, at: Timestamp) -> Result<u64> {
        let statement = Statement::new("DELETE FROM shares WHERE revoked_ns < $1 OR expires_ns < $1", [at.into()]);
        let forgotten = self.engine.write("forget shares that are over", vec![statement]).await?;
        Ok(u64::try_from(forgotten).unwrap_or(0))
    }

    /// True when it was there and not yet revoked.
    pub async fn revoke_share(&self, id: ShareId, at: Timestamp) -> Result<bool> {
        let statement = Statement::new(
            "UPDATE shares SET revoked_ns = $2 WHERE id = $1 AND revoked_ns IS NULL",
            [id.0.into(), at.into()],
        );
        Ok(self.engine.write("revoke a share", vec![statement]).await? > 0)
    }

    /// Takes so much of the budgets of a share; true when both had room for it and it is not revoked. All or nothing.
    pub async fn spend_share(&self, id: ShareId, downloads: u64, bytes: u64) -> Result<bool> {
        const OPERATION: &str = "take from the budget of a share";
        // What cannot be written as a number of the database is in no budget either.
        let (Ok(downloads), Ok(bytes)) = (i64::try_from(downloads), i64::try_from(bytes)) else { return Ok(false) };
        let statement = Statement::new(
            "UPDATE shares SET downloads = downloads + $2, bytes = bytes + $3 WHERE id = $1 AND revoked_ns IS NULL \
             AND (downloads_max IS NULL OR $2 <= downloads_max - downloads) \
             AND (bytes_max IS NULL OR $3 <= bytes_max - bytes)",
            [id.0.into(), downloads.into(), bytes.into()],
        );
        Ok(self.engine.write(OPERATION, vec![statement]).await? > 0)
    }

    /// Counts what was moved without a budget that had to have room for it.
    pub async fn tally_share(&self, id: ShareId, downloads: u64, bytes: u64) -> Result<()> {
        const OPERATION: &str = "count what a share moved";
        let statement = Statement::new(
            "UPDATE shares SET downloads = downloads + $2, bytes = bytes + $3 WHERE id = $1",
            [id.0.into(), count(OPERATION, downloads)?.into(), count(OPERATION, bytes)?.into()],
        );
        self.engine.write(OPERATION, vec![statement]).await.map(drop)
    }

    /// Gives back what was taken and not used.
    pub async fn refund_share(&self, id: ShareId, downloads: u64, bytes: u64) -> Result<()> {
        const OPERATION: &str = "give back to the budget of a share";
        let statement = Statement::new(
            "UPDATE shares SET downloads = CASE WHEN downloads > $2 THEN downloads - $2 ELSE 0 END, \
             bytes = CASE WHEN bytes > $3 THEN bytes - $3 ELSE 0 END WHERE id = $1",
            [id.0.into(), count(OPERATION, downloads)?.into(), count(OPERATION, bytes)?.into()],
        );
        self.engine.write(OPERATION, vec![statement]).await.map(drop)
    }
}

fn count(operation: &'static str, number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| ArchiveError::refused(operation, "a number above 8 Ei cannot be kept"))
}

fn share(row: &dyn Fields) -> Result<ShareRecord, Trouble> {
    let row = Reader::new(row, "share");
    let id = ShareId(row.uuid("id")?);
    let row = row.named(id);
    Ok(ShareRecord {
        id,
        secret_sha256: row.array("secret_sha256")?,
        path: row.path("path")?,
        verbs: row.parsed("verbs")?,
        creator: row.text("creator")?,
        note: row.text("note")?,
        created: row.timestamp("created_ns")?,
        expires: row.optional_timestamp("expires_ns")?,
        revoked: row.optional_timestamp("revoked_ns")?,
        networks: row.text("networks")?,
        downloads_max: row.optional_size("downloads_max")?,
        bytes_max: row.optional_size("bytes_max")?,
        downloads: row.size("downloads")?,
        bytes: row.size("bytes")?,
    })
}

//! WebDAV locks (RFC 4918 §6). What a lock forbids is the door's to know.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble};
use crate::{Archive, LockRecord, Result};

impl Archive {
    /// All of them, by path: also those that have ended by themselves and were not removed.
    pub async fn locks(&self) -> Result<Vec<LockRecord>> {
        let statement = Statement::new(
            "SELECT token, path, deep, shared, owner, principal, expires_ns FROM locks ORDER BY path, token",
            [],
        );
        self.engine.read("read the locks", statement, lock).await
    }

    /// Adds one, or replaces that of the same token (a refresh).
    pub async fn record_lock(&self, lock: &LockRecord) -> Result<()> {
        let statement = Statement::new(
            "INSERT INTO locks (token, path, deep, shared, owner, principal, expires_ns) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (token) DO UPDATE SET path = excluded.path, deep = excluded.deep, shared = excluded.shared, \
             owner = excluded.owner, principal = excluded.principal, expires_ns = excluded.expires_ns",
            [
                lock.token.as_str().into(),
                (&lock.path).into(),
                lock.deep.into(),
                lock.shared.into(),
                lock.owner.as_str().into(),
                lock.principal.as_str().into(),
                lock.expires.into(),
            ],
        );
        self.engine.write("record a lock", vec![statement]).await.map(drop)
    }

    /// Removing what is not there is no error.
    pub async fn remove_lock(&self, token: &str) -> Result<()> {
        let statement = Statement::new("DELETE FROM locks WHERE token = $1", [token.into()]);
        self.engine.write("remove a lock", vec![statement]).await.map(drop)
    }
}

fn lock(row: &dyn Fields) -> Result<LockRecord, Trouble> {
    let row = Reader::new(row, "lock");
    let token = row.text("token")?;
    let row = row.named(&token);
    Ok(LockRecord {
        token,
        path: row.path("path")?,
        deep: row.flag("deep")?,
        shared: row.flag("shared")?,
        owner: row.text("owner")?,
        principal: row.text("principal")?,
        expires: row.timestamp("expires_ns")?,
    })
}

//! Access tokens. Of their secrets only SHA-256 values come here.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble};
use crate::{Archive, Result, TokenRecord};
use terms::{Timestamp, TokenId};

macro_rules! select {
    () => {
        "SELECT id, name, secret_sha256, verbs, path, created_ns, expires_ns, revoked_ns, account, parent FROM tokens "
    };
}

impl Archive {
    /// Adds one, or replaces that of the same id.
    pub async fn record_token(&self, token: &TokenRecord) -> Result<()> {
        let statement = Statement::new(
            "INSERT INTO tokens \
             (id, name, secret_sha256, verbs, path, created_ns, expires_ns, revoked_ns, account, parent) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, secret_sha256 = excluded.secret_sha256, \
             verbs = excluded.verbs, path = excluded.path, created_ns = excluded.created_ns, \
             expires_ns = excluded.expires_ns, revoked_ns = excluded.revoked_ns, \
             account = excluded.account, parent = excluded.parent",
            [
                token.id.0.into(),
                token.name.as_str().into(),
                token.secret_sha256.as_slice().into(),
                token.verbs.to_string().into(),
                (&token.path).into(),
                token.created.into(),
                token.expires.into(),
                token.revoked.into(),
                token.account.as_deref().into(),
                token.parent.map(|id| id.0).into(),
            ],
        );
        self.engine.write("record a token", vec![statement]).await.map(drop)
    }

    /// One of them, revoked and ended ones too.
    pub async fn token(&self, id: TokenId) -> Result<Option<TokenRecord>> {
        let statement = Statement::new(concat!(select!(), "WHERE id = $1"), [id.0.into()]);
        self.engine.read_one("read a token", statement, token).await
    }

    /// All of them, revoked and ended ones too; the oldest first.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        let statement = Statement::new(concat!(select!(), "ORDER BY created_ns, id"), []);
        self.engine.read("read the tokens", statement, token).await
    }

    /// Forgets the narrowed ones that ended before this. None is left without its parent: no narrowed one outlives it.
    pub async fn forget_narrowed_tokens(&self, before: Timestamp) -> Result<()> {
        let statement =
            Statement::new("DELETE FROM tokens WHERE parent IS NOT NULL AND expires_ns < $1", [before.into()]);
        self.engine.write("forget narrowed tokens", vec![statement]).await.map(drop)
    }

    /// True when it was there and not yet revoked.
    pub async fn revoke_token(&self, id: TokenId, at: Timestamp) -> Result<bool> {
        let statement = Statement::new(
            "UPDATE tokens SET revoked_ns = $2 WHERE id = $1 AND revoked_ns IS NULL",
            [id.0.into(), at.into()],
        );
        Ok(self.engine.write("revoke a token", vec![statement]).await? > 0)
    }
}

fn token(row: &dyn Fields) -> Result<TokenRecord, Trouble> {
    let row = Reader::new(row, "token");
    let id = TokenId(row.uuid("id")?);
    let row = row.named(id);
    Ok(TokenRecord {
        id,
        name: row.text("name")?,
        secret_sha256: row.array("secret_sha256")?,
        verbs: row.parsed("verbs")?,
        path: row.path("path")?,
        created: row.timestamp("created_ns")?,
        expires: row.optional_timestamp("expires_ns")?,
        revoked: row.optional_timestamp("revoked_ns")?,
        account: row.optional_text("account")?,
        parent: row.optional_uuid("parent")?.map(TokenId),
    })
}

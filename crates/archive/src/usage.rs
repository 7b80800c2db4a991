//! What each caller moved, by day.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble};
use crate::{Archive, ArchiveError, Result, UsageRecord};

impl Archive {
    /// Adds to what was moved; all of it or nothing.
    pub async fn add_usage(&self, moved: &[UsageRecord]) -> Result<()> {
        const OPERATION: &str = "record what was moved";
        let mut statements = Vec::with_capacity(moved.len());
        for one in moved {
            let bytes = i64::try_from(one.bytes);
            let bytes = bytes.map_err(|_| ArchiveError::refused(OPERATION, "more than 8 EiB cannot be kept"))?;
            statements.push(Statement::new(
                "INSERT INTO usage (principal, day, bytes) VALUES ($1, $2, $3) \
                 ON CONFLICT (principal, day) DO UPDATE SET bytes = usage.bytes + excluded.bytes",
                [one.principal.as_str().into(), i64::from(one.day).into(), bytes.into()],
            ));
        }
        if statements.is_empty() {
            return Ok(());
        }
        self.engine.write(OPERATION, statements).await.map(drop)
    }

    /// What was moved on this day and later.
    pub async fn usage_since(&self, day: u32) -> Result<Vec<UsageRecord>> {
        let statement = Statement::new(
            "SELECT principal, day, bytes FROM usage WHERE day >= $1 ORDER BY day, principal",
            [i64::from(day).into()],
        );
        self.engine.read("read what was moved", statement, usage).await
    }
}

fn usage(row: &dyn Fields) -> Result<UsageRecord, Trouble> {
    let row = Reader::new(row, "usage");
    Ok(UsageRecord {
        principal: row.text("principal")?,
        day: u32::try_from(row.size("day")?).unwrap_or(u32::MAX),
        bytes: row.size("bytes")?,
    })
}

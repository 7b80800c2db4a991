//! Moves: the intention is recorded before the rename, the effect after it.

use crate::reading::{Fields, Reader};
use crate::statement::{Statement, Trouble};
use crate::{Archive, ArchiveError, MoveId, Result, UnfinishedMove, tree};
use terms::LogicalPath;

impl Archive {
    /// Says what is about to be renamed. If we end before [`finish_move`](Self::finish_move) or
    /// [`abandon_move`](Self::abandon_move), it will be among the [`unfinished_moves`](Self::unfinished_moves).
    ///
    /// A tree cannot become part of itself, nor take the place of one that it is part of: that fails here.
    pub async fn begin_move(&self, from: &LogicalPath, to: &LogicalPath) -> Result<MoveId> {
        const OPERATION: &str = "begin a move";
        if from != to && (from.is_within(to) || to.is_within(from)) {
            return Err(ArchiveError::refused(OPERATION, "one of the two paths is within the other"));
        }
        let statement = Statement::new(
            "INSERT INTO moves (from_path, to_path) VALUES ($1, $2) RETURNING id",
            [from.into(), to.into()],
        );
        self.engine.write(OPERATION, vec![statement]).await.map(MoveId)
    }

    /// Records and properties of `from` and below are now those of `to` and below (what was there is forgotten). A move
    /// that is not there (any more) is no error, so that recovery may repeat it.
    pub async fn finish_move(&self, id: MoveId) -> Result<()> {
        const OPERATION: &str = "finish a move";
        let statement = Statement::new("SELECT id, from_path, to_path FROM moves WHERE id = $1", [id.0.into()]);
        let Some(UnfinishedMove { from, to, .. }) = self.engine.read_one(OPERATION, statement, unfinished).await?
        else {
            return Ok(());
        };
        let mut statements = Vec::new();
        if from != to {
            for table in [tree::FILES, tree::PROPERTIES] {
                statements.extend(table.remove(&to));
                statements.extend(table.rename(&from, &to));
            }
        }
        statements.push(end(id));
        self.engine.write(OPERATION, statements).await.map(drop)
    }

    /// The rename did not take place: the records stay as they are.
    pub async fn abandon_move(&self, id: MoveId) -> Result<()> {
        self.engine.write("abandon a move", vec![end(id)]).await.map(drop)
    }

    /// Left by a crash between begin and finish; the oldest first.
    pub async fn unfinished_moves(&self) -> Result<Vec<UnfinishedMove>> {
        let statement = Statement::new("SELECT id, from_path, to_path FROM moves ORDER BY id", []);
        self.engine.read("read the unfinished moves", statement, unfinished).await
    }
}

fn end(id: MoveId) -> Statement {
    Statement::new("DELETE FROM moves WHERE id = $1", [id.0.into()])
}

fn unfinished(row: &dyn Fields) -> Result<UnfinishedMove, Trouble> {
    let row = Reader::new(row, "move");
    let id = row.integer("id")?;
    let row = row.named(id);
    Ok(UnfinishedMove { id: MoveId(id), from: row.path("from_path")?, to: row.path("to_path")? })
}

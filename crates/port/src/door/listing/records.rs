//! What the archive knows of the entries of one folder, in bounded memory.

use super::super::{Door, problem};
use crate::store::Entry;
use archive::FileRecord;
use std::collections::HashMap;
use terms::{LogicalPath, Problem};

/// Up to this many entries, the records of a folder are fetched with one query (about 500 bytes each, 10 MB in all);
/// beyond, one by one as they are needed.
const WHOLE_UP_TO_ENTRIES: usize = 20_000;

/// Where the records of a folder's entries come from.
pub(crate) enum FolderRecords {
    /// None are needed.
    Unwanted,
    /// All fetched already, by path.
    Whole(HashMap<LogicalPath, FileRecord>),
    /// Fetched one by one.
    Single,
}

impl FolderRecords {
    /// For a folder with so many entries.
    pub(crate) async fn of(door: &Door, folder: &LogicalPath, entries: usize) -> Result<Self, Problem> {
        if entries > WHOLE_UP_TO_ENTRIES {
            return Ok(Self::Single);
        }
        door.settle_records().await;
        let found = door.archive().files_in(folder).await.map_err(|error| problem::of_archive(&error))?;
        Ok(Self::Whole(found.into_iter().map(|record| (record.path.clone(), record)).collect()))
    }

    /// The record of this entry, if it speaks of the bytes that are there now.
    pub(crate) async fn take(
        &mut self,
        door: &Door,
        path: &LogicalPath,
        entry: &Entry,
    ) -> Result<Option<FileRecord>, Problem> {
        match self {
            _ if !entry.metadata.is_file() => Ok(None),
            Self::Unwanted => Ok(None),
            Self::Whole(all) => Ok(all.remove(path).filter(|record| record.identity == entry.metadata.identity())),
            Self::Single => door.record_of(path, &entry.metadata).await,
        }
    }
}

//! What the archive knows of the entries of one folder, in bounded memory and with few questions: one for the whole folder
//! where it is not too large, and none where nobody wants to know.

use super::super::rights::Considered;
use super::super::{Door, problem};
use crate::store::Entry;
use archive::FileRecord;
use std::collections::HashMap;
use terms::{LogicalPath, Principal, Problem, Verb};

/// Up to this many entries, the records of a folder are fetched with one query (about 500 bytes each, 10 MB in all);
/// beyond, one by one as they are needed.
const WHOLE_UP_TO_ENTRIES: usize = 20_000;

/// The records of a folder's entries.
pub(crate) struct FolderRecords {
    folder: LogicalPath,
    entries: usize,
    /// By path; fetched when the first of them is asked for.
    whole: Option<HashMap<LogicalPath, FileRecord>>,
}

impl FolderRecords {
    /// For a folder with so many entries.
    pub(crate) fn new(folder: &LogicalPath, entries: usize) -> Self {
        Self { folder: folder.clone(), entries, whole: None }
    }

    /// The record of this entry, if it speaks of the bytes that are there now. Each is told once.
    pub(crate) async fn take(
        &mut self,
        door: &Door,
        path: &LogicalPath,
        entry: &Entry,
    ) -> Result<Option<FileRecord>, Problem> {
        if !entry.metadata.is_file() {
            return Ok(None);
        }
        if self.entries > WHOLE_UP_TO_ENTRIES {
            return door.record_of(path, &entry.metadata).await;
        }
        if self.whole.is_none() {
            door.settle_records().await;
            let found = door.archive().files_in(&self.folder).await.map_err(|error| problem::of_archive(&error))?;
            self.whole = Some(found.into_iter().map(|record| (record.path.clone(), record)).collect());
        }
        let record = self.whole.as_mut().and_then(|whole| whole.remove(path));
        Ok(record.filter(|record| record.identity == entry.metadata.identity()))
    }

    /// May this caller do this to this entry? The record is among the answer where it had to be read.
    pub(crate) async fn consider<'a>(
        &mut self,
        door: &Door,
        who: &'a Principal,
        verb: Verb,
        path: &'a LogicalPath,
        entry: &Entry,
    ) -> Result<(Considered<'a>, Option<Option<FileRecord>>), Problem> {
        if let Some(considered) = door.consider_unseen(who, verb, path).await? {
            return Ok((considered, None));
        }
        let record = self.take(door, path, entry).await?;
        let considered = door.consider_recorded(who, verb, path, entry.metadata, record.clone()).await?;
        Ok((considered, Some(record)))
    }
}

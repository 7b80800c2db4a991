//! One small file as the journal holds it.

use super::commit::Ready;
use archive::{FileRecord, Identity};
use bytes::{Buf as _, BufMut as _, Bytes};
use serde::{Deserialize, Serialize};
use terms::{LogicalPath, StagedId, Timestamp};

/// What is kept of a file beside its bytes.
#[derive(Serialize, Deserialize)]
struct Facts {
    path: LogicalPath,
    staged: StagedId,
    inode: u64,
    modified: Timestamp,
    published: Timestamp,
    digests: String,
    media_type: Option<String>,
    publisher: String,
    /// Absent in journals of before they were known.
    #[serde(default)]
    attributes: String,
}

/// One small file: its record and its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) record: FileRecord,
    pub(super) staged: StagedId,
    pub(super) bytes: Bytes,
}

/// Adds one file to the payload of a frame.
pub(super) fn write(ready: &Ready, body: &[Bytes], payload: &mut Vec<u8>) {
    let record = &ready.record;
    let facts = Facts {
        path: record.path.clone(),
        staged: ready.job.publication.staged.id(),
        inode: record.identity.inode,
        modified: record.identity.modified,
        published: record.published,
        digests: record.digests.to_string(),
        media_type: record.media_type.clone(),
        publisher: record.publisher.clone(),
        attributes: record.attributes.to_string(),
    };
    // Of texts and numbers alone: serde_json has nothing to refuse.
    let facts = serde_json::to_vec(&facts).unwrap_or_default();
    payload.put_u32_le(facts.len() as u32);
    payload.put_slice(&facts);
    payload.put_u32_le(body.iter().map(Bytes::len).sum::<usize>() as u32);
    body.iter().for_each(|piece| payload.put_slice(piece));
}

/// All files of a payload; `None` when it is not one of ours after all.
pub(super) fn read(mut payload: Bytes) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while payload.has_remaining() {
        let facts: Facts = serde_json::from_slice(&take(&mut payload)?).ok()?;
        let bytes = take(&mut payload)?;
        let identity = Identity { inode: facts.inode, size_bytes: bytes.len() as u64, modified: facts.modified };
        let record = FileRecord {
            path: facts.path,
            identity,
            digests: facts.digests.parse().ok()?,
            media_type: facts.media_type,
            published: facts.published,
            staged: Some(facts.staged),
            publisher: facts.publisher,
            attributes: facts.attributes.parse().ok()?,
        };
        entries.push(Entry { record, staged: facts.staged, bytes });
    }
    Some(entries)
}

fn take(payload: &mut Bytes) -> Option<Bytes> {
    let length = payload.try_get_u32_le().ok()?;
    let length = usize::try_from(length).ok().filter(|length| *length <= payload.remaining())?;
    Some(payload.copy_to_bytes(length))
}

//! Replaying the journal: small files that were acknowledged and are not, or not whole, where they belong.

use super::entry::{self, Entry};
use super::journal::{Frame, Kind, clear, read_all};
use super::{Area, Writer};
use crate::door::{Namespaces, Place, media, problem};
use crate::store::Metadata;
use archive::{Archive, FileRecord};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;
use terms::{LogicalPath, Problem, StagedId};

/// A file of another content that changed later than this behind the publication was put there by others since.
const FOREIGN_AFTER: Duration = Duration::from_secs(1);

/// Records in one transaction.
const BATCH: usize = 512;

/// Brings every file of the journal to its place; answers how many had to be written again.
pub(super) async fn replay(area: &Arc<Area>, archive: &Archive, namespaces: &Namespaces) -> Result<usize, Problem> {
    let failed = |error: io::Error| problem::of_io(&error, "replay the journal of", &LogicalPath::root());
    let frames = read_all(area).map_err(failed)?;
    if frames.iter().all(|frame| frame.kind == Kind::Empty) {
        return Ok(0);
    }
    let mut restored = 0;
    let mut records = Vec::new();
    for (entry, is_marked) in last_of_each_path(frames) {
        let Some(known) = where_to(&entry, is_marked, archive).await? else {
            area.remove(entry.staged).map_err(failed)?;
            continue;
        };
        let path = &known.path;
        match bring(&entry, &known, area, namespaces) {
            Ok(Some((record, written))) => {
                restored += usize::from(written);
                records.push(record);
            }
            Ok(None) => {}
            Err(error) => tracing::error!("could not bring back {path}: {error}"),
        }
        area.remove(entry.staged).map_err(failed)?;
    }
    rustix::fs::syncfs(area.folder()).map_err(|error| failed(error.into()))?;
    for batch in records.chunks(BATCH) {
        archive.record_files(batch).await.map_err(|error| problem::of_archive(&error))?;
    }
    clear(area).map_err(failed)?;
    Ok(restored)
}

/// The last file of each path, and whether the archive is known to have had its record: then the archive alone says
/// whether, and where, it still is.
fn last_of_each_path(frames: Vec<Frame>) -> Vec<(Entry, bool)> {
    let mut last: HashMap<LogicalPath, (Entry, bool)> = HashMap::new();
    let mut marked: Vec<(Entry, bool)> = Vec::new();
    for frame in frames {
        match frame.kind {
            Kind::Files => {
                let entries = entry::read(frame.payload).unwrap_or_default();
                last.extend(entries.into_iter().map(|entry| (entry.record.path.clone(), (entry, false))));
            }
            // From here on the same path can mean another file.
            Kind::Archived => marked.extend(last.drain().map(|(_, (entry, _))| (entry, true))),
            Kind::Void => {
                let ids: Vec<StagedId> = frame.payload.chunks_exact(16).filter_map(staged_id).collect();
                last.retain(|_, (entry, _)| !ids.contains(&entry.staged));
            }
            Kind::Empty => {}
        }
    }
    marked.extend(last.into_values());
    marked
}

fn staged_id(bytes: &[u8]) -> Option<StagedId> {
    Some(StagedId(uuid::Uuid::from_bytes(bytes.try_into().ok()?)))
}

/// The record of this file, with the path where it belongs: as the archive has it, where it has it, since attributes and
/// digests may have changed after the journal was written.
async fn where_to(entry: &Entry, is_marked: bool, archive: &Archive) -> Result<Option<FileRecord>, Problem> {
    let failed = |error: archive::ArchiveError| problem::of_archive(&error);
    if is_marked {
        return archive.file_of_staged(entry.staged).await.map_err(failed);
    }
    let known = archive.file(&entry.record.path).await.map_err(failed)?;
    Ok(match known {
        Some(record) if record.staged == Some(entry.staged) => Some(record),
        Some(record) if record.published > entry.record.published => None,
        _ => Some(entry.record.clone()),
    })
}

/// Answers the record that now holds, and whether the file had to be written.
fn bring(
    entry: &Entry,
    known: &FileRecord,
    area: &Arc<Area>,
    namespaces: &Namespaces,
) -> io::Result<Option<(FileRecord, bool)>> {
    let path = &known.path;
    let Ok(place) = namespaces.resolve(path) else {
        tracing::error!("{path} is in no namespace any more; it cannot be brought back");
        return Ok(None);
    };
    let posix = place.namespace.store.posix();
    let there = match posix.open(&place.within) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some((file, metadata)) = there {
        if holds(&file, &metadata, entry)? {
            return Ok(Some((record_of(known, &metadata), false)));
        }
        let is_ours = metadata.inode == entry.record.identity.inode;
        if !is_ours && metadata.changed > entry.record.published.after(FOREIGN_AFTER) {
            return Ok(None);
        }
    }
    let metadata = write(entry, &place, area)?;
    tracing::info!("brought back {path} from the journal");
    Ok(Some((record_of(known, &metadata), true)))
}

fn holds(file: &File, metadata: &Metadata, entry: &Entry) -> io::Result<bool> {
    if metadata.size_bytes != entry.bytes.len() as u64 {
        return Ok(false);
    }
    let mut bytes = vec![0; entry.bytes.len()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes == entry.bytes)
}

fn write(entry: &Entry, place: &Place, area: &Arc<Area>) -> io::Result<Metadata> {
    let writer = Writer::new(area.create(None)?, &[]);
    writer.write(std::slice::from_ref(&entry.bytes))?;
    writer.set_modified(entry.record.identity.modified)?;
    if let Some(media_type) = &entry.record.media_type {
        media::remember(writer.staged().file(), &place.path, media_type);
    }
    writer.sync()?;
    let staged = writer.into_staged();
    let (folder, name) = place.namespace.store.posix().parent(&place.within)?;
    rustix::fs::renameat(area.folder(), staged.id().to_string(), &folder, name)?;
    staged.keep();
    rustix::fs::fsync(&folder)?;
    Metadata::of_file(staged.file())
}

fn record_of(known: &FileRecord, metadata: &Metadata) -> FileRecord {
    FileRecord { identity: metadata.identity(), ..known.clone() }
}

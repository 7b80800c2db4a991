//! Digests of published files: from the record, or computed on demand of files that others put into the store.

use super::{Door, Place, attributes, problem};
use crate::store::Metadata;
use archive::FileRecord;
use port_core::digest::Digester;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use terms::{Algorithm, DigestSet, Problem};

/// So many files at once are read for their digests: more would only make the disk seek.
pub(crate) const AT_ONCE: usize = 2;

/// Bytes read at a time.
const READ_BYTES: usize = 1024 * 1024;

/// The digests of this file in these algorithms. What the record lacks is computed by reading the file once, and then
/// recorded; the caller waits as long as that takes.
pub(crate) async fn of_file(
    door: &Door,
    place: &Place,
    file: &Arc<File>,
    metadata: &Metadata,
    wanted: &[Algorithm],
) -> Result<DigestSet, Problem> {
    let record = door.record_of(&place.path, metadata).await?;
    let known = record.as_ref().map(|record| record.digests.clone()).unwrap_or_default();
    if wanted.iter().all(|algorithm| known.get(*algorithm).is_some()) {
        return Ok(known);
    }
    // All that the namespace wants too, so that the next question finds them.
    let mut missing: Vec<Algorithm> = place.namespace.algorithms.iter().chain(wanted).copied().collect();
    missing.retain(|algorithm| known.get(*algorithm).is_none());
    let failed = |error: io::Error| problem::of_io(&error, "read for its digests", &place.path);
    let _turn = door.digest_turn().await?;
    let reading = Arc::clone(file);
    let computed = tokio::task::spawn_blocking(move || compute(&reading, &missing))
        .await
        .map_err(|error| failed(io::Error::other(error)))?
        .map_err(failed)?;
    let digests: DigestSet = known.iter().chain(computed.iter()).copied().collect();
    // With the names held: a record of what replaced the file meanwhile must not be overwritten.
    let _names = door.hold_names().await;
    let now = place.stat_if_there().await.map_err(failed)?;
    if let Some(now) = now.filter(|now| now.identity() == metadata.identity()) {
        let record = record_of(place, record, &now, digests.clone());
        door.archive().record_files(&[record]).await.map_err(|error| problem::of_archive(&error))?;
    }
    Ok(digests)
}

fn record_of(place: &Place, before: Option<FileRecord>, metadata: &Metadata, digests: DigestSet) -> FileRecord {
    match before {
        Some(record) => FileRecord { digests, ..record },
        None => {
            let record = attributes::found_in_store(&place.namespace, &place.path, metadata.identity());
            FileRecord { digests, ..record }
        }
    }
}

fn compute(file: &File, algorithms: &[Algorithm]) -> io::Result<DigestSet> {
    let mut digester = Digester::new(algorithms);
    let mut buffer = vec![0; READ_BYTES];
    let mut offset = 0;
    loop {
        let count = file.read_at(&mut buffer, offset)?;
        if count == 0 {
            return Ok(digester.finish());
        }
        digester.update(&buffer[..count]);
        offset += count as u64;
    }
}

//! What a start does with what the last end left: finishes what was recorded, keeps what can be gone on with, sweeps the
//! rest.

use super::replay::replay;
use super::{Area, contents_of};
use crate::door::{Namespaces, problem};
use archive::{Archive, FileRecord, UnfinishedMove, UploadRecord};
use rustix::fs::AtFlags;
use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use terms::{LogicalPath, Problem, StagedId};

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// Files whose recorded publication was finished.
    pub published: usize,
    /// Resumable uploads that can go on.
    pub uploads: usize,
    /// Files that nobody will ask for, removed.
    pub swept: usize,
    /// Small files written again from the journal.
    pub restored: usize,
    /// Moves whose record was settled.
    pub moves: usize,
}

/// Brings stores, staging area and archive into agreement. Runs before the first request.
pub async fn recover(area: &Arc<Area>, archive: &Archive, namespaces: &Namespaces) -> Result<Recovery, Problem> {
    let mut done = Recovery::default();
    // First, because a file recorded under its new name may still lie under the old one.
    for unfinished in archive.unfinished_moves().await.map_err(|error| problem::of_archive(&error))? {
        settle_move(&unfinished, archive, namespaces).await?;
        done.moves += 1;
    }
    done.restored = replay(area, archive, namespaces).await?;
    let uploads = archive.uploads().await.map_err(|error| problem::of_archive(&error))?;
    let resumable: HashSet<StagedId> = uploads.iter().map(|upload| upload.staged).collect();
    let in_area = |error: io::Error| problem::of_io(&error, "sweep the staging area for", &LogicalPath::root());
    let (staged, foreign) = area.contents().map_err(in_area)?;
    for name in foreign {
        tracing::warn!("{} is not ours: left alone", area.path().join(name).display());
    }
    for id in &staged {
        match recorded(archive, *id).await? {
            Some(record) if namespaces.resolve(&record.path).is_err() => {
                tracing::error!("{} is in no namespace any more; its staged bytes stay as {id}", record.path);
            }
            Some(record) if on_other_volume(area, &record, namespaces)? => {
                // Its copy beside the store is what gets published.
                area.remove(*id).map_err(in_area)?;
                done.swept += 1;
            }
            Some(record) => {
                finish(area.folder(), *id, &record, namespaces)?;
                done.published += 1;
            }
            None if resumable.contains(id) => done.uploads += 1,
            None => {
                area.remove(*id).map_err(in_area)?;
                done.swept += 1;
            }
        }
    }
    recover_arrivals(archive, namespaces, &mut done).await?;
    forget_lost_uploads(archive, &uploads, &staged).await?;
    if done != Recovery::default() {
        tracing::info!(
            "recovered: {} publications finished, {} small files brought back, {} uploads kept, {} leftovers removed, \
             {} moves settled",
            done.published,
            done.restored,
            done.uploads,
            done.swept,
            done.moves
        );
    }
    Ok(done)
}

async fn recorded(archive: &Archive, id: StagedId) -> Result<Option<FileRecord>, Problem> {
    archive.file_of_staged(id).await.map_err(|error| problem::of_archive(&error))
}

fn on_other_volume(area: &Area, record: &FileRecord, namespaces: &Namespaces) -> Result<bool, Problem> {
    Ok(namespaces.resolve(&record.path)?.namespace.store.posix().volume() != area.volume())
}

/// Files that waited beside their store, because staging is on another file system.
async fn recover_arrivals(archive: &Archive, namespaces: &Namespaces, done: &mut Recovery) -> Result<(), Problem> {
    for namespace in namespaces.iter() {
        let failed = |error: io::Error| problem::of_io(&error, "sweep the arrivals of", &namespace.mount);
        let Some(folder) = namespace.store.posix().arrivals_if_there().map_err(failed)? else { continue };
        for id in contents_of(&folder).map_err(failed)?.0 {
            match recorded(archive, id).await? {
                Some(record) => {
                    finish(&folder, id, &record, namespaces)?;
                    done.published += 1;
                }
                None => {
                    rustix::fs::unlinkat(&folder, id.to_string(), AtFlags::empty())
                        .map_err(|error| failed(error.into()))?;
                    done.swept += 1;
                }
            }
        }
    }
    Ok(())
}

/// The record was durable, so the bytes were; only the rename is missing. A failure is told in the log and leaves the file
/// where it is: the operator can mend the store and start again.
fn finish(from: &OwnedFd, id: StagedId, record: &FileRecord, namespaces: &Namespaces) -> Result<(), Problem> {
    let place = namespaces.resolve(&record.path)?;
    let stat = rustix::fs::statat(from, id.to_string(), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| problem::of_io(&error.into(), "look at the staged bytes of", &record.path))?;
    if u64::try_from(stat.st_size).ok() != Some(record.identity.size_bytes) {
        tracing::error!("the staged bytes of {} are not those recorded; left as {id}", record.path);
        return Ok(());
    }
    let posix = place.namespace.store.posix();
    let renamed = posix.parent(&place.within).and_then(|(folder, name)| {
        rustix::fs::renameat(from, id.to_string(), &folder, name)?;
        Ok(rustix::fs::fsync(&folder)?)
    });
    match renamed {
        Ok(()) => tracing::info!("finished the publication of {}", record.path),
        Err(error) => tracing::error!("could not finish the publication of {}: {error}; left as {id}", record.path),
    }
    Ok(())
}

async fn forget_lost_uploads(archive: &Archive, uploads: &[UploadRecord], staged: &[StagedId]) -> Result<(), Problem> {
    for upload in uploads.iter().filter(|upload| !staged.contains(&upload.staged)) {
        archive.remove_upload(upload.id).await.map_err(|error| problem::of_archive(&error))?;
    }
    Ok(())
}

/// The rename took place exactly when the source is gone and the destination is there.
async fn settle_move(unfinished: &UnfinishedMove, archive: &Archive, namespaces: &Namespaces) -> Result<(), Problem> {
    let is_there = async |path: &LogicalPath| match namespaces.resolve(path) {
        Ok(place) => {
            place.stat_if_there().await.map(|found| found.is_some()).map_err(|e| problem::of_io(&e, "look up", path))
        }
        Err(_) => Ok(false),
    };
    let took_place = !is_there(&unfinished.from).await? && is_there(&unfinished.to).await?;
    let settled =
        if took_place { archive.finish_move(unfinished.id).await } else { archive.abandon_move(unfinished.id).await };
    settled.map_err(|error| problem::of_archive(&error))
}

//! The steps that every publication goes through on a blocking thread: conditions checked, record made, renamed.

use super::Area;
use super::publisher::{Publication, Published};
use crate::door::problem;
use crate::store::Metadata;
use archive::FileRecord;
use port_core::http::conditional::{Conditions, Current, Verdict};
use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;
use terms::{LogicalPath, Problem, StagedId, Timestamp};
use tokio::sync::oneshot;

/// One publication on its way, and who waits for it.
pub(super) struct Job {
    pub(super) publication: Publication,
    /// Where its bytes are: in the staging area, or already beside the store.
    pub(super) source: Source,
    pub(super) answer: oneshot::Sender<Result<Published, Problem>>,
}

impl Job {
    /// As if the process ended now: what is on the disk stays as it is.
    pub(super) fn die(mut self) {
        self.publication.staged.keep();
        if let Source::Arrivals { renamed, .. } = &mut self.source {
            *renamed = true;
        }
    }
}

/// Where the bytes wait for the rename.
pub(super) enum Source {
    /// In the staging area.
    Staging,
    /// On the store's own file system.
    Arrivals { folder: OwnedFd, file: Arc<File>, id: StagedId, renamed: bool },
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Self::Arrivals { folder, id, renamed: false, .. } = self {
            // The next start sweeps what stays.
            let _ = rustix::fs::unlinkat(&*folder, id.to_string(), AtFlags::empty());
        }
    }
}

/// A job whose conditions hold, with what its record will say.
pub(super) struct Ready {
    pub(super) job: Job,
    pub(super) replaces: bool,
    pub(super) record: FileRecord,
}

/// Splits off what must wait for the next round: paths in one round differ, so that each condition sees what the round
/// before it left.
pub(super) fn one_for_each_path(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut seen = HashSet::with_capacity(jobs.len());
    jobs.into_iter().partition(|job| seen.insert(job.publication.place.path.clone()))
}

/// Those whose conditions hold; the others are answered. Blocks.
pub(super) fn check_all(jobs: Vec<Job>) -> Vec<Ready> {
    let mut ready = Vec::with_capacity(jobs.len());
    for job in jobs {
        match check(&job) {
            Ok((replaces, record)) => ready.push(Ready { job, replaces, record }),
            Err(problem) => drop(job.answer.send(Err(problem))),
        }
    }
    ready
}

/// Do the conditions hold now? Answers whether a file will be replaced, and the record.
fn check(job: &Job) -> Result<(bool, FileRecord), Problem> {
    let publication = &job.publication;
    let place = &publication.place;
    let path = &place.path;
    let there = place.stat_if_there_blocking().map_err(|error| problem::of_io(&error, "publish", path))?;
    check_conditions(path, there.as_ref(), &publication.conditions)?;
    match &there {
        Some(found) if found.is_folder() => return Err(problem::is_folder("write", path)),
        Some(_) if !publication.may_replace => return Err(problem::already_there(path)),
        _ => {}
    }
    let file = match &job.source {
        Source::Staging => publication.staged.file(),
        Source::Arrivals { file, .. } => file,
    };
    let metadata = Metadata::of_file(file).map_err(|error| problem::of_io(&error, "publish", path))?;
    let record = FileRecord {
        path: path.clone(),
        identity: metadata.identity(),
        digests: publication.digests.clone(),
        media_type: publication.media_type.clone(),
        published: Timestamp::from(SystemTime::now()),
        staged: Some(publication.staged.id()),
        publisher: publication.publisher.clone(),
        attributes: publication.attributes.clone(),
    };
    Ok((there.is_some(), record))
}

/// The conditions of a request that changes what is at a path (RFC 9110 §13.2.2).
pub(crate) fn check_conditions(
    path: &LogicalPath,
    there: Option<&Metadata>,
    conditions: &Conditions,
) -> Result<(), Problem> {
    if conditions.is_empty() {
        return Ok(());
    }
    let tag = there.map(Metadata::entity_tag);
    let current = there.zip(tag.as_ref()).map(|(there, tag)| Current { tag, modified: there.modified });
    match conditions.evaluate(false, current) {
        Verdict::PreconditionFailed if there.is_some() && conditions.is_create_only() => {
            Err(problem::already_there(path))
        }
        Verdict::PreconditionFailed => Err(problem::precondition_failed(path, there)),
        _ => Ok(()),
    }
}

/// Folders are opened once for each group.
type Folders = HashMap<(usize, LogicalPath), Result<Arc<OwnedFd>, io::ErrorKind>>;

/// Makes them visible, one by one. Blocks.
pub(super) fn rename_all(area: &Area, group: Vec<Ready>) -> Vec<(Ready, Result<Published, Problem>)> {
    let mut folders = Folders::new();
    group
        .into_iter()
        .map(|mut ready| {
            let outcome = rename_one(area, &mut ready, &mut folders);
            (ready, outcome)
        })
        .collect()
}

fn rename_one(area: &Area, ready: &mut Ready, folders: &mut Folders) -> Result<Published, Problem> {
    let publication = &ready.job.publication;
    let place = &publication.place;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => problem::no_parent(&place.path),
        _ => problem::of_io(&error, "publish", &place.path),
    };
    let parent = place.within.parent().ok_or_else(|| problem::is_folder("write", &place.path))?;
    let key = (Arc::as_ptr(&place.namespace) as usize, parent);
    let posix = place.namespace.store.posix();
    let folder = folders
        .entry(key)
        .or_insert_with_key(|(_, parent)| posix.folder(parent).map(Arc::new).map_err(|error| error.kind()))
        .clone()
        .map_err(|kind| failed(kind.into()))?;
    let may_replace = publication.may_replace && !publication.conditions.is_create_only();
    let id = publication.staged.id().to_string();
    let (from, file) = match &ready.job.source {
        Source::Staging => (area.folder(), publication.staged.file()),
        Source::Arrivals { folder, file, .. } => (folder, file),
    };
    let rename = |flags| rustix::fs::renameat_with(from, &id, &*folder, place.within.name(), flags);
    let mut created = !ready.replaces;
    if created {
        // Nothing of ours can have come there since the check; something of others can.
        match rename(RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) if may_replace => {
                created = false;
                rename(RenameFlags::empty())
            }
            // The file system does not know the flag.
            Err(Errno::INVAL) => rename(RenameFlags::empty()),
            done => done,
        }
    } else {
        rename(RenameFlags::empty())
    }
    .map_err(|error| failed(error.into()))?;
    let metadata = Metadata::of_file(file).map_err(failed)?;
    match &mut ready.job.source {
        Source::Staging => publication.staged.keep(),
        Source::Arrivals { renamed, .. } => {
            *renamed = true;
            publication.staged.discard();
        }
    }
    Ok(Published { created, metadata, digests: publication.digests.clone() })
}

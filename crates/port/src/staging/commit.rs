//! The steps that every publication goes through on a blocking thread: conditions checked, record made, renamed.

use super::Area;
use super::archivist::Archived;
use super::publisher::{Publication, Published};
use crate::door::{attributes, problem};
use crate::store::Metadata;
use archive::{Archive, FileRecord};
use bytes::Bytes;
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

/// What the facts of one file take in the journal: two texts of bounded length, and digests.
const FACTS_BYTES: usize = 4_096 + 512;

impl Ready {
    /// No less than what it takes in the journal.
    pub(super) fn journal_bytes(&self) -> usize {
        let body: usize = self.job.publication.body.iter().flatten().map(Bytes::len).sum();
        // Twice, since JSON escapes quotes.
        let attributes: usize =
            self.record.attributes.iter().map(|(name, value)| 2 * (name.len() + value.len() + 6)).sum();
        body + attributes + FACTS_BYTES
    }
}

/// The records of what is about to be replaced.
#[derive(Clone)]
pub(super) struct Records {
    archive: Archive,
    archived: Arc<Archived>,
    runtime: tokio::runtime::Handle,
}

impl Records {
    /// To be made inside the runtime.
    pub(super) fn new(archive: Archive, archived: Arc<Archived>) -> Self {
        Self { archive, archived, runtime: tokio::runtime::Handle::current() }
    }

    /// One for each path, in their order. Blocks.
    fn of(&self, paths: &[&LogicalPath]) -> Vec<Result<Option<FileRecord>, Problem>> {
        let one = async |path: &LogicalPath| match self.archived.waiting_for(path) {
            Some(record) => Ok(Some(record)),
            None => self.archive.file(path).await.map_err(|error| problem::of_archive(&error)),
        };
        if paths.is_empty() {
            return Vec::new();
        }
        self.runtime.block_on(futures_util::future::join_all(paths.iter().copied().map(one)))
    }
}

/// Splits off what must wait for the next round: paths in one round differ, so that each condition sees what the round
/// before it left.
pub(super) fn one_for_each_path(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut seen = HashSet::with_capacity(jobs.len());
    jobs.into_iter().partition(|job| seen.insert(job.publication.place.path.clone()))
}

/// Those whose conditions hold; the others are answered. Blocks.
pub(super) fn check_all(jobs: Vec<Job>, records: &Records) -> Vec<Ready> {
    let mut checked = Vec::with_capacity(jobs.len());
    for job in jobs {
        match check(&job) {
            Ok(there) => checked.push((job, there)),
            Err(problem) => drop(job.answer.send(Err(problem))),
        }
    }
    // What is said of a file stays when the file is replaced; nothing can change it here, where the names are held.
    let replaced = checked.iter().filter(|(_, there)| there.is_some());
    let replaced: Vec<&LogicalPath> = replaced.map(|(job, _)| &job.publication.place.path).collect();
    let mut known = records.of(&replaced).into_iter();
    let mut ready = Vec::with_capacity(checked.len());
    for (job, there) in checked {
        let replaced = there.and_then(|there| Some((there, known.next()?)));
        match record_of(&job, replaced) {
            Ok(record) => ready.push(Ready { job, replaces: there.is_some(), record }),
            Err(problem) => drop(job.answer.send(Err(problem))),
        }
    }
    ready
}

/// Do the conditions hold now? Answers what will be replaced.
fn check(job: &Job) -> Result<Option<Metadata>, Problem> {
    let publication = &job.publication;
    let place = &publication.place;
    let path = &place.path;
    let there = place.stat_if_there_blocking().map_err(|error| problem::of_io(&error, "publish", path))?;
    check_conditions(path, there.as_ref(), &publication.conditions)?;
    match &there {
        Some(found) if found.is_folder() => return Err(problem::is_folder("write", path)),
        Some(_) if !publication.may_replace => return Err(problem::already_there(path)),
        Some(found) => publication.judged.check(path, found)?,
        None => {}
    }
    Ok(there)
}

/// What is replaced, and what the archive says of it.
type Replaced = (Metadata, Result<Option<FileRecord>, Problem>);

fn record_of(job: &Job, replaced: Option<Replaced>) -> Result<FileRecord, Problem> {
    let publication = &job.publication;
    let path = &publication.place.path;
    let replaced = match replaced {
        Some((there, known)) => known?.filter(|record| record.identity == there.identity()),
        None => None,
    };
    let published = Timestamp::from(SystemTime::now());
    let replaced = replaced.as_ref().map(|record| &record.attributes);
    let attributes = publication.said.settle(&publication.place.namespace, replaced, published);
    let file = match &job.source {
        Source::Staging => publication.staged.file(),
        Source::Arrivals { file, .. } => file,
    };
    let metadata = Metadata::of_file(file).map_err(|error| problem::of_io(&error, "publish", path))?;
    Ok(FileRecord {
        path: path.clone(),
        identity: metadata.identity(),
        digests: publication.digests.clone(),
        media_type: publication.media_type.clone(),
        published,
        staged: Some(publication.staged.id()),
        publisher: publication.publisher.clone(),
        attributes: attributes.map_err(|error| attributes::invalid(path, &error))?,
    })
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

//! Publishing: staged files become visible in their stores, in groups (`docs/decisions/0004-publish-by-group-commit.md`).
//!
//! Two ways lead there. *Small* files go by a journal: one durable write for a whole group, then the renames, then the
//! answers; the archive learns of them behind that. *Large* ones are synced by their own request, recorded in one durable
//! transaction for a group, then renamed. In both, something durable says where the bytes belong before they become
//! visible, so that a rename that a crash loses is done again at the next start, and no answer waits for a folder to be
//! synced.

use super::archivist::{Archived, Archivist};
use super::commit::{Job, Records, Source};
use super::journal::{Journal, Kind};
use super::large::Large;
use super::small::Small;
use super::{Area, INLINE_BYTES, Staged};
use crate::door::{About, Place, Said, problem};
use crate::store::{ARRIVALS, Metadata};
use archive::Archive;
use bytes::Bytes;
use port_core::http::conditional::Conditions;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io;
use std::sync::Arc;
use terms::{DigestSet, LogicalPath, Problem};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The most files in one group: bounds how long the first waits for the last.
pub const MAX_GROUP: usize = 512;

/// Finished files that may wait before those who finish next must wait too. Each holds a descriptor open, and a small one
/// its bytes: 64 MiB at worst.
const QUEUE: usize = 1024;

/// A staged file, verified, that is to become visible.
pub struct Publication {
    /// Where.
    pub place: Place,
    /// Its bytes.
    pub staged: Staged,
    /// The same in memory, of a small file: then it is published by the journal.
    pub body: Option<Vec<Bytes>>,
    /// Their digests.
    pub digests: DigestSet,
    /// The media type that its sender gave.
    pub media_type: Option<String>,
    /// Who sent it, in words.
    pub publisher: String,
    /// What is to be said of it.
    pub said: Said,
    /// The conditions of the request; checked again here, where nothing can come between.
    pub conditions: Conditions,
    /// May it replace a file?
    pub may_replace: bool,
    /// Which file that was decided of.
    pub(crate) judged: About,
}

/// A file that became visible.
#[derive(Clone, Debug)]
pub struct Published {
    /// Was nothing there before?
    pub created: bool,
    /// What is there now.
    pub metadata: Metadata,
    /// Its digests.
    pub digests: DigestSet,
}

/// Steps behind which a test can have publication die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing is durable yet.
    Staged,
    /// The journal or the archive says where the bytes belong; nothing is renamed.
    Durable,
    /// All is done but the answer.
    Renamed,
    /// All was answered; but the end is not an orderly one.
    Answered,
}

/// What a group tells of itself, for counting.
pub type GroupObserver = Arc<dyn Fn(usize) + Send + Sync>;

/// What publication works with.
pub(crate) struct Means {
    pub(crate) area: Arc<Area>,
    pub(crate) archive: Archive,
    pub(crate) names: Arc<tokio::sync::Mutex<()>>,
    pub(crate) observe: GroupObserver,
    pub(crate) journal_bytes: u64,
    pub(crate) die_after: Option<Step>,
}

/// The way into publication. Cheap to clone; when the last clone is gone, what waits is finished and the journal is
/// settled.
#[derive(Clone)]
pub struct Publisher {
    to_journal: Option<mpsc::Sender<Job>>,
    to_archive: mpsc::Sender<Job>,
    journal: Option<Arc<Journal>>,
    archived: Arc<Archived>,
    area: Arc<Area>,
    die_after: Option<Step>,
}

impl Publisher {
    /// Starts what works behind it. The handle ends when all is published and settled.
    pub(crate) fn start(means: Means) -> (Self, JoinHandle<()>) {
        let Means { area, archive, names, observe, journal_bytes, die_after } = means;
        let (archivist, archived) = Archivist::start(archive.clone());
        let journal = Journal::open(&area, &archived, journal_bytes);
        if let Err(error) = &journal
            && journal_bytes > 0
        {
            tracing::warn!("no journal in {}: {error}; small files are published slower", area.path().display());
        }
        let journal = journal.ok();
        let (to_archive, large_ones) = mpsc::channel(QUEUE);
        let records = Records::new(archive.clone(), Arc::clone(&archived));
        let large = Large {
            area: Arc::clone(&area),
            archive,
            archived: Arc::clone(&archived),
            records: records.clone(),
            names: Arc::clone(&names),
            observe: Arc::clone(&observe),
            die_after,
        };
        let large = tokio::spawn(large.run(large_ones));
        let (to_journal, small) = match &journal {
            None => (None, None),
            Some(journal) => {
                let (to_journal, small_ones) = mpsc::channel(QUEUE);
                let (area, journal) = (Arc::clone(&area), Arc::clone(journal));
                let small = Small { area, journal, archivist, records, names, observe, die_after };
                (Some(to_journal), Some(tokio::task::spawn_blocking(move || small.run(small_ones))))
            }
        };
        let ending = end(large, small, journal.clone(), Arc::clone(&archived), die_after);
        (Self { to_journal, to_archive, journal, archived, area, die_after }, tokio::spawn(ending))
    }

    /// The records on their way into the archive.
    pub(crate) fn archived(&self) -> &Arc<Archived> {
        &self.archived
    }

    /// Makes this file durable and visible. Returns when both are so.
    pub async fn publish(&self, publication: Publication) -> Result<Published, Problem> {
        if self.die_after == Some(Step::Staged) {
            publication.staged.keep();
            return Err(gone());
        }
        let path = publication.place.path.clone();
        let store = Arc::clone(publication.place.namespace.store.posix());
        let (answer, answered) = oneshot::channel();
        if store.volume() != self.area.volume() {
            let source = carry_over(&publication, &path).await?;
            send(&self.to_archive, Job { publication, source, answer }).await?;
        } else if let (Some(to_journal), true) = (&self.to_journal, is_small(&publication)) {
            send(to_journal, Job { publication, source: Source::Staging, answer }).await?;
        } else {
            let file = Arc::clone(publication.staged.file());
            blocking(move || file.sync_all()).await.map_err(|error| problem::of_io(&error, "sync", &path))?;
            send(&self.to_archive, Job { publication, source: Source::Staging, answer }).await?;
        }
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// To be called with the names held, before anything but a publication changes names or records: afterwards the
    /// archive knows all that was published, and the journal knows that it does.
    pub(crate) async fn settle_names(&self) {
        let Some(journal) = self.journal.as_ref().filter(|journal| journal.is_unmarked()) else { return };
        self.archived.settled().await;
        let journal = Arc::clone(journal);
        if let Err(error) = blocking(move || journal.append(Kind::Archived, &[])).await {
            tracing::error!("could not write to the journal: {error}");
        }
    }
}

fn is_small(publication: &Publication) -> bool {
    let length = publication.body.as_ref().map(|body| body.iter().map(Bytes::len).sum::<usize>());
    length.is_some_and(|length| length <= INLINE_BYTES)
}

async fn end(
    large: JoinHandle<()>,
    small: Option<JoinHandle<()>>,
    journal: Option<Arc<Journal>>,
    archived: Arc<Archived>,
    die_after: Option<Step>,
) {
    // Errors are panics, reported when they happened.
    let _ = large.await;
    if let Some(small) = small {
        let _ = small.await;
    }
    let Some(journal) = journal.filter(|_| die_after.is_none()) else { return };
    archived.settled().await;
    if archived.is_failing() {
        return;
    }
    if let Err(error) = blocking(move || journal.settle()).await {
        tracing::warn!("could not settle the journal: {error}; the next start replays it");
    }
}

async fn send(to: &mpsc::Sender<Job>, job: Job) -> Result<(), Problem> {
    to.send(job).await.map_err(|_| gone())
}

fn gone() -> Problem {
    problem::ours("What publishes files has ended.")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The staging area is on another file system than the store: copies the bytes beside the store and syncs them there.
async fn carry_over(publication: &Publication, path: &LogicalPath) -> Result<Source, Problem> {
    let posix = Arc::clone(publication.place.namespace.store.posix());
    let (from, id) = (Arc::clone(publication.staged.file()), publication.staged.id());
    let mode: Mode = publication.staged.area().file_mode;
    blocking(move || {
        let folder = posix.arrivals()?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = Arc::new(File::from(rustix::fs::openat(&folder, id.to_string(), flags, mode)?));
        let source = Source::Arrivals { folder, file: Arc::clone(&file), id, renamed: false };
        copy_bytes(&from, &file)?;
        file.set_modified(from.metadata()?.modified()?)?;
        file.sync_all()?;
        Ok(source)
    })
    .await
    .map_err(|error| problem::of_io(&error, &format!("carry into the folder {ARRIVALS} of the store"), path))
}

/// In the kernel where the file systems can, else through memory: `std::io::copy` chooses. Positions are those of the
/// descriptors, which nobody else moves: all other access here is positioned.
fn copy_bytes(mut from: &File, mut to: &File) -> io::Result<()> {
    use std::io::Seek as _;
    from.rewind()?;
    let expected = from.metadata()?.len();
    let copied = io::copy(&mut from, &mut to)?;
    if copied == expected { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

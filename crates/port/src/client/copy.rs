//! Many files at once, from anywhere to anywhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use terms::{Algorithm, Attributes, Digest, Problem};
use tokio::sync::mpsc;

use super::address::Address;
use super::attributes::ATTRIBUTES;
use super::blocks::BLOCK_ALGORITHMS;
use super::download::Download;
use super::entry::Entry;
use super::fault;
use super::local::{blocking, sync_folder};
use super::part::{self, Part, Sink, Writer, system_time};
use super::progress::{FileTally, MAX_FAILURES, Meter, Observer, Outcome, Summary, Tally, Waiting, add, value};
use super::relay::{Relay, read_standard_input};
use super::remote;
use super::session::Session;
use super::sum::{PREFERENCE, local_digests};
use super::upload::Upload;
use super::walk::{Existing, Job, walk};
use super::wire::Ask;

/// Files found that wait for a worker. Enough that workers never wait for the walk's turn; half a kilobyte each.
const WAITING_JOBS: usize = 256;

/// Folders whose names wait to be synced; more are synced at once.
const MAX_UNSYNCED_FOLDERS: usize = 1_024;

/// What to do where something is already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overwrite {
    /// Leave it if it is the same (size, and digest or time of modification), replace it otherwise.
    #[default]
    IfDifferent,
    /// Leave it.
    Never,
    /// Replace it.
    Always,
}

/// How to copy.
#[derive(Clone, Debug)]
pub struct CopySettings {
    /// Folders, too.
    pub recursive: bool,
    /// Files at once.
    pub transfers: usize,
    /// Ranges of one file at once, for files of [`streams_from_bytes`](Self::streams_from_bytes) and more.
    pub streams: usize,
    /// The digest by which ends are compared; `None` takes the cheapest that the server offers, and nothing when it offers
    /// none.
    pub digest: Option<Algorithm>,
    /// Compare digests at all.
    pub verify: bool,
    /// What to do where something is.
    pub overwrite: Overwrite,
    /// What is to be said of every file that a server gets.
    pub attributes: Attributes,
    /// Make local files durable before they get their names.
    pub sync: bool,
    /// From this size on files are fetched in blocks, so that an interrupted download can go on; it costs a request more.
    pub blocks_from_bytes: u64,
    /// The size of such a block, or more where the file is so large that there would be too many: what an interruption can
    /// cost each stream.
    pub block_bytes: u64,
    /// From this size on several streams fetch one file: below it the time is spent on starting them.
    pub streams_from_bytes: u64,
    /// From this size on files are sent by resumable upload where the server knows it; it costs a request more.
    pub resumable_from_bytes: u64,
    /// Where the addresses of running uploads are kept; `None` for the user's own folder.
    pub state_folder: Option<PathBuf>,
}

impl Default for CopySettings {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            recursive: false,
            transfers: 8,
            streams: 4,
            digest: None,
            verify: true,
            overwrite: Overwrite::default(),
            attributes: Attributes::default(),
            sync: true,
            blocks_from_bytes: 8 * MIB,
            block_bytes: MIB,
            streams_from_bytes: 64 * MIB,
            resumable_from_bytes: 8 * MIB,
            state_folder: None,
        }
    }
}

/// One running copy, shared by its workers.
pub(crate) struct Course {
    pub(crate) session: Session,
    pub(crate) settings: CopySettings,
    pub(crate) tally: Arc<Tally>,
    pub(crate) observer: Arc<dyn Observer>,
    /// The walk waits beside the workers, not in their place: it is not counted with them.
    pub(crate) walking: Arc<Meter>,
    unproven: AtomicU64,
    next_id: AtomicU64,
    failures: Mutex<Vec<(String, Problem)>>,
    unreachable_in_a_row: AtomicU32,
    unsynced: Mutex<BTreeSet<PathBuf>>,
}

impl Session {
    /// Copies files, and folders with all that is in them, until all have come through or failed. Drop the future to stop:
    /// what is half done stays hidden and is taken up by the next copy of the same.
    pub async fn copy(
        &self,
        sources: &[Address],
        target: &Address,
        settings: CopySettings,
        tally: Arc<Tally>,
        observer: Arc<dyn Observer>,
    ) -> Summary {
        let begin = Instant::now();
        let course = Arc::new(Course {
            session: self.clone(),
            settings,
            tally,
            observer,
            walking: Arc::default(),
            unproven: AtomicU64::default(),
            next_id: AtomicU64::default(),
            failures: Mutex::default(),
            unreachable_in_a_row: AtomicU32::default(),
            unsynced: Mutex::default(),
        });
        let (jobs, waiting) = mpsc::channel(WAITING_JOBS);
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        // Dropped with this future, the set ends its tasks.
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..course.settings.transfers.max(1) {
            workers.spawn(work(Arc::clone(&course), Arc::clone(&waiting)));
        }
        drop(waiting);
        walk(&course, sources, target, jobs).await;
        course.tally.found_all.store(true, Ordering::Relaxed);
        while let Some(ended) = workers.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        course.sync_folders(0).await;
        course.summary(begin)
    }
}

async fn work(course: Arc<Course>, waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Job>>>) {
    loop {
        // One worker waits for the next job, the others for their turn to.
        let job = waiting.lock().await.recv().await;
        let Some(job) = job else { return };
        if course.is_halted() {
            add(&course.tally.files_failed, 1);
        } else {
            course.run(job).await;
        }
    }
}

impl Course {
    /// The request with what is to be said of the file.
    pub(crate) fn saying<'a>(&self, ask: Ask<'a>) -> Ask<'a> {
        match &self.settings.attributes {
            none if none.is_empty() => ask,
            some => ask.with(ATTRIBUTES, some.to_string()),
        }
    }

    /// The digests to ask servers for.
    pub(crate) fn wanted(&self) -> Vec<Algorithm> {
        match (self.settings.verify, self.settings.digest) {
            (false, _) => Vec::new(),
            (true, Some(algorithm)) => vec![algorithm],
            (true, None) => PREFERENCE.to_vec(),
        }
    }

    /// A source or folder could not be walked, or made.
    pub(crate) fn fail(&self, source: String, problem: Problem) {
        self.observer.source_failed(&source, &problem);
        self.count_failure(source, problem);
    }

    fn count_failure(&self, source: String, problem: Problem) {
        add(&self.tally.files_failed, 1);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < MAX_FAILURES {
            failures.push((source, problem));
        }
    }

    /// Has so much failed in a row for want of a connection that there is no point in going on?
    pub(crate) fn is_halted(&self) -> bool {
        // Twice as many as can fail for one and the same hiccup.
        let limit = 2 * u32::try_from(self.settings.transfers.max(1)).unwrap_or(u32::MAX / 2);
        self.unreachable_in_a_row.load(Ordering::Relaxed) >= limit
    }

    async fn run(self: &Arc<Self>, job: Job) {
        let file = Arc::new(FileTally {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            source: job.source.to_string(),
            target: job.target.to_string(),
            size_bytes: job.entry.size_bytes,
            bytes_done: AtomicU64::default(),
        });
        self.observer.file_started(&file);
        let begin = Instant::now();
        let outcome = match self.copy_unless_there(job, &file).await {
            Ok(outcome) => outcome,
            Err(problem) => Outcome::Failed(problem),
        };
        self.count(&file, &outcome);
        self.observer.file_ended(&file, &outcome, begin.elapsed());
    }

    fn count(&self, file: &FileTally, outcome: &Outcome) {
        let row = &self.unreachable_in_a_row;
        match outcome {
            Outcome::Copied { proof } => {
                row.store(0, Ordering::Relaxed);
                add(&self.tally.files_copied, 1);
                add(&self.unproven, u64::from(proof.is_none()));
            }
            Outcome::Skipped => {
                add(&self.tally.files_skipped, 1);
                add(&self.tally.bytes_skipped, file.size_bytes.unwrap_or(0));
            }
            Outcome::Failed(problem) => {
                if fault::is_unreachable(problem) {
                    row.fetch_add(1, Ordering::Relaxed);
                }
                self.count_failure(file.source.clone(), problem.clone());
            }
        }
    }

    async fn copy_unless_there(self: &Arc<Self>, job: Job, file: &Arc<FileTally>) -> Result<Outcome, Problem> {
        let there = match &job.existing {
            Existing::Absent => None,
            Existing::Is(entry) => Some(entry.clone()),
            Existing::Unknown if job.target == Address::Standard => None,
            Existing::Unknown => self.session.look(&job.target).await?,
        };
        if let Some(there) = there {
            if there.is_folder() {
                return Err(fault::exists(format_args!("{} (a folder)", job.target)));
            }
            let skip = match self.settings.overwrite {
                Overwrite::Never => true,
                Overwrite::Always => false,
                Overwrite::IfDifferent => self.is_same(&job, &there).await?,
            };
            if skip {
                return Ok(Outcome::Skipped);
            }
        }
        let proof = self.transfer(&job, file).await?;
        if let Address::Local(path) = &job.target {
            self.remember_folder(path).await;
        }
        Ok(Outcome::Copied { proof })
    }

    async fn transfer(self: &Arc<Self>, job: &Job, file: &Arc<FileTally>) -> Result<Option<Digest>, Problem> {
        let (course, known) = (self, &job.entry);
        match (&job.source, &job.target) {
            (Address::Remote(source), Address::Local(target)) => {
                Download { course, source, known, file }.to_file(target).await
            }
            (Address::Remote(source), Address::Standard) => {
                Download { course, source, known, file }.to_standard_output().await
            }
            (Address::Local(source), Address::Remote(target)) => {
                Upload { course, source, target, known, file }.send().await
            }
            (Address::Remote(source), Address::Remote(target)) => {
                Relay { course, target, known, file }.carry_from_server(source).await
            }
            (Address::Standard, Address::Remote(target)) => {
                Relay { course, target, known, file }.carry_standard_input().await
            }
            (Address::Local(source), Address::Local(target)) => self.copy_here(source, target, known, file).await,
            (Address::Standard, Address::Local(target)) => self.keep_standard_input(target, file).await,
            (Address::Local(source), Address::Standard) => self.show(source, file).await,
            (Address::Standard, Address::Standard) => Err(fault::usage("'-' cannot be copied to itself".to_owned())),
        }
    }

    /// Is what is there already what would be copied? The size must be the same, and the time of modification or a digest
    /// that both ends can tell.
    async fn is_same(&self, job: &Job, there: &Entry) -> Result<bool, Problem> {
        let here = &job.entry;
        if here.size_bytes.is_none() || here.size_bytes != there.size_bytes {
            return Ok(false);
        }
        let seconds = |entry: &Entry| entry.modified.map(terms::Timestamp::seconds);
        if seconds(here).is_some() && seconds(here) == seconds(there) && self.settings.digest.is_none() {
            return Ok(true);
        }
        if let Some(same) = self.have_same_digest(job).await? {
            if let (true, Address::Local(path), Some(time)) = (same, &job.target, here.modified.and_then(system_time)) {
                // So that the next run need not compute it again; if it cannot be set, the next run just computes.
                let path = path.clone();
                blocking(move || std::fs::File::open(path).and_then(|file| file.set_modified(time)).ok()).await;
            }
            return Ok(same);
        }
        // A server that neither keeps times nor tells digests: what came there after the source was last modified, and with
        // the same size, is taken for a copy of it, as `make` would.
        let is_upload = matches!(job.target, Address::Remote(_)) && self.settings.digest.is_none();
        Ok(is_upload && seconds(there) >= seconds(here) && seconds(here).is_some())
    }

    /// `None` when the two ends have no digest in common.
    async fn have_same_digest(&self, job: &Job) -> Result<Option<bool>, Problem> {
        let demanded = self.settings.digest;
        let (source, target) = (self.told(&job.source).await?, self.told(&job.target).await?);
        let is_local = |address: &Address| matches!(address, Address::Local(_));
        let usable = |algorithm: &Algorithm| {
            let has = |set: &terms::DigestSet, address| set.get(*algorithm).is_some() || is_local(address);
            has(&source, &job.source) && has(&target, &job.target) && demanded.is_none_or(|wanted| wanted == *algorithm)
        };
        let Some(algorithm) = PREFERENCE.into_iter().find(usable) else { return Ok(None) };
        let source = self.digest_at(&job.source, &source, algorithm).await?;
        let target = self.digest_at(&job.target, &target, algorithm).await?;
        Ok(Some(source.is_some() && source == target))
    }

    /// What a server tells of a file at once; nothing of a local one.
    async fn told(&self, address: &Address) -> Result<terms::DigestSet, Problem> {
        match address {
            Address::Remote(url) if !self.session.wire.origin(url).digest_on_head.is_known_not() => {
                let asked = self.settings.digest.map_or(PREFERENCE.to_vec(), |algorithm| vec![algorithm]);
                let head = || remote::head(&self.session.wire, url, &asked, &self.tally.meter);
                Ok(self.session.retrying(head).await?.digests)
            }
            _ => Ok(terms::DigestSet::new()),
        }
    }

    async fn digest_at(
        &self,
        address: &Address,
        told: &terms::DigestSet,
        algorithm: Algorithm,
    ) -> Result<Option<Digest>, Problem> {
        match address {
            Address::Local(path) => {
                let _digest = self.tally.meter.start(Waiting::Digest);
                Ok(local_digests(path.clone(), vec![algorithm]).await?.get(algorithm).copied())
            }
            _ => Ok(told.get(algorithm).copied()),
        }
    }

    /// From here to here. What was written is read again: it comes from the page cache, but so would a wrong byte.
    async fn copy_here(
        &self,
        source: &Path,
        target: &Path,
        known: &Entry,
        file: &Arc<FileTally>,
    ) -> Result<Option<Digest>, Problem> {
        if same_file(source.to_owned(), target.to_owned()).await {
            return Err(fault::usage(format!("{} and {} are the same file", source.display(), target.display())));
        }
        let algorithm = self.settings.digest.unwrap_or(PREFERENCE[0]);
        let part = Part::open(target).await?;
        let sink = Sink::File { file: Arc::clone(part.file()), offset: 0, path: part.path().to_owned() };
        let read = self.pass(source.to_owned(), Writer::new(sink, &[algorithm], &self.tally), file);
        let (digests, size_bytes) = read.await?;
        if self.settings.verify {
            let written = Arc::clone(part.file());
            let again = blocking(move || part::digests_of(&written, 0, size_bytes, &[algorithm])).await;
            let again = again.map_err(|error| fault::local(&error, "read", part.path().display()))?;
            if let Some((ours, theirs)) = digests.contradiction(&again) {
                part.discard().await;
                return Err(fault::mismatch(target.display(), &ours, &theirs));
            }
        }
        part.publish(size_bytes, known.modified, self.settings.sync, &self.tally).await?;
        Ok(digests.get(algorithm).copied().filter(|_| self.settings.verify))
    }

    async fn show(&self, source: &Path, file: &Arc<FileTally>) -> Result<Option<Digest>, Problem> {
        self.pass(source.to_owned(), Writer::new(Sink::StandardOutput, &[], &self.tally), file).await?;
        Ok(None)
    }

    /// A local file into a writer: its digests, and how many bytes it had.
    async fn pass(
        &self,
        source: PathBuf,
        writer: Writer,
        progress: &Arc<FileTally>,
    ) -> Result<(terms::DigestSet, u64), Problem> {
        let (pieces, mut arriving) = mpsc::channel::<std::io::Result<bytes::Bytes>>(4);
        let path = source.clone();
        tokio::task::spawn_blocking(move || {
            use std::io::Read as _;
            let mut file = match std::fs::File::open(&path) {
                Ok(file) => file,
                Err(error) => return drop(pieces.blocking_send(Err(error))),
            };
            loop {
                let mut buffer = vec![0; 512 * 1024];
                let piece = file.read(&mut buffer).map(|got| {
                    buffer.truncate(got);
                    bytes::Bytes::from(buffer)
                });
                let is_last = piece.as_ref().map_or(true, bytes::Bytes::is_empty);
                if pieces.blocking_send(piece).is_err() || is_last {
                    return;
                }
            }
        });
        let mut came = 0;
        while let Some(piece) = arriving.recv().await {
            let piece = piece.map_err(|error| fault::local(&error, "read", source.display()))?;
            let length = piece.len() as u64;
            if !writer.write(piece).await {
                break;
            }
            came += length;
            add(&self.tally.bytes_moved, length);
            add(&progress.bytes_done, length);
        }
        Ok((writer.finish().await?, came))
    }

    async fn keep_standard_input(&self, target: &Path, progress: &Arc<FileTally>) -> Result<Option<Digest>, Problem> {
        let part = Part::open(target).await?;
        let sink = Sink::File { file: Arc::clone(part.file()), offset: 0, path: part.path().to_owned() };
        let writer = Writer::new(sink, &BLOCK_ALGORITHMS, &self.tally);
        let (pieces, mut arriving) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || read_standard_input(&mut |piece| pieces.blocking_send(piece).is_ok()));
        let mut came = 0;
        while let Some(piece) = arriving.recv().await {
            let piece = piece.map_err(|error| fault::local(&error, "read", "standard input"))?;
            let length = piece.len() as u64;
            if !writer.write(piece).await {
                break;
            }
            came += length;
            add(&self.tally.bytes_moved, length);
            add(&progress.bytes_done, length);
        }
        writer.finish().await?;
        part.publish(came, None, self.settings.sync, &self.tally).await?;
        Ok(None)
    }

    /// The folder of a new name is synced once for all files in it, at the end or when many wait.
    async fn remember_folder(&self, target: &Path) {
        if !self.settings.sync {
            return;
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        self.sync_folders(MAX_UNSYNCED_FOLDERS).await;
    }

    async fn sync_folders(&self, unless_more_than: usize) {
        let folders = {
            let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
            if unsynced.len() <= unless_more_than {
                return;
            }
            std::mem::take(&mut *unsynced)
        };
        for folder in folders {
            if let Err(problem) = sync_folder(folder.clone()).await {
                self.fail(folder.display().to_string(), problem);
            }
        }
    }

    fn summary(&self, begin: Instant) -> Summary {
        let tally = &self.tally;
        Summary {
            files: value(&tally.files_copied),
            bytes: value(&tally.bytes_moved),
            skipped: value(&tally.files_skipped),
            bytes_skipped: value(&tally.bytes_skipped),
            failed: value(&tally.files_failed),
            unproven: value(&self.unproven),
            elapsed: begin.elapsed(),
            shares: tally.meter.shares(),
            receiver_limited: tally.sending.receiver_limited(),
            failures: std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

async fn same_file(one: PathBuf, other: PathBuf) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    blocking(move || {
        let identity = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
        identity(&one).is_some() && identity(&one) == identity(&other)
    })
    .await
}

//! The thread that writes.

use super::chain::Chain;
use super::event::{Event, now};
use super::inbox;
use super::segments::{self, SEGMENT_BYTES, Segment, Torn};
use super::suppress::Suppressor;
use super::{QUEUE_LINES, SYNC_EVERY};
use crate::lifecycle::{make_private, unusable};
use crate::settings;
use api::AuditRecord;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use terms::{Problem, Timestamp};
use tokio::sync::watch;

/// How long to wait before a disk that refused is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How often it is looked whether a command has left something in the inbox.
const LOOK: Duration = Duration::from_secs(2);

/// Bytes handed to the kernel at once.
const WRITE_BYTES: usize = 1 << 20;

/// How long lines are kept, and how many bytes of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Keep {
    span: Duration,
    bytes: u64,
}

impl Keep {
    fn of(settings: &settings::Audit) -> Self {
        Self { span: settings.keep.0, bytes: settings.size.0 }
    }
}

/// How far the record has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Standing {
    /// How many of the lines that were handed over are durable.
    pub(super) durable: u64,
    /// The number of the last line that can be read.
    pub(super) written: u64,
    /// Why nothing can be written, without a full stop.
    pub(super) failing: Option<String>,
}

/// What those who tell and the thread share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    standing: watch::Sender<Standing>,
    lost: AtomicU64,
}

struct Queue {
    waiting: Vec<AuditRecord>,
    /// Lines handed over since the start.
    accepted: u64,
    /// Lines that found the queue full and of which the record does not know yet.
    lost: u64,
    /// Does somebody wait for them to be durable?
    urgent: bool,
    closing: bool,
    keep: Keep,
}

/// What the thread took out of the queue.
struct Taken {
    records: Vec<AuditRecord>,
    /// Lines handed over when these were taken; `None` when they were left where they are.
    accepted: Option<u64>,
    lost: u64,
    urgent: bool,
    closing: bool,
    keep: Keep,
}

impl Shared {
    fn new(settings: &settings::Audit) -> Self {
        let keep = Keep::of(settings);
        let queue = Queue { waiting: Vec::new(), accepted: 0, lost: 0, urgent: false, closing: false, keep };
        Self {
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            standing: watch::Sender::new(Standing::default()),
            lost: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a line over; never waits.
    pub(super) fn push(&self, record: AuditRecord) {
        let mut queue = self.lock();
        if queue.waiting.len() >= QUEUE_LINES {
            queue.lost += 1;
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.accepted += 1;
        queue.waiting.push(record);
        let first = queue.waiting.len() == 1;
        drop(queue);
        if first {
            self.wake.notify_one();
        }
    }

    /// Has all that was handed over so far made durable at once; the number to wait for.
    pub(super) fn hurry(&self) -> u64 {
        let mut queue = self.lock();
        queue.urgent = true;
        self.wake.notify_one();
        queue.accepted
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// Takes over how long to keep lines; is that another span than before?
    pub(super) fn keep(&self, settings: &settings::Audit) -> bool {
        let keep = Keep::of(settings);
        std::mem::replace(&mut self.lock().keep, keep) != keep
    }

    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    pub(super) fn lost_total(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until there is something to do, or until `until`. With `leave`, lines stay where they are.
    fn take(&self, until: Option<Instant>, leave: bool) -> Taken {
        let mut queue = self.lock();
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let work = !leave && (!queue.waiting.is_empty() || queue.lost > 0 || queue.urgent);
            if work || queue.closing || left.is_some_and(|left| left.is_zero()) {
                break;
            }
            queue = match left {
                Some(left) => self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
        let Queue { accepted, closing, keep, .. } = *queue;
        if leave && !closing {
            return Taken { records: Vec::new(), accepted: None, lost: 0, urgent: true, closing, keep };
        }
        let (records, lost) = (std::mem::take(&mut queue.waiting), std::mem::take(&mut queue.lost));
        Taken { records, accepted: Some(accepted), lost, urgent: std::mem::take(&mut queue.urgent), closing, keep }
    }
}

/// Opens the record behind its last whole line, and starts the thread.
pub(super) fn start(directory: &Path, settings: &settings::Audit) -> Result<(Arc<Shared>, JoinHandle<()>), Problem> {
    make_private(directory)?;
    let shared = Arc::new(Shared::new(settings));
    let writer = Writer::open(Arc::clone(&shared), directory, Keep::of(settings))?;
    let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run());
    Ok((shared, thread.map_err(|error| unusable("start the thread for", directory, &error))?))
}

struct Writer {
    shared: Arc<Shared>,
    directory: PathBuf,
    keep: Keep,
    segment: Segment,
    file: File,
    size_bytes: u64,
    chain: Chain,
    /// Taken, and not written yet.
    pending: VecDeque<AuditRecord>,
    /// How many were handed over when the last of `pending` was taken.
    accepted: u64,
    /// When the first line was written that is not durable yet.
    unsynced: Option<Instant>,
    /// Did the last attempt fail?
    failed: bool,
    suppressor: Suppressor,
    /// When the inbox was last looked into.
    looked: Option<Instant>,
    /// Segments to remove once the line that tells of it is durable.
    doomed: Vec<PathBuf>,
}

impl Writer {
    fn open(shared: Arc<Shared>, directory: &Path, keep: Keep) -> Result<Self, Problem> {
        let known = segments::list(directory)?;
        let mut chain = Chain::beginning();
        // An empty segment goes on from the one before it.
        for segment in known.iter().rev().skip(1) {
            let bytes = std::fs::read(&segment.path).map_err(|error| unusable("read", &segment.path, &error))?;
            if let Some((_, behind)) = segments::last_whole(&bytes) {
                chain = behind;
                break;
            }
        }
        let today = now()[..10].to_owned();
        let segment = known.last().cloned().unwrap_or_else(|| Segment::named(directory, chain.sequence + 1, &today));
        let opened = segments::open_last(&segment, chain)?;
        segments::sync_directory(directory).map_err(|error| unusable("sync", directory, &error))?;
        let mut writer = Self {
            shared,
            directory: directory.to_owned(),
            keep,
            segment,
            file: opened.file,
            size_bytes: opened.size_bytes,
            chain: opened.chain,
            pending: VecDeque::new(),
            accepted: 0,
            unsynced: None,
            failed: false,
            suppressor: Suppressor::default(),
            looked: None,
            doomed: Vec::new(),
        };
        tracing::info!("the audit record stands at line {}, SHA-256 {}", writer.chain.sequence, writer.chain.hash);
        if let Some(torn) = opened.torn {
            writer.pending.push_back(repaired(&torn));
        }
        writer.retire();
        Ok(writer)
    }

    fn run(mut self) {
        while !self.turn() {}
        if !self.pending.is_empty() {
            tracing::error!("{} lines of the audit record were not written", self.pending.len());
        }
        tracing::info!("the audit record ends at line {}, SHA-256 {}", self.chain.sequence, self.chain.hash);
    }

    /// Takes what there is and writes it; was it the last turn?
    fn turn(&mut self) -> bool {
        let leave = self.failed && !self.pending.is_empty();
        let taken = self.shared.take(self.deadline(), leave);
        let (closing, urgent) = (taken.closing, taken.urgent);
        self.admit(taken);
        match self.write().and_then(|()| self.sync(urgent || closing)) {
            Ok(()) => self.recovered(),
            Err(error) => self.fail(&error),
        }
        closing
    }

    fn deadline(&self) -> Option<Instant> {
        if self.failed {
            return Some(Instant::now() + TRY_AGAIN);
        }
        let sync = self.unsynced.map(|since| since + SYNC_EVERY);
        let look = self.looked.map_or_else(Instant::now, |last| last + LOOK);
        sync.into_iter().chain(self.suppressor.due()).chain([look]).min()
    }

    fn admit(&mut self, taken: Taken) {
        let now = Instant::now();
        if self.looked.is_none_or(|last| taken.closing || last.elapsed() >= LOOK) {
            self.looked = Some(now);
            self.pending.extend(inbox::collect(&self.directory));
        }
        self.accepted = taken.accepted.unwrap_or(self.accepted);
        if self.keep != taken.keep {
            self.keep = taken.keep;
            self.retire();
        }
        for record in taken.records {
            if self.suppressor.admits(&record, now) {
                self.pending.push_back(record);
            }
        }
        self.pending.extend(self.suppressor.told(now, taken.closing));
        if taken.lost > 0 {
            let told = format!("{} lines found the queue full and are lost", taken.lost);
            self.pending.push_back(Event::Lost.record(told));
        }
    }

    /// Writes all that is pending; what could not be written stays.
    fn write(&mut self) -> std::io::Result<()> {
        while let Some(first) = self.pending.front() {
            let day = first.at[..10].to_owned();
            // A clock that was set back does not go back in the files.
            if self.size_bytes >= SEGMENT_BYTES || (day > self.segment.day && self.size_bytes > 0) {
                self.rotate(&day)?;
            }
            let (mut chain, mut bytes, mut count) = (self.chain.clone(), Vec::new(), 0);
            for record in &self.pending {
                let later = record.at[..10] > *self.segment.day && count > 0;
                if later || bytes.len() >= WRITE_BYTES {
                    break;
                }
                chain.append(record.clone(), &mut bytes);
                count += 1;
            }
            if let Err(error) = self.file.write_all(&bytes) {
                // A part of it may be there. Where even that cannot be undone, the next start cuts off what is torn.
                let _ = self.file.set_len(self.size_bytes);
                return Err(error);
            }
            self.size_bytes += bytes.len() as u64;
            self.chain = chain;
            self.pending.drain(..count);
            self.unsynced.get_or_insert_with(Instant::now);
            let written = self.chain.sequence;
            self.shared.standing.send_modify(|standing| standing.written = written);
        }
        Ok(())
    }

    fn sync(&mut self, now: bool) -> std::io::Result<()> {
        let due = self.unsynced.is_some_and(|since| now || since.elapsed() >= SYNC_EVERY);
        if due {
            self.file.sync_data()?;
            self.unsynced = None;
        }
        if self.unsynced.is_none() {
            let accepted = self.accepted;
            self.shared
                .standing
                .send_if_modified(|standing| std::mem::replace(&mut standing.durable, accepted) != accepted);
            for path in std::mem::take(&mut self.doomed) {
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::warn!("could not remove {}: {error}", path.display());
                }
            }
        }
        Ok(())
    }

    fn rotate(&mut self, day: &str) -> std::io::Result<()> {
        self.file.sync_data()?;
        let segment = Segment::named(&self.directory, self.chain.sequence + 1, day);
        self.file = segments::open(&segment.path)?;
        segments::sync_directory(&self.directory)?;
        (self.segment, self.size_bytes) = (segment, 0);
        tracing::info!("the audit record stands at line {}, SHA-256 {}", self.chain.sequence, self.chain.hash);
        self.retire();
        Ok(())
    }

    /// Whole segments that are too old, or too many bytes, are to go: a line says so first.
    fn retire(&mut self) {
        let mut known = segments::list(&self.directory).unwrap_or_default();
        known.retain(|segment| segment.first < self.segment.first && !self.doomed.contains(&segment.path));
        let mut total: u64 = known.iter().map(Segment::size_bytes).sum::<u64>() + self.size_bytes;
        let today: Timestamp = std::time::SystemTime::now().into();
        let mut going = Vec::new();
        for segment in known {
            let day: Option<Timestamp> = segment.day.parse().ok();
            // The day itself does not count: its last line may be 24 hours younger than its name.
            let old = day.is_some_and(|day| today.since(day) > self.keep.span + Duration::from_secs(86_400));
            if !old && total <= self.keep.bytes {
                break;
            }
            total -= segment.size_bytes();
            going.push(segment);
        }
        if let (Some(first), Some(last)) = (going.first(), going.last()) {
            let end = std::fs::read(&last.path).ok().and_then(|bytes| Some(segments::last_whole(&bytes)?.1));
            let end = end.unwrap_or_else(Chain::beginning);
            let told = format!("{} segments with the lines {} to {}", going.len(), first.first, end.sequence);
            let mut record = Event::SegmentsRemoved.record(told);
            record.subject = Some(format!("{}:{}", end.sequence, end.hash));
            self.pending.push_front(record);
            self.doomed.extend(going.into_iter().map(|segment| segment.path));
        }
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failed) {
            tracing::info!("the audit record can be written again");
            self.shared.standing.send_modify(|standing| standing.failing = None);
        }
    }

    fn fail(&mut self, error: &std::io::Error) {
        let why = format!("{}: {error}", self.segment.path.display());
        if !std::mem::replace(&mut self.failed, true) {
            tracing::error!("the audit record cannot be written: {why}");
        }
        self.shared.standing.send_modify(|standing| standing.failing = Some(why));
    }
}

fn repaired(torn: &Torn) -> AuditRecord {
    let told = format!(
        "{} bytes behind the last whole line were cut off: the port or the host had ended within a write",
        torn.bytes
    );
    let mut record = Event::Repaired.record(told);
    record.bytes = Some(torn.bytes);
    record.subject = Some(torn.hash.clone());
    record
}

#[cfg(test)]
mod tests {
    //! What a queue that nobody empties does, and what becomes of it once somebody does.

    use super::*;
    use crate::audit::{Filter, Tail, verify};

    #[test]
    fn lines_beyond_the_queue_are_counted_and_the_count_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings::Settings::built_in().audit;
        let shared = Arc::new(Shared::new(&settings));
        for _ in 0..QUEUE_LINES + 3 {
            shared.push(Event::Reload.record(String::new()));
        }
        assert_eq!(shared.lost_total(), 3);
        shared.close();
        Writer::open(shared, folder.path(), Keep::of(&settings)).expect("a writer").run();
        let wanted = Filter { event: Some("lost".to_owned()), ..Filter::default() };
        let told = Tail::new(folder.path(), wanted, 0).page(10).expect("a page").records;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].reason.as_deref(), Some("3 lines found the queue full and are lost"));
        let found = verify(folder.path(), None).expect("it can be read");
        assert_eq!((found.lines, found.faults), (QUEUE_LINES as u64 + 1, vec![]));
    }

    /// A disk that refuses: the descriptor is one that cannot be written to. Nothing is dropped, and all is told later.
    #[test]
    fn a_disk_that_refuses_is_told_and_nothing_is_lost_when_it_takes_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings::Settings::built_in().audit;
        let shared = Arc::new(Shared::new(&settings));
        let mut writer = Writer::open(Arc::clone(&shared), folder.path(), Keep::of(&settings)).expect("a writer");
        let good = std::mem::replace(&mut writer.file, File::open(folder.path()).expect("a folder cannot be written"));
        shared.push(Event::Reload.record("first".to_owned()));
        writer.turn();
        assert!(shared.standing().borrow().failing.is_some());
        shared.push(Event::Reload.record("second".to_owned()));
        writer.file = good;
        writer.turn();
        assert!(shared.standing().borrow().failing.is_none());
        shared.close();
        writer.run();
        let records = Tail::new(folder.path(), Filter::default(), 0).page(10).expect("a page").records;
        let told: Vec<_> = records.iter().filter_map(|record| record.reason.as_deref()).collect();
        assert_eq!(told, ["first", "second"]);
        assert_eq!(verify(folder.path(), None).expect("it can be read").faults, vec![]);
    }
}

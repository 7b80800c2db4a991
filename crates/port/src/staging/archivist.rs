//! Bringing the records of small files into the archive, behind the answers: the journal has them durably meanwhile.

use archive::{Archive, FileRecord};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use terms::LogicalPath;
use tokio::sync::{Notify, mpsc, watch};

/// Records that may wait; then publication waits too. Each takes some 500 bytes.
const QUEUE: usize = 4096;

/// Records in one transaction.
const BATCH: usize = 512;

/// How long the first record of a transaction waits for others, unless somebody waits for it: the journal has it, and
/// `Door::record_of` finds it meanwhile. A transaction costs the same for one record as for a hundred.
const GATHER: Duration = Duration::from_millis(100);

/// Before another try, when the archive refuses.
const RETRY: Duration = Duration::from_secs(1);

/// Who waits for the records to be in the archive waits at most so long.
const SETTLE: Duration = Duration::from_secs(10);

/// The same when the archive has refused records: a full disk must still let files be deleted.
const SETTLE_FAILING: Duration = Duration::from_millis(200);

/// The records on their way.
pub(crate) struct Archived {
    waiting: Mutex<HashMap<LogicalPath, FileRecord>>,
    queued: AtomicU64,
    done: watch::Sender<u64>,
    failing: AtomicBool,
    /// Somebody waits: gather no longer.
    hurry: Notify,
}

/// The way in. When it is dropped, the task ends after the last record.
pub(super) struct Archivist {
    shared: Arc<Archived>,
    queue: mpsc::Sender<FileRecord>,
}

impl Archived {
    /// The record of this path, if it is still on its way.
    pub(crate) fn waiting_for(&self, path: &LogicalPath) -> Option<FileRecord> {
        self.waiting().get(path).cloned()
    }

    /// Waits until all that is queued now is in the archive.
    pub(crate) async fn settled(&self) {
        let goal = self.queued.load(Ordering::Acquire);
        let mut done = self.done.subscribe();
        if *done.borrow() >= goal {
            return;
        }
        // Kept for the task when it does not listen just now.
        self.hurry.notify_one();
        let reached = done.wait_for(|done| *done >= goal);
        let patience = if self.is_failing() { SETTLE_FAILING } else { SETTLE };
        if tokio::time::timeout(patience, reached).await.is_err() {
            tracing::warn!("the archive does not take the records of published files");
        }
    }

    /// Does the archive refuse records?
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<LogicalPath, FileRecord>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archivist {
    /// Starts the task.
    pub(super) fn start(archive: Archive) -> (Self, Arc<Archived>) {
        let shared = Arc::new(Archived {
            waiting: Mutex::default(),
            queued: AtomicU64::new(0),
            done: watch::Sender::new(0),
            failing: AtomicBool::new(false),
            hurry: Notify::new(),
        });
        let (queue, records) = mpsc::channel(QUEUE);
        tokio::spawn(run(archive, Arc::clone(&shared), records));
        (Self { shared: Arc::clone(&shared), queue }, shared)
    }

    /// Does the archive refuse records?
    pub(super) fn is_failing(&self) -> bool {
        self.shared.is_failing()
    }

    /// Queues these records. Blocks while the queue is full.
    pub(super) fn record(&self, records: Vec<FileRecord>) {
        self.shared.waiting().extend(records.iter().map(|record| (record.path.clone(), record.clone())));
        for record in records {
            self.shared.queued.fetch_add(1, Ordering::AcqRel);
            // It fails only when the runtime ends; the journal keeps the record for the next start.
            let _ = self.queue.blocking_send(record);
        }
    }
}

async fn run(archive: Archive, shared: Arc<Archived>, mut records: mpsc::Receiver<FileRecord>) {
    let mut batch = Vec::new();
    while records.recv_many(&mut batch, BATCH).await > 0 {
        gather(&shared, &mut records, &mut batch).await;
        while let Err(error) = archive.record_files(&batch).await {
            shared.failing.store(true, Ordering::Release);
            tracing::error!("could not record published files: {error}; trying again");
            tokio::time::sleep(RETRY).await;
        }
        shared.failing.store(false, Ordering::Release);
        let mut waiting = shared.waiting();
        for record in &batch {
            // A later publication of the same path may be on its way already.
            if waiting.get(&record.path).is_some_and(|one| one.staged == record.staged) {
                waiting.remove(&record.path);
            }
        }
        drop(waiting);
        let count = batch.len() as u64;
        batch.clear();
        shared.done.send_modify(|done| *done += count);
    }
}

/// Waits for more records: until a transaction is full, the time is over, or somebody waits for what is there.
async fn gather(shared: &Archived, records: &mut mpsc::Receiver<FileRecord>, batch: &mut Vec<FileRecord>) {
    let over = tokio::time::sleep(GATHER);
    tokio::pin!(over);
    while batch.len() < BATCH && !records.is_closed() {
        let room = BATCH - batch.len();
        tokio::select! {
            count = records.recv_many(batch, room) => if count == 0 { return },
            () = shared.hurry.notified() => {
                // What is queued already is what they wait for.
                while batch.len() < BATCH && let Ok(record) = records.try_recv() {
                    batch.push(record);
                }
                return;
            }
            () = &mut over => return,
        }
    }
}

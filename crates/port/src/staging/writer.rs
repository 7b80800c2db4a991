//! Writing one staged file while its digests are computed.

use super::{Staged, sys};
use bytes::Bytes;
use port_core::digest::Digester;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terms::{Algorithm, DigestSet, Timestamp};
use tokio::task::JoinHandle;

/// After each so many bytes the kernel is asked to write them out, so that the sync at the end finds little to do and a
/// large file never owns much of the page cache's dirty share.
const WRITE_OUT_BYTES: u64 = 16 * 1024 * 1024;

/// Read size when the digests of what is there already are rebuilt.
const REREAD_BYTES: usize = 1024 * 1024;

/// The most pieces that one pwritev(2) takes (IOV_MAX).
const MAX_PIECES: usize = 1024;

/// One staged file and the state of its digests, in step with each other. It outlives the request that feeds it: a batch
/// handed to a blocking thread is finished even when the request is dropped.
pub struct Writer {
    staged: Staged,
    algorithms: Vec<Algorithm>,
    bytes: Mutex<Progress>,
    /// Of the algorithms that cost as much as everything else together; computed beside the writing.
    slow: Mutex<Digester>,
    /// Held by the threads that write a batch.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A batch that is being written.
pub(crate) struct Writing {
    quick: JoinHandle<io::Result<()>>,
    slow: Option<JoinHandle<()>>,
}

impl Writing {
    /// Waits for its end.
    pub(crate) async fn finish(self) -> io::Result<()> {
        if let Some(slow) = self.slow {
            slow.await.map_err(io::Error::other)?;
        }
        self.quick.await.map_err(io::Error::other)?
    }
}

/// What the mutex of the writer guards. Locked by one thread at a time anyway: the mutex costs nothing and proves it.
struct Progress {
    offset: u64,
    written_out: u64,
    quick: Digester,
    failed: bool,
}

impl Writer {
    /// Of a new, empty file.
    pub fn new(staged: Staged, algorithms: &[Algorithm]) -> Self {
        let (quick, slow) = split(algorithms);
        let progress = Progress { offset: 0, written_out: 0, quick, failed: false };
        Self::with(staged, algorithms, progress, slow)
    }

    /// Of a file that holds bytes already: they are read to rebuild the digests. Blocks for as long as that takes.
    pub fn resume(staged: Staged, algorithms: &[Algorithm]) -> io::Result<Self> {
        let (mut quick, mut slow) = split(algorithms);
        let mut offset = 0;
        let mut buffer = vec![0; REREAD_BYTES];
        loop {
            let count = staged.file().read_at(&mut buffer, offset)?;
            if count == 0 {
                break;
            }
            quick.update(&buffer[..count]);
            slow.update(&buffer[..count]);
            offset += count as u64;
        }
        let progress = Progress { offset, written_out: offset, quick, failed: false };
        Ok(Self::with(staged, algorithms, progress, slow))
    }

    fn with(staged: Staged, algorithms: &[Algorithm], progress: Progress, slow: Digester) -> Self {
        Self {
            staged,
            algorithms: algorithms.to_vec(),
            bytes: Mutex::new(progress),
            slow: Mutex::new(slow),
            turn: Arc::default(),
        }
    }

    /// The file.
    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// The file alone, when all is written.
    pub fn into_staged(self) -> Staged {
        self.staged
    }

    /// The algorithms it computes.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// How many bytes it has. Waits for a batch that is being written.
    pub fn offset(&self) -> u64 {
        self.progress().offset
    }

    /// Did a write fail? Then the file and its digests are out of step, and it can only be given up.
    pub fn has_failed(&self) -> bool {
        self.progress().failed
    }

    /// Digests and writes on this thread.
    pub fn write(&self, pieces: &[Bytes]) -> io::Result<()> {
        self.digest_slow(pieces);
        self.write_quick(pieces)
    }

    /// Digests and writes on blocking threads: one for the writing and the quick digests, one for the slow, if any. The
    /// batch before must have been finished. What is begun here ends even when the answer is dropped;
    /// [`settled`](Self::settled) waits for that.
    pub(crate) fn begin_write(self: &Arc<Self>, pieces: Arc<[Bytes]>) -> Writing {
        // Free, because batches of one body follow one another; if ever not, waiting in `settled` is what is lost.
        let turn = Arc::clone(&self.turn).try_lock_owned().ok().map(Arc::new);
        let slow = (!self.slow_digests().is_idle()).then(|| {
            let (writer, pieces, turn) = (Arc::clone(self), Arc::clone(&pieces), turn.clone());
            tokio::task::spawn_blocking(move || {
                writer.digest_slow(&pieces);
                drop(turn);
            })
        });
        let writer = Arc::clone(self);
        let quick = tokio::task::spawn_blocking(move || {
            let written = writer.write_quick(&pieces);
            drop(turn);
            written
        });
        Writing { quick, slow }
    }

    /// Waits until no batch is being written: one may be left of a request that went away.
    pub async fn settled(&self) {
        drop(self.turn.lock().await);
    }

    /// Makes its bytes durable.
    pub fn sync(&self) -> io::Result<()> {
        self.staged.file().sync_all()
    }

    /// Sets the modification time.
    pub fn set_modified(&self, at: Timestamp) -> io::Result<()> {
        let nanos = at.nanos();
        let time = if nanos >= 0 {
            std::time::UNIX_EPOCH + std::time::Duration::from_nanos(nanos.unsigned_abs())
        } else {
            std::time::UNIX_EPOCH - std::time::Duration::from_nanos(nanos.unsigned_abs())
        };
        self.staged.file().set_modified(time)
    }

    /// The digests of all bytes so far.
    pub fn digests(&self) -> DigestSet {
        let quick = self.progress().quick.clone().finish();
        let slow = self.slow_digests().clone().finish();
        quick.iter().chain(slow.iter()).copied().collect()
    }

    fn digest_slow(&self, pieces: &[Bytes]) {
        let mut slow = self.slow_digests();
        if !slow.is_idle() {
            pieces.iter().for_each(|piece| slow.update(piece));
        }
    }

    fn write_quick(&self, pieces: &[Bytes]) -> io::Result<()> {
        let mut progress = self.progress();
        if progress.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        // A panic in between would poison the mutex; taken for a failure, it ends the same way.
        progress.failed = true;
        let length = write_all_at(self.staged.file(), pieces, progress.offset)?;
        pieces.iter().for_each(|piece| progress.quick.update(piece));
        progress.offset += length;
        progress.failed = false;
        if progress.offset - progress.written_out >= WRITE_OUT_BYTES {
            let since = progress.offset - progress.written_out;
            sys::begin_write_out(self.staged.file(), progress.written_out, since);
            progress.written_out = progress.offset;
        }
        Ok(())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slow_digests(&self) -> MutexGuard<'_, Digester> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn split(algorithms: &[Algorithm]) -> (Digester, Digester) {
    let is_slow = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Md5 | Algorithm::Sha256);
    let (slow, quick): (Vec<_>, Vec<_>) = algorithms.iter().copied().partition(is_slow);
    (Digester::new(&quick), Digester::new(&slow))
}

/// Writes all pieces from this offset on, and tells how many bytes they are.
fn write_all_at(file: &File, pieces: &[Bytes], offset: u64) -> io::Result<u64> {
    let mut at = offset;
    if let [piece] = pieces {
        file.write_all_at(piece, at)?;
        return Ok(piece.len() as u64);
    }
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let window = &rest[..rest.len().min(MAX_PIECES)];
        match rustix::io::pwritev(file, window, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                at += count as u64;
                IoSlice::advance_slices(&mut rest, count);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(at - offset)
}

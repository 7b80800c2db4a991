//! A file on its way in: it grows under a hidden name beside its target and gets its own name only when it is whole,
//! verified and durable.

use bytes::Bytes;
use port_core::digest::Digester;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::{Algorithm, DigestSet, Problem, Timestamp};
use tokio::sync::mpsc;

use super::fault;
use super::local::blocking;
use super::progress::{Tally, Waiting};

const SUFFIX: &str = ".portolan-part";
const SIDECAR_SUFFIX: &str = ".portolan-part.json";

/// The longest part of a target's name that is repeated in the part's: what is left of the 255 bytes of NAME_MAX without
/// dot, digest and the longer suffix.
const NAME_KEPT_BYTES: usize = 255 - 1 - 9 - SIDECAR_SUFFIX.len() - 4;

/// Is this the name of an unfinished file, or of the notes about one?
pub(crate) fn is_part_name(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    // The sidecar is replaced by way of a third name, hence no look at the end alone.
    bytes.starts_with(b".") && bytes.windows(SUFFIX.len()).any(|window| window == SUFFIX.as_bytes())
}

/// An unfinished file, locked against other processes.
pub(crate) struct Part {
    target: PathBuf,
    path: PathBuf,
    file: Arc<File>,
}

impl Part {
    /// Opens the part of this target, made if need be; what an earlier run left in it is kept.
    pub(crate) async fn open(target: &Path) -> Result<Self, Problem> {
        let target = target.to_owned();
        blocking(move || {
            let path = beside(&target, SUFFIX);
            loop {
                let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
                let file = opened.map_err(|error| fault::local(&error, "open", path.display()))?;
                match file.try_lock() {
                    // Between opening and locking another process may have finished the file and given it its name: what
                    // is locked then is not the part any more.
                    Ok(()) if is_still(&file, &path) => return Ok(Self { target, path, file: Arc::new(file) }),
                    Ok(()) => {}
                    Err(fs::TryLockError::WouldBlock) => return Err(fault::busy(target.display())),
                    Err(fs::TryLockError::Error(error)) => return Err(fault::local(&error, "lock", path.display())),
                }
            }
        })
        .await
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn sidecar(&self) -> PathBuf {
        beside(&self.target, SIDECAR_SUFFIX)
    }

    /// Makes it this long; 0 throws away what is in it.
    pub(crate) async fn resize(&self, size_bytes: u64) -> Result<(), Problem> {
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        blocking(move || {
            file.set_len(size_bytes).map_err(|error| fault::local(&error, "set the size of", path.display()))
        })
        .await
    }

    /// Gives the file its name. The folder is left to be synced by the caller, once for all files in it.
    pub(crate) async fn publish(
        self,
        size_bytes: u64,
        modified: Option<Timestamp>,
        sync: bool,
        tally: &Arc<Tally>,
    ) -> Result<(), Problem> {
        let tally = Arc::clone(tally);
        blocking(move || {
            let disk = tally.meter.start(Waiting::Disk);
            let publish = || {
                // A longer file of an earlier run may have been in its place.
                if self.file.metadata()?.len() != size_bytes {
                    self.file.set_len(size_bytes)?;
                }
                if let Some(time) = modified.and_then(system_time) {
                    self.file.set_modified(time)?;
                }
                if sync {
                    self.file.sync_all()?;
                }
                fs::rename(&self.path, &self.target)
            };
            publish().map_err(|error| fault::local(&error, "finish", self.target.display()))?;
            drop(disk);
            remove_if_there(&beside(&self.target, SIDECAR_SUFFIX));
            Ok(())
        })
        .await
    }

    /// Leaves nothing behind.
    pub(crate) async fn discard(self) {
        blocking(move || {
            remove_if_there(&self.path);
            remove_if_there(&self.sidecar());
        })
        .await;
    }
}

fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().map(identity).ok() == fs::metadata(path).map(identity).ok()
}

/// Where arriving bytes go.
#[derive(Clone)]
pub(crate) enum Sink {
    /// Into a file, from this offset on.
    File { file: Arc<File>, offset: u64, path: PathBuf },
    /// To standard output.
    StandardOutput,
}

/// Writes arriving bytes and computes their digests on a thread of its own, so that the network need not wait for either.
pub(crate) struct Writer {
    pieces: mpsc::Sender<Bytes>,
    done: tokio::task::JoinHandle<Result<DigestSet, Problem>>,
}

/// Pieces that wait for the writer. hyper's pieces are at most 400 kB, so that a stream holds 3 MB.
const WAITING_PIECES: usize = 8;

/// Told of each whole block: its number, and its digests.
pub(crate) type OnBlock = Box<dyn FnMut(u64, DigestSet) + Send>;

/// How bytes are cut into blocks with digests of their own.
pub(crate) struct Cutter {
    pub(crate) block_bytes: u64,
    pub(crate) size_bytes: u64,
    pub(crate) on_block: OnBlock,
}

impl Writer {
    /// A writer that computes one set of digests over all.
    pub(crate) fn new(sink: Sink, algorithms: &[Algorithm], tally: &Arc<Tally>) -> Self {
        Self::start(sink, algorithms, None, tally)
    }

    /// A writer that computes a set for each block; begins at the start of one.
    pub(crate) fn in_blocks(sink: Sink, algorithms: &[Algorithm], cutter: Cutter, tally: &Arc<Tally>) -> Self {
        Self::start(sink, algorithms, Some(cutter), tally)
    }

    fn start(mut sink: Sink, algorithms: &[Algorithm], mut cutter: Option<Cutter>, tally: &Arc<Tally>) -> Self {
        let (pieces, mut arriving) = mpsc::channel::<Bytes>(WAITING_PIECES);
        let (algorithms, tally) = (algorithms.to_vec(), Arc::clone(tally));
        let done = tokio::task::spawn_blocking(move || {
            let mut digester = Digester::new(&algorithms);
            while let Some(mut bytes) = arriving.blocking_recv() {
                while !bytes.is_empty() {
                    let room = cutter.as_ref().map_or(u64::MAX, |cutter| cutter.room(&sink));
                    let now = bytes.split_to(usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()));
                    let counting = tally.meter.start(Waiting::Digest);
                    digester.update(&now);
                    drop(counting);
                    let writing = tally.meter.start(Waiting::Disk);
                    sink.write(&now)?;
                    drop(writing);
                    if let Some(cutter) = &mut cutter
                        && let Some(block) = cutter.ended(&sink)
                    {
                        let whole = std::mem::replace(&mut digester, Digester::new(&algorithms));
                        (cutter.on_block)(block, whole.finish());
                    }
                }
            }
            Ok(digester.finish())
        });
        Self { pieces, done }
    }

    /// Hands over the next bytes; waits while the writer is behind. A problem shows at [`finish`](Self::finish).
    pub(crate) async fn write(&self, bytes: Bytes) -> bool {
        self.pieces.send(bytes).await.is_ok()
    }

    /// Waits until all is written; the digests are those of all bytes, or of the last block that was not whole.
    pub(crate) async fn finish(self) -> Result<DigestSet, Problem> {
        drop(self.pieces);
        match self.done.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Cutter {
    /// How many bytes fit into the block at hand.
    fn room(&self, sink: &Sink) -> u64 {
        self.block_bytes - sink.offset() % self.block_bytes
    }

    /// The number of the block that has just become whole.
    fn ended(&self, sink: &Sink) -> Option<u64> {
        let offset = sink.offset();
        let is_end = offset.is_multiple_of(self.block_bytes) || offset == self.size_bytes;
        (is_end && offset > 0).then(|| (offset - 1) / self.block_bytes)
    }
}

impl Sink {
    fn offset(&self) -> u64 {
        match self {
            Self::File { offset, .. } => *offset,
            Self::StandardOutput => 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        match self {
            Self::File { file, offset, path } => {
                file.write_all_at(bytes, *offset).map_err(|error| fault::local(&error, "write", path.display()))?;
                *offset += bytes.len() as u64;
                Ok(())
            }
            Self::StandardOutput => {
                let mut out = io::stdout().lock();
                let written = out.write_all(bytes).and_then(|()| out.flush());
                written.map_err(|error| fault::local(&error, "write to", "standard output"))
            }
        }
    }
}

/// The digests of a piece of a file. Blocks.
pub(crate) fn digests_of(file: &File, offset: u64, length: u64, algorithms: &[Algorithm]) -> io::Result<DigestSet> {
    let mut digester = Digester::new(algorithms);
    // Large enough that system calls do not count, small enough for the second-level cache.
    let mut buffer = vec![0; 512 * 1024];
    let mut at = offset;
    while at < offset + length {
        let want = usize::try_from(offset + length - at).unwrap_or(usize::MAX).min(buffer.len());
        let got = file.read_at(&mut buffer[..want], at)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        digester.update(&buffer[..got]);
        at += got as u64;
    }
    Ok(digester.finish())
}

pub(crate) fn system_time(instant: Timestamp) -> Option<std::time::SystemTime> {
    let nanos = instant.nanos();
    let span = std::time::Duration::from_nanos(nanos.unsigned_abs());
    let epoch = std::time::UNIX_EPOCH;
    if nanos >= 0 { epoch.checked_add(span) } else { epoch.checked_sub(span) }
}

pub(crate) fn remove_if_there(path: &Path) {
    // What cannot be removed is hidden anyway, and the next run takes it over.
    let _ = fs::remove_file(path);
}

/// A hidden name beside the target. A long name is shortened, and told apart from its like by a digest.
fn beside(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut kept = name.len().min(NAME_KEPT_BYTES);
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    let mut hidden = format!(".{}", &name[..kept]);
    if kept < name.len() {
        let digests = port_core::digest::of_bytes(&[Algorithm::Crc32c], name.as_bytes());
        digests.iter().for_each(|digest| hidden.push_str(&format!("-{}", digest.to_hex())));
    }
    hidden.push_str(suffix);
    target.with_file_name(hidden)
}

//! Disks at the ends of a stream. A thread of its own reads ahead or writes behind, so that disk and network work at the
//! same time, as they do in a transfer; the thread at the socket waits only when the disk is the slower of the two.
//!
//! The disk and not its cache is measured: by `O_DIRECT` where the file system has it, else what was written is synced
//! and what was read is dropped from the cache.

use super::counters::{Book, Counters, thread_cpu};
use rustix::fs::{Advice, Mode, OFlags, fadvise, openat};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use terms::{Blame, Problem, Retry};

/// Read or written at once: fewer, larger calls suit disks.
const CHUNK_BYTES: usize = 1 << 20;

/// Chunks between disk and socket, of each stream: 8 MiB bridge the pauses of a disk.
const CHUNKS: usize = 8;

/// Without `O_DIRECT`: synced after so many bytes, so that the rate is the disk's and not its cache's.
const SYNC_EVERY: usize = 64 << 20;

/// What `O_DIRECT` wants of addresses, offsets and lengths, on every disk there is.
const ALIGNMENT: usize = 4096;

/// Memory that begins where `O_DIRECT` wants it.
struct Chunk {
    memory: Vec<u8>,
    offset: usize,
    len: usize,
}

impl Chunk {
    fn new() -> Self {
        let memory = vec![0; CHUNK_BYTES + ALIGNMENT];
        let offset = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, offset, len: 0 }
    }

    fn all(&mut self) -> &mut [u8] {
        &mut self.memory[self.offset..self.offset + CHUNK_BYTES]
    }

    fn filled(&self) -> &[u8] {
        &self.memory[self.offset..self.offset + self.len]
    }
}

/// A place on a disk for one stream: a part of a file that is read round and round, or a file that is written so.
#[derive(Debug)]
pub(super) struct Place {
    file: File,
    /// Where its part begins.
    from: u64,
    /// How long its part is; after it, it begins again.
    len: u64,
    direct: bool,
    /// Bytes per second that it is held down to: a slow disk for tests.
    slow: Option<u64>,
}

/// How the disk is kept from answering out of its cache.
fn how(direct: bool, written: bool) -> String {
    match (direct, written) {
        (true, _) => "O_DIRECT".to_owned(),
        (false, true) => "through the cache, synced after each 64 MiB (fdatasync) and dropped".to_owned(),
        (false, false) => "through the cache, dropped before reading".to_owned(),
    }
}

fn open(path: &Path, flags: OFlags) -> io::Result<(File, bool)> {
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = flags | OFlags::CLOEXEC;
    // A file is opened once: what is created by the first try would be in the way of the second.
    match openat(rustix::fs::CWD, path, flags | OFlags::DIRECT, mode) {
        Ok(file) => Ok((file.into(), true)),
        Err(rustix::io::Errno::INVAL) => {
            let again = flags - OFlags::EXCL;
            Ok((openat(rustix::fs::CWD, path, again, mode)?.into(), false))
        }
        Err(error) => Err(error.into()),
    }
}

impl Place {
    /// The parts of a file that is there, one for each stream.
    pub(super) fn parts(path: &Path, streams: u64) -> Result<Vec<Self>, Problem> {
        let failed = |error: io::Error| failed("read", path, &error);
        let mut places = Vec::new();
        for stream in 0..streams {
            let (file, direct) = open(path, OFlags::RDONLY).map_err(failed)?;
            let meta = file.metadata().map_err(failed)?;
            if !meta.is_file() {
                return Err(failed(io::Error::other("it is no file")));
            }
            let each = meta.len() / streams / ALIGNMENT as u64 * ALIGNMENT as u64;
            if each == 0 {
                let needed = ALIGNMENT as u64 * streams;
                return Err(failed(io::Error::other(format!("it has fewer than the {needed} bytes that are needed"))));
            }
            // Advice may be ignored; what was done is said.
            let _ = fadvise(&file, 0, None, Advice::DontNeed);
            places.push(Self { file, from: each * stream, len: each, direct, slow: None });
        }
        Ok(places)
    }

    /// A new file to be written round and round in so many bytes. It has lost its name when this returns: whatever happens,
    /// nothing stays. In a folder it gets a name of its own before; else the path must not be there yet.
    pub(super) fn scratch(path: &Path, bytes_max: u64) -> Result<Self, Problem> {
        let mut path = path.to_owned();
        if path.is_dir() {
            let mut random = [0; 8];
            net::fill_random(&mut random);
            path.push(format!(".portolan-throughput-{:016x}", u64::from_be_bytes(random)));
        }
        let failed = |error: io::Error| failed("created", &path, &error);
        let (file, direct) = open(&path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL).map_err(failed)?;
        std::fs::remove_file(&path).map_err(failed)?;
        let len = (bytes_max / CHUNK_BYTES as u64).max(1) * CHUNK_BYTES as u64;
        Ok(Self { file, from: 0, len, direct, slow: None })
    }

    /// The same, filled with random bytes, so that it can be read.
    pub(super) fn filled(path: &Path, bytes: u64) -> Result<Self, Problem> {
        let place = Self::scratch(path, bytes)?;
        let failed = |error: io::Error| failed("filled", path, &error);
        let mut chunk = Chunk::new();
        chunk.len = CHUNK_BYTES;
        net::fill_random(chunk.all());
        let mut at = 0;
        while at < place.len {
            place.file.write_all_at(chunk.filled(), at).map_err(failed)?;
            at += CHUNK_BYTES as u64;
        }
        place.file.sync_data().map_err(failed)?;
        // Advice may be ignored; what was done is said.
        let _ = fadvise(&place.file, 0, None, Advice::DontNeed);
        Ok(place)
    }

    /// A device instead of a file.
    #[cfg(test)]
    pub(super) fn of_device(path: &Path) -> Self {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        Self { file, from: 0, len: 1 << 30, direct: false, slow: None }
    }

    /// Held down to so many bytes per second.
    #[cfg(test)]
    pub(super) fn slowed(mut self, bytes_per_second: u64) -> Self {
        self.slow = Some(bytes_per_second);
        self
    }

    pub(super) fn facts(&self, written: bool) -> soundings_core::throughput::DiskFacts {
        soundings_core::throughput::DiskFacts { how: how(self.direct, written), file_bytes: self.len }
    }

    fn hold(&self, bytes: usize) {
        if let Some(slow) = self.slow {
            thread::sleep(std::time::Duration::from_secs_f64(bytes as f64 / slow as f64));
        }
    }
}

/// Fills chunks from a disk, ahead of the socket.
pub(super) struct Source {
    full: Receiver<Result<Chunk, String>>,
    empty: SyncSender<Chunk>,
    at_hand: Option<Chunk>,
    taken: usize,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    pub(super) fn start(place: Place, counters: Arc<Counters>) -> io::Result<Self> {
        let (to_socket, full) = sync_channel(CHUNKS);
        let (empty, to_fill) = sync_channel(CHUNKS);
        for _ in 0..CHUNKS {
            // It has room for all of them.
            let _ = empty.try_send(Chunk::new());
        }
        let thread = thread::Builder::new()
            .name("disk-read".to_owned())
            .spawn(move || read(&place, &to_fill, &to_socket, &counters))?;
        Ok(Self { full, empty, at_hand: None, taken: 0, thread: Some(thread) })
    }

    fn next(&mut self, block_bytes: usize, book: &mut Book<'_>) -> Result<&[u8], String> {
        let used_up = self.at_hand.as_ref().is_none_or(|chunk| self.taken >= chunk.len);
        if used_up {
            if let Some(chunk) = self.at_hand.take() {
                // The reader is gone only after an error, which comes next.
                let _ = self.empty.send(chunk);
            }
            book.idled();
            let chunk = self.full.recv().map_err(|_| "the thread at the disk is gone".to_owned())??;
            book.waited_for_disk();
            self.at_hand = Some(chunk);
            self.taken = 0;
        }
        let Some(chunk) = &self.at_hand else { return Err("the disk gave nothing".to_owned()) };
        let block = &chunk.filled()[self.taken..];
        let block = &block[..block.len().min(block_bytes)];
        self.taken += block.len();
        Ok(block)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // Either channel that is gone ends the thread.
        let (_, gone) = sync_channel(0);
        self.full = gone;
        let (gone, _) = sync_channel(0);
        self.empty = gone;
        if let Some(thread) = self.thread.take() {
            // A panic of it has told itself.
            let _ = thread.join();
        }
    }
}

fn read(place: &Place, to_fill: &Receiver<Chunk>, to_socket: &SyncSender<Result<Chunk, String>>, counters: &Counters) {
    let mut at = 0;
    while let Ok(mut chunk) = to_fill.recv() {
        let want = CHUNK_BYTES.min(usize::try_from(place.len - at).unwrap_or(usize::MAX));
        let read = place.file.read_at(&mut chunk.all()[..want], place.from + at);
        let read = match read {
            Ok(0) => Err("the file became shorter while it was read".to_owned()),
            Ok(count) => Ok(count),
            Err(error) => Err(format!("reading the disk failed: {error}")),
        };
        let read = read.map(|count| {
            place.hold(count);
            at += count as u64;
            if at >= place.len {
                at = 0;
                if !place.direct {
                    // Advice may be ignored; what was done is said.
                    let _ = fadvise(&place.file, 0, None, Advice::DontNeed);
                }
            }
            chunk.len = count;
            chunk
        });
        counters.disk_cpu_ns.store(thread_cpu(), Relaxed);
        let failed = read.is_err();
        if to_socket.send(read).is_err() || failed {
            return;
        }
    }
}

/// Takes chunks to a disk, behind the socket.
pub(super) struct Sink {
    full: Option<SyncSender<Chunk>>,
    empty: Receiver<Chunk>,
    at_hand: Option<Chunk>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Sink {
    pub(super) fn start(place: Place, counters: Arc<Counters>) -> io::Result<Self> {
        let (full, to_write) = sync_channel(CHUNKS);
        let (to_socket, empty) = sync_channel(CHUNKS);
        for _ in 0..CHUNKS {
            // It has room for all of them.
            let _ = to_socket.try_send(Chunk::new());
        }
        let thread = thread::Builder::new()
            .name("disk-write".to_owned())
            .spawn(move || write(&place, &to_write, &to_socket, &counters))?;
        Ok(Self { full: Some(full), empty, at_hand: None, thread: Some(thread) })
    }

    /// Room for the next bytes; waits for the disk when there is none.
    pub(super) fn room(&mut self, book: &mut Book<'_>) -> Result<&mut [u8], String> {
        if self.at_hand.is_none() {
            book.idled();
            let chunk = self.empty.recv();
            book.waited_for_disk();
            match chunk {
                Ok(mut chunk) => {
                    chunk.len = 0;
                    self.at_hand = Some(chunk);
                }
                Err(_) => return Err(self.end().err().unwrap_or_else(|| "the thread at the disk is gone".to_owned())),
            }
        }
        match &mut self.at_hand {
            Some(chunk) => {
                let len = chunk.len;
                Ok(&mut chunk.all()[len..])
            }
            None => Err("the disk gave nothing".to_owned()),
        }
    }

    /// So many bytes were put there.
    pub(super) fn took(&mut self, bytes: usize) -> Result<(), String> {
        let Some(chunk) = &mut self.at_hand else { return Ok(()) };
        chunk.len += bytes;
        if chunk.len < CHUNK_BYTES {
            return Ok(());
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<(), String> {
        let Some(chunk) = self.at_hand.take() else { return Ok(()) };
        let sent = self.full.as_ref().map_or(Ok(()), |full| full.send(chunk).map_err(|_| ()));
        match sent {
            Ok(()) => Ok(()),
            Err(()) => Err(self.end().err().unwrap_or_else(|| "the thread at the disk is gone".to_owned())),
        }
    }

    /// Writes what is left and makes it durable.
    pub(super) fn finish(mut self, book: &mut Book<'_>) -> Result<(), String> {
        book.idled();
        let handed = self.hand_over();
        let done = self.end();
        book.waited_for_disk();
        handed.and(done)
    }

    fn end(&mut self) -> Result<(), String> {
        self.full = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            Some(Err(_)) => Err("the thread at the disk failed".to_owned()),
            None => Ok(()),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // What it says is heard by `finish`; here nobody listens any more.
        let _ = self.end();
    }
}

fn write(
    place: &Place,
    to_write: &Receiver<Chunk>,
    to_socket: &SyncSender<Chunk>,
    counters: &Counters,
) -> Result<(), String> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("{DISK_FULL}: {error}"),
        _ => format!("writing the disk failed: {error}"),
    };
    let (mut at, mut unsynced) = (0, 0);
    let mut direct = place.direct;
    while let Ok(chunk) = to_write.recv() {
        if direct && chunk.len % ALIGNMENT != 0 {
            // The end of the bytes fits no disk block: it goes through the cache, and is synced below.
            buffered(&place.file).map_err(failed)?;
            direct = false;
        }
        place.file.write_all_at(chunk.filled(), place.from + at).map_err(failed)?;
        place.hold(chunk.len);
        at += chunk.len as u64;
        unsynced += chunk.len;
        if !direct && unsynced >= SYNC_EVERY {
            place.file.sync_data().map_err(failed)?;
            // Advice may be ignored; what was done is said.
            let _ = fadvise(&place.file, 0, None, Advice::DontNeed);
            unsynced = 0;
        }
        if at >= place.len {
            at = 0;
        }
        counters.disk_cpu_ns.store(thread_cpu(), Relaxed);
        // A socket that wants no more room still has what it gave written.
        let _ = to_socket.send(chunk);
    }
    let synced = place.file.sync_data().map_err(failed);
    counters.disk_cpu_ns.store(thread_cpu(), Relaxed);
    synced
}

fn buffered(file: &File) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file, flags - OFlags::DIRECT)?)
}

/// Where the next block to be sent comes from.
pub(super) enum Fill {
    /// The same one again.
    Memory(Vec<u8>),
    /// A disk.
    Disk(Source, usize),
}

impl Fill {
    pub(super) fn memory(block_bytes: usize) -> Self {
        let mut block = vec![0; block_bytes];
        net::fill_random(&mut block);
        Self::Memory(block)
    }

    #[inline]
    pub(super) fn next(&mut self, book: &mut Book<'_>) -> Result<&[u8], String> {
        match self {
            Self::Memory(block) => Ok(block),
            Self::Disk(source, block_bytes) => source.next(*block_bytes, book),
        }
    }
}

/// How the failure of a stream begins whose disk is full.
pub(super) const DISK_FULL: &str = "the disk is full";

fn failed(what: &str, path: &Path, error: &io::Error) -> Problem {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    Problem {
        status: if full { 507 } else { 500 },
        kind: if full { "no-space" } else { "no-scratch" },
        title: if full { "the disk is full" } else { "a file of the test is not accessible" },
        detail: format!("{} could not be {what}: {error}.", path.display()),
        blame: Blame::Storage,
        retry: Retry::Never,
        next: if full {
            "Make room there, or measure from memory to memory.".to_owned()
        } else {
            "Check that the file exists where it must, does not where it must not, and that this user may access it."
                .to_owned()
        },
    }
}

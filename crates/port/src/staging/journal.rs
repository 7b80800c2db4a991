//! The journal of small files: their bytes and records, durable by one fdatasync(2) for a whole group.
//!
//! Two files of fixed length, written in place, so that a sync writes no metadata and flushes nothing of others. One is
//! active; when it is full the other takes over, and the first is *retired*: once the archive has the records and one
//! syncfs(2) has made the files themselves durable, its content is void. A start replays what is not void
//! ([`replay`](super::replay)).
//!
//! A file is a row of frames: head (32 bytes), payload. Frames of one life of a file share a generation; the row ends
//! where a frame has another one, or a wrong checksum.

use super::Area;
use super::archivist::Archived;
use bytes::Bytes;
use port_core::digest::Digester;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use terms::Algorithm;

/// The names of the two files in the staging area.
pub(super) const NAMES: [&str; 2] = ["journal-0", "journal-1"];

/// `PTLJ`.
const MAGIC: u32 = 0x5054_4c4a;

/// Length of the head of a frame.
pub(super) const HEAD_BYTES: usize = 32;

/// A journal below this could not hold one group.
const MIN_BYTES: u64 = 256 * 1024;

/// One frame takes at most this share of a journal, so that several groups fit before it must be retired.
const SHARE: u64 = 4;

/// How long to wait before another try to retire a journal, when the disk or the archive refuses.
const RETRY: Duration = Duration::from_secs(1);

/// What a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Files that were published together.
    Files = 1,
    /// All files before this are in the archive: where they are, and whether they still are, it knows better.
    Archived = 2,
    /// These files, named by their staged ids, were not published after all.
    Void = 3,
    /// Nothing: what follows is of an earlier life.
    Empty = 4,
}

impl Kind {
    fn of(number: u32) -> Option<Self> {
        [Self::Files, Self::Archived, Self::Void, Self::Empty].into_iter().find(|kind| *kind as u32 == number)
    }
}

/// One frame as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) generation: u64,
    pub(super) sequence: u64,
    pub(super) payload: Bytes,
}

/// The journal.
pub(crate) struct Journal {
    state: Mutex<State>,
    /// Told whenever a file is void again.
    voided: Condvar,
    area: Arc<Area>,
    archived: Arc<Archived>,
    runtime: tokio::runtime::Handle,
    capacity_bytes: u64,
}

struct State {
    files: [Arc<File>; 2],
    void: [bool; 2],
    active: usize,
    at: u64,
    /// The generation of the frames of the active file.
    life: u64,
    /// The newest generation given out.
    newest: u64,
    sequence: u64,
    /// Are there files since the last [`Kind::Archived`]?
    unmarked: bool,
}

impl Journal {
    /// Opens both files, empty: what they held has been replayed. An error means that there is no room for a journal, or
    /// that the settings want none; publication then goes without.
    pub(super) fn open(area: &Arc<Area>, archived: &Arc<Archived>, capacity_bytes: u64) -> io::Result<Arc<Self>> {
        if capacity_bytes < MIN_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (mut newest, mut files) = (0, Vec::with_capacity(NAMES.len()));
        for name in NAMES {
            let file = open_file(area, name)?;
            newest = read_frames(&file)?.iter().map(|frame| frame.generation).fold(newest, u64::max);
            files.push(Arc::new(file));
        }
        let files = <[Arc<File>; 2]>::try_from(files).map_err(|_| io::ErrorKind::Other)?;
        let reserved = files.iter().try_for_each(|file| reserve(file, capacity_bytes));
        if reserved.is_err() {
            // Half a journal is of no use, and the room is wanted.
            files.iter().try_for_each(|file| file.set_len(0))?;
        }
        reserved?;
        for file in &files {
            newest += 1;
            write_durably(file, &frame(Kind::Empty, newest, 0, &[]), 0)?;
        }
        rustix::fs::fsync(area.folder())?;
        let state = State {
            files,
            void: [false, true],
            active: 0,
            at: 0,
            life: newest + 1,
            newest: newest + 1,
            sequence: 1,
            unmarked: false,
        };
        Ok(Arc::new(Self {
            state: Mutex::new(state),
            voided: Condvar::new(),
            area: Arc::clone(area),
            archived: Arc::clone(archived),
            runtime: tokio::runtime::Handle::current(),
            capacity_bytes,
        }))
    }

    /// The most that one frame can carry.
    pub(super) fn max_payload_bytes(&self) -> usize {
        usize::try_from(self.capacity_bytes / SHARE).unwrap_or(usize::MAX) - HEAD_BYTES
    }

    /// Adds one frame, durably. Blocks: for the disk, and when both files are full until one is void.
    pub(super) fn append(self: &Arc<Self>, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let length = (HEAD_BYTES + payload.len()) as u64;
        if state.at + length > self.capacity_bytes {
            state = self.change_over(state);
        }
        state.sequence += 1;
        let bytes = frame(kind, state.life, state.sequence, payload);
        // A frame that failed is overwritten by the next: it was never acknowledged.
        write_durably(&state.files[state.active], &bytes, state.at)?;
        state.at += length;
        match kind {
            Kind::Files => state.unmarked = true,
            Kind::Archived => state.unmarked = false,
            Kind::Void | Kind::Empty => {}
        }
        Ok(())
    }

    /// Are there files of which the archive may not know?
    pub(super) fn is_unmarked(&self) -> bool {
        self.state().unmarked
    }

    /// Makes all that was published durable where it is, and both files void. The last act before an orderly end.
    pub(super) fn settle(&self) -> io::Result<()> {
        rustix::fs::syncfs(self.area.folder())?;
        self.make_void(0)?;
        self.make_void(1)
    }

    fn change_over<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let full = state.active;
        let next = 1 - full;
        state.void[full] = false;
        while !state.void[next] {
            state = self.voided.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.active = next;
        state.at = 0;
        state.newest += 1;
        state.life = state.newest;
        state.void[next] = false;
        let journal = Arc::clone(self);
        self.runtime.spawn(async move { journal.retire(full).await });
        state
    }

    /// Everything in this file was renamed and handed to the archive's queue before the other took over.
    async fn retire(self: Arc<Self>, full: usize) {
        loop {
            self.archived.settled().await;
            let journal = Arc::clone(&self);
            let done = tokio::task::spawn_blocking(move || {
                rustix::fs::syncfs(journal.area.folder())?;
                journal.make_void(full)
            });
            match done.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::error!("could not sync the published files: {error}; trying again"),
                Err(error) => tracing::error!("could not sync the published files: {error}; trying again"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn make_void(&self, which: usize) -> io::Result<()> {
        let mut state = self.state();
        state.newest += 1;
        write_durably(&state.files[which], &frame(Kind::Empty, state.newest, 0, &[]), 0)?;
        state.void[which] = true;
        if which == state.active {
            // Its next frame overwrites the empty one, under a generation of its own.
            state.at = 0;
            state.newest += 1;
            state.life = state.newest;
        }
        self.voided.notify_all();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The frames of both files, in the order in which they were written. What cannot be read was never acknowledged.
pub(super) fn read_all(area: &Area) -> io::Result<Vec<Frame>> {
    let mut frames = Vec::new();
    for name in NAMES {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match rustix::fs::openat(area.folder(), name, flags, Mode::empty()) {
            Ok(file) => frames.extend(read_frames(&File::from(file))?),
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    frames.sort_by_key(|frame| frame.sequence);
    Ok(frames)
}

/// Forgets all frames, after their replay.
pub(super) fn clear(area: &Area) -> io::Result<()> {
    for name in NAMES {
        let file = open_file(area, name)?;
        file.set_len(0)?;
        file.sync_all()?;
    }
    Ok(())
}

fn read_frames(file: &File) -> io::Result<Vec<Frame>> {
    let length = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    let mut rest = Bytes::from(bytes);
    let mut frames: Vec<Frame> = Vec::new();
    while let Some(frame) = parse(&mut rest) {
        if frames.first().is_some_and(|first| first.generation != frame.generation) {
            break;
        }
        frames.push(frame);
    }
    Ok(frames)
}

/// Takes one frame from the front; `None` where there is no whole one.
fn parse(rest: &mut Bytes) -> Option<Frame> {
    let head = rest.get(..HEAD_BYTES)?;
    let number = |from: usize| head.get(from..from + 4)?.try_into().ok().map(u32::from_le_bytes);
    let long = |from: usize| head.get(from..from + 8)?.try_into().ok().map(u64::from_le_bytes);
    if number(0)? != MAGIC {
        return None;
    }
    let (kind, generation, sequence) = (Kind::of(number(4)?)?, long(8)?, long(16)?);
    let (length, sum) = (usize::try_from(number(24)?).ok()?, number(28)?);
    let payload = rest.get(HEAD_BYTES..HEAD_BYTES.checked_add(length)?)?;
    if checksum(&head[..28], payload) != sum {
        return None;
    }
    let payload = rest.slice(HEAD_BYTES..HEAD_BYTES + length);
    *rest = rest.slice(HEAD_BYTES + length..);
    Some(Frame { kind, generation, sequence, payload })
}

pub(super) fn frame(kind: Kind, generation: u64, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + payload.len());
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend((kind as u32).to_le_bytes());
    bytes.extend(generation.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    // Bounded by the capacity of a journal, a setting far below 4 GiB.
    bytes.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(checksum(&bytes, payload).to_le_bytes());
    bytes.extend(payload);
    bytes
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut digester = Digester::new(&[Algorithm::Crc32c]);
    digester.update(head);
    digester.update(payload);
    let digests = digester.finish();
    let value = digests.get(Algorithm::Crc32c).and_then(|digest| digest.bytes().try_into().ok());
    u32::from_be_bytes(value.unwrap_or_default())
}

fn open_file(area: &Area, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(File::from(rustix::fs::openat(area.folder(), name, flags, Mode::from_raw_mode(0o600))?))
}

/// Writes zeros up to the capacity: only blocks that were written once can be written again without metadata.
fn reserve(file: &File, capacity_bytes: u64) -> io::Result<()> {
    const PIECE: usize = 1024 * 1024;
    let mut at = file.metadata()?.len();
    if at > capacity_bytes {
        file.set_len(capacity_bytes)?;
    }
    let zeros = vec![0; PIECE];
    while at < capacity_bytes {
        let piece = usize::try_from(capacity_bytes - at).unwrap_or(PIECE).min(PIECE);
        file.write_all_at(&zeros[..piece], at)?;
        at += piece as u64;
    }
    file.sync_all()
}

fn write_durably(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.write_all_at(bytes, at)?;
    file.sync_data()
}

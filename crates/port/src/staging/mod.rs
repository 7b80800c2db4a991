//! The staging area: where bytes land, are digested on the way, and wait to be published.
//!
//! One folder, held by one process at a time. A file in it is named by its [`StagedId`]; it is either being written, or
//! belongs to a resumable upload that the archive knows, or to a file record whose rename has not happened yet. Anything
//! else is swept away at the next start.

mod archivist;
mod commit;
mod entry;
mod journal;
mod large;
pub mod publisher;
mod receive;
mod recovery;
mod replay;
mod small;
mod sys;
mod writer;

pub(crate) use archivist::Archived;
pub(crate) use commit::check_conditions;
pub(crate) use publisher::Means;

pub use publisher::{Publication, Published, Publisher};
pub(crate) use receive::too_large;
pub use receive::{BATCH_BYTES, Ending, INLINE_BYTES, Limits, Received, receive};
pub use recovery::recover;
pub use writer::Writer;

use crate::store::{Space, Volume, space_of};
use rustix::fs::{AtFlags, Dir, FallocateFlags, FlockOperation, Mode, OFlags};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use terms::{Blame, Problem, Retry, StagedId};

#[cfg(test)]
mod tests;

/// The file whose lock says that a process holds the area; its content is that process's id.
const LOCK_NAME: &str = "lock";

/// From this length on the blocks of a file are reserved before the first byte is written, so that a full disk is
/// noticed at once and the file lies in few pieces. Below, the call costs more than it saves.
const RESERVE_FROM_BYTES: u64 = 1024 * 1024;

/// A staged file larger than this is removed by a blocking thread: freeing its blocks takes milliseconds.
const REMOVE_INLINE_BYTES: u64 = 16 * 1024 * 1024;

/// The staging area. While it lives, no other process can open the same folder.
pub struct Area {
    folder: OwnedFd,
    path: PathBuf,
    volume: Volume,
    file_mode: Mode,
    /// Its lock ends with it.
    _lock: File,
}

impl Area {
    /// Opens the folder, making it (mode 0700) when it is not there, and takes its lock.
    pub fn open(path: &Path, file_mode: u32) -> Result<Self, Problem> {
        let unusable = |action: &str, error: io::Error| unusable(action, path, &error);
        make_private_folder(path).map_err(|error| unusable("make", error))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| unusable("open", error.into()))?;
        let lock = take_lock(&folder, path)?;
        let volume = Volume::of(&folder).map_err(|error| unusable("look at", error))?;
        let file_mode = Mode::from_raw_mode(file_mode & 0o777);
        Ok(Self { folder, path: path.to_owned(), volume, file_mode, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where renames can go.
    pub fn volume(&self) -> Volume {
        self.volume
    }

    /// Its descriptor, for rename(2).
    pub fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// The room left.
    pub fn space(&self) -> io::Result<Space> {
        space_of(&self.folder)
    }

    /// Begins a new file. It has the mode of a published file from the start: the folder keeps it private until then.
    /// `expected_bytes` reserves room, where the length is known.
    pub fn create(self: &Arc<Self>, expected_bytes: Option<u64>) -> io::Result<Staged> {
        let id = StagedId(uuid::Uuid::now_v7());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::openat(&self.folder, id.to_string(), flags, self.file_mode)?);
        let staged = Staged { id, file: Arc::new(file), area: Arc::clone(self), kept: AtomicBool::new(false) };
        if let Some(bytes) = expected_bytes.filter(|bytes| *bytes >= RESERVE_FROM_BYTES) {
            staged.reserve(bytes)?;
        }
        Ok(staged)
    }

    /// Opens a file that is there: one of a resumable upload.
    pub fn reopen(self: &Arc<Self>, id: StagedId) -> io::Result<Staged> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::openat(&self.folder, id.to_string(), flags, Mode::empty())?);
        Ok(Staged { id, file: Arc::new(file), area: Arc::clone(self), kept: AtomicBool::new(true) })
    }

    /// Every file in it, and the names that are none of ours.
    pub(crate) fn contents(&self) -> io::Result<(Vec<StagedId>, Vec<String>)> {
        contents_of(&self.folder)
    }

    /// Removes a file; that it is gone already is no error.
    pub(crate) fn remove(&self, id: StagedId) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.folder, id.to_string(), AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// One file in the staging area. Unless [`keep`](Self::keep) was called, it goes away with this value.
pub struct Staged {
    id: StagedId,
    file: Arc<File>,
    area: Arc<Area>,
    kept: AtomicBool,
}

impl Staged {
    /// Its name.
    pub fn id(&self) -> StagedId {
        self.id
    }

    /// Its bytes.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Where it is.
    pub fn area(&self) -> &Arc<Area> {
        &self.area
    }

    /// From now on it outlives this value: an upload or a file record names it, or it has been renamed away.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }

    /// The opposite.
    pub fn discard(&self) {
        self.kept.store(false, Ordering::Release);
    }

    /// Reserves room without changing the length. File systems that cannot do that are left alone.
    fn reserve(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&*self.file, FallocateFlags::KEEP_SIZE, 0, bytes) {
            Err(error @ (rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT | rustix::io::Errno::FBIG)) => {
                Err(error.into())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Acquire) {
            return;
        }
        let size_bytes = self.file.metadata().map_or(0, |metadata| metadata.len());
        let (id, area) = (self.id, Arc::clone(&self.area));
        let remove = move || {
            if let Err(error) = area.remove(id) {
                // The next start sweeps it.
                tracing::warn!("could not remove the staged file {id}: {error}");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if size_bytes > REMOVE_INLINE_BYTES => {
                runtime.spawn_blocking(remove);
            }
            _ => remove(),
        }
    }
}

fn contents_of(folder: &OwnedFd) -> io::Result<(Vec<StagedId>, Vec<String>)> {
    let (mut staged, mut others) = (Vec::new(), Vec::new());
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.parse::<StagedId>() {
            Ok(id) => staged.push(id),
            Err(_) if matches!(name.as_str(), "." | ".." | LOCK_NAME) || journal::NAMES.contains(&name.as_str()) => {}
            Err(_) => others.push(name),
        }
    }
    Ok((staged, others))
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn take_lock(folder: &OwnedFd, path: &Path) -> Result<File, Problem> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut lock = rustix::fs::openat(folder, LOCK_NAME, flags, Mode::from_raw_mode(0o600))
        .map(File::from)
        .map_err(|error| unusable("open the lock of", path, &error.into()))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // Without its number the message is poorer, nothing more.
            let _ = lock.read_to_string(&mut holder);
            return Err(held_by_another(path, holder.trim()));
        }
        Err(error) => return Err(unusable("lock", path, &error.into())),
    }
    let note = || -> io::Result<()> {
        lock.set_len(0)?;
        writeln!(&lock, "{}", std::process::id())
    };
    // A full disk must not keep the port from starting: people start it to make room.
    if let Err(error) = note() {
        tracing::warn!("could not write our process id into {}: {error}", path.join(LOCK_NAME).display());
    }
    Ok(lock)
}

fn held_by_another(path: &Path, holder: &str) -> Problem {
    let holder = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
    Problem {
        status: 503,
        kind: "staging-in-use",
        title: "The staging area is in use",
        detail: format!("Tried to take the staging area {}: {holder} holds it.", path.display()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Stop that process first, or give this one a staging area of its own.".to_owned(),
    }
}

fn unusable(action: &str, path: &Path, error: &io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "staging-unusable",
        title: "The staging area cannot be used",
        detail: format!("Tried to {action} the staging area {}: {error}.", path.display()),
        blame: Blame::Storage,
        retry: Retry::Never,
        next: "Give this port's user rights to that folder, or correct the settings.".to_owned(),
    }
}

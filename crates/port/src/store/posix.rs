//! A tree of a POSIX file system, on the calling thread. Every name is resolved by openat2(2) below the root's
//! descriptor: no `..`, no symbolic link and no mount trick leads out of it.

use super::{ARRIVALS, Entry, Kind, Metadata, RESERVED_PREFIX, Space};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, RenameFlags, ResolveFlags, StatxFlags};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use terms::{LogicalPath, MAX_SEGMENT_BYTES};

/// Mode of new folders before the process's umask.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Folders deeper than this are not descended into when a tree is removed. A path has at most
/// [`terms::MAX_PATH_BYTES`], so this many names; each level holds one descriptor open.
const MAX_DEPTH: usize = 512;

/// One mount of one file system: rename(2) works within it and not beyond, not even to another mount of the same file
/// system, as containers have them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Volume {
    device: u64,
    mount: u64,
}

impl Volume {
    /// Of an open folder.
    pub(crate) fn of(folder: &OwnedFd) -> io::Result<Self> {
        let device = rustix::fs::fstat(folder)?.st_dev;
        let facts = rustix::fs::statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
        // Kernels before 5.8 do not tell the mount: then the device must do.
        Ok(Self { device, mount: facts.map_or(0, |facts| facts.stx_mnt_id) })
    }
}

/// A tree of a POSIX file system below one root.
pub struct Posix {
    root: OwnedFd,
    volume: Volume,
}

impl Posix {
    /// Opens the root, which must be a folder. The root's own path may have symbolic links: the operator wrote it.
    pub fn open_root(root: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty())?;
        let volume = Volume::of(&root)?;
        Ok(Self { root, volume })
    }

    /// Where renames can go.
    pub fn volume(&self) -> Volume {
        self.volume
    }

    /// Opens the folder [`ARRIVALS`], making it when it is not there.
    pub(crate) fn arrivals(&self) -> io::Result<OwnedFd> {
        match rustix::fs::mkdirat(&self.root, ARRIVALS, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        self.arrivals_if_there()?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Opens the folder [`ARRIVALS`].
    pub(crate) fn arrivals_if_there(&self) -> io::Result<Option<OwnedFd>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat2(&self.root, ARRIVALS, flags, Mode::empty(), BENEATH) {
            Ok(folder) => Ok(Some(folder)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What is at this path.
    pub fn stat(&self, path: &LogicalPath) -> io::Result<Metadata> {
        self.stat_with(path, ResolveFlags::empty())
    }

    /// The same without waiting for a disk: `WouldBlock` where that is needed.
    pub fn stat_cached(&self, path: &LogicalPath) -> io::Result<Metadata> {
        self.stat_with(path, ResolveFlags::CACHED)
    }

    /// Opens a file for reading. A folder answers `IsADirectory`, anything odd `NotFound`.
    pub fn open(&self, path: &LogicalPath) -> io::Result<(File, Metadata)> {
        self.open_with(path, ResolveFlags::empty())
    }

    /// The same without waiting for a disk: `WouldBlock` where that is needed.
    pub fn open_cached(&self, path: &LogicalPath) -> io::Result<(File, Metadata)> {
        self.open_with(path, ResolveFlags::CACHED)
    }

    /// What is directly in this folder. Names that are not UTF-8, or are longer than a path of ours can hold, are left
    /// out: no URL could name them. So is what is neither file nor folder.
    pub fn list(&self, path: &LogicalPath) -> io::Result<Vec<Entry>> {
        let folder = self.folder(path)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if !is_visible(path, name) {
                continue;
            }
            match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => {
                    let metadata = Metadata::of_stat(&stat);
                    if metadata.kind != Kind::Other {
                        entries.push(Entry { name: name.to_owned(), metadata });
                    }
                }
                // Gone since the folder was read.
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(entries)
    }

    /// Makes one folder, durably.
    pub fn make_folder(&self, path: &LogicalPath) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::mkdirat(&parent, name, FOLDER_MODE)?;
        Ok(rustix::fs::fsync(&parent)?)
    }

    /// Removes one file, durably.
    pub fn remove_file(&self, path: &LogicalPath) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::unlinkat(&parent, name, AtFlags::empty())?;
        Ok(rustix::fs::fsync(&parent)?)
    }

    /// Removes one empty folder, durably.
    pub fn remove_empty_folder(&self, path: &LogicalPath) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?;
        Ok(rustix::fs::fsync(&parent)?)
    }

    /// Removes a file, or a folder with all in it, durably; on failure, where it stopped.
    pub fn remove_tree(&self, path: &LogicalPath) -> Result<(), (LogicalPath, io::Error)> {
        let at = |error: io::Error| (path.clone(), error);
        let (parent, name) = self.parent(path).map_err(at)?;
        remove_below(&parent, name, path, 0)?;
        rustix::fs::fsync(&parent).map_err(|error| at(error.into()))
    }

    /// Renames, durably: both parents are synced.
    pub fn rename(&self, from: &LogicalPath, to: &LogicalPath, replace: bool) -> io::Result<()> {
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        rustix::fs::renameat_with(&from_parent, from_name, &to_parent, to_name, flags)?;
        rustix::fs::fsync(&to_parent)?;
        Ok(rustix::fs::fsync(&from_parent)?)
    }

    /// The room on the file system.
    pub fn space(&self) -> io::Result<Space> {
        space_of(&self.root)
    }

    /// A descriptor of a folder, good for `*at` calls and for fsync(2).
    pub fn folder(&self, path: &LogicalPath) -> io::Result<OwnedFd> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::empty())
    }

    /// The folder that holds this path, and the path's name in it. The root is in no folder.
    pub fn parent<'a>(&self, path: &'a LogicalPath) -> io::Result<(OwnedFd, &'a str)> {
        let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.folder(&parent)?, path.name()))
    }

    fn stat_with(&self, path: &LogicalPath, more: ResolveFlags) -> io::Result<Metadata> {
        let found = self.resolve(path, OFlags::PATH, more)?;
        let metadata = Metadata::of_stat(&rustix::fs::fstat(&found)?);
        if metadata.kind == Kind::Other { Err(io::ErrorKind::NotFound.into()) } else { Ok(metadata) }
    }

    fn open_with(&self, path: &LogicalPath, more: ResolveFlags) -> io::Result<(File, Metadata)> {
        // Without NONBLOCK, opening a pipe that somebody left here would wait for its writer.
        let found = self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, more)?;
        let metadata = Metadata::of_stat(&rustix::fs::fstat(&found)?);
        match metadata.kind {
            Kind::File => Ok((File::from(found), metadata)),
            Kind::Folder => Err(io::ErrorKind::IsADirectory.into()),
            Kind::Other => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn resolve(&self, path: &LogicalPath, flags: OFlags, more: ResolveFlags) -> io::Result<OwnedFd> {
        let relative = if path.is_root() { "." } else { path.relative() };
        match rustix::fs::openat2(&self.root, relative, flags | OFlags::CLOEXEC, Mode::empty(), BENEATH | more) {
            Ok(found) => Ok(found),
            // A symbolic link on the way is as good as nothing there; so is a way out of the root.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::XDEV) => Err(io::ErrorKind::NotFound.into()),
            // A kernel that does not know RESOLVE_CACHED.
            Err(rustix::io::Errno::INVAL) if more.contains(ResolveFlags::CACHED) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The room on the file system that holds this descriptor.
pub(crate) fn space_of(on: &OwnedFd) -> io::Result<Space> {
    let facts = rustix::fs::fstatvfs(on)?;
    Ok(Space { total_bytes: facts.f_blocks * facts.f_frsize, available_bytes: facts.f_bavail * facts.f_frsize })
}

fn is_visible(folder: &LogicalPath, name: &str) -> bool {
    name != "."
        && name != ".."
        && name.len() <= MAX_SEGMENT_BYTES
        && !name.chars().any(char::is_control)
        && !(folder.is_root() && name.starts_with(RESERVED_PREFIX))
}

fn remove_below(
    parent: &OwnedFd,
    name: &str,
    path: &LogicalPath,
    depth: usize,
) -> Result<(), (LogicalPath, io::Error)> {
    let at = |error: rustix::io::Errno| (path.clone(), io::Error::from(error));
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) => return Ok(()),
        // Linux says EISDIR for a folder, POSIX EPERM.
        Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {}
        Err(error) => return Err(at(error)),
    }
    if depth >= MAX_DEPTH {
        return Err((path.clone(), io::Error::other("the folders are nested too deeply")));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(at)?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder).map_err(at)? {
        let entry = entry.map_err(at)?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    for child in names {
        let Ok(text) = child.to_str() else {
            // No URL can name it, but it must go with its folder.
            rustix::fs::unlinkat(&folder, &*child, AtFlags::empty()).map_err(at)?;
            continue;
        };
        let below = path.join(text).unwrap_or_else(|_| path.clone());
        remove_below(&folder, text, &below, depth + 1)?;
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).map_err(at)
}

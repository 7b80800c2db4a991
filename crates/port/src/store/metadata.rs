//! What a store tells of a file or folder.

use archive::Identity;
use port_core::http::conditional::EntityTag;
use rustix::fs::{FileType, Stat};
use std::fs::File;
use std::io;
use terms::Timestamp;

/// What something in a store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Bytes.
    File,
    /// Names.
    Folder,
    /// A symbolic link, device, socket or pipe: seen by nobody.
    Other,
}

/// What a store tells of a file or folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// File or folder.
    pub kind: Kind,
    /// Length in bytes; of a folder 0.
    pub size_bytes: u64,
    /// When its bytes last changed, or what its sender asked to be kept as that.
    pub modified: Timestamp,
    /// When anything about it last changed (ctime): nobody can set it.
    pub changed: Timestamp,
    /// Inode number.
    pub inode: u64,
}

impl Metadata {
    /// Is it a file?
    pub fn is_file(&self) -> bool {
        self.kind == Kind::File
    }

    /// Is it a folder?
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// Which body of bytes this is, as records name it.
    pub fn identity(&self) -> Identity {
        Identity { inode: self.inode, size_bytes: self.size_bytes, modified: self.modified }
    }

    /// The strong entity tag with its quotes. The change time makes it new with each change of bytes, even one that
    /// sets the modification time back; no record is needed to know it.
    pub fn etag(&self) -> String {
        format!("\"{:x}-{:x}-{:x}\"", self.inode, self.size_bytes, self.changed.nanos())
    }

    /// The same for comparing.
    pub fn entity_tag(&self) -> EntityTag {
        EntityTag::strong(self.etag().trim_matches('"'))
    }

    /// Of an open file.
    pub fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of_stat(&rustix::fs::fstat(file)?))
    }

    pub(crate) fn of_stat(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            _ => Kind::Other,
        };
        let instant = |seconds: i64, nanos: u64| {
            Timestamp::from_nanos(
                seconds.saturating_mul(1_000_000_000).saturating_add(i64::try_from(nanos).unwrap_or(0)),
            )
        };
        Self {
            kind,
            size_bytes: if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
            modified: instant(stat.st_mtime, stat.st_mtime_nsec),
            changed: instant(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
        }
    }
}

/// One name in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub metadata: Metadata,
}

/// Room on a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Space {
    /// All of it, in bytes.
    pub total_bytes: u64,
    /// What we can still use.
    pub available_bytes: u64,
}

//! Where published files live: a tree of a POSIX file system, reached below one root and never outside it.
//!
//! The store is the truth about which files exist. Files that others put there are served too; what the archive knows
//! of a file counts only while [`Metadata::identity`] agrees.

mod metadata;
mod posix;

pub use metadata::{Entry, Kind, Metadata, Space};
pub(crate) use posix::space_of;
pub use posix::{Posix, Volume};

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use terms::LogicalPath;

#[cfg(test)]
mod tests;

/// Names at a store's root that begin so are ours: invisible and out of reach for users.
pub const RESERVED_PREFIX: &str = ".portolan";

/// The folder at a store's root where bytes wait that were staged on another file system.
pub const ARRIVALS: &str = ".portolan";

/// One store, for use on async threads: a call that the kernel can answer from its caches is made at once, any other
/// goes to a blocking thread. Cheap to clone. All paths are below the store's root.
#[derive(Clone)]
pub struct Store {
    posix: Arc<Posix>,
}

impl Store {
    /// Opens the store at this folder, which must exist.
    pub fn open_root(root: &Path) -> io::Result<Self> {
        Ok(Self { posix: Arc::new(Posix::open_root(root)?) })
    }

    /// The same store for blocking threads.
    pub fn posix(&self) -> &Arc<Posix> {
        &self.posix
    }

    /// What is at this path.
    pub async fn stat(&self, path: &LogicalPath) -> io::Result<Metadata> {
        match self.posix.stat_cached(path) {
            Err(error) if must_wait(&error) => {
                let path = path.clone();
                self.blocking(move |posix| posix.stat(&path)).await
            }
            answer => answer,
        }
    }

    /// Opens a file for reading, and tells what was opened. A folder answers `IsADirectory`.
    pub async fn open(&self, path: &LogicalPath) -> io::Result<(File, Metadata)> {
        match self.posix.open_cached(path) {
            Err(error) if must_wait(&error) => {
                let path = path.clone();
                self.blocking(move |posix| posix.open(&path)).await
            }
            answer => answer,
        }
    }

    /// What is directly in this folder, in no order, without what is ours.
    pub async fn list(&self, path: &LogicalPath) -> io::Result<Vec<Entry>> {
        let path = path.clone();
        self.blocking(move |posix| posix.list(&path)).await
    }

    /// Makes one folder, durably; its parent must be there, and nothing of its own name.
    pub async fn make_folder(&self, path: &LogicalPath) -> io::Result<()> {
        let path = path.clone();
        self.blocking(move |posix| posix.make_folder(&path)).await
    }

    /// Removes one file, durably.
    pub async fn remove_file(&self, path: &LogicalPath) -> io::Result<()> {
        let path = path.clone();
        self.blocking(move |posix| posix.remove_file(&path)).await
    }

    /// Removes one empty folder, durably.
    pub async fn remove_empty_folder(&self, path: &LogicalPath) -> io::Result<()> {
        let path = path.clone();
        self.blocking(move |posix| posix.remove_empty_folder(&path)).await
    }

    /// Removes a file, or a folder with everything in it, durably. Stops at the first failure, naming where.
    pub async fn remove_tree(&self, path: &LogicalPath) -> Result<(), (LogicalPath, io::Error)> {
        let path = path.clone();
        self.blocking_tree(move |posix| posix.remove_tree(&path)).await
    }

    /// Renames within this store, durably. With `replace`, a file at `to` is replaced (and an empty folder by a
    /// folder); without, anything there answers `AlreadyExists`.
    pub async fn rename(&self, from: &LogicalPath, to: &LogicalPath, replace: bool) -> io::Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.blocking(move |posix| posix.rename(&from, &to, replace)).await
    }

    /// The room on the store's file system.
    pub async fn space(&self) -> io::Result<Space> {
        self.blocking(|posix| posix.space()).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Posix) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let posix = Arc::clone(&self.posix);
        tokio::task::spawn_blocking(move || work(&posix)).await.map_err(io::Error::other)?
    }

    async fn blocking_tree(
        &self,
        work: impl FnOnce(&Posix) -> Result<(), (LogicalPath, io::Error)> + Send + 'static,
    ) -> Result<(), (LogicalPath, io::Error)> {
        let posix = Arc::clone(&self.posix);
        tokio::task::spawn_blocking(move || work(&posix))
            .await
            .map_err(|error| (LogicalPath::root(), io::Error::other(error)))?
    }
}

/// `RESOLVE_CACHED` answers EAGAIN when the kernel would have to read from disk (openat2(2)). File systems that do not
/// know it answer EINVAL or ENOSYS for the flag: they go the blocking way too.
fn must_wait(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.kind() == io::ErrorKind::Unsupported
}

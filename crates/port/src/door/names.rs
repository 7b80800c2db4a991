//! Namespaces: which store holds which logical path.

use super::problem;
use super::settings::NamespaceSettings;
use crate::store::{Entry, Kind, Metadata, RESERVED_PREFIX, Store};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use terms::{Algorithm, Attributes, LogicalPath, Problem, Timestamp};

/// One namespace: a store, mounted at a logical path.
pub struct Namespace {
    /// Where it is mounted.
    pub mount: LogicalPath,
    /// The store's root in this host's file system, for messages to the operator.
    pub root: PathBuf,
    /// The store.
    pub store: Store,
    /// The digests that are computed of everything that arrives.
    pub algorithms: Vec<Algorithm>,
    /// What is said of everything that arrives.
    pub attributes: Attributes,
    /// For so long everything that arrives is under embargo.
    pub embargo: Option<Duration>,
}

/// A logical path, and where it is in its store.
#[derive(Clone)]
pub struct Place {
    /// The namespace that holds it.
    pub namespace: Arc<Namespace>,
    /// The path as users know it.
    pub path: LogicalPath,
    /// The same below the store's root.
    pub within: LogicalPath,
}

impl Place {
    /// Is it the root of its namespace?
    pub fn is_mount(&self) -> bool {
        self.within.is_root()
    }

    /// What is there.
    pub async fn stat(&self) -> io::Result<Metadata> {
        self.namespace.store.stat(&self.within).await
    }

    /// What is there; `None` when there is nothing.
    pub async fn stat_if_there(&self) -> io::Result<Option<Metadata>> {
        match self.stat().await {
            Ok(metadata) => Ok(Some(metadata)),
            // ENOTDIR: a name on the way is a file, so below it there is nothing.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same on a blocking thread.
    pub(crate) fn stat_if_there_blocking(&self) -> io::Result<Option<Metadata>> {
        match self.namespace.store.posix().stat(&self.within) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the file there.
    pub async fn open(&self) -> io::Result<(File, Metadata)> {
        self.namespace.store.open(&self.within).await
    }
}

/// All namespaces. Cheap to clone.
#[derive(Clone)]
pub struct Namespaces {
    /// The longest mount first, so that the first that covers a path is its own.
    all: Arc<[Arc<Namespace>]>,
}

impl Namespaces {
    /// Opens the store of each.
    pub fn open(settings: &[NamespaceSettings]) -> Result<Self, Problem> {
        let mut all = Vec::with_capacity(settings.len());
        for one in settings {
            let store = Store::open_root(&one.root).map_err(|error| problem::store_unusable(&one.root, &error))?;
            all.push(Arc::new(Namespace {
                mount: one.mount.clone(),
                root: one.root.clone(),
                store,
                algorithms: one.algorithms.clone(),
                attributes: one.attributes.clone(),
                embargo: one.embargo,
            }));
        }
        all.sort_by_key(|namespace| std::cmp::Reverse(namespace.mount.as_str().len()));
        Ok(Self { all: all.into() })
    }

    /// All of them, the longest mount first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.all.iter()
    }

    /// Where this path is. Names that are ours are refused.
    pub fn resolve(&self, path: &LogicalPath) -> Result<Place, Problem> {
        let namespace = self
            .all
            .iter()
            .find(|namespace| path.is_within(&namespace.mount))
            .ok_or_else(|| problem::not_found(path))?;
        let within = path.rebase(&namespace.mount, &LogicalPath::root()).unwrap_or_else(LogicalPath::root);
        if within.relative().starts_with(RESERVED_PREFIX) {
            return Err(problem::reserved(path));
        }
        Ok(Place { namespace: Arc::clone(namespace), path: path.clone(), within })
    }

    /// What is at this path. A folder that only leads to mounts of namespaces is a folder too.
    pub async fn stat(&self, path: &LogicalPath) -> Result<Metadata, Problem> {
        let found = match self.resolve(path) {
            Ok(place) => place.stat().await.map_err(|error| problem::of_io(&error, "look up", path)),
            Err(problem) => Err(problem),
        };
        match found {
            Err(problem) if problem.status == 404 && self.leads_to_mounts(path) => Ok(MOUNT_FOLDER),
            other => other,
        }
    }

    /// What is directly in this folder, in no order: what its store holds, and the mounts of other namespaces.
    pub async fn list(&self, path: &LogicalPath) -> Result<Vec<Entry>, Problem> {
        let mut entries = match self.resolve(path) {
            Ok(place) => match place.namespace.store.list(&place.within).await {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.leads_to_mounts(path) => Vec::new(),
                Err(error) => return Err(problem::of_io(&error, "list", path)),
            },
            Err(_) if self.leads_to_mounts(path) => Vec::new(),
            Err(problem) => return Err(problem),
        };
        for name in self.mounts_in(path) {
            // The mount hides what its parent's store holds under the same name.
            let metadata = match path.join(&name) {
                Ok(child) => self.stat(&child).await.unwrap_or(MOUNT_FOLDER),
                Err(_) => MOUNT_FOLDER,
            };
            entries.retain(|entry| entry.name != name);
            entries.push(Entry { name, metadata });
        }
        Ok(entries)
    }

    /// Is a namespace mounted here or below? Then the path can be neither removed nor moved.
    pub fn holds_mount(&self, path: &LogicalPath) -> bool {
        self.all.iter().any(|namespace| namespace.mount.is_within(path))
    }

    fn leads_to_mounts(&self, path: &LogicalPath) -> bool {
        self.all.iter().any(|namespace| namespace.mount != *path && namespace.mount.is_within(path))
    }

    fn mounts_in(&self, folder: &LogicalPath) -> std::collections::BTreeSet<String> {
        self.all
            .iter()
            .filter_map(|namespace| namespace.mount.rebase(folder, &LogicalPath::root()))
            .filter_map(|below| below.segments().next().map(str::to_owned))
            .collect()
    }
}

const MOUNT_FOLDER: Metadata = Metadata {
    kind: Kind::Folder,
    size_bytes: 0,
    modified: Timestamp::from_nanos(0),
    changed: Timestamp::from_nanos(0),
    inode: 0,
};

//! What the operator decides about the door.

use crate::staging::publisher::Step;
use std::path::PathBuf;
use std::time::Duration;
use terms::{Algorithm, Attributes, LogicalPath};

/// One namespace in the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamespaceSettings {
    /// Where it appears: `/` for the only one.
    pub mount: LogicalPath,
    /// The folder that holds its files.
    pub root: PathBuf,
    /// The digests computed of everything that arrives.
    pub algorithms: Vec<Algorithm>,
    /// What is said of everything that arrives, unless the sender says something else.
    pub attributes: Attributes,
    /// The attribute `embargo-until` of everything that arrives is so long after its arrival, or later.
    pub embargo: Option<Duration>,
}

impl NamespaceSettings {
    /// A namespace at `/` with the digests that WLCG compares and the one that resists intent.
    pub fn at_root(root: impl Into<PathBuf>) -> Self {
        Self {
            mount: LogicalPath::root(),
            root: root.into(),
            algorithms: vec![Algorithm::Adler32, Algorithm::Crc32c, Algorithm::Sha256],
            attributes: Attributes::default(),
            embargo: None,
        }
    }
}

/// What the operator decides about the door. Every value has a default but for the folders.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoorSettings {
    /// The namespaces; at least one.
    pub namespaces: Vec<NamespaceSettings>,
    /// The folder where bytes land; fast, and best on the same file system as the stores.
    pub staging: PathBuf,
    /// The largest file that is taken.
    pub max_file_size_bytes: u64,
    /// The mode of published files before the process's umask.
    pub file_mode: u32,
    /// A sender that sends nothing for this long is given up (408).
    pub idle_timeout: Duration,
    /// A sender slower than this, averaged over [`Self::idle_timeout`], is given up too: it would hold a place for ever.
    pub min_rate_bytes_per_second: u64,
    /// A resumable upload that nobody went on with for this long is swept away.
    pub upload_lifetime: Duration,
    /// The length of each of the two journal files of small files; 0 goes without: small files are then synced one by one.
    pub journal_bytes: u64,
    /// Tests have the publisher die behind one of its steps, to see what the next start makes of it.
    pub(crate) die_after: Option<Step>,
}

impl DoorSettings {
    /// All defaults, with these folders.
    pub fn new(namespaces: Vec<NamespaceSettings>, staging: impl Into<PathBuf>) -> Self {
        Self {
            namespaces,
            staging: staging.into(),
            // ext4's own limit: 16 TiB with blocks of 4 KiB.
            max_file_size_bytes: 1 << 44,
            file_mode: 0o644,
            idle_timeout: Duration::from_secs(60),
            // A tenth of an ISDN line: whoever is slower has left.
            min_rate_bytes_per_second: 800,
            upload_lifetime: Duration::from_hours(7 * 24),
            // Some 3,500 files of 4 KiB between two syncs of the file system.
            journal_bytes: 16 * 1024 * 1024,
            die_after: None,
        }
    }
}

//! The files of the record: `0000000000000001-2026-11-21.jsonl`, one for each day that something happened, and another
//! when one is full. The name begins with the number of its first line, so that names sort as lines do.

use super::chain::{Chain, hash, parse};
use crate::lifecycle::unusable;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use terms::Problem;

/// When a segment is full. Small enough to be read whole when a port starts.
pub(super) const SEGMENT_BYTES: u64 = 16 << 20;

/// One file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Segment {
    /// The number of its first line.
    pub(super) first: u64,
    /// The day of its first line, as in `2026-11-21`.
    pub(super) day: String,
    pub(super) path: PathBuf,
}

impl Segment {
    pub(super) fn named(directory: &Path, first: u64, day: &str) -> Self {
        Self { first, day: day.to_owned(), path: directory.join(format!("{first:016}-{day}.jsonl")) }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |found| found.len())
    }
}

/// All segments, the oldest first. What is not named like one is left alone.
pub(super) fn list(directory: &Path) -> Result<Vec<Segment>, Problem> {
    let failed = |error: std::io::Error| unusable("list", directory, &error);
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jsonl"));
        if let Some((first, day)) = stem.and_then(|stem| stem.split_once('-'))
            && let Ok(first) = first.parse()
        {
            segments.push(Segment { first, day: day.to_owned(), path: path.clone() });
        }
    }
    segments.sort();
    Ok(segments)
}

/// What was found behind the last whole line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Torn {
    pub(super) bytes: u64,
    pub(super) hash: String,
}

/// A segment opened to go on with.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) size_bytes: u64,
    pub(super) chain: Chain,
    pub(super) torn: Option<Torn>,
}

/// Opens the last segment behind its last whole line; what a crash left behind that is cut off. A segment without any
/// whole line is gone on with from `before`.
pub(super) fn open_last(segment: &Segment, before: Chain) -> Result<Opened, Problem> {
    let failed = |error: std::io::Error| unusable("open", &segment.path, &error);
    let mut file = open(&segment.path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let (end, chain) = last_whole(&bytes).unwrap_or((0, before));
    let torn = &bytes[end..];
    let torn = (!torn.is_empty()).then(|| Torn { bytes: torn.len() as u64, hash: hash(torn) });
    if torn.is_some() {
        file.set_len(end as u64).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    Ok(Opened { file, size_bytes: end as u64, chain, torn })
}

/// Where the last whole line ends, and the chain behind it.
pub(super) fn last_whole(bytes: &[u8]) -> Option<(usize, Chain)> {
    let mut end = bytes.iter().rposition(|byte| *byte == b'\n')? + 1;
    loop {
        let begin = bytes[..end - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = &bytes[begin..end - 1];
        if let Some(record) = parse(line) {
            return Some((end, Chain::after(record.sequence, line)));
        }
        if begin == 0 {
            return None;
        }
        end = begin;
    }
}

/// Opens or makes a file to append to, for this user alone.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Makes names durable that were made or removed.
pub(super) fn sync_directory(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

//! Which blocks of a file are here, and what they sum to: the state of a download, kept beside it for the next run.

use port_core::digest::combine_sets;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;
use terms::{Algorithm, DigestSet};

use super::address::Url;
use super::entry::Entry;
use super::part;

/// Computed of every block: they cost nothing and combine to the digest of the whole.
pub(crate) const BLOCK_ALGORITHMS: [Algorithm; 2] = [Algorithm::Adler32, Algorithm::Crc32c];

/// More blocks than this make the state large and slow to write; larger files have larger blocks.
const MAX_BLOCKS: u64 = 4_096;

/// The form of the sidecar. Raised when it changes; others are ignored.
const VERSION: u32 = 1;

/// The blocks of one file.
pub(crate) struct BlockMap {
    size_bytes: u64,
    block_bytes: u64,
    blocks: Vec<Option<DigestSet>>,
    /// Blocks that some stream is fetching.
    claimed: BTreeSet<u64>,
}

impl BlockMap {
    /// None is here. `block_bytes` is the least size of a block.
    pub(crate) fn new(size_bytes: u64, block_bytes: u64) -> Self {
        let least = block_bytes.max(1);
        let factor = size_bytes.div_ceil(MAX_BLOCKS).div_ceil(least).max(1);
        let block_bytes = least * factor;
        let count = usize::try_from(size_bytes.div_ceil(block_bytes)).unwrap_or(usize::MAX);
        Self { size_bytes, block_bytes, blocks: vec![None; count], claimed: BTreeSet::new() }
    }

    pub(crate) fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// The bytes of these blocks.
    pub(crate) fn span(&self, blocks: &Range<u64>) -> Range<u64> {
        blocks.start * self.block_bytes..(blocks.end * self.block_bytes).min(self.size_bytes)
    }

    /// Bytes that are here.
    pub(crate) fn done_bytes(&self) -> u64 {
        let lengths = (0..).zip(&self.blocks).filter(|(_, block)| block.is_some()).map(|(at, _)| self.length_of(at));
        lengths.sum()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.blocks.iter().all(Option::is_some)
    }

    pub(crate) fn finish(&mut self, block: u64, digests: DigestSet) {
        if let Some(slot) = usize::try_from(block).ok().and_then(|at| self.blocks.get_mut(at)) {
            *slot = Some(digests);
        }
        self.claimed.remove(&block);
    }

    /// The next run of blocks to fetch: neither here nor claimed, contiguous, and a fair share of what is left among so
    /// many streams, so that all end at about the same time. One stream alone takes the whole run.
    pub(crate) fn claim(&mut self, streams: usize) -> Option<Range<u64>> {
        let is_open = |at: u64| self.blocks[at as usize].is_none() && !self.claimed.contains(&at);
        let count = self.blocks.len() as u64;
        let start = (0..count).find(|at| is_open(*at))?;
        let open = (start..count).filter(|at| is_open(*at)).count() as u64;
        let share = if streams > 1 { (open / (2 * streams as u64)).max(1) } else { count };
        let end =
            (start..count).take_while(|at| is_open(*at)).take(usize::try_from(share).unwrap_or(usize::MAX)).last()? + 1;
        self.claimed.extend(start..end);
        Some(start..end)
    }

    /// What of these is not here may be claimed again.
    pub(crate) fn release(&mut self, blocks: Range<u64>) {
        blocks.for_each(|block| {
            self.claimed.remove(&block);
        });
    }

    /// The digests of the whole, from those of the blocks. `None` before all are here.
    pub(crate) fn combined(&self) -> Option<DigestSet> {
        let mut whole = port_core::digest::of_bytes(&BLOCK_ALGORITHMS, b"");
        for (at, block) in (0..).zip(&self.blocks) {
            whole = combine_sets(&whole, block.as_ref()?, self.length_of(at));
        }
        Some(whole)
    }

    fn length_of(&self, block: u64) -> u64 {
        let span = self.span(&(block..block + 1));
        span.end - span.start
    }
}

/// What is kept beside an unfinished file.
#[derive(Serialize, Deserialize)]
struct Sidecar {
    version: u32,
    source: String,
    tag: Option<String>,
    modified: Option<i64>,
    size_bytes: u64,
    block_bytes: u64,
    /// The digests of each block that is here.
    blocks: Vec<Option<String>>,
}

/// The state as text. Cheap enough to be made under a lock: [`MAX_BLOCKS`] bound it to 200 kB.
pub(crate) fn describe(map: &BlockMap, source: &Url, entry: &Entry) -> io::Result<Vec<u8>> {
    let sidecar = Sidecar {
        version: VERSION,
        source: source.to_string(),
        tag: entry.tag.as_ref().map(ToString::to_string),
        modified: entry.modified.map(terms::Timestamp::nanos),
        size_bytes: map.size_bytes,
        block_bytes: map.block_bytes,
        blocks: map.blocks.iter().map(|block| block.as_ref().map(ToString::to_string)).collect(),
    };
    serde_json::to_vec(&sidecar).map_err(io::Error::other)
}

/// Replaces the sidecar in one step. Not synced: after a loss of power the blocks are checked anyway.
pub(crate) fn save(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_extension("json.new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

/// What an earlier run left, if it was of the same file: each block that it claims is read and checked, so that neither a
/// loss of power nor a stranger's hand can slip wrong bytes in. Blocks.
pub(crate) fn load(path: &Path, file: &File, source: &Url, entry: &Entry, least: u64) -> Option<BlockMap> {
    let sidecar: Sidecar = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let size_bytes = entry.size_bytes?;
    let tag = entry.tag.as_ref().map(ToString::to_string);
    let is_same_state = if tag.is_some() || sidecar.tag.is_some() {
        tag == sidecar.tag
    } else {
        // Without tags the time is all there is; without a time nothing vouches for the source.
        sidecar.modified.is_some() && sidecar.modified == entry.modified.map(terms::Timestamp::nanos)
    };
    let mut map = BlockMap::new(size_bytes, least);
    let fits = sidecar.version == VERSION
        && sidecar.source == source.to_string()
        && sidecar.size_bytes == size_bytes
        && sidecar.block_bytes == map.block_bytes
        && sidecar.blocks.len() == map.blocks.len();
    if !fits || !is_same_state {
        return None;
    }
    for (at, claimed) in (0..).zip(&sidecar.blocks) {
        let Some(claimed) = claimed.as_ref().and_then(|text| text.parse::<DigestSet>().ok()) else { continue };
        let span = map.span(&(at..at + 1));
        let found = part::digests_of(file, span.start, span.end - span.start, &BLOCK_ALGORITHMS);
        if found.is_ok_and(|found| found == claimed) {
            map.finish(at, claimed);
        }
    }
    Some(map)
}

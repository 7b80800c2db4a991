//! What is measured: the cases, their sizes, the files that they need.

use crate::servers::{Contestant, Place};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A small file: one page, and less than the initial windows of TCP and HTTP/2.
pub(super) const SMALL_BYTES: u64 = 4 * KIB;
/// Requests under way at once with small files, in every protocol version.
pub(super) const SMALL_CONCURRENCY: usize = 32;
/// Large files under way at once.
pub(super) const EIGHT: usize = 8;

/// Get or put.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verb {
    /// Download to nowhere.
    Get,
    /// Upload under a new name.
    Put,
}

/// Of which files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Load {
    /// One large file by one client.
    One,
    /// Eight large files by eight clients at once.
    Eight,
    /// Many small files, several at once.
    Small,
}

/// Over what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Transport {
    /// Plain TCP.
    Plain,
    /// TLS 1.3 with AES-128-GCM.
    Tls,
}

/// In which HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Version {
    /// HTTP/1.1
    H1,
    /// HTTP/2
    H2,
}

/// One case of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Case {
    /// Get or put.
    pub verb: Verb,
    /// Of which files.
    pub load: Load,
    /// Over what.
    pub transport: Transport,
    /// In which HTTP.
    pub version: Version,
}

impl Case {
    /// All of them, in the order of the table.
    pub(super) fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for load in [Load::One, Load::Eight, Load::Small] {
            for verb in [Verb::Get, Verb::Put] {
                for transport in [Transport::Plain, Transport::Tls] {
                    cases.extend([Version::H1, Version::H2].map(|version| Self { verb, load, transport, version }));
                }
            }
        }
        cases
    }

    /// As `--only` and the table name it, such as `get-one-tls-h1`.
    pub(super) fn name(self) -> String {
        let verb = if self.verb == Verb::Get { "get" } else { "put" };
        let load = match self.load {
            Load::One => "one",
            Load::Eight => "eight",
            Load::Small => "small",
        };
        let transport = if self.transport == Transport::Plain { "plain" } else { "tls" };
        let version = if self.version == Version::H1 { "h1" } else { "h2" };
        format!("{verb}-{load}-{transport}-{version}")
    }

    /// Does one of the patterns choose it? A pattern is a part of a name, or parts separated by `-` in their order.
    pub(super) fn chosen(self, patterns: &[String]) -> bool {
        let name = self.name();
        let parts: Vec<&str> = name.split('-').collect();
        let matches = |pattern: &String| {
            let mut rest = parts.iter();
            pattern.split('-').all(|wanted| rest.any(|part| *part == wanted))
        };
        patterns.is_empty() || patterns.iter().any(matches)
    }

    /// The root's URL for it, where the contestant speaks it.
    pub(super) fn root(self, contestant: &Contestant) -> Option<&str> {
        if contestant.uploads_only && self.verb == Verb::Get {
            return None;
        }
        match (self.transport, self.version) {
            (Transport::Plain, Version::H1) => Some(&contestant.plain),
            (Transport::Plain, Version::H2) => contestant.plain_http2.as_deref(),
            (Transport::Tls, Version::H1) => Some(&contestant.tls),
            (Transport::Tls, Version::H2) => contestant.tls_http2.then_some(contestant.tls.as_str()),
        }
    }
}

/// How much each load moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Sizes {
    /// The one file.
    pub one_bytes: u64,
    /// Each of the eight.
    pub eight_bytes: u64,
    /// Number of small files.
    pub small_count: usize,
    /// Each small file is fetched so often in one run: one round is over before its processor time can be told.
    pub small_rounds: usize,
}

impl Sizes {
    /// What counts.
    pub(super) const FULL: Self = Self { one_bytes: 4 * GIB, eight_bytes: GIB, small_count: 10_000, small_rounds: 5 };
    /// To see that everything works; too short to mean anything.
    pub(super) const QUICK: Self =
        Self { one_bytes: 64 * MIB, eight_bytes: 16 * MIB, small_count: 1_000, small_rounds: 1 };

    /// Bytes of one run, without repetitions.
    pub(super) fn bytes(&self, load: Load) -> u64 {
        match load {
            Load::One => self.one_bytes,
            Load::Eight => self.eight_bytes * EIGHT as u64,
            // On the disk a small file takes its block and its place in a folder.
            Load::Small => self.small_count as u64 * (SMALL_BYTES + KIB),
        }
    }

    /// What these cases need on the disk: everything that is read, and the largest upload.
    pub(super) fn space_bytes(&self, cases: &[Case]) -> u64 {
        let loads = [Load::One, Load::Eight, Load::Small].into_iter();
        let loads = loads.filter(|load| cases.iter().any(|case| case.load == *load));
        let read: u64 = loads.map(|load| self.bytes(load)).sum();
        let uploads = cases.iter().filter(|case| case.verb == Verb::Put).map(|case| self.bytes(case.load)).max();
        read + uploads.unwrap_or(0)
    }

    /// File names of a load below `get/` and `put/RUN/`.
    pub(super) fn names(&self, load: Load) -> Vec<String> {
        match load {
            Load::One => vec!["one".to_owned()],
            Load::Eight => (0..EIGHT).map(|number| format!("eight-{number}")).collect(),
            Load::Small => (0..self.small_count).map(|number| format!("small-{number:05}")).collect(),
        }
    }

    /// Size of each file of a load.
    pub(super) fn file_bytes(&self, load: Load) -> u64 {
        match load {
            Load::One => self.one_bytes,
            Load::Eight => self.eight_bytes,
            Load::Small => SMALL_BYTES,
        }
    }

    /// The file whose content is sent as `name`. All small files have the same content: h2load sends one file.
    pub(super) fn source(&self, place: &Place, load: Load, name: &str) -> PathBuf {
        place.files.join("get").join(if load == Load::Small { "small-00000" } else { name })
    }
}

/// Makes the files that are not there yet in the right size. The content cannot be compressed.
pub(super) fn prepare(place: &Place, sizes: &Sizes, cases: &[Case]) -> Result<(), String> {
    let folder = place.files.join("get");
    for load in [Load::One, Load::Eight, Load::Small] {
        if !cases.iter().any(|case| case.load == load) {
            continue;
        }
        for (number, name) in sizes.names(load).iter().enumerate() {
            let file = folder.join(name);
            let bytes = sizes.file_bytes(load);
            if !fs::metadata(&file).is_ok_and(|there| there.len() == bytes) {
                fill(&file, bytes, number as u64).map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
    }
    Ok(())
}

/// Reads what a case reads, so that it is in the page cache.
pub(super) fn warm(place: &Place, sizes: &Sizes, load: Load) -> Result<(), String> {
    let mut buffer = vec![0; MIB as usize];
    for name in sizes.names(load) {
        let path = place.files.join("get").join(&name);
        let read = File::open(&path).and_then(|mut file| {
            while file.read(&mut buffer)? > 0 {}
            Ok(())
        });
        read.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Are all uploads there, in their whole length, and nothing else beside them? When `compare`, in their content too.
pub(super) fn check_uploads(
    place: &Place,
    sizes: &Sizes,
    load: Load,
    folder: &Path,
    compare: bool,
) -> Result<(), String> {
    let there = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?.count();
    let names = sizes.names(load);
    if there != names.len() {
        return Err(format!("{there} of {} uploads are there", names.len()));
    }
    for name in names {
        let uploaded = folder.join(&name);
        let length = fs::metadata(&uploaded).map_err(|error| format!("upload {name}: {error}"))?.len();
        if length != sizes.file_bytes(load) {
            return Err(format!("upload {name} has {length} bytes instead of {}", sizes.file_bytes(load)));
        }
        let source = sizes.source(place, load, &name);
        if compare && !same_content(&source, &uploaded).map_err(|error| format!("comparing upload {name}: {error}"))? {
            return Err(format!("upload {name} differs from what was sent"));
        }
    }
    Ok(())
}

fn same_content(left: &Path, right: &Path) -> io::Result<bool> {
    let (left, right) = (File::open(left)?, File::open(right)?);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    loop {
        one.clear();
        other.clear();
        (&left).take(MIB).read_to_end(&mut one)?;
        (&right).take(MIB).read_to_end(&mut other)?;
        if one != other || one.is_empty() {
            return Ok(one == other);
        }
    }
}

/// Writes pseudo-random bytes (xorshift64*), different for each seed.
fn fill(path: &Path, bytes: u64, seed: u64) -> io::Result<()> {
    let mut state = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut file = File::create(path)?;
    let mut left = bytes;
    let mut buffer = vec![0_u8; MIB.min(bytes) as usize];
    while left > 0 {
        for word in buffer.chunks_mut(8) {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let random = state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes();
            word.copy_from_slice(&random[..word.len()]);
        }
        let part = left.min(buffer.len() as u64);
        file.write_all(&buffer[..part as usize])?;
        left -= part;
    }
    Ok(())
}

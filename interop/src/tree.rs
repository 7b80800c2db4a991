//! Files to carry, and folders compared by SHA-256.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Path below the folder → SHA-256 in hexadecimal.
pub type Digests = BTreeMap<String, String>;

/// Bytes that nothing compresses or mistakes for another file's: the same for the same seed.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    // xorshift64* (Vigna 2016): eight good bytes for three shifts. A state of zero would stay zero.
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Names and sizes that trip programs: empty, one byte, around buffer sizes, space, percent, plus, beyond ASCII, deep.
pub const AWKWARD: [(&str, usize); 9] = [
    ("empty", 0),
    ("one", 1),
    ("below", (1 << 20) - 1),
    ("above", (1 << 20) + 1),
    ("with space.fits", 4096),
    ("hundred%25 percent", 100),
    ("a+b=c&d", 1000),
    ("Größe-測.txt", 5000),
    ("deep/er/still/x", 70_000),
];

/// Writes the files of [`AWKWARD`] below a folder.
pub fn awkward(folder: &Path) -> Digests {
    write(folder, &AWKWARD)
}

/// Writes files of these sizes below a folder.
pub fn write(folder: &Path, files: &[(&str, usize)]) -> Digests {
    for (seed, (name, length)) in files.iter().enumerate() {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes(seed as u64 + 1, *length)).unwrap();
    }
    digests(folder)
}

/// The digests of all files below a folder.
pub fn digests(folder: &Path) -> Digests {
    let mut found = Digests::new();
    walk(folder, folder, &mut found);
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Digests) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.insert(name, sha256(&fs::read(&path).unwrap()));
        }
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Adler-32 in hexadecimal, straight from RFC 1950 §9: an oracle of our own would prove nothing.
pub fn adler32(bytes: &[u8]) -> String {
    const BASE: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % BASE;
        (low, (high + low) % BASE)
    });
    format!("{high:04x}{low:04x}")
}

/// Lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many blocks our client has noted beside the unfinished files of a folder: what it will not fetch again.
pub fn noted_blocks(folder: &Path) -> usize {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let notes = paths.filter(|path| path.to_string_lossy().ends_with(".portolan-part.json"));
    // They are replaced by renames: there is always one, but not at first.
    let texts = notes.filter_map(|path| fs::read_to_string(path).ok());
    texts.map(|text| text.matches("adler32:").count()).sum()
}

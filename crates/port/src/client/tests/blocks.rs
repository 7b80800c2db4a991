//! The map of blocks and its notes.

use super::*;
use crate::client::blocks::{BLOCK_ALGORITHMS, BlockMap, describe, load, save};
use crate::client::part::is_part_name;
use port_core::digest::of_bytes;
use port_core::http::conditional::EntityTag;
use std::ffi::OsStr;
use std::fs::File;

fn entry(size: u64, tag: Option<&str>) -> Entry {
    Entry {
        name: "f".to_owned(),
        kind: Kind::File,
        size_bytes: Some(size),
        modified: Some(terms::Timestamp::from_seconds(5)),
        tag: tag.map(EntityTag::strong),
    }
}

fn sums(content: &[u8], block: usize, size: usize) -> terms::DigestSet {
    of_bytes(&BLOCK_ALGORITHMS, &content[block * size..((block + 1) * size).min(content.len())])
}

#[test]
fn blocks_combine_to_the_whole_in_any_order() {
    let content = noise(1, 1_000);
    let mut map = BlockMap::new(1_000, 300);
    for block in [3, 0, 2] {
        map.finish(block, sums(&content, block as usize, 300));
        assert!(!map.is_complete() && map.combined().is_none());
    }
    assert_eq!(map.done_bytes(), 700);
    map.finish(1, sums(&content, 1, 300));
    assert_eq!(map.combined(), Some(of_bytes(&BLOCK_ALGORITHMS, &content)));
    assert_eq!(map.done_bytes(), 1_000);
}

#[test]
fn large_files_have_large_blocks() {
    assert_eq!(BlockMap::new(4_096 * 100, 100).block_bytes(), 100);
    assert_eq!(BlockMap::new(4_096 * 100 + 1, 100).block_bytes(), 200);
    assert_eq!(BlockMap::new(0, 100).combined(), Some(of_bytes(&BLOCK_ALGORITHMS, b"")));
}

#[test]
fn streams_share_what_is_left_and_never_the_same() {
    let mut map = BlockMap::new(1_600, 100);
    assert_eq!(map.claim(4), Some(0..2));
    assert_eq!(map.claim(4), Some(2..3));
    map.release(0..2);
    assert_eq!(map.claim(4), Some(0..1));
    let mut all = vec![];
    while let Some(run) = map.claim(4) {
        all.extend(run);
    }
    all.sort_unstable();
    assert_eq!(all, [1].into_iter().chain(3..16).collect::<Vec<u64>>());
    let mut alone = BlockMap::new(1_600, 100);
    alone.finish(3, terms::DigestSet::new());
    assert_eq!((alone.claim(1), alone.claim(1), alone.claim(1)), (Some(0..3), Some(4..16), None));
}

#[test]
fn notes_count_only_for_the_same_file_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (path, notes) = (folder.path().join("part"), folder.path().join("notes.json"));
    let content = noise(2, 1_000);
    std::fs::write(&path, &content).unwrap();
    let file = File::open(&path).unwrap();
    let url = Url::parse("http://h/f").unwrap();
    let mut map = BlockMap::new(1_000, 300);
    map.finish(0, sums(&content, 0, 300));
    map.finish(2, sums(&content, 2, 300));
    save(&notes, &describe(&map, &url, &entry(1_000, Some("a"))).unwrap()).unwrap();
    let done = |url: &Url, entry: &Entry| load(&notes, &file, url, entry, 300).map(|map| map.done_bytes());
    assert_eq!(done(&url, &entry(1_000, Some("a"))), Some(600));
    assert_eq!(done(&url, &entry(1_000, Some("b"))), None, "another state of the source");
    assert_eq!(done(&url, &entry(1_000, None)), None, "a state that nothing vouches for");
    assert_eq!(done(&url, &entry(999, Some("a"))), None, "another size");
    assert_eq!(done(&Url::parse("http://h/g").unwrap(), &entry(1_000, Some("a"))), None, "another file");
    // A loss of power can leave notes of bytes that never reached the disk.
    let mut damaged = content;
    damaged[650] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    assert_eq!(done(&url, &entry(1_000, Some("a"))), Some(300));
    std::fs::write(&notes, "{").unwrap();
    assert_eq!(done(&url, &entry(1_000, Some("a"))), None, "notes that cannot be read");
}

#[test]
fn parts_are_known_by_their_names() {
    for name in [".f.portolan-part", ".f.portolan-part.json", ".f.portolan-part.json.new"] {
        assert!(is_part_name(OsStr::new(name)), "{name}");
    }
    for name in ["f.portolan-part", ".portolan", "f"] {
        assert!(!is_part_name(OsStr::new(name)), "{name}");
    }
}

//! The journal's form, and its end where it was torn.

use super::Area;
use super::archivist::Archivist;
use super::journal::{HEAD_BYTES, Journal, Kind, NAMES, read_all};
use archive::{Archive, Location};
use std::sync::Arc;
use tempfile::TempDir;

async fn journal(folder: &TempDir) -> (Arc<Area>, Arc<Journal>) {
    let archive = Archive::open(&Location::Sqlite(folder.path().join("archive.db"))).await.unwrap();
    let area = Arc::new(Area::open(&folder.path().join("staging"), 0o644).unwrap());
    let (_, archived) = Archivist::start(archive);
    let journal = Journal::open(&area, &archived, 256 * 1024).unwrap();
    (area, journal)
}

#[tokio::test]
async fn frames_come_back_in_order_until_the_first_torn_one() {
    let folder = tempfile::tempdir().unwrap();
    let (area, journal) = journal(&folder).await;
    for payload in [&b"one"[..], b"", b"three"] {
        journal.append(Kind::Void, payload).unwrap();
    }
    let whole: Vec<_> = read_all(&area).unwrap().into_iter().filter(|frame| frame.kind != Kind::Empty).collect();
    let payloads: Vec<&[u8]> = whole.iter().map(|frame| &frame.payload[..]).collect();
    assert_eq!(payloads, [&b"one"[..], b"", b"three"]);
    let name = folder.path().join("staging").join(NAMES[0]);
    let bytes = std::fs::read(&name).unwrap();
    let begins = 2 * HEAD_BYTES + 3;
    for at in begins..begins + HEAD_BYTES + 5 {
        let mut torn = bytes.clone();
        torn[at] ^= 0x10;
        std::fs::write(&name, &torn).unwrap();
        let left = read_all(&area).unwrap().iter().filter(|frame| frame.kind == Kind::Void).count();
        assert_eq!(left, 2, "byte {at}");
    }
    for length in 0..begins {
        std::fs::write(&name, &bytes[..length]).unwrap();
        let left = read_all(&area).unwrap().iter().filter(|frame| frame.kind == Kind::Void).count();
        assert!(left < 2, "{length} bytes");
    }
}

#[tokio::test]
async fn frames_of_an_earlier_life_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (area, journal) = journal(&folder).await;
    for _ in 0..5 {
        journal.append(Kind::Void, b"0123456789").unwrap();
    }
    journal.settle().unwrap();
    assert!(read_all(&area).unwrap().iter().all(|frame| frame.kind == Kind::Empty));
    journal.append(Kind::Void, b"new").unwrap();
    let frames = read_all(&area).unwrap();
    let left: Vec<_> = frames.iter().filter(|frame| frame.kind == Kind::Void).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(&left[0].payload[..], b"new");
}

#[test]
fn frames_have_this_form() {
    let bytes = super::journal::frame(Kind::Archived, 5, 6, b"x");
    let (head, rest) = bytes.split_at(28);
    let expected: [u8; 28] = [
        0x4a, 0x4c, 0x54, 0x50, // magic
        2, 0, 0, 0, // kind
        5, 0, 0, 0, 0, 0, 0, 0, // generation
        6, 0, 0, 0, 0, 0, 0, 0, // sequence
        1, 0, 0, 0, // length
    ];
    assert_eq!(head, expected);
    assert_eq!((rest.len(), rest[4]), (5, b'x'), "checksum, payload");
}

#[test]
fn slow_senders_are_given_up_but_not_for_our_own_disk() {
    let limits = super::Limits {
        announced: None,
        max_bytes: 1 << 40,
        idle: std::time::Duration::from_secs(60),
        min_rate_bytes_per_second: 100,
    };
    let mut patience = super::receive::Patience::new(limits);
    assert!(patience.judge(6_000).is_none());
    assert!(patience.judge(12_000).is_none());
    let problem = patience.judge(12_100).expect("100 bytes in a minute");
    assert_eq!((problem.status, problem.kind), (408, "body-stalled"));
    patience.forgive(std::time::Duration::from_secs(59));
    assert!(patience.judge(12_200).is_none(), "one second of its own, and 100 bytes");
    patience.forgive(std::time::Duration::from_secs(70));
    assert!(patience.judge(12_200).is_none(), "the disk took all the time");
    assert!(patience.judge(12_200).is_some());
}

//! The list of lent ranges, and its agreement with what the HTTP library shows.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

fn range(file: &Arc<File>, offset: u64, len: u64) -> FileSlice {
    FileSlice { file: file.clone(), offset, len }
}

fn file() -> Arc<File> {
    Arc::new(tempfile::tempfile().unwrap())
}

#[test]
fn stand_ins_are_known_by_their_address_alone() {
    let bytes = stand_in(100);
    assert!(is_stand_in(&bytes));
    assert!(is_stand_in(&bytes[99..]));
    assert!(!is_stand_in(&bytes[100..]), "an empty slice stands for nothing");
    let copy = bytes.to_vec();
    assert!(!is_stand_in(&copy), "a copy is not a stand-in");
    assert_eq!(stand_in(STAND_IN_BYTES).len(), STAND_IN_BYTES);
}

#[test]
fn agreement_is_exact() {
    let (lent, file) = (Lent::default(), file());
    assert!(lent.agrees(0));
    lent.lend(&range(&file, 0, 10));
    lent.lend(&range(&file, 10, 5));
    lent.lend(&range(&file, 100, 1));
    assert!(lent.agrees(16));
    assert!(!lent.agrees(15), "the library holds bytes back or copied them");
    assert!(!lent.agrees(17), "the library repeats bytes");
    lent.sent(15);
    assert!(lent.agrees(1));
    assert_eq!(lent.next().unwrap().offset, 100);
    lent.sent(1);
    assert!(lent.is_empty());
}

#[test]
fn ends_are_told_when_their_last_byte_left() {
    let (lent, file) = (Lent::default(), file());
    let told = Arc::new(AtomicU64::new(0));
    let tell = |expected: bool| -> OnEnd {
        let told = told.clone();
        Box::new(move |end| {
            assert_eq!(end.complete, expected);
            told.fetch_add(end.bytes_sent, SeqCst);
        })
    };
    lent.end(1, tell(true));
    assert_eq!(told.load(SeqCst), 1, "nothing waits, so it is told at once");
    lent.lend(&range(&file, 0, 10));
    lent.end(10, tell(true));
    lent.lend(&range(&file, 10, 10));
    lent.end(100, tell(false));
    lent.sent(9);
    assert_eq!(told.load(SeqCst), 1);
    lent.sent(1);
    assert_eq!(told.load(SeqCst), 11);
    drop(lent);
    assert_eq!(told.load(SeqCst), 101, "of the last body, all but the ten bytes that never left");
}

//! What the drivers say, sorted. Disks that are full and servers that are gone are also met for real, in `tests/`.

use super::*;

fn word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Full => "full",
        Kind::Unreachable => "unreachable",
        Kind::Damaged => "damaged",
        Kind::Other => "other",
    }
}

#[test]
fn codes_of_sqlite() {
    // Extended codes carry the primary one in their last eight bits: 266 is IOERR_READ, 267 is CORRUPT_VTAB.
    let table = [("13", "full"), ("4874", "full"), ("5", "unreachable"), ("517", "unreachable"), ("14", "unreachable")];
    let more = [("266", "unreachable"), ("11", "damaged"), ("267", "damaged"), ("26", "damaged"), ("1555", "other")];
    for (code, expected) in table.into_iter().chain(more).chain([("1", "other"), ("", "other"), ("x", "other")]) {
        assert_eq!(word(&kind_of_sqlite(code)), expected, "{code}");
    }
}

#[test]
fn codes_of_postgresql() {
    let table = [("53100", "full"), ("53300", "unreachable"), ("57P01", "unreachable"), ("08006", "unreachable")];
    let more = [("28P01", "unreachable"), ("3D000", "unreachable"), ("58030", "unreachable"), ("XX001", "damaged")];
    for (code, expected) in table.into_iter().chain(more).chain([("42P01", "other"), ("23505", "other"), ("", "other")])
    {
        assert_eq!(word(&kind_of_postgresql(code)), expected, "{code}");
    }
}

#[test]
fn what_may_pass() {
    let operation = "record files";
    assert!(ArchiveError::Full { operation }.is_transient());
    assert!(ArchiveError::of(operation, Trouble::Driver(sqlx::Error::PoolTimedOut)).is_transient());
    assert!(!ArchiveError::of(operation, Trouble::Damaged("x".to_owned())).is_transient());
    assert!(!ArchiveError::Newer { found: 2, known: 1 }.is_transient());
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert!(matches!(ArchiveError::of(operation, Trouble::Driver(full.into())), ArchiveError::Full { .. }));
}

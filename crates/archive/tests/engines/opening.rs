//! Opening, closing, and being several.

use crate::place::Place;
use crate::samples::{file, path};
use archive::{Archive, ArchiveError, FileRecord, Location};

pub(crate) async fn twice_finds_the_same(place: Place) {
    let archive = place.open().await;
    archive.record_files(&[file("/a", 1)]).await.unwrap();
    archive.close().await;
    if let Some(database) = place.file() {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(database).unwrap().permissions().mode() & 0o777, 0o600);
        let left: Vec<_> = std::fs::read_dir(database.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "a log was left behind: {left:?}");
    }
    let archive = place.open().await;
    assert_eq!(archive.file(&path("/a")).await.unwrap(), Some(file("/a", 1)));
    let told = format!("{archive:?} {:?}", place.location);
    assert!(!told.contains("postgres://"), "{told}");
}

/// The database of a newer program is refused, and left as it was.
pub(crate) async fn newer_is_refused(place: Place) {
    place.open().await.close().await;
    place.raw("INSERT INTO schema_versions (version, program) VALUES (999, 'later')").await;
    for _ in 0..2 {
        let error = Archive::open(&place.location).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Newer { found: 999, known: 2 }), "{error}");
        assert!(!error.is_transient());
    }
    place.raw("DELETE FROM schema_versions WHERE version = 999").await;
    place.open().await;
}

/// Several programs that open a database that is not there yet, and then all write: the tables are made once, and
/// everything is kept.
pub(crate) async fn at_the_same_moment(place: Place) {
    const PROGRAMS: u64 = 6;
    let mut tasks = tokio::task::JoinSet::new();
    for program in 0..PROGRAMS {
        let location = place.location.clone();
        tasks.spawn(async move {
            let archive = Archive::open(&location).await.unwrap();
            for round in 0..10 {
                let name = |number| format!("/{program}/{round}/{number}");
                let records: Vec<FileRecord> = (0..20).map(|number| file(&name(number), 1)).collect();
                archive.record_files(&records).await.unwrap();
            }
            archive.close().await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(place.open().await.totals().await.unwrap().files, PROGRAMS * 10 * 20);
}

pub(crate) async fn closed_fails(place: Place) {
    let archive = place.open().await;
    let clone = archive.clone();
    archive.close().await;
    archive.close().await;
    let error = clone.record_files(&[file("/a", 1)]).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Unreachable { operation: "record files", .. }), "{error}");
    assert!(matches!(clone.file(&path("/a")).await, Err(ArchiveError::Unreachable { .. })));
}

pub(crate) async fn unreachable_is_told(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = match &place.location {
        Location::Sqlite(_) => vec![
            Location::Sqlite(folder.path().join("missing/archive.sqlite")),
            Location::Sqlite(folder.path().to_owned()),
        ],
        Location::Postgres(url) => vec![
            Location::Postgres(format!("postgres://portolan@localhost/x?host={}", folder.path().display())),
            Location::Postgres(url.replace("opening_unreachable_is_told", "no_such_database")),
            Location::Postgres("not an address".to_owned()),
        ],
    };
    for location in nowhere {
        let error = Archive::open(&location).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Unreachable { .. }) && error.is_transient(), "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
    }
    if let Location::Sqlite(database) = &place.location {
        std::fs::write(database, "This is a letter to my aunt, not a database. ".repeat(100)).unwrap();
        let error = Archive::open(&place.location).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Damaged { .. }) && !error.is_transient(), "{error:?}");
    }
}

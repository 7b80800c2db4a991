//! Records that cannot be understood.

use crate::place::Place;
use crate::samples::{file, id, lock, path, property, set, token, upload};
use archive::{Archive, ArchiveError, FileRecord};
use terms::{LogicalPath, StagedId};

/// One kind of damage, what finds it, and a word of the message.
struct Case {
    damage: &'static str,
    told: &'static str,
}

const CASES: &[Case] = &[
    Case { damage: "UPDATE files SET digests = 'md5:nonsense'", told: "file record /a/b: digests: 'nonsense'" },
    Case { damage: "UPDATE files SET digests = 'crc99:00'", told: "'crc99'" },
    Case { damage: "UPDATE files SET folder = 'no/slash'", told: "file record: folder: the path does not begin" },
    Case { damage: "UPDATE files SET folder = '/a/'", told: "is not normal" },
    Case { damage: "UPDATE files SET name = '..'", told: "'..'" },
    Case { damage: "UPDATE files SET staged = BYTES(0102)", told: "file record /a/b: staged" },
    Case { damage: "UPDATE properties SET folder = 'x'", told: "property: folder" },
    Case { damage: "UPDATE moves SET to_path = ''", told: "to_path" },
    Case { damage: "UPDATE locks SET path = '/a//b'", told: "lock urn:uuid:" },
    Case { damage: "UPDATE uploads SET id = BYTES(01)", told: "upload: id" },
    Case { damage: "UPDATE uploads SET claimed = 'sha-256:00'", told: "claimed" },
    Case { damage: "UPDATE tokens SET verbs = 'read,fly'", told: "verbs: 'fly'" },
    Case { damage: "UPDATE tokens SET path = 'x'", told: "token 0193" },
];

/// What can only be there when the checks of the tables were got round: by a bad disk, or by a hand.
const UNCHECKED_CASES: &[Case] = &[
    Case { damage: "UPDATE files SET size_bytes = -1", told: "bytes: -1 is negative" },
    Case { damage: "UPDATE uploads SET length_bytes = -7", told: "length_bytes: -7 is negative" },
    Case { damage: "UPDATE tokens SET secret_sha256 = BYTES(00)", told: "1 bytes instead of 32" },
];

/// Only on SQLite: PostgreSQL refuses to hold these.
const SQLITE_CASES: &[Case] =
    &[Case { damage: "UPDATE files SET publisher = CAST(x'ff41' AS TEXT)", told: "publisher" }];

pub(crate) async fn is_told_and_nothing_panics(place: Place) {
    let archive = place.open().await;
    let staged = FileRecord { staged: Some(StagedId(id(1))), ..file("/a/b", 1) };
    archive.record_files(&[staged]).await.unwrap();
    archive.change_properties(&path("/a/b"), &[set("colour", "blue")]).await.unwrap();
    archive.begin_move(&path("/a/b"), &path("/a/c")).await.unwrap();
    archive.record_lock(&lock(1, "/a/b")).await.unwrap();
    archive.record_upload(&upload(1, "/a/b")).await.unwrap();
    archive.record_token(&token(1, "night shift")).await.unwrap();
    assert_eq!(complaints(&archive).await, Vec::<String>::new());

    let sqlite = place.file().is_some();
    for case in CASES.iter().chain(if sqlite { SQLITE_CASES } else { &[] }) {
        check(&place, &archive, case, "").await;
    }
    let uncheck = if sqlite {
        "PRAGMA ignore_check_constraints = ON;"
    } else {
        place.raw("ALTER TABLE files DROP CONSTRAINT files_size_bytes_check").await;
        place.raw("ALTER TABLE uploads DROP CONSTRAINT uploads_length_bytes_check").await;
        place.raw("ALTER TABLE tokens DROP CONSTRAINT tokens_secret_sha256_check").await;
        ""
    };
    for case in UNCHECKED_CASES {
        check(&place, &archive, case, uncheck).await;
    }
    place.raw("DROP TABLE properties").await;
    assert!(matches!(archive.properties(&path("/a")).await, Err(ArchiveError::Failed { .. })));
    assert_eq!(archive.file(&path("/a/b")).await.unwrap().unwrap().identity.size_bytes, 1);
}

/// Does the damage, looks, and undoes it by restoring the table from a copy.
async fn check(place: &Place, archive: &Archive, case: &Case, before: &str) {
    let table = case.damage.split(' ').nth(1).unwrap();
    let damage = match place.engine {
        "sqlite" => case.damage.replace("BYTES(", "x'").replace("0102)", "0102'").replace("01)", "01'"),
        _ => case.damage.replace("BYTES(", "'\\x").replace("0102)", "0102'").replace("01)", "01'"),
    };
    let damage = damage.replace("00)", "00'");
    place.raw(&format!("CREATE TABLE kept AS SELECT * FROM {table}; {before} {damage}")).await;
    let found = complaints(archive).await;
    assert!(!found.is_empty(), "nobody noticed: {damage}");
    for complaint in &found {
        assert!(complaint.contains(case.told), "{damage}: {complaint}");
    }
    place.raw(&format!("{before} DELETE FROM {table}; {}; DROP TABLE kept", restore(place.engine, table))).await;
    assert_eq!(complaints(archive).await, Vec::<String>::new(), "after {damage}");
}

fn restore(engine: &str, table: &str) -> String {
    // The numbers of moves are PostgreSQL's own to give, unless it is told.
    let overriding = if engine == "postgresql" { "OVERRIDING SYSTEM VALUE" } else { "" };
    format!("INSERT INTO {table} {overriding} SELECT * FROM kept")
}

/// What all ways of reading say; all must say that a record is damaged.
async fn complaints(archive: &Archive) -> Vec<String> {
    let root = LogicalPath::root();
    let results = [
        archive.recent_files(10).await.map(drop),
        archive.file_of_staged(StagedId(id(1))).await.map(drop),
        archive.files_in(&path("/a")).await.map(drop),
        archive.totals().await.map(drop),
        archive.properties_in(&root).await.map(drop),
        archive.properties_in(&path("/a")).await.map(drop),
        archive.properties_in(&path("/a/b")).await.map(drop),
        archive.copy_properties(&path("/nothing"), &path("/nowhere")).await,
        all_properties(archive).await,
        archive.unfinished_moves().await.map(drop),
        archive.locks().await.map(drop),
        archive.uploads().await.map(drop),
        archive.tokens().await.map(drop),
    ];
    let told = |result: Result<(), ArchiveError>| match result {
        Ok(()) => None,
        Err(ArchiveError::Damaged { what, .. }) => Some(what),
        Err(other) => panic!("not told as damage: {other:?}"),
    };
    results.into_iter().filter_map(told).collect()
}

/// Moved rows are out of sight of `/a`: look where the case puts them.
async fn all_properties(archive: &Archive) -> Result<(), ArchiveError> {
    let found = archive.properties(&path("/a/b")).await?;
    if found.is_empty() {
        return Err(ArchiveError::Damaged { operation: "", what: "property: folder".to_owned() });
    }
    assert_eq!(found, [property("colour", "blue")]);
    Ok(())
}

//! Databases of each released version: a stored dump must open in this program, with every record in it.
//!
//! A new version gets its dump by `ARCHIVE_DUMP_VERSION=1 cargo nextest run -p archive`, which writes the files of the
//! newest version from the records below (with `sqlite3` and `pg_dump`); those of older ones are never written again.

use crate::place::Place;
use crate::samples::{
    attributes, bare_file, bare_share, bare_token, bare_upload, file, id, instant, lock, narrowed_token, path,
    property, secret, set, share, token, upload, usage,
};
use archive::{Archive, FileRecord, LockRecord, SecretRecord, ShareRecord, TokenRecord, Totals, UploadRecord};
use std::path::PathBuf;
use std::process::Command;
use terms::StagedId;

/// Every version whose databases may be met.
const VERSIONS: &[u32] = &[1, 2];

pub(crate) async fn each_opens(place: Place) {
    if std::env::var_os("ARCHIVE_DUMP_VERSION").is_some() {
        write_dump(&place).await;
    }
    for version in VERSIONS {
        let dump = std::fs::read_to_string(stored(*version, place.engine)).unwrap();
        place.raw(&dump).await;
        let archive = place.open().await;
        if *version >= 2 {
            check_from_version_2(&archive).await;
        }
        check(&archive, *version).await;
        archive.close().await;
        empty(&place).await;
    }
}

async fn empty(place: &Place) {
    match place.file() {
        Some(database) => std::fs::remove_file(database).unwrap(),
        None => place.raw("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await,
    }
}

fn stored(version: u32, engine: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/versions/{version}.{engine}.sql"))
}

fn staged_file() -> FileRecord {
    FileRecord {
        staged: Some(StagedId(id(7))),
        published: instant(1_700_000_200),
        ..file("/night/1/x.fits", 20_000_000)
    }
}

fn revoked_token() -> TokenRecord {
    TokenRecord { revoked: Some(instant(1_750_000_000)), ..token(3, "lost") }
}

async fn fill(archive: &Archive) {
    archive.record_files(&[file("/night/1/y.fits", 3), bare_file("/Überblick"), staged_file()]).await.unwrap();
    archive.change_properties(&path("/night"), &[set("observer", "Ännchen"), set("seeing", "0.7")]).await.unwrap();
    archive.change_properties(&path("/"), &[set("site", "here")]).await.unwrap();
    archive.begin_move(&path("/night/1"), &path("/night/2")).await.unwrap();
    archive.record_lock(&lock(1, "/night")).await.unwrap();
    archive.record_lock(&LockRecord { deep: false, shared: true, ..lock(2, "/x") }).await.unwrap();
    archive.record_upload(&upload(1, "/night/3/x.fits")).await.unwrap();
    archive.record_upload(&bare_upload(3, "/y")).await.unwrap();
    for token in [token(1, "night shift"), bare_token(2, "anybody"), revoked_token()] {
        archive.record_token(&token).await.unwrap();
    }
    fill_from_version_2(archive).await;
}

fn described_file() -> FileRecord {
    FileRecord { attributes: attributes("group=\"/lsst\", embargo-until=\"2030-01-01T00:00:00Z\""), ..file("/dr/z", 1) }
}

fn described_upload() -> UploadRecord {
    UploadRecord { attributes: attributes("group=\"/lsst\""), ..upload(5, "/dr/w") }
}

fn revoked_share() -> ShareRecord {
    ShareRecord { revoked: Some(instant(1_750_000_000)), ..share(9, "/night") }
}

fn retired_secret() -> SecretRecord {
    SecretRecord { retired: Some(instant(1_750_000_000)), ..secret(2) }
}

/// What databases of version 1 could not hold.
async fn fill_from_version_2(archive: &Archive) {
    archive.record_files(&[described_file()]).await.unwrap();
    archive.record_upload(&described_upload()).await.unwrap();
    archive.record_token(&narrowed_token(4, 1)).await.unwrap();
    for share in [share(7, "/night"), bare_share(8, "/"), revoked_share()] {
        archive.record_share(&share).await.unwrap();
    }
    for secret in [secret(1), retired_secret(), SecretRecord { purpose: "session".to_owned(), ..secret(3) }] {
        archive.record_secret(&secret).await.unwrap();
    }
    archive.add_usage(&[usage("alice", 20_000, 5), usage("bob", 20_001, i64::MAX as u64)]).await.unwrap();
}

/// Checks it, and takes it away, so that what is left is the same in all versions.
async fn check_from_version_2(archive: &Archive) {
    assert_eq!(archive.file(&path("/dr/z")).await.unwrap(), Some(described_file()));
    archive.remove_tree(&path("/dr")).await.unwrap();
    assert_eq!(archive.upload(described_upload().id).await.unwrap(), Some(described_upload()));
    archive.remove_upload(described_upload().id).await.unwrap();
    assert_eq!(archive.token(narrowed_token(4, 1).id).await.unwrap(), Some(narrowed_token(4, 1)));
    assert_eq!(archive.shares().await.unwrap(), [share(7, "/night"), bare_share(8, "/"), revoked_share()]);
    assert!(archive.secrets("macaroon").await.unwrap() == [secret(1), retired_secret()]);
    assert_eq!(archive.secrets("session").await.unwrap().len(), 1);
    let all = [usage("alice", 20_000, 5), usage("bob", 20_001, i64::MAX as u64)];
    assert_eq!(archive.usage_since(20_000).await.unwrap(), all);
    assert_eq!(archive.usage_since(20_001).await.unwrap(), all[1..]);
}

async fn check(archive: &Archive, version: u32) {
    assert_eq!(archive.files_in(&path("/night/1")).await.unwrap(), [staged_file(), file("/night/1/y.fits", 3)]);
    assert_eq!(archive.file(&path("/Überblick")).await.unwrap(), Some(bare_file("/Überblick")));
    assert_eq!(archive.totals().await.unwrap(), Totals { files: 3, bytes: 20_000_003 });
    assert_eq!(archive.recent_files(1).await.unwrap(), [staged_file()]);
    assert_eq!(archive.file_of_staged(StagedId(id(7))).await.unwrap(), Some(staged_file()));
    let properties = [property("observer", "Ännchen"), property("seeing", "0.7")];
    assert_eq!(archive.properties(&path("/night")).await.unwrap(), properties);
    assert_eq!(archive.properties(&path("/")).await.unwrap(), [property("site", "here")]);
    let locks = [lock(1, "/night"), LockRecord { deep: false, shared: true, ..lock(2, "/x") }];
    assert_eq!(archive.locks().await.unwrap(), locks);
    assert_eq!(archive.uploads().await.unwrap(), [upload(1, "/night/3/x.fits"), bare_upload(3, "/y")]);
    let mut tokens = vec![token(1, "night shift"), bare_token(2, "anybody"), revoked_token()];
    if version >= 2 {
        tokens.push(narrowed_token(4, 1));
    }
    assert_eq!(archive.tokens().await.unwrap(), tokens);

    // It can also be changed.
    let moves = archive.unfinished_moves().await.unwrap();
    assert_eq!(moves.len(), 1);
    archive.finish_move(moves[0].id).await.unwrap();
    assert_eq!(archive.files_in(&path("/night/2")).await.unwrap().len(), 2);
    archive.begin_move(&path("/night/2"), &path("/night/1")).await.unwrap();
    archive.change_properties(&path("/night"), &[set("seeing", "0.8")]).await.unwrap();
}

/// Fills the place, dumps it, and empties it again.
async fn write_dump(place: &Place) {
    let archive = place.open().await;
    fill(&archive).await;
    archive.close().await;
    let mut dump = match &place.server {
        None => {
            let mut command = Command::new("sqlite3");
            command.arg(place.file().unwrap()).arg(".dump");
            command
        }
        Some(server) => {
            let mut command = server.tool("pg_dump");
            command.args(["--inserts", "--no-owner", "--no-privileges", "versions_each_opens"]);
            command
        }
    };
    let output = dump.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let newest = *VERSIONS.last().unwrap();
    std::fs::write(stored(newest, place.engine), tidied(&String::from_utf8(output.stdout).unwrap())).unwrap();
    empty(place).await;
}

/// Without what speaks of the session that dumped rather than of the database.
fn tidied(dump: &str) -> String {
    let noise = |line: &&str| ["--", "SET ", "\\", "SELECT pg_catalog.set_config"].iter().any(|p| line.starts_with(p));
    let mut lines: Vec<&str> = dump.lines().filter(|line| !noise(line)).collect();
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    lines.join("\n").trim().to_owned() + "\n"
}

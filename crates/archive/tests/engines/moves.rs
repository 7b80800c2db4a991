//! Moves: all or nothing, and known until ended.

use crate::place::Place;
use crate::samples::{file, path, paths, property, set};
use archive::{Archive, ArchiveError, MoveId, UnfinishedMove};
use terms::LogicalPath;

async fn rename(archive: &Archive, from: &str, to: &str) {
    let id = archive.begin_move(&path(from), &path(to)).await.unwrap();
    archive.finish_move(id).await.unwrap();
    assert_eq!(archive.unfinished_moves().await.unwrap(), []);
}

pub(crate) async fn carry_files_and_properties(place: Place) {
    let archive = place.open().await;
    archive.record_files(&[file("/é/中/x", 1), file("/é/中/deep/y", 2), file("/é/other", 3)]).await.unwrap();
    archive.change_properties(&path("/é/中"), &[set("colour", "red")]).await.unwrap();
    archive.change_properties(&path("/é/中/deep/y"), &[set("colour", "green")]).await.unwrap();

    rename(&archive, "/é/中", "/a/b/c").await;
    assert_eq!(archive.file(&path("/a/b/c/x")).await.unwrap(), Some(file("/a/b/c/x", 1)));
    assert_eq!(archive.file(&path("/a/b/c/deep/y")).await.unwrap(), Some(file("/a/b/c/deep/y", 2)));
    assert_eq!(archive.file(&path("/é/other")).await.unwrap(), Some(file("/é/other", 3)));
    assert_eq!(archive.files_in(&path("/é/中")).await.unwrap(), []);
    assert_eq!(archive.properties(&path("/a/b/c")).await.unwrap(), [property("colour", "red")]);
    assert_eq!(archive.properties(&path("/a/b/c/deep/y")).await.unwrap(), [property("colour", "green")]);
    assert_eq!(archive.properties(&path("/é/中")).await.unwrap(), []);

    // A single file, to the top and down again.
    rename(&archive, "/a/b/c/x", "/x").await;
    assert_eq!(archive.file(&path("/x")).await.unwrap(), Some(file("/x", 1)));
    rename(&archive, "/x", "/ö/x").await;
    let found = archive.files_in(&path("/ö")).await.unwrap();
    assert_eq!(paths(&found, |file| &file.path), ["/ö/x"]);
}

pub(crate) async fn replace_what_is_there(place: Place) {
    let archive = place.open().await;
    archive.record_files(&[file("/new/a", 1), file("/old/a", 2), file("/old/b", 3)]).await.unwrap();
    archive.change_properties(&path("/new"), &[set("colour", "red")]).await.unwrap();
    archive.change_properties(&path("/old"), &[set("colour", "green"), set("shape", "round")]).await.unwrap();
    archive.change_properties(&path("/old/b"), &[set("colour", "green")]).await.unwrap();

    rename(&archive, "/new", "/old").await;
    assert_eq!(archive.files_in(&path("/old")).await.unwrap(), [file("/old/a", 1)]);
    assert_eq!(archive.properties(&path("/old")).await.unwrap(), [property("colour", "red")]);
    assert_eq!(archive.properties(&path("/old/b")).await.unwrap(), []);
}

pub(crate) async fn count_names_whole(place: Place) {
    let archive = place.open().await;
    archive.record_files(&[file("/foo/bar/x", 1), file("/foo/bargain/x", 2), file("/foo/bar.x", 3)]).await.unwrap();
    rename(&archive, "/foo/bar", "/foo/barg").await;
    for (name, size) in [("/foo/barg/x", 1), ("/foo/bargain/x", 2), ("/foo/bar.x", 3)] {
        assert_eq!(archive.file(&path(name)).await.unwrap(), Some(file(name, size)));
    }
    assert_eq!(archive.totals().await.unwrap().files, 3);
}

pub(crate) async fn survive_until_ended(place: Place) {
    let archive = place.open().await;
    archive.record_files(&[file("/a", 1), file("/c", 2)]).await.unwrap();
    let first = archive.begin_move(&path("/a"), &path("/b")).await.unwrap();
    let second = archive.begin_move(&path("/c"), &path("/d")).await.unwrap();
    archive.close().await;

    let archive = place.open().await;
    let unfinished = |id, from, to| UnfinishedMove { id, from: path(from), to: path(to) };
    let both = [unfinished(first, "/a", "/b"), unfinished(second, "/c", "/d")];
    assert_eq!(archive.unfinished_moves().await.unwrap(), both);
    archive.abandon_move(first).await.unwrap();
    archive.finish_move(second).await.unwrap();
    assert_eq!(archive.unfinished_moves().await.unwrap(), []);
    assert_eq!(archive.file(&path("/a")).await.unwrap(), Some(file("/a", 1)));
    assert_eq!(archive.file(&path("/d")).await.unwrap(), Some(file("/d", 2)));

    // Again, and one that never was.
    archive.finish_move(second).await.unwrap();
    archive.abandon_move(MoveId(i64::MAX)).await.unwrap();
    assert_eq!(archive.totals().await.unwrap().files, 2);
}

pub(crate) async fn into_themselves_are_refused(place: Place) {
    let archive = place.open().await;
    archive.record_files(&[file("/a/b/c", 1)]).await.unwrap();
    for (from, to) in [("/a", "/a/b"), ("/a/b", "/a"), ("/", "/x"), ("/a", "/")] {
        let error = archive.begin_move(&path(from), &path(to)).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Failed { .. }), "{error}");
    }
    assert_eq!(archive.unfinished_moves().await.unwrap(), []);
    rename(&archive, "/a", "/a").await;
    rename(&archive, "/", "/").await;
    assert_eq!(archive.file(&path("/a/b/c")).await.unwrap(), Some(file("/a/b/c", 1)));
    assert_eq!(archive.files_in(&LogicalPath::root()).await.unwrap(), []);
}

//! File records: what is written is read, in batches, by folder, by tree.

use crate::place::Place;
use crate::samples::{bare_file, file, id, instant, path, paths, property, set};
use archive::{ArchiveError, FileRecord, Totals};
use std::time::Duration;
use terms::{LogicalPath, MAX_PATH_BYTES, StagedId};

pub(crate) async fn come_back_as_they_were(place: Place) {
    let archive = place.open().await;
    assert_eq!(archive.engine(), place.engine);
    let records =
        [file("/night/exposure 1.fits", i64::MAX as u64), bare_file("/night/Überblick/ß-'\"%_\\.txt"), bare_file("/x")];
    archive.record_files(&records).await.unwrap();
    for record in &records {
        assert_eq!(archive.file(&record.path).await.unwrap().as_ref(), Some(record));
    }
    for missing in ["/", "/night", "/night/exposure", "/nothing"] {
        assert_eq!(archive.file(&path(missing)).await.unwrap(), None);
    }
    archive.close().await;
}

pub(crate) async fn are_replaced_by_path(place: Place) {
    let archive = place.open().await;
    archive.record_files(&[FileRecord { staged: Some(StagedId(id(1))), ..file("/a", 1) }]).await.unwrap();
    archive.record_files(&[bare_file("/a")]).await.unwrap();
    assert_eq!(archive.file(&path("/a")).await.unwrap(), Some(bare_file("/a")));

    // Twice in one batch: the last one stays.
    archive.record_files(&[file("/a", 5), file("/b", 6), file("/a", 7)]).await.unwrap();
    assert_eq!(archive.file(&path("/a")).await.unwrap(), Some(file("/a", 7)));
    assert_eq!(archive.totals().await.unwrap(), Totals { files: 2, bytes: 13 });
}

pub(crate) async fn come_in_batches_of_any_size(place: Place) {
    let archive = place.open().await;
    for size in [0, 1, 7, 8, 9, 63, 64, 65, 73, 1_000] {
        let folder = path(&format!("/batch-{size}"));
        let name = |number: u64| format!("{folder}/{number:04}");
        let records: Vec<FileRecord> = (0..size).map(|number| file(&name(number), number)).collect();
        archive.record_files(&records).await.unwrap();
        assert_eq!(archive.files_in(&folder).await.unwrap(), records);
    }
    assert_eq!(archive.totals().await.unwrap().files, 1_290);
}

pub(crate) async fn are_listed_by_folder(place: Place) {
    let archive = place.open().await;
    // The order of bytes: '!' '-' '.' before '0', capitals before small letters, those before accents.
    let inside = ["/a/!", "/a/-", "/a/.h", "/a/0", "/a/B", "/a/b", "/a/b c", "/a/z", "/a/é", "/a/中"];
    let others = ["/a!/x", "/a-/x", "/a.fits", "/a0", "/a/b/x", "/aa/x", "/b", "/A/x"];
    let records: Vec<FileRecord> = inside.iter().chain(&others).rev().map(|name| file(name, 1)).collect();
    archive.record_files(&records).await.unwrap();
    archive.change_properties(&LogicalPath::root(), &[set("colour", "blue")]).await.unwrap();

    let found = archive.files_in(&path("/a")).await.unwrap();
    assert_eq!(paths(&found, |file| &file.path), inside);
    let found = archive.files_in(&LogicalPath::root()).await.unwrap();
    assert_eq!(paths(&found, |file| &file.path), ["/a.fits", "/a0", "/b"]);
    assert_eq!(archive.files_in(&path("/a/!")).await.unwrap(), []);
}

pub(crate) async fn newest_come_first(place: Place) {
    let archive = place.open().await;
    let at = |name: &str, seconds| FileRecord { published: instant(seconds), ..file(name, 1) };
    archive.record_files(&[at("/old", 10), at("/new", 30), at("/b", 20), at("/a", 20)]).await.unwrap();
    let found = archive.recent_files(3).await.unwrap();
    assert_eq!(paths(&found, |file| &file.path), ["/new", "/a", "/b"]);
    assert_eq!(archive.recent_files(0).await.unwrap(), []);
    assert_eq!(archive.recent_files(u32::MAX).await.unwrap().len(), 4);
}

pub(crate) async fn are_counted(place: Place) {
    let archive = place.open().await;
    let totals = async || {
        let totals = archive.totals().await.unwrap();
        (totals.files, totals.bytes)
    };
    assert_eq!(totals().await, (0, 0));
    archive.record_files(&[file("/a", 10), file("/d/b", 20), file("/d/c", 30)]).await.unwrap();
    assert_eq!(totals().await, (3, 60));
    archive.record_files(&[file("/a", 1), file("/d/b", 20)]).await.unwrap();
    assert_eq!(totals().await, (3, 51));
    let id = archive.begin_move(&path("/d/b"), &path("/a")).await.unwrap();
    archive.finish_move(id).await.unwrap();
    assert_eq!(totals().await, (2, 50));
    archive.remove_tree(&path("/d")).await.unwrap();
    assert_eq!(totals().await, (1, 20));
}

pub(crate) async fn are_found_by_staged_bytes(place: Place) {
    let archive = place.open().await;
    let staged = FileRecord { staged: Some(StagedId(id(1))), ..file("/a", 1) };
    archive.record_files(&[staged.clone(), file("/b", 1)]).await.unwrap();
    assert_eq!(archive.file_of_staged(StagedId(id(1))).await.unwrap(), Some(staged));
    assert_eq!(archive.file_of_staged(StagedId(id(2))).await.unwrap(), None);
}

pub(crate) async fn are_forgotten_by_tree(place: Place) {
    let archive = place.open().await;
    let names = ["/a/b", "/a/b!", "/a/b-/x", "/a/b/x", "/a/b/x/y", "/a/b0", "/a/b0/x", "/a/bc", "/a/bc/x", "/b/x"];
    archive.record_files(&names.map(|name| file(name, 1))).await.unwrap();
    for name in names {
        archive.change_properties(&path(name), &[set("colour", name)]).await.unwrap();
    }
    archive.remove_tree(&path("/a/b")).await.unwrap();
    for name in names {
        let gone = path(name).is_within(&path("/a/b"));
        assert_eq!(archive.file(&path(name)).await.unwrap().is_none(), gone, "{name}");
        assert_eq!(archive.properties(&path(name)).await.unwrap().is_empty(), gone, "{name}");
    }
    archive.remove_tree(&path("/nothing")).await.unwrap();
    archive.change_properties(&LogicalPath::root(), &[set("colour", "blue")]).await.unwrap();
    archive.remove_tree(&LogicalPath::root()).await.unwrap();
    assert_eq!(archive.totals().await.unwrap(), Totals::default());
    for name in names.into_iter().chain(["/"]) {
        assert_eq!(archive.properties(&path(name)).await.unwrap(), []);
    }
}

/// The keys of PostgreSQL end at 2,704 bytes, so that this shows the bound of paths to be below it. Letters without a
/// pattern: it would compress others, and take more of them.
pub(crate) async fn longest_paths_are_kept(place: Place) {
    let archive = place.open().await;
    let mut seed = 1_u64;
    let mut letter = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"[(seed >> 58) as usize])
    };
    let text: String = (0..MAX_PATH_BYTES).map(|at| if at % 201 == 0 { '/' } else { letter() }).collect();
    let longest = path(text.strip_suffix('/').unwrap_or(&text));
    assert!(longest.as_str().len() + 1 >= MAX_PATH_BYTES);
    archive.record_files(&[file(longest.as_str(), 1)]).await.unwrap();
    archive.change_properties(&longest, &[set("colour", "blue")]).await.unwrap();
    assert_eq!(archive.file(&longest).await.unwrap(), Some(file(longest.as_str(), 1)));
    assert_eq!(archive.properties(&longest).await.unwrap(), [property("colour", "blue")]);
}

/// Some records are refused; then none of their batch is kept.
pub(crate) async fn impossible_ones_change_nothing(place: Place) {
    let archive = place.open().await;
    let too_large = file("/b", i64::MAX as u64 + 1);
    let with_nul = FileRecord { publisher: "a\0b".to_owned(), ..file("/c", 1) };
    for impossible in [too_large, with_nul] {
        let error = archive.record_files(&[file("/a", 1), impossible]).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Failed { .. }) && !error.is_transient(), "{error}");
        assert_eq!(archive.totals().await.unwrap(), Totals::default());
    }
}

/// A caller that goes away in the middle of a call leaves no transaction open behind it.
pub(crate) async fn dropped_calls_leave_the_archive_usable(place: Place) {
    let archive = place.open().await;
    for round in 0..60_u64 {
        let records: Vec<FileRecord> = (0..200).map(|number| file(&format!("/{round}/{number}"), 1)).collect();
        let _ = tokio::time::timeout(Duration::from_micros(round * 100), archive.record_files(&records)).await;
        let recorded = archive.files_in(&path(&format!("/{round}"))).await.unwrap().len();
        assert!([0, 200].contains(&recorded), "{recorded} of 200");
        archive.record_files(&[file("/last", round)]).await.unwrap();
        assert_eq!(archive.file(&path("/last")).await.unwrap(), Some(file("/last", round)));
    }
}

/// Several tasks that replace the same records in different orders, one that forgets them, some that read.
pub(crate) async fn many_writers_at_once(place: Place) {
    const ROUNDS: u64 = 10;
    let archive = place.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4_u64 {
        let archive = archive.clone();
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let name = |number: u64| format!("/shared/{}", (number * 7 + writer * 13) % 100);
                let records: Vec<FileRecord> = (0..100).map(|number| file(&name(number), round)).collect();
                archive.record_files(&records).await.unwrap();
                assert_eq!(archive.file(&path("/nothing")).await.unwrap(), None);
            }
        });
    }
    let forgetful = archive.clone();
    tasks.spawn(async move {
        for _ in 0..ROUNDS {
            forgetful.remove_tree(&path("/shared")).await.unwrap();
        }
    });
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let records = archive.files_in(&path("/shared")).await.unwrap();
    let bytes = records.iter().map(|record| record.identity.size_bytes).sum();
    assert_eq!(archive.totals().await.unwrap(), Totals { files: records.len() as u64, bytes });
}

//! What the journal promises: a small file that was answered survives the loss of everything that was only in memory.
//! A door ends without settling, the test spoils the store as a power cut would, and another door opens.

use super::*;
use crate::staging::publisher::Step;
use std::fs;

async fn unsettled() -> Bench {
    Bench::with(|settings| settings.die_after = Some(Step::Answered)).await
}

async fn digest(bench: &Bench, path: &str) -> String {
    bench.ask("HEAD", path, &[("want-digest", "adler32")], "").await.header("digest").to_owned()
}

#[tokio::test]
async fn lost_renames_and_lost_bytes_are_brought_back() {
    let bench = unsettled().await;
    for name in ["lost", "emptied", "zeroed", "whole", "old"] {
        let told = bench.ask("PUT", &format!("/data/{name}"), &[("x-oc-mtime", "784111777")], "Wikipedia").await;
        assert_eq!(told.status, StatusCode::CREATED);
    }
    assert_eq!(bench.put("/data/old", "the newer one").await.status, StatusCode::NO_CONTENT);
    bench.door.close().await;
    fs::remove_file(bench.store().join("lost")).unwrap();
    fs::write(bench.store().join("emptied"), "").unwrap();
    fs::write(bench.store().join("zeroed"), [0; 9]).unwrap();
    let bench = bench.again().await;
    for name in ["lost", "emptied", "zeroed", "whole"] {
        assert_eq!(bench.stored(name).as_deref(), Some(&b"Wikipedia"[..]), "{name}");
        assert_eq!(digest(&bench, &format!("/data/{name}")).await, "adler32=11e60398", "{name}");
        let told = bench.get(&format!("/data/{name}")).await;
        assert_eq!(told.header("last-modified"), "Sun, 06 Nov 1994 08:49:37 GMT", "{name}");
    }
    assert_eq!(bench.stored("old").as_deref(), Some(&b"the newer one"[..]));
    assert!(bench.staged().is_empty());
    // Replayed once: what happens now to these files is nobody's concern but their owner's.
    let bench = bench.again().await;
    fs::remove_file(bench.store().join("lost")).unwrap();
    assert_eq!(bench.again().await.stored("lost"), None);
}

#[tokio::test]
async fn what_was_deleted_or_moved_afterwards_stays_so() {
    let bench = unsettled().await;
    fs::create_dir(bench.store().join("folder")).unwrap();
    for name in ["deleted", "moved", "folder/inside", "again"] {
        bench.put(&format!("/data/{name}"), "Wikipedia").await;
    }
    for path in ["/data/deleted", "/data/folder", "/data/again"] {
        assert_eq!(bench.ask("DELETE", path, &[], "").await.status, StatusCode::NO_CONTENT);
    }
    let told = bench.ask("MOVE", "/data/moved", &[("destination", "/data/elsewhere")], "").await;
    assert_eq!(told.status, StatusCode::CREATED, "{:?}", told.body);
    bench.put("/data/again", "made anew").await;
    bench.door.close().await;
    fs::write(bench.store().join("elsewhere"), "").unwrap();
    fs::remove_file(bench.store().join("again")).unwrap();
    let bench = bench.again().await;
    for name in ["deleted", "moved", "folder"] {
        assert!(!bench.store().join(name).exists(), "{name}");
    }
    assert_eq!(bench.stored("elsewhere").as_deref(), Some(&b"Wikipedia"[..]));
    assert_eq!(bench.stored("again").as_deref(), Some(&b"made anew"[..]));
}

#[tokio::test]
async fn a_large_file_over_a_small_one_stays() {
    let bench = unsettled().await;
    bench.put("/data/file", "small").await;
    let large = noise(3 << 20);
    bench.put("/data/file", large.clone()).await;
    let bench = bench.again().await;
    assert!(bench.stored("file") == Some(large));
    bench.put("/data/file", "small again").await;
    assert_eq!(bench.again().await.stored("file").as_deref(), Some(&b"small again"[..]));
}

#[tokio::test]
async fn a_file_that_others_put_there_since_is_left_alone() {
    let bench = unsettled().await;
    bench.put("/data/file", "ours").await;
    bench.door.close().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    fs::write(bench.store().join("theirs"), "theirs").unwrap();
    fs::rename(bench.store().join("theirs"), bench.store().join("file")).unwrap();
    assert_eq!(bench.again().await.stored("file").as_deref(), Some(&b"theirs"[..]));
}

#[tokio::test]
async fn more_than_both_files_of_the_journal_hold_goes_through() {
    let bench = Bench::with(|settings| {
        settings.journal_bytes = 256 * 1024;
        settings.die_after = Some(Step::Answered);
    })
    .await;
    for round in 0..4 {
        let puts = (0..100).map(|number| {
            let bench = &bench;
            async move { bench.put(&format!("/data/f{number}"), noise(4096 + round * 100 + number)).await }
        });
        let told = futures_util::future::join_all(puts).await;
        assert!(told.iter().all(|told| told.status.is_success()));
    }
    bench.door.close().await;
    // Only the last are still in the journal; all others are durable where they are.
    fs::remove_file(bench.store().join("f99")).unwrap();
    let bench = bench.again().await;
    for number in 0..100 {
        assert!(bench.stored(&format!("f{number}")) == Some(noise(4096 + 300 + number)), "{number}");
    }
}

#[tokio::test]
async fn an_orderly_end_leaves_nothing_to_replay() {
    let bench = Bench::new().await;
    bench.put("/data/file", "x").await;
    let bench = bench.again().await;
    fs::remove_file(bench.store().join("file")).unwrap();
    assert_eq!(bench.again().await.stored("file"), None);
}

#[tokio::test]
async fn without_a_journal_small_files_go_the_other_way() {
    let bench = Bench::with(|settings| settings.journal_bytes = 0).await;
    let puts = (0..50).map(|number| {
        let bench = &bench;
        async move { bench.put(&format!("/data/f{number}"), "x").await.status }
    });
    let told = futures_util::future::join_all(puts).await;
    assert!(told.iter().all(|status| *status == StatusCode::CREATED));
    assert_eq!(bench.archive.totals().await.unwrap().files, 50);
}

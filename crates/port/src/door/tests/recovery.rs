use super::*;
use crate::staging::publisher::Step;
use std::time::Duration;

/// A door whose publisher dies behind this step while a file is on its way; then the next door on the same folders.
async fn after_death(step: Step, body: Vec<u8>) -> Bench {
    let bench = Bench::with(|settings| settings.die_after = Some(step)).await;
    let put = bench.put("/data/file", body);
    // The request waits for a publisher that is no more, or learns that it is gone.
    match tokio::time::timeout(Duration::from_secs(20), put).await {
        Ok(told) => assert_eq!(told.status, StatusCode::INTERNAL_SERVER_ERROR),
        Err(_) => panic!("the request waits for ever"),
    }
    bench.again().await
}

#[tokio::test]
async fn death_before_the_record_leaves_nothing() {
    let bench = after_death(Step::Staged, b"small".to_vec()).await;
    assert_eq!(bench.get("/data/file").await.status, StatusCode::NOT_FOUND);
    assert!(bench.staged().is_empty());
    assert_eq!(bench.archive.totals().await.unwrap().files, 0);
}

#[tokio::test]
async fn death_between_record_and_rename_is_made_good() {
    for body in [b"small".to_vec(), noise(6 << 20)] {
        let bench = after_death(Step::Durable, body.clone()).await;
        assert!(bench.get("/data/file").await.body == body);
        assert!(bench.staged().is_empty());
        let told = bench.ask("HEAD", "/data/file", &[("want-digest", "adler32")], "").await;
        assert!(told.header("digest").starts_with("adler32="));
        let record = bench.archive.file(&"/file".parse().unwrap()).await.unwrap().unwrap();
        let found = bench.door.namespaces().stat(&record.path).await.unwrap();
        assert_eq!(record.identity, found.identity(), "the record still speaks of these bytes");
    }
}

#[tokio::test]
async fn death_before_the_answer_keeps_the_file() {
    let bench = after_death(Step::Renamed, b"small".to_vec()).await;
    assert_eq!(bench.get("/data/file").await.body, &b"small"[..]);
    assert!(bench.staged().is_empty());
}

#[tokio::test]
async fn what_nobody_knows_is_swept_and_what_is_not_ours_is_left() {
    let bench = Bench::new().await;
    let staging = bench.folder.path().join("staging");
    let orphan = terms::StagedId(uuid::Uuid::now_v7());
    std::fs::write(staging.join(orphan.to_string()), "half a file").unwrap();
    std::fs::write(staging.join("README"), "put here by somebody").unwrap();
    let bench = bench.again().await;
    assert_eq!(bench.staged(), ["README"]);
}

#[tokio::test]
async fn an_interrupted_move_is_settled_by_where_the_file_is() {
    let bench = Bench::new().await;
    bench.put("/data/done", "1").await;
    bench.put("/data/undone", "2").await;
    let path = |text: &str| text.parse::<LogicalPath>().unwrap();
    bench.archive.begin_move(&path("/done"), &path("/moved")).await.unwrap();
    bench.archive.begin_move(&path("/undone"), &path("/elsewhere")).await.unwrap();
    std::fs::rename(bench.store().join("done"), bench.store().join("moved")).unwrap();
    let bench = bench.again().await;
    assert!(bench.archive.unfinished_moves().await.unwrap().is_empty());
    assert!(bench.archive.file(&path("/moved")).await.unwrap().is_some());
    assert!(bench.archive.file(&path("/done")).await.unwrap().is_none());
    assert!(bench.archive.file(&path("/undone")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_closed_door_takes_no_files() {
    let bench = Bench::new().await;
    bench.door.close().await;
    let told = bench.put("/data/late", "x").await;
    assert_eq!((told.status, told.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "10"));
    assert!(bench.staged().is_empty());
}

use super::*;
use std::fs;

/// A second namespace at `/second/deep`, on a folder of its own.
async fn two() -> Bench {
    Bench::with(|settings| {
        let mut second = settings.namespaces[0].clone();
        second.root = second.root.with_file_name("second");
        fs::create_dir(&second.root).unwrap();
        second.mount = "/second/deep".parse().unwrap();
        settings.namespaces.push(second);
    })
    .await
}

#[tokio::test]
async fn the_longest_mount_holds_a_path() {
    let bench = two().await;
    assert_eq!(bench.put("/data/second/deep/file", "x").await.status, StatusCode::CREATED);
    assert!(bench.folder.path().join("second/file").exists());
    assert!(!bench.store().join("second").exists());
    assert_eq!(bench.get("/data/second/deep/file").await.status, StatusCode::OK);
    assert_eq!(bench.get("/data/second/deep/.portolan/x").await.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.get("/data/file").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn mounts_are_listed_in_folders_that_only_lead_to_them() {
    let bench = two().await;
    let names = bench.door.namespaces();
    let list = async |path: &str| {
        let mut all: Vec<String> =
            names.list(&path.parse().unwrap()).await.unwrap().into_iter().map(|entry| entry.name).collect();
        all.sort();
        all
    };
    bench.put("/data/alone", "x").await;
    bench.put("/data/second/deep/file", "x").await;
    assert_eq!(list("/").await, ["alone", "second"]);
    assert_eq!(list("/second").await, ["deep"]);
    assert_eq!(list("/second/deep").await, ["file"]);
    assert!(names.stat(&"/second".parse().unwrap()).await.unwrap().is_folder());
    // Nothing can be put where no store is.
    assert_eq!(bench.put("/data/second/file", "x").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn mounts_cannot_be_removed() {
    let bench = two().await;
    for path in ["/data/second/deep", "/data/second", "/data/"] {
        let told = bench.ask("DELETE", path, &[], "").await;
        assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::FORBIDDEN, Some("holds-a-namespace")));
    }
}

#[tokio::test]
async fn a_namespace_that_is_gone_does_not_keep_the_port_from_starting() {
    let bench = Bench::with(|settings| {
        settings.namespaces[0].mount = "/former".parse().unwrap();
        settings.die_after = Some(crate::staging::publisher::Step::Durable);
    })
    .await;
    for body in [noise(10), noise(3 << 20)] {
        let told = bench.put(&format!("/data/former/{}", body.len()), body).await;
        assert_eq!(told.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    let bench = bench.again().await;
    assert_eq!(bench.put("/data/file", "x").await.status, StatusCode::CREATED);
}

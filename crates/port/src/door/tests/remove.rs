use super::*;

#[tokio::test]
async fn files_and_whole_folders_go() {
    let bench = Bench::new().await;
    for folder in ["a", "a/b", "a/b/c"] {
        std::fs::create_dir(bench.store().join(folder)).unwrap();
        bench.put(&format!("/data/{folder}/file"), "x").await;
    }
    bench.put("/data/alone", "x").await;
    assert_eq!(bench.ask("DELETE", "/data/alone", &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.ask("DELETE", "/data/alone", &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.ask("DELETE", "/data/a/", &[], "").await.status, StatusCode::NO_CONTENT);
    assert!(!bench.store().join("a").exists());
    assert_eq!(bench.archive.totals().await.unwrap().files, 0);
    assert_eq!(bench.ask("DELETE", "/data/", &[], "").await.status, StatusCode::FORBIDDEN);
    assert!(bench.store().exists());
}

#[tokio::test]
async fn a_link_in_a_removed_folder_goes_without_what_it_points_to() {
    let bench = Bench::new().await;
    let outside = bench.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("kept"), "k").unwrap();
    std::fs::create_dir(bench.store().join("a")).unwrap();
    std::os::unix::fs::symlink(&outside, bench.store().join("a/link")).unwrap();
    assert_eq!(bench.ask("DELETE", "/data/a", &[], "").await.status, StatusCode::NO_CONTENT);
    assert!(outside.join("kept").exists());
}

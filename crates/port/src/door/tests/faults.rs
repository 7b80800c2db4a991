use super::*;
use std::path::Path;
use std::process::Command;

#[tokio::test]
async fn bodies_of_another_length_than_announced_leave_nothing() {
    let bench = Bench::new().await;
    for (announced, length, kind) in [
        ("10", 5, "body-incomplete"),
        ("10", 15, "body-too-long"),
        ("3000000", 2_500_000, "body-incomplete"),
        ("2000000", 2_500_000, "body-too-long"),
    ] {
        let told = bench.ask("PUT", "/data/f", &[("content-length", announced)], noise(length)).await;
        assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::BAD_REQUEST, Some(kind)));
    }
    assert_eq!(bench.stored("f"), None);
    assert!(bench.staged().is_empty());
}

#[tokio::test]
async fn files_beyond_the_limit_are_refused_early_or_when_they_get_there() {
    let bench = Bench::with(|settings| settings.max_file_size_bytes = 1000).await;
    for headers in [&[("content-length", "1001")][..], &[]] {
        let told = bench.ask("PUT", "/data/f", headers, noise(1001)).await;
        assert_eq!(told.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(bench.put("/data/f", noise(1000)).await.status, StatusCode::CREATED);
    assert!(bench.staged().is_empty());
}

/// A small file system, unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `None` where we may not mount.
    fn mount(at: &'a Path) -> Option<Self> {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(at).output().ok()?;
        done.status.success().then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_cleans_up_and_lets_the_next_in() {
    let disk = tempfile::tempdir().unwrap();
    let Some(_mounted) = SmallDisk::mount(disk.path()) else {
        println!("skipped: mounting a tmpfs needs root");
        return;
    };
    let root = disk.path().to_owned();
    std::fs::create_dir(root.join("store")).unwrap();
    let bench = Bench::with(|settings| {
        settings.staging = root.join("staging");
        settings.namespaces[0].root = root.join("store");
    })
    .await;
    // The lock and the two files of the journal stay.
    let left = || std::fs::read_dir(root.join("staging")).unwrap().count() - 3;
    let bytes = noise(12 << 20);
    let announced = bytes.len().to_string();
    // Told beforehand, or found out on the way.
    for headers in [&[("content-length", announced.as_str())][..], &[]] {
        let told = bench.ask("PUT", "/data/big", headers, bytes.clone()).await;
        assert_eq!((told.status.as_u16(), told.json()["kind"].as_str()), (507, Some("storage-full")));
        assert_eq!(left(), 0);
    }
    let told = bench.ask("PUT", "/data/big", &[("upload-complete", "?0")], bytes.clone()).await;
    assert_eq!((told.status.as_u16(), left()), (507, 0));
    assert!(bench.archive.uploads().await.unwrap().is_empty());
    assert_eq!(bench.put("/data/fits", noise(1 << 20)).await.status, StatusCode::CREATED);
    assert!(std::fs::read(root.join("store/fits")).unwrap() == noise(1 << 20));
}

#[tokio::test]
async fn a_request_that_goes_away_leaves_nothing() {
    let bench = Bench::new().await;
    for _ in 0..20 {
        let put = bench.put("/data/gone", noise(3 << 20));
        // Dropped wherever it stands after a few turns.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), put).await;
    }
    // A batch that was being written ends first.
    for _ in 0..200 {
        if bench.staged().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("left in staging: {:?}", bench.staged());
}

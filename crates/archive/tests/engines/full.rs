//! A full disk: told as such, nothing half done, and the archive goes on when there is room again.

use crate::samples::{file, path};
use archive::{Archive, ArchiveError, FileRecord, Location};
use std::process::Command;

const FOLDER: &str = "ARCHIVE_FULL_FOLDER";

/// On a file system of 2 MiB in a mount namespace of its own, which ends with the child: this test program again.
#[test]
fn full_disk_on_sqlite() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root, to mount a small file system");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs -o size=2m none \"$1\" || exit 77; shift; exec \"$@\"", "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "full::full_disk_child", "--nocapture"])
        .env(FOLDER, folder.path())
        .status()
        .unwrap();
    if status.code() == Some(77) {
        println!("skipped: may not mount here");
        return;
    }
    assert!(status.success());
}

#[test]
fn full_disk_child() {
    let Some(folder) = std::env::var_os(FOLDER).map(std::path::PathBuf::from) else { return };
    crate::runtime().block_on(async {
        let ballast = folder.join("ballast");
        std::fs::write(&ballast, vec![1; 256 << 10]).unwrap();
        let archive = Archive::open(&Location::Sqlite(folder.join("archive.sqlite"))).await.unwrap();
        let group =
            |number: u64| -> Vec<FileRecord> { (0..100).map(|at| file(&format!("/{number}/{at}"), 1)).collect() };
        let mut recorded = 0;
        let error = loop {
            match archive.record_files(&group(recorded)).await {
                Ok(()) => recorded += 1,
                Err(error) => break error,
            }
            assert!(recorded < 1_000, "a disk without end");
        };
        assert!(matches!(error, ArchiveError::Full { operation: "record files" }) && error.is_transient(), "{error:?}");
        let again = archive.record_files(&group(recorded)).await;
        assert!(matches!(again, Err(ArchiveError::Full { .. })), "{again:?}");
        assert_eq!(archive.totals().await.unwrap().files, recorded * 100);
        assert_eq!(archive.files_in(&path(&format!("/{recorded}"))).await.unwrap(), []);

        std::fs::remove_file(&ballast).unwrap();
        archive.record_files(&group(recorded)).await.unwrap();
        assert_eq!(archive.totals().await.unwrap().files, (recorded + 1) * 100);
        archive.close().await;
    });
}

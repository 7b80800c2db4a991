//! Disks that run full, and disks whose power is cut.

use crate::needs::lacking;
use crate::run::Run;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A file system in memory; unmounted when dropped.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of this size (`48m`).
    pub fn mount(size: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-disk-").tempdir().unwrap();
        let options = format!("size={size}");
        Run::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).succeed();
        Self { folder }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount_lazily(self.path());
    }
}

/// An ext4 file system in a file, whose power can be cut: what was written and not synced is lost then, as it is when
/// the lights go out, while a killed process loses nothing that it wrote. Unmounted when dropped.
pub struct FrailDisk {
    folder: TempDir,
}

/// Sparse: only what is written takes room.
const FRAIL_DISK_BYTES: u64 = 1 << 30;

/// Ends a mounted ext4 without writing anything any more, its journal included (`EXT4_IOC_SHUTDOWN` with
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`): an ioctl, for which no command is at hand that every Debian has.
const CUT: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

impl FrailDisk {
    /// Makes and mounts one; `None` where there are no loop devices.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("portolan-frail-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mounted")).unwrap();
        let disk = Self { folder };
        File::create(disk.image()).unwrap().set_len(FRAIL_DISK_BYTES).unwrap();
        Run::new("mkfs.ext4").arg("-q").arg(disk.image()).succeed();
        let mounted = Run::new("mount").args(["-o", "loop"]).arg(disk.image()).arg(disk.path()).finish();
        (mounted.code == Some(0) || lacking(&format!("loop devices ({})", mounted.stderr.trim()))).then_some(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Cuts the power: from now on every access is an error, and what was not synced is gone.
    pub fn cut(&self) {
        Run::new("python3").args(["-c", CUT]).arg(self.path()).succeed();
    }

    /// Power is back: mounts it again, which replays the file system's journal. Nobody may have a file open there.
    pub fn restore(&self) {
        Run::new("umount").arg(self.path()).succeed();
        self.wait_until_gone();
        Run::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()).succeed();
    }

    /// Another process may have copied our mounts just now (`ip netns exec` does) and keep this one alive for a while;
    /// mounted before it is gone, the file system would still be the one whose power was cut.
    fn wait_until_gone(&self) {
        let started = Instant::now();
        while !Run::new("losetup").arg("-j").arg(self.image()).succeed().stdout.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(60), "{} is still in use", self.image().display());
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for FrailDisk {
    fn drop(&mut self) {
        unmount_lazily(&self.path());
    }
}

/// Lazily: a process that still has a file open there must not leave the mount behind.
fn unmount_lazily(path: &Path) {
    let _ = Run::new("umount").arg("-l").arg(path).finish();
}

//! The weight of the release: the program on disk, and an idle server in memory.

use crate::stages::Outcome;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A program that a site copies by hand to a hundred hosts.
const BINARY_LIMIT_BYTES: u64 = 40_000_000;
/// A server that may sit beside others on a small host. Counted as the kernel does, with the program's own pages.
const IDLE_LIMIT_BYTES: u64 = 50_000_000;
/// First start: certificates, database, token. Far beyond what it takes, so that a slow machine does not fail here.
const START_LIMIT: Duration = Duration::from_secs(60);
/// After its start a server still opens database connections and sweeps its staging area.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) fn check(root: &Path) -> Outcome {
    let program = root.join("target/release/portolan");
    let binary_bytes = fs::metadata(&program)
        .map_err(|error| format!("{}: {error}; 'cargo build --release' makes it", program.display()))?
        .len();
    println!("program: {:.1} MB of at most {} MB", megabytes(binary_bytes), BINARY_LIMIT_BYTES / 1_000_000);
    let idle_bytes = idle_memory(&program)?;
    println!("idle server: {:.1} MB resident of at most {} MB", megabytes(idle_bytes), IDLE_LIMIT_BYTES / 1_000_000);
    if binary_bytes > BINARY_LIMIT_BYTES {
        return Err("the program is too large: see 'cargo tree' for what came in".to_owned());
    }
    if idle_bytes > IDLE_LIMIT_BYTES {
        return Err("an idle server takes too much memory".to_owned());
    }
    Ok(())
}

fn idle_memory(program: &Path) -> Result<u64, String> {
    let folder = Folder::new()?;
    let ready = folder.0.join("ready");
    let mut server = Server(
        Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.0.join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?,
    );
    let started = Instant::now();
    while !ready.exists() {
        if let Ok(Some(status)) = server.0.try_wait() {
            return Err(format!("the server ended instead of getting ready: {status}"));
        }
        if started.elapsed() > START_LIMIT {
            return Err(format!("the server was not ready after {} s", START_LIMIT.as_secs()));
        }
        sleep(Duration::from_millis(50));
    }
    sleep(SETTLE);
    let status = fs::read_to_string(format!("/proc/{}/status", server.0.id())).map_err(|error| error.to_string())?;
    resident_bytes(&status).ok_or_else(|| "the kernel does not tell VmRSS".to_owned())
}

/// From the text of `/proc/PID/status`, where "kB" means 1024 bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// A server that ends with its owner.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A scratch folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("portolan-size-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernels_kilobytes_are_of_1024() {
        assert_eq!(super::resident_bytes("Name:\tx\nVmRSS:\t   100 kB\nThreads:\t4\n"), Some(102_400));
        assert_eq!(super::resident_bytes("Name:\tx\n"), None);
    }
}

//! A PostgreSQL server of our own: its data and its socket in a folder that goes with it, no TCP port.

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What to say where there is none.
pub(crate) const MISSING: &str = "skipped: needs PostgreSQL server binaries (Debian postgresql-15)";

/// A start takes a second or two; this bounds it on a machine under load.
const START_WAIT: Duration = Duration::from_secs(120);

/// The last clone stops it.
#[derive(Clone)]
pub(crate) struct Server(Arc<Running>);

struct Running {
    binaries: PathBuf,
    folder: TempDir,
    owner: Option<(u32, u32)>,
    process: Mutex<Child>,
}

impl Server {
    /// `None` when the machine has no PostgreSQL.
    pub(crate) fn start() -> Option<Self> {
        let binaries = binaries()?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let owner = other_than_root();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let made = command(&binaries.join("initdb"), folder.path(), owner)
            .args(["--pgdata=data", "--username=portolan", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            .arg("--no-sync")
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let process = Mutex::new(spawn(&binaries, folder.path(), owner));
        let server = Self(Arc::new(Running { binaries, folder, owner, process }));
        server.wait_until_ready();
        Some(server)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://portolan@localhost/{database}?host={}", self.0.folder.path().display())
    }

    /// A program that came with it.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let mut tool = Command::new(self.0.binaries.join(name));
        tool.arg("--host").arg(self.0.folder.path()).args(["--username", "portolan"]);
        tool
    }

    /// Sorted by a locale, where it can be, so that a text that should compare by its bytes but does not is noticed.
    pub(crate) async fn make_database(&self, name: &str) {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let by_locale =
            format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C.UTF-8'");
        if sqlx::raw_sql(AssertSqlSafe(by_locale)).execute(&mut connection).await.is_err() {
            let plain = format!("CREATE DATABASE {name}");
            sqlx::raw_sql(AssertSqlSafe(plain)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    /// Ends it without a checkpoint, as a crash would, and starts it again.
    pub(crate) fn crash_and_restart(&self) {
        {
            let mut process = self.0.process.lock().unwrap();
            stop(&mut process);
            *process = spawn(&self.0.binaries, self.0.folder.path(), self.0.owner);
        }
        self.wait_until_ready();
    }

    /// Runs on a thread of its own, since some callers are inside a runtime already.
    fn wait_until_ready(&self) {
        let url = self.url("postgres");
        let deadline = Instant::now() + START_WAIT;
        let ready = || {
            let connect = async { PgConnection::connect(&url).await?.close().await };
            std::thread::scope(|scope| scope.spawn(|| crate::runtime().block_on(connect)).join().unwrap())
        };
        while let Err(error) = ready() {
            let ended = self.0.process.lock().unwrap().try_wait().unwrap();
            let log = std::fs::read_to_string(self.0.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < deadline, "PostgreSQL does not start: {error}\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        stop(self.process.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// SIGQUIT is PostgreSQL's immediate shutdown.
fn stop(process: &mut Child) {
    let _ = kill_process(Pid::from_child(process), Signal::QUIT);
    let _ = process.wait();
}

fn spawn(binaries: &Path, folder: &Path, owner: Option<(u32, u32)>) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    // Without fsync: what a killed process has written, the kernel still has; and with it, the start after a crash
    // would sync each of the ten thousand files of all databases, for a minute.
    let settings = ["listen_addresses=", "fsync=off", "shared_buffers=16MB", "max_connections=60"];
    command(&binaries.join("postgres"), folder, owner)
        .args(["-D", "data"])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .arg("-c")
        .arg(format!("unix_socket_directories={}", folder.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn command(program: &Path, folder: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

/// PostgreSQL refuses to run as root: then as the user that its package made, or as nobody.
fn other_than_root() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user other than root"))
}

/// Where Debian puts the newest version, else where the search path has it.
fn binaries() -> Option<PathBuf> {
    let version = |folder: &PathBuf| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|entry| entry.path()).collect();
    folders.sort_by_key(version);
    let debian = folders.into_iter().rev().map(|folder| folder.join("bin"));
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let searched: Vec<PathBuf> = std::env::split_paths(&search_path).collect();
    debian.chain(searched).find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

//! `portolan serve` as a process, with everything of it in one scratch folder.

use crate::run::{Run, path};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A first start makes keys and a database; a debug build on a busy machine takes seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How a port is set up. `/open` may be read by anybody, everything else needs a token.
#[derive(Default, Clone)]
pub struct Setup {
    /// Where its data is instead of in the scratch folder.
    pub data_dir: Option<PathBuf>,
    /// Further lines of the section `[listen]`.
    pub listen: String,
    /// Further lines of the section `[limits]`.
    pub limits: String,
    /// Further sections.
    pub sections: String,
}

/// A running port; killed when dropped. Of one whose test failed the end of the log is shown, and the whole is written
/// to the file that `PORTOLAN_KEEP_LOG` names.
pub struct Port {
    child: Child,
    folder: TempDir,
    setup: Setup,
    addresses: Vec<String>,
    /// The administrator's token.
    pub token: String,
}

impl Port {
    /// Starts one and waits until it listens.
    pub fn start() -> Self {
        Self::start_with(Setup::default())
    }

    /// The same with another set-up.
    pub fn start_with(setup: Setup) -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-port-").tempdir().unwrap();
        let data = setup.data_dir.clone().unwrap_or_else(|| folder.path().join("data"));
        fs::create_dir_all(data.join("store")).unwrap();
        fs::create_dir_all(data.join("open")).unwrap();
        let settings = settings(&setup, &data);
        fs::write(folder.path().join("portolan.toml"), settings).unwrap();
        let (child, addresses) = launch(folder.path());
        let token =
            fs::read_to_string(folder.path().join("token")).expect("the administrator's token").trim().to_owned();
        Self { child, folder, setup, addresses, token }
    }

    /// Kills it at once (SIGKILL), as a power cut would.
    pub fn kill(&mut self) {
        // It may have ended before; what counts is that it is gone.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same data, at other addresses.
    pub fn restart(&mut self) {
        let _ = fs::remove_file(self.folder.path().join("ready"));
        (self.child, self.addresses) = launch(self.folder.path());
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The scratch folder, for what a test wants to put beside.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.setup.data_dir.clone().unwrap_or_else(|| self.folder().join("data"))
    }

    /// Where the files of `/` lie.
    pub fn store(&self) -> PathBuf {
        self.data().join("store")
    }

    /// Where the files of `/open` lie.
    pub fn open_store(&self) -> PathBuf {
        self.data().join("open")
    }

    /// How many files wait in the staging area; its lock and its journals are none.
    pub fn staged(&self) -> usize {
        let entries = fs::read_dir(self.data().join("staging")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "lock" && !name.starts_with("journal")).count()
    }

    /// The certificate of its private authority.
    pub fn authority(&self) -> PathBuf {
        self.data().join("tls/ca.pem")
    }

    /// A folder with that certificate under its hashes, as grid tools want it.
    pub fn authorities(&self) -> PathBuf {
        let folder = self.folder().join("authorities");
        crate::authority::hashed_folder(&folder, &self.authority());
        folder
    }

    /// `https://localhost:PORT` and a path.
    pub fn url(&self, path: &str) -> String {
        self.url_by("https", path)
    }

    /// `http://localhost:PORT` and a path, of the listener without TLS.
    pub fn plain_url(&self, path: &str) -> String {
        self.url_by("http", path)
    }

    /// `davs://localhost:PORT` and a path, the grid's spelling of [`Port::url`].
    pub fn davs_url(&self, path: &str) -> String {
        self.url(path).replace("https://", "davs://")
    }

    fn url_by(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://localhost:{}{path}", port_of(&self.addresses, scheme))
    }

    /// Port number of the listener without TLS.
    pub fn plain_port(&self) -> u16 {
        port_of(&self.addresses, "http")
    }

    /// `Authorization: Bearer …`.
    pub fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    /// Our own client, with its authority and token.
    pub fn client(&self) -> Run {
        Run::new(program())
            .within(self.folder())
            .env("BEARER_TOKEN", &self.token)
            .env("SSL_CERT_FILE", self.authority())
    }

    /// Curl, trusting this port and with its token.
    pub fn curl(&self) -> Run {
        Run::new("curl")
            .args(["-sS", "--max-time", "50"])
            .arg("--cacert")
            .arg(self.authority())
            .args(["-H", &self.bearer()])
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- last lines of the port's log\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
            if let Some(file) = std::env::var_os("PORTOLAN_KEEP_LOG") {
                let _ = fs::write(file, log.as_bytes());
            }
        }
    }
}

/// The program under test.
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("PORTOLAN_BIN") {
        return program.into();
    }
    // Tests lie in target/debug/deps, the program one above.
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("portolan");
    assert!(program.is_file(), "{} is not there: 'cargo build' makes it", program.display());
    program
}

fn settings(setup: &Setup, data: &Path) -> String {
    let data = data.display();
    let Setup { listen, limits, sections, .. } = setup;
    format!(
        r#"
[listen]
address = "127.0.0.1:0"
{listen}

[listen.plain]
address = "127.0.0.1:0"

[limits]
{limits}

[[namespace]]
prefix = "/"
store = "{data}/store"
digests = ["adler32", "crc32c", "md5", "sha-256"]

[[namespace]]
prefix = "/open"
store = "{data}/open"
anonymous = "read"

{sections}
"#
    )
}

fn launch(folder: &Path) -> (Child, Vec<String>) {
    let data = fs::read_to_string(folder.join("portolan.toml")).unwrap();
    // The store of `/` lies in the data directory: the settings are where that is known.
    let data = data.lines().find_map(|line| line.strip_prefix("store = \"")?.strip_suffix("/store\"")).unwrap();
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut child = Command::new(program())
        .env_clear()
        .env("PATH", path())
        .env("HOME", folder)
        .arg("serve")
        .arg("--config")
        .arg(folder.join("portolan.toml"))
        .arg("--data-dir")
        .arg(data)
        .arg("--ready-file")
        .arg(folder.join("ready"))
        .arg("--admin-token-file")
        .arg(folder.join("token"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let started = Instant::now();
    loop {
        if let Ok(text) = fs::read(folder.join("ready")) {
            let ready: serde_json::Value = serde_json::from_slice(&text).expect("the ready file is JSON");
            let addresses = ready["addresses"].as_array().expect("addresses in the ready file");
            let addresses = addresses.iter().filter_map(|address| address.as_str().map(str::to_owned)).collect();
            return (child, addresses);
        }
        let ended = child.try_wait().unwrap();
        let late = started.elapsed() > START_LIMIT;
        if ended.is_some() || late {
            let _ = child.kill();
            let _ = child.wait();
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("portolan serve did not get ready ({ended:?}):\n{log}");
        }
        sleep(Duration::from_millis(10));
    }
}

/// The port number in the first address with this scheme.
fn port_of(addresses: &[String], scheme: &str) -> u16 {
    let prefix = format!("{scheme}://");
    let address = addresses.iter().find_map(|address| address.strip_prefix(&prefix));
    let port = address.and_then(|address| address.trim_end_matches('/').rsplit(':').next()?.parse().ok());
    port.unwrap_or_else(|| panic!("no {scheme} among the addresses {addresses:?}"))
}

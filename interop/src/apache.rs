//! Apache with mod_dav, from a private configuration.

use crate::authority::{Authority, give_to};
use crate::http;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running Apache; killed when dropped.
pub struct Apache {
    child: Child,
    folder: TempDir,
    port: u16,
    /// Who vouches for it.
    pub authority: Authority,
}

impl Apache {
    /// Starts one over TLS, with mod_dav at `/data/`.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-apache-").tempdir().unwrap();
        let authority = Authority::make(&folder.path().join("tls"));
        let (certificate, key) = authority.host();
        let path = folder.path().display();
        fs::create_dir_all(folder.path().join("root/data")).unwrap();
        fs::create_dir_all(folder.path().join("locks")).unwrap();
        // Apache drops its rights to this user; the scratch folder is root's alone otherwise.
        let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(folder.path(), open).unwrap();
        give_to("www-data", &folder.path().join("root"));
        give_to("www-data", &folder.path().join("locks"));
        let port = free_port();
        let modules: String = MODULES
            .iter()
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .collect();
        let settings = format!(
            "{modules}ServerRoot {path}\nPidFile {path}/pid\nErrorLog {path}/log\nServerName localhost\n\
             Listen 127.0.0.1:{port}\nUser www-data\nGroup www-data\nDocumentRoot {path}/root\n\
             DavLockDB {path}/locks/db\nSSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}\n\
             <Directory {path}/root>\nDav On\nRequire all granted\n</Directory>\n",
            certificate.display(),
            key.display(),
        );
        fs::write(folder.path().join("apache.conf"), settings).unwrap();
        let child = Command::new("/usr/sbin/apache2")
            .arg("-f")
            .arg(folder.path().join("apache.conf"))
            .arg("-DFOREGROUND")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut apache = Self { child, folder, port, authority };
        let log = apache.folder.path().join("log");
        wait_for(port, &mut apache.child, &log);
        apache
    }

    /// `https://localhost:PORT` and a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files lie.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // Its workers end when the parent is asked; killed outright, it would leave them behind.
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

const MODULES: [&str; 6] = ["mpm_event", "authz_core", "socache_shmcb", "ssl", "dav", "dav_fs"];

/// A port that was free a moment ago. Another program may take it in between; a server that then cannot bind says so.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until something listens there.
pub fn wait_for(port: u16, child: &mut Child, log: &std::path::Path) {
    let started = Instant::now();
    while http::connect(port).is_err() {
        let ended = child.try_wait().unwrap();
        let late = started.elapsed() > Duration::from_secs(30);
        let said = || fs::read_to_string(log).unwrap_or_default();
        assert!(ended.is_none() && !late, "no server on port {port} ({ended:?}):\n{}", said());
        sleep(Duration::from_millis(20));
    }
}

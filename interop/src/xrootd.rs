//! XRootD with HTTPS, from a private configuration, in a network namespace of its own: it listens on every address.

use crate::authority::{Authority, give_to};
use crate::issuer::{Bridge, Issuer};
use crate::netns::Netns;
use crate::run::Run;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// In a namespace of its own, no port is taken.
const PORT: u16 = 11_443;

/// What libcurl believes on Debian.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A running XRootD; killed when dropped.
pub struct Xrootd {
    child: Child,
    netns: Netns,
    folder: TempDir,
    _bridge: Option<Bridge>,
    /// Who vouches for it.
    pub authority: Authority,
}

impl Xrootd {
    /// Starts one that exports `/data` to anybody.
    pub fn start() -> Self {
        Self::launch(None, false)
    }

    /// Starts one that exports `/data` to anybody, and gives macaroons.
    pub fn giving_macaroons() -> Self {
        Self::launch(None, true)
    }

    /// Starts one that exports `/data` to whom this issuer's tokens let.
    pub fn believing(issuer: &Issuer) -> Self {
        Self::launch(Some(issuer), false)
    }

    fn launch(issuer: Option<&Issuer>, macaroons: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-xrootd-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let authority = Authority::make(&folder.path().join("tls"));
        let (certificate, key) = authority.host();
        // It refuses a key that others may read, or that is another user's.
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        fs::create_dir_all(folder.path().join("root/data")).unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let mut settings = format!(
            "all.export /data\noss.localroot {path}/root\nall.adminpath {path}/admin\nall.pidpath {path}/run\n\
             xrd.port 11453\nxrd.tls {} {}\nxrd.tlsca certdir {}\nxrd.protocol XrdHttp:{PORT} libXrdHttp.so\n\
             xrootd.chksum max 2 adler32 crc32 md5\nxrootd.seclib libXrdSec.so\nsec.protocol unix\n",
            certificate.display(),
            key.display(),
            authority.hashed().display(),
        );
        if let Some(issuer) = issuer {
            settings.push_str(&believe(issuer, folder.path()));
        }
        if macaroons {
            Run::new("openssl").args(["rand", "-base64", "-out", &format!("{path}/macaroon.key"), "64"]).succeed();
            settings.push_str(&format!(
                "http.exthandler xrdmacaroons libXrdMacaroons.so\nmacaroons.secretkey {path}/macaroon.key\n\
                 all.sitename testsite\n"
            ));
        }
        fs::write(folder.path().join("xrootd.cfg"), settings).unwrap();
        give_to("xrootd", folder.path());
        let netns = Netns::new();
        let bridge = issuer.map(|issuer| issuer.reachable_in(&netns));
        // Its library for tokens believes the system's authorities alone. `ip netns exec` has given us mounts of our own.
        let authorities = issuer
            .map_or_else(String::new, |_| format!("mount --bind {path}/authorities.pem {SYSTEM_AUTHORITIES} && "));
        let line = format!("{authorities}exec xrootd -l {path}/log -c {path}/xrootd.cfg -R xrootd -n A");
        let child = Command::new(netns.prefix()[0])
            .args(&netns.prefix()[1..])
            .args(["sh", "-c", &line])
            .env("XDG_CACHE_HOME", folder.path().join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut xrootd = Self { child, netns, folder, _bridge: bridge, authority };
        xrootd.wait();
        xrootd
    }

    fn wait(&mut self) {
        let started = Instant::now();
        let probe = |netns: &Netns| {
            let url = format!("http://127.0.0.1:{PORT}/data/");
            netns.run("curl").args(["-s", "-o", "/dev/null", "--max-time", "5", &url]).finish().code == Some(0)
        };
        while !probe(&self.netns) {
            let ended = self.child.try_wait().unwrap();
            let late = started.elapsed() > Duration::from_secs(30);
            assert!(ended.is_none() && !late, "xrootd does not listen ({ended:?}):\n{}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    /// `https://localhost:PORT` and a path, inside its namespace.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{PORT}{path}")
    }

    /// Makes its network this slow: `200mbit`.
    pub fn slow_down(&self, rate: &str) {
        // The burst must hold a whole packet, and loopback's are of 64 KiB.
        let arguments = format!("qdisc add dev lo root tbf rate {rate} burst 200k latency 50ms");
        self.netns.run("tc").args(arguments.split(' ')).succeed();
    }

    /// Bytes that passed its network so far, in both directions.
    pub fn passed_bytes(&self) -> u64 {
        let table = self.netns.run("cat").arg("/proc/net/dev").succeed().text();
        let line = table.lines().find_map(|line| line.trim().strip_prefix("lo:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Where its files lie.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A program inside its namespace.
    pub fn run(&self, program: &str) -> Run {
        self.netns.run(program)
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        // The instance's name becomes a folder of the log's path.
        fs::read_to_string(self.folder.path().join("A/log")).unwrap_or_default()
    }

    /// Our own client, inside its namespace and trusting it.
    pub fn client(&self) -> Run {
        self.netns
            .run(crate::port::program())
            .within(self.folder.path())
            .env("SSL_CERT_FILE", self.authority.certificate())
    }
}

/// The lines that make it believe an issuer, and the files that these speak of. No cache of others is to decide a test.
fn believe(issuer: &Issuer, folder: &Path) -> String {
    fs::create_dir_all(folder.join("cache")).unwrap();
    let mut authorities = fs::read(SYSTEM_AUTHORITIES).unwrap_or_default();
    authorities.extend(fs::read(issuer.authority()).unwrap());
    fs::write(folder.join("authorities.pem"), authorities).unwrap();
    let text = format!(
        "[Global]\naudience = https://wlcg.cern.ch/jwt/v1/any\n\n[Issuer test]\nissuer = {}\nbase_path = /data\n",
        issuer.url()
    );
    fs::write(folder.join("scitokens.cfg"), text).unwrap();
    let path = folder.display();
    format!(
        "ofs.authorize 1\nofs.authlib libXrdAccSciTokens.so config={path}/scitokens.cfg\nscitokens.trace all\nhttp.header2cgi Authorization authz\n"
    )
}

impl Drop for Xrootd {
    fn drop(&mut self) {
        // `ip netns exec` becomes the program that it starts, so this is xrootd's own process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

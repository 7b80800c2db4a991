//! Certificates, proxies and VOMS attributes made by the grid's own tools, shown by curl, openssl, davix and gfal2.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::authority::Authority;
use interop::credentials::{Credential, GRID, vomsdir};
use interop::port::Setup;
use interop::tree::{bytes, sha256};
use interop::{Port, Run, needs};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ALICE: &str = "/DC=org/DC=example/CN=Alice";

/// A port, an authority that it trusts, a server of `testvo`, and Alice, who may do all with files and see tokens. Members
/// of `testvo` in production may write below `/vo`.
struct World {
    port: Port,
    authority: Authority,
    server: Credential,
    alice: Credential,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::with("")
    }

    fn with(lines: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-certificates-").tempdir().unwrap();
        let authority = Authority::make(&folder.path().join("authority"));
        authority.publish_policy("/DC=org/DC=example/*");
        let server = authority.issue("voms", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n");
        let vomsdir = vomsdir(folder.path(), "/DC=org/DC=example/CN=voms");
        let alice = authority.user("Alice");
        let sections = format!(
            r#"
[certificates]
authorities = "{}"
vomsdir = "{}"
check_interval = "1 s"
{lines}

[[rule]]
name = "alice"
verbs = ["list", "stat", "read", "create", "modify", "delete", "list-tokens"]
paths = ["/"]
to = ["user:{ALICE}"]

[[rule]]
name = "production"
verbs = ["list", "stat", "read", "create", "modify", "delete"]
paths = ["/vo"]
to = ["group:/testvo/Role=production"]
"#,
            authority.hashed().display(),
            vomsdir.display()
        );
        let port = Port::start_with(Setup { sections, ..Setup::default() });
        fs::create_dir_all(port.store().join("vo")).unwrap();
        fs::write(port.folder().join("file"), "some bytes").unwrap();
        Self { port, authority, server, alice, folder }
    }

    fn curl(&self, credential: &Credential) -> Run {
        Run::new("curl")
            .args(["-sS", "--max-time", "50", "--cacert"])
            .arg(self.port.authority())
            .args(["--cert".as_ref(), credential.certificate.as_os_str()])
            .args(["--key".as_ref(), credential.key.as_os_str()])
    }

    /// Status and body of a PUT.
    fn put(&self, credential: &Credential, path: &str) -> (String, String) {
        told(self.curl(credential).arg("-T").arg(self.port.folder().join("file")).arg(self.port.url(path)))
    }

    /// Status and body of a GET of an address where only the known may read.
    fn get(&self, credential: &Credential, path: &str) -> (String, String) {
        told(self.curl(credential).arg(self.port.url(path)))
    }

    /// The sentence with which this credential is refused.
    #[track_caller]
    fn refused(&self, credential: &Credential) -> String {
        let (status, body) = self.get(credential, "/data/vo/");
        assert_eq!(status, "401", "{body}");
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!(problem["kind"], "certificate-refused", "{body}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

fn told(run: Run) -> (String, String) {
    let text = run.args(["-w", "\n%{http_code}"]).succeed().text();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn curl_shows_certificates_and_proxies_of_all_sorts() {
    if !needs(GRID) {
        return;
    }
    let world = World::new();
    let authority = &world.authority;
    let proxy = world.alice.proxy(authority, &["-rfc"]);
    let chains = [
        ("certificate", world.alice.clone()),
        ("limited", world.alice.proxy(authority, &["-rfc", "-limited"])),
        ("of-proxy", proxy.proxy(authority, &["-rfc"])),
        ("last", world.alice.last_proxy(ALICE)),
        ("voms", world.alice.voms_proxy(authority, &world.server, &["/testvo/Role=NULL/Capability=NULL"], &[])),
        ("proxy", proxy),
    ];
    for (name, credential) in chains {
        let (status, body) = world.put(&credential, &format!("/data/{name}"));
        assert_eq!(status, "201", "{name}: {body}");
        assert_eq!(fs::read(world.port.store().join(name)).unwrap(), b"some bytes");
        let older = world.curl(&credential).args(["--tls-max", "1.2", "--http1.1"]);
        let (status, body) = told(older.arg(world.port.url(&format!("/data/{name}"))));
        assert_eq!((status.as_str(), body.as_str()), ("200", "some bytes"), "{name} by TLS 1.2");
    }
    // Nobody in particular, over the same listener.
    let stranger = Run::new("curl").args(["-sS", "--cacert"]).arg(world.port.authority());
    assert_eq!(told(stranger.arg(world.port.url("/data/proxy"))).0, "401");
}

#[test]
fn a_limited_proxy_administers_nothing() {
    if !needs(GRID) {
        return;
    }
    let world = World::new();
    let full = world.alice.proxy(&world.authority, &["-rfc"]);
    let limited = world.alice.proxy(&world.authority, &["-rfc", "-limited"]);
    assert_eq!(world.get(&full, "/api/v1/tokens").0, "200");
    let (status, body) = world.get(&limited, "/api/v1/tokens");
    assert!(status == "403" && body.contains("limited proxy"), "{status} {body}");
}

#[test]
fn roles_in_an_organisation_open_what_a_certificate_alone_does_not() {
    if !needs(GRID) {
        return;
    }
    let world = World::new();
    let authority = &world.authority;
    let bob = authority.user("Bob");
    let member = "/testvo/Role=NULL/Capability=NULL";
    let production = "/testvo/Role=production/Capability=NULL";
    let other = "/othervo/Role=production/Capability=NULL";
    assert_eq!(world.put(&bob.proxy(authority, &["-rfc"]), "/data/vo/a").0, "403");
    assert_eq!(world.put(&bob.voms_proxy(authority, &world.server, &[member], &[]), "/data/vo/b").0, "403");
    let good = bob.voms_proxy(authority, &world.server, &[member, production], &[]);
    assert_eq!(world.put(&good, "/data/vo/c").0, "201");
    assert_eq!(world.put(&good, "/data/d").0, "403", "only below /vo");
    assert_eq!(world.put(&good.proxy(authority, &["-rfc"]), "/data/vo/e").0, "201", "by a proxy of it too");
    // The same signed by a host of the same authority that is no server of the organisation.
    let liar = authority.issue("web", "extendedKeyUsage=serverAuth,clientAuth\n");
    let forged = bob.voms_proxy(authority, &liar, &[member, production], &[]);
    assert_eq!(world.put(&forged, "/data/vo/f").0, "403");
    assert!(world.port.log().contains("no .lsc file of the organisation names /DC=org/DC=example/CN=web"));
    // A server that hands out groups of another organisation: all of its attributes are left aside.
    let foreign = bob.voms_proxy(authority, &world.server, &[member, production, other], &[]);
    assert_eq!(world.put(&foreign, "/data/vo/g").0, "403");
}

#[test]
fn each_wrong_chain_is_refused_with_its_sentence() {
    if !needs(GRID) {
        return;
    }
    let world = World::new();
    let authority = &world.authority;
    let expired = authority.expired_user("Erin");
    let expected = "The certificate /DC=org/DC=example/CN=Erin ended on 2021-01-01T00:00:00Z.";
    assert_eq!(world.refused(&expired), expected);

    let proxy = world.alice.proxy(authority, &["-rfc"]);
    let told = world.refused(&proxy.tampered());
    let expected = format!("The certificate {ALICE} was not signed by /DC=org/DC=example/CN=Test-CA, which it names");
    assert!(told.starts_with(&expected), "{told}");

    let foreign = Authority::make(&world.folder.path().join("foreign"));
    let told = world.refused(&foreign.user("Alice"));
    assert!(told.starts_with(&expected), "an authority of the same name and another key: {told}");

    let last = world.alice.last_proxy(ALICE);
    let told = world.refused(&last.proxy(authority, &["-rfc"]));
    assert!(told.ends_with(&format!("{ALICE}/CN=4711 lets 0 proxies follow it.")), "{told}");

    let legacy = world.alice.proxy(authority, &["-old"]);
    let told = world.refused(&legacy);
    assert!(told.contains("is a legacy Globus proxy"), "{told}");

    let independent = world.alice.proxy(authority, &["-rfc", "-independent"]);
    let (status, body) = world.get(&independent, "/data/vo/");
    assert_eq!(status, "403", "it is somebody else, whom nobody gave rights: {body}");
}

#[test]
fn lists_and_policies_are_in_force_on_open_connections() {
    if !needs(GRID) {
        return;
    }
    let world = World::new();
    let proxy = world.alice.proxy(&world.authority, &["-rfc"]);
    let mut connection = Connection::open(&world.port, &world.port.authority(), &proxy);
    assert_eq!(connection.ask("/data/vo/").0, 200);
    world.authority.publish_policy("/DC=org/DC=elsewhere/*");
    let expected = format!("The signing policy of /DC=org/DC=example/CN=Test-CA does not let it vouch for {ALICE}.");
    assert!(connection.until(401).contains(&expected));
    world.authority.publish_policy("/DC=org/DC=example/*");
    connection.until(200);
    world.authority.publish_list();
    assert_eq!(connection.ask("/data/vo/").0, 200);
    world.authority.revoke(&world.alice);
    let expected = format!("The certificate {ALICE} was revoked by /DC=org/DC=example/CN=Test-CA.");
    assert!(connection.until(401).contains(&expected));
    assert_eq!(world.refused(&proxy), expected);
    // A directory that breaks changes nothing.
    let certificate = world.authority.hashed();
    let first = fs::read_dir(&certificate).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    first
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "0"))
        .for_each(|path| fs::remove_file(path).unwrap());
    await_log(&world.port, "the former authorities stay in force");
    assert_eq!(connection.ask("/data/vo/").0, 401);
}

/// One connection of `openssl s_client`, held open.
struct Connection {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Connection {
    fn open(port: &Port, authority: &Path, credential: &Credential) -> Self {
        let address = port.url("").replace("https://", "");
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-verify_quiet", "-no_ign_eof", "-connect", &address, "-CAfile"])
            .arg(authority)
            .args(["-cert".as_ref(), credential.certificate.as_os_str()])
            .args(["-cert_chain".as_ref(), credential.certificate.as_os_str()])
            .args(["-key".as_ref(), credential.key.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn ask(&mut self, path: &str) -> (u16, String) {
        write!(self.input, "PROPFIND {path} HTTP/1.1\r\nHost: localhost\r\nDepth: 0\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        self.input.flush().unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the connection was closed");
            let lower = line.trim().to_ascii_lowercase();
            if let Some(code) = lower.strip_prefix("http/1.1 ") {
                status = if code.starts_with("207") { 200 } else { code[..3].parse().unwrap() };
            }
            if let Some(count) = lower.strip_prefix("content-length:") {
                length = count.trim().parse().unwrap();
            }
            if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Asks until the answer has this status, over the one connection.
    fn until(&mut self, wanted: u16) -> String {
        let started = Instant::now();
        loop {
            let (status, body) = self.ask("/data/vo/");
            if status == wanted {
                return body;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "still {status}: {body}");
            sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn await_log(port: &Port, words: &str) {
    let started = Instant::now();
    while !port.log().contains(words) {
        assert!(started.elapsed() < Duration::from_secs(30), "'{words}' never came to the log");
        sleep(Duration::from_millis(100));
    }
}

/// Gives a file of 1.2 MB, and where to fetch it to.
fn local(world: &World) -> (std::path::PathBuf, Vec<u8>, std::path::PathBuf) {
    let (file, back) = (world.folder.path().join("large"), world.folder.path().join("back"));
    let content = bytes(5, 1_234_567);
    fs::write(&file, &content).unwrap();
    (file, content, back)
}

fn same(path: &Path, content: &[u8]) {
    assert_eq!(sha256(&fs::read(path).unwrap()), sha256(content));
}

#[test]
fn davix_puts_and_gets_with_a_proxy() {
    if !needs(GRID) || !needs(&[("davix-put", "davix")]) {
        return;
    }
    let world = World::new();
    let proxy = world.alice.proxy(&world.authority, &["-rfc"]);
    let (file, content, back) = local(&world);
    let davix = |tool: &str| {
        Run::new(format!("davix-{tool}"))
            .within(world.folder.path())
            .arg("--capath")
            .arg(world.port.authorities())
            .args(["-P", "Grid"])
            .env("X509_USER_PROXY", &proxy.certificate)
    };
    davix("put").arg(&file).arg(world.port.url("/data/large")).succeed();
    same(&world.port.store().join("large"), &content);
    davix("get").arg(world.port.url("/data/large")).arg(&back).succeed();
    same(&back, &content);
}

#[test]
fn gfal_copies_with_a_proxy_and_with_a_role() {
    const GFAL: &[(&str, &str)] = &[("gfal-copy", "gfal2-util-scripts")];
    if !needs(GRID) || !needs(GFAL) {
        return;
    }
    let world = World::new();
    let bob = world.authority.user("Bob");
    let production = ["/testvo/Role=NULL/Capability=NULL", "/testvo/Role=production/Capability=NULL"];
    let proxies = [
        ("large", world.alice.proxy(&world.authority, &["-rfc"])),
        ("vo/large", bob.voms_proxy(&world.authority, &world.server, &production, &[])),
    ];
    let (file, content, back) = local(&world);
    for (path, proxy) in proxies {
        let gfal = |tool: &str| {
            Run::new(format!("gfal-{tool}"))
                .within(world.folder.path())
                .env("GFAL_PYTHONBIN", "/usr/bin/python3")
                .env("X509_CERT_DIR", world.port.authorities())
                .env("X509_USER_PROXY", &proxy.certificate)
        };
        let remote = world.port.davs_url(&format!("/data/{path}"));
        let local = format!("file://{}", file.display());
        gfal("copy").args(["-f", "-K", "ADLER32", &local, &remote]).succeed();
        same(&world.port.store().join(path), &content);
        gfal("copy").args(["-f", "-K", "ADLER32", &remote, &format!("file://{}", back.display())]).succeed();
        same(&back, &content);
        gfal("rm").arg(&remote).succeed();
    }
}

#[test]
fn our_own_client_shows_a_proxy() {
    if !needs(GRID) {
        return;
    }
    let world = World::new();
    let proxy = world.alice.proxy(&world.authority, &["-rfc"]);
    let (file, content, back) = local(&world);
    let url = world.port.url("/data/large");
    let client = || world.port.client().env("BEARER_TOKEN", "").args(["cp", "--cacert"]).arg(world.port.authority());
    client().env("X509_USER_PROXY", &proxy.certificate).arg(&file).arg(&url).succeed();
    same(&world.port.store().join("large"), &content);
    let credential = &world.alice;
    client()
        .args(["--cert".as_ref(), credential.certificate.as_os_str(), "--key".as_ref(), credential.key.as_os_str()])
        .arg(&url)
        .arg(&back)
        .succeed();
    same(&back, &content);
    let without = client().arg(&url).arg(&back).finish();
    assert_ne!(without.code, Some(0), "{without}");
}

/// The host's own certificate follows its file, and open connections stay.
#[test]
fn the_certificate_of_the_host_is_replaced() {
    if !needs(GRID) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::make(folder.path());
    let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
    let (first, second) = (authority.issue("localhost", extensions), authority.issue_for("other", extensions, 60));
    let listen = format!("certificate = \"{}\"\nkey = \"{}\"\n", first.certificate.display(), first.key.display());
    let sections = "[certificates]\ncheck_interval = \"1 s\"\n".to_owned();
    let port = Port::start_with(Setup { listen, sections, ..Setup::default() });
    let mut connection = Connection::open(&port, &authority.certificate(), &second);
    assert_eq!(connection.ask("/data/").0, 401);
    let expiry = || {
        let page = Run::new("curl").args(["-sS", "-H", &port.bearer(), &port.plain_url("/metrics")]).succeed().text();
        let line = page.lines().find(|line| line.starts_with("portolan_certificate_expiry_timestamp_seconds"));
        line.unwrap().to_owned()
    };
    let subject = || {
        let address = port.url("").replace("https://", "");
        let shown = Run::new("openssl").args(["s_client", "-connect", &address]).finish().text();
        shown.lines().find(|line| line.starts_with("subject=")).unwrap().to_owned()
    };
    let before = expiry();
    assert!(subject().ends_with("CN = localhost"), "{}", subject());
    // The certificate first: as long as the key is another's, the former is shown on.
    fs::copy(&second.certificate, &first.certificate).unwrap();
    await_log(&port, "the former certificate of this host is shown on");
    assert!(subject().ends_with("CN = localhost"));
    fs::copy(&second.key, &first.key).unwrap();
    await_log(&port, "files have changed: the certificate of this host");
    assert!(subject().ends_with("CN = other"), "{}", subject());
    assert_ne!(expiry(), before, "the metric follows");
    assert_eq!(connection.ask("/data/").0, 401, "the old connection goes on");
}

/// A list that is out of date closes its authority, and only warns where the settings say so.
#[test]
fn a_list_out_of_date() {
    if !needs(GRID) {
        return;
    }
    for (lines, status) in [("", "401"), ("revocation = \"warn\"", "200")] {
        let world = World::with(lines);
        assert_eq!(world.get(&world.alice, "/data/vo/").0, "200");
        world.authority.publish_old_list();
        await_log(&world.port, "files have changed");
        let (code, body) = world.get(&world.alice, "/data/vo/");
        assert_eq!(code, status, "{body}");
        let expected = "ended on 2021-01-01T00:00:00Z";
        assert!(if status == "401" { body.contains(expected) } else { world.port.log().contains(expected) });
    }
}

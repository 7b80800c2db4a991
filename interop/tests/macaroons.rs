//! Macaroons among foreign programs: curl asks for them, pymacaroons and libmacaroons narrow them, davix and gfal2 use
//! them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::authority::Authority;
use interop::credentials::{Credential, GRID};
use interop::needs::needs_root;
use interop::port::Setup;
use interop::python::python;
use interop::tree::{bytes, sha256};
use interop::xrootd::Xrootd;
use interop::{Finished, Port, Run, needs};
use std::fs;
use std::path::Path;

const CURL: &[(&str, &str)] = &[("curl", "curl")];
const DAVIX: &[(&str, &str)] = &[("davix-get", "davix"), ("openssl", "openssl"), ("curl", "curl")];
const XROOTD: &[(&str, &str)] = &[("xrootd", "xrootd-server"), ("openssl", "openssl"), ("ip", "iproute2")];
const GFAL: &[(&str, &str)] = &[("gfal-copy", "gfal2-util-scripts"), ("openssl", "openssl"), ("curl", "curl")];

/// What gfal2 itself would ask for, to read and to write.
const READ: &str = "activity:LIST,DOWNLOAD";
const WRITE: &str = "activity:LIST,DOWNLOAD,MANAGE,UPLOAD,DELETE";

/// Asks for one with curl, as people do.
fn mint(port: &Port, path: &str, caveats: &[&str]) -> String {
    let body = serde_json::json!({ "caveats": caveats, "validity": "PT60M" }).to_string();
    let answer = port
        .curl()
        .args(["-f", "-X", "POST", "-H", "Content-Type: application/macaroon-request", "-d", &body])
        .arg(port.url(path))
        .succeed();
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    answer["macaroon"].as_str().unwrap().to_owned()
}

/// Curl without the administrator's token, with this one.
fn curl(port: &Port, macaroon: &str) -> Run {
    let bearer = format!("Authorization: Bearer {macaroon}");
    Run::new("curl").args(["-sS", "--max-time", "50", "--cacert"]).arg(port.authority()).args(["-H", &bearer])
}

/// Status of a request of curl.
fn status(run: Run) -> String {
    run.args(["-o", "/dev/null", "-w", "%{http_code}"]).succeed().text()
}

/// A file in folders that are made for it.
fn put(port: &Port, path: &str, content: &[u8]) {
    let folder = Path::new(path.trim_start_matches("/data/")).parent().unwrap();
    fs::create_dir_all(port.store().join(folder)).unwrap();
    let status = status(port.curl().args(["-T", "-"]).input(content).arg(port.url(path)));
    assert!(status.starts_with('2'), "{status}");
}

fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

#[test]
fn curl_asks_for_one_and_uses_it_in_header_and_query() {
    if !needs(CURL) {
        return;
    }
    let sections = "[sign_in]\nquery_tokens = true\n".to_owned();
    let port = Port::start_with(Setup { sections, ..Setup::default() });
    put(&port, "/data/night/f", b"some bytes");
    let macaroon = mint(&port, "/data/night", &[READ]);
    let url = port.url("/data/night/f");
    assert_eq!(curl(&port, &macaroon).arg(&url).succeed().text(), "some bytes");
    let query = format!("{url}?authz={macaroon}");
    let anonymous = || Run::new("curl").args(["-sS", "--cacert"]).arg(port.authority());
    assert_eq!(anonymous().arg(&query).succeed().text(), "some bytes");
    assert_eq!(status(anonymous().arg(&url)), "401");
    assert_eq!(status(curl(&port, &macaroon).args(["-T", "-"]).input("x").arg(port.url("/data/night/g"))), "403");
    assert_eq!(status(curl(&port, &macaroon).arg(port.url("/data/other"))), "403");

    // dCache's guide asks without any body.
    let bare = port.curl().args(["-X", "POST", "-H", "Content-Type: application/macaroon-request"]);
    assert_eq!(status(bare.arg(port.url("/data/night/"))), "200");
    // And never without TLS.
    let plain = port.curl().args(["-X", "POST", "-H", "Content-Type: application/macaroon-request"]);
    assert_eq!(status(plain.arg(port.plain_url("/data/night/"))), "400");
}

/// Our own client asks in words that others know too.
#[test]
fn our_client_asks_for_one() {
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    put(&port, "/data/night/f", b"some bytes");
    let request = |more: &[&str]| port.client().args(["token", "request", &port.url("/data/night")]).args(more);
    let macaroon = request(&["--expires", "30 min"]).succeed().text();
    let get = |macaroon: &str| status(curl(&port, macaroon.trim()).arg(port.url("/data/night/f")));
    assert_eq!(get(&macaroon), "200");
    assert_eq!(status(curl(&port, macaroon.trim()).args(["-X", "DELETE"]).arg(port.url("/data/night/f"))), "403");
    let told = request(&["--json", "--allow", "read", "--caveat", "ip:192.0.2.1"]).succeed();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert!(told["expires_in"].as_u64().unwrap() <= 3600);
    assert_eq!(get(told["macaroon"].as_str().unwrap()), "401");
    let refused = request(&["--caveat", "colour:red"]).finish();
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(refused.stderr.contains("colour:red"), "{refused}");
    let anonymous = request(&[]).env("BEARER_TOKEN", "").finish();
    assert_eq!(anonymous.code, Some(4), "{anonymous}");
}

/// And XRootD understands it.
#[test]
fn our_client_asks_xrootd_for_one() {
    let Some(python) = python(&["pymacaroons"]).filter(|_| needs(XROOTD) && needs_root()) else { return };
    let xrootd = Xrootd::giving_macaroons();
    let asked = xrootd.client().args(["token", "request", &xrootd.url("/data/"), "--expires", "10 min"]).succeed();
    let inspect = "import sys; from pymacaroons import Macaroon; print(Macaroon.deserialize(sys.argv[1]).inspect())";
    let told = Run::new(python).args(["-c", inspect, asked.text().trim()]).succeed().text();
    assert!(told.contains("location testsite"), "{told}");
    assert!(told.contains("cid activity:LIST,READ_METADATA,DOWNLOAD\n") && told.contains("cid before:20"), "{told}");
}

#[test]
fn curl_finds_the_token_endpoint_and_asks_it() {
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    put(&port, "/data/night/f", b"some bytes");
    let found = port.curl().arg(port.url("/.well-known/oauth-authorization-server")).succeed();
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let endpoint = found["token_endpoint"].as_str().unwrap();
    for scope in ["scopes=LIST:/data/night DOWNLOAD:/data/night", "scope=storage.read:/night"] {
        let given = port
            .curl()
            .args(["-f", "-d", "grant_type=client_credentials&expire_in=600", "--data-urlencode", scope, endpoint])
            .succeed();
        let given: serde_json::Value = serde_json::from_slice(&given.stdout).unwrap();
        let token = given["access_token"].as_str().unwrap();
        assert_eq!(curl(&port, token).arg(port.url("/data/night/f")).succeed().text(), "some bytes");
        assert_eq!(status(curl(&port, token).arg(port.url("/data/other"))), "403");
    }
}

#[test]
fn the_operator_takes_all_of_them_back() {
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    put(&port, "/data/night/f", b"some bytes");
    let macaroon = mint(&port, "/data/night", &[READ]);
    let get = |macaroon: &str| status(curl(&port, macaroon).arg(port.url("/data/night/f")));
    assert_eq!(get(&macaroon), "200");
    port.client().args(["token", "forget-macaroons", "--data-dir"]).arg(port.data()).succeed();
    // Within 5 seconds, it says.
    while get(&macaroon) != "401" {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(get(&mint(&port, "/data/night", &[READ])), "200");
}

/// Adds caveats offline, as any holder can.
const PYMACAROONS: &str = "
import sys
from pymacaroons import Macaroon
macaroon = Macaroon.deserialize(sys.argv[1])
for caveat in sys.argv[2:]:
    macaroon.add_first_party_caveat(caveat)
print(macaroon.serialize())
";

/// The same by the library in C, which XRootD uses.
const LIBMACAROONS: &str = "
import ctypes, sys
library = ctypes.CDLL('libmacaroons.so.0')
pointer, size, error = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int(0)
for name in ('macaroon_deserialize', 'macaroon_add_first_party_caveat'):
    getattr(library, name).restype = pointer
library.macaroon_serialize_size_hint.restype = size
macaroon = library.macaroon_deserialize(sys.argv[1].encode(), ctypes.byref(error))
assert macaroon, error.value
for caveat in sys.argv[2:]:
    caveat = caveat.encode()
    macaroon = library.macaroon_add_first_party_caveat(pointer(macaroon), caveat, size(len(caveat)), ctypes.byref(error))
    assert macaroon, error.value
room = library.macaroon_serialize_size_hint(pointer(macaroon)) + 1
text = ctypes.create_string_buffer(room)
assert library.macaroon_serialize(pointer(macaroon), text, size(room), ctypes.byref(error)) == 0, error.value
print(text.value.decode())
";

/// What each does with a macaroon for a folder that allows to list, to read and to put.
fn narrowed_by(narrow: impl Fn(&str, &[&str]) -> Finished) {
    let port = Port::start();
    put(&port, "/data/night/f", b"some bytes");
    put(&port, "/data/night/deep/f", b"other bytes");
    let whole = mint(&port, "/data/night", &["activity:LIST,DOWNLOAD,UPLOAD"]);
    let get = |macaroon: &str, path: &str| status(curl(&port, macaroon).arg(port.url(path)));
    let narrower = |caveats: &[&str]| narrow(&whole, caveats).text().trim().to_owned();

    let same = narrower(&[]);
    assert_eq!(get(&same, "/data/night/f"), "200");
    let deep = narrower(&["path:/night/deep", "activity:DOWNLOAD"]);
    assert_eq!(get(&deep, "/data/night/deep/f"), "200");
    assert_eq!(get(&deep, "/data/night/f"), "403");
    assert_eq!(status(curl(&port, &deep).args(["-T", "-"]).input("x").arg(port.url("/data/night/deep/g"))), "403");
    assert_eq!(get(&narrower(&["ip:127.0.0.0/8,::1"]), "/data/night/f"), "200");
    assert_eq!(get(&narrower(&["ip:192.0.2.0/24"]), "/data/night/f"), "401");
    assert_eq!(get(&narrower(&["before:2099-01-01T00:00:00Z"]), "/data/night/f"), "200");
    assert_eq!(get(&narrower(&["before:2020-01-01T00:00:00Z"]), "/data/night/f"), "401");
    assert_eq!(get(&narrower(&["a caveat of somebody else"]), "/data/night/f"), "401");
    let wider = narrower(&["path:/", "activity:DOWNLOAD,LIST,UPLOAD,DELETE,MANAGE"]);
    assert_eq!(get(&wider, "/data/night/f"), "200");
    assert_eq!(status(curl(&port, &wider).args(["-X", "DELETE"]).arg(port.url("/data/night/f"))), "403");
}

#[test]
fn pymacaroons_narrows_ours() {
    let Some(python) = python(&["pymacaroons"]).filter(|_| needs(CURL)) else { return };
    narrowed_by(|macaroon, caveats| Run::new(&python).args(["-c", PYMACAROONS, macaroon]).args(caveats).succeed());
}

#[test]
fn libmacaroons_narrows_ours() {
    if !needs(&[("python3", "python3"), ("curl", "curl")]) || !has_library() {
        return;
    }
    narrowed_by(|macaroon, caveats| {
        Run::new("/usr/bin/python3").args(["-c", LIBMACAROONS, macaroon]).args(caveats).succeed()
    });
}

fn has_library() -> bool {
    let loads = Run::new("/usr/bin/python3").args(["-c", "import ctypes; ctypes.CDLL('libmacaroons.so.0')"]).finish();
    loads.code == Some(0) || interop::needs::lacking("libmacaroons (Debian package libmacaroons0)")
}

/// With the key from the archive, pymacaroons verifies what we made, and does not with another.
#[test]
fn pymacaroons_verifies_ours() {
    let Some(python) = python(&["pymacaroons"]).filter(|_| needs(&[("curl", "curl"), ("sqlite3", "sqlite3")])) else {
        return;
    };
    let port = Port::start();
    let macaroon = mint(&port, "/data/night", &[READ]);
    let query = "SELECT hex(secret) FROM secrets WHERE purpose = 'macaroon'";
    let key = Run::new("sqlite3").arg("-readonly").arg(port.data().join("archive.sqlite")).arg(query).succeed().text();
    let verify = "
import sys
from pymacaroons import Macaroon, Verifier
verifier = Verifier()
verifier.satisfy_general(lambda caveat: caveat.startswith(('before:', 'path:/night', 'activity:')))
print(verifier.verify(Macaroon.deserialize(sys.argv[1]), bytes.fromhex(sys.argv[2])))
";
    let run = |key: &str| Run::new(&python).args(["-c", verify, &macaroon, key]).finish();
    assert_eq!(run(key.trim()).text().trim(), "True");
    assert_ne!(run(&"00".repeat(32)).code, Some(0));
}

#[test]
fn davix_uses_one() {
    if !needs(DAVIX) {
        return;
    }
    let port = Port::start();
    put(&port, "/data/night/f", b"some bytes");
    let davix = |tool: &str, macaroon: &str| {
        let bearer = format!("Authorization: Bearer {macaroon}");
        Run::new(format!("davix-{tool}"))
            .within(port.folder())
            .arg("--capath")
            .arg(port.authorities())
            .args(["-H", &bearer])
    };
    let (read, write) = (mint(&port, "/data/night", &[READ]), mint(&port, "/data/night", &[WRITE]));
    let back = port.folder().join("back");
    davix("get", &read).arg(port.url("/data/night/f")).arg(&back).succeed();
    assert_eq!(fs::read(&back).unwrap(), b"some bytes");
    assert!(davix("ls", &read).arg(port.url("/data/night")).succeed().text().contains('f'));
    let local = file(port.folder(), "local", &bytes(1, 100_000));
    let refused = davix("put", &read).args([&local, &port.url("/data/night/g")]).finish();
    assert_ne!(refused.code, Some(0), "{refused}");
    davix("put", &write).args([&local, &port.url("/data/night/g")]).succeed();
    assert_eq!(sha256(&fs::read(port.store().join("night/g")).unwrap()), sha256(&bytes(1, 100_000)));
    davix("rm", &write).arg(port.url("/data/night/g")).succeed();
    let outside = davix("put", &write).args([&local, &port.url("/data/nightly")]).finish();
    assert_ne!(outside.code, Some(0), "{outside}");
    assert!(!port.store().join("nightly").exists());
}

#[test]
fn gfal_copies_both_ways_with_one() {
    if !needs(GFAL) {
        return;
    }
    let port = Port::start();
    put(&port, "/data/night/f", b"some bytes");
    let gfal = |tool: &str, macaroon: &str| {
        Run::new(format!("gfal-{tool}"))
            .within(port.folder())
            .env("GFAL_PYTHONBIN", "/usr/bin/python3")
            .env("X509_CERT_DIR", port.authorities())
            .env("BEARER_TOKEN", macaroon)
    };
    let (read, write) = (mint(&port, "/data/night", &[READ]), mint(&port, "/data/night", &[WRITE]));
    let content = bytes(2, 200_003);
    let local = format!("file://{}", file(port.folder(), "local", &content));
    let remote = port.davs_url("/data/night/g");
    let refused = gfal("copy", &read).args([&local, &remote]).finish();
    assert_ne!(refused.code, Some(0), "{refused}");
    gfal("copy", &write).args(["-K", "ADLER32", &local, &remote]).succeed();
    assert_eq!(sha256(&fs::read(port.store().join("night/g")).unwrap()), sha256(&content));
    let back = port.folder().join("back");
    gfal("copy", &read).args(["-K", "ADLER32", &remote, &format!("file://{}", back.display())]).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    gfal("mkdir", &write).arg(port.davs_url("/data/night/deep")).succeed();
    gfal("copy", &write).args(["-f", &local, &remote]).succeed();
    gfal("rename", &write).args([&remote, &port.davs_url("/data/night/deep/g")]).succeed();
    gfal("rm", &write).arg(port.davs_url("/data/night/deep/g")).succeed();
    let outside = gfal("ls", &write).arg(port.davs_url("/data/")).finish();
    assert_ne!(outside.code, Some(0), "{outside}");
}

/// A port that knows Alice by her certificate and lets her write below `/alice`, and a proxy of hers.
fn alice(folder: &Path) -> (Port, Credential) {
    let authority = Authority::make(&folder.join("authority"));
    let proxy = authority.user("Alice").proxy(&authority, &["-rfc"]);
    let sections = format!(
        r#"
[certificates]
authorities = "{}"

[[rule]]
name = "alice"
verbs = ["list", "stat", "read", "create", "modify", "delete"]
paths = ["/alice"]
to = ["user:/DC=org/DC=example/CN=Alice"]
"#,
        authority.hashed().display()
    );
    let port = Port::start_with(Setup { sections, ..Setup::default() });
    fs::create_dir_all(port.store().join("alice/deep")).unwrap();
    fs::write(port.store().join("alice/f"), "some bytes").unwrap();
    (port, proxy)
}

fn gfal_of(port: &Port, proxy: &Credential, tool: &str) -> Run {
    Run::new(format!("gfal-{tool}"))
        .within(port.folder())
        .env("GFAL_PYTHONBIN", "/usr/bin/python3")
        .env("X509_CERT_DIR", port.authorities())
        .env("X509_USER_PROXY", &proxy.certificate)
}

/// With a proxy and nothing else, gfal2 (and so FTS) asks the storage for macaroons, one for each address, and goes on
/// with those.
#[test]
fn gfal_asks_for_them_with_a_proxy() {
    if !needs(GFAL) || !needs(GRID) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (port, proxy) = alice(folder.path());
    let content = bytes(3, 100_001);
    let local = format!("file://{}", file(folder.path(), "local", &content));
    let remote = port.davs_url("/data/alice/deep/g");
    let copied = gfal_of(&port, &proxy, "copy").args(["-vvv", "-K", "ADLER32", &local, &remote]).succeed();
    assert_eq!(sha256(&fs::read(port.store().join("alice/deep/g")).unwrap()), sha256(&content));
    let told = format!("{}{}", copied.text(), copied.stderr);
    assert!(told.contains("Using bearer token for HTTPS request"), "{copied}");
    let given: Vec<_> =
        port.log().lines().filter(|line| line.contains("was given the macaroon")).map(str::to_owned).collect();
    assert!(given.iter().any(|line| line.contains("CN=Alice") && line.contains("/alice/deep/g")), "{given:?}");
    gfal_of(&port, &proxy, "ls").arg(port.davs_url("/data/alice")).succeed();
    gfal_of(&port, &proxy, "mkdir").args(["-p", &port.davs_url("/data/alice/new/folder")]).succeed();
    assert!(port.store().join("alice/new/folder").is_dir());
    gfal_of(&port, &proxy, "rm").arg(&remote).succeed();
    assert!(!port.store().join("alice/deep/g").exists());
    let refused = gfal_of(&port, &proxy, "copy").args([&local, &port.davs_url("/data/bob")]).finish();
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(!port.store().join("bob").exists());
}

/// The command of gfal2 that asks for one: at the address itself, and by the token endpoint.
#[test]
fn gfal_token_asks_in_both_ways() {
    if !needs(GFAL) || !needs(GRID) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (port, proxy) = alice(folder.path());
    let issuer = format!("--issuer={}", port.url("/"));
    for arguments in [vec![], vec![issuer.as_str()]] {
        let asked = gfal_of(&port, &proxy, "token").args(&arguments).arg(port.url("/data/alice")).succeed();
        let token = asked.text().lines().last().unwrap_or_default().trim().to_owned();
        assert_eq!(status(curl(&port, &token).arg(port.url("/data/alice/f"))), "200", "{asked}");
        assert_eq!(status(curl(&port, &token).args(["-T", "-"]).input("x").arg(port.url("/data/alice/x"))), "403");
        let write = gfal_of(&port, &proxy, "token").args(&arguments).args(["-w", &port.url("/data/alice")]).succeed();
        let token = write.text().lines().last().unwrap_or_default().trim().to_owned();
        let put = status(curl(&port, &token).args(["-T", "-"]).input("x").arg(port.url("/data/alice/x")));
        assert!(put.starts_with('2'), "{put}: {write}");
    }
}

//! A directory of authorities as it changes under a port. The chains and files are the captures of the crate `identity`.

use super::Certificates;
use crate::auth::Presented;
use crate::settings::{Overrides, Settings};
use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use net::ClientChain;
use net::certificate::{PrivateAuthority, ServerCertificate};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use terms::{Identity, Problem, Timestamp};

/// 2026-11-22T04:00:00Z: the captures were valid then.
const THEN: i64 = 1_795_320_000;

const ALICE: &str = "/DC=org/DC=example/CN=Alice";

fn captured(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../identity/testdata/x509").join(name)).expect("a capture")
}

fn chain(name: &str) -> ClientChain {
    let text = String::from_utf8(captured(name)).expect("PEM");
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1).map(|rest| {
        let digits: String = rest.split("-----END").next().unwrap_or_default().split_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(digits).expect("base64")
    });
    ClientChain(blocks.collect())
}

struct Place {
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Place {
    /// One authority and one organisation.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let overrides = Overrides { data_dir: Some(folder.path().join("data")), ..Overrides::default() };
        let mut settings = Settings::built_in().with(&overrides);
        settings.certificates.authorities = Some(folder.path().join("certificates"));
        settings.certificates.vomsdir = Some(folder.path().join("vomsdir"));
        let place = Self { folder, settings };
        fs::create_dir_all(place.path("vomsdir/testvo")).expect("folders");
        fs::create_dir_all(place.path("certificates")).expect("folders");
        place.put("certificates/9f664639.0", &captured("authority.pem"));
        let names = b"/DC=org/DC=example/CN=voms.example.org\n/DC=org/DC=example/CN=Test CA\n";
        place.put("vomsdir/testvo/voms.example.org.lsc", names);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("written");
    }

    async fn open(&self) -> Certificates {
        Certificates::open(&self.settings).await.expect("files that can be read")
    }
}

async fn who(
    certificates: &Certificates,
    shown: Option<&ClientChain>,
    now: Instant,
) -> Result<Option<Identity>, Problem> {
    asked(certificates, shown, now, Method::GET, &[]).await
}

async fn asked(
    certificates: &Certificates,
    shown: Option<&ClientChain>,
    now: Instant,
    method: Method,
    lines: &[(&'static str, &'static str)],
) -> Result<Option<Identity>, Problem> {
    let uri = Uri::from_static("/data/x");
    let headers: HeaderMap =
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let wall = Timestamp::from_seconds(THEN);
    let at = Presented { method: &method, uri: &uri, headers: &headers, chain: shown, from, tls: true, now, wall };
    certificates.identify(&at).await
}

#[tokio::test]
async fn who_shows_a_certificate_is_known_by_it() {
    let place = Place::new();
    let certificates = place.open().await;
    let now = Instant::now();
    assert_eq!(who(&certificates, None, now).await.expect("nobody"), None);
    let identity = who(&certificates, Some(&chain("voms-proxy.pem")), now).await.expect("good").expect("somebody");
    assert_eq!(identity.name, ALICE);
    assert!(identity.groups.contains("/testvo/Role=production"), "{:?}", identity.groups);
    let problem = who(&certificates, Some(&chain("legacy-proxy.pem")), now).await.expect_err("a legacy proxy");
    assert_eq!((problem.status, problem.kind), (401, "certificate-refused"));
    assert!(problem.detail.contains("legacy Globus proxy") && problem.next.contains("-rfc"), "{problem:?}");
}

#[tokio::test]
async fn without_authorities_certificates_mean_nothing() {
    let certificates = Certificates::open(&Settings::built_in()).await.expect("nothing to read");
    let found = who(&certificates, Some(&chain("proxy.pem")), Instant::now()).await;
    assert_eq!(found.expect("nobody"), None);
    assert!(certificates.check().await.is_none());
}

/// A browser shows its certificate to us whoever wrote the page; what that page wants to change is its author's wish.
#[tokio::test]
async fn other_sites_change_nothing_by_a_certificate() {
    let place = Place::new();
    let certificates = place.open().await;
    let (proxy, now) = (chain("proxy.pem"), Instant::now());
    let own = ("host", "port.example.org");
    for (method, lines, good) in [
        (Method::PUT, vec![], true),
        (Method::PUT, vec![("sec-fetch-site", "same-origin")], true),
        (Method::POST, vec![own, ("origin", "https://port.example.org")], true),
        (Method::GET, vec![("sec-fetch-site", "cross-site")], true),
        (Method::POST, vec![("sec-fetch-site", "cross-site")], false),
        (Method::POST, vec![("sec-fetch-site", "same-site")], false),
        (Method::DELETE, vec![own, ("origin", "https://other.example.org")], false),
        (Method::POST, vec![own, ("origin", "null")], false),
    ] {
        let found = asked(&certificates, Some(&proxy), now, method, &lines).await;
        match (found, good) {
            (Ok(Some(_)), true) => {}
            (Err(problem), false) => assert_eq!(problem.status, 403),
            (found, _) => panic!("{lines:?}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_reload_is_in_force_at_once() {
    let place = Place::new();
    let certificates = place.open().await;
    let (proxy, now) = (chain("proxy.pem"), Instant::now());
    who(&certificates, Some(&proxy), now).await.expect("good");
    assert!(!certificates.reload(&place.settings).await.expect("read").changed);
    place.put("certificates/9f664639.r0", &captured("list-with-user.pem"));
    assert!(who(&certificates, Some(&proxy), now).await.is_ok(), "not read yet");
    let reloaded = certificates.reload(&place.settings).await.expect("read");
    assert!(reloaded.changed);
    assert_eq!(reloaded.told, "1 authorities, 1 revocation lists, 1 organisations");
    let problem = who(&certificates, Some(&proxy), now).await.expect_err("revoked");
    assert!(problem.detail.contains("was revoked by /DC=org/DC=example/CN=Test CA"), "{problem:?}");
    // Other settings, too.
    let mut nobody = place.settings.clone();
    nobody.certificates.authorities = None;
    assert!(certificates.reload(&nobody).await.expect("nothing to read").changed);
    assert_eq!(who(&certificates, Some(&proxy), now).await.expect("nobody"), None);
}

#[tokio::test]
async fn changed_files_are_seen() {
    let place = Place::new();
    let certificates = place.open().await;
    let (proxy, now) = (chain("proxy.pem"), Instant::now());
    assert!(certificates.check().await.is_none());
    place.put("certificates/9f664639.r0", &captured("list-with-user.pem"));
    assert!(certificates.check().await.expect("seen").expect("read").changed);
    assert!(who(&certificates, Some(&proxy), now).await.is_err());
    assert!(certificates.check().await.is_none());
}

#[tokio::test]
async fn a_directory_that_breaks_leaves_the_former_in_force() {
    let place = Place::new();
    let certificates = place.open().await;
    let now = Instant::now();
    place.put("certificates/9f664639.0", b"half a certi");
    let problem = certificates.check().await.expect("seen").expect_err("no authority is left");
    assert_eq!(problem.kind, "authorities-unusable");
    assert!(problem.detail.contains("9f664639.0"), "{problem:?}");
    assert!(certificates.check().await.is_none(), "told once");
    who(&certificates, Some(&chain("proxy.pem")), now).await.expect("still good");
    fs::remove_dir_all(place.path("certificates")).expect("removed");
    certificates.reload(&place.settings).await.expect_err("nothing there");
    who(&certificates, Some(&chain("limited-proxy.pem")), now).await.expect("still good");
    Certificates::open(&place.settings).await.err().expect("a start without is refused");
}

#[tokio::test]
async fn other_files_are_left_alone() {
    let place = Place::new();
    for name in ["9f664639.namespaces", "9f664639.crl_url", "readme.txt", ".hidden.0", "nothing"] {
        place.put(&format!("certificates/{name}"), b"?");
    }
    std::os::unix::fs::symlink("nowhere", place.path("certificates/12345678.0")).expect("a link");
    fs::create_dir(place.path("certificates/folder.0")).expect("a folder");
    let certificates = place.open().await;
    who(&certificates, Some(&chain("proxy.pem")), Instant::now()).await.expect("good");
    let told = super::examine(&place.settings.certificates);
    assert_eq!(told, ["1 files *.namespaces are not used: signing policies say the same, and are applied."]);
    place.put("certificates/9f664639.r0", b"?");
    assert!(super::examine(&place.settings.certificates)[0].starts_with("The revocation list 9f664639.r0"));
    fs::remove_dir_all(place.path("vomsdir")).expect("removed");
    let told = super::examine(&place.settings.certificates);
    assert!(told[0].contains("vomsdir: No such file"), "{told:?}");
}

#[tokio::test]
async fn a_listener_asks_as_the_settings_say() {
    let authority = PrivateAuthority::create().expect("an authority");
    let own = authority.issue(&["localhost".to_owned()], Duration::from_secs(60)).expect("a certificate");
    let listener = Arc::new(ServerCertificate::new(&own.certificate_pem, &own.key_pem).expect("a pair"));
    let place = Place::new();
    let certificates = place.open().await;
    assert!(!listener.is_asking());
    certificates.ask_by(&listener).expect("asked");
    assert!(listener.is_asking());
    let mut silent = place.settings.clone();
    silent.certificates.ask = false;
    assert!(certificates.reload(&silent).await.expect("read").changed);
    assert!(!listener.is_asking());
    assert!(listener.expiry() > SystemTime::now());
}

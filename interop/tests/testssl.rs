//! testssl.sh from Debian judges our TLS.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::authority::Authority;
use interop::port::Setup;
use interop::{Port, Run, needs};
use std::fs;
use std::time::Duration;

/// It makes about 300 connections, most of them by shell; 25 s on an idle machine.
const LIMIT: Duration = Duration::from_secs(300);

/// What testssl says of itself or of the openssl that it uses, not of us. Its test of resumption ends a connection of TLS 1.3
/// without waiting for the ticket, and then says that there was "a connect problem".
const OF_ITSELF: &[&str] = &["engine_problem", "RC4", "scanTime", "sessionresumption_ticket", "sessionresumption_ID"];

/// A site's own certificate (with a place for revocation lists, as real authorities write it), and callers asked for
/// theirs: the most that a port does in a handshake. All is tested but the simulation of old browsers: protocols, suites,
/// forward secrecy, preferences, certificate, headers, and all known weaknesses.
#[test]
fn nothing_above_low() {
    if !needs(&[("testssl", "testssl.sh"), ("openssl", "openssl")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::make(folder.path());
    let host = authority.issue(
        "localhost",
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n\
         crlDistributionPoints=URI:http://localhost/ca.crl\n",
    );
    let listen = format!("certificate = \"{}\"\nkey = \"{}\"\n", host.certificate.display(), host.key.display());
    let sections = format!("[certificates]\nauthorities = \"{}\"\n", authority.hashed().display());
    let port = Port::start_with(Setup { listen, sections, ..Setup::default() });
    let findings = folder.path().join("findings.json");
    let finished = Run::new("testssl")
        .within(folder.path())
        .args("--quiet --color 0 --warnings off --nodns none --fast -p -s -f -P -S -h -U".split(' '))
        .arg("--add-ca")
        .arg(authority.certificate())
        .arg("--jsonfile")
        .arg(&findings)
        .arg(port.url("").replace("https://", ""))
        .limit(LIMIT)
        .finish();
    let text = fs::read(&findings).unwrap_or_else(|error| panic!("{error}: {finished}"));
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let field = |finding: &serde_json::Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let ids: Vec<String> = findings.iter().map(|finding| field(finding, "id")).collect();
    for proof in ["TLS1_3", "PFS", "cert_trust", "heartbleed", "ROBOT", "LUCKY13"] {
        assert!(ids.iter().any(|id| id == proof), "{proof} was not tested: {ids:?}\n{finished}");
    }
    let bad: Vec<_> = findings
        .iter()
        .filter(|finding| !matches!(field(finding, "severity").as_str(), "OK" | "INFO" | "LOW"))
        .filter(|finding| !OF_ITSELF.contains(&field(finding, "id").as_str()))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

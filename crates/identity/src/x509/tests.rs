//! Two kinds of chains: `testdata/x509` holds what openssl 3.0, grid-proxy-init 7.3 and voms-proxy-fake 2.1 made (the keys
//! were thrown away; "now" is a value, so that nothing there ever expires); `forge` makes what no good tool would.

mod attributes;
mod forge;
mod goldens;
mod mutations;
mod names;
mod paths;
mod proxies;
mod revoked;

use super::{Judged, Named, Refusal, TrustSource, TrustStore, VomsSource, judge};
use base64::Engine;
use terms::Timestamp;

/// 2026-11-22T04:00:00Z, half an hour after the captures were made.
const NOW: i64 = 1_795_320_000;

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/testdata/x509/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn named(name: &str, bytes: impl Into<Vec<u8>>) -> Named {
    Named { name: name.to_owned(), bytes: bytes.into() }
}

/// The certificates of a captured chain.
fn captured(name: &str) -> Vec<Vec<u8>> {
    let text = String::from_utf8(file(name)).unwrap();
    let inside = text.split("-----BEGIN CERTIFICATE-----").skip(1).map(|part| part.split_once("-----END").unwrap().0);
    inside
        .map(|digits| {
            let digits: String = digits.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD.decode(digits).unwrap()
        })
        .collect()
}

fn captured_source() -> TrustSource {
    TrustSource { authorities: vec![named("9f664639.0", file("authority.pem"))], ..TrustSource::default() }
}

fn organisation() -> VomsSource {
    let list = "/DC=org/DC=example/CN=voms.example.org\n/DC=org/DC=example/CN=Test CA\n";
    VomsSource {
        organisation: "testvo".to_owned(),
        lists: vec![named("voms.example.org.lsc", list)],
        certificates: Vec::new(),
    }
}

fn store(source: &TrustSource) -> TrustStore {
    let (store, notes) = TrustStore::build(source).unwrap();
    assert_eq!(notes, Vec::<String>::new());
    store
}

fn accepted(chain: &[Vec<u8>], source: &TrustSource) -> Judged {
    judge(chain, &store(source), now()).unwrap()
}

fn refused(chain: &[Vec<u8>], source: &TrustSource) -> Refusal {
    judge(chain, &store(source), now()).unwrap_err()
}

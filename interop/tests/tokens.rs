//! Signed tokens between us and others: whose tokens we accept, and who accepts those of the issuer that we accept.
#![allow(clippy::unwrap_used, reason = "tests")]

use interop::issuer::Issuer;
use interop::xrootd::Xrootd;
use interop::{needs, needs::needs_root};
use std::fs;

const XROOTD: &[(&str, &str)] = &[("xrootd", "xrootd-server"), ("ip", "iproute2"), ("curl", "curl")];

/// XRootD's own library judges the tokens of the test issuer, so that what we accept of it is what others accept.
#[test]
fn xrootd_accepts_the_tokens_of_the_test_issuer() {
    if !needs(XROOTD) || !needs_root() {
        return;
    }
    let issuer = Issuer::start();
    let xrootd = Xrootd::believing(&issuer);
    fs::write(xrootd.root().join("data/f"), "of xrootd").unwrap();
    let get = |token: Option<&str>| {
        let mut curl = xrootd.run("curl").args(["-sS", "-w", "%{http_code}", "--max-time", "30", "--cacert"]);
        curl = curl.arg(xrootd.authority.certificate());
        if let Some(token) = token {
            curl = curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        }
        curl.arg(xrootd.url("/data/f")).succeed().text()
    };
    let good = get(Some(&issuer.scoped("storage.read:/")));
    assert_eq!(good, "of xrootd200", "{}", xrootd.log());
    assert_eq!(get(Some(&issuer.token_by_rsa(serde_json::json!({"scope": "storage.read:/"})))), "of xrootd200");
    assert!(get(None).ends_with("403"));
    assert!(get(Some(&issuer.scoped("storage.create:/"))).ends_with("403"));
    assert!(get(Some(&issuer.scoped("storage.read:/elsewhere"))).ends_with("403"));
}

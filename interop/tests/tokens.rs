//! Signed tokens between us and others: whose tokens we accept, who accepts those of the issuer that we accept, and
//! what clients make of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use interop::issuer::Issuer;
use interop::python::python;
use interop::site::{Site, told};
use interop::tree::{bytes, sha256};
use interop::xrootd::Xrootd;
use interop::{Run, needs, needs::needs_root};
use serde_json::json;
use std::fs;

const CURL: &[(&str, &str)] = &[("curl", "curl"), ("openssl", "openssl")];
const XROOTD: &[(&str, &str)] =
    &[("xrootd", "xrootd-server"), ("ip", "iproute2"), ("curl", "curl"), ("openssl", "openssl")];
const DAVIX: &[(&str, &str)] = &[("davix-put", "davix"), ("openssl", "openssl")];
const GFAL: &[(&str, &str)] = &[("gfal-copy", "gfal2-util-scripts"), ("openssl", "openssl")];

/// Makes a token with the reference library: key file, name of the key, issuer, claims.
const MINT: &str = r#"
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
import scitokens
key = load_pem_private_key(open(sys.argv[1], "rb").read(), None)
token = scitokens.SciToken(key=key, algorithm="ES256", key_id=sys.argv[2])
token.update_claims(json.loads(sys.argv[4]))
print(token.serialize(issuer=sys.argv[3], lifetime=600).decode())
"#;

#[test]
fn tokens_made_by_the_reference_library_of_scitokens_are_accepted() {
    if !needs(CURL) {
        return;
    }
    let Some(python) = python(&["scitokens", "cryptography"]) else { return };
    let site = Site::start();
    let (key, id) = site.issuer.private_key();
    let mint = |claims: serde_json::Value| {
        let run = Run::new(&python).args(["-c", MINT]).arg(&key).args([&id, site.issuer.url(), &claims.to_string()]);
        run.succeed().text().trim().to_owned()
    };
    let scitoken = mint(json!({"ver": "scitoken:2.0", "sub": "ann", "aud": "ANY", "scope": "read:/folder"}));
    assert_eq!(site.ask(&scitoken, "GET", "/vo/folder/g").body, "second");
    assert_eq!(site.ask(&scitoken, "GET", "/vo/f").status, 403);
    let wlcg = mint(json!({"wlcg.ver": "1.0", "sub": "ann", "aud": Site::AUDIENCE, "scope": "storage.modify:/"}));
    assert_eq!(site.ask(&wlcg, "PUT", "/vo/new").status, 201);
    assert_eq!(site.ask(&wlcg, "GET", "/vo/new").status, 403);
    let nowhere = mint(json!({"ver": "scitoken:2.0", "sub": "ann", "scope": "read:/"}));
    assert_eq!(site.ask(&nowhere, "GET", "/vo/f").status, 401, "2.0 must name its audience");
}

/// XRootD's own library judges the tokens of the test issuer as we do, so that what we accept of it others accept too.
#[test]
fn xrootd_and_we_accept_the_same_tokens_of_the_test_issuer() {
    if !needs(XROOTD) || !needs_root() {
        return;
    }
    let site = Site::start();
    let xrootd = Xrootd::believing(&site.issuer);
    fs::write(xrootd.root().join("data/f"), "first").unwrap();
    let of_xrootd = |token: Option<&str>| {
        let mut curl = xrootd.run("curl").args(["-sS", "-i", "--max-time", "30", "--cacert"]);
        curl = curl.arg(xrootd.authority.certificate());
        if let Some(token) = token {
            curl = curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        }
        told(curl.arg(xrootd.url("/data/f")))
    };
    let issuer = &site.issuer;
    for good in [issuer.scoped("storage.read:/"), issuer.token_by_rsa(json!({"scope": "storage.read:/f"}))] {
        assert_eq!(of_xrootd(Some(&good)).body, "first", "{}", xrootd.log());
        assert_eq!(site.ask(&good, "GET", "/vo/f").body, "first");
    }
    let none: Vec<String> = ["storage.create:/", "storage.read:/elsewhere", "storage.read:/fo", "openid"]
        .map(|scope| issuer.scoped(scope))
        .into_iter()
        .chain([issuer.token(json!({"aud": "https://other.example", "scope": "storage.read:/"}))])
        .chain([Issuer::start().scoped("storage.read:/")])
        .collect();
    for token in none {
        assert_eq!(of_xrootd(Some(&token)).status, 403);
        assert!(matches!(site.ask(&token, "GET", "/vo/f").status, 401 | 403));
    }
    assert_eq!(of_xrootd(None).status, 403);
}

#[test]
fn davix_works_with_a_signed_token() {
    if !needs(DAVIX) {
        return;
    }
    let site = Site::start();
    let token = site.issuer.scoped("storage.read:/ storage.modify:/");
    let davix = |tool: &str, token: &str| {
        let run = Run::new(format!("davix-{tool}")).within(site.port.folder()).arg("--capath");
        run.arg(site.port.authorities()).args(["-H", &format!("Authorization: Bearer {token}")])
    };
    let (file, content) = (site.port.folder().join("local"), bytes(1, 1_234_567));
    fs::write(&file, &content).unwrap();
    davix("mkdir", &token).arg(site.port.url("/data/vo/night")).succeed();
    davix("put", &token).arg(&file).arg(site.port.url("/data/vo/night/f")).succeed();
    assert_eq!(sha256(&fs::read(site.port.store().join("vo/night/f")).unwrap()), sha256(&content));
    let back = site.port.folder().join("back");
    davix("get", &token).arg(site.port.url("/data/vo/night/f")).arg(&back).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    let listing = davix("ls", &token).arg(site.port.url("/data/vo/night")).succeed().text();
    assert!(listing.contains('f'), "{listing}");
    let creator = site.issuer.scoped("storage.create:/");
    let refused = davix("rm", &creator).arg(site.port.url("/data/vo/night/f")).finish();
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(site.stored("/vo/night/f").is_some() || site.port.store().join("vo/night/f").exists());
}

/// gfal2 finds its plug-ins and modules by Debian's Python only.
fn gfal(site: &Site, tool: &str, token: &str) -> Run {
    Run::new(format!("gfal-{tool}"))
        .within(site.port.folder())
        .env("GFAL_PYTHONBIN", "/usr/bin/python3")
        .env("X509_CERT_DIR", site.port.authorities())
        .env("BEARER_TOKEN", token)
}

#[test]
fn gfal_works_with_a_signed_token() {
    if !needs(GFAL) {
        return;
    }
    let site = Site::start();
    let token = site.issuer.scoped("storage.read:/ storage.modify:/");
    let (file, content) = (site.port.folder().join("local"), bytes(2, 345_678));
    fs::write(&file, &content).unwrap();
    let (local, remote) = (format!("file://{}", file.display()), site.port.davs_url("/data/vo/night/f"));
    gfal(&site, "mkdir", &token).arg(site.port.davs_url("/data/vo/night")).succeed();
    gfal(&site, "copy", &token).args(["-K", "ADLER32", &local, &remote]).succeed();
    assert_eq!(sha256(&fs::read(site.port.store().join("vo/night/f")).unwrap()), sha256(&content));
    let back = site.port.folder().join("back");
    gfal(&site, "copy", &token).args(["-K", "ADLER32", &remote, &format!("file://{}", back.display())]).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    gfal(&site, "rm", &token).arg(&remote).succeed();
    assert!(!site.port.store().join("vo/night/f").exists());
}

/// A job that may only add its output: folders that lead there are made on the way, what is there stays.
#[test]
fn gfal_stages_out_with_a_scope_for_creating() {
    if !needs(GFAL) {
        return;
    }
    let site = Site::start();
    let token = site.issuer.scoped("storage.create:/out/job-1");
    let file = site.port.folder().join("local");
    fs::write(&file, "output").unwrap();
    let (local, remote) = (format!("file://{}", file.display()), site.port.davs_url("/data/vo/out/job-1/f"));
    gfal(&site, "copy", &token).args(["-p", &local, &remote]).succeed();
    assert_eq!(site.stored("/vo/out/job-1/f").as_deref(), Some("output"));
    fs::write(&file, "another output").unwrap();
    let again = gfal(&site, "copy", &token).args(["-f", &local, &remote]).finish();
    assert_ne!(again.code, Some(0), "{again}");
    assert_eq!(site.stored("/vo/out/job-1/f").as_deref(), Some("output"));
}

/// WLCG bearer token discovery, in its order.
#[test]
fn our_client_finds_signed_tokens_where_wlcg_says() {
    if !needs(CURL) {
        return;
    }
    let site = Site::start();
    let folder = site.port.folder();
    let (good, useless) = (site.issuer.scoped("storage.read:/"), site.issuer.scoped("storage.poll:/"));
    let runtime = folder.join("runtime");
    fs::create_dir_all(&runtime).unwrap();
    fs::write(runtime.join(format!("bt_u{}", rustix::process::getuid().as_raw())), &good).unwrap();
    fs::write(folder.join("token"), &good).unwrap();
    fs::write(folder.join("useless"), &useless).unwrap();
    let copy = |variables: &[(&str, &str)]| {
        let mut run = Run::new(interop::port::program()).within(folder).env("SSL_CERT_FILE", site.port.authority());
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let target = folder.join("copied");
        let _ = fs::remove_file(&target);
        let finished = run.args(["cp", &site.port.url("/data/vo/f")]).arg(&target).finish();
        (finished.code == Some(0)).then(|| fs::read_to_string(target).unwrap())
    };
    let (file, useless_file) =
        (folder.join("token").display().to_string(), folder.join("useless").display().to_string());
    let runtime = runtime.display().to_string();
    let copied = Some("first".to_owned());
    assert_eq!(copy(&[("BEARER_TOKEN", &good)]), copied);
    assert_eq!(copy(&[("BEARER_TOKEN_FILE", &file)]), copied);
    assert_eq!(copy(&[("XDG_RUNTIME_DIR", &runtime)]), copied);
    assert_eq!(copy(&[("BEARER_TOKEN", &useless), ("BEARER_TOKEN_FILE", &file), ("XDG_RUNTIME_DIR", &runtime)]), None);
    assert_eq!(copy(&[("BEARER_TOKEN_FILE", &useless_file), ("XDG_RUNTIME_DIR", &runtime)]), None);
}

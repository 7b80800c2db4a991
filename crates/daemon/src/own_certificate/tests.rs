//! The warning of the first page, and how the certificate follows its files.

use super::OwnCertificate;
use crate::first_start::HostCertificate;
use crate::settings::{Overrides, Settings};
use net::certificate::PrivateAuthority;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate for so long, written where the settings say.
fn put(authority: &PrivateAuthority, folder: &Path, validity: Duration) -> (HostCertificate, Settings) {
    let credential = authority.issue(&["localhost".to_owned()], validity).expect("a certificate");
    let (certificate, key) = (folder.join("host.pem"), folder.join("host-key.pem"));
    fs::write(&certificate, &credential.certificate_pem).expect("written");
    fs::write(&key, &credential.key_pem).expect("written");
    let overrides = Overrides { data_dir: Some(folder.to_owned()), ..Overrides::default() };
    let mut settings = Settings::built_in().with(&overrides);
    (settings.listen.certificate, settings.listen.key) = (Some(certificate), Some(key));
    (HostCertificate { credential, ca_file: None }, settings)
}

#[test]
fn it_warns_two_weeks_before_its_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let authority = PrivateAuthority::create().expect("an authority");
    let (host, settings) = put(&authority, folder.path(), 20 * DAY);
    let own = OwnCertificate::new(&host, &settings).expect("a pair");
    let now = SystemTime::now();
    assert_eq!(own.warning(now), None);
    assert!(own.warning(now + 10 * DAY).expect("soon").ends_with("in 9 days."));
    assert!(own.warning(now + 21 * DAY).expect("over").contains("expired on"));
}

#[tokio::test]
async fn it_follows_its_files_and_survives_broken_ones() {
    let folder = tempfile::tempdir().expect("a directory");
    let authority = PrivateAuthority::create().expect("an authority");
    let (host, settings) = put(&authority, folder.path(), 20 * DAY);
    let own = OwnCertificate::new(&host, &settings).expect("a pair");
    assert!(own.check(&settings).await.is_none());
    assert!(!own.reload(&settings).await.expect("read").changed);
    let before = own.expiry();
    put(&authority, folder.path(), 40 * DAY);
    assert!(own.check(&settings).await.expect("seen").expect("read").changed);
    assert!(own.expiry() > before);
    fs::write(folder.path().join("host.pem"), "half a certi").expect("written");
    own.check(&settings).await.expect("seen").expect_err("it is broken");
    assert!(own.check(&settings).await.is_none(), "told once");
    assert!(own.expiry() > before, "the former is shown on");
}

/// One of our own making is made anew before it runs out, without a restart.
#[tokio::test]
async fn one_of_our_own_is_renewed() {
    let folder = tempfile::tempdir().expect("a directory");
    let overrides = Overrides { data_dir: Some(folder.path().to_owned()), ..Overrides::default() };
    let settings = Settings::built_in().with(&overrides);
    let authority = PrivateAuthority::create().expect("an authority");
    let (old, _) = put(&authority, folder.path(), 20 * DAY);
    let own = OwnCertificate::new(&old, &settings).expect("a pair");
    assert!(own.check(&settings).await.expect("it is time").expect("made").changed);
    assert!(own.expiry() > SystemTime::now() + 300 * DAY);
    assert!(own.check(&settings).await.is_none());
}

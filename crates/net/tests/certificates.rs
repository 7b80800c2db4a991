//! Authorities, certificates and their files.
#![allow(missing_docs, clippy::unwrap_used)]

use net::certificate::{self, PrivateAuthority};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

#[test]
fn a_certificate_says_what_was_asked_for() {
    let authority = PrivateAuthority::create().unwrap();
    let names = ["port.example.org".to_owned(), "192.0.2.7".to_owned(), "2001:db8::1".to_owned()];
    let issued = authority.issue(&names, Duration::from_secs(86_400)).unwrap();
    let left = certificate::expiry(&issued.certificate_pem).unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left <= Duration::from_secs(86_400) && left > Duration::from_secs(86_000), "{left:?}");
    let print = certificate::fingerprint(&issued.certificate_pem).unwrap();
    assert_eq!((print.len(), print.matches(':').count()), (95, 31));
    certificate::ServerCertificate::new(&issued.certificate_pem, &issued.key_pem).unwrap();
    // An authority that was written down and read again issues what the first one's clients believe.
    let again = PrivateAuthority::load(authority.credential().clone()).unwrap();
    again.issue(&names, Duration::from_secs(60)).unwrap();
}

#[test]
fn keys_are_private_and_files_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, "old").unwrap();
    certificate::save_key(&path, "secret").unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(certificate::load_pem(&path).unwrap(), "secret");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing stays beside it");
    let problem = certificate::save_key(&folder.path().join("no/such/key.pem"), "secret").unwrap_err();
    assert!(problem.detail.contains("no/such/key.pem") && !problem.detail.contains("secret"));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let authority = PrivateAuthority::create().unwrap();
    let (one, two) = (authority.issue(&[], Duration::from_secs(60)), authority.issue(&[], Duration::from_secs(60)));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(certificate::ServerCertificate::new(&one.certificate_pem, &two.key_pem).is_err(), "the key is another's");
    assert!(certificate::ServerCertificate::new("", &one.key_pem).is_err());
    assert!(certificate::expiry("nonsense").is_err());
    assert!(certificate::fingerprint("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_ok());
    assert!(authority.issue(&["not a name\u{e9}".to_owned()], Duration::from_secs(60)).is_err());
    assert!(!format!("{authority:?}").contains("PRIVATE"), "keys are not printed");
}

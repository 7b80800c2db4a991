//! A macaroon from its making to its use; the packets and the caveats have files of their own.

mod caveats;
mod packets;

use super::*;
use proptest::prelude::*;
use std::net::IpAddr;
use terms::{Bound, Credential, CredentialForm, Grant, Identity, Kind, Timestamp, Verb};
use zeroize::Zeroizing;

const LOCATION: &str = "https://port.example";
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn key() -> RootKey {
    RootKey::new("0189aa", Zeroizing::new([7; 32]))
}

fn alice() -> Identity {
    let mut alice = Identity::new(Kind::User, "/DC=org/DC=example/CN=Alice");
    alice.issuer = Some("/DC=org/DC=example/CN=Authority".to_owned());
    alice.groups = ["/lsst", "/lsst/Role=production"].map(str::to_owned).into();
    alice.credential = Credential {
        form: CredentialForm::Certificate,
        id: "fingerprint".to_owned(),
        issued: Some(Timestamp::from_seconds(1_700_000_000)),
        expires: Some(Timestamp::from_seconds(1_800_100_000)),
    };
    let grant = Grant {
        may_rename: true,
        is_folder: true,
        way_from: Some("/a".parse().unwrap()),
        ..Grant::new("read,stat".parse().unwrap(), "/a/ü b".parse().unwrap())
    };
    alice.bounds = vec![Bound { by: "a scope".to_owned(), grants: vec![grant] }];
    alice.upload_max_bytes = Some(1_000);
    alice
}

fn mint_for(minter: &Identity) -> Macaroon {
    key().mint(LOCATION, Fresh { id: [0xab; 16], nonce: [9; 12] }, minter, NOW).unwrap()
}

fn with(caveats: &[&str]) -> Macaroon {
    let bare = Identity::new(Kind::User, "alice");
    caveats.iter().fold(mint_for(&bare), |macaroon, caveat| macaroon.add_caveat(caveat).unwrap())
}

fn used(macaroon: &Macaroon, seconds: i64, from: &str) -> Result<Identity, Refusal> {
    let from: IpAddr = from.parse().unwrap();
    let presented = Presented { now: Timestamp::from_seconds(NOW.seconds() + seconds), from: Some(from) };
    key().verify(macaroon)?.identify(presented)
}

/// Is this inside all bounds?
fn allows(identity: &Identity, verb: &str, path: &str) -> bool {
    let (verb, path): (Verb, terms::LogicalPath) = (verb.parse().unwrap(), path.parse().unwrap());
    identity.bounds.iter().all(|bound| bound.grants.iter().any(|grant| grant.covers(verb, &path, false)))
}

#[test]
fn who_asked_for_it_is_restored_in_full_and_narrowed() {
    let macaroon = mint_for(&alice()).add_caveat("before:2027-01-15T09:00:00Z").unwrap();
    let text = macaroon.serialize(Format::V1);
    let read = Macaroon::parse(&text).unwrap();
    assert_eq!(read.key_id(), Some("0189aa"));
    let verified = key().verify(&read).unwrap();
    assert_eq!(verified.parent(), &alice().credential, "its revocation can be asked for");
    assert_eq!(verified.minted(), NOW);
    let identity = verified.identify(Presented { now: NOW, from: None }).unwrap();
    let expected = alice();
    assert_eq!((&identity.name, &identity.issuer), (&expected.name, &expected.issuer));
    assert_eq!((&identity.groups, identity.kind), (&expected.groups, expected.kind));
    assert_eq!((identity.authorises, identity.upload_max_bytes), (false, Some(1_000)));
    assert_eq!(identity.bounds[0], expected.bounds[0]);
    assert_eq!(identity.credential.form, CredentialForm::Macaroon);
    assert_eq!(identity.credential.id, "ab".repeat(16));
    assert_eq!(identity.credential.issued, alice().credential.issued, "it makes nobody's credentials younger");
    assert_eq!(identity.credential.expires.unwrap().to_string(), "2027-01-15T09:00:00Z");
}

#[test]
fn a_holder_learns_nothing_of_who_asked_for_it() {
    let macaroon = mint_for(&alice());
    let text = macaroon.serialize(Format::V2);
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &*text).unwrap();
    let readable = String::from_utf8_lossy(&bytes);
    for word in ["Alice", "lsst", "fingerprint", "QWxpY2", "bHNzd"] {
        assert!(!readable.contains(word), "{word} in {readable}");
    }
    assert!(!format!("{macaroon:?}{:?}", key()).contains("signature"));
}

#[test]
fn it_does_not_outlive_the_credential_that_it_was_asked_for_with() {
    let macaroon = mint_for(&alice()).add_caveat("before:2030-01-01T00:00:00Z").unwrap();
    assert!(used(&macaroon, 99_999, "::1").is_ok());
    assert_eq!(used(&macaroon, 100_000, "::1"), Err(Refusal::Over(Timestamp::from_seconds(1_800_100_000))));
}

#[test]
fn neither_share_nor_administration_passes_through() {
    let mut operator = Identity::new(Kind::Token, "token operator");
    operator.authorises = true;
    operator.bounds =
        vec![Bound { by: "the token".into(), grants: vec![Grant::new(terms::VerbSet::all(), "/".parse().unwrap())] }];
    let identity = used(&mint_for(&operator), 0, "::1").unwrap();
    assert!(identity.authorises && allows(&identity, "delete", "/x"));
    for verb in Verb::ALL.iter().filter(|verb| verb.is_administration() || **verb == Verb::Share) {
        assert!(!allows(&identity, verb.name(), "/"), "{verb}");
    }
    let verbs = with(&["verbs:read,share,admin"]);
    assert!(!allows(&used(&verbs, 0, "::1").unwrap(), "share", "/"));
}

#[test]
fn another_key_a_moved_location_and_a_dropped_caveat_are_refused() {
    let macaroon = with(&["path:/a", "activity:DOWNLOAD"]);
    let other = RootKey::new("0189aa", Zeroizing::new([8; 32]));
    assert_eq!(other.verify(&macaroon).err(), Some(Refusal::Altered));
    let mut moved = macaroon.clone();
    moved.location = "https://other.example".to_owned();
    assert_eq!(key().verify(&moved).err(), Some(Refusal::Altered));
    for dropped in 0..2 {
        let mut wider = macaroon.clone();
        wider.caveats.remove(dropped);
        assert_eq!(key().verify(&wider).err(), Some(Refusal::Altered));
    }
    let mut swapped = macaroon.clone();
    swapped.caveats.swap(0, 1);
    assert_eq!(key().verify(&swapped).err(), Some(Refusal::Altered));
    let foreign = chain::plain(&[7; 32], LOCATION, "somebody else's");
    assert_eq!(foreign.key_id(), None);
    assert_eq!(key().verify(&foreign).err(), Some(Refusal::Foreign));
}

#[test]
fn bounds_are_kept_when_it_grows() {
    let grown = (0..MAX_CAVEATS).fold(with(&[]), |macaroon, _| macaroon.add_caveat("path:/").unwrap());
    assert!(used(&grown, 0, "::1").is_ok());
    assert_eq!(grown.add_caveat("path:/").err(), Some(Refusal::ManyCaveats));
    let long = "x".repeat(MAX_CAVEAT_BYTES + 1);
    assert_eq!(with(&[]).add_caveat(&long).err(), Some(Refusal::LongCaveat));
    assert_eq!(Macaroon::parse(&"A".repeat(MAX_TEXT_BYTES + 1)).err(), Some(Refusal::Long));
    let mut crowd = alice();
    crowd.groups = (0..2_000).map(|number| format!("/collaboration/group-{number}")).collect();
    let fresh = Fresh { id: [0; 16], nonce: [0; 12] };
    assert_eq!(key().mint(LOCATION, fresh, &crowd, NOW).err(), Some(Refusal::Long));
}

proptest! {
    #[test]
    fn one_changed_byte_anywhere_is_refused(place in any::<proptest::sample::Index>(), byte in any::<u8>(), v2 in any::<bool>()) {
        use base64::engine::{Engine as _, general_purpose::URL_SAFE_NO_PAD};
        let macaroon = with(&["activity:DOWNLOAD,LIST", "path:/a/b", "before:2030-01-01T00:00:00Z"]);
        let text = macaroon.serialize(if v2 { Format::V2 } else { Format::V1 });
        let mut bytes = URL_SAFE_NO_PAD.decode(&*text).unwrap();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        let changed = Macaroon::parse(&URL_SAFE_NO_PAD.encode(bytes)).and_then(|changed| used(&changed, 0, "::1"));
        prop_assert!(changed.is_err());
    }

    #[test]
    fn one_changed_letter_of_the_text_is_refused(place in any::<proptest::sample::Index>(), letter in "[ -~]") {
        let text = with(&["path:/a/b"]).serialize(Format::V1).to_string();
        let place = place.index(text.len());
        prop_assume!(text[place..=place] != letter);
        let changed = format!("{}{letter}{}", &text[..place], &text[place + 1..]);
        prop_assert!(Macaroon::parse(&changed).and_then(|changed| used(&changed, 0, "::1")).is_err());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[A-Za-z0-9_=-]{0,200}") {
        let _ = Macaroon::parse(&text).and_then(|macaroon| used(&macaroon, 0, "::1"));
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), v2 in any::<bool>()) {
        use base64::engine::{Engine as _, general_purpose::URL_SAFE_NO_PAD};
        if v2 && !bytes.is_empty() {
            bytes[0] = 2;
        }
        let _ = Macaroon::parse(&URL_SAFE_NO_PAD.encode(bytes));
    }
}

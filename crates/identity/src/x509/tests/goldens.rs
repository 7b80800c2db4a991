//! What foreign tools made.

use super::{accepted, captured, captured_source, file, named, now, organisation, refused, store};
use crate::x509::{Refusal, TrustSource, TrustStore, judge};
use terms::{CredentialForm, Kind, Timestamp, Verb};

const ALICE: &str = "/DC=org/DC=example/CN=Alice";

#[test]
fn a_user_and_her_proxies_are_the_same_person() {
    let source = captured_source();
    let user = captured("proxy.pem")[1..].to_vec();
    let own = accepted(&user, &source).identity;
    assert_eq!((own.kind, own.name.as_str()), (Kind::User, ALICE));
    assert_eq!(own.issuer.as_deref(), Some("/DC=org/DC=example/CN=Test CA"));
    assert_eq!(own.credential.form, CredentialForm::Certificate);
    assert!(own.bounds.is_empty() && own.groups.is_empty() && !own.authorises);
    for chain in ["proxy.pem", "proxy-of-proxy.pem"] {
        let judged = accepted(&captured(chain), &source);
        assert_eq!((&judged.identity.name, &judged.identity.credential.id), (&own.name, &own.credential.id));
        assert!(judged.identity.bounds.is_empty() && judged.notes.is_empty());
        let expires = judged.identity.credential.expires.unwrap();
        assert_eq!(judged.until, expires);
        assert!(expires < own.credential.expires.unwrap(), "a proxy ends before its certificate");
    }
}

#[test]
fn a_limited_proxy_may_not_administer_and_stays_limited() {
    for chain in ["limited-proxy.pem", "proxy-of-limited-proxy.pem"] {
        let identity = accepted(&captured(chain), &captured_source()).identity;
        assert_eq!(identity.name, ALICE);
        assert!(identity.credential.id.ends_with(" (limited proxy)"), "{:?}", identity.credential);
        let verbs = identity.bounds[0].grants[0].verbs;
        assert!(verbs.contains(Verb::Create) && verbs.contains(Verb::Delete) && !verbs.contains(Verb::Reload));
        assert!(!identity.authorises, "it narrows and grants nothing");
    }
}

#[test]
fn an_independent_proxy_is_somebody_else() {
    let judged = accepted(&captured("independent-proxy.pem"), &captured_source());
    assert_eq!(judged.identity.name, format!("{ALICE}/CN=1212702712"));
}

#[test]
fn proxies_from_before_the_rfc_are_named_as_such() {
    for chain in ["legacy-proxy.pem", "draft-proxy.pem"] {
        let refusal = refused(&captured(chain), &captured_source());
        assert!(matches!(refusal, Refusal::LegacyProxy { .. }), "{refusal}");
        assert!(refusal.next_step().contains("-rfc"));
    }
}

#[test]
fn voms_attributes_become_groups() {
    let source = TrustSource { organisations: vec![organisation()], ..captured_source() };
    let judged = accepted(&captured("voms-proxy.pem"), &source);
    assert_eq!(judged.identity.name, ALICE);
    let groups: Vec<&str> = judged.identity.groups.iter().map(String::as_str).collect();
    assert_eq!(groups, ["/testvo", "/testvo/Role=production"]);
    assert_eq!(judged.notes, Vec::<String>::new());
}

#[test]
fn attributes_of_an_organisation_that_is_not_known_are_left_aside() {
    let judged = accepted(&captured("voms-proxy.pem"), &captured_source());
    assert_eq!((judged.identity.name.as_str(), judged.identity.groups.len()), (ALICE, 0));
    let expected = "The attributes of testvo in the proxy are left aside: this organisation is not known here (it has no \
                    folder in the vomsdir).";
    assert_eq!(judged.notes, [expected]);
}

#[test]
fn rsa_in_all_its_forms() {
    let source = captured_source();
    for chain in ["user-sha512.pem", "user-pss.pem"] {
        assert_eq!(accepted(&captured(chain), &source).identity.name, ALICE, "{chain}");
    }
    let told = |chain: &str| refused(&captured(chain), &source).to_string();
    let expected =
        "The certificate /DC=org/DC=example/CN=Alice is signed with SHA-1, which can be forged and is not accepted.";
    assert_eq!(told("user-sha1.pem"), expected);
    let expected =
        "The certificate /DC=org/DC=example/CN=Small has an RSA key of 1024 bits; 2048 to 8192 are accepted.";
    assert_eq!(told("user-1024.pem"), expected);
}

#[test]
fn a_revoked_user_is_refused_with_all_proxies() {
    let with =
        |list: &str| TrustSource { revocation_lists: vec![named("9f664639.r0", file(list))], ..captured_source() };
    for chain in ["proxy.pem", "voms-proxy.pem", "proxy-of-proxy.pem"] {
        accepted(&captured(chain), &with("empty-list.pem"));
        let refusal = refused(&captured(chain), &with("list-with-user.pem"));
        let expected = format!("The certificate {ALICE} was revoked by /DC=org/DC=example/CN=Test CA.");
        assert_eq!(refusal.to_string(), expected);
    }
}

#[test]
fn proxies_end() {
    let store = store(&captured_source());
    let chain = captured("proxy.pem");
    let end = judge(&chain, &store, now()).unwrap().until.seconds();
    judge(&chain, &store, Timestamp::from_seconds(end + 300)).unwrap();
    let refusal = judge(&chain, &store, Timestamp::from_seconds(end + 301)).unwrap_err();
    assert!(matches!(refusal, Refusal::Expired { .. }), "{refusal}");
}

#[test]
fn a_store_needs_an_authority() {
    let source = TrustSource { authorities: vec![named("x.0", "nonsense")], ..TrustSource::default() };
    let error = TrustStore::build(&source).unwrap_err().to_string();
    let expected = "There is no certificate of an authority that can be used. The authority in x.0 is left out: it holds no \
                    CERTIFICATE.";
    assert_eq!(error, expected);
}

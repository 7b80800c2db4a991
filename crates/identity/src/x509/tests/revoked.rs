//! Revocation lists.

use super::forge::{Cast, Plan, Signer, basic_constraints, extension, key_usage, source_of};
use super::{NOW, accepted, named, now, refused};
use crate::x509::{Refusal, RevocationRule, TrustSource, TrustStore, judge};

const DAY: i64 = 86_400;

fn with(lists: &[Vec<u8>], revocation: RevocationRule) -> TrustSource {
    let revocation_lists = lists.iter().map(|der| named("authority.r0", der.clone())).collect();
    TrustSource { revocation_lists, revocation, ..Cast::new().source() }
}

fn chain() -> [Vec<u8>; 1] {
    [Cast::new().user_certificate()]
}

#[test]
fn by_serial_number() {
    let root = Cast::new().root;
    accepted(&chain(), &with(&[root.revoke(&[1, 2, 8], NOW - DAY, NOW + DAY, &[])], RevocationRule::IfPresent));
    let revoked = with(&[root.revoke(&[1, 7], NOW - DAY, NOW + DAY, &[])], RevocationRule::IfPresent);
    assert!(matches!(refused(&chain(), &revoked), Refusal::Revoked { .. }));
    // Once revoked, always: also by a list that is out of date, beside a newer one.
    let old = root.revoke(&[7], NOW - 9 * DAY, NOW - 8 * DAY, &[]);
    let both = with(&[old, root.revoke(&[], NOW - DAY, NOW + DAY, &[])], RevocationRule::Warn);
    assert!(matches!(refused(&chain(), &both), Refusal::Revoked { .. }));
}

#[test]
fn a_list_out_of_date_closes_or_warns() {
    let list = [Cast::new().root.revoke(&[], NOW - 2 * DAY, NOW - DAY, &[])];
    let expected = "Whether /DC=org/CN=Root revoked the certificate /DC=org/CN=Alice cannot be told: the revocation list \
                    authority.r0 ended on 2026-11-21T04:00:00Z.";
    assert_eq!(refused(&chain(), &with(&list, RevocationRule::IfPresent)).to_string(), expected);
    let judged = accepted(&chain(), &with(&list, RevocationRule::Warn));
    let expected = "Whether /DC=org/CN=Root revoked certificates cannot be told: the revocation list authority.r0 ended on \
                    2026-11-21T04:00:00Z.";
    assert_eq!(judged.notes, [expected]);
    let early = [Cast::new().root.revoke(&[], NOW + DAY, NOW + 2 * DAY, &[])];
    assert!(matches!(refused(&chain(), &with(&early, RevocationRule::IfPresent)), Refusal::RevocationUnknown { .. }));
}

#[test]
fn a_missing_list_closes_where_one_is_required() {
    accepted(&chain(), &with(&[], RevocationRule::IfPresent));
    assert!(matches!(refused(&chain(), &with(&[], RevocationRule::Require)), Refusal::RevocationUnknown { .. }));
}

#[test]
fn a_partial_list_vouches_for_nothing() {
    let issuing_point = extension("2.5.29.28", true, b"\x30\x00");
    let list = [Cast::new().root.revoke(&[], NOW - DAY, NOW + DAY, &[issuing_point])];
    let refusal = refused(&chain(), &with(&list, RevocationRule::IfPresent)).to_string();
    assert!(refusal.ends_with("it has a critical extension that is not known here (2.5.29.28)."), "{refusal}");
}

#[test]
fn a_list_that_the_authority_did_not_sign_closes_it() {
    let liar = Signer::new("/DC=org/CN=Root", 9);
    let forged = liar.revoke(&[], NOW - DAY, NOW + DAY, &[]);
    for (bytes, why) in [(forged, "the authority did not sign it"), (b"?".to_vec(), "it holds no X509 CRL")] {
        let source = with(&[bytes], RevocationRule::IfPresent);
        let (store, notes) = TrustStore::build(&source).unwrap();
        assert_eq!(notes, [format!("The revocation list authority.r0 cannot be used: {why}.")]);
        let refusal = judge(&chain(), &store, now()).unwrap_err();
        assert!(matches!(refusal, Refusal::RevocationUnknown { .. }), "{refusal}");
    }
}

#[test]
fn an_authority_that_may_not_sign_lists() {
    let cast = Cast::new();
    let plan = Plan::with(&[basic_constraints(true, None), key_usage(0x04)]);
    let list = cast.root.revoke(&[7], NOW - DAY, NOW + DAY, &[]);
    let source = TrustSource {
        revocation_lists: vec![named("authority.r0", list)],
        ..source_of(&[cast.root.certify(&cast.root, &plan)])
    };
    let (_, notes) = TrustStore::build(&source).unwrap();
    assert_eq!(notes.len(), 1);
}

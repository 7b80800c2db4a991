//! Paths to an authority (RFC 5280, section 6).

use super::forge::{Cast, Plan, Signer, basic_constraints, element, extension, key_usage, name, sequence, source_of};
use super::{NOW, accepted, named, refused};
use crate::x509::{CHAIN_MAX, Refusal, TrustSource};

/// The refusal of a user whose certificate is planned so.
fn of_user(plan: &Plan) -> Refusal {
    let cast = Cast::new();
    refused(&[cast.root.certify(&cast.user, plan)], &cast.source())
}

#[test]
fn a_user_is_who_the_authority_says() {
    let cast = Cast::new();
    assert_eq!(accepted(&[cast.user_certificate()], &cast.source()).identity.name, "/DC=org/CN=Alice");
}

#[test]
fn of_an_authority_that_is_not_known() {
    let (cast, other) = (Cast::new(), Signer::new("/DC=org/CN=Other", 9));
    let chain = [other.certify(&cast.user, &Plan::user()), other.certify(&other, &Plan::authority())];
    let expected = "The certificate /DC=org/CN=Alice names /DC=org/CN=Other as its authority, and no trusted authority of this \
                    name is known here.";
    assert_eq!(refused(&chain[..1], &cast.source()).to_string(), expected);
    // That its root is sent along makes it no more trusted.
    assert!(matches!(refused(&chain, &cast.source()), Refusal::UnknownAuthority { .. }));
}

#[test]
fn of_another_key_with_the_name_of_the_authority() {
    let (cast, liar) = (Cast::new(), Signer::new("/DC=org/CN=Root", 9));
    let chain = [liar.certify(&cast.user, &Plan::user()), liar.certify(&liar, &Plan::authority())];
    assert!(matches!(refused(&chain, &cast.source()), Refusal::BadSignature { .. }));
}

#[test]
fn two_authorities_of_one_name_are_both_tried() {
    let (cast, next) = (Cast::new(), Signer::new("/DC=org/CN=Root", 9));
    let roots = [cast.root.certify(&cast.root, &Plan::authority()), next.certify(&next, &Plan::authority())];
    accepted(&[cast.user_certificate()], &source_of(&roots));
    accepted(&[next.certify(&cast.user, &Plan::user())], &source_of(&roots));
}

#[test]
fn out_of_time() {
    let ended = Plan { to: NOW - 301, ..Plan::user() };
    assert_eq!(of_user(&ended).to_string(), "The certificate /DC=org/CN=Alice ended on 2026-11-22T03:54:59Z.");
    let early = Plan { from: NOW + 301, ..Plan::user() };
    assert!(matches!(of_user(&early), Refusal::NotYetValid { .. }));
    let cast = Cast::new();
    let ended = source_of(&[cast.root.certify(&cast.root, &Plan { to: NOW - 301, ..Plan::authority() })]);
    assert!(matches!(refused(&[cast.user_certificate()], &ended), Refusal::Expired { .. }));
}

#[test]
fn an_authority_does_not_sign_in() {
    assert!(matches!(of_user(&Plan::authority()), Refusal::IsAuthority { .. }));
}

#[test]
fn certificates_for_other_uses() {
    let use_of = |value: &str| extension("2.5.29.37", false, &sequence(&[&super::forge::oid(value)]));
    assert!(matches!(of_user(&Plan::with(&[use_of("1.3.6.1.5.5.7.3.1")])), Refusal::Use { .. }), "servers only");
    assert!(matches!(of_user(&Plan::with(&[key_usage(0x20)])), Refusal::Use { .. }), "encipherment only");
    let cast = Cast::new();
    accepted(&[cast.root.certify(&cast.user, &Plan::with(&[use_of("1.3.6.1.5.5.7.3.2")]))], &cast.source());
}

#[test]
fn critical_extensions_must_be_known() {
    let odd = |critical| Plan::with(&[extension("1.2.3.4.5", critical, b"\x05\x00")]);
    let expected = "The certificate /DC=org/CN=Alice has a critical extension that is not known here (1.2.3.4.5).";
    assert_eq!(of_user(&odd(true)).to_string(), expected);
    let cast = Cast::new();
    accepted(&[cast.root.certify(&cast.user, &odd(false))], &cast.source());
}

/// A chain over one authority in between, which is planned so, and which the client sends.
fn over(plan: &Plan) -> Vec<Vec<u8>> {
    let (cast, middle) = (Cast::new(), Signer::new("/DC=org/CN=Middle", 4));
    vec![middle.certify(&cast.user, &Plan::user()), cast.root.certify(&middle, plan)]
}

#[test]
fn an_authority_in_between_must_be_one() {
    let source = Cast::new().source();
    accepted(&over(&Plan::authority()), &source);
    let mut unordered = over(&Plan::authority());
    unordered.push(Cast::new().root.certify(&Cast::new().root, &Plan::authority()));
    unordered[1..].reverse();
    accepted(&unordered, &source);
    assert!(matches!(refused(&over(&Plan::authority())[..1], &source), Refusal::UnknownAuthority { .. }));
    for plan in [
        Plan::user(),
        Plan::default(),
        Plan::with(&[basic_constraints(true, None), key_usage(0x82)]),
        Plan::with(&[key_usage(0x04)]),
    ] {
        assert!(matches!(refused(&over(&plan), &source), Refusal::NotAnAuthority { .. }));
    }
    assert!(matches!(refused(&over(&Plan { to: NOW - 400, ..Plan::authority() }), &source), Refusal::Expired { .. }));
    let odd = Plan::with(&[basic_constraints(true, None), extension("1.2.3.4.5", true, b"\x05\x00")]);
    assert!(matches!(refused(&over(&odd), &source), Refusal::CriticalExtension { .. }));
}

#[test]
fn an_intermediate_in_the_directory_needs_its_root() {
    let (cast, middle) = (Cast::new(), Signer::new("/DC=org/CN=Middle", 4));
    let source = source_of(&[cast.root.certify(&middle, &Plan::authority())]);
    let refusal = refused(&[middle.certify(&cast.user, &Plan::user())], &source);
    let expected = Refusal::UnknownAuthority { subject: middle.name, issuer: cast.root.name };
    assert_eq!(refusal, expected);
}

#[test]
fn path_length_of_authorities() {
    let cast = Cast::new();
    let none = Plan::with(&[basic_constraints(true, Some(0)), key_usage(0x06)]);
    let source = source_of(&[cast.root.certify(&cast.root, &none)]);
    accepted(&[cast.user_certificate()], &source);
    assert!(matches!(refused(&over(&Plan::authority()), &source), Refusal::TooManyAuthorities { .. }));
    let proxy = cast.user.certify(&cast.proxy, &Plan::proxy());
    accepted(&[proxy, cast.user_certificate()], &source);
}

#[test]
fn name_constraints() {
    let subtree = |line: &str| sequence(&[&element(0xa4, &[&name(line)])]);
    let constrained = |trees: &[u8]| {
        let cast = Cast::new();
        let constraints = extension("2.5.29.30", true, &sequence(&[trees]));
        source_of(&[cast.root.certify(&cast.root, &Plan::with(&[basic_constraints(true, None), constraints]))])
    };
    let chain = [Cast::new().user_certificate()];
    accepted(&chain, &constrained(&element(0xa0, &[&subtree("/DC=org")])));
    assert!(matches!(
        refused(&chain, &constrained(&element(0xa0, &[&subtree("/DC=com")]))),
        Refusal::NameConstraint { .. }
    ));
    assert!(matches!(
        refused(&chain, &constrained(&element(0xa1, &[&subtree("/DC=org/CN=Alice")]))),
        Refusal::NameConstraint { .. }
    ));
    // Mail addresses are constrained, and the name holds one.
    let mail = constrained(&element(0xa0, &[&sequence(&[&element(0x81, &[b"example.org"])])]));
    accepted(&chain, &mail);
    let cast = Cast::new();
    let with_mail = Signer::new("/DC=org/emailAddress=a@example.com", 5);
    let refusal = refused(&[cast.root.certify(&with_mail, &Plan::user())], &mail);
    assert!(matches!(refusal, Refusal::NameConstraint { .. }));
}

#[test]
fn signing_policies() {
    let policy = |patterns: &str| {
        let text = format!(
            "access_id_CA X509 '/DC=org/CN=Root'\npos_rights globus CA:sign\ncond_subjects globus '{patterns}'\n"
        );
        TrustSource { signing_policies: vec![named("authority.signing_policy", text)], ..Cast::new().source() }
    };
    let cast = Cast::new();
    let chain = [cast.user.certify(&cast.proxy, &Plan::proxy()), cast.user_certificate()];
    accepted(&chain, &policy("\"/DC=org/*\""));
    let expected = "The signing policy of /DC=org/CN=Root does not let it vouch for /DC=org/CN=Alice.";
    assert_eq!(refused(&chain, &policy("\"/DC=com/*\"")).to_string(), expected);
    let required = TrustSource { signing_policy_required: true, ..cast.source() };
    assert!(matches!(refused(&chain, &required), Refusal::SigningPolicyMissing { .. }));
    // A file that cannot be read closes the authority whose file it is.
    let broken = TrustSource { signing_policies: vec![named("authority.signing_policy", "?")], ..cast.source() };
    let (store, notes) = crate::x509::TrustStore::build(&broken).unwrap();
    assert_eq!(
        notes,
        ["The signing policy authority.signing_policy cannot be used: line 1 of its file is not understood."]
    );
    let refusal = crate::x509::judge(&chain, &store, super::now()).unwrap_err();
    assert!(matches!(refusal, Refusal::SigningPolicyUnusable { .. }));
}

#[test]
fn bounds() {
    let cast = Cast::new();
    let user = cast.user_certificate();
    assert_eq!(refused(&[], &cast.source()), Refusal::Empty);
    let many = vec![user.clone(); CHAIN_MAX + 1];
    assert!(matches!(refused(&many, &cast.source()), Refusal::TooLarge { .. }));
    let large = [user.clone(), vec![0; 48 << 10]];
    assert!(matches!(refused(&large, &cast.source()), Refusal::TooLarge { .. }));
    assert!(matches!(refused(&[user, vec![0x30, 0]], &cast.source()), Refusal::Malformed { position: 2, .. }));
}

/// Authorities of one name that all signed one another: the search must end, and soon.
#[test]
fn a_thicket_of_authorities_ends() {
    let cast = Cast::new();
    let other = Signer::new("/DC=org/CN=Thicket", 20);
    let mut chain = vec![other.certify(&cast.user, &Plan::user())];
    for serial in 0..15 {
        chain.push(other.certify(&other, &Plan { serial, ..Plan::authority() }));
    }
    assert_eq!(refused(&chain, &cast.source()), Refusal::TooCostly);
}

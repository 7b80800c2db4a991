//! Proxies that no tool makes (RFC 3820).

use super::forge::{Cast, INHERIT_ALL, Plan, Signer, basic_constraints, key_usage, proxy_info, proxy_info_with};
use super::{NOW, accepted, refused};
use crate::x509::Refusal;

fn of_proxy(plan: &Plan) -> Refusal {
    let cast = Cast::new();
    refused(&[cast.user.certify(&cast.proxy, plan), cast.user_certificate()], &cast.source())
}

#[test]
fn a_proxy_says_what_it_must() {
    let plan = |info| Plan::with(&[info]);
    assert!(matches!(
        of_proxy(&plan(proxy_info_with(None, INHERIT_ALL, false, b""))),
        Refusal::ProxyNotCritical { .. }
    ));
    let expected = "The proxy /DC=org/CN=Alice/CN=1 restricts itself by a policy that is not known here (1.2.3.4).";
    assert_eq!(of_proxy(&plan(proxy_info(None, "1.2.3.4"))).to_string(), expected);
    assert!(matches!(
        of_proxy(&plan(proxy_info_with(None, INHERIT_ALL, true, b"less"))),
        Refusal::ProxyLanguage { .. }
    ));
    let authority = Plan::with(&[proxy_info(None, INHERIT_ALL), basic_constraints(true, None)]);
    assert!(matches!(of_proxy(&authority), Refusal::ProxyAuthority { .. }));
    let signs = Plan::with(&[proxy_info(None, INHERIT_ALL), key_usage(0x84)]);
    assert!(matches!(of_proxy(&signs), Refusal::ProxyAuthority { .. }));
    assert!(matches!(of_proxy(&Plan { to: NOW - 400, ..Plan::proxy() }), Refusal::Expired { .. }));
}

#[test]
fn a_proxy_is_named_after_its_issuer() {
    let cast = Cast::new();
    for name in ["/DC=org/CN=Bob/CN=1", "/DC=org/CN=Alice", "/DC=org/CN=Alice/CN=1/CN=2", "/DC=org/CN=Alice/DC=1"] {
        let proxy = Signer::new(name, 3);
        let chain = [cast.user.certify(&proxy, &Plan::proxy()), cast.user_certificate()];
        assert!(matches!(refused(&chain, &cast.source()), Refusal::ProxyName { .. }), "{name}");
    }
}

#[test]
fn a_proxy_needs_its_issuer_in_the_chain() {
    let cast = Cast::new();
    let proxy = cast.user.certify(&cast.proxy, &Plan::proxy());
    assert!(matches!(refused(std::slice::from_ref(&proxy), &cast.source()), Refusal::ProxyWithoutIssuer { .. }));
    // Another key with the name of the user did not sign it.
    let liar = Signer::new("/DC=org/CN=Alice", 9);
    let chain = [liar.certify(&cast.proxy, &Plan::proxy()), cast.user_certificate()];
    assert!(matches!(refused(&chain, &cast.source()), Refusal::BadSignature { .. }));
}

#[test]
fn only_who_may_sign_issues_proxies() {
    let cast = Cast::new();
    let proxy = cast.user.certify(&cast.proxy, &Plan::proxy());
    let weak = cast.root.certify(&cast.user, &Plan::with(&[key_usage(0x20)]));
    assert!(matches!(refused(&[proxy.clone(), weak], &cast.source()), Refusal::Use { .. }));
    let authority = cast.root.certify(&cast.user, &Plan::authority());
    assert!(matches!(refused(&[proxy, authority], &cast.source()), Refusal::IsAuthority { .. }));
}

#[test]
fn depth_of_proxies() {
    let cast = Cast::new();
    let second = Signer::new("/DC=org/CN=Alice/CN=1/CN=2", 5);
    let third = Signer::new("/DC=org/CN=Alice/CN=1/CN=2/CN=3", 6);
    let plan = |below| Plan::with(&[proxy_info(below, INHERIT_ALL)]);
    let chain = |below| {
        let first = cast.user.certify(&cast.proxy, &plan(below));
        vec![cast.proxy.certify(&second, &Plan::proxy()), first, cast.user_certificate()]
    };
    assert_eq!(accepted(&chain(Some(1)), &cast.source()).identity.name, "/DC=org/CN=Alice");
    let expected =
        "The proxy /DC=org/CN=Alice/CN=1/CN=2 stands too deep: /DC=org/CN=Alice/CN=1 lets 0 proxies follow it.";
    assert_eq!(refused(&chain(Some(0)), &cast.source()).to_string(), expected);
    // The second one's word does not widen the first one's.
    let mut three = chain(Some(1));
    three.insert(0, second.certify(&third, &Plan::proxy()));
    assert!(matches!(refused(&three, &cast.source()), Refusal::ProxyDepth { max: 1, .. }));
}

#[test]
fn the_independent_proxy_nearest_to_the_leaf_counts() {
    let cast = Cast::new();
    let second = Signer::new("/DC=org/CN=Alice/CN=1/CN=2", 5);
    let independent = Plan::with(&[proxy_info(None, "1.3.6.1.5.5.7.21.2")]);
    let chain = [
        cast.proxy.certify(&second, &Plan::proxy()),
        cast.user.certify(&cast.proxy, &independent),
        cast.user_certificate(),
    ];
    assert_eq!(accepted(&chain, &cast.source()).identity.name, "/DC=org/CN=Alice/CN=1");
}

#[test]
fn a_proxy_may_not_stand_for_an_authority_of_its_user() {
    // A user's own certificate issues "another user": not a proxy, and no authority either.
    let cast = Cast::new();
    let other = Signer::new("/DC=org/CN=Alice/CN=1", 3);
    let chain = [cast.user.certify(&other, &Plan::user()), cast.user_certificate()];
    assert!(matches!(refused(&chain, &cast.source()), Refusal::NotAnAuthority { .. }));
}

//! Versions, audiences and times.

use super::*;
use std::time::Duration;

#[test]
fn every_claim_that_the_profile_requires_is_required() {
    for name in ["sub", "exp", "aud", "iat", "jti"] {
        assert_eq!(refuse(&wlcg(json!({name: null}))), Refusal::Missing(name));
    }
    assert!(matches!(refuse(&wlcg(json!({"wlcg.ver": null}))), Refusal::Profile(..)));
    for version in ["1.1", "2.0", "1", ""] {
        assert!(matches!(refuse(&wlcg(json!({"wlcg.ver": version}))), Refusal::Claim(..)), "{version}");
    }
    assert!(matches!(refuse(&wlcg(json!({"wlcg.ver": 1.0}))), Refusal::Claim(..)));
}

#[test]
fn a_token_for_another_audience_is_refused() {
    assert!(matches!(refuse(&wlcg(json!({"aud": "https://other.example"}))), Refusal::Audience(_)));
    assert!(matches!(refuse(&wlcg(json!({"aud": []}))), Refusal::Audience(_)));
    assert!(matches!(refuse(&wlcg(json!({"aud": {"a": AUDIENCE}}))), Refusal::Claim(..)));
    assert!(matches!(refuse(&wlcg(json!({"aud": [AUDIENCE, 1]}))), Refusal::Claim(..)));
    accept(&wlcg(json!({"aud": ["https://other.example", AUDIENCE]})));
    accept(&wlcg(json!({"aud": "https://alias.example:8443"})));
}

#[test]
fn an_audience_is_compared_as_a_whole() {
    let tricks = [
        "https://port.example/",
        "https://port.example:443",
        "https://port.example.evil.example",
        "https://port.exampl",
        "https://PORT.example",
        "http://port.example",
        "https://port.example ",
        " https://port.example",
        "https://port.example,https://x.example",
        "",
    ];
    for audience in tricks {
        assert!(matches!(refuse(&wlcg(json!({"aud": audience}))), Refusal::Audience(_)), "{audience}");
    }
}

#[test]
fn a_token_for_any_audience_is_accepted_where_the_site_does() {
    let (any, any_scitoken) = (wlcg(json!({"aud": ANY_WLCG})), scitoken(json!({"aud": "ANY"})));
    accept(&any);
    accept(&any_scitoken);
    let strict = IssuerRules { any_audience: false, ..rules() };
    for claims in [any, any_scitoken] {
        let judged = verify(&FIRST.token(&claims), &keys(), &strict, Timestamp::from_seconds(NOW));
        assert!(matches!(judged, Err(Refusal::Audience(_))));
    }
    // Each profile has its own word.
    assert!(matches!(refuse(&wlcg(json!({"aud": "ANY"}))), Refusal::Audience(_)));
    assert!(matches!(refuse(&scitoken(json!({"aud": ANY_WLCG}))), Refusal::Audience(_)));
}

#[test]
fn an_expired_token_is_refused() {
    let skew = 60;
    accept(&wlcg(json!({"iat": NOW - 600, "nbf": NOW - 600, "exp": NOW - skew + 1})));
    let refused = refuse(&wlcg(json!({"iat": NOW - 600, "nbf": NOW - 600, "exp": NOW - skew})));
    assert_eq!(refused, Refusal::Expired(Timestamp::from_seconds(NOW - skew)));
    assert!(matches!(refuse(&wlcg(json!({"iat": 0, "nbf": 0, "exp": 0}))), Refusal::Expired(_)));
    assert!(matches!(refuse(&wlcg(json!({"iat": 0, "nbf": 0, "exp": -1e300}))), Refusal::Expired(_)));
}

#[test]
fn a_token_that_is_not_yet_valid_is_refused() {
    accept(&wlcg(json!({"nbf": NOW + 60, "iat": NOW + 60})));
    let later = Refusal::NotYet(Timestamp::from_seconds(NOW + 61));
    assert_eq!(refuse(&wlcg(json!({"nbf": NOW + 61}))), later);
    assert_eq!(refuse(&wlcg(json!({"iat": NOW + 61}))), later);
}

#[test]
fn a_token_that_lives_too_long_is_refused() {
    accept(&wlcg(json!({"exp": NOW + 6 * 3600})));
    assert_eq!(refuse(&wlcg(json!({"exp": NOW + 6 * 3600 + 1}))), Refusal::LivesTooLong(21_601, 21_600));
    assert!(matches!(refuse(&wlcg(json!({"exp": 1e300}))), Refusal::LivesTooLong(..)));
    let patient = IssuerRules { lifetime_max: Duration::from_hours(24), ..rules() };
    let token = FIRST.token(&wlcg(json!({"exp": NOW + 24 * 3600})));
    assert!(verify(&token, &keys(), &patient, Timestamp::from_seconds(NOW)).is_ok());
    // Without a beginning, what is left counts.
    let refused = refuse(&scitoken(json!({"iat": null, "nbf": null, "exp": NOW + 6 * 3600 + 1})));
    assert!(matches!(refused, Refusal::LivesTooLong(..)));
}

#[test]
fn times_may_have_fractions_and_nothing_else() {
    accept(&wlcg(json!({"exp": NOW as f64 + 60.5})));
    for value in [json!("1800000600"), json!(true), json!([NOW + 60])] {
        assert!(matches!(refuse(&wlcg(json!({"exp": value}))), Refusal::Claim(..)), "{value}");
    }
}

#[test]
fn scitokens_are_accepted_by_their_version() {
    for version in ["scitoken:2.0", "scitokens:2.0"] {
        accept(&scitoken(json!({"ver": version})));
    }
    assert_eq!(refuse(&scitoken(json!({"aud": null}))), Refusal::Missing("aud"));
    assert!(matches!(refuse(&scitoken(json!({"ver": "scitoken:3.0"}))), Refusal::Claim(..)));
    let old = scitoken(json!({"ver": "scitoken:1.0", "aud": null}));
    assert!(matches!(refuse(&old), Refusal::Profile("a SciToken 1.0", _)));
    let lenient = IssuerRules { profiles: Profile::ALL.into(), ..rules() };
    let judge = |claims: &Value| verify(&FIRST.token(claims), &keys(), &lenient, Timestamp::from_seconds(NOW));
    assert!(judge(&old).is_ok());
    let for_others = scitoken(json!({"ver": "scitoken:1.0", "aud": "https://other.example"}));
    assert!(matches!(judge(&for_others), Err(Refusal::Audience(_))), "when it names an audience, that counts");
}

#[test]
fn other_tokens_are_accepted_where_the_site_says_so_and_grant_nothing() {
    let plain = wlcg(json!({"wlcg.ver": null, "jti": null, "iat": null, "scope": "storage.modify:/ openid"}));
    assert!(matches!(refuse(&plain), Refusal::Profile(..)));
    let lenient = IssuerRules { profiles: [Profile::Plain].into(), ..rules() };
    let identity = verify(&FIRST.token(&plain), &keys(), &lenient, Timestamp::from_seconds(NOW)).unwrap();
    assert!(!identity.authorises && identity.bounds.is_empty());
    let any = wlcg(json!({"wlcg.ver": null, "aud": ANY_WLCG}));
    assert!(verify(&FIRST.token(&any), &keys(), &lenient, Timestamp::from_seconds(NOW)).is_err());
}

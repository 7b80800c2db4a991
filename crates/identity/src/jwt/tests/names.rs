//! Who the bearer is: subject, groups, local users.

use super::*;
use terms::{CredentialForm, Kind};

fn named(rules: &IssuerRules, differences: Value) -> Result<String, Refusal> {
    let token = FIRST.token(&wlcg(differences));
    verify(&token, &keys(), rules, Timestamp::from_seconds(NOW)).map(|identity| identity.name)
}

#[test]
fn the_bearer_is_the_subject_at_the_issuer() {
    let identity = accept(&wlcg(json!({"wlcg.groups": ["/vo/a"]})));
    assert_eq!((identity.kind, identity.name.as_str()), (Kind::User, "1234@https://issuer.example/vo"));
    assert_eq!(identity.issuer.as_deref(), Some(ISSUER));
    assert_eq!(identity.credential.form, CredentialForm::SignedToken);
    assert_eq!(identity.credential.id, "a1");
    assert_eq!(identity.credential.issued, Some(Timestamp::from_seconds(NOW)));
    assert_eq!(identity.credential.expires, Some(Timestamp::from_seconds(NOW + 3600)));
}

#[test]
fn a_scitoken_may_lack_subject_and_id() {
    let identity = accept(&scitoken(json!({"sub": null})));
    assert_eq!((identity.kind, identity.name.as_str()), (Kind::Token, "a token of https://issuer.example/vo"));
    assert_eq!(identity.credential.id.len(), 16);
}

#[test]
fn a_subject_is_printable_ascii() {
    for subject in ["", "a\nb", "a\u{7f}", "é", &"x".repeat(256)] {
        assert!(matches!(refuse(&wlcg(json!({"sub": subject}))), Refusal::Claim(..)), "{subject:?}");
    }
    assert!(matches!(refuse(&wlcg(json!({"sub": 1234}))), Refusal::Claim(..)));
}

#[test]
fn groups_count_where_the_issuer_may_speak_for_them() {
    let groups = json!(["/vo", "/vo/a", "/volume", "/other", "operators", "vo/b", "/vo/with space", "/vo/../x"]);
    let identity = accept(&wlcg(json!({"wlcg.groups": groups})));
    assert_eq!(identity.groups.into_iter().collect::<Vec<_>>(), ["/vo", "/vo/../x", "/vo/a", "/vo/b"]);
    let silent = IssuerRules { groups: Vec::new(), ..rules() };
    let token = FIRST.token(&wlcg(json!({"wlcg.groups": ["/vo"]})));
    let identity = verify(&token, &keys(), &silent, Timestamp::from_seconds(NOW)).unwrap();
    assert!(identity.groups.is_empty(), "none by default");
    assert!(matches!(refuse(&wlcg(json!({"wlcg.groups": [1]}))), Refusal::Claim(..)));
}

#[test]
fn groups_may_stand_in_another_claim_and_count_only_as_a_strategy() {
    let other = IssuerRules { groups_claim: "entitlements".into(), ..rules() };
    let token = FIRST.token(&wlcg(json!({"wlcg.groups": ["/vo/a"], "entitlements": ["/vo/b"]})));
    let judged = |rules: &IssuerRules| verify(&token, &keys(), rules, Timestamp::from_seconds(NOW)).unwrap().groups;
    assert_eq!(judged(&other).into_iter().collect::<Vec<_>>(), ["/vo/b"]);
    let no_groups = IssuerRules { strategies: [Strategy::Mapping].into(), ..rules() };
    assert!(judged(&no_groups).is_empty());
}

#[test]
fn local_users_are_found_in_the_order_of_xrootd() {
    let rule = |subject: Option<&str>, group: Option<&str>, user: &str| NameRule {
        subject: subject.map(str::to_owned),
        group: group.map(str::to_owned),
        username: None,
        user: user.to_owned(),
    };
    let rules = IssuerRules {
        names: vec![rule(Some("1234"), None, "alice"), rule(None, Some("/vo/production"), "production")],
        username_claim: Some("uid".into()),
        map_subject: true,
        default_user: Some("nobody".into()),
        ..rules()
    };
    assert_eq!(named(&rules, json!({"uid": "bob"})).unwrap(), "alice");
    let producer = json!({"sub": "5", "uid": "bob", "wlcg.groups": ["/vo/production"]});
    assert_eq!(named(&rules, producer).unwrap(), "production");
    let producer_elsewhere = json!({"sub": "5", "uid": "bob", "wlcg.groups": ["/other/production"]});
    assert_eq!(named(&rules, producer_elsewhere).unwrap(), "bob");
    assert_eq!(named(&rules, json!({"sub": "5"})).unwrap(), "5");
    let unmapped = IssuerRules { map_subject: false, ..rules.clone() };
    assert_eq!(named(&unmapped, json!({"sub": "5"})).unwrap(), "nobody");
    let no_mapping = IssuerRules { strategies: [Strategy::Capability].into(), ..rules };
    assert_eq!(named(&no_mapping, json!({"uid": "bob"})).unwrap(), "1234@https://issuer.example/vo");
}

/// With `map_subject` an issuer chooses names; it must not choose those of another issuer's people, of certificates, or
/// of what we name ourselves.
#[test]
fn a_mapped_name_cannot_be_that_of_somebody_elses_people() {
    let rules = IssuerRules { map_subject: true, ..rules() };
    for subject in ["9@https://other.example", "/DC=org/CN=Alice", "token x (1)", "anonymous", "this host", "*"] {
        assert!(matches!(named(&rules, json!({"sub": subject})), Err(Refusal::Claim(..))), "{subject}");
    }
    assert_eq!(named(&rules, json!({"sub": "alice@site.example"})).unwrap(), "alice@site.example");
}

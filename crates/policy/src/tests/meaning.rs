//! What single rules mean: what they let through, and above all what they do not.

use super::site::{self, DAY, NOW};
use super::*;
use std::time::Duration;
use terms::{Bound, Credential, CredentialForm, Grant};

fn policy(rules: Vec<Rule>) -> Policy {
    Policy::compile(RuleSource { rules, ..RuleSource::default() }).expect("rules that validate")
}

fn cedar(text: &str) -> Policy {
    let cedar = vec![("test.cedar".to_owned(), text.to_owned())];
    Policy::compile(RuleSource { cedar, ..RuleSource::default() }).expect("rules that validate")
}

fn embargo(lasts: Option<Duration>, readers: Vec<Subject>) -> Policy {
    let embargo = Embargo { name: "e".to_owned(), paths: vec![path("/e")], readers, lasts };
    let rules = vec![everyone("open", "list,stat,read", "/e")];
    Policy::compile(RuleSource { rules, embargoes: vec![embargo], ..RuleSource::default() })
        .expect("rules that validate")
}

fn allows(policy: &Policy, who: &Principal, verb: Verb, at: &str) -> bool {
    policy.decide(Ask::new(who, verb, &path(at), NOW)).allows()
}

fn reads(policy: &Policy, who: &Principal, object: &Object, now: Timestamp) -> bool {
    policy.decide(Ask { object: Some(object), ..Ask::new(who, Verb::Read, &path("/e/f"), now) }).allows()
}

fn imported(at: Timestamp) -> Object {
    Object { imported: Some(at), ..Object::default() }
}

fn attributed(name: &str, value: &str) -> Object {
    Object { attributes: [(name.to_owned(), value.to_owned())].into(), ..Object::default() }
}

fn nanos_from(instant: Timestamp, nanos: i64) -> Timestamp {
    Timestamp::from_nanos(instant.nanos() + nanos)
}

#[test]
fn no_rules_give_nothing_to_anyone() {
    let issued = Identity { issuer: Some("https://i.example".to_owned()), ..Identity::new(Kind::User, "u") };
    let callers = [Principal::anonymous(), user("alice"), group("operators"), Principal::of(issued)];
    let share = Principal::of(Identity::new(Kind::Share, "a share that grants nothing"));
    for policy in [Policy::default(), Policy::new(Vec::new()), policy(Vec::new()), cedar("")] {
        for who in callers.iter().chain([&share]) {
            for verb in Verb::ALL {
                for at in ["/", "/a", "/a/b"] {
                    let decision = policy.decide(Ask::new(who, *verb, &path(at), NOW));
                    assert!(!decision.allows(), "{who} {verb} {at}");
                    assert_eq!(decision.rule, "closed by default");
                    assert_eq!(decision.effect == Effect::Authenticate, who.is_anonymous());
                }
            }
        }
    }
}

#[test]
fn paths_are_matched_by_whole_names() {
    let policy = policy(vec![everyone("r", "read", "/foo/bar")]);
    let table = [
        ("/foo/bar", true),
        ("/foo/bar/x", true),
        ("/foo/bar/bargain", true),
        ("/foo/bargain", false),
        ("/foo/ba", false),
        ("/foo", false),
        ("/", false),
        ("/FOO/bar", false),
        ("/foo/Bar/x", false),
        ("/x/foo/bar", false),
    ];
    for (at, expected) in table {
        assert_eq!(allows(&policy, &user("alice"), Verb::Read, at), expected, "{at}");
    }
}

#[test]
fn a_rule_for_all_of_the_namespace_in_cedar_gives_no_administration() {
    let policy = cedar(r#"permit (principal in Group::"g", action, resource in Path::"/");"#);
    assert!(allows(&policy, &group("g"), Verb::Delete, "/a"));
    assert!(!allows(&policy, &group("g"), Verb::Reload, "/"));
    assert!(allows(&cedar("permit (principal, action, resource);"), &group("g"), Verb::Reload, "/"));
}

#[test]
fn an_embargo_ends_by_time_since_import_and_not_a_nanosecond_before() {
    let policy = embargo(Some(DAY * 30), vec![Subject::Group("team".to_owned())]);
    for into in [0, 1, 999_999, 1_000_000] {
        let start = nanos_from(NOW, into);
        let end = start.after(DAY * 30);
        let file = imported(start);
        assert!(!reads(&policy, &user("bob"), &file, start));
        assert!(!reads(&policy, &user("bob"), &file, nanos_from(end, -1_000_000_000)));
        assert!(!reads(&policy, &user("bob"), &file, nanos_from(end, -1)), "{into}");
        // What Cedar counts in is milliseconds: the end is the first one that is not before it.
        let open = if into % 1_000_000 == 0 { end } else { nanos_from(end, 1_000_000) };
        assert!(reads(&policy, &user("bob"), &file, open), "{into}");
        assert!(reads(&policy, &Principal::anonymous(), &file, nanos_from(end, 1_000_000_000)));
        assert!(reads(&policy, &group("team"), &file, start));
    }
}

#[test]
fn a_files_own_end_of_embargo_decides_whatever_the_rule_says() {
    let policy = embargo(Some(DAY), Vec::new());
    let file = |until: &str| Object { imported: Some(NOW), ..attributed("embargo-until", until) };
    let end = Timestamp::from_seconds(1_798_761_600);
    let later = file("2027-01-01T00:00:00Z");
    assert!(!reads(&policy, &user("bob"), &later, NOW.after(DAY * 2)), "the rule's own end has passed");
    assert!(!reads(&policy, &user("bob"), &later, nanos_from(end, -1)));
    assert!(reads(&policy, &user("bob"), &later, end));
    assert!(reads(&policy, &user("bob"), &file("2020-01-01T00:00:00+01:00"), NOW));
    for unreadable in ["", "tomorrow", "2020-01-01", "0", "2020-01-01T00:00:00"] {
        assert!(!reads(&policy, &user("bob"), &file(unreadable), NOW.after(DAY * 999)), "'{unreadable}'");
    }
}

#[test]
fn an_embargo_whose_end_is_unknown_lasts() {
    for policy in [embargo(Some(DAY), Vec::new()), embargo(None, Vec::new())] {
        assert!(!reads(&policy, &user("bob"), &Object::default(), NOW.after(DAY * 9_999)));
        assert!(!allows(&policy, &user("bob"), Verb::Read, "/e/f"), "nothing is known of the file");
    }
    let only_by_attribute = embargo(None, Vec::new());
    assert!(!reads(&only_by_attribute, &user("bob"), &imported(NOW), NOW.after(DAY * 9_999)));
    assert!(reads(&only_by_attribute, &user("bob"), &attributed("embargo-until", "2020-01-01T00:00:00Z"), NOW));
}

#[test]
fn an_embargo_grants_nothing_and_closes_only_reading() {
    let embargo_alone = Embargo {
        name: "e".to_owned(),
        paths: vec![path("/e")],
        readers: vec![Subject::Group("team".to_owned())],
        lasts: Some(DAY),
    };
    let alone =
        Policy::compile(RuleSource { embargoes: vec![embargo_alone], ..RuleSource::default() }).expect("an embargo");
    for who in [user("bob"), group("team"), Principal::anonymous()] {
        assert!(!reads(&alone, &who, &imported(NOW), NOW.after(DAY * 9)), "{who}");
    }
    let policy = embargo(Some(DAY), Vec::new());
    assert!(allows(&policy, &user("bob"), Verb::Stat, "/e/f") && allows(&policy, &user("bob"), Verb::List, "/e"));
    assert!(!allows(&policy, &user("bob"), Verb::Read, "/e/f"));
}

#[test]
fn what_is_forbidden_stays_forbidden_whatever_allows_it() {
    let forbid = Rule { effect: RuleEffect::Forbid, ..everyone("no", "delete,read", "/a/raw") };
    let policy = policy(vec![everyone("yes", "list,stat,read,delete", "/"), forbid]);
    let capability = token("read,delete,stat", "/");
    for who in [user("alice"), capability.clone()] {
        assert!(!allows(&policy, &who, Verb::Delete, "/a/raw/x"), "{who}");
        assert!(allows(&policy, &who, Verb::Delete, "/a/x"), "{who}");
    }
    assert_eq!(policy.decide(Ask::new(&capability, Verb::Delete, &path("/a/raw/x"), NOW)).rule, "no");
    assert!(allows(&policy, &Principal::host(), Verb::Delete, "/a/raw/x"));
    assert!(!reads(&embargo(Some(DAY), Vec::new()), &token("read", "/e"), &imported(NOW), NOW));
}

#[test]
fn every_bound_narrows_and_none_grants_unless_the_credential_authorises() {
    let policy = policy(vec![everyone("open", "list,read", "/a")]);
    let bound = |by: &str, verbs: &str, at: &str| Bound {
        by: by.to_owned(),
        grants: vec![Grant::new(verbs.parse().expect("verbs"), path(at))],
    };
    let holder = |bounds: Vec<Bound>, authorises: bool| {
        Principal::of(Identity { bounds, authorises, ..Identity::new(Kind::User, "alice") })
    };
    let narrowed = holder(vec![bound("one", "read,delete", "/a"), bound("two", "read,list,delete", "/a/b")], false);
    assert!(allows(&policy, &narrowed, Verb::Read, "/a/b/c"));
    assert!(!allows(&policy, &narrowed, Verb::Read, "/a/c"), "outside the second");
    assert!(!allows(&policy, &narrowed, Verb::List, "/a/b"), "not in the first");
    assert!(!allows(&policy, &narrowed, Verb::Delete, "/a/b/c"), "in both, and no rule allows it");
    let refused = policy.decide(Ask::new(&narrowed, Verb::Read, &path("/a/c"), NOW));
    assert_eq!((refused.rule.as_ref(), refused.effect), ("two", Effect::Refuse));
    let granting = holder(vec![bound("one", "read,delete", "/a"), bound("two", "read,list,delete", "/a/b")], true);
    assert!(allows(&policy, &granting, Verb::Delete, "/a/b/c"));
    assert!(!allows(&policy, &granting, Verb::Delete, "/a/c"));
    assert!(!allows(
        &policy,
        &holder(vec![Bound { by: "none".to_owned(), grants: Vec::new() }], true),
        Verb::Read,
        "/a"
    ));
}

#[test]
fn a_credential_carries_no_larger_file_than_it_says() {
    let who = Principal::of(Identity { upload_max_bytes: Some(10), ..Identity::new(Kind::User, "alice") });
    let policy = policy(vec![everyone("open", "read,create,modify,stat", "/a")]);
    let asks = |verb, bytes| policy.decide(Ask { bytes, ..Ask::new(&who, verb, &path("/a/x"), NOW) }).allows();
    assert!(asks(Verb::Create, Some(10)) && asks(Verb::Read, Some(11)) && asks(Verb::Create, None));
    assert!(!asks(Verb::Create, Some(11)) && !asks(Verb::Modify, Some(11)));
}

#[test]
fn owning_is_for_those_with_a_name() {
    let policy = policy(vec![Rule { subjects: vec![Subject::Owner], ..everyone("own", "read", "/e") }]);
    let of = |owner: Option<&str>| Object { owner: owner.map(str::to_owned), ..Object::default() };
    assert!(reads(&policy, &user("alice"), &of(Some("alice")), NOW));
    assert!(!reads(&policy, &user("alice"), &of(Some("bob")), NOW));
    assert!(!reads(&policy, &user("alice"), &of(None), NOW));
    assert!(!reads(&policy, &Principal::anonymous(), &of(Some("anonymous")), NOW));
    let share = Principal::of(Identity::new(Kind::Share, "alice"));
    assert!(!reads(&policy, &share, &of(Some("alice")), NOW));
}

#[test]
fn names_of_one_kind_are_not_names_of_another() {
    let rule = Rule {
        subjects: vec![Subject::User("anonymous".to_owned()), Subject::User("t".to_owned())],
        ..everyone("u", "read", "/")
    };
    let policy = policy(vec![
        rule,
        Rule { subjects: vec![Subject::Group("https://i.example".to_owned())], ..everyone("g", "read", "/") },
    ]);
    assert!(allows(&policy, &user("anonymous"), Verb::Read, "/"));
    assert!(!allows(&policy, &Principal::anonymous(), Verb::Read, "/"));
    assert!(!allows(&policy, &Principal::of(Identity::new(Kind::Token, "t")), Verb::Read, "/"));
    let issued = Identity { issuer: Some("https://i.example".to_owned()), ..Identity::new(Kind::User, "x") };
    assert!(!allows(&policy, &Principal::of(issued), Verb::Read, "/"));
}

/// Conditions one by one: rule, what a question needs to meet it, what misses it by the least.
#[test]
fn each_condition_holds_exactly_where_it_says() {
    let with = |conditions: Conditions| policy(vec![Rule { conditions, ..everyone("c", "read", "/") }]);
    let who = |from: &str, tls: bool, age_s: i64| {
        let issued = Some(Timestamp::from_nanos(NOW.nanos() - age_s * 1_000_000_000));
        let credential = Credential { form: CredentialForm::LocalToken, issued, ..Credential::default() };
        Principal::of(Identity { credential, ..Identity::new(Kind::User, "alice") })
            .came(from.parse().expect("an address"), tls)
    };
    let near = who("192.0.2.255", true, 60);
    let at = path("/x");
    let check = |conditions: Conditions, who: &Principal, expected: bool, words: &str| {
        let ask = Ask { bytes: Some(10), used_bytes: Some(9), ..Ask::new(who, Verb::Read, &at, NOW) };
        assert_eq!(with(conditions).decide(ask).allows(), expected, "{words}");
    };
    let networks = |networks: &[&str]| Conditions {
        networks: networks.iter().map(|text| (*text).to_owned()).collect(),
        ..Conditions::default()
    };
    check(networks(&["198.51.100.1", "192.0.2.0/24"]), &near, true, "inside the second network");
    check(networks(&["192.0.2.0/24"]), &who("192.0.3.0", true, 60), false, "beside the network");
    check(networks(&["192.0.2.0/24"]), &who("::ffff:192.0.2.1", true, 60), true, "mapped into IPv6");
    check(networks(&["0.0.0.0/0"]), &who("2001:db8::1", true, 60), false, "all of IPv4 is not IPv6");
    check(networks(&["::/0"]), &user("from nowhere"), false, "no address is in no network");
    let time = |from, until| Conditions { from, until, ..Conditions::default() };
    check(time(Some(NOW), None), &near, true, "at its beginning");
    check(time(Some(nanos_from(NOW, 1)), None), &near, false, "a nanosecond before its beginning");
    check(time(None, Some(NOW)), &near, false, "at its end");
    check(time(None, Some(nanos_from(NOW, 1))), &near, true, "a nanosecond before its end");
    check(Conditions { tls: Some(true), ..Conditions::default() }, &who("192.0.2.1", false, 60), false, "without TLS");
    check(Conditions { tls: Some(false), ..Conditions::default() }, &near, false, "with TLS");
    let age = |seconds| Conditions { credential_age_max: Some(Duration::from_secs(seconds)), ..Conditions::default() };
    check(age(60), &near, true, "just young enough");
    check(age(59), &near, false, "a second too old");
    check(age(59), &user("nobody knows since when"), false, "no time of issue");
    let size = |most| Conditions { size_max_bytes: Some(most), ..Conditions::default() };
    check(size(10), &near, true, "of that size");
    check(size(9), &near, false, "a byte larger");
    let daily = |most| Conditions { daily_max_bytes: Some(most), ..Conditions::default() };
    check(daily(10), &near, true, "less");
    check(daily(9), &near, false, "as much");
    check(
        Conditions { attributes: vec![("band".to_owned(), "r".to_owned())], ..Conditions::default() },
        &near,
        false,
        "no file known",
    );
}

/// What is not known allows nothing, and lifts no ban.
#[test]
fn what_is_unknown_closes() {
    let forbid = |conditions| {
        policy(vec![
            everyone("open", "read", "/"),
            Rule { effect: RuleEffect::Forbid, conditions, ..everyone("f", "read", "/") },
        ])
    };
    let nowhere = user("alice");
    let networks = Conditions { networks: vec!["192.0.2.0/24".to_owned()], ..Conditions::default() };
    assert!(!allows(&forbid(networks.clone()), &nowhere, Verb::Read, "/x"));
    assert!(allows(
        &forbid(networks),
        &user("a").came("198.51.100.1".parse().expect("an address"), true),
        Verb::Read,
        "/x"
    ));
    assert!(!allows(
        &forbid(Conditions { daily_max_bytes: Some(1), ..Conditions::default() }),
        &nowhere,
        Verb::Read,
        "/x"
    ));
}

#[test]
fn a_ban_that_fails_holds() {
    // 9,223,372,036,854,775,807 is the largest number that Cedar has: the sum overflows.
    let text = r#"permit (principal, action, resource);
        forbid (principal, action, resource) when { context has bytes && context.bytes + 9223372036854775807 > 0 };"#;
    let policy = cedar(text);
    let (alice, at) = (user("alice"), path("/x"));
    let asks = |bytes| policy.decide(Ask { bytes, ..Ask::new(&alice, Verb::Read, &at, NOW) }).allows();
    assert!(!asks(Some(1)), "the condition cannot be computed");
    assert!(asks(None), "the condition does not hold");
}

#[test]
fn facts_are_asked_for_only_where_a_rule_that_can_match_looks_at_them() {
    let policy = site::policy();
    let wants = |who: &Principal, verb, at: &str| {
        let at = path(at);
        (policy.wants_object(&Ask::new(who, verb, &at, NOW)), policy.wants_usage(&Ask::new(who, verb, &at, NOW)))
    };
    assert_eq!(wants(&user("bob"), Verb::Read, "/survey/dr1/pixels/a"), (true, false));
    assert_eq!(
        wants(&group("operators"), Verb::Read, "/survey/dr1/pixels/a"),
        (false, false),
        "readers are not under embargo"
    );
    assert_eq!(wants(&user("bob"), Verb::Stat, "/survey/dr1/pixels/a"), (false, false));
    assert_eq!(wants(&user("bob"), Verb::Delete, "/scratch/a"), (true, false));
    assert_eq!(wants(&Principal::anonymous(), Verb::Delete, "/scratch/a"), (false, false));
    assert_eq!(wants(&Principal::host(), Verb::Read, "/survey/dr1/pixels/a"), (false, false));
    let limited = Conditions { size_max_bytes: Some(1), daily_max_bytes: Some(1), ..Conditions::default() };
    let policy = super::meaning::policy(vec![Rule { conditions: limited, ..everyone("l", "read,create", "/") }]);
    let (at, alice) = (path("/x"), user("alice"));
    let ask = Ask::new(&alice, Verb::Read, &at, NOW);
    assert!(policy.wants_object(&ask) && policy.wants_usage(&ask));
    assert!(!policy.wants_object(&Ask { bytes: Some(1), ..ask }), "the size is known");
}

/// An answer about a hidden path is the same whatever is there.
#[test]
fn a_refusal_betrays_nothing_of_a_hidden_path() {
    let source = RuleSource {
        cedar: vec![(
            "x.cedar".to_owned(),
            "forbid (principal, action, resource) when { resource is Path && resource has size && resource.size > 5 };"
                .to_owned(),
        )],
        rules: vec![Rule {
            subjects: vec![Subject::Group("g".to_owned())],
            ..everyone("r", "list,stat,read,create", "/h")
        }],
        ..RuleSource::default()
    };
    let policy = Policy::compile(source).expect("rules that validate");
    let large = Object { size_bytes: Some(9), owner: Some("bob".to_owned()), ..Object::default() };
    for who in [user("alice"), Principal::anonymous(), token("create", "/elsewhere")] {
        for verb in &Verb::ALL[..8] {
            let at = path("/h/f");
            let missing = policy.decide(Ask::new(&who, *verb, &at, NOW));
            let there = policy.decide(Ask { object: Some(&large), ..Ask::new(&who, *verb, &at, NOW) });
            assert!(missing.hides && there.hides, "{who} {verb}");
            let told = |decision: &Decision| (decision.effect, decision.reason.clone(), decision.change.clone());
            assert_eq!(told(&missing), told(&there), "{who} {verb}");
        }
    }
    let seen = policy.decide(Ask::new(&group("g"), Verb::Delete, &path("/h/f"), NOW));
    assert!(!seen.allows() && !seen.hides);
}

#[test]
fn a_refused_caller_is_told_what_would_help_but_no_names() {
    let over_tls = Conditions { tls: Some(true), ..Conditions::default() };
    let policy = policy(vec![
        everyone("seen", "stat", "/"),
        Rule { conditions: over_tls, ..everyone("safe", "read", "/") },
        Rule { subjects: vec![Subject::Group("secret society".to_owned())], ..everyone("them", "read", "/") },
    ]);
    let refused = policy.decide(Ask::new(&user("alice"), Verb::Read, &path("/x"), NOW));
    assert_eq!(refused.change.as_deref(), Some("a request over TLS"));
    let refused = embargo(Some(DAY), Vec::new());
    let refused = refused
        .decide(Ask { object: Some(&imported(NOW)), ..Ask::new(&user("alice"), Verb::Read, &path("/e/f"), NOW) });
    assert_eq!(refused.reason, "the files here are under embargo");
    assert_eq!(refused.change, Some(format!("asking from {} on", NOW.after(DAY))));
    let refused = policy.decide(Ask::new(&Principal::anonymous(), Verb::Delete, &path("/x"), NOW));
    assert_eq!(refused.change.as_deref(), Some("credentials that allow it"));
}

#[test]
fn a_replaced_policy_is_in_force_at_once_and_its_cache_is_its_own() {
    let rights = Rights::new(policy(vec![everyone("r", "read", "/a")]), ());
    let (alice, at) = (user("alice"), path("/a/x"));
    let ask = Ask::new(&alice, Verb::Read, &at, NOW);
    for _ in 0..3 {
        assert!(rights.decide(ask).allows());
    }
    rights.replace(Policy::default());
    assert!(!rights.decide(ask).allows());
}

//! Grants to anonymous visitors and tokens that stand for themselves as one table: who, verb, path, effect.

use super::*;

#[test]
fn every_kind_of_caller_gets_what_it_was_given_and_no_more() {
    let policy = Policy::new(vec![
        AnonymousGrant { path: path("/open"), verbs: "list,stat,read".parse().expect("verbs") },
        AnonymousGrant { path: path("/open/closed"), verbs: VerbSet::default() },
    ]);
    use Effect::{Allow, Authenticate, Refuse};
    let table = [
        (Principal::anonymous(), Verb::Read, "/open/x", Allow),
        (Principal::anonymous(), Verb::Create, "/open/x", Authenticate),
        (Principal::anonymous(), Verb::Reload, "/open", Authenticate),
        (Principal::anonymous(), Verb::Read, "/opened", Authenticate),
        (Principal::anonymous(), Verb::Read, "/open/closed/x", Authenticate),
        (Principal::anonymous(), Verb::Read, "/", Authenticate),
        (token("read", "/a"), Verb::Read, "/a/x", Allow),
        (token("read", "/a"), Verb::Create, "/a/x", Refuse),
        (token("read", "/a"), Verb::Read, "/ab", Refuse),
        (token("read", "/a"), Verb::Reload, "/a", Refuse),
        (token("admin", "/a"), Verb::Reload, "/", Allow),
        (token("admin", "/a"), Verb::Read, "/a", Refuse),
        (Principal::host(), Verb::Delete, "/", Allow),
    ];
    for (who, verb, at, effect) in table {
        let decision = policy.decide(Ask::new(&who, verb, &path(at), Timestamp::from_seconds(0)));
        assert_eq!(decision.effect, effect, "{who} {verb} {at}: {}", decision.reason);
        assert!(!decision.reason.is_empty() && !decision.rule.is_empty());
    }
}

#[test]
fn a_grant_may_be_for_the_longest_of_paths() {
    let name = "\u{fc}'\"".repeat(50);
    let long = format!("/{name}").repeat(terms::MAX_PATH_BYTES / (name.len() + 1));
    let grants = vec![AnonymousGrant { path: path(&long), verbs: "read".parse().expect("verbs") }];
    let policy = Policy::new(grants);
    let anyone = Principal::anonymous();
    assert!(policy.decide(Ask::new(&anyone, Verb::Read, &path(&long), Timestamp::from_seconds(0))).allows());
}

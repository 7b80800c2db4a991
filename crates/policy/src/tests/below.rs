//! Whether one answer holds for a whole folder.

use super::*;

fn differs(rules: Vec<Rule>, cedar: &str, who: &Principal, folder: &str) -> bool {
    let cedar = if cedar.is_empty() { Vec::new() } else { vec![("test".to_owned(), cedar.to_owned())] };
    let policy = Policy::compile(RuleSource { rules, cedar, ..RuleSource::default() }).expect("rules");
    policy.differs_below(&Ask::new(who, Verb::Delete, &path(folder), Timestamp::from_seconds(0)))
}

#[test]
fn one_rule_for_a_tree_makes_one_answer() {
    let rule = || vec![everyone("all", "delete", "/a")];
    for who in [user("anna"), Principal::anonymous()] {
        assert!(!differs(rule(), "", &who, "/a"));
        assert!(!differs(rule(), "", &who, "/a/b"));
        // Where nothing is allowed, the walk tells on what.
        assert!(differs(rule(), "", &who, "/c"));
    }
    assert!(!differs(Vec::new(), "", &token("delete", "/a"), "/a"));
}

#[test]
fn whatever_speaks_of_something_below_or_of_the_file_makes_several() {
    let with = |other: Rule| vec![everyone("all", "delete", "/"), other];
    let forbid = |at: &str| Rule { effect: RuleEffect::Forbid, ..everyone("not here", "delete", at) };
    let owned = Rule { subjects: vec![Subject::Owner], ..forbid("/z") };
    let said = |at: &str| Rule {
        conditions: Conditions { attributes: vec![("kept".to_owned(), "yes".to_owned())], ..Conditions::default() },
        ..forbid(at)
    };
    let anna = user("anna");
    assert!(differs(with(forbid("/a/b/c")), "", &anna, "/a"));
    assert!(differs(with(forbid("/a/b/c")), "", &anna, "/"));
    assert!(!differs(with(forbid("/a/b/c")), "", &anna, "/ab"));
    assert!(!differs(with(forbid("/ab")), "", &anna, "/a"));
    assert!(differs(with(said("/a")), "", &anna, "/a/b"));
    assert!(!differs(with(said("/a")), "", &anna, "/b"));
    assert!(!differs(with(owned), "", &anna, "/a"));
    // A rule for the folder itself says nothing of what is in it.
    let itself = "permit(principal, action == Action::\"delete\", resource == Path::\"/a\");";
    assert!(differs(Vec::new(), itself, &anna, "/a"));
    let by_name = "forbid(principal, action, resource is Path) when { resource.path like \"*.fits\" };";
    assert!(differs(vec![everyone("all", "delete", "/")], by_name, &anna, "/a"));
}

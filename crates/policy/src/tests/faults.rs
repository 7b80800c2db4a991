//! What is wrong with a policy is told with its place, and such a policy never comes into force.

use super::*;
use std::time::Duration;

fn faults(source: RuleSource) -> Vec<String> {
    Policy::compile(source).expect_err("this policy is wrong").iter().map(ToString::to_string).collect()
}

fn of_cedar(text: &str) -> Vec<String> {
    faults(RuleSource { cedar: vec![("site.cedar".to_owned(), text.to_owned())], ..RuleSource::default() })
}

fn of_rule(rule: Rule) -> Vec<String> {
    faults(RuleSource { rules: vec![rule], ..RuleSource::default() })
}

/// One fault, which begins and speaks so.
fn one(faults: &[String], begins: &str, says: &str) {
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].starts_with(begins) && faults[0].contains(says), "{faults:#?}");
    assert!(!faults[0].contains('\n'), "{faults:#?}");
}

#[test]
fn cedar_that_cannot_be_read_is_told_by_line_and_column() {
    one(
        &of_cedar("permit (principal, action, resource);\n\nallow (principal, action, resource);"),
        "site.cedar:3:1: ",
        "allow",
    );
    one(&of_cedar("permit (principal, action, resource)\n  when { context.tls "), "site.cedar:2:", "end of input");
    one(&of_cedar("permit (principal == ?principal, action, resource);"), "site.cedar: ", "template");
}

#[test]
fn cedar_that_does_not_fit_the_schema_is_told_by_line_and_column() {
    let rule = |condition: &str| {
        format!("// A rule.\npermit (principal, action == Action::\"read\", resource)\n  when {{ {condition} }};")
    };
    one(&of_cedar(&rule("context.cheese")), "site.cedar:3:", "cheese");
    one(&of_cedar(&rule("resource.owner == principal.name")), "site.cedar:3:", "owner");
    one(&of_cedar(&rule("context.now > 5")), "site.cedar:3:", "expected");
    one(&of_cedar(&rule("principal in Team::\"a\"")), "site.cedar:3:", "Team");
    one(&of_cedar("permit (principal, action == Action::\"reed\", resource);"), "site.cedar:1:", "reed");
    one(&of_cedar("permit (principal, action == Action::\"reload\", resource in Path::\"/a\");"), "site.cedar:1:", "");
}

#[test]
fn paths_that_could_never_match_are_told() {
    one(
        &of_cedar("permit (principal, action, resource in\n Path::\"/a/\");"),
        "site.cedar:2:2: ",
        "write Path::\"/a\"",
    );
    one(&of_cedar("permit (principal, action, resource in Path::\"a\");"), "site.cedar:1:40: ", "does not begin with");
    one(
        &of_cedar("permit (principal, action, resource) when { resource in Path::\"/a/../b\" };"),
        "site.cedar:1:57: ",
        "'..'",
    );
}

#[test]
fn rules_of_the_short_form_are_told_by_name() {
    let rule = || everyone("r", "read", "/a");
    let conditions = |conditions| Rule { conditions, ..rule() };
    let network = |text: &str| conditions(Conditions { networks: vec![text.to_owned()], ..Conditions::default() });
    one(&of_rule(network("192.0.2.0/33")), "rule 'r': ", "more than 32 bits");
    one(&of_rule(network("192.0.2.1/24")), "rule 'r': ", "beyond the first 24");
    one(&of_rule(network("example.org")), "rule 'r': ", "not an address");
    one(&of_rule(network("2001:db8::1/32")), "rule 'r': ", "beyond the first 32");
    one(&of_rule(Rule { verbs: VerbSet::default(), paths: vec![], ..rule() }), "rule 'r': ", "no verb");
    one(&of_rule(Rule { subjects: vec![], ..rule() }), "rule 'r': ", "nobody");
    one(&of_rule(Rule { paths: vec![], ..rule() }), "rule 'r': ", "no path");
    one(&of_rule(everyone("r", "reload", "/a")), "rule 'r': ", "whole port");
    one(
        &of_rule(Rule { subjects: vec![Subject::Owner], ..everyone("r", "reload", "/") }),
        "rule 'r': ",
        "neither owner",
    );
    let noon = Timestamp::from_seconds(43_200);
    one(
        &of_rule(conditions(Conditions { from: Some(noon), until: Some(noon), ..Conditions::default() })),
        "rule 'r': ",
        "no time between",
    );
    let embargo =
        Embargo { name: "e".to_owned(), paths: vec![path("/a")], readers: vec![Subject::Everyone], lasts: None };
    let source = |embargo| RuleSource { embargoes: vec![embargo], ..RuleSource::default() };
    one(&faults(source(embargo.clone())), "embargo 'e': ", "closes nothing");
    let eternal = Embargo { readers: vec![], lasts: Some(Duration::MAX), ..embargo.clone() };
    one(&faults(source(eternal)), "embargo 'e': ", "200 years");
    one(&faults(source(Embargo { paths: vec![], readers: vec![], ..embargo })), "embargo 'e': ", "no path");
}

#[test]
fn names_are_given_once() {
    let source = RuleSource {
        rules: vec![everyone("a", "read", "/a"), everyone("a", "list", "/b")],
        cedar: vec![("site.cedar".to_owned(), "@id(\"credential\")\npermit (principal, action, resource);".to_owned())],
        ..RuleSource::default()
    };
    let told = faults(source);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(
        told[0].contains("'a' is taken already") && told[1].starts_with("site.cedar: the name 'credential'"),
        "{told:#?}"
    );
    one(&of_rule(everyone("a\nb", "read", "/a")), "rule 'a", "control characters");
    one(&of_rule(everyone("", "read", "/a")), "rule '", "no name");
}

/// All faults at once: an operator should not need a round for each.
#[test]
fn everything_wrong_is_told_together() {
    let source = RuleSource {
        rules: vec![
            Rule { paths: vec![], ..everyone("r", "read", "/a") },
            Rule { subjects: vec![], ..everyone("s", "read", "/a") },
        ],
        cedar: vec![("site.cedar".to_owned(), "permit (nobody, action, resource);".to_owned())],
        ..RuleSource::default()
    };
    assert_eq!(faults(source).len(), 3);
}

/// Whatever stands in names, the text that is made of them stays what it was meant to be.
#[test]
fn names_cannot_break_out_of_the_text_that_is_made_of_them() {
    let evil = r#"x"); permit (principal, action, resource); // \"#;
    let names = [evil, "\"", "\\", "a\u{202e}b", "\u{1f600}", "${x}", "'", "\t"];
    for name in names {
        let rule = Rule {
            subjects: vec![Subject::Group(name.to_owned()), Subject::User(name.to_owned())],
            conditions: Conditions { attributes: vec![(name.to_owned(), name.to_owned())], ..Conditions::default() },
            ..everyone("r", "read", "/a")
        };
        let policy = Policy::compile(RuleSource { rules: vec![rule], ..RuleSource::default() }).expect("a rule");
        assert_eq!(policy.rule_count(), 1);
        let object = Object { attributes: [(name.to_owned(), name.to_owned())].into(), ..Object::default() };
        let at = path("/a/x");
        let asks = |who: &Principal| {
            policy
                .decide(Ask { object: Some(&object), ..Ask::new(who, Verb::Read, &at, Timestamp::from_seconds(0)) })
                .allows()
        };
        assert!(asks(&group(name)) && asks(&user(name)) && !asks(&group("g")), "{name:?}");
    }
    let odd = everyone("r", "read", "/a\"); permit (principal, action, resource); //");
    assert_eq!(
        Policy::compile(RuleSource { rules: vec![odd], ..RuleSource::default() }).expect("a rule").rule_count(),
        1
    );
}

#[test]
fn the_schema_and_all_rules_in_force_can_be_read_back() {
    let policy = super::site::policy();
    let text = policy.cedar();
    // The first is the rule that is always there.
    let again = text.split_once("\n\n").expect("several rules").1.to_owned();
    let source = RuleSource { cedar: vec![("again.cedar".to_owned(), again)], ..RuleSource::default() };
    let again = Policy::compile(source).expect("what is printed is a policy");
    assert_eq!(again.cedar().len(), text.len());
    assert!(Policy::schema().contains("action \"read\" in [files]"));
}

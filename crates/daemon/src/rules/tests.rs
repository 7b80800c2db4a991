//! From settings to rules: what is accepted, and where and how what is wrong is told.

mod guides;

use super::*;
use policy::{Ask, Effect};
use terms::{Identity, Kind, LogicalPath, Principal, Timestamp};

const SITE: &str = r#"
[[namespace]]
prefix = "/"
store = "store"

[[namespace]]
prefix = "/open"
store = "open"
anonymous = "read"

[[rule]]
name = "the survey reads"
verbs = ["list", "stat", "read"]
paths = ["/survey", "/calibration"]
to = ["group:/survey", "user:/CN=Guest"]
until = 2027-01-01T00:00:00Z

[[rule]]
name = "operators"
verbs = ["admin"]
to = ["group:operators"]
networks = ["192.0.2.0/24"]

[[rule]]
name = "no deletion without TLS"
effect = "forbid"
verbs = ["delete"]
paths = ["/"]
to = ["everyone"]
tls = false

[[embargo]]
name = "pixels"
paths = ["/open/pixels"]
readers = ["group:/survey"]
lasts = "30 d"
"#;

fn settings(text: &str) -> Settings {
    Settings::parse(text, Path::new("site.toml")).unwrap_or_else(|findings| panic!("{findings}"))
}

fn member() -> Principal {
    Principal::of(Identity { groups: ["/survey".to_owned()].into(), ..Identity::new(Kind::User, "/CN=Member") })
}

fn effect(policy: &Policy, who: &Principal, verb: Verb, path: &str, now: i64) -> Effect {
    let path: LogicalPath = path.parse().expect("a path");
    policy.decide(Ask::new(who, verb, &path, Timestamp::from_seconds(now))).effect
}

#[test]
fn the_short_form_means_what_it_says() {
    let policy = load(&settings(SITE)).expect("good rules");
    let (in_2026, in_2027) = (1_780_000_000, 1_810_000_000);
    let told = |who: &Principal, verb, path| effect(&policy, who, verb, path, in_2026);
    let anonymous = Principal::anonymous();
    assert_eq!(told(&anonymous, Verb::Read, "/open/a"), Effect::Allow);
    assert_eq!(told(&anonymous, Verb::Read, "/survey/a"), Effect::Authenticate);
    assert_eq!(told(&member(), Verb::Read, "/survey/a"), Effect::Allow);
    assert_eq!(told(&member(), Verb::Read, "/surveys/a"), Effect::Refuse);
    assert_eq!(effect(&policy, &member(), Verb::Read, "/survey/a", in_2027), Effect::Refuse);
    let guest = Principal::of(Identity::new(Kind::User, "/CN=Guest"));
    assert_eq!(told(&guest, Verb::Stat, "/calibration"), Effect::Allow);
    let operator =
        Principal::of(Identity { groups: ["operators".to_owned()].into(), ..Identity::new(Kind::User, "o") });
    let here = operator.clone().came("192.0.2.7".parse().expect("an address"), true);
    assert_eq!(told(&here, Verb::ReadAudit, "/"), Effect::Allow);
    assert_eq!(
        told(&operator.came("192.0.3.7".parse().expect("an address"), true), Verb::ReadAudit, "/"),
        Effect::Refuse
    );
}

#[test]
fn every_fault_of_the_short_form_is_told_with_its_line() {
    let text = include_str!("faults.toml");
    let told = Settings::parse(text, Path::new("faults.toml")).expect_err("many faults").to_string();
    crate::golden::check("crates/daemon/src/rules/faults.txt", &format!("{told}\n"));
}

#[test]
fn files_of_cedar_are_checked_all_at_once_with_file_and_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    let read = || {
        let text = format!("{SITE}\n[policy]\nfiles = [\"site.cedar\", \"more.cedar\"]\n");
        Settings::parse(&text, &directory.path().join("p.toml")).unwrap_or_else(|findings| panic!("{findings}"))
    };
    write("site.cedar", "@id(\"x\")\npermit (principal in Group::\"/x\", action == Action::\"read\", resource);\n");
    let told = || faults(&read()).iter().map(ToString::to_string).collect::<Vec<_>>();
    let one = told();
    assert!(one.len() == 1 && one[0].contains("more.cedar: the file cannot be read: No such file"), "{one:?}");
    write("more.cedar", "permit (principal, action, resource)\nwhen { context.colour == 3 };\n");
    let one = told();
    assert!(one.len() == 1 && one[0].contains("more.cedar:2:"), "{one:?}");
    write("site.cedar", "permit (\n");
    let both = told();
    assert!(both.iter().any(|line| line.contains("site.cedar:1:")), "{both:?}");
    let problem = load(&read()).expect_err("faults");
    assert!(problem.kind == "policy-invalid" && problem.detail.contains("site.cedar:1:"), "{problem:?}");
    write("site.cedar", "@id(\"pixels\")\npermit (principal, action == Action::\"read\", resource);\n");
    write("more.cedar", "");
    let taken = told();
    assert!(taken.len() == 1 && taken[0].contains("taken already"), "{taken:?}");
    write("site.cedar", "");
    assert_eq!(told(), [""; 0]);
}

#[tokio::test]
async fn a_reload_with_a_fault_keeps_what_is_in_force() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("site.cedar");
    let rule = |verb: &str| format!("permit (principal, action == Action::\"{verb}\", resource in Path::\"/\");");
    std::fs::write(&file, rule("read")).expect("written");
    let settings =
        Settings::parse("[policy]\nfiles = [\"site.cedar\"]", &directory.path().join("p.toml")).expect("good settings");
    let rights = Rights::new(load(&settings).expect("good rules"), ());
    let reads = || effect(&rights.policy(), &Principal::anonymous(), Verb::Read, "/a", 0) == Effect::Allow;
    assert!(reads());
    std::fs::write(&file, "permit (").expect("written");
    assert_eq!(reload(&rights, &settings).await.expect_err("a fault").kind, "policy-invalid");
    assert!(reads());
    std::fs::write(&file, rule("stat")).expect("written");
    assert!(reload(&rights, &settings).await.expect("good rules").changed);
    assert!(!reads());
    assert!(!reload(&rights, &settings).await.expect("good rules").changed);
}

#[test]
fn names_that_fit_nobody_are_doubted() {
    let text = r#"
[[account]]
name = "alice"
[[rule]]
name = "a"
verbs = ["read"]
paths = ["/"]
to = ["user:alice", "user:alise", "user:/CN=Bob", "user:1@https://issuer.example"]
"#;
    assert_eq!(
        doubts(&settings(text)),
        ["the rule 'a' speaks of the user 'alise', and there is no account of that name"]
    );
}

/// The page in which operators read what rules mean: every example on it is accepted, and all of them together.
#[test]
fn the_examples_of_the_documentation_are_rules() {
    let page = include_str!("../../../../docs/concepts/rights.md");
    let blocks = |language: &str| -> Vec<&str> {
        let fence = format!("```{language}\n");
        page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
    };
    let (short, cedar) = (blocks("toml"), blocks("cedar"));
    assert!(short.len() >= 3 && cedar.len() == 1, "{} {}", short.len(), cedar.len());
    for example in &short {
        settings(example);
    }
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("site.cedar"), cedar[0]).expect("written");
    let whole = format!("{}\n[policy]\nfiles = [\"site.cedar\"]\n", short.join("\n"));
    let whole =
        Settings::parse(&whole, &directory.path().join("p.toml")).unwrap_or_else(|findings| panic!("{findings}"));
    assert_eq!(faults(&whole), []);
    assert_eq!(doubts(&whole), [""; 0]);
}

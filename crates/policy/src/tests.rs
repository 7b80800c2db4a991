//! What the rules mean, and that they are obeyed.

use super::*;
use terms::{Identity, Kind, LogicalPath, Principal, Timestamp, Verb};

mod below;
mod faults;
mod first_form;
mod matrix;
mod meaning;
mod site;
mod soundness;
mod story;

fn path(text: &str) -> LogicalPath {
    text.parse().expect("a valid path")
}

fn user(name: &str) -> Principal {
    Principal::of(Identity::new(Kind::User, name))
}

/// Somebody in this group.
fn group(name: &str) -> Principal {
    Principal::of(Identity { groups: [name.to_owned()].into(), ..Identity::new(Kind::User, "member") })
}

/// A token that stands for itself.
fn token(verbs: &str, under: &str) -> Principal {
    let id = "01890000000070008000000000000000".parse().expect("an id");
    Principal::of(Identity::token(id, "t", verbs.parse().expect("verbs"), path(under)))
}

/// A rule that allows this to everyone.
fn everyone(name: &str, verbs: &str, at: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        effect: RuleEffect::Allow,
        verbs: verbs.parse().expect("verbs"),
        paths: vec![path(at)],
        subjects: vec![Subject::Everyone],
        conditions: Conditions::default(),
    }
}

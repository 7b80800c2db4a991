//! What the commands promise without a server: exit codes and what is shown.

use super::*;
use terms::{Blame, Retry};

fn problem(kind: &'static str) -> Problem {
    Problem {
        status: 500,
        kind,
        title: "",
        detail: String::new(),
        blame: Blame::Us,
        retry: Retry::Never,
        next: String::new(),
    }
}

#[test]
fn every_problem_has_its_documented_code() {
    for (kind, code) in [
        (fault::kind::USAGE, 2),
        (fault::kind::NOT_FOUND, 3),
        (fault::kind::UNAUTHENTICATED, 4),
        (fault::kind::REFUSED, 4),
        (fault::kind::DIGEST_MISMATCH, 5),
        ("peer-unreachable", 6),
        ("host-unknown", 6),
        ("peer-untrusted", 6),
        (fault::kind::STALLED, 6),
        (fault::kind::NO_SPACE, 7),
        (fault::kind::LOCAL, 1),
        ("anything else", 1),
    ] {
        assert_eq!(code_of(&problem(kind)), code, "{kind}");
    }
}

#[test]
fn several_problems_of_one_kind_keep_its_code() {
    assert_eq!(code_of_all([]), 0);
    assert_eq!(code_of_all([0, 0]), 0);
    assert_eq!(code_of_all([0, 5, 5]), 5);
    assert_eq!(code_of_all([3, 5]), 1);
}

#[test]
fn names_cannot_command_a_terminal() {
    assert_eq!(shown("a\x1b[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
    assert_eq!(shown("Größe"), "Größe");
}

//! What the commands promise without a server: exit codes and what is shown.

use super::*;
use port::client::{Summary, Waiting};
use std::time::Duration;
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

#[test]
fn a_summary_says_what_happened_and_no_more() {
    let nothing = Summary {
        files: 0,
        bytes: 0,
        skipped: 0,
        bytes_skipped: 0,
        failed: 0,
        unproven: 0,
        elapsed: Duration::from_secs(2),
        shares: vec![],
        receiver_limited: None,
        failures: vec![],
    };
    assert_eq!(report::summary_line(&nothing), "nothing to copy");
    assert_eq!(report::summary_line(&Summary { skipped: 3, ..nothing.clone() }), "3 files there already");
    let shares = vec![(Waiting::Answer, 0.25), (Waiting::Disk, 0.75)];
    let some = Summary { files: 1, bytes: 1_000_000, skipped: 1, failed: 2, shares, ..nothing };
    assert_eq!(
        report::summary_line(&some),
        "1 file copied, 1 MB moved in 2 s: 4 Mbit/s, 0.5 files/s; 1 file there already; 2 files failed; \
         all compared by digest; held up most by the disk of this machine (75 % of the waiting)"
    );
}

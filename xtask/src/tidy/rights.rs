//! One decision function: whether somebody may do something is asked of `policy`, never worked out beside it. What a
//! credential lets through is therefore read nowhere else.

use super::Finding;
use super::source::Source;

/// Rooms that make identities, judge them, or carry them: everybody else asks.
const MAY_READ: [&str; 3] = ["crates/terms", "crates/identity", "crates/policy"];

/// What a credential lets through.
const MEMBERS: [&str; 3] = [".bounds", ".grants", ".authorises"];

/// Where it is read for something else than deciding: that what outlives a credential is not made of it.
const EXCEPTIONS: [(&str, &str); 2] =
    [("crates/daemon/src/api_v1/tokens.rs", ".authorises"), ("crates/daemon/src/shares/making.rs", ".authorises")];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/")) {
        if MAY_READ.contains(&source.folder()) {
            continue;
        }
        for (number, line) in source.shipped() {
            let read = MEMBERS.iter().filter(|member| reads(line, member));
            for member in read.filter(|member| !EXCEPTIONS.contains(&(&source.path, member))) {
                let what = format!("'{member}' of a credential: ask `Rights::decide`, which alone weighs it");
                findings.push(Finding::at(&source.path, number, what));
            }
        }
    }
    findings
}

/// Is the member read here? Its name could begin a longer one, or be a function's.
fn reads(line: &str, member: &str) -> bool {
    line.match_indices(member).any(|(at, _)| {
        let next = line[at + member.len()..].chars().next();
        next.is_none_or(|next| !(next.is_alphanumeric() || next == '_' || next == '('))
    })
}

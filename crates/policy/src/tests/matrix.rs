//! The whole matrix of the sample site, who × verb × where, as one file to review: `matrix.txt`.
//!
//! After a change that is meant: `UPDATE_REFERENCE=1 cargo nextest run -p policy matrix`, and say why in the commit.

use super::site;
use crate::{Ask, Effect, Policy};
use std::fmt::Write as _;
use terms::{LogicalPath, Verb};

const HEAD: &str = "\
What everybody may do at the sample site (site.rs), as `policy::Policy::decide` answers. Made by the test `matrix`.

    +  allowed
    .  refused
    h  refused, and the caller is not told whether there is anything here
    ?  refused to an anonymous caller: credentials could change it
    H  the same, and nothing is told
";

fn cell(policy: &Policy, ask: Ask<'_>) -> char {
    let decision = policy.decide(ask);
    match (decision.effect, decision.hides) {
        (Effect::Allow, _) => '+',
        (Effect::Refuse, false) => '.',
        (Effect::Refuse, true) => 'h',
        (Effect::Authenticate, false) => '?',
        (Effect::Authenticate, true) => 'H',
    }
}

fn table(text: &mut String, title: &str, verbs: &[Verb], mut cell: impl FnMut(&terms::Principal, Verb) -> char) {
    let heads: Vec<_> =
        verbs.iter().map(|verb| format!("{:>width$}", verb.name(), width = verb.name().len().max(6))).collect();
    let _ = writeln!(text, "\n{title:<43} {}", heads.join(" "));
    for (name, who) in site::callers() {
        let mut line = format!("    {name:<39}");
        for (verb, head) in verbs.iter().zip(&heads) {
            let _ = write!(line, " {:>width$}", cell(&who, *verb), width = head.len());
        }
        let _ = writeln!(text, "{line}");
    }
}

fn matrix() -> String {
    let policy = site::policy();
    let mut text = HEAD.to_owned();
    for (words, path, object) in site::places() {
        let title = if words.is_empty() { path.to_string() } else { format!("{path}  {words}") };
        table(&mut text, &title, &Verb::ALL[..8], |who, verb| {
            cell(&policy, Ask { object: Some(&object), ..Ask::new(who, verb, &path, site::NOW) })
        });
    }
    let administration: Vec<_> = Verb::ALL.iter().copied().filter(|verb| verb.is_administration()).collect();
    table(&mut text, "the port itself", &administration, |who, verb| {
        cell(&policy, Ask::new(who, verb, &LogicalPath::root(), site::NOW))
    });
    let _ = write!(text, "\nThe rules, as Cedar has them\n\n{}", policy.cedar());
    text.trim_end().to_owned() + "\n"
}

#[test]
fn the_whole_matrix_of_the_sample_site_is_as_reviewed() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/matrix.txt");
    let made = matrix();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(file, &made).expect("the file can be written");
    }
    let reviewed = std::fs::read_to_string(file).unwrap_or_default();
    let differing: Vec<_> =
        made.lines().zip(reviewed.lines()).filter(|(made, reviewed)| made != reviewed).take(20).collect();
    assert!(
        made == reviewed,
        "matrix.txt differs (made, reviewed): {differing:#?}\nrun with UPDATE_REFERENCE=1, and review"
    );
}

//! Explanations, as operators read them.

use super::site::{self, NOW};
use super::*;

fn story(who: &str, verb: Verb, at: &str) -> String {
    let callers = site::callers();
    let (_, who) = callers.iter().find(|(name, _)| *name == who).expect("a caller of the sample site");
    let places = site::places();
    let object = places.iter().find(|(_, path, _)| path.as_str() == at).map(|(_, _, object)| object);
    site::policy().explain(Ask { object, ..Ask::new(who, verb, &path(at), NOW) }).to_string()
}

#[test]
fn stories_of_the_sample_site_are_as_reviewed() {
    let asked = [
        ("bob, signed in", Verb::Read, "/survey/dr1/pixels/a"),
        ("anonymous", Verb::Read, "/survey/dr1/pixels/e"),
        ("bob, signed in", Verb::Read, "/survey/dr1/pixels/c"),
        ("alice, member", Verb::Read, "/survey/dr1/pixels/a"),
        ("alice, member", Verb::Read, "/secret"),
        ("olga without TLS", Verb::Delete, "/survey"),
        ("olga, operator", Verb::Delete, "/survey/raw/night1/a"),
        ("alice, token 'browse'", Verb::Read, "/survey"),
        ("token 'night-shift'", Verb::Create, "/survey"),
        ("anonymous", Verb::ReadMetrics, "/"),
        ("bob, signed in", Verb::Delete, "/scratch/a"),
        ("this host", Verb::Delete, "/survey"),
    ];
    let made = asked.map(|(who, verb, at)| story(who, verb, at)).join("\n");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/story.txt");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(file, &made).expect("the file can be written");
    }
    assert!(made == std::fs::read_to_string(file).unwrap_or_default(), "story.txt differs:\n{made}");
}

/// What explain says of the answer is the answer.
#[test]
fn stories_agree_with_decisions() {
    let policy = site::policy();
    let (administration, files): (Vec<Verb>, Vec<Verb>) = Verb::ALL.iter().partition(|verb| verb.is_administration());
    let of_files = site::places().into_iter().map(|(_, at, object)| (at, object, &files));
    let asked = of_files.chain([(LogicalPath::root(), Object::default(), &administration)]);
    for (at, object, verbs) in asked {
        for (name, who) in site::callers() {
            for verb in verbs {
                agree(&policy, name, Ask { object: Some(&object), ..Ask::new(&who, *verb, &at, NOW) });
            }
        }
    }
}

fn agree(policy: &Policy, name: &str, ask: Ask<'_>) {
    let explanation = policy.explain(ask);
    assert_eq!(explanation.decision, policy.decide(ask), "{name} {} {}", ask.verb, ask.path);
    let rule = explanation.decision.rule.as_ref();
    let decided = explanation.matching.iter().find(|matching| matching.rule == rule);
    let identity = &ask.who.identity;
    let stopped_before = identity.kind == Kind::Host || identity.bounds.iter().any(|bound| bound.by == rule);
    if rule != "closed by default" && !stopped_before {
        let forbids = decided.map(|rule| rule.forbids);
        assert_eq!(forbids, Some(!explanation.decision.allows()), "{name} {} {}", ask.verb, ask.path);
    }
}

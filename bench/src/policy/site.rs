//! A large site: a thousand rules that speak of ten thousand groups, and those who ask there.

use super::thread_nanos;
use policy::{Ask, Conditions, Embargo, Object, Policy, Rule, RuleEffect, RuleSource, Subject};
use std::hint::black_box;
use std::time::Duration;
use terms::{Identity, Kind, LogicalPath, Principal, Timestamp, Verb};

/// What the report says of it.
pub(super) const WORDS: &str = "1,000 rules: 850 of ten groups each for a place of their own, 50 public places, 50 bans, \
    45 with network and time, 5 embargoes; 10,000 groups, and each reader is in 200 of them";

const GROUPS: usize = 10_000;
const GROUP_RULES: usize = 850;
const GROUPS_OF_USER: usize = 200;
const OTHERS: usize = 50;
const EMBARGOES: usize = 5;
const NOW: Timestamp = Timestamp::from_seconds(1_796_000_000);

/// A question that owns its parts.
#[derive(Debug)]
pub(super) struct Question {
    who: Principal,
    verb: Verb,
    path: LogicalPath,
    object: Option<Object>,
}

impl Question {
    pub(super) fn ask(&self) -> Ask<'_> {
        Ask { object: self.object.as_ref(), ..Ask::new(&self.who, self.verb, &self.path, NOW) }
    }
}

/// Questions by what their answer takes.
pub(super) struct Questions {
    /// Of every kind whose answer depends on nothing but who, what and where.
    pub(super) settled: Vec<Question>,
    pub(super) allowed: Vec<Question>,
    pub(super) anonymous: Vec<Question>,
    pub(super) refused: Vec<Question>,
    pub(super) conditional: Vec<Question>,
    pub(super) embargoed: Vec<Question>,
}

fn path(text: String) -> LogicalPath {
    text.parse().expect("the bench writes valid paths")
}

fn group(number: usize) -> String {
    format!("/org/team-{:05}", number % GROUPS)
}

fn rule(name: String, verbs: &str, at: String, subjects: Vec<Subject>) -> Rule {
    let verbs = verbs.parse().expect("the bench writes valid verbs");
    Rule { name, effect: RuleEffect::Allow, verbs, paths: vec![path(at)], subjects, conditions: Conditions::default() }
}

fn source() -> RuleSource {
    let read = "list,stat,read";
    let of_groups = |place: usize| {
        let groups = (0..10).map(|of| Subject::Group(group(place * GROUPS / GROUP_RULES + of)));
        rule(format!("team {place}"), read, format!("/data/area{}/set{place}", place % 20), groups.collect())
    };
    let public =
        |place: usize| rule(format!("public {place}"), read, format!("/public/p{place}"), vec![Subject::Everyone]);
    let ban = |place: usize| Rule {
        effect: RuleEffect::Forbid,
        ..rule(
            format!("ban {place}"),
            "modify,delete",
            format!("/data/area{}/set{place}/raw", place % 20),
            vec![Subject::Everyone],
        )
    };
    let near = |place: usize| Rule {
        conditions: Conditions {
            networks: vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()],
            from: Some(Timestamp::from_seconds(1_700_000_000)),
            ..Conditions::default()
        },
        ..rule(format!("near {place}"), read, format!("/near/n{place}"), vec![Subject::SignedIn])
    };
    let embargo = |place: usize| Embargo {
        name: format!("embargo {place}"),
        paths: vec![path(format!("/public/p{place}/pixels"))],
        readers: vec![Subject::Group(group(place))],
        lasts: Some(Duration::from_secs(86_400)),
    };
    let rules = (0..GROUP_RULES).map(of_groups).chain((0..OTHERS).map(public)).chain((0..OTHERS).map(ban));
    let rules = rules.chain((0..OTHERS - EMBARGOES).map(near)).collect();
    RuleSource { rules, embargoes: (0..EMBARGOES).map(embargo).collect(), cedar: Vec::new() }
}

fn reader(number: usize) -> Principal {
    let identity = Identity {
        issuer: Some("https://issuer.example".to_owned()),
        groups: (0..GROUPS_OF_USER).map(|of| group(number * 37 + of * (GROUPS / GROUPS_OF_USER))).collect(),
        ..Identity::new(Kind::User, format!("reader {number}"))
    };
    Principal::of(identity).came("192.0.2.7".parse().expect("an address"), true)
}

/// The rules, and the processor time in nanoseconds that it took to put them into force.
pub(super) fn policy_timed() -> Result<(Policy, f64), String> {
    let start = thread_nanos();
    let policy = Policy::compile(source()).map_err(|faults| format!("the rules of the bench: {faults:?}"))?;
    Ok((policy, thread_nanos() - start))
}

/// All questions. A place whose rule names the reader is found by its groups.
pub(super) fn questions() -> Questions {
    let make = |who: &Principal, verb, path, object| Question { who: who.clone(), verb, path, object };
    let imported = Object { imported: Some(Timestamp::from_seconds(1_700_000_000)), ..Object::default() };
    let readers: Vec<_> = (0..64).map(reader).collect();
    let file =
        |place: usize, of: usize| path(format!("/data/area{}/set{place}/2026/11/image-{of:06}.fits", place % 20));
    let is_for = |who: &Principal, place: usize| {
        (0..10).any(|of| who.identity.groups.contains(&group(place * GROUPS / GROUP_RULES + of)))
    };
    let (mut allowed, mut refused) = (Vec::new(), Vec::new());
    for (number, who) in readers.iter().enumerate() {
        for place in (number..GROUP_RULES).step_by(GROUP_RULES / 64) {
            let list = if is_for(who, place) { &mut allowed } else { &mut refused };
            list.push(make(who, Verb::Read, file(place, number), None));
        }
    }
    let places = |name: &'static str, count: usize| {
        (0..1_024).map(move |of| path(format!("/{name}/{}{}/2026/image-{of:06}.fits", &name[..1], of % count)))
    };
    let nobody = Principal::anonymous();
    let anonymous: Vec<_> = places("public", OTHERS).map(|path| make(&nobody, Verb::Read, path, None)).collect();
    let conditional = places("near", OTHERS - EMBARGOES).zip(readers.iter().cycle());
    let conditional = conditional.map(|(path, who)| make(who, Verb::Read, path, None)).collect();
    let pixels = (0..1_024).map(|of| path(format!("/public/p{}/pixels/image-{of:06}.fits", of % EMBARGOES)));
    let embargoed = pixels.map(|path| make(&nobody, Verb::Read, path, Some(imported.clone()))).collect();
    let again = |question: &Question| make(&question.who, Verb::Delete, question.path.clone(), None);
    let settled = allowed.iter().chain(&refused).chain(&anonymous).map(again).collect();
    Questions { settled, allowed, anonymous, refused, conditional, embargoed }
}

/// Each question once, of a policy that was never asked before: median, least and most of three such policies.
pub(super) fn first_times(questions: &Questions) -> Result<[f64; 3], String> {
    let mut means = Vec::new();
    for _ in 0..3 {
        let (policy, _) = policy_timed()?;
        let start = thread_nanos();
        for question in &questions.allowed {
            black_box(policy.decide(question.ask()));
        }
        means.push((thread_nanos() - start) / questions.allowed.len() as f64);
    }
    means.sort_by(f64::total_cmp);
    Ok([means[1], means[0], means[2]])
}

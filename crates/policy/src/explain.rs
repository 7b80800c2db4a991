//! Why the answer is what it is, and what would change it: for operators, who may know everything.

use crate::compile::Entry;
use crate::decide::is_narrowed;
use crate::parts::{self, Held};
use crate::short::CREDENTIAL;
use crate::{Ask, Decision, Effect, Part, Policy};
use std::fmt;
use terms::Kind;

/// So many rules that nearly match are told; those that fail in who or condition first.
pub const NEARLY_TOLD_MAX: usize = 20;

/// The whole story of one answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// What was asked: `read /survey/x as alice`.
    pub question: String,
    /// The answer.
    pub decision: Decision,
    /// The rules that match, in the order in which they were written; those that forbid win.
    pub matching: Vec<MatchingRule>,
    /// The rules that match but for one part.
    pub nearly: Vec<NearlyRule>,
    /// What would change a refusal, each by itself; for an answer that several rules forbid, all of them must be lifted.
    pub changes: Vec<String>,
}

/// A rule that matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MatchingRule {
    /// Its name.
    pub rule: String,
    /// Does it forbid?
    pub forbids: bool,
}

/// A rule that would match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NearlyRule {
    /// Its name.
    pub rule: String,
    /// Does it forbid?
    pub forbids: bool,
    /// The part that does not match.
    pub part: Part,
    /// What would make it match.
    pub takes: String,
}

/// A rule held against a question.
struct Weighed<'a> {
    entry: &'a Entry,
    parts: Vec<Held>,
}

impl Weighed<'_> {
    fn failing(&self) -> impl Iterator<Item = &Held> {
        self.parts.iter().filter(|part| !part.holds)
    }

    fn matches(&self) -> bool {
        self.failing().next().is_none()
    }

    /// The one part that fails.
    fn lack(&self) -> Option<&Held> {
        let mut failing = self.failing();
        failing.next().filter(|_| failing.next().is_none())
    }
}

impl Policy {
    /// The answer to a question with every rule that matched or nearly did. Costs milliseconds with a thousand rules.
    pub fn explain(&self, ask: Ask<'_>) -> Explanation {
        let decision = self.decide(ask);
        let question = if ask.verb.is_administration() {
            format!("{} as {}", ask.verb, ask.who)
        } else {
            format!("{} {} as {}", ask.verb, ask.path, ask.who)
        };
        if ask.who.identity.kind == Kind::Host {
            return Explanation { question, decision, matching: Vec::new(), nearly: Vec::new(), changes: Vec::new() };
        }
        let numbers: Vec<u32> = (0..).take(self.engine.compiled.entries.len()).collect();
        let weighed = self.weighed(&numbers, &ask);
        let matching = weighed.iter().filter(|rule| rule.matches());
        let matching =
            matching.map(|rule| MatchingRule { rule: rule.entry.name.to_string(), forbids: rule.entry.forbids });
        let changes = match &decision.change {
            _ if decision.allows() => Vec::new(),
            // No rule was asked: the credential itself is too narrow.
            Some(change) if is_narrowed(&ask) => vec![change.clone()],
            _ => changes(&weighed),
        };
        Explanation { question, matching: matching.collect(), nearly: nearly(&weighed), changes, decision }
    }

    /// What would change a refusal, as far as any caller may know: times, encryption, sizes; never groups, users, rules.
    pub(crate) fn public_changes(&self, ask: &Ask<'_>, ban: Option<u32>) -> Vec<String> {
        let numbers: Vec<u32> = self.engine.with_outcome(ask, |outcome| {
            let others = outcome.concerned().filter(|number| Some(*number) != ban);
            ban.into_iter().chain(others).take(PUBLIC_RULES_MAX).collect()
        });
        let weighed = self.weighed(&numbers, ask);
        let mut words = Vec::new();
        for rule in &weighed {
            if rule.entry.forbids && rule.matches() {
                words.extend(
                    rule.parts.iter().filter(|part| part.public && !part.fail.is_empty()).map(|part| part.fail.clone()),
                );
            } else if !rule.entry.forbids {
                words.extend(rule.lack().filter(|lack| lack.public).map(|lack| lack.hold.clone()));
            }
        }
        words.sort_unstable();
        words.dedup();
        words
    }

    /// The rules held against the question; those whose scope fails in two parts are left out.
    fn weighed(&self, numbers: &[u32], ask: &Ask<'_>) -> Vec<Weighed<'_>> {
        let scope = |number: &u32| {
            let parts = parts::scope(self.engine.entry(*number), ask);
            (parts.iter().filter(|part| !part.holds).count() <= 1).then_some((*number, parts))
        };
        let (near, scopes): (Vec<u32>, Vec<_>) = numbers.iter().filter_map(scope).unzip();
        let conditions = parts::conditions(&self.engine, &near, ask);
        let join = |((number, scope), conditions): ((&u32, [Held; 3]), Vec<Held>)| Weighed {
            entry: self.engine.entry(*number),
            parts: scope.into_iter().chain(conditions).collect(),
        };
        near.iter().zip(scopes).zip(conditions).map(join).collect()
    }
}

/// So many rules are looked at for what a refused caller is told: a refusal must stay cheap.
const PUBLIC_RULES_MAX: usize = 16;

fn nearly(weighed: &[Weighed<'_>]) -> Vec<NearlyRule> {
    let near = |rule: &Weighed<'_>| {
        let lack = rule.lack()?;
        let (rule, forbids) = (rule.entry.name.to_string(), rule.entry.forbids);
        Some(NearlyRule { rule, forbids, part: lack.part, takes: lack.hold.clone() })
    };
    let mut nearly: Vec<_> = weighed.iter().filter_map(near).collect();
    // What tells most comes first: a rule for other verbs or other places is seldom what was meant.
    nearly.sort_by_key(|rule| (matches!(rule.part, Part::Verb | Part::Path), rule.rule == CREDENTIAL));
    nearly.truncate(NEARLY_TOLD_MAX);
    nearly
}

fn changes(weighed: &[Weighed<'_>]) -> Vec<String> {
    let bans: Vec<_> = weighed.iter().filter(|rule| rule.entry.forbids && rule.matches()).collect();
    let lift = |rule: &&Weighed<'_>| {
        let ways: Vec<_> = rule.parts.iter().map(|part| part.fail.as_str()).filter(|words| !words.is_empty()).collect();
        let name = &rule.entry.name;
        if ways.is_empty() {
            format!("to lift '{name}', which has no conditions: changing the rule")
        } else {
            format!("to lift '{name}': {}", ways.join("; or "))
        }
    };
    if !bans.is_empty() {
        return bans.iter().map(lift).collect();
    }
    let gain = |rule: &Weighed<'_>| {
        let lack = rule.lack().filter(|lack| !rule.entry.forbids && !matches!(lack.part, Part::Verb | Part::Path))?;
        Some(format!("by '{}': {}", rule.entry.name, lack.hold))
    };
    let (built_in, written): (Vec<_>, Vec<_>) = weighed.iter().partition(|rule| rule.entry.name == CREDENTIAL);
    written.into_iter().chain(built_in).filter_map(gain).take(NEARLY_TOLD_MAX).collect()
}

fn effect_word(forbids: bool) -> &'static str {
    if forbids { "forbids" } else { "allows" }
}

/// Lines for a terminal.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = match self.decision.effect {
            Effect::Allow => "allowed",
            Effect::Authenticate => "refused; credentials could change that",
            Effect::Refuse => "refused",
        };
        writeln!(f, "{}: {answer}", self.question)?;
        writeln!(f, "  by      {}", self.decision.rule)?;
        writeln!(f, "  reason  {}", self.decision.reason)?;
        if self.decision.hides {
            writeln!(f, "  hidden  the caller is not told whether there is anything here")?;
        }
        list(
            f,
            "Rules that match",
            self.matching.iter().map(|rule| format!("{:7} {}", effect_word(rule.forbids), rule.rule)),
        )?;
        let nearly = self.nearly.iter();
        let nearly = nearly.map(|rule| {
            let effect = effect_word(rule.forbids);
            format!("{effect:7} {}: {} does not match; it takes {}", rule.rule, rule.part.name(), rule.takes)
        });
        list(f, "Rules that nearly match", nearly)?;
        list(f, "What would change it", self.changes.iter().cloned())
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(f, "{title}")?;
    }
    lines.try_for_each(|line| writeln!(f, "  {line}"))
}

//! Rules at work: what can match is found by the index, Cedar decides, and what it decided is kept for all questions that
//! look alike.
//!
//! Why keeping is sound: the settled part of a rule looks at nothing but the profile of a question (see
//! [`crate::mentions`]), and Cedar is asked about it with a question made of the profile alone. The key of the cache is
//! that profile. Everything else is evaluated by Cedar each time, for the few rules whose settled part holds. A policy is
//! never changed; a new one begins with an empty cache.

use crate::callers::Callers;
use crate::compile::{Compiled, Entry};
use crate::facts::Facts;
use crate::index::{CallerFacts, Index};
use crate::request::{self, Question};
use crate::schema::Caller;
use crate::{Ask, mentions};
use cedar_policy::{Authorizer, PolicyId, PolicySet};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};
use terms::Verb;

/// The cache has so many parts, each behind its own lock, so that cores seldom wait for one another.
const SHARDS: usize = 16;

/// A part that holds so many outcomes is emptied. All parts together: 65,536 outcomes of some 200 bytes, 13 MB; one with
/// conditional rules has a kilobyte. Tests forget all the time.
const SHARD_OUTCOMES_MAX: usize = if cfg!(test) { 3 } else { 4_096 };

/// Of the rules that fit but for a settled condition, so many are remembered to say what would have changed the answer.
const NEARLY_MAX: usize = 8;

/// What the rules say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// This rule allows it.
    Allow(u32),
    /// This rule forbids it.
    Forbid(u32),
    /// No rule says anything.
    Nothing,
}

/// What is known of all questions with one profile.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The answer, unless a conditional rule says otherwise.
    settled: Verdict,
    /// The conditional rules that could change it.
    conditional: Option<Box<Conditional>>,
    /// Rules that fit in verb and place, but whose settled conditions do not hold.
    nearly: Box<[u32]>,
}

/// Conditional rules whose settled part holds.
#[derive(Debug)]
struct Conditional {
    numbers: Box<[u32]>,
    /// The same for Cedar.
    policies: PolicySet,
    /// The groups that they mention, by number.
    groups: Box<[u32]>,
    /// What their conditions look at.
    facts: Facts,
}

impl Outcome {
    /// Rules that may have had to do with a refusal.
    pub(crate) fn concerned(&self) -> impl Iterator<Item = u32> {
        let conditional = self.conditional.iter().flat_map(|conditional| &conditional.numbers);
        conditional.chain(&self.nearly).copied()
    }
}

/// A profile by numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    caller: u64,
    place: u64,
    verb: Verb,
    tls: bool,
}

type Shard = RwLock<HashMap<Key, Arc<Outcome>>>;

/// The rules at work.
pub(crate) struct Engine {
    pub(crate) compiled: Compiled,
    index: Index,
    callers: Callers,
    pub(crate) authorizer: Authorizer,
    shards: [Shard; SHARDS],
    hasher: RandomState,
}

impl Engine {
    pub(crate) fn new(compiled: Compiled) -> Self {
        let index = Index::of(&compiled);
        let shards = std::array::from_fn(|_| Shard::default());
        Self {
            compiled,
            index,
            callers: Callers::new(),
            authorizer: Authorizer::new(),
            shards,
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn entry(&self, number: u32) -> &Entry {
        &self.compiled.entries[number as usize]
    }

    /// What the rules say to this question.
    pub(crate) fn weigh(&self, ask: &Ask<'_>) -> Verdict {
        let outcome = self.with_outcome(ask, |outcome| match outcome.conditional {
            None => Ok(outcome.settled),
            Some(_) => Err(Arc::clone(outcome)),
        });
        match outcome {
            Ok(verdict) => verdict,
            Err(outcome) => match &outcome.conditional {
                Some(conditional) => self.weigh_conditions(ask, conditional, outcome.settled),
                None => outcome.settled,
            },
        }
    }

    /// Looks at what is known of questions like this, which is found out now where it is not known.
    pub(crate) fn with_outcome<T>(&self, ask: &Ask<'_>, look: impl FnOnce(&Arc<Outcome>) -> T) -> T {
        let key = self.key(ask);
        let shard = &self.shards[self.hasher.hash_one(key) as usize % SHARDS];
        let known = shard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = known.get(&key) {
            return look(outcome);
        }
        drop(known);
        let outcome = Arc::new(self.find_out(ask));
        let mut known = shard.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SHARD_OUTCOMES_MAX {
            known.clear();
        }
        known.insert(key, Arc::clone(&outcome));
        drop(known);
        look(&outcome)
    }

    pub(crate) fn key(&self, ask: &Ask<'_>) -> Key {
        let mentions = &self.compiled.mentions;
        let caller = self.callers.number(&ask.who.identity, mentions);
        Key { caller, place: mentions.place_number(ask.verb, ask.path), verb: ask.verb, tls: ask.who.tls }
    }

    /// What Cedar says of the settled parts of all rules that can match.
    fn find_out(&self, ask: &Ask<'_>) -> Outcome {
        let identity = &ask.who.identity;
        let caller = CallerFacts { caller: Caller::of(identity.kind), identity };
        let candidates = self.index.candidates(&self.compiled, ask.verb, ask.path, &caller);
        let profile = self.compiled.mentions.profile(ask, &self.groups(&candidates));
        let settled = self.policies(&candidates, |entry| entry.settled.clone());
        let holding = match request::of_profile(&profile) {
            Some(question) => {
                let response = self.authorizer.is_authorized(&question.request, &settled, &question.entities);
                sorted(response.diagnostics().reason())
            }
            // A profile that Cedar cannot take: nothing is allowed, and every ban holds.
            None => candidates.iter().copied().filter(|number| self.entry(*number).forbids).collect(),
        };
        self.outcome(&candidates, &holding)
    }

    fn outcome(&self, candidates: &[u32], holding: &[u32]) -> Outcome {
        let holds = |number: &&u32| holding.binary_search(*number).is_ok();
        let find = |forbids: bool| {
            let certain = |number: &&u32| {
                let entry = self.entry(**number);
                entry.forbids == forbids && !entry.is_conditional()
            };
            holding.iter().find(certain).copied()
        };
        let settled = match (find(true), find(false)) {
            (Some(rule), _) => Verdict::Forbid(rule),
            (None, Some(rule)) => Verdict::Allow(rule),
            (None, None) => Verdict::Nothing,
        };
        let nearly = candidates.iter().filter(|number| !holds(number)).take(NEARLY_MAX).copied().collect();
        Outcome { settled, conditional: self.conditional(holding, settled).map(Box::new), nearly }
    }

    /// Of the rules whose settled part holds, the conditional ones that could change this answer.
    fn conditional(&self, holding: &[u32], settled: Verdict) -> Option<Conditional> {
        let all = holding.iter().copied().filter(|number| self.entry(*number).is_conditional());
        let all: Vec<u32> = match settled {
            Verdict::Forbid(_) => Vec::new(),
            Verdict::Allow(_) => all.filter(|number| self.entry(*number).forbids).collect(),
            Verdict::Nothing => all.collect(),
        };
        // Where nothing can allow it, no ban is needed, and nobody has to find out about the file.
        let could_allow = settled != Verdict::Nothing || all.iter().any(|number| !self.entry(*number).forbids);
        if all.is_empty() || !could_allow {
            return None;
        }
        let facts = all.iter().fold(Facts::default(), |facts, number| facts.union(self.entry(*number).facts));
        let policies = self.policies(&all, |entry| entry.whole.clone());
        Some(Conditional { groups: self.groups(&all), policies, facts, numbers: all.into() })
    }

    fn policies(&self, numbers: &[u32], part: impl Fn(&Entry) -> cedar_policy::Policy) -> PolicySet {
        PolicySet::from_policies(numbers.iter().map(|number| part(self.entry(*number))))
            .expect("each rule's number is its id, and no number is there twice")
    }

    fn weigh_conditions(&self, ask: &Ask<'_>, rules: &Conditional, settled: Verdict) -> Verdict {
        let profile = self.compiled.mentions.profile(ask, &rules.groups);
        match request::of_ask(ask, &profile, rules.facts) {
            Some(question) => self.weigh_question(&question, rules, settled),
            // Facts that Cedar cannot take: nothing is allowed on their account, and every ban holds.
            None => self.first_ban(&rules.numbers).unwrap_or(settled),
        }
    }

    fn weigh_question(&self, question: &Question, rules: &Conditional, settled: Verdict) -> Verdict {
        let response = self.authorizer.is_authorized(&question.request, &rules.policies, &question.entities);
        // Cedar leaves a rule out that fails (an overflow). A ban that fails holds.
        let failed: Vec<u32> = sorted(response.diagnostics().errors().map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
        }));
        let first = sorted(response.diagnostics().reason()).first().copied();
        match (response.decision(), first) {
            (cedar_policy::Decision::Deny, Some(rule)) => Verdict::Forbid(rule),
            (decision, rule) => match (self.first_ban(&failed), decision, rule) {
                (Some(ban), ..) => ban,
                (None, cedar_policy::Decision::Allow, Some(rule)) => Verdict::Allow(rule),
                _ => settled,
            },
        }
    }

    fn first_ban(&self, numbers: &[u32]) -> Option<Verdict> {
        numbers.iter().find(|number| self.entry(**number).forbids).map(|number| Verdict::Forbid(*number))
    }

    /// What of the facts that are not in every question would be looked at.
    pub(crate) fn wants(&self, ask: &Ask<'_>) -> Facts {
        self.with_outcome(ask, |outcome| {
            outcome.conditional.as_ref().map_or_else(Facts::default, |conditional| conditional.facts)
        })
    }

    /// The profile of a question, as far as these rules see it.
    pub(crate) fn profile<'a>(&'a self, ask: &Ask<'a>, numbers: &[u32]) -> mentions::Profile<'a> {
        self.compiled.mentions.profile(ask, &self.groups(numbers))
    }

    /// The groups that these rules mention.
    fn groups(&self, numbers: &[u32]) -> Box<[u32]> {
        let mut groups: Vec<u32> = numbers.iter().flat_map(|number| &self.entry(*number).groups).copied().collect();
        groups.sort_unstable();
        groups.dedup();
        groups.into()
    }
}

/// Rules by their numbers.
fn sorted<'a>(ids: impl Iterator<Item = &'a PolicyId>) -> Vec<u32> {
    let mut numbers: Vec<u32> = ids.filter_map(|id| <PolicyId as AsRef<str>>::as_ref(id).parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

//! The one decision function.

use crate::engine::Verdict;
use crate::facts::Facts;
use crate::{Ask, Decision, Effect, Policy};
use std::borrow::Cow;
use terms::{Bound, Grant, Kind, LogicalPath, Principal, Verb};

/// The name of the rule that there is no rule.
const CLOSED: &str = "closed by default";

/// What stops a question before any rule is asked.
enum Before<'a> {
    /// It is this host that asks.
    Host,
    /// This part of the credential does not cover it.
    Bound(&'a Bound),
    /// The credential carries no file as large as this.
    Upload(u64),
}

impl Policy {
    /// The one decision function.
    pub fn decide(&self, ask: Ask<'_>) -> Decision {
        match before(&ask) {
            Some(Before::Host) => return allow(Cow::Borrowed("host"), "this host acts for itself"),
            Some(stop) => return self.refuse_before(&ask, &stop),
            None => {}
        }
        match self.engine.weigh(&ask) {
            Verdict::Allow(rule) => allow(self.engine.entry(rule).name.clone(), "a rule allows it"),
            verdict => self.refuse(&ask, verdict),
        }
    }

    /// Does the answer depend on what is known of the file? Then [`Ask::object`] must be given.
    pub fn wants_object(&self, ask: &Ask<'_>) -> bool {
        let by_size = if ask.bytes.is_none() { Facts::BYTES } else { Facts::default() };
        before(ask).is_none() && self.engine.wants(ask).intersects(Facts::OBJECT.union(by_size))
    }

    /// Does the answer depend on what the caller moved already? Then [`Ask::used_bytes`] must be given.
    pub fn wants_usage(&self, ask: &Ask<'_>) -> bool {
        before(ask).is_none() && self.engine.wants(ask).intersects(Facts::USED_BYTES)
    }

    /// May this caller move a file from one name to another that is free, without the verb `delete`?
    pub fn may_rename(&self, who: &Principal, from: &LogicalPath, to: &LogicalPath) -> bool {
        let covers = |grant: &Grant| grant.may_rename && from.is_within(&grant.path) && to.is_within(&grant.path);
        let identity = &who.identity;
        identity.authorises && identity.bounds.iter().all(|bound| bound.grants.iter().any(covers))
    }

    /// May the caller do any of this, so that there is nothing to hide?
    fn sees(&self, ask: &Ask<'_>) -> bool {
        let may = |verb: Verb| {
            let ask = Ask { verb, bytes: None, ..*ask };
            before(&ask).is_none() && matches!(self.engine.weigh(&ask), Verdict::Allow(_))
        };
        ask.verb.is_administration() || [Verb::Stat, Verb::List, Verb::Read].into_iter().any(may)
    }

    fn refuse_before(&self, ask: &Ask<'_>, stop: &Before<'_>) -> Decision {
        // The same sentence whether the file is there or not: a bound knows verbs and paths alone.
        let (rule, reason, change) = match stop {
            Before::Bound(bound) => (
                bound.by.clone(),
                format!("{} does not allow {} on {}", bound.by, ask.verb, ask.path),
                "a credential that covers it".to_owned(),
            ),
            Before::Upload(most) => (
                "the credential's limit".to_owned(),
                format!("the credential carries no file larger than {most} bytes"),
                format!("a file of at most {most} bytes"),
            ),
            Before::Host => (String::new(), String::new(), String::new()),
        };
        Decision {
            effect: Effect::Refuse,
            rule: Cow::Owned(rule),
            reason: Cow::Owned(reason),
            change: Some(change),
            hides: !self.sees(ask),
        }
    }

    fn refuse(&self, ask: &Ask<'_>, verdict: Verdict) -> Decision {
        let anonymous = ask.who.is_anonymous();
        let hides = !self.sees(ask);
        let rule = match verdict {
            Verdict::Forbid(rule) | Verdict::Allow(rule) => self.engine.entry(rule).name.clone(),
            Verdict::Nothing => Cow::Borrowed(CLOSED),
        };
        let reason = match verdict {
            Verdict::Forbid(rule) if !hides && self.engine.entry(rule).is_embargo() => {
                "the files here are under embargo".to_owned()
            }
            Verdict::Forbid(_) if !hides => format!("a rule forbids {} here", ask.verb),
            _ if anonymous => format!("{} here needs credentials that allow it", ask.verb),
            _ => format!("nothing gives you {} here", ask.verb),
        };
        let effect = if anonymous { Effect::Authenticate } else { Effect::Refuse };
        // What depends on the file is not told to who may not know that there is one.
        let ban = match verdict {
            Verdict::Forbid(rule) => Some(rule),
            _ => None,
        };
        let mut changes = if hides { Vec::new() } else { self.public_changes(ask, ban) };
        if anonymous {
            changes.insert(0, "credentials that allow it".to_owned());
        }
        let change = (!changes.is_empty()).then(|| changes.join(", or "));
        Decision { effect, rule, reason: Cow::Owned(reason), change, hides }
    }
}

/// Is the credential too narrow for this, whatever the rules say?
pub(crate) fn is_narrowed(ask: &Ask<'_>) -> bool {
    matches!(before(ask), Some(Before::Bound(_) | Before::Upload(_)))
}

fn before<'a>(ask: &Ask<'a>) -> Option<Before<'a>> {
    let identity = &ask.who.identity;
    if identity.kind == Kind::Host {
        return Some(Before::Host);
    }
    let covers = |grant: &Grant| grant.covers(ask.verb, ask.path, ask.folder);
    if let Some(bound) = identity.bounds.iter().find(|bound| !bound.grants.iter().any(covers)) {
        return Some(Before::Bound(bound));
    }
    let puts = matches!(ask.verb, Verb::Create | Verb::Modify);
    let most = identity.upload_max_bytes.filter(|most| puts && ask.bytes.is_some_and(|bytes| bytes > *most));
    most.map(Before::Upload)
}

fn allow(rule: Cow<'static, str>, reason: &'static str) -> Decision {
    Decision { effect: Effect::Allow, rule, reason: Cow::Borrowed(reason), change: None, hides: false }
}

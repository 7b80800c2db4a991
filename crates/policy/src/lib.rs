//! Who may do what: one decision function, through which every request passes, and which always says why.
//!
//! Never here: files, clocks, sockets, or an answer without a reason.
//!
//! This is the first form: anonymous visitors have the verbs that the settings give them by namespace; a token has the
//! verbs and the path that it was made with; everything else is refused.

use std::borrow::Cow;
use terms::{LogicalPath, Principal, Verb, VerbSet};

#[cfg(test)]
mod tests;

/// What anonymous visitors may do below one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnonymousGrant {
    /// This path and all below it.
    pub path: LogicalPath,
    /// What they may do there. An empty set closes a place inside an open one.
    pub verbs: VerbSet,
}

/// The rules in force.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    anonymous: Vec<AnonymousGrant>,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who.
    pub who: &'a Principal,
    /// Does what.
    pub verb: Verb,
    /// To which path.
    pub path: &'a LogicalPath,
    /// How many bytes it would add or carry, where that is known beforehand.
    pub bytes: Option<u64>,
}

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Go ahead.
    Allow,
    /// No; the caller is unknown, and credentials could change that (HTTP 401).
    Authenticate,
    /// No; the caller is known and lacks the right (HTTP 403).
    Refuse,
}

/// The answer with its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Yes or no.
    pub effect: Effect,
    /// The rule that decided, by a name that the operator can find again.
    pub rule: Cow<'static, str>,
    /// One sentence that may be shown to the caller.
    pub reason: String,
}

impl Decision {
    /// May it go ahead?
    pub fn allows(&self) -> bool {
        self.effect == Effect::Allow
    }
}

impl Policy {
    /// The rules for anonymous visitors; of several that cover a path, the longest path decides.
    pub fn new(mut anonymous: Vec<AnonymousGrant>) -> Self {
        anonymous.sort_by_key(|grant| std::cmp::Reverse(grant.path.as_str().len()));
        Self { anonymous }
    }

    /// The one decision function.
    pub fn decide(&self, ask: Ask<'_>) -> Decision {
        match ask.who {
            Principal::Host => allow("host", "this host acts for itself"),
            Principal::Token { name, verbs, path, .. } => {
                let rule = Cow::Owned(format!("token {name}"));
                if !ask.path.is_within(path) && ask.verb != Verb::Admin {
                    let reason = format!("the token '{name}' is for {path} only");
                    return Decision { effect: Effect::Refuse, rule, reason };
                }
                if !verbs.contains(ask.verb) {
                    let reason = format!("the token '{name}' allows {verbs}, not {}", ask.verb);
                    return Decision { effect: Effect::Refuse, rule, reason };
                }
                Decision { effect: Effect::Allow, rule, reason: format!("the token '{name}' allows {}", ask.verb) }
            }
            Principal::Anonymous => self.decide_anonymous(ask),
        }
    }

    fn decide_anonymous(&self, ask: Ask<'_>) -> Decision {
        let grant = self.anonymous.iter().find(|grant| ask.path.is_within(&grant.path));
        match grant {
            Some(grant) if ask.verb != Verb::Admin && grant.verbs.contains(ask.verb) => Decision {
                effect: Effect::Allow,
                rule: Cow::Owned(format!("anonymous {}", grant.path)),
                reason: format!("anyone may {} below {}", ask.verb, grant.path),
            },
            _ => Decision {
                effect: Effect::Authenticate,
                rule: Cow::Borrowed("closed by default"),
                reason: format!("{} here needs a token", ask.verb),
            },
        }
    }
}

fn allow(rule: &'static str, reason: &str) -> Decision {
    Decision { effect: Effect::Allow, rule: Cow::Borrowed(rule), reason: reason.to_owned() }
}

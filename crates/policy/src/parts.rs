//! Which part of a rule a question meets, and which it does not.

use crate::compile::{Entry, clause_id, entity_of};
use crate::engine::Engine;
use crate::facts::Facts;
use crate::request;
use crate::schema::{self, Caller};
use crate::short::{EmbargoEnd, Need, Part, being, listed};
use crate::{Ask, Subject};
use cedar_policy::PolicySet;
use cedar_policy::pst::{EntityOrSlot, PrincipalConstraint, ResourceConstraint};
use std::collections::HashSet;

/// One part of a rule, held against a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) part: Part,
    pub(crate) holds: bool,
    /// What would make it hold.
    pub(crate) hold: String,
    /// What would make it fail; empty where nothing a caller does can.
    pub(crate) fail: String,
    /// May any caller know these words?
    pub(crate) public: bool,
}

/// The scope of a rule, held against a question.
pub(crate) fn scope(entry: &Entry, ask: &Ask<'_>) -> [Held; 3] {
    let held = |part, holds, hold| Held { part, holds, hold, fail: String::new(), public: false };
    let verbs = entry.verbs.iter().map(|verb| verb.name()).collect::<Vec<_>>();
    [
        held(Part::Who, is_caller(&entry.principal, ask), who_words(&entry.principal)),
        held(Part::Verb, entry.verbs.contains(ask.verb), format!("asking for {}", listed(&verbs))),
        held(Part::Path, is_place(&entry.resource, ask), place_words(&entry.resource)),
    ]
}

/// The conditions of these rules, held against a question: for each rule in its order.
pub(crate) fn conditions(engine: &Engine, numbers: &[u32], ask: &Ask<'_>) -> Vec<Vec<Held>> {
    let holding = holding(engine, numbers, ask);
    let of_rule = |number: &u32| {
        let entry = engine.entry(*number);
        let held = |(place, condition): (usize, &crate::compile::Condition)| {
            held(&condition.need, holding.contains(&clause_id(*number, place)), ask)
        };
        entry.clauses.iter().enumerate().map(held).collect()
    };
    numbers.iter().map(of_rule).collect()
}

/// Which single conditions Cedar finds to hold. One that fails counts as not holding for a rule that allows, and as
/// holding for one that forbids.
fn holding(engine: &Engine, numbers: &[u32], ask: &Ask<'_>) -> HashSet<String> {
    let mut facts = Facts::default();
    let mut bans = HashSet::new();
    let mut policies = Vec::new();
    for number in numbers {
        let entry = engine.entry(*number);
        facts = facts.union(entry.facts);
        for (place, condition) in entry.clauses.iter().enumerate() {
            let id = clause_id(*number, place);
            policies.push(condition.alone.clone());
            if entry.forbids {
                bans.insert(id);
            }
        }
    }
    let profile = engine.profile(ask, numbers);
    let question = request::of_ask(ask, &profile, facts);
    let (Some(question), Ok(policies)) = (question, PolicySet::from_policies(policies)) else { return bans };
    let response = engine.authorizer.is_authorized(&question.request, &policies, &question.entities);
    let failed = response.diagnostics().errors().map(|error| match error {
        cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
    });
    let held = response.diagnostics().reason().map(ToString::to_string);
    held.chain(failed.filter(|id| bans.contains(id))).collect()
}

fn held(need: &Need, holds: bool, ask: &Ask<'_>) -> Held {
    let fail = match need.ends {
        Some(end) => embargo_end(end, ask),
        None => need.fail.clone(),
    };
    Held { part: need.part, holds, hold: need.hold.clone(), fail, public: need.public }
}

/// When an embargo ends for this file; empty where this end does not come to it.
fn embargo_end(end: EmbargoEnd, ask: &Ask<'_>) -> String {
    let own = ask.object.and_then(|object| object.attributes.get(request::EMBARGO_UNTIL));
    match (end, own) {
        (EmbargoEnd::Own, Some(text)) => match ask.object.and_then(crate::Object::embargo_until) {
            Some(until) => format!("asking from {until} on"),
            None => format!("an attribute embargo-until that is an instant; it is '{}'", text.escape_debug()),
        },
        (EmbargoEnd::Own, None) | (EmbargoEnd::After(_), Some(_)) => String::new(),
        (EmbargoEnd::After(lasts), None) => match ask.object.and_then(|object| object.imported) {
            Some(imported) => format!("asking from {} on", imported.after(lasts)),
            None => "a time of import, or an attribute embargo-until, that says when the embargo ends".to_owned(),
        },
    }
}

fn is_caller(constraint: &PrincipalConstraint, ask: &Ask<'_>) -> bool {
    let identity = &ask.who.identity;
    let caller = Caller::of(identity.kind);
    let is_type = |name: &str| Caller::of_type(name) == Some(caller);
    let is_in = |of: &EntityOrSlot| match entity_of(of) {
        Some(("Group", id)) => caller != Caller::Anonymous && identity.groups.contains(id),
        Some(("Issuer", id)) => caller != Caller::Anonymous && identity.issuer.as_deref() == Some(id),
        Some((kind, id)) => is_type(kind) && schema::caller_id(identity) == id,
        None => false,
    };
    match constraint {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::Is(kind) => is_type(kind.0.id.as_str()),
        PrincipalConstraint::IsIn(kind, of) => is_type(kind.0.id.as_str()) && is_in(of),
        PrincipalConstraint::Eq(of) | PrincipalConstraint::In(of) => is_in(of),
    }
}

fn who_words(constraint: &PrincipalConstraint) -> String {
    let subject = |of: &EntityOrSlot| match entity_of(of) {
        Some(("Group", id)) => being(&[Subject::Group(id.to_owned())]),
        Some(("Issuer", id)) => being(&[Subject::Issuer(id.to_owned())]),
        Some((_, id)) => being(&[Subject::User(id.to_owned())]),
        None => String::new(),
    };
    match constraint {
        PrincipalConstraint::Any => being(&[Subject::Everyone]),
        PrincipalConstraint::Is(kind) if kind.0.id.as_str() == "Anonymous" => being(&[Subject::Anonymous]),
        PrincipalConstraint::Is(kind) => format!("being a {}", kind.to_string().to_lowercase()),
        PrincipalConstraint::IsIn(_, of) | PrincipalConstraint::Eq(of) | PrincipalConstraint::In(of) => subject(of),
    }
}

fn is_place(constraint: &ResourceConstraint, ask: &Ask<'_>) -> bool {
    let of_port = ask.verb.is_administration();
    let is_type = |name: &str| if of_port { name == "Port" } else { name == "Path" };
    let is_in = |of: &EntityOrSlot| match entity_of(of) {
        Some(("Path", id)) => !of_port && id.parse().is_ok_and(|above| ask.path.is_within(&above)),
        Some(("Port", id)) => of_port && id == schema::THIS,
        _ => false,
    };
    match constraint {
        ResourceConstraint::Any => true,
        ResourceConstraint::Is(kind) => is_type(kind.0.id.as_str()),
        ResourceConstraint::IsIn(kind, of) => is_type(kind.0.id.as_str()) && is_in(of),
        ResourceConstraint::In(of) => is_in(of),
        ResourceConstraint::Eq(EntityOrSlot::Entity(uid)) if uid.ty.0.id.as_str() == "Path" => {
            !of_port && uid.eid.as_str() == ask.path.as_str()
        }
        ResourceConstraint::Eq(of) => is_in(of),
    }
}

fn place_words(constraint: &ResourceConstraint) -> String {
    let entity = |of: &EntityOrSlot| entity_of(of).map(|(kind, id)| (kind.to_owned(), id.to_owned()));
    match constraint {
        ResourceConstraint::Any => "any path".to_owned(),
        ResourceConstraint::Is(kind) => format!("a {}", kind.to_string().to_lowercase()),
        ResourceConstraint::IsIn(_, of) | ResourceConstraint::In(of) | ResourceConstraint::Eq(of) => match entity(of) {
            Some((kind, id)) if kind == "Path" && matches!(constraint, ResourceConstraint::Eq(_)) => {
                format!("the path {id}")
            }
            Some((kind, id)) if kind == "Path" => format!("a path below {id}"),
            _ => "the port itself".to_owned(),
        },
    }
}

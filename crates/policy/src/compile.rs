//! From what the operator wrote to rules that can be in force, or to all that is wrong with it.

use crate::facts::Facts;
use crate::mentions::Mentions;
use crate::schema::{self, ADMINISTRATION, FILES};
use crate::short::{self, Draft, Need, Part};
use crate::{AnonymousGrant, PolicyError, RuleSource};
use cedar_policy::pst::{ActionConstraint, Clause, Effect as CedarEffect, EntityOrSlot, PrincipalConstraint};
use cedar_policy::pst::{ResourceConstraint, Template};
use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet, ValidationMode, ValidationWarning, Validator};
use miette::Diagnostic;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use terms::{LogicalPath, Verb, VerbSet};

/// More rules than this are refused: each costs some 20 KB of memory and half a millisecond to check, so these
/// cost 200 MB and five seconds.
pub const RULES_MAX: usize = 10_000;

/// The longest name of a rule, in bytes: names are in every line of the audit record.
pub const RULE_NAME_MAX_BYTES: usize = 200;

/// One rule, ready.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: Cow<'static, str>,
    /// Does it forbid?
    pub(crate) forbids: bool,
    /// Its scope without its place and its callers.
    pub(crate) verbs: VerbSet,
    /// Who, as its scope says.
    pub(crate) principal: PrincipalConstraint,
    /// Where, as its scope says.
    pub(crate) resource: ResourceConstraint,
    /// Its conditions.
    pub(crate) clauses: Vec<Condition>,
    /// As written.
    pub(crate) body: Template,
    /// As Cedar evaluates it; its id is its number.
    pub(crate) whole: CedarPolicy,
    /// The settled part of it alone, as a permit; its id is its number.
    pub(crate) settled: CedarPolicy,
    /// What the conditions that are not settled look at.
    pub(crate) facts: Facts,
    /// The groups that it mentions, by number.
    pub(crate) groups: Vec<u32>,
}

/// One condition of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) facts: Facts,
    pub(crate) need: Need,
    /// It alone, as a permit for anything; its id is the rule's number and its own place.
    pub(crate) alone: CedarPolicy,
}

impl Entry {
    /// Is it the short form of an embargo?
    pub(crate) fn is_embargo(&self) -> bool {
        self.clauses.iter().any(|condition| condition.need.ends.is_some())
    }

    /// Does its answer depend on more than the profile?
    pub(crate) fn is_conditional(&self) -> bool {
        !self.facts.is_settled()
    }
}

/// A rule as read, before it is checked.
struct Read {
    name: String,
    /// What errors call the place.
    source: String,
    /// The text that byte offsets refer to, where the operator can see it.
    text: Option<usize>,
    policy: CedarPolicy,
    needs: Option<Vec<Need>>,
}

/// All rules of a policy.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) entries: Vec<Entry>,
    pub(crate) mentions: Mentions,
}

/// Reads and checks everything.
pub(crate) fn compile(anonymous: &[AnonymousGrant], source: &RuleSource) -> Result<Compiled, Vec<PolicyError>> {
    let mut faults = Vec::new();
    let mut read = Vec::new();
    let drafts = std::iter::once(Ok(short::capability()))
        .chain(short::anonymous(anonymous).into_iter().map(Ok))
        .chain(source.rules.iter().map(short::rule))
        .chain(source.embargoes.iter().map(short::embargo));
    for draft in drafts {
        match draft {
            Ok(draft) => read_draft(draft, &mut read, &mut faults),
            Err(mut wrong) => faults.append(&mut wrong),
        }
    }
    for (index, (name, text)) in source.cedar.iter().enumerate() {
        read_cedar(index, name, text, &mut read, &mut faults);
    }
    check_names(&read, &mut faults);
    if faults.is_empty() {
        check_types(&read, source, &mut faults);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut mentions = Mentions::default();
    let mut entries = Vec::with_capacity(read.len());
    for rule in read {
        for entity in rule.policy.entity_literals() {
            mentions.add(entity.type_name().basename(), entity.id().unescaped());
        }
        let source = rule.source.clone();
        entries.push(entry(entries.len(), rule, &mentions).map_err(|why| vec![PolicyError::new(source, why)])?);
    }
    Ok(Compiled { entries, mentions })
}

fn read_draft(draft: Draft, read: &mut Vec<Read>, faults: &mut Vec<PolicyError>) {
    let source = draft.source;
    match CedarPolicy::parse(Some(PolicyId::new(&draft.name)), &draft.text) {
        Ok(policy) => read.push(Read { name: draft.name, source, text: None, policy, needs: Some(draft.needs) }),
        Err(wrong) => faults.extend(wrong.iter().map(|wrong| PolicyError::new(&source, told(wrong)))),
    }
}

fn read_cedar(index: usize, file: &str, text: &str, read: &mut Vec<Read>, faults: &mut Vec<PolicyError>) {
    let set: PolicySet = match text.parse() {
        Ok(set) => set,
        Err(wrong) => {
            let wrong: cedar_policy::ParseErrors = wrong;
            faults.extend(wrong.iter().map(|wrong| fault_of(wrong, file, Some(text))));
            return;
        }
    };
    for template in set.templates() {
        let what = format!("{} is a template, and nothing here fills its slots", template.id());
        faults.push(PolicyError::new(file, what).instead("write the rule out for each case"));
    }
    // Cedar numbers policies by their place in the text; their order here is that of the text, too.
    let mut policies: Vec<_> = set.policies().collect();
    policies.sort_by_key(|policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(0));
    for (place, policy) in policies.into_iter().enumerate() {
        let name = policy.annotation("id").filter(|id| !id.is_empty());
        let name = name.map_or_else(|| format!("{file} rule {}", place + 1), str::to_owned);
        let policy = policy.new_id(PolicyId::new(&name));
        read.push(Read { name, source: file.to_owned(), text: Some(index), policy, needs: None });
    }
}

fn check_names(read: &[Read], faults: &mut Vec<PolicyError>) {
    if read.len() > RULES_MAX {
        faults.push(PolicyError::new(
            "policy",
            format!("there are {} rules, and at most {RULES_MAX} can be", read.len()),
        ));
    }
    let mut first: HashMap<&str, &str> = HashMap::new();
    for rule in read {
        let name = rule.name.as_str();
        if name.trim().is_empty() {
            faults.push(PolicyError::new(&rule.source, "a rule has no name"));
        }
        // A grant to anonymous visitors is named for its path, which may be long.
        let is_long = name.len() > RULE_NAME_MAX_BYTES && !(rule.text.is_none() && name.starts_with(short::GRANT));
        if is_long || name.chars().any(char::is_control) {
            let what = format!(
                "the name '{}' is longer than {RULE_NAME_MAX_BYTES} bytes or has control characters",
                name.escape_debug()
            );
            faults.push(PolicyError::new(&rule.source, what));
        }
        if let Some(other) = first.insert(name, &rule.source) {
            let what = format!("the name '{name}' is taken already, in {other}");
            faults.push(PolicyError::new(&rule.source, what).instead("give each rule a name of its own"));
        }
    }
}

fn check_types(read: &[Read], source: &RuleSource, faults: &mut Vec<PolicyError>) {
    let by_id: HashMap<&PolicyId, &Read> = read.iter().map(|rule| (rule.policy.id(), rule)).collect();
    let text_of = |rule: &Read| rule.text.and_then(|index| source.cedar.get(index)).map(|(_, text)| text.as_str());
    for rule in read {
        check_paths(rule, text_of(rule), faults);
    }
    let set = match PolicySet::from_policies(read.iter().map(|rule| rule.policy.clone())) {
        Ok(set) => set,
        Err(wrong) => return faults.push(PolicyError::new("policy", wrong.to_string())),
    };
    let result = Validator::new(schema::schema().clone()).validate(&set, ValidationMode::Strict);
    let fault = |id: &PolicyId, wrong: &dyn Diagnostic| {
        let rule = by_id.get(id);
        let mut fault =
            fault_of(wrong, rule.map_or("policy", |rule| &rule.source), rule.and_then(|rule| text_of(rule)));
        // Where it is says which rule it is.
        if let Some(rest) = fault.what.strip_prefix(&format!("for policy `{id}`, ")) {
            fault.what = rest.to_owned();
        }
        fault
    };
    // Cedar tells each fault once for every kind of caller and verb.
    let mut told = HashSet::new();
    for wrong in result.validation_errors() {
        if told.insert((wrong.policy_id(), offset_of(wrong))) {
            faults.push(fault(wrong.policy_id(), wrong));
        }
    }
    for warning in result.validation_warnings() {
        let is_new = !told.iter().any(|(id, _)| *id == warning.policy_id());
        if let (ValidationWarning::ImpossiblePolicy(wrong), true) = (warning, is_new) {
            let instead = "its verbs, places and conditions exclude each other: change one of them";
            faults.push(fault(warning.policy_id(), wrong).instead(instead));
        }
    }
    faults.sort_by_key(|fault| (fault.source.clone(), fault.line, fault.column));
}

/// A path that is not written as paths are here would silently never match.
fn check_paths(rule: &Read, text: Option<&str>, faults: &mut Vec<PolicyError>) {
    for entity in rule.policy.entity_literals() {
        let id = entity.id().unescaped();
        if entity.type_name().basename() != "Path" {
            continue;
        }
        let fault = |what: String| {
            let literal = format!("Path::\"{id}\"");
            PolicyError::new(&rule.source, what).at(text.unwrap_or(""), text.and_then(|text| text.find(&literal)))
        };
        match id.parse::<LogicalPath>() {
            Ok(path) if path.as_str() == id => {}
            Ok(path) => {
                let fault =
                    fault(format!("Path::\"{id}\" never matches: paths have no slash at their end and none doubled"));
                faults.push(fault.instead(format!("write Path::\"{path}\"")));
            }
            Err(why) => faults.push(fault(format!("Path::\"{id}\" never matches: {why}"))),
        }
    }
}

fn fault_of(wrong: &dyn Diagnostic, file: &str, text: Option<&str>) -> PolicyError {
    let mut fault = PolicyError::new(file, told(wrong));
    if let Some(text) = text {
        fault = fault.at(text, offset_of(wrong));
    }
    match wrong.help() {
        Some(help) => fault.instead(help.to_string()),
        None => fault,
    }
}

fn offset_of(wrong: &dyn Diagnostic) -> Option<usize> {
    Some(wrong.labels()?.next()?.offset())
}

/// An error with its causes, in one line.
fn told(wrong: &dyn Diagnostic) -> String {
    let mut words = wrong.to_string();
    let mut cause = wrong.source();
    while let Some(next) = cause {
        words.push_str(": ");
        words.push_str(&next.to_string());
        cause = next.source();
    }
    words
}

fn entry(number: usize, rule: Read, mentions: &Mentions) -> Result<Entry, String> {
    let id = PolicyId::new(number.to_string());
    let body = rule.policy.to_pst().map_err(|wrong| wrong.to_string())?.body().clone();
    let mut needs = rule.needs.unwrap_or_default().into_iter();
    let mut clauses = Vec::new();
    for (place, clause) in body.clauses().iter().enumerate() {
        let need = needs.next().unwrap_or_else(|| {
            Need::private(Part::Condition, format!("`{clause}` to hold"), format!("`{clause}` not holding"))
        });
        let alone = permit(&clause_id(number, place), anything(), [clause.clone()])?;
        clauses.push(Condition { facts: Facts::of(clause), need, alone });
    }
    let facts = clauses.iter().fold(Facts::default(), |facts, condition| facts.union(condition.facts));
    let settled = body.clauses().iter().filter(|clause| Facts::of(clause).is_settled()).cloned();
    let scope = (body.principal.clone(), body.action.clone(), body.resource.clone());
    let settled = permit(&number.to_string(), scope, settled)?;
    let named = rule.policy.entity_literals();
    let groups = named.iter().filter(|entity| entity.type_name().basename() == "Group");
    Ok(Entry {
        groups: groups.filter_map(|group| mentions.group(group.id().unescaped())).collect(),
        name: crate::names::keep(&rule.name),
        forbids: body.effect == CedarEffect::Forbid,
        verbs: verbs_of(&body.action),
        principal: body.principal.clone(),
        resource: body.resource.clone(),
        facts,
        clauses,
        whole: rule.policy.new_id(id),
        settled,
        body,
    })
}

/// The name of one condition of a rule.
pub(crate) fn clause_id(number: impl std::fmt::Display, place: usize) -> String {
    format!("{number}.{place}")
}

type Scope = (PrincipalConstraint, ActionConstraint, ResourceConstraint);

fn anything() -> Scope {
    (PrincipalConstraint::Any, ActionConstraint::Any, ResourceConstraint::Any)
}

fn permit(id: &str, scope: Scope, clauses: impl IntoIterator<Item = Clause>) -> Result<CedarPolicy, String> {
    let template = Template::new(PolicyId::new(id), CedarEffect::Permit, scope.0, scope.1, scope.2);
    let template = template.try_with_clauses(clauses).map_err(|wrong| wrong.to_string())?;
    let policy = template.try_into().map_err(|_| "a rule has no slots".to_owned())?;
    CedarPolicy::from_pst(cedar_policy::pst::Policy::Static(policy)).map_err(|wrong| wrong.to_string())
}

fn verbs_of(action: &ActionConstraint) -> VerbSet {
    let of_name = |name: &str| -> VerbSet {
        match name {
            FILES => Verb::ALL.iter().copied().filter(|verb| !verb.is_administration()).collect(),
            ADMINISTRATION => VerbSet::administration(),
            name => name.parse::<Verb>().into_iter().collect(),
        }
    };
    match action {
        ActionConstraint::Any => VerbSet::all(),
        ActionConstraint::Eq(action) => of_name(&action.eid),
        ActionConstraint::In(actions) => {
            actions.iter().map(|action| of_name(&action.eid)).fold(VerbSet::default(), VerbSet::union)
        }
    }
}

/// The entity that a scope names.
pub(crate) fn entity_of(constraint: &EntityOrSlot) -> Option<(&str, &str)> {
    match constraint {
        EntityOrSlot::Entity(uid) => Some((uid.ty.0.id.as_str(), uid.eid.as_str())),
        EntityOrSlot::Slot(_) => None,
    }
}

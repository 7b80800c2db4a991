//! Which rules can match a question at all. What is left out here cannot match; whether the others do, Cedar says.

use crate::compile::{Compiled, Entry, entity_of};
use crate::schema::Caller;
use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, PrincipalConstraint, ResourceConstraint, Var};
use terms::{LogicalPath, Verb};

/// Where a rule can match.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    Port,
    AnyPath,
    /// This path and all below, by its name.
    Below(String),
}

/// Whom a rule can match.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Who {
    OfType(Caller),
    /// Type and id of this entity, or of one that the caller is in.
    Entity(String, String),
}

/// Rules by where they can match.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By number of the mentioned path.
    below: Vec<Vec<u32>>,
    any_path: Vec<u32>,
    port: Vec<u32>,
    /// By rule; `None` for anybody.
    who: Vec<Option<Vec<Who>>>,
}

impl Index {
    /// Sorts the rules in.
    pub(crate) fn of(compiled: &Compiled) -> Self {
        let mut index = Self { below: vec![Vec::new(); compiled.mentions.path_count()], ..Self::default() };
        for (number, entry) in (0..).zip(&compiled.entries) {
            for place in places_of(entry) {
                let list = match place {
                    Place::Port => &mut index.port,
                    Place::AnyPath => &mut index.any_path,
                    Place::Below(path) => match compiled.mentions.path(&path) {
                        Some(path) => &mut index.below[path as usize],
                        None => continue,
                    },
                };
                if list.last() != Some(&number) {
                    list.push(number);
                }
            }
            index.who.push(callers_of(entry));
        }
        index
    }

    /// The rules that can match, in the order in which they were written.
    pub(crate) fn candidates(
        &self,
        compiled: &Compiled,
        verb: Verb,
        path: &LogicalPath,
        caller: &CallerFacts<'_>,
    ) -> Vec<u32> {
        let fits = |number: &u32| {
            let entry = &compiled.entries[*number as usize];
            entry.verbs.contains(verb)
                && self.who[*number as usize].as_ref().is_none_or(|who| who.iter().any(|who| caller.is(who)))
        };
        let mut found: Vec<u32> = if verb.is_administration() {
            self.port.iter().copied().filter(fits).collect()
        } else {
            let below = compiled.mentions.path_numbers(path).flat_map(|path| &self.below[path as usize]);
            self.any_path.iter().chain(below).copied().filter(fits).collect()
        };
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// What the index looks at of a caller.
pub(crate) struct CallerFacts<'a> {
    pub(crate) caller: Caller,
    pub(crate) identity: &'a terms::Identity,
}

impl CallerFacts<'_> {
    fn is(&self, who: &Who) -> bool {
        match who {
            Who::OfType(caller) => *caller == self.caller,
            Who::Entity(kind, id) => match kind.as_str() {
                "Group" => self.identity.groups.contains(id),
                "Issuer" => self.identity.issuer.as_ref() == Some(id),
                "Anonymous" => self.caller == Caller::Anonymous,
                kind => Caller::of_type(kind) == Some(self.caller) && self.identity.name == *id,
            },
        }
    }
}

/// Everywhere that the rule can match, and perhaps more.
fn places_of(entry: &Entry) -> Vec<Place> {
    let everywhere = || vec![Place::Port, Place::AnyPath];
    let entity = |entity| match entity_of(entity) {
        Some(("Path", id)) => vec![Place::Below(id.to_owned())],
        Some(("Port", _)) => vec![Place::Port],
        _ => everywhere(),
    };
    let scope = match &entry.resource {
        ResourceConstraint::Any => None,
        ResourceConstraint::Is(kind) if kind.0.id.as_str() == "Path" => Some(vec![Place::AnyPath]),
        ResourceConstraint::Is(_) => Some(vec![Place::Port]),
        ResourceConstraint::Eq(of) | ResourceConstraint::In(of) | ResourceConstraint::IsIn(_, of) => Some(entity(of)),
    };
    scope.or_else(|| whens(entry).find_map(places_when)).unwrap_or_else(everywhere)
}

fn whens(entry: &Entry) -> impl Iterator<Item = &Expr> {
    entry.body.clauses().iter().filter_map(|clause| match clause {
        Clause::When(expression) => Some(&**expression),
        Clause::Unless(_) => None,
    })
}

/// Where this can be true; `None` when that cannot be told from its form.
fn places_when(expression: &Expr) -> Option<Vec<Place>> {
    let place = |(kind, id): (&str, &str)| match kind {
        "Path" => Some(Place::Below(id.to_owned())),
        "Port" => Some(Place::Port),
        _ => None,
    };
    match expression {
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
            let mut places = places_when(left)?;
            places.extend(places_when(right)?);
            Some(places)
        }
        Expr::BinaryOp { op: BinaryOp::And, left, right } => places_when(left).or_else(|| places_when(right)),
        Expr::BinaryOp { op: BinaryOp::In | BinaryOp::Eq, left, right } if is_variable(left, Var::Resource) => {
            entities(right)?.into_iter().map(place).collect()
        }
        Expr::Is { expr, entity_type, in_expr: None } if is_variable(expr, Var::Resource) => {
            Some(vec![if entity_type.0.id.as_str() == "Path" { Place::AnyPath } else { Place::Port }])
        }
        _ => None,
    }
}

/// All whom the rule can match, and perhaps more; `None` for anybody.
fn callers_of(entry: &Entry) -> Option<Vec<Who>> {
    let entity = |entity| entity_of(entity).map(|(kind, id)| vec![Who::Entity(kind.to_owned(), id.to_owned())]);
    let scope = match &entry.principal {
        PrincipalConstraint::Any => None,
        PrincipalConstraint::Is(kind) => Caller::of_type(kind.0.id.as_str()).map(|caller| vec![Who::OfType(caller)]),
        PrincipalConstraint::Eq(of) | PrincipalConstraint::In(of) | PrincipalConstraint::IsIn(_, of) => entity(of),
    };
    scope.or_else(|| whens(entry).find_map(callers_when))
}

fn callers_when(expression: &Expr) -> Option<Vec<Who>> {
    match expression {
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
            let mut callers = callers_when(left)?;
            callers.extend(callers_when(right)?);
            Some(callers)
        }
        Expr::BinaryOp { op: BinaryOp::And, left, right } => callers_when(left).or_else(|| callers_when(right)),
        Expr::BinaryOp { op: BinaryOp::In | BinaryOp::Eq, left, right } if is_variable(left, Var::Principal) => {
            Some(entities(right)?.into_iter().map(|(kind, id)| Who::Entity(kind.to_owned(), id.to_owned())).collect())
        }
        Expr::Is { expr, entity_type, in_expr: None } if is_variable(expr, Var::Principal) => {
            Some(vec![Who::OfType(Caller::of_type(entity_type.0.id.as_str())?)])
        }
        _ => None,
    }
}

fn is_variable(expression: &Expr, variable: Var) -> bool {
    matches!(expression, Expr::Var(found) if *found == variable)
}

/// The entities of one literal, or of a set of them.
fn entities(expression: &Expr) -> Option<Vec<(&str, &str)>> {
    match expression {
        Expr::Literal(Literal::EntityUID(uid)) => Some(vec![(uid.ty.0.id.as_str(), uid.eid.as_str())]),
        Expr::Set(several) => {
            let each: Option<Vec<_>> = several.iter().map(|one| entities(one)).collect();
            Some(each?.into_iter().flatten().collect())
        }
        _ => None,
    }
}

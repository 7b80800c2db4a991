//! Cedar as it comes: all rules for each question, a request and its entities as its guide says.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression as Value,
};
use policy::{Ask, Policy};
use std::collections::HashSet;
use terms::{Kind, Timestamp};

/// Cedar with the rules of a policy.
pub(super) struct Plain {
    policies: PolicySet,
    authorizer: Authorizer,
    types: Types,
}

struct Types {
    user: EntityTypeName,
    anonymous: EntityTypeName,
    group: EntityTypeName,
    issuer: EntityTypeName,
    path: EntityTypeName,
    action: EntityTypeName,
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

impl Plain {
    /// The same rules.
    pub(super) fn of(policy: &Policy) -> Result<Self, String> {
        let policies = policy.cedar().parse().map_err(|error| format!("our rules as Cedar: {error}"))?;
        let kind = |name: &str| name.parse::<EntityTypeName>().map_err(|error| format!("{name}: {error}"));
        let types = Types {
            user: kind("User")?,
            anonymous: kind("Anonymous")?,
            group: kind("Group")?,
            issuer: kind("Issuer")?,
            path: kind("Path")?,
            action: kind("Action")?,
        };
        Ok(Self { policies, authorizer: Authorizer::new(), types })
    }

    /// Is it allowed? Entities are made for the question where none are given.
    pub(super) fn decide(&self, ask: &Ask<'_>, entities: Option<&Entities>) -> Result<bool, String> {
        let told = |error: &dyn std::fmt::Display| format!("Cedar: {error}");
        let context = Context::from_pairs(facts(ask)).map_err(|error| told(&error))?;
        let (caller, action, path) = self.uids(ask);
        let request = Request::new(caller, action, path, context, None).map_err(|error| told(&error))?;
        let response = match entities {
            Some(entities) => self.authorizer.is_authorized(&request, &self.policies, entities),
            None => self.authorizer.is_authorized(&request, &self.policies, &self.entities(ask)?),
        };
        Ok(response.decision() == Decision::Allow)
    }

    fn uids(&self, ask: &Ask<'_>) -> (EntityUid, EntityUid, EntityUid) {
        let identity = &ask.who.identity;
        let kind = if identity.kind == Kind::Anonymous { &self.types.anonymous } else { &self.types.user };
        (uid(kind, &identity.name), uid(&self.types.action, ask.verb.name()), uid(&self.types.path, ask.path.as_str()))
    }

    /// The caller with all groups, the verb with its group, the path with all folders above it.
    pub(super) fn entities(&self, ask: &Ask<'_>) -> Result<Entities, String> {
        let told = |error: &dyn std::fmt::Display| format!("Cedar: {error}");
        let identity = &ask.who.identity;
        let (caller, action, path) = self.uids(ask);
        let mut parents: HashSet<_> = identity.groups.iter().map(|group| uid(&self.types.group, group)).collect();
        parents.extend(identity.issuer.iter().map(|issuer| uid(&self.types.issuer, issuer)));
        let name = Value::new_string(identity.name.clone());
        let caller = Entity::new(caller, [("name".to_owned(), name)].into(), parents).map_err(|error| told(&error))?;
        let mut above = HashSet::new();
        let mut folder = ask.path.parent();
        while let Some(this) = folder {
            above.insert(uid(&self.types.path, this.as_str()));
            folder = this.parent();
        }
        let imported = ask.object.and_then(|object| object.imported);
        let imported = imported.map(|instant| ("imported".to_owned(), datetime(instant)));
        let path = Entity::new(path, imported.into_iter().collect(), above).map_err(|error| told(&error))?;
        let action = Entity::new_no_attrs(action, [uid(&self.types.action, "files")].into());
        Entities::from_entities([caller, path, action], None).map_err(|error| told(&error))
    }
}

fn datetime(instant: Timestamp) -> Value {
    Value::new_datetime(instant.to_string())
}

fn facts(ask: &Ask<'_>) -> Vec<(String, Value)> {
    let credential = &ask.who.identity.credential;
    let mut facts = vec![
        ("now".to_owned(), datetime(ask.now)),
        ("tls".to_owned(), Value::new_bool(ask.who.tls)),
        ("credential".to_owned(), Value::new_string(credential.form.name().to_owned())),
        ("capability".to_owned(), Value::new_bool(ask.who.identity.authorises)),
    ];
    facts.extend(ask.who.from.map(|from| ("address".to_owned(), Value::new_ip(from.to_string()))));
    facts
}

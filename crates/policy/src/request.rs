//! One question as Cedar takes it: with those facts only that the rules at hand look at.

use crate::facts::Facts;
use crate::mentions::{Place, Profile};
use crate::schema::{self, ACTION, ADMINISTRATION, FILES, PATH, PORT, THIS};
use crate::{Ask, Object};
use cedar_policy::{Context, Entities, Entity, EntityUid, Request, RestrictedExpression as Value};
use std::collections::HashMap;
use terms::{Timestamp, Verb};

/// The attribute that ends a file's embargo.
pub(crate) const EMBARGO_UNTIL: &str = "embargo-until";

/// What Cedar is asked, and what it is told.
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

/// The question of all who share a profile, made of the profile alone: its answer cannot depend on anything else.
pub(crate) fn of_profile(profile: &Profile<'_>) -> Option<Question> {
    let context = settled_facts(profile.tls, profile.form, profile.capability);
    let caller = Entity::new_no_attrs(profile.caller_uid.clone(), profile.parents.iter().cloned().collect());
    let place = Entity::new_no_attrs(place_uid(&profile.place), ancestors(&profile.place));
    question(profile.verb, caller, place, context)
}

/// The question of this one request, with these facts.
pub(crate) fn of_ask(ask: &Ask<'_>, profile: &Profile<'_>, facts: Facts) -> Option<Question> {
    let identity = &ask.who.identity;
    let caller = schema::caller_uid(identity);
    let mut attributes = HashMap::new();
    if facts.intersects(Facts::CALLER) {
        attributes.insert("name".to_owned(), Value::new_string(identity.name.clone()));
        if let Some(issuer) = &identity.issuer {
            attributes.insert("issuer".to_owned(), Value::new_string(issuer.clone()));
        }
    }
    let caller = Entity::new(caller, attributes, profile.parents.iter().cloned().collect()).ok()?;
    let uid = match profile.place {
        Place::Port => schema::uid(&PORT, THIS),
        Place::Path { .. } => schema::uid(&PATH, ask.path.as_str()),
    };
    let (attributes, tags) = match profile.place {
        Place::Port => (Vec::new(), Vec::new()),
        Place::Path { .. } => of_place(ask, facts),
    };
    let place = Entity::new_with_tags(uid, attributes, ancestors(&profile.place), tags).ok()?;
    let mut context = settled_facts(profile.tls, profile.form, profile.capability);
    add_facts(ask, facts, &mut context);
    question(profile.verb, caller, place, context)
}

fn question(verb: Verb, caller: Entity, place: Entity, context: Vec<(String, Value)>) -> Option<Question> {
    let action = action_uid(verb);
    let group = if verb.is_administration() { ADMINISTRATION } else { FILES };
    let action_entity = Entity::new_no_attrs(action.clone(), [schema::uid(&ACTION, group)].into());
    let context = Context::from_pairs(context).ok()?;
    let request = Request::new(caller.uid(), action, place.uid(), context, None).ok()?;
    let entities = Entities::from_entities([caller, place, action_entity], None).ok()?;
    Some(Question { request, entities })
}

/// A verb as an action.
pub(crate) fn action_uid(verb: Verb) -> EntityUid {
    schema::uid(&ACTION, verb.name())
}

fn place_uid(place: &Place<'_>) -> EntityUid {
    match place {
        Place::Port => schema::uid(&PORT, THIS),
        Place::Path { deepest: Some(deepest), is_itself: true, .. } => schema::uid(&PATH, deepest),
        // No path ends with a slash, so no rule can speak of this one.
        Place::Path { deepest, .. } => schema::uid(&PATH, &format!("{}/", deepest.unwrap_or("/"))),
    }
}

fn ancestors(place: &Place<'_>) -> std::collections::HashSet<EntityUid> {
    match place {
        Place::Port => [].into(),
        Place::Path { chain, is_itself, .. } => {
            chain.iter().skip(usize::from(*is_itself)).map(|path| schema::uid(&PATH, path)).collect()
        }
    }
}

fn settled_facts(tls: bool, form: terms::CredentialForm, capability: bool) -> Vec<(String, Value)> {
    vec![
        ("tls".to_owned(), Value::new_bool(tls)),
        ("credential".to_owned(), Value::new_string(form.name().to_owned())),
        ("capability".to_owned(), Value::new_bool(capability)),
    ]
}

fn add_facts(ask: &Ask<'_>, facts: Facts, context: &mut Vec<(String, Value)>) {
    let mut add = |wanted: Facts, name: &str, value: &dyn Fn() -> Option<Value>| {
        if facts.intersects(wanted)
            && let Some(value) = value()
        {
            context.push((name.to_owned(), value));
        }
    };
    add(Facts::NOW, "now", &|| Some(datetime(milliseconds_down(ask.now))));
    add(Facts::ADDRESS, "address", &|| ask.who.from.map(|from| Value::new_ip(from.to_canonical().to_string())));
    add(Facts::CREDENTIAL_AGE, "credential_age", &|| {
        let age = ask.now.since(ask.who.identity.credential.issued?);
        Some(Value::new_duration(format!("{}ms", age.as_nanos().div_ceil(1_000_000))))
    });
    add(Facts::BYTES, "bytes", &|| ask.bytes.or(ask.object.and_then(|object| object.size_bytes)).map(long));
    add(Facts::USED_BYTES, "used_bytes", &|| ask.used_bytes.map(long));
}

type Attributes = Vec<(String, Value)>;

fn of_place(ask: &Ask<'_>, facts: Facts) -> (Attributes, Attributes) {
    let (mut attributes, mut tags) = (Vec::new(), Vec::new());
    if facts.intersects(Facts::PATH) {
        attributes.push(("path".to_owned(), Value::new_string(ask.path.to_string())));
    }
    if facts.intersects(Facts::OBJECT)
        && let Some(object) = ask.object
    {
        of_object(object, &mut attributes);
        tags.extend(object.attributes.iter().map(|(name, value)| (name.clone(), Value::new_string(value.clone()))));
    }
    (attributes, tags)
}

fn of_object(object: &Object, attributes: &mut Attributes) {
    let mut add = |name: &str, value: Option<Value>| attributes.extend(value.map(|value| (name.to_owned(), value)));
    add("owner", object.owner.clone().map(Value::new_string));
    add("group", object.attributes.get("group").cloned().map(Value::new_string));
    add("size", object.size_bytes.map(long));
    // Rounded up: an embargo never ends early.
    add("imported", object.imported.map(|imported| datetime(milliseconds_up(imported))));
    add("embargo_until", object.embargo_until().map(|until| datetime(milliseconds_up(until))));
}

impl Object {
    /// When its own embargo ends: its attribute `embargo-until`, where that is an instant (RFC 3339).
    pub fn embargo_until(&self) -> Option<Timestamp> {
        let text = self.attributes.get(EMBARGO_UNTIL)?;
        let instant: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Timestamp::from_nanos(i64::try_from(instant.as_nanosecond()).ok()?))
    }
}

fn long(number: u64) -> Value {
    Value::new_long(i64::try_from(number).unwrap_or(i64::MAX))
}

fn datetime(milliseconds: i64) -> Value {
    Value::new_datetime(milliseconds_text(milliseconds))
}

/// Milliseconds since 1970, rounded down.
pub(crate) fn milliseconds_down(instant: Timestamp) -> i64 {
    instant.nanos().div_euclid(1_000_000)
}

/// Milliseconds since 1970, rounded up.
pub(crate) fn milliseconds_up(instant: Timestamp) -> i64 {
    let nanos = instant.nanos();
    nanos.div_euclid(1_000_000) + i64::from(nanos.rem_euclid(1_000_000) != 0)
}

/// As Cedar writes an instant: `2026-11-22T03:25:00.000Z`.
pub(crate) fn milliseconds_text(milliseconds: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MIN);
    instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

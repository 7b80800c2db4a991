//! The engine, with its index and its cache, answers as plain Cedar does when it is given all rules and all facts.

use super::{group, path, user};
use crate::engine::{Engine, Verdict};
use crate::schema::{self, ACTION, GROUP, ISSUER, PATH, PORT};
use crate::{Ask, Conditions, Embargo, Object, Rule, RuleEffect, RuleSource, Subject, compile, request};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, PolicySet, Request, RestrictedExpression as Value,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use terms::{Credential, CredentialForm, Identity, Kind, LogicalPath, Principal, Timestamp, Verb, VerbSet};

const PATHS: [&str; 9] = ["/", "/a", "/a/b", "/a/b/c", "/a/bc", "/ab", "/x", "/a/b/c/d/e", "/x/?"];
const GROUPS: [&str; 6] = ["g", "g/h", "g\"q", "Ünïcode", "other", "never mentioned"];
const USERS: [&str; 4] = ["alice", "bob", "?", "anonymous"];
const ISSUERS: [&str; 3] = ["https://one.example", "https://two.example", "local"];
const DAY: Duration = Duration::from_secs(86_400);

/// Rules in Cedar's language, of every kind of condition: settled, of the request, of the file.
const CEDAR: [&str; 14] = [
    "permit (principal, action, resource in Path::\"/a\") when { context.tls };",
    "permit (principal in Group::\"g\", action == Action::\"read\", resource) unless { resource in Path::\"/a/b\" };",
    "forbid (principal, action, resource == Path::\"/a/b\");",
    "forbid (principal is User, action in Action::\"files\", resource) when { principal.name like \"al*\" && context.now < datetime(\"1970-01-01T00:00:02Z\") };",
    "permit (principal is User in Group::\"g/h\", action in [Action::\"list\", Action::\"administration\"], resource);",
    "permit (principal, action in Action::\"administration\", resource is Port) when { principal in [Group::\"other\", Group::\"g\"] };",
    "forbid (principal, action, resource) when { [\"macaroon\", \"certificate\"].contains(context.credential) && !context.capability };",
    "permit (principal, action, resource in Path::\"/x\") when { if context.tls then principal == User::\"alice\" else context has used_bytes && context.used_bytes < 5 };",
    "permit (principal, action in Action::\"files\", resource) when { resource has owner && resource.owner == principal.name };",
    "forbid (principal, action in Action::\"files\", resource) when { resource.hasTag(\"band\") && resource.getTag(\"band\") == \"r\" };",
    "permit (principal, action in Action::\"files\", resource is Path in Path::\"/a\") when { context has address && context.address.isInRange(ip(\"192.0.2.0/24\")) };",
    "forbid (principal, action, resource) when { principal has issuer && principal.issuer like \"*two*\" };",
    "permit (principal, action in Action::\"files\", resource) when { resource.path like \"*/b*\" };",
    "permit (principal, action, resource) when { principal is Token } when { context has bytes && context.bytes < 3 } unless { principal in Issuer::\"local\" };",
];

fn subjects() -> impl Strategy<Value = Vec<Subject>> {
    let one = prop_oneof![
        Just(Subject::Everyone),
        Just(Subject::Anonymous),
        Just(Subject::SignedIn),
        Just(Subject::Owner),
        select(&USERS[..]).prop_map(|name| Subject::User(name.to_owned())),
        select(&GROUPS[..5]).prop_map(|name| Subject::Group(name.to_owned())),
        select(&GROUPS[..5]).prop_map(|name| Subject::Group(name.to_owned())),
        select(&ISSUERS[..]).prop_map(|name| Subject::Issuer(name.to_owned())),
    ];
    vec(one, 1..4)
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let networks = of(vec(select(vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()]), 1..3));
    let attributes =
        of(vec(select(vec![("band".to_owned(), "r".to_owned()), ("k".to_owned(), "\"v".to_owned())]), 1..2));
    let instants = (of(0_i64..2), of(2_i64..5));
    let limits = (of(Just(true)), of(0_u64..3), of(0_u64..5), of(0_u64..5));
    let all = (networks, attributes, instants, limits);
    prop_oneof![3 => Just(Conditions::default()), 2 => all.prop_map(|(networks, attributes, instants, limits)| Conditions {
        networks: networks.unwrap_or_default(),
        attributes: attributes.unwrap_or_default(),
        from: instants.0.map(Timestamp::from_seconds),
        until: instants.1.map(Timestamp::from_seconds),
        tls: limits.0,
        credential_age_max: limits.1.map(Duration::from_secs),
        size_max_bytes: limits.2,
        daily_max_bytes: limits.3,
    })]
}

fn verbs() -> impl Strategy<Value = VerbSet> {
    btree_set(select(&Verb::ALL[..8]), 1..5).prop_map(|verbs| verbs.into_iter().collect())
}

fn paths() -> impl Strategy<Value = Vec<LogicalPath>> {
    btree_set(select(&PATHS[..]), 1..3).prop_map(|paths| paths.into_iter().map(path).collect())
}

fn rule() -> impl Strategy<Value = Rule> {
    let administration = (subjects(), conditions()).prop_map(|(mut subjects, conditions)| {
        subjects.push(Subject::User("alice".to_owned()));
        let conditions = Conditions { attributes: Vec::new(), ..conditions };
        let verbs = VerbSet::administration();
        Rule { name: String::new(), effect: RuleEffect::Allow, verbs, paths: Vec::new(), subjects, conditions }
    });
    let effect = prop_oneof![3 => Just(RuleEffect::Allow), 1 => Just(RuleEffect::Forbid)];
    let files = (effect, verbs(), paths(), subjects(), conditions());
    let files = files.prop_map(|(effect, verbs, paths, subjects, conditions)| {
        let reload = VerbSet::from_iter([Verb::Reload]);
        let of_files = conditions.attributes.len() + usize::from(subjects.iter().all(|who| *who == Subject::Owner)) > 0;
        let verbs = if paths.contains(&LogicalPath::root()) && !of_files { verbs.union(reload) } else { verbs };
        Rule { name: String::new(), effect, verbs, paths, subjects, conditions }
    });
    prop_oneof![1 => administration, 9 => files]
}

fn source() -> impl Strategy<Value = RuleSource> {
    let embargo = (paths(), subjects(), of(0_u32..3));
    let embargo = embargo.prop_map(|(paths, mut readers, days)| {
        readers.retain(|reader| *reader != Subject::Everyone);
        Embargo { name: String::new(), paths, readers, lasts: days.map(|days| DAY * days) }
    });
    let cedar = btree_set(select(&CEDAR[..]), 0..6);
    (vec(rule(), 0..10), vec(embargo, 0..3), cedar).prop_map(|(mut rules, mut embargoes, cedar)| {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("rule {number}");
        }
        for (number, embargo) in embargoes.iter_mut().enumerate() {
            embargo.name = format!("embargo {number}");
        }
        let cedar = Vec::from([("pool.cedar".to_owned(), Vec::from_iter(cedar).join("\n"))]);
        RuleSource { rules, embargoes, cedar }
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    let kind = select(&[Kind::Anonymous, Kind::User, Kind::User, Kind::User, Kind::Token, Kind::Share][..]);
    let groups = btree_set(select(&GROUPS[..]), 0..4);
    let form = select(&[CredentialForm::SignedToken, CredentialForm::Macaroon, CredentialForm::Certificate][..]);
    let addresses =
        ["192.0.2.7", "198.51.100.1", "2001:db8::1"].map(|text| text.parse::<IpAddr>().expect("an address"));
    let way = (of(select(Vec::from(addresses))), any::<bool>());
    let credential = (form, of(0_i64..4), proptest::bool::weighted(0.1));
    (kind, select(&USERS[..]), of(select(&ISSUERS[..])), groups, credential, way).prop_map(
        |(kind, name, issuer, groups, (form, issued, authorises), (from, tls))| {
            let anonymous = Identity::new(Kind::Anonymous, "anonymous");
            let identity = Identity {
                issuer: issuer.map(str::to_owned),
                groups: groups.into_iter().map(str::to_owned).collect(),
                credential: Credential { form, issued: issued.map(Timestamp::from_seconds), ..Credential::default() },
                authorises,
                ..Identity::new(kind, name)
            };
            let identity = if kind == Kind::Anonymous { anonymous } else { identity };
            Principal { from, tls, ..Principal::of(identity) }
        },
    )
}

fn object() -> impl Strategy<Value = Object> {
    let attribute = select(vec!["band", "k", "group", "embargo-until"]);
    let value = select(vec!["r", "\"v", "g", "1970-01-01T00:00:01Z", "1970-01-02T00:00:00.5Z", "tomorrow"]);
    let attributes = btree_map(attribute.prop_map(str::to_owned), value.prop_map(str::to_owned), 0..4);
    (of(select(&USERS[..])), of(0_i64..4), of(0_u64..5), attributes).prop_map(
        |(owner, imported, size_bytes, attributes)| {
            let imported = imported.map(|seconds| Timestamp::from_nanos(seconds * 1_000_000_000 + 1));
            Object { owner: owner.map(str::to_owned), imported, size_bytes, attributes }
        },
    )
}

/// A question that owns its parts.
#[derive(Clone, Debug)]
struct Owned {
    who: Principal,
    verb: Verb,
    path: LogicalPath,
    now: Timestamp,
    bytes: Option<u64>,
    used_bytes: Option<u64>,
    object: Option<Object>,
}

impl Owned {
    fn ask(&self) -> Ask<'_> {
        Ask {
            bytes: self.bytes,
            used_bytes: self.used_bytes,
            object: self.object.as_ref(),
            ..Ask::new(&self.who, self.verb, &self.path, self.now)
        }
    }
}

fn question() -> impl Strategy<Value = Owned> {
    let nanos =
        prop_oneof![0_i64..5_000_000_000, select(vec![86_400_000_000_000, 86_401_000_000_001, 172_801_000_000_002])];
    let place = prop_oneof![3 => Just(None), 1 => Just(Some("unmentioned"))];
    let place = (select(&PATHS[..]), place).prop_map(|(above, name)| {
        let above = path(above);
        name.map_or(above.clone(), |name| above.join(name).expect("a name"))
    });
    let verb = prop_oneof![9 => select(&Verb::ALL[..8]), 1 => select(&[Verb::Reload, Verb::ReadAudit][..])];
    (principal(), verb, place, nanos, of(0_u64..5), of(0_u64..8), of(object())).prop_map(
        |(who, verb, path, nanos, bytes, used_bytes, object)| {
            let now = Timestamp::from_nanos(nanos);
            let path = if verb.is_administration() { LogicalPath::root() } else { path };
            Owned { who, verb, path, now, bytes, used_bytes, object }
        },
    )
}

/// Cedar with all rules, all facts, all groups and all folders above, checked against the schema.
fn plain(engine: &Engine, ask: &Ask<'_>) -> (Decision, Vec<u32>) {
    let identity = &ask.who.identity;
    let mut attributes = Vec::from([("name".to_owned(), Value::new_string(identity.name.clone()))]);
    attributes.extend(identity.issuer.clone().map(|issuer| ("issuer".to_owned(), Value::new_string(issuer))));
    let mut parents: Vec<_> = identity.groups.iter().map(|group| schema::uid(&GROUP, group)).collect();
    parents.extend(identity.issuer.iter().map(|issuer| schema::uid(&ISSUER, issuer)));
    let caller = schema::caller_uid(identity);
    let mut entities = vec![Entity::new_with_tags(caller.clone(), attributes, parents, []).expect("a caller")];
    let place =
        if ask.verb.is_administration() { schema::uid(&PORT, schema::THIS) } else { add_folders(ask, &mut entities) };
    let context = Context::from_pairs(all_facts(ask)).expect("facts");
    let checked = Some(schema::schema());
    let action = schema::uid(&ACTION, ask.verb.name());
    let request = Request::new(caller, action, place, context, checked).expect("a request that fits the schema");
    let entities = Entities::from_entities(entities, checked).expect("entities that fit the schema");
    let policies =
        PolicySet::from_policies(engine.compiled.entries.iter().map(|entry| entry.whole.clone())).expect("rules");
    let response = Authorizer::new().is_authorized(&request, &policies, &entities);
    assert_eq!(response.diagnostics().errors().count(), 0);
    let rules = response.diagnostics().reason().map(|id| id.to_string().parse().expect("a number")).collect();
    (response.decision(), rules)
}

fn all_facts(ask: &Ask<'_>) -> Vec<(String, Value)> {
    let long = |number: u64| Value::new_long(i64::try_from(number).expect("small"));
    let credential = &ask.who.identity.credential;
    let now = request::milliseconds_text(request::milliseconds_down(ask.now));
    let mut facts = vec![
        ("now", Value::new_datetime(now)),
        ("tls", Value::new_bool(ask.who.tls)),
        ("credential", Value::new_string(credential.form.name().to_owned())),
        ("capability", Value::new_bool(ask.who.identity.authorises)),
    ];
    facts.extend(ask.who.from.map(|from| ("address", Value::new_ip(from.to_string()))));
    let age = |issued| ask.now.since(issued).as_nanos().div_ceil(1_000_000);
    facts.extend(credential.issued.map(|issued| ("credential_age", Value::new_duration(format!("{}ms", age(issued))))));
    let bytes = ask.bytes.or(ask.object.and_then(|object| object.size_bytes));
    facts.extend(bytes.map(|bytes| ("bytes", long(bytes))));
    facts.extend(ask.used_bytes.map(|bytes| ("used_bytes", long(bytes))));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The path and each folder above it, each with its parent alone.
fn add_folders(ask: &Ask<'_>, entities: &mut Vec<Entity>) -> cedar_policy::EntityUid {
    let mut at = Some(ask.path.clone());
    while let Some(this) = at {
        let mut attributes = vec![("path".to_owned(), Value::new_string(this.to_string()))];
        let mut tags = Vec::new();
        if let Some(object) = ask.object.filter(|_| this == *ask.path) {
            let mut add =
                |name: &str, value: Option<Value>| attributes.extend(value.map(|value| (name.to_owned(), value)));
            let instant = |instant| Value::new_datetime(request::milliseconds_text(request::milliseconds_up(instant)));
            add("owner", object.owner.clone().map(Value::new_string));
            add("group", object.attributes.get("group").cloned().map(Value::new_string));
            add("size", object.size_bytes.map(|size| Value::new_long(i64::try_from(size).expect("small"))));
            add("imported", object.imported.map(instant));
            add("embargo_until", object.embargo_until().map(instant));
            tags.extend(object.attributes.iter().map(|(name, value)| (name.clone(), Value::new_string(value.clone()))));
        }
        let parents = this.parent().map(|parent| schema::uid(&PATH, parent.as_str()));
        entities.push(
            Entity::new_with_tags(schema::uid(&PATH, this.as_str()), attributes, parents, tags).expect("a folder"),
        );
        at = this.parent();
    }
    schema::uid(&PATH, ask.path.as_str())
}

fn check(engine: &Engine, question: &Owned) {
    let ask = question.ask();
    let (decision, rules) = plain(engine, &ask);
    let verdict = engine.weigh(&ask);
    let agree = match verdict {
        Verdict::Allow(rule) => decision == Decision::Allow && rules.contains(&rule),
        Verdict::Forbid(rule) => decision == Decision::Deny && rules.contains(&rule),
        // Where nothing allows it, we do not ask what would forbid it.
        Verdict::Nothing => decision == Decision::Deny,
    };
    let told = || engine.compiled.entries.iter().map(|entry| entry.body.to_string()).collect::<Vec<_>>().join("\n");
    assert!(agree, "{question:?}\nCedar: {decision:?} by {rules:?}; we: {verdict:?}\n{}", told());
}

/// `PROPTEST_CASES=2000` looks longer.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 96 };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn index_and_cache_answer_as_plain_cedar_does(source in source(), questions in vec(question(), 40)) {
        let engine = Engine::new(compile::compile(&[], &source).expect("rules that validate"));
        // Twice: the second time from the cache.
        for question in questions.iter().chain(&questions) {
            check(&engine, question);
        }
    }
}

/// Many threads, one policy, caches that forget all the time: the answers are those of one thread.
#[test]
fn threads_that_share_a_policy_get_the_answers_of_one() {
    let policy = super::site::policy();
    let (callers, places) = (super::site::callers(), super::site::places());
    let answers = || {
        let asks = places.iter().flat_map(|place| callers.iter().map(move |caller| (place, caller)));
        let decide = |((_, at, object), (_, who)): (&(&str, LogicalPath, Object), &(&str, Principal))| {
            let ask = Ask { object: Some(object), ..Ask::new(who, Verb::Read, at, super::site::NOW) };
            policy.decide(ask)
        };
        asks.map(decide).collect::<Vec<_>>()
    };
    let alone = answers();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..4).map(|_| scope.spawn(answers)).collect();
        for other in others {
            assert_eq!(other.join().expect("a thread that ends"), alone);
        }
    });
}

/// Two callers whose groups differ only in those that no rule mentions share an outcome; all others do not.
#[test]
fn outcomes_are_shared_by_those_alone_whom_no_rule_tells_apart() {
    let rule = Rule { subjects: vec![Subject::Group("g".to_owned())], ..super::everyone("r", "read", "/a") };
    let engine =
        Engine::new(compile::compile(&[], &RuleSource { rules: vec![rule], ..RuleSource::default() }).expect("rules"));
    let key = |who: &Principal, at: &str| engine.key(&Ask::new(who, Verb::Read, &path(at), Timestamp::from_seconds(0)));
    let in_groups = |name: &str, groups: &[&str]| {
        let identity = Identity {
            groups: groups.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(),
            ..Identity::new(Kind::User, name)
        };
        Principal::of(identity)
    };
    assert_eq!(key(&user("alice"), "/a/x"), key(&user("bob"), "/a/y/z"));
    assert_eq!(key(&group("g"), "/a/x"), key(&in_groups("other", &["f", "g", "h"]), "/a/x"));
    assert_ne!(key(&group("g"), "/a/x"), key(&user("alice"), "/a/x"));
    assert_ne!(key(&group("g"), "/a/x"), key(&group("g"), "/ab/x"));
    assert_ne!(key(&group("g"), "/a/x"), key(&group("g"), "/a"));
}

//! A site as sites are: an open archive, a collaboration with an embargo, operators, an issuer of grid tokens, a share.

use super::path;
use crate::{AnonymousGrant, Conditions, Embargo, Object, Policy, Rule, RuleEffect, RuleSource, Subject};
use std::collections::BTreeMap;
use std::time::Duration;
use terms::{Bound, Credential, CredentialForm, Grant, Identity, Kind, LogicalPath, Principal, Timestamp};

/// When the sample questions are asked.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_796_000_000);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
const WLCG: &str = "https://wlcg.example";

/// Rules in Cedar's language: they are mixed with those of the short form.
const QUARANTINE: &str = r#"// Damaged files are shown, but not given out.
@id("quarantine")
forbid (principal, action == Action::"read", resource)
when { resource.hasTag("status") && resource.getTag("status") == "damaged" }
unless { principal in Group::"operators" };
"#;

fn rule(name: &str, verbs: &str, paths: &[&str], who: Vec<Subject>) -> Rule {
    Rule {
        name: name.to_owned(),
        effect: RuleEffect::Allow,
        verbs: verbs.parse().expect("verbs"),
        paths: paths.iter().map(|text| path(text)).collect(),
        subjects: who,
        conditions: Conditions::default(),
    }
}

fn group(name: &str) -> Subject {
    Subject::Group(name.to_owned())
}

/// The rules of the site.
pub(super) fn source() -> RuleSource {
    let over_tls = Conditions { tls: Some(true), ..Conditions::default() };
    let near =
        Conditions { networks: vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()], ..Conditions::default() };
    let everything = "list,stat,read,create,modify,delete,stage,share";
    RuleSource {
        rules: vec![
            rule("members see the survey", "list,stat,read,share", &["/survey"], vec![group("/survey")]),
            rule("the release is public", "list,stat,read", &["/survey/dr1"], vec![Subject::Everyone]),
            rule(
                "the pipeline writes",
                "list,stat,create,stage",
                &["/survey", "/scratch"],
                vec![group("/survey/pipeline")],
            ),
            rule("scratch", "list,stat,create", &["/scratch"], vec![Subject::SignedIn]),
            rule("one's own scratch", "read,modify,delete", &["/scratch"], vec![Subject::Owner]),
            rule("the grid reads", "list,stat,read,stage", &["/wlcg"], vec![Subject::Issuer(WLCG.to_owned())]),
            rule("the grid produces", "create", &["/wlcg/prod"], vec![group("/lhc/production")]),
            Rule {
                conditions: over_tls,
                ..rule("operators", &format!("{everything},admin"), &["/"], vec![group("operators")])
            },
            Rule {
                conditions: near,
                ..rule(
                    "monitoring",
                    "read-metrics",
                    &[],
                    vec![Subject::User("prometheus".to_owned()), Subject::Anonymous],
                )
            },
            Rule {
                effect: RuleEffect::Forbid,
                ..rule("raw data stay", "modify,delete", &["/survey/raw"], vec![Subject::Everyone])
            },
        ],
        embargoes: vec![Embargo {
            name: "pixels of the release".to_owned(),
            paths: vec![path("/survey/dr1/pixels")],
            readers: vec![group("/survey"), group("operators")],
            lasts: Some(DAY * 365),
        }],
        cedar: vec![("site.cedar".to_owned(), QUARANTINE.to_owned())],
    }
}

/// The site's policy.
pub(super) fn policy() -> Policy {
    let open = |at: &str, verbs: &str| AnonymousGrant { path: path(at), verbs: verbs.parse().expect("verbs") };
    let grants = vec![open("/open", "list,stat,read"), open("/open/closed", ""), open("/dropbox", "create")];
    Policy::with_anonymous(grants, &source()).expect("the sample site's rules validate")
}

fn someone(name: &str, groups: &[&str]) -> Identity {
    Identity {
        issuer: Some("local".to_owned()),
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
        credential: Credential { form: CredentialForm::Session, ..Credential::default() },
        ..Identity::new(Kind::User, name)
    }
}

fn bound(by: &str, grants: &[(&str, &str)]) -> Bound {
    let grant = |(verbs, at): &(&str, &str)| Grant::new(verbs.parse().expect("verbs"), path(at));
    Bound { by: by.to_owned(), grants: grants.iter().map(grant).collect() }
}

/// Who comes to the site, with what the table calls them.
pub(super) fn callers() -> Vec<(&'static str, Principal)> {
    let over_tls = |identity: Identity| Principal::of(identity).came("198.51.100.7".parse().expect("an address"), true);
    let near = |who: Principal| who.came("192.0.2.9".parse().expect("an address"), false);
    let grid = |name: &str, groups: &[&str]| Identity {
        issuer: Some(WLCG.to_owned()),
        credential: Credential { form: CredentialForm::SignedToken, ..Credential::default() },
        ..someone(name, groups)
    };
    let scopes = bound("the scope of the token", &[("read,stat", "/wlcg"), ("create,stat", "/wlcg/prod")]);
    let list_only = bound("the token 'browse'", &[("list,stat", "/survey")]);
    let shared = bound("the share", &[("list,stat,read", "/survey/raw/night1")]);
    let share = Identity { bounds: vec![shared], authorises: true, ..Identity::new(Kind::Share, "share 0189") };
    let night = "01890000000070008000000000000000".parse().expect("an id");
    let night = Identity::token(night, "night-shift", "create,stat".parse().expect("verbs"), path("/survey"));
    vec![
        ("anonymous", Principal::anonymous()),
        ("anonymous from near", near(Principal::anonymous())),
        ("bob, signed in", over_tls(someone("bob", &[]))),
        ("alice, member", over_tls(someone("alice", &["/survey"]))),
        ("alice, token 'browse'", over_tls(Identity { bounds: vec![list_only], ..someone("alice", &["/survey"]) })),
        ("robot of the pipeline", over_tls(someone("robot", &["/survey/pipeline"]))),
        ("olga, operator", over_tls(someone("olga", &["operators"]))),
        ("olga without TLS", near(Principal::of(someone("olga", &["operators"])))),
        ("grid user", over_tls(grid("1234@wlcg", &["/lhc"]))),
        ("grid producer", over_tls(grid("77@wlcg", &["/lhc/production"]))),
        ("grid token, scopes", over_tls(Identity { bounds: vec![scopes], authorises: true, ..grid("1234@wlcg", &[]) })),
        ("group of other name", over_tls(someone("mallory", &["/survey2", "survey", "/SURVEY", "operator"]))),
        ("token 'night-shift'", over_tls(night)),
        ("share of night 1", near(Principal::of(share))),
        ("this host", Principal::host()),
    ]
}

/// What is at the site, with what the table says of it.
pub(super) fn places() -> Vec<(&'static str, LogicalPath, Object)> {
    let file = |owner: &str, age: Duration, attributes: &[(&str, &str)]| Object {
        owner: Some(owner.to_owned()),
        imported: Some(Timestamp::from_nanos(NOW.nanos() - i64::try_from(age.as_nanos()).expect("days"))),
        size_bytes: Some(1_000),
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
    };
    let plain = |age| file("robot", age, &[]);
    vec![
        ("", path("/"), Object::default()),
        ("", path("/open/a"), plain(DAY)),
        ("damaged", path("/open/b"), file("robot", DAY, &[("status", "damaged")])),
        ("", path("/open/closed/a"), plain(DAY)),
        ("beside /open", path("/opened"), plain(DAY)),
        ("", path("/dropbox/a"), plain(DAY)),
        ("", path("/survey"), plain(DAY)),
        ("", path("/survey/raw/night1/a"), plain(DAY)),
        ("", path("/survey/raw/night2/a"), plain(DAY)),
        ("", path("/survey/dr1/catalogue"), plain(DAY)),
        ("imported 100 days ago", path("/survey/dr1/pixels/a"), plain(DAY * 100)),
        ("imported 365 days ago", path("/survey/dr1/pixels/b"), plain(DAY * 365)),
        ("import unknown", path("/survey/dr1/pixels/c"), Object::default()),
        (
            "embargo-until yesterday",
            path("/survey/dr1/pixels/d"),
            file("robot", DAY, &[("embargo-until", "2026-11-29T00:00:00Z")]),
        ),
        (
            "embargo-until in 2030",
            path("/survey/dr1/pixels/e"),
            file("robot", DAY * 999, &[("embargo-until", "2030-01-01T00:00:00Z")]),
        ),
        ("alice's", path("/scratch/a"), file("alice", DAY, &[])),
        ("put by an anonymous caller", path("/scratch/b"), file("anonymous", DAY, &[])),
        ("", path("/wlcg/prod/a"), plain(DAY)),
        ("", path("/wlcg/user/a"), plain(DAY)),
        ("", path("/wlcg-other/a"), plain(DAY)),
    ]
}

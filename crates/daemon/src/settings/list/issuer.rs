//! `[[issuer]]`: whose signed tokens are taken.

use super::Absent::{Is, Means, Required};
use super::Form::{Boolean, Path, Text, Texts, Time, Word, Words};
use super::{Section, Setting, seconds};
use crate::settings::Settings;
use identity::jwt::{IssuerRules, Profile, Strategy};
use std::path::PathBuf;
use terms::{LogicalPath, Span};

/// One `[[issuer]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Issuer {
    /// What is believed of it. No audience: the addresses of this port.
    pub rules: IssuerRules,
    /// A file with names of local users, in XRootD's form.
    pub name_map: Option<PathBuf>,
    /// The authorities that vouch for its own HTTPS; `None`: the system's.
    pub authorities: Option<PathBuf>,
    /// How old its keys may be before they are fetched again.
    pub refresh: Span,
    /// How old its keys may be when it cannot be reached.
    pub keep: Span,
}

impl Issuer {
    fn unset() -> Self {
        Self {
            rules: IssuerRules::new(""),
            name_map: None,
            authorities: None,
            refresh: seconds(6 * HOUR),
            keep: seconds(2 * DAY),
        }
    }

    /// Do the keys come from the same place, and are they kept alike?
    pub(crate) fn same_source(&self, other: &Self) -> bool {
        self.rules.issuer == other.rules.issuer
            && (&self.authorities, self.refresh, self.keep) == (&other.authorities, other.refresh, other.keep)
    }
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

pub(super) static SECTION: Section = Section {
    name: "issuer",
    begin: Some(|settings| settings.issuers.push(Issuer::unset())),
    harmless: false,
    doc: "An issuer whose signed tokens (WLCG, SciTokens) are taken. Its keys are fetched over HTTPS from where its \
          `/.well-known/openid-configuration` says. Who knows XRootD's configuration for SciTokens finds the same names.",
    settings: ISSUER,
};

static ISSUER: &[Setting] = &[
    Setting {
        key: "url",
        doc: "Its URL, exactly as its tokens name it (`iss`); `https` only.",
        absent: Required("\"https://issuer.example/vo\""),
        form: Word("URL", "write an https URL, letter by letter as its tokens have it", |s, v| {
            check_url(v)?;
            edit(s, |issuer| v.clone_into(&mut issuer.rules.issuer));
            Ok(())
        }),
    },
    Setting {
        key: "audience",
        doc: "The names of this service that its tokens may be meant for (`aud`), each compared letter by letter.",
        absent: Means(
            "`https://NAME:PORT` with each name of the host's certificate that we make, without the port when it is 443",
            "[\"https://port.example\"]",
        ),
        form: Texts(|s, v| edit(s, |issuer| issuer.rules.audiences = v.into_iter().collect())),
    },
    Setting {
        key: "any_audience",
        doc: "Take tokens that are meant for any service too (`https://wlcg.cern.ch/jwt/v1/any`, `ANY`). Whoever receives \
              such a token can use it elsewhere.",
        absent: Is("true"),
        form: Boolean(|s, v| edit(s, |issuer| issuer.rules.any_audience = v)),
    },
    Setting {
        key: "profiles",
        doc: "Which forms of claims are taken: `wlcg`, `scitokens` (2.0), `scitokens-1` (1.0, which may name no audience, \
              so that a token sent to another service works here too), `plain` (any other access token; it grants \
              nothing by itself, and rules decide by its name and groups).",
        absent: Is("[\"wlcg\", \"scitokens\"]"),
        form: Words("profiles", "write wlcg, scitokens, scitokens-1 or plain", |s, v| {
            let profiles = v.iter().map(|word| one_of(word, Profile::ALL, Profile::name)).collect::<Result<_, _>>()?;
            edit(s, |issuer| issuer.rules.profiles = profiles);
            Ok(())
        }),
    },
    Setting {
        key: "strategy",
        doc: "What its tokens count for: `capability` (their scopes grant, below `base_path`), `group` (rules decide by \
              their groups, for tokens without scopes), `mapping` (rules decide by the local user that they map to). \
              Without `capability`, scopes narrow what the rules give.",
        absent: Is("[\"capability\", \"group\", \"mapping\"]"),
        form: Words("strategies", "write capability, group or mapping", |s, v| {
            let strategies =
                v.iter().map(|word| one_of(word, Strategy::ALL, Strategy::name)).collect::<Result<_, _>>()?;
            edit(s, |issuer| issuer.rules.strategies = strategies);
            Ok(())
        }),
    },
    Setting {
        key: "base_path",
        doc: "What the paths in scopes are relative to. Of several, a scope counts below each. With none, scopes grant \
              nothing.",
        absent: Is("[]"),
        form: Words("logical paths", "write paths such as [\"/survey\"]", |s, v| {
            let paths = paths(v)?;
            edit(s, |issuer| issuer.rules.base_paths = paths);
            Ok(())
        }),
    },
    Setting {
        key: "restricted_path",
        doc: "Where below `base_path` scopes count, relative to it: `/user` with the base path `/survey` is \
              `/survey/user`. Empty: everywhere.",
        absent: Is("[]"),
        form: Words("logical paths", "write paths such as [\"/user\"]", |s, v| {
            let paths = paths(v)?;
            edit(s, |issuer| issuer.rules.restricted_paths = paths);
            Ok(())
        }),
    },
    Setting {
        key: "groups",
        doc: "The groups that it may speak for, each with all below it; others in its tokens are left out. So no issuer \
              makes its people members of another's groups.",
        absent: Is("[]"),
        form: Words("groups", "write groups such as [\"/survey\"]", |s, v| {
            if let Some(wrong) = v.iter().find(|group| !group.starts_with('/')) {
                return Err(format!("'{wrong}' does not begin with '/'"));
            }
            edit(s, |issuer| issuer.rules.groups = v.to_vec());
            Ok(())
        }),
    },
    Setting {
        key: "groups_claim",
        doc: "The claim that lists the groups.",
        absent: Is("\"wlcg.groups\""),
        form: Text(|s, v| edit(s, |issuer| issuer.rules.groups_claim = v)),
    },
    Setting {
        key: "name_map",
        doc: "A file of rules that name local users, in XRootD's form: a JSON list of objects with `result`, and with \
              `sub`, `username` or `group` that must match. The first that matches wins over the settings below.",
        absent: Means("no such rules", "\"names.json\""),
        form: Path(|s, v| edit(s, |issuer| issuer.name_map = Some(v))),
    },
    Setting {
        key: "username_claim",
        doc: "The claim that names the local user.",
        absent: Means("no claim does", "\"preferred_username\""),
        form: Text(|s, v| edit(s, |issuer| issuer.rules.username_claim = Some(v))),
    },
    Setting {
        key: "map_subject",
        doc: "Is the subject (`sub`) the name of the local user? Otherwise it is known as `sub@url`.",
        absent: Is("false"),
        form: Boolean(|s, v| edit(s, |issuer| issuer.rules.map_subject = v)),
    },
    Setting {
        key: "default_user",
        doc: "The local user when nothing else names one.",
        absent: Means("`sub@url` is the name", "\"survey\""),
        form: Text(|s, v| edit(s, |issuer| issuer.rules.default_user = Some(v))),
    },
    Setting {
        key: "lifetime_max",
        doc: "The longest life of a token that is taken, from issue to expiry.",
        absent: Is("\"6 h\""),
        form: Time(seconds(15 * 60), seconds(30 * DAY), |s, v| edit(s, |issuer| issuer.rules.lifetime_max = v.0)),
    },
    Setting {
        key: "authorities",
        doc: "The file or folder of the authorities that vouch for its own HTTPS.",
        absent: Means("the system's", "\"/etc/portolan/issuer-ca.pem\""),
        form: Path(|s, v| edit(s, |issuer| issuer.authorities = Some(v))),
    },
    Setting {
        key: "refresh",
        doc: "How old its keys may be before they are fetched again. A token that names an unknown key has them fetched \
              at once, though not more than once a minute.",
        absent: Is("\"6 h\""),
        form: Time(seconds(HOUR), seconds(6 * HOUR), |s, v| edit(s, |issuer| issuer.refresh = v)),
    },
    Setting {
        key: "keep",
        doc: "How old its keys may be while it cannot be reached. A key that it withdrew stays in force here for as long, \
              if nobody can ask it.",
        absent: Is("\"2 d\""),
        form: Time(seconds(DAY), seconds(4 * DAY), |s, v| edit(s, |issuer| issuer.keep = v)),
    },
];

/// Changes the issuer that is being read.
fn edit(settings: &mut Settings, change: impl FnOnce(&mut Issuer)) {
    if let Some(issuer) = settings.issuers.last_mut() {
        change(issuer);
    }
}

/// OpenID Connect Discovery 1.0, section 3: https, a host, perhaps a port and a path, and nothing else. A name of a
/// caller is `sub@url`, so the URL must have no `@` of its own.
fn check_url(text: &str) -> Result<(), String> {
    let url: http::Uri = text.parse().map_err(|error| format!("it is no URL ({error})"))?;
    if url.scheme_str() != Some("https") || url.host().is_none_or(str::is_empty) {
        return Err("it does not begin with https:// and a host".to_owned());
    }
    if text.contains(['@', '?', '#']) {
        return Err("it has a user, a query or a fragment".to_owned());
    }
    Ok(())
}

fn paths(texts: &[String]) -> Result<Vec<LogicalPath>, String> {
    texts.iter().map(|text| text.parse().map_err(|error| format!("'{text}': {error}"))).collect()
}

fn one_of<T: Copy, const N: usize>(word: &str, all: [T; N], name: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.into_iter().find(|one| name(*one) == word);
    found.ok_or_else(|| format!("'{word}' is none of {}", all.map(name).join(", ")))
}

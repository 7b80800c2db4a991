//! `[policy]`, `[[rule]]`, `[[embargo]]`: who may do what.

use super::Absent::{Is, Means, Required};
use super::Form::{Boolean, Choice, Instant, Paths, Size, Text, Time, Word, Words};
use super::{Section, Setting, seconds};
use crate::settings::Settings;
use policy::{Conditions, Embargo, Rule, RuleEffect, Subject};
use std::path::PathBuf;
use std::str::FromStr;
use terms::{ByteSize, LogicalPath, Span, VerbSet};

/// The section `[policy]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyFiles {
    /// Files with rules in Cedar's own language.
    pub files: Vec<PathBuf>,
}

/// A longer time in a rule is a mistyped one.
const TEN_YEARS: Span = seconds(10 * 366 * 86_400);

/// More bytes than any file has.
const EXBIBYTE: ByteSize = ByteSize(1 << 60);

const VERBS_HINT: &str = "write verbs such as [\"list\", \"stat\", \"read\"]";
const PATHS_HINT: &str = "write paths such as [\"/\"] or [\"/survey/raw\", \"/survey/calibration\"]";
const SUBJECTS_HINT: &str =
    "write \"everyone\", \"anonymous\", \"signed-in\", \"owner\", \"user:NAME\", \"group:NAME\" or \"issuer:URL\"";

pub(super) static POLICY: Section = Section {
    name: "policy",
    begin: None,
    harmless: true,
    doc: "Who may do what is told by `anonymous` of each namespace and by the rules below. What no rule allows is refused; \
          a rule that forbids wins over all that allow.",
    settings: &[Setting {
        key: "files",
        doc: "Files with rules in Cedar's own language, beside those of the short form below. `portolan policy show \
              --schema` tells what they can speak of.",
        absent: Is("[]"),
        form: Paths(|s, v| s.policy.files = v),
    }],
};

pub(super) static RULE: Section = Section {
    name: "rule",
    begin: Some(|settings| {
        settings.rules.push(Rule {
            name: String::new(),
            effect: RuleEffect::Allow,
            verbs: VerbSet::default(),
            paths: Vec::new(),
            subjects: Vec::new(),
            conditions: Conditions::default(),
        });
    }),
    harmless: false,
    doc: "Somebody may, or may not, do something somewhere, as long as all conditions of the rule hold.",
    settings: RULE_SETTINGS,
};

static RULE_SETTINGS: &[Setting] = &[
    Setting {
        key: "name",
        doc: "A name of its own, which explanations, refusals and the audit record use.",
        absent: Required("\"operators\""),
        form: Text(|s, v| rule(s, |rule| rule.name = v)),
    },
    Setting {
        key: "effect",
        doc: "`allow`, or `forbid`: what is forbidden stays forbidden, whatever else allows it.",
        absent: Is("\"allow\""),
        form: Choice(&["allow", "forbid"], |s, v| {
            let effect = if v == "forbid" { RuleEffect::Forbid } else { RuleEffect::Allow };
            rule(s, |rule| rule.effect = effect);
        }),
    },
    Setting {
        key: "verbs",
        doc: "What: `list`, `stat`, `read`, `create`, `modify`, `delete`, `stage`, `share`; single verbs of \
              administration such as `list-tokens`, or `admin` for all of them.",
        absent: Required("[\"list\", \"stat\", \"read\"]"),
        form: Words("verbs", VERBS_HINT, |s, v| {
            let verbs: VerbSet = v.join(",").parse().map_err(|error: terms::InvalidVerb| error.to_string())?;
            if verbs.is_empty() {
                return Err("the list is empty, so it means nothing".to_owned());
            }
            rule(s, |rule| rule.verbs = verbs);
            Ok(())
        }),
    },
    Setting {
        key: "paths",
        doc: "Where: each of these paths and all below.",
        absent: Means("the whole port for verbs of administration; others need it", "[\"/\"]"),
        form: Words("logical paths", PATHS_HINT, |s, v| {
            let paths = paths(v)?;
            rule(s, |rule| rule.paths = paths);
            Ok(())
        }),
    },
    Setting {
        key: "to",
        doc: "To whom, any of these: `everyone`, `anonymous`, `signed-in`, `owner` (who put the file there), `user:NAME`, \
              `group:NAME`, `issuer:URL` (whomever it vouches for).",
        absent: Required("[\"group:/survey\", \"user:alice\"]"),
        form: Words("callers", SUBJECTS_HINT, |s, v| {
            let subjects = subjects(v)?;
            rule(s, |rule| rule.subjects = subjects);
            Ok(())
        }),
    },
    Setting {
        key: "networks",
        doc: "Only for requests from these networks or addresses.",
        absent: Means("from everywhere", "[\"192.0.2.0/24\", \"2001:db8::/32\"]"),
        form: Words("networks", "write networks such as [\"192.0.2.0/24\", \"2001:db8::/32\"]", |s, v| {
            let networks = v.to_vec();
            rule(s, |rule| rule.conditions.networks = networks);
            Ok(())
        }),
    },
    Setting {
        key: "from",
        doc: "Only from this instant on, or from the beginning of this day (UTC).",
        absent: Means("always", "\"2026-01-01\""),
        form: Instant(|s, v| rule(s, |rule| rule.conditions.from = Some(v))),
    },
    Setting {
        key: "until",
        doc: "Only before this instant, or before the beginning of this day (UTC).",
        absent: Means("for ever", "\"2027-01-01T12:00:00Z\""),
        form: Instant(|s, v| rule(s, |rule| rule.conditions.until = Some(v))),
    },
    Setting {
        key: "tls",
        doc: "Only for requests that come encrypted (`true`), or only for those that do not (`false`).",
        absent: Means("for both", "true"),
        form: Boolean(|s, v| rule(s, |rule| rule.conditions.tls = Some(v))),
    },
    Setting {
        key: "credential_age",
        doc: "Only with credentials that were issued at most so long ago, and that say so.",
        absent: Means("with any", "\"12 h\""),
        form: Time(seconds(1), TEN_YEARS, |s, v| rule(s, |rule| rule.conditions.credential_age_max = Some(v.0))),
    },
    Setting {
        key: "size_max",
        doc: "Only for files up to this size. A file whose size is not known beforehand is not covered.",
        absent: Means("of any size", "\"10 GiB\""),
        form: Size(ByteSize(0), EXBIBYTE, |s, v| rule(s, |rule| rule.conditions.size_max_bytes = Some(v.0))),
    },
    Setting {
        key: "daily_max",
        doc: "Only while the caller has moved less than this today (UTC).",
        absent: Means("any amount", "\"1 TiB\""),
        form: Size(ByteSize(0), EXBIBYTE, |s, v| rule(s, |rule| rule.conditions.daily_max_bytes = Some(v.0))),
    },
    Setting {
        key: "attributes",
        doc: "Only for files that have all these attributes with these values.",
        absent: Means("for all files", "[\"release=dr1\"]"),
        form: Words("attributes", "write attributes such as [\"release=dr1\"]", |s, v| {
            let attributes = v.iter().map(|text| attribute(text)).collect::<Result<_, _>>()?;
            rule(s, |rule| rule.conditions.attributes = attributes);
            Ok(())
        }),
    },
];

pub(super) static EMBARGO: Section = Section {
    name: "embargo",
    begin: Some(|settings| {
        let embargo = Embargo { name: String::new(), paths: Vec::new(), readers: Vec::new(), lasts: None };
        settings.embargoes.push(embargo);
    }),
    harmless: false,
    doc: "Files that only some may read until a time after their import. It grants nothing: who may read there afterwards \
          is told by the other rules.",
    settings: &[
        Setting {
            key: "name",
            doc: "A name of its own, which explanations, refusals and the audit record use.",
            absent: Required("\"pixels\""),
            form: Text(|s, v| embargo(s, |embargo| embargo.name = v)),
        },
        Setting {
            key: "paths",
            doc: "Where: each of these paths and all below.",
            absent: Required("[\"/survey/pixels\"]"),
            form: Words("logical paths", PATHS_HINT, |s, v| {
                let paths = paths(v)?;
                embargo(s, |embargo| embargo.paths = paths);
                Ok(())
            }),
        },
        Setting {
            key: "readers",
            doc: "Whom it does not concern: any of these, written as `to` of a rule.",
            absent: Means("nobody: not even who put the files there", "[\"group:/survey\", \"owner\"]"),
            form: Words("callers", SUBJECTS_HINT, |s, v| {
                let readers = subjects(v)?;
                embargo(s, |embargo| embargo.readers = readers);
                Ok(())
            }),
        },
        Setting {
            key: "lasts",
            doc: "How long after the import it ends. A file's own attribute `embargo-until` decides instead, where it has \
                  one.",
            absent: Means("that attribute alone ends it", "\"30 d\""),
            form: Word("time", "write a time with its unit, as \"30 d\"", |s, v| {
                let lasts = v.parse::<Span>().map_err(|error| error.to_string())?;
                embargo(s, |embargo| embargo.lasts = Some(lasts.0));
                Ok(())
            }),
        },
    ],
};

/// One subject, as `to`, `readers` and `members` have it.
fn subject(text: &str) -> Result<Subject, String> {
    let named = |name: &str, subject: fn(String) -> Subject| match name.trim() {
        "" => Err(format!("'{text}' names nobody")),
        name => Ok(subject(name.to_owned())),
    };
    match text {
        "everyone" => Ok(Subject::Everyone),
        "anonymous" => Ok(Subject::Anonymous),
        "signed-in" => Ok(Subject::SignedIn),
        "owner" => Ok(Subject::Owner),
        _ => match text.split_once(':') {
            Some(("user", name)) => named(name, Subject::User),
            Some(("group", name)) => named(name, Subject::Group),
            Some(("issuer", url)) => named(url, Subject::Issuer),
            _ => Err(format!("'{text}' is no form of caller that is known here")),
        },
    }
}

pub(super) fn subjects(texts: &[String]) -> Result<Vec<Subject>, String> {
    if texts.is_empty() {
        return Err("the list is empty, so it means nobody".to_owned());
    }
    texts.iter().map(|text| subject(text)).collect()
}

fn paths(texts: &[String]) -> Result<Vec<LogicalPath>, String> {
    if texts.is_empty() {
        return Err("the list is empty, so it means nothing".to_owned());
    }
    let path = |text: &String| LogicalPath::from_str(text).map_err(|error| format!("'{text}': {error}"));
    texts.iter().map(path).collect()
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("'{text}' has not the form name=value")),
    }
}

/// Changes the rule that is being read.
fn rule(settings: &mut Settings, change: impl FnOnce(&mut Rule)) {
    if let Some(rule) = settings.rules.last_mut() {
        change(rule);
    }
}

/// Changes the embargo that is being read.
fn embargo(settings: &mut Settings, change: impl FnOnce(&mut Embargo)) {
    if let Some(embargo) = settings.embargoes.last_mut() {
        change(embargo);
    }
}

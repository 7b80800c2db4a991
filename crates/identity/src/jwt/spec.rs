//! Numbers and names, with where they are written.

use std::time::Duration;
use terms::{Verb, VerbSet};

/// Longest token that is looked at. Tokens of grids have 1 to 2 KiB, since heads of requests are bounded everywhere
/// (WLCG profile, section 2); beyond this it is somebody who tries our parser.
pub const MAX_TOKEN_BYTES: usize = 16 << 10;

/// How far the clocks of issuer and site may differ (WLCG profile, section 4.2).
pub const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Longest life of an access token (WLCG profile, section 4.1: 15 minutes to 6 hours).
pub const LIFETIME_MAX: Duration = Duration::from_hours(6);

/// Keys taken from one set. Issuers have two or three; each takes some 600 bytes here.
pub const MAX_KEYS: usize = 64;

/// Grants that one token may amount to: its scopes times the base paths of its issuer. A decision looks at each.
pub(super) const MAX_GRANTS: usize = 256;

/// Groups and audiences that one token may list.
pub(super) const MAX_LIST: usize = 256;

/// Longest subject: 255 (OpenID Connect Core, section 2; WLCG profile, section 2.1.1).
pub(super) const MAX_SUBJECT_BYTES: usize = 255;

/// The audience that means every service (WLCG profile, section 2.1.1).
pub const ANY_WLCG: &str = "https://wlcg.cern.ch/jwt/v1/any";

/// The same of SciTokens.
pub const ANY_SCITOKENS: &str = "ANY";

/// The one version that `wlcg.ver` may have, whatever the version of the profile (section 2.1.1).
pub(super) const WLCG_VERSION: &str = "1.0";

/// Where groups are, unless the settings say otherwise (WLCG profile, section 2.2.2).
pub const GROUPS_CLAIM: &str = "wlcg.groups";

/// The scopes of storage that both profiles know, with what they stand for (WLCG profile, section 2.2.1).
///
/// `list` is left undefined by the profile; as in XRootD and dCache, whoever may read may list. Scopes other than
/// `poll` include `stat`; `create` includes renaming to a free name, told by [`terms::Grant::may_rename`]. There is no
/// verb yet that is as small as `poll`: it grants nothing.
pub const SCOPES: &[(&str, &[Verb])] = &[
    ("storage.read", &[Verb::Read, Verb::Stat, Verb::List]),
    ("storage.create", &[Verb::Create, Verb::Stat]),
    ("storage.modify", &[Verb::Create, Verb::Modify, Verb::Delete, Verb::Stat]),
    ("storage.stage", &[Verb::Stage, Verb::Stat]),
    ("storage.poll", &[]),
];

/// The scopes that SciTokens have of their own. `write` has always meant everything but reading.
pub(super) const SCITOKENS_SCOPES: &[(&str, &[Verb])] = &[
    ("read", &[Verb::Read, Verb::Stat, Verb::List]),
    ("write", &[Verb::Create, Verb::Modify, Verb::Delete, Verb::Stat]),
];

/// What a scope of storage stands for; `None` for a name that is none.
pub fn wlcg_scope_verbs(name: &str) -> Option<VerbSet> {
    verbs(SCOPES, name)
}

pub(super) fn verbs(table: &[(&str, &[Verb])], name: &str) -> Option<VerbSet> {
    let (_, verbs) = table.iter().find(|(known, _)| *known == name)?;
    Some(verbs.iter().copied().collect())
}

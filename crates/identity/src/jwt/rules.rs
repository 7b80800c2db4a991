//! What a site believes of one issuer.

use super::spec::{GROUPS_CLAIM, LIFETIME_MAX};
use std::collections::BTreeSet;
use std::time::Duration;
use terms::LogicalPath;

/// What a site believes of one issuer. The same things can be said as in XRootD's configuration for SciTokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssuerRules {
    /// Its URL, exactly as the claim `iss` has it.
    pub issuer: String,
    /// What `aud` may name, each exactly: none is made equal to another by adding or dropping slashes.
    pub audiences: BTreeSet<String>,
    /// Is a token accepted that is meant for every service?
    pub any_audience: bool,
    /// Which forms of claims.
    pub profiles: BTreeSet<Profile>,
    /// Longest life of a token, from issue to expiry.
    pub lifetime_max: Duration,
    /// What the paths in scopes are relative to. Several: a scope counts below each.
    pub base_paths: Vec<LogicalPath>,
    /// Where below the base paths scopes count, relative to them; empty: everywhere.
    pub restricted_paths: Vec<LogicalPath>,
    /// What the tokens may be used for.
    pub strategies: BTreeSet<Strategy>,
    /// The groups it may speak for: each of these and all below.
    pub groups: Vec<String>,
    /// Which claim lists the groups.
    pub groups_claim: String,
    /// Which claim names the local user.
    pub username_claim: Option<String>,
    /// Is the subject the name of the local user?
    pub map_subject: bool,
    /// The local user when nothing else names one.
    pub default_user: Option<String>,
    /// Rules that name the local user; the first that matches wins over all of the above.
    pub names: Vec<NameRule>,
}

/// A form of claims.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Profile {
    /// WLCG: with `wlcg.ver`.
    Wlcg,
    /// SciTokens 2.0: with `ver`.
    SciTokens,
    /// SciTokens 1.0: `aud` may be missing, so that what another service was sent works here too.
    SciTokens1,
    /// None of these: any access token with `sub`, `aud` and `exp`. It grants nothing by itself.
    Plain,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wlcg, Self::SciTokens, Self::SciTokens1, Self::Plain];

    /// As settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wlcg => "wlcg",
            Self::SciTokens => "scitokens",
            Self::SciTokens1 => "scitokens-1",
            Self::Plain => "plain",
        }
    }
}

/// What a token may be used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Strategy {
    /// Scopes grant, below the base paths.
    Capability,
    /// The groups count in the rules, for tokens without scopes.
    Group,
    /// The local user counts in the rules.
    Mapping,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Capability, Self::Group, Self::Mapping];

    /// As settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capability => "capability",
            Self::Group => "group",
            Self::Mapping => "mapping",
        }
    }
}

/// Names a local user; all that is given must match.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NameRule {
    /// The subject.
    pub subject: Option<String>,
    /// What `username_claim` says.
    pub username: Option<String>,
    /// One of the groups.
    pub group: Option<String>,
    /// The local user.
    pub user: String,
}

impl IssuerRules {
    /// The defaults for an issuer: all of WLCG and SciTokens 2.0, nothing mapped, no base path and no group.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: BTreeSet::new(),
            any_audience: true,
            profiles: [Profile::Wlcg, Profile::SciTokens].into(),
            lifetime_max: LIFETIME_MAX,
            base_paths: Vec::new(),
            restricted_paths: Vec::new(),
            strategies: Strategy::ALL.into(),
            groups: Vec::new(),
            groups_claim: GROUPS_CLAIM.to_owned(),
            username_claim: None,
            map_subject: false,
            default_user: None,
            names: Vec::new(),
        }
    }
}

//! Who asks.

use crate::{LogicalPath, Timestamp, TokenId, Verb, VerbSet};
use core::net::IpAddr;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Who asks, as far as the door could establish it, and by which way the question came. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Who.
    pub identity: Arc<Identity>,
    /// The address that the request came from; `None` when it came from nowhere: this host, a test.
    pub from: Option<IpAddr>,
    /// Was it encrypted on the way?
    pub tls: bool,
}

/// What a credential says of its holder, already verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// What kind of caller.
    pub kind: Kind,
    /// The name that records keep and rules speak of. It does not change when the credential is renewed: `anonymous`,
    /// `alice`, `/DC=org/DC=example/CN=Alice`, `1234@https://issuer.example`, `token night-shift (0189…)`.
    pub name: String,
    /// Who vouches: the URL of a token issuer, the subject of a certificate authority, `local`. `None` for anonymous.
    pub issuer: Option<String>,
    /// Groups, as the credential or our own table says: `/lsst/dr1`, `/lsst/Role=production`, `operators`.
    pub groups: BTreeSet<String>,
    /// What was presented.
    pub credential: Credential,
    /// Narrowings. Each part limits by itself: what is asked must be inside every part. None: no narrowing.
    pub bounds: Vec<Bound>,
    /// Do the bounds also grant (a capability), or do they only narrow what the rules give to this caller?
    pub authorises: bool,
    /// No single file put with this credential may be larger.
    pub upload_max_bytes: Option<u64>,
}

/// What kind of caller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Nobody in particular: always a principal of its own.
    Anonymous,
    /// A person, a robot or a service with a name.
    User,
    /// A token that stands for itself and no account.
    Token,
    /// Whoever holds the address of a share.
    Share,
    /// This host itself, acting for nobody: sweeping, recovering.
    Host,
}

/// What was presented; never its secret.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Credential {
    /// Which form.
    pub form: CredentialForm,
    /// What tells it from others of its form: a token's id, a `jti`, a fingerprint, a share's id.
    pub id: String,
    /// When it was issued, where it says so.
    pub issued: Option<Timestamp>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// The forms of credentials.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum CredentialForm {
    /// None at all.
    #[default]
    Nothing,
    /// A token that `portolan token create` made.
    LocalToken,
    /// A signed token of an issuer (WLCG, SciTokens).
    SignedToken,
    /// An X.509 certificate, perhaps by a proxy.
    Certificate,
    /// A macaroon.
    Macaroon,
    /// The address of a share.
    ShareLink,
    /// The session of a browser.
    Session,
}

impl CredentialForm {
    /// Its name in records and reasons.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::LocalToken => "local token",
            Self::SignedToken => "signed token",
            Self::Certificate => "certificate",
            Self::Macaroon => "macaroon",
            Self::ShareLink => "share link",
            Self::Session => "session",
        }
    }
}

/// One part of a narrowing: at least one of its grants must cover what is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bound {
    /// What sets it, as reasons tell it: `the token 'night-shift'`, `the scope of the token`, `a caveat of the macaroon`.
    pub by: String,
    /// What it lets through.
    pub grants: Vec<Grant>,
}

/// Some verbs at a path and all below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// What.
    pub verbs: VerbSet,
    /// Where: this path and all below.
    pub path: LogicalPath,
    /// May files be moved from one name to another that is free, both inside, although `delete` is not among the verbs
    /// (WLCG `storage.create`)?
    pub may_rename: bool,
    /// Is `path` itself a folder, so that no file may be made in its place (WLCG scopes that end with a slash)?
    pub is_folder: bool,
    /// Where the folders that lead to `path` may be made if they are missing: those within this one. `None`: none may.
    pub way_from: Option<LogicalPath>,
}

impl Grant {
    /// These verbs at this path and all below it.
    pub fn new(verbs: VerbSet, path: LogicalPath) -> Self {
        Self { verbs, path, may_rename: false, is_folder: false, way_from: None }
    }

    /// Is this verb on this path inside? `folder`: is what would be made a folder? Administration has no path.
    pub fn covers(&self, verb: Verb, path: &LogicalPath, folder: bool) -> bool {
        if !self.verbs.contains(verb) {
            return false;
        }
        let is_way = || self.path.is_within(path) && self.way_from.as_ref().is_some_and(|top| path.is_within(top));
        verb.is_administration()
            || match (verb, folder) {
                (Verb::Create, true) => path.is_within(&self.path) || is_way(),
                (Verb::Create, false) => path.is_within(&self.path) && !(self.is_folder && *path == self.path),
                _ => path.is_within(&self.path),
            }
    }
}

static ANONYMOUS: LazyLock<Arc<Identity>> = LazyLock::new(|| Arc::new(Identity::new(Kind::Anonymous, "anonymous")));
static HOST: LazyLock<Arc<Identity>> = LazyLock::new(|| Arc::new(Identity::new(Kind::Host, "this host")));

impl Identity {
    /// Somebody of this name, without groups and without narrowing.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            issuer: None,
            groups: BTreeSet::new(),
            credential: Credential::default(),
            bounds: Vec::new(),
            authorises: false,
            upload_max_bytes: None,
        }
    }

    /// The bearer of a local token that stands for itself: it grants its verbs below its path.
    pub fn token(id: TokenId, name: &str, verbs: VerbSet, path: LogicalPath) -> Self {
        Self {
            issuer: Some("local".to_owned()),
            credential: Credential { form: CredentialForm::LocalToken, id: id.to_string(), ..Credential::default() },
            bounds: vec![Bound { by: format!("the token '{name}'"), grants: vec![Grant::new(verbs, path)] }],
            authorises: true,
            ..Self::new(Kind::Token, format!("token {name} ({id})"))
        }
    }
}

impl Principal {
    /// Nobody in particular, from nowhere.
    pub fn anonymous() -> Self {
        Self { identity: Arc::clone(&ANONYMOUS), from: None, tls: false }
    }

    /// This host.
    pub fn host() -> Self {
        Self { identity: Arc::clone(&HOST), from: None, tls: true }
    }

    /// Somebody, from nowhere.
    pub fn of(identity: Identity) -> Self {
        Self { identity: Arc::new(identity), from: None, tls: false }
    }

    /// The same caller, come by this way.
    pub fn came(self, from: IpAddr, tls: bool) -> Self {
        Self { from: Some(from.to_canonical()), tls, ..self }
    }

    /// The same caller, whose credential lets them also remove what it lets them rename: for asking whether rules forbid
    /// to.
    pub fn as_renamer(&self) -> Self {
        let mut identity = (*self.identity).clone();
        let grants = identity.bounds.iter_mut().flat_map(|bound| &mut bound.grants);
        for grant in grants.filter(|grant| grant.may_rename) {
            grant.verbs = grant.verbs.union(VerbSet::from_iter([Verb::Delete]));
        }
        Self { identity: Arc::new(identity), ..self.clone() }
    }

    /// The same caller with the whole of what rules give to them, as they could come with another credential; `None` where
    /// this one narrows nothing, or stands for itself.
    pub fn unnarrowed(&self) -> Option<Self> {
        let identity = &self.identity;
        (!identity.authorises && !identity.bounds.is_empty()).then(|| Self {
            identity: Arc::new(Identity { bounds: Vec::new(), ..(**identity).clone() }),
            ..self.clone()
        })
    }

    /// Is it nobody in particular?
    pub fn is_anonymous(&self) -> bool {
        self.identity.kind == Kind::Anonymous
    }

    /// The name that records keep.
    pub fn name(&self) -> &str {
        &self.identity.name
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity.name)
    }
}

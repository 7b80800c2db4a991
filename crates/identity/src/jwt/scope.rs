//! From the scopes of a token to grants (WLCG profile, section 2.2.1; SciTokens).

use super::refusal::Refusal;
use super::rules::{IssuerRules, Profile};
use super::spec::{MAX_GRANTS, SCITOKENS_SCOPES, SCOPES, verbs};
use crate::shown::shown;
use terms::{Grant, LogicalPath, Verb, VerbSet};

/// What the scopes say.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// Is any of them a capability, if only for computing? Then groups do not count (section 2.2.3).
    pub(super) any: bool,
    scopes: Vec<Scope>,
}

#[derive(Debug)]
struct Scope {
    verbs: VerbSet,
    path: LogicalPath,
    is_folder: bool,
}

impl Scopes {
    /// Reads the claim. Scopes of others (`openid`, `wlcg.groups`) are left out; a token that has one for storage
    /// without a usable path is refused whole.
    pub(super) fn read(claim: &str, profile: Profile) -> Result<Self, Refusal> {
        let mut found = Self::default();
        for text in claim.split(' ').filter(|text| !text.is_empty()) {
            let (name, path) = text.split_once(':').map_or((text, None), |(name, path)| (name, Some(path)));
            let own = matches!(profile, Profile::SciTokens | Profile::SciTokens1).then_some(SCITOKENS_SCOPES);
            let known = verbs(SCOPES, name).or_else(|| verbs(own?, name));
            found.any |= known.is_some() || name.starts_with("storage.") || name.starts_with("compute.");
            if let Some(verbs) = known {
                let (path, is_folder) = read_path(text, path)?;
                found.scopes.push(Scope { verbs, path, is_folder });
            }
        }
        Ok(found)
    }

    /// The same below the base paths of the issuer, and only where it may speak.
    pub(super) fn grants(&self, rules: &IssuerRules) -> Result<Vec<Grant>, Refusal> {
        let mut grants = Vec::new();
        for scope in &self.scopes {
            for (path, is_folder) in scope.within(&rules.restricted_paths) {
                for base in &rules.base_paths {
                    grants.push(scope.grant(base, &path, is_folder)?);
                }
            }
        }
        if grants.len() > MAX_GRANTS { Err(Refusal::TooMany("scopes")) } else { Ok(grants) }
    }
}

impl Scope {
    /// The parts of it that lie within one of these; all of it, when there are none.
    fn within(&self, restricted: &[LogicalPath]) -> Vec<(LogicalPath, bool)> {
        let whole = (self.path.clone(), self.is_folder);
        if restricted.is_empty() || restricted.iter().any(|path| self.path.is_within(path)) {
            return vec![whole];
        }
        let inside = restricted.iter().filter(|path| path.is_within(&self.path));
        inside.map(|path| (path.clone(), false)).collect()
    }

    fn grant(&self, base: &LogicalPath, path: &LogicalPath, is_folder: bool) -> Result<Grant, Refusal> {
        let full = path.rebase(&LogicalPath::root(), base).filter(|full| full.as_str().len() <= terms::MAX_PATH_BYTES);
        let full = full.ok_or_else(|| Refusal::Scope(shown(path.as_str()), "its path is too long".to_owned()))?;
        // "storage.create" and what includes it; `modify` may move anything by its own verbs.
        let creates = self.verbs.contains(Verb::Create);
        Ok(Grant {
            may_rename: creates,
            is_folder,
            way_from: creates.then(|| base.clone()),
            ..Grant::new(self.verbs, full)
        })
    }
}

/// The path of a scope, and whether a slash at its end says that it is a folder. Escapes are decoded (RFC 3986, as the
/// profile says), and what hides in them is refused: slashes and dots.
fn read_path(scope: &str, path: Option<&str>) -> Result<(LogicalPath, bool), Refusal> {
    let unusable = |why: String| Refusal::Scope(shown(scope), why);
    let path = path.filter(|path| !path.is_empty()).ok_or_else(|| unusable("it has no path".to_owned()))?;
    let is_folder = path.ends_with('/') && path.len() > 1;
    let path = LogicalPath::from_url_path(path).map_err(|error| unusable(error.to_string()))?;
    Ok((path, is_folder))
}

//! How the namespace looks to a caller: which part of it has which address.
//!
//! Whoever comes with the address of a share sees what is shared, under that address, and does not learn under which name
//! it stands here.

use super::DATA_PREFIX;
use std::sync::{Arc, LazyLock};
use terms::{LogicalPath, Problem};

/// What a caller sees of the namespace. Cheap to clone. Nothing here prints the prefix: it may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct View(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    /// The address of `top`.
    prefix: String,
    /// The folder whose address is the prefix. The caller does not learn its name.
    top: LogicalPath,
    /// The highest path of which the caller may learn: `top` itself, or directly in it.
    home: LogicalPath,
}

static WHOLE: LazyLock<View> = LazyLock::new(|| {
    let root = LogicalPath::root();
    View(Arc::new(Inner { prefix: DATA_PREFIX.to_owned(), top: root.clone(), home: root }))
});

impl View {
    /// All of it, below [`DATA_PREFIX`].
    pub fn whole() -> Self {
        WHOLE.clone()
    }

    /// This path and what is below it, as if there were nothing else. Its own name follows the prefix, unless it is the
    /// root, which has none.
    pub fn of(home: LogicalPath, prefix: String) -> Self {
        let top = home.parent().unwrap_or_else(LogicalPath::root);
        Self(Arc::new(Inner { prefix, top, home }))
    }

    /// The highest path that is seen.
    pub fn home(&self) -> &LogicalPath {
        &self.0.home
    }

    /// What the highest path is called.
    pub fn home_name(&self) -> &str {
        match self.0.home.name() {
            "" if self.is_whole() => &DATA_PREFIX[1..],
            "" => "shared",
            name => name,
        }
    }

    /// The path by which the caller knows this one; the root, for what the caller knows nothing of.
    pub fn shown(&self, path: &LogicalPath) -> LogicalPath {
        let seen = Some(path).filter(|path| path.is_within(&self.0.home));
        seen.and_then(|path| path.rebase(&self.0.top, &LogicalPath::root())).unwrap_or_else(LogicalPath::root)
    }

    /// The address of this path, percent-encoded, without a slash at its end.
    pub fn href(&self, path: &LogicalPath) -> String {
        format!("{}{}", self.0.prefix, self.shown(path).to_url_path().trim_end_matches('/'))
    }

    /// The path that has this address, which is percent-encoded. `None`: it is not within this view.
    pub fn path_of(&self, href: &str) -> Option<LogicalPath> {
        let rest = href.strip_prefix(&self.0.prefix)?;
        let rest = if rest.is_empty() { "/" } else { rest };
        let path = LogicalPath::from_url_path(rest).ok().filter(|_| rest.starts_with('/'))?;
        path.rebase(&LogicalPath::root(), &self.0.top).filter(|path| path.is_within(&self.0.home))
    }

    /// The last part of the address of the topmost folder.
    pub(crate) fn last_of_prefix(&self) -> &str {
        self.0.prefix.rsplit('/').next().unwrap_or_default()
    }

    /// The problem in words that name nothing which is not seen.
    pub fn conceal(&self, problem: Problem) -> Problem {
        if self.0.top.is_root() {
            return problem;
        }
        let conceal = |text: &str| conceal(text, self.0.top.as_str());
        Problem { detail: conceal(&problem.detail), next: conceal(&problem.next), ..problem }
    }

    fn is_whole(&self) -> bool {
        self.0.prefix == DATA_PREFIX
    }
}

/// Takes this path off the front of all paths in a text.
fn conceal(text: &str, top: &str) -> String {
    let is_of_path = |letter: char| letter.is_alphanumeric() || "/_-.~%".contains(letter);
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(top) {
        let (before, behind) = (&rest[..at], &rest[at + top.len()..]);
        told.push_str(before);
        let begins = !told.ends_with(is_of_path);
        match behind.chars().next() {
            Some('/') if begins => {}
            next if begins && !next.is_some_and(|next| next.is_alphanumeric() || "_-~%".contains(next)) => {
                told.push('/')
            }
            _ => told.push_str(top),
        }
        rest = behind;
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests;

//! The `If` header (RFC 4918 §10.4): which state a request supposes, and which lock tokens it submits.

use super::headers::{Destination, resolve};
use super::refusal::Refusal;
use super::spec::MAX_CONDITIONS;
use terms::LogicalPath;

const EXPECTED: &str = "lists of conditions as in RFC 4918 §10.4.2";

/// One test of one resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Is its outcome turned round?
    pub not: bool,
    /// What is tested.
    pub test: Test,
}

/// What can be tested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Test {
    /// Is the resource locked by this token? (`DAV:no-lock` never is one.)
    Token(String),
    /// Is this its entity tag? With its quotes, without `W/`.
    Etag(String),
}

/// The lists for one resource.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Group {
    /// `None`: the resource of the request itself.
    tag: Option<String>,
    /// One of these must hold; in each, all conditions must.
    lists: Vec<Vec<Condition>>,
}

/// A parsed `If` header. It holds when any of its lists does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IfHeader {
    groups: Vec<Group>,
}

/// What there is to compare with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResourceState {
    /// The entity tag with its quotes; `None` when nothing is there, or a folder.
    pub etag: Option<String>,
    /// The tokens of all locks in whose scope it is.
    pub tokens: Vec<String>,
}

impl IfHeader {
    /// Reads its value; never more than [`MAX_CONDITIONS`] conditions.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let mut rest = Rest { text: value, left: MAX_CONDITIONS };
        let mut groups: Vec<Group> = Vec::new();
        rest.skip_space();
        // The two forms do not mix (RFC 4918 §10.4.2): the first character says which it is.
        let is_tagged = rest.text.starts_with('<');
        while !rest.text.is_empty() {
            if is_tagged && rest.text.starts_with('<') {
                groups.push(Group { tag: Some(rest.between('<', '>')?), lists: Vec::new() });
            } else {
                let list = rest.list()?;
                match groups.last_mut() {
                    Some(group) => group.lists.push(list),
                    None => groups.push(Group { tag: None, lists: vec![list] }),
                }
            }
            rest.skip_space();
        }
        if groups.is_empty() || groups.iter().any(|group| group.lists.is_empty()) {
            return Err(Refusal::header("If", value, EXPECTED));
        }
        Ok(Self { groups })
    }

    /// The resources that it speaks of, for their state to be looked up: `None` for that of the request itself, and
    /// nothing for those of other hosts.
    pub fn resources<'a>(&'a self, own_authority: Option<&'a str>) -> impl Iterator<Item = Option<LogicalPath>> + 'a {
        self.groups.iter().filter_map(move |group| match &group.tag {
            None => Some(None),
            Some(tag) => local(tag, own_authority).map(Some),
        })
    }

    /// Does it hold? `state` is asked for a resource as in [`resources`](Self::resources). What is not ours to know has no
    /// state, so that only `Not` can hold for it.
    pub fn holds(
        &self,
        own_authority: Option<&str>,
        mut state: impl FnMut(Option<&LogicalPath>) -> ResourceState,
    ) -> bool {
        self.groups.iter().any(|group| {
            let state = match &group.tag {
                None => state(None),
                Some(tag) => local(tag, own_authority).map(|path| state(Some(&path))).unwrap_or_default(),
            };
            group.lists.iter().any(|list| list.iter().all(|condition| condition.holds(&state)))
        })
    }

    /// All lock tokens in it. To stand here is to be submitted, whatever the list says (RFC 4918 §10.4.1).
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().flat_map(|group| &group.lists).flatten().filter_map(|condition| match &condition.test {
            Test::Token(token) => Some(&token[..]),
            Test::Etag(_) => None,
        })
    }
}

impl Condition {
    fn holds(&self, state: &ResourceState) -> bool {
        let matches = match &self.test {
            Test::Token(token) => state.tokens.iter().any(|known| known == token),
            Test::Etag(etag) => state.etag.as_deref() == Some(etag),
        };
        matches != self.not
    }
}

fn local(tag: &str, own_authority: Option<&str>) -> Option<LogicalPath> {
    match resolve(tag, own_authority) {
        Some(Destination::Here(path)) => Some(path),
        _ => None,
    }
}

/// What is not read yet.
struct Rest<'a> {
    text: &'a str,
    /// How many conditions may still come.
    left: usize,
}

impl<'a> Rest<'a> {
    fn skip_space(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t']);
    }

    fn bad(&self) -> Refusal {
        Refusal::header("If", self.text, EXPECTED)
    }

    /// What stands between two marks, not empty.
    fn between(&mut self, open: char, close: char) -> Result<String, Refusal> {
        let inside = self.text.strip_prefix(open).and_then(|rest| rest.split_once(close));
        match inside {
            Some((inside, after)) if !inside.trim().is_empty() => {
                self.text = after;
                Ok(inside.trim().to_owned())
            }
            _ => Err(self.bad()),
        }
    }

    fn list(&mut self) -> Result<Vec<Condition>, Refusal> {
        self.text = self.text.strip_prefix('(').ok_or_else(|| self.bad())?;
        let mut conditions = Vec::new();
        loop {
            self.skip_space();
            if let Some(after) = self.text.strip_prefix(')') {
                self.text = after;
                return if conditions.is_empty() { Err(self.bad()) } else { Ok(conditions) };
            }
            self.left =
                self.left.checked_sub(1).ok_or_else(|| Refusal::header("If", "too many conditions", EXPECTED))?;
            conditions.push(self.condition()?);
        }
    }

    fn condition(&mut self) -> Result<Condition, Refusal> {
        let not = self.text.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("not"));
        if not {
            self.text = &self.text[3..];
            self.skip_space();
        }
        let test =
            if self.text.starts_with('<') { Test::Token(self.between('<', '>')?) } else { Test::Etag(self.etag()?) };
        Ok(Condition { not, test })
    }

    /// `["…"]` or `[W/"…"]`. Both are compared weakly, as RFC 4918 §10.4.4 allows; ours are all strong. A tag may hold
    /// `]`, so that the quotes decide where it ends.
    fn etag(&mut self) -> Result<String, Refusal> {
        let bad = self.bad();
        let inside = self.text.strip_prefix('[').map(|rest| rest.trim_start_matches([' ', '\t']));
        let inside = inside.map(|rest| rest.strip_prefix("W/").unwrap_or(rest));
        let quoted = inside.and_then(|rest| rest.strip_prefix('"')).and_then(|rest| rest.split_once('"'));
        let (opaque, after) = quoted.ok_or_else(|| bad.clone())?;
        self.text = after.trim_start_matches([' ', '\t']).strip_prefix(']').ok_or(bad)?;
        Ok(format!("\"{opaque}\""))
    }
}

//! Entity tags and conditional requests: RFC 9110 §8.8.3 and §13.

use http::header::{self, HeaderMap, HeaderName};
use std::fmt;
use terms::Timestamp;

/// The longest list of entity tags that is read; what follows is ignored. Eight kilobytes of headers hold fewer than 200 of
/// ours.
pub const MAX_TAGS: usize = 256;

/// An entity tag (RFC 9110 §8.8.3).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EntityTag {
    weak: bool,
    opaque: String,
}

impl EntityTag {
    /// A strong one: the bytes are the same when the tags are. `opaque` goes without its quotes; characters that a tag
    /// cannot hold are dropped.
    pub fn strong(opaque: &str) -> Self {
        let fits = |c: &char| *c == '\x21' || ('\x23'..='\x7e').contains(c) || *c > '\x7f';
        Self { weak: false, opaque: opaque.chars().filter(fits).collect() }
    }

    /// Reads one: `"abc"` or `W/"abc"`. A bare word, which some servers and clients send, counts as if it were quoted.
    pub fn parse(text: &str) -> Option<Self> {
        match take_tag(text.trim()) {
            Some((tag, "")) => Some(tag),
            _ => None,
        }
    }

    /// Is it weak?
    pub fn is_weak(&self) -> bool {
        self.weak
    }

    /// What stands between its quotes.
    pub fn opaque(&self) -> &str {
        &self.opaque
    }

    /// Strong comparison (RFC 9110 §8.8.3.2): equal, and neither is weak.
    pub fn matches_strongly(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison: equal but for weakness.
    pub fn matches_weakly(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.opaque)
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TagList {
    /// `*`: anything that exists.
    Any,
    /// One of these.
    Tags(Vec<EntityTag>),
}

impl TagList {
    /// From all lines of one header; `None` when there are none. What cannot be read matches nothing.
    pub fn read(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut lines = headers.get_all(name).into_iter().peekable();
        lines.peek()?;
        let mut tags = Vec::new();
        for line in lines {
            let text = String::from_utf8_lossy(line.as_bytes());
            if text.trim() == "*" {
                return Some(Self::Any);
            }
            let mut rest = text.as_ref();
            while tags.len() < MAX_TAGS {
                rest = rest.trim_start_matches([' ', '\t', ',']);
                let Some((tag, behind)) = take_tag(rest) else { break };
                tags.push(tag);
                rest = behind;
            }
        }
        Some(Self::Tags(tags))
    }

    fn holds(&self, current: Option<&EntityTag>, compare: fn(&EntityTag, &EntityTag) -> bool) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Tags(tags), Some(current)) => tags.iter().any(|tag| compare(tag, current)),
        }
    }
}

/// The value of `If-Range`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IfRange {
    /// The file has this tag.
    Tag(EntityTag),
    /// The file was last modified exactly then.
    Date(Timestamp),
    /// Unreadable: never true, so that the whole is sent.
    Never,
}

/// What is there now, as far as conditions ask.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// Its entity tag.
    pub tag: &'a EntityTag,
    /// When it was last modified.
    pub modified: Timestamp,
}

/// What a condition says about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Do it.
    Proceed,
    /// Do it, but answer the whole: the ranges were meant for another state of the file.
    IgnoreRange,
    /// 304: the client has it already.
    NotModified,
    /// 412: something else is there than the client thinks.
    PreconditionFailed,
}

/// All conditions of one request.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<TagList>,
    /// `If-None-Match`.
    pub if_none_match: Option<TagList>,
    /// `If-Modified-Since`; a date that cannot be read is ignored (RFC 9110 §13.1.3).
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`; likewise (§13.1.4).
    pub if_unmodified_since: Option<Timestamp>,
    /// `If-Range`, when there is a `Range` too (§13.1.5).
    pub if_range: Option<IfRange>,
}

impl Conditions {
    /// From the headers of a request.
    pub fn read(headers: &HeaderMap) -> Self {
        let date = |name| Timestamp::from_http_date(headers.get(name)?.to_str().ok()?);
        let if_range = headers.get(header::IF_RANGE).filter(|_| headers.contains_key(header::RANGE));
        Self {
            if_match: TagList::read(headers, &header::IF_MATCH),
            if_none_match: TagList::read(headers, &header::IF_NONE_MATCH),
            if_modified_since: date(header::IF_MODIFIED_SINCE),
            if_unmodified_since: date(header::IF_UNMODIFIED_SINCE),
            if_range: if_range.map(|value| value.to_str().map_or(IfRange::Never, if_range_of)),
        }
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// May the request create only, never replace (`If-None-Match: *`)?
    pub fn is_create_only(&self) -> bool {
        self.if_none_match == Some(TagList::Any)
    }

    /// In the order of RFC 9110 §13.2.2. `reads` for GET and HEAD; `current` is `None` when nothing is there.
    pub fn evaluate(&self, reads: bool, current: Option<Current<'_>>) -> Verdict {
        let tag = current.map(|current| current.tag);
        // HTTP dates have whole seconds, so all comparisons are in whole seconds.
        let modified = current.map(|current| current.modified.seconds());
        if let Some(list) = &self.if_match {
            if !list.holds(tag, EntityTag::matches_strongly) {
                return Verdict::PreconditionFailed;
            }
        } else if let (Some(limit), Some(modified)) = (self.if_unmodified_since, modified)
            && modified > limit.seconds()
        {
            return Verdict::PreconditionFailed;
        }
        if let Some(list) = &self.if_none_match {
            if list.holds(tag, EntityTag::matches_weakly) {
                return if reads { Verdict::NotModified } else { Verdict::PreconditionFailed };
            }
        } else if let (true, Some(since), Some(modified)) = (reads, self.if_modified_since, modified)
            && modified <= since.seconds()
        {
            return Verdict::NotModified;
        }
        let range_holds = match &self.if_range {
            None => true,
            Some(IfRange::Tag(wanted)) => tag.is_some_and(|tag| wanted.matches_strongly(tag)),
            Some(IfRange::Date(date)) => modified == Some(date.seconds()),
            Some(IfRange::Never) => false,
        };
        if range_holds { Verdict::Proceed } else { Verdict::IgnoreRange }
    }
}

/// A date has a comma or a space outside of quotes; a tag begins with a quote or `W/`.
fn if_range_of(text: &str) -> IfRange {
    if let Some(date) = Timestamp::from_http_date(text) {
        return IfRange::Date(date);
    }
    EntityTag::parse(text).map_or(IfRange::Never, IfRange::Tag)
}

/// One tag from the front, and what follows it.
fn take_tag(text: &str) -> Option<(EntityTag, &str)> {
    let (weak, rest) = match text.strip_prefix("W/").or_else(|| text.strip_prefix("w/")) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (opaque, behind) = match rest.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?,
        None => rest.split_at(rest.find([',', ' ', '\t', '"']).unwrap_or(rest.len())),
    };
    let empty_word = opaque.is_empty() && !rest.starts_with('"');
    (!empty_word).then(|| (EntityTag { weak, opaque: opaque.to_owned() }, behind))
}

//! Logical paths: the names under which users know files.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest name of one file or folder, in bytes of UTF-8: NAME_MAX of Linux file systems.
pub const MAX_SEGMENT_BYTES: usize = 255;

/// The longest whole path in bytes of UTF-8. A path is part of a key of the archive, and a key of PostgreSQL holds
/// 2,704 bytes; some are left for the rest of the key. PATH_MAX of Linux (4,096 with its NUL and with the store's own
/// root in front) is further away.
pub const MAX_PATH_BYTES: usize = 2_560;

/// What must be escaped in the path of a URL: all but unreserved, sub-delims, `:`, `@` and `/` (RFC 3986 §3.3).
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An absolute path in the namespace, normalised: it begins with `/`, has no empty, `.` or `..` segment, no NUL, and no
/// slash at its end (but for the root itself). Two paths are the same file exactly when they are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogicalPath(String);

/// Why a text is not a [`LogicalPath`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidPath {
    /// It does not begin with `/`.
    #[error("the path does not begin with '/'")]
    NotAbsolute,
    /// A `..` segment. We refuse rather than resolve it: what it means differs between programs.
    #[error("the path has a '..' segment")]
    ParentSegment,
    /// A `.` segment.
    #[error("the path has a '.' segment")]
    DotSegment,
    /// NUL or another control character.
    #[error("the path holds a control character")]
    ControlCharacter,
    /// An escaped slash (`%2F`) inside a segment, which no file name can hold.
    #[error("the path holds an escaped slash (%2F)")]
    EscapedSlash,
    /// Not UTF-8 once its percent escapes are decoded.
    #[error("the path is not UTF-8 once decoded")]
    NotUtf8,
    /// One name exceeds [`MAX_SEGMENT_BYTES`].
    #[error("a name in the path is longer than {MAX_SEGMENT_BYTES} bytes")]
    LongSegment,
    /// The whole exceeds [`MAX_PATH_BYTES`].
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    LongPath,
}

impl InvalidPath {
    /// Is it only too long? HTTP has a status of its own for that (414).
    pub fn is_too_long(self) -> bool {
        matches!(self, Self::LongSegment | Self::LongPath)
    }
}

impl LogicalPath {
    /// `/`.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Reads the path of a URL: percent escapes are decoded, repeated slashes are folded into one, and a slash at the end
    /// is dropped (RFC 4918 §5.2 lets a collection be addressed without it).
    pub fn from_url_path(text: &str) -> Result<Self, InvalidPath> {
        // Checked before decoding: afterwards an escaped slash cannot be told from a real one.
        if text.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"%2f")) {
            return Err(InvalidPath::EscapedSlash);
        }
        percent_decode_str(text).decode_utf8().map_err(|_| InvalidPath::NotUtf8)?.parse()
    }

    /// The path as a URL spells it, percent-encoded; [`from_url_path`](Self::from_url_path) reads it back unchanged.
    pub fn to_url_path(&self) -> String {
        utf8_percent_encode(&self.0, ESCAPED).to_string()
    }

    /// The text, decoded and normalised.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the leading slash: what to open below a store's root; empty for the root.
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// Is it `/`?
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The last segment; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// The folder that holds it; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let cut = self.0.rfind('/').unwrap_or(0).max(1);
        Some(Self(self.0[..cut].to_owned()))
    }

    /// The names from the root down.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.relative().split('/').filter(|segment| !segment.is_empty())
    }

    /// This path with one name more.
    pub fn join(&self, name: &str) -> Result<Self, InvalidPath> {
        if name.contains('/') {
            return Err(InvalidPath::EscapedSlash);
        }
        if self.is_root() { format!("/{name}").parse() } else { format!("{}/{name}", self.0).parse() }
    }

    /// Is it `ancestor` itself or below it? By whole names: `/foo/bargain` is not below `/foo/bar`.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        ancestor.is_root()
            || self.0.strip_prefix(&ancestor.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The same place seen from another root: what was below `from` is now below `to`. `None` if it is not within `from`.
    pub fn rebase(&self, from: &Self, to: &Self) -> Option<Self> {
        if !self.is_within(from) {
            return None;
        }
        let rest = if from.is_root() { &self.0[..] } else { &self.0[from.0.len()..] };
        let rest = if rest == "/" { "" } else { rest };
        match (to.is_root(), rest.is_empty()) {
            (true, true) => Some(Self::root()),
            (true, false) => Some(Self(rest.to_owned())),
            (false, _) => Some(Self(format!("{}{rest}", to.0))),
        }
    }
}

impl FromStr for LogicalPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        if !text.starts_with('/') {
            return Err(InvalidPath::NotAbsolute);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidPath::ControlCharacter);
        }
        let mut normal = String::with_capacity(text.len());
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            match segment {
                ".." => return Err(InvalidPath::ParentSegment),
                "." => return Err(InvalidPath::DotSegment),
                _ if segment.len() > MAX_SEGMENT_BYTES => return Err(InvalidPath::LongSegment),
                _ => {
                    normal.push('/');
                    normal.push_str(segment);
                }
            }
        }
        if normal.len() > MAX_PATH_BYTES {
            return Err(InvalidPath::LongPath);
        }
        Ok(if normal.is_empty() { Self::root() } else { Self(normal) })
    }
}

impl TryFrom<String> for LogicalPath {
    type Error = InvalidPath;
    fn try_from(text: String) -> Result<Self, InvalidPath> {
        text.parse()
    }
}

impl From<LogicalPath> for String {
    fn from(path: LogicalPath) -> Self {
        path.0
    }
}

impl fmt::Display for LogicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LogicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

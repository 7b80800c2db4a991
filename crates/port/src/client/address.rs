//! Where files are: a local path, an address on a server, or the standard streams.

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::fmt;
use std::path::{Path, PathBuf};
use terms::Problem;
use zeroize::Zeroizing;

use super::fault;

/// What is escaped in one name of a path: all but unreserved, sub-delims, `:` and `@` (RFC 3986 §3.3).
const NAME: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
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

/// What is escaped in a whole path.
const PLAIN: &AsciiSet = &NAME.remove(b'/');

/// What is escaped in an address that a user typed: the same, but slashes, and escapes that are there already.
const TYPED: &AsciiSet = &NAME.remove(b'/').remove(b'%');

/// One end of an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A path of this machine.
    Local(PathBuf),
    /// A file or folder on a server.
    Remote(Url),
    /// `-`: standard input as a source, standard output as a target.
    Standard,
}

impl Address {
    /// Reads what a user typed: `-`, `http://…`, `https://…`, `dav://…` (plain), `davs://…` (TLS), `file://…`, or a path.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text == "-" {
            return Ok(Self::Standard);
        }
        let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
            return Ok(Self::Local(PathBuf::from(text)));
        };
        if scheme.eq_ignore_ascii_case("file") {
            return local_of_file_url(text);
        }
        Url::parse(text).map(Self::Remote)
    }

    /// The same for an argument of a command, which need not be UTF-8 if it is a local path.
    pub fn parse_argument(argument: &std::ffi::OsStr) -> Result<Self, Problem> {
        argument.to_str().map_or_else(|| Ok(Self::Local(PathBuf::from(argument))), Self::parse)
    }

    /// The last name of the path; `None` of a root and of standard streams.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Local(path) => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                // `.` and `..` have no name of their own until the system is asked what they are.
                name.or_else(|| path.canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned()))
            }
            Self::Remote(url) => url.name(),
            Self::Standard => None,
        }
    }

    /// The entry of this name below it.
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Local(path) => Self::Local(path.join(name)),
            Self::Remote(url) => Self::Remote(url.join(name)),
            Self::Standard => Self::Standard,
        }
    }

    /// Does the spelling say that it is a folder: by a slash at its end, or as `.` or `..`?
    pub fn looks_like_folder(&self) -> bool {
        match self {
            Self::Local(path) => {
                path.as_os_str().as_encoded_bytes().ends_with(b"/")
                    || path.file_name().is_none()
                    || path.as_os_str().as_encoded_bytes().ends_with(b"/.")
            }
            Self::Remote(url) => url.path.ends_with('/'),
            Self::Standard => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Remote(url) => url.fmt(f),
            Self::Standard => f.write_str("-"),
        }
    }
}

/// An address on a server. Prints without user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// TLS?
    secure: bool,
    /// `host` or `host:port`, in lower case.
    authority: String,
    /// `user:password` for Basic authentication, from the address itself.
    user: Option<Zeroizing<String>>,
    /// Percent-encoded, absolute.
    path: String,
    /// What follows `?`.
    query: Option<String>,
}

impl Url {
    /// Reads an address with its scheme.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let unusable = |why: &str| fault::usage(format!("'{}' is not an address: {why}", shown(text)));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| unusable("it has no scheme"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" | "davs" => true,
            "http" | "dav" => false,
            _ => return Err(unusable("its scheme is not one of http, https, dav, davs, file")),
        };
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(cut);
        let (user, authority) = match host.rsplit_once('@') {
            Some((user, host)) => (Some(percent_decode_str(user).decode_utf8_lossy().into_owned()), host),
            None => (None, host),
        };
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        let url = Self {
            secure,
            authority: authority.to_ascii_lowercase(),
            user: user.map(Zeroizing::new),
            path: escape_typed(path),
            query: query.map(escape_typed),
        };
        match url.to_uri() {
            Some(uri) if names_a_host(&uri) => Ok(url),
            _ => Err(unusable("its host cannot be read")),
        }
    }

    /// What `Location` and `href` say, seen from here: an absolute address, or a path of the same server. User and
    /// password stay with the server that they were given for.
    pub fn resolve(&self, reference: &str) -> Option<Self> {
        if reference.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
            let mut url = Self::parse(reference).ok()?;
            url.user = if url.origin() == self.origin() { self.user.clone() } else { None };
            return Some(url);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return self.resolve(&format!("{}://{rest}", self.scheme()));
        }
        let (path, query) = reference.split_once('?').map_or((reference, None), |(path, query)| (path, Some(query)));
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}{path}", &self.path[..=self.path.rfind('/').unwrap_or(0)])
        };
        Some(Self { path: escape_typed(&path), query: query.map(escape_typed), ..self.clone() })
    }

    /// The address of a path of the same server as its file system spells it, with nothing escaped.
    pub(crate) fn at_plain_path(&self, path: &str) -> Self {
        Self { path: utf8_percent_encode(path, PLAIN).to_string(), query: None, ..self.clone() }
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Is it reached by TLS?
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// `scheme://host:port`: what shares connections, credentials and abilities.
    pub fn origin(&self) -> String {
        let port = if self.secure { ":443" } else { ":80" };
        format!("{}://{}", self.scheme(), self.authority.strip_suffix(port).unwrap_or(&self.authority))
    }

    /// `host` or `host:port`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Is the server this machine? Then nothing that is sent leaves it.
    pub fn is_loopback(&self) -> bool {
        let Some(uri) = self.to_uri() else { return false };
        let host = uri.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']').to_owned();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// User name and password that the address itself held, as `user:password`.
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.as_str())
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last name, decoded; `None` of the root, and of a name that is not UTF-8 or that no file can have.
    pub fn name(&self) -> Option<String> {
        let last = self.path.trim_end_matches('/').rsplit('/').next()?;
        decode_name(last)
    }

    /// The entry of this name below it.
    pub fn join(&self, name: &str) -> Self {
        let path = format!("{}/{}", self.path.trim_end_matches('/'), utf8_percent_encode(name, NAME));
        Self { path, ..self.clone() }
    }

    /// The folder that holds it; `None` of the root.
    pub fn parent(&self) -> Option<Self> {
        let path = self.path.trim_end_matches('/');
        let cut = path.rfind('/')?;
        Some(Self { path: path[..=cut].to_owned(), ..self.clone() })
    }

    /// The same with a slash at its end, as some servers demand of folders, or without.
    #[must_use]
    pub fn as_folder(&self, folder: bool) -> Self {
        let path = self.path.trim_end_matches('/');
        Self { path: if folder || path.is_empty() { format!("{path}/") } else { path.to_owned() }, ..self.clone() }
    }

    /// Is it the same place, however its path is escaped, and with or without a slash at its end?
    pub fn is_same_place(&self, other: &Self) -> bool {
        let plain = |url: &Self| percent_decode_str(url.path.trim_end_matches('/')).collect::<Vec<u8>>();
        self.origin() == other.origin() && plain(self) == plain(other)
    }

    /// Is it the same place as `folder`, or below it?
    pub fn is_within(&self, folder: &Self) -> bool {
        let plain = |url: &Self| percent_decode_str(url.path.trim_end_matches('/')).collect::<Vec<u8>>();
        let (path, folder_path) = (plain(self), plain(folder));
        let rest = path.strip_prefix(folder_path.as_slice());
        self.origin() == folder.origin() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// For a request.
    pub fn to_uri(&self) -> Option<Uri> {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}://{}{}{query}", self.scheme(), self.authority, self.path).parse().ok()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Queries may hold macaroons or signatures: they are not shown.
        let query = if self.query.is_some() { "?…" } else { "" };
        write!(f, "{}://{}{}{query}", self.scheme(), self.authority, self.path)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Does a path hold what an escaped one cannot: a space, other characters that RFC 3986 has no place for, or a percent sign
/// that begins no escape? (Letters beyond ASCII prove nothing: IRIs leave them be.)
pub(crate) fn is_surely_unescaped(path: &str) -> bool {
    let is_bare = |at: usize| !is_escape_at(path.as_bytes(), at);
    path.char_indices().any(|(at, c)| {
        matches!(c, ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' | '#' | '?') || (c == '%' && is_bare(at))
    })
}

fn is_escape_at(text: &[u8], at: usize) -> bool {
    text.get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
}

/// A name from a server, decoded. `None` when it is not one that a file can have: a server must not be able to write
/// outside the target by names like `..` or `a%2Fb`.
pub(crate) fn decode_name(escaped: &str) -> Option<String> {
    let name = percent_decode_str(escaped).decode_utf8().ok()?.into_owned();
    is_plain_name(&name).then_some(name)
}

/// May this be the name of one file below a folder?
pub(crate) fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// A host, and behind its colon a port if there is a colon. (Those inside of brackets belong to the host.)
fn names_a_host(uri: &Uri) -> bool {
    let Some(authority) = uri.authority() else { return false };
    let behind = authority.as_str().strip_prefix(authority.host()).unwrap_or("");
    !authority.host().is_empty() && (behind.is_empty() || authority.port_u16().is_some())
}

/// A percent sign that does not begin an escape is one itself.
fn escape_typed(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        if character == '%' && !is_escape_at(text.as_bytes(), at) {
            marked.push_str("%25")
        } else {
            marked.push(character)
        }
    }
    utf8_percent_encode(&marked, TYPED).to_string()
}

fn local_of_file_url(text: &str) -> Result<Address, Problem> {
    let rest = &text["file://".len()..];
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(fault::usage(format!("'{text}' names another host; file:// reaches this machine alone")));
    }
    let path = percent_decode_str(path).decode_utf8().map_err(|_| fault::usage(format!("'{text}' is not UTF-8")))?;
    Ok(Address::Local(Path::new(path.as_ref()).to_owned()))
}

/// Without what may be a password.
fn shown(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…{}", &text[..scheme], &text[at..]),
        _ => text.to_owned(),
    }
}

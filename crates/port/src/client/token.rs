//! Where a bearer token is found: as WLCG agreed (WLCG-AuthZ-WG/bearer-token-discovery).

use std::path::{Path, PathBuf};
use terms::Problem;
use zeroize::Zeroizing;

use super::fault;

/// A bearer token. Wiped when dropped; never printed.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// From its text, without the space around it. `None` when nothing is left, or what no token has in it.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        // RFC 6750 §2.1: b64token; anything printable without spaces is let through, the server judges.
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// From a file that the user named: it must be there and hold one.
    pub fn from_file(path: &Path) -> Result<Self, Problem> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| fault::local(&error, "read the token file", path.display()))?;
        Self::new(&text).ok_or_else(|| fault::usage(format!("The token file {} holds no token", path.display())))
    }

    /// `BEARER_TOKEN`, the file named by `BEARER_TOKEN_FILE`, `bt_u<uid>` in `XDG_RUNTIME_DIR`, then in `/tmp`; the first
    /// that is there counts. A file that the environment names must be usable; the last two may be missing.
    pub fn discover() -> Result<Option<Self>, Problem> {
        let uid = rustix::process::getuid().as_raw();
        Self::discover_in(&|name| std::env::var_os(name), uid)
    }

    /// The same for any environment.
    pub(crate) fn discover_in(
        variable: &dyn Fn(&str) -> Option<std::ffi::OsString>,
        uid: u32,
    ) -> Result<Option<Self>, Problem> {
        if let Some(token) = variable("BEARER_TOKEN").and_then(|value| Self::new(value.to_str()?)) {
            return Ok(Some(token));
        }
        if let Some(path) = variable("BEARER_TOKEN_FILE").filter(|path| !path.is_empty()) {
            return Self::from_file(&PathBuf::from(path)).map(Some);
        }
        let name = format!("bt_u{uid}");
        let runtime = variable("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()).map(PathBuf::from);
        let places = runtime.into_iter().chain([PathBuf::from("/tmp")]);
        Ok(places.map(|place| place.join(&name)).find_map(|path| own_file(&path, uid)))
    }

    /// The value of an `Authorization` field, marked as secret.
    pub fn header(&self) -> Option<http::HeaderValue> {
        let mut value = http::HeaderValue::from_str(&format!("Bearer {}", self.reveal())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The text, for the header alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token file that the user did not name counts only when it is the user's own: anybody may write to `/tmp`.
fn own_file(path: &Path, uid: u32) -> Option<Token> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.uid() != uid {
        return None;
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).ok()?);
    Token::new(&text)
}

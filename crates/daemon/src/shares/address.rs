//! The address of a share: `/s/<id>_<secret>/…`. The id is public and finds the record; of the secret only the SHA-256 is
//! kept. It is 256 random bits, so that no slow hash is needed to protect it.

use crate::secret::{hash, random_text, same};
use archive::ShareRecord;
use std::borrow::Cow;
use terms::{Problem, ShareId};
use zeroize::Zeroizing;

/// What all addresses of shares begin with.
pub(crate) const SHARES_PREFIX: &str = "/s";

/// Length of the secret, 32 random bytes, in its base64url form.
const SECRET_LETTERS: usize = 43;
/// Hexadecimal digits of the id.
const ID_DIGITS: usize = 32;
/// What follows the secret in the address of a resumable upload. No shared path can begin so: a slash would come first.
const UPLOADS: &str = ".uploads";

/// An address taken apart.
pub(super) struct Address<'a> {
    pub(super) id: ShareId,
    secret_sha256: [u8; 32],
    /// `/s/<id>_<secret>`
    pub(super) prefix: &'a str,
    /// Is it that of a resumable upload?
    pub(super) of_upload: bool,
    /// What follows, from its slash on.
    pub(super) rest: &'a str,
}

impl<'a> Address<'a> {
    /// `None` when the path has not the form of a share's.
    pub(super) fn take_apart(path: &'a str) -> Option<Self> {
        let from = SHARES_PREFIX.len() + 1;
        let token = path.strip_prefix(SHARES_PREFIX)?.strip_prefix('/')?;
        let (id, secret) = split(token)?;
        let end = from + ID_DIGITS + 1 + SECRET_LETTERS;
        let (prefix, behind) = (path.get(..end)?, path.get(end..)?);
        let uploads = behind.strip_prefix(UPLOADS);
        let rest = uploads.unwrap_or(behind);
        let ends = rest.is_empty() || rest.starts_with('/');
        ends.then(|| Self { id, secret_sha256: hash(secret), prefix, of_upload: uploads.is_some(), rest })
    }

    /// Is its secret that of this share? Takes the same time wherever they differ.
    pub(super) fn opens(&self, record: &ShareRecord) -> bool {
        same(&record.secret_sha256, &self.secret_sha256)
    }
}

/// Id and secret at the beginning of a text.
fn split(token: &str) -> Option<(ShareId, &str)> {
    let (id, secret) = (token.get(..ID_DIGITS)?, token.get(ID_DIGITS..)?.strip_prefix('_')?.get(..SECRET_LETTERS)?);
    let letters = secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    letters.then(|| Some((id.parse().ok()?, secret)))?
}

/// A new id, the hash of its secret, and the address of the two.
pub(super) fn mint() -> Result<(ShareId, [u8; 32], Zeroizing<String>), Problem> {
    let id = ShareId(uuid::Uuid::now_v7());
    let secret = random_text()?;
    let prefix = Zeroizing::new(format!("{SHARES_PREFIX}/{id}_{}", *secret));
    Ok((id, hash(&secret), prefix))
}

/// The address of one of its resumable uploads.
pub(super) fn upload(prefix: &str, id: &str) -> String {
    format!("{prefix}{UPLOADS}/{id}")
}

/// A path as logs may have it: without the secret of a share, wherever in it that stands.
pub(crate) fn redacted(path: &str) -> Cow<'_, str> {
    if !path.contains('_') {
        return Cow::Borrowed(path);
    }
    let shown: Vec<_> = path.split('/').map(redacted_segment).collect();
    Cow::Owned(shown.join("/"))
}

fn redacted_segment(segment: &str) -> Cow<'_, str> {
    let (id, secret) = segment.split_at_checked(ID_DIGITS).unwrap_or((segment, ""));
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id && secret.starts_with('_') { Cow::Owned(format!("{id}_…")) } else { Cow::Borrowed(segment) }
}

//! Properties: the live ones, which say what is, and the dead ones, which are kept for their owners.

use super::locks::Lock;
use super::request::Propfind;
use super::spec::{DAV, OWNCLOUD, PORTOLAN};
use super::xml::{Name, escape};
use std::fmt::Write as _;
use terms::{Algorithm, Attributes, DigestSet, LogicalPath, Timestamp};

/// File or folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A body of bytes.
    File,
    /// A collection.
    Folder,
}

/// Room in the store, for RFC 4331.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Bytes that can still be written.
    pub available_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
}

/// One dead property as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredProperty {
    /// Its name.
    pub name: Name,
    /// The whole element, as XML that stands by itself.
    pub xml: String,
}

/// What is known of one resource. What is `None` or empty is answered as not found.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Its logical path.
    pub path: &'a LogicalPath,
    /// File or folder.
    pub kind: Kind,
    /// Length; of no meaning for a folder.
    pub size_bytes: u64,
    /// Last change.
    pub modified: Timestamp,
    /// When it was made, where the file system tells.
    pub created: Option<Timestamp>,
    /// The strong entity tag with its quotes.
    pub etag: Option<&'a str>,
    /// The media type.
    pub media_type: Option<&'a str>,
    /// Those that are known; never computed for a listing.
    pub digests: Option<&'a DigestSet>,
    /// What is said of it, where that has been looked up.
    pub attributes: Option<&'a Attributes>,
    /// Room in the store.
    pub quota: Option<Quota>,
    /// The locks in whose scope it is.
    pub locks: &'a [Lock],
    /// The time, from which locks count what is left of theirs.
    pub now: Timestamp,
    /// The dead properties.
    pub dead: &'a [StoredProperty],
}

impl Facts<'_> {
    /// Its address as the answer gives it: percent-encoded, with a slash at the end of a folder (RFC 4918 §5.2).
    pub fn href(&self) -> String {
        href(self.path, self.kind)
    }
}

/// See [`Facts::href`].
pub(super) fn href(path: &LogicalPath, kind: Kind) -> String {
    let slash = if kind == Kind::Folder && !path.is_root() { "/" } else { "" };
    format!("{}{}{slash}", super::spec::DATA_PREFIX, path.to_url_path())
}

/// The live properties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Live {
    /// RFC 4918 §15.1.
    CreationDate,
    /// RFC 4918 §15.2.
    DisplayName,
    /// RFC 4918 §15.4.
    GetContentLength,
    /// RFC 4918 §15.5.
    GetContentType,
    /// RFC 4918 §15.6.
    GetEtag,
    /// RFC 4918 §15.7.
    GetLastModified,
    /// RFC 4918 §15.8.
    LockDiscovery,
    /// RFC 4918 §15.9.
    ResourceType,
    /// RFC 4918 §15.10.
    SupportedLock,
    /// RFC 4331 §3.
    QuotaAvailableBytes,
    /// RFC 4331 §4.
    QuotaUsedBytes,
    /// ownCloud's `checksums`, which rclone reads.
    Checksums,
    /// Our own `attributes`: a dictionary of strings (RFC 9651 §3.2).
    Attributes,
}

impl Live {
    /// All of them; the first [`Self::OF_RFC_4918`] are what `allprop` gives.
    pub const ALL: [Self; 13] = [
        Self::CreationDate,
        Self::DisplayName,
        Self::GetContentLength,
        Self::GetContentType,
        Self::GetEtag,
        Self::GetLastModified,
        Self::LockDiscovery,
        Self::ResourceType,
        Self::SupportedLock,
        Self::QuotaAvailableBytes,
        Self::QuotaUsedBytes,
        Self::Checksums,
        Self::Attributes,
    ];
    /// How many of [`Self::ALL`] RFC 4918 defines; RFC 4331 §2 wants its own out of `allprop`.
    pub const OF_RFC_4918: usize = 9;

    /// Its local name.
    pub const fn local(self) -> &'static str {
        match self {
            Self::CreationDate => "creationdate",
            Self::DisplayName => "displayname",
            Self::GetContentLength => "getcontentlength",
            Self::GetContentType => "getcontenttype",
            Self::GetEtag => "getetag",
            Self::GetLastModified => "getlastmodified",
            Self::LockDiscovery => "lockdiscovery",
            Self::ResourceType => "resourcetype",
            Self::SupportedLock => "supportedlock",
            Self::QuotaAvailableBytes => "quota-available-bytes",
            Self::QuotaUsedBytes => "quota-used-bytes",
            Self::Checksums => "checksums",
            Self::Attributes => "attributes",
        }
    }

    /// Its namespace.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Checksums => OWNCLOUD,
            Self::Attributes => PORTOLAN,
            _ => DAV,
        }
    }

    /// Which one this names.
    pub fn named(name: &Name) -> Option<Self> {
        Self::ALL.into_iter().find(|live| name.is(live.namespace(), live.local()))
    }

    /// Is it closed to PROPPATCH? All are but `displayname`, which a client may set over ours (RFC 4918 §15.2).
    pub fn is_protected(self) -> bool {
        self != Self::DisplayName
    }

    /// Must digests or media type be looked up before [`Facts`] can answer this question?
    pub fn wanted(self, ask: &Propfind) -> bool {
        match ask {
            Propfind::Names => true,
            Propfind::All { include } => {
                Self::ALL[..Self::OF_RFC_4918].contains(&self)
                    || include.iter().any(|name| Self::named(name) == Some(self))
            }
            Propfind::These(names) => names.iter().any(|name| Self::named(name) == Some(self)),
        }
    }

    /// The tag as our answers spell it: `D`, `oc` and `p` are declared at their root.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Checksums => "oc",
            Self::Attributes => "p",
            _ => "D",
        }
    }

    /// Writes its value for this resource; false, and nothing written, when it has none.
    pub(super) fn write(self, facts: &Facts<'_>, out: &mut String) -> bool {
        let is_file = facts.kind == Kind::File;
        let start = out.len();
        let _ = write!(out, "<{}:{}>", self.prefix(), self.local());
        let has_value = match self {
            Self::CreationDate => facts.created.is_some_and(|created| write!(out, "{created}").is_ok()),
            Self::DisplayName => {
                escape(if facts.path.is_root() { "/" } else { facts.path.name() }, out);
                true
            }
            Self::GetContentLength => is_file && write!(out, "{}", facts.size_bytes).is_ok(),
            Self::GetContentType => facts.media_type.filter(|_| is_file).map(|text| escape(text, out)).is_some(),
            Self::GetEtag => facts.etag.map(|text| escape(text, out)).is_some(),
            Self::GetLastModified => {
                out.push_str(&facts.modified.to_http_date());
                true
            }
            Self::LockDiscovery => {
                facts.locks.iter().for_each(|lock| lock.write(facts.path, facts.kind, facts.now, out));
                true
            }
            Self::ResourceType => {
                out.push_str(if is_file { "" } else { "<D:collection/>" });
                true
            }
            Self::SupportedLock => {
                out.push_str(SUPPORTED_LOCKS);
                true
            }
            Self::QuotaAvailableBytes => facts.quota.is_some_and(|q| write!(out, "{}", q.available_bytes).is_ok()),
            Self::QuotaUsedBytes => facts.quota.is_some_and(|q| write!(out, "{}", q.used_bytes).is_ok()),
            Self::Checksums => write_checksums(facts.digests, out),
            Self::Attributes => facts.attributes.map(|attributes| escape(&attributes.to_string(), out)).is_some(),
        };
        if has_value {
            let _ = write!(out, "</{}:{}>", self.prefix(), self.local());
        } else {
            out.truncate(start);
        }
        has_value
    }
}

const SUPPORTED_LOCKS: &str = "<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>\
<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>";

/// `MD5:… ADLER32:…` in one element, as ownCloud and Nextcloud answer; rclone takes those that it knows by name.
fn write_checksums(digests: Option<&DigestSet>, out: &mut String) -> bool {
    const SPELLINGS: [(Algorithm, &str); 3] =
        [(Algorithm::Sha256, "SHA256"), (Algorithm::Md5, "MD5"), (Algorithm::Adler32, "ADLER32")];
    let words: Vec<String> = SPELLINGS
        .iter()
        .filter_map(|(algorithm, word)| Some(format!("{word}:{}", digests?.get(*algorithm)?.to_hex())))
        .collect();
    if words.is_empty() {
        return false;
    }
    let _ = write!(out, "<oc:checksum>{}</oc:checksum>", words.join(" "));
    true
}

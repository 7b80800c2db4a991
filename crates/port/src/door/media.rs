//! Media types: what the sender said, else a guess by the name.
//!
//! What the sender said is in the file's record; a copy is kept with the file itself in an extended attribute, so that
//! GET needs no record and the type survives moves by other programs.

use std::fs::File;
use terms::LogicalPath;

/// The longest media type that is kept: two names of 127 characters (RFC 6838 §4.2), the slash and one parameter.
pub(crate) const MAX_BYTES: usize = 320;

/// The attribute that desktops use for the same.
const ATTRIBUTE: &str = "user.mime_type";

/// By suffix, lower case: what is met in data archives, and what a browser should show rather than save.
const BY_SUFFIX: &[(&str, &str)] = &[
    ("avro", "application/avro"),
    ("bz2", "application/x-bzip2"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("fit", "application/fits"),
    ("fits", "application/fits"),
    ("fts", "application/fits"),
    ("fz", "application/fits"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("h5", "application/x-hdf5"),
    ("hdf5", "application/x-hdf5"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("log", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("nc", "application/netcdf"),
    ("parquet", "application/vnd.apache.parquet"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("root", "application/x-root"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("toml", "application/toml"),
    ("txt", "text/plain; charset=utf-8"),
    ("xml", "application/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// By the name alone.
pub fn guess(path: &LogicalPath) -> &'static str {
    let suffix = path.name().rsplit_once('.').map_or("", |(_, suffix)| suffix).to_ascii_lowercase();
    BY_SUFFIX
        .binary_search_by_key(&suffix.as_str(), |(known, _)| known)
        .map_or("application/octet-stream", |at| BY_SUFFIX[at].1)
}

/// Keeps what the sender said, where the name does not say it already. A file system without attributes loses it for
/// GET, nothing more: it is in the record too.
pub(crate) fn remember(file: &File, path: &LogicalPath, media_type: &str) {
    if guess(path) != media_type {
        let _ = rustix::fs::fsetxattr(file, ATTRIBUTE, media_type.as_bytes(), rustix::fs::XattrFlags::empty());
    }
}

/// What the sender said, else the guess.
pub(crate) fn of(file: &File, path: &LogicalPath) -> String {
    let mut value = [0; MAX_BYTES];
    match rustix::fs::fgetxattr(file, ATTRIBUTE, &mut value[..]) {
        Ok(length) => match std::str::from_utf8(&value[..length]) {
            Ok(text) if !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => text.to_owned(),
            _ => guess(path).to_owned(),
        },
        Err(_) => guess(path).to_owned(),
    }
}

/// Does a browser show it without running anything that is in it? Unknown types are not called harmless. Browsers read the
/// types without regard to case, and of several with commas between they take the last (Fetch, "extract a MIME type").
pub(crate) fn is_harmless(media_type: &str) -> bool {
    const PICTURES: [&str; 8] = ["avif", "bmp", "gif", "jpeg", "png", "tiff", "webp", "x-icon"];
    let kind = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_picture = || kind.strip_prefix("image/").is_some_and(|name| PICTURES.contains(&name));
    !media_type.contains(',')
        && (is_picture()
            || kind.starts_with("audio/")
            || kind.starts_with("video/")
            || matches!(kind.as_str(), "application/octet-stream" | "application/fits" | "text/plain"))
}

#[cfg(test)]
mod tests;

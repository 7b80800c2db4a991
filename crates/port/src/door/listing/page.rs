//! The listing as a page for people, which programs that follow links can read too.

use super::Row;
use crate::door::View;
use askama::Template;
use base64::Engine as _;
use http::HeaderValue;
use std::sync::LazyLock;
use terms::{ByteSize, LogicalPath};

/// Everything that the page looks like. Its hash goes into the content security policy, which allows nothing else.
const STYLE: &str = include_str!("../../../templates/folder.css");

/// Nothing is loaded, run, framed or sent from this page, whatever a file name says.
pub(super) static SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    let text = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template)]
#[template(path = "folder.html")]
struct Page<'a> {
    style: &'static str,
    path: &'a str,
    crumbs: Vec<Crumb<'a>>,
    parent: Option<String>,
    rows: Vec<Line>,
    next: Option<String>,
    summary: String,
}

struct Crumb<'a> {
    name: &'a str,
    /// Relative: the page works behind any prefix.
    href: String,
}

struct Line {
    name: String,
    href: String,
    is_folder: bool,
    size: String,
    bytes: u64,
    modified: String,
    /// One digest, for a glance.
    digest: String,
    /// All of them.
    digests: String,
}

/// Renders the page. Without a slash at the end of its address, links start one folder higher, and say so.
pub(super) fn render(
    view: &View,
    folder: &LogicalPath,
    trailing_slash: bool,
    rows: &[Row],
    next: Option<&str>,
) -> Result<String, askama::Error> {
    let above = view.home().segments().count();
    let depth = folder.segments().count().saturating_sub(above);
    let start = match (trailing_slash, folder.is_root()) {
        (true, _) => String::new(),
        (false, true) => format!("{}/", view.last_of_prefix()),
        (false, false) => format!("{}/", encode(folder.name())),
    };
    let crumbs = folder.segments().skip(above).enumerate();
    let crumbs = crumbs.map(|(at, name)| Crumb { name, href: up(&start, depth - at - 1) });
    let home = Crumb { name: view.home_name(), href: up(&start, depth) };
    let bytes: u64 = rows.iter().map(|row| row.size_bytes).fold(0, u64::saturating_add);
    let more = if next.is_some() { " on this page" } else { "" };
    Page {
        style: STYLE,
        path: view.shown(folder).as_str(),
        crumbs: std::iter::once(home).chain(crumbs).collect(),
        parent: (folder != view.home()).then(|| up(&start, 1)),
        rows: rows.iter().map(|row| line(&start, row)).collect(),
        next: next.map(|name| format!("{start}?after={}", super::query_value(name))),
        summary: format!("{} entries{more}, {}", rows.len(), ByteSize(bytes)),
    }
    .render()
}

/// So many folders up.
fn up(start: &str, levels: usize) -> String {
    if levels == 0 && start.is_empty() { "./".to_owned() } else { format!("{start}{}", "../".repeat(levels)) }
}

/// A name as the first segment of a relative link.
fn encode(name: &str) -> String {
    let encoded = LogicalPath::root().join(name).map(|path| path.to_url_path()[1..].to_owned()).unwrap_or_default();
    // A colon in the first segment would make a scheme of what is before it (RFC 3986 §4.2).
    if encoded.contains(':') { format!("./{encoded}") } else { encoded }
}

fn line(start: &str, row: &Row) -> Line {
    let slash = if row.is_folder { "/" } else { "" };
    let all: Vec<String> = row.digests.iter().map(ToString::to_string).collect();
    Line {
        name: format!("{}{slash}", row.name),
        href: format!("{start}{}{slash}", encode(&row.name)),
        is_folder: row.is_folder,
        size: ByteSize(row.size_bytes).to_string(),
        bytes: row.size_bytes,
        modified: row.modified.to_string(),
        digest: all.first().cloned().unwrap_or_default(),
        digests: all.join("\n"),
    }
}

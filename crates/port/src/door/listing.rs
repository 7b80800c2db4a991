//! Folder listings: a page for people and for programs that follow links, JSON for all others.

mod page;
mod records;
#[cfg(test)]
mod tests;

pub(crate) use records::FolderRecords;

use super::{DataRequest, Door, problem};
use crate::store::{Entry, Metadata};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use net::Body;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use std::collections::BTreeMap;
use terms::{DigestSet, LogicalPath, Problem, Timestamp, Verb};

/// Entries of one page or answer at most: 10,000 rows make some 3 MB, which browsers still show at once. Programs that
/// read links but no queries (rclone's `http` remote) see a whole folder up to this size.
const MAX_ENTRIES: usize = 10_000;
/// Entries of one JSON answer, when the caller does not say: some 300 kB.
const USUAL_JSON_ENTRIES: usize = 1_000;

/// Answers GET and HEAD of a folder.
pub async fn respond(door: &Door, data: &DataRequest, folder: Metadata) -> Result<Response<Body>, Problem> {
    debug_assert!(folder.is_folder(), "listings are of folders");
    let DataRequest { path, trailing_slash, principal, view, parts, .. } = data;
    door.authorise(principal, Verb::List, path, None).await?;
    let form = Form::of(&parts.headers);
    if form == Form::Page && !*trailing_slash && accepts(&parts.headers, "text/html") {
        // Only browsers: they resolve the page's relative links. Programs of this field take a redirect for a failure.
        return Ok(redirect(&view.href(path), parts.uri.query()));
    }
    let ask = Ask::read(parts.uri.query(), form)?;
    if parts.method == Method::HEAD {
        return Ok(form.response(Body::empty()));
    }
    let (rows, next) = rows(door, path, principal, &ask).await?;
    let text = match form {
        Form::Page => page::render(view, path, *trailing_slash, &rows, next.as_deref())
            .map_err(|error| problem::ours(format!("the page of {path} could not be made: {error}")))?,
        Form::Json => json(&view.shown(path), rows, next)?,
    };
    Ok(form.response(Body::full(text)))
}

/// How the caller wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Page,
    Json,
}

impl Form {
    /// JSON when it is named and HTML is not: browsers name HTML, programs that want JSON do not.
    fn of(headers: &HeaderMap) -> Self {
        if accepts(headers, "application/json") && !accepts(headers, "text/html") { Self::Json } else { Self::Page }
    }

    fn response(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let kind = match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Json => "application/json",
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
        // It may differ the next moment; asking again costs little.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self == Self::Page {
            headers.insert(header::CONTENT_SECURITY_POLICY, page::SECURITY_POLICY.clone());
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        }
        response
    }
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let name = range.split(';').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case(media_type)
    })
}

/// Which part of a folder is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Ask {
    limit: usize,
    /// Names up to this one were seen already.
    after: Option<String>,
}

impl Ask {
    fn read(query: Option<&str>, form: Form) -> Result<Self, Problem> {
        let usual = if form == Form::Json { USUAL_JSON_ENTRIES } else { MAX_ENTRIES };
        let mut ask = Self { limit: usual, after: None };
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8_lossy();
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_ENTRIES).contains(limit));
                    ask.limit = limit.ok_or_else(|| bad_limit(&value))?;
                }
                "after" => ask.after = Some(value.into_owned()),
                // Queries of other servers (`?C=M;O=D`), met in old links, ask for nothing that we have.
                _ => {}
            }
        }
        Ok(ask)
    }
}

fn bad_limit(value: &str) -> Problem {
    problem::caller(
        400,
        "bad-query",
        "The query cannot be understood",
        format!("limit={} is not a number from 1 to {MAX_ENTRIES}.", value.chars().take(40).collect::<String>()),
        "Change the limit, and follow `next` for what comes after.",
    )
}

fn query_value(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// One entry, as both forms need it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    name: String,
    is_folder: bool,
    size_bytes: u64,
    modified: Timestamp,
    etag: Option<String>,
    digests: DigestSet,
}

/// One page of a folder by name, and the name that the next page comes after.
async fn rows(
    door: &Door,
    folder: &LogicalPath,
    who: &terms::Principal,
    ask: &Ask,
) -> Result<(Vec<Row>, Option<String>), Problem> {
    let mut entries = door.namespaces().list(folder).await?;
    let all = entries.len();
    if let Some(after) = &ask.after {
        entries.retain(|entry| entry.name > *after);
    }
    entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    let mut records = FolderRecords::new(folder, all);
    let mut rows: Vec<Row> = Vec::new();
    for entry in entries {
        let Ok(path) = folder.join(&entry.name) else { continue };
        let (may_stat, record) = records.consider(door, who, Verb::Stat, &path, &entry).await?;
        if !may_stat.allows() {
            continue;
        }
        if rows.len() == ask.limit {
            let last = rows.last().map(|row| row.name.clone());
            return Ok((rows, last));
        }
        let record = match record {
            Some(record) => record,
            None => records.take(door, &path, &entry).await?,
        };
        rows.push(row(entry, record.map(|record| record.digests).unwrap_or_default()));
    }
    Ok((rows, None))
}

fn row(entry: Entry, digests: DigestSet) -> Row {
    let Entry { name, metadata } = entry;
    let is_folder = metadata.is_folder();
    let etag = (!is_folder).then(|| metadata.etag());
    Row { name, is_folder, size_bytes: metadata.size_bytes, modified: metadata.modified, etag, digests }
}

/// The listing for programs. Stable: fields are added, never changed.
#[derive(Serialize)]
struct Listing<'a> {
    path: &'a str,
    entries: Vec<ListedEntry>,
    /// Ask again with `?after=` this; null at the end.
    next: Option<String>,
}

#[derive(Serialize)]
struct ListedEntry {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// Algorithm to hexadecimal value, those that are known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    digests: BTreeMap<&'static str, String>,
}

fn json(path: &LogicalPath, rows: Vec<Row>, next: Option<String>) -> Result<String, Problem> {
    let entries = rows.into_iter().map(|row| ListedEntry {
        name: row.name,
        kind: if row.is_folder { "folder" } else { "file" },
        size_bytes: (!row.is_folder).then_some(row.size_bytes),
        modified: row.modified.to_string(),
        etag: row.etag,
        digests: row.digests.iter().map(|digest| (digest.algorithm().name(), digest.to_hex())).collect(),
    });
    let listing = Listing { path: path.as_str(), entries: entries.collect(), next };
    serde_json::to_string(&listing).map_err(|error| problem::ours(format!("a listing could not be written: {error}")))
}

fn redirect(href: &str, query: Option<&str>) -> Response<Body> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{href}/{query}");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

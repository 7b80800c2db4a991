//! GET and HEAD of a file.

use super::problem;
use super::rights::Considered;
use super::traffic::{Outcome, Transfer};
use super::{DataRequest, Door, Place, digests, listing, media};
use crate::door::write::put_tag;
use crate::store::Metadata;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use net::{Body, BodyEnd, FileSlice, Part};
use port_core::http::conditional::{Conditions, Current, Verdict};
use port_core::http::digest::Wanted;
use port_core::http::range::{ContentRange, Multipart, Ranges, Selection, Slice};
use std::fs::File;
use std::io::IoSliceMut;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};
use terms::{Problem, Timestamp, Verb};

/// A file up to this length is read on the spot and sent together with its head: one write instead of several.
const SMALL_BYTES: u64 = 64 * 1024;

/// Asks for, and is, the trailer that says whether all went well (XRootD, Pelican).
const TRANSFER_STATUS: HeaderName = HeaderName::from_static("x-transfer-status");

/// Answers GET and HEAD. A folder is handed to its listing.
pub(crate) async fn respond(door: &Door, data: DataRequest) -> Result<Response<Body>, Problem> {
    let is_head = data.parts.method == Method::HEAD;
    let (who, path) = (&data.principal, &data.path);
    let verb = if is_head { Verb::Stat } else { Verb::Read };
    let Some(may_read) = door.consider_unseen(who, verb, path).await? else {
        return Box::pin(respond_knowing(door, data, verb)).await;
    };
    if may_read.hides() {
        may_read.settle(door)?;
    }
    match open(door, &data).await {
        Ok(opened) => {
            may_read.settle(door)?;
            send(door, &data, opened).await
        }
        Err(problem) => Box::pin(folder(door, &data, problem, may_read)).await,
    }
}

/// The same where rules must know the file: it is opened first, so that they judge the very bytes that are then sent.
async fn respond_knowing(door: &Door, data: DataRequest, verb: Verb) -> Result<Response<Body>, Problem> {
    let (who, path) = (&data.principal, &data.path);
    let opened = open(door, &data).await;
    let may_read = match &opened {
        Ok((_, _, metadata)) => door.consider_found(who, verb, path, *metadata).await?,
        Err(_) => door.consider(who, verb, path, None).await?,
    };
    match opened {
        Ok(opened) => {
            may_read.settle(door)?;
            send(door, &data, opened).await
        }
        Err(problem) => {
            if may_read.hides() {
                may_read.settle(door)?;
            }
            folder(door, &data, problem, may_read).await
        }
    }
}

/// A file that is open, and what it is.
type Opened = (Place, Arc<File>, Metadata);

async fn open(door: &Door, data: &DataRequest) -> Result<Opened, Problem> {
    let place = door.namespaces().resolve(&data.path)?;
    let opened = place.open().await;
    let (file, metadata) = opened.map_err(|error| problem::of_io(&error, "open", &data.path))?;
    Ok((place, Arc::new(file), metadata))
}

/// It cannot be opened as a file: perhaps it is a folder.
async fn folder(
    door: &Door,
    data: &DataRequest,
    otherwise: Problem,
    may_read: Considered<'_>,
) -> Result<Response<Body>, Problem> {
    if matches!(otherwise.status, 404 | 405)
        && let Ok(found) = door.namespaces().stat(&data.path).await
        && found.is_folder()
    {
        return listing::respond(door, data, found).await;
    }
    // Nothing is there. Whoever may look at the name is told so, too.
    let may_stat = door.consider(&data.principal, Verb::Stat, &data.path, None).await?;
    let counts = [may_read, may_stat].into_iter().find(Considered::allows);
    match counts {
        Some(counts) => counts.witness(door),
        None => door.authorise(&data.principal, Verb::List, &data.path, None).await?,
    }
    Err(otherwise)
}

async fn send(door: &Door, data: &DataRequest, opened: Opened) -> Result<Response<Body>, Problem> {
    let (place, file, metadata) = opened;
    // A slash at the end means a folder, and this is none.
    if data.trailing_slash {
        return Err(problem::not_found(&place.path));
    }
    let conditions = Conditions::read(data.headers());
    let tag = metadata.entity_tag();
    let verdict = match conditions.is_empty() {
        true => Verdict::Proceed,
        false => conditions.evaluate(true, Some(Current { tag: &tag, modified: metadata.modified })),
    };
    let mut headers = HeaderMap::with_capacity(12);
    put_tag(&mut headers, &metadata);
    headers.insert(header::LAST_MODIFIED, text(metadata.modified.to_http_date()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !data.principal.is_anonymous() {
        // A cache between us would keep it for others, where a certificate or a cookie opened it (RFC 9111 §3.5 thinks of
        // `Authorization` alone).
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    match verdict {
        Verdict::NotModified => return Ok(bare(StatusCode::NOT_MODIFIED, headers)),
        Verdict::PreconditionFailed => return Err(problem::precondition_failed(&place.path, Some(&metadata))),
        Verdict::Proceed | Verdict::IgnoreRange => {}
    }
    let wanted = Wanted::read(data.headers());
    if !wanted.is_empty() {
        let known = Box::pin(digests::of_file(door, &place, &file, &metadata, &wanted.algorithms())).await?;
        wanted.answer(&known, &mut headers);
    }
    let media_type = media::of(&file, &place.path);
    // RFC 9110 §14.2: Range is defined for GET alone.
    let asks_ranges = data.parts.method == Method::GET && verdict == Verdict::Proceed;
    let ranges = if asks_ranges { Ranges::read(data.headers()) } else { None };
    let selection = ranges.map_or(Selection::Whole, |ranges| ranges.select(metadata.size_bytes));
    let mut outgoing =
        Outgoing { status: StatusCode::PARTIAL_CONTENT, headers, media_type, parts: Vec::new(), bytes: 0 };
    outgoing.select(selection, &file, &metadata);
    if outgoing.status == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok(bare(outgoing.status, outgoing.headers));
    }
    Ok(outgoing.into_response(door, data))
}

/// An answer being put together.
struct Outgoing {
    status: StatusCode,
    headers: HeaderMap,
    media_type: String,
    parts: Vec<Part>,
    bytes: u64,
}

impl Outgoing {
    fn select(&mut self, selection: Selection, file: &Arc<File>, metadata: &Metadata) {
        let size_bytes = metadata.size_bytes;
        let part =
            |slice: Slice| Part::File(FileSlice { file: Arc::clone(file), offset: slice.offset, len: slice.length });
        match selection {
            Selection::Whole => {
                self.status = StatusCode::OK;
                self.bytes = size_bytes;
                let whole = (size_bytes > 0).then_some(Slice { offset: 0, length: size_bytes });
                self.parts = whole.map(part).into_iter().collect();
            }
            Selection::Single(slice) => {
                self.bytes = slice.length;
                self.parts = vec![part(slice)];
                self.headers.insert(header::CONTENT_RANGE, text(ContentRange::of(slice, size_bytes).to_string()));
            }
            Selection::Several(slices) => {
                // 122 random bits: they occur in no file by chance.
                let boundary = uuid::Uuid::now_v7().simple().to_string();
                let multipart = Multipart::new(&boundary, &self.media_type, size_bytes, &slices);
                for (head, slice) in multipart.heads().iter().zip(&slices) {
                    self.parts.push(Part::Bytes(Bytes::copy_from_slice(head.as_bytes())));
                    self.parts.push(part(*slice));
                }
                self.parts.push(Part::Bytes(multipart.tail().into()));
                self.bytes = multipart.length_bytes();
                self.media_type = multipart.content_type();
            }
            Selection::NotSatisfiable => {
                self.status = StatusCode::RANGE_NOT_SATISFIABLE;
                self.headers.insert(header::CONTENT_RANGE, text(ContentRange::unsatisfied(size_bytes).to_string()));
            }
        }
    }

    fn into_response(mut self, door: &Door, data: &DataRequest) -> Response<Body> {
        // What somebody put here must not act as the person who looks at it: it is shown in an origin of its own, where
        // no session counts, and is never taken for something else than what it is called.
        if !media::is_harmless(&self.media_type) {
            self.headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        }
        self.headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.headers.insert(header::CONTENT_TYPE, text(std::mem::take(&mut self.media_type)));
        let is_head = data.parts.method == Method::HEAD;
        let wants_status = !is_head && wants_transfer_status(data.headers());
        if !wants_status {
            self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.bytes));
        }
        let body = match is_head {
            true => Body::empty(),
            false => self.body(door, data),
        };
        let body = if wants_status {
            self.headers.insert(header::TRAILER, HeaderValue::from_static("X-Transfer-Status"));
            body.with_trailers(transfer_status)
        } else {
            body
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    fn body(&mut self, door: &Door, data: &DataRequest) -> Body {
        let started = Instant::now();
        if let [Part::File(slice)] = &self.parts[..]
            && slice.len <= SMALL_BYTES
            && let Some(bytes) = read_cached(slice)
        {
            self.parts = vec![Part::Bytes(bytes)];
        }
        let door = door.clone();
        let path = data.path.clone();
        let who = data.principal.to_string();
        let peer = data.peer.as_ref().map(|peer| peer.address);
        door.traffic().active_sending.fetch_add(1, Ordering::Relaxed);
        Body::parts(std::mem::take(&mut self.parts)).on_end(move |end: BodyEnd| {
            let traffic = door.traffic();
            traffic.active_sending.fetch_sub(1, Ordering::Relaxed);
            traffic.sent_bytes.fetch_add(end.bytes_sent, Ordering::Relaxed);
            door.usage().add(&who, end.bytes_sent);
            traffic.remember(Transfer {
                ended: Timestamp::from(SystemTime::now()),
                who,
                peer,
                verb: "GET",
                path,
                bytes: end.bytes_sent,
                duration: started.elapsed(),
                outcome: if end.complete { Outcome::Complete } else { Outcome::Broken },
            });
        })
    }
}

/// Reads what is in the page cache; `None` when the disk would have to be asked, or the file has changed its length. The
/// body reads it then.
fn read_cached(slice: &FileSlice) -> Option<Bytes> {
    let mut buffer = vec![0; usize::try_from(slice.len).ok()?];
    let flags = rustix::io::ReadWriteFlags::NOWAIT;
    let count = rustix::io::preadv2(&*slice.file, &mut [IoSliceMut::new(&mut buffer)], slice.offset, flags).ok()?;
    (count == buffer.len()).then(|| buffer.into())
}

/// The client must say both that it reads trailers and that it wants this one.
fn wants_transfer_status(headers: &HeaderMap) -> bool {
    let reads_trailers = headers.get_all(header::TE).iter().any(|value| {
        value.to_str().is_ok_and(|text| text.split(',').any(|one| one.trim().eq_ignore_ascii_case("trailers")))
    });
    reads_trailers && headers.get(TRANSFER_STATUS).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn transfer_status(complete: bool) -> HeaderMap {
    let status = if complete { "200: OK" } else { "500: the file could not be read to its end" };
    HeaderMap::from_iter([(TRANSFER_STATUS, HeaderValue::from_static(status))])
}

fn bare(status: StatusCode, headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Dates, ranges and media types are printable ASCII by their making.
fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

//! PUT: a file comes in whole.

use super::dav::locks::{self, Touch};
use super::problem::{self, caller};
use super::rights::About;
use super::traffic::{Active, Outcome, Transfer};
use super::{DataRequest, Door, Place, Said, attributes, upload};
use crate::staging::{Ending, Limits, Publication, Published, Writer, check_conditions, receive, too_large};
use crate::store::Metadata;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use net::{Body, RequestBody};
use port_core::http::conditional::Conditions;
use port_core::http::digest;
use port_core::http::resumable::UploadRequest;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};
use terms::{Attributes, DigestSet, LogicalPath, Principal, Problem, Timestamp, Verb};

/// Asks that the file keep this modification time, in seconds since 1970; of the ownCloud family, sent by rclone and by
/// our client.
pub(crate) const OC_MTIME: HeaderName = HeaderName::from_static("x-oc-mtime");

/// From this length on the free room is asked for before the first byte is taken.
const ASK_ROOM_FROM_BYTES: u64 = 1024 * 1024;

/// What a PUT may do and must keep to, known before its body is read.
pub(crate) struct Intake {
    pub(crate) place: Place,
    pub(crate) may_replace: bool,
    /// May the sender replace files of this name, apart from what this request is about?
    pub(crate) may_modify: bool,
    /// What the decision about replacing was about.
    pub(crate) judged: About,
    pub(crate) conditions: Conditions,
    pub(crate) claimed: DigestSet,
    pub(crate) media_type: Option<String>,
    pub(crate) modified: Option<Timestamp>,
    pub(crate) announced: Option<u64>,
    pub(crate) attributes: Attributes,
    /// The longest body that this caller may send.
    pub(crate) max_bytes: u64,
}

/// Answers PUT.
pub(crate) async fn put(door: &Door, data: DataRequest) -> Result<Response<Body>, Problem> {
    let request = UploadRequest::read(data.headers());
    if request.begins_upload() {
        return upload::create(door, data, request).await;
    }
    let started = Instant::now();
    let intake = prepare(door, &data).await?;
    let (who, peer) = (data.principal.to_string(), data.peer.as_ref().map(|peer| peer.address));
    let path = data.path.clone();
    let asked_mtime = intake.modified.is_some();
    let mut bytes = 0;
    let outcome = take(door, data.parts.headers, data.body, data.principal, intake, &mut bytes).await;
    door.traffic().remember(Transfer {
        ended: Timestamp::from(SystemTime::now()),
        who,
        peer,
        verb: "PUT",
        path,
        bytes,
        duration: started.elapsed(),
        outcome: outcome.as_ref().map_or_else(|problem| Outcome::Failed(problem.kind), |_| Outcome::Complete),
    });
    outcome.map(|published| answer(&published, asked_mtime))
}

/// Everything that can be refused before the body is asked for: `Expect: 100-continue` then saves it from being sent.
pub(crate) async fn prepare(door: &Door, data: &DataRequest) -> Result<Intake, Problem> {
    let path = &data.path;
    let announced = match UploadRequest::read(data.headers()) {
        // The length of this request's body is not that of the file.
        request if request.begins_upload() => request.length,
        _ => content_length(data.headers()),
    };
    let may_create = door.consider_body(&data.principal, Verb::Create, path, announced).await?;
    let may_modify = door.consider_body(&data.principal, Verb::Modify, path, announced).await?;
    // Whoever may do neither does not learn what is there.
    if !may_modify.allows() && !may_create.allows() {
        may_create.settle(door)?;
    }
    if data.trailing_slash || path.is_root() {
        return Err(problem::is_folder("write", path));
    }
    if data.headers().contains_key(header::CONTENT_RANGE) {
        return Err(content_range(path));
    }
    let place = door.namespaces().resolve(path)?;
    let there = place.stat_if_there().await.map_err(|error| problem::of_io(&error, "write", path))?;
    match &there {
        Some(found) if found.is_folder() => return Err(problem::is_folder("write", path)),
        Some(_) => drop(may_modify.settle(door)?),
        None => {
            may_create.settle(door)?;
            check_parent(door, path).await?;
        }
    }
    let touch = if there.is_some() { Touch::Content } else { Touch::Name };
    locks::check_write(door, path, data.headers(), &data.principal, touch).await?;
    let conditions = Conditions::read(data.headers());
    check_conditions(path, there.as_ref(), &conditions)?;
    check_room(door, path, announced)?;
    let attributes = attributes::asked(data.headers(), path)?;
    if !may_modify.allows() {
        let asked = attributes::check_asked(&attributes, &place.namespace, path);
        asked.inspect_err(|_| may_modify.witness(door))?;
    }
    Ok(Intake {
        place,
        may_replace: may_modify.allows(),
        may_modify: may_modify.allows(),
        judged: may_modify.about(),
        conditions,
        claimed: digest::claimed(data.headers()).map_err(|error| invalid_claim(path, &error))?,
        media_type: media_type(data.headers()),
        modified: asked_modified(data.headers()),
        announced,
        attributes,
        max_bytes: door.most_bytes(&data.principal),
    })
}

/// Takes the body, verifies it, publishes it.
async fn take(
    door: &Door,
    headers: HeaderMap,
    body: RequestBody,
    principal: Principal,
    mut intake: Intake,
    bytes: &mut u64,
) -> Result<Published, Problem> {
    let path = intake.place.path.clone();
    let failed = |error: io::Error| problem::of_io(&error, "stage", &path);
    let staged = door.area().create(intake.announced).map_err(failed)?;
    let writer = Arc::new(Writer::new(staged, &algorithms(&intake)));
    let received = {
        let _active = Active::begin(&door.traffic().active_receiving);
        let limits = Limits { max_bytes: intake.max_bytes, ..door.limits(intake.announced) };
        receive(&writer, body, limits, None).await.map_err(failed)?
    };
    *bytes = received.bytes;
    door.usage().add(principal.name(), received.bytes);
    door.traffic().received_bytes.fetch_add(received.bytes, Ordering::Relaxed);
    match received.ending {
        Ending::Whole => {}
        Ending::Broken(problem) | Ending::TooLong(problem) => return Err(problem),
        Ending::Superseded => return Err(problem::ours("A plain upload was superseded.")),
    }
    if let Some(trailers) = &received.trailers {
        let late = digest::claimed(trailers).map_err(|error| invalid_claim(&path, &error))?;
        late.iter().for_each(|digest| intake.claimed.insert(*digest));
    }
    if received.bytes > crate::staging::INLINE_BYTES as u64 {
        // Somebody may have locked the file while its bytes came.
        let touch = if intake.may_replace { Touch::Content } else { Touch::Name };
        locks::check_write(door, &path, &headers, &principal, touch).await?;
    }
    publish(door, writer, received.small, intake, principal.to_string()).await
}

/// Verifies what is staged against what was claimed, and hands it to the publisher.
pub(crate) async fn publish(
    door: &Door,
    writer: Arc<Writer>,
    small: Option<Vec<Bytes>>,
    intake: Intake,
    publisher: String,
) -> Result<Published, Problem> {
    let path = &intake.place.path;
    let digests = writer.digests();
    if let Some((ours, claimed)) = digests.contradiction(&intake.claimed) {
        door.traffic().digest_mismatches.fetch_add(1, Ordering::Relaxed);
        return Err(caller(
            400,
            "digest-mismatch",
            "The digest does not match",
            format!("Of {path} {claimed} was claimed, and the bytes that arrived have {ours}. Nothing of it was kept."),
            "Send it again; if it stays so, compute the digest of your copy anew.",
        ));
    }
    let failed = |error: io::Error| problem::of_io(&error, "publish", path);
    if let Some(modified) = intake.modified {
        writer.set_modified(modified).map_err(failed)?;
    }
    if let Some(media_type) = &intake.media_type {
        super::media::remember(writer.staged().file(), path, media_type);
    }
    let writer = Arc::into_inner(writer).ok_or_else(|| problem::ours("A finished upload is still being written."))?;
    let publication = Publication {
        place: intake.place.clone(),
        staged: writer.into_staged(),
        body: small,
        digests,
        media_type: intake.media_type,
        publisher,
        said: Said::Import { asked: intake.attributes, may_modify: intake.may_modify },
        conditions: intake.conditions,
        may_replace: intake.may_replace,
        judged: intake.judged,
    };
    door.publisher()?.publish(publication).await
}

/// 201 or 204 with the tag and the digests.
pub(crate) fn answer(published: &Published, asked_mtime: bool) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = if published.created { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    let headers = response.headers_mut();
    put_tag(headers, &published.metadata);
    if let Some(value) = digest::write_digest(&published.digests) {
        headers.insert(digest::DIGEST, value);
    }
    if let Some(value) = digest::write_repr_digest(&published.digests) {
        headers.insert(digest::REPR_DIGEST, value);
    }
    if asked_mtime {
        headers.insert(OC_MTIME, HeaderValue::from_static("accepted"));
    }
    response
}

/// `ETag`.
pub(crate) fn put_tag(headers: &mut HeaderMap, metadata: &Metadata) {
    if let Ok(tag) = HeaderValue::try_from(metadata.etag()) {
        headers.insert(header::ETAG, tag);
    }
}

/// The digests to compute: those of the namespace, and those that were claimed.
pub(crate) fn algorithms(intake: &Intake) -> Vec<terms::Algorithm> {
    let mut all = intake.place.namespace.algorithms.clone();
    all.extend(intake.claimed.iter().map(terms::Digest::algorithm));
    all
}

/// The folder that will hold it must be there (RFC 4918 §9.7.1).
pub(crate) async fn check_parent(door: &Door, path: &LogicalPath) -> Result<(), Problem> {
    let Some(parent) = path.parent() else { return Ok(()) };
    match door.namespaces().stat(&parent).await {
        Ok(found) if found.is_folder() => Ok(()),
        Ok(_) => Err(problem::no_parent(path)),
        Err(problem) if problem.status == 404 => Err(problem::no_parent(path)),
        Err(problem) => Err(problem),
    }
}

fn check_room(door: &Door, path: &LogicalPath, announced: Option<u64>) -> Result<(), Problem> {
    let max_bytes = door.settings().max_file_size_bytes;
    let Some(announced) = announced else { return Ok(()) };
    if announced > max_bytes {
        return Err(too_large(max_bytes));
    }
    if announced >= ASK_ROOM_FROM_BYTES {
        // Only a first word: the reservation of its blocks decides.
        let space = door.area().space().map_err(|error| problem::of_io(&error, "find room for", path))?;
        if space.available_bytes < announced {
            return Err(problem::storage_full("find room for", path));
        }
    }
    Ok(())
}

pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    // What many clients send because they must send something tells less than the file's name.
    let says_nothing = value.is_empty()
        || value == "application/octet-stream"
        || value == "application/x-www-form-urlencoded"
        || value.len() > super::media::MAX_BYTES;
    (!says_nothing).then(|| value.to_owned())
}

/// Whole seconds or with a fraction.
fn asked_modified(headers: &HeaderMap) -> Option<Timestamp> {
    let seconds: f64 = headers.get(OC_MTIME)?.to_str().ok()?.trim().parse().ok()?;
    let is_sane = seconds.is_finite() && seconds.abs() < 9.0e9;
    let whole = seconds.trunc();
    is_sane.then(|| Timestamp::from_nanos((whole as i64) * 1_000_000_000 + ((seconds - whole) * 1e9).round() as i64))
}

fn content_range(path: &LogicalPath) -> Problem {
    caller(
        400,
        "partial-put",
        "A part cannot be put",
        format!("The PUT of {path} has Content-Range (RFC 9110 §14.5): taken for the whole file it would destroy it."),
        "Send the whole file, or use a resumable upload (Upload-Complete: ?0).",
    )
}

fn invalid_claim(path: &LogicalPath, error: &digest::InvalidClaim) -> Problem {
    caller(
        400,
        "invalid-digest",
        "A claimed digest cannot be read",
        format!("For {path}: {error}."),
        "Correct the header, or leave it out.",
    )
}

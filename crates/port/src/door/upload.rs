//! Resumable uploads (draft-ietf-httpbis-resumable-upload, interop version 8): a PUT with `Upload-Complete: ?0` begins
//! one; HEAD, PATCH and DELETE of its address go on from there.
//!
//! The acknowledged offset is the length of the staged file, so that it survives the end of this process; the digests are
//! rebuilt from the file when they are not in memory. 104 responses are not sent: the HTTP library cannot.

use super::problem::{self, caller};
use super::traffic::{Active, Outcome, Transfer};
use super::write::{self, Intake};
use super::{DataRequest, Door, ResponseFacts, View, problem_response};
use crate::staging::{Ending, Received, Writer, receive};
use archive::UploadRecord;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use net::{Body, Peer, RequestBody};
use port_core::http::conditional::{Conditions, TagList};
use port_core::http::digest;
use port_core::http::resumable::{
    self as draft, Accepted, Limits as UploadLimits, Refusal, UploadRequest, UploadState, after_body, decide_append,
    decide_creation,
};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use terms::{LogicalPath, Principal, Problem, StagedId, Timestamp, UploadId, Verb};
use tokio::sync::watch;

/// Where uploads live in URLs.
pub const UPLOADS_PREFIX: &str = "/api/v1/uploads/";

/// How long a request waits for the one before it, of the same upload, to give way: it does so as soon as the batch that
/// it is writing is on its way.
const GIVE_WAY: Duration = Duration::from_secs(30);

/// An upload that nobody asked for in this time gives its open file and digests back; both can be had again.
const FORGET_WRITER_AFTER: Duration = Duration::from_mins(10);

/// How long the address of an upload that became a file still says so: a client whose last answer was lost asks soon.
const REMEMBER_COMPLETED: Duration = Duration::from_hours(1);

/// What all uploads of this process share.
#[derive(Default)]
pub(crate) struct Uploads {
    known: Mutex<HashMap<UploadId, Arc<Upload>>>,
}

struct Upload {
    record: Mutex<UploadRecord>,
    /// Held by the one request at work. `None`: to be opened again from the staged file.
    writer: tokio::sync::Mutex<Option<Arc<Writer>>>,
    /// Counted up by each request, so that the one before gives way.
    newest: watch::Sender<u64>,
    last_used: Mutex<Instant>,
    /// The length of the file that it became.
    completed: OnceLock<u64>,
}

type Slot<'a> = tokio::sync::MutexGuard<'a, Option<Arc<Writer>>>;

impl Upload {
    fn new(record: UploadRecord, writer: Option<Arc<Writer>>) -> Arc<Self> {
        Arc::new(Self {
            record: Mutex::new(record),
            writer: tokio::sync::Mutex::new(writer),
            newest: watch::Sender::new(0),
            last_used: Mutex::new(Instant::now()),
            completed: OnceLock::new(),
        })
    }

    fn record(&self) -> MutexGuard<'_, UploadRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle_for(&self) -> Duration {
        self.last_used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Has the request before give way, and takes its place.
    async fn take_turn(&self) -> Result<Slot<'_>, Problem> {
        self.newest.send_modify(|count| *count += 1);
        self.touch();
        let Ok(slot) = tokio::time::timeout(GIVE_WAY, self.writer.lock()).await else { return Err(busy()) };
        if let Some(writer) = &*slot {
            writer.settled().await;
        }
        Ok(slot)
    }
}

impl Uploads {
    fn known(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Upload>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, id: UploadId) {
        self.known().remove(&id);
    }
}

/// A refusal with what only uploads tell.
enum Refused {
    Plain(Problem),
    Draft(Refusal),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Plain(problem)
    }
}

/// Answers a PUT with `Upload-Complete: ?0`.
pub(crate) async fn create(door: &Door, data: DataRequest, request: UploadRequest) -> Result<Response<Body>, Problem> {
    let mut intake = write::prepare(door, &data).await?;
    intake.claimed = claimed_of_whole(data.headers())?;
    let accepted = decide_creation(&request, &limits(door, &data.principal)).map_err(|refusal| refusal.problem())?;
    let path = data.path.clone();
    let failed = |error: io::Error| problem::of_io(&error, "stage", &path);
    let staged = door.area().create(accepted.length).map_err(failed)?;
    let now = Timestamp::from(SystemTime::now());
    let record = UploadRecord {
        id: UploadId(uuid::Uuid::now_v7()),
        path: path.clone(),
        staged: staged.id(),
        length_bytes: accepted.length,
        claimed: intake.claimed.clone(),
        media_type: intake.media_type.clone(),
        modified: intake.modified,
        principal: data.principal.to_string(),
        overwrite: intake.may_replace && !intake.conditions.is_create_only(),
        created: now,
        expires: now.after(door.settings().upload_lifetime),
        attributes: intake.attributes.clone(),
    };
    let id = record.id;
    door.archive().record_upload(&record).await.map_err(|error| problem::of_archive(&error))?;
    staged.keep();
    let writer = Arc::new(Writer::new(staged, &write::algorithms(&intake)));
    let upload = Upload::new(record, Some(Arc::clone(&writer)));
    door.uploads().known().insert(id, Arc::clone(&upload));
    let mut slot = upload.take_turn().await?;
    let who = data.principal.clone();
    let body = Incoming { who: data.principal, peer: data.peer, body: data.body, verb: "PUT" };
    let state = UploadState { offset: 0, length: accepted.length, complete: false };
    let state = append(door, &upload, &mut slot, body, state, accepted).await.map_err(|refused| match refused {
        Refused::Plain(problem) => problem,
        Refused::Draft(refusal) => refusal.problem(),
    })?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    put(headers, header::LOCATION, format!("{UPLOADS_PREFIX}{id}"));
    put_state(headers, state, door, &who);
    Ok(response)
}

/// Answers a request for the address of an upload.
pub(crate) async fn respond(door: &Door, request: Request<RequestBody>) -> Response<Body> {
    let facts = ResponseFacts::of(request.method(), request.headers());
    let view = request.extensions().get::<View>().cloned().unwrap_or_else(View::whole);
    match serve(door, request).await {
        Ok(response) => response,
        Err(Refused::Plain(problem)) => problem_response(&view.conceal(problem), facts),
        Err(Refused::Draft(refusal)) => refusal_response(&refusal, facts),
    }
}

async fn serve(door: &Door, request: Request<RequestBody>) -> Result<Response<Body>, Refused> {
    let (parts, body) = request.into_parts();
    let who = parts.extensions.get::<Principal>().cloned().unwrap_or(Principal::anonymous());
    let id: UploadId = parts
        .uri
        .path()
        .strip_prefix(UPLOADS_PREFIX)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| no_such_upload(parts.uri.path()))?;
    let upload = find(door, id).await?.ok_or_else(|| no_such_upload(parts.uri.path()))?;
    check_owner(door, &upload, &who, parts.uri.path()).await?;
    match parts.method {
        Method::HEAD => Ok(tell(door, &upload, &who).await?),
        Method::PATCH => {
            let peer = parts.extensions.get::<Peer>().cloned();
            go_on(door, &upload, &parts.headers, Incoming { who, peer, body, verb: "PATCH" }).await
        }
        Method::DELETE => {
            let mut slot = upload.take_turn().await?;
            remove(door, &upload, &mut slot).await?;
            Ok(status(StatusCode::NO_CONTENT))
        }
        Method::OPTIONS => Ok(options(door, &who)),
        method => Err(not_of_an_upload(&method).into()),
    }
}

/// Where the upload stands. Its bytes are made durable first: what is told here, the client will not send again.
async fn tell(door: &Door, upload: &Upload, who: &Principal) -> Result<Response<Body>, Problem> {
    let state = match upload.completed.get() {
        Some(length) => UploadState { offset: *length, length: Some(*length), complete: true },
        None => {
            let mut slot = upload.take_turn().await?;
            let writer = open(door, upload, &mut slot).await?;
            sync(&writer, upload).await?;
            UploadState { offset: writer.offset(), length: upload.record().length_bytes, complete: false }
        }
    };
    let mut response = status(StatusCode::NO_CONTENT);
    put_state(response.headers_mut(), state, door, who);
    Ok(response)
}

/// One PATCH.
async fn go_on(
    door: &Door,
    upload: &Arc<Upload>,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Response<Body>, Refused> {
    let request = UploadRequest::read(headers);
    let mut slot = upload.take_turn().await?;
    let state = match upload.completed.get() {
        Some(length) => UploadState { offset: *length, length: Some(*length), complete: true },
        None => {
            let writer = open(door, upload, &mut slot).await?;
            UploadState { offset: writer.offset(), length: upload.record().length_bytes, complete: false }
        }
    };
    let accepted = match decide_append(&state, &request, &limits(door, &body.who)) {
        Ok(accepted) => accepted,
        Err(refusal) => return Err(Refused::Draft(refusal)),
    };
    let claims = claimed_of_whole(headers)?;
    let record = {
        let mut record = upload.record();
        record.length_bytes = accepted.length;
        claims.iter().for_each(|digest| record.claimed.insert(*digest));
        record.expires = Timestamp::from(SystemTime::now()).after(door.settings().upload_lifetime);
        record.clone()
    };
    door.archive().record_upload(&record).await.map_err(|error| problem::of_archive(&error))?;
    let who = body.who.clone();
    let state = append(door, upload, &mut slot, body, state, accepted).await?;
    if state.complete {
        return Ok(complete(door, upload, &mut slot, &who, state).await?);
    }
    let mut response = status(StatusCode::NO_CONTENT);
    put_state(response.headers_mut(), state, door, &who);
    Ok(response)
}

/// A body on its way in, and from whom.
struct Incoming {
    who: Principal,
    peer: Option<Peer>,
    body: RequestBody,
    verb: &'static str,
}

/// Takes one body to the end of what is there. What came of a body that broke off stays.
async fn append(
    door: &Door,
    upload: &Upload,
    slot: &mut Slot<'_>,
    incoming: Incoming,
    state: UploadState,
    accepted: Accepted,
) -> Result<UploadState, Refused> {
    let started = Instant::now();
    let path = upload.record().path.clone();
    let writer = open(door, upload, slot).await?;
    let mut bounds = door.limits(None);
    bounds.max_bytes = accepted.max_body_bytes;
    let received = {
        let _active = Active::begin(&door.traffic().active_receiving);
        receive(&writer, incoming.body, bounds, Some(upload.newest.subscribe())).await
    };
    upload.touch();
    let outcome = judge(&received, &path);
    let name = incoming.who.to_string();
    door.traffic().remember(Transfer {
        ended: Timestamp::from(SystemTime::now()),
        who: name.clone(),
        peer: incoming.peer.map(|peer| peer.address),
        verb: incoming.verb,
        path: path.clone(),
        bytes: received.as_ref().map_or(0, |received| received.bytes),
        duration: started.elapsed(),
        outcome: outcome.as_ref().map_or_else(|problem| Outcome::Failed(problem.kind), |()| Outcome::Complete),
    });
    if let Err(error) = &received {
        // The file and its digests are out of step: both are read anew, or given up with the room they take.
        drop(writer);
        **slot = None;
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            remove(door, upload, slot).await?;
        }
    }
    let received = received.map_err(|error| problem::of_io(&error, "stage", &path))?;
    door.usage().add(&name, received.bytes);
    door.traffic().received_bytes.fetch_add(received.bytes, Ordering::Relaxed);
    let is_whole = matches!(received.ending, Ending::Whole);
    if matches!(received.ending, Ending::TooLong(_)) {
        // Section 4.4: the upload is of no more use.
        remove(door, upload, slot).await?;
        let max = state.offset.saturating_add(accepted.max_body_bytes);
        return Err(Refused::Draft(Refusal::LengthExceeded { max }));
    }
    outcome?;
    after_body(&state, &accepted, received.bytes, is_whole).map_err(Refused::Draft)
}

fn judge(received: &io::Result<Received>, path: &LogicalPath) -> Result<(), Problem> {
    match received {
        Err(error) => Err(problem::of_io(error, "stage", path)),
        Ok(received) => match &received.ending {
            Ending::Whole => Ok(()),
            Ending::Broken(problem) | Ending::TooLong(problem) => Err(problem.clone()),
            Ending::Superseded => Err(superseded()),
        },
    }
}

/// All bytes are there: the upload becomes the file.
async fn complete(
    door: &Door,
    upload: &Upload,
    slot: &mut Slot<'_>,
    who: &Principal,
    state: UploadState,
) -> Result<Response<Body>, Problem> {
    let record = upload.record().clone();
    let place = door.namespaces().resolve(&record.path)?;
    let size_bytes = Some(state.offset);
    let may_modify = door.consider_body(who, Verb::Modify, &record.path, size_bytes).await?;
    let may_create = door.consider_body(who, Verb::Create, &record.path, size_bytes).await?;
    if !may_modify.allows() && !may_create.allows() {
        // Its length was not known before.
        remove(door, upload, slot).await?;
        may_create.settle(door)?;
    }
    let conditions = Conditions { if_none_match: (!record.overwrite).then_some(TagList::Any), ..Conditions::default() };
    let intake = Intake {
        place,
        may_replace: record.overwrite && may_modify.allows(),
        judged: may_modify.about(),
        may_modify: may_modify.allows(),
        max_bytes: door.most_bytes(who),
        conditions,
        claimed: record.claimed,
        media_type: record.media_type,
        modified: record.modified,
        announced: Some(state.offset),
        attributes: record.attributes,
    };
    let writer = match slot.take() {
        Some(writer) => writer,
        None => return Err(problem::ours("A finished upload has no writer.")),
    };
    match write::publish(door, writer, None, intake, record.principal).await {
        Ok(published) => {
            let _ = upload.completed.set(state.offset);
            door.archive().remove_upload(record.id).await.map_err(|error| problem::of_archive(&error))?;
            let mut response = write::answer(&published, record.modified.is_some());
            put(response.headers_mut(), draft::UPLOAD_COMPLETE, draft::write_boolean(true).to_owned());
            Ok(response)
        }
        // Nothing is wrong with the bytes: the client may ask again with an empty PATCH.
        Err(problem) if problem.status >= 500 && problem.status != 507 => Err(problem),
        Err(problem) => {
            remove(door, upload, slot).await?;
            Err(problem)
        }
    }
}

/// The writer of this upload; after a restart it is made anew by reading what is there.
async fn open(door: &Door, upload: &Upload, slot: &mut Slot<'_>) -> Result<Arc<Writer>, Problem> {
    if let Some(writer) = slot.as_ref() {
        return Ok(Arc::clone(writer));
    }
    let (path, staged, claimed) = {
        let record = upload.record();
        (record.path.clone(), record.staged, record.claimed.clone())
    };
    let mut algorithms = door.namespaces().resolve(&path)?.namespace.algorithms.clone();
    algorithms.extend(claimed.iter().map(terms::Digest::algorithm));
    let area = Arc::clone(door.area());
    let writer = tokio::task::spawn_blocking(move || Writer::resume(area.reopen(staged)?, &algorithms))
        .await
        .map_err(io::Error::other)
        .and_then(|opened| opened)
        .map_err(|error| problem::of_io(&error, "go on with the upload of", &path))?;
    let writer = Arc::new(writer);
    **slot = Some(Arc::clone(&writer));
    Ok(writer)
}

async fn sync(writer: &Arc<Writer>, upload: &Upload) -> Result<(), Problem> {
    let syncing = Arc::clone(writer);
    tokio::task::spawn_blocking(move || syncing.sync())
        .await
        .map_err(io::Error::other)
        .and_then(|synced| synced)
        .map_err(|error| problem::of_io(&error, "sync the upload of", &upload.record().path))
}

/// Ends an upload and frees what it holds.
async fn remove(door: &Door, upload: &Upload, slot: &mut Slot<'_>) -> Result<(), Problem> {
    let (id, staged): (UploadId, StagedId) = {
        let record = upload.record();
        (record.id, record.staged)
    };
    **slot = None;
    door.archive().remove_upload(id).await.map_err(|error| problem::of_archive(&error))?;
    door.uploads().forget(id);
    let area = Arc::clone(door.area());
    let removed = tokio::task::spawn_blocking(move || area.remove(staged)).await;
    if !matches!(removed, Ok(Ok(()))) {
        tracing::warn!("could not remove the staged bytes {staged} of an upload; the next start does");
    }
    Ok(())
}

async fn find(door: &Door, id: UploadId) -> Result<Option<Arc<Upload>>, Problem> {
    if let Some(upload) = door.uploads().known().get(&id) {
        return Ok(Some(Arc::clone(upload)));
    }
    let record = door.archive().upload(id).await.map_err(|error| problem::of_archive(&error))?;
    // Somebody else may have found it at the same time: one of the two must be the upload.
    Ok(record.map(|record| Arc::clone(door.uploads().known().entry(id).or_insert_with(|| Upload::new(record, None)))))
}

/// For anybody but whoever began it there is no such upload.
async fn check_owner(door: &Door, upload: &Upload, who: &Principal, address: &str) -> Result<(), Problem> {
    let record = upload.record().clone();
    if record.principal != who.to_string() {
        return Err(no_such_upload(address));
    }
    // Its rights may have been taken away meanwhile.
    let may_create = door.consider_body(who, Verb::Create, &record.path, record.length_bytes).await?;
    let may_modify = door.consider_body(who, Verb::Modify, &record.path, record.length_bytes).await?;
    let counts = if may_create.allows() { may_create } else { may_modify };
    counts.settle(door).map(drop)
}

/// Sweeps uploads whose time is over, and gives back what idle ones hold.
pub(crate) async fn sweep(door: &Door) {
    let now = Timestamp::from(SystemTime::now());
    let all: Vec<Arc<Upload>> = door.uploads().known().values().cloned().collect();
    for upload in all {
        let idle = upload.idle_for();
        if upload.completed.get().is_some() {
            if idle > REMEMBER_COMPLETED {
                let id = upload.record().id;
                door.uploads().forget(id);
            }
        } else if idle > FORGET_WRITER_AFTER
            && let Ok(mut slot) = upload.writer.try_lock()
        {
            *slot = None;
        }
    }
    let expired = match door.archive().uploads().await {
        Ok(records) => records.into_iter().filter(|record| record.expires < now),
        Err(error) => return tracing::warn!("could not look for expired uploads: {error}"),
    };
    for record in expired {
        let Ok(Some(upload)) = find(door, record.id).await else { continue };
        let Ok(mut slot) = upload.writer.try_lock() else { continue };
        tracing::info!("the upload {} of {} has expired", record.id, record.path);
        if let Err(problem) = remove(door, &upload, &mut slot).await {
            tracing::warn!("could not remove an expired upload: {problem}");
        }
    }
}

/// What this door bounds, for this caller.
fn limits(door: &Door, who: &Principal) -> UploadLimits {
    UploadLimits {
        max_size_bytes: Some(door.most_bytes(who)),
        max_age_seconds: Some(door.settings().upload_lifetime.as_secs()),
        ..UploadLimits::default()
    }
}

/// What OPTIONS tells of uploads.
pub(crate) fn put_abilities(headers: &mut HeaderMap, door: &Door, who: &Principal) {
    headers.insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static(draft::PARTIAL_UPLOAD));
    put(headers, draft::UPLOAD_LIMIT, limits(door, who).to_string());
    put(headers, draft::UPLOAD_DRAFT_INTEROP_VERSION, draft::INTEROP_VERSION.to_owned());
}

/// The claims about the whole file; those about the body of this request alone are left out.
fn claimed_of_whole(headers: &HeaderMap) -> Result<terms::DigestSet, Problem> {
    let mut whole = HeaderMap::new();
    for name in [digest::DIGEST, digest::REPR_DIGEST, digest::OC_CHECKSUM] {
        for value in headers.get_all(&name) {
            whole.append(name.clone(), value.clone());
        }
    }
    digest::claimed(&whole).map_err(|error| {
        caller(
            400,
            "invalid-digest",
            "A claimed digest cannot be read",
            format!("Of an upload: {error}."),
            "Correct the header, or leave it out.",
        )
    })
}

fn put_state(headers: &mut HeaderMap, state: UploadState, door: &Door, who: &Principal) {
    put(headers, draft::UPLOAD_COMPLETE, draft::write_boolean(state.complete).to_owned());
    put(headers, draft::UPLOAD_OFFSET, state.offset.to_string());
    if let Some(length) = state.length {
        put(headers, draft::UPLOAD_LENGTH, length.to_string());
    }
    put(headers, draft::UPLOAD_LIMIT, limits(door, who).to_string());
    put(headers, draft::UPLOAD_DRAFT_INTEROP_VERSION, draft::INTEROP_VERSION.to_owned());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn refusal_response(refusal: &Refusal, facts: ResponseFacts) -> Response<Body> {
    let problem = refusal.problem();
    let mut response = match refusal.type_uri() {
        None => problem_response(&problem, facts),
        Some(uri) => problem::typed_response(&problem, facts, uri),
    };
    if let Refusal::MismatchingOffset { expected, .. } = refusal {
        put(response.headers_mut(), draft::UPLOAD_OFFSET, expected.to_string());
        put(response.headers_mut(), draft::UPLOAD_COMPLETE, draft::write_boolean(false).to_owned());
    }
    response
}

fn options(door: &Door, who: &Principal) -> Response<Body> {
    let mut response = status(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("OPTIONS, HEAD, PATCH, DELETE"));
    put_abilities(response.headers_mut(), door, who);
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn no_such_upload(address: &str) -> Problem {
    let shown: String = address.chars().take(120).collect();
    caller(
        404,
        "no-such-upload",
        "There is no such upload",
        format!("{shown}: it ended, was given up, expired, never was, or is somebody else's."),
        "Look whether the file is there; if not, begin a new upload. Only whoever began one may go on with it.",
    )
}

fn not_of_an_upload(method: &Method) -> Problem {
    caller(
        405,
        "method-not-allowed",
        "The method does not apply",
        format!("{method} cannot be asked of an upload."),
        "Methods here: OPTIONS, HEAD, PATCH, DELETE.",
    )
}

fn busy() -> Problem {
    Problem {
        status: 503,
        kind: "upload-busy",
        title: "The upload is busy",
        detail: format!("Another request has been at work on this upload for more than {} s.", GIVE_WAY.as_secs()),
        blame: terms::Blame::Storage,
        retry: terms::Retry::After(GIVE_WAY),
        next: "Try again a little later.".to_owned(),
    }
}

fn superseded() -> Problem {
    Problem {
        status: 409,
        kind: "upload-superseded",
        title: "A later request took over",
        detail: "While this request brought its bytes, another one of the same upload began.".to_owned(),
        blame: terms::Blame::Caller,
        retry: terms::Retry::Soon,
        next: "Send the parts of one upload one after another.".to_owned(),
    }
}

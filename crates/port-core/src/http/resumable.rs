//! Resumable uploads: draft-ietf-httpbis-resumable-upload, read in revisions -10 to -12, which are the same on the wire.
//!
//! A client creates an upload with `Upload-Complete: ?0`, is told its address by `Location`, appends by PATCH at the offset
//! that the server has, and asks for that offset by HEAD after an interruption. Here are the fields, the limits, and the
//! decision on each request as a pure function of the upload's state. No interim response 104 is foreseen: hyper cannot
//! send one, and the draft does not demand it.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use std::fmt;
use terms::{Blame, ByteSize, Problem, Retry};

/// Completeness, a Boolean (section 4.1.2).
pub const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
/// Bytes that the server has, an Integer (section 4.1.1).
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// Bytes of the whole, an Integer (section 4.1.3).
pub const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// What the server sets bounds to, a Dictionary (section 4.1.4).
pub const UPLOAD_LIMIT: HeaderName = HeaderName::from_static("upload-limit");
/// Says which revision a side speaks, until the draft is an RFC.
pub const UPLOAD_DRAFT_INTEROP_VERSION: HeaderName = HeaderName::from_static("upload-draft-interop-version");
/// The value of that header for revisions -09 to -12.
pub const INTEROP_VERSION: &str = "8";
/// The media type of an append (section 6), also named by `Accept-Patch` in the answer to OPTIONS.
pub const PARTIAL_UPLOAD: &str = "application/partial-upload";

/// An Item that is a Boolean: `?0` or `?1` (RFC 9651 §3.3.6), parameters ignored. Anything else is no value, as the draft
/// demands.
pub fn read_boolean(headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
    match item(headers, name)? {
        "?0" => Some(false),
        "?1" => Some(true),
        _ => None,
    }
}

/// `?0` or `?1`.
pub const fn write_boolean(value: bool) -> &'static str {
    if value { "?1" } else { "?0" }
}

/// An Item that is a non-negative Integer of at most 15 digits (RFC 9651 §3.3.1), parameters ignored.
pub fn read_integer(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    integer(item(headers, name)?)
}

/// The largest Integer of structured fields, and so the largest upload: a petabyte less one byte.
pub const MAX_INTEGER: u64 = 999_999_999_999_999;

/// What a server bounds, all in bytes but the age (section 4.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// The largest whole.
    pub max_size_bytes: Option<u64>,
    /// The smallest whole.
    pub min_size_bytes: Option<u64>,
    /// The most that one request may bring.
    pub max_append_size_bytes: Option<u64>,
    /// The least that one request may bring, but for the last.
    pub min_append_size_bytes: Option<u64>,
    /// How long the upload is kept from now on.
    pub max_age_seconds: Option<u64>,
}

impl Limits {
    /// From an answer. Unknown members are ignored; a known one of the wrong type makes the whole field ignored, as the
    /// draft demands. `None` when there is no such field, or one to be ignored.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut limits = Self::default();
        let mut found = false;
        for line in headers.get_all(&UPLOAD_LIMIT) {
            found = true;
            for member in line.to_str().ok()?.split(',').map(str::trim).filter(|member| !member.is_empty()) {
                let member = member.split(';').next().unwrap_or("");
                let (key, value) = member.split_once('=').unwrap_or((member, "?1"));
                if let Some(field) = limits.field(key.trim()) {
                    *field = Some(integer(value.trim())?);
                }
            }
        }
        found.then_some(limits)
    }

    fn field(&mut self, key: &str) -> Option<&mut Option<u64>> {
        match key {
            "max-size" => Some(&mut self.max_size_bytes),
            "min-size" => Some(&mut self.min_size_bytes),
            "max-append-size" => Some(&mut self.max_append_size_bytes),
            "min-append-size" => Some(&mut self.min_append_size_bytes),
            "max-age" => Some(&mut self.max_age_seconds),
            _ => None,
        }
    }
}

/// The value of `Upload-Limit`; empty when nothing is bounded.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = [
            ("max-size", self.max_size_bytes),
            ("min-size", self.min_size_bytes),
            ("max-append-size", self.max_append_size_bytes),
            ("min-append-size", self.min_append_size_bytes),
            ("max-age", self.max_age_seconds),
        ];
        let mut between = "";
        for (key, value) in members {
            if let Some(value) = value {
                write!(f, "{between}{key}={}", value.min(MAX_INTEGER))?;
                between = ", ";
            }
        }
        Ok(())
    }
}

/// What the head of a creating or appending request says.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct UploadRequest {
    /// `Upload-Complete`: does the body reach the end of the whole?
    pub complete: Option<bool>,
    /// `Upload-Offset`: where the body begins; appends only.
    pub offset: Option<u64>,
    /// `Upload-Length`: the size of the whole.
    pub length: Option<u64>,
    /// `Content-Length`: the size of the body.
    pub content_length: Option<u64>,
    /// Is the body of the media type for appends?
    pub is_partial_upload: bool,
}

impl UploadRequest {
    /// From the headers of a request.
    pub fn read(headers: &HeaderMap) -> Self {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let media_type = media_type.split(';').next().unwrap_or("").trim();
        Self {
            complete: read_boolean(headers, &UPLOAD_COMPLETE),
            offset: read_integer(headers, &UPLOAD_OFFSET),
            length: read_integer(headers, &UPLOAD_LENGTH),
            content_length: headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.trim().parse().ok()),
            is_partial_upload: media_type.eq_ignore_ascii_case(PARTIAL_UPLOAD),
        }
    }

    /// Does it begin a resumable upload? Only `?0` needs one: with `?1` the whole is in this request, and a server that
    /// sends no 104 could not tell the client of its upload in time.
    pub fn begins_upload(&self) -> bool {
        self.complete == Some(false)
    }

    /// The size of the whole that this request tells when its body begins at `offset` (section 4.1.3).
    fn told_length(&self, offset: u64) -> Result<Option<u64>, Refusal> {
        let by_content = match (self.complete, self.content_length) {
            (Some(true), Some(content)) => Some(offset.saturating_add(content)),
            _ => None,
        };
        match (self.length, by_content) {
            (Some(told), Some(counted)) if told != counted => {
                Err(Refusal::InconsistentLength { known: told, told: counted })
            }
            (told, counted) => Ok(told.or(counted)),
        }
    }
}

/// The state of an upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UploadState {
    /// Bytes that are safely here. Never decreases.
    pub offset: u64,
    /// Bytes of the whole, once known. Never changes after that.
    pub length: Option<u64>,
    /// Has the client said that this is all?
    pub complete: bool,
}

/// A request that may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The size of the whole, if now known: to be recorded before the body is read.
    pub length: Option<u64>,
    /// The most that the body may bring: when it brings more, the upload is to be closed and refused with
    /// [`Refusal::LengthExceeded`].
    pub max_body_bytes: u64,
    /// Does the upload end with this body, if all of it arrives?
    pub completes: bool,
}

/// May this request create an upload?
pub fn decide_creation(request: &UploadRequest, limits: &Limits) -> Result<Accepted, Refusal> {
    let state = UploadState { offset: 0, length: None, complete: false };
    let complete = request.complete.ok_or(Refusal::MissingComplete)?;
    accept(&state, request, complete, limits)
}

/// May this request append to an upload in this state?
pub fn decide_append(state: &UploadState, request: &UploadRequest, limits: &Limits) -> Result<Accepted, Refusal> {
    if !request.is_partial_upload {
        return Err(Refusal::WrongMediaType);
    }
    if state.complete {
        return Err(Refusal::Completed);
    }
    let complete = request.complete.ok_or(Refusal::MissingComplete)?;
    let provided = request.offset.ok_or(Refusal::MissingOffset)?;
    if provided != state.offset {
        return Err(Refusal::MismatchingOffset { expected: state.offset, provided });
    }
    accept(state, request, complete, limits)
}

/// What to do once a body that was [`Accepted`] has ended after `received` bytes; `whole` when it ended as announced, not
/// by a break of the connection.
pub fn after_body(
    state: &UploadState,
    accepted: &Accepted,
    received: u64,
    whole: bool,
) -> Result<UploadState, Refusal> {
    let offset = state.offset.saturating_add(received);
    if received > accepted.max_body_bytes {
        return Err(Refusal::LengthExceeded { max: state.offset.saturating_add(accepted.max_body_bytes) });
    }
    let complete = accepted.completes && whole;
    if complete && let Some(length) = accepted.length.filter(|length| *length != offset) {
        return Err(Refusal::InconsistentLength { known: length, told: offset });
    }
    Ok(UploadState { offset, length: accepted.length.or(complete.then_some(offset)), complete })
}

fn accept(state: &UploadState, request: &UploadRequest, completes: bool, limits: &Limits) -> Result<Accepted, Refusal> {
    let told = request.told_length(state.offset)?;
    if let (Some(known), Some(told)) = (state.length, told)
        && known != told
    {
        return Err(Refusal::InconsistentLength { known, told });
    }
    let length = state.length.or(told);
    let max_size = limits.max_size_bytes.unwrap_or(MAX_INTEGER).min(MAX_INTEGER);
    if length.is_some_and(|length| length > max_size) {
        return Err(Refusal::TooLarge { max: max_size });
    }
    if let (Some(min), Some(length)) = (limits.min_size_bytes, length)
        && length < min
    {
        return Err(Refusal::TooSmall { min });
    }
    let room = length.unwrap_or(max_size).saturating_sub(state.offset);
    let max_body_bytes = limits.max_append_size_bytes.map_or(room, |max| max.min(room));
    if let Some(content) = request.content_length {
        if content > room {
            return Err(Refusal::LengthExceeded { max: state.offset + room });
        }
        if content > max_body_bytes {
            return Err(Refusal::AppendTooLarge { max: max_body_bytes });
        }
        // The last request is exempt, and so is an empty one that creates: it only asks for the address.
        let is_small = limits.min_append_size_bytes.filter(|min| content < *min && content > 0);
        if let Some(min) = is_small.filter(|_| !completes) {
            return Err(Refusal::AppendTooSmall { min });
        }
    }
    Ok(Accepted { length, max_body_bytes, completes })
}

/// Why a request to an upload is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The body does not begin where the server's bytes end. The answer must carry `Upload-Offset` (section 4.4.2).
    MismatchingOffset {
        /// What the server has.
        expected: u64,
        /// What the client gave.
        provided: u64,
    },
    /// Nothing can be appended any more.
    Completed,
    /// Two lengths of the same whole.
    InconsistentLength {
        /// What was known.
        known: u64,
        /// What the request says.
        told: u64,
    },
    /// More bytes than the whole has. The upload is to be closed.
    LengthExceeded {
        /// The size of the whole.
        max: u64,
    },
    /// The whole is larger than the server takes.
    TooLarge {
        /// What it takes.
        max: u64,
    },
    /// The whole is smaller than the server takes.
    TooSmall {
        /// What it takes.
        min: u64,
    },
    /// The body is larger than the server takes at once.
    AppendTooLarge {
        /// What it takes.
        max: u64,
    },
    /// The body is smaller than the server takes.
    AppendTooSmall {
        /// What it takes.
        min: u64,
    },
    /// No readable `Upload-Offset`.
    MissingOffset,
    /// No readable `Upload-Complete`.
    MissingComplete,
    /// Not `application/partial-upload`.
    WrongMediaType,
}

impl Refusal {
    /// The `type` of the problem document where the draft registers one (section 7).
    pub const fn type_uri(&self) -> Option<&'static str> {
        match self {
            Self::MismatchingOffset { .. } => {
                Some("https://iana.org/assignments/http-problem-types#mismatching-upload-offset")
            }
            Self::Completed => Some("https://iana.org/assignments/http-problem-types#completed-upload"),
            Self::InconsistentLength { .. } | Self::LengthExceeded { .. } => {
                Some("https://iana.org/assignments/http-problem-types#inconsistent-upload-length")
            }
            _ => None,
        }
    }

    /// The refusal told in full.
    pub fn problem(&self) -> Problem {
        let (status, kind, title, next) = self.words();
        let retry = if matches!(self, Self::MismatchingOffset { .. }) { Retry::Soon } else { Retry::Never };
        Problem { status, kind, title, detail: self.detail(), blame: Blame::Caller, retry, next: next.to_owned() }
    }

    /// Status, kind, title, and what to do.
    const fn words(&self) -> (u16, &'static str, &'static str, &'static str) {
        const ANEW: &str = "Begin a new upload if the file has changed.";
        const SEND: &str = "Send the header.";
        match self {
            Self::MismatchingOffset { .. } => {
                let title = "The offset is not where the upload stands";
                (409, "mismatching-upload-offset", title, "Ask for the offset by HEAD and append there.")
            }
            Self::Completed => (400, "completed-upload", "The upload is complete", "Look at the file itself."),
            Self::InconsistentLength { .. } => {
                (400, "inconsistent-upload-length", "The length of the upload contradicts itself", ANEW)
            }
            Self::LengthExceeded { .. } => {
                (400, "inconsistent-upload-length", "The upload is longer than announced", ANEW)
            }
            Self::TooLarge { .. } => {
                let title = "The file is larger than this server takes";
                (413, "upload-too-large", title, "Ask the operator to raise the limit.")
            }
            Self::TooSmall { .. } => {
                let title = "The file is too small for a resumable upload";
                (400, "upload-too-small", title, "Send it by a plain PUT.")
            }
            Self::AppendTooLarge { .. } => {
                let title = "The request brings more than the server takes at once";
                (413, "append-too-large", title, "Send it in several requests.")
            }
            Self::AppendTooSmall { .. } => {
                let title = "The request brings less than the server takes";
                (400, "append-too-small", title, "Send more in one request.")
            }
            Self::MissingOffset => {
                (400, "missing-upload-offset", "The offset is missing", "Ask for the offset by HEAD and send it.")
            }
            Self::MissingComplete => {
                (400, "missing-upload-complete", "It is not said whether the upload is complete", SEND)
            }
            Self::WrongMediaType => (415, "wrong-media-type", "The media type is not that of an append", SEND),
        }
    }

    fn detail(&self) -> String {
        match *self {
            Self::MismatchingOffset { expected, provided } => {
                format!("The request appends at byte {provided}, but {expected} bytes are here.")
            }
            Self::Completed => "Nothing can be appended to an upload that was completed.".to_owned(),
            Self::InconsistentLength { known, told } => {
                format!("The whole was announced with {known} bytes, and now with {told}.")
            }
            Self::LengthExceeded { max } => format!("The whole was announced with {max} bytes, and more arrived."),
            Self::TooLarge { max } => format!("It takes {} ({max} bytes).", ByteSize(max)),
            Self::TooSmall { min } => format!("It needs at least {min} bytes."),
            Self::AppendTooLarge { max } => format!("It takes {max} bytes in one request."),
            Self::AppendTooSmall { min } => {
                format!("It takes no less than {min} bytes in a request that is not the last.")
            }
            Self::MissingOffset => "A request that appends needs Upload-Offset with a whole number.".to_owned(),
            Self::MissingComplete => "A request to an upload needs Upload-Complete with ?0 or ?1.".to_owned(),
            Self::WrongMediaType => format!("A request that appends needs Content-Type: {PARTIAL_UPLOAD}."),
        }
    }
}

/// The value of an Item without its parameters; `None` when the field is absent or there twice.
fn item<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut lines = headers.get_all(name).into_iter();
    let line = lines.next()?.to_str().ok()?;
    if lines.next().is_some() { None } else { Some(line.split(';').next()?.trim()) }
}

fn integer(text: &str) -> Option<u64> {
    let fits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

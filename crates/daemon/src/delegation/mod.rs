//! Passing on what one may do oneself: macaroons, asked for at the address of a file or folder (as dCache and XRootD have
//! it) or from a token endpoint in the way of OAuth. gfal2, and with it FTS, knows both.
//!
//! Who is signed in may have one for some hours without any further right: it lets through what the caller may do anyway,
//! inside its caveats, as a proxy certificate would, and a transfer service needs no more. One that lives longer, to be
//! passed on to people, needs the verb `share` at the place. A macaroon never exceeds who asked for it: their rights are
//! asked for anew at every use.

mod oauth;
mod request;

pub(crate) use oauth::{TOKEN_PATH, is_discovery, oauth_discovery, oauth_token};
pub(crate) use request::macaroon_request;

use crate::audit::Event;
use crate::auth::{NotMinted, Presented, refusal_sentence};
use crate::problems::{bad_value, refused, unauthenticated};
use crate::running::Port;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use identity::macaroon::Caveat;
use net::{Body, RequestBody};
use policy::Ask;
use std::time::{Duration, SystemTime};
use terms::{Blame, CredentialForm, Identity, Kind, LogicalPath, Principal, Problem, Retry, Timestamp, Verb};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// The largest body of a request for a macaroon: some caveats with the longest paths. XRootD stops at 4 KiB.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// What is asked for.
struct Wanted {
    /// The place: what one of its caveats confines to. The root: everything.
    path: LogicalPath,
    /// Beside the place and the end.
    caveats: Vec<String>,
    /// How long; `None` where the request does not say.
    validity: Option<Duration>,
}

/// What is given.
struct Issued {
    text: Zeroizing<String>,
    /// For how many seconds.
    expires_in: u64,
}

/// `minter` is the caller as its credentials say, without what this site adds: that is asked for at each use.
async fn issue(port: &Port, who: &Principal, minter: &Identity, base: &str, wanted: Wanted) -> Result<Issued, Problem> {
    let wall: Timestamp = SystemTime::now().into();
    let validity = validity(port, who, &wanted, wall)?;
    for caveat in &wanted.caveats {
        let caveat = Caveat::parse(caveat).map_err(|refusal| bad_caveat(refusal_sentence(&refusal)))?;
        inside(&wanted.path, &caveat)?;
    }
    let mut caveats = vec![format!("before:{}", wall.after(validity))];
    if !wanted.path.is_root() {
        caveats.push(format!("path:{}", wanted.path));
    }
    caveats.extend(wanted.caveats);
    let minted = port.gate.macaroons.mint(base, minter, &caveats, wall).await.map_err(|failure| match failure {
        NotMinted::Refused(refusal) => bad_caveat(refusal_sentence(&refusal)),
        NotMinted::Failed(problem) => problem,
    })?;
    let expires = minted.expires.unwrap_or(wall);
    let expires_in = expires.since(wall).as_secs();
    if expires_in == 0 {
        return Err(bad_caveat(format!("The macaroon would have ended already, at {expires}.")));
    }
    tracing::info!("{who} was given the macaroon {} for {}, until {expires}", minted.id, wanted.path);
    port.audit.tell(Event::MacaroonMade, Some(who), &minted.id, caveats.join("; "));
    Ok(Issued { text: minted.text, expires_in })
}

/// The caller as its credentials say.
async fn minter(port: &Port, request: &Request<RequestBody>) -> Result<Identity, Problem> {
    let presented = Presented::of(request.method(), request.uri(), request.headers(), request.extensions());
    port.gate.identify(&presented).await?.ok_or_else(nobody)
}

/// Who may ask for a macaroon at all, and in which way.
fn may_ask(port: &Port, who: &Principal) -> Result<(), Problem> {
    if !who.tls && !port.gate.macaroons.settings().plain {
        return Err(bad_value(
            "Macaroons are given over TLS only: anybody on the way could take this one.".to_owned(),
            "Ask at the https address of this port.",
        ));
    }
    if who.is_anonymous() {
        return Err(nobody());
    }
    let bearer = match (who.identity.kind, who.identity.credential.form) {
        (_, CredentialForm::Macaroon) => "a macaroon",
        (Kind::Share, _) | (_, CredentialForm::ShareLink) => "the address of a share",
        _ => return Ok(()),
    };
    Err(Problem {
        status: 403,
        kind: "not-passed-on",
        title: "You may not do this",
        detail: format!("A macaroon is not given to whoever comes with {bearer}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Pass on what you have; a macaroon can be narrowed first, by adding caveats to it.".to_owned(),
    })
}

fn nobody() -> Problem {
    unauthenticated(
        "token-needed",
        "A macaroon passes on what its caller may do, and nobody is signed in.".to_owned(),
        "Ask with a certificate or with `Authorization: Bearer TOKEN`.",
    )
}

/// How long it will be valid: what was asked for, or as much of it as this caller may have here.
fn validity(port: &Port, who: &Principal, wanted: &Wanted, wall: Timestamp) -> Result<Duration, Problem> {
    let settings = port.gate.macaroons.settings();
    let asked = wanted.validity.unwrap_or(settings.lifetime.0);
    if asked <= settings.lifetime_own.0 {
        return Ok(asked);
    }
    let ask = Ask::new(who, Verb::Share, &wanted.path, wall);
    if port.rights().probe(ask).allows() {
        return Ok(asked.min(settings.lifetime_max.0.max(settings.lifetime_own.0)));
    }
    if settings.lifetime_own.0.is_zero() {
        return Err(refused(&port.rights().decide(ask)));
    }
    Ok(settings.lifetime_own.0)
}

/// Refuses a caveat that would leave nothing of what the request is for, which is always a misunderstanding.
fn inside(path: &LogicalPath, caveat: &Caveat) -> Result<(), Problem> {
    match caveat.confines_to() {
        Some(other) if !other.is_within(path) && !path.is_within(other) => Err(bad_caveat(format!(
            "The macaroon would allow nothing: it is for {path}, and a caveat confines it to {other}. Paths in caveats are \
             whole, and have no {} in front.",
            port::door::DATA_PREFIX
        ))),
        _ => Ok(()),
    }
}

fn bad_caveat(what: String) -> Problem {
    bad_value(what, "See the guide to macaroons for the caveats that are known here.")
}

/// The whole body of a request, where it is small enough.
async fn small_body(body: RequestBody) -> Result<Bytes, Problem> {
    match Limited::new(body, MAX_REQUEST_BYTES).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem {
            status: 413,
            kind: "request-too-large",
            title: "The request is too large",
            detail: format!("A request for a macaroon has at most {MAX_REQUEST_BYTES} bytes."),
            blame: Blame::Caller,
            retry: Retry::Never,
            next: "Ask for fewer caveats.".to_owned(),
        }),
        Err(_) => Err(bad_value("The request ended before its body did.".to_owned(), "Send it again.")),
    }
}

/// Scheme, host and port under which the caller knows us.
pub(crate) fn base(tls: bool, uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().cloned().or_else(|| host?.parse().ok());
    let named = authority.filter(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
    let named = named.ok_or_else(|| {
        bad_value("The request does not say which host it is for.".to_owned(), "Send the header Host.")
    })?;
    Ok(format!("{}://{named}", if tls { "https" } else { "http" }))
}

/// Is this the media type that a request must have?
fn has_media_type<B>(request: &Request<B>, wanted: &str) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// JSON that nobody keeps.
fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::full(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

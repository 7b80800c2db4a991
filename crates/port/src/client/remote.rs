//! Single operations on a server.

use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode, header};
use hyper::body::Incoming;
use port_core::http::digest as spelling;
use std::sync::Arc;
use terms::{Algorithm, DigestSet, Problem};
use tokio::sync::mpsc;

use super::address::Url;
use super::entry::{Entry, Kind};
use super::fault;
use super::folder::{Listing, WAITING_ENTRIES};
use super::multistatus::{self, Found};
use super::progress::Meter;
use super::wire::{Ask, Payload, Reply, Wire};

const DEPTH: HeaderName = HeaderName::from_static("depth");
const DESTINATION: HeaderName = HeaderName::from_static("destination");
const OVERWRITE: HeaderName = HeaderName::from_static("overwrite");

/// PROPFIND, because HEAD does not tell a folder from a file; HEAD where PROPFIND is not spoken.
pub(crate) async fn stat(wire: &Wire, url: &Url, meter: &Meter) -> Result<Entry, Problem> {
    let reply = wire.send(propfind(url, "0", meter)).await?;
    match reply.status().as_u16() {
        207 => {
            let mut found = read_multistatus(wire, reply, Arc::default());
            let mut first = None;
            while let Some(answer) = found.recv().await {
                let Found { entry, is_self } = answer?;
                // A server behind a rewriting proxy may name itself otherwise: the only answer is meant, then.
                if is_self || first.is_none() {
                    first = Some(entry);
                }
            }
            first.ok_or_else(|| fault::misbehaved("Looking up", url, "its answer to PROPFIND holds no entry"))
        }
        // Web servers without WebDAV say so in many ways.
        400 | 405 | 415 | 501 => stat_by_head(wire, url, meter).await,
        403 => {
            // The answer to HEAD has no body: of two refusals, this one may say why.
            let refusal = wire.refusal("Looking up", reply).await;
            stat_by_head(wire, url, meter).await.map_err(|problem| match problem.status {
                403 => refusal,
                _ => problem,
            })
        }
        _ => Err(wire.refusal("Looking up", reply).await),
    }
}

async fn stat_by_head(wire: &Wire, url: &Url, meter: &Meter) -> Result<Entry, Problem> {
    let reply = wire.succeed("Looking up", Ask::new(Method::HEAD, url, meter)).await?;
    let kind = if reply.url.path().ends_with('/') { Kind::Folder } else { Kind::File };
    Ok(Entry::of_headers(url.name().unwrap_or_default(), kind, reply.headers()))
}

/// The head of a file: its entry, its digests of the algorithms asked for, and whether ranges of it can be had.
pub(crate) struct Head {
    pub(crate) entry: Entry,
    pub(crate) digests: DigestSet,
}

pub(crate) async fn head(wire: &Wire, url: &Url, wanted: &[Algorithm], meter: &Meter) -> Result<Head, Problem> {
    let reply = wire.succeed("Looking up", wanting(Ask::new(Method::HEAD, url, meter), wanted)).await?;
    let entry = Entry::of_headers(url.name().unwrap_or_default(), Kind::File, reply.headers());
    let digests = spelling::offered(reply.headers());
    if !wanted.is_empty() {
        wire.origin(url).digest_on_head.learn(!digests.is_empty());
    }
    Ok(Head { entry, digests })
}

/// Asks for digests in both languages.
pub(crate) fn wanting<'a>(ask: Ask<'a>, algorithms: &[Algorithm]) -> Ask<'a> {
    ask.maybe(spelling::WANT_DIGEST, spelling::write_want_digest(algorithms))
        .maybe(spelling::WANT_REPR_DIGEST, spelling::write_want_repr_digest(algorithms))
}

pub(crate) async fn list(wire: &Wire, url: &Url, meter: Arc<Meter>) -> Result<Listing, Problem> {
    let folder = url.as_folder(true);
    let reply = wire.send(propfind(&folder, "1", &meter)).await?;
    if reply.status().as_u16() != 207 {
        return Err(wire.refusal("Listing", reply).await);
    }
    let mut found = read_multistatus(wire, reply, meter);
    let (sender, listing) = Listing::new();
    tokio::spawn(async move {
        while let Some(answer) = found.recv().await {
            let entry = match answer {
                Ok(Found { is_self: true, entry }) if entry.kind == Kind::File => {
                    Err(fault::usage(format!("{folder} is a file, not a folder")))
                }
                Ok(Found { is_self: true, .. }) => continue,
                Ok(Found { entry, .. }) => Ok(entry),
                Err(problem) => Err(problem),
            };
            if sender.send(entry).await.is_err() {
                return;
            }
        }
    });
    Ok(listing)
}

/// Creates a folder. Asks first for the whole path, and only then, from the end, for what is missing above it.
pub(crate) async fn make_folder(wire: &Wire, url: &Url, parents: bool, meter: &Meter) -> Result<(), Problem> {
    let mut missing = vec![url.as_folder(true)];
    while let Some(folder) = missing.last() {
        let reply = wire.send(Ask::new(method("MKCOL"), folder, meter)).await?;
        match reply.status().as_u16() {
            200..=299 => {
                missing.pop();
            }
            // RFC 4918 §9.3.1: 405 on something that is there, 409 when the folder above is missing; nginx says 404 for
            // that, and some servers 409 for both.
            404 | 409 if parents && is_not_there(wire, folder, meter).await? => match folder.parent() {
                Some(parent) if parent.path() != "/" => missing.push(parent),
                _ => return Err(wire.refusal("Making the folder", reply).await),
            },
            301 | 302 | 307 | 308 | 404 | 405 | 409 if parents => match stat(wire, folder, meter).await {
                Ok(entry) if entry.is_folder() => {
                    missing.pop();
                }
                Ok(_) => return Err(fault::exists(folder)),
                // Something is there, and we may not look what.
                Err(problem) if reply.status() == 405 && fault::is_forbidden(&problem) => {
                    missing.pop();
                }
                Err(_) => return Err(wire.refusal("Making the folder", reply).await),
            },
            405 => return Err(fault::exists(folder)),
            _ => return Err(wire.refusal("Making the folder", reply).await),
        }
    }
    Ok(())
}

async fn is_not_there(wire: &Wire, url: &Url, meter: &Meter) -> Result<bool, Problem> {
    match stat(wire, url, meter).await {
        Ok(_) => Ok(false),
        Err(problem) if problem.kind == fault::kind::NOT_FOUND => Ok(true),
        Err(problem) => Err(problem),
    }
}

pub(crate) async fn remove(wire: &Wire, url: &Url, meter: &Meter) -> Result<(), Problem> {
    let reply = wire.send(Ask::new(Method::DELETE, url, meter)).await?;
    match reply.status() {
        // Parts of a folder could not be removed (RFC 4918 §9.6.1); a plain success otherwise.
        StatusCode::MULTI_STATUS => {
            Err(fault::of_status(StatusCode::FORBIDDEN, "Removing", url, "some of what is in it stays", None))
        }
        status if status.is_success() => Ok(()),
        _ => Err(wire.refusal("Removing", reply).await),
    }
}

pub(crate) async fn rename(wire: &Wire, from: &Url, to: &Url, overwrite: bool, meter: &Meter) -> Result<(), Problem> {
    let destination = to.to_uri().map(|uri| uri.to_string()).unwrap_or_default();
    let ask = Ask::new(method("MOVE"), from, meter)
        .with(DESTINATION, destination)
        .with(OVERWRITE, if overwrite { "T" } else { "F" });
    let reply = wire.send(ask).await?;
    match reply.status() {
        StatusCode::PRECONDITION_FAILED if !overwrite => Err(fault::exists(to)),
        StatusCode::MULTI_STATUS => {
            Err(fault::of_status(StatusCode::FORBIDDEN, "Moving", from, "some of what is in it stays", None))
        }
        status if status.is_success() => Ok(()),
        _ => Err(wire.refusal("Moving", reply).await),
    }
}

/// The address to which PUT creates or replaces: never one with a slash at its end.
pub(crate) fn file_url(url: &Url) -> Url {
    url.as_folder(false)
}

fn propfind<'a>(url: &'a Url, depth: &'static str, meter: &'a Meter) -> Ask<'a> {
    Ask::new(method("PROPFIND"), url, meter)
        .with(DEPTH, HeaderValue::from_static(depth))
        .with(header::CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"))
        .body(Payload::Bytes(multistatus::QUESTION.into()))
}

/// A method that the `http` crate has no name for.
pub(crate) fn method(name: &'static str) -> Method {
    // Every name given here is a token of RFC 9110 §5.6.2.
    Method::from_bytes(name.as_bytes()).unwrap_or(Method::OPTIONS)
}

/// Reads on a blocking thread, because the XML reader pulls; the body is carried to it piece by piece.
fn read_multistatus(wire: &Wire, reply: Reply, meter: Arc<Meter>) -> mpsc::Receiver<Result<Found, Problem>> {
    let (out, answers) = mpsc::channel(WAITING_ENTRIES);
    let (pieces, body) = mpsc::channel(4);
    let (found, mut entries) = mpsc::channel(WAITING_ENTRIES);
    let (wire, url) = (wire.clone(), reply.url.clone());
    tokio::spawn(async move {
        let asked = url.clone();
        let reading = tokio::task::spawn_blocking(move || multistatus::read(&asked, body, &found));
        let incoming = reply.response.into_body();
        let handing = async {
            while let Some(entry) = entries.recv().await {
                if out.send(Ok(entry)).await.is_err() {
                    entries.close();
                }
            }
        };
        let (carried, ()) = tokio::join!(carry(&wire, &url, incoming, pieces, &meter), handing);
        let read = reading.await.unwrap_or_else(|_| Err("it could not be read".to_owned()));
        let problem = match (carried, read) {
            (Err(problem), _) => problem,
            (Ok(()), Err(why)) => {
                fault::misbehaved("Reading what is at", &url, format_args!("its answer to PROPFIND is unusable: {why}"))
            }
            (Ok(()), Ok(())) => return,
        };
        // Nobody may be listening any more, which is fine.
        let _ = out.send(Err(problem)).await;
    });
    answers
}

/// Carries a body into a pipe, until one of them ends.
async fn carry(
    wire: &Wire,
    url: &Url,
    mut body: Incoming,
    pipe: mpsc::Sender<bytes::Bytes>,
    meter: &Meter,
) -> Result<(), Problem> {
    while let Some(bytes) = wire.piece(&mut body, url, meter).await? {
        if pipe.send(bytes).await.is_err() {
            break;
        }
    }
    Ok(())
}

//! LOCK and UNLOCK (RFC 4918 §9.10, §9.11).

use super::locks::{Passes, Touch};
use super::refused::Refused;
use super::{empty, now, problems, read_body, xml};
use crate::door::{DataRequest, Door, Place, problem};
use crate::store::Metadata;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use net::Body;
use port_core::dav::{
    self, Answer, Conflict, Depth, Kind, LockAsk, LockInfo, LockRefusal, LockTimeout, Precondition, UnlockRefusal,
    coded_url,
};
use rustix::fs::{Mode, OFlags};
use std::io;
use terms::{LogicalPath, Problem, Verb};

pub(super) async fn lock(door: &Door, data: DataRequest) -> Result<Response<Body>, Refused> {
    let DataRequest { path, principal, parts, body, .. } = data;
    let asked = dav::lock_info(&read_body(body, dav::spec::MAX_ASK_BYTES).await?)?;
    // Names are held before the table, here as everywhere: the lock may make a name.
    let _names = door.hold_names().await;
    let place = door.namespaces().resolve(&path)?;
    let found = place.stat_if_there().await.map_err(|error| problem::of_io(&error, "look up", &path))?;
    let may_create = door.consider(&principal, Verb::Create, &path, Some(0)).await?;
    let may_modify = door.consider(&principal, Verb::Modify, &path, None).await?;
    // Whoever may do neither gets one answer, whatever is there.
    let counts = if found.is_some() && (may_create.allows() || may_modify.allows()) { may_modify } else { may_create };
    counts.settle(door)?;
    let passes = Passes::read(door, &path, &parts.uri, &parts.headers, &principal).await?;
    let _changing = door.locks().changing.lock().await;
    match asked {
        None => refresh(door, &path, found, &passes, &parts.headers).await,
        Some(info) => grant(door, place, found, info, &passes, &parts.headers).await,
    }
}

async fn refresh(
    door: &Door,
    path: &LogicalPath,
    found: Option<Metadata>,
    passes: &Passes,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refused> {
    let found = found.ok_or_else(|| problem::not_found(path))?;
    let span = LockTimeout::of(headers).0;
    let renewed = door.locks().read().renewed(now(), path, passes.submitted(), span);
    let lock = renewed.map_err(|_| problems::condition_failed(path))?;
    door.locks().insert(door.archive(), lock).await?;
    Ok(answer(door, path, if found.is_file() { Kind::File } else { Kind::Folder }, StatusCode::OK))
}

async fn grant(
    door: &Door,
    place: Place,
    found: Option<Metadata>,
    info: LockInfo,
    passes: &Passes,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refused> {
    let path = &place.path;
    let deep = match dav::depth(headers, Depth::Infinity)? {
        Depth::Zero => false,
        Depth::Infinity => true,
        Depth::One => return Err(problems::depth("LOCK", "0 or infinity").into()),
    };
    if found.is_none() {
        passes.check(door, path, Touch::Name)?;
    }
    sweep(door).await?;
    let ask = LockAsk {
        token: uuid::Uuid::now_v7().urn().to_string(),
        path: path.clone(),
        deep,
        shared: info.shared,
        owner: info.owner,
        principal: passes.principal.clone(),
        span: LockTimeout::of(headers).0,
    };
    let granted = door.locks().read().grant(now(), ask);
    let lock = granted.map_err(|refusal| refused(path, refusal))?;
    let token = lock.token.clone();
    door.locks().insert(door.archive(), lock).await?;
    let kind = match found {
        Some(found) if found.is_folder() => Kind::Folder,
        Some(_) => Kind::File,
        None => {
            if let Err(problem) = make_empty_file(door, &place).await {
                door.locks().remove(door.archive(), &[token]).await?;
                return Err(problem.into());
            }
            Kind::File
        }
    };
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = answer(door, path, kind, status);
    if let Ok(value) = HeaderValue::from_str(&coded_url(&token)) {
        response.headers_mut().insert("lock-token", value);
    }
    Ok(response)
}

/// The locks of the resource as they are now.
fn answer(door: &Door, path: &LogicalPath, kind: Kind, status: StatusCode) -> Response<Body> {
    xml(status, Body::full(dav::lock_body(&door.locks().covering(path), path, kind, now())))
}

fn refused(path: &LogicalPath, refusal: LockRefusal) -> Refused {
    let with_kind = |places: Vec<LogicalPath>, kind| places.into_iter().map(|place| (place, kind)).collect();
    match refusal {
        LockRefusal::Conflict(Conflict::Here(places)) => {
            Refused::Precondition(StatusCode::LOCKED, Precondition::NoConflictingLock(with_kind(places, Kind::File)))
        }
        // RFC 4918 §9.10.9: what is in the way, and that the resource itself failed because of it.
        LockRefusal::Conflict(Conflict::Below(places)) => {
            let mut body = dav::multistatus_open().to_owned();
            for place in &places {
                let precondition = Precondition::NoConflictingLock(vec![(place.clone(), Kind::File)]);
                Answer::failure(place, Kind::File, 423, Some(&precondition), "", &mut body);
            }
            Answer::failure(path, Kind::Folder, 424, None, "", &mut body);
            body.push_str(dav::multistatus_close());
            Refused::Multistatus(body)
        }
        LockRefusal::Full => problems::too_many("locks", dav::spec::MAX_LOCKS).into(),
        LockRefusal::NotHeld => problems::condition_failed(path).into(),
    }
}

/// Locks that are over leave the record when a new one comes in, so that neither grows for ever.
async fn sweep(door: &Door) -> Result<(), Problem> {
    let over = door.locks().read().expired(now());
    door.locks().remove(door.archive(), &over).await
}

/// A lock on a name that is not there makes an empty file (RFC 4918 §7.3). An empty file is whole at once, so it needs
/// no staging; its folder is synced.
async fn make_empty_file(door: &Door, place: &Place) -> Result<(), Problem> {
    let (posix, within) = (place.namespace.store.posix().clone(), place.within.clone());
    let mode = Mode::from_raw_mode(door.settings().file_mode);
    let made = tokio::task::spawn_blocking(move || -> io::Result<()> {
        let (parent, name) = posix.parent(&within)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, name, flags, mode)?;
        rustix::fs::fsync(&file)?;
        Ok(rustix::fs::fsync(&parent)?)
    });
    match made.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(problem::no_parent(&place.path))
        }
        Err(error) => Err(problem::of_io(&error, "make an empty file at", &place.path)),
    }
}

pub(super) async fn unlock(door: &Door, data: DataRequest) -> Result<Response<Body>, Refused> {
    let DataRequest { path, principal, parts, .. } = data;
    // Who may look may also try: the token and its holder decide below.
    door.authorise(&principal, Verb::Stat, &path, None).await?;
    let token = dav::lock_token(&parts.headers)?;
    let passes = Passes::read(door, &path, &parts.uri, &parts.headers, &principal).await?;
    let _changing = door.locks().changing.lock().await;
    let answer = door.locks().read().releasable(now(), &path, &token, &passes.principal).map(drop);
    match answer {
        Ok(()) => {}
        Err(UnlockRefusal::NotHere) => {
            // As for any other request to what is not there, and so to what is hidden.
            door.namespaces().stat(&path).await?;
            let precondition = Precondition::LockTokenMatchesRequestUri;
            return Err(Refused::Precondition(StatusCode::CONFLICT, precondition));
        }
        // Somebody must be able to clear away what its holder forgot.
        Err(UnlockRefusal::NotYours) => door.authorise(&principal, Verb::BreakLock, &path, None).await?,
    }
    door.locks().remove(door.archive(), &[token]).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

//! Refusals that WebDAV wants told in its own XML; all others are problems as everywhere.

use super::{now, problems, xml};
use crate::door::{Door, problem};
use http::{Response, StatusCode};
use net::Body;
use port_core::dav::{Answer, Kind, Precondition, Refusal, multistatus_close, multistatus_open, precondition_body};
use terms::{LogicalPath, Problem};

/// Why a verb of WebDAV is not done.
pub(super) enum Refused {
    /// In the form of the whole door.
    Problem(Problem),
    /// Locks are in the way, and their tokens were not submitted.
    Locked {
        /// What was asked for.
        path: LogicalPath,
        /// Where the locks are.
        places: Vec<LogicalPath>,
    },
    /// A condition of the protocol, told in the body.
    Precondition(StatusCode, Precondition),
    /// Parts failed: a multistatus body.
    Multistatus(String),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Problem(refusal.into())
    }
}

impl Refused {
    /// As a response, where it has a form of its own.
    pub(super) fn into_response(self) -> Result<Response<Body>, Problem> {
        match self {
            Self::Problem(problem) => Err(problem),
            Self::Locked { path, places } => Ok(locked(&path, places)),
            Self::Precondition(status, precondition) => Ok(xml(status, Body::full(precondition_body(&precondition)))),
            Self::Multistatus(body) => Ok(xml(StatusCode::MULTI_STATUS, Body::full(body))),
        }
    }

    /// As a problem, for verbs that have no XML of their own.
    pub(super) fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Locked { path, places } => problems::locked(&path, &places),
            Self::Precondition(status, _) => problem::caller(
                status.as_u16(),
                "precondition",
                "A condition of WebDAV is not met",
                "See RFC 4918 §16.",
                "Change the request.",
            ),
            Self::Multistatus(_) => problem::ours("an answer in parts was made for a verb that has none"),
        }
    }
}

/// A problem of kind [`problems::LOCKED`] as RFC 4918 wants it told (§11.3, §16).
pub(crate) fn locked_response(door: &Door, path: &LogicalPath) -> Response<Body> {
    let held = door.locks().read();
    let now = now();
    let parent = path.parent();
    let mut places: Vec<LogicalPath> = held.covering(now, path).map(|lock| lock.path.clone()).collect();
    if let Some(parent) = &parent {
        places.extend(held.covering(now, parent).map(|lock| lock.path.clone()));
    }
    if places.is_empty() {
        places.extend(held.below(now, path).take(100).map(|lock| lock.path.clone()));
    }
    drop(held);
    places.sort();
    places.dedup();
    locked(path, places)
}

/// 423 where the lock is on the resource or above it; 207 where it is on something below (RFC 4918 §9.6.1, §9.9.4).
fn locked(path: &LogicalPath, places: Vec<LogicalPath>) -> Response<Body> {
    let is_below = |place: &LogicalPath| place != path && place.is_within(path);
    if !places.is_empty() && places.iter().all(is_below) {
        let mut body = multistatus_open().to_owned();
        for place in &places {
            let precondition = Precondition::LockTokenSubmitted(vec![(place.clone(), Kind::File)]);
            Answer::failure(place, Kind::File, 423, Some(&precondition), "", &mut body);
        }
        body.push_str(multistatus_close());
        return xml(StatusCode::MULTI_STATUS, Body::full(body));
    }
    // What reaches the path from above is a folder; of the path itself the slash does not matter (RFC 4918 §5.2).
    let kind = |place: &LogicalPath| if path != place && path.is_within(place) { Kind::Folder } else { Kind::File };
    let places = places.into_iter().map(|place| (place.clone(), kind(&place))).collect();
    xml(StatusCode::LOCKED, Body::full(precondition_body(&Precondition::LockTokenSubmitted(places))))
}

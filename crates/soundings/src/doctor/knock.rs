//! A responder's help for a doctor elsewhere: it tries ports of the caller's own address, and of no other.
//!
//! The address is that of the connection on which was asked, so it has proved itself by a handshake, and nobody can have
//! others looked at. Behind a proxy it would be the proxy's: so only the measurement port offers this, where callers come
//! by themselves. A port that answers is closed again at once; nothing is sent to it.

use super::far::reach;
use crate::responder::http::problem_response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use net::{Body, SocketOptions, connect_tuned};
use serde::{Deserialize, Serialize};
use soundings_core::doctor::Reach;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// What knocking showed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Knocked {
    /// The address that was knocked at: the caller's as it is seen here.
    pub seen_as: IpAddr,
    /// Each port.
    pub ports: Vec<Knock>,
}

/// One port.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Knock {
    /// Which.
    pub port: u16,
    /// What came of it.
    #[serde(flatten)]
    pub reach: Told,
}

/// What is told of a port.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "reach", rename_all = "kebab-case")]
pub enum Told {
    /// It opened.
    Yes {
        /// How long that took.
        seconds: f64,
    },
    /// It was refused.
    Refused,
    /// There was no answer.
    Silent,
    /// Otherwise not.
    No {
        /// Why.
        why: String,
    },
}

impl Told {
    pub(super) fn into_reach(self) -> Reach {
        match self {
            Self::Yes { seconds } => Reach::Yes(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
            Self::Refused => Reach::Refused,
            Self::Silent => Reach::Silent,
            // What a peer wrote is made safe for a terminal, and cut.
            Self::No { why } => Reach::No(soundings_core::throughput::wire::plain(&why, 200)),
        }
    }
}

/// Why nobody knocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoKnock {
    /// No ports, or not numbers, or too many.
    #[error("ports must be 1 to {PORTS_MAX} numbers with commas between them: /knock?ports=5201,8443")]
    Ports,
    /// Too many ask at once.
    #[error("too many ask at once; try again in a few seconds")]
    Busy,
}

/// Answers `GET /knock?ports=5201,8443` of a caller who came by itself.
pub async fn respond<B>(request: &Request<B>, caller: SocketAddr) -> Response<Body> {
    let knocked = match ports_of(request.uri().query()) {
        Ok(ports) => knock(caller, &ports).await,
        Err(why) => Err(why),
    };
    match knocked.map(|knocked| serde_json::json!(knocked)) {
        Err(why) => problem_response(&refused(why)),
        Ok(value) => {
            let mut response = Response::new(Body::full(format!("{value}\n")));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
    }
}

fn refused(why: NoKnock) -> Problem {
    let busy = why == NoKnock::Busy;
    Problem {
        status: if busy { 503 } else { 400 },
        kind: if busy { "busy" } else { "usage" },
        title: "nobody knocks",
        detail: format!("{why}."),
        blame: if busy { Blame::Us } else { Blame::Caller },
        retry: if busy { Retry::After(LIMIT) } else { Retry::Never },
        next: "portolan doctor --with HOST asks in the right form.".to_owned(),
    }
}

/// The ports of a query `ports=5201,8443`.
pub fn ports_of(query: Option<&str>) -> Result<Vec<u16>, NoKnock> {
    let list = query.and_then(|query| query.split('&').find_map(|part| part.strip_prefix("ports=")));
    let ports: Vec<u16> = list
        .into_iter()
        .flat_map(|list| list.split(','))
        .map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(NoKnock::Ports))
        .collect::<Result<_, _>>()?;
    if ports.is_empty() || ports.len() > PORTS_MAX { Err(NoKnock::Ports) } else { Ok(ports) }
}

/// Tries these ports of the caller, side by side.
pub async fn knock(caller: SocketAddr, ports: &[u16]) -> Result<Knocked, NoKnock> {
    let _place = PLACES.try_acquire().map_err(|_| NoKnock::Busy)?;
    let address = caller.ip().to_canonical();
    let tries = ports.iter().map(|port| one(address, *port));
    Ok(Knocked { seen_as: address, ports: futures_util::future::join_all(tries).await })
}

async fn one(address: IpAddr, port: u16) -> Knock {
    let started = Instant::now();
    let options = SocketOptions::default();
    let tried = spawn_blocking(move || connect_tuned((address, port).into(), &options, LIMIT).map(drop)).await;
    let reach = match tried.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(()) => Told::Yes { seconds: started.elapsed().as_secs_f64() },
        Err(error) => match reach(&error) {
            Reach::Refused => Told::Refused,
            Reach::Silent | Reach::Yes(_) => Told::Silent,
            Reach::No(why) => Told::No { why },
        },
    };
    Knock { port, reach }
}

/// Enough for the ports of one host; a scan it is not.
const PORTS_MAX: usize = 8;
/// Callers that are helped at once, eight connections each.
static PLACES: Semaphore = Semaphore::const_new(4);
/// The first packet and one that follows it after a second.
const LIMIT: Duration = Duration::from_secs(3);

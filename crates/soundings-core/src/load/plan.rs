//! What is asked of a load.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most connections of one load: each costs a descriptor and up to 1 MiB while bytes move.
pub const CONNECTIONS_MAX: u32 = 1_024;
/// Most streams at once on one connection; servers rarely allow more.
pub const STREAMS_MAX: u32 = 1_024;
/// Longest load: a day.
pub const SPAN_MAX: Duration = Duration::from_secs(86_400);

/// Which way the bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From the server to us: `GET`.
    Download,
    /// From us to the server: `PUT`.
    Upload,
}

/// A load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Which way the bytes go.
    pub way: Way,
    /// Bytes of one upload.
    pub size_bytes: u64,
    /// It ends after this time, warm-up with it; `None`: when all requests were made.
    pub span: Option<Duration>,
    /// It ends after so many requests; `None`: when its time is over.
    pub requests: Option<u64>,
    /// What is left out at the beginning.
    pub warm_up: Duration,
    /// Connections at once.
    pub connections: u32,
    /// Requests at once on each connection; more than 1 needs HTTP/2.
    pub streams: u32,
    /// How long one request may stand still before it counts as failed.
    pub patience: Duration,
}

/// Why a plan cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPlan {
    /// It would never end.
    #[error("it has neither a time nor a number of requests, and would never end")]
    Endless,
    /// It takes too long.
    #[error("it takes {} s; {} s is the longest", .0.as_secs(), SPAN_MAX.as_secs())]
    Long(Duration),
    /// The warm-up leaves nothing.
    #[error("its warm-up of {} s leaves nothing of its {} s", .warm_up.as_secs_f64(), .span.as_secs_f64())]
    WarmUp {
        /// The whole.
        span: Duration,
        /// What is left out of it.
        warm_up: Duration,
    },
    /// Warm-up is a time, and the load is a number of requests.
    #[error("a warm-up needs a time: with a number of requests it has no meaning")]
    WarmUpOfRequests,
    /// Too many or too few at once.
    #[error("{what} must be 1 to {most}, and {given} was given")]
    Number {
        /// Of what.
        what: &'static str,
        /// What was given.
        given: u32,
        /// What may be given.
        most: u32,
    },
    /// HTTP/1.1 has one request at a time.
    #[error("HTTP/1.1 has one request at a time on a connection; several streams need HTTP/2")]
    StreamsOfHttp1,
}

impl Plan {
    /// Can it be carried out?
    pub fn check(&self, http2: bool) -> Result<(), BadPlan> {
        if self.span.is_none() && self.requests.is_none() {
            return Err(BadPlan::Endless);
        }
        if let Some(span) = self.span {
            if span > SPAN_MAX {
                return Err(BadPlan::Long(span));
            }
            if self.warm_up >= span {
                return Err(BadPlan::WarmUp { span, warm_up: self.warm_up });
            }
        } else if !self.warm_up.is_zero() {
            return Err(BadPlan::WarmUpOfRequests);
        }
        for (what, given, most) in
            [("connections", self.connections, CONNECTIONS_MAX), ("streams", self.streams, STREAMS_MAX)]
        {
            if given == 0 || given > most {
                return Err(BadPlan::Number { what, given, most });
            }
        }
        if self.streams > 1 && !http2 {
            return Err(BadPlan::StreamsOfHttp1);
        }
        Ok(())
    }
}

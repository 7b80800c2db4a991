//! A lease: the turn of one test, whose requests may be many; and the rate that its bytes are held to.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::Rate;

/// A lease that waits is asked about at least this often, or its caller is gone.
pub const ASK_WITHIN: Duration = Duration::from_secs(10);
/// A lease without a request for so long is over: the next one waits.
pub const IDLE: Duration = Duration::from_secs(5);
/// The same of a caller that asked for no lease and got one by its first request: its test may be over at any moment.
pub const IDLE_UNASKED: Duration = Duration::from_secs(2);

/// What a caller is told of its lease.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LeaseAnswer {
    /// To be sent with each request of the test, in the field `Portolan-Lease`. Whoever knows it can use it.
    pub lease: String,
    /// Has its turn come?
    pub granted: bool,
    /// Tests before it: of one that waits.
    pub ahead: Option<usize>,
    /// Its turn comes at the latest after this: of one that waits.
    pub waits_at_most_seconds: Option<f64>,
    /// How long it may take, from its turn on.
    pub longest_seconds: f64,
    /// What the server holds it to, bits per second; absent: no bound.
    pub bits_per_second_at_most: Option<u64>,
    /// What was used so far: of one that has its turn.
    pub used: Option<Used>,
}

/// What a lease used.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Used {
    /// Since its turn came.
    pub seconds: f64,
    /// Bytes of bodies that the server sent.
    pub bytes_sent: u64,
    /// Bytes of bodies that it received.
    pub bytes_received: u64,
    /// Requests that it answered.
    pub requests: u64,
    /// Processor time of the server's process in this time, all that it did.
    pub cpu_seconds: f64,
}

/// What an upload is answered with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UploadAnswer {
    /// Bytes that came.
    pub bytes: u64,
    /// From the head of the request until the last of them.
    pub seconds: f64,
    /// The rate; absent where no time passed.
    pub bits_per_second: Option<f64>,
}

/// Holds bytes to a rate: says how long to wait before more of them may pass. Time is given, from any beginning.
#[derive(Clone, Debug)]
pub struct Pace {
    bytes_per_second: f64,
    /// When all that passed so far is paid for.
    paid: Duration,
}

/// What a pause saves up: as many bytes as pass in this time, so that a late timer costs nothing.
const AHEAD: Duration = Duration::from_millis(10);

impl Pace {
    /// At this rate.
    pub fn new(rate: Rate) -> Self {
        Self { bytes_per_second: (rate.0 as f64 / 8.0).max(1.0), paid: Duration::ZERO }
    }

    /// So many bytes are about to pass: how long must they wait?
    pub fn take(&mut self, now: Duration, bytes: usize) -> Duration {
        let cost = Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second).unwrap_or(Duration::MAX);
        let from = self.paid.max(now.saturating_sub(AHEAD));
        self.paid = from.saturating_add(cost);
        from.saturating_sub(now)
    }
}

//! What others measure here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/v1/responder`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResponderAnswer {
    /// Where it was asked to listen, TCP and UDP.
    #[schema(example = "[::]:5201")]
    pub listen: String,
    /// The rate at which this host is connected; absent where that is not known.
    pub uplink_bits_per_second: Option<u64>,
    /// What anyone may.
    pub anyone: AllowanceAnswer,
    /// What those may who have the verb `measure`.
    pub entitled: AllowanceAnswer,
    /// What the caller of this may.
    pub you: AllowanceAnswer,
    /// Tests that may run at once.
    pub tests_at_once: u64,
    /// Tests that may wait for their turn.
    pub waiting_max: u64,
    /// A test whose turn would come later than this is sent away.
    pub patience_seconds: f64,
    /// Tests that run now, the oldest first.
    pub running: Vec<RunningTestAnswer>,
    /// Tests that wait for their turn, in its order.
    pub waiting: Vec<WaitingTestAnswer>,
    /// Counters since the start, by protocol.
    pub totals: Vec<TestTotalsAnswer>,
    /// Callers sent away since the start, by protocol and reason.
    pub refused: Vec<RefusedTestsAnswer>,
}

/// What somebody may ask of a responder. A bound that is absent is none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AllowanceAnswer {
    /// Longest test over TCP, its warm-up with it.
    pub tcp_seconds: f64,
    /// Rate over TCP, all streams of one direction together.
    pub tcp_bits_per_second: Option<u64>,
    /// Longest test over UDP.
    pub udp_seconds: f64,
    /// Rate over UDP, all streams together.
    pub udp_bits_per_second: Option<u64>,
    /// May datagrams be sent to them?
    pub udp_to_caller: bool,
    /// Connections of one test, in each direction.
    pub streams: u32,
    /// May tests read and write the disk?
    pub disk: bool,
}

/// A test that runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunningTestAnswer {
    /// `iperf3`, `throughput`, `ndt7` or `synthetic`.
    pub protocol: String,
    /// What it does, in a few words.
    pub what: String,
    /// Whose it is; absent where the caller of this may not learn it.
    pub who: Option<String>,
    /// The other end; likewise.
    pub peer: Option<String>,
    /// When it began.
    #[schema(format = DateTime, example = "2026-11-21T22:48:39Z")]
    pub began: String,
    /// How long ago that was.
    pub after_seconds: f64,
    /// How long it takes at most.
    pub longest_seconds: f64,
    /// Bytes received so far.
    pub received_bytes: u64,
    /// Bytes sent so far.
    pub sent_bytes: u64,
}

/// A test that waits for its turn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct WaitingTestAnswer {
    /// What it is.
    pub what: String,
    /// For whom; absent where the caller of this may not learn it.
    pub who: Option<String>,
    /// How long it will take at most, once it runs.
    pub longest_seconds: f64,
}

/// Tests of one protocol since the start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestTotalsAnswer {
    /// Which.
    pub protocol: String,
    /// Tests that ended well.
    pub finished: u64,
    /// Tests that broke off.
    pub broken: u64,
    /// Bytes received by tests that have ended.
    pub received_bytes: u64,
    /// Bytes sent by tests that have ended.
    pub sent_bytes: u64,
}

/// Callers that were sent away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RefusedTestsAnswer {
    /// Which protocol; absent where they were sent away before that was known.
    pub protocol: Option<String>,
    /// `busy`, `allowance`, `credential`, `malformed`, `silent`, `connections`, `cookie` or `draining`.
    pub reason: String,
    /// How many.
    pub count: u64,
}

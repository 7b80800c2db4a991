//! What the figures of a test mean, in plain words: the questions that NDT (its fractions of time, its duplex mismatch) and
//! NPAD (window, loss for the distance, queue) answered, put to today's `tcp_info`.
//!
//! The sender of data knows what held it back; of an upload the server is the receiver, and says what it can see, unless the
//! client sends its own `TCPInfo` along, as ours does.

mod rules;
mod words;

use super::{TcpInfo, Test};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::Rate;

/// What is known of a test.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Evidence {
    /// How long data flowed.
    pub elapsed: Duration,
    /// Bytes of binary messages that the receiver has: acknowledged, or received.
    pub bytes: u64,
    /// What the sender's kernel said first and last; `None` where the sender did not tell.
    pub sender: Option<(TcpInfo, TcpInfo)>,
    /// What the sender's kernel said when slow start was over: its losses are those of the test, not of the path.
    pub settled: Option<TcpInfo>,
    /// The same as of the sender, of the receiver.
    pub receiver: Option<(TcpInfo, TcpInfo)>,
    /// Round-trip times while data flowed.
    pub round_trips: Vec<Duration>,
    /// In how many of the sender's words it was waiting for a timeout (`CAState` 4), as a part of them.
    pub timeouts: Option<f64>,
    /// Of the sender, by its name in the kernel.
    pub congestion_control: Option<String>,
    /// What this caller may have here; the test was held to it.
    pub allowance: Option<Rate>,
    /// How much of one processor this program used meanwhile: 1 is all of it.
    pub processor: Option<f64>,
    /// What the test in the other direction reached just before.
    pub other_way: Option<Rate>,
}

/// What held a test back, or is wrong with its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What this responder allows.
    Allowance,
    /// The signature of a duplex mismatch.
    DuplexMismatch,
    /// The receiver's window is too small for the distance.
    ReceiverWindow,
    /// The receiver takes no faster.
    Receiver,
    /// The sender's buffer is too small for the distance.
    SendBuffer,
    /// The sender gives no faster.
    Sender,
    /// The responder's processor.
    Processor,
    /// Loss that is too high for this distance.
    LossForDistance,
    /// Loss that even a rate-based congestion control feels.
    Loss,
    /// The path is full.
    PathFull,
    /// Queues on the path grow long under load.
    Bufferbloat,
    /// Window scaling was not agreed on.
    NoWindowScale,
    /// Selective acknowledgements were not agreed on.
    NoSack,
    /// Much came out of order, or late.
    OutOfOrder,
    /// The limit cannot be seen from here.
    Unseen,
    /// Too little was measured.
    TooShort,
}

/// One thing found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// In a sentence.
    pub says: String,
    /// The figures behind it, one a line.
    pub figures: Vec<String>,
    /// What to do; empty where there is nothing to do.
    pub next: String,
}

/// What a test means.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// What was reached, bits per second.
    pub rate_bits_per_second: f64,
    /// Least round-trip time, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_least_seconds: Option<f64>,
    /// Round-trip time while data flowed (median), seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_loaded_seconds: Option<f64>,
    /// Segments sent again, of all that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Congestion control of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// The first says what held the test back; then what else is to be known.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// One that a peer wrote, made safe for a terminal, and cut.
    #[must_use]
    pub fn made_plain(mut self) -> Self {
        const LINES: usize = 16;
        let plain = |text: &mut String| *text = crate::throughput::wire::plain(text, 500);
        self.findings.truncate(LINES);
        for finding in &mut self.findings {
            finding.figures.truncate(LINES);
            plain(&mut finding.says);
            plain(&mut finding.next);
            finding.figures.iter_mut().for_each(plain);
        }
        self.congestion_control.as_mut().map(plain);
        self
    }

    /// What held the test back.
    pub fn limit(&self) -> Option<&Finding> {
        self.findings.first()
    }
}

/// Says what the figures mean.
pub fn judge(test: Test, evidence: &Evidence) -> Verdict {
    let seen = rules::Seen::of(test, evidence);
    Verdict {
        rate_bits_per_second: seen.rate,
        rtt_least_seconds: seen.rtt_least,
        rtt_loaded_seconds: seen.rtt_loaded,
        loss: seen.loss,
        congestion_control: evidence.congestion_control.clone(),
        findings: rules::findings(&seen),
    }
}

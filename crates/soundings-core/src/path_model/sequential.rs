//! Were enough packets seen to tell? Wald's sequential probability ratio test, as RFC 8337 §7.2 applies it to losses.

use serde::Serialize;

/// Decides between "one loss in a run length" and "four in a run length". Between its two lines it says that nobody knows.
///
/// Stopping as soon as a line is crossed is what the test is made for: looking early does not spoil it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sequential {
    /// Where the line of acceptance begins below zero, losses.
    accept: f64,
    /// Where the line of rejection begins, losses.
    reject: f64,
    /// Losses that both lines rise by with each packet.
    slope: f64,
}

/// What the packets seen so far say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// The loss is as low as asked.
    Pass,
    /// It is not.
    Fail,
    /// Too few packets to tell.
    Inconclusive {
        /// So many more, if none of them is lost.
        more_packets: u64,
    },
}

impl Sequential {
    /// For a run length in packets, with the errors that RFC 8337 takes: 5 % of either kind.
    pub fn new(run_length: u64) -> Self {
        let run_length = run_length.max(1) as f64;
        let (p0, p1) = ((1.0 / run_length).min(0.5), (DEFECTIVE / run_length).min(0.99));
        // ln(1 − p) loses all digits of a small p; ln_1p keeps them.
        let (healthy, defective) = ((-p0).ln_1p(), (-p1).ln_1p());
        let k = (p1 / p0).ln() + healthy - defective;
        let line = ((1.0 - ERROR) / ERROR).ln() / k;
        Self { accept: line, reject: line, slope: (healthy - defective) / k }
    }

    /// What so many losses among so many packets say.
    pub fn decide(&self, packets: u64, losses: u64) -> Outcome {
        let (middle, losses) = (self.slope * packets as f64, losses as f64);
        if losses >= self.reject + middle {
            return Outcome::Fail;
        }
        if losses <= middle - self.accept {
            return Outcome::Pass;
        }
        let needed = ((losses + self.accept) / self.slope).ceil();
        Outcome::Inconclusive { more_packets: (needed - packets as f64).max(1.0) as u64 }
    }

    /// Packets that must pass without a loss before it can say yes.
    pub fn packets_least(&self) -> u64 {
        (self.accept / self.slope).ceil() as u64
    }
}

/// How many times the permitted loss is surely too much: p1 = 4 ÷ run length.
const DEFECTIVE: f64 = 4.0;
/// The chance to call a good path bad, and to call a bad one good.
const ERROR: f64 = 0.05;

//! Foreign tools of throughput: how they are called, and what they say. A call is words only, so that it can be run here
//! or in a host of the lab.

pub(crate) mod gridftp;
pub(crate) mod iperf3;

/// What a tool moved.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Moved {
    /// As the receiver counted them where the tool tells.
    pub bytes: u64,
    /// Over which time, s.
    pub seconds: f64,
    /// Segments sent again, where the tool tells.
    pub retransmits: Option<u64>,
}

impl Moved {
    /// Bits per second.
    pub(crate) fn bits_per_second(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.seconds
    }
}

/// The words of a call.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

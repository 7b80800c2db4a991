//! Who says what when, on the control connection. Neither end reads a clock or a socket: octets, the passing of time and
//! what the streams did come in; octets to send, the next deadline and events come out. `now` is a duration since an origin
//! that the caller chose for this session.

mod client;
mod server;

pub use client::{ClientEvent, ClientSession};
pub use server::{ServerEvent, ServerSession};

use super::spec::{ErrorNumber, State};
use super::wire::Malformed;
use std::collections::VecDeque;
use std::time::Duration;

/// How a session ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Ending {
    /// To the end, results exchanged.
    #[error("the test ended as agreed")]
    Done,
    /// The other side was interrupted by its user.
    #[error("the other side was interrupted")]
    Interrupted,
    /// We ended it, by the wish of our user or because a limit was reached.
    #[error("the test was ended from here")]
    Ended,
    /// The control connection closed.
    #[error("the other side closed the control connection while {during}")]
    Vanished {
        /// What was under way.
        during: &'static str,
    },
    /// The other side was silent for too long.
    #[error("the other side was silent for {} s while {during}", .after.as_secs())]
    Silent {
        /// What was under way.
        during: &'static str,
        /// What it was given.
        after: Duration,
    },
    /// The server is busy or does not want this client.
    #[error("the server is busy, or does not want this test")]
    Denied,
    /// The server refused, or failed.
    #[error("the server gave up: {}", .number.meaning().map_or_else(|| format!("iperf3's error {}", .number.0), str::to_owned))]
    Refused {
        /// Why.
        number: ErrorNumber,
        /// The operating system's number beside it, 0 if none.
        errno: i32,
    },
    /// What came is not iperf3's protocol.
    #[error("what the other side sent is not iperf3's protocol: {0}")]
    Malformed(Malformed),
}

/// What both ends have: octets in and out, one deadline.
#[derive(Debug, Default)]
struct Line {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    deadline: Option<(Duration, Duration)>,
}

impl Line {
    fn state(&mut self, state: State) {
        self.outgoing.push(state.to_octet());
    }

    fn until(&mut self, now: Duration, span: Duration) {
        self.deadline = Some((now.saturating_add(span), span));
    }

    fn late(&self, now: Duration) -> Option<Duration> {
        self.deadline.filter(|(at, _)| *at <= now).map(|(_, span)| span)
    }

    fn octet(&mut self) -> Option<u8> {
        if self.incoming.is_empty() { None } else { Some(self.incoming.remove(0)) }
    }

    fn words(&mut self) -> Option<[i32; 2]> {
        let octets: [u8; 8] = self.incoming.get(..8)?.try_into().ok()?;
        self.incoming.drain(..8);
        let word = |at: usize| i32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        Some([word(0), word(4)])
    }

    /// One JSON message, when all of it is there.
    fn message(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Malformed> {
        let Some(head) = self.incoming.get(..4).and_then(|head| <[u8; 4]>::try_from(head).ok()) else {
            return Ok(None);
        };
        let bytes = u32::from_be_bytes(head) as usize;
        if bytes > limit {
            return Err(Malformed::TooLong { bytes, limit });
        }
        let Some(message) = self.incoming.get(4..4 + bytes).map(<[u8]>::to_vec) else { return Ok(None) };
        self.incoming.drain(..4 + bytes);
        Ok(Some(message))
    }

    fn transmit(&mut self) -> Option<Vec<u8>> {
        (!self.outgoing.is_empty()).then(|| std::mem::take(&mut self.outgoing))
    }
}

/// Events in their order.
type Events<E> = VecDeque<E>;

#[cfg(test)]
mod tests;

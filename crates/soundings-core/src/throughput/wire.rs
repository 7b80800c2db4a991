//! Control messages and their bytes: a big-endian u32 length, then JSON. Unknown fields are ignored, unknown messages too.

use super::series::{End, Sample, StreamEnd};
use super::spec::{
    BLOCK_BYTES, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, COOKIE_ALPHABET, COOKIE_CHARACTERS, DURATION_MAX, FRAME_BYTES_MAX,
    OMIT_MAX, STREAMS_MAX,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// What the two ends say to each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Message {
    /// Client: who speaks, and how.
    Hello(Hello),
    /// Responder: how we go on.
    Welcome(Welcome),
    /// Client: what is to be measured.
    Request(Request),
    /// Responder: not yet.
    Wait(Wait),
    /// Either: no, or no more.
    Refusal(Refusal),
    /// Responder: open the streams.
    Grant(Grant),
    /// Responder: all streams are here.
    Ready,
    /// Client: now.
    Start,
    /// Either, each second: alive, and so far.
    Progress(Progress),
    /// Either, after the data: one of its streams.
    Stream(StreamEnd),
    /// Either, after the stream: its samples.
    Series(Series),
    /// Either: that was all, and the rest of its figures.
    Results(End),
    /// Client: thank you.
    Bye,
    /// Something of a later version.
    #[serde(other)]
    Unknown,
}

/// Who speaks, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Versions of the protocol that the client can speak.
    pub versions: Vec<u32>,
    /// Its name and version, for the log.
    pub program: String,
    /// A bearer token. Only inside TLS, or on loopback when told to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Who holds the turn of the client's host, so that a responder on the same host knows that it is held for this test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
}

/// How we go on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Welcome {
    /// The version that is spoken from now on.
    pub version: u32,
    /// Name and version of the responder.
    pub program: String,
}

/// Which way the data go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the client to the responder.
    #[default]
    To,
    /// From the responder to the client.
    From,
    /// Both at once.
    Both,
}

/// Where the responder's data come from and go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FarStore {
    /// Nowhere.
    #[default]
    Memory,
    /// A scratch file of the responder.
    Disk,
}

/// What is to be measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Which way.
    pub direction: Direction,
    /// Connections in each direction.
    pub streams: u32,
    /// How long, the warm-up not counted. Either this or `bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// How much in each direction, all streams together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What comes first and is not counted.
    pub omit_seconds: f64,
    /// Are the data streams inside TLS 1.3?
    pub tls: bool,
    /// Given to the kernel at once.
    pub block_bytes: u32,
    /// Congestion control of the senders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// Send buffer of the senders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_buffer_bytes: Option<u64>,
    /// Receive buffer of the receivers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_buffer_bytes: Option<u64>,
    /// All streams of a direction together, paced by the sender's kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace_bits_per_second: Option<u64>,
    /// Largest segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment_bytes: Option<u16>,
    /// Code point of the IP header, 0 to 63.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dscp: Option<u8>,
    /// Where the responder reads from or writes to.
    pub store: FarStore,
    /// How long the client is willing to wait for its turn.
    pub wait_seconds: f64,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            direction: Direction::To,
            streams: 1,
            duration_seconds: None,
            bytes: None,
            omit_seconds: 0.0,
            tls: false,
            block_bytes: BLOCK_BYTES,
            congestion_control: None,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            pace_bits_per_second: None,
            segment_bytes: None,
            dscp: None,
            store: FarStore::Memory,
            wait_seconds: 0.0,
        }
    }
}

/// A stream as both ends know it from the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamKind {
    /// From 0: first those to the responder, then those from it.
    pub number: u32,
    /// Does the client send?
    pub to_responder: bool,
}

impl Request {
    /// How long; `None` when bytes are counted. Of a checked request.
    pub fn duration(&self) -> Option<Duration> {
        self.duration_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// The warm-up.
    pub fn omit(&self) -> Duration {
        Duration::try_from_secs_f64(self.omit_seconds).unwrap_or_default()
    }

    /// How long the client waits for its turn.
    pub fn patience(&self) -> Duration {
        Duration::try_from_secs_f64(self.wait_seconds).unwrap_or_default().min(DURATION_MAX)
    }

    /// Bytes of each stream, rounded up; `None` when time is counted.
    pub fn stream_bytes(&self) -> Option<u64> {
        self.bytes.map(|bytes| bytes.div_ceil(u64::from(self.streams.max(1))))
    }

    /// All streams, by number.
    pub fn kinds(&self) -> Vec<StreamKind> {
        let each = self.streams;
        let (to, from) = match self.direction {
            Direction::To => (each, 0),
            Direction::From => (0, each),
            Direction::Both => (each, each),
        };
        (0..to + from).map(|number| StreamKind { number, to_responder: number < to }).collect()
    }

    /// Is it within what the protocol allows? Else a sentence says what is not.
    pub fn check(&self) -> Result<(), String> {
        let span = |name: &str, seconds: f64, max: Duration| {
            let fits = seconds.is_finite() && seconds >= 0.0 && seconds <= max.as_secs_f64();
            if fits { Ok(()) } else { Err(format!("{name} must be between 0 and {} s", max.as_secs())) }
        };
        span("the warm-up", self.omit_seconds, OMIT_MAX)?;
        span("the time to wait", self.wait_seconds, DURATION_MAX)?;
        match (self.duration_seconds, self.bytes) {
            (Some(seconds), None) if seconds > 0.0 => span("the duration", seconds, DURATION_MAX)?,
            (None, Some(1..)) => {}
            _ => return Err("either a duration or a number of bytes must be given, and be more than 0".to_owned()),
        }
        if !(1..=STREAMS_MAX).contains(&self.streams) {
            return Err(format!("there must be 1 to {STREAMS_MAX} streams"));
        }
        if !(BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&self.block_bytes) {
            return Err(format!("a block must be {BLOCK_BYTES_MIN} to {BLOCK_BYTES_MAX} bytes"));
        }
        let name = self.congestion_control.as_deref().unwrap_or("x");
        if name.is_empty() || name.len() > 15 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err("a congestion control is named by up to 15 letters, digits and underscores".to_owned());
        }
        if self.dscp.is_some_and(|dscp| dscp > 63) {
            return Err("a DSCP is 0 to 63".to_owned());
        }
        if self.pace_bits_per_second.is_some_and(|pace| pace < 8 * u64::from(self.streams)) {
            return Err("pacing must leave each stream a byte per second".to_owned());
        }
        let buffer = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes == 0 || bytes > 1 << 30);
        if buffer(self.send_buffer_bytes) || buffer(self.receive_buffer_bytes) {
            return Err("a buffer must be between 1 byte and 1 GiB".to_owned());
        }
        Ok(())
    }
}

/// Not yet.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    /// Tests before this one, those that run not counted.
    pub position: u64,
    /// What runs now.
    pub running: Vec<Running>,
    /// When the turn comes at the latest.
    pub at_most_seconds: f64,
}

/// A test that runs while others wait.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Running {
    /// Which kind.
    pub what: String,
    /// For whom.
    pub who: String,
    /// How long at most.
    pub seconds_left: f64,
}

/// Open the streams.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Grant {
    /// What each data connection says first, with a NUL and its number (u32, big-endian) after it.
    pub cookie: String,
    /// What the responder allows to each direction, all streams together; absent when it sets no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_bits_per_second: Option<u64>,
    /// The longest that this test may take before it is cut.
    pub longest_seconds: f64,
}

impl Grant {
    /// The 37 octets of the cookie, if it is one.
    pub fn cookie_octets(&self) -> Option<[u8; COOKIE_CHARACTERS + 1]> {
        let text = self.cookie.as_bytes();
        let fits = text.len() == COOKIE_CHARACTERS && text.iter().all(|octet| COOKIE_ALPHABET.contains(octet));
        let mut octets = [0; COOKIE_CHARACTERS + 1];
        if !fits {
            return None;
        }
        octets[..COOKIE_CHARACTERS].copy_from_slice(text);
        Some(octets)
    }
}

/// A cookie out of random octets.
pub fn cookie(random: &[u8; COOKIE_CHARACTERS]) -> [u8; COOKIE_CHARACTERS + 1] {
    let mut octets = [0; COOKIE_CHARACTERS + 1];
    for (octet, random) in octets.iter_mut().zip(random) {
        *octet = COOKIE_ALPHABET[usize::from(random % 32)];
    }
    octets
}

/// So far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Since this end began.
    pub at_ns: u64,
    /// By all streams that this end sends on.
    pub sent_bytes: u64,
    /// By all that it receives on.
    pub received_bytes: u64,
}

/// Samples of a stream: as many as a message holds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Of which stream.
    pub stream: u32,
    /// In the order of time.
    pub samples: Vec<Sample>,
}

/// A [`Problem`] on its way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// As a status of HTTP.
    #[serde(default)]
    pub status: u16,
    /// A word for programs.
    #[serde(default)]
    pub kind: String,
    /// In a few words.
    #[serde(default)]
    pub title: String,
    /// What was tried, and what stood in the way.
    #[serde(default)]
    pub detail: String,
    /// Whose fault, as the speaker sees it.
    #[serde(default = "Refusal::nobody")]
    pub blame: Blame,
    /// When trying again makes sense; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_seconds: Option<f64>,
    /// What to do.
    #[serde(default)]
    pub next: String,
}

impl Refusal {
    const fn nobody() -> Blame {
        Blame::Peer
    }

    /// The problem as the other end has it. What the peer wrote is made safe for a terminal, and cut.
    pub fn into_problem(self) -> Problem {
        let status = if (400..600).contains(&self.status) { self.status } else { 502 };
        let retry = match self.again_seconds {
            None => Retry::Never,
            Some(seconds) => Duration::try_from_secs_f64(seconds).map_or(Retry::Soon, |after| {
                if after.is_zero() { Retry::Soon } else { Retry::After(after.min(DURATION_MAX)) }
            }),
        };
        let kind = KINDS.iter().find(|kind| **kind == self.kind).copied().unwrap_or("refused");
        let detail = format!("It says: {}: {}", plain(&self.title, 200), plain(&self.detail, 1000));
        let next = plain(&self.next, 500);
        Problem { status, kind, title: "the other host says no", detail, blame: self.blame, retry, next }
    }
}

impl From<&Problem> for Refusal {
    fn from(problem: &Problem) -> Self {
        let again_seconds = match problem.retry {
            Retry::Never => None,
            Retry::Soon => Some(0.0),
            Retry::After(after) => Some(after.as_secs_f64()),
        };
        Self {
            status: problem.status,
            kind: problem.kind.to_owned(),
            title: problem.title.to_owned(),
            detail: problem.detail.clone(),
            blame: problem.blame,
            again_seconds,
            next: problem.next.clone(),
        }
    }
}

/// Words for problems that keep their meaning on the way.
const KINDS: &[&str] = &[
    "not-allowed",
    "rate-exceeded",
    "no-turn",
    "no-space",
    "no-scratch",
    "option-refused",
    "protocol",
    "peer-silent",
    "peer-gone",
    "version",
    "token-refused",
    "stopping",
];

/// A peer's text without control characters, and cut.
pub fn plain(text: &str, characters: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(characters).collect()
}

/// Why bytes are no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WireError {
    /// Longer than any message.
    #[error("a message of {0} bytes is announced, and {FRAME_BYTES_MAX} are the most")]
    TooLong(usize),
    /// No JSON, or not of this form.
    #[error("a message is not understood: {0}")]
    Malformed(String),
}

/// The bytes of a message, its length before it. A message that is too long is an error of ours:
/// long reports go in parts ([`results`]).
pub fn encode(message: &Message) -> Result<Vec<u8>, WireError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).map_err(|error| WireError::Malformed(error.to_string()))?;
    let len = bytes.len() - 4;
    if len > FRAME_BYTES_MAX {
        return Err(WireError::TooLong(len));
    }
    // It is at most FRAME_BYTES_MAX.
    bytes[..4].copy_from_slice(&u32::try_from(len).unwrap_or(0).to_be_bytes());
    Ok(bytes)
}

/// How long the message is whose head this is.
pub fn length(head: [u8; 4]) -> Result<usize, WireError> {
    let len = u32::from_be_bytes(head) as usize;
    if len > FRAME_BYTES_MAX { Err(WireError::TooLong(len)) } else { Ok(len) }
}

/// The message in these bytes.
pub fn decode(body: &[u8]) -> Result<Message, WireError> {
    serde_json::from_slice(body).map_err(|error| WireError::Malformed(error.to_string()))
}

/// A sample is at most some 700 bytes of JSON: so many fit a message for sure.
const SAMPLES_IN_PART: usize = 80;

/// All that an end knows, in messages that fit: each stream with its samples, then the rest.
pub fn results(end: &End) -> impl Iterator<Item = Message> + '_ {
    let streams = end.streams.iter().flat_map(|stream| {
        let told = StreamEnd { samples: Vec::new(), ..stream.clone() };
        let parts = stream.samples.chunks(SAMPLES_IN_PART);
        let parts = parts.map(|samples| Message::Series(Series { stream: stream.number, samples: samples.to_vec() }));
        std::iter::once(Message::Stream(told)).chain(parts)
    });
    let rest = End { streams: Vec::new(), ..end.clone() };
    streams.chain(std::iter::once(Message::Results(rest)))
}

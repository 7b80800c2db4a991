//! Octets and JSON of the control connection ↔ plain values. What comes in is judged with lenience: unknown keys are passed
//! over, numbers may be floats, and −1 may come as 1.8446744073709552e+19, as cJSON writes it.

use super::spec::{COOKIE_BYTES, PARAMETERS_BYTES_MAX, STREAMS_MAX};
use serde_json::{Map, Value, json};
use std::fmt;

/// Names one test: the first octets of each of its TCP connections.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cookie(pub [u8; COOKIE_BYTES]);

const COOKIE_LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl Cookie {
    /// Of 36 random octets.
    pub fn of_seed(seed: &[u8; COOKIE_BYTES - 1]) -> Self {
        let mut cookie = [0; COOKIE_BYTES];
        for (letter, seed) in cookie.iter_mut().zip(seed) {
            *letter = COOKIE_LETTERS[usize::from(seed & 31)];
        }
        Self(cookie)
    }

    /// Reads one. The client of 3.12 makes them of `a-z2-7`; the last octet is NUL.
    pub fn parse(octets: &[u8; COOKIE_BYTES]) -> Option<Self> {
        let (letters, end) = octets.split_at(COOKIE_BYTES - 1);
        let fine = end == [0] && letters.iter().all(|letter| COOKIE_LETTERS.contains(letter));
        fine.then_some(Self(*octets))
    }

    /// Its letters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0[..COOKIE_BYTES - 1]).unwrap_or_default()
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a peer sent is not iperf3's protocol.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// A message is longer than such a message may be.
    #[error("a message of {bytes} octets, where {limit} are the most")]
    TooLong {
        /// So long.
        bytes: usize,
        /// May be.
        limit: usize,
    },
    /// No JSON, or none of this meaning.
    #[error("{what}: {fault}")]
    Json {
        /// Which message.
        what: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// A state that does not belong here.
    #[error("the octet {octet} while {during}")]
    State {
        /// As it came.
        octet: u8,
        /// What was under way.
        during: &'static str,
    },
}

/// TCP or UDP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    /// Streams.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// The client.
    #[default]
    Forward,
    /// The server (`-R`).
    Reverse,
    /// Both (`--bidir`).
    Both,
}

/// What a client asks for: the parameters of a test.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parameters {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Warm-up whose figures are left out, seconds (`-O`).
    pub omit_seconds: u64,
    /// Duration, seconds (`-t`); 0 where octets or blocks end the test.
    pub seconds: u64,
    /// End after so many octets (`-n`); 0 is none.
    pub bytes: u64,
    /// End after so many blocks (`-k`); 0 is none.
    pub blocks: u64,
    /// Segment size (`-M`).
    pub segment_bytes: Option<u16>,
    /// Send small segments at once (`-N`).
    pub no_delay: bool,
    /// Streams in each direction (`-P`).
    pub streams: u32,
    /// Who sends.
    pub direction: Direction,
    /// Socket buffers (`-w`).
    pub window_bytes: Option<u64>,
    /// Octets of one write, or of one datagram (`-l`).
    pub block_bytes: u64,
    /// Rate of each stream, bits per second (`-b`); 0 is without bound.
    pub rate: u64,
    /// Pace each stream in the kernel, bits per second (`--fq-rate`).
    pub kernel_rate: Option<u64>,
    /// How often the sender looks whether it may send, microseconds.
    pub pacing_timer_us: u64,
    /// Blocks sent in one go (`-b RATE/N`).
    pub burst: u64,
    /// Type of service (`-S`).
    pub traffic_class: u8,
    /// IPv6 flow label (`-L`).
    pub flow_label: Option<u32>,
    /// Stands before each line of output (`-T`).
    pub title: Option<String>,
    /// Goes into both sides' JSON.
    pub extra_data: Option<String>,
    /// Congestion control (`-C`).
    pub congestion: Option<String>,
    /// The client wants to see the server's output.
    pub want_server_output: bool,
    /// Datagrams are numbered with 64 bits.
    pub wide_counters: bool,
    /// Payload that repeats, rather than a random one.
    pub repeating_payload: bool,
    /// Send without copying (`-Z`).
    pub zero_copy: bool,
    /// Set IPv4's Don't Fragment.
    pub dont_fragment: bool,
    /// User and password, encrypted; we have no use for it and never show it.
    pub has_token: bool,
    /// The client's program.
    pub client_version: Option<String>,
}

impl Parameters {
    /// Reads the parameters JSON.
    pub fn from_json(octets: &[u8]) -> Result<Self, Malformed> {
        if octets.len() > PARAMETERS_BYTES_MAX {
            return Err(Malformed::TooLong { bytes: octets.len(), limit: PARAMETERS_BYTES_MAX });
        }
        let object = object("parameters", octets)?;
        let read = Reader { object: &object };
        let protocol = if read.flag("udp") { Protocol::Udp } else { Protocol::Tcp };
        if read.flag("sctp") {
            return Err(Malformed::Json { what: "parameters", fault: "SCTP is not spoken here".to_owned() });
        }
        let direction = match (read.flag("bidirectional"), read.flag("reverse")) {
            (true, _) => Direction::Both,
            (false, true) => Direction::Reverse,
            (false, false) => Direction::Forward,
        };
        Ok(Self {
            protocol,
            omit_seconds: read.number("omit").unwrap_or(0),
            seconds: read.number("time").unwrap_or(super::spec::SECONDS_DEFAULT),
            bytes: read.number("num").unwrap_or(0),
            blocks: read.number("blockcount").unwrap_or(0),
            segment_bytes: read.number("MSS").and_then(|mss| u16::try_from(mss).ok()).filter(|mss| *mss > 0),
            no_delay: read.flag("nodelay"),
            streams: read.number("parallel").map_or(1, |streams| u32::try_from(streams).unwrap_or(u32::MAX)).max(1),
            direction,
            window_bytes: read.number("window").filter(|window| *window > 0),
            block_bytes: read.number("len").unwrap_or(0),
            rate: read.number("bandwidth").unwrap_or(0),
            kernel_rate: read.number("fqrate").filter(|rate| *rate > 0),
            pacing_timer_us: read.number("pacing_timer").unwrap_or(1000),
            burst: read.number("burst").unwrap_or(0),
            traffic_class: read.number("TOS").and_then(|tos| u8::try_from(tos).ok()).unwrap_or(0),
            flow_label: read.number("flowlabel").and_then(|label| u32::try_from(label).ok()).filter(|label| *label > 0),
            title: read.text("title"),
            extra_data: read.text("extra_data"),
            congestion: read.text("congestion"),
            want_server_output: read.flag("get_server_output"),
            wide_counters: read.flag("udp_counters_64bit"),
            repeating_payload: read.flag("repeating_payload"),
            zero_copy: read.flag("zerocopy"),
            dont_fragment: read.flag("dont_fragment"),
            has_token: object.contains_key("authtoken"),
            client_version: read.text("client_version"),
        })
    }

    /// The parameters JSON, with the keys that iperf3 sends: those that say nothing are left out.
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = Map::new();
        let mut set = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
        set(if self.protocol == Protocol::Udp { "udp" } else { "tcp" }, true.into());
        set("omit", self.omit_seconds.into());
        set("time", self.seconds.into());
        set("num", self.bytes.into());
        set("blockcount", self.blocks.into());
        set("parallel", self.streams.into());
        set("len", self.block_bytes.into());
        set("pacing_timer", self.pacing_timer_us.into());
        match self.direction {
            Direction::Forward => {}
            Direction::Reverse => set("reverse", true.into()),
            Direction::Both => set("bidirectional", true.into()),
        }
        let numbers = [
            ("MSS", self.segment_bytes.map(u64::from)),
            ("window", self.window_bytes),
            ("bandwidth", Some(self.rate).filter(|rate| *rate > 0)),
            ("fqrate", self.kernel_rate),
            ("burst", Some(self.burst).filter(|burst| *burst > 0)),
            ("TOS", Some(u64::from(self.traffic_class)).filter(|tos| *tos > 0)),
            ("flowlabel", self.flow_label.map(u64::from)),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                set(key, number.into());
            }
        }
        if self.no_delay {
            set("nodelay", true.into());
        }
        // iperf3 sends these as 1, not as true.
        let flags = [
            ("get_server_output", self.want_server_output),
            ("udp_counters_64bit", self.wide_counters),
            ("repeating_payload", self.repeating_payload),
            ("zerocopy", self.zero_copy),
            ("dont_fragment", self.dont_fragment),
        ];
        for (key, _) in flags.into_iter().filter(|(_, set)| *set) {
            set(key, 1.into());
        }
        let texts = [
            ("title", &self.title),
            ("extra_data", &self.extra_data),
            ("congestion", &self.congestion),
            ("client_version", &self.client_version),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                set(key, text.as_str().into());
            }
        }
        Value::Object(object).to_string().into_bytes()
    }

    /// Streams in both directions together.
    pub fn streams_total(&self) -> u32 {
        if self.direction == Direction::Both { self.streams.saturating_mul(2) } else { self.streams }
    }

    /// Does the client send?
    pub fn client_sends(&self) -> bool {
        self.direction != Direction::Reverse
    }

    /// Does the server send?
    pub fn server_sends(&self) -> bool {
        self.direction != Direction::Forward
    }

    /// Whether the stream at this place of the list sends, as the server sees it. In both directions the client makes its
    /// sending streams first.
    pub fn server_sends_on(&self, place: usize) -> bool {
        match self.direction {
            Direction::Forward => false,
            Direction::Reverse => true,
            Direction::Both => place >= self.streams as usize,
        }
    }
}

/// What one side measured.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Results {
    /// CPU of its process, percent of one core: all, user, system.
    pub cpu: [f64; 3],
    /// Whether its figures of retransmits mean something; `None` if it was receiver.
    pub sender_has_retransmits: Option<bool>,
    /// Congestion control that it used.
    pub congestion_used: Option<String>,
    /// Each stream.
    pub streams: Vec<StreamResults>,
    /// Its output as text, if that was asked for.
    pub output_text: Option<String>,
    /// Its output as JSON, likewise.
    pub output_json: Option<Value>,
}

/// What one side measured of one stream. The warm-up is in none of it but where it says so.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StreamResults {
    /// 1, 3, 4, 5, …
    pub id: u32,
    /// Octets sent or received.
    pub bytes: u64,
    /// Segments sent again; `None` if unknown.
    pub retransmits: Option<u64>,
    /// Jitter, seconds.
    pub jitter_seconds: f64,
    /// Datagrams lost, of the warm-up too.
    pub errors: u64,
    /// Of these, lost in the warm-up.
    pub omitted_errors: u64,
    /// Datagrams, of the warm-up too.
    pub packets: u64,
    /// Of these, in the warm-up.
    pub omitted_packets: u64,
    /// Begin, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
}

impl Results {
    /// Reads the results JSON.
    pub fn from_json(octets: &[u8]) -> Result<Self, Malformed> {
        let object = object("results", octets)?;
        let read = Reader { object: &object };
        let listed = object.get("streams").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let most = 2 * STREAMS_MAX as usize;
        if listed.len() > most {
            let fault = format!("{} streams, where {most} are the most", listed.len());
            return Err(Malformed::Json { what: "results", fault });
        }
        let streams = listed.iter().filter_map(Value::as_object).map(stream_results).collect();
        Ok(Self {
            cpu: ["cpu_util_total", "cpu_util_user", "cpu_util_system"].map(|key| read.float(key)),
            sender_has_retransmits: read.number("sender_has_retransmits").map(|number| number > 0),
            congestion_used: read.text("congestion_used"),
            streams,
            output_text: read.text("server_output_text"),
            output_json: object.get("server_output_json").cloned(),
        })
    }

    /// The results JSON. Unknown numbers are −1, as the peer expects of its likes.
    pub fn to_json(&self) -> Vec<u8> {
        let streams: Vec<Value> = self.streams.iter().map(StreamResults::to_value).collect();
        let mut value = json!({
            "cpu_util_total": self.cpu[0],
            "cpu_util_user": self.cpu[1],
            "cpu_util_system": self.cpu[2],
            "sender_has_retransmits": self.sender_has_retransmits.map_or(-1, i32::from),
            "streams": streams,
        });
        if let Some(name) = &self.congestion_used {
            value["congestion_used"] = name.as_str().into();
        }
        if let Some(text) = &self.output_text {
            value["server_output_text"] = text.as_str().into();
        }
        if let Some(output) = &self.output_json {
            value["server_output_json"] = output.clone();
        }
        value.to_string().into_bytes()
    }

    /// Of this stream.
    pub fn stream(&self, id: u32) -> Option<&StreamResults> {
        self.streams.iter().find(|stream| stream.id == id)
    }
}

impl StreamResults {
    fn to_value(&self) -> Value {
        json!({
            "id": self.id,
            "bytes": self.bytes,
            "retransmits": self.retransmits.map_or(Value::from(-1), Value::from),
            "jitter": self.jitter_seconds,
            "errors": self.errors,
            "omitted_errors": self.omitted_errors,
            "packets": self.packets,
            "omitted_packets": self.omitted_packets,
            "start_time": self.start,
            "end_time": self.end,
        })
    }
}

fn stream_results(object: &Map<String, Value>) -> StreamResults {
    let read = Reader { object };
    let count = |key| read.number(key).unwrap_or(0);
    StreamResults {
        id: u32::try_from(count("id")).unwrap_or(0),
        bytes: count("bytes"),
        retransmits: read.number("retransmits"),
        jitter_seconds: read.float("jitter"),
        errors: count("errors"),
        omitted_errors: count("omitted_errors"),
        packets: count("packets"),
        omitted_packets: count("omitted_packets"),
        start: read.float("start_time"),
        end: read.float("end_time"),
    }
}

fn object(what: &'static str, octets: &[u8]) -> Result<Map<String, Value>, Malformed> {
    match serde_json::from_slice(octets) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Malformed::Json { what, fault: "no object".to_owned() }),
        Err(error) => Err(Malformed::Json { what, fault: error.to_string() }),
    }
}

/// Texts of a peer are cut here: they reach logs, terminals and our own JSON.
const TEXT_BYTES_MAX: usize = 2 << 20;

struct Reader<'a> {
    object: &'a Map<String, Value>,
}

impl Reader<'_> {
    /// A count; −1 in any of its spellings is none.
    fn number(&self, key: &str) -> Option<u64> {
        let value = self.object.get(key)?;
        if let Some(number) = value.as_u64() {
            return (number != u64::MAX).then_some(number);
        }
        let number = value.as_f64().or_else(|| value.as_bool().map(|flag| f64::from(u8::from(flag))))?;
        // 2^64 is what −1 became; what is beyond 2^63 is no count of anything.
        (0.0..9.223_372_036_854_776e18).contains(&number).then_some(number as u64)
    }

    fn float(&self, key: &str) -> f64 {
        self.object.get(key).and_then(Value::as_f64).filter(|number| number.is_finite()).unwrap_or(0.0)
    }

    fn flag(&self, key: &str) -> bool {
        match self.object.get(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(_) => self.number(key).is_some_and(|number| number > 0),
            None => false,
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        let text = self.object.get(key)?.as_str()?;
        let end = text.floor_char_boundary(TEXT_BYTES_MAX);
        Some(text[..end].to_owned()).filter(|text| !text.is_empty())
    }
}

/// A JSON message as it goes over the wire: its length, then it.
pub fn frame(json: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(4 + json.len());
    octets.extend(u32::try_from(json.len()).unwrap_or(u32::MAX).to_be_bytes());
    octets.extend(json);
    octets
}

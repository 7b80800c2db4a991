//! The numbers of iperf3's protocol.

use std::time::Duration;

/// The port, of TCP and of UDP.
pub const PORT: u16 = 5201;
/// The client's first octets on each TCP connection: 36 of `a-z2-7` and a NUL.
pub const COOKIE_BYTES: usize = 37;
/// Longest parameters that iperf3's server takes.
pub const PARAMETERS_BYTES_MAX: usize = 8 << 10;
/// Longest results that are taken. 128 streams need 20 KiB; the rest is the output of the other side, where it was asked
/// for. Held once for each test while results are exchanged.
pub const RESULTS_BYTES_MAX: usize = 4 << 20;
/// Most streams in one direction.
pub const STREAMS_MAX: u32 = 128;
/// Longest test, seconds.
pub const SECONDS_MAX: u64 = 86_400;
/// Longest warm-up, seconds.
pub const OMIT_SECONDS_MAX: u64 = 600;
/// How long a client sends that does not say.
pub const SECONDS_DEFAULT: u64 = 10;
/// Largest block.
pub const BLOCK_BYTES_MAX: u64 = 1 << 20;
/// Block of TCP that nobody chose.
pub const TCP_BLOCK_BYTES: u64 = 128 << 10;
/// Datagram that nobody chose and where the segment size of the control connection is unknown.
pub const UDP_BLOCK_BYTES: u64 = 1460;
/// The smallest datagram: its head of sixteen octets.
pub const UDP_BLOCK_BYTES_MIN: u64 = 16;
/// The largest that UDP over IPv4 carries.
pub const UDP_BLOCK_BYTES_MAX: u64 = 65_507;
/// Rate of UDP that nobody chose, bits per second: iperf3's "1 Mbit/s" is 1024 × 1024.
pub const UDP_RATE: u64 = 1 << 20;
/// What a client sends first on each UDP socket.
pub const UDP_CONNECT: [u8; 4] = *b"9876";
/// What the server answers.
pub const UDP_REPLY: [u8; 4] = *b"6789";
/// What servers before 3.12 answer.
pub const UDP_REPLY_OLD: [u8; 4] = [0xb1, 0x68, 0xde, 0x3a];
/// In reverse mode data can overtake the reply; so many datagrams are passed over in waiting for it.
pub const UDP_STRAYS_MAX: u32 = 2;
/// Which version we behave as.
pub const VERSION: &str = "3.12";

/// The identifier of a stream by its place: 1, 3, 4, 5, … iperf3 never uses 2.
pub fn stream_id(place: usize) -> u32 {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    if place == 0 { 1 } else { place.saturating_add(2) }
}

/// One octet on the control connection says what comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Server: all streams are there.
    TestStart,
    /// Server: data flows now.
    TestRunning,
    /// Client: the time is over, or all was sent.
    TestEnd,
    /// Server: tell your parameters.
    ParamExchange,
    /// Server: open your streams.
    CreateStreams,
    /// Server: I was interrupted.
    ServerTerminate,
    /// Client: I was interrupted.
    ClientTerminate,
    /// Server: tell your results.
    ExchangeResults,
    /// Server: you have all, show it.
    DisplayResults,
    /// Never on the wire.
    IperfStart,
    /// Client: good-bye.
    IperfDone,
    /// Server: busy, or not for you.
    AccessDenied,
    /// Server: it failed; two numbers follow that say why.
    ServerError,
}

impl State {
    const ALL: [(Self, i8); 13] = [
        (Self::TestStart, 1),
        (Self::TestRunning, 2),
        (Self::TestEnd, 4),
        (Self::ParamExchange, 9),
        (Self::CreateStreams, 10),
        (Self::ServerTerminate, 11),
        (Self::ClientTerminate, 12),
        (Self::ExchangeResults, 13),
        (Self::DisplayResults, 14),
        (Self::IperfStart, 15),
        (Self::IperfDone, 16),
        (Self::AccessDenied, -1),
        (Self::ServerError, -2),
    ];

    /// Its octet.
    pub fn to_octet(self) -> u8 {
        let value = Self::ALL.iter().find(|(state, _)| *state == self).map_or(0, |(_, value)| *value);
        value.to_ne_bytes()[0]
    }

    /// Of an octet, if it is one.
    pub fn from_octet(octet: u8) -> Option<Self> {
        let value = i8::from_ne_bytes([octet]);
        Self::ALL.iter().find(|(_, known)| *known == value).map(|(state, _)| *state)
    }
}

/// iperf3's error numbers, as far as they are told to the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorNumber(pub i32);

impl ErrorNumber {
    /// "test duration too long"
    pub const DURATION: Self = Self(5);
    /// "number of parallel streams too large"
    pub const STREAMS: Self = Self(6);
    /// "block size too large"
    pub const BLOCK: Self = Self(7);
    /// "bogus value for --omit"
    pub const OMIT: Self = Self(12);
    /// "total required bandwidth is larger than server limit"
    pub const TOTAL_RATE: Self = Self(27);
    /// "unable to receive parameters from client"
    pub const RECEIVE_PARAMETERS: Self = Self(114);
    /// "unable to create a new stream"
    pub const CREATE_STREAM: Self = Self(200);
    /// "unable to set TCP_CONGESTION"
    pub const CONGESTION: Self = Self(134);
    /// "test authorization failed"
    pub const AUTHORIZATION: Self = Self(142);

    /// What iperf3 says of it, as far as we know.
    pub fn meaning(self) -> Option<&'static str> {
        Some(match self.0 {
            5 => "the test is longer than the server allows",
            6 => "more streams than the server allows",
            7 => "the block is larger than the server allows",
            12 => "the warm-up is longer than the server allows",
            21 => "the server cannot set this type of service",
            27 => "the rate is higher than the server allows",
            100 | 200 => "the server could not make a new stream",
            109 => "the server lost the control connection",
            114 => "the server did not understand the parameters",
            117 => "the server did not get the results",
            134 => "the server has no congestion control of this name",
            142 => "the server does not allow this",
            _ => return None,
        })
    }
}

/// How long each step may take before a session is given up. What a silent peer holds, it holds no longer than this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// From being asked for parameters to the last octet of them.
    pub parameters: Duration,
    /// From being asked for streams to the last of them.
    pub streams: Duration,
    /// Beyond the agreed end of a test; on slow paths the end waits behind what is still in buffers.
    pub overtime: Duration,
    /// For results, each way, and for the good-bye.
    pub results: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            parameters: Duration::from_secs(5),
            streams: Duration::from_secs(10),
            overtime: Duration::from_secs(5),
            results: Duration::from_secs(5),
        }
    }
}

//! A test as iperf3's JSON (`-J`): the same keys in the same places as 3.12 writes them in the same mode.

use super::model::{End, Interval, Role, Span, Start, StreamEnd, Test, rate};
use super::spec::VERSION;
use super::wire::Direction;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use terms::Timestamp;

/// JSON whose keys keep their order: people compare it with iperf3's line by line.
#[derive(Clone, PartialEq, Debug)]
pub enum Json {
    /// `true` or `false`.
    Flag(bool),
    /// A count.
    Count(u64),
    /// A measure.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(&'static str, Json)>),
    /// What the other side wrote.
    Foreign(Value),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Foreign(value) => value.serialize(serializer),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Json {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

type Members = Vec<(&'static str, Json)>;

/// The whole document, with a newline at its end.
pub fn document(test: &Test) -> String {
    // A map with text keys and finite numbers always serializes.
    let mut text = serde_json::to_string_pretty(&value(test)).unwrap_or_default();
    text.push('\n');
    text
}

/// The same as a value, as it is sent to a client that asked for the server's output.
pub fn foreign(test: &Test) -> Value {
    serde_json::to_value(value(test)).unwrap_or_default()
}

fn value(test: &Test) -> Json {
    let begun = test.start.as_ref();
    let intervals = |start| test.intervals.iter().map(|interval| interval_value(start, interval)).collect();
    let mut members: Members = vec![
        ("start", Json::Object(begun.map_or_else(|| vec![("connected", Json::List(Vec::new()))], start_members))),
        ("intervals", Json::List(begun.map_or_else(Vec::new, intervals))),
    ];
    let end = begun.zip(test.end.as_ref()).map_or_else(Vec::new, |(start, end)| end_members(start, end));
    members.push(("end", Json::Object(end)));
    let asked = begun.map(|start| &start.parameters);
    let texts = [("title", asked.map(|asked| &asked.title)), ("extra_data", asked.map(|asked| &asked.extra_data))];
    for (key, text) in texts {
        if let Some(text) = text.and_then(Option::as_ref) {
            members.push((key, text.as_str().into()));
        }
    }
    if let Some(end) = &test.end {
        if let Some(json) = &end.peer_json {
            members.push(("server_output_json", Json::Foreign(json.clone())));
        }
        if let Some(text) = &end.peer_text {
            members.push(("server_output_text", text.as_str().into()));
        }
    }
    if let Some(error) = &test.error {
        members.push(("error", error.as_str().into()));
    }
    Json::Object(members)
}

fn start_members(start: &Start) -> Members {
    let parameters = &start.parameters;
    let connected = start.streams.iter().map(|stream| {
        Json::Object(vec![
            ("socket", socket(stream.socket)),
            ("local_host", Json::Text(stream.local.ip().to_canonical().to_string())),
            ("local_port", u64::from(stream.local.port()).into()),
            ("remote_host", Json::Text(stream.remote.ip().to_canonical().to_string())),
            ("remote_port", u64::from(stream.remote.port()).into()),
        ])
    });
    let seconds = i64::try_from(start.unix_seconds).unwrap_or(i64::MAX);
    let mut members: Members = vec![
        ("connected", Json::List(connected.collect())),
        ("version", Json::Text(format!("iperf {VERSION} ({})", start.program))),
        ("system_info", start.system.as_str().into()),
        (
            "timestamp",
            Json::Object(vec![
                ("time", Json::Text(Timestamp::from_seconds(seconds).to_http_date())),
                ("timesecs", start.unix_seconds.into()),
            ]),
        ),
        (
            match start.role {
                Role::Client => "connecting_to",
                Role::Server => "accepted_connection",
            },
            Json::Object(vec![("host", start.host.as_str().into()), ("port", u64::from(start.port).into())]),
        ),
        ("cookie", start.cookie.as_str().into()),
    ];
    if !start.is_udp() {
        match parameters.segment_bytes {
            Some(bytes) => members.push(("tcp_mss", u64::from(bytes).into())),
            None => members.push(("tcp_mss_default", u64::from(start.segment_bytes.unwrap_or(0)).into())),
        }
    }
    members.extend([
        ("target_bitrate", parameters.rate.into()),
        ("sock_bufsize", parameters.window_bytes.unwrap_or(0).into()),
        ("sndbuf_actual", start.send_buffer_bytes.into()),
        ("rcvbuf_actual", start.receive_buffer_bytes.into()),
        ("test_start", Json::Object(test_start(start))),
    ]);
    members
}

fn test_start(start: &Start) -> Members {
    let parameters = &start.parameters;
    vec![
        ("protocol", if start.is_udp() { "UDP" } else { "TCP" }.into()),
        ("num_streams", u64::from(parameters.streams).into()),
        ("blksize", parameters.block_bytes.into()),
        ("omit", parameters.omit_seconds.into()),
        ("duration", parameters.seconds.into()),
        ("bytes", parameters.bytes.into()),
        ("blocks", parameters.blocks.into()),
        ("reverse", u64::from(parameters.direction == Direction::Reverse).into()),
        ("tos", u64::from(parameters.traffic_class).into()),
        ("target_bitrate", parameters.rate.into()),
    ]
}

fn interval_value(start: &Start, interval: &Interval) -> Json {
    let streams = start.streams.iter().zip(&interval.streams).map(|(stream, span)| {
        let mut members = vec![("socket", socket(stream.socket))];
        members.extend(span_members(span, span.bits_per_second()));
        members.extend(interval_figures(start, stream.sends, span, true));
        members.extend([("omitted", interval.omitted.into()), ("sender", stream.sends.into())]);
        Json::Object(members)
    });
    let mut members: Members = vec![("streams", Json::List(streams.collect()))];
    for ((sends, places), key) in start.directions().into_iter().zip(["sum", "sum_bidir_reverse"]) {
        let spans: Vec<Span> = places.iter().filter_map(|place| interval.streams.get(*place)).copied().collect();
        let sum = sum(&spans);
        let mut figures = span_members(&sum, sum.bits_per_second());
        figures.extend(interval_figures(start, sends, &sum, false));
        figures.extend([("omitted", interval.omitted.into()), ("sender", sends.into())]);
        members.push((key, Json::Object(figures)));
    }
    Json::Object(members)
}

/// What stands between rate and `omitted`.
fn interval_figures(start: &Start, sends: bool, span: &Span, connection: bool) -> Members {
    match (start.is_udp(), sends) {
        (true, true) => vec![("packets", span.packets.into())],
        (true, false) => datagram_members(span),
        (false, false) => Vec::new(),
        (false, true) => {
            let Some((retransmits, info)) = span.tcp else { return Vec::new() };
            let mut members: Members = vec![("retransmits", retransmits.into())];
            if connection {
                members.extend([
                    ("snd_cwnd", info.congestion_window_bytes.into()),
                    ("snd_wnd", info.peer_window_bytes.unwrap_or(0).into()),
                    ("rtt", micros(info.rtt).into()),
                    ("rttvar", micros(info.rtt_variation).into()),
                    ("pmtu", u64::from(info.path_mtu).into()),
                ]);
            }
            members
        }
    }
}

/// What the spans of several streams are together: of one time, with the mean of their jitters.
pub fn sum(spans: &[Span]) -> Span {
    let Some(first) = spans.first() else { return Span::default() };
    let mut sum = Span { start: first.start, end: first.end, ..Span::default() };
    let mut retransmits = None;
    for span in spans {
        sum.bytes = sum.bytes.saturating_add(span.bytes);
        sum.packets = sum.packets.saturating_add(span.packets);
        sum.lost = sum.lost.saturating_add(span.lost);
        sum.out_of_order = sum.out_of_order.saturating_add(span.out_of_order);
        sum.jitter_seconds += span.jitter_seconds / spans.len() as f64;
        if let Some((count, info)) = span.tcp {
            let so_far: u64 = retransmits.map_or(0, |(count, _)| count);
            retransmits = Some((so_far.saturating_add(count), info));
        }
    }
    sum.tcp = retransmits;
    sum
}

fn end_members(start: &Start, end: &End) -> Members {
    let paired = start.streams.iter().zip(&end.streams);
    let streams: Vec<Json> = paired
        .map(|(stream, end)| {
            let socket = || ("socket", socket(stream.socket));
            if start.is_udp() {
                Json::Object(vec![("udp", Json::Object(udp_stream(socket(), stream.sends, end)))])
            } else {
                Json::Object(tcp_stream(start.role, &socket, stream.sends, end))
            }
        })
        .collect();
    let mut members: Members = vec![("streams", Json::List(streams))];
    for ((sends, places), reverse) in start.directions().into_iter().zip([false, true]) {
        let ends: Vec<&StreamEnd> = places.iter().filter_map(|place| end.streams.get(*place)).collect();
        let sent = sum(&ends.iter().map(|end| end.sent).collect::<Vec<_>>());
        let received = sum(&ends.iter().map(|end| end.received).collect::<Vec<_>>());
        if start.is_udp() {
            members.extend(udp_sums(sends, &sent, &received, reverse));
        } else {
            let known = ends.iter().filter(|_| sends || start.role == Role::Client);
            let retransmits = known.filter_map(|end| end.retransmits).reduce(u64::saturating_add);
            members.extend(tcp_sums(sends, &sent, &received, retransmits, reverse));
        }
    }
    members.push(("cpu_utilization_percent", Json::Object(cpu_members(end))));
    if !start.is_udp() {
        members.extend(congestion_members(start, end));
    }
    members
}

fn cpu_members(end: &End) -> Members {
    vec![
        ("host_total", end.cpu[0].into()),
        ("host_user", end.cpu[1].into()),
        ("host_system", end.cpu[2].into()),
        ("remote_total", end.remote_cpu[0].into()),
        ("remote_user", end.remote_cpu[1].into()),
        ("remote_system", end.remote_cpu[2].into()),
    ]
}

/// The client tells both sides' congestion control, the server its own alone, as in iperf3.
fn congestion_members(start: &Start, end: &End) -> Members {
    let first_sends = start.is_both() || start.streams.first().is_some_and(|stream| stream.sends);
    let (ours, theirs) = if first_sends {
        ("sender_tcp_congestion", "receiver_tcp_congestion")
    } else {
        ("receiver_tcp_congestion", "sender_tcp_congestion")
    };
    let mut members: Members = Vec::new();
    if let Some(name) = &end.congestion {
        members.push((ours, name.as_str().into()));
    }
    if let Some(name) = end.remote_congestion.as_ref().filter(|_| start.role == Role::Client) {
        members.push((theirs, name.as_str().into()));
    }
    members.sort_by_key(|(key, _)| *key != "sender_tcp_congestion");
    members
}

fn tcp_stream(role: Role, socket: &dyn Fn() -> (&'static str, Json), sends: bool, end: &StreamEnd) -> Members {
    let mut sent = vec![socket()];
    sent.extend(span_members(&end.sent, end.sent.bits_per_second()));
    // A server that receives prints before it looks at the sender's count: its JSON has never had one.
    if let Some(retransmits) = end.retransmits.filter(|_| sends || role == Role::Client) {
        sent.extend([
            ("retransmits", retransmits.into()),
            ("max_snd_cwnd", end.congestion_window_max.into()),
            ("max_snd_wnd", end.peer_window_max.into()),
            ("max_rtt", end.rtt_us[0].into()),
            ("min_rtt", end.rtt_us[1].into()),
            ("mean_rtt", end.rtt_us[2].into()),
        ]);
    }
    sent.push(("sender", sends.into()));
    let mut received = vec![socket()];
    received.extend(span_members(&end.received, end.received.bits_per_second()));
    received.push(("sender", sends.into()));
    vec![("sender", Json::Object(sent)), ("receiver", Json::Object(received))]
}

fn tcp_sums(sends: bool, sent: &Span, received: &Span, retransmits: Option<u64>, reverse: bool) -> Members {
    let mut out = span_members(sent, sent.bits_per_second());
    if let Some(retransmits) = retransmits {
        out.push(("retransmits", retransmits.into()));
    }
    out.push(("sender", sends.into()));
    let mut into = span_members(received, received.bits_per_second());
    into.push(("sender", sends.into()));
    let keys =
        if reverse { ["sum_sent_bidir_reverse", "sum_received_bidir_reverse"] } else { ["sum_sent", "sum_received"] };
    vec![(keys[0], Json::Object(out)), (keys[1], Json::Object(into))]
}

fn udp_stream(socket: (&'static str, Json), sends: bool, end: &StreamEnd) -> Members {
    // The octets that were sent, and what became of them.
    let span = Span { start: end.sent.start, end: end.sent.end, bytes: end.sent.bytes, ..end.received };
    let mut members = vec![socket];
    members.extend(span_members(&span, span.bits_per_second()));
    members.extend(datagram_members(&span));
    members.extend([("out_of_order", span.out_of_order.into()), ("sender", sends.into())]);
    members
}

fn udp_sums(sends: bool, sent: &Span, received: &Span, reverse: bool) -> Members {
    let sum = |span: &Span, bits_per_second: f64, sender: bool| {
        let mut members = span_members(span, bits_per_second);
        members.extend(datagram_members(span));
        members.push(("sender", sender.into()));
        Json::Object(members)
    };
    let whole = Span { bytes: sent.bytes, ..*received };
    let keys = if reverse {
        ["sum_bidir_reverse", "sum_sent_bidir_reverse", "sum_received_bidir_reverse"]
    } else {
        ["sum", "sum_sent", "sum_received"]
    };
    vec![
        (keys[0], sum(&whole, rate(sent.bytes, sent.seconds()), sends)),
        (keys[1], sum(sent, sent.bits_per_second(), true)),
        (keys[2], sum(received, received.bits_per_second(), false)),
    ]
}

fn datagram_members(span: &Span) -> Members {
    vec![
        ("jitter_ms", (span.jitter_seconds * 1000.0).into()),
        ("lost_packets", span.lost.into()),
        ("packets", span.packets.into()),
        ("lost_percent", span.lost_percent().into()),
    ]
}

fn span_members(span: &Span, bits_per_second: f64) -> Members {
    vec![
        ("start", span.start.into()),
        ("end", span.end.into()),
        ("seconds", span.seconds().into()),
        ("bytes", span.bytes.into()),
        ("bits_per_second", bits_per_second.into()),
    ]
}

fn socket(number: i32) -> Json {
    Json::Count(u64::try_from(number).unwrap_or(0))
}

fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

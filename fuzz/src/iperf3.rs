//! iperf3: parameters, results, and both ends of a control connection.

use soundings_core::iperf3::datagram::{Arrivals, Head};
use soundings_core::iperf3::session::{ClientEvent, ClientSession, ServerEvent, ServerSession};
use soundings_core::iperf3::spec::Deadlines;
use soundings_core::iperf3::wire::{Cookie, Parameters, Results};
use std::time::Duration;

/// As 3.12 sent them.
pub(crate) const PARAMETERS: &[&[u8]] = &[
    br#"{"tcp":true,"omit":0,"time":10,"num":0,"blockcount":0,"parallel":1,"len":131072,"pacing_timer":1000,"client_version":"3.12"}"#,
    br#"{"udp":true,"omit":0,"time":10,"num":0,"blockcount":0,"parallel":1,"reverse":true,"len":32768,"bandwidth":10000000,"pacing_timer":1000,"client_version":"3.12"}"#,
    br#"{"tcp":true,"omit":1,"time":10,"num":0,"blockcount":0,"MSS":1400,"nodelay":true,"parallel":3,"bidirectional":true,"window":1048576,"len":65536,"bandwidth":1000000000,"burst":5,"TOS":32,"title":"hello","congestion":"cubic","get_server_output":1,"zerocopy":1}"#,
];

/// Likewise.
pub(crate) const RESULTS: &[&[u8]] = &[
    br#"{"cpu_util_total":0.07,"cpu_util_user":0,"cpu_util_system":0.07,"sender_has_retransmits":18446744073709551615,"congestion_used":"bbr","streams":[{"id":1,"bytes":1310720,"retransmits":18446744073709551615,"jitter":0,"errors":0,"packets":0,"start_time":0,"end_time":1.04}]}"#,
    br#"{"cpu_util_total":1.5,"sender_has_retransmits":1,"streams":[{"id":3,"bytes":6,"omitted_errors":1,"omitted_packets":2}],"server_output_text":"x"}"#,
];

/// What a client says after its cookie; and what a server says.
pub(crate) const SESSIONS: &[&[u8]] = &[
    b"\0\0\0\x1d{\"tcp\":true,\"time\":1,\"len\":9}\x04\0\0\0\x0e{\"streams\":[]}\x10",
    b"\x09\x0a\x01\x02\x0d\0\0\0\x0e{\"streams\":[]}\x0e",
    b"\x09\xfe\0\0\0\x1b\0\0\0\x0d",
];

/// What is read once is read the same when it is written again.
pub(crate) fn parameters(octets: &[u8]) {
    if let Ok(read) = Parameters::from_json(octets)
        && let Ok(again) = Parameters::from_json(&read.to_json())
    {
        // What is encrypted is neither kept nor sent on.
        assert_eq!(Parameters { has_token: false, ..read }, again);
    }
}

/// Numbers of results may lose their last digit on the way; nothing may be lost else.
pub(crate) fn results(octets: &[u8]) {
    if let Ok(read) = Results::from_json(octets)
        && let Ok(again) = Results::from_json(&read.to_json())
    {
        assert_eq!(read.streams.len(), again.streams.len());
        assert!(read.streams.iter().zip(&again.streams).all(|(one, other)| one.bytes == other.bytes));
    }
    let mut arrivals = Arrivals::default();
    for datagram in octets.chunks(16) {
        if let Some(head) = Head::read(true, datagram) {
            arrivals.arrived(head, Duration::from_secs(1));
        }
    }
    assert!(arrivals.jitter_seconds.is_finite());
}

/// Both ends hear the same, in pieces; then the line is cut, and both have ended.
pub(crate) fn session(octets: &[u8]) {
    let now = Duration::ZERO;
    let mut server = ServerSession::new(Deadlines::default());
    server.ask(now);
    let mut client =
        ClientSession::new(now, Cookie([0; 37]), &Parameters::default(), Deadlines::default(), Duration::ZERO);
    for piece in octets.chunks(7) {
        server.handle_bytes(now, piece);
        while let Some(event) = server.poll_event() {
            match event {
                ServerEvent::Asked(_) => {
                    server.accept(now, 1, Duration::ZERO);
                    server.stream_arrived(now);
                }
                ServerEvent::Stop => server.results(now, &Results::default()),
                _ => {}
            }
        }
        client.handle_bytes(now, piece);
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Run => client.finish(now),
                ClientEvent::WantResults => client.results(now, &Results::default()),
                _ => {}
            }
        }
    }
    server.handle_closed();
    client.handle_closed();
    assert!(server.poll_timeout().is_none() && client.poll_timeout().is_none());
}

//! What both ends make of a request before its streams run.

use super::engine::Plan;
use net::SocketOptions;
use soundings_core::throughput::spec;
use soundings_core::throughput::wire::Request;
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// What the sockets of one direction get at this end.
pub(super) fn options(request: &Request, sending: bool) -> SocketOptions {
    let size = |bytes: Option<u64>| bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    SocketOptions {
        bind: None,
        congestion_control: request.congestion_control.clone().filter(|_| sending),
        send_buffer_bytes: size(request.send_buffer_bytes).filter(|_| sending),
        receive_buffer_bytes: size(request.receive_buffer_bytes).filter(|_| !sending),
        segment_bytes: request.segment_bytes,
        pacing_bytes_per_second: request
            .pace_bits_per_second
            .filter(|_| sending)
            .map(|pace| (pace / 8 / u64::from(request.streams.max(1))).max(1)),
        traffic_class: request.dscp.map(|dscp| dscp << 2),
        no_delay: true,
        unacknowledged: None,
    }
}

/// How the streams of one end run. Rates are of a direction, in bits per second.
pub(super) fn plan(request: &Request, rate_out: Option<u64>, rate_in: Option<u64>, longest: Duration) -> Plan {
    let whole = request.duration().map_or(longest, |duration| duration + request.omit());
    Plan {
        duration: request.duration(),
        omit: request.omit(),
        stream_bytes: request.stream_bytes(),
        block_bytes: request.block_bytes as usize,
        rate_out: rate_out.map(|rate| rate / 8),
        rate_in: rate_in.map(|rate| rate / 8),
        longest,
        sample_every: spec::sample_every(whole, request.kinds().len()),
        read: None,
        written: None,
    }
}

/// What a data connection says after its cookie.
pub(super) const NUMBER_BYTES: usize = 4;

/// A socket does not take an option.
pub(super) fn option_refused(error: &std::io::Error, request: &Request) -> Problem {
    let wanted = match &request.congestion_control {
        Some(name) => format!(
            "; congestion control '{name}' was asked for, and this host allows: {}",
            net::congestion_controls().join(", ")
        ),
        None => String::new(),
    };
    Problem {
        status: 400,
        kind: "option-refused",
        title: "an option of the test is not to be had",
        detail: format!("The kernel of this host refused to set the options of a stream: {error}{wanted}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Change the option, or have the kernel allow it.".to_owned(),
    }
}

//! Verdicts in words.

use super::rules::WINDOW_FULL;
use super::{Facts, Figure, HostFacts, Limit};
use terms::Rate;

/// A rate as people write it.
pub(super) fn rate(bits_per_second: f64) -> String {
    Rate(bits_per_second.max(0.0).round() as u64).to_string()
}

/// A share as people write it.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 0.01 => format!("{percent:.4} %"),
        percent if percent < 10.0 && percent > 0.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.0} %"),
    }
}

fn millis(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1e3)
}

fn bytes(count: f64) -> String {
    match count {
        count if count >= 1048576.0 => format!("{:.1} MiB", count / 1048576.0),
        count => format!("{:.0} KiB", count / 1024.0),
    }
}

fn share(of: Option<f64>) -> String {
    of.map_or_else(|| "an unknown part".to_owned(), percent)
}

/// The limit in a sentence.
pub(super) fn sentence(limit: Limit, facts: &Facts) -> String {
    let reached = rate(facts.rate);
    match limit {
        Limit::SenderCpu => format!("{reached}: {}", cpu("sender", &facts.sender, facts.tls)),
        Limit::ReceiverCpu => format!("{reached}: {}", cpu("receiver", &facts.receiver, facts.tls)),
        Limit::ReceiveWindow => format!(
            "{reached}: the receive window was full {} of the time{}.",
            share(facts.receiver_limited),
            window(facts.peer_window, facts)
        ),
        Limit::SendBuffer => {
            let full = facts.send_buffer_limited.filter(|share| *share >= WINDOW_FULL);
            let how = full.map_or_else(
                || "holds less than the congestion window would let out".to_owned(),
                |share| format!("was full {} of the time", percent(share)),
            );
            // The kernel counts its own needs in: at most half of the buffer is data.
            format!("{reached}: the send buffer {how}{}.", window(facts.send_buffer.map(|bytes| bytes / 2.0), facts))
        }
        Limit::Congestion => congestion(&reached, facts),
        Limit::Pacing => format!("{reached}: this is the rate that was asked for{}.", of(facts.pace)),
        Limit::Allowance => format!("{reached}: this is the rate that the responder allows{}.", of(facts.allowance)),
        Limit::DiskRead => {
            format!("{reached}: the sender waited for its disk {} of the time.", share(facts.sender.disk))
        }
        Limit::DiskWrite => {
            format!("{reached}: the receiver waited for its disk {} of the time.", share(facts.receiver.disk))
        }
        Limit::NotEnoughData if facts.rate <= 0.0 => "Nothing arrived in the counted time.".to_owned(),
        Limit::NotEnoughData if facts.seconds < 1.0 => {
            format!("{reached} over {:.2} s: too short to say what limited it.", facts.seconds)
        }
        Limit::NotEnoughData => format!("{reached}: no figure stands out, so nothing can be said for sure."),
    }
}

fn of(bound: Option<f64>) -> String {
    bound.map(|bound| format!(", {}", rate(bound))).unwrap_or_default()
}

fn cpu(who: &str, host: &HostFacts, tls: bool) -> String {
    let doing = if tls { "encrypting and copying" } else { "copying" };
    let busiest = share(host.busiest);
    match host.host {
        Some(all) if all > host.busiest.unwrap_or(0.0) && host.own.is_some_and(|own| own >= 0.4) => format!(
            "the {who}'s host had no idle processor: {} of its {} were busy; the busiest stream had one for {busiest} of \
             the time.",
            percent(all),
            host.processors
        ),
        _ => format!("a processor of the {who} was busy {doing} for {busiest} of the time."),
    }
}

fn window(size: Option<f64>, facts: &Facts) -> String {
    let Some((size, rtt)) = size.zip(facts.rtt_mean) else { return String::new() };
    format!(
        "; {} in each round trip of {} let {} pass{}",
        bytes(size),
        millis(rtt),
        rate(size * 8.0 / rtt * facts.streams as f64),
        if facts.streams > 1 { " over all streams" } else { "" }
    )
}

fn congestion(reached: &str, facts: &Facts) -> String {
    let control = facts.congestion_control.as_deref().unwrap_or("the congestion control");
    let again = match facts.retransmits.zip(facts.loss) {
        Some((segments, loss)) if facts.is_lossy() => {
            format!("{segments} segments were sent again, {} of them all", percent(loss))
        }
        Some(_) => "hardly a segment was sent again".to_owned(),
        None => "the kernel does not tell what was sent again".to_owned(),
    };
    let trips = match facts.rtt_least.zip(facts.rtt_mean) {
        Some((least, mean)) => {
            format!("round trips took {} at least and {} in the mean", millis(least), millis(mean))
        }
        None => "the kernel does not tell round trips".to_owned(),
    };
    let seen = format!("{again}, and {trips}");
    format!("{reached}: the way was the limit, as {control} sees it: {seen}.")
}

/// All figures that are known.
pub(super) fn evidence(facts: &Facts) -> Vec<Figure> {
    let mut figures = vec![
        Figure { name: "received", value: facts.rate, unit: "bit/s" },
        Figure { name: "counted time", value: facts.seconds, unit: "s" },
    ];
    let mut add = |name, value: Option<f64>, unit| {
        figures.extend(value.map(|value| Figure { name, value, unit }));
    };
    add("rate asked for", facts.pace, "bit/s");
    add("rate allowed", facts.allowance, "bit/s");
    add("sender's busiest stream: processor", facts.sender.busiest, "share");
    add("sender's host: processors busy", facts.sender.host, "share");
    add("sender's program: of all processors", facts.sender.own, "share");
    add("receiver's busiest stream: processor", facts.receiver.busiest, "share");
    add("receiver's host: processors busy", facts.receiver.host, "share");
    add("receiver's program: of all processors", facts.receiver.own, "share");
    add("sender waited for its disk", facts.sender.disk, "share");
    add("receiver waited for its disk", facts.receiver.disk, "share");
    add("receive window was the limit", facts.receiver_limited, "share");
    add("send buffer was the limit", facts.send_buffer_limited, "share");
    add("network was the limit", facts.network_limited(), "share");
    add("segments sent again", facts.retransmits.map(|count| count as f64), "segments");
    add("loss", facts.loss, "share");
    add("least round trip", facts.rtt_least, "s");
    add("mean round trip", facts.rtt_mean, "s");
    add("mean congestion window of a stream", facts.congestion_window, "B");
    add("largest receive window of a stream", facts.peer_window, "B");
    add("send buffer of a stream", facts.send_buffer, "B");
    add("rate by loss and distance (Mathis)", facts.mathis(), "bit/s");
    figures
}

/// What to do.
pub(super) fn next(limit: Limit, facts: &Facts) -> String {
    let needed = facts.rtt_mean.map(|rtt| {
        let window = 2.0 * facts.rate.max(1e9) / 8.0 * rtt / facts.streams.max(1) as f64;
        format!(" For twice this rate or 2 Gbit/s at this distance a stream needs {}.", bytes(window))
    });
    let needed = needed.unwrap_or_default();
    let text = match limit {
        Limit::SenderCpu | Limit::ReceiverCpu if facts.streams == 1 => {
            "Try several streams (-P 4): each has a thread of its own. 'portolan doctor' looks at governor and offloads."
        }
        Limit::SenderCpu | Limit::ReceiverCpu => {
            "This host gives no more. 'portolan doctor' looks at governor, offloads and where interrupts go."
        }
        Limit::ReceiveWindow => {
            return format!("Raise net.ipv4.tcp_rmem and net.core.rmem_max at the receiver, or set no window.{needed}");
        }
        Limit::SendBuffer => {
            return format!("Raise net.ipv4.tcp_wmem and net.core.wmem_max at the sender, or set no buffer.{needed}");
        }
        Limit::Congestion => return way(facts),
        Limit::Pacing => "Ask for a higher rate (--pace), or for none, to see what the way can carry.",
        Limit::Allowance => "Bring a token that has the right to 'measure', or have the allowance raised.",
        Limit::DiskRead | Limit::DiskWrite => {
            "Measure from memory to memory to see what the way alone can carry, and the disk by itself."
        }
        Limit::NotEnoughData => "Measure longer (--time 30s), with a warm-up (--omit 3s) where the way is long.",
    };
    text.to_owned()
}

fn way(facts: &Facts) -> String {
    let text = match (facts.is_lossy(), facts.is_queued()) {
        (true, true) => {
            "A queue on the way is full: this is the rate of the narrowest link, or others share it. Compare with what the \
             link should carry."
        }
        (true, false) => {
            "Segments are lost though no queue stands: look for a bad link, dirty optics, a policer or a small buffer. \
             Measure the way in shorter parts."
        }
        (false, true) => "A queue stands on the way, and nothing is lost: this is the rate of the narrowest link.",
        (false, false) => {
            "Neither loss nor a queue: the window may still have been opening. Measure longer, with a warm-up (--omit)."
        }
    };
    text.to_owned()
}

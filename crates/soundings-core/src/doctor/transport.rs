//! TCP's settings, and drops that belong to no interface.

use super::buffers::not_seen;
use super::facts::Facts;
use super::finding::{Finding, Remedy};
use super::goal::{GIGABIT, Goal, SEGMENT_BYTES};
use terms::{Rate, Span};

pub(super) fn examine(facts: &Facts, goal: &Goal) -> Vec<Finding> {
    vec![
        window_scaling(facts, goal),
        sack(facts, goal),
        timestamps(facts, goal),
        metrics(facts, goal),
        after_idle(facts, goal),
        congestion_control(facts, goal),
        default_qdisc(facts),
        path_mtu(facts, goal),
        listen(facts),
        pruned(facts),
        datagrams(facts),
    ]
}

fn window_scaling(facts: &Facts, goal: &Goal) -> Finding {
    let (subject, key) = ("window-scaling", "net.ipv4.tcp_window_scaling");
    match facts.tcp.window_scaling {
        None => not_seen(subject, key),
        Some(true) => Finding::ok(subject, "on"),
        Some(false) => {
            let cost =
                format!("{} in one connection, whatever the buffers, instead of {}", goal.rate_of(65_535), goal.text());
            let because =
                format!("a window of 16 bits holds 65535 bytes: × 8 ÷ {} s (RFC 7323 §2)", goal.rtt.as_secs_f64());
            Finding::broken(subject, "off", cost).remedy(Remedy::sysctl(key, 1)).because(because)
        }
    }
}

fn sack(facts: &Facts, _: &Goal) -> Finding {
    let (subject, key) = ("selective-acknowledgements", "net.ipv4.tcp_sack");
    match facts.tcp.selective_acknowledgements {
        None => not_seen(subject, key),
        Some(true) => Finding::ok(subject, "on"),
        Some(false) => {
            Finding::costs(subject, "off", "each further loss within a window costs a round trip of its own")
                .remedy(Remedy::sysctl(key, 1))
                .because("without them a sender learns of one loss in each round trip (RFC 6582 §1, RFC 2018)")
        }
    }
}

fn timestamps(facts: &Facts, goal: &Goal) -> Finding {
    let (subject, key) = ("timestamps", "net.ipv4.tcp_timestamps");
    let wrap = f64::from(u32::MAX) * 8.0 / goal.rate_bits_per_second.max(1) as f64;
    match facts.tcp.timestamps {
        None => not_seen(subject, key),
        Some(true) => Finding::ok(subject, "on"),
        Some(false) => {
            let cost = format!(
                "sequence numbers come around after {wrap:.1} s, and an old segment can pass for a new one; round trips \
                 are measured once in a window"
            );
            let because = format!("4 GiB × 8 ÷ {} = {wrap:.1} s (RFC 7323 §5)", goal.rate());
            Finding::costs(subject, "off", cost).remedy(Remedy::sysctl(key, 1)).because(because)
        }
    }
}

fn metrics(facts: &Facts, goal: &Goal) -> Finding {
    let (subject, key) = ("metrics-of-old-connections", "net.ipv4.tcp_no_metrics_save");
    let half = goal.segments() / 2;
    match facts.tcp.forget_metrics {
        None => not_seen(subject, key),
        Some(true) => Finding::ok(subject, "forgotten, so that a bad connection does not slow the next"),
        Some(false) => {
            let cost = format!(
                "after a connection with losses the next to the same host leaves slow start early; with one segment more \
                 each round trip the second half of the window takes {}",
                Span(goal.rtt * u32::try_from(half).unwrap_or(u32::MAX))
            );
            let because = format!(
                "{} segments of 1448 bytes are under way; half of them × {} s for Reno, less for cubic. fasterdata \
                 advises 1.",
                goal.segments(),
                goal.rtt.as_secs_f64()
            );
            Finding::costs(subject, "kept (tcp_no_metrics_save is 0)", cost)
                .remedy(Remedy::sysctl(key, 1))
                .because(because)
        }
    }
}

fn after_idle(facts: &Facts, goal: &Goal) -> Finding {
    let (subject, key) = ("slow-start-after-idle", "net.ipv4.tcp_slow_start_after_idle");
    let rounds = (goal.segments() as f64 / INITIAL_SEGMENTS).log2().ceil().max(0.0);
    match facts.tcp.slow_start_after_idle {
        None => not_seen(subject, key),
        Some(false) => Finding::ok(subject, "off: a connection that rested goes on where it was"),
        Some(true) => {
            let lost = goal.rtt.mul_f64(rounds);
            let cost = format!(
                "a connection that rests between files begins again at {INITIAL_SEGMENTS} segments: {rounds} round trips, \
                 {}, until it is at full speed",
                Span(lost)
            );
            let because = format!("log2({} segments ÷ {INITIAL_SEGMENTS}) = {rounds} round trips", goal.segments());
            Finding::costs(subject, "on", cost).remedy(Remedy::sysctl(key, 0)).because(because)
        }
    }
}

fn congestion_control(facts: &Facts, goal: &Goal) -> Finding {
    let (subject, key) = ("congestion-control", "net.ipv4.tcp_congestion_control");
    let Some(used) = &facts.tcp.congestion_control else { return not_seen(subject, key) };
    let others = facts.tcp.congestion_controls.as_deref().unwrap_or_default();
    let available = if others.is_empty() { String::new() } else { format!(" (available: {})", others.join(", ")) };
    let found = format!("{used}{available}");
    if !SLOW_CONTROLS.contains(&used.as_str()) {
        return Finding::ok(subject, found);
    }
    let rounds = goal.segments() / 2;
    let span = Span(goal.rtt * u32::try_from(rounds).unwrap_or(u32::MAX));
    let cost = format!("each loss halves the rate, and it takes {span} to come back to {}", goal.rate());
    let because = format!("{} segments ÷ 2 = {rounds} round trips of {}", goal.segments(), Span(goal.rtt));
    let better = ["bbr", "cubic", "htcp"].into_iter().find(|name| others.iter().any(|other| other == name));
    Finding::costs(subject, found, cost).remedy(Remedy::sysctl(key, better.unwrap_or("cubic"))).because(because)
}

fn default_qdisc(facts: &Facts) -> Finding {
    let (subject, key) = ("default-queue-discipline", "net.core.default_qdisc");
    match facts.default_qdisc.as_deref() {
        None => not_seen(subject, key),
        Some("fq") => Finding::ok(subject, "fq"),
        Some(other) => {
            let cost = "bursts of up to a window leave at the speed of the card; each hop with a shorter queue loses some of \
                        them, and only TCP's own timers pace";
            Finding::costs(subject, other, cost)
                .remedy(Remedy::sysctl(key, "fq"))
                .because("fasterdata advises fq, which spreads the packets of each connection over the round trip")
        }
    }
}

fn path_mtu(facts: &Facts, _: &Goal) -> Finding {
    let (subject, key) = ("path-mtu-discovery", "net.ipv4.tcp_mtu_probing");
    if let Some(mode) = facts.tcp.no_path_mtu.filter(|mode| *mode != 0) {
        let found = format!("off (ip_no_pmtu_disc is {mode})");
        let cost = "packets may be cut on the way, or be as small as 552 bytes: three times as many of them";
        return Finding::costs(subject, found, cost).remedy(Remedy::sysctl("net.ipv4.ip_no_pmtu_disc", 0));
    }
    let jumbo = facts.interfaces.iter().filter_map(|interface| interface.mtu_bytes).max().is_some_and(|mtu| mtu > 1500);
    match facts.tcp.mtu_probing {
        None => not_seen(subject, key),
        Some(0) if jumbo => {
            let cost = "where a router on the way keeps silent about its MTU, connections stand still for ever instead of \
                        going on with smaller packets";
            Finding::costs(subject, "relies on messages of routers alone, with jumbo frames here", cost)
                .remedy(Remedy::sysctl(key, 1))
                .because("fasterdata advises 1 on hosts with jumbo frames (RFC 4821)")
        }
        Some(0) => Finding::ok(subject, "by messages of routers; enough with packets of 1500 bytes, as a rule"),
        Some(mode) => Finding::ok(subject, format!("by messages, and by probing (tcp_mtu_probing is {mode})")),
    }
}

fn listen(facts: &Facts) -> Finding {
    let subject = "connections-refused";
    match facts.listen_overflows {
        None => not_seen(subject, "/proc/net/netstat"),
        Some(few) if few < COUNT_LEAST => Finding::ok(subject, format!("{few} since the start")),
        Some(many) => {
            let found = format!("{many} since the start: programs did not take them in time");
            let cost = "each waits a second or more until it tries again";
            let room = facts.listen_backlog.unwrap_or(0).max(2_048).saturating_mul(2);
            Finding::costs(subject, found, cost).remedy(Remedy::sysctl("net.core.somaxconn", room))
        }
    }
}

fn pruned(facts: &Facts) -> Finding {
    let subject = "receive-buffers-overflowed";
    match facts.receive_pruned {
        None => not_seen(subject, "/proc/net/netstat"),
        Some(few) if few < COUNT_LEAST => Finding::ok(subject, format!("{few} times since the start")),
        Some(many) => {
            let found = format!("{many} times since the start TCP threw received data away (RcvPruned)");
            Finding::costs(subject, found, "that data is sent again, and looks like loss on the way").remedy(
                Remedy::Do("Give tcp_rmem and tcp_mem more room, and look which program reads slowly.".to_owned()),
            )
        }
    }
}

fn datagrams(facts: &Facts) -> Finding {
    let subject = "datagrams-dropped";
    let (Some(dropped), Some(received)) = (facts.datagrams_dropped, facts.datagrams_received) else {
        return not_seen(subject, "/proc/net/snmp");
    };
    if dropped < COUNT_LEAST {
        return Finding::ok(subject, format!("{dropped} dropped, {received} taken since the start"));
    }
    let share = dropped as f64 / (dropped + received).max(1) as f64;
    let found = format!("{dropped} dropped, {received} taken since the start: programs did not take them in time");
    let cost = format!("{:.3} % that tests by UDP, and QUIC, take for loss on the way", share * 100.0);
    Finding::costs(subject, found, cost).remedy(Remedy::sysctl("net.core.rmem_default", 4 << 20))
}

/// Queues for packets that a processor has not taken yet, and what it dropped.
pub(super) fn backlog(facts: &Facts, goal: &Goal) -> Vec<Finding> {
    let key = "net.core.netdev_max_backlog";
    let room = match (facts.backlog_packets, goal.rate_bits_per_second > GIGABIT) {
        (None, _) => not_seen("backlog", key),
        (Some(packets), true) if packets < BACKLOG_FAST => {
            let rate = goal.rate();
            let millis = packets as f64 * 1500.0 * 8.0 / goal.rate_bits_per_second as f64 * 1e3;
            let found = format!("{packets} packets");
            let cost = format!(
                "a processor that is away for {millis:.2} ms loses packets at {rate}, where packets are handed \
                                from one processor to another (RPS, tunnels, veth)"
            );
            Finding::costs("backlog", found, cost).remedy(Remedy::sysctl(key, BACKLOG_FAST)).because(format!(
                "{packets} × 1500 bytes × 8 ÷ {rate} = {millis:.2} ms; fasterdata advises {BACKLOG_FAST}"
            ))
        }
        (Some(packets), _) => Finding::ok("backlog", format!("{packets} packets")),
    };
    let drops = match &facts.softnet {
        None => not_seen("backlog-drops", "/proc/net/softnet_stat"),
        Some(processors) => {
            let sum = |of: fn(&super::Softnet) -> u64| processors.iter().map(of).sum::<u64>();
            let (processed, dropped, squeezed) = (sum(|p| p.processed), sum(|p| p.dropped), sum(|p| p.squeezed));
            softnet((processed, dropped, squeezed), goal)
        }
    };
    vec![room, drops]
}

fn softnet((processed, dropped, squeezed): (u64, u64, u64), goal: &Goal) -> Finding {
    let subject = "backlog-drops";
    if dropped >= COUNT_LEAST {
        let loss = dropped as f64 / (processed + dropped).max(1) as f64;
        let found = format!("{dropped} packets dropped, {processed} taken since the start");
        return Finding::costs(subject, found, loss_cost(loss, SEGMENT_BYTES, goal))
            .remedy(Remedy::sysctl("net.core.netdev_max_backlog", BACKLOG_FAST))
            .because(loss_arithmetic(loss, SEGMENT_BYTES, goal));
    }
    let often = squeezed as f64 / processed.max(1) as f64;
    let found = format!("{dropped} packets dropped, {processed} taken, {squeezed} times out of time since the start");
    if often > SQUEEZED_SHARE {
        let cost = "packets wait in the card until the processor comes back, and its ring may overflow";
        return Finding::costs(subject, found, cost).remedy(Remedy::sysctl("net.core.netdev_budget", 600));
    }
    Finding::ok(subject, found)
}

/// What a loss of this share costs.
pub(super) fn loss_cost(loss: f64, segment_bytes: f64, goal: &Goal) -> String {
    let rate = goal.rate_with_loss(loss, segment_bytes);
    let bound = if rate.0 >= goal.rate_bits_per_second {
        "is no limit yet".to_owned()
    } else {
        format!("holds a connection at about {}", Rate(rate.0))
    };
    format!("a loss of {loss:.1e} {bound} over {} (cubic and Reno; bbr bears more)", Span(goal.rtt))
}

/// How that is computed.
pub(super) fn loss_arithmetic(loss: f64, segment_bytes: f64, goal: &Goal) -> String {
    format!(
        "MSS ÷ RTT × 1 ÷ √p (Mathis): {segment_bytes} × 8 ÷ {} s ÷ √{loss:.2e} = {}",
        goal.rtt.as_secs_f64(),
        goal.rate_with_loss(loss, segment_bytes)
    )
}

/// Segments that a new connection begins with (RFC 6928).
const INITIAL_SEGMENTS: f64 = 10.0;
/// Fewer events than this since the start are no habit.
pub(super) const COUNT_LEAST: u64 = 10;
/// Made for other paths than long fast ones.
const SLOW_CONTROLS: [&str; 5] = ["reno", "vegas", "westwood", "lp", "veno"];
/// fasterdata's value for ten gigabit and more.
const BACKLOG_FAST: u64 = 250_000;
/// One squeeze in so many packets.
const SQUEEZED_SHARE: f64 = 1e-3;

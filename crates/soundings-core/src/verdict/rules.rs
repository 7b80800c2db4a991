//! The rules, in their order. Each either names the limit or says why it is not the one.

use super::{Facts, HostFacts, Limit, RuledOut, Verdict, words};

/// Below this the ends of a test weigh more than its middle.
const SECONDS_MIN: f64 = 0.5;

/// Fewer parts of a series tell nothing.
const LOOKS_MIN: usize = 4;

/// Whoever comes so near to a rate that was set is bound by it: heads of packets and bursts take the rest.
const RATE_REACHED: f64 = 0.90;

/// A thread that has a processor for so much of the time has no more to give: the rest is the scheduler's.
const THREAD_FULL: f64 = 0.85;

/// All processors of a host together.
const HOST_FULL: f64 = 0.93;

/// Of a full host, what the program that measures must have of all processors to be what fills it.
const OWN_SHARE: f64 = 0.4;

/// Waiting for so much of the time is what it spends its time on.
const WAITING: f64 = 0.5;

/// A full window for so much of the time holds the rate down; pauses in between are those of the control itself.
pub(super) const WINDOW_FULL: f64 = 0.3;

/// Of what is left after that: the share in which only the network can have been the limit.
const NETWORK: f64 = 0.5;

/// Judges one direction.
pub fn judge(facts: &Facts) -> Verdict {
    let mut ruled_out = Vec::new();
    let limit = find(facts, &mut ruled_out);
    // One figure may speak against what another proves.
    ruled_out.retain(|out| out.limit != limit);
    Verdict {
        limit,
        sentence: words::sentence(limit, facts),
        evidence: words::evidence(facts),
        ruled_out,
        next: words::next(limit, facts),
    }
}

fn find(facts: &Facts, out: &mut Vec<RuledOut>) -> Limit {
    if facts.seconds < SECONDS_MIN || facts.looks < LOOKS_MIN || facts.rate <= 0.0 {
        return Limit::NotEnoughData;
    }
    if let Some(limit) = rates(facts, out) {
        return limit;
    }
    let full = |host: &HostFacts| host.busiest.unwrap_or(0.0).max(whole(host)) >= THREAD_FULL;
    if let (Some(waited), false) = (facts.sender.disk, full(&facts.sender)) {
        if waited >= WAITING {
            return Limit::DiskRead;
        }
        rule_out(
            out,
            Limit::DiskRead,
            format!("the sender waited for its disk {} of the time", words::percent(waited)),
        );
    }
    if let (Some(waited), false) = (facts.receiver.disk, full(&facts.receiver)) {
        if waited >= WAITING {
            return Limit::DiskWrite;
        }
        rule_out(
            out,
            Limit::DiskWrite,
            format!("the receiver waited for its disk {} of the time", words::percent(waited)),
        );
    }
    if let Some(limit) = processors(facts, out) {
        return limit;
    }
    if let Some(limit) = buffers(facts, out) {
        return limit;
    }
    if facts.network_limited().is_some_and(|share| share >= NETWORK) {
        return if is_buffer_small(facts) { Limit::SendBuffer } else { Limit::Congestion };
    }
    Limit::NotEnoughData
}

/// A rate that was set, and reached.
fn rates(facts: &Facts, out: &mut Vec<RuledOut>) -> Option<Limit> {
    let asked = facts.pace.map(|rate| (rate, Limit::Pacing));
    let allowed = facts.allowance.map(|rate| (rate, Limit::Allowance));
    let bound = [asked, allowed].into_iter().flatten().min_by(|one, other| one.0.total_cmp(&other.0));
    let Some((rate, limit)) = bound else {
        rule_out(out, Limit::Pacing, "no rate was set at either end".to_owned());
        return None;
    };
    if facts.rate >= rate * RATE_REACHED {
        return Some(limit);
    }
    let share = words::percent(facts.rate / rate);
    rule_out(out, limit, format!("only {share} of the {} that are permitted were reached", words::rate(rate)));
    None
}

/// Processors of either end. Where both are full, the fuller one is named.
fn processors(facts: &Facts, out: &mut Vec<RuledOut>) -> Option<Limit> {
    let ends = [(&facts.sender, Limit::SenderCpu), (&facts.receiver, Limit::ReceiverCpu)];
    // One processor that serves both ends, as on loopback, shows in both; threads decide first.
    let fullest = ends.iter().max_by(|one, other| load(one.0).total_cmp(&load(other.0)))?;
    if load(fullest.0) >= THREAD_FULL {
        return Some(fullest.1);
    }
    for (host, limit) in ends {
        if let Some(busiest) = host.busiest {
            let why = format!("its busiest stream had a processor for {} of the time", words::percent(busiest));
            rule_out(out, limit, why);
        }
    }
    None
}

/// How full an end is: of its busiest stream, or of the whole host where many streams share it.
fn load(host: &HostFacts) -> f64 {
    host.busiest.unwrap_or(0.0).max(whole(host))
}

/// A host without an idle processor counts as full where the test itself is what fills it; else its threads are what
/// counts.
fn whole(host: &HostFacts) -> f64 {
    let ours = host.own.is_some_and(|own| own >= OWN_SHARE);
    host.host.filter(|busy| ours && *busy >= HOST_FULL).unwrap_or(0.0)
}

/// Windows and buffers at either end.
fn buffers(facts: &Facts, out: &mut Vec<RuledOut>) -> Option<Limit> {
    let kinds = [(facts.receiver_limited, Limit::ReceiveWindow), (facts.send_buffer_limited, Limit::SendBuffer)];
    let known: Vec<(f64, Limit)> = kinds.iter().filter_map(|(share, limit)| Some(((*share)?, *limit))).collect();
    let fullest = known.iter().max_by(|one, other| one.0.total_cmp(&other.0))?;
    if fullest.0 >= WINDOW_FULL {
        return Some(fullest.1);
    }
    for (share, limit) in known {
        rule_out(out, limit, format!("it was full {} of the time", words::percent(share)));
    }
    None
}

/// On short ways the kernel does not book a full send buffer as such. But what does not fit the buffer cannot be on the way:
/// with a congestion window far larger than it, the window is not what holds the rate down.
fn is_buffer_small(facts: &Facts) -> bool {
    // The kernel counts its own needs in: at most half of the buffer is data.
    let data = facts.send_buffer.map(|bytes| bytes / 2.0);
    data.zip(facts.congestion_window).is_some_and(|(data, window)| data < window / 4.0)
}

fn rule_out(out: &mut Vec<RuledOut>, limit: Limit, why: String) {
    out.push(RuledOut { limit, why });
}

//! Each requirement of the target beside what was measured.

use super::section::{Bursts, Fill, Section, Steady};
use super::sequential::{Outcome, Sequential};
use super::target::{Numbers, Target};
use serde::Serialize;
use std::time::Duration;
use terms::{ByteSize, Rate, Span};

/// One requirement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Requirement {
    /// A stable word for programs: `background-loss`.
    pub name: &'static str,
    /// What the target asks.
    pub required: String,
    /// What was found.
    pub measured: String,
    /// Does it hold?
    pub answer: Answer,
    /// What to do, where something can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Whether something holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Yes.
    Pass,
    /// Nobody can say yet.
    Inconclusive,
    /// No.
    Fail,
}

/// All of them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Requirements {
    /// What was asked.
    pub target: Numbers,
    /// Can the path carry it? The worst answer of all.
    pub answer: Answer,
    /// Each by itself.
    pub requirements: Vec<Requirement>,
}

/// Judges what was measured of a section by what the whole path would ask of it.
pub fn judge(target: &Target, section: &Section) -> Requirements {
    let requirements = vec![
        distance(target, section),
        data_rate(target, section),
        background_loss(target, section.steady.as_ref()),
        bursts(target, "slow-bursts", "at twice the rate", section.slow_bursts.as_ref()),
        bursts(target, "fast-bursts", "at the speed of the interface", section.fast_bursts.as_ref()),
        queue(target, section),
        receive_window(target, section),
        send_buffer(target, section),
        agreed("selective-acknowledgements", section.ends.selective_acknowledgements, SACK_NEXT),
        agreed("timestamps", section.ends.timestamps, TIMESTAMPS_NEXT),
        path_mtu(target, section),
        tester(target, section),
    ];
    let answer = requirements.iter().map(|one| one.answer).max().unwrap_or(Answer::Inconclusive);
    Requirements { target: target.numbers(), answer, requirements }
}

fn unmeasured(name: &'static str, required: String) -> Requirement {
    let next = Some("Look above for what kept it from being measured.".to_owned());
    Requirement { name, required, measured: "not measured".to_owned(), answer: Answer::Inconclusive, next }
}

fn found(name: &'static str, required: String, measured: String, passes: bool, next: &str) -> Requirement {
    let answer = if passes { Answer::Pass } else { Answer::Fail };
    Requirement { name, required, measured, answer, next: (!passes).then(|| next.to_owned()) }
}

fn distance(target: &Target, section: &Section) -> Requirement {
    let required = format!("a round trip of at most {}", Span(target.rtt()));
    let Some(rtt) = section.rtt_least else { return unmeasured("distance", required) };
    let next = "This section alone is longer than the path you ask about: ask with its own round-trip time, or measure a \
                shorter section.";
    found("distance", required, format!("{} on this section", Span(rtt)), rtt <= target.rtt(), next)
}

fn data_rate(target: &Target, section: &Section) -> Requirement {
    let required = format!("{} of data", target.rate());
    let Some(steady) = &section.steady else { return unmeasured("data-rate", required) };
    let delivered = Rate(steady.delivered_bits_per_second);
    let share = delivered.0 as f64 / target.rate().0 as f64;
    let measured = format!("{delivered}, {:.1} % of it, over {}", share * 100.0, Span(steady.elapsed));
    let short = share < RATE_SHARE_LEAST;
    if short && limits_itself(steady) {
        let next = "The tester was the limit and not the path: see the last line.".to_owned();
        return Requirement { name: "data-rate", required, measured, answer: Answer::Inconclusive, next: Some(next) };
    }
    let next = match steady.receiver_limited_share {
        Some(part) if part > LIMITED_SHARE => {
            "The receiver's window was closed for much of the time: its program or its buffer is too slow."
        }
        _ => {
            "A link of this section is slower, or busy with other traffic: look for the interface whose speed is near \
              what was delivered."
        }
    };
    found("data-rate", required, measured, !short, next)
}

fn limits_itself(steady: &Steady) -> bool {
    steady.sender_idle_share.is_some_and(|share| share > LIMITED_SHARE)
        || steady.processor_share.is_some_and(|share| share > PROCESSOR_SHARE_MOST)
}

fn background_loss(target: &Target, steady: Option<&Steady>) -> Requirement {
    let name = "background-loss";
    let required = format!("at most 1 packet of {} lost ({:.1e})", target.run_length(), target.loss_most());
    let Some(steady) = steady else { return unmeasured(name, required) };
    let next = "Packets are lost although the queue is not filled: look for errors at the interfaces of this section \
                (optics, cables, duplex), policers, and firewalls.";
    counted(target, name, required, (steady.packets, steady.losses), next)
}

fn bursts(target: &Target, name: &'static str, how: &str, bursts: Option<&Bursts>) -> Requirement {
    let packets = bursts.map_or(target.window_packets(), |bursts| bursts.burst_packets);
    let run = target.run_length();
    let required = format!("bursts of {packets} packets {how}, and 1 packet of {run} lost at most");
    let Some(bursts) = bursts else { return unmeasured(name, required) };
    let next = "A queue of this section is too short for the bursts of TCP over this distance: lengthen the queue of the \
                slowest interface, or pace the senders (fq).";
    let mut judged = counted(target, name, required, (bursts.packets, bursts.losses), next);
    let rate = bursts.rate_bits_per_second.map_or_else(String::new, |rate| format!(" at {}", Rate(rate)));
    judged.measured = format!("{} in {} bursts{rate}", judged.measured, bursts.bursts);
    judged
}

fn counted(
    target: &Target,
    name: &'static str,
    required: String,
    (packets, losses): (u64, u64),
    next: &str,
) -> Requirement {
    let measured = match losses {
        0 => format!("none of {packets} packets lost"),
        _ => format!("{losses} of {packets} packets lost ({:.1e})", losses as f64 / packets.max(1) as f64),
    };
    let (answer, next) = match Sequential::new(target.run_length()).decide(packets, losses) {
        Outcome::Pass => (Answer::Pass, None),
        Outcome::Fail => {
            let by = losses as f64 / packets.max(1) as f64 / target.loss_most();
            (Answer::Fail, Some(format!("{by:.1} times what is allowed. {next}")))
        }
        Outcome::Inconclusive { more_packets } => {
            let time = Span(target.time_for(more_packets));
            let told = format!(
                "Not enough packets were sent to tell: {more_packets} more without a loss are needed, {time} at this \
                 rate (--time)."
            );
            (Answer::Inconclusive, Some(told))
        }
    };
    Requirement { name, required, measured, answer, next }
}

/// A sender that starts at twice the rate leaves half of its window in the queue; a queue that holds many windows makes
/// everybody wait.
fn queue(target: &Target, section: &Section) -> Requirement {
    let name = "queue";
    let half = target.window_bytes() / 2;
    let required = format!("room for half a window, {}, and no wait beyond {}", ByteSize(half), Span(target.rtt() * 2));
    let (Some(fill), Some(least)) = (&section.fill, section.rtt_least) else { return unmeasured(name, required) };
    let Some((wait, held)) = held(fill, least) else { return unmeasured(name, required) };
    if wait > target.rtt() * 2 {
        let measured = format!("a wait of {}, about {}", Span(wait), ByteSize(held));
        let next = "The queue holds so much that everybody on this section waits: shorten it, or manage it (fq_codel).";
        return found(name, required, measured, false, next);
    }
    if fill.losses == 0 {
        // Nothing was dropped: the queue is at least this long, or is not the place where this section ends.
        let bursts_pass = [&section.slow_bursts, &section.fast_bursts]
            .into_iter()
            .any(|bursts| bursts.as_ref().is_some_and(|bursts| bursts.losses == 0 && bursts.bursts > 0));
        let measured = format!("{} held and nothing dropped", ByteSize(held));
        if held >= half || bursts_pass {
            return found(name, required, measured, true, "");
        }
        let next = "The queue could not be filled from here: the tester or its window is the limit.".to_owned();
        return Requirement { name, required, measured, answer: Answer::Inconclusive, next: Some(next) };
    }
    let measured = format!("drops when about {} wait ({})", ByteSize(held), Span(wait));
    let next = format!(
        "{:.0} % of what is needed. Lengthen the queue of the slowest interface of this section, or pace the senders (fq).",
        held as f64 / half.max(1) as f64 * 100.0
    );
    found(name, required, measured, held >= half, &next)
}

/// How long the queue made packets wait, and what was in it, bytes.
fn held(fill: &Fill, least: Duration) -> Option<(Duration, u64)> {
    let wait = fill.rtt_most?.saturating_sub(least);
    Some((wait, (fill.delivered_bits_per_second as f64 / 8.0 * wait.as_secs_f64()) as u64))
}

fn receive_window(target: &Target, section: &Section) -> Requirement {
    let name = "receive-window";
    let window = target.window_bytes();
    let required = format!("a window of {}", ByteSize(window));
    let Some(scale) = section.ends.peer_window_scale else { return unmeasured(name, required) };
    // 16 bits, doubled as often as was agreed (RFC 7323 §2.2). Linux derives the scale from the largest buffer that it
    // allows, so this bounds the buffer too.
    let ceiling = WINDOW_UNSCALED << scale.unwrap_or(0).min(14);
    let told = section.ends.peer_buffer_bytes.map(|bytes| bytes / BUFFER_PER_WINDOW);
    let reach = told.map_or(ceiling, |told| told.min(ceiling));
    let scale = scale.map_or_else(|| "window scaling refused".to_owned(), |scale| format!("window scale {scale}"));
    let told = told.map_or_else(String::new, |told| format!("; its buffers allow about {}", ByteSize(told)));
    let measured = format!("{scale}: at most {}{told}", ByteSize(ceiling));
    let rate = Rate((reach as f64 * 8.0 / target.rtt().as_secs_f64()) as u64);
    let next = format!(
        "The receiver can ask for {rate} at most over this distance. There: sysctl -w net.ipv4.tcp_window_scaling=1 and \
         net.ipv4.tcp_rmem with a last number of at least {}.",
        window.saturating_mul(BUFFER_PER_WINDOW)
    );
    found(name, required, measured, reach >= window, &next)
}

fn send_buffer(target: &Target, section: &Section) -> Requirement {
    let name = "send-buffer";
    let needed = target.window_bytes().saturating_mul(BUFFER_PER_WINDOW);
    let required = format!("{} on this host, twice the window", ByteSize(needed));
    let Some(allowed) = section.ends.send_buffer_bytes else { return unmeasured(name, required) };
    let rate = Rate((allowed as f64 / BUFFER_PER_WINDOW as f64 * 8.0 / target.rtt().as_secs_f64()) as u64);
    let next = format!(
        "From here about {rate} is reached over this distance: sysctl -w net.ipv4.tcp_wmem with a last number of at \
         least {needed}."
    );
    let measured = format!("{} allowed", ByteSize(allowed));
    found(name, required, measured, allowed as f64 >= needed as f64 * BUFFER_SHARE_LEAST, &next)
}

fn agreed(name: &'static str, on: Option<bool>, next: &str) -> Requirement {
    let required = "agreed on by both ends".to_owned();
    match on {
        None => unmeasured(name, required),
        Some(on) => found(name, required, if on { "agreed on" } else { "refused" }.to_owned(), on, next),
    }
}

fn path_mtu(target: &Target, section: &Section) -> Requirement {
    let required = format!("packets of {} bytes", target.mtu_bytes());
    let Some(mtu) = section.path_mtu_bytes else { return unmeasured("path-mtu", required) };
    let next = "Smaller packets mean more of them, and a longer run length: set the MTU of the section's interfaces, or ask \
                with --mtu as it is.";
    found("path-mtu", required, format!("{mtu} bytes"), mtu >= target.mtu_bytes(), next)
}

fn tester(target: &Target, section: &Section) -> Requirement {
    let name = "tester";
    let required = "a tester that is not the limit itself".to_owned();
    let Some(steady) = &section.steady else { return unmeasured(name, required) };
    let percent = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let speed = section.ends.interface_bits_per_second;
    let interface = speed.map_or_else(String::new, |speed| format!(", interface of {}", Rate(speed)));
    let measured = format!(
        "{} of one processor busy, {} of the time without data to send{interface}",
        percent(steady.processor_share),
        percent(steady.sender_idle_share),
    );
    let slow = speed.is_some_and(|speed| speed < target.rate().0);
    let reached = steady.delivered_bits_per_second as f64 >= target.rate().0 as f64 * RATE_SHARE_LEAST;
    let next = if slow {
        "The interface of this host is slower than the target."
    } else {
        "This host could not send fast enough, so what it says of the path is a lower bound: see `portolan doctor`."
    };
    found(name, required, measured, !slow && (reached || !limits_itself(steady)), next)
}

/// Below this share of the rate it is not the rate: pacing and headers cost one percent.
const RATE_SHARE_LEAST: f64 = 0.98;
/// More than this part of the time is no accident.
const LIMITED_SHARE: f64 = 0.1;
/// A thread that works this much has nothing left.
const PROCESSOR_SHARE_MOST: f64 = 0.95;
/// Linux counts its own bookkeeping against a buffer: half of it is data (`tcp_adv_win_scale` 1).
const BUFFER_PER_WINDOW: u64 = 2;
/// A buffer that is a little smaller costs as little.
const BUFFER_SHARE_LEAST: f64 = 0.95;
/// The largest window without scaling (RFC 9293 §3.1).
const WINDOW_UNSCALED: u64 = 65_535;
const SACK_NEXT: &str = "Without them each loss of many costs a round trip of its own: sysctl -w net.ipv4.tcp_sack=1 on \
                         both ends, and no firewall that removes the option.";
const TIMESTAMPS_NEXT: &str = "Without them old segments can be taken for new ones on fast paths (RFC 7323 §5): sysctl -w \
                               net.ipv4.tcp_timestamps=1 on both ends.";

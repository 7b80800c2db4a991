//! Buffers: what bounds the bytes under way.

use super::facts::Facts;
use super::finding::{Finding, Remedy};
use super::goal::Goal;
use terms::ByteSize;

pub(super) fn examine(facts: &Facts, goal: &Goal) -> Vec<Finding> {
    let memory = &facts.memory;
    vec![
        tuned("receive-buffer", "tcp_rmem", "net.ipv4.tcp_rmem", memory.tcp_receive, 131_072, goal),
        tuned("send-buffer", "tcp_wmem", "net.ipv4.tcp_wmem", memory.tcp_send, 16_384, goal),
        chosen("receive-buffer-by-programs", "rmem_max", "net.core.rmem_max", memory.receive_max, goal),
        chosen("send-buffer-by-programs", "wmem_max", "net.core.wmem_max", memory.send_max, goal),
        moderated(facts, goal),
        together(facts, goal),
    ]
}

/// What the kernel lets a connection grow to by itself.
fn tuned(
    subject: &'static str,
    short: &str,
    key: &'static str,
    value: Option<[u64; 3]>,
    first: u64,
    goal: &Goal,
) -> Finding {
    let Some([least, now, most]) = value else { return not_seen(subject, key) };
    let found = format!("{short} lets a connection have {}", ByteSize(most));
    judged(subject, found, most, goal, || {
        let (least, now) = (if least == 0 { 4_096 } else { least }, if now == 0 { first } else { now });
        Remedy::sysctl(key, format!("{least} {now} {}", wanted(goal)))
    })
}

/// What a program gets that sets its buffer by itself.
fn chosen(subject: &'static str, short: &str, key: &'static str, value: Option<u64>, goal: &Goal) -> Finding {
    let Some(most) = value else { return not_seen(subject, key) };
    // The kernel doubles what a program asks for, and bounds what it asks by this.
    let found = format!("{short} gives a program that sets its buffer (iperf3 -w, GridFTP) {} at most", ByteSize(most));
    judged(subject, found, most.saturating_mul(2), goal, || Remedy::sysctl(key, wanted(goal)))
}

fn judged(subject: &'static str, found: String, bytes: u64, goal: &Goal, remedy: impl Fn() -> Remedy) -> Finding {
    let window = bytes / PER_WINDOW;
    let because = format!(
        "{}; the kernel counts its own bookkeeping, so about half of a buffer is data and {} are needed. {} ÷ 2 × 8 ÷ {} \
         s = {}.",
        goal.arithmetic(),
        ByteSize(goal.window_bytes() * PER_WINDOW),
        ByteSize(bytes),
        goal.rtt.as_secs_f64(),
        goal.rate_of(window),
    );
    if goal.reached_by(window) {
        return Finding::ok(subject, found).because(because);
    }
    let cost = format!("about {} in one connection instead of {}", goal.rate_of(window), goal.text());
    Finding::costs(subject, found, cost).remedy(remedy()).because(because)
}

/// The next power of two above what is needed, and never below what fasterdata gives a gigabit host.
fn wanted(goal: &Goal) -> u64 {
    (goal.window_bytes() * PER_WINDOW).next_power_of_two().max(LEAST_BYTES)
}

fn moderated(facts: &Facts, goal: &Goal) -> Finding {
    let subject = "receive-buffer-tuning";
    let key = "net.ipv4.tcp_moderate_rcvbuf";
    match facts.memory.receive_tuned {
        None => not_seen(subject, key),
        Some(true) => Finding::ok(subject, "the kernel enlarges receive buffers as the path asks"),
        Some(false) => {
            let first = facts.memory.tcp_receive.map_or(131_072, |[_, first, _]| first);
            let cost =
                format!("about {} in one connection instead of {}", goal.rate_of(first / PER_WINDOW), goal.text());
            let found = format!("receive buffers stay at {} (tcp_moderate_rcvbuf is off)", ByteSize(first));
            Finding::costs(subject, found, cost).remedy(Remedy::sysctl(key, 1))
        }
    }
}

/// All connections together.
fn together(facts: &Facts, goal: &Goal) -> Finding {
    let subject = "memory-of-all-connections";
    let (Some([_, pressure, _]), Some(page)) = (facts.memory.tcp_all_pages, facts.memory.page_bytes) else {
        return not_seen(subject, "net.ipv4.tcp_mem");
    };
    let bytes = pressure.saturating_mul(page);
    let connections = bytes / (goal.window_bytes() * PER_WINDOW).max(1);
    let found = format!("tcp_mem keeps {} free of pressure: {connections} connections of the goal", ByteSize(bytes));
    if connections >= 1 {
        return Finding::ok(subject, found);
    }
    let cost = format!("one connection alone reaches about {}", goal.rate_of(bytes / PER_WINDOW));
    let remedy = "Add memory, or lower the goal: the kernel took these bounds from the memory that it has.";
    Finding::costs(subject, found, cost).remedy(Remedy::Do(remedy.to_owned()))
}

pub(super) fn not_seen(subject: &'static str, what: &str) -> Finding {
    Finding::unknown(subject, format!("{what} cannot be seen here"))
}

/// Half of a buffer is data: `tcp_adv_win_scale` 1 for what is received, and the like for what is sent.
pub(super) const PER_WINDOW: u64 = 2;
/// fasterdata's largest buffer for a gigabit host.
const LEAST_BYTES: u64 = 32 << 20;

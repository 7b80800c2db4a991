//! What a lab is like, for people.

use ::lab::impair::Direction;
use ::lab::scenario::{Scenario, What};
use ::lab::{Carried, LinkStatus, Status};
use std::fmt::Write as _;
use terms::{ByteSize, Rate, Span};

/// What a lab that is up has carried.
pub(super) fn table(status: &Status) -> String {
    let up = Span(std::time::Duration::from_secs_f64(status.up_seconds.max(0.0)));
    let mut text = format!("{}, up for {up}, held by process {}\n", status.name, status.supervisor);
    let _ = writeln!(text, "hosts: {}", status.hosts.join(", "));
    if !status.routers.is_empty() {
        let _ = writeln!(text, "routers: {}", status.routers.join(", "));
    }
    if status.steps > 0 {
        let _ = writeln!(text, "timeline: {} of {} changes are made", status.steps_done, status.steps);
    }
    for failure in &status.step_failures {
        let _ = writeln!(text, "a change could not be made: {failure}");
    }
    for LinkStatus { name, a, b, forward, backward } in &status.links {
        let _ = writeln!(text, "\n{name}");
        text += &direction(a, b, forward, status.up_seconds);
        text += &direction(b, a, backward, status.up_seconds);
    }
    text
}

fn direction(from: &str, to: &str, carried: &Carried, seconds: f64) -> String {
    let mean = Rate((carried.delivered_bytes as f64 * 8.0 / seconds.max(0.001)) as u64);
    let mut text = format!(
        "  {from} → {to}: {} packets, {} delivered ({mean} on average)\n",
        carried.delivered_packets,
        ByteSize(carried.delivered_bytes)
    );
    let waiting = [("now", carried.queue_now_bytes), ("at most", carried.queue_max_bytes)];
    if carried.queue_max_bytes > 0 {
        let shown = waiting.map(|(when, bytes)| format!("{} {when}", ByteSize(bytes)));
        let _ = writeln!(text, "    queue: {}", shown.join(", "));
    }
    let dropped = &carried.dropped;
    let reasons = [
        ("queue full", dropped.queue),
        ("lost alone", dropped.loss),
        ("lost in bursts", dropped.burst),
        ("link down", dropped.down),
        ("too big", dropped.too_big),
        ("no memory", dropped.memory),
        ("refused by the kernel", dropped.kernel),
    ];
    let reasons = reasons.iter().filter(|(_, count)| *count > 0).map(|(reason, count)| format!("{count} {reason}"));
    let reasons: Vec<String> = reasons.collect();
    if !reasons.is_empty() {
        let share = dropped.total() as f64 / (carried.taken_packets.max(1)) as f64 * 100.0;
        let _ = writeln!(text, "    dropped: {} ({share:.3} %)", reasons.join(", "));
    }
    if let Some(missed) = carried.missed_packets.filter(|missed| *missed > 0) {
        let _ = writeln!(
            text,
            "    lost by the lab itself, which came too late: {missed} packets; believe no figure of loss"
        );
    }
    let odd = [
        ("doubled", carried.duplicated_packets),
        ("damaged", carried.corrupted_packets),
        ("overtaken", carried.overtaken_packets),
    ];
    let odd: Vec<String> =
        odd.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}")).collect();
    if !odd.is_empty() {
        let _ = writeln!(text, "    {}", odd.join(", "));
    }
    if let (Some(median), Some(most)) = (carried.late_p50_us, carried.late_p99_us) {
        let _ = writeln!(text, "    handed over late by the lab itself: half ≤ {median:.0} µs, 99 % ≤ {most:.0} µs");
    }
    text
}

/// What a scenario will be, in a few lines.
pub(super) fn plan(scenario: &Scenario) -> String {
    let names = |nodes: &[::lab::scenario::Node]| {
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        names.join(", ")
    };
    let mut text = format!("{}: hosts {}", scenario.name, names(&scenario.hosts));
    if !scenario.routers.is_empty() {
        let _ = write!(text, "; routers {}", names(&scenario.routers));
    }
    text.push('\n');
    for link in &scenario.links {
        let _ = writeln!(text, "  {}: {} – {}", link.name, link.a.node, link.b.node);
        let (forward, backward) = (figures(&link.forward), figures(&link.backward));
        if forward == backward {
            let _ = writeln!(text, "    each direction: {forward}");
        } else {
            let _ = writeln!(text, "    forward: {forward}\n    backward: {backward}");
        }
    }
    for step in &scenario.timeline {
        let what = match &step.what {
            What::Link(state) => {
                let name = scenario.links.get(state.link).map_or("", |link| link.name.as_str());
                let (forward, backward) = (figures(&state.forward), figures(&state.backward));
                if forward == backward {
                    format!("{name}: {forward}")
                } else {
                    format!("{name}: forward {forward}; backward {backward}")
                }
            }
            What::Routes(routes) => format!("{} routes change", routes.len()),
        };
        let _ = writeln!(text, "  at {} s: {what}", step.at.as_secs_f64());
    }
    for command in &scenario.commands {
        let _ = writeln!(text, "  {} on {}: {}", command.name, command.host, command.argv.join(" "));
    }
    text
}

fn figures(direction: &Direction) -> String {
    if direction.down {
        return "down".to_owned();
    }
    let mut parts = Vec::new();
    if let Some(rate) = direction.rate {
        parts.push(format!("{rate} with a queue of {}", direction.queue));
    }
    parts.push(format!("delay {}", Span(direction.delay)));
    if let Some(jitter) = direction.jitter {
        parts.push(format!("jitter {} {}", Span(jitter.spread), jitter.distribution.name()));
    }
    let percent = |share: f64| format!("{} %", share * 100.0);
    if direction.loss.independent > 0.0 {
        parts.push(format!("loss {}", percent(direction.loss.independent)));
    }
    if let Some(bursty) = direction.loss.bursty {
        parts.push(format!("loss in bursts {:.4} %", bursty.mean_loss() * 100.0));
    }
    if let Some(reorder) = direction.reorder {
        parts.push(format!("{} late by {}", percent(reorder.probability), Span(reorder.by)));
    }
    for (what, share) in [("doubled", direction.duplicate), ("damaged", direction.corrupt)] {
        if share > 0.0 {
            parts.push(format!("{} {what}", percent(share)));
        }
    }
    if let Some(most) = direction.blackhole_above {
        parts.push(format!("nothing above {most} octets"));
    }
    parts.join(", ")
}

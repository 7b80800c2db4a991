//! One interface: packets, queues, drops, and what the card takes off the processor.

use super::buffers::not_seen;
use super::facts::{Facts, Interface, Queue};
use super::finding::{Finding, Remedy};
use super::goal::{GIGABIT, Goal, SEGMENT_BYTES};
use super::transport::{COUNT_LEAST, loss_arithmetic, loss_cost};
use terms::Rate;

pub(super) fn examine(interface: &Interface, facts: &Facts, goal: &Goal) -> Vec<Finding> {
    let mut findings = vec![link(interface), mtu(interface, goal)];
    findings.extend(queue(interface, goal));
    findings.extend(losses(interface, goal));
    findings.push(offloads(interface, goal));
    if interface.physical {
        findings.push(ring(interface, goal));
        findings.push(interrupts(interface, facts, goal));
        findings.extend(memory_node(interface, facts));
    }
    findings.into_iter().map(|finding| finding.of(&interface.name)).collect()
}

fn link(interface: &Interface) -> Finding {
    let subject = "link";
    let speed = interface.speed_bits_per_second.map(Rate);
    if interface.full_duplex == Some(false) {
        let found = format!("{}half duplex", speed.map_or_else(String::new, |speed| format!("{speed}, ")));
        let cost = "sending and receiving exclude each other; with a full-duplex end opposite most packets are lost under load";
        return Finding::broken(subject, found, cost)
            .remedy(Remedy::Command(format!("ethtool -s {} autoneg on", interface.name)));
    }
    match speed {
        None => Finding::unknown(subject, "the interface does not tell its speed"),
        Some(speed) => Finding::ok(subject, format!("{speed}, both directions at once")),
    }
}

fn mtu(interface: &Interface, goal: &Goal) -> Finding {
    let subject = "mtu";
    let Some(mtu) = interface.mtu_bytes else { return not_seen(subject, "the MTU") };
    let found = format!("{mtu} bytes");
    let name = &interface.name;
    let rate = goal.rate_bits_per_second as f64;
    let packets = |bytes: u32| rate / 8.0 / f64::from(bytes) / 1e3;
    let set = |bytes: u32| Remedy::Command(format!("ip link set dev {name} mtu {bytes}"));
    if mtu < 1280 {
        let cost =
            "IPv6 does not work over it (RFC 8200 §5 asks for 1280), and full packets from elsewhere do not arrive";
        return Finding::broken(subject, found, cost).remedy(set(1500));
    }
    if mtu < 1500 {
        let cost = format!(
            "{:.1} times the packets of 1500 bytes; paths whose routers keep silent become black holes",
            1500.0 / f64::from(mtu)
        );
        let finding = Finding::costs(subject, found, cost);
        let tunnel = "Where this is a tunnel it must be so: then let tcp_mtu_probing be 1.".to_owned();
        return if interface.physical { finding.remedy(set(1500)) } else { finding.remedy(Remedy::Do(tunnel)) };
    }
    if interface.physical && mtu < 9000 && goal.rate_bits_per_second > GIGABIT {
        let cost = format!(
            "{:.0} thousand packets per second at {} instead of {:.0}",
            packets(mtu),
            goal.rate(),
            packets(9000)
        );
        let because =
            format!("{} ÷ 8 ÷ {mtu} bytes, and ÷ 9000; the rate with a given loss grows by six too", goal.rate());
        let all = Remedy::Do("Only together with each switch and host of the network.".to_owned());
        return Finding::costs(subject, found, cost).remedy(set(9000)).remedy(all).because(because);
    }
    Finding::ok(subject, found)
}

fn queue(interface: &Interface, goal: &Goal) -> Vec<Finding> {
    let subject = "queue-discipline";
    let Some(queues) = &interface.queues else { return vec![not_seen(subject, "the queue discipline")] };
    let mut findings = vec![discipline(interface, queues, goal)];
    let drops: u64 = queues.iter().filter(|queue| queue.root).filter_map(|queue| queue.drops).sum();
    if let (true, Some(sent)) = (drops >= COUNT_LEAST, interface.counters.sent) {
        let loss = drops as f64 / (drops + sent).max(1) as f64;
        let found = format!("{drops} of {sent} packets dropped by the queue of this host before they left");
        let name = &interface.name;
        let finding = Finding::costs("queue-drops", found, loss_cost(loss, segment(interface), goal))
            .remedy(Remedy::Command(format!("tc qdisc replace dev {name} root fq")))
            .because(loss_arithmetic(loss, segment(interface), goal));
        findings.push(finding);
    }
    findings
}

fn discipline(interface: &Interface, queues: &[Queue], goal: &Goal) -> Finding {
    let subject = "queue-discipline";
    let mut kinds: Vec<&str> = queues.iter().map(|queue| queue.kind.as_str()).collect();
    kinds.dedup();
    let found = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
    let name = &interface.name;
    let replace = Remedy::Command(format!("tc qdisc replace dev {name} root fq"));
    let shaped = queues.iter().filter_map(|queue| queue.rate_bits_per_second).min();
    if let Some(rate) = shaped.filter(|rate| *rate < goal.rate_bits_per_second) {
        let cost = format!("everything that leaves is held at {} instead of {}", Rate(rate), goal.rate());
        return Finding::costs(subject, format!("{found}, shaping to {}", Rate(rate)), cost)
            .remedy(Remedy::Command(format!("tc qdisc del dev {name} root")));
    }
    if kinds.contains(&"netem") {
        let cost = "delay, loss or reordering are made on purpose: every figure of this host shows them";
        return Finding::costs(subject, found, cost).remedy(Remedy::Command(format!("tc qdisc del dev {name} root")));
    }
    if !interface.physical || kinds.contains(&"fq") || kinds.is_empty() {
        return Finding::ok(subject, found);
    }
    let cost = "bursts leave at the speed of the card and are lost where a queue on the way is shorter; TCP's own timers \
                pace, at more cost of processor";
    Finding::costs(subject, found, cost)
        .remedy(replace)
        .because("fasterdata advises fq on hosts that send much; bbr and paced sockets rely on it")
}

fn losses(interface: &Interface, goal: &Goal) -> Vec<Finding> {
    let counters = &interface.counters;
    let name = &interface.name;
    let receive = [
        (
            "receive-errors",
            counters.receive_errors,
            "Look at cable, optics and the port of the switch: ethtool -m, ethtool -S.",
        ),
        ("receive-missed", counters.receive_missed, "Enlarge the ring, and let more processors take interrupts."),
        (
            "receive-dropped",
            counters.receive_dropped,
            "Look with ethtool -S and dropwatch where; unknown protocols count too.",
        ),
    ];
    let send = [
        ("send-errors", counters.send_errors, "Look at cable, optics and driver: ethtool -S, dmesg."),
        ("send-dropped", counters.send_dropped, "Lengthen the queue (txqueuelen), or pace with fq."),
    ];
    let receive =
        receive.map(|(subject, count, next)| lost(interface, subject, (count, counters.received), next, goal));
    let send = send.map(|(subject, count, next)| lost(interface, subject, (count, counters.sent), next, goal));
    let mut findings: Vec<Finding> = receive.into_iter().chain(send).collect();
    if let Some(collisions) = counters.collisions.filter(|collisions| *collisions > 0) {
        let cost = "one end works half duplex: most packets are lost under load";
        let finding = Finding::broken("duplex", format!("{collisions} collisions"), cost)
            .remedy(Remedy::Command(format!("ethtool -s {name} autoneg on")));
        findings.push(finding);
    }
    findings
}

fn lost(
    interface: &Interface,
    subject: &'static str,
    (count, of): (Option<u64>, Option<u64>),
    next: &str,
    goal: &Goal,
) -> Finding {
    let (Some(count), Some(of)) = (count, of) else { return not_seen(subject, "this counter") };
    let found = format!("{count} of {of} packets");
    if count < COUNT_LEAST {
        return Finding::ok(subject, found);
    }
    let loss = count as f64 / (count + of).max(1) as f64;
    // What has no use here counts as dropped too (LLDP, foreign VLANs), so few of these say nothing.
    let unsure = subject == "receive-dropped" && loss < LOSS_UNSURE;
    if unsure || goal.rate_with_loss(loss, segment(interface)).0 >= goal.rate_bits_per_second {
        return Finding::ok(subject, found).because(loss_arithmetic(loss, segment(interface), goal));
    }
    Finding::costs(subject, found, loss_cost(loss, segment(interface), goal))
        .remedy(Remedy::Do(next.to_owned()))
        .because(loss_arithmetic(loss, segment(interface), goal))
}

/// Data of a full packet with timestamps over IPv4.
fn segment(interface: &Interface) -> f64 {
    interface.mtu_bytes.map_or(SEGMENT_BYTES, |mtu| f64::from(mtu.saturating_sub(52).max(1)))
}

fn offloads(interface: &Interface, goal: &Goal) -> Finding {
    let subject = "offloads";
    let of = interface.offloads;
    let all = [
        ("rx", of.receive_checksum),
        ("tx", of.send_checksum),
        ("tso", of.segmentation),
        ("gso", of.generic_segmentation),
        ("gro", of.generic_receive),
    ];
    if all.iter().all(|(_, on)| on.is_none()) {
        return not_seen(subject, "what the card does");
    }
    let list = |wanted: bool| {
        let names: Vec<&str> = all.iter().filter(|(_, on)| *on == Some(wanted)).map(|(name, _)| *name).collect();
        names
    };
    let (on, off) = (list(true), list(false));
    // A veth hands over bundles as they are, so only a card has to join segments.
    let missing = (interface.physical && of.generic_receive == Some(false))
        || (of.segmentation == Some(false) && of.generic_segmentation == Some(false))
        || (interface.physical && (of.receive_checksum == Some(false) || of.send_checksum == Some(false)));
    let tell = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(" ") };
    let found = format!("on: {}; off: {}", tell(&on), tell(&off));
    if !missing {
        return Finding::ok(subject, found);
    }
    let mtu = f64::from(interface.mtu_bytes.unwrap_or(1500).max(1));
    let rate = goal.rate_bits_per_second as f64 / 8.0;
    let cost = format!(
        "the processor handles {:.0} thousand packets a second at {} one by one, and not {:.0} thousand bundles of 64 KiB",
        rate / mtu / 1e3,
        goal.rate(),
        rate / 65_536.0 / 1e3
    );
    let words: Vec<String> = off.iter().map(|name| format!("{name} on")).collect();
    Finding::costs(subject, found, cost).remedy(Remedy::Command(format!(
        "ethtool -K {} {}",
        interface.name,
        words.join(" ")
    )))
}

fn ring(interface: &Interface, goal: &Goal) -> Finding {
    let subject = "ring";
    let Some(ring) = interface.ring else { return not_seen(subject, "the length of the ring") };
    let found = format!(
        "receives into {} of {} descriptors, sends from {} of {}",
        ring.receive, ring.receive_max, ring.send, ring.send_max
    );
    let missed = interface.counters.receive_missed.unwrap_or(0) >= COUNT_LEAST;
    if !missed || ring.receive >= ring.receive_max {
        return Finding::ok(subject, found);
    }
    let mtu = f64::from(interface.mtu_bytes.unwrap_or(1500));
    let time = |count: u32| f64::from(count) * mtu * 8.0 / goal.rate_bits_per_second.max(1) as f64 * 1e3;
    let cost = format!(
        "holds {:.2} ms of packets at {}, and could hold {:.2} ms; it overflowed",
        time(ring.receive),
        goal.rate(),
        time(ring.receive_max)
    );
    let command = format!("ethtool -G {} rx {} tx {}", interface.name, ring.receive_max, ring.send_max);
    Finding::costs(subject, found, cost).remedy(Remedy::Command(command))
}

fn interrupts(interface: &Interface, facts: &Facts, goal: &Goal) -> Finding {
    let subject = "interrupts";
    let Some(counts) = &interface.interrupts else { return not_seen(subject, "who takes its interrupts") };
    let total: u64 = counts.iter().sum();
    let taking = counts.iter().filter(|count| **count as f64 > total as f64 * INTERRUPT_SHARE).count();
    let balance = match facts.processors.irqbalance {
        Some(true) => "; irqbalance runs",
        Some(false) => "; irqbalance does not run",
        None => "",
    };
    let queues = interface.receive_queues.map_or_else(String::new, |queues| format!(", receive queues: {queues}"));
    let found = format!("{taking} of {} processors take them{queues}{balance}", counts.len());
    let alone = taking == 1 && counts.len() > 1 && total > INTERRUPTS_LEAST;
    let spread = interface.spread_by_software == Some(true);
    if !alone || spread || goal.rate_bits_per_second <= GIGABIT {
        return Finding::ok(subject, found);
    }
    let cost = format!(
        "one processor carries all that arrives: {} asks for {:.0} thousand packets a second from it",
        goal.rate(),
        goal.rate_bits_per_second as f64 / 8.0 / f64::from(interface.mtu_bytes.unwrap_or(1500).max(1)) / 1e3
    );
    let name = &interface.name;
    let remedy = if interface.receive_queues.is_some_and(|queues| queues > 1) {
        Remedy::Command("systemctl enable --now irqbalance".to_owned())
    } else {
        let mask = (1_u128 << counts.len().min(64)) - 1;
        Remedy::Command(format!("echo {mask:x} > /sys/class/net/{name}/queues/rx-0/rps_cpus"))
    };
    Finding::costs(subject, found, cost).remedy(remedy)
}

fn memory_node(interface: &Interface, facts: &Facts) -> Option<Finding> {
    let nodes = facts.processors.numa_nodes.filter(|nodes| *nodes > 1)?;
    let node = interface.numa_node?;
    let found = format!("attached to node {node} of {nodes}: programs on the others reach it by the link between them");
    let command = format!("numactl --cpunodebind={node} --membind={node} portolan serve");
    Some(Finding::ok("memory-node", found).remedy(Remedy::Command(command)))
}

/// A processor that takes less than this share takes none to speak of.
const INTERRUPT_SHARE: f64 = 0.02;
/// A quarter of what took a path of ten gigabit from 8.2 Gbit/s to 490 Mbit/s at fasterdata (0.0046 %).
const LOSS_UNSURE: f64 = 1e-5;
/// With fewer the card has had nothing to do.
const INTERRUPTS_LEAST: u64 = 10_000;

//! Interfaces in use: those that routes lead through, and every card that is up.

use super::files::{Roots, entries};
use soundings_core::doctor::{Counters, Interface, Offloads, Queue, Ring};
use std::collections::BTreeSet;

pub(super) fn interfaces(roots: &Roots) -> Vec<Interface> {
    let Some(listed) = roots.proc("net/dev") else { return Vec::new() };
    let names: Vec<&str> =
        listed.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
    // A mounted /sys shows the network namespace of who mounted it, which need not be ours.
    let shown = entries(&roots.sys.join("class/net")).unwrap_or_default();
    let ours = names.iter().all(|name| shown.iter().any(|other| other == name));
    let routed = routed(roots);
    let queues = if roots.real() { net::host::queue_disciplines().ok() } else { None };
    let mut interfaces = Vec::new();
    for name in names.into_iter().filter(|name| *name != "lo") {
        let line = listed.lines().find(|line| line.trim_start().starts_with(&format!("{name}:")));
        if !ours {
            if routed.contains(name) {
                interfaces.push(Interface {
                    name: name.to_owned(),
                    counters: counters_of_line(line.unwrap_or_default()),
                    ..Interface::default()
                });
            }
            continue;
        }
        let physical = roots.sys.join(format!("class/net/{name}/device")).exists();
        if up(roots, name) && (physical || routed.contains(name)) && interfaces.len() < INTERFACES_MAX {
            interfaces.push(interface(roots, name, physical, queues.as_deref()));
        }
    }
    for interface in &mut interfaces {
        interface.default_route = default_routes(roots).contains(&interface.name);
    }
    interfaces
}

fn interface(roots: &Roots, name: &str, physical: bool, queues: Option<&[net::host::QueueDiscipline]>) -> Interface {
    let class = |file: &str| roots.sys(&format!("class/net/{name}/{file}"));
    let index: Option<u32> = roots.sys_number(&format!("class/net/{name}/ifindex"));
    let megabits: Option<i64> = roots.sys_number(&format!("class/net/{name}/speed"));
    let queues = queues.zip(index).map(|(queues, index)| {
        let own = queues.iter().filter(|queue| queue.interface == index);
        let mut own: Vec<Queue> = own.map(queue).collect();
        own.sort_by_key(|queue| !queue.root);
        own
    });
    let device = roots.sys.join(format!("class/net/{name}/queues"));
    let receive: Vec<String> =
        entries(&device).unwrap_or_default().into_iter().filter(|queue| queue.starts_with("rx-")).collect();
    let spread = |queue: &String| class(&format!("queues/{queue}/rps_cpus"));
    let spread: Vec<String> = receive.iter().filter_map(spread).collect();
    let (offloads, ring) = if roots.real() { card(name) } else { (Offloads::default(), None) };
    Interface {
        name: name.to_owned(),
        physical,
        default_route: false,
        speed_bits_per_second: megabits
            .and_then(|speed| u64::try_from(speed).ok())
            .filter(|speed| *speed > 0)
            .map(bits),
        full_duplex: class("duplex").and_then(|duplex| match duplex.as_str() {
            "full" => Some(true),
            "half" => Some(false),
            _ => None,
        }),
        mtu_bytes: roots.sys_number(&format!("class/net/{name}/mtu")),
        queues,
        counters: counters(roots, name),
        offloads,
        ring,
        interrupts: super::processors::interrupts(roots, name),
        receive_queues: u32::try_from(receive.len()).ok().filter(|count| *count > 0),
        spread_by_software: (!spread.is_empty())
            .then(|| spread.iter().any(|mask| mask.chars().any(|digit| digit != '0' && digit != ','))),
        numa_node: roots.sys_number(&format!("class/net/{name}/device/numa_node")),
    }
}

fn bits(megabits: u64) -> u64 {
    megabits.saturating_mul(1_000_000)
}

fn queue(queue: &net::host::QueueDiscipline) -> Queue {
    Queue {
        kind: queue.kind.clone(),
        root: queue.root,
        drops: queue.drops.map(u64::from),
        rate_bits_per_second: queue.rate_bytes_per_second.map(|rate| rate.saturating_mul(8)),
    }
}

fn card(name: &str) -> (Offloads, Option<Ring>) {
    let offloads = net::host::offloads(name).unwrap_or_default();
    let ring = net::host::ring(name).ok();
    (
        Offloads {
            receive_checksum: offloads.receive_checksum,
            send_checksum: offloads.send_checksum,
            segmentation: offloads.segmentation,
            generic_segmentation: offloads.generic_segmentation,
            generic_receive: offloads.generic_receive,
        },
        ring.map(|ring| Ring {
            receive: ring.receive,
            receive_max: ring.receive_max,
            send: ring.send,
            send_max: ring.send_max,
        }),
    )
}

fn counters(roots: &Roots, name: &str) -> Counters {
    let of = |file: &str| roots.sys_number::<u64>(&format!("class/net/{name}/statistics/{file}"));
    let missed = ["rx_missed_errors", "rx_fifo_errors", "rx_over_errors"].map(of);
    Counters {
        received: of("rx_packets"),
        sent: of("tx_packets"),
        receive_errors: of("rx_errors"),
        receive_dropped: of("rx_dropped"),
        receive_missed: missed.into_iter().flatten().reduce(u64::saturating_add),
        send_errors: of("tx_errors"),
        send_dropped: of("tx_dropped"),
        collisions: of("collisions"),
        carrier_changes: roots.sys_number(&format!("class/net/{name}/carrier_changes")),
    }
}

/// A line of /proc/net/dev: received bytes, packets, errs, drop, fifo, frame, compressed, multicast; sent bytes, packets,
/// errs, drop, fifo, colls …
fn counters_of_line(line: &str) -> Counters {
    let numbers: Vec<u64> = line
        .split_once(':')
        .map(|(_, rest)| rest.split_whitespace().filter_map(|word| word.parse().ok()).collect())
        .unwrap_or_default();
    let at = |index: usize| numbers.get(index).copied();
    Counters {
        received: at(1),
        receive_errors: at(2),
        receive_dropped: at(3),
        receive_missed: at(4),
        sent: at(9),
        send_errors: at(10),
        send_dropped: at(11),
        collisions: at(13),
        carrier_changes: None,
    }
}

fn up(roots: &Roots, name: &str) -> bool {
    let flags = roots.sys(&format!("class/net/{name}/flags")).unwrap_or_default();
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
    let running = roots.sys(&format!("class/net/{name}/operstate")).is_none_or(|state| state != "down");
    flags & IFF_UP != 0 && running
}

/// Interfaces that routes beyond the host itself lead through.
fn routed(roots: &Roots) -> BTreeSet<String> {
    let first = |text: String| -> Vec<String> {
        text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let v4 = roots.proc("net/route").map(first).unwrap_or_default();
    // Only addresses of global scope (00) count: each interface has one of its link.
    let v6 = roots.proc("net/if_inet6").unwrap_or_default();
    let global = v6.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words.get(3) == Some(&"00")).then(|| words.get(5).map(|name| (*name).to_owned())).flatten()
    });
    v4.into_iter().chain(global).filter(|name| name != "lo").collect()
}

fn default_routes(roots: &Roots) -> BTreeSet<String> {
    let text = roots.proc("net/route").unwrap_or_default();
    let v4 = text.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000")).then(|| words[0].to_owned())
    });
    let text = roots.proc("net/ipv6_route").unwrap_or_default();
    let v6 = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let all = words.first().is_some_and(|to| to.chars().all(|digit| digit == '0')) && words.get(1) == Some(&"00");
        all.then(|| words.last().map(|name| (*name).to_owned())).flatten()
    });
    v4.chain(v6).filter(|name| name != "lo").collect()
}

/// A host with more is a host of containers: the first ones tell enough.
const INTERFACES_MAX: usize = 16;
const IFF_UP: u32 = 1;

//! A scenario made real: its namespaces with addresses and routes, its devices, and the threads that are its links.
//! All of it is held by this process alone and ends with it.

use crate::failure::{Failure, Tried};
use crate::forward::{Carried, Forwarder};
use crate::impair::Direction;
use crate::namespace::Namespace;
use crate::scenario::{End, Link, LinkState, Route, Scenario, What};
use crate::tun::Tun;
use core::net::IpAddr;
use rustix::thread::UnshareFlags;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Packets that a device keeps until its link takes them: enough for any burst, so that none is lost where no queue of
/// the scenario is. A full one is 64 KiB each at most.
const DEVICE_QUEUE_PACKETS: u32 = 10_000;

/// What every node has, before what the scenario says: windows that fill 10 Gbit/s over 200 ms, no memory of earlier
/// connections, no messages of IPv6 to find neighbours where there are none, and packets on any way, as on the Internet.
const SETTINGS: [(&str, &str); 11] = [
    ("net.ipv4.tcp_rmem", "4096 131072 536870912"),
    ("net.ipv4.tcp_wmem", "4096 131072 536870912"),
    ("net.ipv4.tcp_no_metrics_save", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.icmp_ratelimit", "0"),
    ("net.ipv6.icmp.ratelimit", "0"),
    ("net.ipv6.conf.all.disable_ipv6", "0"),
    ("net.ipv6.conf.default.disable_ipv6", "0"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.addr_gen_mode", "1"),
];

/// What makes a router.
const FORWARDING: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];

/// The running network.
#[derive(Debug)]
pub(crate) struct Network {
    nodes: BTreeMap<String, Namespace>,
    lines: Vec<Line>,
}

/// A link at work.
#[derive(Debug)]
struct Line {
    link: Link,
    forward: Forwarder,
    backward: Forwarder,
}

impl Network {
    /// Builds it. The calling thread must be the only one of its process; it ends in a namespace with nothing in it.
    pub(crate) fn build(scenario: &Scenario) -> Result<Self, Failure> {
        let mut nodes = BTreeMap::new();
        for (is_router, node) in
            scenario.hosts.iter().map(|host| (false, host)).chain(scenario.routers.iter().map(|router| (true, router)))
        {
            let namespace = Namespace::make().tried(|| format!("making the network namespace of {}", node.name))?;
            let forwarding = FORWARDING.map(|name| (name, if is_router { "1" } else { "0" }));
            let own = node.sysctls.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            for (name, value) in SETTINGS.into_iter().chain(forwarding).chain(own) {
                namespace.set(name, value).tried(|| format!("setting {name} to '{value}' on {}", node.name))?;
            }
            nodes.insert(node.name.clone(), namespace);
        }
        let mut ends = Vec::new();
        for link in &scenario.links {
            let a = connect(&nodes, &link.a, link.forward.mtu)?;
            let b = connect(&nodes, &link.b, link.backward.mtu)?;
            ends.push((link.clone(), a, b));
        }
        crate::namespace::leave(UnshareFlags::NEWNET).tried(|| "leaving the last namespace".to_owned())?;
        let mut network = Self { nodes, lines: Vec::new() };
        network.route(&scenario.routes)?;
        for (number, (link, a, b)) in ends.into_iter().enumerate() {
            let start = |from: &Arc<Tun>, to: &Arc<Tun>, direction: &Direction, forward| {
                let name = format!("{}{}", link.name, if forward { ">" } else { "<" });
                Forwarder::start(&name, from.clone(), to.clone(), direction, scenario.seed_of(number, forward))
                    .tried(|| format!("starting the threads of link {}", link.name))
            };
            let forward = start(&a, &b, &link.forward, true)?;
            let backward = start(&b, &a, &link.backward, false)?;
            network.lines.push(Line { link, forward, backward });
        }
        Ok(network)
    }

    /// Makes a change.
    pub(crate) fn change(&mut self, what: &What) -> Result<(), Failure> {
        match what {
            What::Link(state) => self.change_link(state),
            What::Routes(routes) => self.route(routes),
        }
    }

    fn change_link(&mut self, state: &LinkState) -> Result<(), Failure> {
        let Some(line) = self.lines.get_mut(state.link) else {
            return Err(Failure::new(format!("There is no link number {}.", state.link)));
        };
        for (end, before, after) in
            [(&line.link.a, &line.link.forward, &state.forward), (&line.link.b, &line.link.backward, &state.backward)]
        {
            if before.mtu != after.mtu {
                let node = &self.nodes[&end.node];
                node.netlink
                    .mtu(&end.device, after.mtu)
                    .tried(|| format!("setting the MTU of {} on {} to {}", end.device, end.node, after.mtu))?;
            }
        }
        line.forward.change(&state.forward);
        line.backward.change(&state.backward);
        line.link.forward = state.forward.clone();
        line.link.backward = state.backward.clone();
        Ok(())
    }

    fn route(&self, routes: &[Route]) -> Result<(), Failure> {
        for route in routes {
            let Route { node, to, prefix_length, via, device } = route;
            let namespace = self.node(node)?;
            namespace
                .netlink
                .route(*to, *prefix_length, *via, device)
                .tried(|| format!("routing {to}/{prefix_length} on {node} by {via} on {device}"))?;
        }
        Ok(())
    }

    fn node(&self, name: &str) -> Result<&Namespace, Failure> {
        self.nodes.get(name).ok_or_else(|| Failure::new(format!("There is no host or router called {name}.")))
    }

    /// All nodes by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &Namespace)> {
        self.nodes.iter().map(|(name, namespace)| (name.as_str(), namespace))
    }

    /// All links with what they are now and have carried, forward and backward.
    pub(crate) fn links(&self) -> impl Iterator<Item = (&Link, Carried, Carried)> {
        self.lines.iter().map(|line| {
            let forward = Carried { missed_packets: self.missed(&line.link.a), ..line.forward.carried() };
            let backward = Carried { missed_packets: self.missed(&line.link.b), ..line.backward.carried() };
            (&line.link, forward, backward)
        })
    }

    /// What a device could not keep until its link took it.
    fn missed(&self, end: &End) -> Option<u64> {
        self.nodes.get(&end.node)?.netlink.dropped(&end.device).ok()
    }
}

/// Makes the device at one end of a link.
fn connect(nodes: &BTreeMap<String, Namespace>, end: &End, mtu: u16) -> Result<Arc<Tun>, Failure> {
    let End { node, device, v4, v6 } = end;
    let Some(namespace) = nodes.get(node) else {
        return Err(Failure::new(format!("A link ends at {node}, which is no host or router.")));
    };
    let making = || format!("making the device {device} on {node}");
    namespace.enter().tried(making)?;
    let tun = Tun::open(device).tried(making)?;
    let netlink = &namespace.netlink;
    netlink.queue(device, DEVICE_QUEUE_PACKETS).tried(making)?;
    netlink.mtu(device, mtu).tried(|| format!("setting the MTU of {device} on {node} to {mtu}"))?;
    netlink.up(device).tried(making)?;
    let v4 = v4.map(|(address, length)| (IpAddr::V4(address), length));
    let v6 = v6.map(|(address, length)| (IpAddr::V6(address), length));
    for (address, length) in v4.into_iter().chain(v6) {
        netlink
            .address(device, address, length)
            .tried(|| format!("giving {device} on {node} the address {address}/{length}"))?;
    }
    Ok(Arc::new(tun))
}

//! A network as it is described in a file: hosts, routers, links, ways, what changes when, and what to run.
//!
//! Everything that a file may leave out is filled in here, so that whoever builds the network only follows: addresses,
//! routes of every node, and the state of each link at each moment.

mod build;
mod figures;
mod findings;
mod parse;
mod reader;
mod routes;
#[cfg(test)]
mod tests;
mod timeline;
mod value;

pub use findings::{Finding, Findings};

use crate::impair::Direction;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A whole network.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// Where its chances come from.
    pub seed: u64,
    /// Ends: they do not forward.
    pub hosts: Vec<Node>,
    /// They forward.
    pub routers: Vec<Node>,
    /// What connects two nodes each.
    pub links: Vec<Link>,
    /// Every route that a node needs beyond its own links, both families, at the beginning.
    pub routes: Vec<Route>,
    /// What changes, in the order of time.
    pub timeline: Vec<Step>,
    /// What `lab run` does.
    pub commands: Vec<Command>,
}

/// A host or a router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its name, resolvable in the whole lab.
    pub name: String,
    /// Kernel settings of its network namespace, as `net.ipv4.tcp_rmem` and its value; names begin with `net.`.
    pub sysctls: Vec<(String, String)>,
}

/// A link between two nodes.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// Its name, unique, not that of a node.
    pub name: String,
    /// One end.
    pub a: End,
    /// The other.
    pub b: End,
    /// What happens to packets from `a` to `b`.
    pub forward: Direction,
    /// What happens to packets from `b` to `a`.
    pub backward: Direction,
}

/// Where a link ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// The name of the node.
    pub node: String,
    /// The name of the device there, at most 15 octets, unique in the node.
    pub device: String,
    /// Its IPv4 address and the length of the prefix.
    pub v4: Option<(Ipv4Addr, u8)>,
    /// Its IPv6 address and the length of the prefix.
    pub v6: Option<(Ipv6Addr, u8)>,
}

/// How a node reaches a prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The name of the node that has this route.
    pub node: String,
    /// The first address of the prefix.
    pub to: IpAddr,
    /// Its length.
    pub prefix_length: u8,
    /// The next hop, an address of the neighbour on the link.
    pub via: IpAddr,
    /// The device of the node through which it is reached.
    pub device: String,
}

/// One change.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// When, after the network is up.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What changes.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// A link is like this from now on.
    Link(Box<LinkState>),
    /// These routes replace those of the same node and prefix, or are added.
    Routes(Vec<Route>),
}

/// What a link is like from some moment on.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkState {
    /// Its place in [`Scenario::links`].
    pub link: usize,
    /// From a to b.
    pub forward: Direction,
    /// From b to a.
    pub backward: Direction,
}

/// A command of `lab run`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// What its output is called.
    pub name: String,
    /// On which host or router.
    pub host: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// When to start, after the network is up; else when the one before has ended or, in the background, is ready.
    pub at: Option<Duration>,
    /// It goes on beside the others, and is ended after the last of them.
    pub background: bool,
    /// The next command waits until this TCP port is listened to.
    pub ready_port: Option<u16>,
    /// It is ended after this long.
    pub limit: Duration,
}

impl Scenario {
    /// Hosts and routers.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.hosts.iter().chain(&self.routers)
    }

    /// The names and addresses for a file of hosts: a node by its name at its first link, and `NODE.LINK` for each end.
    pub fn names(&self) -> Vec<(IpAddr, Vec<String>)> {
        let mut met: Vec<&str> = Vec::new();
        let mut lines = Vec::new();
        for link in &self.links {
            for end in [&link.a, &link.b] {
                let mut names = vec![format!("{}.{}", end.node, link.name)];
                if !met.contains(&end.node.as_str()) {
                    met.push(&end.node);
                    names.insert(0, end.node.clone());
                }
                let v4 = end.v4.map(|(address, _)| IpAddr::V4(address));
                let v6 = end.v6.map(|(address, _)| IpAddr::V6(address));
                lines.extend([v4, v6].into_iter().flatten().map(|address| (address, names.clone())));
            }
        }
        lines
    }

    /// The seed of one direction of a link: different for each, the same in each run.
    pub fn seed_of(&self, link: usize, forward: bool) -> u64 {
        // Odd multipliers keep the three apart; the generator spreads them further.
        let place = (link as u64) * 2 + u64::from(forward) + 1;
        self.seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

//! Who sends what where: shortest paths by delay to each link, and ways that are told node by node.

use super::build::Drafted;
use super::findings::suggestion;
use super::reader::{Fields, Reader};
use super::value;
use super::{End, Route};
use core::net::IpAddr;
use std::collections::BTreeMap;

/// What a hop costs beside its delay, so that among equals the fewest hops win.
const HOP_NANOSECONDS: u128 = 1_000;

/// The nodes and links, as routes see them.
pub(super) struct Graph<'a> {
    links: &'a [Drafted],
    routers: &'a [String],
}

impl<'a> Graph<'a> {
    pub(super) fn new(links: &'a [Drafted], routers: &'a [String]) -> Self {
        Self { links, routers }
    }

    /// Own end, other end and cost of each link of a node, in the order of the file.
    fn links_of(&self, node: &str) -> impl Iterator<Item = (usize, &'a End, &'a End, u128)> {
        self.links.iter().enumerate().filter_map(move |(place, drafted)| {
            let link = &drafted.link;
            let (own, other, direction) = match (link.a.node == node, link.b.node == node) {
                (true, _) => (&link.a, &link.b, &link.forward),
                (_, true) => (&link.b, &link.a, &link.backward),
                _ => return None,
            };
            Some((place, own, other, direction.delay.as_nanos() + HOP_NANOSECONDS))
        })
    }

    fn forwards(&self, node: &str) -> bool {
        self.routers.iter().any(|router| router == node)
    }

    /// Routes of every node to every link that is not its own.
    pub(super) fn shortest(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        for drafted in self.links {
            let ends = [&drafted.link.a, &drafted.link.b];
            // Through a host nothing is forwarded: packets for a link enter it at a router, if it has one.
            let enters: Vec<&str> = ends.iter().map(|end| end.node.as_str()).filter(|end| self.forwards(end)).collect();
            let enters = if enters.is_empty() { ends.iter().map(|end| end.node.as_str()).collect() } else { enters };
            for (node, (_, own, next)) in self.towards(&enters) {
                if ends.iter().any(|end| end.node == node) {
                    continue;
                }
                routes.extend(prefixes(ends[0]).filter_map(|(to, length)| route(node, to, length, own, next)));
            }
        }
        routes
    }

    /// The first hop of each node to the nearest of these, by Dijkstra's algorithm run backwards from them. The graph is
    /// small: the nearest open node is looked for by walking through all.
    fn towards(&self, goals: &[&'a str]) -> BTreeMap<&'a str, (u128, &'a End, &'a End)> {
        let mut best: BTreeMap<&'a str, (u128, &'a End, &'a End)> = BTreeMap::new();
        let mut open: Vec<(u128, &'a str)> = goals.iter().map(|goal| (0, *goal)).collect();
        let mut closed: Vec<&'a str> = Vec::new();
        while let Some(at) = (0..open.len()).min_by_key(|at| open[*at]) {
            let (cost, node) = open.swap_remove(at);
            if closed.contains(&node) {
                continue;
            }
            closed.push(node);
            if !goals.contains(&node) && !self.forwards(node) {
                continue;
            }
            for (_, here, there, _) in self.links_of(node) {
                if closed.contains(&there.node.as_str()) {
                    continue;
                }
                // The cost is that of the neighbour's direction towards this node.
                let back = self.links_of(&there.node).find(|(_, own, ..)| *own == there).map_or(0, |(.., cost)| cost);
                let total = cost + back;
                if best.get(there.node.as_str()).is_none_or(|(known, ..)| total < *known) {
                    best.insert(&there.node, (total, there, here));
                    open.push((total, &there.node));
                }
            }
        }
        best
    }

    /// The routes that lead along a way of nodes, with links named between them where it matters, to all addresses of its
    /// last node.
    pub(super) fn along(&self, way: &[String]) -> Result<Vec<Route>, (String, String)> {
        let mut hops: Vec<(&End, &End)> = Vec::new();
        let mut words = way.iter();
        let Some(first) = words.next() else { return Err(too_short()) };
        let (mut node, mut wanted) = (first.as_str(), None);
        for word in words {
            if let Some(place) = self.links.iter().position(|drafted| drafted.link.name == *word) {
                wanted = Some(place);
                continue;
            }
            let hop = self
                .links_of(node)
                .find(|(place, _, other, _)| other.node == *word && wanted.is_none_or(|wanted| wanted == *place));
            let Some((_, own, other, _)) = hop else {
                let neighbours = self.links_of(node).map(|(_, _, other, _)| other.node.as_str());
                let neighbours: Vec<&str> = neighbours.collect();
                let what = format!("no link goes from \"{node}\" to \"{word}\"");
                return Err((what, suggestion(word, neighbours.iter().copied())));
            };
            hops.push((own, other));
            (node, wanted) = (word, None);
        }
        if hops.is_empty() {
            return Err(too_short());
        }
        if let Some((_, host)) = hops[..hops.len() - 1].iter().find(|(_, other)| !self.forwards(&other.node)) {
            let what = format!("\"{}\" is a host, and hosts do not forward", host.node);
            return Err((what, "put it into 'routers', or lead the way around it".to_owned()));
        }
        let targets: Vec<&End> = self.links_of(node).map(|(_, own, ..)| own).collect();
        let mut routes = Vec::new();
        for (own, next) in hops {
            for target in targets.iter().filter(|target| **target != next) {
                let v4 = target.v4.map(|(address, _)| (IpAddr::V4(address), 32));
                let v6 = target.v6.map(|(address, _)| (IpAddr::V6(address), 128));
                let all = [v4, v6].into_iter().flatten();
                routes.extend(all.filter_map(|(to, length)| route(&own.node, to, length, own, next)));
            }
        }
        Ok(routes)
    }
}

fn too_short() -> (String, String) {
    ("a way has at least two nodes".to_owned(), "write them in order, as [\"left\", \"r1\", \"right\"]".to_owned())
}

/// The prefixes of a link.
fn prefixes(end: &End) -> impl Iterator<Item = (IpAddr, u8)> {
    let v4 = end.v4.map(|(address, length)| {
        let kept = u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
        (IpAddr::V4((address.to_bits() & kept).into()), length)
    });
    let v6 = end.v6.map(|(address, length)| {
        let kept = u128::MAX.checked_shl(u32::from(128 - length)).unwrap_or(0);
        (IpAddr::V6((address.to_bits() & kept).into()), length)
    });
    v4.into_iter().chain(v6)
}

/// A route by the neighbour's address of the same family.
fn route(node: &str, to: IpAddr, prefix_length: u8, own: &End, next: &End) -> Option<Route> {
    let via = match to {
        IpAddr::V4(_) => IpAddr::V4(next.v4?.0),
        IpAddr::V6(_) => IpAddr::V6(next.v6?.0),
    };
    Some(Route { node: node.to_owned(), to, prefix_length, via, device: own.device.clone() })
}

/// `way = [...]` of a `[[route]]` or a step, both directions unless `one_way`.
pub(super) fn way(reader: &mut Reader, fields: Fields<'_, '_>, graph: &Graph<'_>) -> Vec<Route> {
    let instead = "write the nodes in order, as [\"left\", \"r1\", \"right\"]";
    let one_way = reader.take(fields, "one_way", value::boolean).unwrap_or(false);
    let Some(mut words) =
        reader.require(fields, "way", "[\"left\", \"r1\", \"right\"]", |value| value::texts(value, instead))
    else {
        return Vec::new();
    };
    let mut routes = Vec::new();
    for _ in 0..if one_way { 1 } else { 2 } {
        match graph.along(&words) {
            Ok(found) => routes.extend(found),
            Err((what, instead)) => {
                reader.report(&fields.near("way"), what, instead);
                break;
            }
        }
        words.reverse();
    }
    routes
}

/// Later routes replace earlier ones of the same node and prefix.
pub(super) fn merge(routes: &mut Vec<Route>, later: Vec<Route>) {
    for route in later {
        let same = |known: &Route| {
            (&known.node, known.to, known.prefix_length) == (&route.node, route.to, route.prefix_length)
        };
        match routes.iter_mut().find(|known| same(known)) {
            Some(known) => *known = route,
            None => routes.push(route),
        }
    }
}

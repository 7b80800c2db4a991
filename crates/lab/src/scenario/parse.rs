//! The walk over a whole file.

use super::build::{MOST_LINKS, commands, ends, links, nodes};
use super::reader::{Fields, Reader};
use super::routes::{Graph, merge, way};
use super::value;
use super::{Findings, Scenario, timeline};
use toml::de::DeTable;

/// The seed of those who name none.
const DEFAULT_SEED: u64 = 1;

/// The keys at the top of a file.
const TOP: &[&str] =
    &["name", "seed", "ipv4", "ipv6", "hosts", "routers", "sysctl", "node", "link", "route", "step", "command"];

impl Scenario {
    /// Reads a scenario; `file` is only what it is called in messages. All that is wrong is told at once.
    pub fn parse(text: &str, file: &str) -> Result<Self, Findings> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader::default();
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.report(&span, format!("this is not TOML: {}", error.message()), "see https://toml.io");
        }
        // Half-read text gives misleading findings about what is missing, so that only its own errors are told.
        if !reader.found_nothing() {
            return Err(reader.finish(text, file));
        }
        let scenario = read(&mut reader, Fields::new(document.get_ref(), 0));
        if reader.found_nothing() { Ok(scenario) } else { Err(reader.finish(text, file)) }
    }
}

fn read(reader: &mut Reader, top: Fields<'_, '_>) -> Scenario {
    reader.only(top, "at the top", &[TOP]);
    let name = reader.take(top, "name", value::title);
    let seed = reader.take(top, "seed", |value| value::whole(value, 0, i64::MAX));
    let v4 = reader.take(top, "ipv4", value::boolean).unwrap_or(true);
    let v6 = reader.take(top, "ipv6", value::boolean).unwrap_or(true);
    if !v4 && !v6 {
        reader.report(&top.near("ipv6"), "without IPv4 and IPv6 nothing is left", "switch at most one of them off");
    }
    let tables = reader.tables(top, "link");
    if tables.is_empty() {
        reader.report(&top.near("link"), "there is no link", "write [[link]] and between = [\"left\", \"right\"]");
    }
    if tables.len() > MOST_LINKS {
        let what = format!("these are {} links", tables.len());
        reader.report(&top.near("link"), what, format!("write at most {MOST_LINKS}"));
    }
    let tables: Vec<_> =
        tables.into_iter().take(MOST_LINKS).filter_map(|fields| Some((fields, ends(reader, fields)?))).collect();
    let named: Vec<_> = tables.iter().flat_map(|(_, ends)| ends.iter().cloned()).collect();
    let (hosts, routers) = nodes(reader, top, &named);
    let drafted = links(reader, &tables, v4, v6);
    let names: Vec<&str> = hosts.iter().chain(&routers).map(|node| node.name.as_str()).collect();
    for drafted in drafted.iter().filter(|drafted| names.contains(&drafted.link.name.as_str())) {
        let what = format!("\"{}\" is the name of a node already", drafted.link.name);
        reader.report(&drafted.span, what, "call the link otherwise");
    }
    let forwarding: Vec<String> = routers.iter().map(|router| router.name.clone()).collect();
    let graph = Graph::new(&drafted, &forwarding);
    let mut routes = graph.shortest();
    for fields in reader.tables(top, "route") {
        reader.only(fields, "of a route", &[&["way", "one_way"]]);
        merge(&mut routes, way(reader, fields, &graph));
    }
    let timeline = timeline::read(reader, top, &drafted, &graph);
    let commands = commands(reader, top, &names);
    Scenario {
        name: name.unwrap_or_else(|| "lab".to_owned()),
        seed: seed.map_or(DEFAULT_SEED, |seed| seed as u64),
        routes,
        timeline,
        commands,
        links: drafted.into_iter().map(|drafted| drafted.link).collect(),
        hosts,
        routers,
    }
}

//! From the tables of a file to nodes, links with addresses, and commands.

use super::figures::{self, Draft, Figures, finish};
use super::findings::suggestion;
use super::reader::{Fields, Reader};
use super::value::{self, LONGEST_RUN, refuse};
use super::{Command, End, Link, Node};
use crate::conditions::{CONDITIONS, Condition};
use core::net::{Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// So many links have addresses in the plan, and a machine of some cores forwards them.
pub(super) const MOST_LINKS: usize = 120;
pub(super) const MOST_NODES: usize = 100;
const MOST_COMMANDS: usize = 200;

/// The second octet of the addresses that are given to links: 10.77.LINK.0/24.
const PLAN_V4: u8 = 77;
/// A unique local prefix (RFC 4193): fd70:6f72:746f::/48, of which each link has a /64.
const PLAN_V6: [u16; 3] = [0xfd70, 0x6f72, 0x746f];

/// The least MTU of a link that carries IPv6 (RFC 8200 §5).
const LEAST_MTU_OF_IPV6: u16 = 1280;

/// What hosts have when nothing is said: windows for 10 Gbit/s around the world, and no memory of earlier connections.
const HOST_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.tcp_no_metrics_save", "1"),
    ("net.ipv4.tcp_rmem", "4096 131072 1073741824"),
    ("net.ipv4.tcp_wmem", "4096 131072 1073741824"),
];

/// A link as it is written.
pub(super) struct Drafted {
    pub(super) link: Link,
    pub(super) forward: Draft,
    pub(super) backward: Draft,
    /// Where it is in the file.
    pub(super) span: Range<usize>,
}

/// The figures of a link's table, over those of its condition.
pub(super) fn drafts(reader: &mut Reader, fields: Fields<'_, '_>) -> (Draft, Draft) {
    let condition = reader.take(fields, "condition", |value| {
        let written = value::text(value, "write the name of a condition, as \"lyon-slac\"")?;
        let names = CONDITIONS.iter().map(|condition| condition.name);
        Condition::named(written)
            .map_or_else(|| refuse(format!("cannot be \"{written}\""), suggestion(written, names)), Ok)
    });
    let mut base = condition.map_or_else(Default::default, of_condition);
    let both = Figures::read(reader, fields, false);
    both.apply(&mut base.0);
    both.apply(&mut base.1);
    for (key, draft) in [("forward", &mut base.0), ("backward", &mut base.1)] {
        if let Some(inner) = fields.table_of(key) {
            reader.only(inner, &format!("in this {key}"), &[figures::KEYS]);
            Figures::read(reader, inner, false).apply(draft);
        } else {
            reader.take(fields, key, |_| refuse::<()>("is not a table", format!("write [link.{key}] below the link")));
        }
    }
    base
}

/// The figures of a condition: its text is read as that of a link is. A test reads all of them without a finding.
fn of_condition(condition: &Condition) -> (Draft, Draft) {
    let Ok(table) = DeTable::parse(condition.figures) else { return Default::default() };
    drafts(&mut Reader::default(), Fields::new(table.get_ref(), 0))
}

/// `hosts`, `routers` and `[node.NAME]`; hosts that only links name are hosts too.
pub(super) fn nodes(
    reader: &mut Reader,
    top: Fields<'_, '_>,
    named: &[(String, Range<usize>)],
) -> (Vec<Node>, Vec<Node>) {
    let declared = |reader: &mut Reader, key: &str| -> Option<Vec<String>> {
        let array = top.value(key)?;
        let Some(items) = array.get_ref().as_array() else {
            reader.report(&array.span(), format!("'{key}' is a list of names"), format!("write {key} = [\"left\"]"));
            return Some(Vec::new());
        };
        let mut names: Vec<String> = Vec::new();
        for item in items {
            match value::name(item.get_ref()) {
                Ok(name) if names.contains(&name) => {
                    reader.report(&item.span(), format!("\"{name}\" is named twice"), "give each its own name");
                }
                Ok(name) => names.push(name),
                Err(refusal) => reader.report(&item.span(), format!("a name {}", refusal.what), refusal.instead),
            }
        }
        Some(names)
    };
    let routers = declared(reader, "routers").unwrap_or_default();
    let hosts = declared(reader, "hosts");
    if let Some(both) = hosts.iter().flatten().find(|host| routers.contains(host)) {
        reader.report(&top.near("routers"), format!("\"{both}\" is a host already"), "leave it in one of the lists");
    }
    let implied = hosts.is_none();
    let mut hosts = hosts.unwrap_or_default();
    for (name, span) in named {
        if hosts.contains(name) || routers.contains(name) {
            continue;
        }
        if implied {
            hosts.push(name.clone());
        } else {
            let known = hosts.iter().chain(&routers).map(String::as_str);
            reader.report(span, format!("there is no host or router \"{name}\""), suggestion(name, known));
        }
    }
    if hosts.len() + routers.len() > MOST_NODES {
        let what = format!("these are {} hosts and routers", hosts.len() + routers.len());
        reader.report(&top.near("hosts"), what, format!("write at most {MOST_NODES}"));
    }
    let everywhere = sysctls(reader, top);
    let own = own_sysctls(reader, top, hosts.iter().chain(&routers).map(String::as_str));
    let finished = |name: String, defaults: &[(&str, &str)]| {
        let mut all: BTreeMap<String, String> =
            defaults.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        all.extend(everywhere.clone());
        all.extend(own.get(&name).cloned().unwrap_or_default());
        Node { name, sysctls: all.into_iter().collect() }
    };
    let hosts = hosts.into_iter().map(|name| finished(name, HOST_SYSCTLS)).collect();
    (hosts, routers.into_iter().map(|name| finished(name, &[])).collect())
}

fn own_sysctls<'a>(
    reader: &mut Reader,
    top: Fields<'_, '_>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> BTreeMap<String, Vec<(String, String)>> {
    let mut own = BTreeMap::new();
    let Some(nodes) = top.table_of("node") else { return own };
    for (name, span, value) in nodes.entries() {
        if !known.clone().any(|known| known == name) {
            reader.report(&span, format!("there is no host or router \"{name}\""), suggestion(name, known.clone()));
        }
        let Some(table) = value.get_ref().as_table() else {
            reader.report(&value.span(), format!("'{name}' is not a table"), format!("write [node.{name}]"));
            continue;
        };
        let fields = Fields::new(table, value.span().start);
        reader.only(fields, "of a node", &[&["sysctl"]]);
        own.insert(name.to_owned(), sysctls(reader, fields));
    }
    own
}

fn sysctls(reader: &mut Reader, fields: Fields<'_, '_>) -> Vec<(String, String)> {
    let Some(table) = fields.table_of("sysctl") else {
        let instead = "write sysctl = { \"net.ipv4.tcp_congestion_control\" = \"cubic\" }";
        reader.take(fields, "sysctl", |_| refuse::<()>("is not a table", instead));
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, span, value) in table.entries() {
        let letters = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !key.starts_with("net.") || !letters || key.contains("..") {
            let instead = "write one of the network's, in quotes, as \"net.ipv4.tcp_rmem\"";
            reader.report(&span, format!("\"{key}\" is not a setting of a network namespace"), instead);
            continue;
        }
        let written = reader.take(table, key, |value| match value {
            DeValue::Integer(number) => Ok(number.as_str().replace('_', "")),
            _ => value::text(value, "write a text or a whole number").map(str::to_owned),
        });
        let Some(written) = written else { continue };
        if written.contains('\n') {
            reader.report(&value.span(), format!("'{key}' has several lines"), "write one line");
        }
        found.push((key.to_owned(), written));
    }
    found
}

/// The nodes that a link connects, and where they are named.
pub(super) type Ends = [(String, Range<usize>); 2];

/// The ends of a link, before it is known what they are; `None` where they cannot be read.
pub(super) fn ends(reader: &mut Reader, link: Fields<'_, '_>) -> Option<Ends> {
    let instead = "write the two nodes, as between = [\"left\", \"right\"]";
    let Some(between) = link.value("between") else {
        reader.report(&link.near("between"), "'between' is missing", instead);
        return None;
    };
    let items = between.get_ref().as_array().filter(|items| items.len() == 2);
    let Some(items) = items else {
        reader.report(&between.span(), "'between' is not two names", instead);
        return None;
    };
    let mut names = items.iter().filter_map(|item| match value::name(item.get_ref()) {
        Ok(name) => Some((name, item.span())),
        Err(refusal) => {
            reader.report(&item.span(), format!("a name {}", refusal.what), refusal.instead);
            None
        }
    });
    let (a, b) = (names.next(), names.next());
    drop(names);
    let (a, b) = (a?, b?);
    if a.0 == b.0 {
        reader.report(&b.1, format!("both ends are \"{}\"", a.0), "a link connects two nodes");
        return None;
    }
    Some([a, b])
}

/// What is said of the addresses of an end.
#[derive(Default)]
struct Given {
    v4: Option<(Ipv4Addr, u8)>,
    v6: Option<(Ipv6Addr, u8)>,
}

/// All links, with addresses.
pub(super) fn links(reader: &mut Reader, tables: &[(Fields<'_, '_>, Ends)], v4: bool, v6: bool) -> Vec<Drafted> {
    const LINK: &[&str] = &["name", "between", "condition", "forward", "backward", "a", "b"];
    let mut links: Vec<Drafted> = Vec::new();
    let mut given = Vec::new();
    for (place, (fields, [a, b])) in tables.iter().enumerate() {
        reader.only(*fields, "of a link", &[LINK, figures::KEYS]);
        let name = reader.take(*fields, "name", value::name).unwrap_or_else(|| format!("link{}", place + 1));
        if links.iter().any(|other| other.link.name == name) {
            reader.report(&fields.near("name"), format!("there are two links \"{name}\""), "give each its own name");
        }
        given.push([given_addresses(reader, *fields, "a"), given_addresses(reader, *fields, "b")]);
        let (forward, backward) = drafts(reader, *fields);
        let least = forward.direction.mtu.min(backward.direction.mtu);
        if v6 && least < LEAST_MTU_OF_IPV6 {
            let instead = "write at least 1280, or ipv6 = false at the top";
            reader.report(&fields.near("mtu"), format!("an MTU of {least} carries no IPv6"), instead);
        }
        let both = [&forward, &backward];
        if both.iter().any(|draft| draft.queue.is_some()) && both.iter().all(|draft| draft.direction.rate.is_none()) {
            let instead = "add 'rate', or leave 'queue' out";
            reader.report(&fields.near("queue"), "a queue needs a rate behind which to wait", instead);
        }
        let end = |node: &str| End { node: node.to_owned(), device: name.clone(), v4: None, v6: None };
        let (finished_forward, finished_backward) = finish(&forward, &backward);
        let (a, b) = (end(&a.0), end(&b.0));
        let link = Link { name, a, b, forward: finished_forward, backward: finished_backward };
        links.push(Drafted { link, forward, backward, span: fields.near("name") });
    }
    address(reader, &mut links, &given, v4, v6);
    links
}

fn given_addresses(reader: &mut Reader, link: Fields<'_, '_>, key: &str) -> Given {
    let Some(inner) = link.table_of(key) else {
        let instead = format!("write {key} = {{ v4 = \"192.0.2.1/24\" }}");
        reader.take(link, key, |_| refuse::<()>("is not a table", instead));
        return Given::default();
    };
    reader.only(inner, "of an end", &[&["v4", "v6"]]);
    Given { v4: reader.take(inner, "v4", value::v4), v6: reader.take(inner, "v6", value::v6) }
}

/// Gives both ends of each link what is written, or the next free network of the plan.
fn address(reader: &mut Reader, links: &mut [Drafted], given: &[[Given; 2]], v4: bool, v6: bool) {
    let mut taken_v4 = Vec::new();
    let mut taken_v6 = Vec::new();
    for (drafted, [a, b]) in links.iter_mut().zip(given) {
        let pairs = [
            (a.v4.map(wide_v4), b.v4.map(wide_v4), v4, "v4", &mut taken_v4),
            (a.v6.map(wide_v6), b.v6.map(wide_v6), v6, "v6", &mut taken_v6),
        ];
        for (a, b, wanted, family, taken) in pairs {
            if let Err((what, instead)) = fits(a, b, wanted, family, taken) {
                reader.report(&drafted.span, format!("link \"{}\": {what}", drafted.link.name), instead);
            }
        }
        (drafted.link.a.v4, drafted.link.b.v4) = (a.v4, b.v4);
        (drafted.link.a.v6, drafted.link.b.v6) = (a.v6, b.v6);
    }
    let mut next = 1..=u8::MAX;
    for drafted in links {
        let link = &mut drafted.link;
        let needs = (v4 && link.a.v4.is_none(), v6 && link.a.v6.is_none());
        if needs == (false, false) {
            continue;
        }
        let number = next.find(|number| {
            let (a, _) = plan(*number);
            !taken_v4.iter().any(|taken| overlap(*taken, wide_v4(a.0)))
                && !taken_v6.iter().any(|taken| overlap(*taken, wide_v6(a.1)))
        });
        let (a, b) = plan(number.unwrap_or(u8::MAX));
        if needs.0 {
            (link.a.v4, link.b.v4) = (Some(a.0), Some(b.0));
        }
        if needs.1 {
            (link.a.v6, link.b.v6) = (Some(a.1), Some(b.1));
        }
    }
}

/// The addresses of an end, with the lengths of their prefixes.
type Addresses = ((Ipv4Addr, u8), (Ipv6Addr, u8));

/// The addresses of the ends of the plan's network of a number.
fn plan(number: u8) -> (Addresses, Addresses) {
    let end = |end: u8| {
        let [a, b, c] = PLAN_V6;
        let v6 = Ipv6Addr::new(a, b, c, number.into(), 0, 0, 0, end.into());
        ((Ipv4Addr::new(10, PLAN_V4, number, end), 24), (v6, 64))
    };
    (end(1), end(2))
}

/// Bits, length of the prefix, and length of an address.
type Wide = (u128, u8, u8);

fn wide_v4((address, length): (Ipv4Addr, u8)) -> Wide {
    (address.to_bits().into(), length, 32)
}

fn wide_v6((address, length): (Ipv6Addr, u8)) -> Wide {
    (address.to_bits(), length, 128)
}

fn overlap((left, left_length, width): Wide, (right, right_length, _): Wide) -> bool {
    let shift = u32::from(width - left_length.min(right_length));
    left.checked_shr(shift) == right.checked_shr(shift)
}

fn fits(
    a: Option<Wide>,
    b: Option<Wide>,
    wanted: bool,
    family: &str,
    taken: &mut Vec<Wide>,
) -> Result<(), (String, String)> {
    let (a, b) = match (a, b) {
        (None, None) => return Ok(()),
        (Some(a), Some(b)) => (a, b),
        _ => return Err((format!("only one end has a '{family}'"), "give one to both ends, or to none".to_owned())),
    };
    if !wanted {
        let instead = "remove the address, or the line that switches the family off".to_owned();
        return Err((format!("it has '{family}' addresses, and the family is switched off"), instead));
    }
    if a.0 == b.0 || a.1 != b.1 || !overlap(a, b) {
        let instead = "write two addresses of one prefix, with its length at both".to_owned();
        return Err((format!("the '{family}' addresses of its ends are not two of one prefix"), instead));
    }
    if taken.iter().any(|other| overlap(*other, a)) {
        let instead = "give each link a prefix of its own".to_owned();
        return Err((format!("its '{family}' prefix overlaps that of another link"), instead));
    }
    taken.push(a);
    Ok(())
}

/// How long a command may take when nothing is said.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// `[[command]]`.
pub(super) fn commands(reader: &mut Reader, top: Fields<'_, '_>, nodes: &[&str]) -> Vec<Command> {
    const COMMAND: &[&str] = &["name", "host", "run", "at", "background", "ready", "limit"];
    let tables = reader.tables(top, "command");
    if tables.len() > MOST_COMMANDS {
        let what = format!("these are {} commands", tables.len());
        reader.report(&top.near("command"), what, format!("write at most {MOST_COMMANDS}"));
    }
    let mut commands: Vec<Command> = Vec::new();
    for (place, fields) in tables.into_iter().enumerate() {
        reader.only(fields, "of a command", &[COMMAND]);
        let host = reader.require(fields, "host", "\"left\"", |value| {
            let written = value::text(value, "write the name of a host")?;
            let known = nodes.iter().copied();
            if nodes.contains(&written) {
                return Ok(written.to_owned());
            }
            refuse(format!("cannot be \"{written}\""), suggestion(written, known))
        });
        let argv = reader.require(fields, "run", "\"ping -c 3 right\"", |value| match value {
            DeValue::Array(_) => value::texts(value, "write a list of texts, as [\"ping\", \"right\"]"),
            _ => value::text(value, "write a line for the shell, or a list of texts")
                .map(|line| vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()]),
        });
        if argv.as_ref().is_some_and(|argv| argv.last().is_none_or(|word| word.trim().is_empty())) {
            reader.report(&fields.near("run"), "there is nothing to run", "write a command");
        }
        let number = place + 1;
        let implied = format!("{number:02}-{}", host.as_deref().unwrap_or("host"));
        let name = reader.take(fields, "name", value::name).unwrap_or(implied);
        if commands.iter().any(|other| other.name == name) {
            reader.report(&fields.near("name"), format!("there are two commands \"{name}\""), "give each its own name");
        }
        commands.push(Command {
            name,
            host: host.unwrap_or_default(),
            argv: argv.unwrap_or_default(),
            at: reader.take(fields, "at", |value| value::span(value, LONGEST_RUN)),
            background: reader.take(fields, "background", value::boolean).unwrap_or(false),
            ready_port: reader.take(fields, "ready", |value| value::whole(value, 1, 65_535)).map(|port| port as u16),
            limit: reader.take(fields, "limit", |value| value::span(value, LONGEST_RUN)).unwrap_or(COMMAND_LIMIT),
        });
    }
    commands
}

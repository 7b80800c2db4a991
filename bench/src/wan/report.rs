//! The study as text: tables with medians, ranges and ratios, the aims, and what bounds the figures.

use super::aims::{Aim, aims, paths, rates};
use super::measure::Line;
use super::plan::{Control, Extent, Part, Path, Tool};
use crate::door::report::Facts;
use crate::plot::Point;
use std::fmt::Write as _;

/// From this share on, the processors are what bounds a run.
const BUSY: f64 = 0.9;

/// Less of a link than this, without loss, has to be explained.
const FULL: f64 = 0.9;

const PARTS: [(Part, &str, &str); 6] = [
    (
        Part::Loopback,
        "Loopback: what the tools and TLS cost",
        "Both ends on the same processors, no link between them. Ratios are to iperf3. HTTP is over TLS.",
    ),
    (
        Part::Distance,
        "Distance alone: 1 Gbit/s without loss",
        "One stream; the queue before the link has one bandwidth-delay product. Ratios are to iperf3 with the same \
         congestion control.",
    ),
    (
        Part::Loss,
        "Distance and loss: cubic against bbr",
        "One stream at 1 Gbit/s; packets of data are lost independently of each other and of the load. Ratios are to TCP \
         with cubic.",
    ),
    (
        Part::Fast,
        "10 Gbit/s",
        "One stream. The link itself is software on the same processors as both ends. Ratios are to iperf3.",
    ),
    (
        Part::Http,
        "HTTP/2 against HTTP/1.1",
        "Downloads of synthetic bytes over TLS 1.3, with the server's own congestion control: connections of HTTP/1.1, \
         streams of one connection of HTTP/2. Ratios are to as many connections of HTTP/1.1.",
    ),
    (
        Part::Peers,
        "GridFTP",
        "A fixed amount, from the first byte to the last, the start included, with the hosts' own congestion control. \
         Ratios are to GridFTP with as many connections. GridFTP's times are those of its server's log, ours those of the \
         receiver. Neither is encrypted.",
    ),
];

/// What a tool is compared with.
fn peer(part: Part, tool: Tool) -> Option<Tool> {
    let peer = match (part, tool) {
        (Part::Loopback | Part::Fast, _) => Tool::Iperf3(Control::Cubic),
        (Part::Distance, Tool::Tcp(Control::Bbr)) => Tool::Tcp(Control::Cubic),
        (Part::Distance, _) => Tool::Iperf3(Control::Cubic),
        (Part::Loss, _) => Tool::Tcp(Control::Cubic),
        (Part::Http, Tool::Http { at_once, .. }) => Tool::Http { version: 1, at_once },
        (Part::Peers, Tool::Amount(streams)) => Tool::GridFtp(streams),
        (Part::Peers, Tool::Disk) => Tool::GridFtpDisk,
        _ => return None,
    };
    (peer != tool).then_some(peer)
}

/// The whole report. `pictures`: files to show after the parts, for the page of the documentation.
pub(super) fn text(
    facts: &Facts,
    extent: Extent,
    versions: &[String],
    lines: &[Line],
    pictures: &[(&str, &str)],
) -> String {
    let mut out = String::from("# Over distance: what standard protocols carry, and what security costs\n\n");
    head(&mut out, facts, extent, versions);
    out.push_str("## The aims\n\n");
    aims_table(&mut out, &aims(lines));
    for (part, title, about) in PARTS {
        let groups = paths(lines, &[part]);
        if groups.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## {title}\n\n{about}\n");
        table(&mut out, lines, part, &groups);
        for (file, title) in pictures.iter().filter(|(file, _)| part_of(file) == part) {
            let _ = writeln!(out, "\n![{title}]({file})");
        }
    }
    bounds(&mut out, lines);
    out
}

fn part_of(file: &str) -> Part {
    match file {
        "distance.svg" => Part::Distance,
        "loss.svg" | "loss-by-distance.svg" => Part::Loss,
        "ten-gigabits.svg" => Part::Fast,
        _ => Part::Http,
    }
}

fn head(out: &mut String, facts: &Facts, extent: Extent, versions: &[String]) {
    let Facts { date, command, commit, kernel, processor, cores, .. } = facts;
    let _ = writeln!(out, "    {command}\n");
    if facts.quick {
        out.push_str("**Quick: few points, one round each. It shows that everything works; ranges say nothing.**\n\n");
    }
    let _ = writeln!(out, "- {date}, commit {commit}");
    let _ = writeln!(out, "- {kernel}; {processor}, {cores} cores, {:.0} GiB", facts.memory_gib);
    let _ = writeln!(out, "- {}; files on {}", versions.join("; "), facts.file_system);
    let _ = writeln!(out, "- load average {} at start, {} at end", facts.load_at_start, facts.load_at_end);
    let _ = writeln!(
        out,
        "- each run: {} s counted after a warm-up of 1 s and twenty round trips; tools take turns, and each round begins \
         with another; medians [least–most] of payload that the receiver took\n\
         - rates of links count octets of IP: with an MTU of 1500 and time stamps, payload is at most 96.5 % of them\n\
         - busy: share of all processors, with all else that the machine did; CPU: of client and server, without the lab's\n",
        extent.seconds
    );
}

fn aims_table(out: &mut String, aims: &[Aim]) {
    out.push_str("| aim | at least | found | verdict |\n|---|---|---|---|\n");
    for aim in aims {
        let found = aim.found.iter().map(|(path, value, met)| {
            let mark = if *met { "" } else { " (missed)" };
            format!("{path}: {value:.3}{mark}")
        });
        let found: Vec<String> = found.collect();
        let _ = writeln!(out, "| {} | {} | {} | **{}** |", aim.what, aim.least, found.join("; "), aim.verdict());
    }
}

fn table(out: &mut String, lines: &[Line], part: Part, groups: &[(Part, Path)]) {
    out.push_str("| path | tool | Gbit/s | ratio | of the link | sent again | busy | CPU s/GiB |\n");
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for (part, path) in groups.iter().filter(|(found, _)| *found == part) {
        for line in lines.iter().filter(|line| (line.group.part, line.group.path) == (*part, *path)) {
            let _ = writeln!(out, "| {path} | {} | {} |", line.tool, cells(lines, line));
        }
    }
    for line in lines.iter().filter(|line| line.group.part == part && !line.failures.is_empty()) {
        let (count, all) = (line.failures.len(), line.failures.len() + line.samples.len());
        let _ = writeln!(
            out,
            "\n{} of {all} runs of {} over {} failed: {}",
            count, line.tool, line.group.path, line.failures[0]
        );
    }
}

fn cells(lines: &[Line], line: &Line) -> String {
    let (part, path) = (line.group.part, line.group.path);
    let Some(found) = rates(lines, part, path, line.tool) else { return "failed | | | | | ".to_owned() };
    let digits = if found.middle < 1e9 { 4 } else { 3 };
    let rate = match line.samples.len() {
        1 => format!("{:.digits$}", found.middle / 1e9),
        _ => format!("{:.digits$} [{:.digits$}–{:.digits$}]", found.middle / 1e9, found.low / 1e9, found.high / 1e9),
    };
    let ratio = peer(part, line.tool).and_then(|peer| rates(lines, part, path, peer));
    let ratio = ratio.map(|theirs| format!("{:.3}", found.middle / theirs.middle)).unwrap_or_default();
    let of_link = path.rate().map(|rate| format!("{:.1} %", found.middle / rate * 100.0)).unwrap_or_default();
    let median = |of: fn(&super::measure::Sample) -> Option<f64>| {
        Point::of(&line.samples.iter().filter_map(of).collect::<Vec<_>>()).map(|point| point.middle)
    };
    let again = median(|sample| sample.retransmits.map(|count| count as f64));
    let again = again.map(|count| format!("{count:.0}")).unwrap_or_default();
    let busy = median(|sample| Some(sample.busy)).unwrap_or_default() * 100.0;
    let cpu = median(|sample| Some(sample.cpu_s_per_gib)).unwrap_or_default();
    format!("{rate} | {ratio} | {of_link} | {again} | {busy:.0} % | {cpu:.2}")
}

/// Where not the link but this machine is the limit; computed from what the kernel said while it was measured.
fn bounds(out: &mut String, lines: &[Line]) {
    out.push_str("\n## Where this machine is the limit\n\n");
    let (mut told, mut measured) = (0, 0);
    for (part, path) in paths(lines, &[Part::Distance, Part::Fast, Part::Http]) {
        let Some(rate) = path.rate().filter(|_| path.is_lossless()) else { continue };
        for line in lines.iter().filter(|line| (line.group.part, line.group.path) == (part, path)) {
            let Some(found) = rates(lines, part, path, line.tool) else { continue };
            measured += 1;
            if found.middle >= FULL * rate {
                continue;
            }
            let busy: Vec<f64> = line.samples.iter().map(|sample| sample.busy + sample.stolen).collect();
            let busy = Point::of(&busy).map_or(0.0, |point| point.middle);
            let why = if busy >= BUSY { "the processors are" } else { "the processors are not, or not alone," };
            let share = found.middle / rate * 100.0;
            let _ = writeln!(
                out,
                "- {path}: {} reaches {share:.0} % of the link with {:.0} % of the processors busy or taken by others: {why} the \
                 limit.",
                line.tool,
                busy * 100.0
            );
            told += 1;
        }
    }
    if told == 0 && measured > 0 {
        let _ = writeln!(out, "Without loss, every tool reached {:.0} % of every link.", FULL * 100.0);
    }
    let stolen: Vec<f64> = lines.iter().flat_map(|line| &line.samples).map(|sample| sample.stolen).collect();
    if let Some(stolen) = Point::of(&stolen) {
        let _ = writeln!(
            out,
            "\nThe hypervisor gave {:.1} % of the processors' time to others at the median, {:.1} % at most.",
            stolen.middle * 100.0,
            stolen.high * 100.0
        );
    }
}

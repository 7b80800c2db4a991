//! What the project set itself, held against what was measured. Nothing here is written by hand: an aim is met, missed, or
//! was not measured.

use super::measure::Line;
use super::plan::{Control, FAR_MS, Part, Path, Tool};
use crate::plot::Point;

/// An aim and what came of it.
pub(super) struct Aim {
    pub what: &'static str,
    /// Where, what was found, and whether that is enough.
    pub found: Vec<(String, f64, bool)>,
    /// The least value.
    pub least: f64,
}

impl Aim {
    /// `met`, `missed`, or `not measured`.
    pub(super) fn verdict(&self) -> &'static str {
        match self.found.as_slice() {
            [] => "not measured",
            found if found.iter().all(|(.., met)| *met) => "met",
            _ => "missed",
        }
    }
}

/// The rates of a tool in a part over a path.
pub(super) fn rates(lines: &[Line], part: Part, path: Path, tool: Tool) -> Option<Point> {
    let line = lines.iter().find(|line| (line.group.part, line.group.path, line.tool) == (part, path, tool))?;
    let rates: Vec<f64> = line.samples.iter().map(|sample| sample.bits_per_second).collect();
    Point::of(&rates)
}

/// All groups of a part, once each.
pub(super) fn paths(lines: &[Line], parts: &[Part]) -> Vec<(Part, Path)> {
    let mut paths: Vec<(Part, Path)> = Vec::new();
    for line in lines.iter().filter(|line| parts.contains(&line.group.part)) {
        if !paths.contains(&(line.group.part, line.group.path)) {
            paths.push((line.group.part, line.group.path));
        }
    }
    paths
}

/// All aims.
pub(super) fn aims(lines: &[Line]) -> Vec<Aim> {
    let far = Path::link(1.0, FAR_MS, 0.0);
    let cubic = Control::Cubic;
    let all = [Part::Loopback, Part::Distance, Part::Fast];
    let ratios = |parts: &[Part], ours: Tool, theirs: Tool| -> Vec<(String, Point, Point)> {
        let pairs = paths(lines, parts).into_iter().filter(|(_, path)| path.is_lossless());
        pairs
            .filter_map(|(part, path)| {
                let (ours, theirs) = (rates(lines, part, path, ours)?, rates(lines, part, path, theirs)?);
                Some((path.to_string(), ours, theirs))
            })
            .collect()
    };
    let at_least = |least: f64, found: Vec<(String, Point, Point)>| {
        found
            .into_iter()
            .map(|(path, ours, theirs)| {
                let ratio = ours.middle / theirs.middle;
                (path, ratio, ratio >= least)
            })
            .collect::<Vec<_>>()
    };
    let (tcp, tls, iperf3) = (Tool::Tcp(cubic), Tool::Tls(cubic), Tool::Iperf3(cubic));
    // Within the range of what is compared with, a difference is not measurable.
    let unmeasurable = ratios(&[Part::Distance], tls, tcp).into_iter().map(|(path, ours, theirs)| {
        let ratio = ours.middle / theirs.middle;
        (path, ratio, ratio >= 0.99 || ours.high >= theirs.low)
    });
    let single = [Control::Cubic, Control::Bbr].into_iter().filter_map(|control| {
        let found = rates(lines, Part::Distance, far, Tool::Tcp(control))?.middle / 1e9;
        Some((format!("{far}, {}", control.name()), found, found >= 0.95))
    });
    let http = |version| rates(lines, Part::Http, far, Tool::Http { version, at_once: 1 });
    let http = http(2).zip(http(1)).map(|(two, one)| {
        let ratio = two.middle / one.middle;
        (far.to_string(), ratio, ratio >= 0.95)
    });
    vec![
        Aim {
            what: "TCP against iperf3 on the same path without loss",
            least: 0.97,
            found: at_least(0.97, ratios(&all, tcp, iperf3)),
        },
        Aim {
            what: "TLS against TCP on loopback",
            least: 0.8,
            found: at_least(0.8, ratios(&[Part::Loopback], tls, tcp)),
        },
        Aim {
            what: "TLS against TCP at 1 Gbit/s: no measurable loss (0.99, or ranges that meet)",
            least: 0.99,
            found: unmeasurable.collect(),
        },
        Aim {
            what: "one stream of HTTP/2 against one connection of HTTP/1.1",
            least: 0.95,
            found: http.into_iter().collect(),
        },
        Aim { what: "a single stream of TCP against the rate of the link", least: 0.95, found: single.collect() },
    ]
}

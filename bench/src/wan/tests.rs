//! The plan is bounded, scenarios are scenarios, and aims are computed from samples.

use super::aims::aims;
use super::calls::{Where, client, moved};
use super::charts::pictures;
use super::measure::{Line, Sample};
use super::plan::{Control, Extent, FAR_MS, Group, Part, Path, Tool, plan};
use super::report;
use crate::door::report::Facts;
use lab::scenario::Scenario;
use std::path::Path as FilePath;

const FULL: Extent = Extent { quick: false, seconds: 5 };
const QUICK: Extent = Extent { quick: true, seconds: 3 };

/// Seconds that runs count and warm up; starting them takes some 0.6 s more each.
fn planned_s(extent: Extent) -> f64 {
    let runs = plan(extent).into_iter().map(|group| {
        let one = f64::from(extent.seconds + extent.omit(group.path)) + 0.6;
        one * group.tools.len() as f64 * f64::from(group.rounds)
    });
    runs.sum()
}

#[test]
fn the_plan_takes_no_longer_than_it_says() {
    assert!(planned_s(FULL) < 25.0 * 60.0, "{} s", planned_s(FULL));
    assert!(planned_s(QUICK) < 220.0, "{} s", planned_s(QUICK));
}

#[test]
fn every_path_is_a_scenario() {
    for group in plan(FULL) {
        let scenario = Scenario::parse(&group.path.scenario(), "test").unwrap_or_else(|findings| panic!("{findings}"));
        let link = &scenario.links[0];
        assert_eq!(link.forward.rate.map(|rate| rate.0 as f64), group.path.rate());
        assert_eq!((link.forward.delay + link.backward.delay).as_secs_f64(), group.path.rtt_s());
        assert_eq!(link.forward.loss.independent == 0.0, group.path.is_lossless());
        assert_eq!(link.backward.loss.independent, 0.0);
    }
}

fn line(part: Part, path: Path, tool: Tool, gigabits: &[f64]) -> Line {
    let sample = |rate: &f64| Sample {
        bits_per_second: rate * 1e9,
        retransmits: Some(3),
        busy: 0.95,
        stolen: 0.01,
        cpu_s_per_gib: 0.5,
    };
    let group = Group { part, path, tools: vec![tool], rounds: 1 };
    Line { group, tool, samples: gigabits.iter().map(sample).collect(), failures: Vec::new() }
}

fn lines() -> Vec<Line> {
    let (far, cubic) = (Path::link(1.0, FAR_MS, 0.0), Control::Cubic);
    vec![
        line(Part::Loopback, Path::Loopback, Tool::Iperf3(cubic), &[30.0, 31.0, 29.0]),
        line(Part::Loopback, Path::Loopback, Tool::Tcp(cubic), &[30.0, 32.0, 28.0]),
        line(Part::Loopback, Path::Loopback, Tool::Tls(cubic), &[10.0]),
        line(Part::Distance, far, Tool::Iperf3(cubic), &[0.95, 0.96]),
        line(Part::Distance, far, Tool::Tcp(cubic), &[0.96, 0.96]),
        line(Part::Distance, far, Tool::Tls(cubic), &[0.955, 0.957]),
        line(Part::Distance, far, Tool::Tcp(Control::Bbr), &[0.90]),
        line(Part::Http, far, Tool::Http { version: 1, at_once: 1 }, &[0.9]),
        line(Part::Http, far, Tool::Http { version: 2, at_once: 1 }, &[0.88]),
    ]
}

#[test]
fn aims_are_met_missed_or_not_measured_by_figures_alone() {
    let verdicts: Vec<&str> = aims(&lines()).iter().map(super::aims::Aim::verdict).collect();
    assert_eq!(verdicts, ["met", "missed", "met", "met", "missed"]);
    assert!(aims(&[]).iter().all(|aim| aim.verdict() == "not measured"));
}

#[test]
fn the_report_tells_aims_ratios_failures_and_limits() {
    let mut lines = lines();
    lines[3].failures.push("it was gone".to_owned());
    let facts = Facts::gather(FilePath::new("/"), true);
    let text = report::text(&facts, QUICK, &["x 1".to_owned()], &lines, &[("http.svg", "H")]);
    for expected in [
        "| TLS against TCP on loopback | 0.8 | loopback: 0.333 (missed) | **missed** |",
        "| loopback | TCP, cubic | 30.000 [28.000–32.000] | 1.000 |  | 3 | 95 % | 0.50 |",
        "1 of 3 runs of iperf3, cubic over 1 Gbit/s, 110 ms failed: it was gone",
        "HTTP/2, 1 streams reaches 88 % of the link with 96 % of the processors busy or taken by others: the processors are the limit",
        "![H](http.svg)",
        "**Quick:",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn pictures_show_what_was_measured_and_nothing_else() {
    let pictures = pictures(&lines());
    let files: Vec<&str> = pictures.iter().map(|picture| picture.file).collect();
    assert_eq!(files, ["distance.svg", "loss.svg", "loss-by-distance.svg", "http.svg"]);
    assert_eq!(pictures[0].chart.conditions, ["110 ms"]);
    assert_eq!(pictures[0].chart.series.len(), 4);
}

#[test]
fn what_our_tools_say_is_read_wherever_it_stands() {
    let throughput =
        "{\"results\":[{\"report\":{\"flows\":[{\"received\":{\"bytes\":1000,\"seconds\":2.0},\"retransmits\":4}]}}]}";
    let found = moved(Tool::Disk, throughput, "").unwrap();
    assert_eq!((found.bytes, found.seconds, found.retransmits), (1000, 2.0, Some(4)));
    let http = Tool::Http { version: 2, at_once: 1 };
    let load = "[{\"bits_per_second\":8.0,\"bytes\":10,\"seconds\":10.0,\"failures\":[]}]";
    assert_eq!(moved(http, load, "").unwrap().bits_per_second(), 8.0);
    assert!(moved(http, &load.replace("[]", "[{\"kind\":\"x\"}]"), "").is_err());
    assert!(moved(Tool::Disk, "{}", "").is_err());
    assert!(moved(Tool::Disk, "no", "").unwrap_err().contains("no JSON"));
}

#[test]
fn calls_name_server_time_and_amount() {
    let at =
        Where { portolan: "portolan", server: "192.0.2.1", source: FilePath::new("/s"), sink: FilePath::new("/t") };
    let far = Path::link(1.0, FAR_MS, 0.0);
    let shown = |tool| client(tool, far, FULL, &at).join(" ");
    assert_eq!(
        shown(Tool::Tls(Control::Bbr)),
        "portolan throughput 192.0.2.1:5301 --json -q -4 -t 5s -O 4s --tls --insecure -C bbr"
    );
    assert_eq!(
        shown(Tool::Http { version: 2, at_once: 16 }),
        "portolan httpload https://192.0.2.1:5301 --insecure --json -q -4 --http 2 -c 1 -m 16 -t 5s -O 4s"
    );
    assert!(shown(Tool::Disk).contains("-n 625000000B --far disk --source /s"));
    assert!(shown(Tool::GridFtpDisk).ends_with("file:///s ftp://192.0.2.1:2811/t"));
}

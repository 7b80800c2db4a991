//! The pictures of the study.

use super::aims::rates;
use super::measure::Line;
use super::plan::{AT_ONCE, Control, DISTANCES_MS, FAR_MS, LOSSES_PERCENT, Part, Path, Tool};
use crate::plot::{Chart, Point, Series};

/// A picture and what its file is called.
pub(super) struct Picture {
    pub file: &'static str,
    pub chart: Chart,
}

/// Gbit/s of a tool over several paths.
fn series(lines: &[Line], name: &str, points: impl Iterator<Item = (Part, Path, Tool)>) -> Series {
    let gigabits = |point: Point| Point { low: point.low / 1e9, middle: point.middle / 1e9, high: point.high / 1e9 };
    let points = points.map(|(part, path, tool)| rates(lines, part, path, tool).map(gigabits));
    Series { name: name.to_owned(), points: points.collect() }
}

fn milliseconds(distances: &[f64]) -> Vec<String> {
    distances.iter().map(|rtt| format!("{rtt} ms")).collect()
}

/// All that something was measured for.
pub(super) fn pictures(lines: &[Line]) -> Vec<Picture> {
    let mut pictures =
        vec![distance(lines), loss_at_a_distance(lines), distance_with_loss(lines), fast(lines), http(lines)];
    for picture in &mut pictures {
        picture.chart.series.retain(|series| series.points.iter().any(Option::is_some));
        leave_out_empty(&mut picture.chart);
    }
    pictures.retain(|picture| !picture.chart.series.is_empty());
    pictures
}

/// Conditions of which nothing was measured would be gaps.
fn leave_out_empty(chart: &mut Chart) {
    let series = &chart.series;
    let kept: Vec<bool> =
        (0..chart.conditions.len()).map(|at| series.iter().any(|series| series.points[at].is_some())).collect();
    let mut at = 0;
    chart.conditions.retain(|_| {
        at += 1;
        kept[at - 1]
    });
    for series in &mut chart.series {
        let mut at = 0;
        series.points.retain(|_| {
            at += 1;
            kept[at - 1]
        });
    }
}

fn distance(lines: &[Line]) -> Picture {
    let cubic = Control::Cubic;
    let over = |name: &str, tool| {
        series(lines, name, DISTANCES_MS.into_iter().map(|rtt| (Part::Distance, Path::link(1.0, rtt, 0.0), tool)))
    };
    Picture {
        file: "distance.svg",
        chart: Chart {
            title: "One stream over a link of 1 Gbit/s without loss".to_owned(),
            subtitle: "received payload after a warm-up; median and range".to_owned(),
            along: "round-trip time".to_owned(),
            conditions: milliseconds(&DISTANCES_MS),
            upwards: "Gbit/s".to_owned(),
            logarithmic: false,
            bound: Some((1.0, "link".to_owned())),
            series: vec![
                over("iperf3, cubic", Tool::Iperf3(cubic)),
                over("TCP, cubic", Tool::Tcp(cubic)),
                over("TLS, cubic", Tool::Tls(cubic)),
                over("TCP, bbr", Tool::Tcp(Control::Bbr)),
            ],
        },
    }
}

fn loss_at_a_distance(lines: &[Line]) -> Picture {
    let losses = [&[0.0], &LOSSES_PERCENT[..]].concat();
    let over = |name: &str, tool| {
        let points = losses.iter().map(|loss| {
            let part = if *loss == 0.0 { Part::Distance } else { Part::Loss };
            (part, Path::link(1.0, FAR_MS, *loss), tool)
        });
        series(lines, name, points)
    };
    Picture {
        file: "loss.svg",
        chart: Chart {
            title: format!("What loss leaves of 1 Gbit/s at {FAR_MS} ms"),
            subtitle: "one stream; loss independent of the load; median and range".to_owned(),
            along: "packets lost".to_owned(),
            conditions: losses.iter().map(|loss| format!("{loss} %")).collect(),
            upwards: "Gbit/s".to_owned(),
            logarithmic: true,
            bound: Some((1.0, "link".to_owned())),
            series: vec![
                over("TCP, bbr", Tool::Tcp(Control::Bbr)),
                over("TCP, cubic", Tool::Tcp(Control::Cubic)),
                over("iperf3, cubic", Tool::Iperf3(Control::Cubic)),
            ],
        },
    }
}

fn distance_with_loss(lines: &[Line]) -> Picture {
    let tool = Tool::Tcp(Control::Cubic);
    let distances = &DISTANCES_MS[1..];
    let over = |loss: f64| {
        let part = if loss == 0.0 { Part::Distance } else { Part::Loss };
        let points = distances.iter().map(|rtt| (part, Path::link(1.0, *rtt, loss), tool));
        series(lines, &if loss == 0.0 { "no loss".to_owned() } else { format!("{loss} %") }, points)
    };
    Picture {
        file: "loss-by-distance.svg",
        chart: Chart {
            title: "What loss leaves at each distance".to_owned(),
            subtitle: "one stream, cubic, 1 Gbit/s; median and range".to_owned(),
            along: "round-trip time".to_owned(),
            conditions: milliseconds(distances),
            upwards: "Gbit/s".to_owned(),
            logarithmic: true,
            bound: Some((1.0, "link".to_owned())),
            series: [0.0].into_iter().chain(LOSSES_PERCENT).map(over).collect(),
        },
    }
}

fn fast(lines: &[Line]) -> Picture {
    let cubic = Control::Cubic;
    let over = |name: &str, tool| {
        series(lines, name, DISTANCES_MS.into_iter().map(|rtt| (Part::Fast, Path::link(10.0, rtt, 0.0), tool)))
    };
    Picture {
        file: "ten-gigabits.svg",
        chart: Chart {
            title: "One stream over a link of 10 Gbit/s".to_owned(),
            subtitle: "both ends and the link share this machine's processors; median and range".to_owned(),
            along: "round-trip time".to_owned(),
            conditions: milliseconds(&DISTANCES_MS),
            upwards: "Gbit/s".to_owned(),
            logarithmic: false,
            bound: Some((10.0, "link".to_owned())),
            series: vec![
                over("iperf3, cubic", Tool::Iperf3(cubic)),
                over("TCP, cubic", Tool::Tcp(cubic)),
                over("TLS, cubic", Tool::Tls(cubic)),
            ],
        },
    }
}

fn http(lines: &[Line]) -> Picture {
    let path = Path::link(1.0, FAR_MS, 0.0);
    let over = |name: &str, version| {
        series(lines, name, AT_ONCE.into_iter().map(|at_once| (Part::Http, path, Tool::Http { version, at_once })))
    };
    Picture {
        file: "http.svg",
        chart: Chart {
            title: format!("HTTP over TLS at 1 Gbit/s and {FAR_MS} ms"),
            subtitle: "downloads: connections of HTTP/1.1, streams of one connection of HTTP/2; median and range"
                .to_owned(),
            along: "connections or streams at once".to_owned(),
            conditions: AT_ONCE.iter().map(u32::to_string).collect(),
            upwards: "Gbit/s".to_owned(),
            logarithmic: false,
            bound: Some((1.0, "link".to_owned())),
            series: vec![over("HTTP/1.1", 1), over("HTTP/2", 2)],
        },
    }
}

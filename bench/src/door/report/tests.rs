//! Medians, ratios and verdicts, by a report made by hand.

use super::super::cases::{Transport, Verb, Version};
use super::*;
use crate::cpu::Cpu;

const GET_PLAIN: Case = Case { verb: Verb::Get, load: Load::One, transport: Transport::Plain, version: Version::H1 };

fn sample(wall_s: f64, user_s: f64, system_s: f64) -> Sample {
    let client = Cpu { user_s: 0.1, system_s: 0.3 };
    Sample {
        wall_s,
        rate_per_s: (4_u64 << 30) as f64 / wall_s,
        bytes: 4 << 30,
        requests: 1,
        server: Cpu { user_s, system_s },
        client,
    }
}

fn report(case: Case, samples: &[(&'static str, &[Sample])]) -> Report {
    let line =
        |(server, samples): &(&'static str, &[Sample])| Line { samples: samples.to_vec(), ..Line::new(case, server) };
    Report {
        facts: Facts::default(),
        sizes: Sizes::FULL,
        lines: samples.iter().map(line).collect(),
        servers: Vec::new(),
        not_started: Vec::new(),
        sha_256_s_per_gib: 0.75,
    }
}

#[test]
fn the_middle_of_few() {
    let of = |values: &[f64]| Middle::of(values.iter().copied());
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[3.0, 1.0, 2.0]), Some(Middle { median: 2.0, least: 1.0, most: 3.0 }));
    assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Some(Middle { median: 2.5, least: 1.0, most: 4.0 }));
}

#[test]
fn processor_time_is_per_gib_and_judged_against_nginx() {
    let nginx = [sample(2.0, 0.2, 1.0), sample(2.2, 0.2, 1.2), sample(1.8, 0.2, 0.8)];
    let ours = [sample(1.0, 0.2, 1.08)];
    let report = report(GET_PLAIN, &[("nginx", &nginx), ("portolan", &ours)]);
    let [first, second] = [0, 1].map(|at| report.row(&report.lines[at]));
    assert_eq!(
        first,
        [
            "get-one-plain-h1",
            "nginx",
            "2147 [1952–2386]",
            "1.00",
            "0.300 [0.250–0.350]",
            "0.050 + 0.250",
            "1.00",
            "0.100"
        ]
    );
    assert_eq!(second[3..7], ["2.00", "0.320 [0.320–0.320]", "0.050 + 0.270", "1.07"]);
    let aims: Vec<_> = report.aims(GET_PLAIN).iter().map(|aim| aim.row(GET_PLAIN, false)).collect();
    assert_eq!(report.aims(GET_PLAIN)[0].row(GET_PLAIN, true)[4], "too short to tell");
    assert_eq!(aims, [["CPU / nginx (sendfile)", "get-one-plain-h1", "≤ 1.10", "1.07", "met"]]);
}

#[test]
fn what_sha_256_adds_is_told_in_its_own_cost() {
    let case = Case { verb: Verb::Put, ..GET_PLAIN };
    let (with, without) = ([sample(1.0, 3.0, 3.0)], [sample(1.0, 1.0, 2.0)]);
    let report = report(case, &[("nginx", &without), ("portolan", &with), ("portolan-light", &without)]);
    let aims: Vec<_> = report.aims(case).iter().map(|aim| aim.row(case, false)[2..].join(" ")).collect();
    assert_eq!(aims, ["≤ 1.00 1.00 met", "≤ 1.00 1.00 met"]);
}

#[test]
fn what_failed_is_said_and_compared_with_nothing() {
    let mut report = report(GET_PLAIN, &[("nginx", &[sample(1.0, 0.0, 0.0)]), ("portolan", &[sample(1.0, 1.0, 1.0)])]);
    // No time was counted for nginx: no ratio, rather than an infinite one.
    assert_eq!(report.cpu_ratio(GET_PLAIN, "portolan", "nginx"), None);
    report.lines[1].failure = Some("curl got status 500".to_owned());
    assert!(report.failed());
    assert_eq!(report.rate_ratio(GET_PLAIN, "portolan", "nginx"), None);
    assert!(report.text().contains("- failed: get-one-plain-h1 portolan: curl got status 500"));
}

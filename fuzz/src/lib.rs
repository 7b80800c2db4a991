//! Fuzz targets: plain functions of octets that must not panic, run three ways.
//!
//! In normal tests each gets some thousands of seeded mutations of its seeds; `cargo run -p fuzz -- TARGET --seconds N` goes
//! on as long as wanted; and libFuzzer can drive the same functions (see `README.md`).

mod iperf3;
mod mutate;
mod ndt7;

pub use mutate::Mutator;

/// Something to be fuzzed.
pub struct Target {
    /// How it is called on the command line.
    pub name: &'static str,
    /// What it gets; it must come back, whatever that is.
    pub run: fn(&[u8]),
    /// What mutations begin with: real messages.
    pub seeds: &'static [&'static [u8]],
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "iperf3-parameters", run: iperf3::parameters, seeds: iperf3::PARAMETERS },
    Target { name: "iperf3-results", run: iperf3::results, seeds: iperf3::RESULTS },
    Target { name: "iperf3-session", run: iperf3::session, seeds: iperf3::SESSIONS },
    Target { name: "ndt7-measurement", run: ndt7::measurement, seeds: ndt7::MEASUREMENTS },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

#[cfg(test)]
mod tests;

//! What limited a step: read from the kernel's own accounts of this machine, before and after.

use std::fs;
use std::time::{Duration, Instant};

/// Above this share of all processors busy, a transfer on one machine has no processor left to go faster with.
const BUSY_SHARE: f64 = 0.90;

/// Above this share of the time with some task waiting for the disk, the disk is what is waited for.
const DISK_WAIT_SHARE: f64 = 0.40;

/// The machine's accounts at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    at: Instant,
    busy_ticks: u64,
    all_ticks: u64,
    disk_wait: Option<Duration>,
}

/// How the machine was used between two samples.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Usage {
    /// Share of the time of all processors that was busy, 0 to 1.
    pub processor_busy: f64,
    /// Share of the time in which at least one task waited for a disk, 0 to 1; absent where the kernel does not tell.
    pub disk_wait: Option<f64>,
}

impl Sample {
    /// Reads `/proc/stat` and `/proc/pressure/io`; `None` where there is no such thing.
    pub fn take() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let (busy_ticks, all_ticks) = processor_ticks(&stat)?;
        let pressure = fs::read_to_string("/proc/pressure/io").ok();
        let disk_wait = pressure.and_then(|text| some_total(&text));
        Some(Self { at: Instant::now(), busy_ticks, all_ticks, disk_wait })
    }

    /// What happened since `before`.
    pub fn since(&self, before: &Self) -> Usage {
        let all = self.all_ticks.saturating_sub(before.all_ticks).max(1);
        let elapsed = self.at.duration_since(before.at).as_secs_f64().max(1e-9);
        let waited = self.disk_wait.zip(before.disk_wait).map(|(now, then)| now.saturating_sub(then).as_secs_f64());
        Usage {
            processor_busy: self.busy_ticks.saturating_sub(before.busy_ticks) as f64 / all as f64,
            disk_wait: waited.map(|seconds| (seconds / elapsed).min(1.0)),
        }
    }
}

impl Usage {
    /// One phrase with its figure.
    pub fn verdict(&self) -> String {
        let busy = format!("{:.0} % busy", self.processor_busy * 100.0);
        let waits = self.disk_wait.map(|share| format!("{:.0} % of the time", share * 100.0));
        match (self.processor_busy >= BUSY_SHARE, self.disk_wait.is_some_and(|share| share >= DISK_WAIT_SHARE), waits) {
            (true, true, Some(waits)) => format!("processors ({busy}) and disk (waited for {waits})"),
            (true, ..) => format!("processors ({busy})"),
            (false, true, Some(waits)) => format!("disk (waited for {waits})"),
            _ => format!("neither alone: processors {busy}, waiting between steps"),
        }
    }
}

/// `(busy, all)` of the first line of `/proc/stat`: user nice system idle iowait irq softirq steal.
fn processor_ticks(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|word| word.parse().ok()).collect();
    let all: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((all - idle, all))
}

/// `total=` of the line `some`, which is in microseconds.
fn some_total(pressure: &str) -> Option<Duration> {
    let line = pressure.lines().find(|line| line.starts_with("some"))?;
    let total = line.split_whitespace().find_map(|word| word.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests;

//! What the kernel tells of this process.

use super::list;
use super::text::Page;
use std::time::{SystemTime, UNIX_EPOCH};

/// Readings of `/proc/self`. What could not be read is absent.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct ProcessFacts {
    cpu_seconds: Option<f64>,
    pub(crate) resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    open_files: Option<u64>,
    most_files: Option<u64>,
}

impl ProcessFacts {
    /// Reads them now.
    pub(crate) fn read() -> Self {
        let page = rustix::param::page_size() as u64;
        let pages = std::fs::read_to_string("/proc/self/statm").ok();
        let mut pages = pages.iter().flat_map(|text| text.split(' ')).map(|word| word.parse::<u64>().ok());
        let virtual_bytes = pages.next().flatten().map(|count| count * page);
        let resident_bytes = pages.next().flatten().map(|count| count * page);
        Self {
            cpu_seconds: cpu_seconds(),
            resident_bytes,
            virtual_bytes,
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
            most_files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        }
    }
}

fn cpu_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

pub(super) fn tell(page: &mut Page, facts: &ProcessFacts, started: Option<SystemTime>) {
    let whole = |value: Option<u64>| value.map(|value| value as f64);
    let readings = [
        (list::CPU, facts.cpu_seconds),
        (list::RESIDENT, whole(facts.resident_bytes)),
        (list::VIRTUAL, whole(facts.virtual_bytes)),
        (list::OPEN_FILES, whole(facts.open_files)),
        (list::MOST_FILES, whole(facts.most_files)),
        (list::STARTED, started.map(since_epoch)),
    ];
    for (metric, value) in readings {
        if let Some(value) = value {
            page.single(metric, value);
        }
    }
}

pub(super) fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |span| span.as_secs_f64())
}

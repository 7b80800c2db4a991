//! Processor time, as the kernel accounts it in /proc/PID/stat (see proc_pid_stat(5)).
//!
//! The kernel scales user and system time so that their sum is exact; it prints hundredths of a second. Work that it does
//! in threads of its own (writing back dirty pages) is charged to nobody.

use rustix::param::clock_ticks_per_second;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::Sub;

#[cfg(test)]
mod tests;

/// Seconds of one processor.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize)]
pub(crate) struct Cpu {
    /// Outside the kernel.
    pub user_s: f64,
    /// In the kernel on behalf of the process.
    pub system_s: f64,
}

impl Cpu {
    /// Both kinds.
    pub(crate) fn total_s(self) -> f64 {
        self.user_s + self.system_s
    }
}

impl Sub for Cpu {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self { user_s: self.user_s - earlier.user_s, system_s: self.system_s - earlier.system_s }
    }
}

/// What these processes and all their descendants have used so far: every thread, and children that have ended.
pub(crate) fn of_trees(roots: &[u32]) -> Result<Cpu, String> {
    let folder = fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let pids = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // A process may end between listing and reading; its parent then has its time.
    let all = pids.filter_map(|pid| Some((pid, Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)));
    let all: HashMap<u32, Stat> = all.collect();
    for root in roots {
        if !all.contains_key(root) {
            return Err(format!("server process {root} is gone"));
        }
    }
    Ok(sum(&all, roots))
}

/// What children of this process that were waited for have used so far.
pub(crate) fn of_ended_children() -> Result<Cpu, String> {
    let text = fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    let stat = Stat::parse(&text).ok_or("/proc/self/stat has an unknown form")?;
    Ok(seconds(stat.children_user_ticks, stat.children_system_ticks))
}

/// The fields that we need of one stat line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stat {
    parent: u32,
    user_ticks: u64,
    system_ticks: u64,
    children_user_ticks: u64,
    children_system_ticks: u64,
}

impl Stat {
    /// The program's name is in parentheses and may hold anything, also parentheses: fields count from the last one.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // `fields[0]` is field 3 of the manual.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(field(4)?).ok()?,
            user_ticks: field(14)?,
            system_ticks: field(15)?,
            children_user_ticks: field(16)?,
            children_system_ticks: field(17)?,
        })
    }
}

fn sum(all: &HashMap<u32, Stat>, roots: &[u32]) -> Cpu {
    let mut tree: HashSet<u32> = roots.iter().copied().collect();
    loop {
        let children: Vec<u32> = all
            .iter()
            .filter(|(pid, stat)| tree.contains(&stat.parent) && !tree.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if children.is_empty() {
            break;
        }
        tree.extend(children);
    }
    let members = || all.iter().filter(|(pid, _)| tree.contains(pid)).map(|(_, stat)| stat);
    seconds(
        members().map(|stat| stat.user_ticks + stat.children_user_ticks).sum(),
        members().map(|stat| stat.system_ticks + stat.children_system_ticks).sum(),
    )
}

fn seconds(user_ticks: u64, system_ticks: u64) -> Cpu {
    let ticks_per_s = clock_ticks_per_second() as f64;
    Cpu { user_s: user_ticks as f64 / ticks_per_s, system_s: system_ticks as f64 / ticks_per_s }
}

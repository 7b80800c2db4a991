//! Processors, and who takes the interrupts of a card.

use super::files::{Roots, entries};
use soundings_core::doctor::Processors;
use std::collections::BTreeSet;
use std::fs;

pub(super) fn processors(roots: &Roots) -> Processors {
    let folder = "devices/system/cpu";
    let numbered = |name: &String, prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let all = entries(&roots.sys.join(folder));
    let processors: Option<Vec<String>> =
        all.map(|names| names.into_iter().filter(|name| numbered(name, "cpu")).collect());
    let of = |file: &str| -> Vec<String> {
        let read = |name: &String| roots.sys(&format!("{folder}/{name}/cpufreq/{file}"));
        processors.iter().flatten().filter_map(read).collect()
    };
    let numbers = |file: &str| of(file).iter().filter_map(|text| text.parse::<u64>().ok()).collect::<Vec<_>>();
    let governors: BTreeSet<String> = of("scaling_governor").into_iter().collect();
    let nodes = entries(&roots.sys.join("devices/system/node"));
    let nodes = nodes.map(|names| names.iter().filter(|name| numbered(name, "node")).count());
    Processors {
        count: processors.as_ref().and_then(|names| u32::try_from(names.len()).ok()),
        governors: (!governors.is_empty()).then(|| governors.into_iter().collect()),
        least_khz: numbers("scaling_min_freq").into_iter().min(),
        most_khz: numbers("cpuinfo_max_freq").into_iter().max(),
        numa_nodes: nodes.and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0),
        irqbalance: running(roots, &["irqbalance"]).map(|found| !found.is_empty()),
    }
}

/// Interrupts that each processor took for a card since the start.
pub(super) fn interrupts(roots: &Roots, interface: &str) -> Option<Vec<u64>> {
    let device = roots.sys.join(format!("class/net/{interface}/device"));
    let device = fs::canonicalize(device).ok()?;
    // A virtio card is a device below the PCI device that has the interrupts, and other virtio devices have their own.
    let owner = [Some(device.as_path()), device.parent()].into_iter().flatten();
    let numbers = owner.filter_map(|path| entries(&path.join("msi_irqs"))).next()?;
    let table = roots.proc("interrupts")?;
    let processors = table.lines().next()?.split_whitespace().count();
    let mut counts = vec![0_u64; processors];
    let mut seen = false;
    for line in table.lines().skip(1) {
        let Some((number, rest)) = line.split_once(':') else { continue };
        if !numbers.iter().any(|known| known == number.trim()) {
            continue;
        }
        seen = true;
        for (count, word) in counts.iter_mut().zip(rest.split_whitespace()) {
            *count = count.saturating_add(word.parse().unwrap_or(0));
        }
    }
    seen.then_some(counts)
}

/// Which of these programs run, as far as processes can be seen.
pub(super) fn running(roots: &Roots, programs: &[&str]) -> Option<Vec<String>> {
    let processes = entries(&roots.proc)?;
    let numbered = processes.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let names: BTreeSet<String> = numbered.filter_map(|number| roots.proc(&format!("{number}/comm"))).collect();
    // A namespace of processes of its own hides who runs outside.
    if names.len() < PROCESSES_LEAST {
        return None;
    }
    Some(programs.iter().filter(|program| names.contains(**program)).map(|program| (*program).to_owned()).collect())
}

/// A whole host has more programs than this.
const PROCESSES_LEAST: usize = 8;

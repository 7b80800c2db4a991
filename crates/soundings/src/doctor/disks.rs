//! Room and scheduler of the disks that hold data.

use super::files::Roots;
use soundings_core::doctor::Disk;
use std::path::Path;

pub(super) fn disk(path: &Path, roots: &Roots) -> Disk {
    let mut disk = Disk { path: path.display().to_string(), ..Disk::default() };
    if let Ok(room) = rustix::fs::statvfs(path) {
        disk.free_bytes = Some(room.f_bavail.saturating_mul(room.f_frsize));
        disk.total_bytes = Some(room.f_blocks.saturating_mul(room.f_frsize));
        // btrfs and ZFS count none.
        disk.free_names = (room.f_files > 0).then_some(room.f_favail);
    }
    if let Ok(state) = rustix::fs::stat(path) {
        let (major, minor) = (rustix::fs::major(state.st_dev), rustix::fs::minor(state.st_dev));
        disk.file_system = file_system(roots, major, minor);
        let block = format!("dev/block/{major}:{minor}");
        // A partition has its queue in the disk above it.
        let of = |file: &str| {
            roots.sys(&format!("{block}/queue/{file}")).or_else(|| roots.sys(&format!("{block}/../queue/{file}")))
        };
        disk.device = whole_disk(&roots.sys.join(&block));
        disk.scheduler = of("scheduler").map(|text| chosen(&text).to_owned());
        disk.rotational = of("rotational").and_then(|text| text.parse::<u8>().ok()).map(|number| number == 1);
    }
    disk
}

/// The name of a disk, or of the disk of which this is a partition.
fn whole_disk(block: &Path) -> Option<String> {
    let place = std::fs::canonicalize(block).ok()?;
    let whole = if place.join("partition").exists() { place.parent()? } else { &place };
    Some(whole.file_name()?.to_str()?.to_owned())
}

/// Of `[none] mq-deadline`, the one in brackets.
fn chosen(text: &str) -> &str {
    text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or(text, |(name, _)| name)
}

fn file_system(roots: &Roots, major: u32, minor: u32) -> Option<String> {
    let device = format!("{major}:{minor}");
    let mounts = roots.proc("self/mountinfo")?;
    let line = mounts.lines().find(|line| line.split_whitespace().nth(2) == Some(&device))?;
    line.split_once(" - ")?.1.split_whitespace().next().map(str::to_owned)
}

//! What this host is like, gathered for [`soundings_core::doctor`] to judge. It reads and never changes anything.
//!
//! Everything that stands in files is read below [`Roots`], so that a test can show it a host of its own making. What the
//! kernel tells by calls (queue disciplines, offloads, the clock) is asked only where the roots are the real ones.

mod clock;
mod disks;
mod far;
mod files;
mod interfaces;
pub mod knock;
mod names;
mod processors;
mod settings;
#[cfg(test)]
mod tests;

pub use far::{FarHelp, look_from_there};
pub use files::Roots;

use net::Family;
use soundings_core::doctor::{Facts, Limits};
use std::path::PathBuf;

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Where the kernel's files are.
    pub roots: Roots,
    /// Families whose names are looked up.
    pub family: Family,
    /// Folders where data is kept.
    pub disks: Vec<PathBuf>,
    /// A host that must be found by name.
    pub far_name: Option<String>,
}

/// Looks. Takes as long as the resolver does, and at most a few seconds for each name.
pub async fn gather(look: &Look) -> Facts {
    let here = look.clone();
    // Files of /proc and /sys answer at once, but are blocking reads; a panic there is ours, and leaves nothing seen.
    let mut facts = tokio::task::spawn_blocking(move || local(&here)).await.unwrap_or_default();
    if look.roots.real() {
        names::fill(&mut facts, look).await;
    }
    facts
}

/// What needs no resolver.
fn local(look: &Look) -> Facts {
    let roots = &look.roots;
    let mut facts = Facts { root: rustix::process::geteuid().is_root(), ..Facts::default() };
    settings::fill(&mut facts, roots);
    facts.interfaces = interfaces::interfaces(roots);
    facts.processors = processors::processors(roots);
    facts.clock = clock::clock(roots);
    facts.limits = limits();
    facts.disks = look.disks.iter().map(|path| disks::disk(path, roots)).collect();
    facts
}

fn limits() -> Limits {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    // No limit at all is the largest there is.
    Limits { files: Some(limit.current.unwrap_or(u64::MAX)), files_max: Some(limit.maximum.unwrap_or(u64::MAX)) }
}

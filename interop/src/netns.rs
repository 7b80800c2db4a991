//! A network namespace for servers that listen on every address and cannot be told otherwise.

use crate::run::Run;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A namespace with nothing but loopback; removed when dropped.
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes one.
    pub fn new() -> Self {
        let name = format!("portolan-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Run::new("ip").args(["netns", "add", &name]).succeed();
        let netns = Self { name };
        Run::new("ip").args(["-n", &netns.name, "link", "set", "lo", "up"]).succeed();
        netns
    }

    /// What must stand before a command line to run it inside.
    pub fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// A program to be run inside.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Run {
        Run::new("ip").args(&self.prefix()[1..]).arg(program)
    }
}

impl Default for Netns {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // Its processes were ended before; a namespace that stays behind harms nobody and is named after us.
        let _ = Run::new("ip").args(["netns", "del", &self.name]).finish();
    }
}

//! The log: lines on standard error.

use crate::settings::Log;
use tracing_subscriber::EnvFilter;

/// Starts it; of several calls in one process the first wins. `PORTOLAN_LOG` (a filter of `tracing`) wins over the
/// settings, for the hour of a hunt.
pub fn start(log: &Log) {
    let level = std::env::var("PORTOLAN_LOG").unwrap_or_else(|_| log.level.clone());
    let filter = EnvFilter::try_new(&level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error only says that somebody listens already.
    let _ = if log.json {
        builder.json().flatten_event(true).try_init()
    } else {
        use std::io::IsTerminal as _;
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}

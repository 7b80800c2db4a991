//! What is said while it runs.

use super::super::say;
use soundings::throughput::News;
use soundings_core::throughput::wire::{Progress, Wait};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;
use terms::Rate;

/// The line on a terminal.
pub(super) struct Live {
    terminal: bool,
    quiet: bool,
    whole: Option<Duration>,
    last: (Progress, Progress),
    shown: bool,
}

impl Live {
    pub(super) fn new(quiet: bool, duration: Option<Duration>, omit: Duration) -> Self {
        let terminal = std::io::stderr().is_terminal() && !quiet;
        let whole = duration.map(|duration| duration + omit);
        Self { terminal, quiet, whole, last: (Progress::default(), Progress::default()), shown: false }
    }

    pub(super) fn hear(&mut self, news: &News) {
        match news {
            News::Wait(wait) if !self.quiet => {
                self.end();
                say(&format!("portolan: {}", waiting(wait)));
            }
            // The wait that was too short is one of several that we ask for, and not the user's.
            News::SentAway(_) if !self.quiet => {
                self.end();
                say("portolan: others have the turn there; asking again soon");
            }
            News::Progress { here, there } if self.terminal => {
                let there = there.unwrap_or_default();
                let line = self.line(*here, there);
                self.last = (*here, there);
                let mut out = std::io::stderr().lock();
                // Nobody is harmed by a line that is not seen.
                let _ = write!(out, "\r\x1b[K{line}").and_then(|()| out.flush());
                self.shown = true;
            }
            _ => {}
        }
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
        }
    }

    fn line(&self, here: Progress, there: Progress) -> String {
        let (before, before_there) = self.last;
        let at = here.at_ns as f64 / 1e9;
        let mut line = match self.whole {
            Some(whole) => format!("{at:.0} of {:.0} s", whole.as_secs_f64()),
            None => format!("{at:.0} s"),
        };
        let rate = |now: u64, then: u64, at: u64, before: u64| {
            let seconds = at.saturating_sub(before) as f64 / 1e9;
            (seconds > 0.0).then(|| Rate((now.saturating_sub(then) as f64 * 8.0 / seconds) as u64))
        };
        let to = rate(there.received_bytes, before_there.received_bytes, there.at_ns, before_there.at_ns);
        let from = rate(here.received_bytes, before.received_bytes, here.at_ns, before.at_ns);
        if let Some(to) = to.filter(|_| here.sent_bytes > 0) {
            line.push_str(&format!(", to: {to}"));
        }
        if let Some(from) = from.filter(|_| here.received_bytes > 0) {
            line.push_str(&format!(", from: {from}"));
        }
        line
    }
}

/// For whom we wait, and how long.
fn waiting(wait: &Wait) -> String {
    let plain = |text: &str| soundings_core::throughput::wire::plain(text, 60);
    let running: Vec<String> = wait
        .running
        .iter()
        .take(4)
        .map(|run| format!("{} for {}, {:.0} s at most", plain(&run.what), plain(&run.who), run.seconds_left))
        .collect();
    let runs = if running.is_empty() { "another test".to_owned() } else { running.join("; ") };
    format!(
        "waiting for our turn, which comes in {:.0} s at the latest: {} before us; running now: {runs}",
        wait.at_most_seconds, wait.position
    )
}

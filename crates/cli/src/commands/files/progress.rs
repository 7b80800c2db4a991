//! How a copy goes: bars on a terminal, a line now and then elsewhere. On standard error.

use super::super::say;
use super::shown;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use port::client::{FileTally, Tally};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::{ByteSize, Rate, Span};

/// How often bars move.
const TICK: Duration = Duration::from_millis(100);

/// How often a line is written where there is no terminal: seldom enough for a log, often enough for who watches.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Files with a bar of their own at once; more would push the rest off the screen.
const MAX_FILE_BARS: usize = 8;

/// Files smaller than this are gone before their bar could be read.
const MIN_BAR_BYTES: u64 = 4 * 1024 * 1024;

/// Shows how a copy goes until it ends or is dropped.
pub(super) struct Progress {
    talk: Talk,
    ticker: tokio::task::JoinHandle<()>,
}

/// Where words and bars go; clones go to the same place.
#[derive(Clone)]
pub(super) struct Talk {
    bars: Option<Arc<Bars>>,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    files: Mutex<BTreeMap<u64, (ProgressBar, Arc<FileTally>)>>,
}

impl Progress {
    pub(super) fn start(tally: Arc<Tally>, quiet: bool) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && !quiet;
        let bars = on_terminal.then(|| Arc::new(Bars::new()));
        let talk = Talk { bars: bars.clone() };
        let ticker = tokio::spawn(async move {
            match bars {
                Some(bars) => bars.keep_moving(&tally).await,
                None if quiet => {}
                None => keep_writing(&tally).await,
            }
        });
        Self { talk, ticker }
    }

    pub(super) fn talk(&self) -> Talk {
        self.talk.clone()
    }

    pub(super) fn end(&self) {
        self.ticker.abort();
        self.talk.clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

impl Talk {
    /// A line that bars do not tear apart.
    pub(super) fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.all.suspend(|| say(line)),
            None => say(line),
        }
    }

    pub(super) fn file_started(&self, file: &Arc<FileTally>) {
        let Some(bars) = &self.bars else { return };
        let mut files = bars.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() < MAX_FILE_BARS && file.size_bytes.is_none_or(|size| size >= MIN_BAR_BYTES) {
            let bar = bars.all.insert_before(&bars.total, ProgressBar::new(file.size_bytes.unwrap_or(0)));
            bar.set_style(style("  {bar:24} {decimal_bytes:>10} of {decimal_total_bytes:>10}  {wide_msg}"));
            let name = file.source.trim_end_matches('/').rsplit('/').next().unwrap_or("");
            bar.set_message(shown(name));
            files.insert(file.id, (bar, Arc::clone(file)));
        }
    }

    pub(super) fn file_ended(&self, file: &FileTally) {
        let Some(bars) = &self.bars else { return };
        let ended = bars.files.lock().unwrap_or_else(PoisonError::into_inner).remove(&file.id);
        if let Some((bar, _)) = ended {
            bar.finish_and_clear();
            bars.all.remove(&bar);
        }
    }

    fn clear(&self) {
        if let Some(bars) = &self.bars {
            bars.total.finish_and_clear();
            // A terminal that is gone needs no clearing.
            let _ = bars.all.clear();
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{bar:24} {wide_msg}"));
        Self { all, total, files: Mutex::default() }
    }

    async fn keep_moving(&self, tally: &Tally) {
        let mut pace = Pace::new();
        loop {
            tokio::time::sleep(TICK).await;
            for (bar, file) in self.files.lock().unwrap_or_else(PoisonError::into_inner).values() {
                bar.set_position(file.bytes_done.load(Ordering::Relaxed));
            }
            let state = State::read(tally);
            self.total.set_length(state.bytes_found.max(1));
            self.total.set_position(state.bytes_done());
            self.total.set_message(pace.line(&state));
        }
    }
}

async fn keep_writing(tally: &Tally) {
    let mut pace = Pace::new();
    loop {
        tokio::time::sleep(LINE_INTERVAL).await;
        say(&pace.line(&State::read(tally)));
    }
}

/// The counters at one moment.
#[derive(Clone, Copy)]
struct State {
    files_done: u64,
    files_found: u64,
    bytes_moved: u64,
    bytes_skipped: u64,
    bytes_found: u64,
    found_all: bool,
    failed: u64,
}

impl State {
    fn read(tally: &Tally) -> Self {
        let failed = tally.files_failed.load(Ordering::Relaxed);
        Self {
            files_done: tally.files_copied.load(Ordering::Relaxed)
                + tally.files_skipped.load(Ordering::Relaxed)
                + failed,
            files_found: tally.files_found.load(Ordering::Relaxed),
            bytes_moved: tally.bytes_moved.load(Ordering::Relaxed),
            bytes_skipped: tally.bytes_skipped.load(Ordering::Relaxed),
            bytes_found: tally.bytes_found.load(Ordering::Relaxed),
            found_all: tally.found_all.load(Ordering::Relaxed),
            failed,
        }
    }

    fn bytes_done(&self) -> u64 {
        self.bytes_moved + self.bytes_skipped
    }
}

/// The rate of late, and from it the time left.
struct Pace {
    at: Instant,
    moved: u64,
    bytes_per_second: Option<f64>,
}

impl Pace {
    fn new() -> Self {
        Self { at: Instant::now(), moved: 0, bytes_per_second: None }
    }

    fn line(&mut self, state: &State) -> String {
        let span = self.at.elapsed().as_secs_f64();
        if span >= 0.5 {
            let now = state.bytes_moved.saturating_sub(self.moved) as f64 / span;
            // Half of what was, half of what is, each two seconds or so: steady to read, and quick to follow.
            let weight = 0.5_f64.powf(span / 2.0);
            self.bytes_per_second =
                Some(self.bytes_per_second.map_or(now, |then| then * weight + now * (1.0 - weight)));
            (self.at, self.moved) = (Instant::now(), state.bytes_moved);
        }
        let more = if state.found_all { "" } else { "+" };
        let mut line = format!(
            "{} of {}{more} files, {} of {}{more}",
            state.files_done,
            state.files_found,
            ByteSize(state.bytes_done()),
            ByteSize(state.bytes_found)
        );
        if let Some(rate) = self.bytes_per_second {
            line.push_str(&format!(", {}", Rate((rate * 8.0) as u64)));
            let left = state.bytes_found.saturating_sub(state.bytes_done()) as f64;
            if state.found_all && rate >= 1.0 && left > 0.0 {
                line.push_str(&format!(", {} left", Span(Duration::from_secs_f64((left / rate).ceil().min(1e9)))));
            }
        }
        if state.failed > 0 {
            line.push_str(&format!(", {} failed", state.failed));
        }
        line
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are fixed; a wrong one would only look plain.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

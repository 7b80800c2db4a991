//! Stages: each with a headline, its time and its verdict; all of them again in a table at the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Why a stage failed, in words for the table.
pub(crate) type Outcome = Result<(), String>;

/// The stages run so far.
pub(crate) struct Stages {
    root: PathBuf,
    done: Vec<Done>,
    /// What the test runner said last: printed last of all, because CI reads it there.
    closing: Vec<String>,
}

struct Done {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

impl Stages {
    /// None yet; commands run in the workspace's root from here on.
    pub(crate) fn new(root: &Path) -> Self {
        if let Err(error) = std::env::set_current_dir(root) {
            eprintln!("cannot enter {}: {error}", root.display());
        }
        Self { root: root.to_owned(), done: Vec::new(), closing: Vec::new() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs one stage; true when it passed.
    pub(crate) fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Outcome) -> bool {
        println!("\n=== {name} ===");
        let started = Instant::now();
        let failure = stage().err();
        let took = started.elapsed();
        match &failure {
            None => println!("--- {name}: passed in {}", seconds(took)),
            Some(reason) => println!("--- {name}: FAILED in {}: {reason}", seconds(took)),
        }
        let passed = failure.is_none();
        self.done.push(Done { name, took, failure });
        passed
    }

    /// As [`Stages::run`], for the stage whose last lines are to stand at the very end.
    pub(crate) fn run_with_closing(&mut self, name: &'static str, stage: impl FnOnce() -> (Outcome, Vec<String>)) {
        let mut closing = Vec::new();
        self.run(name, || {
            let (outcome, lines) = stage();
            closing = lines;
            outcome
        });
        self.closing = closing;
    }

    /// The table, then the test runner's closing lines; the exit code says whether all passed.
    pub(crate) fn close(self) -> ExitCode {
        println!();
        for stage in &self.done {
            let verdict = stage.failure.as_ref().map_or("passed".to_owned(), |reason| format!("FAILED: {reason}"));
            println!("{:>9}  {:<22} {verdict}", seconds(stage.took), stage.name);
        }
        for line in &self.closing {
            println!("{line}");
        }
        if self.done.iter().all(|stage| stage.failure.is_none()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

//! What a copy tells about its files and about itself: lines of JSON on standard output, words on standard error.

use super::super::print;
use super::progress::{Progress, Talk};
use super::shown;
use port::client::{FileTally, Observer, Outcome, Summary};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use terms::{ByteSize, Problem, Rate, Span};

/// Watches one copy.
pub(super) struct Report {
    json: bool,
    talk: Talk,
}

impl Report {
    pub(super) fn new(json: bool, progress: &Progress) -> Self {
        Self { json, talk: progress.talk() }
    }

    /// The end of the story.
    pub(super) fn tell(&self, summary: &Summary, quiet: bool) {
        if self.json {
            print(&format!("{}\n", summary_document(summary)));
        }
        if !quiet {
            self.talk.say(&summary_line(summary));
        }
    }
}

impl Observer for Report {
    fn file_started(&self, file: &Arc<FileTally>) {
        self.talk.file_started(file);
    }

    fn file_ended(&self, file: &FileTally, outcome: &Outcome, elapsed: Duration) {
        self.talk.file_ended(file);
        if let Outcome::Failed(problem) = outcome {
            self.talk.say(&format!("portolan: {}: {}", shown(&file.source), problem.to_line()));
        }
        if self.json {
            print(&format!("{}\n", file_document(file, outcome, elapsed)));
        }
    }

    fn source_failed(&self, source: &str, problem: &Problem) {
        self.talk.say(&format!("portolan: {}: {}", shown(source), problem.to_line()));
        if self.json {
            print(&format!(
                "{}\n",
                json!({ "event": "source", "source": source, "problem": problem_document(problem) })
            ));
        }
    }

    fn notice(&self, text: &str) {
        self.talk.say(&format!("portolan: {text}"));
    }
}

fn file_document(file: &FileTally, outcome: &Outcome, elapsed: Duration) -> serde_json::Value {
    let (word, digest, problem) = match outcome {
        Outcome::Copied { proof } => ("copied", proof.map(|digest| digest.to_string()), None),
        Outcome::Skipped => ("skipped", None, None),
        Outcome::Failed(problem) => ("failed", None, Some(problem)),
    };
    json!({
        "event": "file",
        "outcome": word,
        "source": file.source,
        "target": file.target,
        "bytes": file.size_bytes.unwrap_or_else(|| file.bytes_done.load(Ordering::Relaxed)),
        "digest": digest,
        "seconds": elapsed.as_secs_f64(),
        "problem": problem.map(problem_document),
    })
}

fn problem_document(problem: &Problem) -> serde_json::Value {
    json!({
        "kind": problem.kind,
        "title": problem.title,
        "detail": problem.detail,
        "blame": problem.blame,
        "next": problem.next,
    })
}

fn summary_document(summary: &Summary) -> serde_json::Value {
    json!({
        "event": "summary",
        "files": summary.files,
        "bytes_moved": summary.bytes,
        "skipped": summary.skipped,
        "bytes_skipped": summary.bytes_skipped,
        "failed": summary.failed,
        "unproven": summary.unproven,
        "seconds": summary.elapsed.as_secs_f64(),
        "bits_per_second": summary.bytes_per_second() * 8.0,
        "limit": summary.limit().map(|limit| limit.to_string()),
    })
}

pub(super) fn summary_line(summary: &Summary) -> String {
    let mut parts = Vec::new();
    if summary.files > 0 || summary.bytes > 0 {
        parts.push(format!(
            "{} copied, {} moved in {}: {}, {:.1} files/s",
            counted(summary.files),
            ByteSize(summary.bytes),
            Span(summary.elapsed),
            Rate((summary.bytes_per_second() * 8.0) as u64),
            summary.files as f64 / summary.elapsed.as_secs_f64().max(1e-9),
        ));
    }
    if summary.skipped > 0 {
        parts.push(format!("{} there already", counted(summary.skipped)));
    }
    if summary.failed > 0 {
        parts.push(format!("{} failed", counted(summary.failed)));
    }
    match (summary.files, summary.unproven) {
        (0, _) => {}
        (_, 0) => parts.push("all compared by digest".to_owned()),
        (_, unproven) => parts.push(format!("{} not compared by digest", counted(unproven))),
    }
    if let Some(limit) = summary.limit().filter(|_| summary.bytes > 0) {
        parts.push(format!("held up most by {limit}"));
    }
    if parts.is_empty() { "nothing to copy".to_owned() } else { parts.join("; ") }
}

fn counted(files: u64) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

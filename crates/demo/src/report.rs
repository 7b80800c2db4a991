//! What the demo ends with: a table that a person reads at once.

use crate::limits::Usage;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;
use terms::ByteSize;

/// One step of the journey.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    /// What was done: `import into A`.
    pub name: String,
    /// Files that travelled.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long the copying took, without the proofs after it.
    pub elapsed_seconds: f64,
    /// Files whose digests were found equal to those of the camera, by every algorithm that the port offers.
    pub proven: u64,
    /// What limited it, with its figure.
    pub limited_by: String,
}

/// The whole journey.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Report {
    /// In the order in which they were done; the exposures of one kind of step are added up.
    pub steps: Vec<Step>,
}

/// What one exposure contributed to a step.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Files that travelled.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long.
    pub elapsed: Duration,
    /// Files proven.
    pub proven: u64,
    /// How the machine was used meanwhile.
    pub usage: Option<Usage>,
}

/// Adds the parts of one step up; usage is weighted by time.
pub fn add_up(name: &str, parts: &[Part]) -> Step {
    let elapsed: f64 = parts.iter().map(|part| part.elapsed.as_secs_f64()).sum();
    let weigh = |of: fn(&Usage) -> Option<f64>| {
        let known = parts.iter().filter_map(|part| Some((part.elapsed.as_secs_f64(), of(part.usage.as_ref()?)?)));
        let (weight, sum) = known.fold((0.0, 0.0), |(w, s), (seconds, share)| (w + seconds, s + seconds * share));
        (weight > 0.0).then(|| sum / weight)
    };
    let usage = weigh(|usage| Some(usage.processor_busy))
        .map(|processor_busy| Usage { processor_busy, disk_wait: weigh(|usage| usage.disk_wait) });
    Step {
        name: name.to_owned(),
        files: parts.iter().map(|part| part.files).sum(),
        bytes: parts.iter().map(|part| part.bytes).sum(),
        elapsed_seconds: elapsed,
        proven: parts.iter().map(|part| part.proven).sum(),
        limited_by: usage.map_or_else(|| "not known: this kernel keeps no accounts".to_owned(), |u| u.verdict()),
    }
}

impl Report {
    /// The table.
    pub fn to_table(&self) -> String {
        let head = ["step", "files", "bytes", "time", "rate", "files/s", "digests proven", "limited by"];
        let mut rows = vec![head.map(str::to_owned)];
        for step in &self.steps {
            let seconds = step.elapsed_seconds.max(1e-9);
            rows.push([
                step.name.clone(),
                step.files.to_string(),
                ByteSize(step.bytes).to_string(),
                format!("{:.1} s", step.elapsed_seconds),
                format!("{}/s", ByteSize((step.bytes as f64 / seconds) as u64)),
                format!("{:.1}", step.files as f64 / seconds),
                format!("{} of {}", step.proven, step.files),
                step.limited_by.clone(),
            ]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            for (column, cell) in row.iter().enumerate() {
                // Names and verdicts are read from the left, figures are compared from the right.
                let pad = widths[column];
                let _ = match column {
                    0 => write!(text, "{cell:<pad$}"),
                    7 => write!(text, "   {cell}"),
                    _ => write!(text, "   {cell:>pad$}"),
                };
            }
            text.push('\n');
        }
        text
    }
}

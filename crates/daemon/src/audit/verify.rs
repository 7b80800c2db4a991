//! Is the record as it was written?

use super::chain::{Chain, parse};
use super::event::Event;
use super::segments::{self, Segment};
use crate::lifecycle::unusable;
use api::AuditRecord;
use std::collections::HashMap;
use std::path::Path;
use terms::Problem;

/// Faults told at most; a record that was tampered with at its beginning would have one for each line.
const FAULTS: usize = 20;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Files read.
    pub segments: u64,
    /// Lines read.
    pub lines: u64,
    /// The number of the first line that is there.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// Its SHA-256. Who keeps number and SHA-256 elsewhere can tell later whether lines at the end were removed, which
    /// no chain can tell by itself.
    pub head: String,
    /// Bytes behind the last whole line: what a crash left, which the next start cuts off, or a line just being written.
    pub torn_bytes: u64,
    /// Is the line there, as it was, that was asked about?
    pub expected_there: bool,
    /// What is wrong, the first of all.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Name of the file.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
    /// What is wrong, without a full stop.
    pub what: String,
}

/// Walks the chain from the oldest line to the youngest. `expected`: a line that must still be there, as an earlier
/// verification printed it: number, colon, SHA-256.
pub fn verify(directory: &Path, expected: Option<&str>) -> Result<Verified, Problem> {
    let expected = expected.and_then(|text| text.trim().split_once(':'));
    let expected =
        expected.and_then(|(number, hash)| Some(Chain { sequence: number.parse().ok()?, hash: hash.to_owned() }));
    let mut walk = Walk { expected, ..Walk::default() };
    let segments = segments::list(directory)?;
    let count = segments.len();
    for (at, segment) in segments.iter().enumerate() {
        let bytes = std::fs::read(&segment.path).map_err(|error| unusable("read", &segment.path, &error))?;
        walk.segment(segment, &bytes, at + 1 == count);
    }
    Ok(walk.finish(segments.first()))
}

#[derive(Default)]
struct Walk {
    expected: Option<Chain>,
    found: Verified,
    behind: Option<Chain>,
    /// What the line before the first that is there was, if lines were removed in order: by number.
    removed: HashMap<u64, String>,
    first_chain: String,
}

impl Walk {
    fn segment(&mut self, segment: &Segment, bytes: &[u8], is_last: bool) {
        self.found.segments += 1;
        let file = segment.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut rest = bytes;
        let mut number = 0;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            number += 1;
            let what = self.line(&rest[..end], (number == 1).then_some(segment.first));
            if let Some(what) = what {
                self.fault(&file, number, what);
            }
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            self.found.torn_bytes = rest.len() as u64;
            if !is_last {
                self.fault(&file, number + 1, "the file ends within a line".to_owned());
            }
        }
    }

    /// What is wrong with the line.
    fn line(&mut self, line: &[u8], named: Option<u64>) -> Option<String> {
        self.found.lines += 1;
        let Some(record) = parse(line) else {
            // The next line is compared with the hash of these bytes all the same.
            let sequence = self.behind.as_ref().map_or(0, |behind| behind.sequence) + 1;
            self.behind = Some(Chain::after(sequence, line));
            return Some("this is no line of the record".to_owned());
        };
        let what = self.place(&record, named);
        self.note(&record);
        let behind = Chain::after(record.sequence, line);
        if self.expected.as_ref() == Some(&behind) {
            self.found.expected_there = true;
        }
        self.behind = Some(behind);
        what
    }

    fn place(&self, record: &AuditRecord, named: Option<u64>) -> Option<String> {
        let sequence = record.sequence;
        if let Some(behind) = &self.behind {
            if sequence != behind.sequence + 1 {
                return Some(format!(
                    "line {sequence} follows line {}: lines are missing or were moved",
                    behind.sequence
                ));
            }
            if record.chain != behind.hash {
                return Some(format!(
                    "line {} before it is not what it was when line {sequence} was written",
                    behind.sequence
                ));
            }
        }
        named
            .filter(|first| *first != sequence)
            .map(|first| format!("the file is named for line {first}, and begins with line {sequence}"))
    }

    fn note(&mut self, record: &AuditRecord) {
        if self.found.first == 0 {
            self.found.first = record.sequence;
            self.first_chain.clone_from(&record.chain);
        }
        let end = record.subject.as_deref().filter(|_| record.event == Event::SegmentsRemoved.name());
        if let Some((sequence, hash)) = end.and_then(|end| end.split_once(':'))
            && let Ok(sequence) = sequence.parse()
        {
            self.removed.insert(sequence, hash.to_owned());
        }
    }

    fn fault(&mut self, file: &str, line: u64, what: String) {
        if self.found.faults.len() < FAULTS {
            self.found.faults.push(Fault { file: file.to_owned(), line, what });
        }
    }

    fn finish(mut self, oldest: Option<&Segment>) -> Verified {
        if let Some(Chain { sequence, hash }) = self.behind.take() {
            (self.found.last, self.found.head) = (sequence, hash);
        }
        let before = self.found.first.saturating_sub(1);
        let removed_in_order = before == 0 || self.removed.get(&before) == Some(&self.first_chain);
        let zeros = before > 0 || self.found.lines == 0 || self.first_chain == Chain::beginning().hash;
        if let Some(oldest) = oldest.filter(|_| !removed_in_order || !zeros) {
            let file = oldest.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let what = format!(
                "the record begins with line {}, and no line tells that those before it were removed for their age or size",
                self.found.first
            );
            self.found.faults.insert(0, Fault { file, line: 1, what });
        }
        self.found
    }
}

//! Reading the record, while it is written or not.

use super::chain::{Chain, sequence_of};
use super::filter::Filter;
use super::segments::{self, Segment};
use crate::lifecycle::unusable;
use api::AuditRecord;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use terms::{Problem, Timestamp};

/// Bytes read for one page, so that a filter that nothing fits does not hold a thread for minutes.
const PAGE_BYTES: u64 = 32 << 20;

/// Some lines that fit, and whether there may be more.
#[derive(Debug)]
pub struct Page {
    /// The oldest first.
    pub records: Vec<AuditRecord>,
    /// The number of the last line that was looked at.
    pub seen: u64,
    /// Was the end of the record reached?
    pub ended: bool,
}

/// A place in the record, from which one reads on.
#[derive(Debug)]
pub struct Tail {
    directory: PathBuf,
    filter: Filter,
    seen: u64,
    /// In the segment that begins with this line, this many bytes are read.
    place: Option<(u64, u64)>,
}

impl Tail {
    /// Behind the line of this number; 0 is the beginning.
    pub fn new(directory: &Path, filter: Filter, after: u64) -> Self {
        Self { directory: directory.to_owned(), filter, seen: after, place: None }
    }

    /// Behind what is there now.
    pub fn at_end(directory: &Path, filter: Filter) -> Result<Self, Problem> {
        let mut after = 0;
        for segment in segments::list(directory)?.iter().rev() {
            let bytes = std::fs::read(&segment.path).map_err(|error| unusable("read", &segment.path, &error))?;
            if let Some((_, Chain { sequence, .. })) = segments::last_whole(&bytes) {
                after = sequence;
                break;
            }
        }
        Ok(Self::new(directory, filter, after))
    }

    /// The next lines that fit, at most `most` of them.
    pub fn page(&mut self, most: usize) -> Result<Page, Problem> {
        let segments = segments::list(&self.directory)?;
        let mut page = Page { records: Vec::new(), seen: self.seen, ended: true };
        let mut left = PAGE_BYTES;
        for (at, segment) in segments.iter().enumerate() {
            let next = segments.get(at + 1);
            if self.is_past(segment, next) {
                continue;
            }
            if !self.segment(segment, &mut page.records, most, &mut left)? {
                page.ended = false;
                break;
            }
        }
        page.seen = self.seen;
        Ok(page)
    }

    /// Is nothing in this segment wanted any more?
    fn is_past(&self, segment: &Segment, next: Option<&Segment>) -> bool {
        let Some(next) = next else { return false };
        let place = self.place.is_some_and(|(first, _)| segment.first < first);
        // All of this segment was written before the first line of the next one.
        let end: Option<Timestamp> = next.day.parse().ok();
        let before = self.filter.since.zip(end).is_some_and(|(since, end)| {
            // A clock that was set back may have put later lines into a segment of an earlier day: a day of slack.
            since > end.after(std::time::Duration::from_secs(86_400))
        });
        place || next.first <= self.seen + 1 || before
    }

    /// Reads on in one segment; false when the page is full.
    fn segment(
        &mut self,
        segment: &Segment,
        records: &mut Vec<AuditRecord>,
        most: usize,
        left: &mut u64,
    ) -> Result<bool, Problem> {
        let failed = |error: std::io::Error| unusable("read", &segment.path, &error);
        let mut file = match File::open(&segment.path) {
            Ok(file) => file,
            // It has just become too old.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(failed(error)),
        };
        let mut offset = self.place.filter(|(first, _)| *first == segment.first).map_or(0, |(_, offset)| offset);
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)? as u64;
            if line.pop() != Some(b'\n') {
                // The end, or a line that is just being written.
                return Ok(true);
            }
            if records.len() >= most || *left < length {
                return Ok(false);
            }
            *left -= length;
            offset += length;
            self.place = Some((segment.first, offset));
            let Some(sequence) = sequence_of(&line).filter(|sequence| *sequence > self.seen) else { continue };
            self.seen = sequence;
            records.extend(self.filter.wanted(&line));
        }
    }
}

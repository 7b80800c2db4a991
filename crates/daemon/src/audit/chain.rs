//! Lines and the chain that binds them.

use api::AuditRecord;
use ring::digest::{SHA256, digest};
use std::fmt::Write as _;

/// Where the chain stands: behind the last line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Chain {
    /// The number of the last line; 0 before the first.
    pub(super) sequence: u64,
    /// The SHA-256 of the last line, in hexadecimal; zeros before the first.
    pub(super) hash: String,
}

impl Chain {
    /// Before the first line ever.
    pub(super) fn beginning() -> Self {
        Self { sequence: 0, hash: "0".repeat(64) }
    }

    /// Behind this line, which has no newline.
    pub(super) fn after(sequence: u64, line: &[u8]) -> Self {
        Self { sequence, hash: hash(line) }
    }

    /// Gives the record its place, writes its line with a newline, and stands behind it.
    pub(super) fn append(&mut self, mut record: AuditRecord, out: &mut Vec<u8>) {
        record.sequence = self.sequence + 1;
        record.chain.clone_from(&self.hash);
        let begin = out.len();
        // A record is texts and numbers: it can always be written as JSON, and memory takes it.
        let written = serde_json::to_writer(&mut *out, &record);
        debug_assert!(written.is_ok());
        *self = Self::after(record.sequence, &out[begin..]);
        out.push(b'\n');
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The number of a line without reading all of it: every line of ours begins with it.
pub(super) fn sequence_of(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"seq\":")?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// A line read back.
pub(super) fn parse(line: &[u8]) -> Option<AuditRecord> {
    serde_json::from_slice(line).ok()
}

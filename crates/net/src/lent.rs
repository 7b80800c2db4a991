//! Ranges of files that a plain connection sends by sendfile(2) under an HTTP library that only knows bytes.
//!
//! A body cannot hand a file to hyper. So it hands over a [`stand_in`]: as many bytes of one static zero array, never
//! read and never backed by memory, and notes the range of the file in the connection's [`Lent`] list. The connection's
//! socket knows the array's address, and sends the noted ranges where stand-ins appear. Order is kept: both are queues.
//!
//! If hyper ever copied the bytes instead of passing the slice on, zeros would reach the peer. [`Lent::agrees`] is the
//! guard: before each write, the stand-in bytes visible must be exactly the bytes noted and not yet sent.

use crate::body::{BodyEnd, FileSlice, OnEnd};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::mem::take;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Largest stand-in, and so the largest window of a file that a body hands over at once. It costs address space only.
pub(crate) const STAND_IN_BYTES: usize = 16 << 20;

// Zeroed memory of this length is only mapped: no page of it ever exists as long as nobody reads it. A constant array
// would lie in the program file with all its zeros, since nothing in it can change.
static STAND_IN: LazyLock<&'static [u8]> = LazyLock::new(|| Box::leak(vec![0; STAND_IN_BYTES].into_boxed_slice()));

/// Bytes that stand for a range of a file.
pub(crate) fn stand_in(len: usize) -> Bytes {
    Bytes::from_static(&STAND_IN[..len])
}

/// Whether a slice is (part of) a stand-in. Told by its address alone.
pub(crate) fn is_stand_in(slice: &[u8]) -> bool {
    let start = STAND_IN.as_ptr() as usize;
    (start..start + STAND_IN_BYTES).contains(&(slice.as_ptr() as usize)) && !slice.is_empty()
}

/// The ranges noted by bodies and not yet sent by the socket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lent(Mutex<VecDeque<Entry>>);

#[derive(Debug)]
enum Entry {
    Range { file: Arc<File>, offset: u64, remaining: u64 },
    End(Ending),
}

/// What to tell when all ranges before it are sent, or when they never will be.
pub(crate) struct Ending {
    tell: Option<OnEnd>,
    bytes_sent: u64,
}

impl std::fmt::Debug for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ending").field("bytes_sent", &self.bytes_sent).finish_non_exhaustive()
    }
}

impl Ending {
    fn reached(mut self) {
        if let Some(tell) = self.tell.take() {
            tell(BodyEnd { bytes_sent: self.bytes_sent, complete: true });
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            tell(BodyEnd { bytes_sent: self.bytes_sent, complete: false });
        }
    }
}

impl Drop for Lent {
    /// The connection is gone: what was noted and not sent counts for none of the bodies.
    fn drop(&mut self) {
        let mut unsent = 0;
        for entry in take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner)) {
            match entry {
                Entry::Range { remaining, .. } => unsent += remaining,
                Entry::End(mut ending) => {
                    ending.bytes_sent = ending.bytes_sent.saturating_sub(unsent);
                    unsent = 0;
                }
            }
        }
    }
}

impl Lent {
    fn entries(&self) -> std::sync::MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a range for which a stand-in of the same length follows.
    pub(crate) fn lend(&self, slice: &FileSlice) {
        let mut entries = self.entries();
        if let Some(Entry::Range { file, offset, remaining }) = entries.back_mut()
            && Arc::ptr_eq(file, &slice.file)
            && *offset + *remaining == slice.offset
        {
            *remaining += slice.len;
            return;
        }
        entries.push_back(Entry::Range { file: slice.file.clone(), offset: slice.offset, remaining: slice.len });
    }

    /// Ends a body of which all was handed over: `tell` is called when the last of its ranges is sent.
    pub(crate) fn end(&self, bytes_sent: u64, tell: OnEnd) {
        let ending = Ending { tell: Some(tell), bytes_sent };
        let mut entries = self.entries();
        if entries.is_empty() {
            drop(entries);
            ending.reached();
        } else {
            entries.push_back(Entry::End(ending));
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Whether `visible` bytes of stand-ins, all that the HTTP library holds, are those noted here.
    pub(crate) fn agrees(&self, visible: u64) -> bool {
        self.noted_bytes() == visible
    }

    /// Bytes noted and not sent.
    pub(crate) fn noted_bytes(&self) -> u64 {
        self.entries()
            .iter()
            .map(|entry| match entry {
                Entry::Range { remaining, .. } => *remaining,
                Entry::End(_) => 0,
            })
            .sum()
    }

    /// The range to send next.
    pub(crate) fn next(&self) -> Option<FileSlice> {
        match self.entries().front() {
            Some(Entry::Range { file, offset, remaining }) => {
                Some(FileSlice { file: file.clone(), offset: *offset, len: *remaining })
            }
            _ => None,
        }
    }

    /// Counts bytes of the first range as sent, and tells those whose bodies end there.
    pub(crate) fn sent(&self, bytes: u64) {
        let mut reached = Vec::new();
        {
            let mut entries = self.entries();
            if let Some(Entry::Range { offset, remaining, .. }) = entries.front_mut() {
                *offset += bytes;
                *remaining = remaining.saturating_sub(bytes);
                if *remaining == 0 {
                    entries.pop_front();
                }
            }
            while matches!(entries.front(), Some(Entry::End(_))) {
                if let Some(Entry::End(ending)) = entries.pop_front() {
                    reached.push(ending);
                }
            }
        }
        // Told outside the lock: what they do is theirs.
        reached.into_iter().for_each(Ending::reached);
    }
}

#[cfg(test)]
mod tests;

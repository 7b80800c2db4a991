//! Disks at the ends of a stream. A thread of its own reads ahead or writes behind, so that disk and network work at the
//! same time, as they do in a transfer.

use super::counters::Book;

/// Fills blocks from a disk.
pub(super) struct Source(());

/// Takes blocks to a disk.
pub(super) struct Sink(());

/// Where the next block to be sent comes from.
pub(super) enum Fill {
    /// The same one again.
    Memory(Vec<u8>),
    /// A disk.
    #[allow(dead_code)]
    Disk(Source),
}

impl Fill {
    pub(super) fn memory(block_bytes: usize) -> Self {
        let mut block = vec![0; block_bytes];
        net::fill_random(&mut block);
        Self::Memory(block)
    }

    pub(super) fn next(&mut self, _book: &mut Book<'_>) -> Result<&[u8], String> {
        match self {
            Self::Memory(block) => Ok(block),
            Self::Disk(_) => Err("there is no disk".to_owned()),
        }
    }
}

impl From<Source> for Fill {
    fn from(source: Source) -> Self {
        Self::Disk(source)
    }
}

impl Sink {
    pub(super) fn room(&mut self, _book: &mut Book<'_>) -> Result<&mut [u8], String> {
        Err("there is no disk".to_owned())
    }

    pub(super) fn took(&mut self, _bytes: usize) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn finish(self, _book: &mut Book<'_>) -> Result<(), String> {
        Ok(())
    }
}

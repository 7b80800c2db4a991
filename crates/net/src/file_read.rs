//! Reading files from async threads without ever waiting for a disk on them.

use crate::pool::Buffer;
use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;

/// How much is read at once where bytes pass through our memory. From 32 to 512 KiB the cost of a byte was the same within
/// the noise; this much keeps a few pieces in a core's second-level cache on their way through TLS.
pub(crate) const PIECE_BYTES: usize = 128 << 10;

/// Ranges up to this size are read into memory even where sendfile could send them: one read and one write cost less than
/// a write of the head and a sendfile.
pub(crate) const SMALL_BYTES: u64 = 64 << 10;

/// How much of a file is handed to sendfile at once; what is checked for being in memory, and fetched if it is not.
pub(crate) const WINDOW_BYTES: u64 = 4 << 20;

/// How far apart residency is tested within a window. The page cache reads and drops neighbouring pages together, so a
/// few samples tell; a wrong guess costs a wait for the disk, not correctness.
const SAMPLE_BYTES: u64 = 512 << 10;

/// What an attempt without waiting gave.
pub(crate) enum Attempt {
    /// So many bytes; 0 is the end of the file.
    Read(usize),
    /// It must be fetched from the disk first.
    WouldWait,
}

/// Reads what is in memory already.
fn read_resident(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<Attempt> {
    loop {
        return match rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
            Ok(count) => Ok(Attempt::Read(count)),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(Attempt::WouldWait),
            Err(Errno::OPNOTSUPP) if lives_in_memory(file) => {
                loop_interrupted(|| file.read_at(buffer, offset)).map(Attempt::Read)
            }
            Err(Errno::OPNOTSUPP) => Ok(Attempt::WouldWait),
            Err(error) => Err(error.into()),
        };
    }
}

/// Whether the file system has no disk to wait for, as tmpfs, which refuses `RWF_NOWAIT`.
fn lives_in_memory(file: &File) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    rustix::fs::fstatfs(file).is_ok_and(|facts| matches!(facts.f_type as u64, TMPFS | RAMFS))
}

fn loop_interrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Reads up to [`PIECE_BYTES`] of `len` at `offset` if they are in memory; `None` if the disk must be waited for.
pub(crate) fn piece_resident(file: &File, offset: u64, len: u64) -> io::Result<Option<Bytes>> {
    read_piece(len, |buffer| match read_resident(file, buffer, offset)? {
        Attempt::Read(count) => Ok(Some(count)),
        Attempt::WouldWait => Ok(None),
    })
}

/// The same, waiting for the disk: only for blocking threads.
pub(crate) fn piece_waiting(file: &File, offset: u64, len: u64) -> io::Result<Bytes> {
    let piece = read_piece(len, |buffer| loop_interrupted(|| file.read_at(buffer, offset)).map(Some))?;
    piece.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn read_piece(len: u64, read: impl FnOnce(&mut [u8]) -> io::Result<Option<usize>>) -> io::Result<Option<Bytes>> {
    let len = len.min(PIECE_BYTES as u64) as usize;
    let (count, bytes) = if len as u64 <= SMALL_BYTES {
        let mut own = vec![0; len];
        let Some(count) = read(&mut own)? else { return Ok(None) };
        own.truncate(count);
        (count, Bytes::from(own))
    } else {
        let mut buffer = Buffer::take();
        let Some(count) = read(&mut buffer[..len])? else { return Ok(None) };
        (count, Bytes::from_owner(Filled { buffer, count }))
    };
    if count == 0 { Err(shorter()) } else { Ok(Some(bytes)) }
}

struct Filled {
    buffer: Buffer,
    count: usize,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.count]
    }
}

/// Whether a window is in memory, by samples. An error if the file ends before the window does.
pub(crate) fn window_resident(file: &File, offset: u64, len: u64) -> io::Result<bool> {
    let last = offset + len - 1;
    let samples = (offset..last).step_by(SAMPLE_BYTES as usize).chain([last]);
    for sample in samples {
        match read_resident(file, &mut [0], sample)? {
            Attempt::Read(0) => return Err(shorter()),
            Attempt::Read(_) => {}
            Attempt::WouldWait => return Ok(false),
        }
    }
    Ok(true)
}

/// Brings a window into memory, and asks the kernel to begin with the next: only for blocking threads.
pub(crate) fn fetch_window(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use rustix::fs::{Advice, fadvise};
    // Advice may be refused; reading below is what counts.
    let _ = fadvise(file, offset, std::num::NonZeroU64::new(len + WINDOW_BYTES), Advice::WillNeed);
    let mut buffer = Buffer::take();
    let mut done = 0;
    while done < len {
        let want = (len - done).min(PIECE_BYTES as u64) as usize;
        match loop_interrupted(|| file.read_at(&mut buffer[..want], offset + done))? {
            0 => return Err(shorter()),
            count => done += count as u64,
        }
    }
    Ok(())
}

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

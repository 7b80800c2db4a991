//! The one system call here that no safe wrapper offers.

use std::fs::File;
use std::os::fd::AsRawFd as _;

/// Asks the kernel to begin writing this range to disk now, without waiting for it (sync_file_range(2)). Only a hint: it
/// makes a later fsync short and promises nothing, so its failure is ignored.
pub(crate) fn begin_write_out(file: &File, offset: u64, length: u64) {
    let (Ok(offset), Ok(length)) = (i64::try_from(offset), i64::try_from(length)) else { return };
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and the call takes no pointers.
    #[allow(unsafe_code)]
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), offset, length, libc::SYNC_FILE_RANGE_WRITE);
    }
}

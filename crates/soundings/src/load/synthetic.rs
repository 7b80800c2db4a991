//! Bytes that come from no disk: the same everywhere, so that ranges fit together, and of no use to a compressor.

use bytes::Bytes;
use std::sync::OnceLock;

/// After so many bytes they begin again: more than one piece, and little beside a processor's cache.
const PERIOD: usize = 1 << 20;
/// Most bytes handed over at once: few enough for their rate to be even, and enough for calls to cost little.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// The piece of the endless row that begins at this offset, at most `most` bytes.
pub(super) fn piece(offset: u64, most: u64) -> Bytes {
    static ROW: OnceLock<Bytes> = OnceLock::new();
    let row = ROW.get_or_init(|| {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut row = Vec::with_capacity(PERIOD);
        while row.len() < PERIOD {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            row.extend_from_slice(&state.to_le_bytes());
        }
        row.into()
    });
    let begin = (offset % PERIOD as u64) as usize;
    let len = (PERIOD - begin).min(PIECE_BYTES).min(usize::try_from(most).unwrap_or(usize::MAX));
    row.slice(begin..begin + len)
}

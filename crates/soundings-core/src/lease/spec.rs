//! The numbers.

use core::time::Duration;

/// What tells a lease from all else on the measurement port: no tool begins so.
pub const FIRST: u8 = 0x01;

/// What a client sends while it holds or awaits a turn.
pub const ALIVE: u8 = 0x00;

/// How often it does.
pub const BEAT: Duration = Duration::from_secs(2);

/// A client that was silent for so long is gone: five beats, so that a path with loss does not end a lease.
pub const SILENCE: Duration = Duration::from_secs(10);

/// A frame: names and numbers only.
pub const FRAME_BYTES_MAX: usize = 16 << 10;

/// Characters of a name in a message.
pub const NAME_CHARACTERS: usize = 64;

/// Tests of others that are told to who waits.
pub const TOLD_MAX: usize = 16;

const _: () = assert!(SILENCE.as_secs() >= 3 * BEAT.as_secs());
const _: () = assert!(TOLD_MAX * (NAME_CHARACTERS * 2 * 6 + 128) < FRAME_BYTES_MAX, "what is told fits a frame");

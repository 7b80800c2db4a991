//! Numbers of the protocol, each with its reason.

use std::time::Duration;

/// The version that this program speaks. 1: the first.
pub const VERSION: u32 = 1;

/// Largest control message. Its length is a big-endian u32, so that the first octet of a connection is always 0.
pub const FRAME_BYTES_MAX: usize = 64 << 10;

/// Streams in one direction. As of iperf3; each costs a thread at both ends.
pub const STREAMS_MAX: u32 = 128;

/// Longest test: a day, as of iperf3.
pub const DURATION_MAX: Duration = Duration::from_secs(86_400);

/// Longest warm-up that is left out, as of iperf3.
pub const OMIT_MAX: Duration = Duration::from_secs(600);

/// Largest block given to the kernel at once.
pub const BLOCK_BYTES_MAX: u32 = 4 << 20;

/// Smallest: below this the calls would be measured and not the way.
pub const BLOCK_BYTES_MIN: u32 = 1 << 10;

/// What is given to the kernel at once when nothing else is said.
pub const BLOCK_BYTES: u32 = 128 << 10;

/// Characters of a cookie, without the NUL after it: as of iperf3, with which the port is shared.
pub const COOKIE_CHARACTERS: usize = 36;

/// The alphabet of cookies.
pub const COOKIE_ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// For each of the first messages: a person is not involved, only the way and two programs.
pub const MESSAGE_LIMIT: Duration = Duration::from_secs(10);

/// For all data streams to be there after the grant: 128 handshakes on a long, lossy way.
pub const STREAMS_LIMIT: Duration = Duration::from_secs(20);

/// For a far disk to get its scratch file ready.
pub const PREPARE_LIMIT: Duration = Duration::from_secs(60);

/// Who waits for a turn hears of it at least this often; the same holds for progress while a test runs, by 1 s.
pub const WAIT_EVERY: Duration = Duration::from_secs(5);

/// Both ends say how far they are this often.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// A peer that says nothing for so long while a test runs is gone: ten reports are missing then.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// After the last moment of a test: for what is still on its way, and in queues.
pub const DRAIN_MAX: Duration = Duration::from_secs(3);

/// After the data: for the figures of both ends.
pub const RESULTS_LIMIT: Duration = Duration::from_secs(15);

/// Most samples that one end keeps and sends of one test, all streams together: some 8 MiB of JSON.
pub const SAMPLES_MAX: usize = 20_000;

/// The shortest time between two samples of a stream.
pub const SAMPLE_EVERY_MIN: Duration = Duration::from_millis(50);

/// Between two samples when the test is not short.
pub const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// A sender may be so far above its rate before it is cut: kernels pace whole bursts, and counts lag by a sample.
pub const RATE_TOLERANCE: f64 = 1.25;

/// What a sender may send at once without regard to its rate: what buffers hold before anything is paced.
pub const RATE_BURST_BYTES: u64 = 16 << 20;

/// How often a stream is sampled, given how long the test takes with its warm-up and how many streams there are at this
/// end, so that [`SAMPLES_MAX`] holds.
pub fn sample_every(total: Duration, streams: usize) -> Duration {
    let floor = if total <= Duration::from_secs(10) { SAMPLE_EVERY_MIN } else { SAMPLE_EVERY };
    // Half of the bound: the moments at which a window begins and ends are sampled besides.
    let each = (SAMPLES_MAX / 2 / streams.max(1)).max(1);
    floor.max(total / u32::try_from(each).unwrap_or(u32::MAX))
}

const _: () = assert!(FRAME_BYTES_MAX <= 0x00ff_ffff, "the first octet of a length must be 0");

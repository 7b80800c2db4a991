//! The numbers of the document.

use std::time::Duration;

/// The subprotocol ("Protocol description").
pub const SUBPROTOCOL: &str = "net.measurementlab.ndt.v7";

/// Where a download is asked for.
pub const DOWNLOAD_PATH: &str = "/ndt/v7/download";

/// Where an upload is asked for.
pub const UPLOAD_PATH: &str = "/ndt/v7/upload";

/// Smallest binary message that is sent.
pub const MESSAGE_BYTES_MIN: usize = 1 << 10;

/// With which size a sender begins.
pub const MESSAGE_BYTES_FIRST: usize = 1 << 13;

/// Largest binary message that must be taken.
pub const MESSAGE_BYTES_MAX: usize = 1 << 24;

/// Largest that we send. Beyond it nothing is gained, and a message must be through before a measurement can follow.
pub const MESSAGE_BYTES_OURS: usize = 1 << 20;

/// A message may have this part of all that was sent before it.
pub const SCALING_FRACTION: u64 = 16;

/// How long a sender sends.
pub const RUN: Duration = Duration::from_secs(10);

/// When either side may give a test up.
pub const PATIENCE: Duration = Duration::from_secs(13);

/// When the server does, whatever happens: the reference server's bound.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// Measurements of the server come apart by an exponential of this mean …
pub const SPACING_MEAN: Duration = Duration::from_millis(250);

/// … of which none is shorter …
pub const SPACING_MIN: Duration = Duration::from_millis(25);

/// … and none longer.
pub const SPACING_MAX: Duration = Duration::from_millis(625);

/// Longest query ("Query string parameters"), octets.
pub const QUERY_BYTES_MAX: usize = 4096;

/// Names that are the server's begin so; those of a client are passed over.
pub const SERVER_PREFIX: &str = "server_";

/// The one size in megabytes after which a client may have a download end.
pub const EARLY_EXIT_MEGABYTES: u64 = 250;

/// A text message is a measurement of some 1.5 KB; four times that is no measurement.
pub const TEXT_BYTES_MAX: usize = 8 << 10;

/// Messages that are no data (texts, pings, empty binaries) which a peer may send at once …
pub const CHATTER_BURST: u64 = 50;

/// … and beyond that in each second; the document asks for ten at most.
pub const CHATTER_PER_SECOND: u64 = 20;

const _: () = assert!(MESSAGE_BYTES_MIN <= MESSAGE_BYTES_FIRST && MESSAGE_BYTES_OURS <= MESSAGE_BYTES_MAX);
const _: () = assert!(RUN.as_secs() < PATIENCE.as_secs() && PATIENCE.as_secs() < DEADLINE.as_secs());

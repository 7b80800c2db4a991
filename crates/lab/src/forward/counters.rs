//! What one direction of a link has carried and dropped, readable while it runs. One thread writes, anyone reads.

use crate::impair::Why;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lateness is kept in classes of a factor of 2: the first is below 1 µs, the last above 4 s.
const CLASSES: usize = 24;

/// The numbers as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) taken_packets: AtomicU64,
    pub(super) taken_bytes: AtomicU64,
    pub(super) delivered_packets: AtomicU64,
    pub(super) delivered_bytes: AtomicU64,
    pub(super) dropped_by_queue: AtomicU64,
    pub(super) dropped_by_loss: AtomicU64,
    pub(super) dropped_by_burst: AtomicU64,
    pub(super) dropped_while_down: AtomicU64,
    pub(super) dropped_as_too_big: AtomicU64,
    pub(super) dropped_for_memory: AtomicU64,
    pub(super) refused_by_kernel: AtomicU64,
    pub(super) duplicated: AtomicU64,
    pub(super) corrupted: AtomicU64,
    pub(super) overtaken: AtomicU64,
    pub(super) queue_now_bytes: AtomicU64,
    pub(super) queue_max_bytes: AtomicU64,
    pub(super) held_bytes: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) late: [AtomicU64; CLASSES],
    pub(super) late_max_ns: AtomicU64,
}

/// Adds to a number that this thread alone writes.
pub(super) fn add(number: &AtomicU64, by: u64) {
    number.store(number.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

/// Raises a number that this thread alone writes.
pub(super) fn raise(number: &AtomicU64, to: u64) {
    if number.load(Ordering::Relaxed) < to {
        number.store(to, Ordering::Relaxed);
    }
}

impl Counters {
    pub(super) fn dropped(&self, why: Why) -> &AtomicU64 {
        match why {
            Why::Queue => &self.dropped_by_queue,
            Why::Loss => &self.dropped_by_loss,
            Why::Burst => &self.dropped_by_burst,
            Why::Down => &self.dropped_while_down,
            Why::TooBig => &self.dropped_as_too_big,
        }
    }

    /// A packet was handed over so long after its time.
    pub(super) fn late_by(&self, late: Duration) {
        let ns = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        let class = (64 - (ns / 1000).leading_zeros() as usize).min(CLASSES - 1);
        add(&self.late[class], 1);
        raise(&self.late_max_ns, ns);
    }

    /// All numbers at about one moment.
    pub(crate) fn read(&self) -> Carried {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let late: Vec<u64> = self.late.iter().map(read).collect();
        Carried {
            taken_packets: read(&self.taken_packets),
            taken_bytes: read(&self.taken_bytes),
            missed_packets: None,
            delivered_packets: read(&self.delivered_packets),
            delivered_bytes: read(&self.delivered_bytes),
            dropped: Dropped {
                queue: read(&self.dropped_by_queue),
                loss: read(&self.dropped_by_loss),
                burst: read(&self.dropped_by_burst),
                down: read(&self.dropped_while_down),
                too_big: read(&self.dropped_as_too_big),
                memory: read(&self.dropped_for_memory),
                kernel: read(&self.refused_by_kernel),
            },
            duplicated_packets: read(&self.duplicated),
            corrupted_packets: read(&self.corrupted),
            overtaken_packets: read(&self.overtaken),
            queue_now_bytes: read(&self.queue_now_bytes),
            queue_max_bytes: read(&self.queue_max_bytes),
            held_bytes: read(&self.held_bytes),
            reads: read(&self.reads),
            writes: read(&self.writes),
            late_p50_us: quantile(&late, 0.5),
            late_p99_us: quantile(&late, 0.99),
            late_max_us: late.iter().any(|count| *count > 0).then(|| read(&self.late_max_ns) as f64 / 1000.0),
        }
    }
}

/// The upper end of the class that holds this share of all, in microseconds.
fn quantile(classes: &[u64], share: f64) -> Option<f64> {
    let all: u64 = classes.iter().sum();
    let mut below = 0;
    let class = classes.iter().position(|count| {
        below += count;
        all > 0 && below as f64 >= share * all as f64
    })?;
    Some((1_u64 << class) as f64)
}

/// What one direction of a link has carried since it is up. Packets are those of the wire, octets those of IP.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Carried {
    /// Taken from the near end.
    pub taken_packets: u64,
    /// Their octets.
    pub taken_bytes: u64,
    /// Packets, or trains of them, that the near device could not keep until the link took them: none, unless the machine has too
    /// much to do. They are in no other figure.
    pub missed_packets: Option<u64>,
    /// Handed to the far end.
    pub delivered_packets: u64,
    /// Their octets.
    pub delivered_bytes: u64,
    /// Not delivered, by reason.
    pub dropped: Dropped,
    /// Delivered twice.
    pub duplicated_packets: u64,
    /// Delivered with a wrong bit.
    pub corrupted_packets: u64,
    /// Packets that arrive before one that was sent earlier.
    pub overtaken_packets: u64,
    /// Waiting behind the rate when the last packet came.
    pub queue_now_bytes: u64,
    /// The most that ever waited.
    pub queue_max_bytes: u64,
    /// Held in memory now: on its way.
    pub held_bytes: u64,
    /// Reads that brought them: fewer than packets where the kernel left segmentation to us.
    pub reads: u64,
    /// Writes that delivered them.
    pub writes: u64,
    /// How late packets were handed over, measured against their time: half of them no later than this, in microseconds,
    /// to a factor of 2. The lab's own error.
    pub late_p50_us: Option<f64>,
    /// Likewise, 99 of 100.
    pub late_p99_us: Option<f64>,
    /// Likewise, all; exact.
    pub late_max_us: Option<f64>,
}

/// Packets that did not arrive.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Dropped {
    /// The queue was full.
    pub queue: u64,
    /// Lost on the way, each by itself.
    pub loss: u64,
    /// Lost on the way in bursts.
    pub burst: u64,
    /// The link was down.
    pub down: u64,
    /// Bigger than a black hole lets through.
    pub too_big: u64,
    /// More was on its way than this program holds.
    pub memory: u64,
    /// The kernel of the far end did not take them: its device was down.
    pub kernel: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.queue + self.loss + self.burst + self.down + self.too_big + self.memory + self.kernel
    }
}

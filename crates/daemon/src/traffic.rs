//! What the door counted, in the daemon's words.

use crate::metrics::Readings;
use crate::running::WhoIsTold;
use api::{Direction, TransferAnswer};
use port::door::Traffic;
use port::door::traffic::{GROUP_SIZES, Outcome, Transfer};
use std::sync::atomic::Ordering::Relaxed;

/// The transfers' part of the metrics page.
pub(crate) fn readings(traffic: &Traffic) -> Readings {
    // The last class has no bound of its own.
    let bounds = GROUP_SIZES[..GROUP_SIZES.len() - 1].to_vec();
    Readings {
        received_bytes: traffic.received_bytes.load(Relaxed),
        sent_bytes: traffic.sent_bytes.load(Relaxed),
        transfers_active: traffic.active_receiving.load(Relaxed) + traffic.active_sending.load(Relaxed),
        digest_mismatches: traffic.digest_mismatches.load(Relaxed),
        publish_groups: (bounds, traffic.group_sizes().to_vec(), traffic.grouped_files.load(Relaxed)),
        ..Readings::default()
    }
}

/// One transfer that ended, for a caller who may see its path.
pub(crate) fn answer(transfer: Transfer, told: &WhoIsTold) -> TransferAnswer {
    TransferAnswer {
        path: transfer.path.to_string(),
        direction: if transfer.verb == "GET" { Direction::Out } else { Direction::In },
        bytes: transfer.bytes,
        duration_seconds: transfer.duration.as_secs_f64(),
        ended: transfer.ended.to_string(),
        peer: transfer.peer.filter(|_| told.is_all()).map(|peer| peer.to_string()),
        principal: told.of(transfer.who),
        complete: transfer.outcome == Outcome::Complete,
    }
}

//! The throughput of the last minutes, for the first page.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One sample each.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// Ten minutes, at 16 bytes each.
pub(crate) const SAMPLES: usize = 120;

/// Bytes received and sent in each of the last intervals.
#[derive(Default)]
pub(crate) struct Sampler {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: Option<(u64, u64)>,
    samples: VecDeque<(u64, u64)>,
}

impl Sampler {
    /// Takes the counters' values at the end of an interval.
    pub(crate) fn sample(&self, received_bytes: u64, sent_bytes: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((received, sent)) = inner.last.replace((received_bytes, sent_bytes)) {
            inner.samples.push_back((received_bytes.saturating_sub(received), sent_bytes.saturating_sub(sent)));
            if inner.samples.len() > SAMPLES {
                inner.samples.pop_front();
            }
        }
    }

    /// Bits per second of each interval, oldest first: received, sent.
    pub(crate) fn rates(&self) -> Vec<(f64, f64)> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = |bytes: u64| bytes as f64 * 8.0 / SAMPLE_INTERVAL.as_secs_f64();
        inner.samples.iter().map(|(received, sent)| (rate(*received), rate(*sent))).collect()
    }
}

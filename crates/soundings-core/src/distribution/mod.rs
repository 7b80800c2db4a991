//! How long things took: all of it, not only the mean. Two distributions of two hosts can be added, and nothing is lost.
//!
//! Kept as a histogram with high dynamic range: each value to three significant digits, from nanoseconds to hours, in some
//! ten KiB. Smallest and largest are exact.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod drawn;

pub use drawn::{span, span_short};

/// Significant digits of a value: 0.1 %.
const DIGITS: u8 = 3;
/// Longest span that is told from others; anything longer counts as this.
const LONGEST: Duration = Duration::from_secs(86_400);
/// What a foreign report may hold at most: more than a histogram of three digits has between 1 ns and a day.
const BUCKETS_MAX: usize = 60_000;

/// A distribution of spans of time.
#[derive(Clone)]
pub struct Distribution {
    histogram: Histogram<u64>,
    least: Duration,
    most: Duration,
    sum_seconds: f64,
    sum_of_squares: f64,
}

/// What people look at first. All spans are in seconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// The smallest.
    #[serde(rename = "minimum_seconds")]
    pub minimum: f64,
    /// Half are below.
    #[serde(rename = "median_seconds")]
    pub median: f64,
    /// Nine of ten are below.
    #[serde(rename = "p90_seconds")]
    pub p90: f64,
    /// 99 of 100 are below.
    #[serde(rename = "p99_seconds")]
    pub p99: f64,
    /// 999 of 1,000 are below.
    #[serde(rename = "p999_seconds")]
    pub p999: f64,
    /// The largest.
    #[serde(rename = "maximum_seconds")]
    pub maximum: f64,
    /// The arithmetic mean.
    #[serde(rename = "mean_seconds")]
    pub mean: f64,
    /// The standard deviation.
    #[serde(rename = "deviation_seconds")]
    pub deviation: f64,
}

/// A distribution as it travels: what another host's is added from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Buckets {
    /// The summary, for those who only read.
    #[serde(flatten)]
    pub summary: Summary,
    /// Value in nanoseconds, to three digits, and how often it was seen; ascending.
    pub buckets: Vec<(u64, u64)>,
}

/// Why buckets of another host are not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadBuckets {
    /// There are more than a distribution can have.
    #[error("it has {0} buckets, more than a distribution can have")]
    TooMany(usize),
    /// What they count is not what the summary says.
    #[error("its buckets count {found}, its summary says {told}")]
    Disagree {
        /// The sum over the buckets.
        found: u64,
        /// In the summary.
        told: u64,
    },
    /// A number that is none.
    #[error("its summary has a number that is not finite or below 0")]
    NotNumbers,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::new()
    }
}

impl Distribution {
    /// Without values.
    #[allow(clippy::missing_panics_doc, reason = "three digits are allowed")]
    pub fn new() -> Self {
        let mut histogram = Histogram::new(DIGITS).expect("hdrhistogram takes 0 to 5 digits");
        histogram.auto(true);
        Self { histogram, least: Duration::MAX, most: Duration::ZERO, sum_seconds: 0.0, sum_of_squares: 0.0 }
    }

    /// One more value.
    pub fn record(&mut self, span: Duration) {
        self.put(nanoseconds(span), 1);
        self.least = self.least.min(span);
        self.most = self.most.max(span);
        self.sum_seconds += span.as_secs_f64();
        self.sum_of_squares += span.as_secs_f64().powi(2);
    }

    /// The values of another one, too.
    pub fn add(&mut self, other: &Self) {
        for value in other.histogram.iter_recorded() {
            self.put(value.value_iterated_to(), value.count_at_value());
        }
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.sum_seconds += other.sum_seconds;
        self.sum_of_squares += other.sum_of_squares;
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The value below which this part of all values is: 0.5 is the median. `None` without values.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        if self.histogram.is_empty() {
            return None;
        }
        // The histogram answers with the upper end of a bucket: no value is beyond the largest.
        let value = Duration::from_nanos(self.histogram.value_at_quantile(part));
        Some(value.clamp(self.least, self.most))
    }

    /// The smallest value.
    pub fn least(&self) -> Option<Duration> {
        (!self.histogram.is_empty()).then_some(self.least)
    }

    /// The largest value.
    pub fn most(&self) -> Option<Duration> {
        (!self.histogram.is_empty()).then_some(self.most)
    }

    /// The figures that people look at; `None` without values.
    pub fn summary(&self) -> Option<Summary> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let at = |part| self.quantile(part).unwrap_or_default().as_secs_f64();
        let mean = self.sum_seconds / count as f64;
        let variance = (self.sum_of_squares / count as f64 - mean * mean).max(0.0);
        Some(Summary {
            count,
            minimum: self.least.as_secs_f64(),
            median: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            maximum: self.most.as_secs_f64(),
            mean,
            deviation: variance.sqrt(),
        })
    }

    /// As it travels; `None` without values.
    pub fn buckets(&self) -> Option<Buckets> {
        let buckets =
            self.histogram.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value())).collect();
        Some(Buckets { summary: self.summary()?, buckets })
    }

    fn put(&mut self, value: u64, count: u64) {
        // It grows by itself, and nothing is beyond LONGEST.
        let _ = self.histogram.record_n(value.min(nanoseconds(LONGEST)), count);
    }
}

impl TryFrom<&Buckets> for Distribution {
    type Error = BadBuckets;

    fn try_from(told: &Buckets) -> Result<Self, BadBuckets> {
        let Summary { count, minimum, maximum, mean, deviation, .. } = told.summary;
        if told.buckets.len() > BUCKETS_MAX {
            return Err(BadBuckets::TooMany(told.buckets.len()));
        }
        let found = told.buckets.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        if found != count || count == 0 {
            return Err(BadBuckets::Disagree { found, told: count });
        }
        let longest = LONGEST.as_secs_f64();
        if [minimum, maximum, mean, deviation].iter().any(|number| !(0.0..=longest).contains(number)) {
            return Err(BadBuckets::NotNumbers);
        }
        let mut distribution = Self::new();
        for (value, count) in &told.buckets {
            distribution.put(*value, *count);
        }
        distribution.least = Duration::from_secs_f64(minimum);
        distribution.most = Duration::from_secs_f64(maximum.max(minimum));
        distribution.sum_seconds = mean * count as f64;
        distribution.sum_of_squares = (deviation * deviation + mean * mean) * count as f64;
        Ok(distribution)
    }
}

impl std::fmt::Debug for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Distribution").field(&self.summary()).finish()
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests;

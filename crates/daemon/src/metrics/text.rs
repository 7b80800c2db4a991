//! The Prometheus text format, version 0.0.4. Most values are read when they are asked for, so that what is needed of a
//! metrics library is this page; the one at hand writes OpenMetrics, whose counters `promtool check metrics` refuses.

use std::fmt::Write as _;

/// One metric: name, kind and meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Metric {
    /// With its unit; a counter ends in `_total`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// One sentence.
    pub(crate) help: &'static str,
}

/// What a metric's values do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A page being written.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// Begins a metric; its samples follow.
    pub(crate) fn metric(&mut self, metric: Metric) {
        let Metric { name, kind, help } = metric;
        // Writing into memory cannot fail, here and below.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
    }

    /// One sample of the metric begun last.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{escaped}\"", if at == 0 { '{' } else { ',' });
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }

    /// A metric with one sample.
    pub(crate) fn single(&mut self, metric: Metric, value: f64) {
        self.metric(metric);
        self.sample(metric.name, &[], value);
    }

    /// A histogram: counts of values up to each bound (not cumulative; the last is beyond all bounds) and their sum.
    pub(crate) fn histogram(&mut self, metric: Metric, bounds: &[u64], counts: &[u64], sum: u64) {
        self.metric(metric);
        let bucket = format!("{}_bucket", metric.name);
        let mut total = 0;
        for (at, count) in counts.iter().enumerate() {
            total += count;
            let bound = bounds.get(at).map_or_else(|| "+Inf".to_owned(), u64::to_string);
            self.sample(&bucket, &[("le", &bound)], total as f64);
        }
        self.sample(&format!("{}_sum", metric.name), &[], sum as f64);
        self.sample(&format!("{}_count", metric.name), &[], total as f64);
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

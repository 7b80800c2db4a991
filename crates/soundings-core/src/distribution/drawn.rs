//! A distribution for the eye.

use super::Distribution;
use std::time::Duration;

/// Widest bar, characters.
const BAR: usize = 40;
/// Steps of one factor of ten: spans differ by factors, so the classes do.
const STEPS: [u64; 4] = [100, 178, 316, 562];

impl Distribution {
    /// A line for each class of values, four classes for each factor of ten, with its count as a bar. Classes without
    /// values are shown only between others.
    pub fn drawn(&self) -> Vec<String> {
        let mut classes: Vec<(u64, u64)> = Vec::new();
        for value in self.histogram.iter_recorded() {
            let begin = class_of(value.value_iterated_to());
            match classes.last_mut() {
                Some((last, count)) if *last == begin => *count += value.count_at_value(),
                _ => {
                    let gap = classes.last().map(|(last, _)| *last);
                    let mut next = gap.map_or(begin, end_of);
                    while next < begin {
                        classes.push((next, 0));
                        next = end_of(next);
                    }
                    classes.push((begin, value.count_at_value()));
                }
            }
        }
        let most = classes.iter().map(|(_, count)| *count).max().unwrap_or(1);
        let line = |(begin, count): &(u64, u64)| {
            let width = (*count as f64 / most as f64 * BAR as f64).ceil() as usize;
            let class = format!("{} – {}", nanos(*begin), nanos(end_of(*begin)));
            format!("{class:>19}  {count:>7}  {}", "█".repeat(width)).trim_end().to_owned()
        };
        classes.iter().map(line).collect()
    }
}

/// Where the class of this value begins, nanoseconds.
pub(super) fn class_of(value: u64) -> u64 {
    let mut decade = 1;
    while decade * 1_000 <= value && decade < 1_000_000_000_000_000 {
        decade *= 10;
    }
    // From 100 ns on; what is below is one class.
    STEPS.iter().rev().map(|step| step * decade).find(|begin| *begin <= value).unwrap_or(0)
}

pub(super) fn end_of(begin: u64) -> u64 {
    if begin == 0 {
        return STEPS[0];
    }
    let mut decade = 1;
    while decade * 1_000 <= begin {
        decade *= 10;
    }
    let next = STEPS.iter().map(|step| step * decade).find(|step| *step > begin);
    next.unwrap_or(STEPS[0] * decade * 10)
}

fn nanos(value: u64) -> String {
    span_short(Duration::from_nanos(value))
}

/// A span with three digits and its unit: `1.23 ms`.
pub fn span(span: Duration) -> String {
    let nanos = span.as_nanos() as f64;
    let (value, unit) = match nanos {
        nanos if nanos < 1e3 => (nanos, "ns"),
        nanos if nanos < 1e6 => (nanos / 1e3, "µs"),
        nanos if nanos < 1e9 => (nanos / 1e6, "ms"),
        nanos => (nanos / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// The same without digits that say nothing: `1 ms`, `1.78 ms`.
pub fn span_short(value: Duration) -> String {
    let text = span(value);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

use super::*;
use proptest::prelude::*;

fn of(micros: impl IntoIterator<Item = u64>) -> Distribution {
    let mut distribution = Distribution::new();
    for micros in micros {
        distribution.record(Duration::from_micros(micros));
    }
    distribution
}

#[test]
fn the_figures_are_those_of_the_values() {
    let summary = of(1..=1000).summary().unwrap();
    assert_eq!(summary.count, 1000);
    assert_eq!((summary.minimum, summary.maximum), (1e-6, 1e-3));
    for (found, wanted) in [(summary.median, 500e-6), (summary.p90, 900e-6), (summary.p99, 990e-6)] {
        assert!((found / wanted - 1.0).abs() < 0.001, "{found} for {wanted}");
    }
    assert!((summary.mean - 500.5e-6).abs() < 1e-12);
    assert!((summary.deviation - 288.675e-6).abs() < 1e-8, "{}", summary.deviation);
}

#[test]
fn without_values_there_are_no_figures() {
    let none = Distribution::new();
    assert_eq!((none.summary(), none.quantile(0.5), none.least(), none.most()), (None, None, None, None));
    assert!(none.buckets().is_none());
    assert!(none.drawn().is_empty());
    let mut one = of([7]);
    one.add(&none);
    assert_eq!(one.least(), Some(Duration::from_micros(7)));
}

#[test]
fn what_another_host_tells_is_checked() {
    let good = of([10, 20, 30]).buckets().unwrap();
    let mut more = good.clone();
    more.buckets.push((1, 1));
    assert_eq!(Distribution::try_from(&more).unwrap_err(), BadBuckets::Disagree { found: 4, told: 3 });
    let mut odd = good.clone();
    odd.summary.mean = f64::NAN;
    assert_eq!(Distribution::try_from(&odd).unwrap_err(), BadBuckets::NotNumbers);
    let mut far = good;
    far.summary.maximum = 1e300;
    assert_eq!(Distribution::try_from(&far).unwrap_err(), BadBuckets::NotNumbers);
    let mut huge = of([1]).buckets().unwrap();
    huge.buckets = (0..=BUCKETS_MAX as u64).map(|value| (value, 1)).collect();
    assert_eq!(Distribution::try_from(&huge).unwrap_err(), BadBuckets::TooMany(BUCKETS_MAX + 1));
}

#[test]
fn it_is_drawn_in_classes_with_gaps() {
    let drawn = of([100, 110, 120, 200, 1_100]).drawn().join("\n");
    let wanted = "    100 µs – 178 µs        3  ████████████████████████████████████████\n    \
                  178 µs – 316 µs        1  ██████████████\n    \
                  316 µs – 562 µs        0\n      \
                  562 µs – 1 ms        0\n     \
                  1 ms – 1.78 ms        1  ██████████████";
    assert_eq!(drawn, wanted);
}

#[test]
fn spans_have_three_digits() {
    let shown = |nanos| span(Duration::from_nanos(nanos));
    assert_eq!(shown(999), "999 ns");
    assert_eq!(shown(1_234), "1.23 µs");
    assert_eq!(shown(110_200_000), "110 ms");
    assert_eq!(shown(61_250_000_000), "61.2 s");
}

proptest! {
    /// Adding what travelled is adding the values themselves, to the digits that are kept.
    #[test]
    fn adding_buckets_is_adding_values(
        here in proptest::collection::vec(1_u64..10_000_000, 1..60),
        there in proptest::collection::vec(1_u64..10_000_000, 1..60),
    ) {
        let text = serde_json::to_string(&of(there.clone()).buckets().unwrap()).unwrap();
        let travelled: Buckets = serde_json::from_str(&text).unwrap();
        let mut added = of(here.clone());
        added.add(&Distribution::try_from(&travelled).unwrap());
        let all = of(here.into_iter().chain(there));
        let (found, wanted) = (added.summary().unwrap(), all.summary().unwrap());
        prop_assert_eq!(found.count, wanted.count);
        for (found, wanted) in [
            (found.minimum, wanted.minimum), (found.maximum, wanted.maximum), (found.mean, wanted.mean),
            (found.median, wanted.median), (found.p99, wanted.p99),
        ] {
            prop_assert!((found / wanted - 1.0).abs() < 0.002, "{} for {}", found, wanted);
        }
    }

    /// Every value is in the class that the drawing names.
    #[test]
    fn classes_hold_their_values(value in 0_u64..100_000_000_000_000) {
        let begin = super::drawn::class_of(value);
        prop_assert!(begin <= value);
        prop_assert!(value < super::drawn::end_of(begin), "{} in {}..{}", value, begin, super::drawn::end_of(begin));
    }
}

//! An impairment is held against a queue written out at length, against the intervals that its probabilities allow, and
//! against itself.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use terms::{ByteSize, Rate};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Packets as they come: how long after the one before, and how big.
fn arrivals() -> impl Strategy<Value = Vec<(u64, u32)>> {
    prop::collection::vec((0..40_000_u64, 40..1_500_u32), 1..400)
}

fn delivered(runs: &[Run]) -> Option<Duration> {
    match runs {
        [Run { fate: Fate::Deliver { at, .. }, .. }] => Some(*at),
        _ => None,
    }
}

/// A queue that keeps packets and a wire that takes one at a time, moved nanosecond by nanosecond from event to event.
struct Reference {
    rate: u64,
    room: u64,
    waiting: VecDeque<(usize, u32)>,
    sending: Option<(usize, f64)>,
    sent: Vec<(usize, f64)>,
}

impl Reference {
    fn run_until(&mut self, now: f64) {
        while let Some((place, end)) = self.sending
            && end <= now
        {
            self.sent.push((place, end));
            self.sending = self.waiting.pop_front().map(|(next, bytes)| (next, end + self.time(bytes)));
        }
    }

    fn arrive(&mut self, now: f64, place: usize, bytes: u32) -> bool {
        self.run_until(now);
        if self.sending.is_none() {
            self.sending = Some((place, now + self.time(bytes)));
            return true;
        }
        let waiting: u64 = self.waiting.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
        if waiting + u64::from(bytes) > self.room {
            return false;
        }
        self.waiting.push_back((place, bytes));
        true
    }

    fn time(&self, bytes: u32) -> f64 {
        f64::from(bytes) * 8e9 / self.rate as f64
    }
}

proptest! {
    #[test]
    fn the_queue_drops_what_a_queue_would_drop_and_sends_when_it_would(
        packets in arrivals(), nanoseconds_for_an_octet in whole(), room in 1_500_u64..30_000,
    ) {
        let rate = 8_000_000_000 / nanoseconds_for_an_octet;
        let direction = Direction { rate: Some(Rate(rate)), queue: ByteSize(room), ..Direction::default() };
        let mut impairment = Impairment::new(&direction, 1);
        let mut reference =
            Reference { rate, room, waiting: VecDeque::new(), sending: None, sent: Vec::new() };
        let (mut now, mut ours) = (0, Vec::new());
        for (place, (gap, bytes)) in packets.iter().enumerate() {
            now += gap;
            let at = delivered(impairment.admit(Duration::from_nanos(now), Train::single(*bytes)));
            let taken = reference.arrive(now as f64, place, *bytes);
            prop_assert_eq!(at.is_some(), taken, "packet {} at {} ns", place, now);
            if let Some(at) = at {
                ours.push((place, at));
            }
            let waiting: u64 = reference.waiting.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
            prop_assert_eq!(impairment.backlog_bytes(Duration::from_nanos(now)), waiting);
            prop_assert!(waiting <= room);
        }
        reference.run_until(f64::INFINITY);
        prop_assert_eq!(ours.len(), reference.sent.len());
        for ((ours, at), (theirs, end)) in ours.iter().zip(&reference.sent) {
            prop_assert_eq!(ours, theirs);
            prop_assert!((at.as_nanos() as f64 - end).abs() < 2.0, "{at:?} {end}");
        }
    }

    #[test]
    fn a_full_link_sends_at_its_rate(
        rate in 1_000_000_u64..20_000_000_000, bytes in 100_u32..9_000, overhead_bytes in 0_u32..40,
    ) {
        let direction =
            Direction { rate: Some(Rate(rate)), queue: ByteSize(1 << 40), overhead_bytes, ..Direction::default() };
        let mut impairment = Impairment::new(&direction, 1);
        let train = Train { segments: 40, each_bytes: bytes, last_bytes: bytes };
        let last = (0..50).filter_map(|_| delivered(impairment.admit(Duration::ZERO, train))).max();
        let seconds = last.unwrap().as_secs_f64();
        let expected = 2_000.0 * f64::from(bytes + overhead_bytes) * 8.0 / rate as f64;
        prop_assert!((seconds / expected - 1.0).abs() < 1e-4, "{seconds} s instead of {expected}");
    }

    #[test]
    fn order_is_kept_when_it_is_asked_for(
        packets in arrivals(), spread in 1_u64..50, distribution in distributions(), rate in prop::option::of(1_u64..100),
    ) {
        let jitter = Jitter { spread: MILLISECOND * spread as u32, distribution, keeps_order: true };
        let rate = rate.map(|rate| Rate(rate * 1_000_000));
        let direction = Direction {
            rate, queue: ByteSize(1 << 30), delay: MILLISECOND * 20, jitter: Some(jitter), ..Direction::default()
        };
        let mut impairment = Impairment::new(&direction, spread);
        let (mut now, mut latest) = (Duration::ZERO, Duration::ZERO);
        for (gap, bytes) in packets {
            now += Duration::from_nanos(gap);
            let at = delivered(impairment.admit(now, Train::single(bytes))).unwrap();
            prop_assert!(at >= latest && at >= now);
            latest = at;
        }
    }

    #[test]
    fn the_same_packets_meet_the_same_fates(packets in arrivals(), seed: u64, segments in 1_u32..45) {
        let run = |seed| {
            let mut impairment = Impairment::new(&everything(), seed);
            let mut now = Duration::ZERO;
            let fates = packets.iter().map(|(gap, bytes)| {
                now += Duration::from_nanos(*gap);
                let train = Train { segments, each_bytes: *bytes, last_bytes: *bytes };
                impairment.admit(now, train).to_vec()
            });
            fates.collect::<Vec<_>>()
        };
        prop_assert_eq!(run(seed), run(seed));
    }

    #[test]
    fn runs_cover_a_train_without_gaps_and_split_it_as_single_packets_fare(
        seed: u64, segments in 1_u32..45, each_bytes in 100_u32..1_500,
    ) {
        let train = Train { segments, each_bytes, last_bytes: each_bytes / 2 };
        let (mut together, mut alone) = (Impairment::new(&everything(), seed), Impairment::new(&everything(), seed));
        for round in 0..20 {
            let now = MILLISECOND * round;
            let runs = together.admit(now, train).to_vec();
            let mut next = 0;
            for run in &runs {
                prop_assert_eq!(run.segments.start, next);
                prop_assert!(run.segments.end > next);
                next = run.segments.end;
                for place in run.segments.clone() {
                    let bytes = if place + 1 == segments { train.last_bytes } else { each_bytes };
                    let single = alone.admit(now, Train::single(bytes))[0].fate;
                    match (single, run.fate) {
                        (Fate::Deliver { at, again: None, corrupt: None },
                         Fate::Deliver { at: whole, again: None, corrupt: None }) => prop_assert!(at <= whole),
                        (single, whole) => prop_assert_eq!(single, whole),
                    }
                }
            }
            prop_assert_eq!(next, segments);
        }
    }
}

/// Divisors of 8,000,000,000: with them the two cannot round apart.
fn whole() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![1_u64, 2, 4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 80, 100, 125, 200, 500, 1_000, 2_000])
}

fn distributions() -> impl Strategy<Value = Distribution> {
    prop::sample::select(vec![
        Distribution::Uniform,
        Distribution::Normal,
        Distribution::Exponential,
        Distribution::Pareto,
        Distribution::ParetoNormal,
    ])
}

/// A direction that does everything at once.
fn everything() -> Direction {
    Direction {
        rate: Some(Rate(1_000_000_000)),
        queue: ByteSize(200_000),
        delay: MILLISECOND * 5,
        loss: Loss {
            independent: 0.01,
            bursty: Some(GilbertElliott { p: 0.01, r: 0.3, loss_in_bad: 0.9, loss_in_good: 0.001 }),
        },
        reorder: Some(Reorder { probability: 0.02, by: MILLISECOND, gap: 2 }),
        duplicate: 0.02,
        corrupt: 0.02,
        ..Direction::default()
    }
}

/// How far a share may lie from its probability: 4.4 standard deviations, which chance exceeds once in 100,000 times.
/// Seeds are fixed, so that a share inside stays inside.
fn assert_share(found: u64, of: u64, probability: f64) {
    let sigma = (probability * (1.0 - probability) / of as f64).sqrt();
    let share = found as f64 / of as f64;
    assert!((share - probability).abs() <= 4.4 * sigma, "{share} instead of {probability} ± {sigma}");
}

/// Counts fates of `packets` packets, a millisecond apart.
fn count(direction: &Direction, packets: u32, counts: impl Fn(&Fate) -> bool) -> u64 {
    let mut impairment = Impairment::new(direction, 7);
    let fates = (0..packets).map(|place| impairment.admit(MILLISECOND * place, Train::single(1500))[0].fate);
    fates.filter(|fate| counts(fate)).count() as u64
}

#[test]
fn chances_happen_as_often_as_they_should() {
    const PACKETS: u32 = 400_000;
    for probability in [0.00005, 0.001, 0.01, 0.3] {
        let loss = Loss { independent: probability, bursty: None };
        let lost = count(&Direction { loss, ..Direction::default() }, PACKETS, |fate| *fate == Fate::Drop(Why::Loss));
        assert_share(lost, PACKETS.into(), probability);
        let twice = Direction { duplicate: probability, ..Direction::default() };
        let doubled = count(&twice, PACKETS, |fate| matches!(fate, Fate::Deliver { again: Some(_), .. }));
        assert_share(doubled, PACKETS.into(), probability);
        let wrong = Direction { corrupt: probability, ..Direction::default() };
        let damaged = count(&wrong, PACKETS, |fate| matches!(fate, Fate::Deliver { corrupt: Some(_), .. }));
        assert_share(damaged, PACKETS.into(), probability);
    }
    let certain = Loss { independent: 1.0, bursty: None };
    let lost = count(&Direction { loss: certain, ..Direction::default() }, 1_000, |fate| matches!(fate, Fate::Drop(_)));
    assert_eq!(lost, 1_000);
}

#[test]
fn late_packets_are_as_many_and_as_late_as_asked() {
    const PACKETS: u32 = 300_000;
    for gap in [1, 5] {
        let reorder = Some(Reorder { probability: 0.02, by: MILLISECOND * 3, gap });
        let direction = Direction { delay: MILLISECOND * 10, reorder, ..Direction::default() };
        let mut impairment = Impairment::new(&direction, 3);
        let mut late = 0;
        for place in 0..PACKETS {
            let now = MILLISECOND * place;
            match delivered(impairment.admit(now, Train::single(100))).unwrap() - now {
                span if span == MILLISECOND * 13 => late += 1,
                span => assert_eq!(span, MILLISECOND * 10),
            }
        }
        assert_share(late, u64::from(PACKETS / gap), 0.02);
    }
}

#[test]
fn bursts_are_as_frequent_and_as_long_as_their_probabilities_say() {
    const PACKETS: u32 = 1_000_000;
    for (p, r) in [(0.001, 0.25), (0.01, 0.1), (0.02, 0.9)] {
        let bursty = GilbertElliott { p, r, loss_in_bad: 1.0, loss_in_good: 0.0 };
        let loss = Loss { independent: 0.0, bursty: Some(bursty) };
        let mut impairment = Impairment::new(&Direction { loss, ..Direction::default() }, 11);
        let (mut lost, mut bursts, mut before) = (0_u32, 0_u32, false);
        for place in 0..PACKETS {
            let dropped = impairment.admit(MILLISECOND * place, Train::single(100))[0].fate == Fate::Drop(Why::Burst);
            lost += u32::from(dropped);
            bursts += u32::from(dropped && !before);
            before = dropped;
        }
        // The length is geometric: its standard deviation is √(1 − r) ÷ r.
        let length = f64::from(lost) / f64::from(bursts);
        let sigma = (1.0 - r).sqrt() / r / f64::from(bursts).sqrt();
        assert!((length - 1.0 / r).abs() < 4.4 * sigma, "{length} instead of {} ± {sigma}", 1.0 / r);
        let share = f64::from(lost) / f64::from(PACKETS);
        assert!((share / bursty.mean_loss() - 1.0).abs() < 0.1, "{share} instead of {}", bursty.mean_loss());
    }
}

#[test]
fn jitter_has_the_mean_and_the_spread_of_its_distribution() {
    // Mean and standard deviation in spreads. Pareto's variance converges slowly, so that it is held less tightly.
    let cases = [
        (Distribution::Uniform, 0.0, 1.0 / 3_f64.sqrt(), 0.02),
        (Distribution::Normal, 0.0, 1.0, 0.02),
        (Distribution::Exponential, 1.0, 1.0, 0.02),
        (Distribution::Pareto, 1.0 / 3_f64.sqrt(), 1.0, 0.15),
        (Distribution::ParetoNormal, 0.75 / 3_f64.sqrt(), (0.0625_f64 + 0.5625).sqrt(), 0.15),
    ];
    for (distribution, mean, deviation, tolerance) in cases {
        let jitter = Jitter { spread: MILLISECOND, distribution, keeps_order: false };
        let direction = Direction { delay: MILLISECOND * 50, jitter: Some(jitter), ..Direction::default() };
        let mut impairment = Impairment::new(&direction, 5);
        let now = Duration::from_secs(1);
        let deviates: Vec<f64> = (0..200_000)
            .map(|_| delivered(impairment.admit(now, Train::single(100))).unwrap() - now)
            .map(|span| span.as_secs_f64() * 1e3 - 50.0)
            .collect();
        let found = deviates.iter().sum::<f64>() / deviates.len() as f64;
        let variance = deviates.iter().map(|x| (x - found).powi(2)).sum::<f64>() / deviates.len() as f64;
        assert!((found - mean).abs() < 0.02, "{distribution:?}: mean {found}");
        assert!((variance.sqrt() - deviation).abs() < tolerance, "{distribution:?}: {}", variance.sqrt());
    }
}

#[test]
fn jitter_without_order_reorders() {
    let jitter = Jitter { spread: MILLISECOND, distribution: Distribution::Normal, keeps_order: false };
    let direction = Direction { delay: MILLISECOND * 5, jitter: Some(jitter), ..Direction::default() };
    let mut impairment = Impairment::new(&direction, 5);
    let spread: Vec<_> =
        (0..100).filter_map(|_| delivered(impairment.admit(Duration::ZERO, Train::single(100)))).collect();
    assert!(!spread.is_sorted());
}

#[test]
fn a_link_that_is_down_or_a_black_hole_says_why() {
    let down = Direction { down: true, ..Direction::default() };
    assert_eq!(Impairment::new(&down, 1).admit(MILLISECOND, Train::single(40))[0].fate, Fate::Drop(Why::Down));
    let hole = Direction { blackhole_above: Some(1400), ..Direction::default() };
    let mut impairment = Impairment::new(&hole, 1);
    let runs = impairment.admit(MILLISECOND, Train { segments: 4, each_bytes: 1401, last_bytes: 1400 });
    let [first, last] = runs else { panic!("{runs:?}") };
    assert_eq!((first.segments.clone(), first.fate), (0..3, Fate::Drop(Why::TooBig)));
    assert_eq!(last.fate, Fate::Deliver { at: MILLISECOND, again: None, corrupt: None });
}

#[test]
fn a_change_holds_from_the_next_packet_on() {
    let mut direction = Direction { delay: MILLISECOND * 10, ..Direction::default() };
    let mut impairment = Impairment::new(&direction, 1);
    let admit = |impairment: &mut Impairment, now| delivered(impairment.admit(MILLISECOND * now, Train::single(9)));
    assert_eq!(admit(&mut impairment, 0), Some(MILLISECOND * 10));
    direction.delay = MILLISECOND * 4;
    impairment.change(&direction);
    assert_eq!(admit(&mut impairment, 1), Some(MILLISECOND * 5), "a shorter route overtakes");
    direction.down = true;
    impairment.change(&direction);
    assert_eq!(admit(&mut impairment, 2), None);
    direction.down = false;
    impairment.change(&direction);
    assert_eq!(admit(&mut impairment, 3), Some(MILLISECOND * 7));
}

#[test]
fn trains_are_short_where_the_link_is_slow() {
    let at = |rate| Impairment::new(&Direction { rate, ..Direction::default() }, 1);
    assert_eq!(at(None).longest_train_bytes(), 65_535);
    assert!(!at(None).wants_single_packets());
    assert_eq!(at(Some(Rate(1_000_000_000))).longest_train_bytes(), 31_250);
    assert!(!at(Some(Rate(1_000_000_000))).wants_single_packets());
    assert_eq!(at(Some(Rate(1_000_000))).longest_train_bytes(), 1_500);
    assert!(at(Some(Rate(1_000_000))).wants_single_packets());
}

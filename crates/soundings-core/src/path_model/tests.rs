use super::{Answer, Bursts, Ends, Fill, Outcome, Section, Sequential, Steady, Target, judge};
use std::time::Duration;
use terms::Rate;

fn target(rate: &str, rtt_ms: u64, mtu: u32, overhead: u32) -> Target {
    Target::new(rate.parse().unwrap(), Duration::from_millis(rtt_ms), mtu, overhead).unwrap()
}

/// The example that RFC 8337 gives for its arithmetic: 2.5 Mb/s over 50 ms in packets of 1500 bytes, 64 of them headers.
#[test]
fn the_example_of_the_document() {
    let target = target("2.5Mbit/s", 50, 1500, 64);
    assert_eq!((target.window_packets(), target.run_length()), (11, 363));
}

#[test]
fn a_fast_long_path_asks_for_hundreds_of_millions_of_packets() {
    let target = target("10Gbit/s", 100, 9000, 52);
    assert_eq!(target.window_bytes(), 125_000_000);
    assert_eq!(target.window_packets(), 13_970);
    assert_eq!(target.run_length(), 585_482_700);
    assert!((target.time_for(target.run_length()).as_secs_f64() - 4_191.0).abs() < 1.0);
}

#[test]
fn targets_that_mean_nothing_are_refused() {
    let ms = Duration::from_millis;
    for (rate, rtt, mtu, overhead) in [
        (0, ms(50), 1500, 52),
        (1, Duration::ZERO, 1500, 52),
        (1, ms(61_000), 1500, 52),
        (1, ms(50), 100, 52),
        (1, ms(50), 70_000, 52),
        (1, ms(50), 300, 300),
    ] {
        assert!(Target::new(Rate(rate), rtt, mtu, overhead).is_err(), "{rate} {rtt:?} {mtu} {overhead}");
    }
}

/// RFC 8337 §7.2 by hand for a run length of 363: k ≈ 1.39462, h = ln 19 ÷ k ≈ 2.1113, s ≈ 0.0059671.
#[test]
fn the_sequential_test_has_the_lines_of_the_document() {
    let test = Sequential::new(363);
    assert_eq!(test.decide(100, 0), Outcome::Inconclusive { more_packets: 254 });
    assert_eq!(test.packets_least(), 354);
    assert_eq!(test.decide(354, 0), Outcome::Pass);
    assert_eq!(test.decide(100, 3), Outcome::Fail, "2.11 + 0.6 is less than 3");
    assert_eq!(test.decide(100, 2), Outcome::Inconclusive { more_packets: 589 });
    assert_eq!(test.decide(690, 2), Outcome::Pass);
}

/// Of many streams with the loss that is allowed nearly all pass, of those with four times as much nearly none.
#[test]
fn the_sequential_test_errs_as_rarely_as_it_says() {
    let run = 1_000_u64;
    let test = Sequential::new(run);
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut passes = |one_of: u64| {
        (0..400)
            .filter(|_| {
                let mut losses = 0;
                (1..)
                    .find_map(|packets| {
                        losses += u64::from(random().is_multiple_of(one_of));
                        match test.decide(packets, losses) {
                            Outcome::Pass => Some(true),
                            Outcome::Fail => Some(false),
                            Outcome::Inconclusive { .. } => None,
                        }
                    })
                    .unwrap()
            })
            .count()
    };
    assert!(passes(run) >= 360, "5 % of good paths may be called bad");
    assert!(passes(run / 4) <= 40, "5 % of bad paths may be called good");
}

/// A section of a campus that can carry 100 Mbit/s over 20 ms: window 173 packets, run length 89,787.
fn good() -> (Target, Section) {
    let packets = 200_000;
    let section = Section {
        rtt_least: Some(Duration::from_micros(300)),
        path_mtu_bytes: Some(1500),
        steady: Some(Steady {
            elapsed: Duration::from_secs(24),
            delivered_bits_per_second: 100_000_000,
            packets,
            losses: 0,
            sender_idle_share: Some(0.01),
            receiver_limited_share: Some(0.0),
            processor_share: Some(0.1),
        }),
        slow_bursts: Some(Bursts { bursts: 1_156, burst_packets: 173, packets, ..Bursts::default() }),
        fast_bursts: Some(Bursts { bursts: 1_156, burst_packets: 173, packets, ..Bursts::default() }),
        fill: Some(Fill {
            delivered_bits_per_second: 900_000_000,
            rtt_most: Some(Duration::from_millis(3)),
            packets,
            losses: 20,
        }),
        ends: Ends {
            selective_acknowledgements: Some(true),
            timestamps: Some(true),
            peer_window_scale: Some(Some(7)),
            peer_window_bytes: Some(1 << 20),
            peer_buffer_bytes: Some(6 << 20),
            send_buffer_bytes: Some(4 << 20),
            interface_bits_per_second: Some(1_000_000_000),
        },
    };
    (target("100Mbit/s", 20, 1500, 52), section)
}

fn answer_of(target: &Target, section: &Section, name: &str) -> (Answer, String) {
    let all = judge(target, section);
    let one = all.requirements.into_iter().find(|one| one.name == name).unwrap();
    (one.answer, format!("{} | {} | {}", one.required, one.measured, one.next.unwrap_or_default()))
}

#[test]
fn a_good_section_passes_all() {
    let (target, section) = good();
    let all = judge(&target, &section);
    let not: Vec<_> = all.requirements.iter().filter(|one| one.answer != Answer::Pass).collect();
    assert!(not.is_empty(), "{not:#?}");
    assert_eq!(all.answer, Answer::Pass);
    assert_eq!((all.target.window_packets, all.target.run_length_packets), (173, 89_787));
}

#[test]
fn each_requirement_fails_for_its_own_reason() {
    type Change = fn(&mut Section);
    let cases: [(&str, Answer, &str, Change); 14] = [
        ("distance", Answer::Fail, "25 ms", |s| s.rtt_least = Some(Duration::from_millis(25))),
        ("data-rate", Answer::Fail, "90.0 %", |s| steady(s).delivered_bits_per_second = 90_000_000),
        ("data-rate", Answer::Inconclusive, "tester", |s| {
            steady(s).delivered_bits_per_second = 90_000_000;
            steady(s).sender_idle_share = Some(0.5);
        }),
        ("tester", Answer::Fail, "lower bound", |s| {
            steady(s).delivered_bits_per_second = 90_000_000;
            steady(s).sender_idle_share = Some(0.5);
        }),
        ("tester", Answer::Fail, "slower", |s| s.ends.interface_bits_per_second = Some(10_000_000)),
        ("background-loss", Answer::Fail, "9.0 times", |s| steady(s).losses = 20),
        ("background-loss", Answer::Inconclusive, "78122 more without a loss are needed, 9.05 s", |s| {
            steady(s).packets = 10_000;
        }),
        ("slow-bursts", Answer::Fail, "too short", |s| s.slow_bursts.as_mut().unwrap().losses = 100),
        ("fast-bursts", Answer::Inconclusive, "not measured", |s| s.fast_bursts = None),
        ("queue", Answer::Fail, "45 %", |s| s.fill.as_mut().unwrap().rtt_most = Some(Duration::from_micros(800))),
        ("queue", Answer::Fail, "everybody", |s| s.fill.as_mut().unwrap().rtt_most = Some(Duration::from_millis(90))),
        ("receive-window", Answer::Fail, "26.2 Mbit/s", |s| s.ends.peer_window_scale = Some(None)),
        ("send-buffer", Answer::Fail, "20 Mbit/s", |s| s.ends.send_buffer_bytes = Some(100_000)),
        ("path-mtu", Answer::Fail, "1400 bytes", |s| s.path_mtu_bytes = Some(1400)),
    ];
    for (name, expected, told, change) in cases {
        let (target, mut section) = good();
        change(&mut section);
        let (answer, text) = answer_of(&target, &section, name);
        assert_eq!(answer, expected, "{name}: {text}");
        assert!(text.contains(told), "{name}: {told} is not in: {text}");
        assert!(judge(&target, &section).answer >= expected);
    }
}

fn steady(section: &mut Section) -> &mut Steady {
    section.steady.as_mut().unwrap()
}

#[test]
fn nothing_measured_is_no_answer() {
    let (target, _) = good();
    let all = judge(&target, &Section::default());
    assert_eq!(all.answer, Answer::Inconclusive);
    assert!(all.requirements.iter().all(|one| one.answer == Answer::Inconclusive && one.next.is_some()));
}

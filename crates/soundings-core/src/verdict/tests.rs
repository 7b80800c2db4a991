use super::*;

/// Ten seconds at 10 Gbit/s over 20 ms, in which nothing stands out.
fn plain() -> Facts {
    Facts {
        seconds: 10.0,
        rate: 1e10,
        streams: 1,
        looks: 40,
        sender: HostFacts { busiest: Some(0.5), host: Some(0.3), own: Some(0.1), processors: 8, disk: None },
        receiver: HostFacts { busiest: Some(0.4), host: Some(0.3), own: Some(0.1), processors: 8, disk: None },
        receiver_limited: Some(0.02),
        send_buffer_limited: Some(0.01),
        busy: Some(1.0),
        loss: Some(0.0),
        retransmits: Some(0),
        rtt_least: Some(0.020),
        rtt_mean: Some(0.021),
        congestion_window: Some(2.6e7),
        peer_window: Some(6e7),
        send_buffer: Some(6e7),
        congestion_control: Some("cubic".to_owned()),
        ..Facts::default()
    }
}

fn host(busiest: f64, host: f64) -> HostFacts {
    HostFacts { busiest: Some(busiest), host: Some(host), own: Some(host * 0.9), processors: 8, disk: None }
}

/// Each limit is found where its figures stand out, and only there.
#[test]
fn each_limit_is_found_by_its_figures() {
    let disk = |share| HostFacts { disk: Some(share), ..host(0.3, 0.2) };
    let cases = [
        ("a thread of the sender is full", Facts { sender: host(0.97, 0.2), ..plain() }, Limit::SenderCpu),
        ("a thread of the receiver is full", Facts { receiver: host(0.97, 0.2), ..plain() }, Limit::ReceiverCpu),
        ("many streams share a full sender", Facts { sender: host(0.4, 0.99), ..plain() }, Limit::SenderCpu),
        (
            "both are full, one more",
            Facts { sender: host(0.9, 0.2), receiver: host(0.99, 0.2), ..plain() },
            Limit::ReceiverCpu,
        ),
        ("the window is full", Facts { receiver_limited: Some(0.8), ..plain() }, Limit::ReceiveWindow),
        ("the buffer is full", Facts { send_buffer_limited: Some(0.8), ..plain() }, Limit::SendBuffer),
        ("the buffer is far smaller than the window", Facts { send_buffer: Some(1e6), ..plain() }, Limit::SendBuffer),
        (
            "a full thread explains a full window",
            Facts { receiver_limited: Some(0.8), receiver: host(0.95, 0.2), ..plain() },
            Limit::ReceiverCpu,
        ),
        ("what is left is the way", plain(), Limit::Congestion),
        ("a rate was asked for", Facts { pace: Some(1.02e10), ..plain() }, Limit::Pacing),
        ("a rate was asked for, and not reached", Facts { pace: Some(2e10), ..plain() }, Limit::Congestion),
        ("a lower rate is allowed", Facts { pace: Some(2e10), allowance: Some(1e10), ..plain() }, Limit::Allowance),
        ("a lower rate was asked for", Facts { pace: Some(1e10), allowance: Some(2e10), ..plain() }, Limit::Pacing),
        ("the sender waits for its disk", Facts { sender: disk(0.9), busy: Some(0.2), ..plain() }, Limit::DiskRead),
        (
            "the receiver waits for its disk",
            Facts { receiver: disk(0.9), receiver_limited: Some(0.8), ..plain() },
            Limit::DiskWrite,
        ),
        ("a quick disk is none", Facts { sender: disk(0.05), receiver: disk(0.05), ..plain() }, Limit::Congestion),
        ("too short", Facts { seconds: 0.2, ..plain() }, Limit::NotEnoughData),
        ("too few looks", Facts { looks: 2, ..plain() }, Limit::NotEnoughData),
        ("nothing came", Facts { rate: 0.0, ..plain() }, Limit::NotEnoughData),
        ("nothing stands out", Facts { busy: Some(0.2), ..plain() }, Limit::NotEnoughData),
        (
            "the kernel says nothing",
            Facts { busy: None, receiver_limited: None, send_buffer_limited: None, ..plain() },
            Limit::NotEnoughData,
        ),
    ];
    for (what, facts, limit) in cases {
        let verdict = judge(&facts);
        assert_eq!(verdict.limit, limit, "{what}: {verdict:#?}");
        assert!(verdict.sentence.ends_with('.') && verdict.next.ends_with('.'), "{verdict:#?}");
        assert!(verdict.ruled_out.iter().all(|out| out.limit != limit), "{what}: {verdict:#?}");
    }
}

/// A verdict on the way has loss and the round trip's growth, and what to do differs by them.
#[test]
fn a_way_is_judged_by_loss_and_queue() {
    let next = |loss: f64, mean: f64| {
        let verdict =
            judge(&Facts { loss: Some(loss), retransmits: Some((loss * 1e6) as u64), rtt_mean: Some(mean), ..plain() });
        assert_eq!(verdict.limit, Limit::Congestion);
        verdict.next
    };
    let texts = [next(1e-4, 0.020), next(1e-4, 0.060), next(0.0, 0.060), next(0.0, 0.020)];
    assert!(texts[0].contains("dirty optics") && texts[1].contains("is full"), "{texts:?}");
    assert!(texts[2].contains("nothing is lost") && texts[3].contains("opening"), "{texts:?}");
    let verdict = judge(&Facts { loss: Some(1e-4), retransmits: Some(80), ..plain() });
    assert_eq!(
        verdict.sentence,
        "10 Gbit/s: the way was the limit, as cubic sees it: 80 segments were sent again, 0.01 % of them all, and round trips \
         took 20.000 ms at least and 21.000 ms in the mean."
    );
    let figure = |name: &str| verdict.evidence.iter().find(|figure| figure.name == name).map(|figure| figure.value);
    assert_eq!(figure("segments sent again"), Some(80.0));
    // 1448 · 8 / 0.02 · √(1.5 / 1e-4): 71 Mbit/s.
    assert!((figure("rate by loss and distance (Mathis)").unwrap() / 70.9e6 - 1.0).abs() < 0.01);
}

/// The window's arithmetic is shown: 64 KiB in 20 ms are 26 Mbit/s.
#[test]
fn a_window_is_explained_by_its_arithmetic() {
    let facts =
        Facts { receiver_limited: Some(0.9), peer_window: Some(65536.0), rtt_mean: Some(0.020), rate: 26e6, ..plain() };
    let verdict = judge(&facts);
    assert_eq!(
        verdict.sentence,
        "26 Mbit/s: the receive window was full 90 % of the time; 64 KiB in each round trip of 20.000 ms let 26.2 Mbit/s \
         pass."
    );
}

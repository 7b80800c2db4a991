use super::{
    Address, Clock, Counters, Disk, Facts, Far, Goal, Interface, Limits, Memory, Name, Offloads, Processors, Queue,
    Reach, Ring, Softnet, State, Tcp, examine, sysctl_file, worst,
};
use std::time::Duration;

/// Debian 12 as it is installed, on a server with gigabit and one disk.
fn stock_debian() -> Facts {
    Facts {
        kernel: Some("6.1.0-30-amd64".to_owned()),
        root: true,
        memory: Memory {
            receive_max: Some(212_992),
            send_max: Some(212_992),
            tcp_receive: Some([4_096, 131_072, 6_291_456]),
            tcp_send: Some([4_096, 16_384, 4_194_304]),
            tcp_all_pages: Some([382_000, 509_000, 764_000]),
            page_bytes: Some(4_096),
            window_share: Some(1),
            receive_tuned: Some(true),
        },
        tcp: Tcp {
            window_scaling: Some(true),
            selective_acknowledgements: Some(true),
            timestamps: Some(true),
            forget_metrics: Some(false),
            slow_start_after_idle: Some(true),
            congestion_control: Some("cubic".to_owned()),
            congestion_controls: Some(vec!["reno".to_owned(), "cubic".to_owned()]),
            mtu_probing: Some(0),
            no_path_mtu: Some(0),
        },
        default_qdisc: Some("fq_codel".to_owned()),
        backlog_packets: Some(1_000),
        listen_backlog: Some(4_096),
        interfaces: vec![card("eno1", 1_000_000_000, 1_500, "fq_codel")],
        softnet: Some(vec![Softnet { processed: 5_000_000, dropped: 0, squeezed: 12 }; 4]),
        listen_overflows: Some(0),
        receive_pruned: Some(0),
        datagrams_dropped: Some(0),
        datagrams_received: Some(40_000),
        processors: Processors {
            count: Some(4),
            governors: Some(vec!["schedutil".to_owned()]),
            least_khz: Some(800_000),
            most_khz: Some(3_600_000),
            numa_nodes: Some(1),
            irqbalance: Some(false),
        },
        clock: Clock {
            synchronised: Some(true),
            offset_ns: Some(120_000),
            error_estimated: Some(Duration::from_micros(800)),
            error_most: Some(Duration::from_millis(9)),
            keepers: Some(vec!["systemd-timesyncd".to_owned()]),
        },
        names: vec![name("dtn1.example.org", true, &["192.0.2.10", "2001:db8::10"])],
        addresses: vec![
            named("192.0.2.10", Some("dtn1.example.org"), &["192.0.2.10"]),
            named("2001:db8::10", Some("dtn1.example.org"), &["2001:db8::10"]),
        ],
        limits: Limits { files: Some(1_024), files_max: Some(1_048_576) },
        disks: vec![disk("/var/lib/portolan", 700, 1_000, "mq-deadline", true)],
        far: Vec::new(),
    }
}

/// A transfer host of ten gigabit, set up as fasterdata advises.
fn tuned() -> Facts {
    let stock = stock_debian();
    Facts {
        memory: Memory {
            receive_max: Some(268_435_456),
            send_max: Some(268_435_456),
            tcp_receive: Some([4_096, 131_072, 134_217_728]),
            tcp_send: Some([4_096, 65_536, 134_217_728]),
            ..stock.memory
        },
        tcp: Tcp {
            forget_metrics: Some(true),
            slow_start_after_idle: Some(false),
            congestion_control: Some("bbr".to_owned()),
            congestion_controls: Some(vec!["reno".to_owned(), "cubic".to_owned(), "bbr".to_owned()]),
            mtu_probing: Some(1),
            ..stock.tcp
        },
        default_qdisc: Some("fq".to_owned()),
        backlog_packets: Some(250_000),
        interfaces: vec![Interface {
            numa_node: Some(1),
            queues: Some(
                ["mq", "fq", "fq"]
                    .map(|kind| Queue { kind: kind.to_owned(), root: kind == "mq", ..Queue::default() })
                    .to_vec(),
            ),
            ..card("ens1f0", 10_000_000_000, 9_000, "fq")
        }],
        processors: Processors {
            governors: Some(vec!["performance".to_owned()]),
            numa_nodes: Some(2),
            irqbalance: Some(true),
            ..stock.processors
        },
        clock: Clock {
            offset_ns: Some(-4_000),
            error_estimated: Some(Duration::from_micros(60)),
            keepers: Some(vec!["chronyd".to_owned()]),
            ..stock.clock
        },
        disks: vec![disk("/data", 70_000, 100_000, "none", false)],
        far: vec![far("2001:db8:1::5", Some(9_000), Some(true))],
        ..stock
    }
}

/// A host on which nearly everything is wrong.
fn broken() -> Facts {
    let stock = stock_debian();
    let card = card("eth0", 10_000_000_000, 1_200, "pfifo_fast");
    Facts {
        root: false,
        memory: Memory {
            receive_tuned: Some(false),
            tcp_all_pages: Some([1_000, 1_500, 2_000]),
            ..stock.memory.clone()
        },
        tcp: Tcp {
            window_scaling: Some(false),
            selective_acknowledgements: Some(false),
            timestamps: Some(false),
            congestion_control: Some("reno".to_owned()),
            no_path_mtu: Some(1),
            ..stock.tcp
        },
        interfaces: vec![Interface {
            full_duplex: Some(false),
            counters: Counters {
                receive_errors: Some(4_200),
                receive_missed: Some(9_000),
                send_dropped: Some(5),
                collisions: Some(77),
                ..card.counters
            },
            offloads: Offloads { generic_receive: Some(false), ..card.offloads },
            interrupts: Some(vec![9_000_000, 0, 3, 0]),
            queues: Some(vec![Queue {
                kind: "tbf".to_owned(),
                root: true,
                drops: Some(1_000),
                rate_bits_per_second: Some(100_000_000),
            }]),
            ..card
        }],
        softnet: Some(vec![Softnet { processed: 5_000_000, dropped: 600, squeezed: 90_000 }]),
        listen_overflows: Some(812),
        receive_pruned: Some(40),
        datagrams_dropped: Some(4_000),
        processors: Processors { governors: Some(vec!["powersave".to_owned()]), ..stock.processors },
        clock: Clock { synchronised: Some(false), keepers: Some(Vec::new()), ..Clock::default() },
        names: vec![
            Name {
                failure: Some("no answer within 3 s".to_owned()),
                took: Some(Duration::from_secs(3)),
                ..name("vm", true, &[])
            },
            name("far.example", false, &[]),
        ],
        addresses: vec![named("192.0.2.10", Some("other.example"), &["192.0.2.99"]), named("192.0.2.11", None, &[])],
        limits: Limits { files: Some(1_024), files_max: Some(1_024) },
        disks: vec![disk("/srv", 1, 1_000, "none", true)],
        far: vec![
            Far {
                seen_as: Some("203.0.113.7".parse().unwrap()),
                back: vec![(5201, Reach::Silent), (8443, Reach::Refused)],
                ..far("192.0.2.50", Some(1_200), Some(false))
            },
            Far { connected: Reach::Silent, ..far("2001:db8:1::5", None, None) },
        ],
        ..stock
    }
}

fn card(name: &str, speed: u64, mtu: u32, qdisc: &str) -> Interface {
    let on = Some(true);
    Interface {
        name: name.to_owned(),
        physical: true,
        default_route: true,
        speed_bits_per_second: Some(speed),
        full_duplex: on,
        mtu_bytes: Some(mtu),
        queues: Some(vec![Queue { kind: qdisc.to_owned(), root: true, drops: Some(0), rate_bits_per_second: None }]),
        counters: Counters {
            received: Some(8_000_000_000),
            sent: Some(7_000_000_000),
            receive_errors: Some(0),
            receive_dropped: Some(100),
            receive_missed: Some(0),
            send_errors: Some(0),
            send_dropped: Some(0),
            collisions: Some(0),
            carrier_changes: Some(1),
        },
        offloads: Offloads {
            receive_checksum: on,
            send_checksum: on,
            segmentation: on,
            generic_segmentation: on,
            generic_receive: on,
        },
        ring: Some(Ring { receive: 512, receive_max: 4_096, send: 512, send_max: 4_096 }),
        interrupts: Some(vec![40_000, 50_000, 45_000, 42_000]),
        receive_queues: Some(4),
        spread_by_software: Some(false),
        numa_node: None,
    }
}

fn name(name: &str, own: bool, addresses: &[&str]) -> Name {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let took = Some(Duration::from_millis(2));
    Name { name: name.to_owned(), own, addresses: Some(addresses), took, failure: None }
}

fn named(address: &str, name: Option<&str>, back: &[&str]) -> Address {
    Address {
        address: address.parse().unwrap(),
        name: Some(name.map(str::to_owned)),
        back: Some(back.iter().map(|address| address.parse().unwrap()).collect()),
        took: Some(Duration::from_millis(2)),
    }
}

fn disk(path: &str, free_gb: u64, total_gb: u64, scheduler: &str, rotational: bool) -> Disk {
    Disk {
        path: path.to_owned(),
        free_bytes: Some(free_gb * 1_000_000_000),
        total_bytes: Some(total_gb * 1_000_000_000),
        free_names: Some(60_000_000),
        file_system: Some("ext4".to_owned()),
        device: Some("sda".to_owned()),
        scheduler: Some(scheduler.to_owned()),
        rotational: Some(rotational),
    }
}

fn far(address: &str, mtu: Option<u32>, full: Option<bool>) -> Far {
    Far {
        host: "far.example".to_owned(),
        address: address.parse().unwrap(),
        port: 5201,
        connected: Reach::Yes(Duration::from_millis(110)),
        interface: Some("ens1f0".to_owned()),
        path_mtu_bytes: mtu,
        full_packets_pass: full,
        seen_as: Some("192.0.2.10".parse().unwrap()),
        own: Some("192.0.2.10".parse().unwrap()),
        back: vec![(5201, Reach::Yes(Duration::from_millis(110)))],
        back_unknown: None,
    }
}

/// All findings of a host as a table, and the file that would mend it.
fn table(facts: &Facts) -> String {
    let goal = Goal::of(facts, None, None);
    let findings = examine(facts, &goal);
    let mut text = format!("{} ({})\n{}\n", goal.text(), goal.reason, goal.arithmetic());
    for finding in &findings {
        let of = finding.of.as_ref().map_or_else(String::new, |of| format!(" {of}"));
        text.push_str(&format!("{:?} {}{of}: {}\n", finding.state, finding.subject, finding.found));
        let cost = finding.cost.iter().map(|cost| format!("    costs: {cost}\n"));
        let remedies = finding.remedies.iter().map(|remedy| format!("    remedy: {}\n", remedy.text()));
        cost.chain(remedies).for_each(|line| text.push_str(&line));
    }
    text.push_str(&format!("worst: {:?}\n", worst(&findings)));
    sysctl_file(&findings).iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text
}

fn compare(name: &str, facts: &Facts, golden: &str) {
    let table = table(facts);
    let first = table.lines().zip(golden.lines()).find(|(is, was)| is != was);
    assert!(table == golden, "{name}: the first line that differs: {first:#?}\n{table}");
}

#[test]
fn a_stock_debian() {
    compare("stock-debian", &stock_debian(), include_str!("golden/stock-debian.txt"));
}

#[test]
fn a_tuned_host_of_ten_gigabit_has_nothing_to_mend() {
    compare("tuned", &tuned(), include_str!("golden/tuned.txt"));
    assert_eq!(worst(&examine(&tuned(), &Goal::of(&tuned(), None, None))), State::Ok);
}

#[test]
fn a_broken_host() {
    compare("broken", &broken(), include_str!("golden/broken.txt"));
}

/// Where nothing can be seen nothing is claimed.
#[test]
fn a_container_that_shows_nothing() {
    let goal = Goal::of(&Facts::default(), None, None);
    let findings = examine(&Facts::default(), &goal);
    let known: Vec<_> = findings.iter().filter(|finding| finding.state != State::Unknown).collect();
    assert!(known.is_empty(), "{known:#?}");
    assert_eq!(worst(&findings), State::Unknown);
    assert!(sysctl_file(&findings).is_empty());
}

/// Whatever a remedy sets satisfies the finding that asked for it.
#[test]
fn the_remedies_for_buffers_are_enough() {
    for rate in ["100Mbit/s", "900Mbit/s", "7Gbit/s", "70Gbit/s"] {
        for rtt in [1, 80, 300] {
            let facts = stock_debian();
            let goal = Goal::of(&facts, Some(rate.parse().unwrap()), Some(Duration::from_millis(rtt)));
            let lines = sysctl_file(&examine(&facts, &goal));
            let mut mended = facts;
            for line in &lines {
                let (key, value) = line.split_once(" = ").unwrap();
                let numbers: Vec<u64> = value.split(' ').filter_map(|number| number.parse().ok()).collect();
                match key {
                    "net.ipv4.tcp_rmem" => mended.memory.tcp_receive = numbers.try_into().ok(),
                    "net.ipv4.tcp_wmem" => mended.memory.tcp_send = numbers.try_into().ok(),
                    "net.core.rmem_max" => mended.memory.receive_max = numbers.first().copied(),
                    "net.core.wmem_max" => mended.memory.send_max = numbers.first().copied(),
                    _ => {}
                }
            }
            let after = examine(&mended, &goal);
            let buffers = after.iter().filter(|finding| finding.subject.contains("-buffer"));
            let bad: Vec<_> = buffers.filter(|finding| finding.state == State::Costs).collect();
            assert!(bad.is_empty(), "{rate} {rtt} ms: {bad:#?}");
        }
    }
}

#[test]
fn the_goal_follows_the_fastest_card() {
    let mut facts = stock_debian();
    let goal = |facts: &Facts| Goal::of(facts, None, None).text();
    assert_eq!(goal(&facts), "900 Mbit/s over 80 ms");
    facts.interfaces.push(card("ens2", 10_000_000_000, 9_000, "fq"));
    assert_eq!(goal(&facts), "7 Gbit/s over 80 ms");
    let bridge = Interface { physical: false, ..card("br0", 100_000_000_000, 1_500, "noqueue") };
    facts.interfaces.push(bridge);
    assert_eq!(goal(&facts), "7 Gbit/s over 80 ms", "what is made of software has no speed of its own");
    assert_eq!(goal(&Facts::default()), "900 Mbit/s over 80 ms");
    assert_eq!(Goal::of(&facts, None, None).window_bytes(), 70_000_000);
}

//! Links do to packets what their scenario says, as the kernels at both ends see it.

use crate::common::{Arrival, datagram, is_root, on, receive_all, receiver, up};
use lab::{Carried, Running};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::Duration;

const SERVER: &str = "10.0.0.2:9000";

/// Two hosts on one link, the same both ways but for what is said of the way there.
fn pair(forward: &str) -> String {
    format!(
        "name = \"pair\"\nhosts = [\"a\", \"b\"]\nseed = 11\n[[link]]\nname = \"l\"\nbetween = [\"a\", \"b\"]\n\
         a = {{ v4 = \"10.0.0.1/24\", v6 = \"fd00::1/64\" }}\nb = {{ v4 = \"10.0.0.2/24\", v6 = \"fd00::2/64\" }}\n[link.forward]\n{forward}\n"
    )
}

/// Sends numbered datagrams from a to b with a pause after each, and gives what arrives.
fn send(lab: &Running, count: u32, bytes: usize, pause: Duration) -> Vec<Arrival> {
    let socket = receiver(lab, "b", SERVER, Duration::from_millis(700));
    std::thread::scope(|scope| {
        let arrivals = scope.spawn(|| receive_all(&socket));
        on(lab, "a", || {
            let sender = UdpSocket::bind("10.0.0.1:0").unwrap();
            for number in 0..count {
                sender.send_to(&datagram(number, bytes), SERVER).unwrap();
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
            }
        });
        arrivals.join().unwrap()
    })
}

fn forward(lab: &Running) -> Carried {
    lab.status().unwrap().links[0].forward.clone()
}

/// Where so many of n fall with 99 % if each does with probability p: the normal approximation, with half of one for
/// whole numbers.
fn within_99_percent(count: usize, n: u32, p: f64) -> bool {
    let (n, count) = (f64::from(n), count as f64);
    (count - n * p).abs() <= 2.576 * (n * p * (1.0 - p)).sqrt() + 0.5
}

/// Delays are those of the scenario, to 0.2 ms at the median and 1 ms at the 99th percentile. The kernel says when a
/// datagram came, the sender when it went: what the machine does between is in the figures, so that a crowded one may try
/// three times. None may ever be early.
#[test]
fn packets_arrive_after_the_delay() {
    if !is_root() {
        return;
    }
    let lab = up(&pair("delay = \"20 ms\""));
    let mut figures = Vec::new();
    for _ in 0..3 {
        let arrivals = send(&lab, 400, 100, Duration::from_millis(2));
        assert_eq!(arrivals.len(), 400);
        let mut late: Vec<f64> =
            arrivals.iter().map(|arrival| (arrival.arrived - arrival.sent).as_secs_f64() * 1e3 - 20.0).collect();
        late.sort_by(f64::total_cmp);
        assert!(late[0] > -0.01, "one was {} ms early", -late[0]);
        figures.push((late[200], late[396]));
        if late[200] < 0.2 && late[396] < 1.0 {
            return;
        }
    }
    panic!("late by (median, 99th percentile) in ms: {figures:?}");
}

#[test]
fn packets_are_lost_and_doubled_as_often_as_said() {
    if !is_root() {
        return;
    }
    let lab = up(&pair("loss = \"2 %\"\nduplicate = \"1 %\"\ndelay = \"1 ms\""));
    let arrivals = send(&lab, 20_000, 200, Duration::ZERO);
    let mut times: BTreeMap<u32, usize> = BTreeMap::new();
    for arrival in &arrivals {
        *times.entry(arrival.number).or_default() += 1;
    }
    let lost = 20_000 - times.len();
    let doubled = times.values().filter(|count| **count == 2).count();
    assert!(within_99_percent(lost, 20_000, 0.02), "{lost} of 20000 were lost");
    assert!(within_99_percent(doubled, 20_000 - lost as u32, 0.01), "{doubled} of 20000 came twice");
    let carried = forward(&lab);
    assert_eq!((carried.dropped.loss, carried.duplicated_packets), (lost as u64, doubled as u64));
    assert_eq!((carried.taken_packets, carried.missed_packets), (20_000, Some(0)));
}

#[test]
fn packets_are_overtaken_as_often_as_said() {
    if !is_root() {
        return;
    }
    let lab = up(&pair("delay = \"5 ms\"\nreorder = { probability = \"3 %\", by = \"3 ms\" }"));
    let arrivals = send(&lab, 4000, 200, Duration::from_micros(100));
    assert_eq!(arrivals.len(), 4000);
    let mut latest = 0;
    let mut late = 0;
    for arrival in &arrivals {
        late += usize::from(arrival.number < latest);
        latest = latest.max(arrival.number);
    }
    assert!(within_99_percent(late, 4000, 0.03), "{late} of 4000 came late");
}

/// The receiver's kernel finds each wrong checksum.
#[test]
fn wrong_bits_are_seen_by_the_far_kernel() {
    if !is_root() {
        return;
    }
    let lab = up(&pair("corrupt = \"10 %\""));
    let arrivals = send(&lab, 5000, 300, Duration::ZERO);
    let carried = forward(&lab);
    let wrong = carried.corrupted_packets as usize;
    assert!(within_99_percent(wrong, 5000, 0.1), "{wrong} of 5000 were wrong");
    // A bit of the UDP header may send it to another port or give it another length: still no wrong datagram comes here.
    assert_eq!(arrivals.len(), 5000 - wrong);
    let table = on(&lab, "b", || std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| line.starts_with("Udp:")).map(|line| line.split(' ').collect()).collect();
    let column = rows[0].iter().position(|name| *name == "InErrors").unwrap();
    let seen: usize = rows[1][column].parse().unwrap();
    // Those with a wrong port are found wrong too, but counted where no socket is.
    assert!(seen > wrong * 9 / 10 && seen <= wrong, "the kernel saw {seen} of {wrong}");
}

/// The middle of a long stream, by the kernel's stamps: datagrams of 1000 octets are 1028 of IP.
#[test]
fn a_rate_is_kept_to_two_in_a_hundred() {
    if !is_root() {
        return;
    }
    let lab = up(&pair("rate = \"40 Mbit/s\"\nqueue = \"20 MB\"\noverhead = 0"));
    let arrivals = send(&lab, 5000, 1000, Duration::ZERO);
    assert_eq!(arrivals.len(), 5000);
    let middle = &arrivals[500..4500];
    let seconds = (middle[middle.len() - 1].arrived - middle[0].arrived).as_secs_f64();
    let rate = (middle.len() - 1) as f64 * 1028.0 * 8.0 / seconds;
    assert!((rate / 40e6 - 1.0).abs() < 0.02, "{rate} bit/s");
}

/// A hundred datagrams at once before a slow link with room for fifty: one is being sent, fifty wait, the rest is dropped.
#[test]
fn a_queue_drops_what_does_not_fit() {
    if !is_root() {
        return;
    }
    let lab = up(&pair("rate = \"1 Mbit/s\"\nqueue = \"51400 B\"\noverhead = 0"));
    let arrivals = send(&lab, 100, 1000, Duration::ZERO);
    let numbers: Vec<u32> = arrivals.iter().map(|arrival| arrival.number).collect();
    assert_eq!(numbers, (0..51).collect::<Vec<_>>());
    assert!(arrivals.iter().all(|arrival| arrival.bytes == 1000));
    let carried = forward(&lab);
    assert_eq!((carried.dropped.queue, carried.queue_max_bytes), (49, 51_400));
}

/// A TCP stream over a link that loses, doubles, damages and reorders comes out as it went in, in both families: cutting
/// and joining of trains keeps lengths, sequence numbers and checksums right.
#[test]
fn tcp_survives_everything() {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    if !is_root() {
        return;
    }
    let wild = "delay = \"1 ms\"\nloss = \"0.5 %\"\nduplicate = \"0.5 %\"\ncorrupt = \"0.5 %\"\n\
                jitter = { spread = \"100 us\", distribution = \"uniform\" }\n\
                reorder = { probability = \"1 %\", by = \"300 us\" }";
    let lab = up(&pair(wild));
    let sent: Vec<u8> = (0..4_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for address in ["10.0.0.2:9001", "[fd00::2]:9001"] {
        let listener = on(&lab, "b", || TcpListener::bind(address).unwrap());
        let received = std::thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let mut received = Vec::new();
                listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
                received
            });
            on(&lab, "a", || TcpStream::connect(address).unwrap().write_all(&sent).unwrap());
            receiver.join().unwrap()
        });
        assert!(received == sent, "{address}: {} octets of {} came, or others", received.len(), sent.len());
    }
    let carried = forward(&lab);
    assert!(carried.reads < carried.taken_packets, "segmentation was left to the link");
    assert!(carried.dropped.loss > 0 && carried.corrupted_packets > 0 && carried.duplicated_packets > 0);
}

//! Clients that vanish, fall silent or want more than they may: nothing of them stays, and nobody is flooded.
#![allow(clippy::unwrap_used)]

use interop::iperf3::{Server, connection, foreign_client};
use interop::needs;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const NEEDS: &[(&str, &str)] = &[("iperf3", "iperf3")];

/// What a silent client gets at each step here.
const STEP: &[&str] = &["--step-timeout", "1000"];

const COOKIE: &[u8; 37] = b"abcdefghijklmnopqrstuvwxyz2345672345\0";

/// Waits until this is so.
#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        sleep(Duration::from_millis(10));
    }
}

/// A server that has done one test, and what it holds when it is idle.
fn idle_server(options: &[&str]) -> (Server, (usize, usize)) {
    let server = Server::ours(&[STEP, options].concat());
    foreign_client(server.port, "-n 100K").succeed();
    let held = steady(&server, |threads| threads == 0);
    (server, held)
}

/// What the server holds once that no longer changes, with as many threads as wanted.
fn steady(server: &Server, wanted: impl Fn(usize) -> bool) -> (usize, usize) {
    let mut before = server.holds();
    until("what the server holds does not come to rest", || {
        sleep(Duration::from_millis(100));
        let now = server.holds();
        std::mem::replace(&mut before, now) == now && wanted(now.0)
    });
    before
}

/// The server holds no more than before, and the next client gets its turn.
#[track_caller]
fn is_free(server: &Server, idle: (usize, usize), after: &str) {
    until(after, || server.holds() == idle);
    foreign_client(server.port, "-n 100K").succeed();
}

fn foreign(port: u16, options: &str) -> Child {
    Command::new("iperf3")
        .args(["-c", "127.0.0.1", "-p", &port.to_string()])
        .args(options.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A client of our own making that goes as far as a test wants.
struct Peer {
    control: TcpStream,
    port: u16,
}

impl Peer {
    fn new(port: u16) -> Self {
        let mut control = connection(port);
        control.write_all(COOKIE).unwrap();
        Self { control, port }
    }

    fn hears(&mut self, octets: &[u8]) {
        let mut heard = vec![0; octets.len()];
        self.control.read_exact(&mut heard).unwrap();
        assert_eq!(heard, octets);
    }

    fn asks(&mut self, parameters: &str) {
        self.hears(&[9]);
        let length = u32::try_from(parameters.len()).unwrap().to_be_bytes();
        self.control.write_all(&[&length, parameters.as_bytes()].concat()).unwrap();
    }

    fn stream(&self) -> TcpStream {
        let mut stream = connection(self.port);
        stream.write_all(COOKIE).unwrap();
        stream
    }
}

/// A client killed while it waits for its turn, while it sends, while it receives, by TCP and UDP, leaves nothing behind.
#[test]
fn a_killed_client_leaves_nothing() {
    if !needs(NEEDS) {
        return;
    }
    let (server, idle) = idle_server(&[]);
    for options in
        ["-t 30 -P 2", "-t 30 -R", "-t 30 --bidir", "-t 30 -u -b 10M", "-t 30 -u -b 10M -R", "-t 30 -u -b 10M --bidir"]
    {
        let mut running = foreign(server.port, options);
        let sockets = steady(&server, |threads| threads > 0).1;
        let mut waiting = foreign(server.port, "-t 30");
        until("no client waits", || server.holds().1 > sockets);
        waiting.kill().unwrap();
        waiting.wait().unwrap();
        running.kill().unwrap();
        running.wait().unwrap();
        is_free(&server, idle, options);
    }
}

/// A client that stands still in the middle, its sockets open, is given up when its time is over.
#[test]
fn a_client_that_stands_still_is_given_up() {
    if !needs(NEEDS) {
        return;
    }
    let (server, idle) = idle_server(&[]);
    for options in ["-t 1 -R", "-t 1", "-t 1 -u -b 10M -R"] {
        let mut client = foreign(server.port, options);
        until("the test does not begin", || server.holds().0 > 0);
        let id = Pid::from_child(&client);
        kill_process(id, Signal::STOP).unwrap();
        is_free(&server, idle, options);
        kill_process(id, Signal::KILL).unwrap();
        client.wait().unwrap();
    }
}

/// Silence at each step: it is borne as long as agreed, and meanwhile others are not kept waiting for more than that.
#[test]
fn silence_is_borne_for_its_time() {
    if !needs(NEEDS) {
        return;
    }
    let (server, idle) = idle_server(&[]);
    let port = server.port;
    let two = r#"{"tcp":true,"time":1,"parallel":2,"len":1024}"#;

    let nothing = connection(port);
    is_free(&server, idle, "connected, and said nothing");
    let mut half = connection(port);
    half.write_all(&COOKIE[..20]).unwrap();
    is_free(&server, idle, "half a cookie");
    let cookie = Peer::new(port);
    is_free(&server, idle, "a cookie, and no parameters");
    let mut half_parameters = Peer::new(port);
    half_parameters.hears(&[9]);
    half_parameters.control.write_all(&[0, 0, 0, 99, b'{']).unwrap();
    is_free(&server, idle, "half the parameters");
    let mut no_streams = Peer::new(port);
    no_streams.asks(two);
    no_streams.hears(&[10]);
    is_free(&server, idle, "no streams");
    let mut one_stream = Peer::new(port);
    one_stream.asks(two);
    one_stream.hears(&[10]);
    let _stream = one_stream.stream();
    is_free(&server, idle, "one stream of two");
    let mut no_datagrams = Peer::new(port);
    no_datagrams.asks(r#"{"udp":true,"time":1,"parallel":1,"len":1024}"#);
    no_datagrams.hears(&[10]);
    is_free(&server, idle, "no connect datagram");
    let mut no_end = Peer::new(port);
    no_end.asks(two);
    no_end.hears(&[10]);
    let _streams = [no_end.stream(), no_end.stream()];
    no_end.hears(&[1, 2]);
    is_free(&server, idle, "no end");
    let mut no_results = Peer::new(port);
    no_results.asks(two);
    no_results.hears(&[10]);
    let _streams = [no_results.stream(), no_results.stream()];
    no_results.hears(&[1, 2]);
    no_results.control.write_all(&[4]).unwrap();
    no_results.hears(&[13]);
    no_results.control.write_all(&[0, 0, 1, 0, b'{']).unwrap();
    is_free(&server, idle, "half the results");
    drop((nothing, half, cookie));
}

/// What a stream is for is told by the order in which it was opened, whichever speaks first.
#[test]
fn streams_count_in_the_order_of_opening() {
    if !needs(NEEDS) {
        return;
    }
    let (server, idle) = idle_server(&[]);
    for _ in 0..5 {
        let mut peer = Peer::new(server.port);
        peer.asks(r#"{"tcp":true,"time":1,"parallel":1,"len":1024,"bidirectional":true}"#);
        peer.hears(&[10]);
        let mut to_server = connection(server.port);
        let mut from_server = peer.stream();
        to_server.write_all(COOKIE).unwrap();
        peer.hears(&[1, 2]);
        // Nothing comes on what the server is to receive on.
        from_server.read_exact(&mut [0; 1024]).unwrap();
        to_server.set_nonblocking(true).unwrap();
        let silent = to_server.read(&mut [0; 1]).unwrap_err();
        assert_eq!(silent.kind(), std::io::ErrorKind::WouldBlock);
    }
    is_free(&server, idle, "streams out of order");
}

/// Parameters that are none, or that ask for what cannot be, end in an error number and not in a hang.
#[test]
fn parameters_that_make_no_sense_are_refused() {
    if !needs(NEEDS) {
        return;
    }
    let (server, idle) = idle_server(&[]);
    let cases = [
        ("[]", 114),
        ("{", 114),
        (r#"{"tcp":true,"parallel":129}"#, 6),
        (r#"{"tcp":true,"time":90001}"#, 5),
        (r#"{"tcp":true,"omit":601}"#, 12),
        (r#"{"tcp":true,"len":1048577}"#, 7),
        (r#"{"udp":true,"len":15}"#, 7),
    ];
    for (parameters, number) in cases {
        let mut peer = Peer::new(server.port);
        peer.asks(parameters);
        peer.hears(&[0xfe, 0, 0, 0, number, 0, 0, 0, 0]);
    }
    let mut peer = Peer::new(server.port);
    peer.hears(&[9]);
    peer.control.write_all(&9000_u32.to_be_bytes()).unwrap();
    peer.hears(&[0xfe, 0, 0, 0, 114]);
    is_free(&server, idle, "refused");
}

/// Datagrams go to nobody but an address that has a control connection, and there only to the port that asked.
#[test]
fn nobody_else_gets_datagrams() {
    if !needs(NEEDS) {
        return;
    }
    let (server, idle) = idle_server(&[]);
    let socket = |ip: &str| {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.connect(("127.0.0.1", server.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
        socket
    };
    let [stranger, friend, other] = ["127.0.0.2", "127.0.0.1", "127.0.0.1"].map(socket);
    let mut octets = [0; 2048];
    let mut peer = Peer::new(server.port);
    peer.asks(r#"{"udp":true,"time":1,"parallel":1,"len":100,"reverse":true,"bandwidth":100000}"#);
    peer.hears(&[10]);
    stranger.send(b"9876").unwrap();
    assert!(stranger.recv(&mut octets).is_err(), "a stranger was answered");
    // Shorter than the answer: to answer would make more of it.
    friend.send(b"987").unwrap();
    assert!(friend.recv(&mut octets).is_err(), "a datagram that is too short was answered");
    friend.send(b"9876").unwrap();
    assert_eq!(friend.recv(&mut octets).unwrap(), 4);
    assert_eq!(&octets[..4], b"6789");
    peer.hears(&[1, 2]);
    assert_eq!(friend.recv(&mut octets).unwrap(), 100);
    for late in [&stranger, &other] {
        // Who comes when all streams are there meets a closed door, and the stream does not go over to him.
        let _ = late.send(b"9876");
        assert!(late.recv(&mut octets).is_err(), "a late one was answered");
    }
    drop(peer);
    is_free(&server, idle, "vanished while datagrams went out");
}

/// A server with the limits of a responder: what is named and too much is refused, with a word that iperf3 knows; what is
/// not named is held.
#[test]
fn limits_are_told_or_held() {
    if !needs(NEEDS) {
        return;
    }
    let (server, idle) = idle_server(&["--limited"]);
    let cases = [
        ("-t 61", "test duration too long"),
        ("-t 60 -O 1", "test duration too long"),
        ("-t 1 -P 2 -b 600M", "total required bandwidth is larger than server limit"),
        ("-t 1 -u -b 1100M", "total required bandwidth is larger than server limit"),
        ("-t 1 -u -b 1M -R", "test authorization failed"),
        ("-t 1 -u -b 1M --bidir", "test authorization failed"),
        // Not named, and more than may be: cut when it is seen.
        ("-t 10 -u -b 0 -l 32K", "total required bandwidth is larger than server limit"),
    ];
    for (options, says) in cases {
        let run = foreign_client(server.port, options).finish();
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.stderr.contains(says), "{run}");
    }
    for options in ["-t 2 -P 2 -J", "-t 2 -R -J", "-t 2 --bidir -J"] {
        let run = foreign_client(server.port, options).succeed();
        let report: serde_json::Value = serde_json::from_str(&run.text()).unwrap();
        for key in ["sum_received", "sum_received_bidir_reverse"] {
            if let Some(rate) = report["end"][key]["bits_per_second"].as_f64() {
                assert!(rate < 1.1e9, "{options}: {key} {rate}");
            }
        }
    }
    is_free(&server, idle, "limits");
}

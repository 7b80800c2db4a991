use super::*;

mod leases;

use crate::guard::turn::{TurnSettings, Turns};
use crate::guard::{Allowance, Guard};
use policy::{Policy, Rights};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const COOKIE: &Cookie = b"abcdefghijklmnopqrstuvwxyz2345672345\0";

fn shared(settings: Settings) -> Arc<Shared> {
    shared_under(Policy::default(), settings)
}

fn shared_under(policy: Policy, settings: Settings) -> Arc<Shared> {
    let rights = Rights::new(policy, ());
    let turns = Turns::new(TurnSettings::default());
    let guard = Guard::new(rights, Allowance::anyone(None), Allowance::entitled(), turns);
    Shared::new(guard, Arc::new(Anyone), Drain::new(), settings)
}

fn start(shared: &Arc<Shared>) -> (SocketAddr, JoinHandle<net::Drained>) {
    let listener = net::listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(run(listener, Arc::clone(shared))))
}

/// What the responder says until it closes the connection.
async fn all_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end too.
    let _ =
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut said)).await.expect("it never closes");
    said
}

fn refused(shared: &Shared, why: Refusal) -> u64 {
    shared.runs.totals().refused.iter().filter(|((_, reason), _)| *reason == why).map(|(_, count)| *count).sum()
}

/// A cookie leads to the session that expects it, from its address alone, for as many streams as it has.
#[tokio::test]
async fn a_cookie_leads_to_its_session() {
    let shared = shared(Settings::default());
    let (address, running) = start(&shared);
    let mut expected = shared.registry.expect(*COOKIE, address.ip(), 2).unwrap();
    assert!(shared.registry.expect(*COOKIE, address.ip(), 1).is_none(), "two sessions would share a cookie");
    for _ in 0..2 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(COOKIE).await.unwrap();
        client.write_all(b"payload").await.unwrap();
        let arrival = expected.next().await;
        assert_eq!(arrival.peer, client.local_addr().unwrap());
        let mut stream = TcpStream::from_std(arrival.stream).unwrap();
        let mut payload = [0; 7];
        stream.read_exact(&mut payload).await.unwrap();
        assert_eq!(&payload, b"payload");
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(COOKIE).await.unwrap();
    assert!(all_of(&mut third).await.is_empty());
    assert_eq!(refused(&shared, Refusal::Cookie), 1);
    drop(expected);
    assert_eq!(shared.registry.leads(COOKIE, address.ip()), registry::Leads::ToNew);
    shared.drain.begin();
    running.await.unwrap();
}

/// Whose cookie another address shows is neither that session's nor a new one.
#[test]
fn a_cookie_is_bound_to_the_address_that_began() {
    let registry = Registry::default();
    let ours: IpAddr = "192.0.2.1".parse().unwrap();
    let _expected = registry.expect(*COOKIE, ours, 1).unwrap();
    assert_eq!(registry.leads(COOKIE, "192.0.2.2".parse().unwrap()), registry::Leads::Nowhere);
    assert_eq!(registry.leads(COOKIE, "::ffff:192.0.2.1".parse().unwrap()), registry::Leads::ToSession);
    assert_eq!(registry.leads(COOKIE, ours), registry::Leads::Nowhere, "it has all its streams");
}

/// Octets that no tool begins with, and cookies of a wrong form, end a connection at once.
#[tokio::test]
async fn strangers_are_closed() {
    let shared = shared(Settings::default());
    let (address, running) = start(&shared);
    for first in [&b"\xff\xff"[..], b"9999", b" GET", b"\x16\x03\x01", b"abcdefghijklmnopqrstuvwxyz01234567890\0"] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(first).await.unwrap();
        assert!(all_of(&mut client).await.is_empty(), "{first:?}");
    }
    assert_eq!(refused(&shared, Refusal::Malformed), 5);
    shared.drain.begin();
    running.await.unwrap();
}

/// Who says nothing, or half a cookie, is closed when its time is over.
#[tokio::test]
async fn silence_ends_when_its_time_is_over() {
    let shared = shared(Settings { first_octets_timeout: Duration::from_millis(100), ..Settings::default() });
    let (address, running) = start(&shared);
    for first in [&b""[..], &COOKIE[..20]] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(first).await.unwrap();
        assert!(all_of(&mut client).await.is_empty(), "{first:?}");
    }
    assert_eq!(refused(&shared, Refusal::Silent), 2);
    shared.drain.begin();
    running.await.unwrap();
}

/// An address has so many connections and no more, and a closed one makes room.
#[tokio::test]
async fn an_address_has_so_many_connections() {
    let shared = shared(Settings { connections_per_address_max: 2, ..Settings::default() });
    let (address, running) = start(&shared);
    let first = TcpStream::connect(address).await.unwrap();
    let _second = TcpStream::connect(address).await.unwrap();
    let mut third = TcpStream::connect(address).await.unwrap();
    assert!(all_of(&mut third).await.is_empty());
    assert_eq!(refused(&shared, Refusal::Connections), 1);
    drop(first);
    let found = async {
        loop {
            let mut fourth = TcpStream::connect(address).await.unwrap();
            let asked = fourth.write_all(b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
            if asked.is_ok() && all_of(&mut fourth).await.starts_with(b"HTTP/1.1 404") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
    shared.drain.begin();
    running.await.unwrap();
}

/// All of IPv4 counts by address, all of a /64 as one.
#[test]
fn places_are_counted_by_site() {
    let places = places::Places::new(3, 1);
    let take = |address: &str| places.take(address.parse().unwrap());
    let one = take("2001:db8::1").unwrap();
    assert_eq!(take("2001:db8::2").unwrap_err(), places::NoPlace::OfAddress);
    let _two = take("2001:db8:0:1::1").unwrap();
    let _three = take("192.0.2.1").unwrap();
    assert_eq!(take("192.0.2.2").unwrap_err(), places::NoPlace::Full);
    drop(one);
    assert_eq!(places.taken(), 2);
    assert_eq!(take("::ffff:192.0.2.1").unwrap_err(), places::NoPlace::OfAddress);
    assert!(take("192.0.2.2").is_ok());
}

/// Draining waits for tests, and at its deadline tells those which still run.
#[tokio::test]
async fn a_test_that_outlasts_draining_is_told() {
    let shared = shared(Settings { drain_deadline: Duration::from_millis(50), ..Settings::default() });
    let (_, running) = start(&shared);
    let (peer, what) = ("192.0.2.1:5201".parse().unwrap(), "TCP".to_owned());
    let (protocol, longest) = (Protocol::Iperf3, Duration::from_secs(60));
    let run = shared.runs.begin(Start { protocol, who: "anonymous".to_owned(), peer, what, longest });
    let test = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move {
            shared.cut().await;
            run.moved().sent_bytes.fetch_add(7, std::sync::atomic::Ordering::Relaxed);
            drop(run);
        }
    });
    shared.drain.begin();
    assert_eq!(running.await.unwrap(), net::Drained { finished: 0, cut: 1 });
    test.await.unwrap();
    let totals = shared.runs.totals();
    assert_eq!((totals.broken[&Protocol::Iperf3], totals.sent_bytes[&Protocol::Iperf3]), (1, 7));
}

/// The interface of the default route is found as the kernel writes it, and an unknown speed stays unknown.
#[test]
fn the_uplink_is_that_of_the_default_route() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    assert_eq!(uplink::default_interface(folder.path()), None);
    let unreachable = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
    write("ipv6_route", unreachable);
    assert_eq!(uplink::default_interface(folder.path()), None);
    write("ipv6_route", &(unreachable.replace("      lo", "    ens4") + unreachable));
    assert_eq!(uplink::default_interface(folder.path()).as_deref(), Some("ens4"));
    write(
        "route",
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
         ens3\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
         ens3\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
    );
    assert_eq!(uplink::default_interface(folder.path()).as_deref(), Some("ens3"));
    for (text, rate) in [("10000\n", Some(terms::Rate(10_000_000_000))), ("-1\n", None), ("", None), ("0\n", None)] {
        write("speed", text);
        assert_eq!(uplink::rate(folder.path()), rate);
    }
}

/// Another site's page uses up nothing that the browser's owner may have here beyond others.
#[test]
fn a_page_of_another_site_may_what_anyone_may() {
    let shared = shared_under(leases::open_to_members(), Settings::default());
    let who = terms::Principal::anonymous().came(IpAddr::from([127, 0, 0, 1]), false);
    let cases: [(&[(&str, &str)], bool); 7] = [
        (&[], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("host", "here:5201"), ("origin", "https://here:5201")], true),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site"), ("host", "here"), ("origin", "https://here")], false),
        (&[("host", "here"), ("origin", "null")], false),
    ];
    for (fields, all) in cases {
        let fields = fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let allowance = http::allowance(&fields, &who, &shared);
        assert_eq!(allowance, if all { shared.guard.entitled() } else { shared.guard.anyone() }, "{fields:?}");
    }
}

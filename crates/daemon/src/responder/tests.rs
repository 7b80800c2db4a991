//! From settings to what is allowed.

use super::*;
use crate::testing::World;
use std::path::Path;
use std::time::Duration;
use terms::Principal;

fn parsed(text: &str) -> Settings {
    Settings::parse(text, Path::new("portolan.toml")).unwrap_or_else(|findings| panic!("{findings}"))
}

#[test]
fn without_the_section_there_is_no_responder() {
    assert_eq!(Settings::built_in().responder.listen, None);
    assert_eq!(parsed("").responder.listen, None);
    assert!(parsed("[responder]\nlisten = \"[::]:5201\"\n").responder.listen.is_some());
}

/// The four figures of the BCP (TCP and UDP, time and rate), and what holds when each is set.
#[test]
fn what_anyone_may_is_what_the_bcp_asks_unless_it_is_set() {
    let bare = parsed("[responder]\nlisten = \"[::]:5201\"\n");
    let (anyone, entitled) = allowances(&bare.responder, Some(Rate(10_000_000_000)));
    assert_eq!((anyone.longest, anyone.datagrams_longest), (Duration::from_secs(60), Duration::from_secs(60)));
    assert_eq!(anyone.stream_rate, Some(Rate(1_000_000_000)));
    assert_eq!(anyone.datagram_rate, Some(Rate(1_000_000_000)));
    assert!(!anyone.datagrams_out && !anyone.disk && entitled.datagrams_out && !entitled.disk);
    assert_eq!((entitled.stream_rate, entitled.datagram_rate), (None, None));
    let (anyone, _) = allowances(&bare.responder, Some(Rate(1_000_000_000)));
    assert_eq!(anyone.datagram_rate, Some(Rate(500_000_000)), "half of a slow uplink");
    let set = parsed(
        "[responder]\nlisten = \"[::]:5201\"\nanyone_tcp_time = \"10 s\"\nanyone_tcp_rate = \"2 Gbit/s\"\n\
         anyone_udp_time = \"20 s\"\nanyone_udp_rate = \"3 Mbit/s\"\nlongest = \"15 s\"\nstreams = 4\nscratch = \"/x\"\n",
    );
    let (anyone, entitled) = allowances(&set.responder, None);
    assert_eq!((anyone.longest, anyone.stream_rate), (Duration::from_secs(10), Some(Rate(2_000_000_000))));
    assert_eq!((anyone.datagrams_longest, anyone.datagram_rate), (Duration::from_secs(20), Some(Rate(3_000_000))));
    assert_eq!((entitled.longest, entitled.datagrams_longest), (Duration::from_secs(15), Duration::from_secs(20)));
    assert_eq!((anyone.streams_max, entitled.streams_max), (4, 4));
    assert!(entitled.disk && !anyone.disk);
}

#[test]
fn turns_and_bounds_are_those_of_the_settings() {
    let bare = parsed("[responder]\nlisten = \"[::]:5201\"\nat_once = 9\n");
    assert_eq!(turns(&bare.responder), TurnSettings { at_once: 1, waiting_max: 64 });
    let set = parsed(
        "[responder]\nlisten = \"[::]:5201\"\nturns = \"shared\"\nat_once = 9\nwaiting_max = 2\npatience = \"7 s\"\n\
         connections = 11\nconnections_per_address = 12\nfirst_octets_time = \"13 s\"\nstall_time = \"14 s\"\n",
    );
    assert_eq!(turns(&set.responder), TurnSettings { at_once: 9, waiting_max: 2 });
    let bounds = bounds(&set.responder);
    assert_eq!((bounds.connections_max, bounds.connections_per_address_max), (11, 12));
    assert_eq!(bounds.first_octets_timeout, Duration::from_secs(13));
    assert_eq!((bounds.stall_timeout, bounds.patience), (Duration::from_secs(14), Duration::from_secs(7)));
    assert_eq!(bounds.budget, Budget::default());
    let budget = "[responder]\nlisten = \"[::]:5201\"\n[responder.budget]\nkeeper = \"[2001:db8::1]:5201\"\nname = \"wan\"\n\
                  unreachable = \"go-on\"\n";
    let keeper = Some("[2001:db8::1]:5201".to_owned());
    let wanted = Budget { name: "wan".to_owned(), keeper, without_keeper: true };
    assert_eq!(super::bounds(&parsed(budget).responder).budget, wanted);
}

/// A caller from a network that a rule names has more than anyone, and one on this very host has not.
#[tokio::test]
async fn a_rule_about_a_network_lifts_what_anyone_may() {
    let settings = parsed(
        "[responder]\nlisten = \"127.0.0.1:0\"\n\
         [[rule]]\nname = \"lab\"\nverbs = [\"measure\"]\nto = [\"everyone\"]\nnetworks = [\"192.0.2.0/24\"]\n",
    );
    let rights = Rights::new(crate::rules::load(&settings).expect("rules"), ());
    let callers = Arc::new(soundings::responder::Anyone);
    let responder = Responder::of(&settings, rights, callers, Drain::new(), None).expect("a responder");
    let allowance = async |address: &str| {
        let peer = SocketAddr::new(address.parse().expect("an address"), 40_000);
        let who = responder.shared.callers.who(peer, false, None).await.expect("somebody");
        responder.shared.guard.allowance(&who, std::time::SystemTime::now().into())
    };
    assert_eq!(allowance("192.0.2.7").await, responder.shared.guard.entitled());
    assert_eq!(allowance("::ffff:192.0.2.7").await, responder.shared.guard.entitled());
    assert_eq!(allowance("198.51.100.7").await, responder.shared.guard.anyone());
    assert_eq!(allowance("127.0.0.1").await, responder.shared.guard.anyone());
}

/// Inside a port the gate says who calls: a good token is somebody, a bad one is refused and on record.
#[tokio::test]
async fn the_gate_of_the_port_knows_callers() {
    let world =
        World::with(|settings| settings.responder.listen = Some("127.0.0.1:0".parse().expect("an address"))).await;
    let shared = &world.port.responder.as_ref().expect("a responder").shared;
    let peer: SocketAddr = "198.51.100.7:40000".parse().expect("an address");
    let anonymous = shared.callers.who(peer, false, None).await.expect("anyone");
    assert!(anonymous.is_anonymous() && anonymous.from == Some(peer.ip()));
    let token = world.token("measure", "/").await;
    let who = shared.callers.who(peer, true, Some(&token)).await.expect("somebody");
    let now = std::time::SystemTime::now().into();
    let more = |who: &Principal| shared.guard.allowance(who, now) == shared.guard.entitled();
    assert!(more(&who) && !more(&anonymous));
    for bad in ["nonsense", "two words", "\u{7}"] {
        assert_eq!(shared.callers.who(peer, true, Some(bad)).await.expect_err("refused").status, 401, "{bad}");
    }
}

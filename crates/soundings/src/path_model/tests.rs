use super::{News, Settings, measure};
use crate::guard::turn::{TurnSettings, Turns};
use crate::guard::{Allowance, Guard};
use crate::responder::{Anyone, Shared};
use net::Drain;
use policy::{Policy, Rights};
use soundings_core::path_model::{Answer, Section, Target, judge};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terms::{Problem, Rate};

fn responder(allowance: Allowance, address: &str) -> SocketAddr {
    let rights = Rights::new(Policy::default(), ());
    let guard = Guard::new(rights, allowance, Allowance::entitled(), Turns::new(TurnSettings::default()));
    let shared = Shared::new(guard, Arc::new(Anyone), Drain::new(), crate::responder::Settings::default());
    let listener = net::listen(address.parse().unwrap(), 64).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(crate::responder::run(listener, shared));
    address
}

fn settings(address: SocketAddr, rate: &str) -> Settings {
    Settings {
        address,
        rate: rate.parse().unwrap(),
        rtt: Duration::from_millis(20),
        mtu_bytes: Some(1500),
        time: Duration::from_secs(1),
        congestion_control: None,
        patience: Duration::from_secs(5),
    }
}

async fn measured(settings: Settings) -> Result<(Target, Section, Vec<News>), Problem> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let run = move || measure(&settings, |news| hear.lock().unwrap().push(news));
    let (target, section) = tokio::task::spawn_blocking(run).await.unwrap()?;
    let heard = heard.lock().unwrap().clone();
    Ok((target, section, heard))
}

/// Loopback loses nothing: what can be told in a second is told, the rest is said to need more packets.
#[tokio::test(flavor = "multi_thread")]
async fn a_section_without_loss_is_measured() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let address = responder(Allowance::anyone(None), address);
        let (target, section, heard) = measured(settings(address, "20Mbit/s")).await.unwrap();
        assert_eq!(target.window_packets(), if address.is_ipv6() { 36 } else { 35 });
        let parts = heard.iter().filter(|news| matches!(news, News::Part(..))).count();
        assert_eq!(parts, 4, "{heard:?}");
        let steady = section.steady.as_ref().unwrap();
        assert!(steady.packets > 0 && steady.delivered_bits_per_second > 0, "{steady:?}");
        assert!(section.slow_bursts.as_ref().unwrap().bursts > 0 && section.fast_bursts.as_ref().unwrap().bursts > 0);
        let judged = judge(&target, &section);
        let of = |name: &str| judged.requirements.iter().find(|one| one.name == name).unwrap().answer;
        for name in ["distance", "receive-window", "selective-acknowledgements", "timestamps", "path-mtu"] {
            assert_eq!(of(name), Answer::Pass, "{name}: {judged:#?}");
        }
        assert_ne!(of("background-loss"), Answer::Fail, "{judged:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_is_allowed_is_not_sent() {
    let allowance = Allowance { stream_rate: Some(Rate(10_000_000)), ..Allowance::anyone(None) };
    let address = responder(allowance, "127.0.0.1:0");
    let problem = measured(settings(address, "20Mbit/s")).await.unwrap_err();
    assert_eq!(problem.kind, "not-allowed", "{problem}");
    assert!(problem.detail.contains("10 Mbit/s"), "{problem}");
}

/// A responder that is not there, and one that is something else.
#[tokio::test(flavor = "multi_thread")]
async fn whom_to_blame_is_said() {
    let silent = net::listen("127.0.0.1:0".parse().unwrap(), 8).unwrap();
    let address = silent.local_addr().unwrap();
    drop(silent);
    assert_eq!(measured(settings(address, "20Mbit/s")).await.unwrap_err().kind, "unreachable");
    let other = net::listen("127.0.0.1:0".parse().unwrap(), 8).unwrap();
    let address = other.local_addr().unwrap();
    let talk = tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-x\r\n").await.unwrap();
        stream
    });
    assert_eq!(measured(settings(address, "20Mbit/s")).await.unwrap_err().kind, "protocol");
    drop(talk.await.unwrap());
}

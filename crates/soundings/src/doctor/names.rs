//! Own name and addresses, and the name of the far side, asked of the resolver that programs here use.

use super::Look;
use futures_util::future::join_all;
use net::Family;
use soundings_core::doctor::{Address, Facts, Name};
use std::net::IpAddr;
use std::time::{Duration, Instant};

pub(super) async fn fill(facts: &mut Facts, look: &Look) {
    let far = look.far_name.clone().filter(|far| far.trim_matches(['[', ']']).parse::<IpAddr>().is_err());
    let own = own_name().map(|name| (name, true));
    let names = own.into_iter().chain(far.map(|name| (name, false)));
    let names = join_all(names.map(|(name, own)| self::name(name, own, look.family)));
    let addresses = own_addresses().into_iter().filter(|address| look.family.takes(*address));
    // Side by side: a resolver that does not answer keeps us waiting once.
    (facts.names, facts.addresses) = tokio::join!(names, join_all(addresses.map(reverse)));
}

fn own_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty() && name != "(none)").then_some(name)
}

/// The addresses from which this host calls others: one of each family that has a route.
fn own_addresses() -> Vec<IpAddr> {
    // No packet is sent: binding a datagram socket to a far address only asks the routes. The far ones are of
    // documentation (RFC 5737, RFC 3849), so nobody is meant by them.
    let mut found = Vec::new();
    for far in ["192.0.2.1:9", "[2001:db8::1]:9"] {
        let Ok(far) = far.parse() else { continue };
        if let Ok(own) = net::host::source_for(far)
            && !own.is_loopback()
        {
            found.push(own);
        }
    }
    found
}

async fn name(name: String, own: bool, family: Family) -> Name {
    let started = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, net::host::all_addresses(&name)).await;
    let took = Some(started.elapsed());
    let failed = |why: String, name: String| Name { name, own, addresses: None, took, failure: Some(why) };
    match answer {
        Err(_) => failed(format!("no answer within {} s", PATIENCE.as_secs()), name),
        Ok(Err(error)) => failed(error.to_string(), name),
        Ok(Ok(addresses)) => {
            let addresses = addresses.into_iter().filter(|address| family.takes(*address)).collect();
            Name { name, own, addresses: Some(addresses), took, failure: None }
        }
    }
}

async fn reverse(address: IpAddr) -> Address {
    let started = Instant::now();
    let asked = tokio::task::spawn_blocking(move || net::host::name_of(address));
    let name = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(name))) => Some(name),
        _ => None,
    };
    let took = Some(started.elapsed());
    let back = match &name {
        Some(Some(name)) => {
            let asked = tokio::time::timeout(PATIENCE, net::host::all_addresses(name)).await;
            asked.ok().and_then(Result::ok)
        }
        _ => None,
    };
    Address { address, name, back, took }
}

/// Longer than a resolver takes that has to ask its second server once.
const PATIENCE: Duration = Duration::from_secs(6);

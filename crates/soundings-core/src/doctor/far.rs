//! What shows only with the far side's help.

use super::facts::{Facts, Far, Reach};
use super::finding::{Finding, Remedy};
use terms::Span;

pub(super) fn examine(far: &Far, facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![there(far)];
    if matches!(far.connected, Reach::Yes(_)) {
        findings.push(mtu(far, facts));
        findings.extend(translated(far));
        findings.extend(back(far));
    }
    let of = format!("{} ({})", far.host, far.address);
    findings.into_iter().map(|finding| finding.of(&of)).collect()
}

fn there(far: &Far) -> Finding {
    let subject = "port-there";
    let port = far.port;
    let open = Remedy::Do(format!("Open TCP port {port} to this host in the firewalls of the way."));
    match &far.connected {
        Reach::Yes(took) => Finding::ok(subject, format!("port {port} answers in {}", Span(*took))),
        Reach::Refused => {
            Finding::broken(subject, format!("port {port} refuses"), "the way is open, and nothing listens there")
                .remedy(Remedy::Do("Start it there: portolan responder.".to_owned()))
        }
        Reach::Silent => {
            Finding::broken(subject, format!("port {port} is silent"), "something on the way swallows packets")
                .remedy(open)
        }
        Reach::No(why) => Finding::broken(subject, format!("port {port}: {why}"), "nothing gets there").remedy(open),
    }
}

fn mtu(far: &Far, facts: &Facts) -> Finding {
    let subject = "path-mtu";
    let Some(mtu) = far.path_mtu_bytes else { return Finding::unknown(subject, "the kernel does not tell it") };
    let own =
        facts.interfaces.iter().find(|one| Some(&one.name) == far.interface.as_ref()).and_then(|one| one.mtu_bytes);
    let own_text = own.map_or_else(String::new, |own| format!(", {own} at the interface"));
    let found = format!("{mtu} bytes{own_text}");
    match far.full_packets_pass {
        Some(false) => {
            let cost = "small packets pass and full ones do not: connections open, and stand still with the first data";
            Finding::broken(subject, format!("a black hole: {found}"), cost)
                .remedy(Remedy::Do("Let ICMP 'packet too big' through the firewalls of the way.".to_owned()))
                .remedy(Remedy::sysctl("net.ipv4.tcp_mtu_probing", 1))
        }
        _ if own.is_some_and(|own| mtu < own) => {
            let cost = format!("packets of {mtu} bytes; each new destination loses a round trip to find out");
            Finding::costs(subject, found, cost)
                .remedy(Remedy::Do("Look with tracepath for the hop, and ask who runs it.".to_owned()))
        }
        Some(true) => Finding::ok(subject, format!("{found}; full packets arrive")),
        None => Finding::unknown(subject, format!("{found}; whether full packets arrive was not seen")),
    }
}

fn translated(far: &Far) -> Option<Finding> {
    let (seen, own) = (far.seen_as?, far.own?);
    if seen.to_canonical() == own.to_canonical() {
        return None;
    }
    let cost =
        "nobody outside can begin a connection to this host, and the translating device may be the slowest of the way";
    Some(Finding::costs("translation", format!("we are {own}, and seen as {seen}"), cost))
}

fn back(far: &Far) -> Vec<Finding> {
    if let Some(why) = &far.back_unknown {
        return vec![Finding::unknown("ports-here", why.clone())];
    }
    let one = |(port, reach): &(u16, Reach)| {
        let subject = "port-here";
        match reach {
            Reach::Yes(took) => Finding::ok(subject, format!("port {port} is reached from there in {}", Span(*took))),
            Reach::Refused => {
                Finding::ok(subject, format!("the way to port {port} is open; nothing listens there now"))
            }
            Reach::Silent => {
                let cost = "transfers and tests that the far side begins do not come through";
                Finding::broken(subject, format!("port {port} is not reached from there"), cost)
                    .remedy(Remedy::Do(format!("Open TCP port {port} for {} in the firewalls here.", far.address)))
            }
            Reach::No(why) => Finding::unknown(subject, format!("port {port}: {why}")),
        }
    };
    far.back.iter().map(one).collect()
}

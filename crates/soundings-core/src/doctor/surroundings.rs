//! What a host needs beside the network: the clock, names, open files, disks.

use super::buffers::not_seen;
use super::facts::{Address, Disk, Facts, Name};
use super::finding::{Finding, Remedy};
use super::goal::Goal;
use std::time::Duration;
use terms::{ByteSize, Span};

pub(super) fn examine(facts: &Facts, goal: &Goal) -> Vec<Finding> {
    let mut findings = vec![clock(facts)];
    findings.extend(facts.names.iter().map(name));
    findings.extend(facts.addresses.iter().map(address));
    findings.push(files(facts));
    findings.extend(facts.disks.iter().flat_map(|one| disk(one, goal)));
    findings
}

fn clock(facts: &Facts) -> Finding {
    let subject = "clock";
    let clock = &facts.clock;
    let keepers = match clock.keepers.as_deref() {
        None => String::new(),
        Some([]) => "; no program that keeps it is seen".to_owned(),
        Some(names) => format!("; kept by {}", names.join(", ")),
    };
    let Some(synchronised) = clock.synchronised else { return not_seen(subject, "the state of the clock") };
    if !synchronised {
        let cost =
            "delays of one direction mean nothing; tokens and certificates are judged by a time that may be wrong";
        return Finding::broken(subject, format!("nobody keeps it{keepers}"), cost)
            .remedy(Remedy::Command("apt-get install chrony && systemctl enable --now chrony".to_owned()))
            .because("the kernel says so (adjtimex: STA_UNSYNC); the BCP asks for 500 µs");
    }
    let Some(error) = clock.error_estimated else { return Finding::ok(subject, format!("synchronised{keepers}")) };
    let most = clock.error_most.map_or_else(String::new, |most| format!(", at most {}", Span(most)));
    let offset = clock.offset_ns.map_or_else(String::new, |offset| {
        format!(", {} to be corrected", Span(Duration::from_nanos(offset.unsigned_abs())))
    });
    let found = format!("synchronised; its error is about {}{most}{offset}{keepers}", Span(error));
    let offset_large =
        clock.offset_ns.is_some_and(|offset| Duration::from_nanos(offset.unsigned_abs()) > CLOCK_ERROR_MOST);
    if error <= CLOCK_ERROR_MOST && !offset_large {
        return Finding::ok(subject, found).because("the BCP asks for 500 µs");
    }
    let cost = format!("delays of one direction are wrong by that much; the BCP asks for {}", Span(CLOCK_ERROR_MOST));
    let remedy = "Name four or five servers within 20 ms, no pool, in chrony.conf; it takes about a day to settle.";
    Finding::costs(subject, found, cost).remedy(Remedy::Do(remedy.to_owned()))
}

fn name(name: &Name) -> Finding {
    let subject = if name.own { "own-name" } else { "far-name" };
    let took = name.took.map_or_else(String::new, |took| format!(" in {}", Span(took)));
    let Some(addresses) = name.addresses.as_ref().filter(|addresses| !addresses.is_empty()) else {
        let why = name.failure.as_deref().unwrap_or("it has no address");
        let found = format!("cannot be resolved{took}: {why}");
        let remedy =
            Remedy::Do("Add it to the name service or to /etc/hosts, and look at /etc/resolv.conf.".to_owned());
        return if name.own {
            let cost = "programs that ask for their own name wait or fail, and certificates for it do not match";
            Finding::costs(subject, found, cost).remedy(remedy).of(&name.name)
        } else {
            Finding::broken(subject, found, "nothing reaches it by this name").remedy(remedy).of(&name.name)
        };
    };
    let list = |wanted: bool| {
        let of: Vec<String> =
            addresses.iter().filter(|one| one.to_canonical().is_ipv4() == wanted).map(ToString::to_string).collect();
        if of.is_empty() { "none".to_owned() } else { of.join(", ") }
    };
    let found = format!("IPv4 {}; IPv6 {}{took}", list(true), list(false));
    if let Some(slow) = name.took.filter(|took| *took > LOOKUP_MOST) {
        let cost = format!("each new connection by name waits {}", Span(slow));
        let remedy = Remedy::Do("Look at /etc/resolv.conf: its first server does not answer, as a rule.".to_owned());
        return Finding::costs(subject, found, cost).remedy(remedy).of(&name.name);
    }
    if name.own && addresses.iter().all(|address| address.is_loopback()) {
        let cost = "who asks this host for its own address is told one that leads nowhere from elsewhere";
        let remedy = Remedy::Do("Give the name its real addresses in the name service and in /etc/hosts.".to_owned());
        return Finding::costs(subject, found, cost).remedy(remedy).of(&name.name);
    }
    Finding::ok(subject, found).of(&name.name)
}

fn address(of: &Address) -> Finding {
    let subject = "reverse-name";
    let text = of.address.to_string();
    let slow = of.took.filter(|took| *took > LOOKUP_MOST);
    let finding = match (&of.name, &of.back) {
        (None, _) => {
            let found = "the resolver gave no answer";
            let wait = of.took.map_or_else(|| "seconds".to_owned(), |took| Span(took).to_string());
            let cost = format!("servers that look up who calls wait {wait} for each connection");
            Finding::costs(subject, found, cost).remedy(Remedy::Do("Look at /etc/resolv.conf.".to_owned()))
        }
        (Some(None), _) => {
            let cost = "grid services and mail refuse hosts without a name, and logs show numbers";
            Finding::costs(subject, "has no name", cost)
                .remedy(Remedy::Do(format!("Ask who runs the network for a PTR record of {text}.")))
        }
        (Some(Some(name)), Some(back)) if !back.contains(&of.address) => {
            let cost = "services that check both ways (GSI, Kerberos) refuse this host";
            Finding::costs(subject, format!("is called {name}, and that name leads elsewhere"), cost)
                .remedy(Remedy::Do(format!("Let {name} have the address {text}, or correct the PTR record.")))
        }
        (Some(Some(name)), _) => match slow {
            Some(slow) => {
                let cost = format!("servers that look up who calls wait {} for each connection", Span(slow));
                Finding::costs(subject, format!("is called {name}"), cost)
                    .remedy(Remedy::Do("Look at /etc/resolv.conf.".to_owned()))
            }
            None => Finding::ok(subject, format!("is called {name}, both ways")),
        },
    };
    finding.of(text)
}

fn files(facts: &Facts) -> Finding {
    let subject = "open-files";
    let (Some(now), Some(most)) = (facts.limits.files, facts.limits.files_max) else {
        return not_seen(subject, "the limit");
    };
    let found = format!("{now} at once, {most} if a program asks");
    if most >= FILES_LEAST {
        return Finding::ok(subject, found);
    }
    // A transfer holds its connection and its file.
    let cost = format!("about {} transfers at once; the next are refused", most / 2);
    let remedy = format!("LimitNOFILE={} in the unit of the service, or `ulimit -n` in limits.conf.", 1 << 16);
    Finding::costs(subject, found, cost).remedy(Remedy::Do(remedy))
}

fn disk(disk: &Disk, goal: &Goal) -> Vec<Finding> {
    vec![room(disk, goal).of(&disk.path), scheduler(disk).of(&disk.path)]
}

fn room(disk: &Disk, goal: &Goal) -> Finding {
    let subject = "disk-room";
    let (Some(free), Some(total)) = (disk.free_bytes, disk.total_bytes) else { return not_seen(subject, "the room") };
    let full_in = Duration::from_secs_f64(free as f64 * 8.0 / goal.rate_bits_per_second.max(1) as f64);
    let found = format!("{} free of {}: {} at {}", ByteSize(free), ByteSize(total), Span(full_in), goal.rate());
    let scarce =
        (free as f64) < total as f64 * FREE_SHARE_LEAST || disk.free_names.is_some_and(|names| names < NAMES_LEAST);
    if free == 0 || disk.free_names == Some(0) {
        return Finding::broken(subject, found, "nothing can be stored")
            .remedy(Remedy::Do("Make room, or choose another place for the data.".to_owned()));
    }
    if !scarce {
        return Finding::ok(subject, found);
    }
    let few = disk.free_names.filter(|names| *names < NAMES_LEAST);
    let names = few.map_or_else(String::new, |names| format!(" and {names} names"));
    let cost = format!("{} are left{names}, and nearly full file systems scatter what they store", ByteSize(free));
    Finding::costs(subject, found, cost)
        .remedy(Remedy::Do("Make room, or choose another place for the data.".to_owned()))
}

fn scheduler(disk: &Disk) -> Finding {
    let subject = "disk-scheduler";
    let Some(scheduler) = &disk.scheduler else {
        let of = disk.file_system.as_deref().unwrap_or("this file system");
        return Finding::unknown(subject, format!("{of} is on no disk that shows one"));
    };
    let kind = match disk.rotational {
        Some(true) => "a disk that turns",
        Some(false) => "a disk without moving parts",
        None => "a disk",
    };
    let found = format!("{scheduler} on {kind}");
    let name = disk.device.as_deref().unwrap_or("DISK");
    let choose = |other: &str| Remedy::Command(format!("echo {other} > /sys/block/{name}/queue/scheduler"));
    match (scheduler.as_str(), disk.rotational) {
        ("bfq" | "kyber", Some(false)) => {
            let cost = "costs processor time for each request, for a fairness that one service does not need";
            Finding::costs(subject, found, cost).remedy(choose("none"))
        }
        ("none", Some(true)) => {
            let cost = "several transfers at once make its head jump between files";
            Finding::costs(subject, found, cost).remedy(choose("mq-deadline"))
        }
        _ => Finding::ok(subject, found),
    }
}

/// The BCP's bound for the clock of a measuring host.
const CLOCK_ERROR_MOST: Duration = Duration::from_micros(500);
/// A resolver nearby answers in a few milliseconds; this is one that tried twice.
const LOOKUP_MOST: Duration = Duration::from_millis(500);
/// Enough for a thousand transfers.
const FILES_LEAST: u64 = 4_096;
/// Less than this and file systems look long for room.
const FREE_SHARE_LEAST: f64 = 0.05;
/// File names left.
const NAMES_LEAST: u64 = 10_000;

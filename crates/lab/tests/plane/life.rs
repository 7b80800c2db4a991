//! A lab comes up whole, is changed while it runs, and leaves nothing behind, however it ends.

use crate::common::{is_root, on, scenario, up};
use lab::{Running, Until};
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A host on either side of a router; the link behind it is narrower.
const PATH: &str = r#"
name = "path"
hosts = ["a", "b"]
routers = ["r"]
[[link]]
name = "near"
between = ["a", "r"]
[[link]]
name = "far"
between = ["r", "b"]
mtu = 1280
b = { v4 = "10.9.0.2/24", v6 = "fd09::2/64" }
a = { v4 = "10.9.0.1/24", v6 = "fd09::1/64" }
"#;

/// Waits for something that takes a moment, but not for ever.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "it did not come to be: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended: that its parent has not asked yet is not of the lab.
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']) && !rest.is_empty())
}

fn namespace_of(pid: u32) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap()
}

/// Processes in this network namespace.
fn inhabitants(namespace: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| std::fs::read_link(entry.path().join("ns/net")).is_ok_and(|link| link == namespace))
        .count()
}

fn sleeper(lab: &Running, host: &str) -> std::process::Child {
    lab.command(host, "sleep").unwrap().arg("1000").stdin(Stdio::null()).spawn().unwrap()
}

fn folder(name: &str) -> PathBuf {
    Path::new("/run/portolan-lab").join(name)
}

#[test]
fn going_down_ends_what_runs_inside() {
    if !is_root() {
        return;
    }
    let lab = lab::up(&scenario(PATH), Until::Down).unwrap();
    let (name, supervisor) = (lab.name().to_owned(), lab.supervisor());
    assert!(lab::labs().unwrap().contains(&name));
    let mut child = sleeper(&lab, "b");
    let namespace = namespace_of(child.id());
    assert_ne!(namespace, namespace_of(std::process::id()));
    let ended = lab::attach(&name).unwrap().down().unwrap();
    assert_eq!(ended, [child.id()]);
    assert!(!child.wait().unwrap().success());
    wait_until("the supervisor is gone", || !runs(supervisor));
    assert_eq!(inhabitants(&namespace), 0);
    assert!(!folder(&name).exists());
    assert_eq!(lab::attach(&name).unwrap_err().kind, "lab-not-up");
}

#[test]
fn a_killed_supervisor_leaves_nothing_that_the_next_does_not_remove() {
    if !is_root() {
        return;
    }
    let lab = lab::up(&scenario(PATH), Until::Down).unwrap();
    let (name, supervisor) = (lab.name().to_owned(), lab.supervisor());
    let mut child = sleeper(&lab, "a");
    // Another test that comes up now may remove our child before we do: then it has no devices.
    let devices = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    assert!(devices(child.id()).contains("near:"));
    kill_process(Pid::from_raw(supervisor as i32).unwrap(), Signal::KILL).unwrap();
    wait_until("the supervisor is gone", || !runs(supervisor));
    // The kernel takes the devices; what runs inside is alone now.
    wait_until("the devices are gone", || !devices(child.id()).contains("near:"));
    assert_eq!(lab::attach(&name).unwrap_err().kind, "lab-not-up");
    assert!(!lab::labs().unwrap().contains(&name));
    let ended = lab::sweep().unwrap();
    assert!(ended.is_empty() || ended.contains(&child.id()));
    assert!(!child.wait().unwrap().success());
    assert!(!folder(&name).exists());
    assert!(!lab::lost().unwrap().contains(&name), "nothing of it is left");
}

#[test]
fn a_lab_ends_with_the_process_that_wanted_it() {
    if !is_root() {
        return;
    }
    let lab = up(PATH);
    let (name, supervisor) = (lab.name().to_owned(), lab.supervisor());
    drop(lab);
    wait_until("the supervisor is gone", || !runs(supervisor));
    assert!(!folder(&name).exists());
}

#[test]
fn a_name_is_used_once() {
    if !is_root() {
        return;
    }
    let scenario = scenario(PATH);
    let lab = lab::up(&scenario, Until::Dropped).unwrap();
    assert_eq!(lab::up(&scenario, Until::Dropped).unwrap_err().kind, "lab-already-up");
    assert_eq!(lab.status().unwrap().name, scenario.name);
    assert_eq!(lab.command("nobody", "true").unwrap_err().kind, "lab-has-no-such-host");
}

#[test]
fn what_the_kernel_refuses_is_named() {
    if !is_root() {
        return;
    }
    let text = format!("{PATH}\n[sysctl]\n\"net.ipv4.no_such_setting\" = 1\n");
    let scenario = scenario(&text);
    let problem = lab::up(&scenario, Until::Dropped).unwrap_err();
    assert!(problem.detail.contains("net.ipv4.no_such_setting"), "{problem}");
    assert!(!folder(&scenario.name).exists());
}

#[test]
fn hosts_know_one_another_by_name() {
    if !is_root() {
        return;
    }
    let lab = up(PATH);
    let said = |program: &str, arguments: &[&str]| {
        let output = lab.command("a", program).unwrap().args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(said("getent", &["ahosts", "b"]).contains("10.9.0.2"));
    let devices = said("ls", &["/sys/class/net"]);
    assert_eq!(devices.split_whitespace().collect::<Vec<_>>(), ["lo", "near"]);
    assert_eq!(said("printenv", &[lab::HOST_VARIABLE]), "a\n");
    // Outside nothing has changed.
    let outside = Command::new("getent").args(["hosts", "b.far"]).output().unwrap();
    assert!(!outside.status.success());
}

/// A datagram that may not be cut and does not fit is refused once the router has said how much fits.
#[test]
#[allow(unsafe_code)]
fn routers_tell_what_fits() {
    if !is_root() {
        return;
    }
    let lab = up(PATH);
    let v4 = (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO, libc::IP_MTU);
    let v6 = (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO, libc::IPV6_MTU);
    for (own, peer, (level, discover, always, mtu)) in [("0.0.0.0:0", "10.9.0.2:9", v4), ("[::]:0", "[fd09::2]:9", v6)]
    {
        let socket = on(&lab, "a", || UdpSocket::bind(own).unwrap());
        socket.connect(peer).unwrap();
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the socket is open; the value is of the size that is told.
        let code = unsafe { libc::setsockopt(socket.as_raw_fd(), level, discover, (&raw const always).cast(), size) };
        assert_eq!(code, 0);
        wait_until("the datagram is refused as too long", || match socket.send(&[0; 1400]) {
            Err(error) => error.raw_os_error() == Some(libc::EMSGSIZE),
            Ok(_) => false,
        });
        let (mut fits, mut size): (libc::c_int, _) = (0, size);
        // SAFETY: likewise.
        let place = (&raw mut fits).cast();
        assert_eq!(unsafe { libc::getsockopt(socket.as_raw_fd(), level, mtu, place, &raw mut size) }, 0);
        assert_eq!(fits, 1280);
    }
}

/// Two ways between two routers; one fails for a while, then the other is taken.
const CHANGES: &str = r#"
name = "changes"
hosts = ["a", "b"]
routers = ["x", "y"]
[[link]]
between = ["a", "x"]
[[link]]
name = "short"
between = ["x", "y"]
[[link]]
name = "long"
between = ["x", "y"]
rtt = "30 ms"
[[link]]
between = ["y", "b"]
b = { v4 = "10.9.0.2/24" }
a = { v4 = "10.9.0.1/24" }
[[step]]
at = "500 ms"
link = "short"
down = true
for = "500 ms"
[[step]]
at = "1500 ms"
way = ["a", "x", "long", "y", "b"]
"#;

/// Asks b from a, again and again until the lab is up for so long: when, and how long the answer took.
fn ask_for(lab: &Running, seconds: f64) -> Vec<(f64, Option<Duration>)> {
    let echo = on(lab, "b", || UdpSocket::bind("10.9.0.2:9").unwrap());
    echo.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let asker = on(lab, "a", || UdpSocket::bind("0.0.0.0:0").unwrap());
    asker.connect("10.9.0.2:9").unwrap();
    asker.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answers = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = [0; 8];
            while let Ok((length, peer)) = echo.recv_from(&mut bytes) {
                echo.send_to(&bytes[..length], peer).unwrap();
            }
        });
        let mut number = 0_u64;
        loop {
            let up_seconds = lab.status().unwrap().up_seconds;
            if up_seconds > seconds {
                break;
            }
            number += 1;
            let began = Instant::now();
            asker.send(&number.to_be_bytes()).unwrap();
            let mut bytes = [0; 8];
            let answered = match asker.recv(&mut bytes) {
                Ok(_) if bytes == number.to_be_bytes() => Some(began.elapsed()),
                Ok(_) => None,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    None
                }
            };
            answers.push((up_seconds, answered));
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    answers
}

/// The link is down from 0.5 s to 1 s; at 1.5 s the way is another, which is 30 ms longer.
#[test]
fn the_timeline_is_followed() {
    if !is_root() {
        return;
    }
    let lab = up(CHANGES);
    let answers = ask_for(&lab, 2.2);
    let between =
        |from: f64, to: f64| answers.iter().filter(move |(at, _)| (from..to).contains(at)).map(|(_, rtt)| *rtt);
    let quick = |rtt: Option<Duration>| rtt.is_some_and(|rtt| rtt < Duration::from_millis(29));
    let slow = |rtt: Option<Duration>| rtt.is_some_and(|rtt| rtt >= Duration::from_millis(30));
    assert!(between(0.0, 0.35).any(quick) && !between(0.0, 0.35).any(slow), "{answers:?}");
    assert!(between(0.52, 0.9).count() > 0 && between(0.52, 0.9).all(|rtt| rtt.is_none()), "{answers:?}");
    assert!(between(1.05, 1.35).any(quick), "{answers:?}");
    assert!(between(1.6, 2.2).any(slow) && !between(1.6, 2.2).any(quick), "{answers:?}");
    let status = lab.status().unwrap();
    assert_eq!((status.steps_done, status.step_failures.len()), (status.steps, 0), "{:?}", status.step_failures);
}

use super::knock::{self, Knock, Knocked, NoKnock, Told, ports_of};
use super::{FarHelp, Look, Roots, gather, look_from_there};
use crate::responder::{Anyone, Shared};
use soundings_core::doctor::{Counters, Reach, Softnet};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

/// A tree as a small server shows it.
fn tree(root: &Path) -> Roots {
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("proc/sys/kernel/osrelease", "6.1.0\n");
    put("proc/sys/net/core/rmem_max", "212992\n");
    put("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
    put("proc/sys/net/ipv4/tcp_sack", "1\n");
    put("proc/sys/net/ipv4/tcp_timestamps", "2\n");
    put("proc/sys/net/ipv4/tcp_window_scaling", "0\n");
    put("proc/sys/net/ipv4/tcp_congestion_control", "cubic\n");
    put("proc/sys/net/ipv4/tcp_available_congestion_control", "reno cubic\n");
    put("proc/net/softnet_stat", "0000000a 00000002 00000003 0 0\nff 0 1\nnonsense\n");
    put("proc/net/netstat", "TcpExt: A ListenOverflows RcvPruned\nTcpExt: 1 22 333\nIpExt: A\nIpExt: 9\n");
    put("proc/net/snmp", "Udp: InDatagrams NoPorts RcvbufErrors\nUdp: 70 1 6\n");
    let route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                 eth0\t00000000\t0100000A\t3\t0\t0\t0\t00000000\t0\t0\t0\n";
    put("proc/net/route", route);
    put(
        "proc/interrupts",
        "  CPU0 CPU1\n 24: 5 6 PCI-MSIX eth0-rx\n 25: 100 0 PCI-MSIX disk\n 26: 1 2 PCI-MSIX eth0-tx\n",
    );
    let line = "7 8 9 10 11 0 0 0 1 2 3 4 5 6 0 0";
    put("proc/net/dev", &format!("Inter-| x\n face | x\n    lo: {line}\n  eth0: {line}\n  eth1: {line}\n"));
    for process in 1..=9 {
        let name = if process == 4 { "systemd-timesyn".to_owned() } else { format!("program-{process}") };
        put(&format!("proc/{process}/comm"), &format!("{name}\n"));
    }
    put("sys/class/net/lo/flags", "0x9\n");
    put("sys/class/net/eth1/flags", "0x1002\n");
    put("sys/class/net/eth0/flags", "0x1003\n");
    put("sys/class/net/eth0/operstate", "up\n");
    put("sys/class/net/eth0/mtu", "9000\n");
    put("sys/class/net/eth0/speed", "10000\n");
    put("sys/class/net/eth0/duplex", "full\n");
    put("sys/class/net/eth0/statistics/rx_packets", "1000\n");
    put("sys/class/net/eth0/statistics/rx_missed_errors", "4\n");
    put("sys/class/net/eth0/statistics/rx_fifo_errors", "3\n");
    put("sys/class/net/eth0/queues/rx-0/rps_cpus", "00000000,00000003\n");
    put("sys/class/net/eth0/queues/rx-1/rps_cpus", "0\n");
    put("sys/class/net/eth0/device/numa_node", "1\n");
    put("sys/class/net/eth0/device/msi_irqs/24", "msix\n");
    put("sys/class/net/eth0/device/msi_irqs/26", "msix\n");
    for (processor, governor) in [("cpu0", "powersave"), ("cpu1", "performance")] {
        put(&format!("sys/devices/system/cpu/{processor}/cpufreq/scaling_governor"), governor);
        put(&format!("sys/devices/system/cpu/{processor}/cpufreq/scaling_min_freq"), "800000\n");
    }
    put("sys/devices/system/cpu/cpufreq/boost", "1\n");
    put("sys/devices/system/node/node0/cpulist", "0\n");
    put("sys/devices/system/node/node1/cpulist", "1\n");
    Roots { proc: root.join("proc"), sys: root.join("sys") }
}

#[tokio::test]
async fn a_tree_is_read_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let look = Look { roots: tree(folder.path()), disks: vec![folder.path().to_owned()], ..Look::default() };
    let facts = gather(&look).await;
    assert_eq!(facts.kernel.as_deref(), Some("6.1.0"));
    assert_eq!(facts.memory.receive_max, Some(212_992));
    assert_eq!(facts.memory.tcp_receive, Some([4_096, 131_072, 6_291_456]));
    assert_eq!(facts.memory.tcp_send, None, "what is not there is not seen");
    assert_eq!(facts.tcp.selective_acknowledgements, Some(true));
    assert_eq!((facts.tcp.timestamps, facts.tcp.window_scaling), (Some(true), Some(false)));
    assert_eq!(facts.tcp.congestion_controls, Some(vec!["reno".to_owned(), "cubic".to_owned()]));
    let softnet =
        [(10, 2, 3), (255, 0, 1)].map(|(processed, dropped, squeezed)| Softnet { processed, dropped, squeezed });
    assert_eq!(facts.softnet.as_deref(), Some(&softnet[..]));
    assert_eq!((facts.listen_overflows, facts.receive_pruned), (Some(22), Some(333)));
    assert_eq!((facts.datagrams_dropped, facts.datagrams_received), (Some(6), Some(70)));
    assert_eq!(facts.processors.governors, Some(vec!["performance".to_owned(), "powersave".to_owned()]));
    assert_eq!((facts.processors.numa_nodes, facts.processors.count), (Some(2), Some(2)));
    assert_eq!(facts.processors.irqbalance, Some(false));
    assert_eq!(facts.clock.keepers, Some(vec!["systemd-timesyncd".to_owned()]));
    assert_eq!(facts.clock.synchronised, None, "the clock of this machine is not the tree's");
    assert!(facts.disks[0].free_bytes.is_some());
}

#[tokio::test]
async fn an_interface_is_read_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let facts = gather(&Look { roots: tree(folder.path()), ..Look::default() }).await;
    let names: Vec<&str> = facts.interfaces.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["eth0"], "neither loopback nor what is down");
    let eth0 = &facts.interfaces[0];
    assert!(eth0.physical && eth0.default_route);
    assert_eq!((eth0.mtu_bytes, eth0.speed_bits_per_second), (Some(9_000), Some(10_000_000_000)));
    assert_eq!((eth0.full_duplex, eth0.numa_node, eth0.receive_queues), (Some(true), Some(1), Some(2)));
    assert_eq!((eth0.counters.received, eth0.counters.receive_missed), (Some(1_000), Some(7)));
    assert_eq!(eth0.counters.receive_errors, None);
    assert_eq!(eth0.interrupts, Some(vec![6, 8]), "the disk's are not its own");
    assert_eq!(eth0.spread_by_software, Some(true));
    assert_eq!(eth0.queues, None, "queue disciplines of this machine are not the tree's");
}

/// A /sys of another network namespace tells of other interfaces: then only what /proc counts is believed.
#[tokio::test]
async fn a_foreign_sys_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let roots = tree(folder.path());
    fs::remove_dir_all(roots.sys.join("class/net/eth1")).unwrap();
    let facts = gather(&Look { roots, ..Look::default() }).await;
    assert_eq!(facts.interfaces.len(), 1);
    let eth0 = &facts.interfaces[0];
    assert_eq!((eth0.mtu_bytes, eth0.speed_bits_per_second), (None, None));
    let counters = Counters {
        received: Some(8),
        receive_errors: Some(9),
        receive_dropped: Some(10),
        receive_missed: Some(11),
        sent: Some(2),
        send_errors: Some(3),
        send_dropped: Some(4),
        collisions: Some(6),
        carrier_changes: None,
    };
    assert_eq!(eth0.counters, counters);
}

#[tokio::test]
async fn an_empty_tree_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let roots = Roots { proc: folder.path().join("proc"), sys: folder.path().join("sys") };
    let facts = gather(&Look { roots, ..Look::default() }).await;
    assert_eq!((facts.kernel, facts.softnet, facts.interfaces.len()), (None, None, 0));
    assert_eq!((facts.processors.irqbalance, facts.clock.keepers), (None, None));
}

#[test]
fn only_a_few_ports_are_tried() {
    assert_eq!(ports_of(Some("ports=5201,8443")), Ok(vec![5201, 8443]));
    assert_eq!(ports_of(Some("x=1&ports=1")), Ok(vec![1]));
    for query in [None, Some(""), Some("ports="), Some("ports=0"), Some("ports=65536"), Some("ports=1,x")] {
        assert_eq!(ports_of(query), Err(NoKnock::Ports), "{query:?}");
    }
    assert_eq!(ports_of(Some("ports=1,2,3,4,5,6,7,8,9")), Err(NoKnock::Ports));
}

#[tokio::test]
async fn knocking_tells_open_from_closed() {
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ports = [open.local_addr().unwrap().port(), closed];
    let knocked = knock::knock("127.0.0.1:9".parse().unwrap(), &ports).await.unwrap();
    assert!(matches!(knocked.ports[0].reach, Told::Yes { .. }), "{knocked:?}");
    assert_eq!(knocked.ports[1], Knock { port: closed, reach: Told::Refused });
    let text = serde_json::to_string(&knocked).unwrap();
    assert_eq!(serde_json::from_str::<Knocked>(&text).unwrap(), knocked);
}

/// Both ends at once: the responder answers, takes full packets, and knocks at our ports and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_responder_helps_from_the_far_side() {
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    let rights = policy::Rights::new(policy::Policy::default(), ());
    let anyone = crate::guard::Allowance::anyone(None);
    let turns = crate::guard::turn::Turns::new(crate::guard::turn::TurnSettings::default());
    let guard = crate::guard::Guard::new(rights, anyone, crate::guard::Allowance::entitled(), turns);
    let settings = crate::responder::Settings::default();
    let shared = Shared::new(guard, Arc::new(Anyone), net::Drain::new(), settings);
    let listener = net::listen("127.0.0.1:0".parse().unwrap(), 16).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(crate::responder::run(listener, shared));
    let host = address.ip().to_string();
    let help = FarHelp { host, port: address.port(), family: net::Family::V4, ports: vec![port] };
    let far = look_from_there(&help, &Roots::default()).await.unwrap();
    assert_eq!(far.len(), 1);
    assert!(matches!(far[0].connected, Reach::Yes(_)), "{far:?}");
    assert_eq!(far[0].full_packets_pass, Some(true), "{far:?}");
    assert!(far[0].path_mtu_bytes.is_some(), "{far:?}");
    assert_eq!((far[0].seen_as, far[0].own), (Some(address.ip()), Some(address.ip())));
    assert!(matches!(far[0].back[..], [(tried, Reach::Yes(_))] if tried == port), "{far:?}");
}

#[tokio::test]
async fn a_far_side_that_is_none_is_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let help = FarHelp { host: "127.0.0.1".to_owned(), port: closed, family: net::Family::Both, ports: vec![1] };
    let far = look_from_there(&help, &Roots::default()).await.unwrap();
    assert_eq!(far[0].connected, Reach::Refused);
    let six = FarHelp { family: net::Family::V6, ..help };
    let error = look_from_there(&six, &Roots::default()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "a family that it lacks is never swapped");
}

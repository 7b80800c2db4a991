//! Settings of the kernel, and counters that belong to no interface.

use super::files::Roots;
use soundings_core::doctor::{Facts, Memory, Softnet, Tcp};

pub(super) fn fill(facts: &mut Facts, roots: &Roots) {
    facts.kernel = roots.setting("kernel.osrelease");
    facts.memory = memory(roots);
    facts.tcp = tcp(roots);
    facts.default_qdisc = roots.setting("net.core.default_qdisc");
    facts.backlog_packets = roots.number("net.core.netdev_max_backlog");
    facts.listen_backlog = roots.number("net.core.somaxconn");
    facts.softnet = roots.proc("net/softnet_stat").map(|text| softnet(&text));
    let netstat = roots.proc("net/netstat");
    let counter = |name: &str| netstat.as_deref().and_then(|text| counter(text, "TcpExt", name));
    facts.listen_overflows = counter("ListenOverflows");
    facts.receive_pruned = counter("RcvPruned");
    let snmp = roots.proc("net/snmp");
    let counter = |name: &str| snmp.as_deref().and_then(|text| self::counter(text, "Udp", name));
    facts.datagrams_dropped = counter("RcvbufErrors");
    facts.datagrams_received = counter("InDatagrams");
}

fn memory(roots: &Roots) -> Memory {
    Memory {
        receive_max: roots.number("net.core.rmem_max"),
        send_max: roots.number("net.core.wmem_max"),
        tcp_receive: roots.three("net.ipv4.tcp_rmem"),
        tcp_send: roots.three("net.ipv4.tcp_wmem"),
        tcp_all_pages: roots.three("net.ipv4.tcp_mem"),
        page_bytes: page_bytes(),
        window_share: roots.number("net.ipv4.tcp_adv_win_scale"),
        receive_tuned: roots.switch("net.ipv4.tcp_moderate_rcvbuf"),
    }
}

#[allow(unsafe_code)]
fn page_bytes() -> Option<u64> {
    // SAFETY: it takes a number and gives one.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok().filter(|bytes| *bytes > 0)
}

fn tcp(roots: &Roots) -> Tcp {
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
    Tcp {
        window_scaling: roots.switch("net.ipv4.tcp_window_scaling"),
        selective_acknowledgements: roots.switch("net.ipv4.tcp_sack"),
        timestamps: roots.switch("net.ipv4.tcp_timestamps"),
        forget_metrics: roots.switch("net.ipv4.tcp_no_metrics_save"),
        slow_start_after_idle: roots.switch("net.ipv4.tcp_slow_start_after_idle"),
        congestion_control: roots.setting("net.ipv4.tcp_congestion_control"),
        congestion_controls: roots.setting("net.ipv4.tcp_available_congestion_control").map(words),
        mtu_probing: roots.number("net.ipv4.tcp_mtu_probing"),
        no_path_mtu: roots.number("net.ipv4.ip_no_pmtu_disc"),
    }
}

/// One line for each processor, hexadecimal: taken, dropped, out of time …
fn softnet(text: &str) -> Vec<Softnet> {
    let line = |line: &str| {
        let mut numbers = line.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok());
        let mut next = || numbers.next().flatten();
        Some(Softnet { processed: next()?, dropped: next()?, squeezed: next()? })
    };
    text.lines().filter_map(line).collect()
}

/// Of pairs of lines, names above numbers, the number of this name in the group.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':')).filter(|(of, _)| *of == group);
    let (names, numbers) = (lines.next()?.1, lines.next()?.1);
    let at = names.split_whitespace().position(|word| word == name)?;
    numbers.split_whitespace().nth(at)?.parse().ok()
}

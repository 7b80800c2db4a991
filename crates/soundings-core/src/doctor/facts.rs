//! What was seen of a host. What could not be seen is absent.

use core::net::IpAddr;
use serde::Serialize;
use std::time::Duration;

/// All that was seen.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Facts {
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Seen with the rights of root.
    pub root: bool,
    /// Buffers.
    pub memory: Memory,
    /// TCP's settings.
    pub tcp: Tcp,
    /// Queue discipline that new interfaces get.
    pub default_qdisc: Option<String>,
    /// Packets that wait for a processor, at most (`net.core.netdev_max_backlog`).
    pub backlog_packets: Option<u64>,
    /// Connections that wait for a program, at most (`net.core.somaxconn`).
    pub listen_backlog: Option<u64>,
    /// Interfaces in use.
    pub interfaces: Vec<Interface>,
    /// Of each processor, in order, since the start.
    pub softnet: Option<Vec<Softnet>>,
    /// Connections refused because a program did not take them in time (`ListenOverflows`).
    pub listen_overflows: Option<u64>,
    /// Times that a receive buffer overflowed and TCP threw data away (`PruneCalled` … `RcvPruned`).
    pub receive_pruned: Option<u64>,
    /// Datagrams lost because a program did not take them in time (UDP `RcvbufErrors`).
    pub datagrams_dropped: Option<u64>,
    /// Datagrams received (UDP `InDatagrams`).
    pub datagrams_received: Option<u64>,
    /// Processors.
    pub processors: Processors,
    /// The clock.
    pub clock: Clock,
    /// Own names and addresses.
    pub names: Vec<Name>,
    /// Addresses of this host, with what the resolver calls them.
    pub addresses: Vec<Address>,
    /// Limits of this process.
    pub limits: Limits,
    /// Where data is kept.
    pub disks: Vec<Disk>,
    /// The far side, one of each family.
    pub far: Vec<Far>,
}

/// Buffers, bytes.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Memory {
    /// `net.core.rmem_max`.
    pub receive_max: Option<u64>,
    /// `net.core.wmem_max`.
    pub send_max: Option<u64>,
    /// `net.ipv4.tcp_rmem`: least, first, most.
    pub tcp_receive: Option<[u64; 3]>,
    /// `net.ipv4.tcp_wmem`.
    pub tcp_send: Option<[u64; 3]>,
    /// `net.ipv4.tcp_mem` of all connections together, pages: low, pressure, high.
    pub tcp_all_pages: Option<[u64; 3]>,
    /// Size of a page.
    pub page_bytes: Option<u64>,
    /// `net.ipv4.tcp_adv_win_scale`: how much of a receive buffer is window.
    pub window_share: Option<i64>,
    /// `net.ipv4.tcp_moderate_rcvbuf`: the kernel enlarges receive buffers by itself.
    pub receive_tuned: Option<bool>,
}

/// TCP's settings.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Tcp {
    /// `tcp_window_scaling`.
    pub window_scaling: Option<bool>,
    /// `tcp_sack`.
    pub selective_acknowledgements: Option<bool>,
    /// `tcp_timestamps`; 2 is on as well.
    pub timestamps: Option<bool>,
    /// `tcp_no_metrics_save`.
    pub forget_metrics: Option<bool>,
    /// `tcp_slow_start_after_idle`.
    pub slow_start_after_idle: Option<bool>,
    /// `tcp_congestion_control`.
    pub congestion_control: Option<String>,
    /// `tcp_available_congestion_control`.
    pub congestion_controls: Option<Vec<String>>,
    /// `tcp_mtu_probing`: 0 off, 1 when a black hole shows, 2 always.
    pub mtu_probing: Option<u64>,
    /// `ip_no_pmtu_disc`: anything but 0 gives up on finding the path MTU.
    pub no_path_mtu: Option<u64>,
}

/// An interface in use.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Interface {
    /// As `eth0`.
    pub name: String,
    /// It is a card, and not made of software.
    pub physical: bool,
    /// Its name at the default route.
    pub default_route: bool,
    /// Speed, bits per second; virtual cards often do not say.
    pub speed_bits_per_second: Option<u64>,
    /// Both directions at once.
    pub full_duplex: Option<bool>,
    /// Bytes.
    pub mtu_bytes: Option<u32>,
    /// Queue disciplines, the root first.
    pub queues: Option<Vec<Queue>>,
    /// Counters since the interface is there.
    pub counters: Counters,
    /// What the card does for the processor.
    pub offloads: Offloads,
    /// Descriptors.
    pub ring: Option<Ring>,
    /// Interrupts that each processor took for it.
    pub interrupts: Option<Vec<u64>>,
    /// Receive queues.
    pub receive_queues: Option<u32>,
    /// Packets of some receive queue are spread by software (RPS).
    pub spread_by_software: Option<bool>,
    /// Node of memory that it is attached to.
    pub numa_node: Option<u32>,
}

/// A queue discipline in use.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Queue {
    /// As `fq`.
    pub kind: String,
    /// At the root.
    pub root: bool,
    /// Packets dropped.
    pub drops: Option<u64>,
    /// What it shapes to, bits per second.
    pub rate_bits_per_second: Option<u64>,
}

/// Counters of an interface.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Counters {
    /// Packets received.
    pub received: Option<u64>,
    /// Packets sent.
    pub sent: Option<u64>,
    /// Received with an error (checksum of the frame, alignment …).
    pub receive_errors: Option<u64>,
    /// Received, and no room for them or no use.
    pub receive_dropped: Option<u64>,
    /// Received while the card had no room (`rx_missed_errors`, `rx_fifo_errors`, `rx_over_errors`).
    pub receive_missed: Option<u64>,
    /// Errors of sending.
    pub send_errors: Option<u64>,
    /// Not sent for want of room.
    pub send_dropped: Option<u64>,
    /// Collisions: only half duplex has them.
    pub collisions: Option<u64>,
    /// Times that the link went down or came up.
    pub carrier_changes: Option<u64>,
}

/// What is done once for many packets.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Offloads {
    /// The card verifies checksums.
    pub receive_checksum: Option<bool>,
    /// The card computes checksums.
    pub send_checksum: Option<bool>,
    /// The card cuts segments (TSO).
    pub segmentation: Option<bool>,
    /// The kernel cuts segments late (GSO).
    pub generic_segmentation: Option<bool>,
    /// Received segments are joined early (GRO).
    pub generic_receive: Option<bool>,
}

/// Descriptors of a card.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Ring {
    /// Received, now.
    pub receive: u32,
    /// Received, at most.
    pub receive_max: u32,
    /// To be sent, now.
    pub send: u32,
    /// To be sent, at most.
    pub send_max: u32,
}

/// What a processor did for the network.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Softnet {
    /// Packets taken.
    pub processed: u64,
    /// Packets dropped: its queue was full.
    pub dropped: u64,
    /// Times that it had to stop before all were taken.
    pub squeezed: u64,
}

/// Processors.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Processors {
    /// So many.
    pub count: Option<u32>,
    /// Governors in use, each once; absent where the hardware or a hypervisor decides.
    pub governors: Option<Vec<String>>,
    /// What they may slow down to, kHz.
    pub least_khz: Option<u64>,
    /// What they can do, kHz.
    pub most_khz: Option<u64>,
    /// Nodes of memory.
    pub numa_nodes: Option<u32>,
    /// `irqbalance` runs.
    pub irqbalance: Option<bool>,
}

/// The clock, as the kernel tells of it (`adjtimex`).
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Clock {
    /// Somebody keeps it.
    pub synchronised: Option<bool>,
    /// What is still to be corrected.
    pub offset_ns: Option<i64>,
    /// Estimated error.
    #[serde(rename = "error_estimated_seconds", serialize_with = "crate::seconds::maybe")]
    pub error_estimated: Option<Duration>,
    /// Largest possible error.
    #[serde(rename = "error_most_seconds", serialize_with = "crate::seconds::maybe")]
    pub error_most: Option<Duration>,
    /// Programs seen that keep clocks.
    pub keepers: Option<Vec<String>>,
}

/// A name looked up.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Name {
    /// The name.
    pub name: String,
    /// It is this host's own.
    pub own: bool,
    /// What it resolves to; absent where the resolver failed.
    pub addresses: Option<Vec<IpAddr>>,
    /// How long that took.
    #[serde(rename = "took_seconds", serialize_with = "crate::seconds::maybe")]
    pub took: Option<Duration>,
    /// Why there is no answer.
    pub failure: Option<String>,
}

/// An address, and the name that the resolver has for it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Its name; `Some(None)` where it has none, and absent where the resolver failed.
    pub name: Option<Option<String>>,
    /// What that name resolves to.
    pub back: Option<Vec<IpAddr>>,
    /// How long it took to get the name.
    #[serde(rename = "took_seconds", serialize_with = "crate::seconds::maybe")]
    pub took: Option<Duration>,
}

/// Limits of this process.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Limits {
    /// Open files, now.
    pub files: Option<u64>,
    /// Open files, as far as a program may raise it.
    pub files_max: Option<u64>,
}

/// A place for data.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Disk {
    /// The folder.
    pub path: String,
    /// Bytes that are free.
    pub free_bytes: Option<u64>,
    /// Bytes in all.
    pub total_bytes: Option<u64>,
    /// Names (inodes) that are free; absent where the file system does not count them.
    pub free_names: Option<u64>,
    /// File system, as `ext4`.
    pub file_system: Option<String>,
    /// The whole disk as the kernel names it, as `sda` or `nvme0n1`.
    pub device: Option<String>,
    /// The scheduler in use, as `none` or `mq-deadline`.
    pub scheduler: Option<String>,
    /// A disk that turns.
    pub rotational: Option<bool>,
}

/// The far side, reached by one address.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Far {
    /// Its name as it was given.
    pub host: String,
    /// Its address.
    pub address: IpAddr,
    /// The port of its responder.
    pub port: u16,
    /// Could we connect? And how long did it take.
    pub connected: Reach,
    /// The interface that leads there.
    pub interface: Option<String>,
    /// Path MTU as the connection found it, bytes.
    pub path_mtu_bytes: Option<u32>,
    /// Did full packets arrive? `Some(false)` is a black hole: small ones did.
    pub full_packets_pass: Option<bool>,
    /// The far side's address for us: another one than ours means that something between translates.
    pub seen_as: Option<IpAddr>,
    /// Our own address of the connection.
    pub own: Option<IpAddr>,
    /// Ports of this host that were tried from there.
    pub back: Vec<(u16, Reach)>,
    /// Why ports could not be tried from there.
    pub back_unknown: Option<String>,
}

/// Whether a connection came about.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Yes, after so long.
    #[serde(serialize_with = "crate::seconds::of")]
    Yes(Duration),
    /// Refused: nothing listens there, and the way is open.
    Refused,
    /// No answer: something on the way swallows it.
    Silent,
    /// Otherwise not.
    No(String),
}

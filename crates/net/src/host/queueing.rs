//! Queue disciplines by rtnetlink (rtnetlink(7), linux/pkt_sched.h).

use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read as _};
use std::time::Duration;

/// A queue discipline as the kernel describes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QueueDiscipline {
    /// Index of its interface.
    pub interface: u32,
    /// It stands at the root of the interface, and not inside of another one.
    pub root: bool,
    /// `fq`, `pfifo_fast`, `mq`, `tbf` …
    pub kind: String,
    /// Packets that it dropped.
    pub drops: Option<u32>,
    /// Times that it held a packet back for want of rate.
    pub overlimits: Option<u32>,
    /// What it shapes to, bytes per second: of `tbf` alone.
    pub rate_bytes_per_second: Option<u64>,
}

/// All queue disciplines of this network namespace. Needs no rights.
pub fn queue_disciplines() -> io::Result<Vec<QueueDiscipline>> {
    let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(Protocol::from(libc::NETLINK_ROUTE)))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.send(&request())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    for _ in 0..MESSAGES_MAX {
        let len = (&socket).read(&mut buffer)?;
        if !take(&buffer[..len], &mut found)? {
            return Ok(found);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the kernel's list of queue disciplines has no end"))
}

/// `struct nlmsghdr` (16 octets) and `struct tcmsg` (20 octets).
fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(36);
    bytes.extend(36_u32.to_ne_bytes());
    bytes.extend(libc::RTM_GETQDISC.to_ne_bytes());
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    bytes.extend(flags.to_ne_bytes());
    bytes.resize(36, 0);
    bytes
}

/// Takes the messages of one datagram; false when the list has ended.
pub(super) fn take(mut datagram: &[u8], found: &mut Vec<QueueDiscipline>) -> io::Result<bool> {
    while datagram.len() >= HEADER_BYTES {
        let len = number(datagram, 0).unwrap_or(0) as usize;
        let kind = short(datagram, 4).unwrap_or(0);
        if len < HEADER_BYTES || len > datagram.len() {
            break;
        }
        match i32::from(kind) {
            libc::NLMSG_DONE => return Ok(false),
            libc::NLMSG_ERROR => {
                let code = number(datagram, HEADER_BYTES).map_or(libc::EIO, |code| -(code as i32));
                return Err(io::Error::from_raw_os_error(code));
            }
            _ if kind == libc::RTM_NEWQDISC => found.extend(discipline(&datagram[HEADER_BYTES..len])),
            _ => {}
        }
        datagram = datagram.get(aligned(len)..).unwrap_or_default();
    }
    Ok(true)
}

fn discipline(message: &[u8]) -> Option<QueueDiscipline> {
    let mut of = QueueDiscipline {
        interface: number(message, 4)?,
        root: number(message, 12)? == TC_H_ROOT,
        ..QueueDiscipline::default()
    };
    let (mut options, mut statistics) = (None, None);
    for (kind, value) in attributes(message.get(TCMSG_BYTES..)?) {
        match kind {
            libc::TCA_KIND => of.kind = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
            libc::TCA_OPTIONS => options = Some(value),
            libc::TCA_STATS2 => statistics = Some(value),
            _ => {}
        }
    }
    if of.kind == "tbf" {
        of.rate_bytes_per_second = options.and_then(tbf_rate);
    }
    let queue = attributes(statistics.unwrap_or_default()).find(|(kind, _)| *kind == TCA_STATS_QUEUE);
    if let Some((_, queue)) = queue {
        // struct gnet_stats_queue: qlen, backlog, drops, requeues, overlimits.
        of.drops = number(queue, 8);
        of.overlimits = number(queue, 16);
    }
    Some(of)
}

fn tbf_rate(options: &[u8]) -> Option<u64> {
    let find = |wanted: u16| attributes(options).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let wide = find(TCA_TBF_RATE64).and_then(|value| value.get(..8)).and_then(|value| value.try_into().ok());
    // struct tc_tbf_qopt begins with struct tc_ratespec, whose rate is its last number.
    let narrow = || find(TCA_TBF_PARMS).and_then(|value| number(value, 8)).map(u64::from);
    wide.map(u64::from_ne_bytes).or_else(narrow)
}

/// The attributes (`struct rtattr`) of a message, up to the first that does not fit.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(short(bytes, 0)?);
        let kind = short(bytes, 2)? & NLA_TYPE_MASK;
        let value = bytes.get(4..len)?;
        bytes = bytes.get(aligned(len)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn aligned(len: usize) -> usize {
    len.div_ceil(4) * 4
}

/// The kernel answers at once; this is for kernels that are none (gVisor).
const ANSWER: Duration = Duration::from_secs(2);
const BUFFER_BYTES: usize = 64 << 10;
/// Datagrams of one list: each holds some hundred queues.
const MESSAGES_MAX: usize = 4096;
const HEADER_BYTES: usize = 16;
const TCMSG_BYTES: usize = 20;
const TC_H_ROOT: u32 = 0xffff_ffff;
const NLA_TYPE_MASK: u16 = 0x3fff;
/// gen_stats.h.
const TCA_STATS_QUEUE: u16 = 3;
/// pkt_sched.h.
const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;

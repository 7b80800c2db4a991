//! What shows only from the far side: whether its port answers, whether full packets arrive, and which ports here are
//! reached from there.

use super::files::Roots;
use super::knock::Knocked;
use net::{Family, SocketOptions, addresses_of, connect_tuned, tcp_info};
use soundings_core::doctor::{Far, Reach};
use soundings_core::throughput::spec;
use soundings_core::throughput::wire::{self, Hello, Message};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Whose help is asked for, and for which ports of this host.
#[derive(Clone, Debug)]
pub struct FarHelp {
    /// A host with a responder.
    pub host: String,
    /// The port of its responder.
    pub port: u16,
    /// Families to try, each by itself.
    pub family: Family,
    /// Ports of this host that are to be tried from there.
    pub ports: Vec<u16>,
}

/// Looks at the way to the far side and back, once for each family. A host that has no address is an error.
pub async fn look_from_there(help: &FarHelp, roots: &Roots) -> io::Result<Vec<Far>> {
    let mut found = Vec::new();
    for address in addresses_of(&help.host, help.port, help.family).await? {
        let (help, roots) = (help.clone(), roots.clone());
        let looked = tokio::task::spawn_blocking(move || look(&help, address, &roots)).await;
        found.push(looked.map_err(io::Error::other)?);
    }
    Ok(found)
}

fn look(help: &FarHelp, address: SocketAddr, roots: &Roots) -> Far {
    let mut far = Far {
        host: help.host.clone(),
        address: address.ip(),
        port: address.port(),
        connected: Reach::Silent,
        interface: interface_to(address.ip(), roots),
        path_mtu_bytes: None,
        full_packets_pass: None,
        seen_as: None,
        own: None,
        back: Vec::new(),
        back_unknown: None,
    };
    let started = Instant::now();
    let stream = match connect(address) {
        Ok(stream) => stream,
        Err(error) => {
            far.connected = reach(&error);
            return far;
        }
    };
    far.connected = Reach::Yes(started.elapsed());
    far.own = stream.local_addr().ok().map(|own| own.ip());
    far.full_packets_pass = full_packets(address, &stream);
    far.path_mtu_bytes = tcp_info(&stream).ok().map(|info| info.path_mtu);
    match knock(address, &help.ports) {
        Ok(knocked) => {
            far.seen_as = Some(knocked.seen_as);
            far.back = knocked.ports.into_iter().map(|one| (one.port, one.reach.into_reach())).collect();
        }
        Err(error) => far.back_unknown = Some(format!("the far side did not try them: {error}")),
    }
    far
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = connect_tuned(address, &SocketOptions::default(), CONNECT_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    Ok(stream)
}

pub(super) fn reach(error: &io::Error) -> Reach {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reach::Refused,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Reach::Silent,
        _ => Reach::No(error.to_string()),
    }
}

/// A greeting of many packets is answered only when full ones arrive. Where it is not, a small one tells whether anything
/// would have been.
fn full_packets(address: SocketAddr, stream: &TcpStream) -> Option<bool> {
    if greet(stream, FULL_BYTES).is_ok() {
        return Some(true);
    }
    let small = connect(address).and_then(|stream| greet(&stream, 0));
    small.is_ok().then_some(false)
}

/// Says hello with so many bytes of padding, and hears whether there is an answer.
fn greet(mut stream: &TcpStream, padding_bytes: usize) -> io::Result<()> {
    let program = format!("portolan doctor{}", " ".repeat(padding_bytes));
    let hello = Hello { versions: vec![spec::VERSION], program, ..Hello::default() };
    let bytes = wire::encode(&Message::Hello(hello)).map_err(io::Error::other)?;
    stream.write_all(&bytes)?;
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    wire::length(head).map(|_| ()).map_err(io::Error::other)
}

/// Asks the far side to knock at our ports, by HTTP in its smallest form.
fn knock(address: SocketAddr, ports: &[u16]) -> io::Result<Knocked> {
    let mut stream = connect(address)?;
    let list: Vec<String> = ports.iter().map(u16::to_string).collect();
    let request = format!(
        "GET /knock?ports={} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAccept: application/json\r\n\r\n",
        list.join(",")
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status = head.split_whitespace().nth(1).unwrap_or("nothing");
    if status != "200" {
        return Err(io::Error::other(format!("its responder answers {}", wire::plain(status, 20))));
    }
    serde_json::from_str(body).map_err(io::Error::other)
}

/// The interface that routes choose for an address: the longest prefix wins.
fn interface_to(far: IpAddr, roots: &Roots) -> Option<String> {
    let mut best: Option<(u32, String)> = None;
    let mut consider = |bits: u32, name: &str| {
        if best.as_ref().is_none_or(|(most, _)| bits > *most) {
            best = Some((bits, name.to_owned()));
        }
    };
    match far.to_canonical() {
        IpAddr::V4(far) => {
            // Addresses stand there as the machine keeps them: in network order, read as a number of the machine.
            let far = u32::from_ne_bytes(far.octets());
            for line in roots.proc("net/route")?.lines().skip(1) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let hex = |at: usize| words.get(at).and_then(|word| u32::from_str_radix(word, 16).ok());
                if let (Some(to), Some(mask)) = (hex(1), hex(7))
                    && far & mask == to
                {
                    consider(mask.count_ones(), words[0]);
                }
            }
        }
        IpAddr::V6(far) => {
            let far = far.to_bits();
            for line in roots.proc("net/ipv6_route")?.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let (Some(to), Some(bits), Some(name)) = (words.first(), words.get(1), words.last()) else { continue };
                let (Ok(to), Ok(bits)) = (u128::from_str_radix(to, 16), u32::from_str_radix(bits, 16)) else {
                    continue;
                };
                if bits <= 128 && (far ^ to).checked_shr(128 - bits).unwrap_or(0) == 0 {
                    consider(bits, name);
                }
            }
        }
    }
    best.map(|(_, name)| name).filter(|name| name != "lo")
}

/// A handshake across the world takes 0.4 s; this lets the first two packets be lost.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For an answer; the far side's knocking included.
const ANSWER_LIMIT: Duration = Duration::from_secs(6);
/// Two full packets of 9000 bytes and more.
const FULL_BYTES: usize = 24 << 10;
const ANSWER_BYTES_MAX: u64 = 64 << 10;

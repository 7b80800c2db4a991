//! Where UDP streams come in: one door for each address and port of ours, open only as long as a test expects somebody.
//!
//! iperf3 gives each UDP stream the server's own port, so the sockets of many tests share it: the kernel gives a connected
//! socket what comes from its peer, and the door whatever else comes. Who sends a datagram to the door is let in only from an
//! address that has a control connection and is expected; nobody else is answered, ever. A stream is then a socket
//! connected to exactly that address and port: there is no way to have datagrams sent to a third party.

use net::{SocketOptions, datagrams};
use soundings_core::iperf3::spec::UDP_REPLY;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use tokio::net::UdpSocket;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::JoinHandle;

/// Streams of one test that may stand in the door before their session takes them.
const AT_THE_DOOR: usize = 8;

/// All doors of this process: ports belong to a process, so does this.
static DOORS: LazyLock<Mutex<HashMap<SocketAddr, Weak<Door>>>> = LazyLock::new(Mutex::default);

/// An address and port of ours where UDP streams come in.
pub(super) struct Door {
    local: SocketAddr,
    guests: Arc<Guests>,
    keeper: JoinHandle<()>,
}

#[derive(Default)]
struct Guests {
    expected: Mutex<HashMap<IpAddr, mpsc::Sender<std::net::UdpSocket>>>,
    turns: Mutex<HashMap<IpAddr, Weak<tokio::sync::Mutex<()>>>>,
}

/// A test that expects streams from one address. Only one at a time does: a datagram says no more than where it is from.
pub(super) struct Guest {
    from: IpAddr,
    streams: mpsc::Receiver<std::net::UdpSocket>,
    door: Arc<Door>,
    _turn: OwnedMutexGuard<()>,
}

impl Door {
    /// The door at this address; opened if it is not open.
    pub(super) fn at(local: SocketAddr) -> io::Result<Arc<Self>> {
        let local = canonical(local);
        let mut doors = lock(&DOORS);
        doors.retain(|_, door| door.strong_count() > 0);
        if let Some(door) = doors.get(&local).and_then(Weak::upgrade) {
            return Ok(door);
        }
        let socket = open(local)?;
        let guests = Arc::<Guests>::default();
        let keeper = tokio::spawn(keep(socket, local, Arc::clone(&guests)));
        let door = Arc::new(Self { local, guests, keeper });
        doors.insert(local, Arc::downgrade(&door));
        Ok(door)
    }

    /// From now on streams from this address are let in, once no other test of it is at the door.
    pub(super) async fn expect(self: Arc<Self>, from: IpAddr) -> Guest {
        let from = from.to_canonical();
        let turn = {
            let mut turns = lock(&self.guests.turns);
            turns.retain(|_, turn| turn.strong_count() > 0);
            turns.get(&from).and_then(Weak::upgrade).unwrap_or_else(|| {
                let turn = Arc::<tokio::sync::Mutex<()>>::default();
                turns.insert(from, Arc::downgrade(&turn));
                turn
            })
        };
        let turn = turn.lock_owned().await;
        let (to, streams) = mpsc::channel(AT_THE_DOOR);
        lock(&self.guests.expected).insert(from, to);
        Guest { from, streams, door: self, _turn: turn }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.keeper.abort();
        let mut doors = lock(&DOORS);
        if doors.get(&self.local).is_some_and(|door| door.strong_count() == 0) {
            doors.remove(&self.local);
        }
    }
}

impl Guest {
    /// The next stream: its peer has sent its connect datagram and was answered.
    pub(super) async fn next(&mut self) -> io::Result<std::net::UdpSocket> {
        let gone = || io::Error::other("the door was closed");
        self.streams.recv().await.ok_or_else(gone)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        lock(&self.door.guests.expected).remove(&self.from);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An IPv4 address that a dual socket calls by an IPv6 name is IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

fn open(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = datagrams(local, true, &SocketOptions::default())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

async fn keep(mut socket: UdpSocket, local: SocketAddr, guests: Arc<Guests>) {
    let mut octets = [0; 64];
    loop {
        let from = match socket.recv_from(&mut octets).await {
            // Shorter ones are no connect datagrams; an answer longer than the question would be a gift to floods.
            Ok((count, from)) if count >= UDP_REPLY.len() => from,
            // Errors here are those of peers that are gone (ICMP), told late.
            Ok(_) | Err(_) => continue,
        };
        let mut callers = vec![from];
        while let Some(from) = callers.pop() {
            if guests.expects(from.ip())
                && let Err(error) = let_in(&mut socket, local, from, &guests, &mut callers)
            {
                tracing::warn!(%from, %error, "a UDP stream could not be let in");
            }
        }
    }
}

/// Makes the open socket the stream of this caller, and a new one the door.
///
/// The new one is bound first, so that there is no instant without a door; what others have sent to the old one until it was
/// connected is taken out of it and seen to.
fn let_in(
    socket: &mut UdpSocket,
    local: SocketAddr,
    from: SocketAddr,
    guests: &Guests,
    callers: &mut Vec<SocketAddr>,
) -> io::Result<()> {
    let stream = std::mem::replace(socket, open(local)?).into_std()?;
    stream.connect(from)?;
    let mut octets = [0; 64];
    // The queue of a socket is bounded, and nothing new of others comes into it.
    while let Ok((count, other)) = stream.recv_from(&mut octets) {
        if canonical(other) != canonical(from) && count >= UDP_REPLY.len() {
            callers.push(other);
        }
    }
    stream.send(&UDP_REPLY)?;
    guests.give(from.ip(), stream);
    Ok(())
}

impl Guests {
    fn expects(&self, from: IpAddr) -> bool {
        lock(&self.expected).contains_key(&from.to_canonical())
    }

    fn give(&self, from: IpAddr, stream: std::net::UdpSocket) {
        if let Some(to) = lock(&self.expected).get(&from.to_canonical()) {
            // A session that is gone, or that does not take what it asked for, loses it.
            let _ = to.try_send(stream);
        }
    }
}

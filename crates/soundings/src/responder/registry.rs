//! Which sessions expect data connections: a cookie leads a connection to its session.

use super::places::Place;
use net::TlsSession;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Octets of a cookie: 36 letters and a NUL, as iperf3 has it.
pub const COOKIE_BYTES: usize = 37;

/// What a connection begins with that belongs to a session.
pub type Cookie = [u8; COOKIE_BYTES];

/// Has it the form of a cookie: 36 of `a` to `z` and `2` to `7`, and a NUL?
pub fn is_cookie(octets: &[u8]) -> bool {
    octets.len() == COOKIE_BYTES
        && octets[COOKIE_BYTES - 1] == 0
        && octets[..COOKIE_BYTES - 1].iter().all(|octet| matches!(octet, b'a'..=b'z' | b'2'..=b'7'))
}

/// A data connection, its cookie taken.
#[derive(Debug)]
pub struct Arrival {
    /// The socket, nonblocking.
    pub stream: std::net::TcpStream,
    /// The other end.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// The TLS session over it, if there is one.
    pub tls: Option<TlsSession>,
    /// Its place among the connections of the responder: let it live as long as the stream.
    pub place: Place,
    /// When it was accepted, among all connections of this process. First octets are read side by side, so connections
    /// are not delivered in the order in which their client opened them; a protocol that counts on it puts them in order.
    pub number: u64,
}

/// The number of the next connection that is accepted.
pub(crate) fn next_number() -> u64 {
    static ACCEPTED: AtomicU64 = AtomicU64::new(0);
    ACCEPTED.fetch_add(1, Ordering::Relaxed)
}

/// Which sessions expect data connections. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Registry {
    expected: Arc<Mutex<HashMap<Cookie, Entry>>>,
}

struct Entry {
    from: IpAddr,
    streams_left: usize,
    to: mpsc::UnboundedSender<Arrival>,
}

/// The data connections of one session, as they come. Dropping it forgets the cookie.
pub struct Expected {
    cookie: Cookie,
    registry: Registry,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

/// What a cookie leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leads {
    /// To a session that expects this connection.
    ToSession,
    /// To a session that has all its streams, or that another address began: such a connection is closed.
    Nowhere,
    /// Nobody expects it: it begins a session.
    ToNew,
}

impl Registry {
    /// From now on `streams_max` connections with this cookie from this address belong to the caller; they are counted
    /// over the whole session. `None` when another session has this cookie.
    pub fn expect(&self, cookie: Cookie, from: IpAddr, streams_max: usize) -> Option<Expected> {
        let mut expected = self.lock();
        if expected.contains_key(&cookie) {
            return None;
        }
        // Bounded by `streams_max`, which is bounded by the allowance.
        let (to, arrivals) = mpsc::unbounded_channel();
        expected.insert(cookie, Entry { from: from.to_canonical(), streams_left: streams_max, to });
        drop(expected);
        Some(Expected { cookie, registry: self.clone(), arrivals })
    }

    /// Where a connection with this cookie from this address belongs; one stream of the session is used up by asking.
    pub(crate) fn leads(&self, cookie: &Cookie, from: IpAddr) -> Leads {
        let mut expected = self.lock();
        match expected.get_mut(cookie) {
            None => Leads::ToNew,
            Some(entry) if entry.from != from.to_canonical() || entry.streams_left == 0 => Leads::Nowhere,
            Some(entry) => {
                entry.streams_left -= 1;
                Leads::ToSession
            }
        }
    }

    /// Hands it over; a session that is gone meanwhile closes it.
    pub(crate) fn deliver(&self, cookie: &Cookie, arrival: Arrival) {
        if let Some(entry) = self.lock().get(cookie) {
            // A receiver that is just being dropped wants nothing more.
            let _ = entry.to.send(arrival);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Cookie, Entry>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected {
    /// The next connection. It waits for ever: give it a time limit.
    pub async fn next(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            // The registry holds the sender as long as this lives.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.cookie);
    }
}

//! Connections kept for the next request.

use super::body::Outgoing;
use crate::lent::Lent;
use crate::peer::{ConnectionFacts, Peer};
use hyper::client::conn::http1::SendRequest;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;

/// Where a connection leads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Origin {
    pub(crate) tls: bool,
    /// Lower case; an IPv6 address in its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// The `Host` field: without the port where it is the usual one.
    pub(crate) fn host_field(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => self.to_string(),
        }
    }

    /// The host without brackets.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// An open connection.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Outgoing>,
    pub(crate) peer: Peer,
    pub(crate) facts: ConnectionFacts,
    /// For plain connections.
    pub(crate) lent: Option<Arc<Lent>>,
    pub(crate) task: AbortHandle,
}

impl Connection {
    /// Closes it at once.
    pub(crate) fn abort(&self) {
        self.task.abort();
    }
}

/// How long a connection whose request body was refused may take to deliver its answer before it is closed.
const REFUSED_SPAN: Duration = Duration::from_secs(60);

/// The connections kept.
pub(crate) struct Pool {
    idle_timeout: Duration,
    idle_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    next_number: u64,
    by_origin: HashMap<Origin, Vec<(u64, Connection)>>,
    /// Connections whose answers are being read.
    busy: HashMap<Origin, usize>,
}

impl Pool {
    pub(crate) fn new(idle_timeout: Duration, idle_max: usize) -> Arc<Self> {
        Arc::new(Self { idle_timeout, idle_max, kept: Mutex::default() })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn idle(&self) -> usize {
        self.kept().by_origin.values().map(Vec::len).sum()
    }

    /// The connection used last, which is the least likely to be stale.
    pub(crate) async fn take(&self, origin: &Origin) -> Option<Connection> {
        for _ in 0..2 {
            let busy = {
                let mut kept = self.kept();
                while let Some((_, connection)) = kept.by_origin.get_mut(origin).and_then(Vec::pop) {
                    if connection.sender.is_ready() {
                        return Some(connection);
                    }
                }
                kept.busy.contains_key(origin)
            };
            if !busy {
                break;
            }
            // The answer before may just have been read, and its connection be on its way back.
            tokio::task::yield_now().await;
        }
        None
    }

    /// Keeps the connection as soon as its answer has been read, and until it was unused for too long.
    pub(crate) fn give_back(self: &Arc<Self>, origin: Origin, mut connection: Connection, refused: bool) {
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if refused {
                tokio::time::sleep(REFUSED_SPAN).await;
                connection.abort();
                return;
            }
            *pool.kept().busy.entry(origin.clone()).or_default() += 1;
            let ready = std::future::poll_fn(|cx| connection.sender.poll_ready(cx)).await.is_ok();
            let Some(number) = pool.keep(&origin, connection, ready) else { return };
            tokio::time::sleep(pool.idle_timeout).await;
            pool.drop_unused(&origin, number);
        });
    }

    fn keep(&self, origin: &Origin, connection: Connection, ready: bool) -> Option<u64> {
        let mut kept = self.kept();
        if let Some(busy) = kept.busy.get_mut(origin) {
            *busy -= 1;
            if *busy == 0 {
                kept.busy.remove(origin);
            }
        }
        let number = kept.next_number;
        kept.next_number += 1;
        let idle = kept.by_origin.entry(origin.clone()).or_default();
        let keep = ready && idle.len() < self.idle_max;
        if keep {
            idle.push((number, connection));
        }
        keep.then_some(number)
    }

    fn drop_unused(&self, origin: &Origin, number: u64) {
        let mut kept = self.kept();
        if let Some(idle) = kept.by_origin.get_mut(origin) {
            idle.retain(|(other, _)| *other != number);
            if idle.is_empty() {
                kept.by_origin.remove(origin);
            }
        }
    }
}

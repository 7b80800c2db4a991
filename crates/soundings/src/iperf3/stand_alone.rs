//! A server that stands alone, as `iperf3 -s` does: it speaks nothing but iperf3, and tells of its tests as they go.

use super::server::{Hear, Manner, serve};
use crate::guard::turn::{TurnSettings, Turns};
use crate::guard::{Allowance, Guard};
use crate::responder::{Anyone, Arrival, COOKIE_BYTES, Cookie, Leads, Place, Settings, Shared, is_cookie, next_number};
use net::{Connection, Drain};
use policy::{Policy, Rights};
use soundings_core::iperf3::spec::Deadlines;
use soundings_core::iperf3::text::Format;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long accepting pauses when there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a server that stands alone is told.
#[derive(Clone)]
pub struct StandAlone {
    /// End after one test.
    pub one_off: bool,
    /// Interval of its reports.
    pub interval: Option<Duration>,
    /// Give its output as JSON where a client asks for it.
    pub json: bool,
    /// Unit of rates.
    pub format: Format,
    /// For each step.
    pub deadlines: Deadlines,
    /// Hears of tests as they go; of several at once, in the order in which things happen.
    pub tell: Hear,
}

/// What such a server shares. Whoever starts it by hand has it answer as iperf3 does, within iperf3's own bounds; `limited`
/// allows no more than a responder allows to anyone. So many tests run `at_once`; the others wait so long. A connection may
/// take one `step` to say what it is.
pub fn by_hand(limited: bool, at_once: usize, patience: Duration, step: Duration, drain: Drain) -> Arc<Shared> {
    let allowance = if limited { Allowance::anyone(None) } else { Allowance::entitled() };
    let turns = Turns::new(TurnSettings { at_once: at_once.max(1), ..TurnSettings::default() });
    let guard = Guard::new(Rights::new(Policy::default(), ()), allowance, allowance, turns);
    let settings = Settings { patience, first_octets_timeout: step, stall_timeout: step * 3, ..Settings::default() };
    Shared::new(guard, Arc::new(Anyone), drain, settings)
}

/// Answers iperf3 clients until draining begins, or after one test where that is asked for.
pub async fn listen(listener: TcpListener, shared: Arc<Shared>, wish: StandAlone) {
    let manner = Arc::new(Manner {
        deadlines: wish.deadlines,
        interval: wish.interval,
        json: wish.json,
        format: wish.format,
        tell: Some(wish.tell),
    });
    let (ended, mut tests) = mpsc::channel::<()>(1);
    loop {
        tokio::select! {
            () = shared.drain.begun() => return,
            _ = tests.recv(), if wish.one_off => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (shared, manner, ended) = (Arc::clone(&shared), Arc::clone(&manner), ended.clone());
                    let number = next_number();
                    tokio::spawn(async move {
                        if greet(stream, (peer, number), shared, &manner).await {
                            // Only the first is waited for.
                            let _ = ended.try_send(());
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted; trying again shortly");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Reads the cookie; whether it was a test, which has ended.
async fn greet(stream: TcpStream, (peer, number): (SocketAddr, u64), shared: Arc<Shared>, manner: &Manner) -> bool {
    let settings = &shared.settings;
    let Ok(mut connection) = Connection::new(stream, peer, settings.stall_timeout, &shared.drain) else { return false };
    let mut cookie: Cookie = [0; COOKIE_BYTES];
    let read = timeout(settings.first_octets_timeout, connection.read_exact(&mut cookie)).await;
    if !matches!(read, Ok(Ok(_))) || !is_cookie(&cookie) {
        return false;
    }
    match shared.registry.leads(&cookie, peer.ip()) {
        Leads::ToNew => {
            serve(connection, cookie, peer, shared, manner).await;
            true
        }
        Leads::ToSession => {
            let local = connection.peer().local;
            if let Ok((stream, tls)) = connection.into_parts().await {
                let arrival = Arrival { stream, peer, local, tls, place: Place::unbounded(), number };
                shared.registry.deliver(&cookie, arrival);
            }
            false
        }
        Leads::Nowhere => false,
    }
}

//! The measurement port: accepts, bounds, tells callers apart, and ends in order.

use super::http::Pages;
use super::places::{NoPlace, Place, Places};
use super::registry::{Arrival, COOKIE_BYTES, Cookie, Leads, is_cookie, next_number};
use super::runs::Refusal;
use super::{CUT_GRACE, Shared};
use net::{Connection, Drained, ServeSettings};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long accepting pauses when the process or the system is out of descriptors or memory: some connection must end
/// first, and asking again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Of a TLS handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Of our own throughput control: the first octet of a length below 16 MiB.
const LENGTH: u8 = 0x00;

/// Of another responder that asks for a turn of the budget that this one keeps.
const LEASE: u8 = soundings_core::lease::spec::FIRST;

/// Serves callers until draining begins and all tests have ended, or its deadline has passed: then those which still run
/// are told, and cut.
pub async fn run(listener: TcpListener, shared: Arc<Shared>) -> Drained {
    let bounds = &shared.settings;
    let places = Places::new(bounds.connections_max, bounds.connections_per_address_max);
    let mut connections = JoinSet::new();
    let mut begun = pin!(shared.drain.begun());
    loop {
        tokio::select! {
            biased;
            () = &mut begun => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, address) = accept(&listener) => match places.take(address.ip()) {
                Ok(place) => {
                    connections.spawn(serve(stream, Came { address, place, number: next_number() }, Arc::clone(&shared)));
                }
                Err(why) => sent_away(&shared, address, why),
            }
        }
    }
    drop(listener);
    end(connections, &shared).await
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The peer was gone before we took it: nothing is wrong here.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted; trying again shortly");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn sent_away(shared: &Shared, address: SocketAddr, why: NoPlace) {
    shared.runs.refused(None, Refusal::Connections);
    match why {
        NoPlace::Full => tracing::info!(%address, "a caller was sent away: all connections are in use"),
        NoPlace::OfAddress => tracing::info!(%address, "a caller was sent away: its address has too many connections"),
    }
}

async fn end(mut connections: JoinSet<()>, shared: &Shared) -> Drained {
    let mut drained = Drained::default();
    let mut over = pin!(tokio::time::sleep(shared.settings.drain_deadline));
    loop {
        tokio::select! {
            ended = connections.join_next(), if !connections.is_empty() => drained.finished += u64::from(ended.is_some()),
            // Tests over upgraded connections run by themselves.
            () = shared.runs.idle(), if connections.is_empty() => return drained,
            () = &mut over => break,
        }
    }
    shared.begin_cut();
    drained.cut = connections.len().max(shared.runs.look().len()) as u64;
    let told = async {
        while connections.join_next().await.is_some() {}
        shared.runs.idle().await;
    };
    // Who has not told its peer by now is cut in the middle of a word.
    let _ = tokio::time::timeout(CUT_GRACE, told).await;
    connections.shutdown().await;
    drained
}

/// How a connection came.
struct Came {
    address: SocketAddr,
    place: Place,
    number: u64,
}

async fn serve(stream: TcpStream, came: Came, shared: Arc<Shared>) {
    let address = came.address;
    let caller = tokio::select! {
        caller = recognise(stream, address, &shared) => caller,
        // It has not said what it wants.
        () = shared.drain.begun() => return,
    };
    match caller {
        Ok(caller) => answer(caller, came, shared).await,
        Err(Unknown::Broken(error)) => {
            tracing::debug!(%address, %error, "a caller was gone before it said what it wants")
        }
        Err(Unknown::Refused(why)) => {
            shared.runs.refused(None, why);
            tracing::debug!(%address, reason = why.name(), "a caller was sent away");
        }
    }
}

/// What a connection turned out to be.
enum Caller {
    Iperf3(Connection, Cookie),
    Data(Connection, Cookie),
    Throughput(Connection),
    Lease(Connection),
    Http(Connection),
}

/// Why it turned out to be nothing.
enum Unknown {
    Broken(io::Error),
    Refused(Refusal),
}

impl From<io::Error> for Unknown {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Tells by the first octets what a caller wants; all of it within one deadline.
async fn recognise(stream: TcpStream, address: SocketAddr, shared: &Shared) -> Result<Caller, Unknown> {
    let bounds = &shared.settings;
    let connection = Connection::new(stream, address, bounds.stall_timeout, &shared.drain)?;
    match tokio::time::timeout(bounds.first_octets_timeout, first_octets(connection, shared)).await {
        Ok(caller) => caller,
        Err(_) => Err(Unknown::Refused(Refusal::Silent)),
    }
}

async fn first_octets(mut connection: Connection, shared: &Shared) -> Result<Caller, Unknown> {
    let gone = || Unknown::Broken(io::ErrorKind::UnexpectedEof.into());
    let mut first = connection.peek().await?.ok_or_else(gone)?;
    if first == TLS_HANDSHAKE
        && let Some(certificate) = &shared.settings.certificate
    {
        connection = connection.accept_tls(certificate).await?;
        if connection.peer().tls.is_some_and(|tls| tls.alpn.is_some()) {
            return Ok(Caller::Http(connection));
        }
        first = connection.peek().await?.ok_or_else(gone)?;
    }
    match first {
        LENGTH => Ok(Caller::Throughput(connection)),
        LEASE => Ok(Caller::Lease(connection)),
        b'A'..=b'Z' => Ok(Caller::Http(connection)),
        b'a'..=b'z' | b'2'..=b'7' => {
            let mut cookie = [0; COOKIE_BYTES];
            connection.read_exact(&mut cookie).await?;
            if !is_cookie(&cookie) {
                return Err(Unknown::Refused(Refusal::Malformed));
            }
            match shared.registry.leads(&cookie, connection.peer().address.ip()) {
                Leads::ToSession => Ok(Caller::Data(connection, cookie)),
                Leads::Nowhere => Err(Unknown::Refused(Refusal::Cookie)),
                // iperf3 knows no TLS: a cookie inside it is a stream that came too late.
                Leads::ToNew if connection.peer().tls.is_some() => Err(Unknown::Refused(Refusal::Cookie)),
                Leads::ToNew => Ok(Caller::Iperf3(connection, cookie)),
            }
        }
        _ => Err(Unknown::Refused(Refusal::Malformed)),
    }
}

async fn answer(caller: Caller, came: Came, shared: Arc<Shared>) {
    let Came { address, place, number } = came;
    match caller {
        Caller::Data(connection, cookie) => {
            let local = connection.peer().local;
            match connection.into_parts().await {
                Ok((stream, tls)) => {
                    shared.registry.deliver(&cookie, Arrival { stream, peer: address, local, tls, place, number });
                }
                Err(error) => tracing::debug!(%address, %error, "a data connection broke at its beginning"),
            }
        }
        Caller::Lease(connection) => {
            super::keeper::serve(connection, address, shared).await;
            drop(place);
        }
        Caller::Http(connection) => {
            let settings = http_settings(&shared);
            let drain = shared.drain.clone();
            net::serve_one(connection, settings, Arc::new(Pages::new(shared)), drain).await;
            drop(place);
        }
        Caller::Iperf3(connection, cookie) => {
            crate::iperf3::serve_control(connection, cookie, address, shared).await;
            drop(place);
        }
        Caller::Throughput(connection) => {
            crate::throughput::serve_control(connection, address, shared).await;
            drop(place);
        }
    }
}

fn http_settings(shared: &Shared) -> ServeSettings {
    ServeSettings {
        drain_deadline: shared.settings.drain_deadline,
        head_timeout: shared.settings.stall_timeout,
        stall_timeout: shared.settings.stall_timeout,
        ..ServeSettings::default()
    }
}

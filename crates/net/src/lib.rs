//! The only crate that opens a socket: listeners, TLS, HTTP plumbing, client connections, what the kernel knows of a
//! connection. It never knows what a job or a test is: it moves bytes and tells how that went.
//!
//! Server: [`listen`], then [`serve()`] with a [`Handler`], [`ServeSettings`] and a [`Drain`]. Client: [`client::Client`].
//! Call [`install_crypto_provider`] first in `main` and in each test that touches TLS.

mod blocking_tls;
mod body;
pub mod certificate;
pub mod client;
mod connection;
mod drain;
mod family;
mod file_read;
pub mod host;
mod kernel;
mod lent;
mod local;
mod memory;
mod named;
mod peer;
mod pool;
mod random;
mod request;
mod serve;
mod settings;
mod socket;
mod tcp_info;
mod tls;
mod tune;
mod upgrade;
pub mod websocket;
mod wire;

pub use blocking_tls::{BlockingTls, TlsSession};
pub use body::{Body, BodyEnd, FileSlice, Part};
pub use connection::Connection;
pub use drain::{Drain, Drained, Totals};
pub use family::{Family, addresses_of};
pub use kernel::{congestion_info_bytes, keep_unsent_below, tcp_info_bytes};
pub use local::{connect_local, listen_local, network_namespace_cookie, routing_socket};
pub use named::{connect_named, listen_named};
pub use peer::{ClientChain, ConnectionFacts, Peer, TlsFacts};
pub use random::fill_random;
pub use request::{BodyError, NetworkBody, RequestBody};
pub use serve::{Handler, handler_fn, listen, serve, serve_one};
pub use settings::ServeSettings;
pub use tcp_info::tcp_info;
pub use terms::TcpInfo;
pub use tune::{
    SocketFacts, SocketOptions, congestion_controls, connect_tuned, datagrams, listen_tuned, pace, retune,
    retune_datagrams, socket_facts,
};
pub use upgrade::{Takeover, Upgraded};

/// Makes ring the one provider of cryptography in this process. Calling it again does no harm.
pub fn install_crypto_provider() {
    // An error only says that a provider is there already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

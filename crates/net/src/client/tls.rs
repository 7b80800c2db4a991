//! TLS on a connection of ours that speaks no HTTP.

use super::error::{Cause, ClientError, Phase};
use super::trust::{self, Trust};
use crate::Connection;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;

/// A client's side of TLS 1.3, without a word for what is spoken inside.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<rustls::ClientConfig>,
}

impl ClientTls {
    /// Reads the authorities from disk, once. `insecure` believes any certificate.
    pub fn new(trust: &Trust, insecure: bool) -> Result<Self, ClientError> {
        let versions = [&rustls::version::TLS13];
        let config = trust::config_with(crate::certificate::provider(), &versions, trust, insecure, None)?;
        Ok(Self { config: Arc::new(config) })
    }

    /// Shakes hands with the host of this name or address, within this time.
    pub async fn connect(
        &self,
        connection: Connection,
        host: &str,
        limit: Duration,
    ) -> Result<Connection, ClientError> {
        let failed = |cause| ClientError::at(Phase::Handshake, host.to_owned(), cause);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|error| ClientError::at(Phase::Prepare, host.to_owned(), Cause::Text(error.to_string())))?;
        let session =
            rustls::ClientConnection::new(self.config.clone(), name).map_err(|error| failed(Cause::Tls(error)))?;
        match tokio::time::timeout(limit, connection.shake_hands(session.into())).await {
            Ok(shaken) => shaken.map_err(|error| failed(Cause::of_handshake(error))),
            Err(_) => Err(failed(Cause::Timeout(limit))),
        }
    }
}

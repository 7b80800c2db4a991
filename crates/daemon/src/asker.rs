//! Questions to hosts that the settings name: issuers of tokens, providers of sign-ins. Small answers, soon, over HTTPS.

use bytes::Bytes;
use http::header::{ACCEPT, LOCATION};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use net::client::{Client, ClientBody, ClientSettings, Trust};
use std::time::Duration;

/// Largest answer that is read: key sets with chains of certificates have some 20 KiB.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// Addresses that one question may be sent on to.
const MAX_REDIRECTS: usize = 3;

/// For one question with its answer. A request may wait for two of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks, believing certain authorities.
pub(crate) struct Asker {
    client: Client,
}

/// Why there is no answer.
pub(crate) enum Miss {
    /// The host has nothing at this address; another may do.
    Absent(String),
    /// Something else.
    Failed(String),
}

impl Miss {
    /// What was asked, and what stood in the way.
    pub(crate) fn into_why(self) -> String {
        let (Self::Absent(why) | Self::Failed(why)) = self;
        why
    }
}

impl Asker {
    /// Reads the authorities.
    pub(crate) fn open(trust: Trust) -> Result<Self, String> {
        let settings = ClientSettings {
            trust,
            connect_timeout: PATIENCE / 2,
            handshake_timeout: PATIENCE / 2,
            answer_timeout: PATIENCE,
            idle_connections_max: 1,
            buffer_bytes: 16 << 10,
            ..ClientSettings::default()
        };
        Ok(Self { client: Client::new(settings).map_err(|error| error.to_string())? })
    }

    /// What is at an address, or where that points to.
    pub(crate) async fn get(&self, address: &str) -> Result<Bytes, Miss> {
        let mut target = address.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let failed = |why: String| Miss::Failed(format!("{target} cannot be asked: {why}"));
            let uri: Uri = target.parse().map_err(|error| failed(format!("it is no address ({error})")))?;
            let mut request = Request::new(ClientBody::empty());
            *request.uri_mut() = uri;
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
            let (status, location, body) = self.exchange(request).await.map_err(failed)?;
            if status.is_redirection() {
                let next = location.unwrap_or_default();
                if !is_https(&next) {
                    return Err(failed(format!("it points to '{next}', which is no https address")));
                }
                target = next;
                continue;
            }
            if status == StatusCode::OK {
                return Ok(body);
            }
            let why = format!("{target} answered {status}");
            return Err(if status.is_client_error() { Miss::Absent(why) } else { Miss::Failed(why) });
        }
        Err(Miss::Failed(format!("{address} points from one address to the next, more than {MAX_REDIRECTS} times")))
    }

    /// Status and answer of one request, which is sent on to nobody: it may hold a secret.
    pub(crate) async fn send(&self, request: Request<ClientBody>) -> Result<(StatusCode, Bytes), String> {
        let address = request.uri().to_string();
        let answer = self.exchange(request).await;
        answer.map(|(status, _, body)| (status, body)).map_err(|why| format!("{address} cannot be asked: {why}"))
    }

    async fn exchange(&self, request: Request<ClientBody>) -> Result<(StatusCode, Option<String>, Bytes), String> {
        let exchange = async {
            let (parts, body) = self.client.send(request).await.map_err(|error| error.to_string())?.into_parts();
            let location = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| format!("its answer is unusable: {error}"))?.to_bytes();
            Ok((parts.status, location, body))
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        answer.unwrap_or_else(|_| Err(format!("it did not answer within {} s", PATIENCE.as_secs())))
    }
}

/// Is this an address that may be asked?
pub(crate) fn is_https(address: &str) -> bool {
    address.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some())
}

//! Asking an issuer for its keys: discovery, then the key set.

use bytes::Bytes;
use http::header::{ACCEPT, LOCATION};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use identity::jwt::KeySet;
use net::client::{Client, ClientBody, ClientSettings, Trust};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

/// Largest answer that is read: key sets with chains of certificates have some 20 KiB.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// Addresses that one question may be sent on to.
const MAX_REDIRECTS: usize = 3;

/// For one question with its answer. A request may wait for two of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an issuer gave no keys: what was asked, and what stood in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FetchError(pub(super) String);

/// Whoever can be asked for keys.
pub(super) trait Fetch: Send + Sync {
    /// Of which issuer.
    fn issuer(&self) -> &str;
    /// Asks.
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<KeySet, FetchError>> + Send + '_>>;
}

/// An issuer on the network.
pub(super) struct Source {
    issuer: String,
    client: Client,
}

impl Source {
    /// Reads the authorities that vouch for it.
    pub(super) fn open(issuer: &str, authorities: Option<&Path>) -> Result<Self, String> {
        let trust = match authorities {
            None => Trust::default(),
            Some(path) if path.is_dir() => Trust { system: false, folders: vec![path.to_owned()], ..Trust::default() },
            Some(path) => Trust { system: false, files: vec![path.to_owned()], ..Trust::default() },
        };
        let settings = ClientSettings {
            trust,
            connect_timeout: PATIENCE / 2,
            handshake_timeout: PATIENCE / 2,
            answer_timeout: PATIENCE,
            idle_connections_max: 1,
            buffer_bytes: 16 << 10,
            ..ClientSettings::default()
        };
        let client = Client::new(settings).map_err(|error| error.to_string())?;
        Ok(Self { issuer: issuer.to_owned(), client })
    }

    async fn keys(&self) -> Result<KeySet, FetchError> {
        let address = self.discover().await?;
        let bytes = self.get(&address).await.map_err(Miss::into_error)?;
        KeySet::read(&bytes).map_err(|error| FetchError(format!("{address} gave keys that cannot be used: {error}")))
    }

    /// Where the keys are: the first of the places for discovery that is there says so.
    async fn discover(&self) -> Result<String, FetchError> {
        let mut missing = Vec::new();
        for place in places(&self.issuer) {
            match self.get(&place).await {
                Ok(bytes) => return self.read_discovery(&place, &bytes),
                Err(Miss::Absent(why)) => missing.push(why),
                Err(other) => return Err(other.into_error()),
            }
        }
        Err(FetchError(missing.join("; ")))
    }

    /// RFC 8414, section 3.3: the document must be this issuer's own. The keys may be on another host.
    fn read_discovery(&self, place: &str, bytes: &[u8]) -> Result<String, FetchError> {
        let wrong = |why: String| FetchError(format!("{place} {why}"));
        let document: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| wrong(format!("is not JSON: {error}")))?;
        if document["issuer"] != self.issuer.as_str() {
            return Err(wrong(format!("is of another issuer: {}", document["issuer"])));
        }
        let address = document["jwks_uri"].as_str().ok_or_else(|| wrong("names no 'jwks_uri'".to_owned()))?;
        if !is_https(address) {
            return Err(wrong(format!("names keys that are not at an https address: {address}")));
        }
        Ok(address.to_owned())
    }

    async fn get(&self, address: &str) -> Result<Bytes, Miss> {
        let answer = tokio::time::timeout(PATIENCE, self.get_with_redirects(address)).await;
        answer
            .unwrap_or_else(|_| Err(Miss::Failed(format!("{address} did not answer within {} s", PATIENCE.as_secs()))))
    }

    async fn get_with_redirects(&self, address: &str) -> Result<Bytes, Miss> {
        let mut target = address.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let failed = |why: String| Miss::Failed(format!("{target} cannot be asked: {why}"));
            let uri: Uri = target.parse().map_err(|error| failed(format!("it is no address ({error})")))?;
            let mut request = Request::new(ClientBody::empty());
            *request.uri_mut() = uri;
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
            let response = self.client.send(request).await.map_err(|error| failed(error.to_string()))?;
            let status = response.status();
            if status.is_redirection() {
                let next = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
                if !is_https(next) {
                    return Err(failed(format!("it points to '{next}', which is no https address")));
                }
                target = next.to_owned();
                continue;
            }
            if status != StatusCode::OK {
                let why = format!("{target} answered {status}");
                return Err(if status.is_client_error() { Miss::Absent(why) } else { Miss::Failed(why) });
            }
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            return body
                .map(|body| body.to_bytes())
                .map_err(|error| failed(format!("its answer is unusable: {error}")));
        }
        Err(Miss::Failed(format!("{address} points from one address to the next, more than {MAX_REDIRECTS} times")))
    }
}

impl Fetch for Source {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<KeySet, FetchError>> + Send + '_>> {
        Box::pin(self.keys())
    }
}

/// Why there is no answer.
enum Miss {
    /// The host has nothing at this address; another may do.
    Absent(String),
    /// Something else.
    Failed(String),
}

impl Miss {
    fn into_error(self) -> FetchError {
        let (Self::Absent(why) | Self::Failed(why)) = self;
        FetchError(why)
    }
}

/// Where the document may be (OpenID Connect Discovery 1.0, section 4.1; RFC 8414, sections 3.1 and 5, which puts the
/// path of the issuer behind).
pub(super) fn places(issuer: &str) -> Vec<String> {
    let issuer = issuer.trim_end_matches('/');
    let host_end = issuer.find("://").and_then(|at| issuer[at + 3..].find('/').map(|slash| at + 3 + slash));
    let (host, path) = issuer.split_at(host_end.unwrap_or(issuer.len()));
    let mut places = vec![
        format!("{issuer}/.well-known/openid-configuration"),
        format!("{host}/.well-known/oauth-authorization-server{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{host}/.well-known/openid-configuration{path}"));
    }
    places
}

fn is_https(address: &str) -> bool {
    address.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some())
}

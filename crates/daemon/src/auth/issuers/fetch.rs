//! Asking an issuer for its keys: discovery, then the key set.

use crate::asker::{Asker, Miss, is_https};
use identity::jwt::KeySet;
use net::client::Trust;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

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
    asker: Asker,
}

impl Source {
    /// Reads the authorities that vouch for it.
    pub(super) fn open(issuer: &str, authorities: Option<&Path>) -> Result<Self, String> {
        let trust = match authorities {
            None => Trust::default(),
            Some(path) if path.is_dir() => Trust { system: false, folders: vec![path.to_owned()], ..Trust::default() },
            Some(path) => Trust { system: false, files: vec![path.to_owned()], ..Trust::default() },
        };
        Ok(Self { issuer: issuer.to_owned(), asker: Asker::open(trust)? })
    }

    async fn keys(&self) -> Result<KeySet, FetchError> {
        let address = self.discover().await?;
        let bytes = self.asker.get(&address).await.map_err(|miss| FetchError(miss.into_why()))?;
        KeySet::read(&bytes).map_err(|error| FetchError(format!("{address} gave keys that cannot be used: {error}")))
    }

    /// Where the keys are: the first of the places for discovery that is there says so.
    async fn discover(&self) -> Result<String, FetchError> {
        let mut missing = Vec::new();
        for place in places(&self.issuer) {
            match self.asker.get(&place).await {
                Ok(bytes) => return self.read_discovery(&place, &bytes),
                Err(Miss::Absent(why)) => missing.push(why),
                Err(other) => return Err(FetchError(other.into_why())),
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
}

impl Fetch for Source {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<KeySet, FetchError>> + Send + '_>> {
        Box::pin(self.keys())
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

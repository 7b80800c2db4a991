//! A port in a temporary directory, asked without sockets.

use crate::router::Router;
use crate::running::Port;
use crate::settings::{Overrides, Settings};
use crate::token::{TokenRequest, mint};
use crate::wiring::{open_archive, open_port};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use net::{Handler as _, RequestBody};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) struct World {
    pub(crate) port: Arc<Port>,
    pub(crate) router: Router,
    _directory: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::open(change, None).await
    }

    /// With a certificate of its own that is valid for so long.
    pub(crate) async fn with_certificate(validity: Duration) -> Self {
        net::install_crypto_provider();
        let authority = net::certificate::PrivateAuthority::create().expect("an authority");
        let credential = authority.issue(&["localhost".to_owned()], validity).expect("a certificate");
        let host = crate::first_start::HostCertificate { credential, ca_file: None };
        Self::open(|_| {}, Some(host)).await
    }

    async fn open(
        change: impl FnOnce(&mut Settings),
        certificate: Option<crate::first_start::HostCertificate>,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let overrides = Overrides { data_dir: Some(directory.path().to_owned()), ..Overrides::default() };
        let mut settings = Settings::built_in().with(&overrides);
        change(&mut settings);
        let archive = open_archive(&settings).await.expect("an archive");
        let port = open_port(&settings, archive, certificate.as_ref()).await.expect("a port");
        Self { router: Router::new(Arc::clone(&port)), port, _directory: directory }
    }

    /// A token that allows these verbs below this path.
    pub(crate) async fn token(&self, verbs: &str, path: &str) -> String {
        self.token_for(verbs, path, None).await
    }

    pub(crate) async fn token_for(&self, verbs: &str, path: &str, lifetime: Option<Duration>) -> String {
        let request = TokenRequest {
            name: "test".to_owned(),
            verbs: verbs.parse().expect("verbs"),
            path: path.parse().expect("a path"),
            lifetime,
            account: None,
        };
        let (record, text) = mint(request, SystemTime::now().into()).expect("a token");
        self.port.archive.record_token(&record).await.expect("it is recorded");
        text.as_str().to_owned()
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.ask("GET", path, token, "").await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").header("content-length", body.len());
        }
        self.send(request.body(RequestBody::from(Bytes::from(body.to_owned()))).expect("a request")).await
    }

    pub(crate) async fn send(&self, request: Request<RequestBody>) -> Answer {
        let (parts, body) = self.router.handle(request).await.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("a text");
        Answer { status: parts.status, headers: parts.headers, text }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["kind"].as_str().unwrap_or("").to_owned()
    }
}

//! A provider as small as can be: it believes everybody, and can be told to lie.

use crate::settings::OpenId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use net::certificate::{PrivateAuthority, ServerCertificate};
use net::{Body, Drain, RequestBody, ServeSettings};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) struct TestProvider {
    shared: Arc<Shared>,
    folder: tempfile::TempDir,
    drain: Drain,
    serving: tokio::task::JoinHandle<()>,
}

struct Shared {
    issuer: String,
    key: EcdsaKeyPair,
    /// What differs from what is right.
    twist: Value,
    /// What was asked for, by code.
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
}

impl TestProvider {
    pub(super) async fn start(twist: Value) -> Self {
        net::install_crypto_provider();
        let folder = tempfile::tempdir().expect("a folder");
        let authority = PrivateAuthority::create().expect("an authority");
        std::fs::write(folder.path().join("ca.pem"), &authority.credential().certificate_pem).expect("written");
        std::fs::write(folder.path().join("secret"), "s%cret\n").expect("written");
        let host = authority.issue(&["localhost".to_owned()], Duration::from_secs(3_600)).expect("a certificate");
        let tls = ServerCertificate::new(&host.certificate_pem, &host.key_pem).map(Arc::new).expect("TLS");
        let listener = net::listen("127.0.0.1:0".parse().expect("an address"), 16).expect("a listener");
        let issuer = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &SystemRandom::new())
            .expect("a key");
        let shared = Arc::new(Shared { issuer, key, twist, codes: Mutex::default() });
        let (drain, answering) = (Drain::new(), Arc::clone(&shared));
        let handler = net::handler_fn(move |request| Arc::clone(&answering).answer(request));
        let settings = ServeSettings { tls: Some(tls), drain_deadline: Duration::ZERO, ..ServeSettings::default() };
        let own = drain.clone();
        let serving = tokio::spawn(async move { _ = net::serve(listener, settings, handler, own).await });
        Self { shared, folder, drain, serving }
    }

    pub(super) fn settings(&self) -> OpenId {
        OpenId {
            issuer: self.shared.issuer.clone(),
            client_id: "portolan".to_owned(),
            client_secret_file: Some(self.folder.path().join("secret")),
            public_url: "https://port.test:8443".to_owned(),
            scopes: vec!["profile".to_owned()],
            name_claim: None,
            groups_claim: "groups".to_owned(),
            groups: vec!["/lsst".to_owned()],
            ca_file: Some(self.folder.path().join("ca.pem")),
        }
    }

    /// What the person at the browser would do: agree, and be sent back.
    pub(super) fn authorise(&self, address: &str) -> String {
        let (endpoint, query) = address.split_once('?').expect("a query");
        assert_eq!(endpoint, format!("{}/authorise", self.shared.issuer));
        let asked = pairs(query);
        assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
        assert_eq!(asked["redirect_uri"], "https://port.test:8443/sign-in/callback");
        assert_eq!(asked["scope"], "openid profile");
        let code = format!("code-{}", self.shared.codes.lock().expect("a lock").len());
        let back = format!("/sign-in/callback?code={code}&state={}", asked["state"]);
        self.shared.codes.lock().expect("a lock").insert(code, asked);
        back
    }

    pub(super) async fn stop(&self) {
        self.drain.begin();
        while !self.serving.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for TestProvider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, request: Request<RequestBody>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
        let (status, answer) = match parts.uri.path() {
            "/.well-known/openid-configuration" => (200, self.discovery()),
            "/keys" => (200, self.keys()),
            "/token" => self.token(&parts.headers, std::str::from_utf8(&body).expect("a form")),
            _ => (404, json!({})),
        };
        let mut response = Response::new(Body::full(answer.to_string()));
        *response.status_mut() = status.try_into().expect("a status");
        response
    }

    fn discovery(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({"issuer": self.issuer, "authorization_endpoint": at("/authorise"), "token_endpoint": at("/token"),
               "jwks_uri": at("/keys")})
    }

    fn keys(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k1",
                         "x": encode(&point[1..33]), "y": encode(&point[33..65])}]})
    }

    fn token(&self, headers: &http::HeaderMap, form: &str) -> (u16, Value) {
        // "portolan:s%25cret", both form-encoded before.
        let basic = "Basic cG9ydG9sYW46cyUyNWNyZXQ=";
        if headers.get("authorization").is_none_or(|value| value != basic) {
            return (401, json!({"error": "invalid_client"}));
        }
        let form = pairs(form);
        let Some(asked) = self.codes.lock().expect("a lock").remove(&form["code"]) else {
            return (400, json!({"error": "invalid_grant"}));
        };
        let challenge = ring::digest::digest(&ring::digest::SHA256, form["code_verifier"].as_bytes());
        if URL_SAFE_NO_PAD.encode(challenge) != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"]
        {
            return (400, json!({"error": "invalid_grant"}));
        }
        (200, json!({"access_token": "opaque", "token_type": "Bearer", "id_token": self.id_token(&asked["nonce"])}))
    }

    fn id_token(&self, nonce: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut claims = json!({"iss": self.issuer, "sub": "1234", "aud": "portolan", "exp": now + 300, "iat": now,
                                "nonce": nonce});
        for (name, value) in self.twist.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let twist = |name: &str, usual: &str| self.twist[name].as_str().unwrap_or(usual).to_owned();
        let header = json!({"alg": twist("test-alg", "ES256"), "typ": "JWT", "kid": twist("test-kid", "k1")});
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let subject = if self.twist["test-signature"].is_null() { signed.clone() } else { format!("{signed}x") };
        let signature = self.key.sign(&SystemRandom::new(), subject.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn pairs(text: &str) -> HashMap<String, String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}

//! A token issuer on loopback: discovery and keys over HTTPS, and any token that a test wants, good or broken.

use crate::authority::Authority;
use crate::netns::Netns;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// What of the URL follows the authority: a path, as most real issuers have one.
const PATH: &str = "/issuer";

/// How the issuer answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// As it should.
    Well,
    /// Not at all: connections are closed before a word is said.
    Away,
    /// With 503.
    Failing,
    /// With more than anybody should read.
    Flooding,
    /// With discovery at the places of RFC 8414 only, the path behind `.well-known`.
    ByRfc8414,
}

/// A running issuer; its listener ends with the test.
pub struct Issuer {
    folder: TempDir,
    authority: Authority,
    port: u16,
    state: Arc<State>,
}

struct State {
    url: String,
    mood: Mutex<Mood>,
    keys: Mutex<Keys>,
    key_fetches: AtomicU64,
}

/// The keys that sign now, and all that are published.
struct Keys {
    number: u32,
    ec: EcdsaKeyPair,
    ec_document: Vec<u8>,
    rsa: RsaKeyPair,
    published: Vec<Value>,
}

impl Issuer {
    /// Starts one.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-issuer-").tempdir().unwrap();
        let authority = Authority::make(&folder.path().join("tls"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            url: format!("https://localhost:{port}{PATH}"),
            mood: Mutex::new(Mood::Well),
            keys: Mutex::new(Keys::make(folder.path())),
            key_fetches: AtomicU64::new(0),
        });
        let tls = tls(&authority);
        let unix = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (shared, config) = (Arc::clone(&state), Arc::clone(&tls));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, tls) = (Arc::clone(&shared), Arc::clone(&config));
                thread::spawn(move || serve(stream, &tls, &state));
            }
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in unix.incoming().flatten() {
                let (state, tls) = (Arc::clone(&shared), Arc::clone(&tls));
                thread::spawn(move || serve(stream, &tls, &state));
            }
        });
        Self { folder, authority, port, state }
    }

    /// Its URL, as `iss` has it.
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// The authority that vouches for its HTTPS.
    pub fn authority(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// How it answers from now on.
    pub fn set_mood(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// How often its keys were asked for.
    pub fn key_fetches(&self) -> u64 {
        self.state.key_fetches.load(Ordering::SeqCst)
    }

    /// Signs by new keys from now on. The old ones are published beside them, or not.
    pub fn rotate(&self, keep_old: bool) {
        let mut keys = self.state.keys.lock().unwrap();
        let mut fresh = Keys::number(self.folder.path(), keys.number + 1);
        if keep_old {
            fresh.published.append(&mut keys.published);
        }
        *keys = fresh;
    }

    /// The private key on P-256 as a PEM file, and its name: for tokens that others sign.
    pub fn private_key(&self) -> (PathBuf, String) {
        let keys = self.state.keys.lock().unwrap();
        let file = self.folder.path().join("ec.pem");
        let text =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&keys.ec_document));
        fs::write(&file, text).unwrap();
        (file, keys.ec_id())
    }

    /// The public key on P-256, as the key set has it.
    pub fn public_key(&self) -> Value {
        self.state.keys.lock().unwrap().published[0].clone()
    }

    /// What a good WLCG token says, valid for an hour and for any service, with these differences; `null` leaves out.
    pub fn claims(&self, differences: Value) -> Value {
        let now = now();
        let mut claims = json!({
            "iss": self.url(), "sub": "1234-5678", "aud": "https://wlcg.cern.ch/jwt/v1/any", "jti": format!("id-{now}"),
            "wlcg.ver": "1.0", "iat": now, "nbf": now, "exp": now + 3600,
        });
        for (name, value) in differences.as_object().unwrap() {
            match value {
                Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    /// A token with these differences, signed by ES256.
    pub fn token(&self, differences: Value) -> String {
        let id = self.state.keys.lock().unwrap().ec_id();
        self.sign(&json!({"alg": "ES256", "typ": "JWT", "kid": id}), &self.claims(differences))
    }

    /// A token with these scopes.
    pub fn scoped(&self, scope: &str) -> String {
        self.token(json!({"scope": scope}))
    }

    /// A token with these differences, signed by RS256.
    pub fn token_by_rsa(&self, differences: Value) -> String {
        let id = format!("rsa-{}", self.state.keys.lock().unwrap().number);
        self.sign(&json!({"alg": "RS256", "typ": "JWT", "kid": id}), &self.claims(differences))
    }

    /// Any header and any claims: signed by RSA when the header says RS256, else by the key on P-256.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(header), encode(claims));
        let keys = self.state.keys.lock().unwrap();
        let signature = if header["alg"] == "RS256" {
            let mut signature = vec![0; keys.rsa.public().modulus_len()];
            keys.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
            signature
        } else {
            keys.ec.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Lets programs in a network namespace reach it under the same URL, as long as what comes back lives.
    pub fn reachable_in(&self, netns: &Netns) -> Bridge {
        let script = self.folder.path().join("bridge.py");
        fs::write(&script, BRIDGE).unwrap();
        let child = Command::new("ip")
            .args(&netns.prefix()[1..])
            .arg("python3")
            .args([script.as_path(), &self.folder.path().join("socket")])
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut bridge = Bridge { child };
        // It says a word as soon as it listens.
        let mut word = [0; 1];
        bridge.child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
        bridge
    }
}

/// From a port in a network namespace to the issuer outside; ends when dropped.
pub struct Bridge {
    child: Child,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A socket of the file system is seen from every network namespace.
const BRIDGE: &str = r#"
import socket, sys, threading
def carry(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for end in (a, b):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
sys.stdout.write(".")
sys.stdout.flush()
while True:
    near, _ = listener.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(sys.argv[1])
    threading.Thread(target=carry, args=(near, far), daemon=True).start()
    threading.Thread(target=carry, args=(far, near), daemon=True).start()
"#;

impl Keys {
    fn make(folder: &Path) -> Self {
        Self::number(folder, 1)
    }

    fn number(folder: &Path, number: u32) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ec_document = document.as_ref().to_vec();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec_document, &random).unwrap();
        // ring makes no RSA keys.
        let rsa = crate::Run::new("openssl")
            .within(folder)
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
            .succeed();
        let rsa = RsaKeyPair::from_pkcs8(PrivateKeyDer::from_pem_slice(&rsa.stdout).unwrap().secret_der()).unwrap();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (point, components) = (ec.public_key().as_ref(), PublicKeyComponents::<Vec<u8>>::from(rsa.public()));
        let published = vec![
            json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": format!("ec-{number}"),
                "x": encode(&point[1..33]), "y": encode(&point[33..]),
            }),
            json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": format!("rsa-{number}"),
                "n": encode(&components.n), "e": encode(&components.e),
            }),
        ];
        Self { number, ec, ec_document, rsa, published }
    }

    fn ec_id(&self) -> String {
        format!("ec-{}", self.number)
    }
}

/// Seconds since the epoch.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn tls(authority: &Authority) -> Arc<rustls::ServerConfig> {
    let (certificate, key) = authority.host();
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// One request, one answer.
fn serve(stream: impl Read + Write, tls: &Arc<rustls::ServerConfig>, state: &State) {
    let mood = *state.mood.lock().unwrap();
    if mood == Mood::Away {
        return;
    }
    let session = rustls::ServerConnection::new(Arc::clone(tls)).unwrap();
    let mut stream = BufReader::new(rustls::StreamOwned::new(session, stream));
    let mut first = String::new();
    if stream.read_line(&mut first).is_err() {
        return;
    }
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|count| count > 2) {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = answer(path, mood, state);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = stream.into_inner();
    // Whoever asked may have had enough.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn answer(path: &str, mood: Mood, state: &State) -> (&'static str, String) {
    let by_openid = format!("{PATH}/.well-known/openid-configuration");
    let by_rfc8414 = format!("/.well-known/oauth-authorization-server{PATH}");
    let discovery = if mood == Mood::ByRfc8414 { &by_rfc8414 } else { &by_openid };
    match mood {
        Mood::Failing => ("503 Service Unavailable", "{}".to_owned()),
        Mood::Flooding => ("200 OK", format!("{{\"filling\":\"{}\"}}", "x".repeat(8 << 20))),
        _ if path == discovery => {
            let document = json!({"issuer": state.url, "jwks_uri": format!("{}/keys", state.url)});
            ("200 OK", document.to_string())
        }
        _ if path == format!("{PATH}/keys") => {
            state.key_fetches.fetch_add(1, Ordering::SeqCst);
            ("200 OK", json!({"keys": state.keys.lock().unwrap().published}).to_string())
        }
        _ => ("404 Not Found", "{}".to_owned()),
    }
}

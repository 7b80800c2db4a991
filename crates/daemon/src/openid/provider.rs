//! The provider: what it offers, its keys, and the exchange of a code for an ID token.

use super::pending::Began;
use super::{problem, refused_by};
use crate::asker::{Asker, is_https};
use crate::secret::{hash, same};
use crate::settings::OpenId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use identity::jwt::{CLOCK_SKEW, Claims, KeySet, Refusal, Token};
use identity::speaks_for;
use net::client::{ClientBody, Trust};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use terms::{Blame, Credential, CredentialForm, Identity, Kind, Problem, Retry, Timestamp};
use zeroize::Zeroizing;

/// What the provider says of itself is believed so long.
const BELIEVED: Duration = Duration::from_hours(1);

/// An unknown key makes us ask again, but not more often.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// One provider.
pub(super) struct Provider {
    settings: OpenId,
    secret: Option<Zeroizing<String>>,
    asker: Asker,
    known: Mutex<Option<Arc<Known>>>,
}

struct Known {
    authorization_endpoint: String,
    token_endpoint: Uri,
    /// May we say who we are in the body only?
    secret_in_body: bool,
    keys: KeySet,
    at: Instant,
}

impl Provider {
    pub(super) fn open(settings: OpenId) -> Result<Self, Problem> {
        let read = |file: &std::path::PathBuf| {
            let text = std::fs::read_to_string(file).map(Zeroizing::new);
            let text = text.map_err(|error| unusable(&format!("{} cannot be read: {error}", file.display())))?;
            Ok::<_, Problem>(Zeroizing::new(text.trim().to_owned()))
        };
        let secret = settings.client_secret_file.as_ref().map(read).transpose()?;
        let trust = Trust { files: settings.ca_file.clone().into_iter().collect(), ..Trust::default() };
        let asker = Asker::open(trust).map_err(|why| unusable(&why))?;
        Ok(Self { settings, secret, asker, known: Mutex::default() })
    }

    pub(super) fn settings(&self) -> &OpenId {
        &self.settings
    }

    pub(super) async fn authorization_endpoint(&self) -> Result<String, Problem> {
        Ok(self.known(BELIEVED).await?.authorization_endpoint.clone())
    }

    /// Where to send the browser (OpenID Connect Core §3.1.2.1).
    pub(super) fn authorization_url(&self, endpoint: &str, state: &str, nonce: &str, challenge: &str) -> String {
        let scope = std::iter::once("openid").chain(self.settings.scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &self.redirect_uri()),
            ("scope", &scope),
            ("state", state),
            ("nonce", nonce),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{joint}{}", *query)
    }

    /// Whose code this is.
    pub(super) async fn identify(&self, code: &str, began: &Began, lifetime: Duration) -> Result<Identity, Problem> {
        let known = self.known(BELIEVED).await?;
        let text = self.exchange(&known, code, &began.verifier).await?;
        let refused = |refusal: Refusal| refused_by(&format!("the ID token is not accepted: {refusal}"));
        let token = Token::read(&text).map_err(refused)?;
        let claims = match token.verify(&known.keys) {
            // Keys change.
            Err(Refusal::UnknownKey(_)) => {
                let fresh = self.known(ASK_AGAIN).await?;
                token.verify(&fresh.keys).map_err(refused)?.clone()
            }
            verified => verified.map_err(refused)?.clone(),
        };
        let now = Timestamp::from(SystemTime::now());
        check(&claims, &self.settings, &began.nonce, now).map_err(|why| refused_by(&format!("the ID token {why}")))?;
        self.identity(&claims, now, lifetime).map_err(refused)
    }

    fn identity(&self, claims: &Claims, now: Timestamp, lifetime: Duration) -> Result<Identity, Refusal> {
        let subject = claims.text("sub")?.ok_or(Refusal::Missing("sub"))?;
        let name = match self.settings.name_claim.as_deref() {
            None if is_name(subject) => format!("{subject}@{}", self.settings.issuer),
            None => return Err(Refusal::Missing("a printable sub")),
            Some(claim) => {
                claims.text(claim)?.filter(|name| is_own_name(name)).ok_or(Refusal::Missing("the name"))?.to_owned()
            }
        };
        let groups = claims.texts(&self.settings.groups_claim)?.unwrap_or_default();
        Ok(Identity {
            issuer: Some(self.settings.issuer.clone()),
            groups: groups
                .into_iter()
                .filter(|name| is_name(name) && speaks_for(&self.settings.groups, name))
                .map(str::to_owned)
                .collect(),
            credential: Credential {
                form: CredentialForm::Session,
                id: claims.fingerprint().to_owned(),
                issued: Some(now),
                expires: Some(now.after(lifetime)),
            },
            ..Identity::new(Kind::User, name)
        })
    }

    /// RFC 6749 §4.1.3 with RFC 7636 §4.5.
    async fn exchange(&self, known: &Known, code: &str, verifier: &str) -> Result<Zeroizing<String>, Problem> {
        let redirect_uri = self.redirect_uri();
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("client_id", &self.settings.client_id),
            ("code_verifier", verifier),
        ];
        if let Some(secret) = self.secret.as_ref().filter(|_| known.secret_in_body) {
            pairs.push(("client_secret", secret));
        }
        let body = form(&pairs);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(known.token_endpoint.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if let Some(secret) = self.secret.as_ref().filter(|_| !known.secret_in_body) {
            // RFC 6749 §2.3.1: both are form-encoded first.
            let pair = Zeroizing::new(format!("{}:{}", encoded(&self.settings.client_id), encoded(secret)));
            let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
            let mut value = HeaderValue::from_str(&value).map_err(|_| unusable("the secret is no text"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(ClientBody::full(Bytes::from(body.as_bytes().to_vec())));
        let request = request.map_err(|error| unusable(&error.to_string()))?;
        let (status, answer) = self.asker.send(request).await.map_err(|why| unreachable(&why))?;
        let answer = json(&answer)?;
        let text = |name: &str| answer.get(name).and_then(serde_json::Value::as_str);
        if status != StatusCode::OK {
            let why = super::printable(text("error").unwrap_or("no reason given"));
            return Err(refused_by(&format!("the provider did not take the code ({status}: {why})")));
        }
        text("id_token")
            .map(|text| Zeroizing::new(text.to_owned()))
            .ok_or_else(|| refused_by("the provider gave no ID token"))
    }

    /// What the provider says of itself, not older than this.
    async fn known(&self, age_max: Duration) -> Result<Arc<Known>, Problem> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = kept.filter(|known| known.at.elapsed() < age_max) {
            return Ok(known);
        }
        let known = Arc::new(self.discover().await?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }

    /// OpenID Connect Discovery 1.0 §4.
    async fn discover(&self) -> Result<Known, Problem> {
        let address = format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let found = json(&self.read(&address).await?)?;
        let text = |name: &str| found.get(name).and_then(serde_json::Value::as_str);
        if text("issuer") != Some(self.settings.issuer.as_str()) {
            return Err(unusable(&format!("{address} speaks of another issuer")));
        }
        let endpoint = |name: &str| {
            text(name)
                .filter(|url| is_https(url))
                .map(str::to_owned)
                .ok_or_else(|| unusable(&format!("{address} names no https:// address as {name}")))
        };
        let token_endpoint = endpoint("token_endpoint")?.parse();
        let token_endpoint =
            token_endpoint.map_err(|_| unusable(&format!("the token_endpoint of {address} is no URL")))?;
        let keys = KeySet::read(&self.read(&endpoint("jwks_uri")?).await?);
        let methods = found.get("token_endpoint_auth_methods_supported").and_then(serde_json::Value::as_array);
        let offers = |method: &str| methods.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(method)));
        Ok(Known {
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint,
            secret_in_body: offers("client_secret_post") && !offers("client_secret_basic"),
            keys: keys.map_err(|error| unusable(&format!("its keys: {error}")))?,
            at: Instant::now(),
        })
    }

    async fn read(&self, address: &str) -> Result<Bytes, Problem> {
        self.asker.get(address).await.map_err(|miss| unreachable(&miss.into_why()))
    }

    fn redirect_uri(&self) -> String {
        format!("{}/sign-in/callback", self.settings.public_url)
    }
}

/// OpenID Connect Core §3.1.3.7, with the signature checked already.
fn check(claims: &Claims, settings: &OpenId, nonce: &str, now: Timestamp) -> Result<(), String> {
    let told = |refusal: Refusal| format!("is not accepted: {refusal}");
    if claims.text("iss").map_err(told)? != Some(settings.issuer.as_str()) {
        return Err("is of another issuer".to_owned());
    }
    let audience = claims.texts("aud").map_err(told)?.unwrap_or_default();
    if !audience.contains(&settings.client_id.as_str()) {
        return Err("is for another audience".to_owned());
    }
    let party = claims.text("azp").map_err(told)?;
    if party.map_or(audience.len() > 1, |party| party != settings.client_id) {
        return Err("was issued to another party".to_owned());
    }
    let expires = claims.time("exp").map_err(told)?.ok_or("has no exp")?;
    if expires.after(CLOCK_SKEW) <= now {
        return Err(format!("expired at {expires}"));
    }
    let issued = claims.time("iat").map_err(told)?.ok_or("has no iat")?;
    if issued > now.after(CLOCK_SKEW) {
        return Err(format!("is of {issued}, which is to come: compare the clocks"));
    }
    let given = claims.text("nonce").map_err(told)?.unwrap_or_default();
    if !same(&hash(given), &hash(nonce)) {
        return Err("is not for this sign-in".to_owned());
    }
    Ok(())
}

/// Printable, not too long, and no name that only we give.
fn is_name(text: &str) -> bool {
    (1..=200).contains(&text.len()) && !text.chars().any(char::is_control) && !matches!(text, "anonymous" | "this host")
}

/// Nor one that tells of another credential: people choose such claims themselves at many providers, and an account of
/// ours names the subjects of certificates and of other issuers.
fn is_own_name(text: &str) -> bool {
    let of_others = ["/", "token ", "share ", "a token of "];
    is_name(text) && !of_others.iter().any(|begin| text.starts_with(begin)) && !text.contains("@http")
}

fn form(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    Zeroizing::new(pairs.join("&"))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn json(bytes: &[u8]) -> Result<serde_json::Value, Problem> {
    serde_json::from_slice(bytes).map_err(|_| unreachable("it answered what is no JSON"))
}

/// The provider or the way to it fails.
fn unreachable(why: &str) -> Problem {
    Problem {
        blame: Blame::Peer,
        retry: Retry::Soon,
        ..problem(
            502,
            "sign-in-provider-failed",
            &format!("The provider of sign-ins failed: {why}."),
            "Try again shortly; a token works meanwhile (/sign-in/token).",
        )
    }
}

/// The settings do not fit the provider.
fn unusable(why: &str) -> Problem {
    let next = "The operator corrects [sign_in.openid]; a token works meanwhile (/sign-in/token).";
    Problem {
        blame: Blame::Us,
        ..problem(500, "sign-in-misconfigured", &format!("Sign-in is misconfigured: {why}."), next)
    }
}

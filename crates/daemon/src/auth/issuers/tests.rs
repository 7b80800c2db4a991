//! When issuers are asked and when not, by a clock that the tests move; and what of tokens a door says.

use super::fetch::{Fetch, FetchError, places};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jwt::{KeySet, Profile, Strategy};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const ISSUER: &str = "https://issuer.example/vo";
const HOUR: Duration = Duration::from_hours(1);
const WALL: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// An issuer without a network: it gives what it is told to, and counts.
#[derive(Clone, Default)]
struct Fake {
    gives: Arc<Mutex<Vec<Signer>>>,
    away: Arc<Mutex<bool>>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Signer {
    id: &'static str,
    pair: Arc<EcdsaKeyPair>,
}

impl Signer {
    fn make(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { id, pair: Arc::new(pair) }
    }

    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "kid": self.id, "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    fn token(&self, issuer: &str) -> String {
        let now = WALL.seconds();
        let claims = json!({
            "iss": issuer, "sub": "1", "aud": "https://wlcg.cern.ch/jwt/v1/any", "jti": "j", "wlcg.ver": "1.0",
            "iat": now, "exp": now + 3600, "scope": "storage.read:/",
        });
        let header = json!({"alg": "ES256", "kid": self.id});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

impl Fake {
    fn giving(signers: &[&Signer]) -> Self {
        let fake = Self::default();
        fake.give(signers);
        fake
    }

    fn give(&self, signers: &[&Signer]) {
        *self.gives.lock().unwrap() = signers.iter().map(|signer| (*signer).clone()).collect();
    }

    fn set_away(&self, away: bool) {
        *self.away.lock().unwrap() = away;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn issuers(&self) -> Issuers {
        let settings = settings(&format!("[[issuer]]\nurl = \"{ISSUER}\"\nbase_path = [\"/vo\"]\n"));
        let keys = Keyring::new(self.clone(), 6 * HOUR, 48 * HOUR);
        let settings = settings.issuers[0].clone();
        let issuer = Issuer { rules: settings.rules.clone(), settings, keys };
        Issuers { known: RwLock::new(Arc::new(vec![Arc::new(issuer)])), verified: Verified::default() }
    }
}

impl Fetch for Fake {
    fn issuer(&self) -> &str {
        ISSUER
    }

    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<KeySet, FetchError>> + Send + '_>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            // Others get their turn: those that wait for the same answer.
            tokio::task::yield_now().await;
            if *self.away.lock().unwrap() {
                return Err(FetchError("nobody answers".to_owned()));
            }
            let keys: Vec<Value> = self.gives.lock().unwrap().iter().map(Signer::public).collect();
            Ok(KeySet::read(json!({"keys": keys}).to_string().as_bytes()).unwrap())
        })
    }
}

fn settings(text: &str) -> Settings {
    Settings::parse(text, Path::new("portolan.toml")).unwrap_or_else(|findings| panic!("{findings}"))
}

#[tokio::test]
async fn keys_are_fetched_once_for_all_who_wait() {
    let signer = Signer::make("a");
    let fake = Fake::giving(&[&signer]);
    let issuers = fake.issuers();
    let now = Instant::now();
    let texts: Vec<String> = (0..10).map(|_| signer.token(ISSUER)).collect();
    let judged = futures_util::future::join_all(texts.iter().map(|text| issuers.judge(text, now, WALL))).await;
    assert!(judged.iter().all(Result::is_ok), "{judged:?}");
    assert_eq!(fake.asked(), 1);
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_but_not_too_often() {
    let (old, new, newest) = (Signer::make("old"), Signer::make("new"), Signer::make("newest"));
    let fake = Fake::giving(&[&old]);
    let issuers = fake.issuers();
    let start = Instant::now();
    issuers.judge(&old.token(ISSUER), start, WALL).await.unwrap();
    fake.give(&[&old, &new]);
    let early = issuers.judge(&new.token(ISSUER), start + Duration::from_secs(59), WALL).await.unwrap_err();
    assert_eq!((early.status, early.kind), (401, "token-unverified"));
    assert_eq!(fake.asked(), 1);
    issuers.judge(&new.token(ISSUER), start + Duration::from_secs(60), WALL).await.unwrap();
    assert_eq!(fake.asked(), 2);
    // Strangers who make up keys cannot have the issuer asked all the time.
    for second in 61..120 {
        let judged = issuers.judge(&newest.token(ISSUER), start + Duration::from_secs(second), WALL).await;
        assert_eq!(judged.unwrap_err().status, 401);
    }
    assert_eq!(fake.asked(), 2);
}

#[tokio::test]
async fn keys_live_on_while_the_issuer_is_away_and_then_end_in_503() {
    let signer = Signer::make("a");
    let fake = Fake::giving(&[&signer]);
    let issuers = fake.issuers();
    let start = Instant::now();
    issuers.judge(&signer.token(ISSUER), start, WALL).await.unwrap();
    fake.set_away(true);
    let late = start + 48 * HOUR - Duration::from_secs(1);
    issuers.judge(&signer.token(ISSUER), late, WALL).await.unwrap();
    assert_eq!(fake.asked(), 1, "a request does not wait for keys that are good");
    let problem = issuers.judge(&signer.token(ISSUER), start + 48 * HOUR, WALL).await.unwrap_err();
    assert_eq!((problem.status, problem.kind, problem.blame), (503, "issuer-unreachable", Blame::Peer));
    assert!(matches!(problem.retry, Retry::After(_)));
    assert!(problem.detail.contains(ISSUER) && problem.detail.contains("nobody answers"), "{}", problem.detail);
    // Whoever comes next is told at once.
    let next = start + 48 * HOUR + Duration::from_secs(19);
    assert_eq!(issuers.judge(&signer.token(ISSUER), next, WALL).await.unwrap_err().status, 503);
    assert_eq!(fake.asked(), 2);
    fake.set_away(false);
    issuers.judge(&signer.token(ISSUER), start + 48 * HOUR + Duration::from_secs(20), WALL).await.unwrap();
}

#[tokio::test]
async fn keys_are_looked_after_before_they_are_too_old() {
    let signer = Signer::make("a");
    let fake = Fake::giving(&[&signer]);
    let issuers = fake.issuers();
    let keys = &issuers.known()[0].keys;
    let start = Instant::now();
    assert!(keys.wants_refresh(start), "there are none yet");
    issuers.judge(&signer.token(ISSUER), start, WALL).await.unwrap();
    assert!(!keys.wants_refresh(start + 6 * HOUR - Duration::from_secs(1)));
    assert!(keys.wants_refresh(start + 6 * HOUR));
}

#[tokio::test]
async fn a_token_is_remembered_no_longer_than_its_keys_its_rules_and_itself() {
    let (signer, other) = (Signer::make("a"), Signer::make("b"));
    let fake = Fake::giving(&[&signer]);
    let issuers = fake.issuers();
    let start = Instant::now();
    let text = signer.token(ISSUER);
    let remembered = |now: Instant, wall: Timestamp| {
        issuers.verified.find(&cache::name(&text), &issuers.known(), now, wall).is_some()
    };
    assert!(!remembered(start, WALL));
    issuers.judge(&text, start, WALL).await.unwrap();
    assert!(remembered(start, WALL));
    assert!(!remembered(start, WALL.after(HOUR + jwt::CLOCK_SKEW)), "it has expired");
    assert!(!remembered(start + Duration::from_mins(5), WALL), "it is looked at again now and then");
    let expired = issuers.judge(&text, start, WALL.after(2 * HOUR)).await.unwrap_err();
    assert_eq!(expired.kind, "token-expired");
    // The issuer withdraws the key, which is seen when another unknown one makes us ask.
    fake.give(&[&other]);
    issuers.judge(&other.token(ISSUER), start + Duration::from_mins(2), WALL).await.unwrap();
    assert!(!remembered(start + Duration::from_mins(2), WALL), "its key is gone");
    let withdrawn = issuers.judge(&text, start + Duration::from_mins(2), WALL).await.unwrap_err();
    assert_eq!(withdrawn.kind, "token-unverified");
}

#[tokio::test]
async fn tokens_of_others_are_told_401_with_what_is_wrong() {
    let signer = Signer::make("a");
    let fake = Fake::giving(&[&signer]);
    let issuers = fake.issuers();
    let now = Instant::now();
    let stranger = issuers.judge(&signer.token("https://evil.example"), now, WALL).await.unwrap_err();
    assert_eq!((stranger.status, stranger.kind), (401, "token-issuer-unknown"));
    assert!(stranger.detail.contains("https://evil.example"));
    let forged = Signer::make("a").token(ISSUER);
    let problem = issuers.judge(&forged, now, WALL).await.unwrap_err();
    assert_eq!((problem.status, problem.kind), (401, "token-unverified"));
    assert!(!problem.to_line().contains(&forged), "no part of a token is repeated");
    assert_eq!(issuers.judge("a.b.c", now, WALL).await.unwrap_err().kind, "credentials-malformed");
}

#[tokio::test]
async fn the_state_of_an_issuer_can_be_seen() {
    let signer = Signer::make("a");
    let fake = Fake::giving(&[&signer]);
    let issuers = fake.issuers();
    assert!(issuers.states()[0].keys.is_empty());
    fake.set_away(true);
    issuers.judge(&signer.token(ISSUER), Instant::now(), WALL).await.unwrap_err();
    let (_, why) = issuers.states()[0].failure.clone().unwrap();
    assert_eq!(why, "nobody answers");
    fake.set_away(false);
    issuers.judge(&signer.token(ISSUER), Instant::now() + Duration::from_mins(1), WALL).await.unwrap();
    let state = &issuers.states()[0];
    assert_eq!((state.keys.as_slice(), &state.failure), (["a".to_owned()].as_slice(), &None));
}

#[tokio::test]
async fn a_reload_keeps_keys_and_puts_rules_into_force() {
    let issuers = Issuers::open(&settings("")).await.unwrap();
    let one = settings(&format!("[[issuer]]\nurl = \"{ISSUER}\"\n"));
    assert!(issuers.reload(&one).await.unwrap().changed);
    assert!(!issuers.reload(&one).await.unwrap().changed);
    let twice = settings(&format!("[[issuer]]\nurl = \"{ISSUER}\"\n[[issuer]]\nurl = \"{ISSUER}\"\n"));
    assert!(issuers.reload(&twice).await.unwrap_err().detail.contains("twice"));
    let no_file = settings(&format!("[[issuer]]\nurl = \"{ISSUER}\"\nname_map = \"/nonexistent\"\n"));
    assert!(issuers.reload(&no_file).await.unwrap_err().detail.contains("/nonexistent"));
    assert_eq!(issuers.states().len(), 1, "the former stays in force");
    assert!(issuers.reload(&settings("")).await.unwrap().changed);
    assert!(issuers.states().is_empty());
}

#[test]
fn discovery_is_looked_for_where_the_standards_put_it() {
    assert_eq!(
        places("https://i.example:8443/a/b/"),
        [
            "https://i.example:8443/a/b/.well-known/openid-configuration",
            "https://i.example:8443/.well-known/oauth-authorization-server/a/b",
            "https://i.example:8443/.well-known/openid-configuration/a/b",
        ]
    );
    assert_eq!(
        places("https://i.example"),
        [
            "https://i.example/.well-known/openid-configuration",
            "https://i.example/.well-known/oauth-authorization-server",
        ]
    );
}

#[test]
fn an_issuer_with_all_defaults_spelt_out_is_one_with_none() {
    let short = settings(&format!("[[issuer]]\nurl = \"{ISSUER}\"\n"));
    let long = settings(&format!(
        "[[issuer]]\nurl = \"{ISSUER}\"\nany_audience = true\nprofiles = [\"wlcg\", \"scitokens\"]\n\
         strategy = [\"capability\", \"group\", \"mapping\"]\nbase_path = []\nrestricted_path = []\ngroups = []\n\
         groups_claim = \"wlcg.groups\"\nmap_subject = false\nlifetime_max = \"6 h\"\nrefresh = \"6 h\"\nkeep = \"2 d\"\n"
    ));
    assert_eq!(short.issuers, long.issuers);
    assert_eq!(short.issuers[0].rules, IssuerRules::new(ISSUER));
}

#[test]
fn an_issuer_can_be_told_all_that_xrootd_can() {
    let settings = settings(
        r#"
        [[issuer]]
        url = "https://issuer.example"
        audience = ["https://port.example"]
        profiles = ["scitokens-1", "plain"]
        strategy = ["mapping"]
        base_path = ["/a", "/b/"]
        restricted_path = ["/user"]
        groups = ["/vo"]
        groups_claim = "groups"
        name_map = "names.json"
        username_claim = "uid"
        map_subject = true
        default_user = "nobody"
        "#,
    );
    let rules = &settings.issuers[0].rules;
    assert_eq!(rules.profiles, [Profile::SciTokens1, Profile::Plain].into());
    assert_eq!(rules.strategies, [Strategy::Mapping].into());
    assert_eq!(rules.base_paths.iter().map(|path| path.as_str()).collect::<Vec<_>>(), ["/a", "/b"]);
    assert_eq!(settings.issuers[0].name_map.as_deref(), Some(Path::new("names.json")));
}

#[test]
fn an_issuer_is_https_and_nothing_but_a_place() {
    for url in ["http://i.example", "https://", "https://a@i.example", "https://i.example?x", "i.example", ""] {
        let text = format!("[[issuer]]\nurl = \"{url}\"\n");
        assert!(Settings::parse(&text, Path::new("p.toml")).is_err(), "{url}");
    }
    let text = format!("[[issuer]]\nurl = \"{ISSUER}\"\nbase_path = [\"/a/../b\"]\ngroups = [\"vo\"]\n");
    let findings = Settings::parse(&text, Path::new("p.toml")).unwrap_err().to_string();
    assert!(findings.contains("'..'") && findings.contains("'vo'"), "{findings}");
}

#[test]
fn without_an_audience_the_addresses_of_the_port_count() {
    let at = |listen: &str| {
        own_audiences(&settings(&format!("[listen]\naddress = \"{listen}\"\nnames = [\"port.example\"]\n")))
    };
    assert!(at("127.0.0.1:8443").contains("https://port.example:8443"));
    assert!(at("127.0.0.1:8443").contains("https://[::1]:8443"));
    assert!(at("0.0.0.0:443").contains("https://port.example"));
    assert!(!at("0.0.0.0:8443").contains("https://port.example"));
    assert!(at("127.0.0.1:0").is_empty(), "nobody knows the port yet");
}

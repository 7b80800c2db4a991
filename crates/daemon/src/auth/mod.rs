//! Who asks: from the credentials of a request to a [`Principal`]. One file for each form of credential.
//!
//! `Bearer` tokens (RFC 6750) and, for programs that know only that, the same as the password of `Basic` (RFC 7617) with
//! any user name; the parameter `authz` of the query where the settings allow it; the session of a browser; the
//! certificate of the connection. Secrets are never logged, and never part of an answer.

mod accounts;
mod certificates;
mod guard;
mod issuers;
mod local;
mod macaroons;
mod recent;
pub(crate) mod sessions;

pub(crate) use certificates::examine as examine_certificates;
pub(crate) use guard::{Guard, make_room, source};
pub(crate) use local::{identity as token_identity, still_valid as token_still_valid};
pub use recent::REVOCATION_DELAY;
pub(crate) use recent::Recent;

use crate::problems::unauthenticated;
use crate::reload::Reloaded;
use crate::settings::Settings;
pub(crate) use accounts::Accounts;
use archive::Archive;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certificates::Certificates;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, Method, Uri};
pub(crate) use issuers::IssuerState;
use issuers::Issuers;
use local::LocalTokens;
pub use macaroons::MACAROON_KEYS;
use macaroons::Macaroons;
pub(crate) use macaroons::{NotMinted, sentence as refusal_sentence};
use net::{ClientChain, Peer};
use sessions::Sessions;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};
use terms::{Identity, Principal, Problem, Timestamp};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// The gate that every request but `/healthz` passes.
pub(crate) struct Gate {
    pub(crate) guard: Guard,
    /// May a token stand in the query?
    query_tokens: AtomicBool,
    pub(crate) accounts: Accounts,
    pub(crate) local: LocalTokens,
    pub(crate) issuers: Issuers,
    pub(crate) macaroons: Macaroons,
    pub(crate) certificates: Certificates,
    pub(crate) sessions: Sessions,
}

/// A request as far as sign-in looks at it, and when.
pub(crate) struct Presented<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    /// The certificates of the caller, whose key it has proven to hold; not judged yet.
    pub(crate) chain: Option<&'a ClientChain>,
    pub(crate) from: IpAddr,
    pub(crate) tls: bool,
    pub(crate) now: Instant,
    pub(crate) wall: Timestamp,
}

impl<'a> Presented<'a> {
    /// Of this request, now.
    pub(crate) fn of(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, extensions: &'a Extensions) -> Self {
        let peer = extensions.get::<Peer>();
        Self {
            method,
            uri,
            headers,
            chain: extensions.get(),
            from: peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.address.ip()),
            tls: peer.is_some_and(|peer| peer.tls.is_some()),
            now: Instant::now(),
            wall: SystemTime::now().into(),
        }
    }
}

impl Gate {
    /// Reads what the settings name: authorities, issuers, keys.
    pub(crate) async fn open(settings: &Settings, archive: Archive) -> Result<Self, Problem> {
        Ok(Self {
            guard: Guard::new(settings.limits.failed_sign_ins),
            query_tokens: AtomicBool::new(settings.sign_in.query_tokens),
            accounts: Accounts::new(settings),
            local: LocalTokens::new(archive.clone()),
            issuers: Issuers::open(settings).await?,
            macaroons: Macaroons::open(settings, archive).await?,
            certificates: Certificates::open(settings).await?,
            sessions: Sessions::new(settings),
        })
    }

    /// Takes over what the gate itself is told by the settings; its parts are reloaded one by one.
    pub(crate) fn reload(&self, settings: &Settings) -> Reloaded {
        let failures = settings.limits.failed_sign_ins;
        let changed = self.guard.allow(failures);
        let in_query = settings.sign_in.query_tokens;
        let changed = self.query_tokens.swap(in_query, Ordering::Relaxed) != in_query || changed;
        let tokens = if in_query { "taken" } else { "not taken" };
        let told = format!("{failures} failures a minute, tokens in the query are {tokens}");
        if changed { Reloaded::changed(told) } else { Reloaded::unchanged(told) }
    }

    /// Who asks. Without credentials: anonymous. With wrong ones: a problem, never anonymous, lest a caller with an
    /// expired token be told that files are not there.
    pub(crate) async fn who(&self, at: &Presented<'_>) -> Result<Principal, Problem> {
        let identified = self.identify(at).await;
        // Whose secret or signature was right has guessed nothing: a farm of jobs whose token is over must not shut out
        // those who come from the same address with a fresh one.
        let is_guess = |problem: &Problem| problem.status == 401 && problem.kind != "token-expired";
        if identified.as_ref().is_err_and(is_guess) {
            self.guard.count(at.from, at.now);
        }
        let principal = match identified? {
            Some(identity) => Principal::of(self.accounts.settle(identity)?),
            None => Principal::anonymous(),
        };
        Ok(principal.came(at.from, at.tls))
    }

    /// What the credentials say, before accounts and groups of this site are looked up: what is passed on by a macaroon
    /// is settled anew at each use.
    pub(crate) async fn identify(&self, at: &Presented<'_>) -> Result<Option<Identity>, Problem> {
        if let Some(text) = presented(at, self.query_tokens.load(Ordering::Relaxed))? {
            // Whoever signed in by `/sign-in/token` has a browser that sends Basic by itself, whoever causes the request.
            if is_basic(at.headers) && certificates::caused_by_another_site(at) {
                return Err(sessions::cross_site());
            }
            return self.of_text(&text, at).await.map(Some);
        }
        if let Some(identity) = self.sessions.identify(at)? {
            return Ok(Some(identity));
        }
        self.certificates.identify(at).await
    }

    /// By the form of the text. No form can be mistaken for another: a local token has its prefix, a signed token two
    /// dots, a macaroon neither.
    async fn of_text(&self, text: &str, at: &Presented<'_>) -> Result<Identity, Problem> {
        if text.starts_with(crate::token::TOKEN_PREFIX) {
            return self.local.identify(text, &self.guard, at).await;
        }
        let dots = text.bytes().filter(|byte| *byte == b'.').count();
        if dots == 2 {
            return self.issuers.identify(text, &self.guard, at).await;
        }
        self.guard.check(at.from, at.now)?;
        match dots {
            0 if !text.is_empty() => self.macaroons.identify(text, &self.local, at).await,
            _ => Err(malformed("the credentials are no token of a form that is known here")),
        }
    }
}

/// The token's text as it was sent; `None` when there is none at all.
fn presented(at: &Presented<'_>, query_tokens: bool) -> Result<Option<Zeroizing<String>>, Problem> {
    let mut values = at.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return if query_tokens { in_query(at.uri) } else { Ok(None) };
    };
    if values.next().is_some() {
        return Err(malformed("there are several Authorization headers"));
    }
    let text = value.to_str().map_err(|_| malformed("the Authorization header is not ASCII text"))?;
    of_header(text).map(Some)
}

fn is_basic(headers: &HeaderMap) -> bool {
    let scheme = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().get(..6));
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
}

fn of_header(text: &str) -> Result<Zeroizing<String>, Problem> {
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Zeroizing::new(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed("the scheme of the Authorization header is neither Bearer nor Basic"));
    }
    let bytes =
        STANDARD.decode(rest).map(Zeroizing::new).map_err(|_| malformed("the Basic credentials are not base64"))?;
    let pair = std::str::from_utf8(&bytes).map_err(|_| malformed("the Basic credentials are not UTF-8"))?;
    let (_, password) = pair.split_once(':').ok_or_else(|| malformed("the Basic credentials have no colon"))?;
    Ok(Zeroizing::new(password.to_owned()))
}

/// `?authz=Bearer%20TOKEN` or `?authz=TOKEN`, as dCache and XRootD take it.
fn in_query(uri: &Uri) -> Result<Option<Zeroizing<String>>, Problem> {
    let mut values = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("authz="));
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("there are several authz parameters"));
    }
    let text = percent_encoding::percent_decode_str(value).decode_utf8();
    let text = Zeroizing::new(text.map_err(|_| malformed("the authz parameter is not UTF-8"))?.replace('+', " "));
    Ok(Some(match text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer ")) {
        Some(_) => Zeroizing::new(text[7..].trim().to_owned()),
        None => text,
    }))
}

pub(crate) fn malformed(what: &str) -> Problem {
    unauthenticated(
        "credentials-malformed",
        format!("{}{}.", what[..1].to_uppercase(), &what[1..]),
        "Send `Authorization: Bearer TOKEN`, or the token as the password of Basic.",
    )
}

//! People sign in with a browser: OpenID Connect, authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1;
//! RFC 7636; the advice of RFC 9700 is followed).
//!
//! `/sign-in` offers the ways, `/sign-in/openid` sends the browser to the provider, `/sign-in/callback` takes it back,
//! `/sign-in/token` asks for a token by HTTP authentication, `/sign-out` ends the session.

mod pending;
mod provider;

use crate::audit::Event;
use crate::auth::sessions::{COOKIE_NAME, from_own_page};
use crate::problems::{not_found, unauthenticated, wrong_method};
use crate::running::Port;
use crate::settings::{OpenId, Settings};
use askama::Template;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use net::Body;
use pending::{Began, Pending};
use provider::Provider;
use std::time::Instant;
use terms::{Blame, Principal, Problem, Retry};

#[cfg(test)]
mod tests;

/// Binds a sign-in under way to the browser that began it.
const BROWSER_COOKIE: &str = "__Host-portolan-sign-in";

/// Sign-in with a browser, where the settings name a provider.
pub(crate) struct SignIn {
    provider: Option<Provider>,
    pending: Pending,
}

/// What is asked for, as far as signing in looks at it.
pub(crate) struct Visit<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) tls: bool,
    pub(crate) now: Instant,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    provider: &'a str,
    href: String,
}

impl SignIn {
    /// Reads the secret that the settings name. The provider itself is asked when somebody signs in.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Problem> {
        let provider = settings.sign_in.openid.clone().map(Provider::open).transpose()?;
        Ok(Self { provider, pending: Pending::default() })
    }

    /// Answers what is below `/sign-in`, and `/sign-out`.
    pub(crate) async fn respond(
        &self,
        port: &Port,
        visit: Visit<'_>,
        who: &Principal,
    ) -> Result<Response<Body>, Problem> {
        let path = visit.uri.path();
        let wanted = if path == "/sign-out" { Method::POST } else { Method::GET };
        if *visit.method != wanted {
            return Err(wrong_method(visit.method, path, wanted.as_str()));
        }
        match (path, &self.provider) {
            ("/sign-out", _) => sign_out(port, &visit),
            ("/sign-in", Some(provider)) => page(provider.settings(), &visit),
            ("/sign-in" | "/sign-in/token", _) => by_token(who, &visit),
            ("/sign-in/openid", Some(provider)) => self.begin(provider, &visit).await,
            ("/sign-in/callback", Some(provider)) => self.finish(port, provider, &visit).await,
            _ => Err(not_found(path, "The first page, /, links to what is here.")),
        }
    }

    async fn begin(&self, provider: &Provider, visit: &Visit<'_>) -> Result<Response<Body>, Problem> {
        if !visit.tls {
            return Err(needs_tls());
        }
        let endpoint = provider.authorization_endpoint().await?;
        let began = Began::new(target(visit.uri), visit.now)?;
        let address = provider.authorization_url(&endpoint, &began.state, &began.nonce, &began.challenge());
        let cookie =
            format!("{BROWSER_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600", *began.browser);
        self.pending.keep(began);
        Ok(redirect(&address, &[cookie]))
    }

    async fn finish(&self, port: &Port, provider: &Provider, visit: &Visit<'_>) -> Result<Response<Body>, Problem> {
        let answer = |name: &str| query_value(visit.uri.query().unwrap_or_default(), name);
        let browser = crate::auth::sessions::cookie(visit.headers, BROWSER_COOKIE);
        let began = answer("state").and_then(|state| self.pending.take(&state, browser?, visit.now));
        let began = began.ok_or_else(unasked)?;
        // RFC 9207: lets us notice an answer of another provider than the one that was asked.
        if answer("iss").is_some_and(|issuer| issuer != provider.settings().issuer) {
            return Err(refused_by("it was given by another provider than the one that was asked"));
        }
        if let Some(error) = answer("error") {
            let more = answer("error_description").map_or_else(String::new, |text| format!(": {}", printable(&text)));
            return Err(refused_by(&format!("it answered '{}'{more}", printable(&error))));
        }
        let code = answer("code").ok_or_else(|| refused_by("its answer has no code"))?;
        let identity = provider.identify(&code, &began, port.gate.sessions.lifetime()).await?;
        // Whom the accounts refuse is told so now, and not at every page.
        let name = port.gate.accounts.settle(identity.clone())?.name;
        let began_by = Principal::of(identity.clone());
        let session = port.gate.sessions.begin(identity, visit.now)?;
        port.audit.tell(Event::SessionBegan, Some(&began_by), &began_by.identity.credential.id, "");
        tracing::info!("{name} signed in with a browser");
        let life = port.gate.sessions.lifetime().as_secs();
        let cookies = [
            format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life}", *session),
            format!("{BROWSER_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"),
        ];
        Ok(redirect(&began.target, &cookies))
    }
}

/// The ways to sign in.
fn page(openid: &OpenId, visit: &Visit<'_>) -> Result<Response<Body>, Problem> {
    let provider = openid.issuer.trim_start_matches("https://");
    let target =
        percent_encoding::utf8_percent_encode(&target(visit.uri), percent_encoding::NON_ALPHANUMERIC).to_string();
    let page = SignInPage { provider, href: format!("/sign-in/openid?to={target}") };
    let html = page.render().map_err(|error| crate::pages::unrendered(&error))?;
    let mut response = Response::new(Body::full(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(crate::pages::SECURITY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Asks a browser for the token, which it sends with every later request for this host by itself.
fn by_token(who: &Principal, visit: &Visit<'_>) -> Result<Response<Body>, Problem> {
    if who.is_anonymous() {
        let next = "Give the token as password, with any user name.";
        return Err(unauthenticated("token-needed", "To see more, sign in with a token.".to_owned(), next));
    }
    Ok(redirect(&target(visit.uri), &[]))
}

fn sign_out(port: &Port, visit: &Visit<'_>) -> Result<Response<Body>, Problem> {
    if !from_own_page(visit.uri, visit.headers) {
        return Err(refused_by("another site asked for it"));
    }
    if let Some(identity) = port.gate.sessions.end(visit.headers) {
        tracing::info!("{} signed out", identity.name);
        let ended = Principal::of(identity);
        port.audit.tell(Event::SessionEnded, Some(&ended), &ended.identity.credential.id, "");
    }
    Ok(redirect("/", &[format!("{COOKIE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")]))
}

fn redirect(to: &str, cookies: &[String]) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            headers.append(SET_COOKIE, value);
        }
    }
    response
}

/// Where to go afterwards: a page of this port, and nowhere else.
fn target(uri: &Uri) -> String {
    let wanted = query_value(uri.query().unwrap_or_default(), "to").unwrap_or_default();
    let own = wanted.starts_with('/') && !wanted.starts_with("//");
    let plain = wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own && plain { wanted } else { "/".to_owned() }
}

/// One value of a query; `None` when it is absent, given twice or not UTF-8.
fn query_value(query: &str, name: &str) -> Option<String> {
    let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let value = value.replace('+', " ");
    Some(percent_encoding::percent_decode_str(&value).decode_utf8().ok()?.into_owned())
}

/// What others wrote, harmless enough to be shown.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

fn needs_tls() -> Problem {
    problem(
        400,
        "sign-in-needs-tls",
        "Signing in with a browser needs TLS: the session would travel in clear.",
        "Use the https:// address.",
    )
}

fn unasked() -> Problem {
    let what = "No sign-in of this browser is under way: it took longer than 10 minutes, was finished already, or was \
                begun elsewhere.";
    problem(400, "sign-in-not-begun", what, "Begin again at /sign-in.")
}

fn refused_by(why: &str) -> Problem {
    problem(403, "sign-in-refused", &format!("The sign-in was not accepted: {why}."), "Begin again at /sign-in.")
}

fn problem(status: u16, kind: &'static str, detail: &str, next: &str) -> Problem {
    Problem {
        status,
        kind,
        title: "Signing in failed",
        detail: detail.to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: next.to_owned(),
    }
}

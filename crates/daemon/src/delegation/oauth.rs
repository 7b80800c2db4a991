//! The same in the way of OAuth: a document that says where the token endpoint is (RFC 8414), and the endpoint (RFC 6749,
//! section 4.4), which answers with a macaroon as access token. What clients of the grid write differently is taken in
//! each of their ways: the list of scopes is `scope` with XRootD and StoRM, `scopes` with gfal2; the lifetime in seconds
//! `expire_in` or `lifetime`.

use super::{Wanted, base, has_media_type, issue, json, may_ask, minter, small_body};
use crate::problems::not_found;
use crate::running::Port;
use http::header::{HeaderName, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use identity::macaroon::{Scope, Scopes};
use net::{Body, RequestBody};
use percent_encoding::percent_decode_str;
use port::door::DATA_PREFIX;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::{LogicalPath, Principal, Problem};

/// Where the token endpoint is.
pub(crate) const TOKEN_PATH: &str = "/oauth/token";

/// Where the document is (RFC 8414, section 3). A client that was given an address with a path appends that path.
const DISCOVERY: &str = "/.well-known/oauth-authorization-server";

/// Where gfal2 looks next.
const OPENID_DISCOVERY: &str = "/.well-known/openid-configuration";

const FORM: &str = "application/x-www-form-urlencoded";

/// The most scopes of one request.
const MAX_SCOPES: usize = 32;

/// Is this path one of those where the document is looked for?
pub(crate) fn is_discovery(path: &str) -> bool {
    let appended = path.strip_prefix(DISCOVERY).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    appended || path == OPENID_DISCOVERY
}

/// The document. Only over TLS, as RFC 8414 asks, unless the settings give macaroons without.
pub(crate) fn oauth_discovery(
    port: &Port,
    request: &Request<RequestBody>,
    who: &Principal,
) -> Result<Response<Body>, Problem> {
    if !who.tls && !port.gate.macaroons.settings().plain {
        return Err(not_found(request.uri().path(), "Tokens are given over TLS only: ask at the https address."));
    }
    let base = base(who.tls, request.uri(), request.headers())?;
    Ok(json(
        StatusCode::OK,
        &serde_json::json!({
            "issuer": base,
            "token_endpoint": format!("{base}{TOKEN_PATH}"),
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["tls_client_auth", "client_secret_basic"],
        }),
    ))
}

/// What the endpoint refuses, in the words of RFC 6749, section 5.2.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl Refused {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description: description.into() }
    }

    fn of(problem: &Problem) -> Self {
        let description = format!("{} {}", problem.detail, problem.next);
        match problem.status {
            401 => Self { status: StatusCode::UNAUTHORIZED, error: "invalid_client", description },
            403 => Self::new("unauthorized_client", description),
            413 => Self { status: StatusCode::PAYLOAD_TOO_LARGE, error: "invalid_request", description },
            400..=499 => Self::new("invalid_request", description),
            status => Self {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                error: "server_error",
                description,
            },
        }
    }

    fn respond(self) -> Response<Body> {
        // Section 5.2: printable ASCII without quotation mark and backslash.
        let plain = |letter: &char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\');
        let description: String = self.description.chars().filter(plain).collect();
        let body = serde_json::json!({ "error": self.error, "error_description": description });
        let mut response = json(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenges = ["Bearer realm=\"portolan\"", "Basic realm=\"portolan\", charset=\"UTF-8\""];
            for challenge in challenges {
                response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
        }
        response
    }
}

/// Answers the endpoint.
pub(crate) async fn oauth_token(port: &Port, request: Request<RequestBody>, who: &Principal) -> Response<Body> {
    token(port, request, who).await.unwrap_or_else(Refused::respond)
}

async fn token(port: &Port, request: Request<RequestBody>, who: &Principal) -> Result<Response<Body>, Refused> {
    let problem = |problem: Problem| Refused::of(&problem);
    may_ask(port, who).map_err(problem)?;
    let minter = minter(port, &request).await.map_err(problem)?;
    if !has_media_type(&request, FORM) {
        return Err(Refused::new("invalid_request", format!("The request must be of the type {FORM}.")));
    }
    let base = base(who.tls, request.uri(), request.headers()).map_err(problem)?;
    let body = small_body(request.into_body()).await.map_err(problem)?;
    let form = Form::read(&body)?;
    match form.value("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(Refused::new("unsupported_grant_type", "Only client_credentials is offered.")),
        None => return Err(Refused::new("invalid_request", "grant_type is missing.")),
    }
    let validity = form.either(&["expire_in", "lifetime"])?.map(seconds).transpose()?;
    let text = form.either(&["scope", "scopes"])?.unwrap_or_default();
    let scopes = scopes(text)?;
    let wanted = Wanted { path: scopes.place(), caveats: vec![scopes.caveat()], validity };
    let issued = issue(port, who, &minter, &base, wanted).await.map_err(problem)?;
    let mut response = json(
        StatusCode::OK,
        &serde_json::json!({
            "access_token": issued.text.as_str(),
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "scope": text,
        }),
    );
    // RFC 6749, section 5.1, for caches of HTTP/1.0.
    response.headers_mut().insert(HeaderName::from_static("pragma"), HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Reads scopes: the words of dCache and XRootD with the path of an address (`DOWNLOAD:/data/x`), as they and gfal2 mean
/// it; those of WLCG with the path of the namespace (`storage.read:/x`), as their profile does.
fn scopes(text: &str) -> Result<Scopes, Refused> {
    let invalid = |what: String| Refused::new("invalid_scope", what);
    let mut scopes = BTreeSet::new();
    for word in text.split_ascii_whitespace() {
        let (name, path) = word.split_once(':').ok_or_else(|| invalid(format!("The scope {word} has no path.")))?;
        let whole = LogicalPath::from_url_path(path);
        let whole = whole.map_err(|error| invalid(format!("Of the scope {word}, {error}.")))?;
        let scope = Scope::new(name, whole.clone());
        let scope = scope.ok_or_else(|| invalid(format!("The scope {name} is not known here.")))?;
        scopes.insert(match scope.is_activity() {
            true => in_namespace(name, &whole).ok_or_else(|| {
                invalid(format!("The path of {word} is that of no address: files are below {DATA_PREFIX}/."))
            })?,
            false => scope,
        });
    }
    match scopes.len() {
        0 => Err(invalid(
            "Say what the token is for: scope=DOWNLOAD:/data/PATH, or scope=storage.read:/PATH.".to_owned(),
        )),
        1..=MAX_SCOPES => Ok(Scopes(scopes)),
        _ => Err(invalid(format!("There are more than {MAX_SCOPES} scopes."))),
    }
}

fn in_namespace(name: &str, path: &LogicalPath) -> Option<Scope> {
    let prefix: LogicalPath = DATA_PREFIX.parse().ok()?;
    Scope::new(name, path.rebase(&prefix, &LogicalPath::root())?)
}

fn seconds(text: &str) -> Result<Duration, Refused> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    let seconds =
        seconds.ok_or_else(|| Refused::new("invalid_request", "The lifetime is no number of seconds above 0."))?;
    Ok(Duration::from_secs(seconds))
}

/// The fields of a form, each once.
struct Form(BTreeMap<String, String>);

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refused> {
        let unreadable = || Refused::new("invalid_request", "The form cannot be read.");
        let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
        let mut fields = BTreeMap::new();
        for pair in text.trim().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name).ok_or_else(unreadable)?, decode(value).ok_or_else(unreadable)?);
            // Section 3.2: parameters must not be included more than once.
            if fields.insert(name, value).is_some() {
                return Err(Refused::new("invalid_request", "A field is there twice."));
            }
        }
        Ok(Self(fields))
    }

    /// A field; an empty one counts as absent (RFC 6749, section 3.2).
    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The field under whichever of its names it has; not under two that differ.
    fn either(&self, names: &[&str]) -> Result<Option<&str>, Refused> {
        let mut values = names.iter().filter_map(|name| self.value(name));
        let first = values.next();
        if values.any(|other| Some(other) != first) {
            return Err(Refused::new("invalid_request", format!("{} contradict one another.", names.join(" and "))));
        }
        Ok(first)
    }
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}

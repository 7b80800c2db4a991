//! `/api/v1/`: what the contract in `api` says, done. Every endpoint asks the policy first.

mod audit;
mod files;
mod loads;
mod namespaces;
mod policy;
mod reload;
mod responder;
mod shares;
mod status;
mod tokens;
mod traffic;

use crate::problems::{bad_value, not_found, refused, wrong_method};
use crate::running::Port;
use api::ProblemDocument;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use terms::{Principal, Problem, Verb};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[cfg(test)]
mod tests;

/// Largest body of a request here; the largest that makes sense, a new token, has a few hundred bytes.
const BODY_BYTES: usize = 64 * 1024;

/// The interface, ready to be asked.
pub(crate) fn router(port: Arc<Port>) -> axum::Router {
    let (router, _) = endpoints().split_for_parts();
    router
        .route("/api/v1/openapi.json", axum::routing::get(document))
        .fallback(unknown)
        .method_not_allowed_fallback(not_offered)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(port)
}

/// The OpenAPI document, as `/api/v1/openapi.json` and `docs/reference/openapi.json` have it.
pub(crate) fn openapi_json() -> String {
    let (_, document) = endpoints().split_for_parts();
    // A document made of our own types is always JSON; the test of the committed file would see the empty text.
    document.to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}

fn endpoints() -> OpenApiRouter<Arc<Port>> {
    OpenApiRouter::with_openapi(Contract::openapi())
        .routes(routes!(status::status))
        .routes(routes!(files::file, files::change))
        .routes(routes!(namespaces::namespaces))
        .routes(routes!(traffic::traffic))
        .routes(routes!(policy::show))
        .routes(routes!(policy::explain))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::narrow))
        .routes(routes!(tokens::revoke))
        .routes(routes!(shares::list, shares::create))
        .routes(routes!(shares::revoke))
        .routes(routes!(audit::audit))
        .routes(routes!(reload::reload))
        .routes(routes!(responder::responder))
        .routes(routes!(loads::list, loads::create))
        .routes(routes!(loads::one, loads::cancel))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portolan",
        description = "State, records and tokens of a data port. Files themselves are below `/data/` (HTTP and WebDAV). \
                       Failures are `application/problem+json` (RFC 9457). Instants are RFC 3339 in UTC.",
        license(name = "unspecified")
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Access),
    security(("token" = []), ("password" = []))
)]
struct Contract;

/// How callers say who they are.
struct Access;

impl Modify for Access {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        // The licence is the repository's to choose.
        document.info.license = None;
        let components = document.components.get_or_insert_default();
        let scheme = |scheme, words: &str| {
            SecurityScheme::Http(HttpBuilder::new().scheme(scheme).description(Some(words)).build())
        };
        let bearer = scheme(HttpAuthScheme::Bearer, "A token of `portolan token create`.");
        let basic = scheme(HttpAuthScheme::Basic, "The same token as password, with any user name.");
        components.add_security_scheme("token", bearer);
        components.add_security_scheme("password", basic);
    }
}

/// A failure on its way out: the router writes it in the form that the caller reads.
pub(crate) struct Failure(Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self(bad_value(format!("{}.", rejection.body_text()), "See /api/v1/openapi.json."))
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        let problem = bad_value(format!("{}.", rejection.body_text()), "See /api/v1/openapi.json.");
        // JSON that is not what is wanted is a bad request like any other (axum: 422).
        let status = rejection.status().as_u16();
        Self(Problem { status: if status == 422 { 400 } else { status }, ..problem })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self.0);
        response
    }
}

type Answer<T> = Result<Json<T>, Failure>;

/// Lets the request pass, or says why not.
fn ask(port: &Port, who: &Principal, verb: Verb) -> Result<(), Failure> {
    let decision = port.decide(who, verb);
    if decision.allows() { Ok(()) } else { Err(Failure(refused(&decision))) }
}

/// The contract is for everybody: it is the same on every port, and published with the program.
async fn document() -> Response {
    ([(http::header::CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}

async fn unknown(request: Request) -> Failure {
    Failure(not_found(request.uri().path(), "The endpoints are listed in /api/v1/openapi.json."))
}

async fn not_offered(request: Request) -> Failure {
    Failure(wrong_method(request.method(), request.uri().path(), "a method that /api/v1/openapi.json lists"))
}

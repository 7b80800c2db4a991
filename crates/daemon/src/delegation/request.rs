//! `POST` with `application/macaroon-request` at the address of a file or folder.

use super::{Wanted, base, has_media_type, issue, json, may_ask, minter, small_body};
use crate::problems::bad_value;
use crate::running::Port;
use http::{Request, Response, StatusCode};
use identity::macaroon::validity;
use net::{Body, RequestBody};
use port::door::DATA_PREFIX;
use serde::Deserialize;
use terms::{Blame, LogicalPath, Principal, Problem, Retry};

/// The media type of such a request.
const MEDIA_TYPE: &str = "application/macaroon-request";

/// The body. A field that is not known may be meant to narrow: it is refused.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    caveats: Vec<String>,
    #[serde(default)]
    validity: Option<String>,
}

/// Answers a `POST` below `/data`.
pub(crate) async fn macaroon_request(
    port: &Port,
    request: Request<RequestBody>,
    who: &Principal,
) -> Result<Response<Body>, Problem> {
    if !has_media_type(&request, MEDIA_TYPE) {
        return Err(wrong_type());
    }
    may_ask(port, who)?;
    let minter = minter(port, &request).await?;
    let uri = request.uri().clone();
    let base = base(who.tls, &uri, request.headers())?;
    let path = uri.path().strip_prefix(DATA_PREFIX).filter(|path| !path.is_empty()).unwrap_or("/");
    let path = LogicalPath::from_url_path(path)
        .map_err(|error| bad_value(format!("Of the address, {error}."), "Ask at the address of a file or folder."))?;
    let asked = read(&small_body(request.into_body()).await?)?;
    let validity = match &asked.validity {
        None => None,
        Some(text) => Some(validity(text).ok_or_else(|| bad_validity(text))?),
    };
    let issued = issue(port, who, &minter, &base, Wanted { path, caveats: asked.caveats, validity }).await?;
    let target = format!("{base}{}", uri.path());
    let text = issued.text.as_str();
    Ok(json(
        StatusCode::OK,
        &serde_json::json!({
            "macaroon": text,
            "expires_in": issued.expires_in,
            "uri": {
                "target": target,
                "targetWithMacaroon": format!("{target}?authz={text}"),
                "base": format!("{base}/"),
                "baseWithMacaroon": format!("{base}/?authz={text}"),
            },
        }),
    ))
}

/// dCache takes a request without a body for one that narrows nothing.
fn read(body: &[u8]) -> Result<Asked, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Asked::default());
    }
    // By way of an object: serde would fill the fields from a list as well.
    let object = serde_json::from_slice(body).map(serde_json::Value::Object);
    object.and_then(serde_json::from_value).map_err(|error| {
        bad_value(
            format!("The body cannot be read: {error}."),
            "Send JSON such as {\"caveats\": [\"activity:DOWNLOAD,LIST\"], \"validity\": \"PT1H\"}.",
        )
    })
}

fn bad_validity(text: &str) -> Problem {
    let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    bad_value(
        format!("The validity '{shown}' is no duration above zero in the form of ISO 8601."),
        "Write PT30M, PT12H or P7D; months and years have no fixed length.",
    )
}

fn wrong_type() -> Problem {
    Problem {
        status: 415,
        kind: "media-type-not-taken",
        title: "This kind of body is not taken here",
        detail: format!("A POST to a file or folder asks for a macaroon, and is of the type {MEDIA_TYPE}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: format!("Send `Content-Type: {MEDIA_TYPE}`; files are put with PUT."),
    }
}

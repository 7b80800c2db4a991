//! What a port says of a file: its attributes, read and changed by the port's own interface.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeMap;
use terms::Problem;

use super::Session;
use super::address::{Address, Url};
use super::fault;
use super::progress::Meter;
use super::wire::{Ask, Payload};

/// What is said of a file that is sent: a dictionary of strings (RFC 9651 §3.2).
pub(crate) const ATTRIBUTES: HeaderName = HeaderName::from_static("portolan-attributes");

/// The most of an answer that is read: 32 attributes of some 600 bytes, and what else is known of a file.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Where data are on a port.
const DATA: &str = "/data";

impl Session {
    /// What is said of this file by the port that has it.
    pub async fn attributes(&self, address: &Address) -> Result<BTreeMap<String, String>, Problem> {
        let (url, meter) = (question(address)?, Meter::default());
        let attempt = || async {
            let ask = Ask::new(Method::GET, &url, &meter).with(header::ACCEPT, "application/json");
            let reply = self.wire.succeed("Asking for attributes", ask).await?;
            Ok(self.wire.read_up_to(reply, MAX_ANSWER_BYTES).await)
        };
        attributes_of(&url, &self.retrying(attempt).await?)
    }

    /// Has the port say something else of this file: each name gets this value, or goes. Answers all that is said then, as
    /// far as the caller may know it.
    pub async fn change_attributes(
        &self,
        address: &Address,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Result<BTreeMap<String, String>, Problem> {
        let (url, meter) = (question(address)?, Meter::default());
        let body = serde_json::json!({ "attributes": changes }).to_string();
        // Done twice it is done once.
        let attempt = || async {
            let ask = Ask::new(Method::PATCH, &url, &meter)
                .with(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(Payload::Bytes(Bytes::from(body.clone())));
            let reply = self.wire.succeed("Changing attributes", ask).await?;
            Ok(self.wire.read_up_to(reply, MAX_ANSWER_BYTES).await)
        };
        let answer = self.retrying(attempt).await?;
        if answer.is_empty() { Ok(BTreeMap::new()) } else { attributes_of(&url, &answer) }
    }
}

/// The address under which a port tells of this file.
fn question(address: &Address) -> Result<Url, Problem> {
    let no_port = || fault::usage(format!("{address} is no file on a port: its address has no {DATA}/"));
    let Address::Remote(url) = address else { return Err(no_port()) };
    let path = url.path().strip_prefix(DATA).filter(|path| path.starts_with('/')).ok_or_else(no_port)?;
    let path = percent_decode_str(path).decode_utf8().map_err(|_| no_port())?;
    let query = utf8_percent_encode(&path, NON_ALPHANUMERIC);
    url.resolve(&format!("/api/v1/files?path={query}")).ok_or_else(no_port)
}

fn attributes_of(url: &Url, answer: &[u8]) -> Result<BTreeMap<String, String>, Problem> {
    #[derive(serde::Deserialize)]
    struct Answer {
        #[serde(default)]
        attributes: BTreeMap<String, String>,
    }
    let answer: Result<Answer, _> = serde_json::from_slice(answer);
    answer.map(|answer| answer.attributes).map_err(|_| fault::misbehaved("Asking", url, "the answer is not a port's"))
}

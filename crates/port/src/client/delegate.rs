//! Macaroons, asked for at the address of a file or folder, as dCache, XRootD and Portolan give them.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use std::time::Duration;
use terms::Problem;
use zeroize::Zeroizing;

use super::Session;
use super::address::Address;
use super::fault;
use super::progress::Meter;
use super::wire::{Ask, Payload};

/// The most of an answer that is read: that of gfal2. A macaroon is a hundredth of it.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// What a server gave.
pub struct Macaroon {
    /// Its text: a secret.
    pub text: Zeroizing<String>,
    /// For how many seconds, where the server says so; dCache does not.
    pub expires_in: Option<u64>,
}

impl Session {
    /// Asks the server of this address for a macaroon with these caveats. It may be valid for less long than wanted.
    pub async fn request_macaroon(
        &self,
        address: &Address,
        caveats: &[String],
        validity: Duration,
    ) -> Result<Macaroon, Problem> {
        const TRIED: &str = "Asking for a macaroon at";
        let Address::Remote(url) = address else {
            return Err(fault::usage(format!("{address} is not on a server: nobody there gives macaroons")));
        };
        // Of ISO 8601 servers read different parts; all read seconds.
        let validity = format!("PT{}S", validity.as_secs().max(1));
        let body = serde_json::json!({ "caveats": caveats, "validity": validity }).to_string();
        let meter = Meter::default();
        let ask = Ask::new(Method::POST, url, &meter)
            .with(CONTENT_TYPE, HeaderValue::from_static("application/macaroon-request"))
            .with(ACCEPT, HeaderValue::from_static("application/json"))
            .body(Payload::Bytes(body.into()));
        let reply = self.wire.send(ask).await?;
        if reply.status() != StatusCode::OK {
            return Err(self.wire.refusal(TRIED, reply).await);
        }
        let answer = Zeroizing::new(self.wire.read_up_to(reply, MAX_ANSWER_BYTES).await);
        // Servers that know no such requests answer a POST with what a GET would give.
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        let text = answer["macaroon"].as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text = text.ok_or_else(|| fault::misbehaved(TRIED, url, "its answer holds no macaroon"))?;
        Ok(Macaroon { text: Zeroizing::new(text.to_owned()), expires_in: answer["expires_in"].as_u64() })
    }
}

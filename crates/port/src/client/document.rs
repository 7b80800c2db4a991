//! Questions to the interface of a port (`/api/v1/…`), in the same connections and with the same credentials as files.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use terms::Problem;

use super::address::Url;
use super::progress::Meter;
use super::session::Session;
use super::wire::{Ask, Payload};

/// The largest answer that is taken: 100,000 shares.
const MAX_ANSWER_BYTES: usize = 64 << 20;

impl Session {
    /// Asks the port at this address for a path of its interface, and answers the body as it came. `tried` says what for,
    /// as `Sharing`. Only questions that change nothing are tried again.
    pub async fn exchange(
        &self,
        tried: &str,
        method: Method,
        at: &Url,
        path: &str,
        json: Option<String>,
    ) -> Result<Vec<u8>, Problem> {
        let (url, meter) = (at.at_plain_path(path), Meter::default());
        let attempt = || async {
            let mut ask = Ask::new(method.clone(), &url, &meter);
            if let Some(json) = &json {
                ask = ask.with(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                ask = ask.body(Payload::Bytes(Bytes::from(json.clone())));
            }
            let reply = self.wire.succeed(tried, ask).await?;
            Ok(self.wire.read_up_to(reply, MAX_ANSWER_BYTES).await)
        };
        if method == Method::GET { self.retrying(attempt).await } else { attempt().await }
    }
}

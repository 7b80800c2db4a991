//! Who calls the responder of a port: whom the port's own gate takes them for.

use crate::audit::Audit;
use crate::auth::{Gate, Presented};
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Uri};
use soundings::responder::Callers;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use terms::{Principal, Problem};

/// Asks the gate.
pub(crate) struct OfGate {
    pub(crate) gate: Arc<Gate>,
    pub(crate) audit: Audit,
}

impl Callers for OfGate {
    fn who<'a>(
        &'a self,
        peer: SocketAddr,
        tls: bool,
        bearer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Principal, Problem>> {
        Box::pin(async move {
            let mut headers = HeaderMap::new();
            if let Some(token) = bearer {
                // What no header can hold is no token; the gate says so to an empty one.
                let value = HeaderValue::from_str(&format!("Bearer {token}"));
                headers.insert(AUTHORIZATION, value.unwrap_or(HeaderValue::from_static("Bearer ")));
            }
            let presented = Presented {
                method: &Method::GET,
                uri: &Uri::default(),
                headers: &headers,
                chain: None,
                from: peer.ip(),
                tls,
                now: Instant::now(),
                wall: SystemTime::now().into(),
            };
            let who = self.gate.who(&presented).await;
            if let Err(problem) = &who
                && problem.status < 500
            {
                self.audit.sign_in_failed(peer.ip(), tls, problem);
            }
            who
        })
    }
}

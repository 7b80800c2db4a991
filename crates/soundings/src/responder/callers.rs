//! Who calls.

use futures_util::future::BoxFuture;
use std::net::SocketAddr;
use terms::{Blame, Principal, Problem, Retry};

/// Finds out who calls.
pub trait Callers: Send + Sync {
    /// Who is at the other end, by what they present: nothing, or a bearer token. A token that is not good is a problem
    /// (401), never an anonymous caller.
    fn who<'a>(
        &'a self,
        peer: SocketAddr,
        tls: bool,
        bearer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Principal, Problem>>;
}

/// Knows nobody: everybody is anonymous, from an address that rules may speak of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anyone;

impl Callers for Anyone {
    fn who<'a>(
        &'a self,
        peer: SocketAddr,
        tls: bool,
        bearer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Principal, Problem>> {
        Box::pin(async move {
            match bearer {
                None => Ok(Principal::anonymous().came(peer.ip(), tls)),
                Some(_) => Err(knows_no_tokens()),
            }
        })
    }
}

fn knows_no_tokens() -> Problem {
    Problem {
        status: 401,
        kind: "no-tokens-here",
        title: "this responder knows no tokens",
        detail: "A token was presented, and this responder runs alone, without accounts.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Leave the token away, or measure against a port that knows it.".to_owned(),
    }
}

//! Why a request got no answer.

use super::pool::Origin;
use crate::serve::Chain;
use std::fmt;
use std::io;
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// How far a request had come when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The request itself: its address, the settings.
    Prepare,
    /// Finding the host's addresses.
    Resolve,
    /// Opening the connection.
    Connect,
    /// Agreeing on TLS.
    Handshake,
    /// Agreeing on the version of HTTP.
    Agree,
    /// Sending the request.
    Send,
    /// Waiting for or reading the response.
    Receive,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare => "preparing a request for",
            Self::Resolve => "looking up",
            Self::Connect => "connecting to",
            Self::Handshake => "agreeing on TLS with",
            Self::Agree => "agreeing on HTTP with",
            Self::Send => "sending a request to",
            Self::Receive => "waiting for an answer of",
        })
    }
}

/// Why a request got no answer: what was tried with whom, and what stood in the way.
#[derive(Debug)]
pub struct ClientError {
    phase: Phase,
    peer: String,
    cause: Cause,
}

/// What stood in the way.
#[derive(Debug)]
pub(crate) enum Cause {
    Io(io::Error),
    Tls(rustls::Error),
    Http(hyper::Error),
    Timeout(Duration),
    Text(String),
}

impl Cause {
    /// What a handshake gives as its error: rustls' own where it has one.
    pub(crate) fn of_handshake(error: io::Error) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
            Some(cause) => Self::Tls(cause.clone()),
            None => Self::Io(error),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} failed: ", self.phase, self.peer)?;
        match &self.cause {
            Cause::Io(error) => write!(f, "{error}"),
            Cause::Tls(error) => write!(f, "{error}"),
            Cause::Http(error) => write!(f, "{}", Chain(error)),
            Cause::Timeout(span) => write!(f, "nothing came for {} s", span.as_secs()),
            Cause::Text(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            // What is shown of this error has the cause in it: a chain goes on behind that.
            Cause::Io(error) => error.source(),
            Cause::Tls(error) => error.source(),
            Cause::Http(_) | Cause::Timeout(_) | Cause::Text(_) => None,
        }
    }
}

impl ClientError {
    pub(crate) fn new(phase: Phase, origin: &Origin, cause: Cause) -> Self {
        Self::at(phase, origin.to_string(), cause)
    }

    pub(crate) fn at(phase: Phase, peer: String, cause: Cause) -> Self {
        let phase = match &cause {
            // The body that we send failed, or could not be taken.
            Cause::Http(error) if error.is_user() || error.is_body_write_aborted() => Phase::Send,
            _ => phase,
        };
        Self { phase, peer, cause }
    }

    /// How far the request had come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// With whom, as `host:port`.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether the same request can succeed later.
    pub fn can_retry(&self) -> bool {
        self.judge().3 != Retry::Never
    }

    /// Was nothing of the request sent? So it is where the connection closed before, or where an HTTP/2 server said that
    /// it would take no more streams (RFC 9113, section 6.8).
    pub fn is_unsent(&self) -> bool {
        let Cause::Http(error) = &self.cause else { return false };
        error.is_canceled() || is_orderly_end(error)
    }

    /// Whether a kept connection broke as one does that the peer had closed meanwhile.
    pub(crate) fn is_stale(&self) -> bool {
        let Cause::Http(error) = &self.cause else { return false };
        error.is_canceled()
            || error.is_closed()
            || error.is_incomplete_message()
            || io_cause(error).is_some_and(|kind| {
                matches!(
                    kind,
                    io::ErrorKind::ConnectionReset
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::UnexpectedEof
                        | io::ErrorKind::ConnectionAborted
                )
            })
    }

    /// The failure as users are told it.
    pub fn problem(&self) -> Problem {
        let (status, (kind, title), blame, retry, next) = self.judge();
        Problem {
            status,
            kind,
            title,
            detail: format!("{}.", capital(&self.to_string())),
            blame,
            retry,
            next: next.to_owned(),
        }
    }

    fn judge(&self) -> (u16, (&'static str, &'static str), Blame, Retry, &'static str) {
        use Blame::{Caller, Path, Peer, Us};
        const UNREACHABLE: (&str, &str) = ("peer-unreachable", "The other host cannot be reached");
        const BROKEN: (&str, &str) = ("peer-connection-lost", "The connection to the other host was lost");
        match (self.phase, &self.cause) {
            (Phase::Prepare, _) => {
                let next = "Check the address and the settings for TLS.";
                (400, ("request-unusable", "The request cannot be sent"), Caller, Retry::Never, next)
            }
            (Phase::Resolve, _) => {
                let next = "Check the spelling of the host; if it is right, its name service must answer first.";
                (502, ("host-unknown", "The host name has no address"), Caller, Retry::Soon, next)
            }
            (Phase::Connect, Cause::Timeout(_)) => {
                (504, UNREACHABLE, Path, Retry::Soon, "Check the way to the host: routes and firewalls.")
            }
            (Phase::Connect, _) => {
                (502, UNREACHABLE, Peer, Retry::Soon, "Check that the server runs and that the port is right.")
            }
            (Phase::Handshake, Cause::Tls(rustls::Error::InvalidCertificate(_))) => {
                let next = "Name the authority that vouches for the host (--cacert FILE, or X509_CERT_DIR; a responder \
                            writes its own with --ca-out), or have its certificate renewed.";
                (502, ("peer-untrusted", "The other host's certificate is not believed"), Peer, Retry::Never, next)
            }
            (Phase::Handshake, Cause::Tls(_)) => {
                let next = "Check that the port speaks TLS 1.2 or 1.3.";
                (502, ("tls-failed", "No agreement on TLS"), Peer, Retry::Never, next)
            }
            (Phase::Agree, _) => {
                let title = ("version-not-offered", "The other host does not speak this version of HTTP");
                (502, title, Peer, Retry::Never, "Ask for HTTP/1.1, or have HTTP/2 switched on there.")
            }
            (Phase::Handshake, _) => (502, BROKEN, Path, Retry::Soon, "Try again; if it stays so, check the port."),
            (_, Cause::Timeout(_)) => {
                let title = ("peer-silent", "The other host does not answer");
                (504, title, Peer, Retry::Soon, "Try again later, and tell the operators of the other host.")
            }
            (Phase::Send, Cause::Http(error)) if error.is_user() => {
                let title = ("body-unreadable", "What was to be sent could not be read");
                (500, title, Blame::Storage, Retry::Soon, "Check the source of the data, then try again.")
            }
            (_, Cause::Http(error)) if error.is_parse() => {
                let title = ("peer-malformed", "The other host does not speak HTTP as it should");
                (502, title, Peer, Retry::Never, "Check that the address is that of an HTTP server.")
            }
            (_, Cause::Text(_)) => (500, ("request-failed", "The request failed"), Us, Retry::Never, "Report this."),
            _ => (502, BROKEN, Path, Retry::Soon, "Try again; what was complete before need not be sent again."),
        }
    }
}

/// Did the server end an HTTP/2 connection in order, before it took this stream?
fn is_orderly_end(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_go_away() && cause.is_remote() && cause.reason() == Some(h2::Reason::NO_ERROR))
}

fn io_cause(error: &hyper::Error) -> Option<io::ErrorKind> {
    std::error::Error::source(error)?.downcast_ref::<io::Error>().map(io::Error::kind)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

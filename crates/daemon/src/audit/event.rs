//! What a line says: decisions, and what else happens.

use api::{AuditDecision, AuditRecord};
use http::HeaderValue;
use policy::{Ask, Decision, Effect};
use terms::{CredentialForm, Principal, Timestamp};

tokio::task_local! {
    /// The number of the request that the running task answers, for the lines that it causes.
    pub(crate) static REQUEST: HeaderValue;
}

/// Longest text of a line that a caller can have a hand in, in bytes: a path may have 4 KiB, and escapes make it longer.
const TEXT_BYTES: usize = 8_192;

macro_rules! events {
    ($($(#[doc = $doc:literal])* $event:ident = $name:literal),* $(,)?) => {
        /// What happens that is no decision.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Event {
            $($(#[doc = $doc])* $event),*
        }

        impl Event {
            /// The word for it in the record.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$event => $name),*
                }
            }
        }
    };
}

events! {
    /// The port began.
    Start = "start",
    /// The port ended in order.
    Stop = "stop",
    /// Credentials were refused.
    SignInFailed = "sign-in-failed",
    /// A local token was made.
    TokenMade = "token-made",
    /// A local token was revoked.
    TokenRevoked = "token-revoked",
    /// A share link was made.
    ShareMade = "share-made",
    /// A share link was revoked.
    ShareRevoked = "share-revoked",
    /// A macaroon was minted.
    MacaroonMade = "macaroon-made",
    /// All keys of macaroons were forgotten.
    MacaroonsForgotten = "macaroons-forgotten",
    /// A browser signed in.
    SessionBegan = "session-began",
    /// A browser signed out.
    SessionEnded = "session-ended",
    /// Settings were read again.
    Reload = "reload",
    /// A policy did not validate, and the former stays.
    PolicyRefused = "policy-refused",
    /// A torn line at the end was cut off.
    Repaired = "repaired",
    /// Lines were lost.
    Lost = "lost",
    /// Refusals were counted and not written.
    Suppressed = "suppressed",
    /// Old segments were removed.
    SegmentsRemoved = "segments-removed",
}

impl Event {
    /// Its line, without number and chain.
    pub(crate) fn record(self, told: String) -> AuditRecord {
        AuditRecord {
            at: now(),
            event: self.name().to_owned(),
            reason: Some(bounded(told)).filter(|told| !told.is_empty()),
            request: REQUEST.try_with(|id| id.to_str().unwrap_or_default().to_owned()).ok(),
            ..AuditRecord::default()
        }
    }
}

/// The line of a decision, without number and chain.
pub(super) fn decision(ask: &Ask<'_>, decision: &Decision) -> AuditRecord {
    let mut record = AuditRecord {
        at: instant(ask.now),
        event: "decision".to_owned(),
        decision: Some(match decision.effect {
            Effect::Allow => AuditDecision::Allowed,
            Effect::Refuse => AuditDecision::Refused,
            Effect::Authenticate => AuditDecision::Unauthenticated,
        }),
        verb: Some(ask.verb.name().to_owned()),
        path: (!ask.verb.is_administration()).then(|| bounded(ask.path.to_string())),
        bytes: ask.bytes,
        rule: Some(bounded(decision.rule.to_string())),
        // Why it is allowed, the rule says.
        reason: (!decision.allows()).then(|| bounded(decision.reason.to_string())),
        request: REQUEST.try_with(|id| id.to_str().unwrap_or_default().to_owned()).ok(),
        ..AuditRecord::default()
    };
    seen_by(&mut record, ask.who);
    record
}

/// Who it was, and from where.
pub(crate) fn seen_by(record: &mut AuditRecord, who: &Principal) {
    let identity = &who.identity;
    record.who = Some(bounded(identity.name.clone()));
    record.issuer = identity.issuer.clone().map(bounded);
    if identity.credential.form != CredentialForm::Nothing {
        record.credential = Some(identity.credential.form.name().to_owned());
        record.credential_id = Some(bounded(identity.credential.id.clone())).filter(|id| !id.is_empty());
    }
    record.groups = Some(identity.groups.len() as u64).filter(|count| *count > 0);
    record.from = who.from.map(|address| address.to_string());
    record.tls = who.from.map(|_| who.tls);
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn instant(at: Timestamp) -> String {
    let mut text = at.to_string();
    text.pop();
    let millis = at.nanos().rem_euclid(1_000_000_000) / 1_000_000;
    text.push_str(&format!(".{millis:03}Z"));
    text
}

pub(super) fn now() -> String {
    instant(std::time::SystemTime::now().into())
}

fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES {
        text.truncate(text.floor_char_boundary(TEXT_BYTES));
        text.push('…');
    }
    text
}

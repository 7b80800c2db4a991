//! The REST contract: what `/api/v1/` takes and gives, as types with their OpenAPI schema.
//!
//! Never here: behaviour. Instants are RFC 3339 in UTC, sizes are bytes, spans are seconds, and each name says so. Members
//! may be added to answers; none is removed or changes its meaning within version 1.

mod audit;
mod file;
mod load;
mod policy;
mod problem;
mod reload;
mod responder;
mod share;
mod status;
mod token;
mod traffic;

pub use audit::{AuditAnswer, AuditDecision, AuditRecord, InvalidDecision};
pub use file::{FileAnswer, FileChange};
pub use load::{LoadAnswer, LoadFamily, LoadResult, LoadState, LoadTarget, LoadWay, LoadsAnswer, NewLoad};
pub use policy::{EffectAnswer, ExplanationAnswer, MatchingRule, NearlyMatchingRule, PolicyAnswer};
pub use problem::{Fault, ProblemDocument, RetryAdvice};
pub use reload::{ReloadAnswer, ReloadOutcome, ReloadedPart};
pub use responder::{
    AllowanceAnswer, RefusedTestsAnswer, ResponderAnswer, RunningTestAnswer, TestTotalsAnswer, WaitingTestAnswer,
};
pub use share::{NewShare, NewShareAnswer, ShareAnswer, ShareState, SharesAnswer};
pub use status::{NamespaceAnswer, NamespacesAnswer, State, StatusAnswer, TotalsAnswer};
pub use token::{NarrowToken, NewToken, NewTokenAnswer, TokenAnswer, TokensAnswer};
pub use traffic::{Direction, TrafficAnswer, TransferAnswer};

/// Where the interface is.
pub const API_PREFIX: &str = "/api/v1";

//! `GET /api/v1/policy` and `/api/v1/policy/explain`.

use super::{Answer, Failure, ask};
use crate::explain::{self, Caller, Question};
use crate::problems::bad_value;
use crate::running::Port;
use ::policy::{Ask, Object};
use api::{ExplanationAnswer, PolicyAnswer, ProblemDocument};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use std::sync::Arc;
use std::time::SystemTime;
use terms::{LogicalPath, Principal, Problem, Timestamp, Verb};
use utoipa::IntoParams;

#[cfg(test)]
mod tests;

/// All rules in force, those of the short form too
#[utoipa::path(get, path = "/api/v1/policy", tag = "policy", responses(
    (status = 200, description = "The rules", body = PolicyAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "Needs `explain-policy`", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn show(State(port): State<Arc<Port>>, Extension(who): Extension<Principal>) -> Answer<PolicyAnswer> {
    ask(&port, &who, Verb::ExplainPolicy)?;
    let policy = port.rights().policy();
    Ok(Json(PolicyAnswer { rules: policy.rule_count() as u64, cedar: policy.cedar() }))
}

/// What is to be explained.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The verb.
    #[param(example = "read")]
    verb: String,
    /// The path; absent: `/`.
    path: Option<String>,
    /// Who would ask: `anonymous`, `token ID`, `anybody`, or the name of an account or of an identity. Absent: the one who
    /// asks this.
    #[serde(rename = "as")]
    #[param(rename = "as")]
    who: Option<String>,
    /// Groups that come with the credentials, with commas. Only with `as`, like all that follows but `bytes`.
    groups: Option<String>,
    /// Who vouches.
    issuer: Option<String>,
    /// From which address; absent: that of this request.
    from: Option<String>,
    /// Over TLS? Absent: as this request.
    tls: Option<bool>,
    /// When; absent: now.
    at: Option<String>,
    /// How many bytes it would add or carry.
    bytes: Option<u64>,
}

/// What would be answered, by which rule, and what would change it. Everyone may ask for themselves
#[utoipa::path(get, path = "/api/v1/policy/explain", tag = "policy", params(Wanted), responses(
    (status = 200, description = "The decision", body = ExplanationAnswer),
    (status = 400, description = "Not a question that can be asked", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs a token to ask for others", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "Needs `explain-policy` to ask for others", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn explain(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<ExplanationAnswer> {
    let Query(wanted) = wanted?;
    let speaks_of_others = [&wanted.who, &wanted.groups, &wanted.issuer, &wanted.from, &wanted.at];
    if speaks_of_others.iter().any(|member| member.is_some()) || wanted.tls.is_some() {
        ask(&port, &who, Verb::ExplainPolicy)?;
        return Ok(Json(of_another(&port, &who, &wanted).await?));
    }
    let (verb, path) = (verb(&wanted)?, path(&wanted)?);
    let knows = port.may(&who, Verb::ExplainPolicy);
    // Whoever may see nothing there is told the same whether there is something or not.
    let sees = knows || port.may_list(&who, &path).await || port.door.probe(&who, Verb::Stat, &path).await?;
    let object = if sees { port.door.object(&path).await? } else { Object::default() };
    let used_bytes = Some(port.door.usage().used_bytes(who.name()));
    let plain = Ask::new(&who, verb, &path, SystemTime::now().into());
    let ask = Ask { bytes: wanted.bytes, object: Some(&object), used_bytes, ..plain };
    let policy = port.rights().policy();
    Ok(Json(if knows { explain::whole(&policy, ask) } else { explain::own(&ask, &policy.decide(ask)) }))
}

async fn of_another(port: &Port, who: &Principal, wanted: &Wanted) -> Result<ExplanationAnswer, Failure> {
    let now: Timestamp = SystemTime::now().into();
    let at = wanted.at.as_deref().map(str::parse).transpose().map_err(|error| bad(format!("at: {error}.")))?;
    let from = wanted.from.as_deref().map(str::parse).transpose();
    let from = from.map_err(|_| bad("from: it is no address.".to_owned()))?;
    let groups = wanted.groups.as_deref().unwrap_or_default().split(',').map(str::trim);
    let caller = Caller {
        who: wanted.who.clone().ok_or_else(|| bad("`as` does not say who would ask.".to_owned()))?,
        groups: groups.filter(|group| !group.is_empty()).map(str::to_owned).collect(),
        issuer: wanted.issuer.clone(),
        from: from.or(who.from),
        tls: wanted.tls.unwrap_or(who.tls),
    };
    let (verb, path) = (verb(wanted)?, path(wanted)?);
    let question = Question { caller, verb, path, bytes: wanted.bytes, at: at.unwrap_or(now) };
    let who = explain::principal(&port.gate.accounts, &port.archive, &question.caller, question.at).await?;
    let object = port.door.object(&question.path).await?;
    let used_bytes = port.door.usage().used_bytes(who.name());
    Ok(explain::whole(&port.rights().policy(), question.ask(&who, &object, used_bytes)))
}

fn verb(wanted: &Wanted) -> Result<Verb, Problem> {
    wanted.verb.parse().map_err(|error| bad(format!("verb: {error}.")))
}

fn path(wanted: &Wanted) -> Result<LogicalPath, Problem> {
    let text = wanted.path.as_deref().unwrap_or("/");
    text.parse().map_err(|error| bad(format!("'{text}' is no path: {error}.")))
}

fn bad(what: String) -> Problem {
    bad_value(what, "See /api/v1/openapi.json.")
}

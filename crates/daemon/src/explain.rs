//! What would be answered to whom, and why: for the interface, and for the command line beside a running port or without
//! one.

use crate::auth::{Accounts, token_identity, token_still_valid};
use crate::problems::{archive_problem, bad_value};
use crate::settings::Settings;
use api::{EffectAnswer, ExplanationAnswer, MatchingRule, NearlyMatchingRule};
use archive::{Archive, TokenRecord};
use policy::{Ask, Decision, Effect, Object, Policy};
use std::net::IpAddr;
use std::sync::Arc;
use terms::{IMPORTED, Identity, Kind, LogicalPath, Principal, Problem, Timestamp, TokenId, Verb, VerbSet};

#[cfg(test)]
mod tests;

/// Who would ask.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `anonymous`, `token ID`, or the name of an account or of an identity (`/DC=…`, `SUBJECT@ISSUER`); `anybody` for
    /// somebody without a name.
    pub who: String,
    /// Groups that come with the credentials.
    pub groups: Vec<String>,
    /// Who vouches.
    pub issuer: Option<String>,
    /// From where.
    pub from: Option<IpAddr>,
    /// Encrypted?
    pub tls: bool,
}

/// What would be asked, and when.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub caller: Caller,
    /// Does what.
    pub verb: Verb,
    /// Where; for administration the root.
    pub path: LogicalPath,
    /// How many bytes, where known.
    pub bytes: Option<u64>,
    /// When.
    pub at: Timestamp,
}

/// How one who has signed in without any name of interest is called.
const ANYBODY: &str = "anybody";

/// Answers from settings and records alone, without a running port. What the rules may have to know of a file is what the
/// archive recorded of it; a file that was put into the store by others has none.
pub async fn offline(
    settings: &Settings,
    archive: &Archive,
    question: &Question,
) -> Result<ExplanationAnswer, Problem> {
    let policy = crate::rules::load(settings)?;
    let who = principal(&Accounts::new(settings), archive, &question.caller, question.at).await?;
    let failed = |error| archive_problem("look up what is to be explained", &error);
    let record = archive.file(&question.path).await.map_err(failed)?;
    let object = record.map(|record| {
        let imported = record.attributes.imported().unwrap_or(record.published);
        let mut attributes = (*record.attributes).clone();
        attributes.remove(IMPORTED);
        let size_bytes = Some(record.identity.size_bytes);
        Object { owner: Some(record.publisher), imported: Some(imported), size_bytes, attributes }
    });
    let used = archive.usage_since(u32::try_from(question.at.seconds() / 86_400).unwrap_or(0)).await.map_err(failed)?;
    let used = used.iter().filter(|used| used.principal == who.name()).map(|used| used.bytes).sum();
    Ok(whole(&policy, question.ask(&who, &object.unwrap_or_default(), used)))
}

/// Somebody as the gate would make them out.
pub(crate) async fn principal(
    accounts: &Accounts,
    archive: &Archive,
    caller: &Caller,
    at: Timestamp,
) -> Result<Principal, Problem> {
    let who = caller.who.trim();
    let mut identity = match who.strip_prefix("token ").unwrap_or(who).trim().parse::<TokenId>() {
        _ if who == "anonymous" => {
            if !caller.groups.is_empty() || caller.issuer.is_some() {
                let what = "Anonymous callers have neither groups nor an issuer.".to_owned();
                return Err(bad_value(what, "Name somebody, or `anybody`."));
            }
            return Ok(came(Principal::anonymous(), caller));
        }
        Ok(id) => of_token(archive, id, at).await?,
        Err(_) if who.starts_with("token ") => {
            return Err(bad_value(format!("'{who}' has no id."), "Write `token ID`."));
        }
        Err(_) if who.is_empty() => return Err(bad_value("It is not said who.".to_owned(), "Name somebody.")),
        Err(_) => Identity::new(Kind::User, if who == ANYBODY { "" } else { who }),
    };
    identity.groups.extend(caller.groups.iter().cloned());
    if caller.issuer.is_some() {
        identity.issuer.clone_from(&caller.issuer);
    }
    let mut identity = accounts.imagine(identity);
    if identity.name.is_empty() {
        identity.name = ANYBODY.to_owned();
        // Nobody in particular may be thought to be in any group, those that the site alone gives too.
        identity.groups.extend(caller.groups.iter().cloned());
    }
    Ok(came(Principal::of(identity), caller))
}

fn came(who: Principal, caller: &Caller) -> Principal {
    Principal { from: caller.from.map(|from| from.to_canonical()), tls: caller.tls, ..who }
}

async fn of_token(archive: &Archive, id: TokenId, at: Timestamp) -> Result<Identity, Problem> {
    let mut lineage: Vec<TokenRecord> = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next.filter(|_| lineage.len() < crate::token::LINEAGE_MAX) {
        let record = archive.token(id).await.map_err(|error| archive_problem("look up the token", &error))?;
        let unknown = || bad_value(format!("There is no token {id} here."), "`portolan token list` tells all.");
        let record = record.ok_or_else(unknown)?;
        token_still_valid(&record, at)?;
        next = record.parent;
        lineage.push(record);
    }
    Ok(token_identity(&lineage))
}

impl Question {
    /// As the rules are asked.
    pub(crate) fn ask<'a>(&'a self, who: &'a Principal, object: &'a Object, used_bytes: u64) -> Ask<'a> {
        let plain = Ask::new(who, self.verb, &self.path, self.at);
        Ask { bytes: self.bytes, object: Some(object), used_bytes: Some(used_bytes), ..plain }
    }
}

/// Everything, for who may know it.
pub(crate) fn whole(policy: &Policy, ask: Ask<'_>) -> ExplanationAnswer {
    let explanation = policy.explain(ask);
    let matching = explanation.matching.into_iter();
    let nearly = explanation.nearly.into_iter();
    ExplanationAnswer {
        rule: Some(explanation.decision.rule.to_string()),
        matching: matching.map(|found| MatchingRule { rule: found.rule, forbids: found.forbids }).collect(),
        nearly: nearly
            .map(|found| NearlyMatchingRule {
                rule: found.rule,
                forbids: found.forbids,
                part: found.part.name().to_owned(),
                takes: found.takes,
            })
            .collect(),
        changes: explanation.changes,
        ..own(&ask, &explanation.decision)
    }
}

/// What the one who asks may know.
pub(crate) fn own(ask: &Ask<'_>, decision: &Decision) -> ExplanationAnswer {
    ExplanationAnswer {
        who: ask.who.name().to_owned(),
        groups: ask.who.identity.groups.iter().cloned().collect(),
        verb: ask.verb.to_string(),
        path: ask.path.to_string(),
        effect: match decision.effect {
            Effect::Allow => EffectAnswer::Allow,
            Effect::Authenticate => EffectAnswer::Authenticate,
            Effect::Refuse => EffectAnswer::Refuse,
        },
        rule: (!decision.hides).then(|| decision.rule.to_string()),
        reason: decision.reason.to_string(),
        change: decision.change.clone(),
        hidden: decision.hides,
        matching: Vec::new(),
        nearly: Vec::new(),
        changes: Vec::new(),
    }
}

/// Who may do what where, as a table in Markdown: one line for each path, one column for each caller, and what the port
/// itself lets each do in the last line. Files are taken to have no record: no owner, no attributes, no import; and
/// credentials to be fresh.
pub async fn matrix(
    settings: &Settings,
    archive: &Archive,
    callers: &[Caller],
    paths: &[LogicalPath],
    at: Timestamp,
) -> Result<String, Problem> {
    let policy = crate::rules::load(settings)?;
    let accounts = Accounts::new(settings);
    let mut principals = Vec::with_capacity(callers.len());
    for caller in callers {
        let who = principal(&accounts, archive, caller, at).await?;
        let mut identity = (*who.identity).clone();
        identity.credential.issued = identity.credential.issued.or(Some(at));
        principals.push(Principal { identity: Arc::new(identity), ..who });
    }
    let paths = if paths.is_empty() { paths_of(settings) } else { paths.to_vec() };
    let may = |who: &Principal, path: &LogicalPath, administration: bool| -> String {
        let object = Object::default();
        let verbs = Verb::ALL.iter().copied().filter(|verb| verb.is_administration() == administration);
        let ask = |verb| Ask { object: Some(&object), used_bytes: Some(0), ..Ask::new(who, verb, path, at) };
        let verbs: VerbSet = verbs.filter(|verb| policy.decide(ask(*verb)).allows()).collect();
        if verbs.is_empty() { "-".to_owned() } else { verbs.to_string().replace(',', ", ") }
    };
    let row = |head: &str, cells: Vec<String>| format!("| {head} | {} |\n", cells.join(" | "));
    let mut table = row("path", principals.iter().map(|who| who.name().to_owned()).collect());
    table.push_str(&format!("|{}\n", "---|".repeat(principals.len() + 1)));
    for path in &paths {
        table.push_str(&row(path.as_str(), principals.iter().map(|who| may(who, path, false)).collect()));
    }
    let port = principals.iter().map(|who| may(who, &LogicalPath::root(), true)).collect();
    table.push_str(&row("(the port)", port));
    Ok(table)
}

/// All that namespaces and rules of the short form name.
fn paths_of(settings: &Settings) -> Vec<LogicalPath> {
    let namespaces = settings.namespaces_or_default().into_iter().map(|namespace| namespace.prefix);
    let rules = settings.rules.iter().flat_map(|rule| rule.paths.clone());
    let embargoes = settings.embargoes.iter().flat_map(|embargo| embargo.paths.clone());
    let mut paths: Vec<_> = namespaces.chain(rules).chain(embargoes).collect();
    paths.sort();
    paths.dedup();
    paths
}

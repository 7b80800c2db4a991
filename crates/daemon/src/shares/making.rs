//! Making shares: by whoever may, over the interface, and by the operator on the data directory.

use super::address;
use crate::audit::Event;
use crate::problems::{archive_problem, bad_value, unauthenticated};
use crate::running::Port;
use crate::settings::Settings;
use archive::{Archive, ShareRecord};
use http::{HeaderMap, Uri};
use port::door::Namespaces;
use std::time::{Duration, SystemTime};
use terms::{
    Blame, Credential, CredentialForm, LogicalPath, Network, Principal, Problem, Retry, Timestamp, Verb, VerbSet,
};
use zeroize::Zeroizing;

/// Longest note, in letters: a line of a table.
pub const MAX_NOTE_LETTERS: usize = 200;
/// Most networks of one share: each is compared at every request.
pub const MAX_NETWORKS: usize = 16;

/// What a share can pass on. Not `share`: whoever holds an address can pass it on, and no more than that.
const PASSED_ON: [Verb; 6] = [Verb::List, Verb::Stat, Verb::Read, Verb::Create, Verb::Modify, Verb::Delete];

/// What a new share is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShareRequest {
    /// What: this path and all below.
    pub path: LogicalPath,
    /// What it allows there.
    pub verbs: VerbSet,
    /// How long it is good; `None`: until it is revoked.
    pub lifetime: Option<Duration>,
    /// Only from these networks; none: from anywhere.
    pub networks: Vec<String>,
    /// Files that may be downloaded in all.
    pub downloads_max: Option<u64>,
    /// Bytes of files that may be moved in all.
    pub bytes_max: Option<u64>,
    /// A note for people.
    pub note: String,
}

impl ShareRequest {
    /// Refuses what no share can be.
    fn checked(self, settings: &Settings) -> Result<Self, Problem> {
        let passed_on: VerbSet = PASSED_ON.into_iter().collect();
        let longest = settings.shares.longest;
        let wrong = self.networks.iter().find(|text| text.contains(',') || text.parse::<Network>().is_err());
        let what = if self.verbs.is_empty() {
            "The share would allow nothing.".to_owned()
        } else if !passed_on.contains_all(self.verbs) {
            format!("A share can pass on {passed_on}, and not all of {}.", self.verbs)
        } else if self.note.chars().count() > MAX_NOTE_LETTERS || self.note.chars().any(char::is_control) {
            format!("The note must have at most {MAX_NOTE_LETTERS} printable letters.")
        } else if self.networks.len() > MAX_NETWORKS {
            format!("A share names at most {MAX_NETWORKS} networks.")
        } else if let Some(network) = wrong {
            format!("'{network}' is neither a network, as 192.0.2.0/24 or 2001:db8::/32, nor an address.")
        } else if self.lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            "The share would have expired already.".to_owned()
        } else if self.downloads_max == Some(0) || self.bytes_max == Some(0) {
            "The share would be used up already.".to_owned()
        } else if [self.downloads_max, self.bytes_max].iter().flatten().any(|most| i64::try_from(*most).is_err()) {
            "A limit cannot be that large; leave it out.".to_owned()
        } else if let Some(longest) = longest.filter(|longest| self.lifetime.is_some_and(|asked| asked > longest.0)) {
            format!("No share may last longer than {longest} here.")
        } else {
            return Ok(Self { lifetime: self.lifetime.or(longest.map(|span| span.0)), ..self });
        };
        Err(bad_value(what, "See `portolan share --help`, or /api/v1/openapi.json."))
    }
}

/// A share, and the path of its address, which is told this once.
pub type Made = (ShareRecord, Zeroizing<String>);

/// Makes one for a caller, who needs the right to share and every right that is shared.
pub(crate) async fn make_for(port: &Port, who: &Principal, wanted: ShareRequest) -> Result<Made, Problem> {
    if who.is_anonymous() {
        let next = "Send `Authorization: Bearer TOKEN`.";
        return Err(unauthenticated(
            "token-needed",
            "A share belongs to somebody, and nobody is signed in.".to_owned(),
            next,
        ));
    }
    let wanted = wanted.checked(&port.settings)?;
    let path = &wanted.path;
    port.door.authorise(who, Verb::Share, path, None).await?;
    check_own_rights(port, who, &wanted).await?;
    let is_folder = what_is_there(port.door.namespaces(), &wanted).await?;
    let now = Timestamp::from(SystemTime::now());
    let wanted = within_credential(who, wanted, now)?;
    let made = record(&port.archive, &port.settings, who.name(), wanted, now).await?;
    let share = &made.0;
    tracing::info!("{who} shared {} as {}", share.path, share.id);
    let told = format!("{} on {}", share.verbs, share.path);
    port.audit.tell(Event::ShareMade, Some(who), &share.id.to_string(), told);
    Ok(finished(made, is_folder))
}

/// Makes one on the data directory, beside a running port too: for the operator, who may do everything here.
pub async fn make_here(settings: &Settings, archive: &Archive, wanted: ShareRequest) -> Result<Made, Problem> {
    let wanted = wanted.checked(settings)?;
    let namespaces = Namespaces::open(&crate::wiring::namespaces(settings))?;
    let is_folder = what_is_there(&namespaces, &wanted).await?;
    let made = record(archive, settings, Principal::host().name(), wanted, SystemTime::now().into()).await?;
    Ok(finished(made, is_folder))
}

/// Nobody passes on what they have not: neither on what is shared, nor below it.
async fn check_own_rights(port: &Port, who: &Principal, wanted: &ShareRequest) -> Result<(), Problem> {
    let mut missing = VerbSet::default();
    let mut reason = "you may not do that everywhere below it yourself.".to_owned();
    // A name that nothing has: what is allowed there is allowed by a rule for all that is below.
    let below = wanted.path.join(&uuid::Uuid::now_v7().simple().to_string()).unwrap_or_else(|_| wanted.path.clone());
    for verb in wanted.verbs.iter() {
        // Who may make files in a folder need not be allowed to make the folder.
        let here = verb == Verb::Create || port.door.probe(who, verb, &wanted.path).await?;
        if !here && missing.is_empty() {
            // Asked once more as a request, so that the refusal is on record and gives its reason.
            let refused = port.door.authorise(who, verb, &wanted.path, None).await;
            reason = refused.err().map_or(reason, |refused| refused.detail);
        }
        if !here || !port.door.probe(who, verb, &below).await? {
            missing = missing.union([verb].into_iter().collect());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem {
        status: 403,
        kind: "cannot-share",
        title: "You cannot share what you may not do",
        detail: format!("You cannot pass on {missing} of {}: {reason}", wanted.path),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Share less (--allow), or ask the operator.".to_owned(),
    })
}

/// Is what is to be shared a folder? It must be there, unless it can be made by the share itself.
async fn what_is_there(namespaces: &Namespaces, wanted: &ShareRequest) -> Result<bool, Problem> {
    match namespaces.stat(&wanted.path).await {
        Ok(found) => Ok(found.is_folder()),
        Err(problem) if problem.status == 404 && wanted.verbs.contains(Verb::Create) => Ok(false),
        Err(problem) => Err(problem),
    }
}

/// What a credential gives by itself ends with it, and so must what is made of that; and whoever narrows a token to an
/// hour means all that can be done with it.
fn within_credential(who: &Principal, wanted: ShareRequest, now: Timestamp) -> Result<ShareRequest, Problem> {
    let Credential { form, expires, .. } = &who.identity.credential;
    let is_made_here = matches!(form, CredentialForm::LocalToken | CredentialForm::Macaroon);
    let ends = who.identity.authorises || is_made_here;
    let Some(end) = expires.filter(|_| ends) else { return Ok(wanted) };
    let left = end.since(now);
    match wanted.lifetime {
        Some(asked) if asked > left => Err(bad_value(
            format!("The token that you show ends at {end}, and a share that it makes cannot last longer."),
            "Ask for less, or show a token that lasts longer.",
        )),
        Some(_) => Ok(wanted),
        None => Ok(ShareRequest { lifetime: Some(left), ..wanted }),
    }
}

async fn record(
    archive: &Archive,
    settings: &Settings,
    creator: &str,
    wanted: ShareRequest,
    now: Timestamp,
) -> Result<Made, Problem> {
    let failed = |error| archive_problem("record the share", &error);
    let most = settings.shares.per_creator;
    if archive.count_live_shares_of(creator, now).await.map_err(failed)? >= most {
        return Err(too_many(most));
    }
    let (id, secret_sha256, prefix) = address::mint()?;
    let record = ShareRecord {
        id,
        secret_sha256,
        path: wanted.path,
        verbs: wanted.verbs,
        creator: creator.to_owned(),
        note: wanted.note,
        created: now,
        expires: wanted.lifetime.map(|lifetime| now.after(lifetime)),
        revoked: None,
        networks: wanted.networks.join(","),
        downloads_max: wanted.downloads_max,
        bytes_max: wanted.bytes_max,
        downloads: 0,
        bytes: 0,
    };
    archive.record_share(&record).await.map_err(failed)?;
    Ok((record, prefix))
}

fn finished((record, prefix): Made, is_folder: bool) -> Made {
    let name = match record.path.name() {
        "" => String::new(),
        _ => LogicalPath::root().join(record.path.name()).map(|name| name.to_url_path()).unwrap_or_default(),
    };
    let slash = if is_folder { "/" } else { "" };
    let address = Zeroizing::new(format!("{}{name}{slash}", *prefix));
    (record, address)
}

/// A share as the interface tells it.
pub fn share_answer(record: &ShareRecord, now: Timestamp) -> api::ShareAnswer {
    let is_used_up = record.downloads_max.is_some_and(|most| record.downloads >= most)
        || record.bytes_max.is_some_and(|most| record.bytes >= most);
    api::ShareAnswer {
        id: record.id.to_string(),
        path: record.path.to_string(),
        allow: record.verbs.names().into_iter().map(str::to_owned).collect(),
        creator: record.creator.clone(),
        note: record.note.clone(),
        state: match () {
            () if record.revoked.is_some() => api::ShareState::Revoked,
            () if record.expires.is_some_and(|at| at <= now) => api::ShareState::Expired,
            () if is_used_up => api::ShareState::UsedUp,
            () => api::ShareState::Good,
        },
        created: record.created.to_string(),
        expires: record.expires.map(|at| at.to_string()),
        revoked: record.revoked.map(|at| at.to_string()),
        networks: record.networks.split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        max_downloads: record.downloads_max,
        max_bytes: record.bytes_max,
        downloads: record.downloads,
        bytes: record.bytes,
    }
}

fn too_many(most: u64) -> Problem {
    Problem {
        status: 403,
        kind: "too-many-shares",
        title: "You have too many shares",
        detail: format!("{most} shares of yours are good at the moment, and more are not kept for one creator."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Revoke some: `portolan share list` tells which there are.".to_owned(),
    }
}

/// Scheme, host and port under which those who get an address reach this port.
pub(crate) fn base(settings: &Settings, tls: bool, uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
    match &settings.shares.public_url {
        Some(url) => Ok(url.clone()),
        None => crate::delegation::base(tls, uri, headers),
    }
}

/// The same as far as the settings alone tell; `None`: they leave host or port open.
pub fn base_here(settings: &Settings) -> Option<String> {
    if settings.shares.public_url.is_some() {
        return settings.shares.public_url.clone();
    }
    let listen = &settings.listen;
    let scheme = if listen.tls { "https" } else { "http" };
    let name = listen.names.first().cloned().unwrap_or_else(|| "localhost".to_owned());
    (listen.address.port() != 0).then(|| format!("{scheme}://{name}:{}", listen.address.port()))
}

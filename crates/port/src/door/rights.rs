//! What a caller may do here: the door's side of the policy. What rules may have to know of a file is looked up only
//! where one of them asks for it, so that open files need no record to be read.

use super::{Door, problem};
use crate::store::Metadata;
use archive::{FileRecord, Identity};
use policy::{Ask, Decision, Effect, Object, Policy};
use std::time::SystemTime;
use terms::{IMPORTED, LogicalPath, Principal, Problem, Retry, Verb};

/// A decision that may or may not be needed: of several that a request could turn on, the one that counts is settled.
pub(crate) struct Considered<'a> {
    /// Without what was looked up.
    ask: Ask<'a>,
    decision: Decision,
    about: About,
    /// Were nothing there, the caller would be told so: then that is the answer of what is hidden, too.
    is_told_absence: bool,
}

/// Which file was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    /// None: the decision is the same for whatever is at the path.
    Path,
    /// These bytes, or that there were none.
    Bytes(Option<Identity>),
}

/// What is known already of what is at a path.
enum Known {
    /// Nothing.
    Nothing,
    /// What the store says.
    Found(Metadata),
    /// And what the archive says.
    Recorded(Metadata, Option<FileRecord>),
    /// No rule wants to know.
    Unwanted,
    /// Nothing, and it does not matter how long the file is: its bytes are about to be replaced.
    Replaced,
}

impl Door {
    /// May this caller do this here? `bytes`: how many it would add or carry, where known. The answer goes to the audit
    /// record.
    pub async fn authorise(
        &self,
        who: &Principal,
        verb: Verb,
        path: &LogicalPath,
        bytes: Option<u64>,
    ) -> Result<(), Problem> {
        self.consider(who, verb, path, bytes).await?.settle(self).map(drop)
    }

    /// May this caller make a folder here? Some who may not put a file in its place may.
    pub(crate) async fn authorise_folder(&self, who: &Principal, path: &LogicalPath) -> Result<(), Problem> {
        self.consider_folder(who, path).await?.settle(self).map(drop)
    }

    /// The same for what is merely looked ahead at: which entries of a folder to show.
    pub async fn probe(&self, who: &Principal, verb: Verb, path: &LogicalPath) -> Result<bool, Problem> {
        Ok(self.consider(who, verb, path, None).await?.allows())
    }

    /// Decides, and leaves it open whether the decision counts.
    pub(crate) async fn consider<'a>(
        &self,
        who: &'a Principal,
        verb: Verb,
        path: &'a LogicalPath,
        bytes: Option<u64>,
    ) -> Result<Considered<'a>, Problem> {
        self.judge(Ask { bytes, ..ask(who, verb, path) }, Known::Nothing).await
    }

    /// The same for a folder to be made, which adds no bytes.
    pub(crate) async fn consider_folder<'a>(
        &self,
        who: &'a Principal,
        path: &'a LogicalPath,
    ) -> Result<Considered<'a>, Problem> {
        self.judge(Ask { folder: true, bytes: Some(0), ..ask(who, Verb::Create, path) }, Known::Nothing).await
    }

    /// The same for bytes that are to come in. Where nobody knows how many, rules about sizes hold for none.
    pub(crate) async fn consider_body<'a>(
        &self,
        who: &'a Principal,
        verb: Verb,
        path: &'a LogicalPath,
        bytes: Option<u64>,
    ) -> Result<Considered<'a>, Problem> {
        self.judge(Ask { bytes, ..ask(who, verb, path) }, Known::Replaced).await
    }

    /// The same about the very bytes that were found or opened there.
    pub(crate) async fn consider_found<'a>(
        &self,
        who: &'a Principal,
        verb: Verb,
        path: &'a LogicalPath,
        found: Metadata,
    ) -> Result<Considered<'a>, Problem> {
        self.judge(ask(who, verb, path), Known::Found(found)).await
    }

    /// The same where the record of what was found there has been read, too: for many names at once.
    pub(crate) async fn consider_recorded<'a>(
        &self,
        who: &'a Principal,
        verb: Verb,
        path: &'a LogicalPath,
        found: Metadata,
        record: Option<FileRecord>,
    ) -> Result<Considered<'a>, Problem> {
        self.judge(ask(who, verb, path), Known::Recorded(found, record)).await
    }

    /// The same; `None` when the file must be known first.
    pub(crate) async fn consider_unseen<'a>(
        &self,
        who: &'a Principal,
        verb: Verb,
        path: &'a LogicalPath,
    ) -> Result<Option<Considered<'a>>, Problem> {
        let (policy, ask) = (self.rights().policy(), ask(who, verb, path));
        if policy.wants_object(&ask) {
            return Ok(None);
        }
        self.judge_by(&policy, ask, Known::Unwanted).await.map(Some)
    }

    /// Must the file be known before this can be decided?
    pub(crate) fn wants_object(&self, who: &Principal, verb: Verb, path: &LogicalPath) -> bool {
        self.rights().policy().wants_object(&ask(who, verb, path))
    }

    /// May the rules say different things of what is in this folder?
    pub(crate) fn differs_below(&self, who: &Principal, verb: Verb, folder: &LogicalPath) -> bool {
        self.rights().policy().differs_below(&ask(who, verb, folder))
    }

    async fn judge<'a>(&self, asked: Ask<'a>, known: Known) -> Result<Considered<'a>, Problem> {
        self.judge_by(&self.rights().policy(), asked, known).await
    }

    async fn judge_by<'a>(&self, policy: &Policy, asked: Ask<'a>, known: Known) -> Result<Considered<'a>, Problem> {
        // What is looked up lives here only, so the question that holds it must not outlive this.
        let mut full: Ask<'_> = asked;
        let mut about = About::Path;
        let object;
        if !matches!(known, Known::Unwanted) && policy.wants_object(&full) {
            let (identity, looked_up) = self.look_up(asked.path, known).await?;
            (about, object) = (About::Bytes(identity), looked_up);
            full.object = Some(&object);
        }
        if policy.wants_usage(&full) {
            full.used_bytes = Some(self.usage().used_bytes(asked.who.name()));
        }
        let decision = policy.decide(full);
        let nothing = Object::default();
        let is_told_absence = decision.hides && matches!(about, About::Bytes(Some(_))) && {
            policy.decide(Ask { object: Some(&nothing), ..full }).allows()
        };
        Ok(Considered { decision, ask: asked, about, is_told_absence })
    }

    async fn look_up(&self, path: &LogicalPath, known: Known) -> Result<(Option<Identity>, Object), Problem> {
        let is_replaced = matches!(known, Known::Replaced);
        let (found, record) = match known {
            Known::Recorded(found, record) => (found, record),
            Known::Found(found) => (found, self.record_if_file(path, &found).await?),
            Known::Nothing | Known::Unwanted | Known::Replaced => match self.namespaces().stat(path).await {
                Ok(found) => (found, self.record_if_file(path, &found).await?),
                Err(_) => return Ok((None, Object::default())),
            },
        };
        let mut object = object_of(&found, record);
        if is_replaced {
            object.size_bytes = None;
        }
        Ok((found.is_file().then(|| found.identity()), object))
    }

    async fn record_if_file(&self, path: &LogicalPath, found: &Metadata) -> Result<Option<FileRecord>, Problem> {
        if found.is_file() { self.record_of(path, found).await } else { Ok(None) }
    }

    /// What rules may know of a file. Nothing, of one that is not there; its size alone, of one that was changed behind our
    /// back.
    pub async fn object(&self, path: &LogicalPath) -> Result<Object, Problem> {
        self.look_up(path, Known::Nothing).await.map(|(_, object)| object)
    }
}

fn ask<'a>(who: &'a Principal, verb: Verb, path: &'a LogicalPath) -> Ask<'a> {
    Ask::new(who, verb, path, SystemTime::now().into())
}

fn object_of(found: &Metadata, record: Option<FileRecord>) -> Object {
    let size_bytes = found.is_file().then_some(found.size_bytes);
    let Some(record) = record else { return Object { size_bytes, ..Object::default() } };
    let imported = record.attributes.imported().unwrap_or(record.published);
    let mut attributes = (*record.attributes).clone();
    attributes.remove(IMPORTED);
    Object { size_bytes, owner: Some(record.publisher), imported: Some(imported), attributes }
}

impl Considered<'_> {
    /// Would it be allowed?
    pub(crate) fn allows(&self) -> bool {
        self.decision.allows()
    }

    /// May the caller not even know whether anything is there?
    pub(crate) fn hides(&self) -> bool {
        self.decision.hides
    }

    /// What it is about.
    pub(crate) fn about(&self) -> About {
        self.about
    }

    /// It counts: the audit record is told, and a refusal becomes the caller's answer.
    pub(crate) fn settle(&self, door: &Door) -> Result<About, Problem> {
        self.witness(door);
        self.answer()
    }

    /// The same for something in a folder that was asked for as a whole: what the caller may not know of is not named.
    pub(crate) fn settle_below(&self, door: &Door, folder: &LogicalPath) -> Result<(), Problem> {
        let hidden = Decision {
            rule: "of what is in it".into(),
            reason: "something in it may not be touched".into(),
            ..self.decision.clone()
        };
        let shown = Considered { ask: Ask { path: folder, ..self.ask }, decision: hidden, ..*self };
        self.witness(door);
        if self.hides() { shown.answer().map(drop) } else { self.answer().map(drop) }
    }

    /// The audit record is told.
    pub(crate) fn witness(&self, door: &Door) {
        door.rights().witness(&self.ask, &self.decision);
    }

    /// A refusal as the caller's answer.
    fn answer(&self) -> Result<About, Problem> {
        let Ask { verb, path, .. } = self.ask;
        if self.is_told_absence && !self.allows() {
            return Err(problem::not_found(path));
        }
        match self.decision.effect {
            Effect::Allow => Ok(self.about),
            Effect::Authenticate => Err(problem::unauthenticated(verb, path, &self.decision)),
            Effect::Refuse => Err(problem::refused(verb, path, &self.decision)),
        }
    }
}

impl About {
    /// Is what was opened what was judged? What changed in between is asked for anew by the caller.
    pub(crate) fn check(self, path: &LogicalPath, opened: &Metadata) -> Result<(), Problem> {
        match self {
            Self::Bytes(judged) if judged != opened.is_file().then(|| opened.identity()) => Err(changed(path)),
            _ => Ok(()),
        }
    }
}

fn changed(path: &LogicalPath) -> Problem {
    Problem {
        retry: Retry::Soon,
        ..problem::caller(
            409,
            "changed-meanwhile",
            "The file changed meanwhile",
            format!(
                "{path} was replaced by somebody else between the decision about it and its opening. Nothing was done."
            ),
            "Ask again.",
        )
    }
}

//! What a caller may do here: the door's side of the policy. What rules may have to know of a file is looked up only
//! where one of them asks for it, so that open files need no record to be read.

use super::{Door, problem};
use policy::{Ask, Decision, Effect, Object};
use std::time::SystemTime;
use terms::{LogicalPath, Principal, Problem, Verb};

/// A decision that may or may not be needed: of several that a request could turn on, the one that counts is settled.
pub(crate) struct Considered<'a> {
    who: &'a Principal,
    verb: Verb,
    path: &'a LogicalPath,
    bytes: Option<u64>,
    decision: Decision,
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
        self.consider(who, verb, path, bytes).await?.settle(self)
    }

    /// May this caller make a folder here? Some who may not put a file in its place may.
    pub(crate) async fn authorise_folder(&self, who: &Principal, path: &LogicalPath) -> Result<(), Problem> {
        let now = SystemTime::now().into();
        let ask = Ask { folder: true, ..Ask::new(who, Verb::Create, path, now) };
        self.judge(ask).await?.settle(self)
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
        self.judge(Ask { bytes, ..Ask::new(who, verb, path, SystemTime::now().into()) }).await
    }

    async fn judge<'a>(&self, ask: Ask<'a>) -> Result<Considered<'a>, Problem> {
        let policy = self.rights().policy();
        let Ask { who, verb, path, bytes, .. } = ask;
        // What is looked up lives here only, so the question that holds it must not outlive this.
        let mut ask: Ask<'_> = ask;
        let object;
        if policy.wants_object(&ask) {
            object = self.object(path).await?;
            ask.object = Some(&object);
        }
        if policy.wants_usage(&ask) {
            ask.used_bytes = Some(self.usage().used_bytes(who.name()));
        }
        Ok(Considered { who, verb, path, bytes, decision: policy.decide(ask) })
    }

    /// What rules may know of a file. Nothing, of one that is not there or that was changed behind our back.
    pub async fn object(&self, path: &LogicalPath) -> Result<Object, Problem> {
        let Ok(found) = self.namespaces().stat(path).await else {
            return Ok(Object::default());
        };
        let record = self.record_of(path, &found).await?;
        let size_bytes = found.is_file().then_some(found.size_bytes);
        Ok(match record {
            None => Object { size_bytes, ..Object::default() },
            Some(record) => Object {
                size_bytes,
                owner: Some(record.publisher),
                imported: Some(record.published),
                attributes: (*record.attributes).clone(),
            },
        })
    }
}

impl Considered<'_> {
    /// Would it be allowed?
    pub(crate) fn allows(&self) -> bool {
        self.decision.allows()
    }

    /// It counts: the audit record is told, and a refusal becomes the caller's answer.
    pub(crate) fn settle(&self, door: &Door) -> Result<(), Problem> {
        let now = SystemTime::now().into();
        let ask = Ask { bytes: self.bytes, ..Ask::new(self.who, self.verb, self.path, now) };
        door.rights().witness(&ask, &self.decision);
        match self.decision.effect {
            Effect::Allow => Ok(()),
            Effect::Authenticate => Err(problem::unauthenticated(self.verb, self.path, &self.decision)),
            Effect::Refuse => Err(problem::refused(self.verb, self.path, &self.decision)),
        }
    }
}

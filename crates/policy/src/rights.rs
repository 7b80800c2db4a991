//! The policy in force, shared by all who ask; it can be replaced while they do.

use crate::{Ask, Decision, Policy};
use std::sync::{Arc, PoisonError, RwLock};

/// Who is told of each decision: the audit record.
pub trait Witness: Send + Sync {
    /// This was asked, and answered so.
    fn saw(&self, ask: &Ask<'_>, decision: &Decision);
}

/// Nobody is told.
impl Witness for () {
    fn saw(&self, _: &Ask<'_>, _: &Decision) {}
}

/// The policy in force. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Rights {
    inner: Arc<Inner>,
}

struct Inner {
    policy: RwLock<Arc<Policy>>,
    witness: Box<dyn Witness>,
}

impl Rights {
    /// This policy; this witness sees every decision that counts.
    pub fn new(policy: Policy, witness: impl Witness + 'static) -> Self {
        Self { inner: Arc::new(Inner { policy: RwLock::new(Arc::new(policy)), witness: Box::new(witness) }) }
    }

    /// Decides, and tells the witness. For what the caller asked for.
    pub fn decide(&self, ask: Ask<'_>) -> Decision {
        let decision = self.policy().decide(ask);
        self.witness(&ask, &decision);
        decision
    }

    /// Tells the witness of a decision that was probed and turned out to count.
    pub fn witness(&self, ask: &Ask<'_>, decision: &Decision) {
        self.inner.witness.saw(ask, decision);
    }

    /// Decides without telling anybody. For what is merely looked ahead at: which entries of a folder to show.
    pub fn probe(&self, ask: Ask<'_>) -> Decision {
        self.policy().decide(ask)
    }

    /// The policy in force now.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.inner.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another into force: for every decision from now on.
    pub fn replace(&self, policy: Policy) {
        *self.inner.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

impl std::fmt::Debug for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rights(…)")
    }
}

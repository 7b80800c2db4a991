//! What all requests share.

use crate::audit::Audit;
use crate::auth::Gate;
use crate::metrics::{Counters, ProcessFacts, Readings, ResponderReadings};
use crate::openid::SignIn;
use crate::own_certificate::OwnCertificate;
use crate::reload::Reloading;
use crate::responder::Responder;
use crate::sampler::Sampler;
use crate::settings::Settings;
use crate::shares::Shares;
use api::{NamespaceAnswer, State};
use archive::Archive;
use net::Drain;
use policy::{Ask, Decision, Rights};
use port::Door;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use terms::{LogicalPath, Principal, Timestamp, Verb};

/// One running port.
pub(crate) struct Port {
    pub(crate) settings: Settings,
    pub(crate) archive: Archive,
    pub(crate) door: Door,
    pub(crate) gate: Arc<Gate>,
    pub(crate) shares: Shares,
    pub(crate) sign_in: SignIn,
    pub(crate) counters: Counters,
    pub(crate) sampler: Sampler,
    pub(crate) drain: Drain,
    pub(crate) started: Instant,
    pub(crate) since: SystemTime,
    pub(crate) audit: Audit,
    pub(crate) reloading: Reloading,
    /// Of the listener with TLS, if there is one.
    pub(crate) certificate: Option<OwnCertificate>,
    /// Where the settings have one.
    pub(crate) responder: Option<Responder>,
    /// What others have this port measure.
    pub(crate) loads: soundings::load::desk::Desk,
}

impl Port {
    /// What it is doing.
    pub(crate) fn state(&self) -> State {
        if self.drain.is_draining() { State::Draining } else { State::Serving }
    }

    /// The rules in force.
    pub(crate) fn rights(&self) -> &Rights {
        self.door.rights()
    }

    /// Asks the rules about an operation on the port itself; the audit record is told.
    pub(crate) fn decide(&self, who: &Principal, verb: Verb) -> Decision {
        self.rights().decide(Ask::new(who, verb, &LogicalPath::root(), SystemTime::now().into()))
    }

    /// The same for what merely shows more or less of a page.
    pub(crate) fn may(&self, who: &Principal, verb: Verb) -> bool {
        self.may_at(who, verb, &LogicalPath::root())
    }

    /// May this caller do this there, as far as the rules can tell without knowing the file?
    pub(crate) fn may_at(&self, who: &Principal, verb: Verb, path: &LogicalPath) -> bool {
        self.rights().probe(Ask::new(who, verb, path, SystemTime::now().into())).allows()
    }

    /// The same for a file, of which rules may have to know more than its path.
    pub(crate) async fn may_list(&self, who: &Principal, path: &LogicalPath) -> bool {
        // What cannot be looked up now is not shown.
        self.door.probe(who, Verb::List, path).await.unwrap_or(false)
    }

    /// The namespaces with the space that they have.
    pub(crate) fn namespaces(&self) -> Vec<NamespaceAnswer> {
        let mut answers: Vec<_> = self
            .reloading
            .in_force()
            .namespaces_or_default()
            .iter()
            .map(|namespace| {
                let space = space(&namespace.store);
                let verbs = crate::rules::anonymous_verbs(namespace.anonymous);
                NamespaceAnswer {
                    prefix: namespace.prefix.to_string(),
                    digests: namespace.digests.iter().map(ToString::to_string).collect(),
                    anonymous: verbs.iter().map(|verb| verb.name().to_owned()).collect(),
                    total_bytes: space.map(|(total, _)| total),
                    free_bytes: space.map(|(_, free)| free),
                }
            })
            .collect();
        answers.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        answers
    }

    /// What needs a hand, one sentence each, for those whom it concerns.
    pub(crate) fn warnings(&self, who: &Principal) -> Vec<String> {
        let certificate = self.certificate.as_ref().and_then(|own| own.warning(SystemTime::now()));
        let record = self.audit.warning().filter(|_| self.may(who, Verb::ReadAudit));
        certificate.into_iter().chain(record).collect()
    }

    /// Of whom this caller may learn.
    pub(crate) fn who_is_told(&self, who: &Principal) -> WhoIsTold {
        let all = self.may(who, Verb::SeeTransfers);
        WhoIsTold { all, own: who.to_string() }
    }

    /// Since when, as a word of ours.
    pub(crate) fn since(&self) -> Timestamp {
        self.since.into()
    }

    /// What the metrics page tells beside the daemon's own counters.
    pub(crate) async fn readings(&self) -> Readings {
        let traffic = self.door.traffic();
        let network = self.drain.totals();
        let namespaces = self.namespaces().into_iter();
        Readings {
            namespaces: namespaces.filter_map(|n| Some((n.prefix, n.total_bytes?, n.free_bytes?))).collect(),
            files: self.archive.totals().await.ok().map(|totals| (totals.files, totals.bytes)),
            connections_open: network.open_connections,
            connections_accepted: network.accepted_connections,
            certificate_expiry: self.certificate.as_ref().map(OwnCertificate::expiry),
            issuers: self.gate.issuers.states(),
            audit_lost_lines: self.audit.lost_total(),
            started: Some(self.since),
            engine: self.archive.engine(),
            process: ProcessFacts::read(),
            responder: self.responder.as_ref().map(|responder| ResponderReadings::of(&responder.shared)),
            ..crate::traffic::readings(traffic)
        }
    }
}

/// Who did what is for administrators; everybody may know of themselves.
pub(crate) struct WhoIsTold {
    all: bool,
    own: String,
}

impl WhoIsTold {
    /// The name, where this caller may learn it.
    pub(crate) fn of(&self, name: String) -> Option<String> {
        (self.all || name == self.own).then_some(name)
    }

    /// May everything be told?
    pub(crate) fn is_all(&self) -> bool {
        self.all
    }
}

/// Size and free bytes, for us, of the file system at a path.
fn space(path: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some((found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize))
}

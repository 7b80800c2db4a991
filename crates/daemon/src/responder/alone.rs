//! A responder by itself: no data, no accounts, no record; everybody is anonymous, and rules may speak of networks.

use super::Responder;
use crate::first_start::{HOST_VALIDITY, names, write_whole};
use crate::lifecycle::{StopSignals, notify, stop_on_signals};
use crate::settings::Settings;
use crate::wiring::{Ending, raise_file_limit};
use net::Drain;
use net::certificate::{self, Credential, PrivateAuthority, ServerCertificate};
use policy::{Ask, Decision, Rights, Witness};
use soundings::guard::Allowance;
use soundings::responder::Anyone;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use terms::{Problem, Rate};

/// What the command line asks.
pub struct AloneOptions {
    /// Of them count `[responder]`, the rules, the certificate of `[listen]` and `drain_time` of `[limits]`.
    pub settings: Settings,
    /// Where to write, once listening, what [`AloneStarted::to_json`] says. It is removed at the end.
    pub ready_file: Option<PathBuf>,
    /// Where to write the authority of a certificate that it made itself, for callers to trust.
    pub ca_file: Option<PathBuf>,
    /// Called once, when listening.
    pub on_started: Option<TellAlone>,
}

/// What is called with a responder that listens.
pub type TellAlone = Box<dyn FnOnce(&AloneStarted) + Send>;

/// A responder that listens.
#[derive(Clone, Debug)]
pub struct AloneStarted {
    /// Where.
    pub address: SocketAddr,
    /// SHA-256 of the certificate that it shows, in hexadecimal pairs.
    pub fingerprint: String,
    /// The authority to trust, where that was written.
    pub ca_file: Option<PathBuf>,
    /// What anyone may.
    pub anyone: Allowance,
    /// What those may to whom a rule gives the verb `measure`.
    pub entitled: Allowance,
    /// How many rules there are.
    pub rules: usize,
    /// The rate at which this host is connected, where that is known.
    pub uplink: Option<Rate>,
    /// Tests at once.
    pub at_once: usize,
    /// Tests that may wait.
    pub waiting_max: usize,
    /// How long each waits at most.
    pub patience: Duration,
    /// The folder of tests of disks.
    pub scratch: Option<PathBuf>,
}

impl AloneStarted {
    /// For programs: process id, address and what is allowed.
    pub fn to_json(&self) -> String {
        let allowance = |allowance: &Allowance| {
            serde_json::json!({
                "tcp_seconds": allowance.longest.as_secs_f64(),
                "tcp_bits_per_second": allowance.stream_rate.map(|rate| rate.0),
                "udp_seconds": allowance.datagrams_longest.as_secs_f64(),
                "udp_bits_per_second": allowance.datagram_rate.map(|rate| rate.0),
                "udp_to_caller": allowance.datagrams_out,
                "streams": allowance.streams_max,
                "disk": allowance.disk,
            })
        };
        serde_json::json!({
            "pid": std::process::id(),
            "address": self.address.to_string(),
            "port": self.address.port(),
            "certificate_sha256": self.fingerprint,
            "ca_file": self.ca_file.as_ref().map(|file| file.to_string_lossy()),
            "anyone": allowance(&self.anyone),
            "entitled": allowance(&self.entitled),
            "rules": self.rules,
            "uplink_bits_per_second": self.uplink.map(|rate| rate.0),
            "tests_at_once": self.at_once,
            "waiting_max": self.waiting_max,
            "patience_seconds": self.patience.as_secs_f64(),
            "scratch": self.scratch.as_ref().map(|folder| folder.to_string_lossy()),
        })
        .to_string()
    }
}

/// Runs a responder until it is told to stop.
pub async fn run_alone(options: AloneOptions) -> Result<Ending, Problem> {
    net::install_crypto_provider();
    raise_file_limit();
    let settings = &options.settings;
    let signals = StopSignals::listen()?;
    let policy = crate::rules::load(settings)?;
    let rules = policy.rule_count();
    let (credential, ca_file) = credential(settings, options.ca_file)?;
    let certificate = ServerCertificate::new(&credential.certificate_pem, &credential.key_pem)?;
    let drain = Drain::new();
    let rights = Rights::new(policy, ToLog);
    let Some(responder) = Responder::of(settings, rights, Arc::new(Anyone), drain.clone(), Some(Arc::new(certificate)))
    else {
        return Ok(Ending::Drained);
    };
    let (listener, address) = responder.listen()?;
    let guard = &responder.shared.guard;
    let turns = guard.turns().settings();
    let started = AloneStarted {
        address,
        fingerprint: certificate::fingerprint(&credential.certificate_pem)?,
        ca_file,
        anyone: guard.anyone(),
        entitled: guard.entitled(),
        rules,
        uplink: responder.uplink,
        at_once: turns.at_once,
        waiting_max: turns.waiting_max,
        patience: responder.shared.settings.patience,
        scratch: responder.shared.settings.scratch.clone(),
    };
    if let Some(file) = &options.ready_file {
        write_whole(file, &started.to_json(), 0o644)?;
    }
    if let Some(tell) = options.on_started {
        tell(&started);
    }
    notify(&[sd_notify::NotifyState::Ready]);
    let ending = tokio::select! {
        drained = soundings::responder::run(listener, responder.shared) => {
            if drained.cut > 0 {
                tracing::warn!("{} tests were cut: they did not end in time", drained.cut);
            }
            Ending::Drained
        }
        () = stop_on_signals(signals, drain) => Ending::AtOnce,
    };
    if let Some(file) = &options.ready_file {
        let _ = std::fs::remove_file(file);
    }
    Ok(ending)
}

/// The certificate of the settings, or one that is made for this run.
fn credential(settings: &Settings, ca_file: Option<PathBuf>) -> Result<(Credential, Option<PathBuf>), Problem> {
    if let (Some(chain), Some(key)) = (&settings.listen.certificate, &settings.listen.key) {
        let (certificate_pem, key_pem) = (certificate::load_pem(chain)?, certificate::load_pem(key)?);
        return Ok((Credential { certificate_pem, key_pem }, None));
    }
    let authority = PrivateAuthority::create()?;
    if let Some(file) = &ca_file {
        certificate::save_certificate(file, &authority.credential().certificate_pem)?;
    }
    Ok((authority.issue(&names(settings), HOST_VALIDITY)?, ca_file))
}

/// Where there is no audit record, the log tells who was given more than anyone may.
struct ToLog;

impl Witness for ToLog {
    fn saw(&self, ask: &Ask<'_>, decision: &Decision) {
        let from = ask.who.from.map_or_else(String::new, |address| address.to_string());
        if decision.allows() {
            tracing::info!(from, rule = %decision.rule, "a test beyond what anyone may");
        } else {
            tracing::info!(from, "a test beyond what anyone may was refused");
        }
    }
}

//! Loads that somebody asks for from elsewhere: run here, watched and cancelled by their numbers, and bounded.

use super::{Job, LeaseChoice, Progress};
use core::net::{IpAddr, SocketAddr};
use http::{HeaderMap, Uri};
use net::Family;
use net::client::LineSettings;
use soundings_core::load::target::inside;
use soundings_core::load::{Plan, Report};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use terms::{Blame, Problem, Retry};
use tokio::task::{AbortHandle, JoinSet};

/// Loads at once: each may keep a processor busy.
pub const RUNNING_MAX: usize = 4;
/// Loads that are remembered; the oldest that has ended makes room. One with its distributions has some 100 KiB.
pub const KEPT_MAX: usize = 32;
/// Longest load that can be asked for from elsewhere, its warm-up with it.
pub const LONGEST: Duration = Duration::from_secs(3_600);
/// Longest time until one begins.
pub const BEGIN_WITHIN: Duration = Duration::from_secs(600);
/// Connections of one load, to all its targets together.
pub const CONNECTIONS_MAX: u32 = 256;
/// Targets of one load.
pub const TARGETS_MAX: usize = 8;

/// Where one load goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// What is asked for.
    pub url: String,
    /// The turn that its driver has taken there; `None`: one is asked for.
    pub lease: Option<String>,
}

/// A load that is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who asks.
    pub who: String,
    /// Where it goes.
    pub targets: Vec<Target>,
    /// Which addresses.
    pub family: Family,
    /// What is done to each.
    pub plan: Plan,
    /// How connections are opened.
    pub lines: LineSettings,
    /// How long until it begins.
    pub begin_in: Duration,
    /// May it go to networks that only this host can see?
    pub inside: bool,
}

/// Where a load is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has not begun.
    Waiting,
    /// It runs.
    Running,
    /// It ended by itself.
    Finished,
    /// Somebody ended it.
    Cancelled,
}

/// What came of one target.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was asked for.
    pub url: String,
    /// To which address.
    pub address: SocketAddr,
    /// The report, or why there is none; `None`: not yet.
    pub ended: Option<Result<Report, Problem>>,
}

/// A load as it is now.
#[derive(Clone, Debug)]
pub struct View {
    /// Its number.
    pub id: String,
    /// Who asked.
    pub who: String,
    /// When.
    pub asked: SystemTime,
    /// Where it is.
    pub state: State,
    /// Bytes so far, the warm-up's with them.
    pub bytes: u64,
    /// Requests completed so far.
    pub requests: u64,
    /// What failed so far.
    pub failures: u64,
    /// What came of each target.
    pub outcomes: Vec<Outcome>,
}

/// All loads of a port. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Desk {
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    next: u64,
    loads: BTreeMap<u64, Load>,
}

struct Load {
    view: View,
    begin: Instant,
    progress: Vec<Arc<Progress>>,
    task: Option<AbortHandle>,
}

impl Desk {
    /// Begins a load. Names are looked up here, addresses are judged, and the judged ones are used.
    pub async fn begin(&self, wanted: Wanted) -> Result<View, Problem> {
        check(&wanted)?;
        let mut jobs = Vec::new();
        let begin = Instant::now() + wanted.begin_in;
        for target in &wanted.targets {
            jobs.push(job(&wanted, target, begin).await?);
        }
        let progress: Vec<Arc<Progress>> = jobs.iter().map(|_| Arc::default()).collect();
        let mut held = self.held();
        let running = held.loads.values().filter(|load| load.task.is_some()).count();
        if running >= RUNNING_MAX {
            return Err(busy());
        }
        while held.loads.len() >= KEPT_MAX {
            let Some(oldest) = held.loads.iter().find(|(_, load)| load.task.is_none()).map(|(id, _)| *id) else {
                break;
            };
            held.loads.remove(&oldest);
        }
        let number = held.next;
        held.next += 1;
        let outcome = |job: &Job| Outcome { url: job.url.clone(), address: job.address, ended: None };
        let view = View {
            id: number.to_string(),
            who: wanted.who,
            asked: SystemTime::now(),
            state: State::Waiting,
            bytes: 0,
            requests: 0,
            failures: 0,
            outcomes: jobs.iter().map(outcome).collect(),
        };
        let task = tokio::spawn(carry_out(self.clone(), number, jobs, progress.clone())).abort_handle();
        held.loads.insert(number, Load { view: view.clone(), begin, progress, task: Some(task) });
        Ok(view)
    }

    /// All of them, the oldest first.
    pub fn look(&self) -> Vec<View> {
        self.held().loads.values().map(Load::now).collect()
    }

    /// One of them.
    pub fn find(&self, id: &str) -> Option<View> {
        self.held().loads.get(&id.parse().ok()?).map(Load::now)
    }

    /// Ends one that runs, or forgets one that has ended. False: there is none.
    pub fn cancel(&self, id: &str) -> bool {
        let Ok(number) = id.parse() else { return false };
        let mut held = self.held();
        let Some(load) = held.loads.get_mut(&number) else { return false };
        match load.task.take() {
            Some(task) => {
                task.abort();
                load.view = View { state: State::Cancelled, ..load.now() };
            }
            None => _ = held.loads.remove(&number),
        }
        true
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, number: u64, target: usize, ended: Result<Report, Problem>) {
        if let Some(load) = self.held().loads.get_mut(&number)
            && let Some(outcome) = load.view.outcomes.get_mut(target)
        {
            outcome.ended = Some(ended);
        }
    }

    fn finished(&self, number: u64) {
        if let Some(load) = self.held().loads.get_mut(&number) {
            load.view = View { state: State::Finished, ..load.now() };
            load.task = None;
        }
    }
}

impl Load {
    fn now(&self) -> View {
        let sum = |count: fn(&Progress) -> u64| self.progress.iter().map(|progress| count(progress)).sum::<u64>();
        let state = match self.view.state {
            State::Waiting if Instant::now() >= self.begin => State::Running,
            state => state,
        };
        View {
            state,
            bytes: sum(|progress| progress.bytes.load(Relaxed)),
            requests: sum(|progress| progress.requests.load(Relaxed)),
            failures: sum(|progress| progress.failures.load(Relaxed)),
            ..self.view.clone()
        }
    }
}

async fn carry_out(desk: Desk, number: u64, jobs: Vec<Job>, progress: Vec<Arc<Progress>>) {
    // Aborting this task drops the set, and with it all that runs.
    let mut running = JoinSet::new();
    for (target, (job, progress)) in jobs.into_iter().zip(progress).enumerate() {
        running.spawn(async move { (target, super::run(&job, &progress, |_| {}).await) });
    }
    while let Some(ended) = running.join_next().await {
        if let Ok((target, ended)) = ended {
            desk.ended(number, target, ended);
        }
    }
    desk.finished(number);
}

async fn job(wanted: &Wanted, target: &Target, begin: Instant) -> Result<Job, Problem> {
    let uri: Uri = target.url.replace("{n}", "0").parse().map_err(|_| super::request::unusable(&target.url))?;
    let default = match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err(super::request::unusable(&target.url)),
    };
    let host = uri.host().ok_or_else(|| super::request::unusable(&target.url))?;
    let found = net::addresses_of(host, uri.port_u16().unwrap_or(default), wanted.family).await;
    let address = *found.ok().as_deref().and_then(<[SocketAddr]>::first).ok_or_else(|| unknown(host, wanted.family))?;
    if !wanted.inside
        && let Some(why) = inside(address.ip()).map(|why| why.to_string()).or_else(|| own(address.ip()))
    {
        return Err(forbidden(host, address.ip(), &why));
    }
    Ok(Job {
        url: target.url.clone(),
        address,
        plan: wanted.plan.clone(),
        lines: wanted.lines.clone(),
        headers: HeaderMap::new(),
        lease: target.lease.clone().map_or(LeaseChoice::Ask, LeaseChoice::Given),
        begin: Some(begin),
    })
}

/// Services of this host trust whoever comes from it, by whichever of its addresses; only its own can be bound to.
fn own(address: IpAddr) -> Option<String> {
    let bound = net::datagrams((address.to_canonical(), 0).into(), false, &net::SocketOptions::default());
    bound.is_ok().then(|| "it is an address of this host itself".to_owned())
}

fn check(wanted: &Wanted) -> Result<(), Problem> {
    if wanted.targets.is_empty() || wanted.targets.len() > TARGETS_MAX {
        return Err(too_much(format!("It names {} targets; 1 to {TARGETS_MAX} can be named", wanted.targets.len())));
    }
    let Some(span) = wanted.plan.span else {
        return Err(too_much("It has no time; every load that is asked for from elsewhere needs one".to_owned()));
    };
    if span > LONGEST || wanted.begin_in > BEGIN_WITHIN {
        let (longest, within) = (LONGEST.as_secs(), BEGIN_WITHIN.as_secs());
        return Err(too_much(format!("It may take {longest} s, and must begin within {within} s")));
    }
    let connections = wanted.plan.connections.saturating_mul(u32::try_from(wanted.targets.len()).unwrap_or(u32::MAX));
    if connections > CONNECTIONS_MAX {
        return Err(too_much(format!("It has {connections} connections; {CONNECTIONS_MAX} can be had")));
    }
    Ok(())
}

fn too_much(detail: String) -> Problem {
    Problem {
        status: 400,
        kind: "load-unusable",
        title: "This load cannot be carried out",
        detail: format!("{detail}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask for less.".to_owned(),
    }
}

fn busy() -> Problem {
    Problem {
        status: 429,
        kind: "loads-too-many",
        title: "As many loads run as may",
        detail: format!("This port runs {RUNNING_MAX} loads at once, and so many run."),
        blame: Blame::Caller,
        retry: Retry::After(Duration::from_secs(10)),
        next: "Wait until one has ended, or cancel one.".to_owned(),
    }
}

fn unknown(host: &str, family: Family) -> Problem {
    Problem {
        status: 400,
        kind: "host-unknown",
        title: "The host name has no address",
        detail: format!("From here, {host} has no address of {family}."),
        blame: Blame::Caller,
        retry: Retry::Soon,
        next: "Check the spelling of the host, and which families of addresses it has.".to_owned(),
    }
}

fn forbidden(host: &str, address: IpAddr, why: &str) -> Problem {
    Problem {
        status: 403,
        kind: "target-inside",
        title: "This target is not for loads from elsewhere",
        detail: format!("{host} has the address {address}, and {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Load a host of the open Internet; or the operator of this port sets loads_inside = true in [responder]."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;

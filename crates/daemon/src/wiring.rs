//! One process that is a port, from settings to the orderly end.

use crate::audit::{Audit, Event};
use crate::auth::Gate;
use crate::first_start::{HostCertificate, first_token, host_certificate, write_secret, write_whole};
use crate::lifecycle::{
    DirectoryLock, ReloadSignal, StopSignals, make_private, notify, reload_on_signals, stop_on_signals,
};
use crate::metrics::Counters;
use crate::openid::SignIn;
use crate::own_certificate::OwnCertificate;
use crate::problems::chain;
use crate::reload::{Reloading, Reread};
use crate::responder::{OfGate, Responder};
use crate::router::Router;
use crate::running::Port;
use crate::sampler::{SAMPLE_INTERVAL, Sampler};
use crate::settings::{Limits, Settings};
use crate::shares::Shares;
use archive::{Archive, ArchiveError};
use futures_util::FutureExt as _;
use net::certificate::ServerCertificate;
use net::{Drain, ServeSettings};
use policy::Rights;
use port::{Door, DoorSettings, NamespaceSettings};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use terms::{Blame, ByteSize, Problem, Retry};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

/// Connections that wait in the kernel to be accepted: a burst of clients, at about 300 bytes each.
const BACKLOG: u32 = 1024;

/// What the command line asks beside the settings.
#[derive(Default)]
pub struct RunOptions {
    /// Where to write, once listening, a JSON object with `pid`, `addresses`, `data_dir`, `ca_file`,
    /// `admin_token_file` and `responder`. It is removed at the end.
    pub ready_file: Option<PathBuf>,
    /// Where to write the first administrator's token instead of telling it.
    pub admin_token_file: Option<PathBuf>,
    /// Where the settings are read again, when that is asked; without it those of the start are taken once more.
    pub reread: Option<Reread>,
    /// Called once, when listening.
    pub on_started: Option<Tell>,
}

/// What is called with a port that listens.
pub type Tell = Box<dyn FnOnce(&Started) + Send>;

/// A port that listens.
pub struct Started {
    /// Addresses with scheme and real port: `https://127.0.0.1:8443`.
    pub addresses: Vec<String>,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// The authority to trust, when it is the port's own.
    pub ca_file: Option<PathBuf>,
    /// The first administrator's token, when this start made it and no file was named for it.
    pub admin_token: Option<Zeroizing<String>>,
    /// The file that holds it otherwise.
    pub admin_token_file: Option<PathBuf>,
    /// The measurement port.
    pub responder: Option<SocketAddr>,
    /// What deserves a second look.
    pub warnings: Vec<String>,
}

/// How a port ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It was told to stop, and finished what was running, or cut it when the time was over.
    Drained,
    /// It was told twice.
    AtOnce,
}

/// Runs a port until it is told to stop.
pub async fn run(settings: Settings, options: RunOptions) -> Result<Ending, Problem> {
    net::install_crypto_provider();
    raise_file_limit();
    let signals = StopSignals::listen()?;
    let reloads = ReloadSignal::listen()?;
    make_private(&settings.data_dir)?;
    let lock = DirectoryLock::take(&settings.data_dir)?;
    let archive = open_archive(&settings).await?;
    let certificate = if settings.listen.tls { Some(host_certificate(&settings)?) } else { None };
    let port = open_port(&settings, archive.clone(), certificate.as_ref()).await?;
    let listeners = Listeners::open(&settings, port.certificate.as_ref())?;
    let measurement = port.responder.as_ref().map(Responder::listen).transpose()?;
    if let Some(reread) = options.reread {
        port.reloading.read_from(reread);
    }
    let token = first_token(&archive, SystemTime::now().into()).await?;
    let mut started = started(&settings, &listeners, certificate, token, options.admin_token_file)?;
    started.responder = measurement.as_ref().map(|(_, address)| *address);
    if let Some(file) = &options.ready_file {
        write_whole(file, &ready_json(&started), 0o644)?;
    }
    started.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    tracing::info!("listening on {}", started.addresses.join(" and "));
    if let Some(address) = started.responder {
        tracing::info!("the measurement port is {address}");
    }
    if let Some(tell) = options.on_started {
        tell(&started);
    }
    let told = format!("version {}, listening on {}", env!("CARGO_PKG_VERSION"), started.addresses.join(" and "));
    port.audit.tell(Event::Start, None, "", told);
    notify(&[sd_notify::NotifyState::Ready]);
    drop(started);
    let ending = serve(&port, listeners, measurement.map(|(listener, _)| listener), signals, reloads).await;
    if let Some(file) = &options.ready_file {
        let _ = std::fs::remove_file(file);
    }
    if ending == Ending::Drained {
        port.door.close().await;
        port.shares.settle().await;
        archive.close().await;
    }
    let how = if ending == Ending::Drained { "what ran has finished" } else { "at once, by a second signal" };
    port.audit.tell(Event::Stop, None, "", how);
    port.audit.close().await;
    drop(lock);
    Ok(ending)
}

/// Opens the records of these settings; beside a running port too.
pub async fn open_archive(settings: &Settings) -> Result<Archive, Problem> {
    make_private(&settings.data_dir)?;
    Archive::open(&settings.archive_location()).await.map_err(|error| Problem {
        status: 500,
        kind: "archive-unusable",
        title: "the archive cannot be opened",
        detail: format!("{}.", chain(&error)),
        blame: if matches!(error, ArchiveError::Newer { .. }) { Blame::Caller } else { Blame::Storage },
        retry: if error.is_transient() { Retry::Soon } else { Retry::Never },
        next: match error {
            ArchiveError::Newer { .. } => "Use the Portolan that wrote it, or a newer one.",
            ArchiveError::Full { .. } => "Make room on that disk.",
            _ => "See the section [archive] of the settings, and whether this user may open it.",
        }
        .to_owned(),
    })
}

pub(crate) async fn open_port(
    settings: &Settings,
    archive: Archive,
    certificate: Option<&HostCertificate>,
) -> Result<Arc<Port>, Problem> {
    let audit = Audit::open(settings)?;
    let rights = Rights::new(crate::rules::load(settings)?, audit.clone());
    // Stores in the data directory are ours to make; one elsewhere that is not there may be a disk that is not mounted.
    for namespace in settings.namespaces_or_default() {
        if namespace.store.starts_with(&settings.data_dir) {
            make_private(&namespace.store)?;
        }
    }
    make_private(&settings.staging_dir())?;
    let door = Door::open(door_settings(settings), archive.clone(), rights).await?;
    let gate = Gate::open(settings, archive.clone()).await?;
    let certificate = certificate.map(|host| OwnCertificate::new(host, settings)).transpose()?;
    if let Some(own) = &certificate {
        gate.certificates.ask_by(own.shown())?;
    }
    let drain = Drain::new();
    let gate = Arc::new(gate);
    let callers = Arc::new(OfGate { gate: Arc::clone(&gate), audit: audit.clone() });
    let shown = certificate.as_ref().map(|own| Arc::clone(own.shown()));
    let responder = Responder::of(settings, door.rights().clone(), callers, drain.clone(), shown);
    Ok(Arc::new(Port {
        gate,
        responder,
        loads: soundings::load::desk::Desk::default(),
        shares: Shares::open(archive.clone()),
        sign_in: SignIn::open(settings)?,
        settings: settings.clone(),
        archive,
        door,
        counters: Counters::default(),
        sampler: Sampler::default(),
        drain,
        started: Instant::now(),
        since: SystemTime::now(),
        audit,
        reloading: Reloading::new(settings),
        certificate,
    }))
}

/// What is served, in the words of the door.
pub(crate) fn namespaces(settings: &Settings) -> Vec<NamespaceSettings> {
    let namespaces = settings.namespaces_or_default().into_iter().map(|namespace| NamespaceSettings {
        mount: namespace.prefix,
        algorithms: namespace.digests,
        attributes: namespace.attributes,
        embargo: namespace.embargo.map(|span| span.0),
        ..NamespaceSettings::at_root(namespace.store)
    });
    namespaces.collect()
}

fn door_settings(settings: &Settings) -> DoorSettings {
    let mut door = DoorSettings::new(namespaces(settings), settings.staging_dir());
    door.max_file_size_bytes = settings.limits.file_size.0;
    door.idle_timeout = settings.limits.stall_time.0;
    door.min_rate_bytes_per_second = settings.limits.sender_rate.0 / 8;
    door.upload_lifetime = settings.staging.upload_lifetime.0;
    door
}

struct Listeners {
    listening: Vec<(TcpListener, ServeSettings, SocketAddr)>,
}

impl Listeners {
    fn open(settings: &Settings, certificate: Option<&OwnCertificate>) -> Result<Self, Problem> {
        let tls = certificate.map(|own| Arc::clone(own.shown()));
        let serve = serve_settings(&settings.limits, tls);
        let plain = ServeSettings { tls: None, ..serve.clone() };
        let wanted = [(Some(settings.listen.address), serve), (settings.listen.plain, plain)];
        let mut listening = Vec::with_capacity(wanted.len());
        for (address, serve) in wanted {
            if let Some(address) = address {
                let listener = net::listen(address, BACKLOG).map_err(|error| cannot_listen(address, &error))?;
                let real = listener.local_addr().map_err(|error| cannot_listen(address, &error))?;
                listening.push((listener, serve, real));
            }
        }
        Ok(Self { listening })
    }

    fn addresses(&self) -> Vec<String> {
        self.listening.iter().map(|(_, serve, address)| url(serve.tls.is_some(), *address)).collect()
    }
}

fn serve_settings(limits: &Limits, tls: Option<Arc<ServerCertificate>>) -> ServeSettings {
    // The ranges of the list are within these types.
    let bytes = |size: ByteSize| u32::try_from(size.0).unwrap_or(u32::MAX);
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    ServeSettings {
        tls,
        drain_deadline: limits.drain_time.0,
        connections_max: count(limits.connections),
        handshake_timeout: limits.header_time.0,
        head_timeout: limits.header_time.0,
        stall_timeout: limits.stall_time.0,
        head_bytes_max: count(limits.header_size.0),
        stream_window_bytes: bytes(limits.http2_stream_window),
        connection_window_bytes: bytes(limits.http2_connection_window),
        streams_max: u32::try_from(limits.http2_streams).unwrap_or(u32::MAX),
        ..ServeSettings::default()
    }
}

async fn serve(
    port: &Arc<Port>,
    listeners: Listeners,
    measurement: Option<TcpListener>,
    signals: StopSignals,
    reloads: ReloadSignal,
) -> Ending {
    let router = Arc::new(Router::new(Arc::clone(port)));
    let serving = listeners
        .listening
        .into_iter()
        .map(|(listener, serve, _)| net::serve(listener, serve, Arc::clone(&router), port.drain.clone()).boxed());
    let measured = port
        .responder
        .as_ref()
        .zip(measurement)
        .map(|(responder, listener)| soundings::responder::run(listener, Arc::clone(&responder.shared)).boxed());
    let serving = serving.chain(measured);
    let sampling = sample(port);
    let watching = watch(port);
    tokio::select! {
        ends = futures_util::future::join_all(serving) => {
            let cut: u64 = ends.iter().map(|end| end.cut).sum();
            if cut > 0 {
                tracing::warn!("{cut} connections were cut: their requests did not finish in time");
            }
            tracing::info!("stopped");
            Ending::Drained
        }
        () = stop_on_signals(signals, port.drain.clone()) => Ending::AtOnce,
        () = sampling => Ending::AtOnce,
        () = watching => Ending::AtOnce,
        () = reload_on_signals(port, reloads) => Ending::AtOnce,
    }
}

/// Reads certificates and authorities again when their files change; never returns.
async fn watch(port: &Port) {
    loop {
        tokio::time::sleep(port.gate.certificates.check_interval()).await;
        let own = match &port.certificate {
            Some(own) => own.check(&port.reloading.in_force()).await,
            None => None,
        };
        // What failed was told by who knows what stays in force.
        for read in [own, port.gate.certificates.check().await].into_iter().flatten().flatten() {
            tracing::info!("files have changed: {}", read.told);
        }
    }
}

/// Feeds the picture of the first page, and gives memory back once a rush is over; never returns.
async fn sample(port: &Port) {
    let mut moved_at_last_return = 0;
    let mut ticks = tokio::time::interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let moved = crate::traffic::readings(port.door.traffic());
        port.sampler.sample(moved.received_bytes, moved.sent_bytes);
        let moved_bytes = moved.received_bytes + moved.sent_bytes;
        if moved.transfers_active == 0 && moved_bytes - moved_at_last_return > crate::memory::WORTH_BYTES {
            moved_at_last_return = moved_bytes;
            // An error is a panic in it, and it has nothing that could panic.
            let _ = tokio::task::spawn_blocking(crate::memory::give_back).await;
        }
    }
}

fn started(
    settings: &Settings,
    listeners: &Listeners,
    certificate: Option<HostCertificate>,
    token: Option<Zeroizing<String>>,
    token_file: Option<PathBuf>,
) -> Result<Started, Problem> {
    let mut started = Started {
        addresses: listeners.addresses(),
        data_dir: settings.data_dir.clone(),
        ca_file: certificate.and_then(|certificate| certificate.ca_file),
        admin_token: token,
        admin_token_file: None,
        responder: None,
        warnings: settings.warnings(),
    };
    if let (Some(file), Some(token)) = (&token_file, &started.admin_token) {
        write_secret(file, token)?;
        started.admin_token = None;
    }
    started.admin_token_file = token_file.filter(|file| file.exists());
    Ok(started)
}

fn ready_json(started: &Started) -> String {
    let path = |path: &Option<PathBuf>| path.as_deref().map(Path::to_string_lossy).map(|text| text.into_owned());
    serde_json::json!({
        "pid": std::process::id(),
        "addresses": started.addresses,
        "data_dir": started.data_dir.to_string_lossy(),
        "ca_file": path(&started.ca_file),
        "admin_token_file": path(&started.admin_token_file),
        "responder": started.responder.map(|address| address.to_string()),
    })
    .to_string()
}

/// What to type to reach a listener from this host.
fn url(tls: bool, address: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    let port = address.port();
    match address.ip() {
        ip if ip.is_unspecified() => format!("{scheme}://localhost:{port}"),
        IpAddr::V4(ip) => format!("{scheme}://{ip}:{port}"),
        IpAddr::V6(ip) => format!("{scheme}://[{ip}]:{port}"),
    }
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "cannot-listen",
        title: "the address cannot be listened on",
        detail: format!("{address}: {error}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Name another with --listen or --plain; port 0 lets the system choose.".to_owned(),
    }
}

/// Each connection and each open file needs a descriptor; the usual soft limit of 1,024 is for programs that use select.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}

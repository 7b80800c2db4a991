//! What both ends make of a request before its streams run.

use super::disk::Place;
use super::engine::{Pipe, Plan};
use super::worker::Store;
use net::SocketOptions;
use soundings_core::throughput::DiskFacts;
use soundings_core::throughput::spec;
use soundings_core::throughput::wire::Request;
use std::path::{Path, PathBuf};
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// What the sockets of one direction get at this end.
pub(super) fn options(request: &Request, sending: bool) -> SocketOptions {
    let size = |bytes: Option<u64>| bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    SocketOptions {
        bind: None,
        congestion_control: request.congestion_control.clone().filter(|_| sending),
        send_buffer_bytes: size(request.send_buffer_bytes).filter(|_| sending),
        receive_buffer_bytes: size(request.receive_buffer_bytes).filter(|_| !sending),
        segment_bytes: request.segment_bytes,
        pacing_bytes_per_second: request
            .pace_bits_per_second
            .filter(|_| sending)
            .map(|pace| (pace / 8 / u64::from(request.streams.max(1))).max(1)),
        traffic_class: request.dscp.map(|dscp| dscp << 2),
        no_delay: true,
        unacknowledged: None,
    }
}

/// How the streams of one end run. Rates are of a direction, in bits per second.
pub(super) fn plan(request: &Request, rate_out: Option<u64>, rate_in: Option<u64>, longest: Duration) -> Plan {
    let whole = request.duration().map_or(longest, |duration| duration + request.omit());
    Plan {
        duration: request.duration(),
        omit: request.omit(),
        stream_bytes: request.stream_bytes(),
        block_bytes: request.block_bytes as usize,
        rate_out: rate_out.map(|rate| rate / 8),
        rate_in: rate_in.map(|rate| rate / 8),
        longest,
        sample_every: spec::sample_every(whole, request.kinds().len()),
        read: None,
        written: None,
    }
}

/// What a data connection says after its cookie.
pub(super) const NUMBER_BYTES: usize = 4;

/// A socket does not take an option.
pub(super) fn option_refused(error: &std::io::Error, request: &Request) -> Problem {
    let wanted = match &request.congestion_control {
        Some(name) => format!(
            "; congestion control '{name}' was asked for, and this host allows: {}",
            net::congestion_controls().join(", ")
        ),
        None => String::new(),
    };
    Problem {
        status: 400,
        kind: "option-refused",
        title: "an option of the test is not to be had",
        detail: format!("The kernel of this host refused to set the options of a stream: {error}{wanted}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Change the option, or have the kernel allow it.".to_owned(),
    }
}

/// Disks of one end, where it has any.
#[derive(Clone, Debug, Default)]
pub(super) struct Disks {
    /// What is sent is read from this file.
    pub(super) source: Option<PathBuf>,
    /// There is no file to be read: one is made in this folder.
    pub(super) scratch_source: Option<PathBuf>,
    /// What is received is written to a new file here.
    pub(super) sink: Option<PathBuf>,
}

/// A file of the responder that is written: half of what is free, and no more than this, all streams together.
pub(super) const SCRATCH_BYTES_MAX: u64 = 4 << 30;

/// A file of the responder that is read must be written first: a client waits for that.
const SCRATCH_READ_BYTES_MAX: u64 = 1 << 30;

/// A sink of the client: it is written round and round.
const SINK_BYTES_MAX: u64 = 16 << 30;

/// The stores of one end's streams, sending and receiving ones, and how their disks are used. May take seconds.
pub(super) struct Stores {
    sources: Vec<Place>,
    sinks: Vec<Place>,
}

impl Stores {
    /// For so many streams in each direction.
    pub(super) fn open(disks: &Disks, sending: u64, receiving: u64, bytes_max: Option<u64>) -> Result<Self, Problem> {
        let mut stores = Self { sources: Vec::new(), sinks: Vec::new() };
        if let Some(path) = disks.source.as_deref().filter(|_| sending > 0) {
            stores.sources = Place::parts(path, sending)?;
        }
        if let Some(folder) = disks.scratch_source.as_deref().filter(|_| sending > 0) {
            let each = room(folder)?.min(SCRATCH_READ_BYTES_MAX) / sending;
            stores.sources = (0..sending).map(|_| Place::filled(folder, each)).collect::<Result<_, _>>()?;
        }
        if let Some(path) = disks.sink.as_deref().filter(|_| receiving > 0) {
            let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let each = room(folder)?.min(bytes_max.unwrap_or(SINK_BYTES_MAX)) / receiving;
            // One name after the other: each file loses its name at once.
            stores.sinks = (0..receiving).map(|_| Place::scratch(path, each)).collect::<Result<_, _>>()?;
        }
        Ok(stores)
    }

    /// How the disks are used: read, written.
    pub(super) fn facts(&self) -> (Option<DiskFacts>, Option<DiskFacts>) {
        (self.sources.first().map(|place| place.facts(false)), self.sinks.first().map(|place| place.facts(true)))
    }

    /// Puts them to their streams.
    pub(super) fn give(mut self, pipes: &mut [Pipe]) {
        for pipe in pipes {
            let place = if pipe.sending { self.sources.pop() } else { self.sinks.pop() };
            if let Some(place) = place {
                pipe.store = if pipe.sending { Store::Read(place) } else { Store::Write(place) };
            }
        }
    }
}

/// Half of what is free in a folder.
fn room(folder: &Path) -> Result<u64, Problem> {
    let free = rustix::fs::statvfs(folder).map(|facts| facts.f_bavail * facts.f_frsize);
    free.map(|free| free / 2).map_err(|error| Problem {
        status: 500,
        kind: "no-scratch",
        title: "a folder of the test is not accessible",
        detail: format!("{} could not be looked at: {error}.", folder.display()),
        blame: Blame::Storage,
        retry: Retry::Never,
        next: "Name a folder that exists and that this user may write to.".to_owned(),
    })
}

//! `bench door`: the HTTP door side by side with nginx, xrootd and rclone.
//!
//! All servers run for the whole time, on the same files; each round of a case asks them one after another, so that what
//! else the machine does meets all alike. What is taken of a server is the processor time of its whole process tree.

use crate::cpu::{self, Cpu};
use crate::servers::{self, Contestant, Kind, Place, Server};
use crate::{netns, packages};
use cases::{Case, Load, SMALL_BYTES, Sizes, Verb};
use clap::Args;
use clients::{Moved, Target};
use report::{Facts, Line, Report};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

mod cases;
mod clients;
pub(crate) mod report;

/// What stays free on the disk beside our files: other programs live there too.
const SPARE_BYTES: u64 = 2 << 30;
/// After a run a server may still have something to finish (closing files, answering a FIN); it counts too.
const SETTLE_TIME: Duration = Duration::from_secs(2);
/// Two equal readings this far apart mean that it is done: more than the hundredth of a second that the kernel counts in.
const SETTLE_STEP: Duration = Duration::from_millis(60);

/// What to compare, and where.
#[derive(Args)]
pub(crate) struct Options {
    /// Small sizes: shows that everything works, measures nothing.
    #[arg(long)]
    quick: bool,
    /// Cases, by parts of their names: `get`, `put-tls`, `one-plain-h1`, `get-small-tls-h2` …
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Servers to compare; ratios need nginx.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::Nginx, Kind::Xrootd, Kind::Rclone, Kind::Portolan])]
    servers: Vec<Kind>,
    /// Rounds of each case, after one that does not count.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// Writes the report there, too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Writes every sample there, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the files are made, in a folder `door`.
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    dir: PathBuf,
    /// The program to measure; without it, `portolan` is built in release form.
    #[arg(long, value_name = "PROGRAM")]
    portolan: Option<PathBuf>,
    /// Installs missing Debian packages with apt-get.
    #[arg(long)]
    install: bool,
    /// Leaves the files that were read for the next run, which then need not make them.
    #[arg(long)]
    keep: bool,
    /// Runs on the host's own loopback, without xrootd; what is left when you are not root.
    #[arg(long)]
    no_namespace: bool,
}

/// One measured run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Seconds from the first client's start to the last one's end.
    pub wall_s: f64,
    /// Bytes per second, or requests per second for small files.
    pub rate_per_s: f64,
    /// Of content.
    pub bytes: u64,
    /// Answered by 2xx.
    pub requests: usize,
    /// Processor time of all processes of the server.
    pub server: Cpu,
    /// Processor time of all clients.
    pub client: Cpu,
}

/// The whole command.
pub(crate) fn main(options: &Options) -> Result<ExitCode, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    if netns::inside() {
        netns::settle_in()?;
    } else {
        let servers = options.servers.iter().filter_map(|kind| kind.program());
        let programs: Vec<&str> = ["curl", "h2load", "ip", "unshare"].into_iter().chain(servers).collect();
        packages::require(&programs, options.install)?;
        if options.portolan.is_none() && options.servers.contains(&Kind::Portolan) {
            servers::portolan::build(root)?;
        }
        if !options.no_namespace && !netns::possible() {
            return Err("a network namespace needs root; --no-namespace goes without it and without xrootd".to_owned());
        }
        if !options.no_namespace {
            return netns::run_again_inside();
        }
    }
    let portolan = options.portolan.clone().unwrap_or_else(|| root.join("target/release/portolan"));
    let report = run(options, root, &portolan)?;
    let text = report.text();
    print!("{text}");
    if let Some(file) = &options.out {
        fs::write(file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Some(file) = &options.json {
        let json = serde_json::to_vec_pretty(&report).map_err(|error| format!("the report as JSON: {error}"))?;
        fs::write(file, json).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run(options: &Options, root: &Path, portolan: &Path) -> Result<Report, String> {
    let sizes = if options.quick { Sizes::QUICK } else { Sizes::FULL };
    let cases: Vec<Case> = Case::all().into_iter().filter(|case| case.chosen(&options.only)).collect();
    if cases.is_empty() {
        return Err(format!("no case has a name with {}; all: {}", options.only.join(" or "), all_names()));
    }
    let scratch = scratch(&options.dir)?;
    let facts = Facts::gather(&scratch, options.quick);
    require_space(&scratch, sizes.space_bytes(&cases))?;
    let place = Place::create(&scratch, portolan)?;
    eprintln!("bench: making files in {}", place.files.display());
    cases::prepare(&place, &sizes, &cases)?;
    let sha_256_s_per_gib = sha_256_cost()?;
    let mut report =
        Report { facts, sizes, lines: Vec::new(), servers: Vec::new(), not_started: Vec::new(), sha_256_s_per_gib };
    report.facts.commit = report::commit(root);
    let mut servers = Vec::new();
    for kind in &options.servers {
        match servers::start(*kind, &place) {
            Ok(server) => {
                report.servers.push(server.version.clone());
                servers.push(server);
            }
            Err(error) => {
                eprintln!("bench: {error}");
                report.not_started.push(error);
            }
        }
    }
    let mut bench = Bench { place: &place, sizes, runs: 0 };
    for case in cases {
        bench.case(case, &servers, options.repeat, &mut report.lines)?;
    }
    report.facts.load_at_end = report::load_average();
    drop(servers);
    clean(&place, options.keep);
    Ok(report)
}

fn all_names() -> String {
    Case::all().into_iter().map(Case::name).collect::<Vec<_>>().join(", ")
}

/// A folder of our own below the given one, without what an interrupted run may have left.
fn scratch(folder: &Path) -> Result<PathBuf, String> {
    let scratch = folder.join("door");
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let scratch = fs::canonicalize(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    for left_over in ["servers", "light", "files/put"] {
        let _ = fs::remove_dir_all(scratch.join(left_over));
    }
    Ok(scratch)
}

fn clean(place: &Place, keep: bool) {
    let _ = fs::remove_dir_all(if keep { place.files.join("put") } else { place.scratch.clone() });
}

fn require_space(scratch: &Path, bytes: u64) -> Result<(), String> {
    let free = rustix::fs::statvfs(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let free_bytes = free.f_bavail * free.f_frsize;
    let needed_bytes = bytes + SPARE_BYTES;
    if free_bytes < needed_bytes {
        let [free, needed] = [free_bytes, needed_bytes].map(terms::ByteSize);
        return Err(format!(
            "{} has {free} free, {needed} are needed; give another folder by --dir",
            scratch.display()
        ));
    }
    Ok(())
}

/// What sha-256 alone costs here, by the library that the door uses, in processor seconds per GiB.
fn sha_256_cost() -> Result<f64, String> {
    const PIECE_BYTES: usize = 1 << 20;
    const PIECES: usize = 512;
    let piece = vec![0x5a; PIECE_BYTES];
    let before = cpu::of_trees(&[std::process::id()])?;
    let mut hash = Sha256::new();
    for _ in 0..PIECES {
        hash.update(black_box(&piece));
    }
    black_box(hash.finalize());
    let used = cpu::of_trees(&[std::process::id()])? - before;
    Ok(used.total_s() * (1 << 30) as f64 / (PIECE_BYTES * PIECES) as f64)
}

struct Bench<'a> {
    place: &'a Place,
    sizes: Sizes,
    /// Each run uploads into a folder of its own: a server may remember what was in the last one.
    runs: usize,
}

impl Bench<'_> {
    /// One round that proves the bytes and warms up, then the rounds that count, the servers taking turns at being first.
    fn case(&mut self, case: Case, servers: &[Server], repeat: u32, lines: &mut Vec<Line>) -> Result<(), String> {
        cases::warm(self.place, &self.sizes, case.load)?;
        let all =
            servers.iter().flat_map(|server| server.contestants.iter().map(move |contestant| (server, contestant)));
        let speaking: Vec<_> = all.filter(|(_, contestant)| case.root(contestant).is_some()).collect();
        let mut measured: Vec<Line> = speaking.iter().map(|(_, contestant)| Line::new(case, contestant.name)).collect();
        for round in 0..=repeat as usize {
            for turn in 0..speaking.len() {
                let at = (turn + round) % speaking.len();
                let (server, contestant) = speaking[at];
                if measured[at].failure.is_some() {
                    continue;
                }
                match self.measure(case, server, contestant, round == 0) {
                    Ok(sample) if round > 0 => measured[at].samples.push(sample),
                    Ok(_) => {}
                    Err(error) => measured[at].failure = Some(error),
                }
            }
        }
        for line in &measured {
            eprintln!("bench: {}", line.summary());
        }
        lines.extend(measured);
        Ok(())
    }

    fn measure(&mut self, case: Case, server: &Server, contestant: &Contestant, prove: bool) -> Result<Sample, String> {
        self.runs += 1;
        let root = case.root(contestant).ok_or("the server does not speak this")?;
        let run = format!("run-{}", self.runs);
        let folder = if case.verb == Verb::Get { format!("{root}/get") } else { format!("{root}/put/{run}") };
        let upload_header = contestant.upload_header.as_deref();
        let target = Target { case, folder, authority: &contestant.authority, upload_header };
        let uploads = contestant.uploads.join(&run);
        if case.verb == Verb::Put {
            clients::make_folder(&target).map_err(|error| format!("making the folder {run}: {error}"))?;
        }
        let sample = self.measured(case, server, &target);
        let proven = match (&sample, case.verb) {
            (Ok(_), Verb::Put) => cases::check_uploads(self.place, &self.sizes, case.load, &uploads, prove),
            _ => Ok(()),
        };
        if case.verb == Verb::Put {
            fs::remove_dir_all(&uploads).map_err(|error| format!("removing {}: {error}", uploads.display()))?;
        }
        proven.and(sample)
    }

    fn measured(&self, case: Case, server: &Server, target: &Target) -> Result<Sample, String> {
        // What the last run left to be written back is not to disturb this one.
        let disk =
            File::open(&self.place.scratch).map_err(|error| format!("{}: {error}", self.place.scratch.display()))?;
        rustix::fs::syncfs(&disk).map_err(|error| format!("syncing the disk: {error}"))?;
        let processes: Vec<u32> = server.processes.iter().map(servers::Process::id).collect();
        let server_before = settled(&processes)?;
        let client_before = cpu::of_ended_children()?;
        let Moved { wall_s, rate_per_s, bytes, requests } = self.transfer(case, target)?;
        let client = cpu::of_ended_children()? - client_before;
        let server = settled(&processes)? - server_before;
        Ok(Sample { wall_s, rate_per_s, bytes, requests, server, client })
    }

    fn transfer(&self, case: Case, target: &Target) -> Result<Moved, String> {
        let names = self.sizes.names(case.load);
        if case.load == Load::Small {
            let rounds = if case.verb == Verb::Get { self.sizes.small_rounds } else { 1 };
            let body = self.sizes.source(self.place, case.load, "");
            return clients::small_files(
                target,
                &names,
                rounds,
                (&body, SMALL_BYTES),
                &self.place.scratch.join("servers"),
            );
        }
        let bytes = self.sizes.file_bytes(case.load);
        let source = |name: &str| self.sizes.source(self.place, case.load, name);
        let files: Vec<_> = names.into_iter().map(|name| (name.clone(), source(&name), bytes)).collect();
        clients::large_files(target, &files)
    }
}

/// The processor time of a server once it has come to rest.
fn settled(processes: &[u32]) -> Result<Cpu, String> {
    let began = Instant::now();
    let mut last = cpu::of_trees(processes)?;
    while began.elapsed() < SETTLE_TIME {
        std::thread::sleep(SETTLE_STEP);
        let now = cpu::of_trees(processes)?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}

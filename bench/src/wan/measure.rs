//! Runs a group: a lab for its path, servers at the far end, clients in turn at the near one.

use super::calls::{self, GRIDFTP_PORT, IPERF3_PORT, RESPONDER_PORT, Where};
use super::plan::{Extent, Group, Path, Tool};
use crate::cpu;
use crate::tools::{gridftp, iperf3};
use lab::scenario::{End, Scenario};
use lab::{Running, Until};
use serde::Serialize;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How much longer than planned a client may take.
const GRACE: Duration = Duration::from_secs(40);
/// How long a log may take to tell.
const LOG_WITHIN: Duration = Duration::from_secs(2);
/// What is left of one run should not meet the next.
const PAUSE: Duration = Duration::from_millis(300);

/// One run.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Sample {
    pub bits_per_second: f64,
    pub retransmits: Option<u64>,
    /// Share of all processors that was busy, with all else that the machine did.
    pub busy: f64,
    /// Share of all processors that the hypervisor gave to others.
    pub stolen: f64,
    /// Processor time of client and server for each GiB, s; the lab's own is not in it.
    pub cpu_s_per_gib: f64,
}

/// All runs of a tool over a path.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub group: Group,
    pub tool: Tool,
    pub samples: Vec<Sample>,
    pub failures: Vec<String>,
}

/// Where everything is.
pub(super) struct Place {
    pub portolan: PathBuf,
    pub scratch: PathBuf,
}

impl Place {
    fn source(&self) -> PathBuf {
        self.scratch.join("source")
    }

    fn log(&self) -> PathBuf {
        self.scratch.join("gridftp.log")
    }

    /// Files and settings that all groups use.
    pub(super) fn prepare(&self, bytes: u64) -> Result<(), String> {
        let told = |error: std::io::Error| format!("{}: {error}", self.scratch.display());
        fs::create_dir_all(self.scratch.join("disk")).map_err(told)?;
        let settings = "[[rule]]\nname = \"study\"\nverbs = [\"measure\"]\nto = [\"everyone\"]\n";
        fs::write(self.scratch.join("responder.toml"), settings).map_err(told)?;
        let mut file = File::create(self.source()).map_err(told)?;
        let random = File::open("/dev/urandom").map_err(told)?;
        std::io::copy(&mut random.take(bytes), &mut file).map_err(told)?;
        file.sync_all().map_err(told)
    }
}

/// A server that is ended with us.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures a group; `tell` is told of each run.
pub(super) fn run(
    group: &Group,
    extent: Extent,
    place: &Place,
    mut tell: impl FnMut(&str),
) -> Result<Vec<Line>, String> {
    let text = group.path.scenario();
    let scenario = Scenario::parse(&text, "the study").map_err(|findings| findings.to_string())?;
    let lab = lab::up(&scenario, Until::Dropped).map_err(|problem| problem.to_line())?;
    let of = |end: &End| end.v4.map(|(address, _)| address.to_string()).unwrap_or_default();
    let (host, address, own) = match group.path {
        Path::Loopback => ("near", "127.0.0.1".to_owned(), "127.0.0.1".to_owned()),
        Path::Link(_) => ("far", of(&scenario.links[0].b), of(&scenario.links[0].a)),
    };
    let servers = start(group, &lab, host, &address, place)?;
    let pids: Vec<u32> = servers.iter().map(|server| server.0.id()).collect();
    let new = |tool: &Tool| Line { group: group.clone(), tool: *tool, samples: Vec::new(), failures: Vec::new() };
    let mut lines: Vec<Line> = group.tools.iter().map(new).collect();
    for round in 0..group.rounds as usize {
        // Each round begins with another tool, so that what else the machine does meets all alike.
        for turn in 0..lines.len() {
            let count = lines.len();
            let line = &mut lines[(round + turn) % count];
            let place_of_run = (&lab, [address.as_str(), own.as_str()], place, pids.as_slice());
            match once(line.tool, group.path, extent, place_of_run) {
                Ok(sample) => {
                    tell(&format!("{}: {}: {:.3} Gbit/s", group.path, line.tool, sample.bits_per_second / 1e9));
                    line.samples.push(sample);
                }
                Err(error) => {
                    tell(&format!("{}: {}: failed: {error}", group.path, line.tool));
                    line.failures.push(error);
                }
            }
            thread::sleep(PAUSE);
        }
    }
    drop(servers);
    lab.down().map_err(|problem| problem.to_line())?;
    Ok(lines)
}

/// Starts the servers that the tools of a group need.
fn start(group: &Group, lab: &Running, host: &str, address: &str, place: &Place) -> Result<Vec<Server>, String> {
    let any = |wanted: fn(&Tool) -> bool| group.tools.iter().any(wanted);
    let mut calls: Vec<(Vec<String>, u16)> = Vec::new();
    if any(|tool| matches!(tool, Tool::Iperf3(_))) {
        calls.push((iperf3::server(address, IPERF3_PORT), IPERF3_PORT));
    }
    if any(|tool| !matches!(tool, Tool::Iperf3(_) | Tool::GridFtp(_) | Tool::GridFtpDisk)) {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let listen = format!("{address}:{RESPONDER_PORT}");
        let (settings, disk) = (text(place.scratch.join("responder.toml")), text(place.scratch.join("disk")));
        let words = ["responder", "--listen", &listen, "--config", &settings, "--scratch", &disk];
        let call = [text(place.portolan.clone())].into_iter().chain(words.map(str::to_owned)).collect();
        calls.push((call, RESPONDER_PORT));
    }
    if any(|tool| matches!(tool, Tool::GridFtp(_) | Tool::GridFtpDisk)) {
        calls.push((gridftp::server(address, GRIDFTP_PORT, &place.log()), GRIDFTP_PORT));
    }
    let mut servers = Vec::new();
    for (call, port) in calls {
        let log_file = place.scratch.join(format!("server-{port}.log"));
        let log = File::create(&log_file).map_err(|error| error.to_string())?;
        let mut command = command(lab, host, &call, address)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut server = Server(command.spawn().map_err(|error| format!("{}: {error}", call[0]))?);
        wait_until_ready(&mut server.0, port).map_err(|error| {
            let said = fs::read_to_string(&log_file).unwrap_or_default();
            format!("{}: {error}: {}", call.join(" "), said.split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        servers.push(server);
    }
    Ok(servers)
}

fn command(lab: &Running, host: &str, call: &[String], address: &str) -> Result<Command, String> {
    let program = crate::packages::program(&call[0]).unwrap_or_else(|| PathBuf::from(&call[0]));
    let mut command = lab.command(host, program).map_err(|problem| problem.to_line())?;
    // GridFTP looks for its own address by the name of the machine, which means nothing in a lab.
    command.args(&call[1..]).env("GLOBUS_HOSTNAME", address);
    Ok(command)
}

/// The tables of sockets of a process are those of its network: 0A is a socket that listens.
fn wait_until_ready(server: &mut Child, port: u16) -> Result<(), String> {
    let (began, wanted) = (Instant::now(), format!(":{port:04X} "));
    while began.elapsed() < READY_WITHIN {
        let tables = ["tcp", "tcp6"].map(|table| format!("/proc/{}/net/{table}", server.id()));
        let lines = tables.iter().map(|table| fs::read_to_string(table).unwrap_or_default());
        if lines.flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>()).any(|line| {
            let local = line.split_whitespace().nth(1).unwrap_or_default();
            format!("{local} ").ends_with(&wanted) && line.split_whitespace().nth(3) == Some("0A")
        }) {
            return Ok(());
        }
        if let Ok(Some(status)) = server.try_wait() {
            return Err(format!("it ended at once: {status}"));
        }
        thread::sleep(LOOK_EVERY);
    }
    Err(format!("it did not listen within {} s", READY_WITHIN.as_secs()))
}

/// One client, from start to end.
fn once(
    tool: Tool,
    path: Path,
    extent: Extent,
    (lab, [address, own], place, servers): (&Running, [&str; 2], &Place, &[u32]),
) -> Result<Sample, String> {
    let portolan = place.portolan.to_string_lossy();
    let (source, sink) = (place.source(), place.scratch.join("disk/sink"));
    let at = Where { portolan: &portolan, server: address, source: &source, sink: &sink };
    let call = calls::client(tool, path, extent, &at);
    let (log_before, out) = (length(&place.log()), place.scratch.join("client.out"));
    let file = |path: &FilePath| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
    let errors = place.scratch.join("client.err");
    let mut command = command(lab, "near", &call, own)?;
    command.stdin(Stdio::null()).stdout(file(&out)?).stderr(file(&errors)?);
    let before = (cpu::of_trees(servers)?.total_s() + cpu::of_ended_children()?.total_s(), Machine::now());
    let mut client = Server(command.spawn().map_err(|error| format!("{}: {error}", call[0]))?);
    let planned = Duration::from_secs(u64::from(extent.seconds + extent.omit(path)));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = client.0.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if began.elapsed() > planned * 4 + GRACE {
            return Err(format!("{} took longer than {} s", call[0], (planned * 4 + GRACE).as_secs()));
        }
        thread::sleep(LOOK_EVERY);
    };
    let (busy, stolen) = before.1.until_now();
    let cpu = cpu::of_trees(servers)?.total_s() + cpu::of_ended_children()?.total_s() - before.0;
    let _ = fs::remove_file(&sink);
    let said = fs::read_to_string(&out).unwrap_or_default();
    let log = log_since(&place.log(), log_before, tool);
    if !status.success() {
        let told = fs::read_to_string(&errors).unwrap_or_default();
        let told = told.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        return Err(calls::moved(tool, &said, &log)
            .err()
            .filter(|_| told.is_empty())
            .unwrap_or_else(|| told.to_owned()));
    }
    let moved = calls::moved(tool, &said, &log)?;
    // The time counts from the client's start; the bytes of a warm-up are estimated by the rate that was found.
    let warm_up = if matches!(tool, Tool::Iperf3(_) | Tool::Tcp(_) | Tool::Tls(_) | Tool::Http { .. }) {
        moved.bits_per_second() / 8.0 * f64::from(extent.omit(path))
    } else {
        0.0
    };
    let gibibytes = (moved.bytes as f64 + warm_up) / f64::from(1 << 30);
    Ok(Sample {
        bits_per_second: moved.bits_per_second(),
        retransmits: moved.retransmits,
        busy,
        stolen,
        cpu_s_per_gib: cpu / gibibytes,
    })
}

/// What a log tells since it had this length; GridFTP's server tells of a transfer a little after its client has ended.
fn log_since(log: &FilePath, before: u64, tool: Tool) -> String {
    let began = Instant::now();
    loop {
        let all = fs::read_to_string(log).unwrap_or_default();
        let told = all.get(usize::try_from(before).unwrap_or(0)..).unwrap_or_default();
        let waits = matches!(tool, Tool::GridFtp(_) | Tool::GridFtpDisk) && gridftp::last_moved(told).is_none();
        if !waits || began.elapsed() > LOG_WITHIN {
            return told.to_owned();
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn length(file: &FilePath) -> u64 {
    fs::metadata(file).map_or(0, |facts| facts.len())
}

/// What the machine's processors did so far, in ticks: /proc/stat (see proc_stat(5)).
struct Machine {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Machine {
    fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self::parse(text.lines().next().unwrap_or_default())
    }

    /// user nice system idle iowait irq softirq steal; what follows is counted in the first two, too.
    pub(super) fn parse(line: &str) -> Self {
        let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
        let at = |place: usize| ticks.get(place).copied().unwrap_or(0);
        Self { all: ticks.iter().sum(), idle: at(3) + at(4), stolen: at(7) }
    }

    /// Shares busy and stolen since then.
    fn until_now(&self) -> (f64, f64) {
        let now = Self::now();
        let all = now.all.saturating_sub(self.all).max(1) as f64;
        let (idle, stolen) = (now.idle.saturating_sub(self.idle) as f64, now.stolen.saturating_sub(self.stolen) as f64);
        ((1.0 - (idle + stolen) / all).max(0.0), stolen / all)
    }
}

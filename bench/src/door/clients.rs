//! The client programs: curl for large files, one process for each; h2load for small ones.
//!
//! h2load walks the same list of addresses in each of its connections. To have each file asked for exactly once a round,
//! each connection is a process of its own with its own part of the list; what they write to their logs tells when
//! each request began and ended.

use super::cases::{Case, SMALL_CONCURRENCY, Transport, Verb, Version};
use crate::packages;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

#[cfg(test)]
mod tests;

/// The one cipher that is compared, as OpenSSL names it.
const CIPHER: &str = "TLS_AES_128_GCM_SHA256";
/// A run that takes longer than this, in seconds, is taken for hanging.
const RUN_TIME_S: &str = "900";
/// HTTP/2 connections that share the small files' requests: one connection would use one worker of a server only.
const HTTP2_CONNECTIONS: usize = 4;

/// What to ask of which server.
pub(super) struct Target<'a> {
    /// The case.
    pub case: Case,
    /// URL of the folder that is read or written, without trailing slash.
    pub folder: String,
    /// What to trust.
    pub authority: &'a Path,
    /// A header for uploads.
    pub upload_header: Option<&'a str>,
}

/// What a run moved, and how long it took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Moved {
    /// Seconds from the first start to the last end.
    pub wall_s: f64,
    /// Bytes per second, or requests per second for small files.
    pub rate_per_s: f64,
    /// Of content.
    pub bytes: u64,
    /// Answered by 2xx.
    pub requests: usize,
}

/// Makes a folder on a server, as a DAV client would.
pub(super) fn make_folder(target: &Target) -> Result<(), String> {
    let mut curl = curl(target);
    curl.args(["-X", "MKCOL"]).arg(format!("{}/", target.folder));
    if let Some(header) = target.upload_header {
        curl.args(["-H", header]);
    }
    let output = finish(start(curl)?, "curl -X MKCOL")?;
    CurlResult::parse(&output)?.check(target.case, 0)
}

/// Moves large files at once, one curl process for each: name, and the file that is sent or the size that comes.
pub(super) fn large_files(target: &Target, files: &[(String, PathBuf, u64)]) -> Result<Moved, String> {
    let mut commands = Vec::new();
    for (name, source, _) in files {
        let mut command = curl(target);
        if target.case.verb == Verb::Put {
            // Without `Expect: 100-continue`, or some servers would be waited for and others not.
            command.arg("-T").arg(source).args(["-H", "Expect:"]);
            if let Some(header) = target.upload_header {
                command.args(["-H", header]);
            }
        }
        command.arg(format!("{}/{name}", target.folder));
        commands.push(command);
    }
    let began = Instant::now();
    let running = commands.into_iter().map(start).collect::<Result<Vec<Child>, String>>()?;
    let outputs: Vec<Result<String, String>> = running.into_iter().map(|child| finish(child, "curl")).collect();
    let wall_s = began.elapsed().as_secs_f64();
    for (output, (_, _, bytes)) in outputs.into_iter().zip(files) {
        CurlResult::parse(&output?)?.check(target.case, *bytes)?;
    }
    let bytes: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
    Ok(Moved { wall_s, rate_per_s: bytes as f64 / wall_s, bytes, requests: files.len() })
}

/// Moves small files, several at once, each `rounds` times. `body` is what is sent; lists and logs go to `scratch`.
pub(super) fn small_files(
    target: &Target,
    names: &[String],
    rounds: usize,
    body: (&Path, u64),
    scratch: &Path,
) -> Result<Moved, String> {
    let processes = if target.case.version == Version::H1 { SMALL_CONCURRENCY } else { HTTP2_CONNECTIONS };
    let share = names.len().div_ceil(processes);
    let logs: Vec<PathBuf> = (0..processes).map(|number| scratch.join(format!("h2load-{number}.log"))).collect();
    let mut commands = Vec::new();
    for ((number, part), log) in names.chunks(share).enumerate().zip(&logs) {
        let list = scratch.join(format!("h2load-{number}.txt"));
        let text: String = part.iter().map(|name| format!("{}/{name}\n", target.folder)).collect();
        fs::write(&list, text).map_err(|error| format!("{}: {error}", list.display()))?;
        let _ = fs::remove_file(log);
        commands.push((
            h2load(target, &list, log, body.0, part.len() * rounds, SMALL_CONCURRENCY / processes),
            part.len() * rounds,
        ));
    }
    let counts: Vec<usize> = commands.iter().map(|(_, count)| *count).collect();
    let running = commands.into_iter().map(|(command, _)| start(command)).collect::<Result<Vec<Child>, String>>()?;
    let outputs: Vec<Result<String, String>> = running.into_iter().map(|child| finish(child, "h2load")).collect();
    let mut times = Times::default();
    for ((output, count), log) in outputs.into_iter().zip(&counts).zip(&logs) {
        H2loadResult::parse(&output?)?.check(target.case, *count)?;
        let text = fs::read_to_string(log).map_err(|error| format!("{}: {error}", log.display()))?;
        times.add(&text)?;
    }
    let requests: usize = counts.iter().sum();
    let bytes = requests as u64 * body.1;
    Ok(Moved { wall_s: times.wall_s(), rate_per_s: times.rate_per_s(), bytes, requests })
}

fn program(name: &str) -> Command {
    Command::new(packages::program(name).unwrap_or_else(|| name.into()))
}

fn curl(target: &Target) -> Command {
    let mut curl = program("curl");
    curl.args(["-sS", "--max-time", RUN_TIME_S, "-o", "/dev/null"]);
    curl.args(["-w", "%{http_code} %{http_version} %{size_download} %{size_upload}"]);
    curl.arg("--cacert").arg(target.authority).args(["--tlsv1.3", "--tls13-ciphers", CIPHER]);
    curl.arg(match (target.case.version, target.case.transport) {
        (Version::H1, _) => "--http1.1",
        (Version::H2, Transport::Tls) => "--http2",
        (Version::H2, Transport::Plain) => "--http2-prior-knowledge",
    });
    curl
}

fn h2load(target: &Target, list: &Path, log: &Path, body: &Path, count: usize, at_once: usize) -> Command {
    let mut h2load = program("h2load");
    h2load.args(["-c", "1", "-t", "1", "-T", RUN_TIME_S]).arg(format!("-n{count}")).arg(format!("-m{at_once}"));
    h2load.arg("-i").arg(list).arg(format!("--log-file={}", log.display())).arg(format!("--tls13-ciphers={CIPHER}"));
    h2load.arg(if target.case.version == Version::H1 { "--h1" } else { "--npn-list=h2" });
    if target.case.verb == Verb::Put {
        h2load.arg("-d").arg(body).args(["-H", ":method: PUT"]);
        if let Some(header) = target.upload_header {
            h2load.args(["-H", header]);
        }
    }
    h2load
}

fn start(mut command: Command) -> Result<Child, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    child.map_err(|error| format!("{name} does not start: {error}"))
}

fn finish(child: Child, name: &str) -> Result<String, String> {
    let output = child.wait_with_output().map_err(|error| format!("waiting for {name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {} {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What curl says by `-w`.
#[derive(PartialEq, Eq, Debug)]
struct CurlResult {
    status: u16,
    version: String,
    downloaded_bytes: u64,
    uploaded_bytes: u64,
}

impl CurlResult {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let unknown = || format!("curl said '{}'", text.trim());
        let [status, version, downloaded, uploaded] = fields.as_slice() else {
            return Err(unknown());
        };
        Ok(Self {
            status: status.parse().map_err(|_| unknown())?,
            version: (*version).to_owned(),
            downloaded_bytes: downloaded.parse().map_err(|_| unknown())?,
            uploaded_bytes: uploaded.parse().map_err(|_| unknown())?,
        })
    }

    /// Is it the answer that was asked for, with all its bytes?
    fn check(&self, case: Case, bytes: u64) -> Result<(), String> {
        let version = if case.version == Version::H1 { "1.1" } else { "2" };
        let moved = if case.verb == Verb::Get { self.downloaded_bytes } else { self.uploaded_bytes };
        match self {
            Self { status, .. } if !(200..300).contains(status) => Err(format!("curl got status {status}")),
            Self { version: spoken, .. } if spoken != version => {
                Err(format!("HTTP/{spoken} was spoken instead of {version}"))
            }
            _ if moved != bytes => Err(format!("curl moved {moved} bytes instead of {bytes}")),
            _ => Ok(()),
        }
    }
}

/// What h2load says at its end.
#[derive(PartialEq, Eq, Debug)]
struct H2loadResult {
    succeeded: usize,
    status_2xx: usize,
    protocol: String,
    cipher: Option<String>,
    statuses: String,
}

impl H2loadResult {
    fn parse(text: &str) -> Result<Self, String> {
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim);
        let missing = |what: &str| format!("h2load said nothing of {what}");
        let count = |list: &str, what: &str| {
            let part = list.split(',').find_map(|part| part.trim().strip_suffix(what));
            part.and_then(|number| number.trim().parse().ok()).ok_or_else(|| missing(what))
        };
        let requests = line("requests:").ok_or_else(|| missing("requests"))?;
        let statuses = line("status codes:").ok_or_else(|| missing("status codes"))?;
        Ok(Self {
            succeeded: count(requests, "succeeded")?,
            status_2xx: count(statuses, "2xx")?,
            protocol: line("Application protocol:").ok_or_else(|| missing("the application protocol"))?.to_owned(),
            cipher: line("Cipher:").map(str::to_owned),
            statuses: format!("{requests}; {statuses}"),
        })
    }

    /// Did all requests succeed, in the protocol that was asked for?
    fn check(&self, case: Case, count: usize) -> Result<(), String> {
        let expected = match (case.version, case.transport) {
            (Version::H1, _) => "http/1.1",
            (Version::H2, Transport::Plain) => "h2c",
            (Version::H2, Transport::Tls) => "h2",
        };
        if self.succeeded != count || self.status_2xx != count {
            return Err(format!("h2load: {} of {count} requests succeeded ({})", self.status_2xx, self.statuses));
        }
        if self.protocol != expected {
            return Err(format!("{} was spoken instead of {expected}", self.protocol));
        }
        match &self.cipher {
            Some(cipher) if cipher != CIPHER => Err(format!("{cipher} was used instead of {CIPHER}")),
            _ => Ok(()),
        }
    }
}

/// When requests began and ended, by the logs of all processes (start in microseconds since the epoch, status, duration in
/// microseconds).
#[derive(Default)]
struct Times {
    /// Of each process: the first start.
    starts_us: Vec<u64>,
    /// Of each process: the last end.
    stops_us: Vec<u64>,
    /// Of all requests.
    ends_us: Vec<u64>,
}

impl Times {
    fn add(&mut self, log: &str) -> Result<(), String> {
        let (mut start, mut stop) = (u64::MAX, 0);
        for line in log.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
            let (Some(start_us), Some(took_us)) = (number(0), number(2)) else {
                return Err(format!("the log of h2load has an unknown form: {line}"));
            };
            self.ends_us.push(start_us + took_us);
            start = start.min(start_us);
            stop = stop.max(start_us + took_us);
        }
        self.starts_us.push(start);
        self.stops_us.push(stop);
        Ok(())
    }

    /// Seconds from the first start to the last end.
    fn wall_s(&self) -> f64 {
        let first = self.starts_us.iter().min().copied().unwrap_or(0);
        let last = self.stops_us.iter().max().copied().unwrap_or(0);
        last.saturating_sub(first) as f64 / 1e6
    }

    /// Requests per second while all processes were at work: starting 32 of them takes as long as thousands of requests.
    /// Where there was no such time, or only a moment, it is over all of the time.
    fn rate_per_s(&self) -> f64 {
        let from = self.starts_us.iter().max().copied().unwrap_or(0);
        let to = self.stops_us.iter().min().copied().unwrap_or(0);
        let together_s = to.saturating_sub(from) as f64 / 1e6;
        if together_s < self.wall_s() / 4.0 {
            return self.ends_us.len() as f64 / self.wall_s();
        }
        self.ends_us.iter().filter(|end| (from..to).contains(end)).count() as f64 / together_s
    }
}

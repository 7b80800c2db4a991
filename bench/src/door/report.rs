//! The report: what was measured where, the table, and whether the aims are met.

use super::Sample;
use super::cases::{Case, Load, Sizes};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs, thread};

mod aims;
#[cfg(test)]
mod tests;

const GIB: f64 = (1 << 30) as f64;
/// Small files are told by this many.
const MANY: f64 = 10_000.0;

/// Everything that was found.
#[derive(Serialize)]
pub(super) struct Report {
    /// Where and when.
    pub facts: Facts,
    /// How much was moved.
    pub sizes: Sizes,
    /// By case, in the order of the table.
    pub lines: Vec<Line>,
    /// Versions of what ran.
    pub servers: Vec<String>,
    /// Why the others did not.
    pub not_started: Vec<String>,
    /// Processor seconds that sha-256 alone takes for 1 GiB.
    pub sha_256_s_per_gib: f64,
}

/// Where and when it was measured.
#[derive(Default, Serialize)]
pub(crate) struct Facts {
    /// UTC.
    pub date: String,
    /// What repeats it.
    pub command: String,
    /// Of this repository.
    pub commit: String,
    /// Name and release.
    pub kernel: String,
    /// As the processor calls itself.
    pub processor: String,
    /// Usable by us.
    pub cores: usize,
    /// GiB.
    pub memory_gib: f64,
    /// File system that holds the files.
    pub file_system: String,
    /// Over 1, 5 and 15 minutes.
    pub load_at_start: String,
    /// The same, afterwards (the bench itself is in it).
    pub load_at_end: String,
    /// Were the sizes too small to mean anything?
    pub quick: bool,
}

/// One server in one case.
#[derive(Serialize)]
pub(super) struct Line {
    /// Its name.
    pub case: Case,
    /// The contestant's name.
    pub server: &'static str,
    /// In the order of the rounds.
    pub samples: Vec<Sample>,
    /// Why there are no more.
    pub failure: Option<String>,
}

impl Facts {
    /// Asks the machine.
    pub(crate) fn gather(scratch: &Path, quick: bool) -> Self {
        let kernel = rustix::system::uname();
        let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = value(&text("/proc/meminfo"), "MemTotal");
        let memory_kib: f64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0);
        Self {
            date: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            command: command_line(),
            commit: String::new(),
            kernel: format!("{} {}", kernel.sysname().to_string_lossy(), kernel.release().to_string_lossy()),
            processor: value(&text("/proc/cpuinfo"), "model name"),
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib / f64::from(1 << 20),
            file_system: said("findmnt", &["-no", "FSTYPE", "-T", &scratch.to_string_lossy()]),
            load_at_start: load_average(),
            load_at_end: String::new(),
            quick,
        }
    }
}

/// Over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The commit that is checked out, and whether tracked files differ from it.
pub(crate) fn commit(root: &Path) -> String {
    let root = root.to_string_lossy();
    said("git", &["-C", &root, "describe", "--always", "--dirty", "--abbrev=12"])
}

/// What a small program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// What was typed, but for the files that it wrote.
fn command_line() -> String {
    let arguments: Vec<String> = env::args().skip(1).collect();
    format!("cargo run --release -p bench -- {}", arguments.join(" "))
}

/// Middle, least and most.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Middle {
    median: f64,
    least: f64,
    most: f64,
}

impl Middle {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) };
        Some(Self { median, least, most })
    }

    fn text(self, digits: usize) -> String {
        format!("{:.digits$} [{:.digits$}–{:.digits$}]", self.median, self.least, self.most)
    }
}

impl Line {
    /// Before the first sample.
    pub(super) fn new(case: Case, server: &'static str) -> Self {
        Self { case, server, samples: Vec::new(), failure: None }
    }

    /// MB/s (of a million bytes), or requests/s for small files.
    fn rate(&self) -> Option<Middle> {
        let small = self.case.load == Load::Small;
        let rate =
            |sample: &Sample| if small { sample.requests as f64 } else { sample.bytes as f64 / 1e6 } / sample.wall_s;
        Middle::of(self.samples.iter().map(rate))
    }

    /// By how much processor times are divided: GiB, or tens of thousands of files.
    fn amount(&self, sample: &Sample) -> f64 {
        if self.case.load == Load::Small { sample.requests as f64 / MANY } else { sample.bytes as f64 / GIB }
    }

    fn server_cpu(&self) -> Option<Middle> {
        Middle::of(self.samples.iter().map(|sample| sample.server.total_s() / self.amount(sample)))
    }

    fn median_of(&self, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        Middle::of(self.samples.iter().map(|sample| of(sample) / self.amount(sample))).map(|middle| middle.median)
    }

    /// For those who watch.
    pub(super) fn summary(&self) -> String {
        let name = self.case.name();
        match (&self.failure, self.rate(), self.server_cpu()) {
            (Some(failure), _, _) => format!("{name} {}: {failure}", self.server),
            (None, Some(rate), Some(cpu)) => {
                format!("{name} {}: {:.0} at {:.3} CPU-s", self.server, rate.median, cpu.median)
            }
            _ => format!("{name} {}: nothing", self.server),
        }
    }
}

impl Report {
    /// Did any run fail, or any server not start?
    pub(super) fn failed(&self) -> bool {
        !self.not_started.is_empty() || self.lines.iter().any(|line| line.failure.is_some())
    }

    /// For people, and for the repository.
    pub(super) fn text(&self) -> String {
        let mut out = String::from("# The door, side by side\n\n");
        self.write_facts(&mut out);
        self.write_table(&mut out, "## Large files", "MB/s (10^6)", "CPU-s per GiB", |load| load != Load::Small);
        self.write_table(&mut out, "## Small files", "requests/s", "CPU-s per 10,000", |load| load == Load::Small);
        self.write_aims(&mut out);
        self.write_notes(&mut out);
        out
    }

    fn write_facts(&self, out: &mut String) {
        let Facts { date, command, commit, kernel, processor, cores, memory_gib, file_system, .. } = &self.facts;
        let _ = writeln!(out, "    {command}\n");
        if self.facts.quick {
            out.push_str("**Quick sizes: these figures show that everything works and mean nothing else.**\n\n");
        }
        let Sizes { one_bytes, eight_bytes, small_count, small_rounds } = self.sizes;
        let [one_mib, eight_mib] = [one_bytes, eight_bytes].map(|bytes| bytes >> 20);
        let _ = writeln!(out, "- {date}, commit {commit}");
        let _ = writeln!(
            out,
            "- {kernel}; {processor}, {cores} cores; {memory_gib:.0} GiB; files on {file_system}, read from the page cache"
        );
        let _ =
            writeln!(out, "- load average {} at start, {} at end", self.facts.load_at_start, self.facts.load_at_end);
        let _ = writeln!(out, "- {}", self.servers.join("; "));
        let _ = writeln!(
            out,
            "- one: 1 × {one_mib} MiB; eight: 8 × {eight_mib} MiB at once; small: {small_count} × 4 KiB, 32 at once (GET: {small_rounds} rounds)"
        );
        for why in &self.not_started {
            let _ = writeln!(out, "- not started: {why}");
        }
        out.push('\n');
    }

    fn write_table(&self, out: &mut String, title: &str, rate: &str, cpu: &str, of: impl Fn(Load) -> bool) {
        let lines: Vec<&Line> = self.lines.iter().filter(|line| of(line.case.load)).collect();
        if lines.is_empty() {
            return;
        }
        let head = [
            "case",
            "server",
            rate,
            "/ nginx",
            &format!("server {cpu}"),
            "user + system",
            "/ nginx",
            &format!("client {cpu}"),
        ];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(lines.iter().map(|line| self.row(line)));
        let _ = writeln!(out, "{title}\n\nMedian [least–most] of the rounds; ratios are of medians.\n");
        write_rows(out, &rows);
        for line in lines.iter().filter(|line| line.failure.is_some()) {
            let failure = line.failure.as_deref().unwrap_or_default();
            let _ = writeln!(out, "- failed: {} {}: {failure}", line.case.name(), line.server);
        }
        out.push('\n');
    }

    fn row(&self, line: &Line) -> [String; 8] {
        let absent = || "–".to_owned();
        let digits = usize::from(line.case.load != Load::Small) * 3;
        let both = line.median_of(|sample| sample.server.user_s).zip(line.median_of(|sample| sample.server.system_s));
        let cpu_digits = if digits == 0 { 2 } else { digits };
        [
            line.case.name(),
            line.server.to_owned(),
            line.rate().map_or_else(absent, |rate| rate.text(0)),
            self.rate_ratio(line.case, line.server, "nginx").map_or_else(absent, |ratio| format!("{ratio:.2}")),
            line.server_cpu().map_or_else(absent, |cpu| cpu.text(cpu_digits)),
            both.map_or_else(absent, |(user, system)| format!("{user:.cpu_digits$} + {system:.cpu_digits$}")),
            self.cpu_ratio(line.case, line.server, "nginx").map_or_else(absent, |ratio| format!("{ratio:.2}")),
            line.median_of(|sample| sample.client.total_s()).map_or_else(absent, |cpu| format!("{cpu:.cpu_digits$}")),
        ]
    }

    fn line(&self, case: Case, server: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.case == case && line.server == server && line.failure.is_none())
    }

    fn rate_ratio(&self, case: Case, server: &str, to: &str) -> Option<f64> {
        Some(self.line(case, server)?.rate()?.median / self.line(case, to)?.rate()?.median)
    }

    fn cpu_ratio(&self, case: Case, server: &str, to: &str) -> Option<f64> {
        let (ours, theirs) = (self.line(case, server)?.server_cpu()?.median, self.line(case, to)?.server_cpu()?.median);
        // Too short a run can cost less than the kernel counts.
        (ours > 0.0 && theirs > 0.0).then_some(ours / theirs)
    }

    fn write_notes(&self, out: &mut String) {
        let _ = write!(
            out,
            "## Notes

- Server CPU: user and system time of the server's whole process tree (/proc/PID/stat), which the kernel counts in
  hundredths of a second. It is the figure to trust; rates share these cores with the clients and with all else here.
- Clients: curl, one process per large file (rate: from the first start to the last end); h2load for small files, 32
  requests at once (HTTP/1.1: 32 connections, HTTP/2: 4), rate by its own logs while all connections were busy. TLS 1.3
  with AES-128-GCM and an ECDSA P-256 certificate for all.
- Durability: portolan answers an upload when its bytes and its record are on the disk; a rename that a power cut loses is
  done again at the next start. **nginx, xrootd and rclone
  sync nothing**: after a power cut their uploads may be gone, and the time to write them is not in their figures.
- Digests: portolan computes adler32, crc32c and sha-256 of each upload; portolan-light adler32 and crc32c; the others
  compute none. Sha-256 alone costs {:.2} CPU-s per GiB here.
- Each upload was there afterwards in its full length, and after the round that does not count in its full content.
",
            self.sha_256_s_per_gib
        );
    }
}

/// Rows with bars between columns of equal width; the first row is the head.
fn write_rows<const N: usize>(out: &mut String, rows: &[[String; N]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(out, "| {cell:width$} ");
        }
        out.push_str("|\n");
        if number == 0 {
            for width in &widths {
                let _ = write!(out, "|{}", "-".repeat(width + 2));
            }
            out.push_str("|\n");
        }
    }
}

//! What the lab itself can do on this machine, and how true it is: how much a link carries at which distance, by iperf3;
//! how late packets are; whether as many are lost as should be; whether a rate is kept.

mod probe;

use crate::{cpu, packages};
use ::lab::scenario::Scenario;
use ::lab::{Running, Until};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// The lab itself: throughput over distance, and the truth of delay, loss and rate.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each throughput test runs, in seconds, after the start that is left out
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How often each throughput test runs; the median counts
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// Show within a minute that everything works; the figures mean little
    #[arg(long)]
    quick: bool,
    /// Write the report to this file too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Install Debian packages that are missing
    #[arg(long)]
    install: bool,
}

/// Round-trip times of the throughput tests, in milliseconds.
const DISTANCES_MS: [u32; 5] = [0, 10, 50, 110, 200];

/// Slow start over 200 ms takes some of this; it is left out of the figures.
const LEFT_OUT_SECONDS: u32 = 5;

/// What a link must carry at 110 ms.
const WANTED_GBIT_PER_SECOND: f64 = 5.0;

pub(crate) fn main(options: &Options) -> Result<ExitCode, String> {
    packages::require(&["iperf3"], options.install)?;
    if !rustix::process::geteuid().is_root() {
        return Err("it sends probes from inside the lab, which needs root".to_owned());
    }
    let mut report = heading();
    throughput(&mut report, options)?;
    delays(&mut report, options)?;
    losses(&mut report, options)?;
    rates(&mut report, options)?;
    print!("{report}");
    if let Some(file) = &options.out {
        std::fs::write(file, &report).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn heading() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let date = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown").to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let iperf3 = packages::program("iperf3").map(|program| packages::first_line(&program, &["--version"]));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    format!(
        "The lab on one machine\n\ncargo run --release -p bench -- {}\n{date}; {cores} cores of {model}; Linux {}; {}\n\
         load average before it began: {load}\n\n",
        arguments.join(" "),
        kernel.trim(),
        iperf3.unwrap_or_default(),
    )
}

/// Two hosts on one link, its way there and its way back.
fn up(forward: &str, backward: &str) -> Result<Running, String> {
    let text = format!(
        "name = \"bench-{}\"\nhosts = [\"a\", \"b\"]\n[[link]]\nname = \"l\"\nbetween = [\"a\", \"b\"]\n\
         a = {{ v4 = \"10.0.0.1/24\" }}\nb = {{ v4 = \"10.0.0.2/24\" }}\n[link.forward]\n{forward}\n[link.backward]\n\
         {backward}\n",
        std::process::id()
    );
    let scenario = Scenario::parse(&text, "bench").map_err(|findings| findings.to_string())?;
    ::lab::up(&scenario, Until::Dropped).map_err(|problem| problem.to_line())
}

/// What one throughput test told.
struct Run {
    gbit_per_second: f64,
    retransmitted: u64,
    sender_cores: f64,
    receiver_cores: f64,
    lab_cores: f64,
    late_p99_us: Option<f64>,
}

/// A test with iperf3 from a to b.
fn iperf3(lab: &Running, control: &str, seconds: u32) -> Result<Run, String> {
    let start = |host: &str, arguments: &[&str]| {
        let mut command = lab.command(host, "iperf3").map_err(|problem| problem.to_line())?;
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command.spawn().map_err(|error| format!("iperf3 does not start: {error}"))
    };
    let mut server = start("b", &["-s", "-1"])?;
    std::thread::sleep(Duration::from_millis(300));
    let before = cpu::of_trees(&[lab.supervisor()])?.total_s();
    let (time, omit) = (seconds.to_string(), LEFT_OUT_SECONDS.to_string());
    let client = start("a", &["-c", "10.0.0.2", "-t", &time, "-O", &omit, "-C", control, "-J"])?;
    let output = client.wait_with_output().map_err(|error| error.to_string())?;
    let after = cpu::of_trees(&[lab.supervisor()])?.total_s();
    let _ = server.kill();
    let _ = server.wait();
    let told: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("iperf3's JSON: {error}"))?;
    let number = |path: &str| told.pointer(path).and_then(Value::as_f64);
    let rate =
        number("/end/sum_received/bits_per_second").ok_or_else(|| format!("iperf3 failed: {}", told["error"]))?;
    let status = lab.status().map_err(|problem| problem.to_line())?;
    Ok(Run {
        gbit_per_second: rate / 1e9,
        retransmitted: number("/end/sum_sent/retransmits").unwrap_or_default() as u64,
        sender_cores: number("/end/cpu_utilization_percent/host_total").unwrap_or_default() / 100.0,
        receiver_cores: number("/end/cpu_utilization_percent/remote_total").unwrap_or_default() / 100.0,
        lab_cores: (after - before) / f64::from(seconds + LEFT_OUT_SECONDS),
        late_p99_us: status.links[0].forward.late_p99_us,
    })
}

fn throughput(report: &mut String, options: &Options) -> Result<(), String> {
    let (seconds, repeat) = if options.quick { (3, 1) } else { (options.seconds, options.repeat.max(1)) };
    report.push_str(
        "One TCP stream of iperf3 over one link without a rate, both ends and the lab on the same cores\n\n\
         RTT ms  control   Gbit/s  all rounds            retransmitted  sender cores  receiver cores  lab cores  \
         late p99 ms\n",
    );
    let mut at_110_ms: f64 = 0.0;
    for rtt in DISTANCES_MS {
        for control in ["cubic", "bbr"] {
            let mut runs = Vec::new();
            for _ in 0..repeat {
                eprintln!("bench: iperf3 over {rtt} ms with {control}");
                let way = format!("delay = \"{} us\"", rtt * 500);
                runs.push(iperf3(&up(&way, &way)?, control, seconds)?);
            }
            runs.sort_by(|one, other| one.gbit_per_second.total_cmp(&other.gbit_per_second));
            let all: Vec<String> = runs.iter().map(|run| format!("{:.2}", run.gbit_per_second)).collect();
            let run = &runs[runs.len() / 2];
            if rtt == 110 {
                at_110_ms = at_110_ms.max(run.gbit_per_second);
            }
            let _ = writeln!(
                report,
                "{rtt:>6}  {control:<7}  {:>7.2}  {:<20}  {:>13}  {:>12.2}  {:>14.2}  {:>9.2}  {:>11}",
                run.gbit_per_second,
                all.join(" "),
                run.retransmitted,
                run.sender_cores,
                run.receiver_cores,
                run.lab_cores,
                run.late_p99_us.map_or("-".to_owned(), |late| format!("≤ {:.3}", late / 1000.0)),
            );
        }
    }
    let met = if at_110_ms >= WANTED_GBIT_PER_SECOND { "met" } else { "not met" };
    let _ = writeln!(
        report,
        "\nWanted at 110 ms: {WANTED_GBIT_PER_SECOND} Gbit/s. Reached: {at_110_ms:.2} Gbit/s, {met}.\n\n"
    );
    Ok(())
}

fn delays(report: &mut String, options: &Options) -> Result<(), String> {
    let count = if options.quick { 500 } else { 5000 };
    report.push_str(
        "Delay of one datagram each 2 ms, one way, from before the call that sends it to the far kernel's stamp\n\n\
         asked ms  sent   least over ms  p50 over ms  p99 over ms  most over ms  within 0.2 ms at p50, 1 ms at p99\n",
    );
    for delay in [0, 5, 25, 55, 100] {
        eprintln!("bench: delay of {delay} ms");
        let lab = up(&format!("delay = \"{delay} ms\""), "")?;
        let arrived = probe::send(&lab, count, Duration::from_millis(2), Duration::from_millis(delay))?;
        let over: Vec<f64> = arrived.delays_ms.iter().map(|ms| ms - delay as f64).collect();
        let at = |share: f64| over.get((over.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        let (p50, p99) = (at(0.5), at(0.99));
        let _ = writeln!(
            report,
            "{delay:>8}  {count:>5}  {:>13.3}  {p50:>11.3}  {p99:>11.3}  {:>12.3}  {}",
            at(0.0),
            over.last().copied().unwrap_or(f64::NAN),
            if p50.abs() <= 0.2 && p99.abs() <= 1.0 { "yes" } else { "no" },
        );
    }
    report.push_str("\n\n");
    Ok(())
}

fn losses(report: &mut String, options: &Options) -> Result<(), String> {
    let count: u32 = if options.quick { 20_000 } else { 500_000 };
    report.push_str(
        "Loss of datagrams, counted at the receiver\n\n\
         asked %   sent     lost   99 % interval   inside\n",
    );
    for percent in [0.01, 0.1, 1.0, 5.0] {
        eprintln!("bench: loss of {percent} %");
        let lab = up(&format!("loss = \"{percent} %\"\ndelay = \"1 ms\""), "")?;
        let arrived = probe::send(&lab, count, Duration::ZERO, Duration::from_millis(1))?;
        let status = lab.status().map_err(|problem| problem.to_line())?;
        let missed: u64 = status.links.iter().filter_map(|link| link.forward.missed_packets).sum();
        if missed > 0 {
            return Err(format!(
                "{missed} datagrams were lost before the link, which says nothing of it; the machine is too busy"
            ));
        }
        let lost = f64::from(count - arrived.count);
        let mean = f64::from(count) * percent / 100.0;
        // The normal approximation of the binomial distribution, with half of one for whole numbers.
        let half = 2.576 * (mean * (1.0 - percent / 100.0)).sqrt() + 0.5;
        let inside = if (lost - mean).abs() <= half { "yes" } else { "no" };
        let _ = writeln!(
            report,
            "{percent:>7}  {count:>6}  {lost:>6}  {:>6.0} - {:<6.0}  {inside}",
            (mean - half).max(0.0),
            mean + half
        );
    }
    report.push_str("\n\n");
    Ok(())
}

fn rates(report: &mut String, options: &Options) -> Result<(), String> {
    let seconds = if options.quick { 3 } else { options.seconds };
    report.push_str(
        "Rate of one TCP stream over a link with a rate, RTT 10 ms and a queue of one bandwidth-delay product; of 1500 octets\n\
         of IP on the wire 1448 are the stream's\n\n\
         asked Mbit/s  stream Mbit/s  on the wire Mbit/s  of asked  within 2 %\n",
    );
    for asked in [10.0_f64, 100.0, 1000.0, 2500.0, 5000.0] {
        eprintln!("bench: rate of {asked} Mbit/s");
        let queue = (asked * 1e6 * 0.010 / 8.0).max(64_000.0);
        let way = format!("delay = \"5 ms\"\nrate = \"{asked} Mbit/s\"\nqueue = \"{queue} B\"\noverhead = 0");
        let run = iperf3(&up(&way, "delay = \"5 ms\"")?, "cubic", seconds)?;
        let stream = run.gbit_per_second * 1000.0;
        let wire = stream * 1500.0 / 1448.0;
        let share = wire / asked;
        let within = if (share - 1.0).abs() <= 0.02 { "yes" } else { "no" };
        let _ = writeln!(report, "{asked:>12}  {stream:>13.1}  {wire:>18.1}  {share:>8.4}  {within}");
    }
    Ok(())
}

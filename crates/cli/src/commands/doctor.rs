//! `portolan doctor`.

use super::reach::address_problem;
use super::{misused, print, say, tell};
use net::Family;
use soundings::doctor::{FarHelp, Look, Roots, gather, look_from_there};
use soundings_core::doctor::{Facts, Finding, Goal, State, examine, sysctl_file, worst};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use terms::{Problem, Rate, Span};

pub(crate) const ABOUT: &str = "\
Find what keeps this host from filling a long path: buffers, congestion control, queues, MTU, offloads, drops, processors, \
interrupts, clock, names, disks; and with --with, the ports and the path to another host. Nothing is changed. Each line \
says what was found, what it costs, and what to do.

Exit codes: 0 nothing to mend; 1 something costs speed or truth; 4 something does not work; 3 this host could not be \
looked at as asked. What cannot be seen is said to be unknown, and changes no code.";

/// Something does not work.
const EXIT_BROKEN: u8 = 4;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The rate that one connection is to reach [default: what the BCP asks of the fastest interface: 900 Mbit/s of
    /// gigabit, 7 Gbit/s of ten]
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// Over this round-trip time [default: 80 ms]
    #[arg(long, value_name = "SPAN")]
    rtt: Option<Span>,
    /// Look from another host too, where a responder of Portolan runs, with :PORT if it is not 5201
    #[arg(long, value_name = "HOST[:PORT]")]
    with: Option<String>,
    /// Ports of this host that the other one tries, up to eight, with commas between them
    #[arg(long, value_name = "PORTS", value_delimiter = ',', default_values_t = [5201, 8443], requires = "with",
          value_parser = clap::value_parser!(u16).range(1..))]
    ports: Vec<u16>,
    /// A folder where data is kept; may be given again [default: where a port keeps everything, else this folder]
    #[arg(long, value_name = "PATH")]
    disk: Vec<PathBuf>,
    /// IPv4 alone
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 alone
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Show the arithmetic, and where thresholds come from
    #[arg(long)]
    explain: bool,
    /// Only what costs or does not work
    #[arg(short, long)]
    quiet: bool,
    /// Print nothing but lines for a file in /etc/sysctl.d
    #[arg(long, conflicts_with = "json")]
    sysctl: bool,
    /// The findings, and the facts behind them, as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    match look(&arguments).await {
        Ok(facts) => {
            let goal = Goal::of(&facts, arguments.rate, arguments.rtt.map(|span| span.0));
            let findings = examine(&facts, &goal);
            show(&arguments, &facts, &goal, &findings);
            code(worst(&findings))
        }
        Err(problem) => tell(&problem, super::EXIT_IN_THE_WAY),
    }
}

fn code(worst: State) -> ExitCode {
    match worst {
        State::Unknown | State::Ok => ExitCode::SUCCESS,
        State::Costs => ExitCode::FAILURE,
        State::Broken => ExitCode::from(EXIT_BROKEN),
    }
}

async fn look(arguments: &Arguments) -> Result<Facts, Problem> {
    if arguments.rate.is_some_and(|rate| rate.0 == 0)
        || arguments.rtt.is_some_and(|rtt| rtt.0 < Duration::from_micros(1))
    {
        return Err(misused("A rate and a round-trip time are more than 0".to_owned()));
    }
    if let Some(path) = arguments.disk.iter().find(|path| !path.exists()) {
        return Err(misused(format!("There is no {}", path.display())));
    }
    let family = match (arguments.ipv4, arguments.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Both,
    };
    let far = arguments.with.as_deref().map(super::throughput::split).transpose()?;
    let roots = Roots::default();
    let far_name = far.as_ref().map(|(host, _)| host.clone());
    let look = Look { roots: roots.clone(), family, disks: disks(&arguments.disk), far_name };
    let mut facts = gather(&look).await;
    if let Some((host, port)) = far {
        let help = FarHelp { host: host.clone(), port, family, ports: arguments.ports.clone() };
        match look_from_there(&help, &roots).await {
            Ok(found) => facts.far = found,
            // That the name does not resolve is a finding already.
            Err(_) if facts.names.iter().any(|name| !name.own && name.addresses.is_none()) => {}
            Err(error) => return Err(address_problem(&host, &error)),
        }
    }
    Ok(facts)
}

fn disks(asked: &[PathBuf]) -> Vec<PathBuf> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let usual = daemon::settings::Settings::built_in().data_dir;
    if usual.exists() { vec![usual] } else { vec![Path::new(".").to_owned()] }
}

fn show(arguments: &Arguments, facts: &Facts, goal: &Goal, findings: &[Finding]) {
    let lines = sysctl_file(findings);
    if arguments.sysctl {
        print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        return;
    }
    if arguments.json {
        let value = serde_json::json!({
            "goal": {
                "rate_bits_per_second": goal.rate_bits_per_second,
                "rtt_seconds": goal.rtt.as_secs_f64(),
                "window_bytes": goal.window_bytes(),
                "reason": goal.reason,
            },
            "worst": worst(findings),
            "findings": findings,
            "sysctl": lines,
            "facts": facts,
        });
        print(&format!("{value}\n"));
        return;
    }
    let mut text = format!("Goal: {} in one connection ({}).\n", goal.text(), goal.reason);
    if arguments.explain {
        text.push_str(&format!("      {}\n", goal.arithmetic()));
    }
    text.push('\n');
    let shown = findings.iter().filter(|finding| !arguments.quiet || finding.state >= State::Costs);
    shown.for_each(|finding| text.push_str(&paragraph(finding, arguments.explain)));
    if !lines.is_empty() {
        text.push_str("\nTo make the settings last: portolan doctor --sysctl > /etc/sysctl.d/90-portolan.conf, then sysctl --system\n");
    }
    let count = |state: State| findings.iter().filter(|finding| finding.state == state).count();
    text.push_str(&format!(
        "\n{} as it should be, {} with a cost, {} broken, {} unknown\n",
        count(State::Ok),
        count(State::Costs),
        count(State::Broken),
        count(State::Unknown)
    ));
    print(&text);
    if !facts.root && count(State::Unknown) > 0 {
        say("Some things show only to root.");
    }
}

fn paragraph(finding: &Finding, explain: bool) -> String {
    let state = match finding.state {
        State::Ok => "ok",
        State::Costs => "COSTS",
        State::Broken => "BROKEN",
        State::Unknown => "unknown",
    };
    let of = finding.of.as_ref().map_or_else(String::new, |of| format!(" of {of}"));
    let mut text = format!("{state:<8}{}{of}: {}\n", finding.subject, finding.found);
    let mut line = |word: &str, told: &str| text.push_str(&format!("        {word} {told}\n"));
    finding.cost.iter().for_each(|cost| line("costs:", cost));
    finding.remedies.iter().for_each(|remedy| line("remedy:", &remedy.text()));
    if explain {
        finding.because.iter().for_each(|because| line("because:", because));
    }
    text
}

//! `portolan path-model`.

use super::reach::address_problem;
use super::{print, say, tell};
use net::Family;
use soundings::path_model::{News, Settings, measure};
use soundings_core::path_model::{Answer, Requirements, Section, Target, judge};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use terms::{Blame, Problem, Rate, Retry, Span};

pub(crate) const ABOUT: &str = "\
Can a path carry this rate over this distance; if not, which requirement fails, and by how much? (NPAD; RFC 8337)

Measure a short section of the path, for example from this host to a responder at the border of the campus: a short path \
hides losses and short queues that ruin a long one. Each requirement that the rate and the round-trip time of the whole \
path put on the section is set beside what was measured. A host with IPv4 and IPv6 is measured by both.

Exit codes: 0 it can; 1 it could not be measured; 4 it cannot; 5 too little was measured to say.";

const EXIT_CANNOT: u8 = 4;
const EXIT_UNSURE: u8 = 5;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A responder at the end of the section: a name or an address, with :PORT if it is not 5201
    #[arg(value_name = "HOST[:PORT]")]
    host: String,
    /// The rate that the whole path is to carry, of data: 900Mbit/s
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Rate,
    /// The round-trip time of the whole path: 80ms
    #[arg(long, value_name = "SPAN")]
    rtt: Span,
    /// Largest packet of the whole path, bytes [default: that of this section]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(256..=65_536))]
    mtu: Option<u32>,
    /// How long to measure at most, all parts together
    #[arg(short, long, value_name = "SPAN", default_value = "20 s")]
    time: Span,
    /// Congestion control of the stream [default: cubic, where the kernel has it]
    #[arg(short = 'C', long, value_name = "NAME")]
    congestion_control: Option<String>,
    /// How long to wait for a turn there
    #[arg(long, value_name = "SPAN", default_value = "5 min")]
    wait: Span,
    /// IPv4 alone
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 alone
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Show the arithmetic
    #[arg(long)]
    explain: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Do not tell what is being done
    #[arg(short, long)]
    quiet: bool,
}

/// As `900Mbit/s`, and as people say it: `10Gbit`.
fn rate(text: &str) -> Result<Rate, String> {
    let whole = if text.ends_with("bit") { format!("{text}/s") } else { text.to_owned() };
    whole.parse().map_err(|error: terms::InvalidQuantity| error.to_string())
}

/// What became of one address.
struct Done {
    address: SocketAddr,
    target: Target,
    section: Section,
    judged: Requirements,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    match all(&arguments).await {
        Ok(code) => code,
        Err(problem) => tell(&problem, 1),
    }
}

async fn all(arguments: &Arguments) -> Result<ExitCode, Problem> {
    let family = match (arguments.ipv4, arguments.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Both,
    };
    let (host, port) = super::throughput::split(&arguments.host)?;
    let addresses = net::addresses_of(&host, port, family).await.map_err(|error| address_problem(&host, &error))?;
    let (mut done, mut failed) = (Vec::new(), false);
    for address in addresses {
        match one(arguments, address).await {
            Ok(measured) => {
                if !arguments.json {
                    print(&text(&measured, arguments.explain));
                }
                done.push(measured);
            }
            Err(problem) => {
                // The other family is measured all the same.
                say(&format!("portolan: {address}: {}", problem.to_line()));
                failed = true;
            }
        }
    }
    if arguments.json {
        print(&format!("{}\n", json(&host, &done)));
    }
    let worst = done.iter().map(|one| one.judged.answer).max();
    Ok(match worst {
        Some(Answer::Fail) => ExitCode::from(EXIT_CANNOT),
        _ if failed => ExitCode::FAILURE,
        None => ExitCode::FAILURE,
        Some(Answer::Inconclusive) => ExitCode::from(EXIT_UNSURE),
        Some(Answer::Pass) => ExitCode::SUCCESS,
    })
}

async fn one(arguments: &Arguments, address: SocketAddr) -> Result<Done, Problem> {
    let settings = Settings {
        address,
        rate: arguments.rate,
        rtt: arguments.rtt.0,
        mtu_bytes: arguments.mtu,
        time: arguments.time.0.clamp(TIME_LEAST, TIME_MOST),
        congestion_control: arguments.congestion_control.clone(),
        patience: arguments.wait.0,
    };
    let quiet = arguments.quiet;
    let hear = move |news: News| match news {
        _ if quiet => {}
        News::Wait(most) => {
            say(&format!("portolan: waiting for our turn, which comes in {} at the latest", Span(most)))
        }
        News::Part(what, most) => say(&format!("portolan: {address}: {what}, {} at most", Span(most))),
    };
    let measured = tokio::task::spawn_blocking(move || measure(&settings, hear)).await;
    let (target, section) = measured.unwrap_or_else(|error| Err(ours(&error)))?;
    let judged = judge(&target, &section);
    Ok(Done { address, target, section, judged })
}

fn text(done: &Done, explain: bool) -> String {
    let target = &done.target;
    let mut text = format!("{} over {} by {}:\n", target.rate(), Span(target.rtt()), done.address);
    if explain {
        target.arithmetic().iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    for one in &done.judged.requirements {
        let answer = match one.answer {
            Answer::Pass => "ok",
            Answer::Inconclusive => "unsure",
            Answer::Fail => "FAILS",
        };
        text.push_str(&format!("  {answer:<7}{}: {}; needed: {}\n", one.name, one.measured, one.required));
        one.next.iter().for_each(|next| text.push_str(&format!("         {next}\n")));
    }
    let failing: Vec<&str> =
        done.judged.requirements.iter().filter(|one| one.answer == Answer::Fail).map(|one| one.name).collect();
    text.push_str(&match done.judged.answer {
        Answer::Pass => "This section can be part of such a path.\n".to_owned(),
        Answer::Inconclusive => "Nothing speaks against it, and too little was measured to say yes.\n".to_owned(),
        Answer::Fail => format!("No path through this section carries that: {}.\n", failing.join(", ")),
    });
    text
}

fn json(host: &str, done: &[Done]) -> serde_json::Value {
    let one = |done: &Done| {
        serde_json::json!({
            "address": done.address,
            "answer": done.judged.answer,
            "target": done.judged.target,
            "arithmetic": done.target.arithmetic(),
            "requirements": done.judged.requirements,
            "section": done.section,
        })
    };
    serde_json::json!({ "host": host, "results": done.iter().map(one).collect::<Vec<_>>() })
}

fn ours(error: &tokio::task::JoinError) -> Problem {
    Problem {
        status: 500,
        kind: "internal",
        title: "the measurement broke",
        detail: format!("{error}."),
        blame: Blame::Us,
        retry: Retry::Soon,
        next: "Please report this.".to_owned(),
    }
}

/// Below this the parts are too short for anything.
const TIME_LEAST: Duration = Duration::from_secs(1);
/// An hour tells of 6e8 packets of 9000 bytes at ten gigabit.
const TIME_MOST: Duration = Duration::from_secs(6 * 3_600);

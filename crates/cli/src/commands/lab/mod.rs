//! `portolan lab`: emulated networks on this machine.

mod carry_out;
mod status;

use super::{EXIT_IN_THE_WAY, print, say, tell};
use ::lab::conditions::{CONDITIONS, Condition};
use ::lab::scenario::{Findings, Scenario};
use ::lab::{Running, Until};
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terms::{Blame, Problem, Retry};

pub(crate) const ABOUT: &str = "\
Build networks with distance, loss and narrow links on this machine, and run commands in them.

Hosts and routers are network namespaces; links have rate, queue, delay, jitter, loss, reordering, duplication, corruption \
and MTU, each direction its own. Needs Linux, and root or a user namespace. Whatever happens, 'lab down' or the next \
'lab up' leaves the machine as it was.";

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 it could not be done, or a command of 'lab run' failed; 2 wrong use of the command line; 3 no such \
lab, host or command, or a scenario with mistakes. 'lab exec' ends with the code of its command.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Bring a network up
    Up(Up),
    /// Run a command on a host or router; its exit code is ours
    Exec(Exec),
    /// Tell what links carried, what waits, and what was dropped and why
    Status(Status),
    /// Take a network down, with all that runs in it
    Down(Down),
    /// Bring a network up, run the commands of its scenario, keep their output, and take it down
    Run(carry_out::Arguments),
    /// List the paths that have names, with the reasons for their figures
    Conditions(Conditions),
    /// Tell all that is wrong with a scenario, with lines and what to write instead
    Check(Check),
}

#[derive(clap::Args)]
struct Up {
    #[command(flatten)]
    scenario: ScenarioArguments,
}

/// Which network.
#[derive(clap::Args)]
struct ScenarioArguments {
    /// A scenario's file, or the name of a condition, as lyon-slac
    #[arg(value_name = "FILE|CONDITION")]
    scenario: PathBuf,
    /// Call it so, instead of as the scenario says
    #[arg(long)]
    name: Option<String>,
    /// Where its chances come from, instead of what the scenario says
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(clap::Args)]
struct Exec {
    /// Which network, when several are up
    #[arg(long, value_name = "NAME")]
    lab: Option<String>,
    /// The host or router
    host: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(clap::Args)]
struct Status {
    /// Which network, when several are up
    name: Option<String>,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Down {
    /// Which network, when several are up
    name: Option<String>,
    /// All of them
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

#[derive(clap::Args)]
struct Conditions {
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Check {
    /// The scenario's file
    file: PathBuf,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let done = match &arguments.action {
        Action::Up(wanted) => up(wanted),
        Action::Exec(wanted) => exec(wanted),
        Action::Status(wanted) => show(wanted),
        Action::Down(wanted) => down(wanted),
        Action::Run(wanted) => return carry_out::run(wanted).await,
        Action::Conditions(wanted) => {
            print(&conditions(wanted.json));
            Ok(())
        }
        Action::Check(wanted) => return check(wanted),
    };
    done.map_or_else(|problem| tell(&problem, exit_code(&problem)), |()| ExitCode::SUCCESS)
}

/// A scenario that cannot be read or built was not tried.
fn exit_code(problem: &Problem) -> u8 {
    if problem.blame == Blame::Caller { EXIT_IN_THE_WAY } else { 1 }
}

impl ScenarioArguments {
    /// A file of this name wins over a condition.
    fn read(&self) -> Result<Scenario, Problem> {
        let named = self.scenario.to_str().and_then(Condition::named).filter(|_| !self.scenario.exists());
        let (text, file) = match named {
            Some(condition) => (condition.scenario(), condition.name.to_owned()),
            None => (read(&self.scenario)?, self.scenario.display().to_string()),
        };
        let mut scenario = Scenario::parse(&text, &file).map_err(Findings::into_problem)?;
        scenario.name = self.name.clone().unwrap_or(scenario.name);
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        Ok(scenario)
    }
}

fn read(file: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(file).map_err(|error| Problem {
        status: 400,
        kind: "scenario-unreadable",
        title: "the scenario cannot be read",
        detail: format!("{}: {error}.", file.display()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Name a file, or one of `portolan lab conditions`.".to_owned(),
    })
}

fn up(wanted: &Up) -> Result<(), Problem> {
    let scenario = wanted.scenario.read()?;
    let running = ::lab::up(&scenario, Until::Down)?;
    let hosts: Vec<&str> = scenario.hosts.iter().map(|host| host.name.as_str()).collect();
    let (name, links) = (running.name(), scenario.links.len());
    let plural = if links == 1 { "link" } else { "links" };
    say(&format!("The lab {name} is up: {links} {plural}, hosts {}.", hosts.join(", ")));
    let (host, others) = (hosts.first().unwrap_or(&""), ::lab::labs()?.len() > 1);
    let named = if others { format!("--lab {name} ") } else { String::new() };
    let down = if others { format!(" {name}") } else { String::new() };
    say(&format!("Next: portolan lab exec {named}{host} -- COMMAND; at the end: portolan lab down{down}"));
    Ok(())
}

/// The lab that is meant: the named one, the one in which this command runs, or the only one.
fn meant(name: Option<&str>) -> Result<Running, Problem> {
    if let Some(name) = name {
        return ::lab::attach(name);
    }
    let labs = ::lab::labs()?;
    match labs.as_slice() {
        [only] => ::lab::attach(only),
        [] => Err(unclear("No lab of this user is up.", "Bring one up with `portolan lab up`.".to_owned())),
        several => Err(unclear("Several labs are up.", format!("Name one of {}.", several.join(", ")))),
    }
}

fn unclear(detail: &str, next: String) -> Problem {
    Problem {
        status: 404,
        kind: "lab-unclear",
        title: "it is not clear which lab is meant",
        detail: detail.to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next,
    }
}

/// Becomes the command of 'lab exec' while this process has one thread: only such a process may enter the user namespace
/// of a lab that was brought up without root. Absent: it is another command.
pub(crate) fn before_threads(arguments: &Arguments) -> Option<ExitCode> {
    let Action::Exec(wanted) = &arguments.action else { return None };
    Some(exec(wanted).map_or_else(|problem| tell(&problem, exit_code(&problem)), |()| ExitCode::SUCCESS))
}

/// Becomes the command, so that signals, terminal and exit code are its own.
fn exec(wanted: &Exec) -> Result<(), Problem> {
    let running = meant(wanted.lab.as_deref())?;
    let Some((program, arguments)) = wanted.command.split_first() else { return Ok(()) };
    let mut command = running.command(&wanted.host, program)?;
    let error = command.args(arguments).exec();
    Err(not_run(&program.to_string_lossy(), &wanted.host, &error))
}

fn not_run(program: &str, host: &str, error: &std::io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "command-failed",
        title: "the command could not be run",
        detail: format!("{program} on {host}: {error}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Name a program that this machine has, and look at its rights.".to_owned(),
    }
}

fn show(wanted: &Status) -> Result<(), Problem> {
    let status = meant(wanted.name.as_deref())?.status()?;
    if wanted.json {
        print(&format!("{}\n", serde_json::to_value(&status).unwrap_or_default()));
    } else {
        print(&status::table(&status));
    }
    Ok(())
}

fn down(wanted: &Down) -> Result<(), Problem> {
    let lost = ::lab::lost()?;
    let swept = ::lab::sweep()?;
    for name in &lost {
        say(&format!("The lab {name} had lost its supervisor; what it left is removed."));
    }
    tell_ended(&swept);
    let labs = ::lab::labs()?;
    let names = match &wanted.name {
        Some(name) if lost.contains(name) => Vec::new(),
        Some(name) => vec![name.clone()],
        None if wanted.all => labs,
        None if labs.is_empty() || !lost.is_empty() => Vec::new(),
        None => vec![meant(None)?.name().to_owned()],
    };
    for name in &names {
        let ended = ::lab::attach(name)?.down()?;
        say(&format!("The lab {name} is down."));
        tell_ended(&ended);
    }
    if names.is_empty() && lost.is_empty() {
        say("No lab is up.");
    }
    Ok(())
}

/// Which processes of a lab had to end with it.
fn tell_ended(ended: &[u32]) {
    if ended.is_empty() {
        return;
    }
    let plural = if ended.len() == 1 { "process" } else { "processes" };
    let numbers: Vec<String> = ended.iter().map(u32::to_string).collect();
    say(&format!("{} {plural} that ran in it ended with it: {}.", ended.len(), numbers.join(", ")));
}

fn conditions(as_json: bool) -> String {
    if as_json {
        let all = CONDITIONS.iter().map(|condition| {
            json!({
                "name": condition.name,
                "about": condition.about,
                "figures": condition.figures,
                "reason": condition.reason,
            })
        });
        return format!("{}\n", serde_json::Value::Array(all.collect()));
    }
    let shown = CONDITIONS.iter().map(|condition| {
        let figures: String = condition.figures.lines().map(|line| format!("    {line}\n")).collect();
        let reason = format!("    Why: {}\n", condition.reason);
        format!("{}: {}\n{figures}{reason}", condition.name, condition.about)
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn check(wanted: &Check) -> ExitCode {
    let text = match read(&wanted.file) {
        Ok(text) => text,
        Err(problem) => return tell(&problem, EXIT_IN_THE_WAY),
    };
    match Scenario::parse(&text, &wanted.file.display().to_string()) {
        Ok(scenario) => {
            say(&format!("{}: no problems", wanted.file.display()));
            print(&status::plan(&scenario));
            ExitCode::SUCCESS
        }
        // The findings are what was asked for: data.
        Err(findings) => {
            print(&format!("{findings}\n"));
            ExitCode::from(EXIT_IN_THE_WAY)
        }
    }
}

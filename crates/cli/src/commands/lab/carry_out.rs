//! `portolan lab run`: up, commands, collect, down; also when it is interrupted.

use super::{ScenarioArguments, exit_code, not_run};
use crate::commands::{print, say, tell};
use ::lab::scenario::Command;
use ::lab::{Running, Until};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// The folder for what the commands print and for the summary [default: the scenario's name]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Print the summary, for programs
    #[arg(long)]
    json: bool,
}

/// How long a server may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a command may take to end after it was asked to.
const END_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn run(arguments: &Arguments) -> ExitCode {
    match carry_out(arguments).await {
        Ok(summary) => {
            if arguments.json {
                print(&format!("{summary}\n"));
            }
            let succeeded = summary["succeeded"] == json!(true);
            if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => tell(&problem, exit_code(&problem)),
    }
}

/// A command that was started.
struct Started<'a> {
    command: &'a Command,
    child: Child,
    since: Instant,
    after: Duration,
}

/// How a command ended.
enum End {
    Exit(std::process::ExitStatus),
    /// It took longer than it may.
    Limit,
    /// It ran in the background until the others had ended.
    Others,
    /// Somebody ended all of it.
    Interrupted,
}

/// The signals that end it early.
struct Interrupts(Signal, Signal);

impl Interrupts {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

async fn carry_out(arguments: &Arguments) -> Result<Value, Problem> {
    let scenario = arguments.scenario.read()?;
    if scenario.commands.is_empty() {
        return Err(in_the_way(
            format!("The scenario {} has no [[command]].", scenario.name),
            "Add one, or use `portolan lab up` and `portolan lab exec`.",
        ));
    }
    let output = arguments.output.clone().unwrap_or_else(|| PathBuf::from(&scenario.name));
    fs::create_dir_all(&output).map_err(|error| {
        let detail = format!("Making {}: {error}.", output.display());
        in_the_way(detail, "Name another folder with --output.")
    })?;
    let interrupts = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let mut interrupts = match interrupts {
        (Ok(interrupt), Ok(terminate)) => Interrupts(interrupt, terminate),
        (Err(error), _) | (_, Err(error)) => {
            return Err(in_the_way(format!("Listening for signals: {error}."), "Try again."));
        }
    };
    let running = ::lab::up(&scenario, Until::Dropped)?;
    say(&format!("The lab {} is up; output goes to {}.", running.name(), output.display()));
    let began = Instant::now();
    let (done, interrupted) = all(&scenario.commands, &running, &output, began, &mut interrupts).await;
    let links = running.status().ok().and_then(|status| serde_json::to_value(status).ok());
    let down = running.down();
    let (results, failure) = match done {
        Ok(results) => (results, None),
        Err((results, problem)) => (results, Some(problem)),
    };
    let failed = results.iter().filter(|result| result["succeeded"] == json!(false)).count();
    let summary = json!({
        "scenario": scenario.name,
        "seed": scenario.seed,
        "seconds": began.elapsed().as_secs_f64(),
        "interrupted": interrupted,
        "succeeded": failed == 0 && failure.is_none() && !interrupted,
        "commands": results,
        "status": links,
    });
    let _ = fs::write(output.join("summary.json"), format!("{summary:#}\n"));
    down?;
    if let Some(problem) = failure {
        return Err(problem);
    }
    say(&format!("The lab is down; {} commands, {failed} failed.", scenario.commands.len()));
    Ok(summary)
}

type Outcome = Result<Vec<Value>, (Vec<Value>, Problem)>;

/// Runs all commands; gives what became of them, and whether somebody ended it.
async fn all(
    commands: &[Command],
    running: &Running,
    output: &Path,
    began: Instant,
    interrupts: &mut Interrupts,
) -> (Outcome, bool) {
    let (mut results, mut beside) = (Vec::new(), Vec::new());
    let mut stopped = None;
    for command in commands {
        match one(command, running, output, began, interrupts, &mut beside).await {
            Ok(None) => {}
            Ok(Some((started, end))) => {
                let interrupted = matches!(end, End::Interrupted);
                results.push(finish(started, end).await);
                if interrupted {
                    stopped = Some(None);
                    break;
                }
            }
            Err(problem) => {
                stopped = Some(problem);
                break;
            }
        }
    }
    // Those before may have been what the last one waited for: they are ended in the order of the file.
    for mut started in beside {
        let end = match started.child.try_wait() {
            Ok(Some(status)) => End::Exit(status),
            _ => End::Others,
        };
        results.push(finish(started, end).await);
    }
    match stopped {
        None => (Ok(results), false),
        Some(None) => (Ok(results), true),
        Some(Some(problem)) => (Err((results, problem)), false),
    }
}

/// Runs one command until it ends or, in the background, until it is ready. An error without a problem: somebody ended
/// all of it.
async fn one<'a>(
    command: &'a Command,
    running: &Running,
    output: &Path,
    began: Instant,
    interrupts: &mut Interrupts,
    beside: &mut Vec<Started<'a>>,
) -> Result<Option<(Started<'a>, End)>, Option<Problem>> {
    if let Some(at) = command.at {
        tokio::select! {
            () = tokio::time::sleep(at.saturating_sub(began.elapsed())) => {}
            () = interrupts.next() => return Err(None),
        }
    }
    say(&format!("{} on {}: {}", command.name, command.host, command.argv.join(" ")));
    let mut started = start(command, running, output, began).map_err(Some)?;
    if let Some(port) = command.ready_port {
        tokio::select! {
            ready = wait_until_ready(&mut started, port) => ready.map_err(Some)?,
            () = interrupts.next() => return Ok(Some((started, End::Interrupted))),
        }
    }
    if command.background {
        beside.push(started);
        return Ok(None);
    }
    let end = tokio::select! {
        ended = started.child.wait() => ended.map_or(End::Limit, End::Exit),
        () = tokio::time::sleep(command.limit) => End::Limit,
        () = interrupts.next() => End::Interrupted,
    };
    Ok(Some((started, end)))
}

fn start<'a>(command: &'a Command, running: &Running, output: &Path, began: Instant) -> Result<Started<'a>, Problem> {
    let Some((program, rest)) = command.argv.split_first() else {
        return Err(in_the_way(format!("The command {} is empty.", command.name), "Write one."));
    };
    let file = |ending: &str| {
        let path = output.join(format!("{}.{ending}", command.name));
        File::create(&path).map_err(|error| {
            in_the_way(format!("Making {}: {error}.", path.display()), "Name another folder with --output.")
        })
    };
    let mut child = tokio::process::Command::from(running.command(&command.host, program)?);
    child.args(rest).stdin(Stdio::null()).stdout(file("out")?).stderr(file("err")?);
    // A group of its own: what it starts is ended with it, and a key pressed here does not reach it before us.
    child.process_group(0).kill_on_drop(true);
    let (since, after) = (Instant::now(), began.elapsed());
    let child = child.spawn().map_err(|error| not_run(program, &command.host, &error))?;
    Ok(Started { command, child, since, after })
}

/// Waits until a TCP port is listened to in the network of a command.
async fn wait_until_ready(started: &mut Started<'_>, port: u16) -> Result<(), Problem> {
    let name = &started.command.name;
    let Some(pid) = started.child.id() else { return Ok(()) };
    while started.since.elapsed() < READY_WITHIN {
        if listens(pid, port) {
            return Ok(());
        }
        if let Ok(Some(status)) = started.child.try_wait() {
            let detail = format!("{name} ended before it listened on port {port}: {status}.");
            return Err(in_the_way(detail, "Look at its output."));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let detail = format!("{name} did not listen on port {port} within {} s.", READY_WITHIN.as_secs());
    Err(in_the_way(detail, "Look at its output."))
}

/// The kernel's tables of a process are those of its network: one line a socket, local address and state in hexadecimal.
fn listens(pid: u32, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    ["tcp", "tcp6"].iter().any(|table| {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        table.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().is_some_and(|local| local.ends_with(&wanted));
            local && words.nth(1) == Some(LISTEN)
        })
    })
}

/// Ends what still runs, and tells what became of it.
async fn finish(mut started: Started<'_>, end: End) -> Value {
    if !matches!(end, End::Exit(_)) {
        signal_group(&started.child, rustix::process::Signal::TERM);
        if tokio::time::timeout(END_WITHIN, started.child.wait()).await.is_err() {
            signal_group(&started.child, rustix::process::Signal::KILL);
            let _ = started.child.wait().await;
        }
    }
    let (how, code) = match &end {
        End::Exit(status) => ("exited", status.code()),
        End::Limit => ("took longer than its limit", None),
        End::Others => ("ran until the others had ended", None),
        End::Interrupted => ("was interrupted", None),
    };
    // What runs in the background is meant to be ended.
    let succeeded = match &end {
        End::Exit(status) => status.success(),
        End::Others => true,
        End::Limit | End::Interrupted => false,
    };
    let command = started.command;
    if !succeeded {
        let code = code.map(|code| format!(" with {code}")).unwrap_or_default();
        say(&format!("{} {how}{code}; see {}.err", command.name, command.name));
    }
    json!({
        "name": command.name,
        "host": command.host,
        "command": command.argv,
        "started_seconds": started.after.as_secs_f64(),
        "seconds": started.since.elapsed().as_secs_f64(),
        "end": how,
        "exit_code": code,
        "succeeded": succeeded,
        "stdout": format!("{}.out", command.name),
        "stderr": format!("{}.err", command.name),
    })
}

fn signal_group(child: &Child, signal: rustix::process::Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

fn in_the_way(detail: String, next: &str) -> Problem {
    Problem {
        status: 500,
        kind: "lab-run-failed",
        title: "the scenario was not carried out",
        detail,
        blame: Blame::Caller,
        retry: Retry::Never,
        next: next.to_owned(),
    }
}

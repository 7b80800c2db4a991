//! `bench policy`: what a decision costs with a thousand rules and ten thousand groups, beside plain Cedar over the same
//! rules. Times are processor time of the one thread that asks, so what else the machine does hardly matters.

use crate::door::report::{self, Facts};
use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod plain;
mod site;

/// What to write.
#[derive(Args)]
pub(crate) struct Options {
    /// Few rounds: shows that everything works, measures nothing.
    #[arg(long)]
    quick: bool,
    /// Writes the report there, too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Rounds over the questions of a case; the median of their means is told.
const ROUNDS: usize = 7;

/// "A decision costs microseconds", by the first words of cases. A request over loopback costs some 30 µs.
const AIMS: [(&str, f64); 4] = [("cached", 5.0), ("uncached", 100.0), ("conditional", 100.0), ("embargo", 100.0)];

/// One line of the report.
struct Line {
    name: &'static str,
    what: &'static str,
    /// Nanoseconds of processor time for one decision: median, least, most of the rounds.
    nanos: [f64; 3],
}

/// The whole command.
pub(crate) fn main(options: &Options) -> Result<ExitCode, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut facts = Facts::gather(root, options.quick);
    facts.commit = report::commit(root);
    let lines = measure(if options.quick { 1 } else { 20 })?;
    facts.load_at_end = report::load_average();
    let text = text(&facts, &lines);
    print!("{text}");
    if let Some(file) = &options.out {
        fs::write(file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(times: usize) -> Result<Vec<Line>, String> {
    let (policy, compile_nanos) = site::policy_timed()?;
    let plain = plain::Plain::of(&policy)?;
    let questions = site::questions();
    for question in questions.settled.iter().chain(&questions.conditional).step_by(7) {
        let (ours, theirs) = (policy.decide(question.ask()).allows(), plain.decide(&question.ask(), None)?);
        if ours != theirs {
            return Err(format!("Cedar says {theirs} to {question:?}, and we {ours}"));
        }
    }
    let mut lines =
        vec![Line { name: "compile", what: "read, check and index all rules, once", nanos: [compile_nanos; 3] }];
    let mut add = |name, what, nanos| lines.push(Line { name, what, nanos });
    let decide = |question: &site::Question| _ = black_box(policy.decide(question.ask()));
    add("uncached", "first time that a question of its kind is asked", site::first_times(&questions)?);
    add(
        "cached, allowed",
        "a reader in 200 groups, 64 readers, 64 places",
        rounds(times * 5, &questions.allowed, decide),
    );
    add("cached, anonymous", "public files", rounds(times * 5, &questions.anonymous, decide));
    add("cached, refused", "with what the caller may know of the reason", rounds(times, &questions.refused, decide));
    add("conditional", "allowed by network and time", rounds(times, &questions.conditional, decide));
    add("embargo", "looks at the file's time of import", rounds(times, &questions.embargoed, decide));
    let few = &questions.refused[..questions.refused.len().min(16)];
    add("explain", "all rules, part by part", rounds(1, few, |question| _ = black_box(policy.explain(question.ask()))));
    let whole = |question: &site::Question| _ = black_box(plain.decide(&question.ask(), None));
    add("Cedar", "all rules; entities of the request made for it", rounds(1, &questions.allowed[..64], whole));
    let made: Vec<_> =
        questions.allowed[..64].iter().map(|question| plain.entities(&question.ask())).collect::<Result<_, _>>()?;
    let kept: Vec<_> = questions.allowed[..64].iter().zip(&made).collect();
    let kept_entities = |(question, entities): &(&site::Question, &cedar_policy::Entities)| {
        _ = black_box(plain.decide(&question.ask(), Some(entities)));
    };
    add("Cedar, kept", "all rules; entities made beforehand", rounds(1, &kept, kept_entities));
    Ok(lines)
}

/// Means of several rounds over all questions: median, least, most.
fn rounds<Q>(times: usize, questions: &[Q], mut ask: impl FnMut(&Q)) -> [f64; 3] {
    questions.iter().for_each(&mut ask);
    let mut means: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = thread_nanos();
            for _ in 0..times {
                questions.iter().for_each(&mut ask);
            }
            (thread_nanos() - start) / (times * questions.len()) as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    [means[ROUNDS / 2], means[0], means[ROUNDS - 1]]
}

/// Processor time of this thread.
fn thread_nanos() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn text(facts: &Facts, lines: &[Line]) -> String {
    let mut out = String::from("# Decisions, side by side with plain Cedar\n\n");
    let Facts { date, command, commit, kernel, processor, cores, .. } = facts;
    let _ = writeln!(out, "    {command}\n");
    if facts.quick {
        out.push_str("**Quick: these figures show that everything works and mean nothing else.**\n\n");
    }
    let _ = writeln!(out, "- {date}, commit {commit}");
    let _ = writeln!(out, "- {kernel}; {processor}, {cores} cores");
    let _ = writeln!(out, "- load average {} at start, {} at end", facts.load_at_start, facts.load_at_end);
    let _ = writeln!(out, "- {}", site::WORDS);
    out.push_str(
        "- microseconds of processor time of the asking thread for one decision: median [least–most] of the rounds\n\n",
    );
    let peer = lines.iter().find(|line| line.name == "Cedar").map_or(f64::NAN, |line| line.nanos[0]);
    let _ = writeln!(out, "| {:<18} | {:>26} | {:>9} | {:<48} |", "case", "µs", "Cedar / it", "");
    let _ = writeln!(out, "|{}|{}|{}|{}|", "-".repeat(20), "-".repeat(28), "-".repeat(12), "-".repeat(50));
    for Line { name, what, nanos } in lines {
        let [median, least, most] = nanos.map(|nanos| nanos / 1e3);
        let digits = if median < 100.0 { 2 } else { 0 };
        let figures = format!("{median:.digits$} [{least:.digits$}–{most:.digits$}]");
        let ratio = if *name == "compile" { String::new() } else { format!("{:.1}", peer / nanos[0]) };
        let _ = writeln!(out, "| {name:<18} | {figures:>26} | {ratio:>10} | {what:<48} |");
    }
    out.push_str("\n## The aims\n\n");
    for (name, most_micros) in AIMS {
        let found = lines.iter().filter(|line| line.name.starts_with(name)).map(|line| line.nanos[0] / 1e3);
        let slowest = found.fold(0.0, f64::max);
        let met = if slowest <= most_micros { "met" } else { "missed" };
        let _ = writeln!(out, "- {name}: at most {most_micros} µs; {slowest:.2} µs: {met}");
    }
    out
}

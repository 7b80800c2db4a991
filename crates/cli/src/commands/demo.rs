//! Two ports on this machine, and a night of files through them.

use super::{EXIT_IN_THE_WAY, print, say};
use demo::night::Night;
use demo::{Ended, Options, Show};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};
use terms::{ByteSize, Problem};

/// How often a line of progress is written where there is no terminal to draw a bar on.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(
    after_help = "Carries synthetic camera images (valid FITS) from a camera's folder into port A, from A to port B, and \
back, over HTTPS, and compares adler32, crc32c and sha-256 of every file after every step. Ends with a table and leaves \
both ports up until Ctrl-C.\n\nExit codes: 0 every digest proven; 1 failed; 3 the folder is not the demo's own; 130 interrupted."
)]
pub(crate) struct Arguments {
    /// Files and folders of yours to carry as well
    paths: Vec<PathBuf>,
    /// Exposures in the night
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    exposures: u32,
    /// Images in one exposure
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    files: u32,
    /// About how large one image is, with its unit
    #[arg(long, value_name = "SIZE", default_value = "20 MB")]
    file_size: ByteSize,
    /// Makes one night differ from another
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A folder for all of it: new, empty, or of an earlier demo
    #[arg(long, value_name = "PATH", default_value = "portolan-data/demo")]
    dir: PathBuf,
    /// End both ports after the table
    #[arg(long)]
    stop: bool,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            say(&format!("portolan: cannot find the program that runs: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let night = Night {
        exposures: arguments.exposures,
        files: arguments.files,
        file_size_bytes: arguments.file_size.0,
        seed: arguments.seed,
        begun: SystemTime::now().into(),
    };
    let options = Options { program, directory: arguments.dir.clone(), night, extra: arguments.paths };
    let onlooker = Onlooker::new();
    let outcome = demo::run(options, &onlooker, interrupted()).await;
    onlooker.end();
    match outcome {
        Ok(Some(ended)) => conclude(ended, arguments.stop, arguments.json).await,
        Ok(None) => {
            say("Interrupted. Both ports have ended; what they had acknowledged is whole.");
            ExitCode::from(130)
        }
        Err(problem) => fail(&problem),
    }
}

async fn conclude(ended: Ended, stop: bool, json: bool) -> ExitCode {
    if json {
        match serde_json::to_string_pretty(&ended.report) {
            Ok(text) => print(&format!("{text}\n")),
            Err(error) => say(&format!("portolan: {error}")),
        }
    } else {
        print(&ended.report.to_table());
    }
    if !stop {
        for port in &ended.ports {
            say(&format!(
                "Port {}  {}/data/night/  authority {}  token in {}",
                port.name,
                port.address,
                port.ca_file.display(),
                port.token_file.display()
            ));
        }
        say("Both ports stay up. Ctrl-C ends them.");
        interrupted().await;
    }
    ended.stop().await;
    ExitCode::SUCCESS
}

fn fail(problem: &Problem) -> ExitCode {
    say(&format!("portolan: {}", problem.to_line()));
    if problem.kind == "folder-not-empty" { ExitCode::from(EXIT_IN_THE_WAY) } else { ExitCode::FAILURE }
}

/// Ctrl-C, or the polite signal of a supervisor.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

/// A bar on a terminal, a line now and then elsewhere.
struct Onlooker {
    bar: Option<ProgressBar>,
    course: Mutex<Course>,
}

struct Course {
    title: String,
    begun: Instant,
    last_line: Instant,
}

impl Onlooker {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            // The template is a constant that indicatif accepts; without it the bar is only plainer.
            let style =
                ProgressStyle::with_template("{msg:34} {bar:30} {bytes:>10} of {total_bytes:10} {prefix} eta {eta}");
            let bar = ProgressBar::new(0);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let now = Instant::now();
        Self { bar, course: Mutex::new(Course { title: String::new(), begun: now, last_line: now }) }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Show for Onlooker {
    fn step(&self, title: &str) {
        let Ok(mut course) = self.course.lock() else { return };
        let now = Instant::now();
        *course = Course { title: title.to_owned(), begun: now, last_line: now };
        match &self.bar {
            Some(bar) => {
                bar.reset();
                bar.set_length(0);
                bar.set_prefix("");
                bar.set_message(title.to_owned());
            }
            None => say(title),
        }
    }

    fn progress(&self, files: u64, files_all: u64, bytes: u64, bytes_all: u64) {
        let Ok(mut course) = self.course.lock() else { return };
        let seconds = course.begun.elapsed().as_secs_f64().max(1e-3);
        let rate = ByteSize((bytes as f64 / seconds) as u64);
        if let Some(bar) = &self.bar {
            bar.set_length(bytes_all);
            bar.set_position(bytes);
            bar.set_prefix(format!("{files}/{files_all} files  {rate}/s"));
        } else if course.last_line.elapsed() >= LINE_INTERVAL {
            course.last_line = Instant::now();
            let (done, all) = (ByteSize(bytes), ByteSize(bytes_all));
            say(&format!("{}: {files} of {files_all} files, {done} of {all}, {rate}/s", course.title));
        }
    }

    fn notice(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }
}

//! `bench wan`: the founding questions of the project, over emulated distance. Can standard protocols fill a long path, and
//! what does security cost? Against iperf3 and GridFTP, on paths of the lab.

use crate::door::report::{self as door_report, Facts};
use crate::{netns, packages, servers};
use clap::Args;
use measure::{Line, Place};
use plan::{Extent, Group, Part, Path as WanPath, Tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod aims;
mod calls;
mod charts;
mod measure;
mod plan;
mod report;
#[cfg(test)]
mod tests;

/// What to measure, and where to write it.
#[derive(Args)]
pub(crate) struct Options {
    /// Few points and one round: some three minutes; shows that everything works.
    #[arg(long)]
    quick: bool,
    /// What counts of each run, s [default: 5, quick 3].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: Option<u32>,
    /// At most so many rounds of each group.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: Option<u32>,
    /// Parts, by their names: loopback, distance, loss, fast, http, peers.
    #[arg(long, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<String>,
    /// Writes the report there, too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Writes the report and its pictures as a page of the documentation into this folder.
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// Writes every sample there, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where files are made, in a folder `wan`.
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    dir: PathBuf,
    /// The program to measure; without it, `portolan` is built in release form.
    #[arg(long, value_name = "PROGRAM")]
    portolan: Option<PathBuf>,
    /// Installs missing Debian packages with apt-get.
    #[arg(long)]
    install: bool,
}

impl Options {
    fn extent(&self) -> Extent {
        Extent { quick: self.quick, seconds: self.seconds.unwrap_or(if self.quick { 3 } else { 5 }) }
    }
}

/// The whole command. All that it starts is in networks of the lab, which end with this process; what is killed in between
/// is removed by the next lab.
pub(crate) fn main(options: &Options) -> Result<ExitCode, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    packages::require(&["iperf3", "globus-gridftp-server", "globus-url-copy"], options.install)?;
    if !netns::possible() {
        return Err("the study makes networks, which needs root".to_owned());
    }
    if options.portolan.is_none() {
        servers::portolan::build(root)?;
    }
    let groups = chosen(options)?;
    let portolan = options.portolan.clone().unwrap_or_else(|| root.join("target/release/portolan"));
    let portolan = portolan.canonicalize().map_err(|error| format!("{}: {error}", portolan.display()))?;
    fs::create_dir_all(&options.dir).map_err(|error| format!("{}: {error}", options.dir.display()))?;
    let folder = options.dir.canonicalize().map_err(|error| format!("{}: {error}", options.dir.display()))?;
    let place = Place { portolan, scratch: folder.join("wan") };
    let done = study(options, root, &place, &groups);
    let _ = fs::remove_dir_all(&place.scratch);
    done
}

/// The groups of the parts that were asked for.
fn chosen(options: &Options) -> Result<Vec<Group>, String> {
    let extent = options.extent();
    let name = |part: Part| format!("{part:?}").to_lowercase();
    let groups = plan::plan(extent);
    let wanted = |group: &Group| options.only.is_empty() || options.only.contains(&name(group.part));
    let mut chosen: Vec<Group> = groups.into_iter().filter(wanted).collect();
    for group in &mut chosen {
        group.rounds = group.rounds.min(options.rounds.unwrap_or(u32::MAX));
    }
    if chosen.is_empty() {
        return Err(format!("no part is called {}", options.only.join(" or ")));
    }
    Ok(chosen)
}

fn study(options: &Options, root: &Path, place: &Place, groups: &[Group]) -> Result<ExitCode, String> {
    let extent = options.extent();
    let disk = extent.amount(WanPath::Loopback, Tool::Disk);
    place.prepare(disk)?;
    let mut facts = Facts::gather(&place.scratch, options.quick);
    facts.commit = door_report::commit(root);
    let mut lines: Vec<Line> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        eprintln!("bench: {} of {}: {}", at + 1, groups.len(), group.path);
        match measure::run(group, extent, place, |told| eprintln!("  {told}")) {
            Ok(found) => lines.extend(found),
            Err(error) => {
                eprintln!("bench: {}: {error}", group.path);
                let failed = |tool: &Tool| {
                    let failures = vec![error.clone()];
                    Line { group: group.clone(), tool: *tool, samples: Vec::new(), failures }
                };
                lines.extend(group.tools.iter().map(failed));
            }
        }
    }
    facts.load_at_end = door_report::load_average();
    let text = report::text(&facts, extent, &versions(&place.portolan), &lines, &[]);
    print!("{text}");
    if let Some(file) = &options.out {
        write(file, &text)?;
    }
    if let Some(file) = &options.json {
        write(file, &samples(&lines))?;
    }
    if let Some(folder) = &options.page {
        page(folder, &facts, extent, &versions(&place.portolan), &lines)?;
    }
    let failed = lines.iter().any(|line| !line.failures.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The page, and its pictures beside it.
fn page(folder: &Path, facts: &Facts, extent: Extent, versions: &[String], lines: &[Line]) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let pictures = charts::pictures(lines);
    for picture in &pictures {
        write(&folder.join(picture.file), &picture.chart.svg())?;
    }
    let named: Vec<(&str, &str)> =
        pictures.iter().map(|picture| (picture.file, picture.chart.title.as_str())).collect();
    write(&folder.join("wan.md"), &report::text(facts, extent, versions, lines, &named))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

fn samples(lines: &[Line]) -> String {
    let all = lines.iter().map(|line| {
        serde_json::json!({
            "part": format!("{:?}", line.group.part),
            "path": line.group.path.to_string(),
            "tool": line.tool.to_string(),
            "samples": line.samples,
            "failures": line.failures,
        })
    });
    format!("{:#}\n", serde_json::Value::Array(all.collect()))
}

fn versions(portolan: &Path) -> Vec<String> {
    let said = |program: &str, arguments: &[&str]| {
        packages::program(program).map(|program| packages::first_line(&program, arguments))
    };
    let ours = Some(packages::first_line(portolan, &["--version"]));
    let gridftp = said("globus-gridftp-server", &["--version"]).map(|text| format!("GridFTP server {text}"));
    [ours, said("iperf3", &["--version"]), gridftp].into_iter().flatten().collect()
}

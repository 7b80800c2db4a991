//! Who imports whom: the table of ARCHITECTURE.md and what cargo sees must say the same.

use super::{File, Finding};
use crate::command::output;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = "ARCHITECTURE.md";

/// Crate → what it takes from us, by any kind of dependency.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    line: usize,
    name: String,
    allowed: Allowed,
}

#[derive(Debug, PartialEq, Eq)]
enum Allowed {
    /// These, all of them and no other.
    Exactly(BTreeSet<String>),
    /// Whatever stands above, but for these.
    AboveBut(BTreeSet<String>),
    /// What it tests. Nothing may import such a crate.
    WhatItTests,
}

/// What cargo sees.
pub(super) fn metadata() -> Result<Graph, String> {
    let text = output("cargo", &["metadata", "--format-version", "1", "--no-deps"])
        .ok_or("cargo metadata fails: a Cargo.toml does not parse; 'cargo metadata' shows which")?;
    graph(&text).ok_or_else(|| "cargo metadata answers in a form that this check does not know".to_owned())
}

/// From the JSON of `cargo metadata --no-deps`.
fn graph(text: &str) -> Option<Graph> {
    let metadata: Value = serde_json::from_str(text).ok()?;
    let packages = metadata["packages"].as_array()?;
    let name = |value: &Value| value["name"].as_str().map(str::to_owned);
    let ours: BTreeSet<String> = packages.iter().filter_map(name).collect();
    let imports = |package: &Value| {
        let dependencies = package["dependencies"].as_array()?;
        Some(dependencies.iter().filter_map(name).filter(|name| ours.contains(name)).collect())
    };
    packages.iter().map(|package| Some((name(package)?, imports(package)?))).collect()
}

pub(super) fn check(files: &[File], graph: &Graph) -> Vec<Finding> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![Finding::of(PAGE, "is missing, and with it the table of who may import whom")];
    };
    let rows = rows(&page.text);
    if rows.is_empty() {
        return vec![Finding::of(PAGE, "has no table with the columns 'crate', 'from us' and 'never'")];
    }
    let mut findings = Vec::new();
    for name in graph.keys().filter(|name| !rows.iter().any(|row| row.name == **name)) {
        findings.push(Finding::of(PAGE, format!("{name} has no row in the table of who may import whom")));
    }
    for (at, row) in rows.iter().enumerate() {
        let Some(imports) = graph.get(&row.name) else {
            findings.push(Finding::at(PAGE, row.line, format!("{} is in the table and not in the house", row.name)));
            continue;
        };
        let mut find = |what: String| findings.push(Finding::at(PAGE, row.line, what));
        for import in imports.iter().filter(|import| !may_import(&rows, at, import)) {
            find(format!("{} imports {import}, which its row does not allow", row.name));
        }
        if let Allowed::Exactly(allowed) = &row.allowed {
            for unused in allowed.difference(imports) {
                find(format!("{} does not import {unused}, though its row says so", row.name));
            }
        }
    }
    findings
}

fn may_import(rows: &[Row], at: usize, import: &str) -> bool {
    let outside = rows.iter().any(|row| row.name == import && row.allowed == Allowed::WhatItTests);
    let above = rows[..at].iter().any(|row| row.name == import);
    match &rows[at].allowed {
        _ if outside => false,
        Allowed::Exactly(allowed) => allowed.contains(import),
        Allowed::AboveBut(not) => above && !not.contains(import),
        Allowed::WhatItTests => true,
    }
}

/// The rows of the table whose header is `crate | from us | never`.
fn rows(page: &str) -> Vec<Row> {
    let cells = |line: &str| -> Option<Vec<String>> {
        let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
    };
    let header = ["crate", "from us", "never"];
    let lines = page.lines().enumerate().skip_while(|(_, line)| cells(line).is_none_or(|cells| cells != header));
    lines
        .skip(2)
        .map_while(|(at, line)| Some((at + 1, cells(line)?)))
        .filter(|(_, cells)| cells.len() == header.len())
        .flat_map(|(line, cells)| {
            let names: Vec<String> = list(&cells[0]).into_iter().collect();
            names.into_iter().map(move |name| Row { line, name, allowed: allowed(&cells[1]) })
        })
        .collect()
}

fn allowed(cell: &str) -> Allowed {
    match cell {
        "what they test" | "what it tests" => Allowed::WhatItTests,
        _ => match cell.strip_prefix("all above") {
            Some(rest) => Allowed::AboveBut(list(rest.trim().trim_start_matches("but "))),
            None => Allowed::Exactly(list(cell)),
        },
    }
}

/// Names parted by commas; a dash for none; what stands in round brackets is for the reader.
fn list(cell: &str) -> BTreeSet<String> {
    let bare = cell.replace('`', "");
    bare.split(',')
        .map(|name| name.split('(').next().unwrap_or_default().trim().to_owned())
        .filter(|name| name.starts_with(char::is_alphabetic) && !name.contains(' '))
        .collect()
}

#[cfg(test)]
mod tests;

//! From the settings to the rules in force: the grants of `anonymous`, the short form, and files in Cedar's language.

use crate::reload::Reloaded;
use crate::settings::{Anonymous, Settings};
use policy::{AnonymousGrant, Policy, PolicyError, Rights, RuleSource, Subject};
use std::collections::BTreeSet;
use std::path::Path;
use terms::{Blame, Problem, Retry, Verb, VerbSet};

#[cfg(test)]
mod hidden;
#[cfg(test)]
mod tests;

/// A larger file of rules is refused before it is read: the most rules that can be have less, at 400 bytes each.
const FILE_MAX_BYTES: u64 = 4 << 20;

/// The rules that the settings make, or all that is wrong with them: a policy with one fault never comes into force.
pub fn load(settings: &Settings) -> Result<Policy, Problem> {
    compile(settings).map_err(|faults| invalid(&faults))
}

/// What rules in Cedar's language can speak of, in Cedar's schema language.
pub fn schema() -> &'static str {
    Policy::schema()
}

/// Reads the rules again, and puts them into force for every decision from now on.
pub(crate) async fn reload(rights: &Rights, settings: &Settings) -> Result<Reloaded, Problem> {
    let policy = load(settings)?;
    let (told, cedar) = (format!("{} rules", policy.rule_count()), policy.cedar());
    let former = rights.policy().cedar();
    rights.replace(policy);
    Ok(if former == cedar { Reloaded::unchanged(told) } else { Reloaded::changed(told) })
}

/// All that is wrong with the rules; nothing where all is well.
pub fn faults(settings: &Settings) -> Vec<PolicyError> {
    compile(settings).err().unwrap_or_default()
}

/// What is wrong with the files in Cedar's language by themselves, for settings of which the rest cannot be used.
pub fn faults_of_files(settings: &Settings) -> Vec<PolicyError> {
    let (cedar, mut faults) = read_files(settings);
    faults.extend(Policy::compile(RuleSource { cedar, ..RuleSource::default() }).err().unwrap_or_default());
    faults
}

/// Names in rules that fit nobody, one sentence each: most often a slip of the finger.
pub fn doubts(settings: &Settings) -> Vec<String> {
    let accounts: BTreeSet<&str> = settings.accounts.iter().map(|account| account.name.as_str()).collect();
    let members = settings.groups.iter().map(|group| (format!("group '{}'", group.name), &group.members));
    let rules = settings.rules.iter().map(|rule| (format!("rule '{}'", rule.name), &rule.subjects));
    let embargoes = settings.embargoes.iter().map(|embargo| (format!("embargo '{}'", embargo.name), &embargo.readers));
    let mut doubts = Vec::new();
    for (source, subjects) in rules.chain(embargoes).chain(members) {
        for subject in subjects {
            if let Subject::User(name) = subject
                && !accounts.contains(name.as_str())
                && !name.starts_with('/')
                && !name.contains("@http")
            {
                doubts.push(format!("the {source} speaks of the user '{name}', and there is no account of that name"));
            }
        }
    }
    doubts
}

/// The short form alone.
pub(crate) fn short_form(settings: &Settings) -> RuleSource {
    RuleSource { rules: settings.rules.clone(), embargoes: settings.embargoes.clone(), cedar: Vec::new() }
}

/// What `anonymous` of the namespaces grants.
pub(crate) fn anonymous_grants(settings: &Settings) -> Vec<AnonymousGrant> {
    let namespaces = settings.namespaces_or_default().into_iter();
    let grant = |namespace: crate::settings::Namespace| AnonymousGrant {
        path: namespace.prefix,
        verbs: anonymous_verbs(namespace.anonymous),
    };
    namespaces.map(grant).collect()
}

/// The verbs of a word in the settings.
pub(crate) fn anonymous_verbs(anonymous: Anonymous) -> VerbSet {
    match anonymous {
        Anonymous::Nothing => VerbSet::default(),
        Anonymous::Read => [Verb::List, Verb::Stat, Verb::Read].into_iter().collect(),
    }
}

fn compile(settings: &Settings) -> Result<Policy, Vec<PolicyError>> {
    let (cedar, mut faults) = read_files(settings);
    let source = RuleSource { cedar, ..short_form(settings) };
    match Policy::with_anonymous(anonymous_grants(settings), &source) {
        Ok(policy) if faults.is_empty() => Ok(policy),
        other => {
            faults.extend(other.err().unwrap_or_default());
            Err(faults)
        }
    }
}

/// The files that can be read, and what is wrong with the others.
fn read_files(settings: &Settings) -> (Vec<(String, String)>, Vec<PolicyError>) {
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for file in &settings.policy.files {
        let name = file.display().to_string();
        match read_file(file) {
            Ok(text) => texts.push((name, text)),
            Err(what) => faults.push(PolicyError {
                source: name,
                line: None,
                column: None,
                what,
                instead: Some("correct `files` of the section [policy], or the file's rights".to_owned()),
            }),
        }
    }
    (texts, faults)
}

fn read_file(file: &Path) -> Result<String, String> {
    let length_bytes = std::fs::metadata(file).map_err(|error| format!("the file cannot be read: {error}"))?.len();
    if length_bytes > FILE_MAX_BYTES {
        return Err(format!("the file has {length_bytes} bytes, and at most {FILE_MAX_BYTES} are read"));
    }
    std::fs::read_to_string(file).map_err(|error| format!("the file cannot be read: {error}"))
}

fn invalid(faults: &[PolicyError]) -> Problem {
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    Problem {
        status: 500,
        kind: "policy-invalid",
        title: "the rules cannot be put into force",
        detail: format!("\n{}\n", lines.join("\n")),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Mend these; `portolan check` tells when all is well.".to_owned(),
    }
}

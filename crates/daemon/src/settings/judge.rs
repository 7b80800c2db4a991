//! What only several settings of rights together can get wrong: rules that cannot be, names that are taken, identities
//! that two accounts claim.

use super::Settings;
use crate::rules;
use policy::{Policy, PolicyError, Subject};
use std::collections::{BTreeMap, BTreeSet};

/// One thing that is wrong, at a setting (`rule.0.name`).
pub(super) struct Fault {
    pub(super) place: String,
    pub(super) what: String,
    pub(super) instead: String,
}

/// All that is wrong. `broken` are the tables (`rule.0`) of which something was told already.
pub(super) fn judge(settings: &Settings, broken: &BTreeSet<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    judge_rules(settings, broken, &mut faults);
    judge_accounts(settings, &mut faults);
    judge_groups(settings, &mut faults);
    faults
}

fn fault(place: String, what: String, instead: &str) -> Fault {
    Fault { place, what, instead: instead.to_owned() }
}

fn judge_rules(settings: &Settings, broken: &BTreeSet<String>, faults: &mut Vec<Fault>) {
    let mut source = rules::short_form(settings);
    let mut at = 0;
    source.rules.retain(|_| (!broken.contains(&format!("rule.{at}")), at += 1).0);
    at = 0;
    source.embargoes.retain(|_| (!broken.contains(&format!("embargo.{at}")), at += 1).0);
    let wrong = Policy::with_anonymous(rules::anonymous_grants(settings), &source).err().unwrap_or_default();
    for PolicyError { source, what, instead, .. } in wrong {
        let place = place_of(settings, &source);
        faults.push(Fault { place, what, instead: instead.unwrap_or_else(|| "change this rule".to_owned()) });
    }
}

/// Where the rule is written that an error calls `rule 'NAME'` or `embargo 'NAME'`: of several, the last.
fn place_of(settings: &Settings, source: &str) -> String {
    let is = |name: &str| source.ends_with(&format!("'{name}'"));
    let rule = settings.rules.iter().rposition(|rule| is(&rule.name)).map(|at| format!("rule.{at}.name"));
    let embargo = || settings.embargoes.iter().rposition(|embargo| is(&embargo.name));
    rule.or_else(|| embargo().map(|at| format!("embargo.{at}.name"))).unwrap_or_default()
}

fn judge_accounts(settings: &Settings, faults: &mut Vec<Fault>) {
    let mut names = BTreeSet::new();
    let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
    for (at, account) in settings.accounts.iter().enumerate() {
        if !account.name.is_empty() && !names.insert(&account.name) {
            let what = format!("there are two accounts '{}'", account.name);
            faults.push(fault(format!("account.{at}.name"), what, "make one of them, or give each its own name"));
        }
        for identity in &account.identities {
            if let Some(other) = claimed.insert(identity, &account.name) {
                let what = match other == account.name {
                    true => format!("'{identity}' is named twice"),
                    false => format!("'{identity}' is claimed by the account '{other}' already"),
                };
                faults.push(fault(format!("account.{at}.is"), what, "name each identity once"));
            }
        }
    }
}

/// Groups are made in the order of the file, so that none can contain itself by way of another.
fn judge_groups(settings: &Settings, faults: &mut Vec<Fault>) {
    let mut above = BTreeSet::new();
    for (at, group) in settings.groups.iter().enumerate() {
        for member in &group.members {
            if let Subject::Group(name) = member
                && !above.contains(name.as_str())
                && settings.groups.iter().any(|other| other.name == *name)
            {
                let what = format!("the group '{name}' is made further below, or is this one");
                faults.push(fault(format!("group.{at}.members"), what, "put the groups that others contain first"));
            }
        }
        if !group.name.is_empty() && !above.insert(group.name.as_str()) {
            let what = format!("the group '{}' is made twice", group.name);
            faults.push(fault(format!("group.{at}.name"), what, "name all its members in one place"));
        }
    }
}

//! `[policy]`, `[[rule]]`, `[[embargo]]`, `[[account]]`: who may do what.

use super::Absent::{Is, Required};
use super::Form::{Text, Texts};
use super::{Section, Setting};
use policy::{Conditions, Embargo, Rule, RuleEffect};
use terms::VerbSet;

/// The section `[policy]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyFiles {
    /// Files with rules in Cedar's own language.
    pub files: Vec<String>,
}

/// One `[[account]]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Its name.
    pub name: String,
}

pub(super) static POLICY: Section = Section {
    name: "policy",
    begin: None,
    harmless: true,
    doc: "Rules in Cedar's own language, beside those of the short form below.",
    settings: &[Setting {
        key: "files",
        doc: "Files with rules in Cedar's language.",
        absent: Is("[]"),
        form: Texts(|s, v| s.policy.files = v),
    }],
};

pub(super) static RULE: Section = Section {
    name: "rule",
    begin: Some(|settings| {
        settings.rules.push(Rule {
            name: String::new(),
            effect: RuleEffect::Allow,
            verbs: VerbSet::default(),
            paths: Vec::new(),
            subjects: Vec::new(),
            conditions: Conditions::default(),
        });
    }),
    harmless: false,
    doc: "Somebody may, or may not, do something somewhere.",
    settings: &[Setting {
        key: "name",
        doc: "A name that explanations and the audit record use.",
        absent: Required("\"operators\""),
        form: Text(|s, v| {
            if let Some(rule) = s.rules.last_mut() {
                rule.name = v;
            }
        }),
    }],
};

pub(super) static EMBARGO: Section = Section {
    name: "embargo",
    begin: Some(|settings| {
        let embargo = Embargo { name: String::new(), paths: Vec::new(), readers: Vec::new(), lasts: None };
        settings.embargoes.push(embargo);
    }),
    harmless: false,
    doc: "Files that only some may read until a time after their import.",
    settings: &[Setting {
        key: "name",
        doc: "A name that explanations and the audit record use.",
        absent: Required("\"pixels\""),
        form: Text(|s, v| {
            if let Some(embargo) = s.embargoes.last_mut() {
                embargo.name = v;
            }
        }),
    }],
};

pub(super) static ACCOUNT: Section = Section {
    name: "account",
    begin: Some(|settings| settings.accounts.push(Account::default())),
    harmless: false,
    doc: "A name and groups that this site gives to somebody for whom others vouch, or to a service.",
    settings: &[Setting {
        key: "name",
        doc: "Its name.",
        absent: Required("\"alice\""),
        form: Text(|s, v| {
            if let Some(account) = s.accounts.last_mut() {
                account.name = v;
            }
        }),
    }],
};

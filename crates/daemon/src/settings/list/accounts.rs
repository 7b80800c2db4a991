//! `[[account]]` and `[[group]]`: the names and groups that this site gives.

use super::Absent::{Is, Means, Required};
use super::Form::{Word, Words};
use super::rights::subjects;
use super::{Section, Setting};
use crate::settings::Settings;
use policy::Subject;

/// One `[[account]]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// The identities that are this account.
    pub identities: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
}

/// One `[[group]]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Who is in it.
    pub members: Vec<Subject>,
}

/// Longest name of an account, identity or group, in bytes: names are in every line of the audit record.
const NAME_MAX_BYTES: usize = 1_000;

/// Names of callers that are no account's.
const TAKEN: [&str; 4] = ["anonymous", "this host", "host", "everyone"];

pub(super) static ACCOUNT: Section = Section {
    name: "account",
    begin: Some(|settings| settings.accounts.push(Account::default())),
    harmless: false,
    doc: "A name and groups that this site gives to somebody for whom others vouch. Without `is` it is a service account, \
          which only tokens of `portolan token create --account NAME` can be.",
    settings: &[
        Setting {
            key: "name",
            doc: "The name that rules (`user:NAME`), records and the audit use from then on. It may not look like a \
                  certificate's subject (`/…`) or like `SUBJECT@ISSUER`.",
            absent: Required("\"alice\""),
            form: Word("name", "write a name such as \"alice\"", |s, v| {
                let name = account_name(v)?;
                account(s, |account| account.name = name);
                Ok(())
            }),
        },
        Setting {
            key: "is",
            doc: "The identities that are this account: subjects of certificates, `SUBJECT@ISSUER` of signed tokens and of \
                  sign-in by browser; `NAME@ISSUER` where the settings of an issuer give its callers other names. Each can \
                  be of one account only.",
            absent: Means(
                "only tokens can be this account",
                "[\"/DC=org/DC=example/CN=Alice\", \"1234@https://issuer.example\"]",
            ),
            form: Words("identities", "write subjects of certificates, or SUBJECT@ISSUER", |s, v| {
                let identities = v.iter().map(|text| identity_name(text)).collect::<Result<_, _>>()?;
                account(s, |account| account.identities = identities);
                Ok(())
            }),
        },
        Setting {
            key: "groups",
            doc: "Its groups here, beside those that come with the credentials.",
            absent: Is("[]"),
            form: Words("groups", "write names such as [\"operators\"]", |s, v| {
                let groups = v.iter().map(|name| plain(name)).collect::<Result<_, _>>()?;
                account(s, |account| account.groups = groups);
                Ok(())
            }),
        },
    ],
};

pub(super) static GROUP: Section = Section {
    name: "group",
    begin: Some(|settings| settings.groups.push(Group::default())),
    harmless: false,
    doc: "A group that this site makes of others. A name that does not begin with `/` is given by this file alone: whoever \
          comes from elsewhere with a group of that name is not in it.",
    settings: &[
        Setting {
            key: "name",
            doc: "Its name.",
            absent: Required("\"operators\""),
            form: Word("name", "write a name such as \"operators\"", |s, v| {
                let name = plain(v)?;
                group(s, |group| group.name = name);
                Ok(())
            }),
        },
        Setting {
            key: "members",
            doc: "Who is in it: `user:NAME`, `group:NAME` (of others, or one further above), `issuer:URL`, `signed-in`.",
            absent: Required("[\"user:alice\", \"group:/survey/Role=operator\"]"),
            form: Words("callers", "write \"user:NAME\", \"group:NAME\", \"issuer:URL\" or \"signed-in\"", |s, v| {
                let members = subjects(v)?;
                let alien =
                    |member: &&Subject| matches!(member, Subject::Everyone | Subject::Anonymous | Subject::Owner);
                if members.iter().any(|member| alien(&member)) {
                    return Err("only callers who have signed in can be in a group".to_owned());
                }
                group(s, |group| group.members = members);
                Ok(())
            }),
        },
    ],
};

/// May an account be called so? No name that others could bring along may be one of ours.
fn account_name(name: &str) -> Result<String, String> {
    let name = plain(name)?;
    if name.starts_with('/') || name.contains("@http") || name.starts_with("token ") || name.starts_with("share ") {
        return Err("callers without an account have names of this form".to_owned());
    }
    if TAKEN.contains(&name.as_str()) {
        return Err("this name means somebody else".to_owned());
    }
    Ok(name)
}

fn identity_name(text: &str) -> Result<String, String> {
    let text = plain(text)?;
    let subject = text.split_once("@http").is_some_and(|(subject, _)| !subject.is_empty());
    if !text.starts_with('/') && !subject {
        return Err(format!("'{text}' is neither the subject of a certificate (/…) nor SUBJECT@https://…"));
    }
    Ok(text)
}

fn plain(name: &str) -> Result<String, String> {
    if name.is_empty() || name.trim() != name || name.len() > NAME_MAX_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "'{}' is empty, begins or ends with a space, is very long or has control characters",
            name.escape_debug()
        ));
    }
    Ok(name.to_owned())
}

/// Changes the account that is being read.
fn account(settings: &mut Settings, change: impl FnOnce(&mut Account)) {
    if let Some(account) = settings.accounts.last_mut() {
        change(account);
    }
}

/// Changes the group that is being read.
fn group(settings: &mut Settings, change: impl FnOnce(&mut Group)) {
    if let Some(group) = settings.groups.last_mut() {
        change(group);
    }
}

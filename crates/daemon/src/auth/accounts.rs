//! Local accounts: the names and groups that this site gives to those whom others vouch for.
//!
//! A name of ours can be brought along by nobody: who is called like an account without being it is refused, and a group
//! whose name is ours (it does not begin with `/`) is given by the settings alone.

use crate::problems::unauthenticated;
use crate::reload::Reloaded;
use crate::settings::{Account, Group, Settings};
use policy::Subject;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use terms::{CredentialForm, Identity, Kind, Problem};

#[cfg(test)]
mod tests;

/// The accounts and groups in force.
pub(crate) struct Accounts {
    table: RwLock<Arc<Table>>,
}

#[derive(PartialEq, Default)]
struct Table {
    /// The groups of each, by its name.
    groups_of: HashMap<String, Vec<String>>,
    /// The name of the account that an identity is.
    by_identity: HashMap<String, String>,
    /// In the order of the settings.
    groups: Vec<Group>,
    /// Names of groups that the settings alone give.
    own_groups: HashSet<String>,
}

impl Accounts {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { table: RwLock::new(Arc::new(Table::new(&settings.accounts, &settings.groups))) }
    }

    /// Puts the accounts of these settings into force, for every request from now on.
    pub(crate) async fn reload(&self, settings: &Settings) -> Result<Reloaded, Problem> {
        let table = Table::new(&settings.accounts, &settings.groups);
        let told = format!("{} accounts, {} groups", table.groups_of.len(), table.groups.len());
        let mut current = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let changed = **current != table;
        *current = Arc::new(table);
        Ok(if changed { Reloaded::changed(told) } else { Reloaded::unchanged(told) })
    }

    /// The identity under its local name and with its local groups.
    pub(crate) fn settle(&self, identity: Identity) -> Result<Identity, Problem> {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        table.settle(identity)
    }

    /// The same for somebody who is only spoken of: an account can be meant by its name.
    pub(crate) fn imagine(&self, identity: Identity) -> Identity {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        if identity.kind != Kind::User {
            return identity;
        }
        let known = table.groups_of.contains_key(&identity.name).then(|| identity.name.clone());
        let account = table.claimed(&identity).or(known);
        table.dress(identity, account)
    }

    /// Is there such an account?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).groups_of.contains_key(name)
    }
}

impl Table {
    fn new(accounts: &[Account], groups: &[Group]) -> Self {
        let mut table = Self { groups: groups.to_vec(), ..Self::default() };
        for account in accounts {
            table.groups_of.insert(account.name.clone(), account.groups.clone());
            let identities = account.identities.iter().cloned();
            table.by_identity.extend(identities.map(|identity| (identity, account.name.clone())));
        }
        let named = accounts.iter().flat_map(|account| &account.groups).chain(groups.iter().map(|group| &group.name));
        table.own_groups = named.filter(|name| !name.starts_with('/')).cloned().collect();
        table
    }

    fn settle(&self, identity: Identity) -> Result<Identity, Problem> {
        if identity.kind != Kind::User {
            return Ok(identity);
        }
        let account = self.account_of(&identity)?;
        Ok(self.dress(identity, account))
    }

    /// Name and groups of an account, and the groups that the site makes of others.
    fn dress(&self, mut identity: Identity, account: Option<String>) -> Identity {
        identity.groups.retain(|group| !self.own_groups.contains(group));
        if let Some(name) = account {
            identity.groups.extend(self.groups_of.get(&name).into_iter().flatten().cloned());
            identity.name = name;
        }
        for group in &self.groups {
            if group.members.iter().any(|member| is(member, &identity)) {
                identity.groups.insert(group.name.clone());
            }
        }
        identity
    }

    /// The account that names this identity.
    fn claimed(&self, identity: &Identity) -> Option<String> {
        let name = &identity.name;
        let with_issuer = || identity.issuer.as_ref().map(|issuer| format!("{name}@{issuer}"));
        let claimed = self.by_identity.get(name);
        claimed.or_else(|| self.by_identity.get(&with_issuer()?)).cloned()
    }

    /// The name of the account that this is; nothing for those who have none.
    fn account_of(&self, identity: &Identity) -> Result<Option<String>, Problem> {
        if let Some(account) = self.claimed(identity) {
            return Ok(Some(account));
        }
        let name = &identity.name;
        let known = self.groups_of.contains_key(name);
        // Our tokens name their account, and so do the macaroons that were asked for with them.
        let ours = matches!(identity.credential.form, CredentialForm::LocalToken | CredentialForm::Macaroon)
            && identity.issuer.as_deref() == Some("local");
        match (ours, known) {
            (true, true) => Ok(Some(name.clone())),
            (true, false) => Err(gone(name)),
            (false, true) => Err(borrowed(name)),
            (false, false) => Ok(None),
        }
    }
}

fn is(member: &Subject, identity: &Identity) -> bool {
    match member {
        Subject::SignedIn => true,
        Subject::User(name) => identity.name == *name,
        Subject::Group(name) => identity.groups.contains(name),
        Subject::Issuer(url) => identity.issuer.as_ref() == Some(url),
        Subject::Everyone | Subject::Anonymous | Subject::Owner => false,
    }
}

fn gone(name: &str) -> Problem {
    unauthenticated(
        "account-unknown",
        format!("This token is of the account '{name}', which is not among the accounts of this port."),
        "Ask the operator to add the account again, or for another token.",
    )
}

fn borrowed(name: &str) -> Problem {
    unauthenticated(
        "account-not-yours",
        format!("The credentials give the name '{name}', which is an account here that does not name this identity."),
        "Ask the operator to add `NAME@ISSUER` of these credentials to `is` of that account.",
    )
}

//! Who becomes which account, with which groups; and who does not.

use super::*;
use std::path::Path;
use terms::Credential;

const SETTINGS: &str = r#"
[[account]]
name = "alice"
is = ["/DC=org/DC=example/CN=Alice", "1234@https://issuer.example", "al@https://login.example"]
groups = ["curators", "/survey/local"]

[[account]]
name = "night-shift"
groups = ["robots"]

[[group]]
name = "operators"
members = ["user:alice", "group:/survey/Role=operator"]

[[group]]
name = "/survey/guests"
members = ["issuer:https://guests.example", "group:operators"]
"#;

fn accounts() -> Accounts {
    Accounts::new(&Settings::parse(SETTINGS, Path::new("p.toml")).expect("good settings"))
}

fn caller(name: &str, issuer: &str, form: CredentialForm, groups: &[&str]) -> Identity {
    Identity {
        issuer: Some(issuer.to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        credential: Credential { form, ..Credential::default() },
        ..Identity::new(Kind::User, name)
    }
}

/// Name and groups, or the kind of problem.
fn told(identity: Identity) -> String {
    match accounts().settle(identity) {
        Ok(settled) => format!("{} {:?}", settled.name, settled.groups),
        Err(problem) => format!("{} {}", problem.status, problem.kind),
    }
}

#[test]
fn identities_become_accounts_and_get_their_groups() {
    use CredentialForm::{Certificate, LocalToken, Macaroon, Session, SignedToken};
    let alice = r#"alice {"/survey/guests", "/survey/local", "curators", "operators"}"#;
    let both = r#"alice {"/lsst", "/survey/guests", "/survey/local", "curators", "operators"}"#;
    let issuer = "https://issuer.example";
    let table = [
        (caller("/DC=org/DC=example/CN=Alice", "/CN=CA", Certificate, &[]), alice),
        (caller("1234@https://issuer.example", issuer, SignedToken, &["/lsst"]), both),
        (caller("al", "https://login.example", Session, &[]), alice),
        (caller("alice", "local", LocalToken, &[]), alice),
        (caller("alice", "local", Macaroon, &[]), alice),
        (caller("1234@https://issuer.example", issuer, Macaroon, &["/lsst"]), both),
        (caller("night-shift", "local", LocalToken, &[]), r#"night-shift {"robots"}"#),
        // Others keep their names, and what the site makes of their groups is added.
        (caller("5@https://issuer.example", issuer, SignedToken, &[]), "5@https://issuer.example {}"),
        (
            caller("/CN=Bob", "/CN=CA", Certificate, &["/survey/Role=operator"]),
            r#"/CN=Bob {"/survey/Role=operator", "/survey/guests", "operators"}"#,
        ),
        (caller("7", "https://guests.example", SignedToken, &[]), r#"7 {"/survey/guests"}"#),
    ];
    for (identity, expected) in table {
        let name = identity.name.clone();
        assert_eq!(told(identity), expected, "{name}");
    }
}

#[test]
fn names_of_ours_can_be_brought_along_by_nobody() {
    use CredentialForm::{Certificate, LocalToken, Macaroon, Session, SignedToken};
    let issuer = "https://issuer.example";
    for form in [SignedToken, Session, Certificate, Macaroon] {
        assert_eq!(told(caller("alice", issuer, form, &[])), "401 account-not-yours", "{form:?}");
    }
    assert_eq!(told(caller("al", "https://other.example", Session, &[])), "al {}");
    for form in [LocalToken, Macaroon] {
        assert_eq!(told(caller("dismissed", "local", form, &[])), "401 account-unknown", "{form:?}");
    }
    let boasting = ["operators", "curators", "robots", "/survey/Role=x", "others"];
    assert_eq!(
        told(caller("9@https://issuer.example", issuer, SignedToken, &boasting)),
        r#"9@https://issuer.example {"/survey/Role=x", "others"}"#
    );
    // A token that stands for itself is no user, whatever it is called.
    let token = Identity::new(Kind::Token, "alice");
    assert_eq!(accounts().settle(token.clone()), Ok(token));
}

#[tokio::test]
async fn accounts_are_replaced_while_requests_come() {
    let accounts = accounts();
    let settings = Settings::parse("[[account]]\nname = \"bob\"", Path::new("p.toml")).expect("good settings");
    assert!(accounts.has("alice") && !accounts.has("bob"));
    assert_eq!(accounts.reload(&settings).await, Ok(Reloaded::changed("1 accounts, 0 groups")));
    assert!(!accounts.has("alice") && accounts.has("bob"));
    assert_eq!(accounts.reload(&settings).await, Ok(Reloaded::unchanged("1 accounts, 0 groups")));
}

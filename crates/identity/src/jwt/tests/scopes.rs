//! What scopes grant, rule by rule of the WLCG profile (section 2.2.1).

use super::*;
use terms::{LogicalPath, Verb};

/// Does a token with this scope let this through?
fn lets(scope: &str, verb: Verb, path: &str) -> bool {
    covers(&accept(&wlcg(json!({"scope": scope}))), verb, path, false)
}

fn lets_make_folder(scope: &str, path: &str) -> bool {
    covers(&accept(&wlcg(json!({"scope": scope}))), Verb::Create, path, true)
}

fn covers(identity: &Identity, verb: Verb, path: &str, folder: bool) -> bool {
    let path: LogicalPath = path.parse().unwrap();
    assert!(identity.authorises, "capabilities grant by themselves");
    identity.bounds.iter().all(|bound| bound.grants.iter().any(|grant| grant.covers(verb, &path, folder)))
}

#[test]
fn each_scope_grants_its_verbs_and_no_others() {
    use Verb::{Create, Delete, List, Modify, Read, Stage, Stat};
    let table: &[(&str, &[Verb])] = &[
        ("storage.read", &[List, Stat, Read]),
        ("storage.create", &[Stat, Create]),
        ("storage.modify", &[Stat, Create, Modify, Delete]),
        ("storage.stage", &[Stat, Stage]),
        ("storage.poll", &[]),
    ];
    for (name, expected) in table {
        for verb in Verb::ALL {
            let let_through = lets(&format!("{name}:/a"), *verb, "/vo/a/f");
            assert_eq!(let_through, expected.contains(verb), "{name} {verb}");
        }
    }
}

#[test]
fn a_scope_without_a_path_is_refused() {
    let bare = ["storage.read", "storage.create", "storage.modify", "storage.stage", "storage.poll"];
    for scope in bare.into_iter().flat_map(|scope| [scope.to_owned(), format!("{scope}:")]) {
        let refused = refuse(&wlcg(json!({"scope": format!("storage.read:/ {scope}")})));
        assert!(matches!(refused, Refusal::Scope(..)), "{scope}");
    }
    assert!(matches!(refuse(&wlcg(json!({"scope": "storage.read:a/b"}))), Refusal::Scope(..)), "not absolute");
}

#[test]
fn a_scope_with_dot_segments_is_refused() {
    for path in ["/a/../b", "/..", "/a/./b", "/%2e%2e/b", "/a/%2E%2e", "/a/.%2e/b", "/a/%2e/b"] {
        assert!(
            matches!(refuse(&wlcg(json!({"scope": format!("storage.read:{path}")}))), Refusal::Scope(..)),
            "{path}"
        );
    }
}

#[test]
fn a_scope_with_an_encoded_slash_is_refused() {
    for path in ["/a%2fb", "/a%2Fb", "/%2f", "/a/..%2fb"] {
        assert!(
            matches!(refuse(&wlcg(json!({"scope": format!("storage.read:{path}")}))), Refusal::Scope(..)),
            "{path}"
        );
    }
    for path in ["/a%00b", "/a%0ab", "/%ff"] {
        assert!(
            matches!(refuse(&wlcg(json!({"scope": format!("storage.read:{path}")}))), Refusal::Scope(..)),
            "{path}"
        );
    }
}

#[test]
fn a_path_matches_by_whole_components() {
    assert!(lets("storage.read:/foo/bar", Verb::Read, "/vo/foo/bar"));
    assert!(lets("storage.read:/foo/bar", Verb::Read, "/vo/foo/bar/x"));
    assert!(!lets("storage.read:/foo/bar", Verb::Read, "/vo/foo/bargain"));
    assert!(!lets("storage.read:/foo/bar", Verb::Read, "/vo/foo"));
    assert!(!lets("storage.read:/foo/bar", Verb::Read, "/vo/Foo/bar"));
    assert!(lets("storage.read://foo//bar/", Verb::Read, "/vo/foo/bar"), "normalised");
    assert!(lets("storage.read:/with%20space", Verb::Read, "/vo/with space"), "escapes are decoded");
    assert!(!lets("storage.read:/with%2520space", Verb::Read, "/vo/with space"), "once");
}

#[test]
fn scopes_count_below_the_base_path_only() {
    assert!(lets("storage.read:/", Verb::Read, "/vo/anything"));
    assert!(lets("storage.read:/", Verb::Read, "/vo"));
    assert!(!lets("storage.read:/", Verb::Read, "/"));
    assert!(!lets("storage.read:/", Verb::Read, "/volume"));
    assert!(!lets("storage.read:/vo", Verb::Read, "/vo/f"), "paths are relative to it");
}

#[test]
fn several_base_paths_count_each() {
    let rules = IssuerRules { base_paths: vec!["/vo".parse().unwrap(), "/tape/vo".parse().unwrap()], ..rules() };
    let token = FIRST.token(&wlcg(json!({"scope": "storage.read:/a storage.modify:/b"})));
    let identity = verify(&token, &keys(), &rules, Timestamp::from_seconds(NOW)).unwrap();
    for base in ["/vo", "/tape/vo"] {
        assert!(covers(&identity, Verb::Read, &format!("{base}/a/f"), false));
        assert!(covers(&identity, Verb::Delete, &format!("{base}/b/f"), false));
        assert!(!covers(&identity, Verb::Read, &format!("{base}/b/f"), false));
    }
    let none = IssuerRules { base_paths: Vec::new(), ..rules };
    let identity = verify(&token, &keys(), &none, Timestamp::from_seconds(NOW)).unwrap();
    assert!(!covers(&identity, Verb::Read, "/a", false), "no base path, no right");
}

#[test]
fn restricted_paths_cut_scopes_down() {
    let restricted = vec!["/user".parse().unwrap(), "/group/a".parse().unwrap()];
    let rules = IssuerRules { restricted_paths: restricted, ..rules() };
    let judged = |scope: &str| {
        verify(&FIRST.token(&wlcg(json!({"scope": scope}))), &keys(), &rules, Timestamp::from_seconds(NOW)).unwrap()
    };
    let all = judged("storage.read:/");
    assert!(covers(&all, Verb::Read, "/vo/user/x", false) && covers(&all, Verb::Read, "/vo/group/a", false));
    assert!(!covers(&all, Verb::Read, "/vo/group/b", false) && !covers(&all, Verb::Read, "/vo", false));
    let one = judged("storage.read:/user/joe");
    assert!(covers(&one, Verb::Read, "/vo/user/joe/x", false) && !covers(&one, Verb::Read, "/vo/user/ann", false));
    assert!(!covers(&judged("storage.read:/elsewhere"), Verb::Read, "/vo/elsewhere", false));
}

/// The example of section 2.2.1, word by word.
#[test]
fn create_makes_the_folders_that_lead_to_its_path() {
    let scope = "storage.create:/foo/bar";
    assert!(lets_make_folder(scope, "/vo/foo"), "a leading folder");
    assert!(lets_make_folder(scope, "/vo/foo/bar") && lets(scope, Verb::Create, "/vo/foo/bar"));
    assert!(lets_make_folder(scope, "/vo/foo/bar/qux") && lets(scope, Verb::Create, "/vo/foo/bar/qux"));
    assert!(!lets(scope, Verb::Create, "/vo/foo"), "a file in its place");
    assert!(!lets_make_folder(scope, "/vo/foo/bargain") && !lets(scope, Verb::Create, "/vo/foo/bargain"));
    assert!(!lets_make_folder(scope, "/vo/other"));
    assert!(!lets_make_folder(scope, "/"), "above the base path nothing is the issuer's");
    let slash = "storage.create:/foo/bar/";
    assert!(lets_make_folder(slash, "/vo/foo/bar") && lets(slash, Verb::Create, "/vo/foo/bar/x"));
    assert!(!lets(slash, Verb::Create, "/vo/foo/bar"), "the slash says that it is a folder");
    assert!(!lets_make_folder("storage.read:/foo/bar", "/vo/foo"));
}

#[test]
fn create_and_modify_may_rename() {
    let may_rename = |scope: &str| accept(&wlcg(json!({"scope": scope}))).bounds[0].grants[0].may_rename;
    assert!(may_rename("storage.create:/a") && may_rename("storage.modify:/a"));
    assert!(!may_rename("storage.read:/a") && !may_rename("storage.stage:/a"));
}

#[test]
fn several_scopes_add_up() {
    let scope = "openid storage.read:/protected  storage.create:/protected/subdir offline_access";
    assert!(lets(scope, Verb::Read, "/vo/protected/subdir/f"));
    assert!(lets(scope, Verb::Create, "/vo/protected/subdir/f"));
    assert!(!lets(scope, Verb::Create, "/vo/protected/f"));
    assert!(!lets(scope, Verb::Delete, "/vo/protected/subdir/f"));
}

#[test]
fn groups_are_ignored_beside_a_capability() {
    let groups = json!(["/vo", "/vo/production"]);
    for scope in ["storage.read:/a", "compute.create", "compute.read openid", "storage.future:/x"] {
        let identity = accept(&wlcg(json!({"wlcg.groups": groups, "scope": scope})));
        assert!(identity.groups.is_empty() && identity.authorises, "{scope}");
        assert_eq!(covers(&identity, Verb::Read, "/vo/a/f", false), scope.starts_with("storage.read"));
    }
    let identity = accept(&wlcg(json!({"wlcg.groups": groups, "scope": "openid wlcg.groups offline_access"})));
    assert_eq!(identity.groups.len(), 2);
    assert!(!identity.authorises && identity.bounds.is_empty(), "groups grant nothing by themselves");
}

#[test]
fn where_capabilities_are_no_strategy_they_narrow() {
    let rules = IssuerRules { strategies: [Strategy::Group, Strategy::Mapping].into(), ..rules() };
    let token = FIRST.token(&wlcg(json!({"wlcg.groups": ["/vo"], "scope": "storage.read:/a"})));
    let identity = verify(&token, &keys(), &rules, Timestamp::from_seconds(NOW)).unwrap();
    assert!(!identity.authorises && identity.groups.is_empty());
    assert_eq!(identity.bounds.len(), 1);
}

#[test]
fn scitokens_have_scopes_of_their_own() {
    let identity = accept(&scitoken(json!({"scope": "read:/a write:/b"})));
    assert!(covers(&identity, Verb::Read, "/vo/a/f", false) && covers(&identity, Verb::List, "/vo/a", false));
    assert!(covers(&identity, Verb::Delete, "/vo/b/f", false) && !covers(&identity, Verb::Read, "/vo/b/f", false));
    let identity = accept(&scitoken(json!({"scope": "storage.read:/a"})));
    assert!(covers(&identity, Verb::Read, "/vo/a/f", false));
    assert!(matches!(refuse(&scitoken(json!({"scope": "read"}))), Refusal::Scope(..)));
    // In a WLCG token they are nobody's.
    assert!(!accept(&wlcg(json!({"scope": "read:/a"}))).authorises);
}

#[test]
fn a_token_with_too_many_scopes_is_refused() {
    let scope: Vec<String> = (0..257).map(|number| format!("storage.read:/{number}")).collect();
    assert_eq!(refuse(&wlcg(json!({"scope": scope.join(" ")}))), Refusal::TooMany("scopes"));
}

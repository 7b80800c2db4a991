//! The rules that WLCG expects of a storage service with tokens, each a test by its name: the profile (version 1.3),
//! and the list of its compliance tests. curl asks a running port for everything; the issuer is the tests' own.
#![allow(clippy::unwrap_used, reason = "tests")]

use interop::issuer::{Issuer, now};
use interop::needs;
use interop::site::{Site, told};
use serde_json::{Value, json};

const TOOLS: &[(&str, &str)] = &[("curl", "curl"), ("openssl", "openssl")];

/// A site, if the programs for it are there.
fn site() -> Option<Site> {
    needs(TOOLS).then(Site::start)
}

/// The status of a GET of `/vo/f` with a token that may read there but for these differences.
fn get_with(site: &Site, differences: Value) -> u16 {
    let mut all = json!({"scope": "storage.read:/"});
    all.as_object_mut().unwrap().extend(differences.as_object().unwrap().clone());
    site.ask(&site.issuer.token(all), "GET", "/vo/f").status
}

mod audience {
    use super::*;

    #[test]
    fn a_token_for_this_service_is_accepted() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"aud": Site::AUDIENCE})), 200);
        assert_eq!(get_with(&site, json!({"aud": [Site::AUDIENCE]})), 200);
    }

    #[test]
    fn a_token_for_an_alias_of_this_service_is_accepted() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"aud": "https://alias.example:8443"})), 200);
    }

    #[test]
    fn a_token_for_several_services_with_this_among_them_is_accepted() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"aud": ["https://other.example", Site::AUDIENCE]})), 200);
    }

    #[test]
    fn a_token_for_any_service_is_accepted() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"aud": "https://wlcg.cern.ch/jwt/v1/any"})), 200);
    }

    #[test]
    fn a_token_for_any_service_is_refused_where_the_site_says_so() {
        if !needs(TOOLS) {
            return;
        }
        let site = Site::start_with("any_audience = false", "");
        assert_eq!(get_with(&site, json!({"aud": "https://wlcg.cern.ch/jwt/v1/any"})), 401);
        assert_eq!(get_with(&site, json!({"aud": Site::AUDIENCE})), 200);
    }

    #[test]
    fn a_token_for_another_service_is_refused() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"aud": "https://other.example"})), 401);
        assert_eq!(get_with(&site, json!({"aud": []})), 401);
    }

    #[test]
    fn an_audience_is_compared_letter_by_letter() {
        let Some(site) = site() else { return };
        for trick in ["https://port.example/", "https://port.example:443", "https://port.example.evil", "PORT.EXAMPLE"]
        {
            assert_eq!(get_with(&site, json!({"aud": trick})), 401, "{trick}");
        }
    }

    #[test]
    fn a_token_without_an_audience_is_refused() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"aud": null})), 401);
    }
}

mod token {
    use super::*;

    #[test]
    fn both_algorithms_of_the_profile_are_accepted() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({})), 200);
        let by_rsa = site.issuer.token_by_rsa(json!({"scope": "storage.read:/"}));
        assert_eq!(site.ask(&by_rsa, "GET", "/vo/f").status, 200);
    }

    #[test]
    fn a_wrong_token_is_never_anonymous() {
        let Some(site) = site() else { return };
        let expired = site.issuer.token(json!({"iat": now() - 7200, "nbf": now() - 7200, "exp": now() - 3600}));
        let answer = site.ask(&expired, "GET", "/open/");
        assert_eq!(answer.status, 401, "although everybody may read there: {answer:?}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        assert!(answer.body.contains("token-expired"), "{}", answer.body);
    }

    #[test]
    fn an_expired_token_is_refused() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"iat": now() - 7200, "nbf": now() - 7200, "exp": now() - 61})), 401);
        assert_eq!(get_with(&site, json!({"iat": now() - 7200, "nbf": now() - 7200, "exp": now() - 30})), 200, "skew");
    }

    #[test]
    fn a_token_that_is_not_yet_valid_is_refused() {
        let Some(site) = site() else { return };
        assert_eq!(get_with(&site, json!({"nbf": now() + 120})), 401);
        assert_eq!(get_with(&site, json!({"nbf": now() + 30})), 200, "skew");
    }

    #[test]
    fn every_required_claim_is_required() {
        let Some(site) = site() else { return };
        for claim in ["sub", "exp", "iss", "iat", "jti", "wlcg.ver"] {
            assert_eq!(get_with(&site, json!({claim: null})), 401, "{claim}");
        }
        assert_eq!(get_with(&site, json!({"nbf": null})), 200, "nbf may be missing");
        assert_eq!(get_with(&site, json!({"wlcg.ver": "2.0"})), 401);
    }

    #[test]
    fn a_token_of_an_unknown_issuer_is_refused() {
        let Some(site) = site() else { return };
        let stranger = Issuer::start();
        assert_eq!(site.ask(&stranger.scoped("storage.read:/"), "GET", "/vo/f").status, 401);
        let posing = stranger.token(json!({"iss": site.issuer.url(), "scope": "storage.read:/"}));
        assert_eq!(site.ask(&posing, "GET", "/vo/f").status, 401, "signed by a stranger");
    }

    #[test]
    fn alg_none_is_refused() {
        let Some(site) = site() else { return };
        let claims = site.issuer.claims(json!({"scope": "storage.read:/"}));
        let signed = site.issuer.sign(&json!({"alg": "none", "typ": "JWT"}), &claims);
        assert_eq!(site.ask(&signed, "GET", "/vo/f").status, 401);
        let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
        assert_eq!(site.ask(&unsigned, "GET", "/vo/f").status, 401);
    }

    #[test]
    fn a_symmetric_signature_is_refused() {
        let Some(site) = site() else { return };
        let claims = site.issuer.claims(json!({"scope": "storage.read:/"}));
        for algorithm in ["HS256", "HS512"] {
            let header = json!({"alg": algorithm, "typ": "JWT", "kid": site.issuer.public_key()["kid"]});
            assert_eq!(site.ask(&site.issuer.sign(&header, &claims), "GET", "/vo/f").status, 401, "{algorithm}");
        }
    }

    #[test]
    fn a_token_without_a_key_or_with_an_unknown_one_is_refused() {
        let Some(site) = site() else { return };
        let claims = site.issuer.claims(json!({"scope": "storage.read:/"}));
        for header in [json!({"alg": "ES256"}), json!({"alg": "ES256", "kid": "../../etc/passwd"})] {
            assert_eq!(site.ask(&site.issuer.sign(&header, &claims), "GET", "/vo/f").status, 401, "{header}");
        }
    }

    #[test]
    fn an_oversized_token_is_refused() {
        let Some(site) = site() else { return };
        let status = get_with(&site, json!({"filling": "x".repeat(20_000)}));
        assert!(matches!(status, 401 | 431), "{status}");
    }

    #[test]
    fn a_new_key_of_the_issuer_is_found_and_a_silent_issuer_is_told() {
        if !needs(TOOLS) {
            return;
        }
        use interop::issuer::Mood;
        let site = Site::start();
        assert_eq!(get_with(&site, json!({})), 200);
        site.issuer.set_mood(Mood::Away);
        assert_eq!(get_with(&site, json!({})), 200, "its keys are known");
        // Another port has never heard of it: the token may be good, and 401 would say that it is not.
        let text = format!(
            "[[issuer]]\nurl = \"{}\"\nauthorities = \"{}\"\nbase_path = [\"/\"]\n",
            site.issuer.url(),
            site.issuer.authority().display()
        );
        let port = interop::Port::start_with(interop::port::Setup { sections: text, ..Default::default() });
        let curl = interop::Run::new("curl").args(["-sS", "-i", "--max-time", "50", "--cacert"]).arg(port.authority());
        let bearer = format!("Authorization: Bearer {}", site.issuer.scoped("storage.read:/"));
        let answer = told(curl.args(["-H", &bearer]).arg(port.url("/data/f")));
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.head.contains("retry-after: "), "{}", answer.head);
        assert!(answer.body.contains(site.issuer.url()), "{}", answer.body);
    }
}

mod scope {
    use super::*;

    #[test]
    fn read_allows_to_read_and_to_stat() {
        let Some(site) = site() else { return };
        let token = site.issuer.scoped("storage.read:/");
        assert_eq!(site.ask(&token, "GET", "/vo/f").body, "first");
        assert_eq!(site.ask(&token, "HEAD", "/vo/f").status, 200);
        assert_eq!(site.ask(&token, "PROPFIND 0", "/vo/f").status, 207);
    }

    /// The profile leaves it undefined; XRootD and dCache do the same.
    #[test]
    fn read_allows_to_list() {
        let Some(site) = site() else { return };
        let listing = site.ask(&site.issuer.scoped("storage.read:/"), "PROPFIND 1", "/vo/folder");
        assert_eq!(listing.status, 207);
        assert!(listing.body.contains("/data/vo/folder/g"), "{}", listing.body);
    }

    #[test]
    fn read_may_not_write_delete_or_make_folders() {
        let Some(site) = site() else { return };
        for (method, path) in [("PUT", "/vo/new"), ("PUT", "/vo/f"), ("DELETE", "/vo/f"), ("MKCOL", "/vo/made")] {
            assert_eq!(site.status("storage.read:/", method, path), 403, "{method} {path}");
        }
        assert_eq!(site.stored("/vo/f").as_deref(), Some("first"));
    }

    #[test]
    fn create_allows_new_files_and_folders() {
        let Some(site) = site() else { return };
        let scope = "storage.create:/";
        assert_eq!(site.status(scope, "MKCOL", "/vo/made"), 201);
        assert_eq!(site.status(scope, "PUT", "/vo/made/new"), 201);
        assert_eq!(site.stored("/vo/made/new").as_deref(), Some("of the test"));
    }

    #[test]
    fn create_makes_the_folders_that_lead_to_its_path() {
        let Some(site) = site() else { return };
        let scope = "storage.create:/a/b";
        assert_eq!(site.status(scope, "PUT", "/vo/a"), 403, "a file in place of a folder that leads there");
        for folder in ["/vo/a", "/vo/a/b", "/vo/a/b/c"] {
            assert_eq!(site.status(scope, "MKCOL", folder), 201, "{folder}");
        }
        assert_eq!(site.status(scope, "MKCOL", "/vo/a/other"), 403);
        assert_eq!(site.status(scope, "MKCOL", "/elsewhere"), 403);
        assert_eq!(site.status(scope, "PUT", "/vo/a/b/c/new"), 201);
    }

    #[test]
    fn create_may_not_overwrite() {
        let Some(site) = site() else { return };
        assert_eq!(site.status("storage.create:/", "PUT", "/vo/f"), 403);
        assert_eq!(site.stored("/vo/f").as_deref(), Some("first"));
    }

    #[test]
    fn create_may_not_delete() {
        let Some(site) = site() else { return };
        assert_eq!(site.status("storage.create:/", "DELETE", "/vo/f"), 403);
        assert_eq!(site.status("storage.create:/", "DELETE", "/vo/folder"), 403);
        assert_eq!(site.stored("/vo/f").as_deref(), Some("first"));
    }

    #[test]
    fn create_may_not_read() {
        let Some(site) = site() else { return };
        assert_eq!(site.status("storage.create:/", "GET", "/vo/f"), 403);
    }

    #[test]
    fn create_renames_to_a_name_that_is_free() {
        let Some(site) = site() else { return };
        let token = site.issuer.scoped("storage.create:/folder");
        assert_eq!(site.rename(&token, "/vo/folder/g", "/vo/folder/h", false).status, 201);
        assert_eq!(site.stored("/vo/folder/h").as_deref(), Some("second"));
        assert_eq!(site.rename(&token, "/vo/folder/h", "/vo/folder/i", true).status, 201, "free all the same");
    }

    #[test]
    fn create_may_not_rename_over_another_file() {
        let Some(site) = site() else { return };
        let token = site.issuer.scoped("storage.create:/");
        for overwrite in [true, false] {
            let status = site.rename(&token, "/vo/folder/g", "/vo/f", overwrite).status;
            assert!(matches!(status, 403 | 412), "{status}");
        }
        assert_eq!(site.stored("/vo/f").as_deref(), Some("first"));
        assert_eq!(site.stored("/vo/folder/g").as_deref(), Some("second"));
    }

    #[test]
    fn create_may_not_rename_out_of_its_path_or_into_it() {
        let Some(site) = site() else { return };
        let token = site.issuer.scoped("storage.create:/folder");
        assert_eq!(site.rename(&token, "/vo/folder/g", "/vo/g", false).status, 403);
        assert_eq!(site.rename(&token, "/vo/f", "/vo/folder/f", false).status, 403);
        assert_eq!(site.rename(&token, "/vo/folder", "/vo/elsewhere", false).status, 403);
    }

    #[test]
    fn modify_includes_create() {
        let Some(site) = site() else { return };
        assert_eq!(site.status("storage.modify:/", "MKCOL", "/vo/made"), 201);
        assert_eq!(site.status("storage.modify:/", "PUT", "/vo/made/new"), 201);
        assert_eq!(site.status("storage.modify:/a/b", "MKCOL", "/vo/a"), 201);
    }

    #[test]
    fn modify_overwrites_deletes_and_renames() {
        let Some(site) = site() else { return };
        let token = site.issuer.scoped("storage.modify:/");
        assert!(matches!(site.ask(&token, "PUT", "/vo/f").status, 200 | 204));
        assert_eq!(site.stored("/vo/f").as_deref(), Some("of the test"));
        assert!(matches!(site.rename(&token, "/vo/folder/g", "/vo/f", true).status, 200 | 204));
        assert_eq!(site.stored("/vo/f").as_deref(), Some("second"));
        assert_eq!(site.ask(&token, "DELETE", "/vo/f").status, 204);
        assert_eq!(site.stored("/vo/f"), None);
    }

    #[test]
    fn modify_may_not_read() {
        let Some(site) = site() else { return };
        assert_eq!(site.status("storage.modify:/", "GET", "/vo/f"), 403);
        assert_eq!(site.status("storage.modify:/", "PROPFIND 1", "/vo/folder"), 403, "nor list");
    }

    #[test]
    fn stage_may_not_read_or_write() {
        let Some(site) = site() else { return };
        for (method, path) in [("GET", "/vo/f"), ("PUT", "/vo/new"), ("DELETE", "/vo/f"), ("PROPFIND 1", "/vo")] {
            assert_eq!(site.status("storage.stage:/", method, path), 403, "{method} {path}");
        }
    }

    #[test]
    fn stat_does_not_need_read() {
        let Some(site) = site() else { return };
        for scope in ["storage.create:/", "storage.modify:/", "storage.stage:/", "storage.read:/"] {
            assert_eq!(site.status(scope, "PROPFIND 0", "/vo/f"), 207, "{scope}");
            assert_eq!(site.status(scope, "HEAD", "/vo/f"), 200, "{scope}");
        }
    }

    #[test]
    fn poll_allows_neither_stat_nor_read() {
        let Some(site) = site() else { return };
        for method in ["GET", "HEAD", "PROPFIND 0", "PROPFIND 1", "DELETE"] {
            assert_eq!(site.status("storage.poll:/", method, "/vo/f"), 403, "{method}");
        }
    }

    #[test]
    fn several_scopes_add_up() {
        let Some(site) = site() else { return };
        let scope = "storage.read:/ storage.create:/folder openid offline_access";
        assert_eq!(site.status(scope, "GET", "/vo/folder/g"), 200);
        assert_eq!(site.status(scope, "PUT", "/vo/folder/new"), 201);
        assert_eq!(site.status(scope, "PUT", "/vo/new"), 403);
    }

    #[test]
    fn a_token_without_capabilities_and_groups_grants_nothing() {
        let Some(site) = site() else { return };
        for scope in ["openid", "compute.read", "storage.unheard:/", ""] {
            assert_eq!(site.status(scope, "GET", "/vo/f"), 403, "'{scope}'");
        }
    }

    #[test]
    fn scopes_of_scitokens_are_understood_in_scitokens() {
        let Some(site) = site() else { return };
        let token = |scope: &str| {
            let claims = json!({"wlcg.ver": null, "ver": "scitoken:2.0", "aud": Site::AUDIENCE, "scope": scope});
            site.issuer.token(claims)
        };
        assert_eq!(site.ask(&token("read:/"), "GET", "/vo/f").status, 200);
        assert_eq!(site.ask(&token("write:/"), "GET", "/vo/f").status, 403);
        assert_eq!(site.ask(&token("write:/"), "PUT", "/vo/new").status, 201);
        assert_eq!(site.status("read:/", "GET", "/vo/f"), 403, "in a WLCG token they are nobody's");
    }
}

mod path {
    use super::*;

    #[test]
    fn a_scope_without_a_path_makes_the_token_invalid() {
        let Some(site) = site() else { return };
        for scope in ["storage.read", "storage.read:", "storage.read:f", "storage.read:/ storage.create"] {
            assert_eq!(site.status(scope, "GET", "/vo/f"), 401, "{scope}");
        }
    }

    #[test]
    fn a_path_with_dots_or_hidden_slashes_makes_the_token_invalid() {
        let Some(site) = site() else { return };
        for path in ["/../", "/x/..", "/%2e%2e", "/x/%2E%2e/", "/%2fetc", "/a%2F..", "/./f"] {
            assert_eq!(site.status(&format!("storage.read:{path}"), "GET", "/vo/f"), 401, "{path}");
        }
    }

    #[test]
    fn a_path_matches_by_whole_components() {
        let Some(site) = site() else { return };
        let scope = "storage.create:/foo/bar storage.read:/fo";
        assert_eq!(site.status(scope, "MKCOL", "/vo/foo"), 201);
        assert_eq!(site.status(scope, "MKCOL", "/vo/foo/bargain"), 403);
        assert_eq!(site.status(scope, "PUT", "/vo/foo/bargain"), 403);
        assert_eq!(site.status(scope, "PUT", "/vo/foo/bar.txt"), 403);
        assert_eq!(site.status(scope, "GET", "/vo/folder/g"), 403, "/fo is no prefix of /folder");
    }

    #[test]
    fn a_slash_at_the_end_means_a_folder() {
        let Some(site) = site() else { return };
        assert_eq!(site.status("storage.create:/box/", "PUT", "/vo/box"), 403);
        assert_eq!(site.status("storage.create:/box/", "MKCOL", "/vo/box"), 201);
        assert_eq!(site.status("storage.create:/box/", "PUT", "/vo/box/new"), 201);
        assert_eq!(site.status("storage.create:/single", "PUT", "/vo/single"), 201, "without it, also a file");
    }

    #[test]
    fn a_request_cannot_leave_the_path_by_its_spelling() {
        let Some(site) = site() else { return };
        let token = site.issuer.scoped("storage.read:/folder");
        for path in ["/vo/folder/../f", "/vo/folder/%2e%2e/f", "/vo/folder/..%2ff", "/vo/folder%2f..%2ff"] {
            let status = site.ask(&token, "GET", path).status;
            assert!((400..404).contains(&status), "{path}: {status}");
        }
        assert_eq!(site.ask(&token, "GET", "/vo//folder///g").status, 200, "double slashes are folded");
    }

    #[test]
    fn paths_are_relative_to_each_base_path_of_the_issuer() {
        let Some(site) = site() else { return };
        let token = site.issuer.scoped("storage.read:/");
        assert_eq!(site.ask(&token, "GET", "/vo/f").body, "first");
        assert_eq!(site.ask(&token, "GET", "/tape/vo/t").body, "third");
        assert_eq!(site.ask(&token, "GET", "/other").status, 403);
        assert_eq!(site.status("storage.read:/vo", "GET", "/vo/f"), 403);
    }

    #[test]
    fn escapes_in_a_path_are_decoded() {
        let Some(site) = site() else { return };
        std::fs::write(site.port.store().join("vo/a name"), "spaced").unwrap();
        assert_eq!(site.status("storage.read:/a%20name", "GET", "/vo/a%20name"), 200);
    }

    #[test]
    fn a_restricted_path_cuts_scopes_down() {
        if !needs(TOOLS) {
            return;
        }
        let site = Site::start_with("restricted_path = [\"/folder\"]", "");
        assert_eq!(site.status("storage.read:/", "GET", "/vo/folder/g"), 200);
        assert_eq!(site.status("storage.read:/", "GET", "/vo/f"), 403);
    }
}

mod group {
    use super::*;

    const RULES: &str = "[[rule]]\nname = \"members\"\nverbs = [\"list\", \"stat\", \"read\"]\npaths = [\"/vo\"]\n\
                         to = [\"group:/vo\"]\n\n[[rule]]\nname = \"producers\"\nverbs = [\"create\"]\npaths = [\"/vo\"]\n\
                         to = [\"group:/vo/production\"]\n";

    fn site() -> Option<Site> {
        needs(TOOLS).then(|| Site::start_with("", RULES))
    }

    fn with_groups(site: &Site, groups: &[&str], method: &str, path: &str) -> u16 {
        site.ask(&site.issuer.token(json!({"wlcg.groups": groups})), method, path).status
    }

    #[test]
    fn groups_decide_by_the_rules_of_the_site() {
        let Some(site) = site() else { return };
        assert_eq!(with_groups(&site, &["/vo"], "GET", "/vo/f"), 200);
        assert_eq!(with_groups(&site, &["/vo"], "PUT", "/vo/new"), 403);
        assert_eq!(with_groups(&site, &["/vo/production", "/vo"], "PUT", "/vo/new"), 201);
        assert_eq!(with_groups(&site, &["/vo"], "GET", "/other"), 403);
    }

    #[test]
    fn a_child_group_does_not_imply_its_parent() {
        let Some(site) = site() else { return };
        assert_eq!(with_groups(&site, &["/vo/production"], "GET", "/vo/f"), 403);
        assert_eq!(with_groups(&site, &["/volume"], "GET", "/vo/f"), 403);
        assert_eq!(with_groups(&site, &[], "GET", "/vo/f"), 403);
    }

    #[test]
    fn groups_are_ignored_beside_a_capability() {
        let Some(site) = site() else { return };
        let ask = |scope: &str, method: &str| {
            let token = site.issuer.token(json!({"scope": scope, "wlcg.groups": ["/vo", "/vo/production"]}));
            site.ask(&token, method, "/vo/f").status
        };
        assert_eq!(ask("storage.read:/folder", "GET"), 403);
        assert_eq!(ask("storage.stage:/", "GET"), 403);
        assert_eq!(ask("compute.read", "GET"), 403, "whatever the capability is for");
        assert_eq!(ask("openid wlcg.groups", "GET"), 200, "these are none");
    }

    #[test]
    fn groups_that_the_issuer_may_not_speak_for_do_not_count() {
        if !needs(TOOLS) {
            return;
        }
        let other = RULES.replace("group:/vo\"", "group:/other\"");
        let site = Site::start_with("", &other);
        assert_eq!(with_groups(&site, &["/other"], "GET", "/vo/f"), 403);
    }
}

mod query {
    use super::*;

    #[test]
    fn a_token_in_the_query_is_taken_where_the_settings_say_so() {
        if !needs(TOOLS) {
            return;
        }
        for (setting, plain, bearer) in [("", 401, 401), ("[sign_in]\nquery_tokens = true\n", 200, 200)] {
            let site = Site::start_with("", setting);
            let token = site.issuer.scoped("storage.read:/");
            let get = |query: &str| {
                let url = site.port.url(&format!("/data/vo/f?authz={query}{token}"));
                told(site.curl(None).arg(url)).status
            };
            assert_eq!(get(""), plain, "{setting}");
            assert_eq!(get("Bearer%20"), bearer, "{setting}");
        }
    }
}

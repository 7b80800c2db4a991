//! A file with names of local users, in XRootD's form (`name_mapfile` of its configuration for SciTokens).

use identity::jwt::NameRule;
use serde::Deserialize;
use std::path::Path;

/// Rules that one file may hold. Each is looked at for each new token.
const MAX_RULES: usize = 10_000;

/// One rule, as XRootD has it. It ignores keys that it does not know; we refuse them, because a misspelt condition
/// would give a name to everybody.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sub: Option<String>,
    username: Option<String>,
    group: Option<String>,
    path: Option<String>,
    result: String,
    ignore: Option<serde_json::Value>,
    #[serde(rename = "comment")]
    _comment: Option<serde_json::Value>,
}

/// Reads the rules; the sentence says what is wrong.
pub(super) fn read(file: &Path) -> Result<Vec<NameRule>, String> {
    let shown = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("its name_map {shown} cannot be read: {error}"))?;
    parse(&text).map_err(|error| format!("its name_map {shown} is wrong: {error}"))
}

fn parse(text: &str) -> Result<Vec<NameRule>, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if entries.len() > MAX_RULES {
        return Err(format!("it holds {} rules, and at most {MAX_RULES} are taken", entries.len()));
    }
    let mut rules = Vec::new();
    for (number, entry) in entries.into_iter().enumerate().filter(|(_, entry)| entry.ignore.is_none()) {
        if let Some(path) = entry.path {
            // XRootD looks at the path of each request; here who somebody is does not depend on what is asked.
            return Err(format!("rule {} has the path '{path}': names do not depend on paths here", number + 1));
        }
        if entry.result.is_empty() {
            return Err(format!("rule {} has an empty result", number + 1));
        }
        let Entry { sub, username, group, result, .. } = entry;
        rules.push(NameRule { subject: sub, username, group, user: result });
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_xrootd_has_them() {
        let rules = parse(
            r#"[
                {"sub": "bbockelm", "result": "bbockelm"},
                {"group": "/cms/prod", "result": "cmsprod", "comment": "Added 1 Sept 2020"},
                {"group": "/cms", "result": "atlas", "ignore": "Only for testing"}
            ]"#,
        );
        let subject = NameRule { subject: Some("bbockelm".into()), user: "bbockelm".into(), ..NameRule::default() };
        let group = NameRule { group: Some("/cms/prod".into()), user: "cmsprod".into(), ..NameRule::default() };
        assert_eq!(rules, Ok(vec![subject, group]));
    }

    #[test]
    fn what_would_name_the_wrong_people_is_refused() {
        for text in [
            r#"[{"subject": "misspelt", "result": "root"}]"#,
            r#"[{"sub": "a", "path": "/home", "result": "a"}]"#,
            r#"[{"sub": "a"}]"#,
            r#"[{"sub": "a", "result": ""}]"#,
            "{}",
            "",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

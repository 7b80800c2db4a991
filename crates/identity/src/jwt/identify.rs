//! From verified claims to an identity.

use super::refusal::Refusal;
use super::rules::{IssuerRules, NameRule, Profile, Strategy};
use super::scope::Scopes;
use super::spec::{ANY_SCITOKENS, ANY_WLCG, CLOCK_SKEW, MAX_SUBJECT_BYTES, WLCG_VERSION};
use super::wire::Claims;
use crate::shown::shown;
use std::collections::BTreeSet;
use terms::{Bound, Credential, CredentialForm, Identity, Kind, Timestamp};

/// Judges claims whose signature was verified: form, issuer, audience, times; then scopes or groups, and the local
/// user.
///
/// A token with capabilities grants what these say and nothing else: its groups do not count (WLCG profile, section
/// 2.2.3). Where capabilities are not among the strategies they still narrow what the rules give. Any other token
/// grants nothing by itself: the rules of the site decide by its groups, its name and its issuer.
pub fn identify(claims: &Claims, rules: &IssuerRules, now: Timestamp) -> Result<Identity, Refusal> {
    let issuer = claims.text("iss")?.ok_or(Refusal::Missing("iss"))?;
    if issuer != rules.issuer {
        return Err(Refusal::unknown_issuer(issuer));
    }
    let profile = profile(claims, rules)?;
    require(claims, profile)?;
    let times = check_times(claims, rules, now)?;
    check_audience(claims, profile, rules)?;
    let subject = subject(claims)?;
    let scopes = match profile {
        Profile::Plain => Scopes::default(),
        _ => Scopes::read(claims.text("scope")?.unwrap_or_default(), profile)?,
    };
    let groups = groups(claims, rules)?;
    let (kind, name) = name(claims, subject, &groups, rules)?;
    let by_group = rules.strategies.contains(&Strategy::Group) && !scopes.any;
    let id = claims.text("jti")?.map_or_else(|| claims.fingerprint().to_owned(), shown);
    let mut identity = Identity {
        issuer: Some(rules.issuer.clone()),
        groups: if by_group { groups } else { BTreeSet::new() },
        credential: Credential {
            form: CredentialForm::SignedToken,
            id,
            issued: times.issued,
            expires: Some(times.expires),
        },
        ..Identity::new(kind, name)
    };
    if scopes.any {
        identity.bounds = vec![Bound { by: "the scope of the token".to_owned(), grants: scopes.grants(rules)? }];
        identity.authorises = rules.strategies.contains(&Strategy::Capability);
    }
    Ok(identity)
}

/// Which form the claims have, if it is one that this issuer is believed in.
fn profile(claims: &Claims, rules: &IssuerRules) -> Result<Profile, Refusal> {
    let unknown = |name: &str, value: &str| {
        Refusal::Claim(name.to_owned(), format!("has the value '{}', which is no version known here", shown(value)))
    };
    let (profile, called) = match (claims.text("wlcg.ver")?, claims.text("ver")?) {
        (Some(WLCG_VERSION), _) => (Profile::Wlcg, "a WLCG token"),
        (Some(version), _) => return Err(unknown("wlcg.ver", version)),
        (None, Some("scitoken:2.0" | "scitokens:2.0")) => (Profile::SciTokens, "a SciToken 2.0"),
        (None, Some("scitoken:1.0" | "scitokens:1.0")) => (Profile::SciTokens1, "a SciToken 1.0"),
        (None, Some(version)) if !rules.profiles.contains(&Profile::Plain) => return Err(unknown("ver", version)),
        (None, _) => (Profile::Plain, "neither a WLCG token nor a SciToken"),
    };
    if rules.profiles.contains(&profile) {
        return Ok(profile);
    }
    let accepted: Vec<&str> = rules.profiles.iter().map(|profile| profile.name()).collect();
    Err(Refusal::Profile(called, accepted.join(", ")))
}

/// The claims that each form demands (WLCG profile, section 2.1.1).
fn require(claims: &Claims, profile: Profile) -> Result<(), Refusal> {
    let demanded: &[&'static str] = match profile {
        Profile::Wlcg => &["sub", "exp", "aud", "iat", "jti"],
        Profile::SciTokens => &["exp", "aud"],
        Profile::SciTokens1 => &["exp"],
        Profile::Plain => &["sub", "exp", "aud"],
    };
    let missing = |name: &&&str| claims.value(name).is_none_or(serde_json::Value::is_null);
    demanded.iter().find(missing).map_or(Ok(()), |name| Err(Refusal::Missing(name)))
}

struct Times {
    issued: Option<Timestamp>,
    expires: Timestamp,
}

/// `exp`, `nbf` and `iat`, each with the allowance for clocks that differ; and the length of the token's life.
fn check_times(claims: &Claims, rules: &IssuerRules, now: Timestamp) -> Result<Times, Refusal> {
    let expires = claims.time("exp")?.ok_or(Refusal::Missing("exp"))?;
    let (not_before, issued) = (claims.time("nbf")?, claims.time("iat")?);
    if now >= expires.after(CLOCK_SKEW) {
        return Err(Refusal::Expired(expires));
    }
    if let Some(start) = [not_before, issued].into_iter().flatten().max().filter(|at| *at > now.after(CLOCK_SKEW)) {
        return Err(Refusal::NotYet(start));
    }
    // Without a beginning, what is left of its life is all that can be judged.
    let lives = expires.since(issued.or(not_before).unwrap_or(now));
    if lives > rules.lifetime_max {
        return Err(Refusal::LivesTooLong(lives.as_secs(), rules.lifetime_max.as_secs()));
    }
    Ok(Times { issued, expires })
}

/// Compared as whole texts, letter by letter (RFC 7519, section 4.1.3).
fn check_audience(claims: &Claims, profile: Profile, rules: &IssuerRules) -> Result<(), Refusal> {
    let Some(named) = claims.texts("aud")? else {
        return if profile == Profile::SciTokens1 { Ok(()) } else { Err(Refusal::Missing("aud")) };
    };
    let any = match profile {
        Profile::Wlcg => Some(ANY_WLCG),
        Profile::SciTokens | Profile::SciTokens1 => Some(ANY_SCITOKENS),
        Profile::Plain => None,
    };
    let any = any.filter(|_| rules.any_audience);
    if named.iter().any(|name| rules.audiences.contains(*name) || any == Some(*name)) {
        return Ok(());
    }
    Err(Refusal::Audience(shown(&named.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))))
}

/// The subject, fit for records: RFC 7519 makes it a text, OpenID Connect ASCII of at most 255 letters.
fn subject(claims: &Claims) -> Result<Option<&str>, Refusal> {
    let subject = claims.text("sub")?;
    let fits = |text: &str| {
        !text.is_empty() && text.len() <= MAX_SUBJECT_BYTES && text.bytes().all(|byte| (b' '..0x7f).contains(&byte))
    };
    match subject {
        Some(text) if !fits(text) => {
            let why = format!("is not 1 to {MAX_SUBJECT_BYTES} printable letters of ASCII");
            Err(Refusal::Claim("sub".to_owned(), why))
        }
        subject => Ok(subject),
    }
}

/// The groups that this issuer may speak for; others are left out.
fn groups(claims: &Claims, rules: &IssuerRules) -> Result<BTreeSet<String>, Refusal> {
    let named = claims.texts(&rules.groups_claim)?.unwrap_or_default();
    // A name without its slash could be that of a group of our own table.
    let rooted =
        named.into_iter().map(|group| if group.starts_with('/') { group.to_owned() } else { format!("/{group}") });
    let fits = |group: &String| !group.contains(|letter: char| letter.is_control() || letter.is_whitespace());
    Ok(rooted.filter(|group| fits(group) && crate::speaks_for(&rules.groups, group)).collect())
}

/// `sub@issuer`, or the local user. The last `@` parts the two, and no URL of an issuer has one, so that no subject can
/// be that of another issuer.
fn name(
    claims: &Claims,
    subject: Option<&str>,
    groups: &BTreeSet<String>,
    rules: &IssuerRules,
) -> Result<(Kind, String), Refusal> {
    if rules.strategies.contains(&Strategy::Mapping)
        && let Some(user) = local_user(claims, subject, groups, rules)?
    {
        return Ok((Kind::User, user));
    }
    Ok(match subject {
        Some(subject) => (Kind::User, format!("{subject}@{}", rules.issuer)),
        None => (Kind::Token, format!("a token of {}", rules.issuer)),
    })
}

/// In XRootD's order: the table of names, the claim, the subject, the default.
fn local_user(
    claims: &Claims,
    subject: Option<&str>,
    groups: &BTreeSet<String>,
    rules: &IssuerRules,
) -> Result<Option<String>, Refusal> {
    let claimed = rules.username_claim.as_deref().map(|name| claims.text(name)).transpose()?.flatten();
    let username = claimed.or_else(|| subject.filter(|_| rules.username_claim.is_none()));
    let is =
        |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
    let matches = |rule: &&NameRule| {
        is(&rule.subject, subject)
            && is(&rule.username, username)
            && rule.group.as_ref().is_none_or(|group| groups.contains(group))
    };
    if let Some(rule) = rules.names.iter().find(matches) {
        return Ok(Some(rule.user.clone()));
    }
    if let Some(user) = claimed {
        return fit_user(rules.username_claim.as_deref().unwrap_or_default(), user).map(Some);
    }
    if let Some(user) = subject.filter(|_| rules.map_subject) {
        return fit_user("sub", user).map(Some);
    }
    Ok(rules.default_user.clone())
}

/// A name that a token brings must be one that a local user can have: neither `sub@issuer` of another issuer, nor the
/// subject of a certificate, nor one of those that we have made up ourselves.
fn fit_user(claim: &str, user: &str) -> Result<String, Refusal> {
    const LONGEST: usize = 64;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | '@');
    if user.is_empty() || user.len() > LONGEST || !user.chars().all(fits) || user == "anonymous" {
        let why = format!("has the value '{}', which is no name of a local user", shown(user));
        return Err(Refusal::Claim(shown(claim), why));
    }
    Ok(user.to_owned())
}

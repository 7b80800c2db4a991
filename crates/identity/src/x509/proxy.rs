//! Proxies (RFC 3820): who stands behind the leaf of a chain.

use super::certificate::{Certificate, Language};
use super::name::Name;
use super::path::{check_use, check_validity};
use super::refusal::Refusal;

/// The chain from the leaf down to the end entity, whose proxies were verified. The end entity was not.
pub(super) struct Descent<'a> {
    /// From the leaf to the end entity.
    pub(super) chain: Vec<&'a Certificate>,
    /// The end entity: the certificate that an authority issued.
    pub(super) user: &'a Certificate,
    /// The proxy that holds VOMS attributes, the nearest to the leaf: whoever made it may have left some away, so that
    /// those of earlier proxies must not come back.
    pub(super) attributes: Option<&'a Certificate>,
    /// Is one of the proxies limited? Then all below it are.
    pub(super) limited: bool,
    /// Where an independent proxy stands in for the user: the nearest to the leaf.
    independent: Option<&'a Certificate>,
}

impl<'a> Descent<'a> {
    pub(super) fn leaf(&self) -> &'a Certificate {
        self.chain.first().copied().unwrap_or(self.user)
    }

    pub(super) fn is_independent(&self) -> bool {
        self.independent.is_some()
    }

    /// Whom the chain speaks for.
    pub(super) fn subject(&self) -> &'a Name {
        &self.independent.unwrap_or(self.user).subject
    }
}

/// Goes from the leaf over its proxies down to the end entity.
pub(super) fn descend(presented: &[Certificate], now: i64) -> Result<Descent<'_>, Refusal> {
    let mut current = presented.first().ok_or(Refusal::Empty)?;
    let mut descent =
        Descent { chain: vec![current], user: current, attributes: None, limited: false, independent: None };
    while let Some(info) = &current.extensions.proxy {
        let subject = || current.subject.line().to_owned();
        check_proxy(current, now)?;
        match &info.language {
            Language::InheritAll => {}
            Language::Limited => descent.limited = true,
            Language::Independent => descent.independent = descent.independent.or(Some(current)),
            Language::Other(language) => {
                return Err(Refusal::ProxyLanguage { subject: subject(), language: language.clone() });
            }
        }
        if current.extensions.attributes.is_some() && descent.attributes.is_none() {
            descent.attributes = Some(current);
        }
        let issuer = find_issuer(presented, current, &descent.chain)?;
        check_issue(current, issuer, descent.chain.len())?;
        descent.chain.push(issuer);
        current = issuer;
    }
    descent.user = current;
    refuse_legacy(presented, current)?;
    Ok(descent)
}

/// What a proxy must say of itself.
fn check_proxy(proxy: &Certificate, now: i64) -> Result<(), Refusal> {
    let subject = || proxy.subject.line().to_owned();
    let Some(info) = &proxy.extensions.proxy else { return Ok(()) };
    if !info.critical {
        return Err(Refusal::ProxyNotCritical { subject: subject() });
    }
    // RFC 3820, section 3.8.2: these languages have no policy text; one that is there would be overlooked.
    if info.has_policy && info.language != Language::Limited {
        let language = "with a text where there must be none".to_owned();
        return Err(Refusal::ProxyLanguage { subject: subject(), language });
    }
    let signs_certificates = proxy.extensions.key_usage.is_some_and(|usage| usage.certificate_signing);
    if proxy.extensions.is_authority || signs_certificates {
        return Err(Refusal::ProxyAuthority { subject: subject() });
    }
    check_validity(proxy, now)?;
    check_use(proxy)
}

fn find_issuer<'a>(
    presented: &'a [Certificate],
    proxy: &Certificate,
    used: &[&Certificate],
) -> Result<&'a Certificate, Refusal> {
    let mut refusal = Refusal::ProxyWithoutIssuer { subject: proxy.subject.line().to_owned() };
    for issuer in presented.iter().filter(|issuer| issuer.subject == proxy.issuer) {
        if used.iter().any(|used| std::ptr::eq(*used, issuer)) {
            continue;
        }
        match proxy.verify(&issuer.key) {
            Ok(()) => return Ok(issuer),
            Err(fault) => refusal = Refusal::of_signature(fault, proxy.subject.line(), issuer.subject.line()),
        }
    }
    Err(refusal)
}

/// What its issuer must allow; `below` proxies stand from the leaf to this one, it included.
fn check_issue(proxy: &Certificate, issuer: &Certificate, below: usize) -> Result<(), Refusal> {
    let names = || (proxy.subject.line().to_owned(), issuer.subject.line().to_owned());
    if proxy.subject.one_more_than(&issuer.subject).is_none() {
        let (subject, issuer) = names();
        return Err(Refusal::ProxyName { subject, issuer });
    }
    // An authority must not issue proxies (section 3.1), nor any key that may not sign messages (section 3.1.2).
    if issuer.extensions.is_authority {
        return Err(Refusal::IsAuthority { subject: names().1 });
    }
    if !issuer.may_sign_messages() {
        return Err(Refusal::Use { subject: names().1, what: "signing proxies" });
    }
    let max = issuer.extensions.proxy.as_ref().and_then(|info| info.proxies_below_max);
    if let Some(max) = max.filter(|max| below > *max as usize) {
        let (subject, issuer) = names();
        return Err(Refusal::ProxyDepth { subject, issuer, max });
    }
    Ok(())
}

/// Proxies of Globus 2 and 3 look like certificates of an unknown authority; their owners deserve the right word.
fn refuse_legacy(presented: &[Certificate], current: &Certificate) -> Result<(), Refusal> {
    let draft = current.extensions.is_draft_proxy;
    let by_name = current.subject.one_more_than(&current.issuer).is_some_and(|last| {
        let legacy = last.eq_ignore_ascii_case("proxy") || last.eq_ignore_ascii_case("limited proxy");
        legacy && presented.iter().any(|issuer| issuer.subject == current.issuer && !issuer.extensions.is_authority)
    });
    if draft || by_name {
        return Err(Refusal::LegacyProxy { subject: current.subject.line().to_owned() });
    }
    Ok(())
}

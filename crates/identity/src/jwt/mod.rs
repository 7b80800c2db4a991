//! Signed tokens of issuers: JSON Web Tokens (RFC 7519, RFC 8725) by the WLCG profile 1.3 and by SciTokens 1.0 and 2.0.
//!
//! In steps, because the issuer must be known before its keys can be had: [`Token::read`] takes a text apart and
//! verifies nothing, [`Token::verify`] checks the signature against a [`KeySet`] and gives the [`Claims`], and
//! [`identify()`] judges these by the [`IssuerRules`] of a site. [`verify()`] does all three.

mod identify;
mod json;
mod keys;
mod refusal;
mod rules;
mod scope;
mod spec;
mod wire;

pub use identify::identify;
pub use keys::{InvalidKeySet, KeySet};
pub use refusal::Refusal;
pub use rules::{IssuerRules, NameRule, Profile, Strategy};
pub use spec::{
    ANY_SCITOKENS, ANY_WLCG, CLOCK_SKEW, GROUPS_CLAIM, LIFETIME_MAX, MAX_KEYS, MAX_TOKEN_BYTES, SCOPES,
    wlcg_scope_verbs,
};
pub use wire::{Claims, Token};

use terms::{Identity, Timestamp};

#[cfg(test)]
mod tests;

/// From text to identity, when the keys of the issuer are at hand.
pub fn verify(text: &str, keys: &KeySet, rules: &IssuerRules, now: Timestamp) -> Result<Identity, Refusal> {
    let token = Token::read(text)?;
    if token.issuer() != rules.issuer {
        return Err(Refusal::unknown_issuer(token.issuer()));
    }
    identify(token.verify(keys)?, rules, now)
}

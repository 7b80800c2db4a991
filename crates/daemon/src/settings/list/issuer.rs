//! `[[issuer]]`: whose signed tokens are taken.

use super::Absent::Required;
use super::Form::Text;
use super::{Section, Setting};
use crate::settings::Settings;

/// One `[[issuer]]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Issuer {
    /// Its URL, as `iss` has it.
    pub url: String,
}

pub(super) static SECTION: Section = Section {
    name: "issuer",
    begin: Some(|settings| settings.issuers.push(Issuer::default())),
    harmless: false,
    doc: "An issuer whose signed tokens (WLCG, SciTokens) are taken.",
    settings: &[Setting {
        key: "url",
        doc: "Its URL, exactly as its tokens name it (`iss`).",
        absent: Required("\"https://issuer.example\""),
        form: Text(|s, v| edit(s, |issuer| issuer.url = v)),
    }],
};

/// Changes the issuer that is being read.
fn edit(settings: &mut Settings, change: impl FnOnce(&mut Issuer)) {
    if let Some(issuer) = settings.issuers.last_mut() {
        change(issuer);
    }
}

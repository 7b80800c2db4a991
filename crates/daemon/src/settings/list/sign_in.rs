//! `[sign_in]`: how callers may say who they are.

use super::Absent::Is;
use super::Form::Boolean;
use super::{Section, Setting};

/// The section `[sign_in]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SignIn {
    /// May a token stand in the query (`?authz=`)?
    pub query_tokens: bool,
}

pub(super) static SECTION: Section = Section {
    name: "sign_in",
    begin: None,
    harmless: true,
    doc: "How callers may say who they are.",
    settings: &[Setting {
        key: "query_tokens",
        doc: "Take a token from the query too (`?authz=TOKEN`), as dCache and XRootD do. Addresses are written to logs of \
              proxies and stay in the history of browsers: switch it on for programs that know no other way.",
        absent: Is("false"),
        form: Boolean(|s, v| s.sign_in.query_tokens = v),
    }],
};

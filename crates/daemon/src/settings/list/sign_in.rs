//! `[sign_in]` and `[sign_in.openid]`: how callers may say who they are.

use super::Absent::{Is, Means, Required};
use super::Form::{Boolean, Path, Text, Texts, Time, Word};
use super::{Section, Setting, seconds};
use crate::settings::Settings;
use std::path::PathBuf;
use terms::Span;

/// The section `[sign_in]`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SignIn {
    /// May a token stand in the query (`?authz=`)?
    pub query_tokens: bool,
    /// A session of a browser ends after this long at the latest.
    pub session_lifetime: Span,
    /// And after this long without a request.
    pub session_idle: Span,
    /// Where people sign in with a browser.
    pub openid: Option<OpenId>,
}

/// The section `[sign_in.openid]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenId {
    /// Its URL.
    pub issuer: String,
    /// How it knows us.
    pub client_id: String,
    /// The file with the secret that goes with it; `None`: we are a public client.
    pub client_secret_file: Option<PathBuf>,
    /// How browsers reach us: scheme, host and port.
    pub public_url: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that is the caller's name; `None`: `sub@issuer`.
    pub name_claim: Option<String>,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// The groups that it may speak for, each with all below it.
    pub groups: Vec<String>,
    /// Authorities to believe beside those of the system.
    pub ca_file: Option<PathBuf>,
}

pub(super) static SECTION: Section = Section {
    name: "sign_in",
    begin: None,
    harmless: true,
    doc: "How callers may say who they are.",
    settings: &[
        Setting {
            key: "query_tokens",
            doc: "Take a token from the query too (`?authz=TOKEN`), as dCache and XRootD do. Addresses are written to logs \
                  of proxies and stay in the history of browsers: switch it on for programs that know no other way.",
            absent: Is("false"),
            form: Boolean(|s, v| s.sign_in.query_tokens = v),
        },
        Setting {
            key: "session_lifetime",
            doc: "A browser that signed in must do so again after this long. Sessions are kept in memory: a restart ends \
                  them.",
            absent: Is("\"12 h\""),
            form: Time(seconds(60), seconds(30 * 86_400), |s, v| s.sign_in.session_lifetime = v),
        },
        Setting {
            key: "session_idle",
            doc: "The same after this long without a request.",
            absent: Is("\"1 h\""),
            form: Time(seconds(60), seconds(30 * 86_400), |s, v| s.sign_in.session_idle = v),
        },
    ],
};

pub(super) static OPENID: Section = Section {
    name: "sign_in.openid",
    begin: None,
    harmless: false,
    doc: "People sign in with a browser at this provider (OpenID Connect, authorization code with PKCE). Register \
          `PUBLIC_URL/sign-in/callback` there as the address to return to.",
    settings: &[
        Setting {
            key: "issuer",
            doc: "The URL of the provider, exactly as its tokens name it.",
            absent: Required("\"https://login.example\""),
            form: Word("URL", "write an https:// URL", |s, v| {
                openid(s).issuer = https(v)?;
                Ok(())
            }),
        },
        Setting {
            key: "client_id",
            doc: "How the provider knows this port.",
            absent: Required("\"portolan\""),
            form: Text(|s, v| openid(s).client_id = v),
        },
        Setting {
            key: "client_secret_file",
            doc: "The file that holds the secret that the provider gave this port, and nothing else.",
            absent: Means("a public client, which PKCE alone protects", "\"openid.secret\""),
            form: Path(|s, v| openid(s).client_secret_file = Some(v)),
        },
        Setting {
            key: "public_url",
            doc: "How browsers reach this port: scheme, host and port, without a path.",
            absent: Required("\"https://port.example\""),
            form: Word("URL", "write an https:// URL without a path", |s, v| {
                let url = https(v)?;
                let bare = url.trim_end_matches('/');
                if bare["https://".len()..].contains(['/', '?', '#', '@']) {
                    return Err("there is more than scheme, host and port".to_owned());
                }
                openid(s).public_url = bare.to_owned();
                Ok(())
            }),
        },
        Setting {
            key: "scopes",
            doc: "What is asked for beside `openid`.",
            absent: Means("`profile`", "[\"profile\", \"groups\"]"),
            form: Texts(|s, v| openid(s).scopes = v),
        },
        Setting {
            key: "name_claim",
            doc: "The claim of the ID token that becomes the caller's name. Name one only where people cannot choose it \
                  themselves.",
            absent: Means("`SUB@ISSUER`; `[[account]]` can give it a shorter name", "\"preferred_username\""),
            form: Text(|s, v| openid(s).name_claim = Some(v)),
        },
        Setting {
            key: "groups_claim",
            doc: "The claim of the ID token that lists the caller's groups.",
            absent: Means("`groups`", "\"groups\""),
            form: Text(|s, v| openid(s).groups_claim = v),
        },
        Setting {
            key: "groups",
            doc: "The groups that it may speak for, each with all below it; others in its tokens are left out. So no \
                  provider makes its people members of another's groups.",
            absent: Means("it speaks for no groups", "[\"/survey\"]"),
            form: Texts(|s, v| openid(s).groups = v),
        },
        Setting {
            key: "ca_file",
            doc: "Authorities to believe when the provider is asked, in PEM, beside those of the system.",
            absent: Means("those of the system alone", "\"login-ca.pem\""),
            form: Path(|s, v| openid(s).ca_file = Some(v)),
        },
    ],
};

fn openid(settings: &mut Settings) -> &mut OpenId {
    settings.sign_in.openid.get_or_insert_with(|| OpenId {
        scopes: vec!["profile".to_owned()],
        groups_claim: "groups".to_owned(),
        ..OpenId::default()
    })
}

fn https(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|_| "this is no URL".to_owned())?;
    if uri.scheme_str() != Some("https") || uri.host().is_none_or(str::is_empty) {
        return Err("codes and tokens travel there: it must begin with https://".to_owned());
    }
    Ok(text.to_owned())
}

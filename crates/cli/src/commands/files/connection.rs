//! How servers are reached: the options that all commands on files share.

use net::client::CredentialFiles;
use port::client::{Session, SessionSettings, Token};
use std::path::PathBuf;
use terms::{Problem, Span};

/// Options of all commands that talk to servers.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// File that holds the bearer token
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Send the token over connections without TLS, too
    #[arg(long)]
    token_in_clear: bool,
    /// Certificate or proxy to show where a server asks for one [default: X509_USER_PROXY, or X509_USER_CERT]
    #[arg(long, value_name = "PATH")]
    cert: Option<PathBuf>,
    /// Its key, where that is in another file
    #[arg(long, value_name = "PATH", requires = "cert")]
    key: Option<PathBuf>,
    /// PEM file of authorities to believe, instead of the system's
    #[arg(long, value_name = "PATH", alias = "ca-file")]
    cacert: Option<PathBuf>,
    /// Believe any certificate: nothing protects the token and the bytes then
    #[arg(long)]
    insecure: bool,
    /// How long a server may be silent [default: 60 s]
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
    /// How often a failed request is tried again
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
}

impl Connection {
    /// For commands whose own options say how servers are reached.
    pub(crate) fn with(token_file: Option<PathBuf>, cacert: Option<PathBuf>, insecure: bool) -> Self {
        Self { token_file, token_in_clear: false, cert: None, key: None, cacert, insecure, timeout: None, retries: 1 }
    }

    /// Reads token and authorities.
    pub(crate) fn open(&self) -> Result<Session, Problem> {
        let token = match &self.token_file {
            Some(path) => Some(Token::from_file(path)?),
            None => Token::discover()?,
        };
        let defaults = SessionSettings::default();
        Session::new(SessionSettings {
            authorities: self.cacert.clone(),
            insecure: self.insecure,
            credential: self.credential(),
            token,
            token_in_clear: self.token_in_clear,
            stall_timeout: self.timeout.map_or(defaults.stall_timeout, |span| span.0),
            retries: self.retries,
        })
    }

    fn credential(&self) -> Option<CredentialFiles> {
        match &self.cert {
            Some(certificate) => {
                let key = self.key.as_ref().unwrap_or(certificate).clone();
                Some(CredentialFiles { certificate: certificate.clone(), key })
            }
            None => CredentialFiles::from_environment(),
        }
    }
}

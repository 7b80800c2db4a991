//! A macaroon that proved genuine, and who it lets in.

use super::activity;
use super::caveat::{Caveat, Meaning};
use super::packet::RawCaveat;
use super::refusal::Refusal;
use super::seal::Minter;
use crate::shown::shown;
use core::net::IpAddr;
use terms::{Bound, Credential, CredentialForm, Identity, LogicalPath, Timestamp};

/// A macaroon whose signature is right and whose caveats are all understood. Do they hold?
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    minter: Minter,
    caveats: Vec<Caveat>,
}

/// When and from where one is used.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// When.
    pub now: Timestamp,
    /// From where; `None`: nowhere, which no caveat `ip:` covers.
    pub from: Option<IpAddr>,
}

impl Verified {
    pub(super) fn new(minter: Minter, caveats: &[RawCaveat]) -> Result<Self, Refusal> {
        let understand = |caveat: &RawCaveat| {
            let lossy = || Refusal::UnknownCaveat(shown(&String::from_utf8_lossy(&caveat.text)));
            Caveat::parse(std::str::from_utf8(&caveat.text).map_err(|_| lossy())?)
        };
        Ok(Self { minter, caveats: caveats.iter().map(understand).collect::<Result<_, _>>()? })
    }

    /// Its id: what a list of revoked macaroons names.
    pub fn id(&self) -> &str {
        &self.minter.id
    }

    /// When it was made.
    pub fn minted(&self) -> Timestamp {
        self.minter.minted
    }

    /// The credential that it was asked for with. When that is revoked, so is the macaroon.
    pub fn parent(&self) -> &Credential {
        &self.minter.identity.credential
    }

    /// When it ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.caveats.iter().filter_map(Caveat::ends).chain(self.parent().expires).min()
    }

    /// Who uses it: who asked for it, inside all its caveats; or why it is not accepted now and from there.
    pub fn identify(&self, presented: Presented) -> Result<Identity, Refusal> {
        let mut identity = self.minter.identity.clone();
        identity
            .bounds
            .push(Bound { by: "the macaroon".to_owned(), grants: vec![activity::everything(LogicalPath::root())] });
        for caveat in &self.caveats {
            match &caveat.meaning {
                Meaning::Inside(bound) => identity.bounds.push(bound.clone()),
                Meaning::From(networks) => {
                    let covered = presented.from.is_some_and(|from| networks.iter().any(|net| net.contains(from)));
                    if !covered {
                        return Err(Refusal::elsewhere(presented.from, &caveat.text));
                    }
                }
                Meaning::UploadMax(bytes) => {
                    let least = identity.upload_max_bytes.map_or(*bytes, |other| other.min(*bytes));
                    identity.upload_max_bytes = Some(least);
                }
                Meaning::Before(_) | Meaning::Note => {}
            }
        }
        let expires = self.expires();
        if let Some(over) = expires.filter(|at| *at <= presented.now) {
            return Err(Refusal::Over(over));
        }
        identity.credential = Credential {
            form: CredentialForm::Macaroon,
            id: self.minter.id.clone(),
            // As old as what it was asked for with: a macaroon is no way round a rule that wants fresh credentials.
            issued: self.parent().issued,
            expires,
        };
        Ok(identity)
    }
}

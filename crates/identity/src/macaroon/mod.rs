//! Macaroons: made, narrowed and verified, in the packets of libmacaroons (versions 1 and 2), so that libmacaroons,
//! pymacaroons and jmacaroons read and narrow ours.
//!
//! A macaroon is a name (the *identifier*), a list of *caveats*, and a signature that chains over both: whoever holds it
//! can add a caveat offline and cannot take one away. Ours says in its identifier who asked for it, sealed, and at its
//! use that caller is restored, with the groups and the narrowings of that time: what the macaroon lets through is what
//! the rules let *that caller* do *now*, inside every caveat. So it never exceeds who asked for it, and a rule that is
//! taken back is taken back from macaroons as well.
//!
//! # Caveats
//!
//! | Caveat | Whose | What it does |
//! |---|---|---|
//! | `activity:A,B,…` | dCache, XRootD | only these activities; see below |
//! | `path:/P` | dCache, XRootD | only `/P` and what is below it, by whole names |
//! | `root:/P` | dCache | the same as `path:` |
//! | `home:/P` | dCache | nothing: it is a client's default folder there |
//! | `before:TIME` | dCache, XRootD | only before this instant (RFC 3339) |
//! | `ip:NET,NET,…` | dCache | only from one of these networks or addresses |
//! | `max-upload:BYTES` | dCache | no single file put may be larger |
//! | `id:TEXT`, `iid:TEXT`, `name:TEXT` | dCache, XRootD | nothing: notes of who asked, which ours are sealed with |
//! | `verbs:a,b,…` | ours | only these of our own verbs |
//! | `scope:A:/P A:/Q …` | ours | activities and scopes of WLCG tokens, each at a path of its own |
//!
//! Any other caveat refuses the whole macaroon: what is not understood cannot be kept. Several caveats of one kind must
//! all hold. Paths are absolute: in dCache a second `path:` continues the first (`/a`, then `/b`: `/a/b`), in XRootD
//! both must hold (`/a`, then `/a/b`); a text that means both can only be read safely as the narrower, which is the
//! second. A holder who writes it in dCache's way gets a macaroon that allows nothing, never one that allows more.
//!
//! | Activity | Our verbs |
//! |---|---|
//! | `DOWNLOAD` | read, stat |
//! | `LIST` | list, stat |
//! | `READ_METADATA` | stat |
//! | `UPLOAD` | create, stat: new files, and the folders that they need |
//! | `DELETE` | delete, stat |
//! | `UPLOAD` and `DELETE` together | modify as well: to replace a file is to remove one and to put one |
//! | `MANAGE` | stat, and moving from one name to another that is free |
//! | `UPDATE_METADATA` | stat: properties are changed under modify, which replaces contents too, and this word does not mean that |
//! | `STAGE` | stage, stat |
//!
//! Whatever is allowed, stat is, as with dCache and XRootD. The verbs `share` and those of administration never pass
//! through a macaroon.

mod activity;
mod caveat;
mod chain;
mod packet;
mod refusal;
mod seal;
mod validity;
mod verified;

pub use activity::{Scope, Scopes};
pub use caveat::Caveat;
pub use chain::{Fresh, RootKey};
pub use packet::{Format, MAX_CAVEAT_BYTES, MAX_CAVEATS, MAX_TEXT_BYTES, Macaroon};
pub use refusal::Refusal;
pub use validity::validity;
pub use verified::{Presented, Verified};

#[cfg(test)]
mod tests;

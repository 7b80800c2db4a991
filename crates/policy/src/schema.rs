//! The words of Cedar rules: entity types, actions, and the schema that rules are checked against.

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema};
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::LazyLock;
use terms::{Identity, Kind, Verb};

/// The entity types of callers, in the order of [`Caller`].
const CALLERS: [&str; 4] = ["User", "Token", "Share", "Anonymous"];

/// The one identifier of the one [`PORT`].
pub(crate) const THIS: &str = "this";

/// The one identifier of an anonymous caller.
pub(crate) const ANONYMOUS_ID: &str = "anonymous";

/// The group of all verbs for files.
pub(crate) const FILES: &str = "files";
/// The group of all verbs of administration.
pub(crate) const ADMINISTRATION: &str = "administration";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = include_str!("schema.cedarschema").to_owned();
    for verb in Verb::ALL {
        let (group, resource) = if verb.is_administration() { (ADMINISTRATION, "Port") } else { (FILES, "Path") };
        let callers = CALLERS.join(", ");
        let _ = writeln!(
            text,
            "action \"{verb}\" in [{group}] appliesTo {{ principal: [{callers}], resource: [{resource}], context: Facts }};"
        );
    }
    text
});

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::from_str(&TEXT).expect("the schema is part of the program, and a test reads it"));

/// The schema as text.
pub(crate) fn text() -> &'static str {
    &TEXT
}

/// The schema.
pub(crate) fn schema() -> &'static Schema {
    &SCHEMA
}

macro_rules! types {
    ($($constant:ident = $name:literal),* $(,)?) => {
        $(pub(crate) static $constant: LazyLock<EntityTypeName> = LazyLock::new(|| {
            EntityTypeName::from_str($name).expect("a plain word is a type's name")
        });)*
    };
}

types! {
    USER = "User", TOKEN = "Token", SHARE = "Share", ANONYMOUS = "Anonymous",
    GROUP = "Group", ISSUER = "Issuer", PATH = "Path", PORT = "Port", ACTION = "Action",
}

/// Which entity type a caller is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    User,
    Token,
    Share,
    Anonymous,
}

impl Caller {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::User, Self::Token, Self::Share, Self::Anonymous];

    /// This host is decided upon without rules; as far as a rule could see it, it is nobody in particular.
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::User,
            Kind::Token => Self::Token,
            Kind::Share => Self::Share,
            Kind::Anonymous | Kind::Host => Self::Anonymous,
        }
    }

    /// Its entity type.
    pub(crate) fn type_name(self) -> &'static EntityTypeName {
        match self {
            Self::User => &USER,
            Self::Token => &TOKEN,
            Self::Share => &SHARE,
            Self::Anonymous => &ANONYMOUS,
        }
    }

    /// The one of this name.
    pub(crate) fn of_type(name: &str) -> Option<Self> {
        CALLERS.iter().position(|caller| *caller == name).map(|index| Self::ALL[index])
    }
}

/// A caller as an entity.
pub(crate) fn caller_uid(identity: &Identity) -> EntityUid {
    uid(Caller::of(identity.kind).type_name(), caller_id(identity))
}

/// A caller's identifier among those of its type.
pub(crate) fn caller_id(identity: &Identity) -> &str {
    match Caller::of(identity.kind) {
        Caller::Anonymous => ANONYMOUS_ID,
        _ => &identity.name,
    }
}

/// An entity.
pub(crate) fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

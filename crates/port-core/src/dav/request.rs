//! What the bodies of PROPFIND, PROPPATCH and LOCK ask for (RFC 4918 §14). Unknown elements are passed over (§17).

use super::refusal::Refusal;
use super::spec::{
    DAV, MAX_ASK_BYTES, MAX_ASKED_PROPERTIES, MAX_NAME_BYTES, MAX_OWNER_BYTES, MAX_PATCH_BYTES, MAX_PROPERTY_BYTES,
};
use super::xml::{self, Element, Name};

/// What PROPFIND asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Propfind {
    /// All dead properties and the live ones of RFC 4918, and these besides (§14.2, §14.8).
    All {
        /// The names given by `include`.
        include: Vec<Name>,
    },
    /// The names of all properties (§14.21).
    Names,
    /// These.
    These(Vec<Name>),
}

/// Reads the body of PROPFIND; an empty one means all (RFC 4918 §9.1).
pub fn propfind(body: &[u8]) -> Result<Propfind, Refusal> {
    let wrong = |expected| Refusal::Meaning { method: "PROPFIND", expected };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Propfind::All { include: Vec::new() });
    }
    let root = xml::read(body, MAX_ASK_BYTES)?;
    if !root.name.is(DAV, "propfind") {
        return Err(wrong("a propfind element of the namespace DAV:"));
    }
    let names = |element: &Element| -> Result<Vec<Name>, Refusal> {
        let mut names: Vec<Name> = Vec::new();
        for name in element.elements().map(|element| &element.name) {
            if !names.contains(name) {
                names.push(name.clone());
            }
            if names.len() > MAX_ASKED_PROPERTIES {
                return Err(wrong("at most 256 properties at a time"));
            }
        }
        Ok(names)
    };
    match (root.dav("allprop"), root.dav("propname"), root.dav("prop")) {
        (Some(_), None, None) => {
            Ok(Propfind::All { include: root.dav("include").map(names).transpose()?.unwrap_or_default() })
        }
        (None, Some(_), None) => Ok(Propfind::Names),
        (None, None, Some(prop)) => Ok(Propfind::These(names(prop)?)),
        _ => Err(wrong("exactly one of allprop, propname and prop")),
    }
}

/// One step of PROPPATCH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PatchStep {
    /// Add or replace.
    Set {
        /// Which property.
        name: Name,
        /// The whole property element, as XML that stands by itself.
        xml: String,
    },
    /// Remove.
    Remove {
        /// Which property.
        name: Name,
    },
}

impl PatchStep {
    /// Which property it touches.
    pub fn name(&self) -> &Name {
        match self {
            Self::Set { name, .. } | Self::Remove { name } => name,
        }
    }
}

/// Reads the body of PROPPATCH: the steps in the order of the document (RFC 4918 §9.2), at least one.
pub fn propertyupdate(body: &[u8]) -> Result<Vec<PatchStep>, Refusal> {
    let wrong = |expected| Refusal::Meaning { method: "PROPPATCH", expected };
    let root = xml::read(body, MAX_PATCH_BYTES)?;
    if !root.name.is(DAV, "propertyupdate") {
        return Err(wrong("a propertyupdate element of the namespace DAV:"));
    }
    let mut steps = Vec::new();
    let mut kept_bytes = 0;
    for part in root.elements() {
        let is_set = part.name.is(DAV, "set");
        if !is_set && !part.name.is(DAV, "remove") {
            continue;
        }
        for prop in part.elements().filter(|element| element.name.is(DAV, "prop")) {
            for property in prop.elements() {
                let name = property.name.clone();
                if !is_set {
                    steps.push(PatchStep::Remove { name });
                    continue;
                }
                let languages = [prop, part, &root].map(Element::language);
                let xml = self_contained(property, languages.into_iter().flatten().next())?;
                // One long namespace, declared once and used by thousands of values, would be written out in each.
                kept_bytes += xml.len();
                if kept_bytes > 2 * MAX_PATCH_BYTES {
                    return Err(Refusal::LargeBody { size_bytes: kept_bytes, limit_bytes: 2 * MAX_PATCH_BYTES });
                }
                steps.push(PatchStep::Set { name, xml });
            }
        }
    }
    if steps.is_empty() {
        return Err(wrong("at least one property to set or remove"));
    }
    Ok(steps)
}

fn self_contained(property: &Element, language: Option<&str>) -> Result<String, Refusal> {
    let xml = match language {
        Some(language) => {
            let mut property = property.clone();
            property.inherit_language(&language[..language.len().min(MAX_NAME_BYTES)]);
            property.to_xml()
        }
        None => property.to_xml(),
    };
    if xml.len() > MAX_PROPERTY_BYTES {
        let name = property.name.local.clone();
        return Err(Refusal::LargeProperty { name, limit_bytes: MAX_PROPERTY_BYTES });
    }
    Ok(xml)
}

/// What LOCK asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockInfo {
    /// May others share it?
    pub shared: bool,
    /// What the holder says of itself: the inside of `owner`, as XML that stands by itself.
    pub owner: String,
}

/// Reads the body of LOCK; `None` for an empty one, which refreshes (RFC 4918 §9.10.2).
pub fn lock_info(body: &[u8]) -> Result<Option<LockInfo>, Refusal> {
    let wrong = |expected| Refusal::Meaning { method: "LOCK", expected };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let root = xml::read(body, MAX_ASK_BYTES)?;
    if !root.name.is(DAV, "lockinfo") {
        return Err(wrong("a lockinfo element of the namespace DAV:"));
    }
    let scope = root.dav("lockscope").ok_or_else(|| wrong("a lockscope element"))?;
    let shared = match (scope.dav("exclusive"), scope.dav("shared")) {
        (Some(_), None) => false,
        (None, Some(_)) => true,
        _ => return Err(wrong("a lockscope that is either exclusive or shared")),
    };
    if root.dav("locktype").and_then(|kind| kind.dav("write")).is_none() {
        return Err(wrong("a locktype of write, the only one there is"));
    }
    let owner = root.dav("owner").map(Element::inner_xml).unwrap_or_default();
    if owner.len() > MAX_OWNER_BYTES {
        return Err(Refusal::LargeProperty { name: "owner".into(), limit_bytes: MAX_OWNER_BYTES });
    }
    Ok(Some(LockInfo { shared, owner }))
}

//! A small tree of XML, read within bounds and written so that each piece stands by itself.

use super::refusal::{Refusal, XmlBound};
use super::spec::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_ELEMENTS, MAX_NAME_BYTES, XML, XMLNS};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::borrow::Cow;
use std::fmt::Write as _;

/// A name with its namespace, which may be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name {
    /// The namespace; empty for none.
    pub namespace: String,
    /// The local name.
    pub local: String,
}

impl Name {
    /// From its two parts.
    pub fn new(namespace: impl Into<String>, local: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), local: local.into() }
    }

    /// Is it this name of this namespace?
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }

    /// The empty element of this name, declaring its own namespace.
    pub fn write_empty(&self, out: &mut String) {
        if self.namespace.is_empty() {
            let _ = write!(out, "<{}/>", self.local);
        } else {
            let _ = write!(out, "<x:{} xmlns:x=\"", self.local);
            escape_attribute(&self.namespace, out);
            out.push_str("\"/>");
        }
    }
}

/// One attribute that is not a declaration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Its name; no prefix means no namespace (Namespaces in XML 1.0 §6.2).
    pub name: Name,
    prefix: String,
    /// Its value, unescaped.
    pub value: String,
}

/// One element and all in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element {
    /// Its name.
    pub name: Name,
    prefix: String,
    /// Declarations written on this element: kept, because values may name prefixes in their text (RFC 4918 §4.3).
    declarations: Vec<(String, String)>,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// What is in it, in order.
    pub children: Vec<Node>,
}

/// What can be in an element. Comments and processing instructions are dropped (RFC 4918 §4.3 does not ask for them).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, unescaped.
    Text(String),
}

impl Element {
    /// The elements directly in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first element of `DAV:` with this name directly in it.
    pub fn dav(&self, local: &str) -> Option<&Element> {
        self.elements().find(|element| element.name.is(super::spec::DAV, local))
    }

    /// The `xml:lang` written on it.
    pub fn language(&self) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.name.is(XML, "lang")).map(|attribute| &attribute.value[..])
    }

    /// Gives it this `xml:lang` unless it has its own.
    pub fn inherit_language(&mut self, language: &str) {
        if self.language().is_none() {
            let attribute =
                Attribute { name: Name::new(XML, "lang"), prefix: "xml".into(), value: language.to_owned() };
            self.attributes.push(attribute);
        }
    }

    /// The whole as XML that stands by itself: every namespace that is used is declared in it.
    pub fn to_xml(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &mut Vec::new());
        out
    }

    /// What is in it as XML that stands by itself.
    pub fn inner_xml(&self) -> String {
        let mut out = String::new();
        self.write_children(&mut out, &mut Vec::new());
        out
    }

    /// `scope`: what is declared around it in `out`, the innermost last.
    fn write(&self, out: &mut String, scope: &mut Vec<(String, String)>) {
        let outer = scope.len();
        let label = |prefix: &str, local: &str| match prefix {
            "" => local.to_owned(),
            _ => format!("{prefix}:{local}"),
        };
        let name = label(&self.prefix, &self.name.local);
        let _ = write!(out, "<{name}");
        let written = self.declarations.iter().map(|(prefix, namespace)| (&prefix[..], &namespace[..]));
        let used = std::iter::once((&self.prefix[..], &self.name.namespace[..])).chain(
            self.attributes
                .iter()
                .filter(|attribute| !attribute.prefix.is_empty())
                .map(|attribute| (&attribute.prefix[..], &attribute.name.namespace[..])),
        );
        for (prefix, namespace) in written.chain(used) {
            let around = look_up(scope, prefix).or(prefix.is_empty().then_some(""));
            if prefix == "xml" || around == Some(namespace) {
                continue;
            }
            let _ =
                write!(out, " {}=\"", if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") });
            escape_attribute(namespace, out);
            out.push('"');
            scope.push((prefix.to_owned(), namespace.to_owned()));
        }
        for attribute in &self.attributes {
            let _ = write!(out, " {}=\"", label(&attribute.prefix, &attribute.name.local));
            escape_attribute(&attribute.value, out);
            out.push('"');
        }
        if self.children.is_empty() {
            out.push_str("/>");
        } else {
            out.push('>');
            self.write_children(out, scope);
            let _ = write!(out, "</{name}>");
        }
        scope.truncate(outer);
    }

    fn write_children(&self, out: &mut String, scope: &mut Vec<(String, String)>) {
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(out, scope),
                Node::Text(text) => escape(text, out),
            }
        }
    }
}

/// Writes text so that it may stand between tags.
pub(crate) fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A reader would make a line feed of it (XML 1.0 §2.11).
            '\r' => out.push_str("&#13;"),
            // XML 1.0 §2.2 has no way at all to write the others of these; a file name may still hold them.
            _ if !is_xml_character(character) => out.push('\u{FFFD}'),
            _ => out.push(character),
        }
    }
}

/// Writes text so that it may stand between double quotes.
fn escape_attribute(text: &str, out: &mut String) {
    for (at, piece) in text.split(['"', '\t', '\n']).scan(0, |at, piece| {
        let start = *at;
        *at += piece.len() + 1;
        Some((start, piece))
    }) {
        if at > 0 {
            // A reader would make spaces of tab and line feed (XML 1.0 §3.3.3).
            let _ = write!(out, "&#{};", text.as_bytes()[at - 1]);
        }
        escape(piece, out);
    }
}

/// Reads a whole document; nothing is resolved, fetched or expanded beyond the five entities of XML itself.
pub(super) fn read(body: &[u8], limit_bytes: usize) -> Result<Element, Refusal> {
    if body.len() > limit_bytes {
        return Err(Refusal::LargeBody { size_bytes: body.len(), limit_bytes });
    }
    let text = decode(body)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut builder = Builder::default();
    let mut version = XmlVersion::Implicit1_0;
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Start(start) => builder.open(&start, version)?,
            Event::Empty(start) => {
                builder.open(&start, version)?;
                builder.close();
            }
            Event::End(_) => builder.close(),
            Event::Text(text) => builder.text(&text.xml10_content())?,
            Event::CData(data) => builder.text(&data.xml10_content())?,
            Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(malformed)? {
                Some(character) => builder.text(character.encode_utf8(&mut [0; 4]))?,
                None => builder.text(predefined(&reference.xml10_content())?)?,
            },
            Event::DocType(_) => return Err(Refusal::Entity),
            Event::Decl(declaration) => {
                if builder.count > 0 {
                    return Err(Refusal::Xml("an XML declaration stands inside the document".into()));
                }
                version = declaration.xml_version().map_err(malformed)?;
                check_encoding(declaration.encoding())?;
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return builder.finish(),
        }
    }
}

fn check_encoding(
    encoding: Option<Result<Cow<'_, str>, quick_xml::events::attributes::AttrError>>,
) -> Result<(), Refusal> {
    match encoding {
        None => Ok(()),
        Some(Ok(name)) if ["utf-8", "utf8", "us-ascii", "utf-16"].contains(&&name.to_ascii_lowercase()[..]) => Ok(()),
        Some(Ok(_)) => Err(Refusal::Xml("its encoding is neither UTF-8 nor UTF-16".into())),
        Some(Err(error)) => Err(malformed(error.into())),
    }
}

/// UTF-8 or UTF-16, the two that every reader must know (XML 1.0 §4.3.3).
fn decode(body: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let wide = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = body[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map(Cow::Owned).map_err(|_| Refusal::Xml("it is not UTF-16".into()))
    };
    match body {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        _ => {
            let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
            std::str::from_utf8(body).map(Cow::Borrowed).map_err(|_| Refusal::Xml("it is not UTF-8".into()))
        }
    }
}

fn malformed(error: quick_xml::Error) -> Refusal {
    Refusal::Xml(error.to_string().chars().take(200).collect())
}

fn predefined(entity: &str) -> Result<&'static str, Refusal> {
    quick_xml::escape::resolve_predefined_entity(entity).ok_or(Refusal::Entity)
}

#[derive(Default)]
struct Builder {
    /// Open elements, the innermost last; at most [`MAX_DEPTH`].
    open: Vec<Element>,
    root: Option<Element>,
    /// Elements and attributes so far.
    count: usize,
}

impl Builder {
    fn open(&mut self, start: &BytesStart<'_>, version: XmlVersion) -> Result<(), Refusal> {
        if self.root.is_some() {
            return Err(Refusal::Xml("there is a second element beside the first".into()));
        }
        self.count += 1;
        if self.count > MAX_ELEMENTS {
            return Err(Refusal::Bound(XmlBound::Elements));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Refusal::Bound(XmlBound::Depth));
        }
        let (prefix, local) = split(start.name().into_inner())?;
        let mut declarations = Vec::new();
        let mut plain = Vec::new();
        for (at, attribute) in start.attributes().enumerate() {
            self.count += 1;
            if at >= MAX_ATTRIBUTES {
                return Err(Refusal::Bound(XmlBound::Attributes));
            }
            let attribute = attribute.map_err(|error| malformed(error.into()))?;
            let value = attribute.normalized_value(version).map_err(attribute_value)?.into_owned();
            check_characters(&value)?;
            match split(attribute.key.into_inner())? {
                ("", "xmlns") => declarations.push(declare("", value)?),
                ("xmlns", prefix) => declarations.push(declare(prefix, value)?),
                (prefix, local) => plain.push((prefix.to_owned(), local.to_owned(), value)),
            }
        }
        let namespace = self.resolve(&declarations, prefix)?;
        let mut attributes = Vec::with_capacity(plain.len());
        for (prefix, local, value) in plain {
            let namespace = if prefix.is_empty() { String::new() } else { self.resolve(&declarations, &prefix)? };
            let name = Name { namespace, local };
            // Two prefixes may be bound to one namespace (Namespaces in XML 1.0 §6.3).
            if attributes.iter().any(|other: &Attribute| other.name == name) {
                return Err(Refusal::Xml(format!("the attribute {} is given twice", name.local)));
            }
            attributes.push(Attribute { name, prefix, value });
        }
        let name = Name { namespace, local: local.to_owned() };
        self.open.push(Element { name, prefix: prefix.to_owned(), declarations, attributes, children: Vec::new() });
        Ok(())
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Refusal> {
        check_characters(text)?;
        let Some(element) = self.open.last_mut() else {
            let blank = text.chars().all(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
            return if blank { Ok(()) } else { Err(Refusal::Xml("there is text outside the document".into())) };
        };
        match element.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => element.children.push(Node::Text(text.to_owned())),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, Refusal> {
        if let Some(element) = self.open.last() {
            return Err(Refusal::Xml(format!("the element {} is not closed", element.name.local)));
        }
        self.root.ok_or_else(|| Refusal::Xml("there is no element".into()))
    }

    fn resolve(&self, own: &[(String, String)], prefix: &str) -> Result<String, Refusal> {
        if prefix == "xml" {
            return Ok(XML.to_owned());
        }
        look_up(own, prefix)
            .or_else(|| self.open.iter().rev().find_map(|element| look_up(&element.declarations, prefix)))
            .or_else(|| prefix.is_empty().then_some(""))
            .map(str::to_owned)
            .ok_or_else(|| Refusal::Xml(format!("the prefix {prefix} is not declared")))
    }
}

/// The entity error of an attribute is ours to tell apart; the rest is bad form.
fn attribute_value(error: quick_xml::Error) -> Refusal {
    match error {
        quick_xml::Error::Escape(quick_xml::escape::EscapeError::UnrecognizedEntity(..)) => Refusal::Entity,
        error => malformed(error),
    }
}

/// The rules of a declaration (Namespaces in XML 1.0 §3, §5): only the default may be undone by an empty name.
fn declare(prefix: &str, namespace: String) -> Result<(String, String), Refusal> {
    let wrong = |why: &str| Err(Refusal::Xml(format!("the prefix {prefix:?} is declared wrongly: {why}")));
    if namespace.len() > MAX_NAME_BYTES {
        return Err(Refusal::Bound(XmlBound::Name));
    }
    match prefix {
        "xmlns" => wrong("this prefix is not to be declared"),
        "xml" if namespace != XML => wrong("this prefix belongs to XML itself"),
        _ if prefix != "xml" && (namespace == XML || namespace == XMLNS) => {
            wrong("this namespace belongs to XML itself")
        }
        _ if !prefix.is_empty() && namespace.is_empty() => wrong("a prefix cannot stand for no namespace"),
        _ => Ok((prefix.to_owned(), namespace)),
    }
}

fn look_up<'a>(scope: &'a [(String, String)], prefix: &str) -> Option<&'a str> {
    scope.iter().rev().find(|(known, _)| known == prefix).map(|(_, namespace)| &namespace[..])
}

/// A qualified name into prefix and local part, both checked (Namespaces in XML 1.0 §4).
fn split(name: &str) -> Result<(&str, &str), Refusal> {
    if name.len() > MAX_NAME_BYTES {
        return Err(Refusal::Bound(XmlBound::Name));
    }
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) if is_name(prefix) && is_name(local) => (prefix, local),
        None if is_name(name) => ("", name),
        _ => return Err(Refusal::Xml(format!("{:?} is not a name", name.chars().take(80).collect::<String>()))),
    };
    Ok((prefix, local))
}

/// NCName (Namespaces in XML 1.0 §3, after XML 1.0 §2.3).
fn is_name(text: &str) -> bool {
    let starts = |c: char| {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_'
            | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
            | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
            | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
    };
    let goes_on = |c: char| {
        starts(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
    };
    let mut characters = text.chars();
    characters.next().is_some_and(starts) && characters.all(goes_on)
}

/// Char (XML 1.0 §2.2).
fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn check_characters(text: &str) -> Result<(), Refusal> {
    match text.chars().find(|&character| !is_xml_character(character)) {
        Some(character) => Err(Refusal::Xml(format!("U+{:04X} may not occur in XML", u32::from(character)))),
        None => Ok(()),
    }
}

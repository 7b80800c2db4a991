//! Reads the answer to PROPFIND as it arrives, so that a folder of a million names needs no more memory than one of ten.

use bytes::Bytes;
use port_core::http::conditional::EntityTag;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;
use terms::Timestamp;
use tokio::sync::mpsc;

use super::address::{Url, decode_name, is_surely_unescaped};
use super::entry::{Entry, Kind};

/// The body of the question: no more than what is used. Some servers compute dearly what they are not asked for.
pub(crate) const QUESTION: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"#
);

/// The largest that one entry may be in XML, and so the memory that a hostile answer can take. An honest one has a
/// kilobyte or two; names are at most 255 bytes, three times that when escaped.
const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// One `response` element.
#[derive(Debug)]
pub(crate) struct Found {
    /// Is it the folder that was asked about, and not something in it?
    pub(crate) is_self: bool,
    pub(crate) entry: Entry,
}

/// Reads from `body` until its end and hands on what it finds. Blocks; ends early when nobody wants more.
pub(crate) fn read(asked: &Url, body: mpsc::Receiver<Bytes>, found: &mpsc::Sender<Found>) -> Result<(), String> {
    let budget = Rc::new(Cell::new(MAX_ENTRY_BYTES));
    let source = Pieces { body, current: Bytes::new(), budget: Rc::clone(&budget) };
    let mut reader = NsReader::from_reader(BufReader::with_capacity(64 * 1024, source));
    let mut buffer = Vec::new();
    let mut response = Response::default();
    let mut is_plain = false;
    loop {
        buffer.clear();
        let (namespace, event) = reader.read_resolved_event_into(&mut buffer).map_err(|error| error.to_string())?;
        let is_dav = matches!(namespace, ResolveResult::Bound(name) if name.as_ref() == "DAV:");
        match event {
            Event::Start(start) => response.open(is_dav, start.local_name().as_ref()),
            Event::Empty(empty) => {
                response.open(is_dav, empty.local_name().as_ref());
                response.close();
            }
            Event::End(end) => {
                let ended = is_dav && end.local_name().as_ref() == "response";
                response.close();
                if ended {
                    budget.set(MAX_ENTRY_BYTES);
                    let whole = std::mem::take(&mut response);
                    // XRootD 5.5 escapes nothing. Whoever does so once does so always.
                    is_plain |= whole.href.starts_with('/') && is_surely_unescaped(&whole.href);
                    if let Some(entry) = whole.into_found(asked, is_plain)
                        && found.blocking_send(entry).is_err()
                    {
                        return Ok(());
                    }
                }
            }
            Event::Text(text) => response.text(&text.xml10_content()),
            Event::CData(data) => response.text(&data.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content();
                let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                match character.or_else(|| predefined(&name)) {
                    Some(character) => response.text(character.encode_utf8(&mut [0; 4])),
                    None => return Err(format!("it has an entity of its own, '{name}'")),
                }
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// XML 1.0 §4.6.
fn predefined(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// Which element's text is collected.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Field {
    #[default]
    Other,
    Response,
    Propstat,
    Prop,
    Href,
    Status,
    Length,
    Modified,
    Tag,
    ResourceType,
}

/// One `response` element as it grows. Properties count only if their `propstat` has status 200; that is told behind
/// them, so they wait in `pending`.
#[derive(Default)]
struct Response {
    open: Vec<Field>,
    href: String,
    status: String,
    pending: Properties,
    properties: Properties,
}

#[derive(Default)]
struct Properties {
    length: String,
    modified: String,
    tag: String,
    is_folder: bool,
}

impl Response {
    fn open(&mut self, is_dav: bool, name: &str) {
        let inside = self.open.last().copied().unwrap_or_default();
        let field = match (inside, name) {
            _ if !is_dav => Field::Other,
            (Field::Other, "response") => Field::Response,
            (Field::Response, "href") => Field::Href,
            (Field::Response, "propstat") => Field::Propstat,
            (Field::Propstat, "status") => Field::Status,
            (Field::Propstat, "prop") => Field::Prop,
            (Field::Prop, "getcontentlength") => Field::Length,
            (Field::Prop, "getlastmodified") => Field::Modified,
            (Field::Prop, "getetag") => Field::Tag,
            (Field::Prop, "resourcetype") => Field::ResourceType,
            (Field::ResourceType, "collection") => {
                self.pending.is_folder = true;
                Field::Other
            }
            _ => Field::Other,
        };
        self.open.push(field);
    }

    fn text(&mut self, text: &str) {
        match self.open.last().copied().unwrap_or_default() {
            Field::Href => self.href.push_str(text),
            Field::Status => self.status.push_str(text),
            Field::Length => self.pending.length.push_str(text),
            Field::Modified => self.pending.modified.push_str(text),
            Field::Tag => self.pending.tag.push_str(text),
            _ => {}
        }
    }

    fn close(&mut self) {
        if self.open.pop() == Some(Field::Propstat) {
            let pending = std::mem::take(&mut self.pending);
            let status = std::mem::take(&mut self.status);
            if status.split_whitespace().nth(1) == Some("200") {
                self.properties = pending;
            }
        }
    }

    /// `None` of what has no usable name: such an entry could not be addressed or stored anyway.
    fn into_found(self, asked: &Url, is_plain: bool) -> Option<Found> {
        let url = if is_plain { asked.at_plain_path(&self.href) } else { asked.resolve(self.href.trim())? };
        let is_self = url.is_same_place(asked);
        let name = url.path().trim_end_matches('/').rsplit('/').next().and_then(decode_name);
        let Properties { length, modified, tag, is_folder } = self.properties;
        let entry = Entry {
            name: if is_self { name.unwrap_or_default() } else { name? },
            kind: if is_folder { Kind::Folder } else { Kind::File },
            size_bytes: length.trim().parse().ok().filter(|_| !is_folder),
            modified: Timestamp::from_http_date(&modified),
            tag: EntityTag::parse(&tag),
        };
        Some(Found { is_self, entry })
    }
}

/// The pieces of a body as one stream that ends with an error when an entry takes too much.
struct Pieces {
    body: mpsc::Receiver<Bytes>,
    current: Bytes,
    budget: Rc<Cell<usize>>,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.body.blocking_recv() {
                Some(bytes) => self.current = bytes,
                None => return Ok(0),
            }
        }
        let size = self.current.len().min(into.len());
        into[..size].copy_from_slice(&self.current.split_to(size));
        let left = self.budget.get().checked_sub(size);
        self.budget.set(left.ok_or_else(|| io::Error::other("one entry of it is absurdly large"))?);
        Ok(size)
    }
}

//! Addresses in the XML of WebDAV, as whoever comes by a share knows them.
//!
//! The door writes `<D:href>/data/…</D:href>`. Here the address of the share takes the place of what leads to the shared
//! path, and what is not in the share becomes the address of the share itself.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::BodyExt as _;
use net::Body;
use port::door::DATA_PREFIX;
use std::io;
use terms::LogicalPath;

const BEGIN: &[u8] = b"<D:href>";

/// The longest address: a path of 2,560 bytes with each of them escaped, and its prefix.
const MAX_HREF_BYTES: usize = 8 * 1024;

/// Replaces addresses in a text that comes in pieces.
pub(super) struct Rewriter {
    /// The address of the topmost folder in the door's words.
    from: Vec<u8>,
    /// And in those of the share.
    to: Vec<u8>,
    /// What could be the beginning of an address.
    held: Vec<u8>,
}

impl Rewriter {
    /// For a share of this path with this address.
    pub(super) fn new(home: &LogicalPath, prefix: &str) -> Self {
        let top = home.parent().unwrap_or_else(LogicalPath::root).to_url_path();
        // Of all that XML escapes only this can stand in a path of a URL.
        let from = format!("{DATA_PREFIX}{}", top.trim_end_matches('/')).replace('&', "&amp;");
        Self { from: from.into(), to: prefix.as_bytes().to_vec(), held: Vec::new() }
    }

    /// Takes a piece; answers what is sure of it.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(piece);
        let mut out = Vec::with_capacity(text.len());
        let mut rest = &text[..];
        while let Some(at) = find(rest, BEGIN) {
            let (before, behind) = rest.split_at(at + BEGIN.len());
            let Some(end) = behind.iter().position(|byte| *byte == b'<') else {
                if behind.len() < MAX_HREF_BYTES {
                    out.extend_from_slice(&rest[..at]);
                    self.held = rest[at..].to_vec();
                    return out;
                }
                break;
            };
            out.extend_from_slice(before);
            self.write(&behind[..end], &mut out);
            rest = &behind[end..];
        }
        let unsure = (1..BEGIN.len()).rev().find(|len| rest.ends_with(&BEGIN[..*len])).unwrap_or(0);
        let (sure, unsure) = rest.split_at(rest.len() - unsure);
        out.extend_from_slice(sure);
        self.held = unsure.to_vec();
        out
    }

    /// What was held back at the end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn write(&self, href: &[u8], out: &mut Vec<u8>) {
        let below = |prefix: &[u8]| {
            href.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(b"/")).map(<[u8]>::to_vec)
        };
        match (below(&self.from), below(DATA_PREFIX.as_bytes())) {
            (Some(rest), _) => {
                out.extend_from_slice(&self.to);
                out.extend_from_slice(&rest);
            }
            (None, Some(_)) => {
                out.extend_from_slice(&self.to);
                out.push(b'/');
            }
            // The token of a lock, or what somebody else wrote into a property.
            (None, None) => out.extend_from_slice(href),
        }
    }
}

/// The same body with its addresses replaced.
pub(super) fn rewritten(body: Body, rewriter: Rewriter) -> Body {
    Body::stream(pieces(body, rewriter))
}

fn pieces(body: Body, rewriter: Rewriter) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let state = (body.into_data_stream(), rewriter, false);
    stream::try_unfold(state, |(mut body, mut rewriter, ended)| async move {
        if ended {
            return Ok(None);
        }
        Ok(Some(match body.next().await {
            Some(piece) => (Bytes::from(rewriter.take(&piece?)), (body, rewriter, false)),
            None => (Bytes::from(rewriter.finish()), (body, rewriter, true)),
        }))
    })
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

//! A client of resumable uploads that survives its server: draft-ietf-httpbis-resumable-upload, interop version 8.

use crate::load::{Content, Dice, Target};
use std::io;

const VERSION: (&str, &str) = ("Upload-Draft-Interop-Version", "8");
/// Several appends to a file, so that a kill falls between and within them.
const PIECE_LIMIT_BYTES: u64 = 1_500_000;
const FILE_LIMIT_BYTES: u64 = 6_000_000;

/// One upload after another, each in several appends.
pub struct Uploader {
    dice: Dice,
    count: u64,
    current: Option<Upload>,
    /// Uploads whose creation was never answered: the server may hold them, but nobody knows their address.
    abandoned: usize,
    /// Acknowledged as complete, and not seen since.
    complete: Vec<(String, Content)>,
    /// Files that were acknowledged as complete.
    pub acknowledged: u64,
}

struct Upload {
    name: String,
    content: Content,
    /// `None` until the server told it.
    address: Option<String>,
    /// Bytes that the server acknowledged.
    offset: usize,
}

impl Uploader {
    /// The same pieces for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), count: 0, current: None, abandoned: 0, complete: Vec::new(), acknowledged: 0 }
    }

    /// Works until the server no longer answers.
    pub fn run(&mut self, target: &Target) {
        while self.step(target).is_ok() {}
    }

    /// Uploads whose staged bytes the server must keep.
    pub fn live(&self) -> usize {
        self.abandoned + usize::from(self.current.is_some())
    }

    fn step(&mut self, target: &Target) -> io::Result<()> {
        let Some(upload) = &mut self.current else {
            self.count += 1;
            let length = self.dice.below(FILE_LIMIT_BYTES) as usize;
            let content = Content::new(self.count, length);
            self.current =
                Some(Upload { name: format!("/data/upload-{}", self.count), content, address: None, offset: 0 });
            return self.create(target);
        };
        let piece = self.dice.below(PIECE_LIMIT_BYTES) as usize;
        let end = (upload.offset + piece).min(upload.content.length);
        let complete = end == upload.content.length;
        let offset = upload.offset.to_string();
        let headers = [
            VERSION,
            ("Content-Type", "application/partial-upload"),
            ("Upload-Offset", offset.as_str()),
            ("Upload-Complete", if complete { "?1" } else { "?0" }),
        ];
        let address = upload.address.clone().unwrap();
        let answer = target.ask("PATCH", &address, &headers, &upload.content.bytes()[upload.offset..end])?;
        assert!(
            answer.status / 100 == 2,
            "PATCH {offset}..{end} of {}: {} {}",
            upload.name,
            answer.status,
            answer.text()
        );
        upload.offset = end;
        if complete {
            // From now on the file must be there, and the upload no longer.
            self.complete.push((upload.name.clone(), upload.content));
            self.current = None;
            self.acknowledged += 1;
        }
        Ok(())
    }

    fn create(&mut self, target: &Target) -> io::Result<()> {
        let upload = self.current.as_mut().unwrap();
        let length = upload.content.length.to_string();
        let headers = [VERSION, ("Upload-Complete", "?0"), ("Upload-Length", length.as_str())];
        let answer = target.ask("PUT", &upload.name, &headers, b"")?;
        assert_eq!(answer.status, 201, "creating an upload of {}: {}", upload.name, answer.text());
        let location = answer.header("location").expect("a Location").to_owned();
        // An absolute address or a path: we always ask the same host.
        upload.address = Some(
            location.split_once("://").map_or(location.clone(), |(_, rest)| rest[rest.find('/').unwrap()..].to_owned()),
        );
        Ok(())
    }

    /// After a restart: what was acknowledged as complete is there and whole (and is then removed, so that each round
    /// costs the same); of the one under way the server has at least what it acknowledged.
    pub fn settle(&mut self, target: &Target) {
        for (name, content) in std::mem::take(&mut self.complete) {
            let answer = target.ask("GET", &name, &[], b"").unwrap();
            assert_eq!(answer.status, 200, "{name} was acknowledged and is gone: {}", answer.text());
            assert!(answer.body == content.bytes(), "{name} has other bytes");
            let gone = target.ask("DELETE", &name, &[], b"").unwrap();
            assert_eq!(gone.status, 204, "DELETE {name}: {}", gone.text());
        }
        let Some(upload) = &self.current else { return };
        let answer = target.ask("GET", &upload.name, &[], b"").unwrap();
        match answer.status {
            // The last append took effect, though nobody was told.
            200 => {
                assert!(answer.body == upload.content.bytes(), "{} was published with other bytes", upload.name);
                self.complete.push((upload.name.clone(), upload.content));
                self.current = None;
            }
            404 => self.find_offset(target),
            status => panic!("GET {}: {status} {}", upload.name, answer.text()),
        }
    }

    fn find_offset(&mut self, target: &Target) {
        let Some(upload) = &mut self.current else { return };
        let Some(address) = &upload.address else {
            self.abandoned += 1;
            self.current = None;
            return;
        };
        let answer = target.ask("HEAD", address, &[VERSION], b"").unwrap();
        assert!(answer.status / 100 == 2, "HEAD of the upload of {}: {}", upload.name, answer.status);
        let offset: usize = answer.header("upload-offset").and_then(|offset| offset.parse().ok()).expect("an offset");
        let range = upload.offset..=upload.content.length;
        assert!(
            range.contains(&offset),
            "{}: the server has {offset}, acknowledged were {}",
            upload.name,
            upload.offset
        );
        upload.offset = offset;
    }
}

//! A client of resumable uploads that survives its server: draft-ietf-httpbis-resumable-upload, interop version 8.

use crate::load::{Dice, Target};
use crate::tree::bytes;
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
    abandoned: Vec<u64>,
    /// Files that were acknowledged as complete.
    pub acknowledged: u64,
}

struct Upload {
    name: String,
    content: Vec<u8>,
    /// `None` until the server told it.
    address: Option<String>,
    /// Bytes that the server acknowledged.
    offset: usize,
}

impl Uploader {
    /// The same pieces for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), count: 0, current: None, abandoned: Vec::new(), acknowledged: 0 }
    }

    /// Works until the server no longer answers.
    pub fn run(&mut self, target: &Target) {
        while self.step(target).is_ok() {}
    }

    /// Uploads whose staged bytes the server must keep.
    pub fn live(&self) -> usize {
        self.abandoned.len() + usize::from(self.current.is_some())
    }

    fn step(&mut self, target: &Target) -> io::Result<()> {
        let Some(upload) = &mut self.current else {
            self.count += 1;
            let length = self.dice.below(FILE_LIMIT_BYTES) as usize;
            let content = bytes(self.count, length);
            self.current =
                Some(Upload { name: format!("/data/upload-{}", self.count), content, address: None, offset: 0 });
            return self.create(target);
        };
        let piece = self.dice.below(PIECE_LIMIT_BYTES) as usize;
        let end = (upload.offset + piece).min(upload.content.len());
        let complete = end == upload.content.len();
        let offset = upload.offset.to_string();
        let headers = [
            VERSION,
            ("Content-Type", "application/partial-upload"),
            ("Upload-Offset", offset.as_str()),
            ("Upload-Complete", if complete { "?1" } else { "?0" }),
        ];
        let address = upload.address.clone().unwrap();
        let answer = target.ask("PATCH", &address, &headers, &upload.content[upload.offset..end])?;
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
            self.current = None;
            self.acknowledged += 1;
        }
        Ok(())
    }

    fn create(&mut self, target: &Target) -> io::Result<()> {
        let upload = self.current.as_mut().unwrap();
        let length = upload.content.len().to_string();
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

    /// After a restart: the server must have at least what it acknowledged, and no more than was sent.
    pub fn settle(&mut self, target: &Target) {
        for number in 1..=self.count {
            let name = format!("/data/upload-{number}");
            let answer = target.ask("GET", &name, &[], b"").unwrap();
            let current = self.current.as_ref().filter(|upload| upload.name == name);
            let whole = match answer.status {
                200 => true,
                404 => false,
                status => panic!("GET {name}: {status} {}", answer.text()),
            };
            match (current, whole) {
                // The last append took effect, though nobody was told.
                (Some(upload), true) => {
                    assert!(answer.body == upload.content, "{name} was published with other bytes");
                    self.current = None;
                }
                (None, false) if self.abandoned.contains(&number) => {}
                (None, false) => panic!("{name} was acknowledged and is gone"),
                (None, true) => assert!(answer.body == bytes(number, answer.body.len()), "{name} has other bytes"),
                (Some(_), false) => {}
            }
        }
        self.find_offset(target);
    }

    fn find_offset(&mut self, target: &Target) {
        let Some(upload) = &mut self.current else { return };
        let Some(address) = &upload.address else {
            self.abandoned.push(self.count);
            self.current = None;
            return;
        };
        let answer = target.ask("HEAD", address, &[VERSION], b"").unwrap();
        assert!(answer.status / 100 == 2, "HEAD of the upload of {}: {}", upload.name, answer.status);
        let offset: usize = answer.header("upload-offset").and_then(|offset| offset.parse().ok()).expect("an offset");
        let range = upload.offset..=upload.content.len();
        assert!(
            range.contains(&offset),
            "{}: the server has {offset}, acknowledged were {}",
            upload.name,
            upload.offset
        );
        upload.offset = offset;
    }
}

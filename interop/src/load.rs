//! A mixed load that keeps a ledger of what was acknowledged, and compares it with what a server has after a fault.
//!
//! Each [`Worker`] owns a folder, so that nobody else explains a difference, and has at most one request under way: what
//! that one asked for may or may not have happened when the server died; everything else must be as the ledger says.

use crate::http::{self, Answer};
use crate::tree::{adler32, bytes};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// Names per folder: few, so that files are replaced, moved and removed again and again.
const NAMES: u64 = 12;
/// One in so many files is large enough to be under way when the server dies.
const LARGE_ONE_IN: u64 = 4;
const SMALL_LIMIT_BYTES: u64 = 20_000;
const LARGE_LIMIT_BYTES: u64 = 6_000_000;

/// A file's content, remembered by how it is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Content {
    seed: u64,
    /// Its length in bytes.
    pub length: usize,
}

impl Content {
    /// The content of this seed and length.
    pub fn new(seed: u64, length: usize) -> Self {
        Self { seed, length }
    }

    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        bytes(self.seed, self.length)
    }
}

/// Small and sufficient: xorshift64 from a seed that a failed test prints.
pub struct Dice(u64);

impl Dice {
    /// The same throws for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below the limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// What was asked for and not answered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Pending {
    Put(String, Content),
    Delete(String),
    Move(String, String),
}

/// Where a port listens, and who asks.
#[derive(Clone)]
pub struct Target {
    /// Port number of the listener without TLS.
    pub port: u16,
    /// A token that may do everything.
    pub token: String,
}

impl Target {
    /// One request with the token.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        http::request(self.port, method, path, &all, body)
    }
}

/// One client that puts, gets, moves and deletes in a folder of its own.
pub struct Worker {
    folder: String,
    dice: Dice,
    ledger: BTreeMap<String, Content>,
    pending: Option<Pending>,
    /// Whether answers that blame the storage are expected (the disk is gone) and mean what silence means: who knows.
    forgiving: bool,
    /// What was acknowledged since the last start, for the message of a failed test.
    history: Vec<String>,
    /// Requests that were acknowledged.
    pub acknowledged: u64,
}

impl Worker {
    /// A worker with its folder made.
    pub fn new(target: &Target, number: u64, seed: u64) -> Self {
        let folder = format!("/data/worker-{number}");
        let made = target.ask("MKCOL", &folder, &[], b"").unwrap();
        assert_eq!(made.status, 201, "MKCOL {folder}: {}", made.text());
        let dice = Dice::new(seed ^ (number + 1) << 32);
        Self {
            folder,
            dice,
            ledger: BTreeMap::new(),
            pending: None,
            forgiving: false,
            history: Vec::new(),
            acknowledged: 0,
        }
    }

    /// A worker that takes answers that blame the storage for silence, because the test takes the disk away.
    pub fn forgiving(self) -> Self {
        Self { forgiving: true, ..self }
    }

    fn ask(
        &self,
        target: &Target,
        method: &str,
        name: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let answer = target.ask(method, &self.path(name), headers, body)?;
        // A disk that is gone may also call itself read-only, for which the port has another status.
        let is_storage = answer.status >= 500 || answer.text().contains("\"fault\":\"storage\"");
        if self.forgiving && answer.status >= 400 && is_storage {
            return Err(io::Error::other("the disk is gone"));
        }
        Ok(answer)
    }

    /// Works until the server no longer answers.
    pub fn run(&mut self, target: &Target) {
        while self.step(target).is_ok() {
            self.acknowledged += 1;
        }
    }

    fn step(&mut self, target: &Target) -> io::Result<()> {
        let name = format!("file-{}", self.dice.below(NAMES));
        let other = format!("file-{}", self.dice.below(NAMES));
        match (self.dice.below(8), self.ledger.contains_key(&name)) {
            (0, true) => self.delete(target, name),
            (1, true) if name != other => self.rename(target, name, other),
            (2 | 3, true) => self.read(target, &name),
            _ => self.put(target, name),
        }
    }

    fn put(&mut self, target: &Target, name: String) -> io::Result<()> {
        let large = self.dice.below(LARGE_ONE_IN) == 0;
        let limit = if large { LARGE_LIMIT_BYTES } else { SMALL_LIMIT_BYTES };
        let content = Content::new(self.dice.below(u64::MAX), self.dice.below(limit) as usize);
        self.pending = Some(Pending::Put(name.clone(), content));
        let answer = self.ask(target, "PUT", &name, &[], &content.bytes())?;
        let expected = if self.ledger.contains_key(&name) { 204 } else { 201 };
        assert_eq!(answer.status, expected, "PUT {}: {}", self.path(&name), answer.text());
        self.history.push(format!("PUT {name} of {} bytes", content.length));
        self.ledger.insert(name, content);
        self.pending = None;
        Ok(())
    }

    fn delete(&mut self, target: &Target, name: String) -> io::Result<()> {
        self.pending = Some(Pending::Delete(name.clone()));
        let answer = self.ask(target, "DELETE", &name, &[], b"")?;
        assert_eq!(answer.status, 204, "DELETE {}: {}", self.path(&name), answer.text());
        self.history.push(format!("DELETE {name}"));
        self.ledger.remove(&name);
        self.pending = None;
        Ok(())
    }

    fn rename(&mut self, target: &Target, from: String, to: String) -> io::Result<()> {
        self.pending = Some(Pending::Move(from.clone(), to.clone()));
        // A path without a host: RFC 4918 §8.3 allows it.
        let destination = self.path(&to);
        let answer = self.ask(target, "MOVE", &from, &[("Destination", &destination)], b"")?;
        let expected = if self.ledger.contains_key(&to) { 204 } else { 201 };
        assert_eq!(answer.status, expected, "MOVE {} to {to}: {}", self.path(&from), answer.text());
        self.history.push(format!("MOVE {from} to {to}"));
        if let Some(content) = self.ledger.remove(&from) {
            self.ledger.insert(to, content);
        }
        self.pending = None;
        Ok(())
    }

    fn read(&self, target: &Target, name: &str) -> io::Result<()> {
        let answer = self.ask(target, "GET", name, &[], b"")?;
        assert_eq!(answer.status, 200, "GET {}: {}", self.path(name), answer.text());
        assert!(answer.body == self.ledger[name].bytes(), "GET {} sent other bytes", self.path(name));
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// After a restart: finds out whether the pending request took effect, and checks all files, their digests by the
    /// server's own word, and that no other name is to be seen.
    pub fn settle(&mut self, target: &Target, store: &Path) {
        let mut expected = vec![self.ledger.clone()];
        if let Some(pending) = self.pending.take() {
            self.history.push(format!("not answered: {pending:?}"));
            let mut after = self.ledger.clone();
            match pending.clone() {
                Pending::Put(name, content) => drop(after.insert(name, content)),
                Pending::Delete(name) => drop(after.remove(&name)),
                Pending::Move(from, to) => {
                    let content = after.remove(&from).unwrap();
                    after.insert(to, content);
                }
            }
            expected.push(after);
        }
        let found = self.found(target, store);
        let as_found = expected.iter().find(|ledger| matches(ledger, &found));
        let Some(as_found) = as_found else { panic!("{}", self.difference(&expected[expected.len() - 1], &found)) };
        self.ledger = as_found.clone();
        self.history.clear();
    }

    /// What differs between what must be there and what is, with all that was done to those names since the last start.
    fn difference(&self, expected: &BTreeMap<String, Content>, found: &BTreeMap<String, Vec<u8>>) -> String {
        let mut text = format!("{} is not as it was acknowledged", self.folder);
        let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        for name in names {
            let (expected, found) = (expected.get(name), found.get(name));
            if found.map(Vec::as_slice) != expected.map(|content| content.bytes()).as_deref() {
                let (wanted, there) = (expected.map(|content| content.length), found.map(Vec::len));
                text.push_str(&format!("\n{name}: {wanted:?} bytes acknowledged or asked for, {there:?} bytes found"));
            }
        }
        text.push_str(&format!("\nsince the last start: {:#?}", self.history));
        text
    }

    /// What is there, by the server's word, with its digests checked.
    fn found(&self, target: &Target, store: &Path) -> BTreeMap<String, Vec<u8>> {
        let folder = store.join(self.folder.trim_start_matches("/data/"));
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let read = |name: String| {
            let path = self.path(&name);
            let answer = target.ask("GET", &path, &[("Want-Digest", "adler32")], b"").unwrap();
            assert_eq!(answer.status, 200, "GET {path} after the restart: {}", answer.text());
            let digest = format!("adler32={}", adler32(&answer.body));
            assert_eq!(answer.header("digest"), Some(digest.as_str()), "the digest of {path}");
            (name, answer.body)
        };
        names.map(read).collect()
    }
}

fn matches(ledger: &BTreeMap<String, Content>, found: &BTreeMap<String, Vec<u8>>) -> bool {
    ledger.len() == found.len()
        && ledger.iter().all(|(name, content)| found.get(name).is_some_and(|bytes| *bytes == content.bytes()))
}

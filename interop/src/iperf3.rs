//! iperf3 servers as processes, ours and iperf3's own, for clients of both kinds.

use crate::port::program;
use crate::run::{Run, path};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// A debug build on a busy machine takes seconds to start.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server on 127.0.0.1; killed when dropped.
pub struct Server {
    child: Child,
    /// Its port.
    pub port: u16,
    output: Option<JoinHandle<String>>,
}

impl Server {
    /// `portolan iperf3 -s` with these options.
    pub fn ours(options: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new(program());
        command.arg("iperf3");
        Self::start(command, port, options)
    }

    /// `iperf3 -s` with these options.
    pub fn foreign(options: &[&str]) -> Self {
        Self::start(Command::new("iperf3"), free_port(), options)
    }

    fn start(mut command: Command, port: u16, options: &[&str]) -> Self {
        let mut child = command
            .env_clear()
            .env("PATH", path())
            .args(["-s", "-B", "127.0.0.1", "-p", &port.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let started = Instant::now();
        // Trying to connect would be a test for iperf3: the kernel is asked instead.
        while !listens(port) {
            assert!(started.elapsed() < START_LIMIT, "the iperf3 server does not listen");
            assert!(child.try_wait().unwrap().is_none(), "the iperf3 server has ended");
            sleep(Duration::from_millis(5));
        }
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            // What came before it was killed is worth showing.
            let _ = stdout.fill_buf();
            let _ = stdout.read_to_string(&mut text);
            text
        });
        Self { child, port, output: Some(output) }
    }

    /// Waits for its end (option `-1`), and gives what it printed.
    pub fn finish(mut self) -> String {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if started.elapsed() > START_LIMIT {
                self.child.kill().unwrap();
            }
            sleep(Duration::from_millis(5));
        }
        self.output.take().unwrap().join().unwrap()
    }

    /// Its threads that carry streams, and its sockets but those that listen.
    pub fn holds(&self) -> (usize, usize) {
        let place = format!("/proc/{}", self.child.id());
        let names = std::fs::read_dir(format!("{place}/task")).unwrap();
        let streams = names.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        let streams = streams.filter(|name| name.starts_with("iperf3-stream")).count();
        let links = std::fs::read_dir(format!("{place}/fd")).unwrap();
        let sockets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
        let sockets = sockets.filter(|target| target.to_string_lossy().starts_with("socket:")).count();
        (streams, sockets)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

/// `iperf3 -c` to this port.
pub fn foreign_client(port: u16, options: &str) -> Run {
    Run::new("iperf3").args(["-c", "127.0.0.1", "-p", &port.to_string()]).args(options.split_whitespace())
}

/// `portolan iperf3 -c` to this port.
pub fn our_client(port: u16, options: &str) -> Run {
    Run::new(program()).args(["iperf3", "-c", "127.0.0.1", "-p", &port.to_string()]).args(options.split_whitespace())
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Does somebody listen there? Without connecting.
fn listens(port: u16) -> bool {
    let end = format!(":{port:04X} 00000000:0000 0A");
    std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&end)
}

/// A connection to it that says what the test wants.
pub fn connection(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(START_LIMIT)).unwrap();
    stream
}

/// All places in a document, members of lists as one: `end.streams[].sender.bytes`.
pub fn key_paths(value: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(value, "", &mut paths);
    paths
}

fn collect(value: &Value, at: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                paths.insert(path.clone());
                collect(value, &path, paths);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, &format!("{at}[]"), paths)),
        _ => {}
    }
}

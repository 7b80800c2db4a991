//! How fast the door takes and hands out small files, without network: `door_rate FOLDER [FILES] [AT_ONCE] [BYTES]`. The
//! folder must be on a real disk. Prints files per second and CPU microseconds per file.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use archive::{Archive, Location};
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use net::RequestBody;
use policy::{Policy, Rights};
use port::{Door, DoorSettings, NamespaceSettings};
use std::path::PathBuf;
use std::time::Instant;
use terms::{Algorithm, Principal};

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let mut number = |otherwise: usize| arguments.next().map_or(otherwise, |text| text.parse().unwrap());
    let (files, at_once, bytes) = (number(10_000), number(32), number(4096));
    std::fs::create_dir_all(folder.join("store")).unwrap();
    let archive = Archive::open(&Location::Sqlite(folder.join("archive.db"))).await.unwrap();
    let mut namespace = NamespaceSettings::at_root(folder.join("store"));
    namespace.algorithms = vec![Algorithm::Adler32, Algorithm::Crc32c];
    let settings = DoorSettings::new(vec![namespace], folder.join("staging"));
    let door = Door::open(settings, archive, Rights::new(Policy::default(), ())).await.unwrap();
    let body = Bytes::from(vec![7; bytes]);
    for (round, method) in [("new", "PUT"), ("replaced", "PUT"), ("read", "GET"), ("read again", "GET")] {
        let (began, cpu) = (Instant::now(), cpu_micros());
        let workers = (0..at_once).map(|worker| {
            let (door, body) = (door.clone(), body.clone());
            tokio::spawn(async move {
                for file in (worker..files).step_by(at_once) {
                    let request = Request::builder().method(method).uri(format!("/data/f{file}"));
                    let request = match method {
                        "PUT" => request.header("content-length", bytes).body(RequestBody::from(body.clone())),
                        _ => request.body(RequestBody::empty()),
                    };
                    let mut request = request.unwrap();
                    request.extensions_mut().insert(Principal::host());
                    let response = door.handle(request).await;
                    assert!(response.status().is_success());
                    let _ = response.into_body().collect().await.unwrap();
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_micros() - cpu);
        println!("{round}: {:.0} files/s, {:.1} µs of CPU each", files as f64 / seconds, cpu as f64 / files as f64);
    }
    let groups = door.traffic().groups.load(std::sync::atomic::Ordering::Relaxed);
    println!("{:.1} files in a group", 2.0 * files as f64 / groups as f64);
    door.close().await;
}

fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Ticks of 10 ms (USER_HZ).
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000
}

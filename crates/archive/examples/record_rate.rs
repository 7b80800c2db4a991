//! How many files a second are recorded, in durable groups, and what it costs:
//! `cargo run --release -p archive --example record_rate -- /path/on/disk/archive.sqlite [FILES] [GROUP]`
//! (or a `postgres://` address instead of the file).
#![allow(clippy::print_stdout)]

use archive::{Archive, FileRecord, Identity, Location};
use std::time::{Instant, SystemTime};
use terms::{Algorithm, Digest, StagedId, Timestamp};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let location = arguments.next().ok_or("which database?")?;
    let files: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let group: u64 = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let location = if location.starts_with("postgres://") {
        Location::Postgres(location)
    } else {
        Location::Sqlite(location.into())
    };
    let archive = Archive::open(&location).await?;
    println!("{} open: {} KiB resident", archive.engine(), resident_kib());
    for pass in ["new", "replaced"] {
        let begun = Instant::now();
        for first in (0..files).step_by(group.try_into()?) {
            let records: Result<Vec<FileRecord>, Failure> = (first..files.min(first + group)).map(record).collect();
            archive.record_files(&records?).await?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{pass}: {:.0} files/s in groups of {group}, {:.0} groups/s",
            files as f64 / seconds,
            files as f64 / seconds / group as f64
        );
    }
    timed("one file", archive.file(&record(files / 2)?.path)).await?;
    timed("one folder", archive.files_in(&"/night/exposure-00001".parse()?)).await?;
    timed("newest 20", archive.recent_files(20)).await?;
    timed("totals", archive.totals()).await?;
    let id = archive.begin_move(&"/night".parse()?, &"/day".parse()?).await?;
    timed("move all", archive.finish_move(id)).await?;
    println!("at the end: {} KiB resident", resident_kib());
    archive.close().await;
    Ok(())
}

async fn timed<T>(what: &str, call: impl Future<Output = Result<T, archive::ArchiveError>>) -> Result<T, Failure> {
    let begun = Instant::now();
    let done = call.await?;
    println!("{what}: {:.2} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(done)
}

fn record(number: u64) -> Result<FileRecord, Failure> {
    let digest = |algorithm: Algorithm| Digest::new(algorithm, &vec![number as u8; algorithm.len_bytes()]);
    Ok(FileRecord {
        path: format!("/night/exposure-{:05}/ccd-{:03}.fits", number / 200, number % 200).parse()?,
        identity: Identity { inode: number, size_bytes: 20_000_000, modified: Timestamp::from_nanos(number as i64) },
        digests: [Algorithm::Adler32, Algorithm::Crc32c, Algorithm::Sha256].into_iter().filter_map(digest).collect(),
        media_type: Some("image/fits".to_owned()),
        published: SystemTime::now().into(),
        staged: Some(StagedId(uuid::Uuid::now_v7())),
        publisher: "token night-shift (0193400000007000800000000000abcd)".to_owned(),
        attributes: terms::Attributes::default(),
    })
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

//! One suite for both engines: every behaviour runs on a fresh database of SQLite, then of a PostgreSQL server that the
//! test starts on a socket of its own.

// The whole program is a test; clippy's own exception ends at functions marked as one.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod crash;
mod damage;
mod files;
mod full;
mod locks;
mod moves;
mod opening;
mod place;
mod properties;
mod samples;
mod server;
mod shares;
mod tokens;
mod uploads;
mod versions;

use place::Place;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::Instant;

/// A name, and what to do on a fresh database.
type Behaviour = (&'static str, fn(Place) -> Pin<Box<dyn Future<Output = ()>>>);

/// Lists functions of a module as behaviours, by their names.
macro_rules! behaviours {
    ($($module:ident: $($name:ident)*;)*) => {
        &[$($((
            concat!(stringify!($module), "::", stringify!($name)),
            (|place| Box::pin($module::$name(place))) as fn(Place) -> Pin<Box<dyn Future<Output = ()>>>,
        ),)*)*]
    };
}

const BEHAVIOURS: &[Behaviour] = behaviours! {
    files: come_back_as_they_were are_replaced_by_path come_in_batches_of_any_size are_listed_by_folder
           newest_come_first are_counted are_found_by_staged_bytes are_forgotten_by_tree longest_paths_are_kept
           impossible_ones_change_nothing dropped_calls_leave_the_archive_usable many_writers_at_once;
    moves: carry_files_and_properties replace_what_is_there count_names_whole survive_until_ended
           into_themselves_are_refused;
    properties: are_changed_in_order are_read_for_one_level are_copied_by_tree may_have_long_names;
    locks: come_back_until_removed;
    uploads: come_back_until_removed;
    tokens: come_back_and_are_revoked_once;
    shares: come_back_and_are_revoked_once are_found_by_creator spend_no_more_than_they_have give_back_what_was_taken
            that_are_over_are_forgotten;
    opening: twice_finds_the_same newer_is_refused at_the_same_moment closed_fails unreachable_is_told;
    damage: is_told_and_nothing_panics;
    versions: each_opens;
    crash: beside_another_process of_the_client_loses_nothing of_the_server_loses_nothing;
};

#[test]
fn suite_on_sqlite() {
    run_all(Place::sqlite);
}

#[test]
fn suite_on_postgresql() {
    let Some(server) = server::Server::start() else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{}", server::MISSING);
        println!("{}", server::MISSING);
        return;
    };
    run_all(|name| Place::postgresql(&server, name));
}

/// All of them, also after one that fails; then says which did.
fn run_all(fresh: impl Fn(&str) -> Place) {
    let only = std::env::var("BEHAVIOUR").unwrap_or_default();
    let mut failed = Vec::new();
    for (name, behaviour) in BEHAVIOURS.iter().filter(|(name, _)| name.contains(&only)) {
        let place = fresh(name);
        let begun = Instant::now();
        let run = || runtime().block_on(behaviour(place));
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            failed.push(*name);
        }
        println!("{name} ({} ms)", begun.elapsed().as_millis());
    }
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

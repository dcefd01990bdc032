//! Durable commits per second at 1, 16 and 64 callers, next to the engine alone committing
//! batches of the mean size that the store formed.
//!
//! `cargo run --release -p strongroom-store --example commit_speed [-- DIRECTORY [SECONDS]]`.
//! Each commit writes one conditional cell of 1,200 bytes and one log entry of the same size,
//! as putting a record into both stores does.
#![expect(
    clippy::unwrap_used,
    reason = "a measuring program stops at the first error"
)]

extern crate strongroom_store as store;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crypto::SystemEntropy;
use crypto::secret::Key32;
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use store::embedded::{EmbeddedStore, Options};
use store::{Batch, CellWrite, Lane, Log, LogAppend, Space, Store};
use types::{Clock, SystemClock};

const CELLS: Space = Space {
    name: "cells",
    clear: 38,
};
static OUTBOX: Log = Log { name: "outbox" };
const VALUE: usize = 1200;
const KEYS: u64 = 100_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let temporary = tempfile::tempdir().unwrap();
    let directory = arguments
        .next()
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let seconds = arguments.next().map_or(3, |text| text.parse().unwrap());
    let span = Duration::from_secs(seconds);
    let mut out = std::io::stdout().lock();
    for callers in [1, 16, 64] {
        let place = directory.join(callers.to_string());
        let (commits, groups) = through_the_store(&place.join("store"), callers, span);
        let mean = commits.div_ceil(groups.max(1));
        let alone = engine_alone(&place.join("engine"), mean, span);
        let ours = per_second(commits, span);
        writeln!(
            out,
            "{callers:>3} callers: {ours:>7} commits/s in groups of {mean:>3}; the engine alone \
             {alone:>7}/s in such batches ({}%)",
            ours * 100 / alone.max(1)
        )
        .unwrap();
    }
}

/// Commits for `span`; returns how many commits and how many syncs that made.
fn through_the_store(directory: &Path, callers: u64, span: Duration) -> (u64, u64) {
    let data_key = Key32::generate(&SystemEntropy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut options = Options::new(
        directory,
        &data_key,
        Arc::clone(&clock),
        Arc::new(SystemEntropy),
    );
    options.spaces = vec![CELLS];
    options.logs = vec![&OUTBOX];
    let store = Arc::new(EmbeddedStore::open(&options).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let end = clock.monotonic().0 + span;
    let commits = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (store, clock, commits) =
                (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&commits));
            runtime.spawn(async move {
                let mut number = caller;
                while clock.monotonic().0 < end {
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    store.commit(put(number % KEYS)).await.unwrap();
                    commits.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    (commits.load(Ordering::Relaxed), store.syncs())
}

fn put(key: u64) -> Batch {
    let mut batch = Batch::new(Lane::Data);
    batch.cell(CellWrite {
        space: CELLS,
        key: key.to_be_bytes().to_vec(),
        value: Some(vec![7; VALUE]),
        rule: Some(Box::new(|stored: Option<&[u8]>| {
            stored.is_none_or(|stored| !stored.is_empty())
        })),
    });
    batch.append(LogAppend {
        log: &OUTBOX,
        segment: 0,
        stream: 1,
        payload: vec![7; VALUE],
    });
    batch
}

/// Writes the same bytes straight to the engine; returns commits per second.
fn engine_alone(directory: &Path, batch_size: u64, span: Duration) -> u64 {
    let clock = SystemClock::new();
    let database = Database::builder(directory)
        .manual_journal_persist(true)
        .open()
        .unwrap();
    let keyspace = |name| {
        database
            .keyspace(name, KeyspaceCreateOptions::default)
            .unwrap()
    };
    let (cells, outbox) = (keyspace("cells"), keyspace("outbox"));
    let end = clock.monotonic().0 + span;
    let mut number = 0_u64;
    while clock.monotonic().0 < end {
        let mut batch = database.batch().durability(Some(PersistMode::SyncData));
        for _ in 0..batch_size {
            number += 1;
            let key = number.wrapping_mul(6_364_136_223_846_793_005) % KEYS;
            batch.insert(&cells, key.to_be_bytes(), vec![7; VALUE]);
            batch.insert(&outbox, number.to_be_bytes(), vec![7; VALUE]);
        }
        batch.commit().unwrap();
    }
    per_second(number, span)
}

fn per_second(count: u64, span: Duration) -> u64 {
    count / span.as_secs().max(1)
}

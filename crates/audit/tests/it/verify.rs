//! Whether the history is whole.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit::{EVENTS, Record, UserIdentity, append, verify};
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use store::embedded::Options;
use store::{Batch, EmbeddedStore, Lane, LogFault, LogReport, OpenError, SegmentReport, Store};
use tempfile::TempDir;
use types::{Entropy, ManualClock, Region, Timestamp};

const DAY: i64 = 86_400;
const FIRST: i64 = 20_000;

/// A history of five records in two regions on each of two days.
struct Home {
    directory: TempDir,
}

/// Bytes that never repeat within a test.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        out.fill(0);
        out.iter_mut().zip(number).for_each(|(to, from)| *to = from);
    }
}

impl Home {
    fn new() -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let store = home.open().unwrap();
        for day in [FIRST, FIRST + 1] {
            for number in 0..5 {
                let region = if number % 2 == 0 {
                    "us-east-1"
                } else {
                    "eu-west-1"
                };
                record(&store, region, Timestamp::new(day * DAY + number, 0));
            }
        }
        store.close();
        home
    }

    fn open(&self) -> Result<EmbeddedStore, OpenError> {
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        let data_key = [7; 32].as_slice().try_into().unwrap();
        let entropy = Arc::new(Counter::default());
        let mut options = Options::new(self.directory.path(), &data_key, clock, entropy);
        options.logs = vec![&EVENTS];
        EmbeddedStore::open(&options)
    }

    /// Changes the first day behind the store's back.
    fn tamper(&self, change: impl FnOnce(&Keyspace, &[Vec<u8>])) {
        let engine = self.directory.path().join("engine");
        let database = Database::builder(&engine).open().unwrap();
        let name = format!("log.audit.{FIRST}");
        let day = database
            .keyspace(&name, KeyspaceCreateOptions::default)
            .unwrap();
        let keys: Vec<Vec<u8>> = day
            .iter()
            .map(|guard| guard.key().unwrap().to_vec())
            .collect();
        assert_eq!(keys.len(), 5);
        change(&day, &keys);
        day.rotate_memtable_and_wait().unwrap();
        drop((day, database));
        empty_journals(&engine);
    }
}

fn empty_journals(engine: &Path) {
    for entry in std::fs::read_dir(engine).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "jnl") {
            let journal = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            journal.set_len(0).unwrap();
        }
    }
}

fn record(store: &EmbeddedStore, region: &str, at: Timestamp) {
    let region: Region = region.parse().unwrap();
    let mut batch = Batch::new(Lane::Metadata);
    let record = Record::new(UserIdentity::unknown(None), at);
    append(&mut batch, None, &region, at, &record).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(store.commit(batch)).unwrap();
}

fn now() -> Timestamp {
    Timestamp::new((FIRST + 2) * DAY, 0)
}

fn days(first: Option<LogFault>) -> LogReport {
    let day = |segment, fault| SegmentReport {
        segment,
        entries: 5,
        fault,
    };
    let segment = u64::try_from(FIRST).unwrap();
    LogReport {
        segments: vec![day(segment, first), day(segment + 1, None)],
    }
}

fn check(change: impl FnOnce(&Keyspace, &[Vec<u8>]), expected: LogFault) {
    let home = Home::new();
    home.tamper(change);
    let store = home.open().unwrap();
    assert_eq!(verify(&store, now()).unwrap(), days(Some(expected)));
}

#[test]
fn a_whole_history_is_whole() {
    let store = Home::new().open().unwrap();
    assert_eq!(verify(&store, now()).unwrap(), days(None));
    let later = Timestamp::new((FIRST + 91) * DAY, 0);
    assert_eq!(verify(&store, later).unwrap().segments.len(), 1);
}

#[test]
fn a_removed_record_is_found() {
    // Of the two streams one holds the numbers 1, 3 and 5, the other 2 and 4.
    for position in [0, 1] {
        let home = Home::new();
        home.tamper(|day, keys| {
            let streams = [&keys[0][..4], &keys[4][..4]];
            let key = keys.iter().find(|key| key[..4] == *streams[position]);
            day.remove(key.unwrap().as_slice()).unwrap();
        });
        let report = verify(&home.open().unwrap(), now()).unwrap();
        let fault = report.segments.first().unwrap().fault;
        assert!(
            matches!(fault, Some(LogFault::Missing { sequence: 1 | 2 })),
            "{fault:?}"
        );
    }
}

#[test]
fn a_duplicated_record_is_found() {
    check(
        |day, keys| {
            let first = keys.first().unwrap();
            let value = day.get(first).unwrap().unwrap();
            let mut copy = first.clone();
            *copy.last_mut().unwrap() = 77;
            day.insert(copy, value).unwrap();
        },
        LogFault::Surplus { entries: 1 },
    );
}

#[test]
fn a_store_without_the_last_record_of_a_day_does_not_open() {
    let home = Home::new();
    home.tamper(|day, keys| {
        let newest = keys.iter().max_by_key(|key| key[4..].to_vec()).unwrap();
        day.remove(newest.as_slice()).unwrap();
    });
    assert!(matches!(home.open(), Err(OpenError::Damaged { .. })));
}

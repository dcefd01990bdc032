//! A disk that fails under the engine: a sync that fails, a file that may not grow.
//!
//! The engine's files cannot be reached from inside, so a child of this test binary runs
//! with a preloaded library, or under a file size limit.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use store::embedded::{EmbeddedStore, SystemDisk, Tuning};
use store::{CommitError, Lane, Store};
use types::SystemClock;

use crate::common::{CELLS, Home, cell, commit, data_key, options};
use crate::crash::again;

const DIRECTORY: &str = "STRONGROOM_TEST_FAULT_DIRECTORY";
const TRIGGER: &str = "FAIL_SYNC_IF";
const MIB: usize = 1024 * 1024;

/// A memtable that is never flushed, so that only the journal is written.
fn open(directory: &Path) -> EmbeddedStore {
    let data_key = data_key();
    let tuning = Tuning {
        data_memtable_bytes: 1 << 30,
        ..Tuning::default()
    };
    let clock = Arc::new(SystemClock::new());
    EmbeddedStore::open(&options(
        directory,
        &data_key,
        clock,
        Arc::new(SystemDisk),
        tuning,
    ))
    .unwrap()
}

fn put(store: &dyn Store, number: u64, size: usize) -> Result<store::Committed, CommitError> {
    commit(store, Lane::Data, |batch| {
        batch.cell(cell(&number.to_be_bytes(), Some(&vec![7; size])));
    })
}

fn has(store: &dyn Store, number: u64) -> bool {
    store.cell(CELLS, &number.to_be_bytes()).unwrap().is_some()
}

/// What every failed write must lead to.
fn check_stopped(store: &dyn Store, last: u64) {
    assert!(!store.is_writable());
    for lane in [Lane::Metadata, Lane::Data] {
        let later = commit(store, lane, |_| {});
        assert!(
            matches!(later, Err(CommitError::NotWritable { .. })),
            "{later:?}"
        );
    }
    // Reads go on, and do not show what may be lost.
    assert!(has(store, 1) && has(store, last) && !has(store, last + 1));
    assert_eq!(store.snapshot().revision(), last);
}

/// As a child: writes until the fault strikes. By itself: without a fault none strikes.
#[test]
fn a_failed_write_stops_the_store() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        let home = Home::new();
        let store = open(home.path());
        assert!(put(&store, 1, MIB).is_ok() && store.is_writable());
        return;
    };
    let store = open(Path::new(&directory));
    let mut number = 0;
    let failed = loop {
        if number == 3
            && let Some(trigger) = std::env::var_os(TRIGGER)
        {
            fs::write(trigger, "").unwrap();
        }
        match put(&store, number + 1, MIB) {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
        assert!(number < 200, "no fault struck");
    };
    assert!(matches!(failed, CommitError::Unknown { .. }), "{failed:?}");
    check_stopped(&store, number);
    fs::write(Path::new(&directory).join("reached"), number.to_string()).unwrap();
}

/// Runs the child to its end; then everything that it was answered is there.
fn check(home: &Home, mut child: Command) {
    let output = child.env(DIRECTORY, home.path()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let reached = home.path().join("reached");
    let reached: u64 = fs::read_to_string(reached).unwrap().parse().unwrap();
    let store = open(home.path());
    assert!((1..=reached).all(|number| has(&store, number)));
    // The failed commit may or may not have survived; what it says and what is there agree.
    let survived = store.snapshot().revision() - reached;
    assert!(survived <= 1);
    assert_eq!(has(&store, reached + 1), survived == 1);
    assert!(put(&store, 1000, 1).is_ok());
}

const CHILD: &str = "faults::a_failed_write_stops_the_store";

#[test]
fn a_failed_sync_stops_the_store_and_loses_nothing_answered() {
    let home = Home::new();
    let library = home.path().join("failing.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/failing.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(
        compiled.unwrap().success(),
        "the C compiler that links Rust is needed"
    );
    let mut child = again(CHILD);
    child.env("LD_PRELOAD", &library);
    child.env(TRIGGER, home.path().join("trigger"));
    check(&home, child);
}

#[test]
fn a_journal_that_may_not_grow_stops_the_store_and_loses_nothing_answered() {
    let home = Home::new();
    let program = again(CHILD);
    let mut child = Command::new("sh");
    // 512-byte blocks: 66 MiB, just above what the engine reserves for a journal.
    child.args(["-c", r#"trap '' XFSZ; ulimit -f 135168; exec "$@""#, "sh"]);
    child.arg(program.get_program()).args(program.get_args());
    check(&home, child);
}

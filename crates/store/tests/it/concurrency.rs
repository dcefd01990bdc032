//! Many writers at once.

use std::sync::Arc;

use store::embedded::EmbeddedStore;
use store::{CellOutcome, CellWrite, CommitError, Key, Lane, Store, View};

use crate::common::{CELLS, Home, NOTES, cell, commit, note};

const WRITERS: usize = 8;
const ROUNDS: usize = 25;

fn in_parallel(store: &Arc<EmbeddedStore>, work: impl Fn(&EmbeddedStore, usize) + Send + Sync) {
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let work = &work;
            scope.spawn(move || work(store, writer));
        }
    });
}

/// Adds one to a counter kept in a note; true if nobody came between.
fn add_one(store: &EmbeddedStore) -> bool {
    let key = Key::of(&["counter"]);
    let view = View::recording(store.snapshot());
    let before: usize = view
        .get(&NOTES, &key)
        .map_or(0, |row| row.record.text.parse().unwrap());
    let result = commit(store, Lane::Metadata, |batch| {
        batch.require_all(view.reads());
        batch.put(&NOTES, key, note(&(before + 1).to_string()));
    });
    match result {
        Ok(committed) => {
            // What was answered is in force.
            assert!(store.snapshot().revision() >= committed.revision);
            true
        }
        Err(CommitError::Conflict) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn no_update_is_lost() {
    let home = Home::new();
    let store = Arc::new(home.open());
    in_parallel(&store, |store, _| {
        let mut added = 0;
        while added < ROUNDS {
            added += usize::from(add_one(store));
        }
    });
    let snapshot = store.snapshot();
    let row = snapshot.get(&NOTES, &Key::of(&["counter"])).unwrap();
    assert_eq!(row.record.text, (WRITERS * ROUNDS).to_string());
}

#[test]
fn the_newest_of_competing_cells_wins() {
    let home = Home::new();
    let store = Arc::new(home.open());
    in_parallel(&store, |store, writer| {
        for round in 0..ROUNDS {
            // Every writer counts down from a different start, so most writes come too late.
            let time = u8::try_from((ROUNDS - round) * WRITERS + writer).unwrap();
            let committed = commit(store, Lane::Data, |batch| {
                batch.cell(CellWrite {
                    rule: Some(Box::new(move |stored: Option<&[u8]>| {
                        stored.is_none_or(|stored| stored[0] < time)
                    })),
                    ..cell(b"k", Some(&[time]))
                });
            });
            let stored = store.cell(CELLS, b"k").unwrap().unwrap();
            let applied = committed.unwrap().cells == [CellOutcome::Applied];
            assert!(if applied {
                stored[0] >= time
            } else {
                stored[0] > time
            });
        }
    });
    let newest = u8::try_from(ROUNDS * WRITERS + WRITERS - 1).unwrap();
    assert_eq!(store.cell(CELLS, b"k").unwrap().unwrap(), [newest]);
}

#[test]
fn revisions_are_distinct_and_gapless_under_load() {
    let home = Home::new();
    let store = Arc::new(home.open());
    let revisions = std::sync::Mutex::new(Vec::new());
    in_parallel(&store, |store, writer| {
        for round in 0..ROUNDS {
            let lane = if round % 2 == 0 {
                Lane::Data
            } else {
                Lane::Metadata
            };
            let committed = commit(store, lane, |batch| {
                batch.cell(cell(&[u8::try_from(writer).unwrap()], Some(b"v")));
            });
            revisions.lock().unwrap().push(committed.unwrap().revision);
        }
    });
    let mut revisions = revisions.into_inner().unwrap();
    revisions.sort_unstable();
    let expected: Vec<u64> = (1..).take(WRITERS * ROUNDS).collect();
    assert_eq!(revisions, expected);
}

#[test]
fn callers_that_go_away_do_no_harm() {
    let home = Home::new();
    let store = home.open();
    for _ in 0..50 {
        let mut batch = store::Batch::new(Lane::Data);
        batch.cell(cell(b"k", Some(b"v")));
        let mut commit = store.commit(batch);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // Polled once, so that it is queued; then dropped.
        let _ = commit.as_mut().poll(&mut context);
    }
    commit(&store, Lane::Data, |batch| {
        batch.cell(cell(b"l", Some(b"v")));
    })
    .unwrap();
    assert_eq!(store.snapshot().revision(), 51);
}

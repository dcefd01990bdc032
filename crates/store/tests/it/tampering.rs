//! Rows, versions and entries that were edited, moved, exchanged, set back or removed.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::ops::Bound;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use store::{CellWrite, CommitError, Error, Key, Lane, LogAppend, Moment, OpenError, Store};

use crate::common::{
    CELLS, EVENTS, Home, NOTES, OTHER_CELLS, OUTBOX, SECRETS, cell, commit, event, note, put_cell,
    put_note,
};

/// A store at rest with everything in its tables and nothing in its journal, so that what a
/// test does to the tables is all that differs.
pub(crate) fn at_rest(fill: impl FnOnce(&dyn Store)) -> Home {
    let home = Home::new();
    let store = home.open();
    fill(&store);
    store.close();
    drop(store);
    empty_journal(&home);
    home
}

pub(crate) fn empty_journal(home: &Home) {
    for journal in home.journals() {
        let journal = OpenOptions::new().write(true).open(journal).unwrap();
        journal.set_len(0).unwrap();
    }
}

pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn rows(keyspace: &Keyspace) -> Rows {
    keyspace
        .iter()
        .map(|guard| {
            let (key, value) = guard.into_inner().unwrap();
            (key.to_vec(), value.to_vec())
        })
        .collect()
}

/// Lets `change` edit the rows of a keyspace behind the store's back.
pub(crate) fn tamper(home: &Home, keyspace: &str, change: impl FnOnce(&mut Rows)) {
    let database = Database::builder(home.path().join("engine"))
        .open()
        .unwrap();
    let keyspace = database
        .keyspace(keyspace, KeyspaceCreateOptions::default)
        .unwrap();
    let before = rows(&keyspace);
    let mut after = before.clone();
    change(&mut after);
    assert!(before != after);
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        keyspace.remove(key.as_slice()).unwrap();
    }
    for (key, value) in &after {
        keyspace.insert(key.as_slice(), value.as_slice()).unwrap();
    }
    keyspace.rotate_memtable_and_wait().unwrap();
    drop((keyspace, database));
    empty_journal(home);
}

pub(crate) fn rows_of(home: &Home, keyspace: &str) -> Rows {
    let database = Database::builder(home.path().join("engine"))
        .open()
        .unwrap();
    let keyspace = database
        .keyspace(keyspace, KeyspaceCreateOptions::default)
        .unwrap();
    rows(&keyspace)
}

fn two_notes(store: &dyn Store) {
    put_note(store, "alice", "may");
    put_note(store, "bob", "may not");
}

fn swap_first_two(rows: &mut Rows) {
    let keys: Vec<_> = rows.keys().take(2).cloned().collect();
    let (first, second) = (rows[&keys[0]].clone(), rows[&keys[1]].clone());
    rows.insert(keys[0].clone(), second);
    rows.insert(keys[1].clone(), first);
}

fn check_refused(change: impl FnOnce(&mut Rows)) {
    let home = at_rest(two_notes);
    tamper(&home, "rows", change);
    match home.try_open() {
        Err(OpenError::Damaged { .. } | OpenError::Incomplete | OpenError::UnknownTable) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn exchanged_rows_are_refused() {
    check_refused(swap_first_two);
}

#[test]
fn a_row_copied_to_another_key_is_refused() {
    check_refused(|rows| {
        let (key, value) = rows.first_key_value().unwrap();
        let mut other = key.clone();
        *other.last_mut().unwrap() ^= 1;
        rows.insert(other, value.clone());
    });
}

#[test]
fn a_row_moved_to_another_table_is_refused() {
    let home = at_rest(|store| {
        two_notes(store);
        commit(store, Lane::Metadata, |batch| {
            batch.put(&SECRETS, Key::of(&["alice"]), note("secret"));
        })
        .unwrap();
    });
    tamper(&home, "rows", |rows| {
        let tags: Vec<Vec<u8>> = rows.keys().map(|key| key[..8].to_vec()).collect();
        let (first, last) = (tags.first().unwrap(), tags.last().unwrap());
        assert_ne!(first, last);
        let (key, value) = rows.pop_first().unwrap();
        rows.insert([last, &key[8..]].concat(), value);
    });
    assert!(matches!(home.try_open(), Err(OpenError::Damaged { .. })));
}

#[test]
fn an_edited_row_is_refused_wherever_it_was_edited() {
    let home = at_rest(|store| {
        put_note(store, "a", "x");
    });
    let length = rows_of(&home, "rows").values().next().unwrap().len();
    for byte in (0..length).step_by(4) {
        let home = home.copy();
        tamper(&home, "rows", |rows| {
            rows.values_mut().next().unwrap()[byte] ^= 0x10;
        });
        assert!(
            matches!(home.try_open(), Err(OpenError::Damaged { .. })),
            "byte {byte}"
        );
    }
}

#[test]
fn a_shortened_row_is_refused() {
    for length in [0, 1, 8, 9, 20] {
        check_refused(|rows| rows.values_mut().next().unwrap().truncate(length));
    }
}

#[test]
fn a_removed_row_is_refused() {
    check_refused(|rows| {
        rows.pop_first();
    });
}

#[test]
fn rows_of_an_unknown_table_are_refused() {
    check_refused(|rows| {
        let value = rows.values().next().unwrap().clone();
        rows.insert(vec![0; 40], value);
    });
}

#[test]
fn an_older_version_of_a_row_is_refused() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "bob", "may");
    store.close();
    drop(store);
    let old = rows_of(&home, "rows");
    let store = home.open();
    put_note(&store, "bob", "may not");
    store.close();
    drop(store);
    empty_journal(&home);
    tamper(&home, "rows", |rows| *rows = old);
    assert!(matches!(home.try_open(), Err(OpenError::Incomplete)));
}

#[test]
fn a_deleted_row_does_not_come_back() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "bob", "may");
    store.close();
    drop(store);
    let old = rows_of(&home, "rows");
    let store = home.open();
    commit(&store, Lane::Metadata, |batch| {
        batch.delete(&NOTES, Key::of(&["bob"]));
    })
    .unwrap();
    store.close();
    drop(store);
    empty_journal(&home);
    tamper(&home, "rows", |rows| *rows = old);
    assert!(matches!(home.try_open(), Err(OpenError::Incomplete)));
}

#[test]
fn the_chain_cannot_be_edited_shortened_or_reordered() {
    let changes: [fn(&mut Rows); 4] = [
        |links| links.values_mut().next().unwrap()[30] ^= 1,
        |links| {
            links.pop_first();
        },
        |links| {
            let third = links.keys().nth(2).unwrap().clone();
            links.remove(&third);
        },
        |links| {
            let value = links.values().next().unwrap().clone();
            for link in links.values_mut() {
                link.clone_from(&value);
            }
        },
    ];
    for change in changes {
        let home = at_rest(|store| {
            for _ in 0..5 {
                put_note(store, "a", "x");
            }
        });
        tamper(&home, "chain", change);
        let opened = home.try_open();
        assert!(
            matches!(
                opened,
                Err(OpenError::Damaged { .. } | OpenError::Lost { .. })
            ),
            "{opened:?}"
        );
    }
}

#[test]
fn a_journal_that_was_written_by_others_is_refused() {
    let home = at_rest(two_notes);
    let database = Database::builder(home.path().join("engine"))
        .open()
        .unwrap();
    let keyspace = database
        .keyspace("space.cells", KeyspaceCreateOptions::default)
        .unwrap();
    keyspace.insert("k", "v").unwrap();
    drop((keyspace, database));
    assert!(matches!(home.try_open(), Err(OpenError::Damaged { .. })));
}

fn check_history(change: impl FnOnce(&mut Rows)) {
    let home = at_rest(|store| {
        for text in ["one", "two", "three"] {
            put_note(store, "a", text);
        }
        put_note(store, "b", "other");
    });
    tamper(&home, "history", change);
    let store = home.open();
    let results = ["a", "b"].map(|name| store.history(&NOTES, &Key::of(&[name])));
    assert!(
        results
            .iter()
            .any(|result| matches!(result, Err(Error::Damaged { .. })))
    );
    // Nor is a past made of what is left.
    let past = store.past(Moment::Commit(4));
    assert!(matches!(past, Err(Error::Damaged { .. })), "{past:?}");
}

#[test]
fn an_edited_version_is_not_served() {
    check_history(|versions| *versions.values_mut().next().unwrap().last_mut().unwrap() ^= 1);
}

#[test]
fn exchanged_versions_are_not_served() {
    check_history(swap_first_two);
}

#[test]
fn a_missing_version_is_noticed_wherever_it_stood() {
    for position in 0..4 {
        check_history(|versions| {
            let key = versions.keys().nth(position).unwrap().clone();
            versions.remove(&key);
        });
    }
}

fn check_log(change: impl FnOnce(&mut Rows)) {
    let home = at_rest(|store| {
        commit(store, Lane::Metadata, |batch| {
            batch.append(event(1, 1, b"one"));
            batch.append(event(1, 1, b"two"));
            batch.append(event(1, 2, b"other"));
        })
        .unwrap();
    });
    tamper(&home, "log.events.1", change);
    let store = match home.try_open() {
        Ok(store) => store,
        Err(OpenError::Damaged { .. }) => return,
        Err(other) => panic!("{other:?}"),
    };
    let results = [1, 2].map(|stream| store.log_oldest_first(&EVENTS, stream, None, 9));
    assert!(
        results
            .iter()
            .any(|result| matches!(result, Err(Error::Damaged { .. })))
    );
}

#[test]
fn an_edited_entry_is_not_served() {
    check_log(|entries| *entries.values_mut().next().unwrap().last_mut().unwrap() ^= 1);
}

#[test]
fn exchanged_entries_are_not_served() {
    check_log(swap_first_two);
}

#[test]
fn an_entry_moved_to_another_stream_is_not_served() {
    check_log(|entries| {
        let (mut key, value) = entries.pop_last().unwrap();
        key[3] = 1;
        entries.insert(key, value);
    });
}

#[test]
fn an_entry_moved_to_another_segment_or_log_is_not_served() {
    let home = at_rest(|store| {
        commit(store, Lane::Metadata, |batch| {
            batch.append(event(1, 1, b"one"));
            batch.append(event(2, 1, b"two"));
            batch.append(LogAppend {
                log: &OUTBOX,
                ..event(1, 1, b"three")
            });
        })
        .unwrap();
    });
    let from = rows_of(&home, "log.events.1");
    for target in ["log.events.2", "log.outbox.1"] {
        let home = home.copy();
        tamper(&home, target, |entries| *entries = from.clone());
        let Ok(store) = home.try_open() else {
            continue;
        };
        let log = if target.contains("events") {
            &EVENTS
        } else {
            &OUTBOX
        };
        let read = store.log_newest_first(log, 1, None, 2, 9);
        let read_all = store.log_newest_first(log, 1, None, 0, 9);
        let damaged = |result| matches!(result, Err(Error::Damaged { .. }));
        assert!(damaged(read) || damaged(read_all));
    }
}

/// Stores two cells, changes what is stored, and expects reads and rules to refuse the first.
fn check_cell(change: impl FnOnce(&mut Rows)) {
    let home = at_rest(|store| {
        put_cell(store, b"a", b"clear and sealed");
        put_cell(store, b"b", b"other and sealed");
    });
    tamper(&home, "space.cells", change);
    let store = home.open();
    let read = store.cell(CELLS, b"a");
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    let scanned = store.cells(CELLS, Bound::Unbounded, Bound::Unbounded, 9);
    assert!(matches!(scanned, Err(Error::Damaged { .. })), "{scanned:?}");
    let written = commit(&store, Lane::Data, |batch| {
        batch.cell(CellWrite {
            rule: Some(Box::new(|_: Option<&[u8]>| true)),
            ..cell(b"a", Some(b"new"))
        });
        batch.cell(cell(b"c", Some(b"new")));
    });
    assert!(
        matches!(written, Err(CommitError::Damaged { .. })),
        "{written:?}"
    );
    assert_eq!(store.cell(CELLS, b"c").unwrap(), None);
    commit(&store, Lane::Data, |batch| batch.cell(cell(b"a", None))).unwrap();
    assert_eq!(store.cell(CELLS, b"a").unwrap(), None);
}

#[test]
fn an_edited_clear_part_of_a_cell_is_refused() {
    for byte in 0..3 {
        check_cell(|cells| cells.values_mut().next().unwrap()[byte] ^= 1);
    }
}

#[test]
fn a_cell_of_another_length_is_refused() {
    check_cell(|cells| cells.values_mut().next().unwrap().truncate(15));
    check_cell(|cells| {
        cells.values_mut().next().unwrap().remove(5);
    });
}

#[test]
fn exchanged_cells_are_refused() {
    check_cell(swap_first_two);
}

#[test]
fn a_cell_moved_to_another_space_is_refused() {
    let home = at_rest(|store| {
        put_cell(store, b"a", b"clear and sealed");
    });
    let from = rows_of(&home, "space.cells");
    tamper(&home, "space.other", |cells| *cells = from);
    let read = home.open().cell(OTHER_CELLS, b"a");
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
}

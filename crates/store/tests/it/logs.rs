//! Whether a log is whole: numbers without gaps, and a chain through every segment.

use fjall::Database;
use store::embedded::{EmbeddedStore, recover};
use store::{
    Batch, Key, Lane, LogAppend, LogFault, LogReport, OpenError, Read, SegmentReport, Store,
};

use crate::common::{EVENTS, Home, NOTES, OUTBOX, commit, event, put_note, wait};
use crate::tampering::{Rows, at_rest, empty_journal, rows_of, tamper};

/// Appends `count` entries to `segment`, in turn to two streams, some in one batch.
fn append(store: &dyn Store, segment: u64, count: u8) {
    let mut number = 0;
    while number < count {
        commit(store, Lane::Metadata, |batch| {
            for _ in 0..(number % 3 + 1).min(count - number) {
                batch.append(event(segment, u32::from(number % 2), &[number; 50]));
                number += 1;
            }
        })
        .unwrap();
    }
}

fn sequences(store: &dyn Store, segment: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = [0, 1]
        .into_iter()
        .flat_map(|stream| store.log_oldest_first(&EVENTS, stream, None, 99).unwrap())
        .filter(|entry| entry.cursor.segment == segment)
        .map(|entry| entry.sequence)
        .collect();
    numbers.sort_unstable();
    numbers
}

fn whole(segments: &[(u64, u64)]) -> LogReport {
    let segments = segments.iter().map(|(segment, entries)| SegmentReport {
        segment: *segment,
        entries: *entries,
        fault: None,
    });
    LogReport {
        segments: segments.collect(),
    }
}

fn verify(store: &EmbeddedStore) -> LogReport {
    store.verify_log(&EVENTS, 0).unwrap()
}

#[test]
fn entries_are_numbered_without_gaps_in_each_segment() {
    let home = Home::new();
    let store = home.open();
    append(&store, 5, 7);
    append(&store, 4, 2);
    append(&store, 5, 3);
    assert_eq!(sequences(&store, 5), (1..=10).collect::<Vec<_>>());
    assert_eq!(sequences(&store, 4), [1, 2]);
    drop(store);
    let store = home.open();
    append(&store, 5, 1);
    assert_eq!(sequences(&store, 5), (1..=11).collect::<Vec<_>>());
    assert_eq!(verify(&store), whole(&[(4, 2), (5, 11)]));
    assert_eq!(store.verify_log(&EVENTS, 5).unwrap(), whole(&[(5, 11)]));
    assert_eq!(store.verify_log(&OUTBOX, 0).unwrap(), whole(&[]));
}

#[test]
fn batches_that_fail_take_no_number() {
    let home = Home::new();
    let store = home.open();
    append(&store, 1, 2);
    let mut failing = Batch::new(Lane::Metadata);
    failing.append(event(1, 0, b"never"));
    failing.require(Read::Row {
        table: &NOTES,
        key: Key::of(&["a"]),
        revision: Some(77),
    });
    wait(store.commit(failing)).unwrap_err();
    append(&store, 1, 2);
    assert_eq!(verify(&store), whole(&[(1, 4)]));
    assert_eq!(sequences(&store, 1), [1, 2, 3, 4]);
}

#[test]
fn dropped_segments_leave_a_whole_log_and_may_begin_anew() {
    let home = Home::new();
    let store = home.open();
    for segment in 1..=4 {
        append(&store, segment, 3);
    }
    store.drop_log_segments(&EVENTS, 3).unwrap();
    assert_eq!(verify(&store), whole(&[(3, 3), (4, 3)]));
    append(&store, 2, 1);
    assert_eq!(sequences(&store, 2), [1]);
    drop(store);
    let store = home.open();
    assert_eq!(verify(&store), whole(&[(2, 1), (3, 3), (4, 3)]));
}

#[test]
fn dropping_where_nothing_is_old_writes_nothing() {
    let home = Home::new();
    let store = home.open();
    append(&store, 3, 1);
    let before = store.syncs();
    store.drop_log_segments(&EVENTS, 3).unwrap();
    assert_eq!(store.syncs(), before);
    store.drop_log_segments(&EVENTS, 4).unwrap();
    assert_eq!((store.syncs(), sequences(&store, 3)), (before + 1, vec![]));
}

/// Changes segment 1, which is not the newest, and says what is found wrong with it.
fn check(change: impl FnOnce(&mut Rows), expected: LogFault) {
    let home = at_rest(|store| {
        append(store, 1, 6);
        append(store, 2, 1);
    });
    tamper(&home, "log.events.1", change);
    let found = verify(&home.open());
    assert!(!found.is_whole());
    let [first, second] = found.segments.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((first.segment, first.fault), (1, Some(expected)));
    assert_eq!((second.segment, second.fault), (2, None));
}

#[test]
fn a_removed_entry_is_found() {
    // Three entries of stream 0 come first: numbers 1, 3 and 5.
    for (position, sequence) in [(0, 1), (1, 3), (2, 5), (4, 4)] {
        check(
            |entries| {
                let key = entries.keys().nth(position).unwrap().clone();
                entries.remove(&key);
            },
            LogFault::Missing { sequence },
        );
    }
}

#[test]
fn an_edited_entry_is_found_wherever_it_was_edited() {
    for byte in [0, 5, 20, 40, 60, 100, 130, 150] {
        check(
            |entries| entries.values_mut().next().unwrap()[byte] ^= 1,
            LogFault::Damaged { sequence: 1 },
        );
    }
}

#[test]
fn exchanged_entries_are_found() {
    check(
        |entries| {
            let values: Vec<_> = entries.values().cloned().collect();
            let mut slots = entries.values_mut();
            slots.next().unwrap().clone_from(&values[1]);
            slots.next().unwrap().clone_from(&values[0]);
        },
        LogFault::Damaged { sequence: 3 },
    );
}

#[test]
fn a_duplicated_entry_is_found() {
    check(
        |entries| {
            let (key, value) = entries.first_key_value().unwrap();
            let (mut key, value) = (key.clone(), value.clone());
            *key.last_mut().unwrap() += 9;
            entries.insert(key, value);
        },
        LogFault::Surplus { entries: 1 },
    );
}

fn check_refused(keyspace: &str, change: impl FnOnce(&mut Rows)) {
    let home = at_rest(|store| {
        append(store, 1, 6);
        append(store, 2, 6);
    });
    tamper(&home, keyspace, change);
    let opened = home.try_open();
    assert!(
        matches!(
            opened,
            Err(OpenError::Damaged { .. } | OpenError::Incomplete)
        ),
        "{opened:?}"
    );
}

#[test]
fn a_store_does_not_open_without_the_newest_entries() {
    check_refused("log.events.1", |entries| {
        entries.pop_last();
    });
    check_refused("log.events.2", |entries| {
        entries.pop_first();
    });
    check_refused("log.events.2", Rows::clear);
}

#[test]
fn a_store_does_not_open_without_a_segment_or_its_head() {
    check_refused("log.events.1", Rows::clear);
    check_refused("chain", |rows| {
        let head = rows.keys().find(|key| key.len() > 8).unwrap().clone();
        rows.remove(&head);
    });
    check_refused("chain", |rows| {
        let (_, head) = rows.iter_mut().find(|(key, _)| key.len() > 8).unwrap();
        head[8] ^= 1;
    });
}

#[test]
fn a_segment_that_was_set_back_together_with_its_head_is_refused() {
    let home = Home::new();
    let store = home.open();
    append(&store, 1, 3);
    store.close();
    drop(store);
    let (entries, chain) = (rows_of(&home, "log.events.1"), rows_of(&home, "chain"));
    let store = home.open();
    append(&store, 1, 3);
    store.close();
    drop(store);
    empty_journal(&home);
    tamper(&home, "log.events.1", |rows| *rows = entries);
    tamper(&home, "chain", |rows| {
        let head = chain.iter().find(|(key, _)| key.len() > 8).unwrap();
        rows.insert(head.0.clone(), head.1.clone());
    });
    assert!(matches!(home.try_open(), Err(OpenError::Incomplete)));
}

#[test]
fn recovery_goes_on_with_what_is_left_and_the_log_says_what_is_missing() {
    let home = at_rest(|store| {
        append(store, 1, 6);
        put_note(store, "a", "x");
        commit(store, Lane::Metadata, |batch| {
            batch.append(LogAppend {
                log: &OUTBOX,
                ..event(1, 1, b"x")
            });
        })
        .unwrap();
    });
    tamper(&home, "log.events.1", |entries| {
        // Number 6, the newest, and number 3.
        entries.pop_last();
        let key = entries.keys().nth(1).unwrap().clone();
        entries.remove(&key);
    });
    assert!(home.try_open().is_err());
    assert!(recover(&home.options(), false).unwrap().needed);
    assert!(recover(&home.options(), true).unwrap().needed);
    let store = home.open();
    append(&store, 1, 1);
    let segment = SegmentReport {
        segment: 1,
        entries: 6,
        fault: Some(LogFault::Missing { sequence: 3 }),
    };
    assert_eq!(verify(&store).segments, [segment]);
    assert_eq!(store.verify_log(&OUTBOX, 0).unwrap(), whole(&[(1, 1)]));
}

#[test]
fn the_next_segment_is_made_before_its_first_entry() {
    let home = at_rest(|store| append(store, 7, 2));
    let store = home.open();
    assert_eq!(verify(&store), whole(&[(7, 2)]));
    store.close();
    drop(store);
    let database = Database::builder(home.path().join("engine"))
        .open()
        .unwrap();
    let logs: Vec<String> = database
        .list_keyspace_names()
        .iter()
        .map(ToString::to_string)
        .filter(|name| name.starts_with("log."))
        .collect();
    assert!(logs.contains(&"log.events.8".to_owned()), "{logs:?}");
    assert!(!logs.contains(&"log.events.9".to_owned()), "{logs:?}");
}

//! The embedded engine against the conformance suite, and across restarts.

use std::time::Duration;

use store::{Key, Lane, Moment, Store};
use types::{Clock, SystemClock, Timestamp};

use crate::common::{
    CELLS, EVENTS, Home, NOTES, cell, commit, event, note, put_cell, put_note, read_note,
};
use crate::conformance::CASES;

#[test]
fn the_embedded_engine_conforms() {
    for (name, case) in CASES {
        println!("{name}");
        let home = Home::new();
        case(&home.open());
    }
}

#[test]
fn everything_is_there_after_a_restart() {
    let home = Home::new();
    let check = |store: &dyn Store, revision| {
        assert_eq!(store.snapshot().revision(), revision);
        assert_eq!(read_note(store, "a").unwrap(), "two");
        assert_eq!(read_note(store, "gone"), None);
        assert_eq!(store.history(&NOTES, &Key::of(&["gone"])).unwrap().len(), 2);
        assert_eq!(store.cell(CELLS, b"k").unwrap().unwrap(), b"v");
        assert_eq!(
            store.log_oldest_first(&EVENTS, 1, None, 9).unwrap().len(),
            1
        );
    };
    let store = home.open();
    put_note(&store, "a", "one");
    put_note(&store, "a", "two");
    put_note(&store, "gone", "x");
    put_cell(&store, b"k", b"v");
    commit(&store, Lane::Metadata, |batch| {
        batch.delete(&NOTES, Key::of(&["gone"]));
        batch.append(event(5, 1, b"e"));
    })
    .unwrap();
    check(&store, 5);
    drop(store);
    let store = home.open();
    check(&store, 5);
    store.close();
    drop(store);
    let store = home.open();
    check(&store, 5);
    assert_eq!(put_note(&store, "b", "x").revision, 6);
}

#[test]
fn the_past_is_found_by_its_time() {
    let home = Home::new();
    let store = home.open();
    let text_at = |seconds: i64| {
        let time = Timestamp::new(1_700_000_000 + seconds, 0);
        let past = store.past(Moment::Time(time)).unwrap();
        let row = past.get(&NOTES, &Key::of(&["a"]));
        row.map(|row| row.record.text.clone())
    };
    put_note(&store, "a", "one");
    home.clock.advance(Duration::from_secs(10));
    put_note(&store, "a", "two");
    home.clock.advance(Duration::from_secs(10));
    commit(&store, Lane::Metadata, |batch| {
        batch.delete(&NOTES, Key::of(&["a"]));
    })
    .unwrap();
    for (seconds, expected) in [
        (-1, None),
        (0, Some("one")),
        (9, Some("one")),
        (10, Some("two")),
        (20, None),
        (99, None),
    ] {
        assert_eq!(text_at(seconds).as_deref(), expected, "{seconds}");
    }
}

#[test]
fn a_closed_store_reads_but_does_not_write() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "a", "one");
    store.close();
    store.close();
    let late = commit(&store, Lane::Data, |batch| batch.cell(cell(b"k", None)));
    assert_eq!(late, Err(store::CommitError::ShuttingDown));
    assert_eq!(read_note(&store, "a").unwrap(), "one");
}

#[test]
fn a_second_process_is_kept_out() {
    let home = Home::new();
    let _open = home.open();
    assert!(matches!(home.try_open(), Err(store::OpenError::InUse)));
}

#[test]
fn many_rows_survive() {
    let home = Home::new();
    let store = home.open();
    commit(&store, Lane::Metadata, |batch| {
        for number in 0..2000 {
            batch.put(&NOTES, Key::of(&[&number.to_string()]), note("x"));
        }
    })
    .unwrap();
    drop(store);
    let (_, count) = home.open().snapshot().prefix_state(&NOTES, &Key::of(&[]));
    assert_eq!(count, 2000);
}

#[test]
fn a_store_that_was_closed_needs_no_journal() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "a", "one");
    put_cell(&store, b"k", b"v");
    store.close();
    drop(store);
    let written = |home: &Home| -> u64 {
        let lengths = home
            .journals()
            .into_iter()
            .map(|path| path.metadata().unwrap().len());
        lengths.sum()
    };
    let before = written(&home);
    let store = home.open();
    // All that is there is what opening writes.
    assert!(written(&home) < before);
    assert_eq!(read_note(&store, "a").unwrap(), "one");
    assert_eq!(store.cell(CELLS, b"k").unwrap().unwrap(), b"v");
    put_note(&store, "a", "two");
    drop(store);
    // Not closed: the journal is what there is.
    let before = written(&home);
    let store = home.open();
    assert!(written(&home) > before);
    assert_eq!(read_note(&store, "a").unwrap(), "two");
}

#[test]
fn the_mark_of_an_earlier_close_does_not_discard_what_came_later() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "bob", "may");
    store.close();
    drop(store);
    let mark = home.path().join("commit.mark");
    let old = std::fs::read(&mark).unwrap();
    let store = home.open();
    put_note(&store, "bob", "may not");
    drop(store);
    std::fs::write(&mark, old).unwrap();
    assert_eq!(read_note(&home.open(), "bob").unwrap(), "may not");
}

#[test]
fn data_that_comes_faster_than_it_is_flushed_is_held_back_but_not_lost() {
    let mut home = Home::new();
    // Every commit fills the memtable.
    home.tuning.data_memtable_bytes = 16 * 1024;
    let store = home.open();
    std::thread::scope(|scope| {
        for writer in 0..8_u8 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..20_u8 {
                    put_cell(store, &[writer, round], &vec![7; 20_000]);
                    put_note(store, &writer.to_string(), &round.to_string());
                }
            });
        }
    });
    drop(store);
    let store = home.open();
    for writer in 0..8_u8 {
        assert_eq!(read_note(&store, &writer.to_string()).unwrap(), "19");
        assert!((0..20).all(|round| store.cell(CELLS, &[writer, round]).unwrap().is_some()));
    }
}

const KEYS: u8 = 200;

#[test]
fn overwritten_data_is_given_back() {
    let mut home = Home::new();
    home.tuning.data_memtable_bytes = 128 * 1024;
    home.tuning.upkeep_interval = Duration::from_millis(1);
    let store = home.open();
    for round in 0..10_u8 {
        for keys in (0..KEYS).collect::<Vec<_>>().chunks(50) {
            commit(&store, Lane::Data, |batch| {
                for key in keys {
                    batch.cell(cell(&[*key], Some(&[round; 4000])));
                }
            })
            .unwrap();
        }
    }
    let live = u64::from(KEYS) * 4000;
    // The journal is the engine's, up to 64 MiB whatever the data, and not counted here.
    let clock = SystemClock::new();
    let deadline = clock.monotonic().0 + Duration::from_mins(1);
    while directory_size(&home.path().join("engine/keyspaces")) > live * 2 {
        assert!(clock.monotonic().0 < deadline, "it is not given back");
        std::thread::yield_now();
    }
    assert!((0..KEYS).all(|key| store.cell(CELLS, &[key]).unwrap().unwrap() == [9; 4000]));
}

fn directory_size(directory: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| {
        // Files come and go while this looks.
        let Ok(metadata) = entry.metadata() else {
            return 0;
        };
        if metadata.is_dir() {
            directory_size(&entry.path())
        } else {
            metadata.len()
        }
    };
    entries.map_while(Result::ok).map(size).sum()
}

/// The engine gives numbers of dropped keyspaces again; see `number_anew`.
fn check_segments_after_drops(dropped: u64, begun: u64) {
    let home = Home::new();
    let store = home.open();
    let append = |store: &dyn Store, segments: std::ops::Range<u64>| {
        commit(store, Lane::Metadata, |batch| {
            for segment in segments {
                batch.append(event(segment, 1, b"e"));
            }
        })
        .unwrap();
    };
    append(&store, 0..dropped);
    store.drop_log_segments(&EVENTS, dropped).unwrap();
    store.close();
    drop(store);
    let store = home.open();
    append(&store, 100..100 + begun);
    drop(store);
    let store = home.open();
    let entries = store.log_oldest_first(&EVENTS, 1, None, 99).unwrap();
    assert_eq!(u64::try_from(entries.len()).unwrap(), begun);
}

#[test]
fn segments_begun_after_drops_and_a_restart_stay() {
    for (dropped, begun) in [(1, 2), (2, 3), (3, 2), (6, 4)] {
        check_segments_after_drops(dropped, begun);
    }
}

//! The embedded engine against the conformance suite, and across restarts.

use store::{Key, Lane, Store};

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

//! Recovery says what is lost, changes nothing until told, and then opens.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use store::embedded::{Changes, EmbeddedStore, FoundEntry, Loss, Recovery, recover};
use store::{Key, Lane, OpenError, Store};

use crate::common::{CELLS, Home, NOTES, cell, commit, event, note, put_note, read_note};
use crate::tampering::{empty_journal, rows_of, tamper};

const COMMITS: u64 = 10;

fn write(store: &dyn Store, number: u64) {
    commit(store, Lane::Metadata, |batch| {
        batch.put(&NOTES, Key::of(&["state"]), note(&number.to_string()));
        batch.cell(cell(&number.to_be_bytes(), Some(&[7; 300])));
    })
    .unwrap();
}

/// A crash image with its journal damaged in the middle of the commits.
fn damaged() -> Home {
    damaged_with(write)
}

fn damaged_with(write: impl Fn(&dyn Store, u64)) -> Home {
    let home = Home::new();
    let store = home.open();
    (1..=COMMITS).for_each(|number| write(&store, number));
    let image = home.image(COMMITS);
    let journal = image.journals().pop().unwrap();
    let bytes = fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let file = OpenOptions::new().write(true).open(&journal).unwrap();
    file.write_all_at(&[bytes[end / 2] ^ 1], u64::try_from(end / 2).unwrap())
        .unwrap();
    image
}

/// Every file below `directory` with its contents.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn lost(result: Result<EmbeddedStore, OpenError>) -> u64 {
    match result {
        Err(OpenError::Lost { found, expected }) => {
            assert_eq!(expected, COMMITS);
            found
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn looking_says_what_is_lost_and_changes_nothing() {
    let image = damaged();
    let found = lost(image.try_open());
    let before = contents(image.path());
    let recovery = recover(&image.options(), false).unwrap();
    let readable = COMMITS - found - 1;
    let changes = Changes {
        written: readable,
        removed: 0,
    };
    let expected = Recovery {
        found,
        expected: Some(COMMITS),
        rows_match: true,
        needed: true,
        // All but the one that was damaged.
        loss: Loss {
            readable,
            changes: [("cells", changes), ("notes", changes)].into(),
            entries: Vec::new(),
        },
        left: [("derived", 0), ("listed", 0), ("notes", 1), ("secrets", 0)].into(),
        last_entries: Vec::new(),
        set_aside: None,
    };
    assert_eq!(recovery, expected);
    assert!(contents(image.path()) == before);
    assert_eq!(lost(image.try_open()), found);
}

#[test]
fn looking_shows_what_the_log_says_of_lost_commits_and_where_it_ends() {
    let image = damaged_with(|store, number| {
        commit(store, Lane::Metadata, |batch| {
            batch.append(event(1, 7, format!("entry {number}").as_bytes()));
            batch.cell(cell(b"again", None));
        })
        .unwrap();
    });
    let found = lost(image.try_open());
    let recovery = recover(&image.options(), false).unwrap();
    let text = |entry: &FoundEntry| {
        assert_eq!(entry.log, "events");
        String::from_utf8(entry.payload.clone()).unwrap()
    };
    let shown: Vec<String> = recovery.loss.entries.iter().map(text).collect();
    let expected: Vec<String> = (found + 2..=COMMITS)
        .map(|number| format!("entry {number}"))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(shown, expected);
    assert_eq!(recovery.loss.changes["cells"].removed, COMMITS - found - 1);
    let last: Vec<String> = recovery.last_entries.iter().map(text).collect();
    assert_eq!(last, [format!("entry {found}")]);
    assert!(!format!("{recovery:?}").contains("entry "));
}

#[test]
fn a_cut_off_end_leaves_nothing_to_read() {
    let home = Home::new();
    let store = home.open();
    (1..=COMMITS).for_each(|number| write(&store, number));
    let image = home.image(COMMITS);
    let journal = image.journals().pop().unwrap();
    let bytes = fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    fs::write(&journal, &bytes[..end / 2]).unwrap();
    let recovery = recover(&image.options(), false).unwrap();
    assert!(recovery.needed && recovery.found < COMMITS);
    assert_eq!(recovery.expected, Some(COMMITS));
    assert_eq!(recovery.loss, Loss::default());
}

#[test]
fn an_accepted_loss_opens_and_numbers_go_on_behind_what_was_lost() {
    let image = damaged();
    let recovery = recover(&image.options(), true).unwrap();
    assert!(recovery.set_aside.unwrap().read_dir().unwrap().count() > 0);
    let check = |store: &dyn Store| {
        assert_eq!(
            read_note(store, "state").unwrap(),
            recovery.found.to_string()
        );
        let history = store.history(&NOTES, &Key::of(&["state"])).unwrap();
        assert_eq!(u64::try_from(history.len()).unwrap(), recovery.found);
        for number in 1..=COMMITS {
            let there = store.cell(CELLS, &number.to_be_bytes()).unwrap().is_some();
            assert_eq!(there, number <= recovery.found);
        }
    };
    let store = image.open();
    check(&store);
    assert_eq!(store.snapshot().revision(), COMMITS + 1);
    drop(store);
    let store = image.open();
    check(&store);
    assert_eq!(put_note(&store, "new", "x").revision, COMMITS + 2);
    // Beyond the number of links that are retained.
    for _ in 0..300 {
        put_note(&store, "new", "x");
    }
    drop(store);
    assert_eq!(image.open().snapshot().revision(), COMMITS + 302);
}

#[test]
fn a_store_that_is_whole_needs_no_recovery_and_is_left_alone() {
    let home = Home::new();
    let store = home.open();
    write(&store, 1);
    drop(store);
    let before = contents(home.path());
    let recovery = recover(&home.options(), true).unwrap();
    assert!(!recovery.needed && recovery.rows_match);
    assert_eq!((recovery.found, recovery.expected), (1, Some(1)));
    assert!(contents(home.path()) == before);
}

#[test]
fn a_store_that_is_open_is_not_recovered() {
    let home = Home::new();
    let _store = home.open();
    assert!(matches!(
        recover(&home.options(), true),
        Err(OpenError::InUse)
    ));
}

#[test]
fn a_missing_mark_is_made_anew() {
    let home = Home::new();
    let store = home.open();
    write(&store, 1);
    drop(store);
    fs::remove_file(home.path().join("commit.mark")).unwrap();
    let recovery = recover(&home.options(), false).unwrap();
    assert_eq!(
        (recovery.found, recovery.expected, recovery.needed),
        (1, None, true)
    );
    fs::remove_file(home.path().join("commit.mark")).unwrap();
    recover(&home.options(), true).unwrap();
    assert_eq!(read_note(&home.open(), "state").unwrap(), "1");
}

#[test]
fn a_missing_journal_leaves_what_the_tables_have() {
    let home = Home::new();
    let store = home.open();
    (1..=4).for_each(|number| write(&store, number));
    store.close();
    drop(store);
    let store = home.open();
    (5..=COMMITS).for_each(|number| write(&store, number));
    let image = home.image(COMMITS);
    fs::remove_file(image.journals().pop().unwrap()).unwrap();
    assert!(matches!(image.try_open(), Err(OpenError::Lost { .. })));
    let recovery = recover(&image.options(), true).unwrap();
    assert_eq!((recovery.found, recovery.expected), (4, Some(COMMITS)));
    let store = image.open();
    assert_eq!(read_note(&store, "state").unwrap(), "4");
    write(&store, 11);
    drop(store);
    assert_eq!(read_note(&image.open(), "state").unwrap(), "11");
}

#[test]
fn rows_that_do_not_match_are_told_and_their_history_is_repaired() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "set back", "one");
    put_note(&store, "removed", "x");
    store.close();
    drop(store);
    let mut old = rows_of(&home, "rows");
    let store = home.open();
    put_note(&store, "set back", "two");
    let removed = store
        .snapshot()
        .row_revision(&NOTES, &Key::of(&["removed"]));
    store.close();
    drop(store);
    empty_journal(&home);
    tamper(&home, "rows", |rows| {
        // The commit number stands in clear at the front of a row.
        old.retain(|_, value| value[1..9] != removed.unwrap().to_be_bytes());
        *rows = old;
    });
    assert!(matches!(home.try_open(), Err(OpenError::Incomplete)));
    let recovery = recover(&home.options(), true).unwrap();
    assert!(recovery.needed && !recovery.rows_match);
    let store = home.open();
    let history = |name| {
        let versions = store.history(&NOTES, &Key::of(&[name])).unwrap();
        let shape = |(revision, record): (u64, Option<_>)| (revision, record.is_some());
        versions.into_iter().map(shape).collect::<Vec<_>>()
    };
    assert_eq!(read_note(&store, "set back").unwrap(), "one");
    assert_eq!(history("set back"), [(1, true)]);
    assert_eq!(history("removed"), [(2, true), (4, false)]);
}

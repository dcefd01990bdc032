//! What every storage engine must do, as functions over a fresh `dyn Store`.

use std::ops::Bound;
use std::sync::Arc;

use store::{
    CellOutcome, CellWrite, CommitError, Key, Lane, LogCursor, Moment, Read, Snapshot, Store, View,
};

use crate::common::{
    CELLS, DERIVED, Derived, EVENTS, LISTED, NOTES, Note, OTHER_CELLS, OUTBOX, SECRETS, cell,
    commit, event, note, put_cell, put_note, read_note,
};

/// One requirement.
pub(crate) type Case = fn(&dyn Store);

/// All requirements by name; an engine's tests run each on a store of its own.
pub(crate) const CASES: &[(&str, Case)] = &[
    (
        "revisions count from one without gaps",
        revisions_count_from_one_without_gaps,
    ),
    (
        "a commit is seen when it is answered",
        a_commit_is_seen_when_it_is_answered,
    ),
    (
        "an old snapshot does not change",
        an_old_snapshot_does_not_change,
    ),
    ("a changed row is a conflict", a_changed_row_is_a_conflict),
    (
        "a changed prefix is a conflict",
        a_changed_prefix_is_a_conflict,
    ),
    ("a conflict writes nothing", a_conflict_writes_nothing),
    ("deleted rows are gone", deleted_rows_are_gone),
    ("rules see the stored cell", rules_see_the_stored_cell),
    (
        "rules see earlier writes of their batch",
        rules_see_earlier_writes_of_their_batch,
    ),
    (
        "the last write to a row or cell wins",
        the_last_write_to_a_row_or_cell_wins,
    ),
    ("spaces are apart", spaces_are_apart),
    (
        "cells are read in order and within bounds",
        cells_are_read_in_order_and_within_bounds,
    ),
    ("logs are read from both ends", logs_are_read_from_both_ends),
    (
        "entries that go with a cell are appended with it or not at all",
        entries_that_go_with_a_cell_are_appended_with_it_or_not_at_all,
    ),
    ("segments are dropped whole", segments_are_dropped_whole),
    ("history lists every version", history_lists_every_version),
    ("secrets keep no history", secrets_keep_no_history),
    ("the past is as it was", the_past_is_as_it_was),
    ("a batch is all or nothing", a_batch_is_all_or_nothing),
    (
        "oversized batches are refused",
        oversized_batches_are_refused,
    ),
    (
        "the entries by which a row is found weigh something",
        the_entries_by_which_a_row_is_found_weigh_something,
    ),
    (
        "the memory that a row takes weighs something",
        the_memory_that_a_row_takes_weighs_something,
    ),
    (
        "unusable cell keys are refused",
        unusable_cell_keys_are_refused,
    ),
];

fn revisions_count_from_one_without_gaps(store: &dyn Store) {
    assert_eq!(store.snapshot().revision(), 0);
    for expected in 1..=5 {
        assert_eq!(put_note(store, "a", "x").revision, expected);
        assert_eq!(store.snapshot().revision(), expected);
    }
    assert_eq!(put_cell(store, b"k", b"v").revision, 6);
    // A batch that changes nothing is a commit like any other.
    assert_eq!(commit(store, Lane::Data, |_| {}).unwrap().revision, 7);
    assert!(store.is_writable());
}

fn a_commit_is_seen_when_it_is_answered(store: &dyn Store) {
    let revision = put_note(store, "a", "one").revision;
    assert_eq!(read_note(store, "a").unwrap(), "one");
    assert_eq!(
        store.snapshot().row_revision(&NOTES, &Key::of(&["a"])),
        Some(revision)
    );
    put_cell(store, b"key", b"value");
    assert_eq!(store.cell(CELLS, b"key").unwrap().unwrap(), b"value");
    assert_eq!(store.cell(CELLS, b"other").unwrap(), None);
}

fn an_old_snapshot_does_not_change(store: &dyn Store) {
    put_note(store, "a", "one");
    let old = store.snapshot();
    put_note(store, "a", "two");
    assert_eq!(
        old.get(&NOTES, &Key::of(&["a"])).unwrap().record.text,
        "one"
    );
}

fn a_changed_row_is_a_conflict(store: &dyn Store) {
    let key = Key::of(&["a"]);
    put_note(store, "a", "one");
    let view = View::recording(store.snapshot());
    assert!(view.get(&NOTES, &key).is_some());
    assert!(view.get(&NOTES, &Key::of(&["none"])).is_none());
    let unrelated = put_note(store, "b", "x");
    let put = |text: &str| {
        commit(store, Lane::Metadata, |batch| {
            batch.require_all(view.reads());
            batch.put(&NOTES, key.clone(), note(text));
        })
    };
    assert_eq!(put("two").unwrap().revision, unrelated.revision + 1);
    assert_eq!(put("three"), Err(CommitError::Conflict));
    assert_eq!(read_note(store, "a").unwrap(), "two");
}

fn a_changed_prefix_is_a_conflict(store: &dyn Store) {
    let prefix = Key::of(&["user"]);
    commit(store, Lane::Metadata, |batch| {
        batch.put(&NOTES, Key::of(&["user", "1"]), note("x"));
    })
    .unwrap();
    for change in ["2", "1"] {
        let view = View::recording(store.snapshot());
        view.scan(&NOTES, &prefix, None).count();
        commit(store, Lane::Metadata, |batch| {
            batch.put(&NOTES, Key::of(&["user", change]), note("changed"));
        })
        .unwrap();
        let late = commit(store, Lane::Metadata, |batch| {
            batch.require_all(view.reads());
            batch.put(&NOTES, Key::of(&["z"]), note("x"));
        });
        assert_eq!(late, Err(CommitError::Conflict));
    }
}

fn a_conflict_writes_nothing(store: &dyn Store) {
    let revision = put_note(store, "a", "one").revision;
    let failed = commit(store, Lane::Metadata, |batch| {
        batch.require(Read::Row {
            table: &NOTES,
            key: Key::of(&["a"]),
            revision: None,
        });
        batch.put(&NOTES, Key::of(&["b"]), note("x"));
        batch.cell(cell(b"k", Some(b"v")));
        batch.append(event(1, 1, b"e"));
    });
    assert_eq!(failed, Err(CommitError::Conflict));
    assert_eq!(store.snapshot().revision(), revision);
    assert_eq!(read_note(store, "b"), None);
    assert_eq!(store.cell(CELLS, b"k").unwrap(), None);
    assert_eq!(store.log_oldest_first(&EVENTS, 1, None, 9).unwrap(), []);
    assert_eq!(put_note(store, "c", "x").revision, revision + 1);
}

fn deleted_rows_are_gone(store: &dyn Store) {
    put_note(store, "a", "one");
    let delete = || {
        commit(store, Lane::Metadata, |batch| {
            batch.delete(&NOTES, Key::of(&["a"]));
        })
    };
    delete().unwrap();
    assert_eq!(read_note(store, "a"), None);
    delete().unwrap();
    assert_eq!(store.snapshot().prefix_state(&NOTES, &Key::of(&[])), (0, 0));
}

/// A cell that is written if the stored one sorts before it.
fn newer(key: &[u8], value: &[u8]) -> CellWrite {
    let mine = value.to_vec();
    CellWrite {
        rule: Some(Box::new(move |stored: Option<&[u8]>| {
            stored.is_none_or(|stored| stored < mine.as_slice())
        })),
        ..cell(key, Some(value))
    }
}

fn rules_see_the_stored_cell(store: &dyn Store) {
    let put =
        |value: &[u8]| commit(store, Lane::Data, |batch| batch.cell(newer(b"k", value))).unwrap();
    assert_eq!(put(b"2").cells, [CellOutcome::Applied]);
    let kept = put(b"1");
    assert_eq!(kept.cells, [CellOutcome::Kept]);
    assert_eq!(kept.revision, 2);
    assert_eq!(put(b"3").cells, [CellOutcome::Applied]);
    assert_eq!(store.cell(CELLS, b"k").unwrap().unwrap(), b"3");
}

fn rules_see_earlier_writes_of_their_batch(store: &dyn Store) {
    use CellOutcome::{Applied, Kept};
    let outcome = commit(store, Lane::Data, |batch| {
        batch.cell(newer(b"k", b"5"));
        batch.cell(newer(b"k", b"4"));
        batch.cell(cell(b"k", None));
        batch.cell(newer(b"k", b"1"));
    });
    // The unconditional removal has no outcome.
    assert_eq!(outcome.unwrap().cells, [Applied, Kept, Applied]);
    assert_eq!(store.cell(CELLS, b"k").unwrap().unwrap(), b"1");
}

fn the_last_write_to_a_row_or_cell_wins(store: &dyn Store) {
    put_note(store, "b", "there");
    let committed = commit(store, Lane::Metadata, |batch| {
        for text in ["one", "two"] {
            batch.put(&NOTES, Key::of(&["a"]), note(text));
        }
        batch.put(&NOTES, Key::of(&["b"]), note("again"));
        batch.delete(&NOTES, Key::of(&["b"]));
        batch.cell(cell(b"k", Some(b"1")));
        batch.cell(cell(b"k", Some(b"2")));
        batch.cell(cell(b"gone", Some(b"1")));
        batch.cell(cell(b"gone", None));
    })
    .unwrap();
    assert_eq!(read_note(store, "a").unwrap(), "two");
    assert_eq!(read_note(store, "b"), None);
    assert_eq!(store.cell(CELLS, b"k").unwrap().unwrap(), b"2");
    assert_eq!(store.cell(CELLS, b"gone").unwrap(), None);
    assert_eq!(
        history_of(store, "a"),
        [(committed.revision, Some("two".to_owned()))]
    );
    let of_b = [(1, Some("there".to_owned())), (committed.revision, None)];
    assert_eq!(history_of(store, "b"), of_b);
}

fn spaces_are_apart(store: &dyn Store) {
    put_cell(store, b"k", b"v");
    assert_eq!(store.cell(OTHER_CELLS, b"k").unwrap(), None);
}

fn cells_are_read_in_order_and_within_bounds(store: &dyn Store) {
    use Bound::{Excluded, Included, Unbounded};
    commit(store, Lane::Data, |batch| {
        for key in [b"b", b"d", b"a", b"c"] {
            batch.cell(cell(key, Some(key)));
        }
    })
    .unwrap();
    commit(store, Lane::Data, |batch| batch.cell(cell(b"b", None))).unwrap();
    let keys = |from: Bound<&[u8]>, to: Bound<&[u8]>, limit| -> String {
        let cells = store.cells(CELLS, from, to, limit).unwrap();
        cells
            .into_iter()
            .map(|(key, value)| {
                assert_eq!(key, value);
                String::from_utf8(key).unwrap()
            })
            .collect()
    };
    assert_eq!(keys(Unbounded, Unbounded, 9), "acd");
    assert_eq!(keys(Unbounded, Unbounded, 2), "ac");
    assert_eq!(keys(Included(b"c"), Unbounded, 9), "cd");
    assert_eq!(keys(Excluded(b"c"), Unbounded, 9), "d");
    assert_eq!(keys(Unbounded, Excluded(b"d"), 9), "ac");
    assert_eq!(keys(Unbounded, Included(b"d"), 9), "acd");
    assert_eq!(keys(Included(b"d"), Excluded(b"a"), 9), "");
    assert_eq!(keys(Excluded(b"c"), Excluded(b"c"), 9), "");
}

fn logs_are_read_from_both_ends(store: &dyn Store) {
    for (segment, stream, payload) in [
        (1, 1, "a"),
        (1, 2, "other"),
        (1, 1, "b"),
        (2, 1, "c"),
        (1, 1, "late"),
        (3, 1, "d"),
    ] {
        commit(store, Lane::Metadata, |batch| {
            batch.append(event(segment, stream, payload.as_bytes()));
        })
        .unwrap();
    }
    commit(store, Lane::Data, |batch| {
        batch.append(event(3, 1, b"e"));
        batch.append(event(3, 1, b"f"));
    })
    .unwrap();
    let oldest = |after, limit| texts(store.log_oldest_first(&EVENTS, 1, after, limit).unwrap());
    let newest = |before, segment, limit| {
        texts(
            store
                .log_newest_first(&EVENTS, 1, before, segment, limit)
                .unwrap(),
        )
    };
    assert_eq!(oldest(None, 99), "a b late c d e f");
    assert_eq!(oldest(None, 3), "a b late");
    assert_eq!(newest(None, 0, 99), "f e d c late b a");
    assert_eq!(newest(None, 2, 99), "f e d c");
    assert_eq!(newest(None, 0, 2), "f e");
    assert_eq!(store.log_oldest_first(&OUTBOX, 1, None, 9).unwrap(), []);
    let entries = store.log_oldest_first(&EVENTS, 1, None, 99).unwrap();
    let cursors: Vec<LogCursor> = entries.iter().map(|entry| entry.cursor).collect();
    assert!(cursors.is_sorted());
    for (at, cursor) in cursors.iter().enumerate() {
        let rest = ["a", "b", "late", "c", "d", "e", "f"];
        assert_eq!(oldest(Some(*cursor), 99), rest[at + 1..].join(" "));
        let mut older = rest[..at].to_vec();
        older.reverse();
        assert_eq!(newest(Some(*cursor), 0, 99), older.join(" "));
    }
}

fn texts(entries: Vec<store::LogEntry>) -> String {
    let texts: Vec<_> = entries
        .into_iter()
        .map(|entry| String::from_utf8(entry.payload).unwrap())
        .collect();
    texts.join(" ")
}

fn entries_that_go_with_a_cell_are_appended_with_it_or_not_at_all(store: &dyn Store) {
    use CellOutcome::{Applied, Kept};
    let write = |batch: &mut store::Batch, value: &[u8], text: &[u8]| {
        batch.append(event(1, 1, b"first"));
        batch.cell(newer(b"k", value));
        batch.append_with_cell(event(1, 1, text));
    };
    commit(store, Lane::Data, |batch| write(batch, b"2", b"new")).unwrap();
    let committed = commit(store, Lane::Data, |batch| {
        let mut other = store::Batch::new(Lane::Data);
        write(&mut other, b"3", b"newer");
        write(batch, b"1", b"old");
        batch.merge(other);
    });
    assert_eq!(committed.unwrap().cells, [Kept, Applied]);
    let entries = store.log_oldest_first(&EVENTS, 1, None, 99).unwrap();
    assert_eq!(texts(entries), "first new first first newer");
}

fn segments_are_dropped_whole(store: &dyn Store) {
    commit(store, Lane::Metadata, |batch| {
        for segment in 1..=4 {
            batch.append(event(segment, 1, segment.to_string().as_bytes()));
        }
    })
    .unwrap();
    store.drop_log_segments(&EVENTS, 3).unwrap();
    assert_eq!(
        texts(store.log_oldest_first(&EVENTS, 1, None, 9).unwrap()),
        "3 4"
    );
    assert_eq!(
        texts(store.log_newest_first(&EVENTS, 1, None, 0, 9).unwrap()),
        "4 3"
    );
    // A segment that was dropped can be begun again.
    commit(store, Lane::Metadata, |batch| {
        batch.append(event(2, 1, b"new"));
    })
    .unwrap();
    assert_eq!(
        texts(store.log_oldest_first(&EVENTS, 1, None, 9).unwrap()),
        "new 3 4"
    );
    store.drop_log_segments(&OUTBOX, 9).unwrap();
}

fn history_of(store: &dyn Store, name: &str) -> Vec<(u64, Option<String>)> {
    let versions = store.history(&NOTES, &Key::of(&[name])).unwrap();
    versions
        .into_iter()
        .map(|(revision, record)| {
            let note = record.map(|record| Arc::downcast::<Note>(record).unwrap());
            (revision, note.map(|note| note.text.clone()))
        })
        .collect()
}

fn history_lists_every_version(store: &dyn Store) {
    put_note(store, "a", "one");
    put_note(store, "b", "other");
    put_note(store, "a", "two");
    commit(store, Lane::Metadata, |batch| {
        batch.delete(&NOTES, Key::of(&["a"]));
    })
    .unwrap();
    put_note(store, "a", "three");
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        (1, text("one")),
        (3, text("two")),
        (4, None),
        (5, text("three")),
    ];
    assert_eq!(history_of(store, "a"), expected);
    assert_eq!(history_of(store, "none"), []);
}

fn secrets_keep_no_history(store: &dyn Store) {
    for text in ["one", "two"] {
        commit(store, Lane::Metadata, |batch| {
            batch.put(&SECRETS, Key::of(&["a"]), note(text));
        })
        .unwrap();
    }
    assert!(
        store
            .history(&SECRETS, &Key::of(&["a"]))
            .unwrap()
            .is_empty()
    );
}

/// The notes and secrets `a`, `b` and `c` as a snapshot shows them.
fn shown(snapshot: &Snapshot) -> Vec<Option<String>> {
    let names = ["a", "b", "c"].map(|name| Key::of(&[name]));
    let tables = [&NOTES, &SECRETS].into_iter();
    let rows = tables.flat_map(|table| names.iter().map(move |key| snapshot.get(table, key)));
    rows.map(|row| row.map(|row| row.record.text.clone()))
        .collect()
}

fn the_past_is_as_it_was(store: &dyn Store) {
    let mut seen = vec![shown(&store.snapshot())];
    let mut change = |edit: &dyn Fn(&mut store::Batch)| {
        commit(store, Lane::Metadata, edit).unwrap();
        let mut now = shown(&store.snapshot());
        // What is secret has no past.
        now.truncate(3);
        now.extend([None, None, None]);
        seen.push(now);
    };
    let put =
        |batch: &mut store::Batch, name, text| batch.put(&NOTES, Key::of(&[name]), note(text));
    change(&|batch| put(batch, "a", "one"));
    change(&|batch| {
        put(batch, "b", "other");
        batch.put(&SECRETS, Key::of(&["a"]), note("secret"));
    });
    change(&|batch| put(batch, "a", "two"));
    change(&|batch| batch.delete(&NOTES, Key::of(&["a"])));
    change(&|batch| {
        put(batch, "c", "new");
        batch.delete(&NOTES, Key::of(&["b"]));
    });
    change(&|batch| put(batch, "a", "three"));
    for (revision, expected) in (0..).zip(&seen) {
        let past = store.past(Moment::Commit(revision)).unwrap();
        assert_eq!((past.revision(), &shown(&past)), (revision, expected));
    }
    let later = store.past(Moment::Commit(99)).unwrap();
    assert_eq!(
        (later.revision(), &shown(&later)),
        (6, seen.last().unwrap())
    );
}

fn a_batch_is_all_or_nothing(store: &dyn Store) {
    let undeclared: &'static store::Log = &store::Log { name: "undeclared" };
    let failed = commit(store, Lane::Metadata, |batch| {
        batch.put(&NOTES, Key::of(&["a"]), note("x"));
        batch.cell(cell(b"k", Some(b"v")));
        batch.append(store::LogAppend {
            log: undeclared,
            ..event(1, 1, b"e")
        });
    });
    assert!(matches!(failed, Err(CommitError::NotWritable { .. })));
    assert_eq!(read_note(store, "a"), None);
    assert_eq!(store.cell(CELLS, b"k").unwrap(), None);
    assert!(store.is_writable());
    put_note(store, "a", "y");
    assert_eq!(history_of(store, "a").len(), 1);
}

fn oversized_batches_are_refused(store: &dyn Store) {
    let huge = vec![0; 33 << 20];
    let failed = commit(store, Lane::Data, |batch| {
        batch.cell(cell(b"k", Some(&huge)));
    });
    assert_eq!(failed, Err(CommitError::TooLarge));
    // A row weighs what it holds, and its history as much again.
    let long = "x".repeat(17 << 20);
    for lane in [Lane::Metadata, Lane::Revocation] {
        let failed = commit(store, lane, |batch| {
            batch.put(&NOTES, Key::of(&["long"]), note(&long));
        });
        assert_eq!(failed, Err(CommitError::TooLarge));
    }
    assert_eq!(read_note(store, "long"), None);
    // What is replaced in the same batch is not written.
    let text = "y".repeat(10_000);
    let committed = commit(store, Lane::Metadata, |batch| {
        batch.put(&NOTES, Key::of(&["long"]), note(&long));
        batch.put(&NOTES, Key::of(&["long"]), note(&text));
    });
    let bytes = committed.unwrap().metadata_bytes;
    assert!((20_000..21_000).contains(&bytes), "{bytes}");
}

fn the_memory_that_a_row_takes_weighs_something(store: &dyn Store) {
    let weight = |bytes: usize| {
        let committed = commit(store, Lane::Metadata, |batch| {
            batch.put(&DERIVED, Key::of(&["row"]), Derived(bytes));
        });
        committed.unwrap().metadata_bytes
    };
    let (first, larger) = (weight(1_000_000), weight(7_000_000));
    assert_eq!(larger - first, 5_000_000);
    // What is replaced has been charged: as much again, and less, cost no memory.
    let (again, less) = (weight(7_000_000), weight(2_000_000));
    assert_eq!(larger - again, 6_000_000);
    assert_eq!(less, again);
    let gone = commit(store, Lane::Metadata, |batch| {
        batch.delete(&DERIVED, Key::of(&["row"]));
    });
    assert!(gone.unwrap().metadata_bytes < again);
    assert_eq!(weight(7_000_000), larger + 1_000_000);
}

fn the_entries_by_which_a_row_is_found_weigh_something(store: &dyn Store) {
    let weight = |key: &str, text: Option<&str>| {
        let committed = commit(store, Lane::Metadata, |batch| match text {
            Some(text) => batch.put(&LISTED, Key::of(&[key]), note(text)),
            None => batch.delete(&LISTED, Key::of(&[key])),
        });
        committed.unwrap().metadata_bytes
    };
    // As long, but of one word and of seven.
    let (one, seven) = (
        weight("a", Some("abcdefghijklm")),
        weight("b", Some("n o p q r s t")),
    );
    assert!((seven - one).abs_diff(6 * 64) < 20, "{one} {seven}");
    assert!(weight("b", None) < one);
}

fn unusable_cell_keys_are_refused(store: &dyn Store) {
    for key in [Vec::new(), vec![1; 70_000]] {
        let failed = commit(store, Lane::Data, |batch| {
            batch.cell(cell(&key, Some(b"v")));
        });
        assert!(matches!(failed, Err(CommitError::NotWritable { .. })));
    }
    assert!(store.is_writable());
}

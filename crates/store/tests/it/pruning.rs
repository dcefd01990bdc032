//! Versions that are dropped from the history, and what is still known without them.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use store::{Batch, Error, HistoryBounds, Key, Lane, Moment, Store};
use types::{Clock, Timestamp};

use crate::common::{Home, NOTES, Note, commit, note, put_note, read_note, wait};
use crate::cuts::{items, rebuilt};
use crate::tampering::{Rows, empty_journal, tamper};

const DAY: Duration = Duration::from_hours(24);

const FOREVER: HistoryBounds = HistoryBounds {
    least: DAY.saturating_mul(10),
    most: None,
    versions: None,
};

/// Nothing is kept for more than 20 days.
const TWENTY_DAYS: HistoryBounds = HistoryBounds {
    most: Some(DAY.saturating_mul(20)),
    ..FOREVER
};

/// Of each row two versions are kept, but for 10 days all.
const TWO: HistoryBounds = HistoryBounds {
    versions: Some(2),
    ..FOREVER
};

/// Prunes until all of the history was looked at; says how many versions went.
fn prune(home: &Home, store: &dyn Store, bounds: HistoryBounds) -> u64 {
    let mut versions = 0;
    for _ in 0..100 {
        let pruned = store
            .prune_history(Some(home.clock.now()), home.clock.now(), &bounds)
            .unwrap();
        versions += pruned.versions;
        if pruned.is_done {
            return versions;
        }
    }
    panic!("the history is not looked through");
}

/// Lets so many days pass, in each of which the history is looked at and kept.
fn days(home: &Home, store: &dyn Store, days: u32) {
    for _ in 0..days {
        home.clock.advance(DAY);
        assert_eq!(prune(home, store, FOREVER), 0);
    }
}

/// Writes `a` once a day, `one`, `two` and so on, and `other` on the first; returns the days.
fn written(home: &Home, store: &dyn Store, texts: &[&str]) -> Vec<Timestamp> {
    put_note(store, "other", "same");
    let mut at = Vec::new();
    for text in texts {
        put_note(store, "a", text);
        at.push(home.clock.now());
        days(home, store, 1);
    }
    at
}

fn texts(store: &dyn Store, name: &str) -> Vec<Option<String>> {
    let versions = store.history(&NOTES, &Key::of(&[name])).unwrap();
    let versions = versions.into_iter();
    let note = |record: store::ErasedRecord| {
        let note: &Note = record.downcast_ref().unwrap();
        note.text.clone()
    };
    versions.map(|(_, record)| record.map(note)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

/// What `a` was at a time; the name of the error if that is not known.
fn then(store: &dyn Store, moment: Moment) -> Result<Option<String>, String> {
    let past = store.past(moment).map_err(|error| match error {
        Error::Forgotten { .. } => "forgotten".to_owned(),
        Error::Damaged { .. } => "damaged".to_owned(),
        other => other.to_string(),
    })?;
    assert!(past.get(&NOTES, &Key::of(&["other"])).is_some());
    let row = past.get(&NOTES, &Key::of(&["a"]));
    Ok(row.map(|row| row.record.text.clone()))
}

fn forgotten() -> Result<Option<String>, String> {
    Err("forgotten".to_owned())
}

#[test]
fn versions_that_were_replaced_long_ago_are_dropped() {
    let home = Home::new();
    let store = home.open();
    let at = written(&home, &store, &["one", "two", "three"]);
    assert_eq!(texts(&store, "a"), some(&["one", "two", "three"]));
    // `one` was replaced on the second day, which was dated when it was over.
    days(&home, &store, 19);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 1);
    assert_eq!(texts(&store, "a"), some(&["two", "three"]));
    assert_eq!(texts(&store, "other"), some(&["same"]));
    let known = |store: &dyn Store| {
        assert_eq!(then(store, Moment::Time(at[0])), forgotten());
        assert_eq!(then(store, Moment::Commit(1)), forgotten());
        let two = Ok(Some("two".to_owned()));
        assert_eq!(
            then(store, Moment::Time(at[2].saturating_sub(DAY / 2))),
            two
        );
        let three = Ok(Some("three".to_owned()));
        assert_eq!(then(store, Moment::Time(at[2])), three);
        assert_eq!(then(store, Moment::Time(home.clock.now())), three);
    };
    known(&store);
    let image = home.image(store.snapshot().revision());
    known(&image.open());
    let (copy, _) = rebuilt(items(&store.cut().unwrap())).unwrap();
    known(&copy.open());
    days(&home, &store, 1);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 1);
    days(&home, &store, 100);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 0);
    assert_eq!(texts(&store, "a"), some(&["three"]));
    store.close();
    drop(store);
    let store = home.open();
    assert_eq!(read_note(&store, "a").as_deref(), Some("three"));
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 0);
    put_note(&store, "a", "four");
    assert_eq!(texts(&store, "a"), some(&["three", "four"]));
    let four = Ok(Some("four".to_owned()));
    assert_eq!(then(&store, Moment::Time(home.clock.now())), four);
}

#[test]
fn of_a_row_so_many_versions_are_kept_but_for_a_while_all() {
    let home = Home::new();
    let store = home.open();
    written(&home, &store, &["one", "two", "three", "four"]);
    days(&home, &store, 5);
    assert_eq!(prune(&home, &store, TWO), 0);
    days(&home, &store, 20);
    // Which of many versions are the newest is not asked of other rows.
    assert_eq!(prune(&home, &store, TWO), 2);
    assert_eq!(texts(&store, "a"), some(&["three", "four"]));
    assert_eq!(texts(&store, "other"), some(&["same"]));
    put_note(&store, "a", "five");
    put_note(&store, "a", "six");
    days(&home, &store, 5);
    // What was replaced five days ago is kept whatever there is of it.
    assert_eq!(prune(&home, &store, TWO), 1);
    assert_eq!(texts(&store, "a"), some(&["four", "five", "six"]));
    days(&home, &store, 10);
    assert_eq!(prune(&home, &store, TWO), 1);
    assert_eq!(texts(&store, "a"), some(&["five", "six"]));
}

#[test]
fn nothing_is_dropped_before_its_time_whatever_else_is_asked_for() {
    let home = Home::new();
    let store = home.open();
    written(&home, &store, &["one", "two", "three"]);
    days(&home, &store, 5);
    let at_once = HistoryBounds {
        most: Some(Duration::ZERO),
        versions: Some(0),
        ..FOREVER
    };
    assert_eq!(prune(&home, &store, at_once), 0);
    days(&home, &store, 20);
    assert_eq!(prune(&home, &store, FOREVER), 0);
    assert_eq!(texts(&store, "a").len(), 3);
}

#[test]
fn of_what_was_deleted_long_ago_nothing_is_left() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "other", "same");
    put_note(&store, "a", "one");
    let delete = || {
        commit(&store, Lane::Metadata, |batch| {
            batch.delete(&NOTES, Key::of(&["a"]));
        })
        .unwrap();
    };
    delete();
    days(&home, &store, 15);
    // One version of it is the deletion, which alone says nothing of the row.
    let one = HistoryBounds {
        versions: Some(1),
        ..FOREVER
    };
    assert_eq!(prune(&home, &store, one), 1);
    assert_eq!(texts(&store, "a"), [None]);
    let now = Moment::Time(home.clock.now());
    assert_eq!(then(&store, now), Ok(None));
    days(&home, &store, 15);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 1);
    assert_eq!(texts(&store, "a"), []);
    assert_eq!(then(&store, now), Ok(None));
    put_note(&store, "a", "again");
    assert_eq!(texts(&store, "a"), some(&["again"]));
    delete();
    put_note(&store, "a", "more");
    days(&home, &store, 30);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 2);
    assert_eq!(texts(&store, "a"), some(&["more"]));
}

#[test]
fn a_clock_that_was_wrong_when_something_was_written_drops_nothing_early() {
    let home = Home::new();
    let store = home.open();
    written(&home, &store, &["one"]);
    let years = DAY * 1000;
    home.clock.set_back(years);
    put_note(&store, "a", "two");
    put_note(&store, "a", "three");
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 0);
    home.clock.set_ahead(years);
    days(&home, &store, 15);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 0);
    assert_eq!(texts(&store, "a"), some(&["one", "two", "three"]));
    days(&home, &store, 10);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 2);
}

#[test]
fn many_versions_are_dropped_in_small_commits_over_several_runs() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "other", "same");
    for number in 0..300 {
        commit(&store, Lane::Metadata, |batch| {
            for row in 0..100 {
                let row = format!("{}", (number % 3) * 100 + row);
                batch.put(&NOTES, Key::of(&[&row]), note("x"));
            }
        })
        .unwrap();
    }
    days(&home, &store, 30);
    let before = store.snapshot().revision();
    let first = store
        .prune_history(Some(home.clock.now()), home.clock.now(), &TWENTY_DAYS)
        .unwrap();
    assert!(!first.is_done);
    assert!((16_000..17_000).contains(&first.versions), "{first:?}");
    let commits = store.snapshot().revision() - before;
    assert_eq!(commits, first.versions.div_ceil(512));
    // What a killed process leaves in between is whole, and the next one goes on.
    let image = home.image(store.snapshot().revision());
    let again = image.open();
    let now = Moment::Time(home.clock.now());
    assert_eq!(then(&again, now), Ok(None));
    let rest = 300 * 100 - 300 - first.versions;
    for (home, store) in [(&image, &again), (&home, &store)] {
        assert_eq!(prune(home, store, TWENTY_DAYS), rest);
        assert_eq!(texts(store, "7"), some(&["x"]));
        assert_eq!(then(store, now), Ok(None));
    }
}

/// Writes `a` so many times, in as few groups as the store makes of them.
fn put_at_once(store: &dyn Store, times: usize) {
    wait(async {
        let mut begun = Vec::new();
        for _ in 0..times {
            let mut batch = Batch::default();
            batch.put(&NOTES, Key::of(&["a"]), note("x"));
            let mut commit = store.commit(batch);
            if poll_fn(|cx| Poll::Ready(commit.as_mut().poll(cx).is_pending())).await {
                begun.push(commit);
            }
        }
        for commit in begun {
            commit.await.unwrap();
        }
    });
}

#[test]
fn one_row_with_many_versions_is_dropped_over_several_runs() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "other", "same");
    for _ in 0..17 {
        put_at_once(&store, 1000);
    }
    days(&home, &store, 30);
    let bounds = HistoryBounds {
        versions: Some(100),
        ..TWENTY_DAYS
    };
    let first = store
        .prune_history(Some(home.clock.now()), home.clock.now(), &bounds)
        .unwrap();
    assert_eq!((first.versions, first.is_done), (16_384, false));
    assert_eq!(prune(&home, &store, bounds), 17_000 - 1 - 16_384);
    assert_eq!(texts(&store, "a"), some(&["x"]));
}

#[test]
fn what_is_removed_behind_the_stores_back_is_not_taken_for_dropped() {
    let pruned = |change: &dyn Fn(&mut Rows)| {
        let home = Home::new();
        let store = home.open();
        written(&home, &store, &["one", "two", "three", "four"]);
        days(&home, &store, 19);
        assert_eq!(prune(&home, &store, TWENTY_DAYS), 2);
        store.close();
        drop(store);
        empty_journal(&home);
        tamper(&home, "history", change);
        let store = home.open();
        then(&store, Moment::Time(home.clock.now()))
    };
    for position in 0..3 {
        let remove = |versions: &mut Rows| {
            let key = versions.keys().nth(position).unwrap().clone();
            versions.remove(&key);
        };
        assert_eq!(pruned(&remove), Err("damaged".to_owned()), "{position}");
    }
}

#[test]
fn a_closed_store_prunes_nothing() {
    let home = Home::new();
    let store = home.open();
    written(&home, &store, &["one", "two"]);
    days(&home, &store, 30);
    store.close();
    let pruned = store.prune_history(Some(home.clock.now()), home.clock.now(), &TWENTY_DAYS);
    assert!(matches!(pruned, Err(Error::Engine { .. })), "{pruned:?}");
    assert_eq!(texts(&store, "a"), some(&["one", "two"]));
}

#[test]
fn what_is_not_dated_is_kept() {
    let home = Home::new();
    let store = home.open();
    put_note(&store, "a", "one");
    put_note(&store, "a", "two");
    for _ in 0..60 {
        home.clock.advance(DAY);
        let now = home.clock.now();
        let pruned = store.prune_history(None, now, &TWENTY_DAYS).unwrap();
        assert_eq!((pruned.versions, pruned.dated), (0, None));
    }
    let dated = home.clock.now();
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 0);
    home.clock.advance(DAY * 19);
    let now = home.clock.now();
    let pruned = store.prune_history(None, now, &TWENTY_DAYS).unwrap();
    assert_eq!((pruned.versions, pruned.dated), (0, Some(dated)));
    home.clock.advance(DAY);
    assert_eq!(prune(&home, &store, TWENTY_DAYS), 1);
}

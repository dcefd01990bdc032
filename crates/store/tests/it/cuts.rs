//! Cuts of an open store, and the stores that are rebuilt from them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use store::embedded::{Cut, EmbeddedStore, Item, NUMBERS_LEFT_OUT, RebuildError, rebuild};
use store::{Error, Key, Lane, OpenError, Store};
use types::Entropy;

use crate::common::{
    CELLS, EVENTS, Home, NOTES, SECRETS, cell, commit, event, note, put_note, read_note,
};

pub(crate) fn items(cut: &Cut) -> Vec<Item> {
    let mut items = Vec::new();
    cut.items::<Error>(|keyspace, key, value| {
        items.push(Item {
            keyspace: keyspace.to_owned(),
            key: key.to_vec(),
            value: value.to_vec(),
        });
        Ok(())
    })
    .unwrap();
    items
}

pub(crate) fn rebuilt(items: Vec<Item>) -> Result<(Home, u64), RebuildError<Error>> {
    let (home, mut items) = (Home::new(), items.into_iter());
    let (revision, _) = rebuild(&home.options(), || Ok(items.next()))?;
    Ok((home, revision))
}

/// A commit that touches everything that a store has.
fn write(store: &dyn Store, number: u64) {
    commit(store, Lane::Metadata, |batch| {
        let text = number.to_string();
        batch.put(&NOTES, Key::of(&["newest"]), note(&text));
        batch.put(&NOTES, Key::of(&["one of", &text]), note(&text));
        batch.put(&SECRETS, Key::of(&["secret"]), note(&text));
        batch.cell(cell(b"newest", Some(&number.to_be_bytes())));
        batch.append(event(number / 50, 1, &number.to_be_bytes()));
    })
    .unwrap();
}

/// What a store says of the commits that [`write`] made: the same in each place.
fn check_whole(store: &EmbeddedStore) -> u64 {
    let newest: u64 = read_note(store, "newest").unwrap().parse().unwrap();
    let snapshot = store.snapshot();
    assert_eq!(
        snapshot.scan(&NOTES, &Key::of(&["one of"])).count(),
        usize::try_from(newest).unwrap()
    );
    let secret = snapshot.get(&SECRETS, &Key::of(&["secret"])).unwrap();
    assert_eq!(secret.record.text, newest.to_string());
    let cell = store.cell(CELLS, b"newest").unwrap().unwrap();
    assert_eq!(cell, newest.to_be_bytes());
    let report = store.verify_log(&EVENTS, 0).unwrap();
    let entries: u64 = report.segments.iter().map(|segment| segment.entries).sum();
    assert_eq!(entries, newest);
    assert!(
        report
            .segments
            .iter()
            .all(|segment| segment.fault.is_none())
    );
    newest
}

#[test]
fn a_cut_under_load_is_one_commit() {
    let home = Home::new();
    let store = home.open();
    write(&store, 1);
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(1));
    let cuts: Vec<(u64, Cut)> = thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 1;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                write(&store, number);
                written.store(number, Ordering::Release);
                // Segments come and go while cuts are taken.
                if number.is_multiple_of(100) {
                    let gone = (number / 50).saturating_sub(1);
                    assert!(
                        store
                            .drop_log_segments(&crate::common::OUTBOX, gone)
                            .is_ok()
                    );
                }
            }
        });
        let cuts = (0..6)
            .map(|_| {
                let before = written.load(Ordering::Acquire);
                while written.load(Ordering::Acquire) < before + 40 {
                    thread::yield_now();
                }
                let acknowledged = written.load(Ordering::Acquire);
                (acknowledged, store.cut().unwrap())
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        cuts
    });
    for (acknowledged, cut) in cuts {
        let (copy, revision) = rebuilt(items(&cut)).unwrap();
        assert_eq!(revision, cut.revision());
        let newest = check_whole(&copy.open());
        assert!(newest >= acknowledged, "{newest} {acknowledged}");
    }
}

#[test]
fn a_cut_whose_segments_are_dropped_meanwhile_is_whole() {
    let home = Home::new();
    let store = home.open();
    (1..=120).for_each(|number| write(&store, number));
    let cut = store.cut().unwrap();
    store.drop_log_segments(&EVENTS, 2).unwrap();
    (121..=130).for_each(|number| write(&store, number));
    let (copy, _) = rebuilt(items(&cut)).unwrap();
    assert_eq!(check_whole(&copy.open()), 120);
    let (later, _) = rebuilt(items(&store.cut().unwrap())).unwrap();
    let report = later.open().verify_log(&EVENTS, 0).unwrap();
    assert_eq!(report.segments.len(), 1);
}

#[test]
fn a_rebuilt_store_goes_on_and_calls_no_commit_like_another() {
    let home = Home::new();
    let store = home.open();
    (1..=60).for_each(|number| write(&store, number));
    let cut = store.cut().unwrap();
    let (copy, revision) = rebuilt(items(&cut)).unwrap();
    assert_eq!(revision, 60);
    let reopened = copy.open();
    let next = put_note(&reopened, "more", "text").revision;
    assert!(next > 60 + NUMBERS_LEFT_OUT);
    assert_eq!(next % NUMBERS_LEFT_OUT, 61);
    assert_eq!(
        reopened
            .history(&NOTES, &Key::of(&["newest"]))
            .unwrap()
            .len(),
        60
    );
    reopened.close();
    drop(reopened);
    let again = copy.open();
    assert_eq!(read_note(&again, "more").as_deref(), Some("text"));
    assert_eq!(check_whole(&again), 60);
    (61..=400).for_each(|number| write(&again, number));
    again.close();
    drop(again);
    assert_eq!(check_whole(&copy.open()), 400);
}

#[test]
fn what_is_not_a_whole_cut_makes_no_store() {
    let home = Home::new();
    let store = home.open();
    (1..=5).for_each(|number| write(&store, number));
    let all = items(&store.cut().unwrap());
    let of = |keyspace: &str| {
        all.iter()
            .position(|item| item.keyspace == keyspace)
            .unwrap()
    };
    let changed = |change: &dyn Fn(&mut Vec<Item>)| {
        let mut items = all.clone();
        change(&mut items);
        rebuilt(items).map(drop)
    };
    assert!(changed(&|_| {}).is_ok());
    let refused = changed(&|items| drop(items.remove(of("rows"))));
    assert!(matches!(
        refused,
        Err(RebuildError::Store(OpenError::Incomplete))
    ));
    let refused = changed(&|items| {
        let row = of("rows");
        *items[row].value.last_mut().unwrap() ^= 1;
    });
    assert!(matches!(
        refused,
        Err(RebuildError::Store(OpenError::Damaged { .. }))
    ));
    let refused = changed(&|items| drop(items.remove(of("log.events.0"))));
    assert!(matches!(
        refused,
        Err(RebuildError::Store(OpenError::Damaged { .. }))
    ));
    let refused = changed(&|items| items.swap(of("rows"), of("rows") + 1));
    assert!(matches!(refused, Err(RebuildError::Disordered { .. })));
    let refused = changed(&|items| items[of("rows")].keyspace = "space.unheard".to_owned());
    assert!(matches!(refused, Err(RebuildError::UnknownKeyspace { .. })));
    let refused = rebuild::<Error>(&home.options(), || Ok(None));
    assert!(matches!(
        refused,
        Err(RebuildError::NotEmpty | RebuildError::Store(OpenError::InUse))
    ));
    store.close();
    drop(store);
    let refused = rebuild::<Error>(&home.options(), || Ok(None));
    assert!(matches!(refused, Err(RebuildError::NotEmpty)));
    assert_eq!(check_whole(&home.open()), 5);
}

/// The nonces of what the store sealed itself, each with the key that it was used under.
fn nonces(items: &[Item]) -> impl Iterator<Item = ((&'static str, [u8; 24]), &Item)> {
    items.iter().filter_map(|item| {
        // Format and commit number, format, or front and MAC stand before the nonce.
        let (key, at) = match item.keyspace.as_str() {
            "rows" => ("rows", 9),
            "history" => ("history", 1),
            name if name.starts_with("log.") => ("logs", 89),
            _ => return None,
        };
        let nonce = item.value.get(at..at + 24)?.try_into().unwrap();
        Some(((key, nonce), item))
    })
}

/// How often a nonce was used for two different messages under one key, in all these stores.
fn repeats(stores: &[Vec<Item>]) -> usize {
    let mut seen: HashMap<_, &Item> = HashMap::new();
    let (mut looked, mut repeated) = (0, 0);
    for (nonce, item) in stores.iter().flat_map(|items| nonces(items)) {
        looked += 1;
        match seen.get(&nonce) {
            Some(before) if before.value != item.value => repeated += 1,
            _ => drop(seen.insert(nonce, item)),
        }
    }
    assert!(looked > 500, "{looked} nonces looked at");
    repeated
}

/// Lets a store go on from an old copy of its directory, and from a cut, exactly as it went on
/// itself; `entropy` is what each process starts with. Returns all that was ever sealed.
fn rolled_back(entropy: impl Fn() -> Arc<dyn Entropy>) -> Vec<Vec<Item>> {
    let home = Home::new();
    let opened = |home: &Home| {
        let mut options = home.options();
        options.entropy = entropy();
        EmbeddedStore::open(&options).unwrap()
    };
    let go_on = |store: &EmbeddedStore, from: u64| {
        (from..from + 60).for_each(|number| write(store, number));
        items(&store.cut().unwrap())
    };
    let store = opened(&home);
    go_on(&store, 1);
    let cut = items(&store.cut().unwrap());
    store.close();
    drop(store);
    let old = home.copy();
    let (rebuilt, _) = rebuilt(cut).unwrap();
    [home, old, rebuilt]
        .iter()
        .map(|home| go_on(&opened(home), 61))
        .collect()
}

#[test]
fn no_key_and_nonce_repeat_when_an_old_directory_is_restored() {
    let sealed = rolled_back(|| Arc::new(crypto::SystemEntropy));
    assert_eq!(repeats(&sealed), 0);
}

/// Entropy as a store would have it that kept its counter in the data directory.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, target: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        target.fill(0);
        for (byte, digit) in target.iter_mut().zip(number) {
            *byte = digit;
        }
    }
}

#[test]
fn nonces_that_are_counted_would_repeat_and_be_found() {
    let sealed = rolled_back(|| Arc::new(Counting::default()));
    assert!(repeats(&sealed) > 100);
}

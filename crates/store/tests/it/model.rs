//! Random batches against a plain map, with restarts between them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use store::embedded::EmbeddedStore;
use store::{CellOutcome, CellWrite, CommitError, Key, Lane, Store, View};

use crate::common::{CELLS, EVENTS, Home, NOTES, Note, cell, commit, event, note};

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Change>, Basis),
    Reopen { clean: bool },
    DropSegments(u8),
}

#[derive(Debug, Clone)]
enum Change {
    Put(u8, u8),
    Delete(u8),
    Cell(u8, u8),
    RemoveCell(u8),
    /// Written if the stored value is smaller.
    Newer(u8, u8),
    Append(u8, u8),
}

/// What a batch depends on.
#[derive(Debug, Clone, Copy)]
enum Basis {
    Nothing,
    /// The row as it is.
    Now(u8),
    /// All rows as they were when the store was last opened.
    Then,
}

/// What the store should hold.
#[derive(Debug, Clone, Default)]
struct Model {
    revision: u64,
    rows: BTreeMap<u8, (u64, u8)>,
    history: BTreeMap<u8, Vec<(u64, Option<u8>)>>,
    cells: BTreeMap<u8, u8>,
    log: BTreeMap<(u8, u64, usize), u8>,
}

fn change() -> impl Strategy<Value = Change> {
    let (key, value) = (0..6_u8, any::<u8>());
    prop_oneof![
        3 => (key.clone(), value).prop_map(|(key, value)| Change::Put(key, value)),
        1 => key.clone().prop_map(Change::Delete),
        2 => (key.clone(), value).prop_map(|(key, value)| Change::Cell(key, value)),
        1 => key.clone().prop_map(Change::RemoveCell),
        3 => (key, value).prop_map(|(key, value)| Change::Newer(key, value)),
        2 => (0..4_u8, value).prop_map(|(segment, value)| Change::Append(segment, value)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let basis = prop_oneof![
        3 => Just(Basis::Nothing),
        1 => (0..6_u8).prop_map(Basis::Now),
        1 => Just(Basis::Then),
    ];
    prop_oneof![
        12 => (vec(change(), 0..6), basis).prop_map(|(changes, on)| Step::Commit(changes, on)),
        1 => any::<bool>().prop_map(|clean| Step::Reopen { clean }),
        1 => (0..5_u8).prop_map(Step::DropSegments),
    ]
}

fn key(number: u8) -> Key {
    Key::of(&["row", &number.to_string()])
}

impl Model {
    fn apply(&mut self, changes: &[Change]) -> Vec<CellOutcome> {
        self.revision += 1;
        let mut outcomes = Vec::new();
        let mut touched = BTreeMap::new();
        let mut index = 0;
        for change in changes {
            match *change {
                Change::Put(key, value) => {
                    touched.insert(key, Some(value));
                }
                Change::Delete(key) => {
                    touched.insert(key, None);
                }
                Change::Cell(key, value) => {
                    self.cells.insert(key, value);
                }
                Change::RemoveCell(key) => {
                    self.cells.remove(&key);
                }
                Change::Newer(key, value) => {
                    let applies = self.cells.get(&key).is_none_or(|stored| *stored < value);
                    if applies {
                        self.cells.insert(key, value);
                        outcomes.push(CellOutcome::Applied);
                    } else {
                        outcomes.push(CellOutcome::Kept);
                    }
                }
                Change::Append(segment, value) => {
                    self.log.insert((segment, self.revision, index), value);
                    index += 1;
                }
            }
        }
        for (key, value) in touched {
            let existed = match value {
                Some(value) => self.rows.insert(key, (self.revision, value)),
                None => self.rows.remove(&key),
            };
            if value.is_some() || existed.is_some() {
                let history = self.history.entry(key).or_default();
                history.push((self.revision, value));
            }
        }
        outcomes
    }

    fn check(&self, store: &dyn Store) {
        let snapshot = store.snapshot();
        assert_eq!(snapshot.revision(), self.revision);
        let prefix = Key::of(&["row"]);
        let rows: Vec<_> = snapshot
            .scan(&NOTES, &prefix)
            .map(|(key, row)| (key.clone(), row.revision, row.record.text.clone()))
            .collect();
        let expected: Vec<_> = self
            .rows
            .iter()
            .map(|(number, (revision, value))| (key(*number), *revision, value.to_string()))
            .collect();
        assert_eq!(rows, expected);
        for number in 0..6 {
            let versions: Vec<_> = store
                .history(&NOTES, &key(number))
                .unwrap()
                .into_iter()
                .map(|(revision, record)| {
                    let text = record.map(|record| Arc::downcast::<Note>(record).unwrap());
                    (revision, text.map(|note| note.text.parse().unwrap()))
                })
                .collect();
            let expected = self.history.get(&number).cloned().unwrap_or_default();
            assert_eq!(versions, expected);
        }
        let cells = store
            .cells(CELLS, Bound::Unbounded, Bound::Unbounded, 999)
            .unwrap();
        let expected: Vec<_> = self
            .cells
            .iter()
            .map(|(key, value)| (vec![*key], vec![*value]))
            .collect();
        assert_eq!(cells, expected);
        let mut entries: Vec<_> = store
            .log_oldest_first(&EVENTS, 1, None, 999)
            .unwrap()
            .into_iter()
            .map(|entry| entry.payload[0])
            .collect();
        let expected: Vec<_> = self.log.values().copied().collect();
        assert_eq!(entries, expected);
        entries.reverse();
        let newest_first: Vec<_> = store
            .log_newest_first(&EVENTS, 1, None, 0, 999)
            .unwrap()
            .into_iter()
            .map(|entry| entry.payload[0])
            .collect();
        assert_eq!(newest_first, entries);
    }
}

fn write(
    store: &dyn Store,
    changes: &[Change],
    view: &View,
) -> Result<store::Committed, CommitError> {
    commit(store, Lane::Metadata, |batch| {
        batch.require_all(view.reads());
        for change in changes {
            match *change {
                Change::Put(number, value) => {
                    batch.put(&NOTES, key(number), note(&value.to_string()));
                }
                Change::Delete(number) => batch.delete(&NOTES, key(number)),
                Change::Cell(key, value) => batch.cell(cell(&[key], Some(&[value]))),
                Change::RemoveCell(key) => batch.cell(cell(&[key], None)),
                Change::Newer(key, value) => batch.cell(CellWrite {
                    rule: Some(Box::new(move |stored: Option<&[u8]>| {
                        stored.is_none_or(|stored| stored[0] < value)
                    })),
                    ..cell(&[key], Some(&[value]))
                }),
                Change::Append(segment, value) => {
                    batch.append(event(segment.into(), 1, &[value]));
                }
            }
        }
    })
}

fn revisions(snapshot: &store::Snapshot) -> Vec<(Key, u64)> {
    snapshot
        .scan(&NOTES, &Key::of(&["row"]))
        .map(|(key, row)| (key.clone(), row.revision))
        .collect()
}

fn run(steps: Vec<Step>) {
    let home = Home::new();
    let mut store: EmbeddedStore = home.open();
    let mut then = store.snapshot();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Commit(changes, basis) => {
                let snapshot = match basis {
                    Basis::Then => Arc::clone(&then),
                    Basis::Now(_) | Basis::Nothing => store.snapshot(),
                };
                let view = View::recording(snapshot);
                match basis {
                    Basis::Nothing => {}
                    Basis::Now(number) => {
                        view.get(&NOTES, &key(number));
                    }
                    Basis::Then => {
                        view.scan(&NOTES, &Key::of(&["row"]), None).count();
                    }
                }
                let stale = matches!(basis, Basis::Then)
                    && revisions(&then) != revisions(&store.snapshot());
                match write(&store, &changes, &view) {
                    Ok(committed) => {
                        assert!(!stale);
                        assert_eq!(committed.cells, model.apply(&changes));
                        assert_eq!(committed.revision, model.revision);
                    }
                    Err(CommitError::Conflict) => assert!(stale),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Reopen { clean } => {
                if clean {
                    store.close();
                }
                drop(store);
                store = home.open();
                then = store.snapshot();
            }
            Step::DropSegments(oldest) => {
                store.drop_log_segments(&EVENTS, oldest.into()).unwrap();
                model.log.retain(|(segment, ..), _| *segment >= oldest);
            }
        }
        model.check(&store);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_does_what_a_map_does(steps in vec(step(), 1..40)) {
        run(steps);
    }
}

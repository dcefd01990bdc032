//! A store that was made once opens with today's code: `testdata/store.txt`.

use std::sync::Arc;

use store::embedded::Item;
use store::{Key, Store};

use crate::common::{CELLS, EVENTS, NOTES, Note, OUTBOX, SECRETS, read_note};
use crate::cuts::rebuilt;

const STORE: &str = include_str!("../../testdata/store.txt");

/// The items of the fixture: keyspace, key and value of each.
fn items() -> Vec<Item> {
    let lines = STORE.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            Item {
                keyspace: fields[0].to_owned(),
                key: hex::decode(fields[1]).unwrap(),
                value: hex::decode(fields[2]).unwrap(),
            }
        })
        .collect()
}

#[test]
fn the_fixture_of_a_store_opens() {
    let (home, revision) = rebuilt(items()).unwrap();
    let store = home.open();
    let snapshot = store.snapshot();
    assert_eq!(read_note(&store, "a").as_deref(), Some("three"));
    assert_eq!(read_note(&store, "b"), None);
    let secret = snapshot.get(&SECRETS, &Key::of(&["a"])).unwrap();
    assert_eq!(secret.record.text, "hidden");
    let versions = store.history(&NOTES, &Key::of(&["a"])).unwrap();
    let texts: Vec<_> = versions
        .into_iter()
        .map(|(_, record)| Arc::downcast::<Note>(record.unwrap()).unwrap())
        .map(|note| note.text.clone())
        .collect();
    assert_eq!(texts, ["one", "two", "three"]);
    let versions = store.history(&NOTES, &Key::of(&["b"])).unwrap();
    let deleted: Vec<bool> = versions
        .iter()
        .map(|(_, record)| record.is_none())
        .collect();
    assert_eq!(deleted, [false, true]);
    let cell = store.cell(CELLS, b"cell").unwrap();
    assert_eq!(cell.as_deref(), Some(b"clear and sealed".as_slice()));
    for (log, segments) in [(&EVENTS, 2), (&OUTBOX, 1)] {
        let report = store.verify_log(log, 0).unwrap();
        assert_eq!(report.segments.len(), segments);
        assert!(report.segments.iter().all(|it| it.fault.is_none()));
    }
    let entries = store.log_newest_first(&EVENTS, 1, None, 0, 10).unwrap();
    let payloads: Vec<_> = entries.into_iter().map(|entry| entry.payload).collect();
    assert_eq!(payloads, [b"third", b"first"]);
    assert_eq!(revision, 0x0366_0000_0005);
}

#[test]
fn the_fixture_of_a_store_has_links_of_both_formats() {
    let items = items();
    let magic = b"strongroom.chain".as_slice();
    let links = items.iter().filter(|item| item.value.starts_with(magic));
    let mut formats: Vec<u8> = links.filter_map(|it| it.value.get(16).copied()).collect();
    formats.sort_unstable();
    formats.dedup();
    assert_eq!(formats, [3, 4]);
}

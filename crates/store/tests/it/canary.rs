//! Nothing that a caller hands in is found in any file.

use std::fs;
use std::path::Path;

use store::{Key, Lane, LogAppend, Store};

use crate::common::{EVENTS, Home, NOTES, SECRETS, commit, event, note, read_note};

const CANARIES: [&str; 5] = [
    "canary-key-9f2c6b71d0",
    "canary-text-41aa07e3c5",
    "canary-secret-0b6d25f8e1",
    "canary-replaced-77c1e90f4d",
    "canary-event-c8d4a15b36",
];

fn check(directory: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += check(&path);
            continue;
        }
        files += 1;
        let bytes = fs::read(&path).unwrap();
        for canary in CANARIES {
            let found = memchr::memmem::find(&bytes, canary.as_bytes());
            assert_eq!(found, None, "{canary} is in {}", path.display());
        }
    }
    files
}

#[test]
fn nothing_is_on_disk_in_clear() {
    let home = Home::new();
    let store = home.open();
    let [key, text, secret, replaced, payload] = CANARIES;
    for text in [replaced, text] {
        commit(&store, Lane::Metadata, |batch| {
            batch.put(&NOTES, Key::of(&["prefix", key]), note(text));
            batch.put(&SECRETS, Key::of(&[key]), note(secret));
            batch.append(LogAppend {
                log: &EVENTS,
                ..event(1, 1, payload.as_bytes())
            });
        })
        .unwrap();
    }
    commit(&store, Lane::Metadata, |batch| {
        batch.delete(&SECRETS, Key::of(&[key]));
    })
    .unwrap();
    assert!(check(home.path()) > 5);
    store.close();
    assert!(check(home.path()) > 5);
    drop(store);
    let store = home.open();
    assert_eq!(read_note(&store, key), None);
    assert!(
        store
            .snapshot()
            .get(&NOTES, &Key::of(&["prefix", key]))
            .is_some()
    );
    assert!(check(home.path()) > 5);
}

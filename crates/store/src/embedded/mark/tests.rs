//! The two slots.

use std::path::Path;
use std::sync::Arc;

use crypto::SystemEntropy;
use crypto::secret::Key32;

use super::*;
use crate::embedded::disk::{Disk, SystemDisk};

fn sealer(key: u8) -> Sealer {
    let data_key = Key32::try_from([key; 32].as_slice()).unwrap();
    Sealer::new(&data_key, Arc::new(SystemEntropy))
}

fn mark(sequence: u64) -> Mark {
    Mark {
        sequence,
        revision: sequence * 2,
        hash: [5; 32],
        clean: sequence.is_multiple_of(2),
    }
}

fn open(path: &Path, key: u8) -> (MarkKeeper, Marked) {
    let file = SystemDisk.open_mark(path).unwrap();
    MarkKeeper::open(file, &sealer(key)).unwrap()
}

#[test]
fn the_newest_mark_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mark");
    assert_eq!(open(&path, 1).1, Marked::Nothing);
    for sequence in 1..6 {
        let (keeper, _) = open(&path, 1);
        keeper.write(&mark(sequence), &sealer(1)).unwrap();
        keeper.sync().unwrap();
        drop(keeper);
        assert_eq!(open(&path, 1).1, Marked::At(mark(sequence)));
    }
}

#[test]
fn a_torn_write_leaves_the_mark_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mark");
    let (keeper, _) = open(&path, 1);
    keeper.settle(&mark(1), &sealer(1)).unwrap();
    drop(keeper);
    for torn in 2..6 {
        // Whatever the next write hits is not the newest.
        let before = std::fs::read(&path).unwrap();
        let (keeper, _) = open(&path, 1);
        keeper.write(&mark(torn), &sealer(1)).unwrap();
        drop(keeper);
        let mut after = std::fs::read(&path).unwrap();
        let changed = after.iter().zip(&before).position(|(a, b)| a != b).unwrap();
        after[changed] ^= 0xff;
        std::fs::write(&path, &after).unwrap();
        assert_eq!(open(&path, 1).1, Marked::At(mark(torn - 1)));
        let (keeper, _) = open(&path, 1);
        keeper.write(&mark(torn), &sealer(1)).unwrap();
    }
}

#[test]
fn another_data_key_cannot_read_the_mark() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mark");
    open(&path, 1).0.settle(&mark(3), &sealer(1)).unwrap();
    assert_eq!(open(&path, 2).1, Marked::Unreadable);
}

/// Both slots of a store that was closed once.
#[test]
fn the_fixture_of_a_mark_is_read() {
    let slots = include_str!("../../../testdata/commit-mark.txt");
    for slot in slots.lines() {
        let bytes = hex::decode(slot).unwrap();
        let read = decode(&bytes, &sealer(7)).unwrap();
        assert_eq!((read.sequence, read.clean), (8, true));
        let hash = "75d252fb9ab1506819e5feb02e3f468c05408f65fca48307ea6b1cadf1f5efae";
        assert_eq!(hex::encode(read.hash), hash);
        assert_eq!(encode(&read, &sealer(7)), bytes);
        assert_eq!(decode(&bytes, &sealer(8)), None);
    }
    assert_eq!(slots.lines().count(), 2);
}

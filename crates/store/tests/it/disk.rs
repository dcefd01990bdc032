//! A mark that cannot be written and a disk that fills up.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::embedded::{Disk, DiskSpace, MarkFile, SystemDisk};
use store::{CommitError, Key, Lane, Store};

use crate::common::{Home, NOTES, cell, commit, note, put_note, read_note};

/// A disk whose mark and room a test controls.
#[derive(Debug)]
struct FaultyDisk {
    fails: Arc<AtomicBool>,
    free: AtomicU64,
}

#[derive(Debug)]
struct FaultyMark {
    mark: Box<dyn MarkFile>,
    fails: Arc<AtomicBool>,
}

const TOTAL: u64 = 1 << 40;

impl FaultyDisk {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            fails: Arc::default(),
            free: AtomicU64::new(TOTAL),
        })
    }
}

impl Disk for FaultyDisk {
    fn open_mark(&self, path: &Path) -> io::Result<Box<dyn MarkFile>> {
        Ok(Box::new(FaultyMark {
            mark: SystemDisk.open_mark(path)?,
            fails: Arc::clone(&self.fails),
        }))
    }

    fn space(&self, _path: &Path) -> io::Result<DiskSpace> {
        let free = self.free.load(Ordering::SeqCst);
        if free == u64::MAX {
            return Err(io::Error::other("unknown"));
        }
        Ok(DiskSpace { free, total: TOTAL })
    }
}

impl FaultyMark {
    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("broken"));
        }
        Ok(())
    }
}

impl MarkFile for FaultyMark {
    fn read(&self) -> io::Result<Vec<u8>> {
        self.mark.read()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.mark.write(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.check()?;
        self.mark.sync()
    }
}

fn home(disk: &Arc<FaultyDisk>) -> Home {
    let mut home = Home::new();
    home.disk = Arc::<FaultyDisk>::clone(disk);
    home
}

#[test]
fn a_mark_that_cannot_be_written_stops_the_store_but_not_its_readers() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    put_note(&store, "a", "one");
    disk.fails.store(true, Ordering::SeqCst);
    let put = |text| {
        commit(&store, Lane::Metadata, |batch| {
            batch.put(&NOTES, Key::of(&["b"]), note(text));
        })
    };
    // Durable, but nobody hears of it: the mark comes before the answer.
    let unmarked = put("two");
    assert!(
        matches!(unmarked, Err(CommitError::Unknown { .. })),
        "{unmarked:?}"
    );
    assert!(matches!(put("three"), Err(CommitError::NotWritable { .. })));
    assert!(!store.is_writable());
    assert_eq!(read_note(&store, "a").unwrap(), "one");
    assert_eq!(read_note(&store, "b"), None);
    drop(store);
    disk.fails.store(false, Ordering::SeqCst);
    let store = home.open();
    assert!(store.is_writable());
    assert_eq!(read_note(&store, "a").unwrap(), "one");
    assert_eq!(read_note(&store, "b").unwrap(), "two");
}

#[test]
fn a_store_whose_mark_cannot_be_written_does_not_open() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    disk.fails.store(true, Ordering::SeqCst);
    assert!(matches!(
        home.try_open(),
        Err(store::OpenError::Files { .. })
    ));
}

/// What is accepted with so much free: changes, events of what changed nothing, data, removals.
fn accepted(disk: &FaultyDisk, store: &dyn Store, free: u64) -> [bool; 4] {
    disk.free.store(free, Ordering::SeqCst);
    [Lane::Metadata, Lane::Events, Lane::Data, Lane::Relief].map(|lane| {
        let result = commit(store, lane, |batch| {
            batch.cell(cell(b"k", (lane != Lane::Relief).then_some(b"v")));
        });
        match result {
            Ok(_) => true,
            Err(CommitError::NotWritable { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    })
}

#[test]
fn data_is_refused_first_when_the_disk_fills_up_and_changes_and_removals_last() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    let accepts = |free| accepted(&disk, &store, free);
    let tuning = &home.tuning;
    assert_eq!(accepts(TOTAL), [true; 4]);
    assert_eq!(
        accepts(tuning.data_reserve_bytes - 1),
        [true, true, false, true]
    );
    assert_eq!(
        accepts(tuning.event_reserve_bytes),
        [true, true, false, true]
    );
    assert_eq!(
        accepts(tuning.event_reserve_bytes - 1),
        [true, false, false, true]
    );
    assert_eq!(
        accepts(tuning.metadata_reserve_bytes),
        [true, false, false, true]
    );
    assert_eq!(accepts(tuning.metadata_reserve_bytes - 1), [false; 4]);
    assert_eq!(accepts(u64::MAX), [false; 4]);
    // Nothing was damaged: writes go on when space returns.
    assert!(store.is_writable());
    assert_eq!(accepts(TOTAL), [true; 4]);
}

#[test]
fn a_batch_that_changes_metadata_has_the_reserve_whatever_it_was_made_for() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    disk.free
        .store(home.tuning.metadata_reserve_bytes, Ordering::SeqCst);
    for lane in [Lane::Events, Lane::Data] {
        commit(&store, lane, |batch| {
            batch.put(&NOTES, Key::of(&["a"]), note("kept"));
        })
        .unwrap();
    }
}
